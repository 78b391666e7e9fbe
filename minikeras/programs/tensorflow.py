"""What `import tensorflow` gives a program that was activated: its Keras, and short names for ops.

Everything else raises an error that says what to use instead.
"""

import importlib
import sys

from minikeras.api import namespaces
from minikeras.core import variable
from minikeras.core.tensor import Tensor
from minikeras.programs.constants import CONSTANTS

__version__ = "2.21.0"  # the version whose names these are
NAMES = "minikeras.programs.names"
KERAS = ("losses", "metrics", "optimizers", "initializers", "keras")
INSTEAD = {
    "data": "pass NumPy arrays, a generator or a keras.utils.PyDataset to `fit`",
    "strings": "Python's own strings, or layers.TextVectorization(standardize=..., split=...)",
    "saved_model": "model.save('model.keras') and keras.models.load_model('model.keras')",
    "io": "Python's open, keras.utils.load_img, keras.utils.get_file",
    "train": "model.save_weights, keras.callbacks.ModelCheckpoint, keras.optimizers",
    "summary": "keras.callbacks.TensorBoard", "distribute": "one device: keras.device('gpu:0')",
    "lite": "no counterpart", "RaggedTensor": "keras.utils.pad_sequences and a Masking layer",
    "SparseTensor": "dense tensors", "TensorArray": "a Python list and keras.ops.stack",
    "Session": "ops run at once", "placeholder": "keras.Input", "scan": "keras.ops.scan",
    "signal": "keras.ops.rfft, keras.ops.stft", "audio": "the module `wave`",
    "image": "keras.ops.image, layers.RandomFlip, layers.CenterCrop and others",
    "nn": "keras.ops, keras.activations", "math": "keras.ops", "linalg": "keras.ops.linalg",
    "random": "keras.random", "config": "keras.config, keras.device",
    "compat": "tensorflow.compat.v2, or the names of TensorFlow 2",
    "python": "tensorflow.keras; the rest of tensorflow.python is TensorFlow's inside",
    "debugging": "Python's assert on shapes, and NumPy on values",
    "test": "tf.config.list_physical_devices('GPU')",
    "sparse": "dense tensors", "ragged": "keras.utils.pad_sequences and a Masking layer",
    "feature_column": "layers.Normalization, layers.StringLookup, keras.utils.FeatureSpace",
    "estimator": "keras.Model.fit", "contrib": "keras", "Graph": "ops run at once",
    "global_variables_initializer": "nothing: variables have values when they are made",
}
OWN = {"random.uniform": "uniform"}  # TensorFlow's differs from what Keras has under this name


class _AnyVariable(type):
    """isinstance(v, tf.Variable) holds for every variable of a model."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, variable.Variable)


class Variable(variable.Variable, metaclass=_AnyVariable):
    """A variable, by TensorFlow's arguments.

    >>> Variable([1.0, 2.0], trainable=False).numpy().tolist()
    [1.0, 2.0]
    """

    def __init__(self, initial_value, trainable=True, validate_shape=True, caching_device=None,
                 name=None, variable_def=None, dtype=None, **kwargs):
        if callable(initial_value):
            initial_value = initial_value()
        super().__init__(initial_value, dtype=dtype, trainable=bool(trainable),
                         name=(name or "Variable").replace("/", "_"))


class TensorSpec:
    """Shape and dtype of an argument of a `tf.function`; kept, and not held against anything."""

    def __init__(self, shape, dtype="float32", name=None):
        self.shape, self.dtype, self.name = shape, dtype, name


class version:
    """tf.version.VERSION."""

    VERSION = __version__


def function(func=None, **options):
    """A function that runs as it is: `model.fit` has its own compiled steps."""
    if "function" in namespaces.INDEX:
        return namespaces.lookup("function")(func, **options)
    return func if func is not None else lambda func: func


def executing_eagerly():
    """True: ops run at once."""
    return True


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name == "keras":
        return sys.modules[namespaces.ROOT]
    if name in KERAS:
        return importlib.import_module(f"{namespaces.ROOT}.{name}")
    if name in namespaces.INDEX:
        return namespaces.lookup(name)
    if name in SPACES:
        return SPACES[name]
    raise AttributeError(_advice(name))


def _advice(name):
    first = name.split(".")[0]
    instead = INSTEAD.get(first)
    if instead is None and f"ops.{name}" in namespaces.INDEX:
        instead = f"keras.ops.{name}"
    hint = f" Use instead: {instead}." if instead else " See keras.ops, keras.layers, keras.random."
    return f"tf.{name} does not exist here: this program runs on minikeras, not TensorFlow.{hint}"


class Space:
    """A part of TensorFlow's names: tf.nn, tf.math, ..."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        path = f"{self._name}.{name}"
        if name.startswith("__"):
            raise AttributeError(name)
        if path in OWN:
            return getattr(importlib.import_module(NAMES), OWN[path])
        if path in namespaces.INDEX:
            return namespaces.lookup(path)
        if self._name == "data" and name == "AUTOTUNE":
            return -1
        raise AttributeError(_advice(path))

    def __dir__(self):
        return sorted(namespaces.TREE.get(self._name, ()))


CALLED = ("placeholder", "scan", "global_variables_initializer")
SPACES = {n: Space(n) for n in ("nn", "math", "linalg", "random", "image", "config", *(
    n for n in INSTEAD if n.islower() and n not in CALLED))}
__all__ = ["Tensor", "TensorSpec", "Variable", "function", "version"]
__path__ = []  # a package: `import tensorflow.keras`
