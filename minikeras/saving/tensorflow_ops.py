"""Ops of TensorFlow in functional models of Keras 2 (`x + y`, `tf.nn.relu(x)`, `x[:, 0]`).

Keras 2 keeps such a call as a layer of the class TFOpLambda or SlicingOpLambda with the name of the
function. Only those functions are called that the package has under TensorFlow's names.
"""

import types

from minikeras import tree
from minikeras.api import namespaces
from minikeras.core.graph_ops import LoadedOp
from minikeras.core.serialization import UnknownObjectError, known_as
from minikeras.errors import FileError

NAMES = "minikeras.programs.names"  # where functions under TensorFlow's names are
SPACES = ("math", "nn", "linalg", "image", "")
SPELLED = {
    "__operators__.add": "math.add", "__operators__.eq": "math.equal",
    "__operators__.ne": "math.not_equal", "math.truediv": "math.divide", "truediv": "math.divide",
    "linalg.matmul": "matmul", "nn.swish": "nn.silu", "image.resize_images_v2": "image.resize",
}
SLICING = "__operators__.getitem"


@known_as("keras.layers", "TFOpLambda")
class TensorFlowOp(LoadedOp):
    """A function of TensorFlow in a file, to be called with the arguments of a node."""

    def __init__(self, name, function):
        self.name, self._inbound_nodes = name, []
        self.slicing = function == SLICING
        self.function = None if self.slicing else _function(function)

    @classmethod
    def from_config(cls, config):
        """The op of a layer's configuration."""
        return cls(config.get("name"), config.get("function"))

    def __call__(self, *args, **kwargs):
        if self.slicing:
            outputs = args[0][_slices(kwargs["slice_spec"])]
        elif self.function is namespaces.lookup("reshape"):
            outputs = self.function(args[0], _known(kwargs["shape"]))
        else:
            outputs = self.function(*args, **kwargs)
        self._keep(outputs)
        parts = outputs if isinstance(outputs, list) else [outputs]
        self._inbound_nodes = [*self._inbound_nodes, types.SimpleNamespace(outputs=parts)]
        return outputs

    def _keep(self, outputs):
        for x in tree.flatten(outputs):
            if hasattr(x, "_keras_history"):
                operation = x._keras_history.operation
                if not operation.name.startswith(f"{self.name}"):
                    operation.name = self.name


def _function(name):
    """The function of a name in a file."""
    if isinstance(name, str):
        name = SPELLED.get(name, name).removeprefix("compat.v1.")
        name = SPELLED.get(name, name)
        space, _, own = name.rpartition(".")
        if space in SPACES and namespaces.INDEX.get(name) == NAMES and own[:1].islower():
            return namespaces.lookup(name)
    raise UnknownObjectError(
        f"The model calls TensorFlow's function {name!r} on a Keras tensor, which has no "
        "counterpart here. Build the model anew with keras.ops or a layer in its place, and load "
        "its weights with model.load_weights(path)."
    )


def _slices(spec):
    """What stands between the brackets of x[...]."""
    if isinstance(spec, list):
        return tuple(_slices(part) for part in spec)
    if isinstance(spec, dict):
        return slice(*(spec.get(k) for k in ("start", "stop", "step")))
    return spec


def _known(shape):
    """A shape whose one unknown dimension, that of the batch, is -1."""
    shape = list(shape) if isinstance(shape, (list, tuple)) else [shape]
    if shape.count(None) + shape.count(-1) > 1:
        raise FileError(f"tf.reshape: more than one dimension of {shape} is unknown.")
    return [-1 if d is None else d for d in shape]
