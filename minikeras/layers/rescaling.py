"""Rescaling: inputs times a number, plus a number."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.layers.layer import Layer


@public("layers.Rescaling")
class Rescaling(Layer):
    """inputs * scale + offset, in the layer's compute dtype.

    Args:
        scale, offset: number, or list of numbers that broadcasts against the inputs, one for each
            channel for instance.

    Shapes: any -> the same.

    >>> Rescaling(1 / 127.5, offset=-1.0)([[0.0, 255.0]]).numpy().tolist()
    [[-1.0, 1.0]]
    """

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        self.supports_masking = True

    def call(self, inputs):
        x = ops.cast(inputs, self.compute_dtype)
        scale, offset = (
            ops.convert_to_tensor(v, self.compute_dtype) if isinstance(v, (list, tuple)) else v
            for v in (self.scale, self.offset))
        return x * scale + offset

    def convert_weight(self, weight):
        """A weight as a tensor."""
        return ops.convert_to_tensor(weight)

    def compute_output_shape(self, input_shape):
        return input_shape
