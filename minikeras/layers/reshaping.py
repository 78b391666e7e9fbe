"""Flatten and Reshape."""

import math

from minikeras import config, ops
from minikeras.api.registry import public
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.shape_rules import resolve_reshape
from minikeras.layers.input_spec import InputSpec
from minikeras.layers.layer import Layer


def _symbolic(inputs, shape):
    """A KerasTensor of a shape with the batch (and perhaps more) unknown."""
    return KerasTensor(shape, dtype=inputs.dtype)


@public("layers.Flatten")
class Flatten(Layer):
    """(batch, ...) -> (batch, product of the rest); a batch of numbers becomes a column.

    >>> import minikeras as keras
    >>> Flatten()(keras.ops.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self.built = True

    def call(self, inputs):
        ndim = len(inputs.shape)
        if self.data_format == "channels_first" and ndim > 1:
            inputs = ops.transpose(inputs, (0, *range(2, ndim), 1))
        rest = inputs.shape[1:]
        if inputs.shape[0] is None:
            return _symbolic(inputs, (None, None if None in rest else math.prod(rest)))
        if None in rest:
            return ops.reshape(inputs, (inputs.shape[0], -1))
        return ops.reshape(inputs, (inputs.shape[0], math.prod(rest)))

    def compute_output_shape(self, input_shape):
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))


@public("layers.Reshape")
class Reshape(Layer):
    """Each sample in another shape; one dimension may be -1.

    >>> import minikeras as keras
    >>> Reshape((2, -1))(keras.ops.ones((5, 6))).shape
    (5, 2, 3)
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        if isinstance(target_shape, int):
            target_shape = (target_shape,)
        self.target_shape = tuple(target_shape)
        self.built = True

    def call(self, inputs):
        sample = resolve_reshape(tuple(inputs.shape[1:]), self.target_shape)
        if inputs.shape[0] is None:
            return _symbolic(inputs, (None, *sample))
        sample = tuple(-1 if d is None else d for d in sample)
        return ops.reshape(inputs, (inputs.shape[0], *sample))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *resolve_reshape(tuple(input_shape[1:]), self.target_shape))
