"""Input and InputLayer: where a functional model begins."""

from minikeras import config, dtypes
from minikeras.api.registry import public
from minikeras.core.keras_tensor import GraphNode, KerasTensor
from minikeras.layers.layer import Layer


@public("layers.InputLayer")
class InputLayer(Layer):
    """The entry of a functional or Sequential model.

    Args:
        shape: shape of one sample; None for unknown lengths.
        batch_size: number of samples, if fixed.
        dtype: default floatx.
        batch_shape: shape with the batch, instead of the two above.
        input_tensor: an existing KerasTensor to use.
        optional: whether None may be given instead of a tensor.
    """

    def __init__(
        self, shape=None, batch_size=None, dtype=None, sparse=None, ragged=None, batch_shape=None,
        input_tensor=None, optional=False, name=None, **kwargs,
    ):
        if "input_shape" in kwargs:
            shape = kwargs.pop("input_shape")
        if "batch_input_shape" in kwargs:
            batch_shape = kwargs.pop("batch_input_shape")
        if sparse or ragged:
            raise ValueError("Sparse and ragged inputs are not supported; use dense tensors.")
        if input_tensor is not None and not isinstance(input_tensor, KerasTensor):
            raise ValueError(
                "Argument `input_tensor` must be a KerasTensor. "
                f"Received invalid type: input_tensor={input_tensor} (of type "
                f"{type(input_tensor)})"
            )
        super().__init__(name=name, **kwargs)
        self._batch_shape = _batch_shape(shape, batch_size, batch_shape, input_tensor)
        if dtype is None:
            dtype = config.floatx() if input_tensor is None else input_tensor.dtype
        self._dtype, self.optional, self.sparse, self.ragged = (
            dtypes.name_of(dtype), optional, False, False)
        self.built = True
        out = input_tensor
        if out is None:
            out = KerasTensor(self._batch_shape, dtype=self._dtype, name=self.name)
        GraphNode(self, outputs=out)

    def call(self):
        """An entry is not called."""
        return None

    @property
    def dtype(self):
        return self._dtype

    @property
    def batch_shape(self):
        """The shape with the batch, None where it is not fixed."""
        return self._batch_shape

    def get_config(self):
        """Constructor arguments."""
        return {
            "batch_shape": self.batch_shape, "dtype": self.dtype, "sparse": self.sparse,
            "ragged": self.ragged, "name": self.name, "optional": self.optional,
        }


def _batch_shape(shape, batch_size, batch_shape, input_tensor):
    if input_tensor is not None:
        return tuple(input_tensor.shape)
    if shape is None and batch_shape is None:
        raise ValueError("You must pass a `shape` argument.")
    if shape is not None and batch_shape is not None:
        raise ValueError("You cannot pass both `shape` and `batch_shape` at the same time.")
    if batch_shape is not None and batch_size is not None:
        raise ValueError("You cannot pass both `batch_size` and `batch_shape` at the same time.")
    if batch_shape is not None:
        full = tuple(batch_shape)
    else:
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        full = (batch_size, *shape)
    for d in full:
        if d is not None and (not hasattr(d, "__index__") or d.__index__() < 0):
            raise ValueError(
                "A shape must be made of whole numbers (not negative) and None. "
                f"Received: {full}"
            )
    return tuple(None if d is None else d.__index__() for d in full)


@public("Input", "layers.Input")
def Input(
    shape=None, batch_size=None, dtype=None, sparse=None, ragged=None, batch_shape=None, name=None,
    tensor=None, optional=False,
):
    """A KerasTensor to begin a functional model with.

    Args:
        shape: shape of one sample; None for unknown lengths.
        batch_size: number of samples, if fixed.
        dtype: default floatx.
        sparse, ragged: not supported.
        batch_shape: shape with the batch, instead of `shape` and `batch_size`.
        name: name of the input.
        tensor: an existing KerasTensor.
        optional: whether None may be given instead.

    >>> Input((28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    layer = InputLayer(
        shape=shape, batch_size=batch_size, dtype=dtype, sparse=sparse, ragged=ragged,
        batch_shape=batch_shape, input_tensor=tensor, optional=optional, name=name,
    )
    return layer.output
