"""Recurrent layers over a whole sequence: LSTM, GRU and the plain cell, and their gradients.

The inputs' part of all steps is one matrix product; then each step is one product with the state
and a few passes over contiguous rows. Values of a step are held as (rows, batch), a row a unit of
a gate, so that gates are contiguous. A logistic gate is 1 / (1 + exp(-x)), its rows of the weights
are negated beforehand. The bias of the state's part stands beside the recurrent weights, against a
row of ones under the state.

Steps are hundreds of calls of some microseconds, which two threads would only take turns with: one
thread walks through them, and what concerns all steps at once is shared out between threads
(`k.side_by_side`). Only where a step is much work are samples shared out instead (`axes`).

The forward pass hands on what the backward pass needs; with `keep=False` only the last steps of it
stay, in arrays of one or two steps. The backward pass finds the slopes of the gates for
several steps at once, walks back through the steps, and sums the weights' gradients over all steps
in one product each. `mask`, booleans (batch, time) or None: where False, the state stays.

`w` None: x is the inputs' product already, (batch, time, rows), as where each gate has a dropout
mask of its own. Weights and gates are in Keras's order: i, f, g, o for the LSTM and z, r, h for
the GRU.
"""

from functools import partial

from minikeras.dtypes import Spec
from minikeras.kernels.registry import kernel

CHUNK = 1 << 19  # elements of the steps that a pass works through before the next pass does
HELD = 1 << 20  # elements of the steps whose inputs' products or slopes are held at once
SHARED = 1 << 17  # elements over all steps, from which threads share them out
SLICED = 1 << 25  # operations of a step, from which threads share out the samples instead


# ---------------------------------------------------------------- what the cells share
def _sizes(x, u):
    return x.shape[0], x.shape[1], u.shape[0]


def _check(name, x, w, u, bias, states, gates):
    batch, _, units = _sizes(x, u)
    wanted = (
        ("recurrent kernel", u, (units, gates * units)),
        ("inputs", x, (batch, x.shape[1], gates * units)) if w is None else
        ("kernel", w, (x.shape[2], gates * units)),
        ("bias", bias, (2, gates * units) if name == "gru" else (gates * units,)),
        *(("state", s, (batch, units)) for s in states),
    )
    for what, a, shape in wanted:
        known = [(n, m) for n, m in zip(a.shape, shape) if None not in (n, m)]
        if len(a.shape) != len(shape) or any(n != m for n, m in known):
            raise ValueError(
                f"the {what} must have shape {shape} for inputs of shape {tuple(x.shape)} and "
                f"{units} units; it has shape {tuple(a.shape)}."
            )


def _outputs(x, u, sequences):
    """Specs of y and of a state."""
    batch, time, units = _sizes(x, u)
    state = Spec((batch, units), x.dtype)
    return Spec((batch, time, units), x.dtype) if sequences else state, state


def _gradient_specs(x, w, u, bias, states):
    """Specs of the gradients to x, w, u, the bias and the states; of nothing where w is None."""
    of_w = Spec((0,) if w is None else tuple(w.shape), x.dtype)
    like = [Spec(tuple(a.shape), a.dtype) for a in (x, u, *states)]
    return (like[0], of_w, like[1], Spec(bias, x.dtype), *like[2:])


def _rows(k, matrix, bias, gates):
    """Weights (n, gates * units) as rows (gates * units, n), with the bias as a last column.

    `gates`: (place among the given gates, factor), in the order of the rows.
    """
    units = matrix.shape[1] // (max(g for g, _ in gates) + 1)
    n = matrix.shape[0]
    out = k.scratch((len(gates) * units, n + (bias is not None)), matrix.dtype)
    for i, (gate, factor) in enumerate(gates):
        rows, given = out[i * units : (i + 1) * units], slice(gate * units, (gate + 1) * units)
        k(k.xp.multiply, matrix[:, given].T, factor, rows[:, :n])
        if bias is not None:
            k(k.xp.multiply, bias[given], factor, rows[:, n])
    return out


def _blocks(gates, units):
    """(rows, columns) of each gate, the rows in the order `gates`, the columns in Keras's."""
    return [(slice(i * units, (i + 1) * units), slice(g * units, (g + 1) * units))
            for i, g in enumerate(gates)]


def _shares(count, work):
    """Slices of a length, one for each thread that the elements of work are worth."""
    half = count // 2 if work >= SHARED else 0
    return [slice(0, half), slice(half, count)] if half else [slice(0, count)]


def _steps_shared(k, fill, count, size):
    """fill(k, slice of steps) over all of `count` steps of `size` elements, chunk by chunk."""
    n = max(1, CHUNK // max(1, size))

    def share(part, k):
        for start in range(part.start, part.stop, n):
            fill(k, slice(start, min(start + n, part.stop)))

    k.side_by_side([partial(share, part) for part in _shares(count, count * size)])


def _sliced(x, u):
    """Whether a step is so much work that samples are shared out."""
    return 2 * x.shape[0] * u.size >= SLICED


class _Inputs:
    """The products of the inputs with the weights, (steps, rows, batch), some steps at a time."""

    def __init__(self, k, x, w, gates):
        self.k, self.x, self.gates = k, x, gates
        self.rows = None if w is None else _rows(k, w, None, gates)

    def into(self, out, start, stop):
        """The products of the steps from start to stop."""
        self.k.side_by_side([
            partial(self._into, out[c], start + c.start, start + c.stop)
            for c in _shares(stop - start, out.size)])

    def _into(self, out, start, stop, k):
        some = self.x[:, start:stop].transpose(1, 2, 0)
        if self.rows is not None:
            k(k.xp.matmul, self.rows, some, out)
            return
        units = some.shape[1] // len(self.gates)
        for i, (gate, factor) in enumerate(self.gates):
            given = some[:, gate * units : (gate + 1) * units]
            k(k.xp.multiply, given, factor, out[:, i * units : (i + 1) * units])


def _start(k, held, state):
    """The first state in its place, and the row of ones under every state of h."""
    units = state.shape[1]
    k(k.xp.copyto, held[0, :units], state.T)
    if held.shape[1] > units:
        k(held[:, units].fill, 1)


def _kept(time, keep):
    """Lengths of what is kept of steps, and of states: of all, or of the last ones."""
    return (time, None if time is None else time + 1) if keep else (1, 2)


def _at(a, t):
    """Step t of what is kept of all steps, or of the last ones."""
    return a[t % a.shape[0]]


def _finish(k, out, h, time, sequences):
    """The last state, and y if that is all of it."""
    y, last = out
    k(k.xp.copyto, last, _at(h, time)[: last.shape[1]].T)
    if not sequences:
        k(k.xp.copyto, y, last)


def _hold(xp, out, mask, before):
    """out = before where the mask is False."""
    out[...] = xp.where(mask, out, before)


def _logistic(k, a):
    """1 / (1 + exp(a)), in place: the logistic function of -a, in half the time of a tanh."""
    k(k.xp.exp, a, a)
    k(k.xp.add, a, 1, a)
    k(k.xp.divide, 1, a, a)


def _slope(k, a, out):
    """a (1 - a), the slope of the logistic function by its value."""
    k(k.xp.multiply, a, a, out)
    k(k.xp.subtract, a, out, out)


def _tanh_slope(k, a, out):
    """1 - a a, the slope of tanh by its value."""
    k(k.xp.multiply, a, a, out)
    k(k.xp.subtract, 1, out, out)


def _steps(time, size):
    """Slices of steps of some size, from the last to the first, that are held at once."""
    count = -(-time * size // HELD) or 1
    n = max(1, -(-time // count))
    return [(max(0, stop - n), stop) for stop in range(time, 0, -n)]


def _by_row(given, out, k, some):
    """Steps (steps, rows, batch) into their place in (rows, time, batch)."""
    k(k.xp.copyto, out[:, some], given[some].transpose(1, 0, 2))


def _longest(chunks):
    return max((stop - start for start, stop in chunks), default=0)


class _Masks:
    """The mask by steps: (time, 1, batch) booleans, and the two weights of a blend."""

    def __init__(self, k, mask, dtype=None):
        self.k, self.given = k, mask is not None
        if not self.given:
            return
        batch, time = mask.shape
        self.on = k.scratch((time, 1, batch), mask.dtype)
        k(k.xp.copyto, self.on[:, 0], mask.T)
        if dtype is not None:
            self.new, self.old = (k.scratch(self.on.shape, dtype) for _ in range(2))
            k(k.xp.copyto, self.new, self.on)
            k(k.xp.subtract, 1, self.new, self.old)

    def hold(self, t, out, before):
        if self.given:
            self.k(_hold, self.k.xp, out, self.on[t], before)

    def split(self, t, d, kept):
        """d becomes its part that goes through the step, `kept` the part that goes round it."""
        if self.given:
            self.k(self.k.xp.multiply, d, self.old[t], kept)
            self.k(self.k.xp.multiply, d, self.new[t], d)

    def rejoin(self, d, kept):
        if self.given:
            self.k(self.k.xp.add, d, kept, d)


class _Back:
    """The gradient on its way back: what enters at each step, and the sums at the end."""

    def __init__(self, k, g_y, sequences):
        self.k, self.g_y, self.sequences = k, g_y, sequences

    def enter(self, t, dh):
        if self.sequences:
            self.k(self.k.xp.add, dh, self.g_y[:, t].T, dh)

    def first(self, g_h, dh):
        """The gradient of the last state; without sequences, y is that state too."""
        if self.sequences:
            self.k(self.k.xp.copyto, dh, g_h.T)
        else:
            self.k(self.k.xp.add, g_h.T, self.g_y.T, dh)


class _Sums:
    """Gradients that are sums over all steps: of the weights and biases; and that of the inputs.

    Args:
        of_inputs: (dz, x, w, gates, dx, dw), dz (rows, time, batch) with the rows in the order
            `gates`.
        of_states: (dz, h, gates, du, db), h (time + 1, units + 1, batch).
    """

    def __init__(self, k, of_inputs, of_states):
        self.dz, self.x, self.w, self.gates, self.dx, dw = of_inputs
        dz_h, self.h, gates_h, du, db = of_states
        self.flat, self.flat_h = self._flat(k, self.dz), self._flat(k, dz_h)
        time, batch = dz_h.shape[1:]
        self.by_row = k.scratch((self.h.shape[1], time, batch), dz_h.dtype)
        self.states = self._flat(k, self.by_row)
        self.d_h = k.scratch((len(dz_h), self.h.shape[1]), dz_h.dtype)
        if self.w is not None:
            n, dtype = self.x.shape[2], dz_h.dtype
            self.by_time, self.back = (k.scratch((time, batch, n), dtype) for _ in range(2))
            self.d_x = k.scratch((len(self.dz), n), dtype)
            self.rows = _rows(k, self.w, None, [(g, 1) for g in self.gates])
        _steps_shared(k, self._bring, time, self.h.shape[1] * batch)
        parts = zip(*(_shares(n, dz_h.size) for n in (len(dz_h), len(self.dz), time)))
        k.side_by_side([partial(self._multiply, *part) for part in parts])
        units = len(du)
        for part, own in _blocks(gates_h, units):
            k(k.xp.copyto, du[:, own], self.d_h[part, :units].T)
            k(k.xp.copyto, db[own], self.d_h[part, units])
        if self.w is not None:
            for part, own in _blocks(self.gates, units):
                k(k.xp.copyto, dw[:, own], self.d_x[part].T)

    @staticmethod
    def _flat(k, a):
        return k.view(a, (a.shape[0], a.shape[1] * a.shape[2]))

    def _bring(self, k, some):
        """States by row and inputs by step, as the products want them."""
        k(k.xp.copyto, self.by_row[:, some], self.h[some].transpose(1, 0, 2))
        if self.w is not None:
            k(k.xp.copyto, self.by_time[some], self.x[:, some].transpose(1, 0, 2))

    def _multiply(self, rows_h, rows, steps, k):
        """Some rows of the weights' gradients, some steps of the inputs'."""
        xp, dx = k.xp, self.dx[:, steps]
        k(xp.matmul, self.flat_h[rows_h], self.states.T, self.d_h[rows_h])
        if self.w is None:
            for part, own in _blocks(self.gates, len(self.dz) // len(self.gates)):
                k(xp.copyto, dx[:, :, own], self.dz[part, steps].transpose(2, 1, 0))
            return
        time, batch, n = self.by_time.shape
        own = slice(steps.start * batch, steps.stop * batch)
        k(xp.matmul, self.flat[rows], k.view(self.by_time, (time * batch, n)), self.d_x[rows])
        k(xp.matmul, self.flat[:, own].T, self.rows, k.view(self.back, (time * batch, n))[own])
        k(xp.copyto, dx, self.back[steps].transpose(1, 0, 2))


# ---------------------------------------------------------------- LSTM
# Rows of a step: o, i, f (logistic ones together), g, and the cell before the step: [i; f] and
# [g; c] are each one block, whose product is both terms of the new cell. Rows of the gradient's
# buffer: of c through tanh, then o, i, f, g, then of the cell before. Steps are hundreds of calls
# of a microsecond or two: each call that is spared counts, the more where threads take turns.
LSTM_GATES = ((3, -1.0), (0, -1.0), (1, -1.0), (2, 1.0))


def _lstm_spec(x, w, u, b, h0, c0, mask, sequences, keep=True):
    _check("lstm", x, w, u, b, (h0, c0), 4)
    batch, time, units = _sizes(x, u)
    y, state = _outputs(x, u, sequences)
    steps, states = _kept(time, keep)
    sizes = ((states, 5 * units), (steps, units), (states, units + 1))
    return (y, state, state, *(Spec((*s, batch), x.dtype) for s in sizes))


@kernel("opaque", _lstm_spec)
def lstm_steps(k, out, x, w, u, b, h0, c0, mask, sequences, keep=True):
    """(y, h, c, gates and cells, tanh of the cells, states); see the module's docstring."""
    y, last_h, last_c, gates, squashed, h = out
    xp, (batch, time, n) = k.xp, _sizes(x, u)
    weights, masks = _rows(k, u, b, LSTM_GATES), _Masks(k, mask)
    of_state, terms = (k.scratch((m * n, batch), x.dtype) for m in (4, 2))
    inputs, chunks = _Inputs(k, x, w, LSTM_GATES), _steps(time, 4 * n * batch)[::-1]
    held = None if keep else k.scratch((_longest(chunks), 4 * n, batch), x.dtype)
    _start(k, h, h0)
    k(xp.copyto, gates[0, 4 * n :], c0.T)
    for start, stop in chunks:
        some = gates[start:stop, : 4 * n] if keep else held[: stop - start]
        inputs.into(some, start, stop)
        for t in range(start, stop):
            step, squash, state = _at(gates, t), _at(squashed, t), _at(h, t + 1)
            cell = _at(gates, t + 1)[4 * n :]
            k(xp.matmul, weights, _at(h, t), of_state)
            k(xp.add, some[t - start], of_state, step[: 4 * n])
            _logistic(k, step[: 3 * n])
            k(xp.tanh, step[3 * n : 4 * n], step[3 * n : 4 * n])
            k(xp.multiply, step[n : 3 * n], step[3 * n :], terms)
            k(xp.add, terms[:n], terms[n:], cell)
            k(xp.tanh, cell, squash)
            k(xp.multiply, squash, step[:n], state[:n])
            masks.hold(t, cell, step[4 * n :])
            masks.hold(t, state[:n], _at(h, t)[:n])
            if sequences:
                k(xp.copyto, y[:, t], state[:n].T)
    k(xp.copyto, last_c, _at(gates, time)[4 * n :].T)
    _finish(k, (y, last_h), h, time, sequences)


lstm_steps.axes = (0, None, None, None, 0, 0, 0), (0, 0, 0, 2, 2, 2)
lstm_steps.sliced = lambda x, w, u, *_: _sliced(x, u)


def _lstm_slopes(k, gates, squashed, n, out):
    """Factors of dh for the cell and o, then of dc for i, f, g, c: (steps, 6 n, batch)."""
    xp, mul = k.xp, k.xp.multiply
    o, i_f, g_c, g = (gates[:, a * n : b * n] for a, b in ((0, 1), (1, 3), (3, 5), (3, 4)))
    to_c, to_o, free = (out[:, j * n : (j + 1) * n] for j in (0, 1, 5))
    to_i_f, to_g, two = out[:, 2 * n : 4 * n], out[:, 4 * n : 5 * n], out[:, : 2 * n]
    k(mul, i_f, g_c, to_i_f)  # i (1 - i) g, f (1 - f) c, i (1 - g g)
    k(mul, to_i_f[:, :n], g, to_g)
    k(xp.subtract, i_f[:, :n], to_g, to_g)
    k(mul, to_i_f, i_f, two)
    k(xp.subtract, to_i_f, two, to_i_f)
    k(mul, o, squashed, to_o)  # o (1 - o) tanh(c), o (1 - tanh(c)**2)
    k(mul, to_o, squashed, to_c)
    k(xp.subtract, o, to_c, to_c)
    k(mul, to_o, o, free)
    k(xp.subtract, to_o, free, to_o)
    k(xp.copyto, free, i_f[:, n:])


def _lstm_slopes_of(kept, n, out, k, some):
    _lstm_slopes(k, *(a[some] for a in kept), n, out[some])


def _lstm_gradient_spec(g_y, g_h, g_c, x, w, u, mask, *kept, sequences):
    return _gradient_specs(x, w, u, (u.shape[1],), (g_h, g_c))


@kernel("opaque", _lstm_gradient_spec)
def lstm_gradient(k, out, g_y, g_h, g_c, x, w, u, mask, gates, squashed, h, sequences):
    """(dx, dw, du, db, dh0, dc0) by backpropagation through time."""
    dx, dw, du, db, dh0, dc0 = out
    xp, (batch, time, n) = k.xp, _sizes(x, u)
    mul, order = xp.multiply, [g for g, _ in LSTM_GATES]
    masks, back = _Masks(k, mask, x.dtype), _Back(k, g_y, sequences)
    weights = k.scratch((n, 4 * n), x.dtype)
    k(xp.copyto, weights, _rows(k, u, None, [(g, 1) for g in order]).T)
    dh, dc, kept_h, kept_c = (k.scratch((n, batch), x.dtype) for _ in range(4))
    dz = k.scratch((4 * n, time, batch), x.dtype)
    back.first(g_h, dh)
    k(xp.copyto, dc, g_c.T)
    chunks = _steps(time, 6 * n * batch)
    slopes, somes = (k.scratch((_longest(chunks), 6 * n, batch), x.dtype) for _ in range(2))
    for start, stop in chunks:
        kept = gates[start:stop], squashed[start:stop]
        _steps_shared(k, partial(_lstm_slopes_of, kept, n, slopes), stop - start, 6 * n * batch)
        for t in range(stop - 1, start - 1, -1):
            s, d = slopes[t - start], somes[t - start]
            back.enter(t, dh)
            masks.split(t, dh, kept_h)
            masks.split(t, dc, kept_c)
            k(mul, k.view(s[: 2 * n], (2, n, batch)), dh, k.view(d[: 2 * n], (2, n, batch)))
            k(xp.add, d[:n], dc, d[:n])
            k(mul, k.view(s[2 * n :], (4, n, batch)), d[:n], k.view(d[2 * n :], (4, n, batch)))
            k(xp.matmul, weights, d[n : 5 * n], dh)
            dc = d[5 * n :]
            masks.rejoin(dh, kept_h)
            masks.rejoin(dc, kept_c)
        into = dz[:, start:stop]
        _steps_shared(k, partial(_by_row, somes[:, n : 5 * n], into), stop - start, 4 * n * batch)
    k(xp.copyto, dh0, dh.T)
    k(xp.copyto, dc0, dc.T)
    _Sums(k, (dz, x, w, order, dx, dw), (dz, h, order, du, db))


lstm_gradient.axes = (0, 0, 0, 0, None, None, 0, 2, 2, 2), (0, "P", "P", "P", 0, 0)
lstm_gradient.sliced = lambda g_y, g_h, g_c, x, w, u, *_: _sliced(x, u)


# ---------------------------------------------------------------- GRU, reset after the product
GRU_GATES = ((0, -1.0), (1, -1.0), (2, 1.0))


def _gru_spec(x, w, u, b, h0, mask, sequences, keep=True):
    _check("gru", x, w, u, b, (h0,), 3)
    batch, time, units = _sizes(x, u)
    steps, states = _kept(time, keep)
    kept = Spec((steps, 4 * units, batch), x.dtype), Spec((states, units + 1, batch), x.dtype)
    return (*_outputs(x, u, sequences), *kept)


def _gru_biases(k, b, n):
    """The gates' biases, one for both parts, with the candidate's of the state; its other one."""
    bias = k.scratch((3 * n,), b.dtype)
    k(k.xp.copyto, bias, b[1])
    k(k.xp.add, bias[: 2 * n], b[0, : 2 * n], bias[: 2 * n])
    return bias, k.view(b[0, 2 * n :], (n, 1))


@kernel("opaque", _gru_spec)
def gru_steps(k, out, x, w, u, b, h0, mask, sequences, keep=True):
    """(y, h, gates, states); b (2, 3 units): of the inputs' and of the state's part.

    gates: rows z, r, the state's part p of the candidate, and the candidate tanh(x + r p).
    """
    y, last, gates, h = out
    xp, (batch, time, n) = k.xp, _sizes(x, u)
    bias, column = _gru_biases(k, b, n)
    weights, masks = _rows(k, u, bias, GRU_GATES), _Masks(k, mask)
    inputs, chunks = _Inputs(k, x, w, GRU_GATES), _steps(time, 3 * n * batch)[::-1]
    some = k.scratch((_longest(chunks), 3 * n, batch), x.dtype)
    part = k.scratch((n, batch), x.dtype)
    _start(k, h, h0)
    for start, stop in chunks:
        inputs.into(some[: stop - start], start, stop)
        k(xp.add, some[: stop - start, 2 * n :], column, some[: stop - start, 2 * n :])
        for t in range(start, stop):
            a, given = _at(gates, t), some[t - start]
            state, before = _at(h, t + 1)[:n], _at(h, t)[:n]
            k(xp.matmul, weights, _at(h, t), a[: 3 * n])
            k(xp.add, a[: 2 * n], given[: 2 * n], a[: 2 * n])
            _logistic(k, a[: 2 * n])
            k(xp.multiply, a[n : 2 * n], a[2 * n : 3 * n], part)
            k(xp.add, part, given[2 * n :], part)
            k(xp.tanh, part, a[3 * n :])
            k(xp.subtract, before, a[3 * n :], part)
            k(xp.multiply, part, a[:n], part)
            k(xp.add, part, a[3 * n :], state)
            masks.hold(t, state, before)
            if sequences:
                k(xp.copyto, y[:, t], state.T)
    _finish(k, (y, last), h, time, sequences)


gru_steps.axes = (0, None, None, None, 0, 0), (0, 0, 2, 2)
gru_steps.sliced = lambda x, w, u, *_: _sliced(x, u)


def _gru_slopes(k, gates, before, n, out):
    """Factors of dh for the candidate, z, r and the state's part p: (steps, 4 n, batch)."""
    z, r, p, new = (gates[:, j * n : (j + 1) * n] for j in range(4))
    to_new, to_z, to_r, to_p = (out[:, j * n : (j + 1) * n] for j in range(4))
    mul = k.xp.multiply
    _tanh_slope(k, new, to_new)
    k(k.xp.subtract, 1, z, to_p)
    k(mul, to_new, to_p, to_new)
    _slope(k, z, to_z)
    k(k.xp.subtract, before, new, to_p)
    k(mul, to_z, to_p, to_z)
    _slope(k, r, to_r)
    k(mul, to_r, p, to_r)
    k(mul, to_r, to_new, to_r)
    k(mul, to_new, r, to_p)


def _gru_slopes_of(kept, n, out, k, some):
    _gru_slopes(k, *(a[some] for a in kept), n, out[some])


def _gru_gradient_spec(g_y, g_h, x, w, u, mask, *kept, sequences):
    return _gradient_specs(x, w, u, (2, u.shape[1]), (g_h,))


@kernel("opaque", _gru_gradient_spec)
def gru_gradient(k, out, g_y, g_h, x, w, u, mask, gates, h, sequences):
    """(dx, dw, du, db, dh0) by backpropagation through time."""
    dx, dw, du, db, dh0 = out
    xp, (batch, time, n) = k.xp, _sizes(x, u)
    masks, back = _Masks(k, mask, x.dtype), _Back(k, g_y, sequences)
    weights = k.scratch((n, 3 * n), x.dtype)
    k(xp.copyto, weights, u)
    dh, part, kept = (k.scratch((n, batch), x.dtype) for _ in range(3))
    dz = k.scratch((4 * n, time, batch), x.dtype)  # rows: candidate, z, r, p
    back.first(g_h, dh)
    chunks = _steps(time, 4 * n * batch)
    slopes, some_dz = (k.scratch((_longest(chunks), 4 * n, batch), x.dtype) for _ in range(2))
    for start, stop in chunks:
        kept_steps = gates[start:stop], h[start:stop, :n]
        find = partial(_gru_slopes_of, kept_steps, n, slopes)
        _steps_shared(k, find, stop - start, 4 * n * batch)
        for t in range(stop - 1, start - 1, -1):
            s, d = slopes[t - start], some_dz[t - start]
            back.enter(t, dh)
            masks.split(t, dh, kept)
            k(xp.multiply, k.view(s, (4, n, batch)), dh, k.view(d, (4, n, batch)))
            k(xp.matmul, weights, d[n:], part)
            k(xp.multiply, dh, gates[t, :n], dh)
            k(xp.add, dh, part, dh)
            masks.rejoin(dh, kept)
        _steps_shared(
            k, partial(_by_row, some_dz, dz[:, start:stop]), stop - start, 4 * n * batch)
    k(xp.copyto, dh0, dh.T)
    _Sums(k, (dz[: 3 * n], x, w, (2, 0, 1), dx, dw), (dz[n:], h, (0, 1, 2), du, db[1]))
    k(xp.copyto, db[0, : 2 * n], db[1, : 2 * n])
    k(xp.sum, k.view(dz[:n], (n, time * batch)), 1, None, db[0, 2 * n :])


gru_gradient.axes = (0, 0, 0, None, None, 0, 2, 2), (0, "P", "P", "P", 0)
gru_gradient.sliced = lambda g_y, g_h, x, w, u, *_: _sliced(x, u)


# ---------------------------------------------------------------- the plain cell
def _simple_spec(x, w, u, b, h0, mask, sequences, keep=True):
    _check("simple_rnn", x, w, u, b, (h0,), 1)
    batch, time, units = _sizes(x, u)
    steps, states = _kept(time, keep)
    kept = Spec((steps, units, batch), x.dtype), Spec((states, units + 1, batch), x.dtype)
    return (*_outputs(x, u, sequences), *kept)


@kernel("opaque", _simple_spec)
def simple_rnn_steps(k, out, x, w, u, b, h0, mask, sequences, keep=True):
    """(y, h, new states, states): h = tanh(x w + h u + b)."""
    y, last, new, h = out
    xp, (batch, time, n) = k.xp, _sizes(x, u)
    weights, masks = _rows(k, u, b, ((0, 1.0),)), _Masks(k, mask)
    of_state = k.scratch((n, batch), x.dtype)
    inputs, chunks = _Inputs(k, x, w, ((0, 1.0),)), _steps(time, n * batch)[::-1]
    some = None if keep else k.scratch((_longest(chunks), n, batch), x.dtype)
    _start(k, h, h0)
    for start, stop in chunks:
        zs = new[start:stop] if keep else some[: stop - start]
        inputs.into(zs, start, stop)
        for t in range(start, stop):
            z, state = zs[t - start], _at(h, t + 1)[:n]
            k(xp.matmul, weights, _at(h, t), of_state)
            k(xp.add, z, of_state, z)
            k(xp.tanh, z, z)
            k(xp.copyto, state, z)
            masks.hold(t, state, _at(h, t)[:n])
            if sequences:
                k(xp.copyto, y[:, t], state.T)
    _finish(k, (y, last), h, time, sequences)


simple_rnn_steps.axes = (0, None, None, None, 0, 0), (0, 0, 2, 2)
simple_rnn_steps.sliced = lambda x, w, u, *_: _sliced(x, u)


def _simple_slopes(new, out, k, some):
    _tanh_slope(k, new[some], out[some])


def _simple_gradient_spec(g_y, g_h, x, w, u, mask, *kept, sequences):
    return _gradient_specs(x, w, u, (u.shape[1],), (g_h,))


@kernel("opaque", _simple_gradient_spec)
def simple_rnn_gradient(k, out, g_y, g_h, x, w, u, mask, new, h, sequences):
    """(dx, dw, du, db, dh0) by backpropagation through time."""
    dx, dw, du, db, dh0 = out
    xp, (batch, time, n) = k.xp, _sizes(x, u)
    masks, back = _Masks(k, mask, x.dtype), _Back(k, g_y, sequences)
    weights = k.scratch((n, n), x.dtype)
    k(xp.copyto, weights, u)
    dh, kept = (k.scratch((n, batch), x.dtype) for _ in range(2))
    dz = k.scratch((n, time, batch), x.dtype)
    back.first(g_h, dh)
    chunks = _steps(time, n * batch)
    some_dz = k.scratch((_longest(chunks), n, batch), x.dtype)
    for start, stop in chunks:
        _steps_shared(
            k, partial(_simple_slopes, new[start:stop], some_dz), stop - start, n * batch)
        for t in range(stop - 1, start - 1, -1):
            d = some_dz[t - start]
            back.enter(t, dh)
            masks.split(t, dh, kept)
            k(xp.multiply, d, dh, d)
            k(xp.matmul, weights, d, dh)
            masks.rejoin(dh, kept)
        _steps_shared(k, partial(_by_row, some_dz, dz[:, start:stop]), stop - start, n * batch)
    k(xp.copyto, dh0, dh.T)
    _Sums(k, (dz, x, w, (0,), dx, dw), (dz, h, (0,), du, db))


simple_rnn_gradient.axes = (0, 0, 0, None, None, 0, 2, 2), (0, "P", "P", "P", 0)
simple_rnn_gradient.sliced = lambda g_y, g_h, x, w, u, *_: _sliced(x, u)
