"""Pooling: windows, and whole images."""

from minikeras import config, ops
from minikeras.api.registry import public
from minikeras.layers.convolution import numbers
from minikeras.layers.input_spec import InputSpec
from minikeras.layers.layer import Layer


class Pooling(Layer):
    """The {what} of each window, channel by channel.

    Args:
        pool_size: extent of the window; a number or one for each axis.
        strides: step of the window; by default its extent.
        padding: "valid" or "same".
        data_format: "channels_last" (batch, *spatial, channels) or "channels_first".
    """

    rank = operation = None

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
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def call(self, inputs):
        return getattr(ops, self.operation)(
            inputs, self.pool_size, strides=self.strides, padding=self.padding,
            data_format=self.data_format,
        )


def _pooling(name, rank, operation, what, default, alias):
    def __init__(self, pool_size=default, strides=None, padding="valid", data_format=None,
                 name=None, **kwargs):
        Pooling.__init__(self, pool_size, strides, padding, data_format, name, **kwargs)

    def __init_without_default__(self, pool_size, strides=None, padding="valid", data_format=None,
                                 name=None, **kwargs):
        Pooling.__init__(self, pool_size, strides, padding, data_format, name, **kwargs)

    init = __init_without_default__ if default is None else __init__
    init.__name__ = "__init__"
    members = {
        "__init__": init, "__doc__": Pooling.__doc__.format(what=what), "rank": rank,
        "operation": operation, "__module__": __name__, "__qualname__": name,
    }
    return public(f"layers.{name}", f"layers.{alias}")(type(name, (Pooling,), members))


MaxPooling1D = _pooling("MaxPooling1D", 1, "max_pool", "maximum", 2, "MaxPool1D")
MaxPooling2D = _pooling("MaxPooling2D", 2, "max_pool", "maximum", (2, 2), "MaxPool2D")
MaxPooling3D = _pooling("MaxPooling3D", 3, "max_pool", "maximum", (2, 2, 2), "MaxPool3D")
AveragePooling1D = _pooling("AveragePooling1D", 1, "average_pool", "mean", None, "AvgPool1D")
AveragePooling2D = _pooling("AveragePooling2D", 2, "average_pool", "mean", None, "AvgPool2D")
AveragePooling3D = _pooling("AveragePooling3D", 3, "average_pool", "mean", None, "AvgPool3D")


class GlobalPooling(Layer):
    """The {what} over all positions, channel by channel: (batch, *spatial, channels) to
    (batch, channels).

    Args:
        data_format: "channels_last" or "channels_first".
        keepdims: whether the spatial axes stay, with length 1.
    """

    rank = operation = None

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    @property
    def _axes(self):
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def call(self, inputs):
        return getattr(ops, self.operation)(inputs, axis=self._axes, keepdims=self.keepdims)


def _global(name, rank, operation, what, alias):
    members = {
        "__doc__": GlobalPooling.__doc__.format(what=what), "rank": rank, "operation": operation,
        "__module__": __name__, "__qualname__": name,
    }
    return public(f"layers.{name}", f"layers.{alias}")(type(name, (GlobalPooling,), members))


GlobalMaxPooling1D = _global("GlobalMaxPooling1D", 1, "max", "maximum", "GlobalMaxPool1D")
GlobalMaxPooling2D = _global("GlobalMaxPooling2D", 2, "max", "maximum", "GlobalMaxPool2D")
GlobalMaxPooling3D = _global("GlobalMaxPooling3D", 3, "max", "maximum", "GlobalMaxPool3D")
GlobalAveragePooling2D = _global("GlobalAveragePooling2D", 2, "mean", "mean", "GlobalAvgPool2D")
GlobalAveragePooling3D = _global("GlobalAveragePooling3D", 3, "mean", "mean", "GlobalAvgPool3D")


@public("layers.GlobalAveragePooling1D", "layers.GlobalAvgPool1D")
class GlobalAveragePooling1D(GlobalPooling):
    """The mean over all steps, (batch, steps, features) to (batch, features); masked steps don't
    count.

    Args:
        data_format: "channels_last" or "channels_first".
        keepdims: whether the axis of steps stays, with length 1.
    """

    rank, operation = 1, "mean"

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
