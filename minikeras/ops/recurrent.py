"""Ops that recurrent layers are made of: whole sequences through an LSTM, a GRU, a plain cell.

Internal; the layers prepare their arguments. All tensors have one dtype, float32 or float64; `mask`
is booleans (batch, time), False where the state stays, or None. First derivatives are kernels too.
Derivatives of higher order go through the same formulas step by step.
"""

from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.kernels import recurrent as _kernels  # noqa: F401 (their table)
from minikeras.ops.indexing import where
from minikeras.ops.second_order import gradient_by_ops, recorded
from minikeras.ops.shaping import expand_dims, stack

DECLARES_FOR_ITS_CALLERS = True


# ---------------------------------------------------------------- steps along the time axis
@op(vjp=(lambda xp, g, _y, _x: xp.concatenate(
    *(xp.reshape(d, shape=(d.shape[0], 1, *d.shape[1:])) for d in g), axis=1),), outs="many")
def time_steps(xp, x):
    """The slices x[:, 0], x[:, 1], ... of (batch, time, ...); one gradient for all of them."""
    return tuple(xp.slice_view(x, key=(slice(None), t)) for t in range(x.shape[1]))


# ---------------------------------------------------------------- gradients
def _zero_if_none(xp, g, like):
    return xp.filled(like, value=0, dtype=like.dtype) if g is None else g


def _by_ops(step, sequences):
    """The op as a function of (x, w, u, b, *states, mask), by ops, step by step.

    `step(x_t, states, *weights)` gives the new states; h is the first of them.
    """

    def run(x, w, u, b, *rest):
        *states, mask = rest
        weights = (u, b) if w is None else (w, u, b)
        return _walk(step, x, weights, states, mask, sequences)

    return run


def _walk(step, x, weights, states, mask, sequences):
    steps = time_steps(x)
    masks = (None,) * len(steps) if mask is None else time_steps(expand_dims(mask, -1))
    ys = []
    for x_t, on in zip(steps, masks):
        new = step(x_t, states, *weights)
        if on is not None:
            new = [where(on, a, b) for a, b in zip(new, states)]
        states = new
        ys.append(states[0])
    return (stack(ys, axis=1) if sequences else states[0], *states)


def _vjp(step, name):
    """The joint vjp of an op of (x, w, u, b, *states, mask)."""

    def run(xp, g, y, tensors, sequences):
        if recorded(xp):
            return gradient_by_ops(_by_ops(step, sequences), tensors, g)
        g = [_zero_if_none(xp, d, like) for d, like in zip(g, y)]
        x, w, u, mask = (tensors[i] for i in (0, 1, 2, -1))
        return (*getattr(xp, name)(*g, x, w, u, mask, *y[len(g) :], sequences=sequences), None)

    return run


# ---------------------------------------------------------------- LSTM
def _inputs(x, w=None):
    return x if w is None else x @ w


def _gates(z, n):
    units = z.shape[-1] // n
    return [z[..., i * units : (i + 1) * units] for i in range(n)]


def _lstm_step(x, states, *weights):
    h, c = states
    *w, u, b = weights
    i, f, g, o = _gates(_inputs(x, *w) + h @ u + b, 4)
    sigmoid, tanh = OPS["sigmoid"], OPS["tanh"]
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return [sigmoid(o) * tanh(c), c]


_lstm_gradient = _vjp(_lstm_step, "lstm_gradient")


def _lstm_vjp(xp, g, y, x, w, u, _b, _h0, _c0, mask, sequences, keep):
    return _lstm_gradient(xp, g, y, (x, w, u, _b, _h0, _c0, mask), sequences)


@op(vjp=_lstm_vjp, joint=True, tensors=7, outs=3, keeps=True)
def lstm(xp, x, w, u, b, h0, c0, mask, sequences=False, keep=True):
    """(y, h, c): an LSTM over (batch, time, features), and its last states.

    z = x_t w + h u + b, cut into i, f, g, o; c <- logistic(f) c + logistic(i) tanh(g);
    h <- logistic(o) tanh(c).

    Args:
        x: `(batch, time, features)`; with w None, the inputs' product `(batch, time, 4 units)`.
        w, u, b: `(features, 4 units)`, `(units, 4 units)`, `(4 units,)`.
        h0, c0: `(batch, units)`.
        mask: booleans `(batch, time)` or None.
        sequences: whether y is h after every step, `(batch, time, units)`, or the last.
        keep: whether a gradient may be asked for.

    Reference: S. Hochreiter, J. Schmidhuber 1997, Long short-term memory.
    """
    if recorded(xp):
        return (None,) * 6  # the vjp starts from the arguments
    return xp.lstm_steps(x, w, u, b, h0, c0, mask, sequences=sequences, keep=keep)


# ---------------------------------------------------------------- GRU
def _gru_step(x, states, *weights):
    (h,) = states
    *w, u, b = weights
    xz, xr, xh = _gates(_inputs(x, *w) + b[0], 3)
    hz, hr, hh = _gates(h @ u + b[1], 3)
    sigmoid, tanh = OPS["sigmoid"], OPS["tanh"]
    z = sigmoid(xz + hz)
    new = tanh(xh + sigmoid(xr + hr) * hh)
    return [z * h + (1 - z) * new]


_gru_gradient = _vjp(_gru_step, "gru_gradient")


def _gru_vjp(xp, g, y, x, w, u, b, _h0, mask, sequences, keep):
    return _gru_gradient(xp, g, y, (x, w, u, b, _h0, mask), sequences)


@op(vjp=_gru_vjp, joint=True, tensors=6, outs=2, keeps=True)
def gru(xp, x, w, u, b, h0, mask, sequences=False, keep=True):
    """(y, h): a GRU whose reset gate acts after the product with the state.

    a = x_t w + b[0], p = h u + b[1], each cut into z, r, h; z = logistic(a_z + p_z),
    r = logistic(a_r + p_r), new = tanh(a_h + r p_h); h <- z h + (1 - z) new.

    Args: as of `lstm`, with 3 units in place of 4 and b of shape `(2, 3 units)`.

    Reference: K. Cho et al. 2014, arXiv:1406.1078, in the form of cuDNN.
    """
    if recorded(xp):
        return (None,) * 4
    return xp.gru_steps(x, w, u, b, h0, mask, sequences=sequences, keep=keep)


# ---------------------------------------------------------------- the plain cell
def _simple_step(x, states, *weights):
    *w, u, b = weights
    return [OPS["tanh"](_inputs(x, *w) + states[0] @ u + b)]


_simple_gradient = _vjp(_simple_step, "simple_rnn_gradient")


def _simple_vjp(xp, g, y, x, w, u, _b, _h0, mask, sequences, keep):
    return _simple_gradient(xp, g, y, (x, w, u, _b, _h0, mask), sequences)


@op(vjp=_simple_vjp, joint=True, tensors=6, outs=2, keeps=True)
def simple_rnn(xp, x, w, u, b, h0, mask, sequences=False, keep=True):
    """(y, h) with h <- tanh(x_t w + h u + b). Args: as of `lstm`, with units in place of 4 units.

    Reference: J. L. Elman 1990, Finding structure in time.
    """
    if recorded(xp):
        return (None,) * 4
    return xp.simple_rnn_steps(x, w, u, b, h0, mask, sequences=sequences, keep=keep)
