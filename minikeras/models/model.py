"""Model: a layer that can be trained, evaluated, saved and summarized."""

import importlib
import inspect
import json

from minikeras import tree
from minikeras.api import namespaces
from minikeras.api.registry import public
from minikeras.core import serialization
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.operation import Operation
from minikeras.core.scopes import StatelessScope
from minikeras.core.tensor import Tensor
from minikeras.layers.building import clean_state, lock
from minikeras.layers.call_spec import shapes_of, tensor_arguments
from minikeras.layers.layer import Layer
from minikeras.models.serving import served
from minikeras.training.trainer import Trainer


def functional_arguments(args, kwargs):
    """Whether a model is being made from its inputs and outputs."""
    return (
        len(args) >= 2
        or (len(args) == 1 and "outputs" in kwargs)
        or ("inputs" in kwargs and "outputs" in kwargs)
    )


@public("Model", "models.Model")
class Model(Trainer, Layer):
    """A model: from inputs and outputs (functional), or by subclassing with `call`.

    >>> import minikeras as keras
    >>> x = keras.Input((3,))
    >>> model = keras.Model(x, keras.layers.Dense(2)(x))
    >>> model.count_params()
    8
    """

    _open_ended = True
    _graph_call = None  # the `call` that runs a graph of layers, where a class has one

    def __new__(cls, *args, **kwargs):
        if cls is Model and functional_arguments(args, kwargs):
            functional = _functional_class()
            return functional.__new__(functional, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        if functional_arguments(args, kwargs):
            functional = _functional_class()
            if not isinstance(self, functional):  # a subclass that gives inputs and outputs
                _inject(type(self), functional)
            functional.__init__(self, *args, **kwargs)
            return
        Layer.__init__(self, *args, **kwargs)
        Trainer.__init__(self)

    def __call__(self, *args, **kwargs):
        if type(self).call is type(self)._graph_call:
            outputs = served(self, args, kwargs)
            if outputs is not None:
                return outputs
        return super().__call__(*args, **kwargs)

    def call(self, *args, **kwargs):
        """Compute outputs from inputs; subclasses define it."""
        raise NotImplementedError(
            f"Model {type(self).__name__} does not have a `call()` method implemented."
        )

    # ------------------------------------------------------------ layers
    @property
    def layers(self):
        """The layers directly in the model."""
        return [x for x in self._layers if isinstance(x, Layer)]

    @layers.setter
    def layers(self, _):
        raise AttributeError(
            "`Model.layers` attribute is reserved and should not be used. Please use another name."
        )

    def get_layer(self, name=None, index=None):
        """A layer by its name or its index."""
        if (name is None) == (index is None):
            raise ValueError(
                "Provide either a layer name or a layer index to `get_layer`. "
                f"Received: name={name}, index={index}"
            )
        if index is not None:
            if len(self.layers) <= index:
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has "
                    f"{len(self.layers)} layers."
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"No such layer: {name}. Existing layers are: {[x.name for x in self.layers]}."
        )

    def summary(self, line_length=None, positions=None, print_fn=None, expand_nested=False,
                show_trainable=False, layer_range=None):
        """Print the layers, their output shapes and numbers of parameters."""
        from_module = importlib.import_module("minikeras.models.summary")
        from_module.print_summary(
            self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    # ------------------------------------------------------------ building
    def build(self, input_shape=None):
        """Make the weights for inputs of a shape (or a list or dict of shapes)."""
        if self.built:
            return
        shapes = input_shape
        tensors = tree.map_shape_structure(
            lambda s: KerasTensor(s, dtype=self.compute_dtype), shapes)
        try:
            if isinstance(tensors, list) and _positional(type(self).call) >= len(tensors) > 1:
                self.compute_output_spec(*tensors)
            else:
                self.compute_output_spec(tensors)
        except Exception as e:
            raise ValueError(
                f"Model {self.name} cannot be built by calling it on symbolic inputs: {e}. Call "
                "it on real data instead."
            ) from e
        self.built = True

    def _maybe_build(self, arguments):
        """Build by a symbolic call; what cannot be called so builds its layers as it runs."""
        if type(self).build is not Model.build:
            super()._maybe_build(arguments)
            return
        tensors = tensor_arguments(arguments)
        self._build_shapes = {"input_shape": next(map(shapes_of, tensors.values()), None)}
        if not all(layer.built for layer in self._flatten_layers(include_self=False)):
            stand_ins = {**arguments, **tree.map_structure(_stand_in, tensors)}
            try:
                with clean_state(), StatelessScope():
                    Operation.compute_output_spec(self, **stand_ins)
            except Exception:  # whatever it is, the call on data will tell
                pass
        self.built = True
        lock(self)

    # ------------------------------------------------------------ files
    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Save to a `.keras` or `.h5` file."""
        namespaces.lookup("saving.save_model")(self, filepath, overwrite, zipped, **kwargs)

    def save_weights(self, filepath, overwrite=True, max_shard_size=None):
        """Save the weights to a `.weights.h5` file."""
        if not self.built:
            raise ValueError(
                f"The model '{self.name}' has no weights to save yet: build it first, by calling "
                "it on data or by `build()`."
            )
        namespaces.lookup("saving.save_weights")(self, filepath, overwrite, max_shard_size)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Load weights that `save_weights` or `save` wrote."""
        namespaces.lookup("saving.load_weights")(self, filepath, skip_mismatch, **kwargs)

    def export(self, filepath, format="tf_saved_model", verbose=None, input_signature=None,
               **kwargs):
        """Not supported yet."""
        raise NotImplementedError(f"Exporting to {format!r} is not supported.")

    def to_json(self, **kwargs):
        """The configuration as a JSON string, for `models.model_from_json`."""
        return json.dumps(serialization.serialize_keras_object(self), **kwargs)

    def get_config(self):
        """Constructor arguments."""
        return Layer.get_config(self)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model from what `get_config` gave."""
        functional = _functional_class()
        graph = all(k in config for k in ("name", "layers", "input_layers", "output_layers"))
        if graph and cls in (Model, functional):
            return functional.from_graph_config(functional, config, custom_objects)
        if graph and issubclass(cls, functional) and not own_arguments(cls):
            return functional.from_graph_config(cls, config, custom_objects)
        with serialization.CustomObjectScope(custom_objects or {}):
            return super().from_config(config)

    def get_state_tree(self, value_format="backend_tensor"):
        """The variables' values as nested dicts, by kind and path."""
        groups = {
            "trainable_variables": self.trainable_variables,
            "non_trainable_variables": self.non_trainable_variables,
            "optimizer_variables": self.optimizer.variables if self.optimizer else [],
            "metrics_variables": self.metrics_variables,
        }
        if value_format not in ("backend_tensor", "numpy_array"):
            raise ValueError(
                "`value_format` must be 'backend_tensor' or 'numpy_array'. "
                f"Received: {value_format}"
            )
        read = (lambda v: v.numpy()) if value_format == "numpy_array" else (lambda v: v.value)
        state_tree = {}
        for group, variables in groups.items():
            state_tree[group] = {}
            for v in variables:
                node, *parts = state_tree[group], *v.path.split("/")
                for part in parts[:-1]:
                    node = node.setdefault(part, {})
                if parts[-1] in node:
                    raise ValueError(
                        f"The path '{v.path}' is of two variables: name the layers differently."
                    )
                node[parts[-1]] = read(v)
        return state_tree

    def set_state_tree(self, state_tree):
        """Set variables from what `get_state_tree` gave."""
        groups = {
            "trainable_variables": self.trainable_variables,
            "non_trainable_variables": self.non_trainable_variables,
            "optimizer_variables": self.optimizer.variables if self.optimizer else [],
            "metrics_variables": self.metrics_variables,
        }
        for group, values in state_tree.items():
            if group not in groups:
                raise ValueError(f"Unknown variable group: {group}")
            for v in groups[group]:
                node = values
                for part in v.path.split("/"):
                    node = node.get(part) if isinstance(node, dict) else None
                if node is not None:
                    v.assign(node)


def _functional_class():
    return importlib.import_module("minikeras.models.functional").Functional


def _stand_in(x):
    return KerasTensor(x.shape, x.dtype) if isinstance(x, Tensor) else x


def own_arguments(cls):
    """The constructor's parameters besides those of a functional model."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    names = {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    return names - {"inputs", "outputs", "name", "trainable"}


def _positional(function):
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    names = [p.name for p in parameters if p.kind in kinds and p.default is p.empty]
    return len(names)


def _inject(cls, functional):
    """Put Functional in place of Model among a class's bases."""
    if cls is Model or cls is object:
        return
    for base in cls.__bases__:
        if base is not Model and issubclass(base, Model):
            _inject(base, functional)
    if Model in cls.__bases__:
        cls.__bases__ = tuple(functional if b is Model else b for b in cls.__bases__)


@serialization.finder
def find_functional(module, class_name):
    """The class of functional models, which has no public path."""
    if class_name == "Functional" and (module or "keras").split(".")[0] == "keras":
        return _functional_class()
    return None


@public("models.model_from_json")
def model_from_json(json_string, custom_objects=None):
    """A model (without weights) from what `to_json` gave."""
    _functional_class()
    return serialization.deserialize_keras_object(
        json.loads(json_string), custom_objects=custom_objects)
