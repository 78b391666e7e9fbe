"""Sequential: a stack of layers, each fed by the one before."""

from minikeras import tree
from minikeras.api.registry import public
from minikeras.core import serialization
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.operation import Operation
from minikeras.layers.building import WAITS, clean_state
from minikeras.layers.call_spec import signature_of
from minikeras.layers.input_layer import InputLayer
from minikeras.layers.layer import Layer
from minikeras.models.functional import Functional
from minikeras.models.model import Model


@public("Sequential", "models.Sequential")
class Sequential(Model):
    """A stack of layers.

    Args:
        layers: list of layers; an `Input` (or `input_shape=` of the first layer) builds it at once.
        trainable, name: as in Layer.

    >>> import minikeras as keras
    >>> model = Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    >>> model.output_shape
    (None, 2)
    """

    _locks = False

    def __new__(cls, *args, **kwargs):
        return Layer.__new__(cls, *args, **kwargs)

    def __init__(self, layers=None, trainable=True, name=None):
        super().__init__(trainable=trainable, name=name)
        self.__dict__["_functional"] = None
        self.__dict__["_stack"] = []
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._maybe_rebuild()

    # ------------------------------------------------------------ the stack
    @property
    def _layers(self):
        held = [x for x in self._found((Layer,)) if x is not self]
        stack = list(self._stack)
        return stack + [x for x in held if not any(x is s for s in stack)]

    @property
    def layers(self):
        """The layers, without the InputLayer."""
        return [x for x in self._stack if not isinstance(x, InputLayer)]

    @layers.setter
    def layers(self, _):
        raise AttributeError(
            "`Sequential.layers` attribute is reserved and should not be used. Use `add()` and "
            "`pop()` to change the layers in this model."
        )

    def add(self, layer, rebuild=True):
        """Put a layer (or an Input) on top."""
        if isinstance(layer, KerasTensor) and hasattr(layer, "_keras_history"):
            layer = layer._keras_history.operation
        if not isinstance(layer, Layer):
            if isinstance(layer, Operation) or not callable(layer):
                raise ValueError(
                    "Only instances of `keras.Layer` can be added to a Sequential model. "
                    f"Received: {layer} (of type {type(layer)})"
                )
            raise ValueError(
                "Only instances of `keras.Layer` can be added to a Sequential model; wrap a "
                f"function in `layers.Lambda`. Received: {layer} (of type {type(layer)})"
            )
        if any(layer.name == other.name for other in self._stack):
            raise ValueError(
                "All layers added to a Sequential model should have unique names. Name "
                f"'{layer.name}' is already the name of a layer in this model. Update the `name` "
                "argument to pass a unique name."
            )
        if isinstance(layer, InputLayer) and self._stack:
            if isinstance(self._stack[0], InputLayer):
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured to use input "
                    f"shape {self._stack[0].batch_shape}. You cannot add a different Input layer "
                    "to it."
                )
            self._stack.insert(0, layer)
        else:
            if not self._stack and not isinstance(layer, InputLayer):
                self._stack += _entry_for(layer)
            self._stack.append(layer)
        if rebuild:
            self._maybe_rebuild()
        else:
            self.built = False
            self.__dict__["_functional"] = None

    def pop(self, rebuild=True):
        """Take the top layer off and return it."""
        if not self.layers:
            raise TypeError("There are no layers in the model.")
        layer = self._stack.pop()
        self.built = False
        self.__dict__["_functional"] = None
        if rebuild:
            self._maybe_rebuild()
        return layer

    def _maybe_rebuild(self):
        self.built = False
        self.__dict__["_functional"] = None
        if len(self._stack) > 1 and isinstance(self._stack[0], InputLayer):
            self.build(self._stack[0].batch_shape)

    def build(self, input_shape=None):
        """Connect and build the layers for an input shape (with the batch)."""
        if input_shape is None:
            if self._stack and isinstance(self._stack[0], InputLayer):
                input_shape = self._stack[0].batch_shape
            else:
                return WAITS  # built when it is called
        if not self._stack:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call "
                "`model.add(layer)`."
            )
        if not isinstance(self._stack[0], InputLayer):
            dtype = self._stack[0].input_dtype
            entry = InputLayer(batch_shape=tuple(input_shape), dtype=dtype)
            self._stack.insert(0, entry)
        with clean_state():
            x = inputs = self._stack[0].output
            for layer in self._stack[1:]:
                try:
                    x = layer(x)
                except NotImplementedError:
                    return  # a layer that has no symbolic form: built when it is called
            functional = Functional(inputs, x, name=self.name)
        self.__dict__["_functional"] = functional
        self.built = True

    def build_from_config(self, config):
        """Build from what `get_build_config` gave, unless the layers' own entry has done it."""
        if self._functional is None:
            super().build_from_config(config)

    def _maybe_build(self, arguments):
        first = next(iter(arguments.values()))
        if self._functional is None and hasattr(first, "shape"):
            stack = list(self._stack)
            try:
                self.build((None, *first.shape[1:]) if first.shape else first.shape)
            except (TypeError, NotImplementedError):
                self.__dict__["_stack"] = stack
        self.built = True

    # ------------------------------------------------------------ calling
    def call(self, inputs, training=None, mask=None):
        """The outputs of the last layer."""
        if self._functional is not None:
            return self._functional.call(inputs, training=training, mask=mask)
        x = inputs
        for layer in self.layers:
            options = {}
            signature = signature_of(type(layer).call)
            if signature.has_training and training is not None:
                options["training"] = training
            x = layer(x, **options)
        return x

    _graph_call = call

    def compute_output_spec(self, inputs, training=None, mask=None):
        if self._functional is not None:
            return self._functional.compute_output_spec(inputs)
        return super().compute_output_spec(inputs, training=training, mask=mask)

    def compute_output_shape(self, input_shape):
        """Shape of the outputs for a shape of the inputs."""
        if self._functional is not None:
            return self._functional.compute_output_shape(input_shape)
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def _connected(self, what):
        if self._functional is None:
            raise AttributeError(
                f"Sequential model '{self.name}' has no defined {what} yet: give it an Input, or "
                "build it, or call it on data."
            )
        return self._functional

    @property
    def inputs(self):
        """List of the input KerasTensor."""
        return self._connected("inputs").inputs

    @property
    def outputs(self):
        """List of the output KerasTensor."""
        return self._connected("outputs").outputs

    @property
    def input_shape(self):
        """Shape of the inputs."""
        return self._connected("input shape").input_shape

    @property
    def output_shape(self):
        """Shape of the outputs."""
        return self._connected("output shape").output_shape

    @property
    def input(self):
        return self._connected("input").input

    @property
    def output(self):
        return self._connected("output").output

    @property
    def input_names(self):
        """Name of the input."""
        return self._connected("input").input_names

    @property
    def output_names(self):
        """Name of the output."""
        return self._connected("output").output_names

    @property
    def input_dtype(self):
        first = self._stack[0] if self._stack else None
        return first.dtype if isinstance(first, InputLayer) else self.compute_dtype

    # ------------------------------------------------------------ configuration
    def get_config(self):
        """The layers' configurations."""
        layers = [serialization.serialize_keras_object(layer) for layer in self._stack]
        config = Model.get_config(self)
        config = {"name": config["name"], "trainable": config["trainable"],
                  "dtype": config["dtype"], "layers": layers}
        if self._functional is not None:
            config["build_input_shape"] = self._stack[0].batch_shape
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model from what `get_config` gave."""
        if "name" in config:
            name, layers = config["name"], config["layers"]
            shape = config.get("build_input_shape")
        else:
            name, layers, shape = None, config, None
        model = cls(name=name)
        with serialization.CustomObjectScope(custom_objects or {}):
            for layer in layers:
                model.add(serialization.deserialize_keras_object(layer), rebuild=False)
        model._maybe_rebuild()
        if model._functional is None and shape is not None and model.layers:
            model.build(tuple(shape) if tree.is_shape(shape) else shape)
        if "dtype" in config and "name" in config:
            model.dtype_policy = config["dtype"]
        if config.get("trainable") is False:
            model.trainable = False
        return model


def _entry_for(layer):
    """[InputLayer] if the first layer says what it takes, else []."""
    shape = getattr(layer, "_input_shape_argument", None)
    if shape is not None:
        return [InputLayer(shape=shape, dtype=layer.input_dtype)]
    if isinstance(layer, Functional) and len(layer.inputs) == 1:
        entry = layer.inputs[0]
        return [InputLayer(batch_shape=entry.shape, dtype=entry.dtype)]
    if isinstance(layer, Sequential) and layer._functional is not None:
        entry = layer.inputs[0]
        return [InputLayer(batch_shape=entry.shape, dtype=entry.dtype)]
    return []

