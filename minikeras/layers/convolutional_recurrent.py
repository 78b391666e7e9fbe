"""ConvLSTM in one to three dimensions: an LSTM whose products are convolutions."""

from minikeras import activations, ops, tree
from minikeras.api.registry import public
from minikeras.core.keras_tensor import KerasTensor
from minikeras.layers.convolution import Kernel
from minikeras.layers.dense import positive_int, set_weight_options, weight
from minikeras.layers.input_spec import InputSpec
from minikeras.layers.recurrent import RNN, shared_with_cell
from minikeras.layers.recurrent_cells import OPTIONS, DropoutCell, forget_bias, options_of
from minikeras.layers.spatial import of_rank
from minikeras.ops.recurrent import time_steps


class ConvLSTMCell(DropoutCell, Kernel):
    """One step of ConvLSTM over `rank` spatial axes. Args: as of ConvLSTM2D."""

    paddings = ("valid", "same")
    masks = 4

    def __init__(
        self, rank, filters, kernel_size, strides=1, padding="valid", data_format=None,
        dilation_rate=1, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
        kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal",
        bias_initializer="zeros", unit_forget_bias=True, kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, kernel_constraint=None,
        recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0,
        seed=None, **kwargs,
    ):
        super().__init__(**kwargs)
        self.rank = rank
        self.filters = positive_int(self, "filters", filters)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_end(activation, use_bias)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        set_weight_options(self, **options_of(locals()))
        self._set_dropout(dropout, recurrent_dropout, seed)
        self.state_size, self.output_size = -1, self.filters
        self.kernel = self.recurrent_kernel = None

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self.kernel = weight(self, "kernel", (*self.kernel_size, channels, 4 * self.filters))
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(*self.kernel_size, self.filters, 4 * self.filters),
            initializer=self.recurrent_initializer, regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint)
        if self.use_bias:
            first = self.bias_initializer
            self.bias = self.add_weight(
                name="bias", shape=(4 * self.filters,), regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                initializer=forget_bias(first, self.filters) if self.unit_forget_bias else first)
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})

    def convolved(self, x, training):
        """The inputs' part of the gates, with the bias; x is dropped out for each gate."""
        y = self._products(self.dropped(x, training), self.kernel, **self._window)
        return y if self.bias is None else ops.add(y, self._as_channels(self.bias))

    def _as_channels(self, bias):
        if self.data_format == "channels_first":
            return ops.reshape(bias, (1, -1, *(1,) * self.rank))
        return bias

    def _products(self, parts, kernel, **window):
        if all(p is parts[0] for p in parts):
            return ops.conv(parts[0], kernel, **window)
        n = self.filters
        found = [
            ops.conv(p, kernel[..., i * n : (i + 1) * n], **window) for i, p in enumerate(parts)
        ]
        return ops.concatenate(found, axis=self._channel_axis)

    def step(self, x, states, training):
        """(h, [h, c]) from the inputs' part of the gates."""
        h, c = states
        parts = self.dropped(h, training, recurrent=True)
        z = x + self._products(
            parts, self.recurrent_kernel, strides=1, padding="same", data_format=self.data_format)
        i, f, g, o = ops.split(z, 4, axis=self._channel_axis)
        c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
        h = self.recurrent_activation(o) * self.activation(c)
        return h, [h, c]

    def call(self, inputs, states, training=False):
        return self.step(self.convolved(inputs, training), states, training)


@shared_with_cell(
    *OPTIONS, "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate",
    "activation", "recurrent_activation", "use_bias", "unit_forget_bias", "dropout",
    "recurrent_dropout")
class ConvLSTM(RNN):
    """An LSTM {over}: states are images, products are convolutions.

    Args:
        filters: number of output channels.
        kernel_size, strides, padding, data_format, dilation_rate: of the convolution of the
            inputs, as in Conv2D; that of the states has strides 1 and keeps their size.
        activation, recurrent_activation, use_bias, unit_forget_bias, dropout, recurrent_dropout,
            *_initializer, *_regularizer, *_constraint: as in LSTM.
        return_sequences, return_state, go_backwards, stateful: as in RNN.
        seed: of the dropout.

    Shapes: (batch, steps, *spatial, channels) -> (batch, *new spatial, filters), with
    `return_sequences` (batch, steps, *new spatial, filters).

    X. Shi et al. 2015, arXiv:1506.04214, without peepholes.

    {>>>} import minikeras as keras
    {>>>} layer = keras.layers.{name}(4, 3, padding="same")
    {>>>} layer(keras.ops.ones((2, 5, {dims 8}, 3))).shape
    (2, {dims 8}, 4)
    """

    words = {}

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid", data_format=None, dilation_rate=1,
        activation="tanh", recurrent_activation="sigmoid", use_bias=True,
        kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal",
        bias_initializer="zeros", unit_forget_bias=True, kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, activity_regularizer=None,
        kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, dropout=0.0,
        recurrent_dropout=0.0, seed=None, return_sequences=False, return_state=False,
        go_backwards=False, stateful=False, **kwargs,
    ):
        cell = ConvLSTMCell(
            self.rank, filters, kernel_size, strides, padding, data_format, dilation_rate,
            activation, recurrent_activation, use_bias, unit_forget_bias=unit_forget_bias,
            dropout=dropout, recurrent_dropout=recurrent_dropout, seed=seed,
            dtype=kwargs.get("dtype"), trainable=kwargs.get("trainable", True),
            name="conv_lstm_cell", **options_of(locals()))
        super().__init__(
            cell, return_sequences=return_sequences, return_state=return_state,
            go_backwards=go_backwards, stateful=stateful,
            activity_regularizer=activity_regularizer, **kwargs)
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def build(self, sequences_shape, initial_state_shape=None):
        self._state_shape = self.cell.compute_output_shape(
            (sequences_shape[0], *sequences_shape[2:]))[1:]
        RNN.build(self, sequences_shape, initial_state_shape)

    def get_initial_state(self, batch_size):
        """[h, c] of zeros, of the shape of the outputs."""
        shape = (batch_size, *self._state_shape)
        return [ops.zeros(shape, dtype=self.cell.compute_dtype) for _ in range(2)]

    def _first_states(self, sequences, batch):
        shape = self.cell.compute_output_shape((batch, *sequences.shape[2:]))
        if None in shape:
            return [KerasTensor(shape, dtype=self.cell.compute_dtype) for _ in range(2)]
        return [ops.zeros(shape, dtype=self.cell.compute_dtype) for _ in range(2)]

    def _check_states(self, states, batch):
        if len(tree.flatten(states)) != 2:
            raise ValueError(
                f'Layer "{self.name}": `initial_state` must be 2 tensors, h and c. '
                f"Received: {len(tree.flatten(states))} tensor(s)"
            )

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """(last output, outputs or None, last states); the inputs' convolutions all at once."""
        batch, time = sequences.shape[:2]
        cell, rest = self.cell, tuple(sequences.shape[2:])
        if training and cell.dropout:  # the steps of a sample share their masks
            cell.get_dropout_mask(sequences[:, 0])
            x = ops.stack([cell.convolved(x, training) for x in time_steps(sequences)], axis=1)
        else:
            flat = cell.convolved(ops.reshape(sequences, (batch * time, *rest)), False)
            x = ops.reshape(flat, (batch, time, *flat.shape[1:]))
        return self.loop(
            lambda x, states: cell.step(x, states, training), x, initial_state, mask)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, time = sequences_shape[:2]
        one = self.cell.compute_output_shape((batch, *sequences_shape[2:]))
        y = (batch, time, *one[1:]) if self.return_sequences else one
        return (y, one, one) if self.return_state else y

    def compute_mask(self, inputs, mask=None):
        own = tree.flatten(mask)[0] if mask is not None and self.return_sequences else None
        return [own, None, None] if self.return_state else own

    def _arguments_config(self, cls):
        left_out = ("name", "trainable", "dtype", "rank", "activity_regularizer")
        own = {k: v for k, v in self.cell.get_config().items() if k not in left_out}
        flags = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll",
                 "zero_output_for_mask")
        return {**{n: getattr(self, n) for n in flags}, **own}

    def get_config(self):
        config = super().get_config()
        config.setdefault("activity_regularizer", None)
        return config


@public("layers.ConvLSTM1D")
@of_rank(1)
class ConvLSTM1D(ConvLSTM):
    pass


@public("layers.ConvLSTM2D")
@of_rank(2)
class ConvLSTM2D(ConvLSTM):
    pass


@public("layers.ConvLSTM3D")
@of_rank(3)
class ConvLSTM3D(ConvLSTM):
    pass
