"""Layers that make up others: functions, wrappers, masks, nothing at all."""

import functools
import inspect

from minikeras import ops, tree
from minikeras.api.registry import public
from minikeras.core import serialization
from minikeras.core.keras_tensor import KerasTensor
from minikeras.layers.layer import Layer


@public("layers.Identity")
class Identity(Layer):
    """Its inputs, as they are, masks included.

    >>> Identity()([1.0, 2.0]).numpy().tolist()
    [1.0, 2.0]
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


@public("layers.Masking")
class Masking(Layer):
    """Marks steps to be left out: those all of whose features are `mask_value`, and sets them to 0.

    Shapes: (batch, steps, features) -> the same, with a mask (batch, steps) that later layers use.

    >>> import minikeras as keras
    >>> layer = Masking(mask_value=9.0)
    >>> layer(keras.ops.convert_to_tensor([[[9.0, 9.0], [9.0, 1.0]]])).numpy().tolist()
    [[[0.0, 0.0], [9.0, 1.0]]]
    """

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True
        self.built = True

    def compute_mask(self, inputs, mask=None):
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs):
        kept = ops.expand_dims(self.compute_mask(inputs), -1)
        return ops.where(kept, inputs, ops.zeros_like(inputs))

    def compute_output_shape(self, input_shape):
        return input_shape


# ---------------------------------------------------------------- functions
@functools.lru_cache(1024)
def _parameters(function):
    try:
        return tuple(inspect.signature(function).parameters)
    except ValueError:  # a function written in C may not say
        return ()


def _code(function):
    """Configuration of a function: a lambda as bytecode, others by name."""
    if getattr(function, "__name__", "") != "<lambda>":
        return serialization.serialize_keras_object(function)
    code, defaults, closure = serialization.dump_lambda(function)
    config = {"code": code, "defaults": defaults, "closure": closure}
    return {"class_name": "__lambda__", "config": config}


def _function(config, custom_objects, safe_mode):
    """The function of such a configuration; ValueError for a lambda in safe mode."""
    if not isinstance(config, dict):
        return config
    if config.get("class_name") != "__lambda__":
        return serialization.deserialize_keras_object(config, custom_objects=custom_objects)
    if serialization.in_safe_mode() if safe_mode is None else safe_mode:
        raise ValueError(
            "Requested the deserialization of a `Lambda` layer whose `function` is a Python "
            "lambda. This carries a potential risk of arbitrary code execution and thus it is "
            "disallowed by default. If you trust the source of the artifact, you can override "
            "this error by passing `safe_mode=False` to the loading function, or calling "
            "`keras.config.enable_unsafe_deserialization()`."
        )
    parts = config["config"]
    if "value" in parts:
        parts = dict(zip(("code", "defaults", "closure"), parts["value"]))
    rest = serialization.deserialize_keras_object([parts.get("defaults"), parts.get("closure")])
    return serialization.load_lambda(parts["code"], *rest)


@public("layers.Lambda")
class Lambda(Layer):
    """Any function of tensors as a layer.

    A lambda is saved as Python bytecode, which other Python versions may not read, and which is
    read with `safe_mode=False` only. Prefer a subclass of Layer, or a named function with
    `@keras.saving.register_keras_serializable()`. Variables that the function uses are not the
    layer's: they are neither trained nor saved.

    Args:
        function: function of the inputs; may also take `mask` and `training`.
        output_shape: of the outputs, without the batch, or a function of the input shape; None:
            found by running `function`.
        mask: mask of the outputs, or a function (inputs, mask); None: no mask.
        arguments: dictionary of further arguments of the function.

    >>> Lambda(lambda x: 2 * x)([1.0, 2.0]).numpy().tolist()
    [2.0, 4.0]
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(
                f"Lambda: `function` must be callable. Received: {function!r} of type "
                f"{type(function).__name__}"
            )
        self.function, self.mask, self.arguments = function, mask, arguments or {}
        self._output_shape = output_shape
        self.supports_masking = mask is not None

    def call(self, inputs, mask=None, training=None):
        arguments = dict(self.arguments)
        for name, value in (("mask", mask), ("training", training)):
            if name in _parameters(self.function):
                arguments[name] = value
        return self.function(inputs, **arguments)

    def compute_output_shape(self, input_shape):
        shape = self._output_shape
        if shape is None:
            return super().compute_output_shape(input_shape)
        if callable(shape):
            return shape(input_shape)
        batches = []
        tree.map_shape_structure(lambda s: batches.append(s[0]), input_shape)
        return tree.map_shape_structure(lambda s: (batches[0], *s), shape)

    def compute_output_spec(self, inputs, mask=None, training=None):
        if self._output_shape is None:
            return super().compute_output_spec(inputs, mask=mask, training=training)
        shapes = self.compute_output_shape(tree.map_structure(lambda x: tuple(x.shape), inputs))
        return tree.map_shape_structure(
            lambda s: KerasTensor(s, dtype=self.compute_dtype), shapes)

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self):
        config = super().get_config()
        for name, value in (("function", self.function), ("output_shape", self._output_shape),
                            ("mask", self.mask)):
            if value is not None:
                config[name] = _code(value) if callable(value) else value
        return {**config, "arguments": serialization.serialize_keras_object(self.arguments)}

    def _arguments_config(self, cls):
        return {}

    @classmethod
    def from_config(cls, config, custom_objects=None, safe_mode=None):
        """A layer from what `get_config` gave.

        Args:
            config: dictionary.
            custom_objects: functions by name.
            safe_mode: whether lambdas are refused; None: as the open scope says, by default yes.
        """
        config = dict(config)
        for name in ("function", "output_shape", "mask"):
            if isinstance(config.get(name), dict):
                config[name] = _function(config[name], custom_objects, safe_mode)
            elif isinstance(config.get(name), list):
                config[name] = tree.map_shape_structure(tuple, config[name])
        config["arguments"] = serialization.deserialize_keras_object(
            config.get("arguments") or {}, custom_objects=custom_objects)
        return super().from_config(config)


# ---------------------------------------------------------------- wrappers
@public("layers.Wrapper")
class Wrapper(Layer):
    """Base of layers that hold another one, `layer`, and add something to it.

    >>> import minikeras as keras
    >>> class Twice(keras.layers.Wrapper):
    ...     def call(self, inputs):
    ...         return self.layer(self.layer(inputs))
    >>> Twice(keras.layers.Dense(3))(keras.ops.ones((2, 3))).shape
    (2, 3)
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"{type(self).__name__} wraps a layer, an instance of keras.layers.Layer. "
                f"Received: {layer!r} of type {type(layer).__name__}"
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build(input_shape)

    def _arguments_config(self, cls):
        config = super()._arguments_config(cls)
        return {**config, "layer": serialization.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A wrapper from what `get_config` gave."""
        config = dict(config)
        config["layer"] = serialization.deserialize_keras_object(
            config["layer"], custom_objects=custom_objects)
        return super().from_config(config)
