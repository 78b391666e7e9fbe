"""SimpleRNN, GRU and LSTM: cells, and the layers that carry them along a sequence."""

from minikeras import activations, dtypes, ops, random
from minikeras.api.registry import public
from minikeras.core.scopes import autocast_scope
from minikeras.core.scopes import state as thread
from minikeras.layers.dense import positive_int, set_weight_options, weight
from minikeras.layers.input_spec import InputSpec
from minikeras.layers.layer import Layer
from minikeras.layers.recurrent import RNN, as_list, shared_with_cell, zero_states
from minikeras.ops import recurrent as fused
from minikeras.random.seed import SeedGenerator


# ---------------------------------------------------------------- cells
class DropoutCell:
    """Mixin: dropout masks of the inputs and of the state, the same for all steps of a sequence.

    `masks` is their number: one a gate. Each is drawn when it is first asked for, and kept until
    `reset_dropout_mask`.
    """

    masks = 1

    def _set_dropout(self, dropout, recurrent_dropout, seed):
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed
        self.seed_generator = seed if isinstance(seed, SeedGenerator) else SeedGenerator(seed)
        self._dropout_mask = self._recurrent_dropout_mask = None

    def _drawn(self, like, rate):
        ones = ops.ones_like(like)
        found = [
            random.dropout(ones, rate, seed=self.seed_generator) for _ in range(self.masks)
        ]
        return found if self.masks > 1 else found[0]

    def get_dropout_mask(self, step_input):
        """Mask of the inputs, or a list of them, one a gate; None without dropout."""
        if self._dropout_mask is None and self.dropout > 0:
            self._dropout_mask = self._drawn(step_input, self.dropout)
        return self._dropout_mask

    def get_recurrent_dropout_mask(self, step_input):
        """Mask of the state, or a list of them, one a gate; None without dropout."""
        if self._recurrent_dropout_mask is None and self.recurrent_dropout > 0:
            self._recurrent_dropout_mask = self._drawn(step_input, self.recurrent_dropout)
        return self._recurrent_dropout_mask

    def reset_dropout_mask(self):
        """Draw a new mask of the inputs at the next step."""
        self._dropout_mask = None

    def reset_recurrent_dropout_mask(self):
        """Draw a new mask of the state at the next step."""
        self._recurrent_dropout_mask = None

    def dropped(self, x, training, recurrent=False):
        """x for each gate: dropped out by the gate's own mask in training."""
        rate = self.recurrent_dropout if recurrent else self.dropout
        if not training or not rate:
            return [x] * self.masks
        get = self.get_recurrent_dropout_mask if recurrent else self.get_dropout_mask
        return [x * mask for mask in as_list(get(x))]


class Cell(DropoutCell, Layer):
    """Base of the built-in cells: weights of `gates` gates over `units` units."""

    gates = 1

    def __init__(self, units, *, dropout=0.0, recurrent_dropout=0.0, seed=None, activation=None,
                 use_bias=True, options, **kwargs):
        super().__init__(**kwargs)
        if units is not None and not isinstance(units, bool) and units <= 0:
            raise ValueError(
                "Received an invalid value for argument `units`, expected a positive integer, "
                f"got {units}."
            )
        self.units = positive_int(self, "units", units)
        self.activation, self.use_bias = activations.get(activation), use_bias
        set_weight_options(self, **options)
        self._set_dropout(dropout, recurrent_dropout, seed)
        self.state_size = self.output_size = self.units
        self.kernel = self.recurrent_kernel = self.bias = None

    def _bias_shape(self):
        return (self.gates * self.units,)

    def _first_bias(self):
        """The bias's initializer."""
        return self.bias_initializer

    def build(self, input_shape):
        rows = input_shape[-1]
        if rows is None:
            raise ValueError(
                f'Layer "{self.name}" needs to know the length of the last axis of its inputs. '
                f"Received: input shape {tuple(input_shape)}"
            )
        self.kernel = weight(self, "kernel", (rows, self.gates * self.units))
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(self.units, self.gates * self.units),
            initializer=self.recurrent_initializer, regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint)
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=self._bias_shape(), initializer=self._first_bias(),
                regularizer=self.bias_regularizer, constraint=self.bias_constraint)

    def get_initial_state(self, batch_size=None):
        """A list of states of zeros."""
        return zero_states(self.state_size, batch_size, self.compute_dtype)

    def _part(self, matrix, gate, n=1):
        """Columns of the weights or of a product: those of `n` gates from one on."""
        return matrix[..., gate * self.units : (gate + n) * self.units]

    def product(self, x, matrix, training, recurrent=False, gates=None):
        """x @ matrix, where each gate has a dropout mask of its own."""
        parts = self.dropped(x, training, recurrent)
        if all(p is parts[0] for p in parts) or self.gates == 1:
            columns = matrix if gates is None else self._part(matrix, 0, gates)
            return ops.matmul(parts[0], columns)
        return ops.concatenate(
            [ops.matmul(p, self._part(matrix, i)) for i, p in enumerate(parts[:gates])], axis=-1)


OPTIONS = """kernel_initializer recurrent_initializer bias_initializer kernel_regularizer
recurrent_regularizer bias_regularizer kernel_constraint recurrent_constraint
bias_constraint""".split()


def options_of(given):
    """The weights' options among the local variables of a constructor."""
    return {name: given[name] for name in OPTIONS}


def _single(states):
    """A cell's only state, which may come in a list."""
    return states[0] if isinstance(states, (list, tuple)) else states


def _like(states, h):
    return [h] if isinstance(states, (list, tuple)) else h


@public("layers.SimpleRNNCell")
class SimpleRNNCell(Cell):
    """One step of SimpleRNN: h = activation(x kernel + h recurrent_kernel + bias).

    Args: as of SimpleRNN. Call: `cell(inputs, states)` gives (h, [h]).

    >>> import minikeras as keras
    >>> h, states = SimpleRNNCell(4)(keras.ops.ones((2, 3)), [keras.ops.zeros((2, 4))])
    >>> h.shape
    (2, 4)
    """

    def __init__(
        self, units, activation="tanh", use_bias=True, kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal", bias_initializer="zeros", kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, kernel_constraint=None,
        recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0,
        seed=None, **kwargs,
    ):
        super().__init__(
            units, activation=activation, use_bias=use_bias, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, options=options_of(locals()), **kwargs)

    def call(self, sequence, states, training=False):
        h = self.product(sequence, self.kernel, training)
        if self.bias is not None:
            h = ops.add(h, self.bias)
        h = h + self.product(_single(states), self.recurrent_kernel, training, recurrent=True)
        h = self.activation(h)
        return h, _like(states, h)


@public("layers.GRUCell")
class GRUCell(Cell):
    """One step of GRU. Args: as of GRU. Call: `cell(inputs, states)` gives (h, [h]).

    >>> import minikeras as keras
    >>> h, states = GRUCell(4)(keras.ops.ones((2, 3)), [keras.ops.zeros((2, 4))])
    >>> h.shape
    (2, 4)
    """

    gates = masks = 3

    def __init__(
        self, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
        kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal",
        bias_initializer="zeros", kernel_regularizer=None, recurrent_regularizer=None,
        bias_regularizer=None, kernel_constraint=None, recurrent_constraint=None,
        bias_constraint=None, dropout=0.0, recurrent_dropout=0.0, reset_after=True, seed=None,
        **kwargs,
    ):
        kwargs.pop("implementation", None)
        super().__init__(
            units, activation=activation, use_bias=use_bias, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, options=options_of(locals()), **kwargs)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def _bias_shape(self):
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def call(self, inputs, states, training=False):
        before = _single(states)
        x = self.product(inputs, self.kernel, training)
        bias = self.bias
        if bias is not None:
            x = ops.add(x, bias[0] if self.reset_after else bias)
        whole = None if self.reset_after else 2
        p = self.product(before, self.recurrent_kernel, training, recurrent=True, gates=whole)
        if self.reset_after and bias is not None:
            p = ops.add(p, bias[1])
        z = self.recurrent_activation(self._part(x, 0) + self._part(p, 0))
        r = self.recurrent_activation(self._part(x, 1) + self._part(p, 1))
        if self.reset_after:
            candidate = r * self._part(p, 2)
        else:
            own = self.dropped(before, training, recurrent=True)[2]
            candidate = ops.matmul(r * own, self._part(self.recurrent_kernel, 2))
        candidate = self.activation(self._part(x, 2) + candidate)
        h = z * before + (1 - z) * candidate
        return h, _like(states, h)


@public("layers.LSTMCell")
class LSTMCell(Cell):
    """One step of LSTM. Args: as of LSTM. Call: `cell(inputs, [h, c])` gives (h, [h, c]).

    >>> import minikeras as keras
    >>> zeros = keras.ops.zeros((2, 4))
    >>> h, states = LSTMCell(4)(keras.ops.ones((2, 3)), [zeros, zeros])
    >>> h.shape, len(states)
    ((2, 4), 2)
    """

    gates = masks = 4

    def __init__(
        self, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
        kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal",
        bias_initializer="zeros", unit_forget_bias=True, kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, kernel_constraint=None,
        recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0,
        seed=None, **kwargs,
    ):
        kwargs.pop("implementation", None)
        super().__init__(
            units, activation=activation, use_bias=use_bias, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, options=options_of(locals()), **kwargs)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.units, self.units]

    def _first_bias(self):
        if self.unit_forget_bias:
            return forget_bias(self.bias_initializer, self.units)
        return self.bias_initializer

    def call(self, inputs, states, training=False):
        h, c = states
        z = self.product(inputs, self.kernel, training)
        z = z + self.product(h, self.recurrent_kernel, training, recurrent=True)
        if self.bias is not None:
            z = ops.add(z, self.bias)
        i, f, g, o = (self._part(z, n) for n in range(4))
        c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
        h = self.recurrent_activation(o) * self.activation(c)
        return h, [h, c]


def forget_bias(initializer, units):
    """An initializer of a bias of 4 gates: ones for the second, the others as given."""

    def initial(shape, dtype=None):
        return ops.concatenate([
            initializer((units,), dtype=dtype), ops.ones((units,), dtype=dtype),
            initializer((2 * units,), dtype=dtype),
        ])

    return initial


# ---------------------------------------------------------------- layers
class Recurrent(RNN):
    """Base of the layers over one built-in cell, which run on one op where it covers the case.

    That is: tanh and the logistic function, and no dropout of the state in training.
    """

    cell_type = None
    left_out = ("name", "trainable", "dtype", "activity_regularizer")

    def _set_cell(self, given, kwargs, **more):
        """Make the cell of the constructor's local variables, and then the RNN."""
        names = (*OPTIONS, "units", "activation", "use_bias", "dropout", "recurrent_dropout",
                 "seed", *more)
        cell = self.cell_type(
            **{n: given[n] for n in names}, dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True), name=self.cell_name)
        flags = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll",
                 "activity_regularizer")
        RNN.__init__(self, cell, **{n: given[n] for n in flags}, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """(last output, outputs or None, last states): on the op, else step by step."""
        cell = self.cell
        fits = cell.activation is activations.tanh and not (training and cell.recurrent_dropout)
        logistic = getattr(cell, "recurrent_activation", activations.sigmoid)
        if not fits or logistic is not activations.sigmoid or not getattr(cell, "reset_after", 1):
            return super().inner_loop(sequences, initial_state, mask, training)
        dtype = sequences.dtype
        wide = dtypes.FLOAT32 if dtype in dtypes.HALVES else dtype
        with autocast_scope(wide):  # half precision is rounded once, at the end
            found = self._fused(wide, sequences, initial_state, mask, training)
        y, *states = found if wide == dtype else (ops.cast(t, dtype) for t in found)
        if not self.return_sequences:
            if self.zero_output_for_mask and mask is not None:
                y = ops.where(mask[:, -1:], y, ops.zeros_like(y))
            return y, None, states
        if self.zero_output_for_mask and mask is not None:
            y = ops.where(ops.expand_dims(mask, -1), y, ops.zeros_like(y))
        return y[:, -1], y, states

    def _fused(self, wide, sequences, states, mask, training):
        cell = self.cell
        x, *states = (t if t.dtype == wide else ops.cast(t, wide) for t in (sequences, *states))
        w, u = cell.kernel.value, cell.recurrent_kernel.value
        bias = ops.zeros(cell._bias_shape(), dtype=wide) if cell.bias is None else cell.bias.value
        if training and cell.dropout:
            steps = as_list(cell.get_dropout_mask(x[:, 0]))
            parts = [
                ops.matmul(x * ops.expand_dims(m, 1), cell._part(w, i))
                for i, m in enumerate(steps)
            ]
            x, w = ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0], None
        return self.op(
            x, w, u, bias, *states, mask, sequences=self.return_sequences, keep=thread.depth > 0)

    def get_config(self):
        own = {k: v for k, v in self.cell.get_config().items() if k not in self.left_out}
        config = {**super().get_config(), **own}
        config.setdefault("activity_regularizer", None)
        return config

    def _arguments_config(self, cls):
        names = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll",
                 "zero_output_for_mask")
        return {n: getattr(self, n) for n in names}


def _of_cell(cls):
    """Class decorator: the cell's arguments are the layer's too."""
    names = (*OPTIONS, "units", "activation", "use_bias", "dropout", "recurrent_dropout")
    return shared_with_cell(*names, *cls.shared)(cls)


@public("layers.SimpleRNN")
@_of_cell
class SimpleRNN(Recurrent):
    """h = activation(x_t kernel + h recurrent_kernel + bias), for each step.

    Args:
        units: size of the state h.
        activation: name or function.
        use_bias: whether there is a bias.
        kernel_*, recurrent_*, bias_*: initializer, regularizer and constraint of the weights.
        activity_regularizer: of the output.
        dropout, recurrent_dropout: rates for the inputs and for the state, with one mask for all
            steps of a sequence.
        return_sequences, return_state, go_backwards, stateful, unroll: as in RNN.
        seed: of the dropout.

    Weights: kernel (features, units), recurrent_kernel (units, units), bias (units,).

    >>> import minikeras as keras
    >>> SimpleRNN(4)(keras.ops.ones((2, 5, 3))).shape
    (2, 4)
    """

    cell_type, cell_name, shared = SimpleRNNCell, "simple_rnn_cell", ()
    left_out = (*Recurrent.left_out, "seed")
    op = staticmethod(fused.simple_rnn)

    def __init__(
        self, units, activation="tanh", use_bias=True, kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal", bias_initializer="zeros", kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, activity_regularizer=None,
        kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, dropout=0.0,
        recurrent_dropout=0.0, return_sequences=False, return_state=False, go_backwards=False,
        stateful=False, unroll=False, seed=None, **kwargs,
    ):
        self._set_cell(locals(), kwargs)


@public("layers.GRU")
@_of_cell
class GRU(Recurrent):
    """Gated recurrent unit: h <- z h + (1 - z) candidate, with gates z and r.

    z and r are recurrent_activation(x W + h U + b), each of its own columns; the candidate is
    activation(x W_h + b_h + r (h U_h + b'_h)), or with `reset_after=False`
    activation(x W_h + (r h) U_h + b_h).

    Args:
        units: size of the state h.
        activation, recurrent_activation: of the candidate and of the gates.
        reset_after: whether the gate r acts after the product with the state.
        use_cudnn: accepted for Keras's sake.
        others: as in SimpleRNN; each gate has a dropout mask of its own.

    Weights: kernel (features, 3 units) for z, r and the candidate, recurrent_kernel
    (units, 3 units), bias (2, 3 units) for inputs and state, or (3 units,).

    Reference: K. Cho et al. 2014, arXiv:1406.1078.

    >>> import minikeras as keras
    >>> GRU(4, return_sequences=True)(keras.ops.ones((2, 5, 3))).shape
    (2, 5, 4)
    """

    cell_type, cell_name = GRUCell, "gru_cell"
    shared = ("recurrent_activation", "reset_after")
    op = staticmethod(fused.gru)

    def __init__(
        self, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
        kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal",
        bias_initializer="zeros", kernel_regularizer=None, recurrent_regularizer=None,
        bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0,
        seed=None, return_sequences=False, return_state=False, go_backwards=False,
        stateful=False, unroll=False, reset_after=True, use_cudnn="auto", **kwargs,
    ):
        kwargs.pop("implementation", None)
        self._set_cell(locals(), kwargs, recurrent_activation=None, reset_after=None)
        self.use_cudnn = use_cudnn


@public("layers.LSTM")
@_of_cell
class LSTM(Recurrent):
    """Long short-term memory: c <- f c + i g, h <- o activation(c), with gates i, f, o.

    i, f and o are recurrent_activation(x W + h U + b) and g is activation(x W + h U + b), each of
    its own columns.

    Args:
        units: size of the states h and c.
        activation, recurrent_activation: of g and c, and of the gates.
        unit_forget_bias: whether the bias of f starts at 1.
        use_cudnn: accepted for Keras's sake.
        others: as in SimpleRNN; each gate has a dropout mask of its own.

    Weights: kernel (features, 4 units) for i, f, g, o, recurrent_kernel (units, 4 units), bias
    (4 units,).

    Reference: S. Hochreiter, J. Schmidhuber 1997, Long short-term memory.

    >>> import minikeras as keras
    >>> y, h, c = LSTM(4, return_sequences=True, return_state=True)(keras.ops.ones((2, 5, 3)))
    >>> y.shape, h.shape, c.shape
    ((2, 5, 4), (2, 4), (2, 4))
    """

    cell_type, cell_name = LSTMCell, "lstm_cell"
    shared = ("recurrent_activation", "unit_forget_bias")
    op = staticmethod(fused.lstm)

    def __init__(
        self, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
        kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal",
        bias_initializer="zeros", unit_forget_bias=True, kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, activity_regularizer=None,
        kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, dropout=0.0,
        recurrent_dropout=0.0, seed=None, return_sequences=False, return_state=False,
        go_backwards=False, stateful=False, unroll=False, use_cudnn="auto", **kwargs,
    ):
        kwargs.pop("implementation", None)
        self._set_cell(locals(), kwargs, recurrent_activation=None, unit_forget_bias=None)
        self.use_cudnn = use_cudnn
