"""Recurrent layers over a whole sequence: LSTM, GRU and the plain cell, and their gradients.

The inputs' part of all steps is one matrix product; then each step is one product with the state
and a few passes over contiguous rows. Values of a step are held as (rows, batch), a row a unit of
a gate, so that gates are contiguous. A logistic gate is 0.5 tanh(x / 2) + 0.5, its rows of the
weights are halved beforehand, and one tanh serves several gates. The bias of the state's part
stands beside the recurrent weights, against a row of ones under the state.

The forward pass hands on what the backward pass needs; with `keep=False` only the last steps of it
stay, in arrays of one or two steps. The backward pass finds the slopes of the gates for
several steps at once, walks back through the steps, and sums the weights' gradients over all steps
in one product each. `mask`, booleans (batch, time) or None: where False, the state stays.

`w` None: x is the inputs' product already, (batch, time, rows), as where each gate has a dropout
mask of its own. Weights and gates are in Keras's order: i, f, g, o for the LSTM and z, r, h for
the GRU.
"""

from minikeras.dtypes import Spec
from minikeras.kernels.registry import kernel

CHUNK = 1 << 16  # elements of a gate over the steps whose slopes are found at once


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


class _Inputs:
    """The products of the inputs with the weights, (steps, rows, batch), some steps at a time."""

    def __init__(self, k, x, w, gates):
        self.k, self.x, self.gates = k, x, gates
        self.rows = None if w is None else _rows(k, w, None, gates)

    def into(self, out, start, stop):
        """The products of the steps from start to stop."""
        k, some = self.k, self.x[:, start:stop].transpose(1, 2, 0)
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
    """0.5 a + 0.5, in place: the logistic function of x where a = tanh(x / 2)."""
    k(k.xp.multiply, a, 0.5, a)
    k(k.xp.add, a, 0.5, a)


def _slope(k, a, out):
    """a (1 - a), the slope of the logistic function by its value."""
    k(k.xp.multiply, a, a, out)
    k(k.xp.subtract, a, out, out)


def _tanh_slope(k, a, out):
    """1 - a a, the slope of tanh by its value."""
    k(k.xp.multiply, a, a, out)
    k(k.xp.subtract, 1, out, out)


def _steps(time, units, batch):
    """Slices of steps from the last to the first, for whose gates the slopes are found at once."""
    n = max(1, CHUNK // max(1, units * batch))
    return [(max(0, stop - n), stop) for stop in range(time, 0, -n)]


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

    def inputs(self, dz, x, w, gates, dx, dw):
        """dx and dw from dz (rows, time, batch), the rows in the order `gates`."""
        k, xp = self.k, self.k.xp
        batch, time, n = x.shape
        units = dz.shape[0] // len(gates)
        if w is None:
            for i, g in enumerate(gates):
                part, own = slice(i * units, (i + 1) * units), slice(g * units, (g + 1) * units)
                k(xp.copyto, dx[:, :, own], dz[part].transpose(2, 1, 0))
            return
        flat = k.view(dz, (dz.shape[0], time * batch))
        by_time, d = k.scratch((time, batch, n), x.dtype), k.scratch((dz.shape[0], n), x.dtype)
        steps = k.view(by_time, (time * batch, n))
        k(xp.copyto, by_time, x.transpose(1, 0, 2))
        k(xp.matmul, flat, steps, d)
        rows = _rows(k, w, None, [(g, 1) for g in gates])
        for i, g in enumerate(gates):
            part = slice(i * units, (i + 1) * units)
            k(xp.copyto, dw[:, g * units : (g + 1) * units], d[part].T)
        k(xp.matmul, flat.T, rows, steps)
        k(xp.copyto, dx, by_time.transpose(1, 0, 2))

    def states(self, dz, h, gates, du, db):
        """du and the bias's gradient from dz and the states (time + 1, units + 1, batch)."""
        k, xp = self.k, self.k.xp
        time, batch = dz.shape[1:]
        units = du.shape[0]
        by_row = k.scratch((h.shape[1], time, batch), dz.dtype)
        d = k.scratch((dz.shape[0], h.shape[1]), dz.dtype)
        k(xp.copyto, by_row, h[:time].transpose(1, 0, 2))
        flat = k.view(by_row, (h.shape[1], time * batch))
        k(xp.matmul, k.view(dz, (dz.shape[0], time * batch)), flat.T, d)
        for i, g in enumerate(gates):
            part, own = slice(i * units, (i + 1) * units), slice(g * units, (g + 1) * units)
            k(xp.copyto, du[:, own], d[part, :units].T)
            k(xp.copyto, db[own], d[part, units])


# ---------------------------------------------------------------- LSTM
LSTM_GATES = ((2, 1.0), (0, 0.5), (1, 0.5), (3, 0.5))  # rows g, i, f, o: the logistic ones together


def _lstm_spec(x, w, u, b, h0, c0, mask, sequences, keep=True):
    _check("lstm", x, w, u, b, (h0, c0), 4)
    batch, time, units = _sizes(x, u)
    y, state = _outputs(x, u, sequences)
    steps, states = _kept(time, keep)
    sizes = ((steps, 4 * units), (steps, units), (states, units), (states, units + 1))
    return (y, state, state, *(Spec((*s, batch), x.dtype) for s in sizes))


@kernel("opaque", _lstm_spec)
def lstm_steps(k, out, x, w, u, b, h0, c0, mask, sequences, keep=True):
    """(y, h, c, gates, tanh of the cells, cells, states); see the module's docstring."""
    y, last_h, last_c, gates, squashed, c, h = out
    xp, (batch, time, n) = k.xp, _sizes(x, u)
    weights, masks = _rows(k, u, b, LSTM_GATES), _Masks(k, mask)
    of_state, part = (k.scratch((m * n, batch), x.dtype) for m in (4, 1))
    inputs, chunks = _Inputs(k, x, w, LSTM_GATES), _steps(time, 4 * n, batch)[::-1]
    some = None if keep else k.scratch((_longest(chunks), 4 * n, batch), x.dtype)
    _start(k, h, h0)
    _start(k, c, c0)
    for start, stop in chunks:
        zs = gates[start:stop] if keep else some[: stop - start]
        inputs.into(zs, start, stop)
        for t in range(start, stop):
            z, squash, cell, state = zs[t - start], _at(squashed, t), _at(c, t + 1), _at(h, t + 1)
            k(xp.matmul, weights, _at(h, t), of_state)
            k(xp.add, z, of_state, z)
            k(xp.tanh, z, z)
            _logistic(k, z[n:])
            k(xp.multiply, z[:n], z[n : 2 * n], part)
            k(xp.multiply, z[2 * n : 3 * n], _at(c, t), cell)
            k(xp.add, cell, part, cell)
            k(xp.tanh, cell, squash)
            k(xp.multiply, squash, z[3 * n :], state[:n])
            masks.hold(t, cell, _at(c, t))
            masks.hold(t, state[:n], _at(h, t)[:n])
            if sequences:
                k(xp.copyto, y[:, t], state[:n].T)
    k(xp.copyto, last_c, _at(c, time).T)
    _finish(k, (y, last_h), h, time, sequences)


lstm_steps.axes = (0, None, None, None, 0, 0, 0), (0, 0, 0, 2, 2, 2, 2)


def _lstm_slopes(k, gates, squashed, c, n, out):
    """Factors of dc for g, i, f, then of dh for o and for the cell: (steps, 5 n, batch)."""
    g, i, f, o = (gates[:, j * n : (j + 1) * n] for j in range(4))
    to_g, to_i, to_f, to_o, to_c = (out[:, j * n : (j + 1) * n] for j in range(5))
    mul = k.xp.multiply
    _slope(k, gates[:, n:], out[:, n : 4 * n])
    _tanh_slope(k, g, to_g)
    k(mul, to_g, i, to_g)
    k(mul, to_i, g, to_i)
    k(mul, to_f, c, to_f)
    k(mul, to_o, squashed, to_o)
    _tanh_slope(k, squashed, to_c)
    k(mul, to_c, o, to_c)


def _lstm_gradient_spec(g_y, g_h, g_c, x, w, u, mask, *kept, sequences):
    return _gradient_specs(x, w, u, (u.shape[1],), (g_h, g_c))


@kernel("opaque", _lstm_gradient_spec)
def lstm_gradient(k, out, g_y, g_h, g_c, x, w, u, mask, gates, squashed, c, h, sequences):
    """(dx, dw, du, db, dh0, dc0) by backpropagation through time."""
    dx, dw, du, db, dh0, dc0 = out
    xp, (batch, time, n) = k.xp, _sizes(x, u)
    mul, order = xp.multiply, [g for g, _ in LSTM_GATES]
    masks, back, gate = _Masks(k, mask, x.dtype), _Back(k, g_y, sequences), (3, n, batch)
    weights = k.scratch((n, 4 * n), x.dtype)
    k(xp.copyto, weights, _rows(k, u, None, [(g, 1) for g in order]).T)
    dh, dc, part, kept_h, kept_c = (k.scratch((n, batch), x.dtype) for _ in range(5))
    dz = k.scratch((4 * n, time, batch), x.dtype)
    back.first(g_h, dh)
    k(xp.copyto, dc, g_c.T)
    chunks = _steps(time, 5 * n, batch)
    slopes, some_dz = (k.scratch((_longest(chunks), m * n, batch), x.dtype) for m in (5, 4))
    for start, stop in chunks:
        some = slice(start, stop)
        _lstm_slopes(k, gates[some], squashed[some], c[some], n, slopes[: stop - start])
        for t in range(stop - 1, start - 1, -1):
            s, d = slopes[t - start], some_dz[t - start]
            back.enter(t, dh)
            masks.split(t, dh, kept_h)
            masks.split(t, dc, kept_c)
            k(mul, dh, s[4 * n :], part)
            k(xp.add, dc, part, dc)
            k(mul, k.view(s[: 3 * n], gate), dc, k.view(d[: 3 * n], gate))
            k(mul, dh, s[3 * n : 4 * n], d[3 * n :])
            k(mul, dc, gates[t, 2 * n : 3 * n], dc)
            k(xp.matmul, weights, d, dh)
            masks.rejoin(dh, kept_h)
            masks.rejoin(dc, kept_c)
        k(xp.copyto, dz[:, some], some_dz[: stop - start].transpose(1, 0, 2))
    k(xp.copyto, dh0, dh.T)
    k(xp.copyto, dc0, dc.T)
    back.inputs(dz, x, w, order, dx, dw)
    back.states(dz, h, order, du, db)


lstm_gradient.axes = (0, 0, 0, 0, None, None, 0, 2, 2, 2, 2), (0, "P", "P", "P", 0, 0)


# ---------------------------------------------------------------- GRU, reset after the product
GRU_GATES = ((0, 0.5), (1, 0.5), (2, 1.0))


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
    inputs, chunks = _Inputs(k, x, w, GRU_GATES), _steps(time, 3 * n, batch)[::-1]
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
            k(xp.tanh, a[: 2 * n], a[: 2 * n])
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
    chunks = _steps(time, 4 * n, batch)
    slopes, some_dz = (k.scratch((_longest(chunks), 4 * n, batch), x.dtype) for _ in range(2))
    for start, stop in chunks:
        some = slice(start, stop)
        _gru_slopes(k, gates[some], h[some, :n], n, slopes[: stop - start])
        for t in range(stop - 1, start - 1, -1):
            s, d = slopes[t - start], some_dz[t - start]
            back.enter(t, dh)
            masks.split(t, dh, kept)
            k(xp.multiply, k.view(s, (4, n, batch)), dh, k.view(d, (4, n, batch)))
            k(xp.matmul, weights, d[n:], part)
            k(xp.multiply, dh, gates[t, :n], dh)
            k(xp.add, dh, part, dh)
            masks.rejoin(dh, kept)
        k(xp.copyto, dz[:, some], some_dz[: stop - start].transpose(1, 0, 2))
    k(xp.copyto, dh0, dh.T)
    back.inputs(dz[: 3 * n], x, w, (2, 0, 1), dx, dw)
    back.states(dz[n:], h, (0, 1, 2), du, db[1])
    k(xp.copyto, db[0, : 2 * n], db[1, : 2 * n])
    k(xp.sum, k.view(dz[:n], (n, time * batch)), 1, None, db[0, 2 * n :])


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
    inputs, chunks = _Inputs(k, x, w, ((0, 1.0),)), _steps(time, n, batch)[::-1]
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
    chunks = _steps(time, n, batch)
    some_dz = k.scratch((_longest(chunks), n, batch), x.dtype)
    for start, stop in chunks:
        _tanh_slope(k, new[start:stop], some_dz[: stop - start])
        for t in range(stop - 1, start - 1, -1):
            d = some_dz[t - start]
            back.enter(t, dh)
            masks.split(t, dh, kept)
            k(xp.multiply, d, dh, d)
            k(xp.matmul, weights, d, dh)
            masks.rejoin(dh, kept)
        k(xp.copyto, dz[:, start:stop], some_dz[: stop - start].transpose(1, 0, 2))
    k(xp.copyto, dh0, dh.T)
    back.inputs(dz, x, w, (0,), dx, dw)
    back.states(dz, h, (0,), du, db)
