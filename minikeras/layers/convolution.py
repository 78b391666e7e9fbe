"""Convolutions in one to three dimensions."""

from minikeras import activations, ops
from minikeras.api.registry import public
from minikeras.layers.dense import positive_int, set_weight_options, weight
from minikeras.layers.input_spec import InputSpec
from minikeras.layers.low_rank import Adapted, LowRank
from minikeras.layers.spatial import Spatial, numbers, of_rank


class Kernel(Spatial):
    """Base of layers with a window of weights that slides over the spatial axes.

    A subclass makes its kernels in `build` and calls `_build_bias`; its `call` ends in `_finish`.
    """

    paddings = ("valid", "same")
    kernel = Adapted()
    either = True  # strides or dilation, not both

    def _set_window(self, kernel_size, strides, padding, data_format, dilation_rate):
        self.kernel_size = numbers(self, "kernel_size", kernel_size, self.rank)
        self.strides = numbers(self, "strides", strides, self.rank)
        self.dilation_rate = numbers(self, "dilation_rate", dilation_rate, self.rank)
        self.padding = _padding(self, padding)
        self._set_format(data_format)
        self.input_spec = InputSpec(min_ndim=self.rank + 2)
        if self.either and max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{type(self).__name__}: `strides > 1` not supported in conjunction with "
                f"`dilation_rate > 1`. Received: strides={strides} and "
                f"dilation_rate={dilation_rate}"
            )

    def _set_end(self, activation, use_bias):
        self.activation, self.use_bias = activations.get(activation), use_bias
        self.bias = None

    @property
    def _window(self):
        """The window's arguments as ops take them."""
        return {
            "strides": self.strides, "padding": self.padding, "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }

    def _channels(self, input_shape):
        """The number of input channels; ValueError if the shape has another rank or hides it."""
        if len(input_shape) != self.rank + 2:
            raise ValueError(
                f'Input 0 of layer "{self.name}" is incompatible with the layer: expected '
                f"ndim={self.rank + 2}, found ndim={len(input_shape)}. Full shape received: "
                f"{tuple(input_shape)}"
            )
        channels = input_shape[self._channel_axis]
        if channels is None:
            raise ValueError(
                f'The channel dimension of the inputs of layer "{self.name}" should be defined. '
                f"The input_shape received is {tuple(input_shape)}, where axis "
                f"{self._channel_axis} (0-based) is the channel dimension, which found to be "
                "`None`."
            )
        return channels

    def _build_end(self, channels, filters):
        """The bias, and what later inputs must be like."""
        self.bias = weight(self, "bias", (filters,)) if self.use_bias else None
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})

    def _finish(self, x):
        """Bias and activation."""
        if self.bias is not None:
            bias = self.bias
            if self.data_format == "channels_first":
                bias = ops.reshape(bias, (1, -1, *(1,) * self.rank))
            x = ops.add(x, bias)
        return x if self.activation is None else self.activation(x)

    def _filters(self, input_shape):
        """Number of output channels."""
        return self.filters

    def compute_output_shape(self, input_shape):
        sizes = tuple(
            _output_size(self, n, i, tuple(input_shape))
            for i, n in enumerate(self._sizes(input_shape))
        )
        return self._shape(input_shape[0], sizes, self._filters(input_shape))


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
    allowed = layer.paddings
    text = padding.lower() if isinstance(padding, str) else padding
    if text not in allowed:
        raise ValueError(
            f"The `padding` argument of {type(layer).__name__} must be one of {allowed}. "
            f"Received: padding={padding}"
        )
    return text


class Convolution(LowRank, Kernel):
    """activation(conv(inputs, kernel) + bias) {over}.

    Args:
        filters: number of output channels.
        kernel_size: extent of the window; a number or one for each axis.
        strides: step of the window.
        padding: "valid" (none), "same" (output length ceil(n / stride)); 1-D also "causal".
        data_format: "channels_last" (batch, *spatial, channels) or "channels_first".
        dilation_rate: spacing of the window's elements.
        groups: number of groups of channels that are convolved by themselves.
        activation, use_bias, *_initializer, *_regularizer, *_constraint: as in Dense.
        **kwargs: of Layer; lora_rank and lora_alpha, as in Dense.

    Kernel: (*kernel_size, input_channels / groups, filters).

    {>>>} import minikeras as keras
    {>>>} layer = keras.layers.{name}(4, 3, padding="same", strides=2)
    {>>>} layer(keras.ops.ones((2, {dims 8}, 3))).shape
    (2, {dims 4}, 4)
    """

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
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_end(activation, use_bias)
        if self.filters % self.groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters}."
            )
        set_weight_options(
            self, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )

    def build(self, input_shape):
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. "
                f"Received groups={self.groups}, but the input has {channels} channels (full "
                f"input shape is {tuple(input_shape)})."
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = weight(self, "kernel", shape)
        self._build_end(channels, self.filters)
        self._adapt()
        self.compute_output_shape(input_shape)

    def convolution_op(self, inputs, kernel):
        """The convolution, without bias and activation."""
        return ops.conv(inputs, kernel, **self._window)

    def call(self, inputs):
        return self._finish(self.convolution_op(inputs, self.kernel))


@public("layers.Conv1D", "layers.Convolution1D")
@of_rank(1)
class Conv1D(Convolution):
    paddings = ("valid", "same", "causal")


@public("layers.Conv2D", "layers.Convolution2D")
@of_rank(2, strides=(1, 1), dilation_rate=(1, 1))
class Conv2D(Convolution):
    pass


@public("layers.Conv3D", "layers.Convolution3D")
@of_rank(3, strides=(1, 1, 1), dilation_rate=(1, 1, 1))
class Conv3D(Convolution):
    pass
