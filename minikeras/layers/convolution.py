"""Convolutions in one to three dimensions."""

from minikeras import activations, config, ops
from minikeras.api.registry import public
from minikeras.layers.dense import positive_int, set_weight_options, weight
from minikeras.layers.input_spec import InputSpec
from minikeras.layers.layer import Layer
from minikeras.layers.weights import Unbuilt


def numbers(layer, name, value, n, least=1):
    """A tuple of n whole numbers from one number or a sequence."""
    values = (value,) * n if hasattr(value, "__index__") else value
    try:
        values = tuple(positive_int(layer, name, v, least) for v in values)
    except (TypeError, ValueError):
        values = ()
    if len(values) != n:
        raise ValueError(
            f"The `{name}` argument of {type(layer).__name__} must be a whole number, or a tuple "
            f"of {n} of them, each at least {least}. Received: {name}={value}"
        )
    return values


class Convolution(Layer):
    """activation(conv(inputs, kernel) + bias); the base of Conv1D, Conv2D and Conv3D.

    Args:
        filters: number of output channels.
        kernel_size: extent of the window; a number or one for each axis.
        strides: step of the window.
        padding: "valid" (none), "same" (output length ceil(n / stride)); 1-D also "causal".
        data_format: "channels_last" (batch, *spatial, channels) or "channels_first".
        dilation_rate: spacing of the window's elements.
        groups: number of groups of channels that are convolved by themselves.
        activation, use_bias, *_initializer, *_regularizer, *_constraint: as in Dense.

    Kernel: (*kernel_size, input_channels / groups, filters).
    """

    rank = None
    kernel = Unbuilt()

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid", data_format=None,
        dilation_rate=1, groups=1, activation=None, use_bias=True,
        kernel_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer=None,
        bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        bias_constraint=None, **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive_int(self, "filters", filters)
        self.groups = positive_int(self, "groups", groups)
        self.kernel_size = numbers(self, "kernel_size", kernel_size, self.rank)
        self.strides = numbers(self, "strides", strides, self.rank)
        self.dilation_rate = numbers(self, "dilation_rate", dilation_rate, self.rank)
        self.padding = _padding(self, padding)
        self.data_format = config.standardize_data_format(data_format)
        if self.filters % self.groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters}."
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={strides} and dilation_rate={dilation_rate}"
            )
        self.activation, self.use_bias = activations.get(activation), use_bias
        set_weight_options(
            self, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )
        self.input_spec = InputSpec(min_ndim=self.rank + 2)
        self.bias = None

    @property
    def _channel_axis(self):
        return -1 if self.data_format == "channels_last" else 1

    def build(self, input_shape):
        if len(input_shape) != self.rank + 2:
            raise ValueError(
                f'Input 0 of layer "{self.name}" is incompatible with the layer: expected '
                f"ndim={self.rank + 2}, found ndim={len(input_shape)}. Full shape received: "
                f"{tuple(input_shape)}"
            )
        channels = input_shape[self._channel_axis]
        if channels is None:
            raise ValueError(
                "The channel dimension of the inputs should be defined. "
                f"The input_shape received is {tuple(input_shape)}, where axis "
                f"{self._channel_axis} (0-based) is the channel dimension, which found to be "
                "`None`."
            )
        if channels % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. "
                f"Received groups={self.groups}, but the input has {channels} channels (full "
                f"input shape is {tuple(input_shape)})."
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = weight(self, "kernel", shape)
        self.bias = weight(self, "bias", (self.filters,)) if self.use_bias else None
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})
        self.compute_output_shape(input_shape)

    def convolution_op(self, inputs, kernel):
        """The convolution alone, without bias and activation; subclasses may change it."""
        return ops.conv(
            inputs, kernel, strides=self.strides, padding=self.padding,
            data_format=self.data_format, dilation_rate=self.dilation_rate,
        )

    def call(self, inputs):
        x = self.convolution_op(inputs, self.kernel)
        if self.bias is not None:
            bias = self.bias
            if self.data_format == "channels_first":
                bias = ops.reshape(bias, (1, self.filters, *(1,) * self.rank))
            x = ops.add(x, bias)
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape):
        last = self.data_format == "channels_last"
        spatial = input_shape[1:-1] if last else input_shape[2:]
        sizes = tuple(
            _output_size(self, n, i, tuple(input_shape)) for i, n in enumerate(spatial)
        )
        batch = input_shape[0]
        return (batch, *sizes, self.filters) if last else (batch, self.filters, *sizes)


def _output_size(layer, n, axis, input_shape):
    """Output length along a spatial axis; ValueError if the window does not fit."""
    if n is None:
        return None
    stride = layer.strides[axis]
    extent = (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis] + 1
    if layer.padding in ("same", "causal"):
        return -(-n // stride)
    if n < extent:
        raise ValueError(
            f"Computed output size would be zero or negative: the window of layer "
            f'"{layer.name}" spans {extent} elements, the input has {n} along axis {axis} of '
            f"its spatial axes. Received: input_shape={input_shape}, "
            f"kernel_size={layer.kernel_size}, strides={layer.strides}, "
            f"dilation_rate={layer.dilation_rate}. Use a smaller window, or padding='same'."
        )
    return (n - extent) // stride + 1


def _padding(layer, padding):
    allowed = ("valid", "same", "causal") if layer.rank == 1 else ("valid", "same")
    text = padding.lower() if isinstance(padding, str) else padding
    if text not in allowed:
        raise ValueError(
            f"The `padding` argument of {type(layer).__name__} must be one of {allowed}. "
            f"Received: padding={padding}"
        )
    return text


@public("layers.Conv1D", "layers.Convolution1D")
class Conv1D(Convolution):
    __doc__ = Convolution.__doc__.replace("the base of Conv1D, Conv2D and Conv3D", "one dimension")
    rank = 1


@public("layers.Conv2D", "layers.Convolution2D")
class Conv2D(Convolution):
    __doc__ = Convolution.__doc__.replace("the base of Conv1D, Conv2D and Conv3D", "images")
    rank = 2

    def __init__(self, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None,
                 dilation_rate=(1, 1), groups=1, activation=None, use_bias=True,
                 kernel_initializer="glorot_uniform", bias_initializer="zeros",
                 kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None,
                 kernel_constraint=None, bias_constraint=None, **kwargs):
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, groups,
            activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer,
            bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, **kwargs)


@public("layers.Conv3D", "layers.Convolution3D")
class Conv3D(Convolution):
    __doc__ = Convolution.__doc__.replace("the base of Conv1D, Conv2D and Conv3D", "volumes")
    rank = 3

    def __init__(self, filters, kernel_size, strides=(1, 1, 1), padding="valid", data_format=None,
                 dilation_rate=(1, 1, 1), groups=1, activation=None, use_bias=True,
                 kernel_initializer="glorot_uniform", bias_initializer="zeros",
                 kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None,
                 kernel_constraint=None, bias_constraint=None, **kwargs):
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, groups,
            activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer,
            bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, **kwargs)
