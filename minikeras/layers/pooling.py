"""Pooling: windows, whole images, and a given number of windows."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.core.keras_tensor import KerasTensor
from minikeras.layers.spatial import Spatial, numbers, of_rank


class Pooling(Spatial):
    """The {what} of each window, channel by channel; padding does not count.

    Args:
        pool_size: extent of the window; a number or one for each axis.
        strides: step of the window; by default its extent.
        padding: "valid" or "same".
        data_format: "channels_last" (batch, *spatial, channels) or "channels_first".

    {>>>} import minikeras as keras
    {>>>} keras.layers.{name}(2)(keras.ops.ones((1, {dims 4}, 3))).shape
    (1, {dims 2}, 3)
    """

    operation = None

    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, name=None,
                 **kwargs):
        super().__init__(name=name, **kwargs)
        self.pool_size = numbers(self, "pool_size", pool_size, self.rank)
        self.strides = numbers(
            self, "strides", pool_size if strides is None else strides, self.rank)
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(
                f"The `padding` argument of {type(self).__name__} must be 'valid' or 'same'. "
                f"Received: padding={padding}"
            )
        self._set_format(data_format)
        self.built = True

    def call(self, inputs):
        return getattr(ops, self.operation)(
            inputs, self.pool_size, strides=self.strides, padding=self.padding,
            data_format=self.data_format,
        )


class MaxPooling(Pooling):
    operation, words = "max_pool", {"what": "maximum"}


class AveragePooling(Pooling):
    operation, words = "average_pool", {"what": "mean"}


class GlobalPooling(Spatial):
    """The {what} over all positions, channel by channel: (batch, *spatial, channels) to
    (batch, channels).

    Args:
        data_format: "channels_last" or "channels_first".
        keepdims: whether the spatial axes stay, with length 1.

    {>>>} import minikeras as keras
    {>>>} keras.layers.{name}()(keras.ops.ones((1, {dims 4}, 3))).shape
    (1, 3)
    """

    operation = None

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.keepdims = keepdims
        self._set_format(data_format)
        self.built = True

    def call(self, inputs):
        return getattr(ops, self.operation)(inputs, axis=self._axes, keepdims=self.keepdims)


class GlobalMaxPooling(GlobalPooling):
    operation, words = "max", {"what": "maximum"}


class GlobalAveragePooling(GlobalPooling):
    operation, words = "mean", {"what": "mean"}


class AdaptivePooling(Spatial):
    """The {what} of as many windows as asked for, which cover the input as evenly as can be.

    Along an axis of n positions and o outputs, window i is floor(i n / o) to ceil((i + 1) n / o).

    Args:
        output_size: windows along each spatial axis, a number or one an axis.
        data_format: "channels_last" (batch, *spatial, channels) or "channels_first".

    {>>>} import minikeras as keras
    {>>>} keras.layers.{name}(2)(keras.ops.ones((1, {dims 4}, 3))).shape
    (1, {dims 2}, 3)
    """

    operation = None

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.output_size = numbers(self, "output_size", output_size, self.rank)
        self._set_format(data_format)
        self.built = True

    def call(self, inputs):
        return getattr(ops, self.operation)(inputs, self.output_size, self.data_format)

    def compute_output_shape(self, input_shape):
        return self._resized(tuple(input_shape), self.output_size)

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=inputs.dtype)


class AdaptiveMaxPooling(AdaptivePooling):
    operation, words = "adaptive_max_pool", {"what": "maximum"}


class AdaptiveAveragePooling(AdaptivePooling):
    operation, words = "adaptive_average_pool", {"what": "mean"}


# ---------------------------------------------------------------- by rank
def _pooling(base, rank, alias=None, **defaults):
    """The layer of a base for a number of spatial axes."""
    name = f"{base.__name__}{rank}D"
    cls = type(name, (base,), {"__module__": __name__, "__qualname__": name})
    aliases = [f"layers.{alias}{rank}D"] if alias else []
    return public(f"layers.{name}", *aliases)(of_rank(rank, **defaults)(cls))


MaxPooling1D = _pooling(MaxPooling, 1, "MaxPool", pool_size=2)
MaxPooling2D = _pooling(MaxPooling, 2, "MaxPool", pool_size=(2, 2))
MaxPooling3D = _pooling(MaxPooling, 3, "MaxPool", pool_size=(2, 2, 2))
AveragePooling1D = _pooling(AveragePooling, 1, "AvgPool")
AveragePooling2D = _pooling(AveragePooling, 2, "AvgPool")
AveragePooling3D = _pooling(AveragePooling, 3, "AvgPool")
GlobalMaxPooling1D = _pooling(GlobalMaxPooling, 1, "GlobalMaxPool")
GlobalMaxPooling2D = _pooling(GlobalMaxPooling, 2, "GlobalMaxPool")
GlobalMaxPooling3D = _pooling(GlobalMaxPooling, 3, "GlobalMaxPool")
GlobalAveragePooling2D = _pooling(GlobalAveragePooling, 2, "GlobalAvgPool")
GlobalAveragePooling3D = _pooling(GlobalAveragePooling, 3, "GlobalAvgPool")
AdaptiveMaxPooling1D = _pooling(AdaptiveMaxPooling, 1)
AdaptiveMaxPooling2D = _pooling(AdaptiveMaxPooling, 2)
AdaptiveMaxPooling3D = _pooling(AdaptiveMaxPooling, 3)
AdaptiveAveragePooling1D = _pooling(AdaptiveAveragePooling, 1)
AdaptiveAveragePooling2D = _pooling(AdaptiveAveragePooling, 2)
AdaptiveAveragePooling3D = _pooling(AdaptiveAveragePooling, 3)


@public("layers.GlobalAveragePooling1D", "layers.GlobalAvgPool1D")
@of_rank(1)
class GlobalAveragePooling1D(GlobalAveragePooling):
    """The mean over all steps, (batch, steps, features) to (batch, features); masked steps don't
    count.

    Args:
        data_format: "channels_last" or "channels_first".
        keepdims: whether the axis of steps stays, with length 1.

    >>> import minikeras as keras
    >>> keras.layers.GlobalAveragePooling1D()(keras.ops.ones((1, 4, 3))).shape
    (1, 3)
    """

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        mask = ops.expand_dims(ops.cast(mask, inputs.dtype), 2 if self._axes == (1,) else 1)
        total = ops.sum(inputs * mask, axis=self._axes, keepdims=self.keepdims)
        return total / ops.sum(mask, axis=self._axes, keepdims=self.keepdims)

    def compute_mask(self, inputs, mask=None):
        return None
