"""Transposed convolutions in one to three dimensions."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.kernels import window as windows
from minikeras.layers.convolution import Kernel
from minikeras.layers.dense import positive_int, set_weight_options, weight
from minikeras.layers.spatial import numbers, of_rank


class ConvolutionTranspose(Kernel):
    """activation(conv_transpose(inputs, kernel) + bias) {over}: from few positions to many.

    The output has, with k = (kernel_size - 1) dilation_rate + 1 and n inputs along an axis:
    "valid" (n - 1) strides + max(k, strides), "same" n strides; with output_padding p given,
    (n - 1) strides + k + p, less 2 (k // 2) for "same".

    Args:
        filters: number of output channels.
        kernel_size: extent of the window; a number or one for each axis.
        strides: distance of the places where neighbouring inputs spread the kernel.
        padding: "valid" or "same".
        output_padding: positions added at the end, less than `strides`; None: see above.
        data_format: "channels_last" (batch, *spatial, channels) or "channels_first".
        dilation_rate: spacing of the window's elements.
        activation, use_bias, *_initializer, *_regularizer, *_constraint: as in Dense.

    Kernel: (*kernel_size, filters, input_channels).

    Reference: V. Dumoulin, F. Visin 2016, A guide to convolution arithmetic, arXiv:1603.07285.

    {>>>} import minikeras as keras
    {>>>} layer = keras.layers.{name}(4, 3, padding="same", strides=2)
    {>>>} layer(keras.ops.ones((2, {dims 8}, 3))).shape
    (2, {dims 16}, 4)
    """

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid", output_padding=None,
        data_format=None, dilation_rate=1, activation=None, use_bias=True,
        kernel_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer=None,
        bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        bias_constraint=None, **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive_int(self, "filters", filters)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_end(activation, use_bias)
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = numbers(self, "output_padding", output_padding, self.rank, 0)
            if any(p >= s for p, s in zip(self.output_padding, self.strides)):
                raise ValueError(
                    f"The `output_padding` argument of {type(self).__name__} must be less than "
                    f"`strides`. Received: output_padding={output_padding}, strides={strides}"
                )
        set_weight_options(
            self, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )
        self.kernel = None

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self.kernel = weight(self, "kernel", (*self.kernel_size, self.filters, channels))
        self._build_end(channels, self.filters)

    def call(self, inputs):
        return self._finish(ops.conv_transpose(
            inputs, self.kernel, output_padding=self.output_padding, **self._window
        ))

    def compute_output_shape(self, input_shape):
        window = windows.transposed(
            self._sizes(input_shape), self.kernel_size, self.strides, self.dilation_rate,
            self.padding, self.output_padding,
        )
        return self._shape(input_shape[0], window.inputs, self.filters)


@public("layers.Conv1DTranspose", "layers.Convolution1DTranspose")
@of_rank(1)
class Conv1DTranspose(ConvolutionTranspose):
    pass


@public("layers.Conv2DTranspose", "layers.Convolution2DTranspose")
@of_rank(2, strides=(1, 1), dilation_rate=(1, 1))
class Conv2DTranspose(ConvolutionTranspose):
    pass


@public("layers.Conv3DTranspose", "layers.Convolution3DTranspose")
@of_rank(
    3, ("filters", "kernel_size", "strides", "padding", "data_format", "output_padding"),
    strides=(1, 1, 1), dilation_rate=(1, 1, 1),
)
class Conv3DTranspose(ConvolutionTranspose):
    pass
