"""Convolutions channel by channel, and such followed by a mix of the channels."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.layers.convolution import Kernel
from minikeras.layers.dense import positive_int, set_weight_options, weight
from minikeras.layers.spatial import of_rank


class DepthwiseConvolution(Kernel):
    """activation(depthwise_conv(inputs, kernel) + bias) {over}: each channel by itself.

    Args:
        kernel_size: extent of the window; a number or one for each axis.
        strides: step of the window.
        padding: "valid" or "same" (output length ceil(n / stride)).
        depth_multiplier: number of output channels for each input channel.
        data_format: "channels_last" (batch, *spatial, channels) or "channels_first".
        dilation_rate: spacing of the window's elements.
        activation, use_bias, *_initializer, *_regularizer, *_constraint: as in Dense.

    Kernel: (*kernel_size, input_channels, depth_multiplier).

    {>>>} import minikeras as keras
    {>>>} layer = keras.layers.{name}(3, padding="same", strides=2, depth_multiplier=2)
    {>>>} layer(keras.ops.ones((2, {dims 8}, 3))).shape
    (2, {dims 4}, 6)
    """

    either = False

    def __init__(
        self, kernel_size, strides=1, padding="valid", depth_multiplier=1, data_format=None,
        dilation_rate=1, activation=None, use_bias=True,
        depthwise_initializer="glorot_uniform", bias_initializer="zeros",
        depthwise_regularizer=None, bias_regularizer=None, activity_regularizer=None,
        depthwise_constraint=None, bias_constraint=None, **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.depth_multiplier = positive_int(self, "depth_multiplier", depth_multiplier)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_end(activation, use_bias)
        set_weight_options(
            self, depthwise_initializer=depthwise_initializer, bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer, bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint, bias_constraint=bias_constraint,
        )
        self.kernel = None

    def build(self, input_shape):
        channels = self._channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = weight(self, "kernel", shape, options="depthwise")
        self._build_end(channels, channels * self.depth_multiplier)
        self.compute_output_shape(input_shape)

    def call(self, inputs):
        return self._finish(ops.depthwise_conv(inputs, self.kernel, **self._window))

    def _filters(self, input_shape):
        return self._channels(input_shape) * self.depth_multiplier


@public("layers.DepthwiseConv1D")
@of_rank(1)
class DepthwiseConv1D(DepthwiseConvolution):
    pass


@public("layers.DepthwiseConv2D")
@of_rank(2, strides=(1, 1), dilation_rate=(1, 1))
class DepthwiseConv2D(DepthwiseConvolution):
    pass


class SeparableConvolution(Kernel):
    """A depthwise convolution {over}, then one of size 1 that mixes the channels.

    Args:
        filters: number of output channels.
        kernel_size: extent of the window; a number or one for each axis.
        strides: step of the window.
        padding: "valid" or "same" (output length ceil(n / stride)).
        data_format: "channels_last" (batch, *spatial, channels) or "channels_first".
        dilation_rate: spacing of the window's elements.
        depth_multiplier: number of channels between the two for each input channel.
        activation, use_bias, *_initializer, *_regularizer, *_constraint: as in Dense.

    Kernels: (*kernel_size, input_channels, depth_multiplier) and
    (1, ..., input_channels * depth_multiplier, filters).

    Reference: F. Chollet 2016, Xception, arXiv:1610.02357.

    {>>>} import minikeras as keras
    {>>>} layer = keras.layers.{name}(4, 3, padding="same", strides=2)
    {>>>} layer(keras.ops.ones((2, {dims 8}, 3))).shape
    (2, {dims 4}, 4)
    """

    either = False

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid", data_format=None,
        dilation_rate=1, depth_multiplier=1, activation=None, use_bias=True,
        depthwise_initializer="glorot_uniform", pointwise_initializer="glorot_uniform",
        bias_initializer="zeros", depthwise_regularizer=None, pointwise_regularizer=None,
        bias_regularizer=None, activity_regularizer=None, depthwise_constraint=None,
        pointwise_constraint=None, bias_constraint=None, **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive_int(self, "filters", filters)
        self.depth_multiplier = positive_int(self, "depth_multiplier", depth_multiplier)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_end(activation, use_bias)
        set_weight_options(
            self, depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer, bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer, bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint, pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
        )
        self.depthwise_kernel = self.pointwise_kernel = None

    def build(self, input_shape):
        channels = self._channels(input_shape)
        depthwise = (*self.kernel_size, channels, self.depth_multiplier)
        pointwise = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = weight(self, "depthwise_kernel", depthwise, options="depthwise")
        self.pointwise_kernel = weight(self, "pointwise_kernel", pointwise, options="pointwise")
        self._build_end(channels, self.filters)
        self.compute_output_shape(input_shape)

    def call(self, inputs):
        return self._finish(ops.separable_conv(
            inputs, self.depthwise_kernel, self.pointwise_kernel, **self._window
        ))


@public("layers.SeparableConv1D", "layers.SeparableConvolution1D")
@of_rank(1)
class SeparableConv1D(SeparableConvolution):
    pass


@public("layers.SeparableConv2D", "layers.SeparableConvolution2D")
@of_rank(2, strides=(1, 1), dilation_rate=(1, 1))
class SeparableConv2D(SeparableConvolution):
    pass
