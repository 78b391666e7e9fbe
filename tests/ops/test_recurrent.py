"""Whole sequences through LSTM, GRU and the plain cell: against step by step, and differences."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops
from minikeras.kernels import recurrent as kernels
from minikeras.ops import recurrent

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 2
KINDS = {"lstm": (4, 2), "gru": (3, 1), "simple_rnn": (1, 1)}  # gates, states


def logistic(x):
    return 1 / (1 + np.exp(-x))


def lstm(z, states, u):
    h, c = states
    i, f, g, o = np.split(z + h @ u, 4, -1)
    c = logistic(f) * c + logistic(i) * np.tanh(g)
    return [logistic(o) * np.tanh(c), c]


def gru(z, states, u, b):
    (h,) = states
    xz, xr, xh = np.split(z, 3, -1)
    hz, hr, hh = np.split(h @ u + b, 3, -1)
    gate = logistic(xz + hz)
    return [gate * h + (1 - gate) * np.tanh(xh + logistic(xr + hr) * hh)]


def by_definition(kind, x, w, u, b, *rest, sequences):
    """(y, *states) in NumPy, sample by sample where the mask says."""
    *states, mask = rest
    z = x if w is None else x @ w
    if kind == "gru":
        z, more = z + b[0], (b[1],)
    else:
        z, more = z + b, ()
    step = {"lstm": lstm, "gru": gru, "simple_rnn": lambda z, s, u: [np.tanh(z + s[0] @ u)]}[kind]
    ys = []
    for t in range(x.shape[1]):
        new = step(z[:, t], states, u, *more)
        if mask is not None:
            new = [np.where(mask[:, t, None], a, s) for a, s in zip(new, states)]
        states = new
        ys.append(states[0])
    return (np.stack(ys, 1) if sequences else states[0], *states)


def arguments(kind, rng, masked=False, projected=False, time=TIME):
    gates, states = KINDS[kind]
    x = rng.normal(size=(BATCH, time, gates * UNITS if projected else FEATURES))
    w = None if projected else rng.normal(size=(FEATURES, gates * UNITS))
    b = rng.normal(size=(2, gates * UNITS) if kind == "gru" else (gates * UNITS,))
    mask = rng.random((BATCH, time)) > 0.4 if masked else None
    return [x, w, rng.normal(size=(UNITS, gates * UNITS)), b,
            *(rng.normal(size=(BATCH, UNITS)) for _ in range(states)), mask]


def tensors(args):
    return [None if a is None else ops.convert_to_tensor(a) for a in args]


@pytest.fixture(params=[1, 1 << 16], ids=["a step a chunk", "all steps a chunk"])
def chunk(request, monkeypatch):
    monkeypatch.setattr(kernels, "CHUNK", request.param)


@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_values(kind, sequences, masked, projected, rng, device, chunk):
    args = arguments(kind, rng, masked, projected)
    want = by_definition(kind, *args, sequences=sequences)
    for keep in (True, False):
        got = getattr(recurrent, kind)(*tensors(args), sequences=sequences, keep=keep)
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a.numpy(), b, rtol=1e-12, atol=1e-12)


class Scalar:
    """A fixed projection of the results (those of `which`) as a function of the float arguments."""

    def __init__(self, kind, args, sequences, which, rng):
        self.run, self.args, self.sequences = getattr(recurrent, kind), args, sequences
        self.at = [i for i, a in enumerate(args) if a is not None and a.dtype != bool]
        self.which = which
        shapes = [y.shape for y in self.run(*tensors(args), sequences=sequences)]
        self.weights = [rng.normal(size=s) for s in shapes]
        self.directions = [rng.normal(size=args[i].shape) for i in self.at]

    def __call__(self, floats):
        full = tensors(self.args)
        for i, t in zip(self.at, floats):
            full[i] = t
        results = self.run(*full, sequences=self.sequences)
        return sum(ops.sum(results[i] * self.weights[i]) for i in self.which)

    def moved(self, step):
        return [ops.convert_to_tensor(self.args[i] + step * d)
                for i, d in zip(self.at, self.directions)]

    def gradient(self, floats):
        with keras.GradientTape() as tape:
            tape.watch(floats)
            value = self(floats)
        return tape.gradient(value, floats)

    def along(self, grads):
        return sum(float(np.sum(g.numpy() * d)) for g, d in zip(grads, self.directions))


@pytest.mark.parametrize("which", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_gradient_against_differences(kind, sequences, masked, projected, which, rng, chunk):
    f = Scalar(kind, arguments(kind, rng, masked, projected), sequences, which, rng)
    step = 1e-6
    slope = (float(f(f.moved(step))) - float(f(f.moved(-step)))) / (2 * step)
    np.testing.assert_allclose(f.along(f.gradient(f.moved(0))), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives_against_differences(kind, masked, projected, rng):
    args = arguments(kind, rng, masked, projected, time=3)
    f = Scalar(kind, args, True, range(KINDS[kind][1] + 1), rng)
    weights = [rng.normal(size=args[i].shape) for i in f.at]

    def projection(floats):
        with keras.GradientTape() as tape:
            tape.watch(floats)
            value = f(floats)
        grads = tape.gradient(value, floats)
        return sum(ops.sum(g * w) for g, w in zip(grads, weights))

    floats = f.moved(0)
    with keras.GradientTape() as outer:
        outer.watch(floats)
        value = projection(floats)
    got = f.along(outer.gradient(value, floats))
    step = 1e-5
    slope = (float(projection(f.moved(step))) - float(projection(f.moved(-step)))) / (2 * step)
    np.testing.assert_allclose(got, slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives_where_the_state_comes_from_the_inputs(kind, rng):
    """A path from x to the first state must not be counted twice."""
    args = arguments(kind, rng, time=2)
    run, weights = getattr(recurrent, kind), tensors(args[1:4])

    def f(x):
        first = ops.tanh(x[:, 0, :UNITS])
        states = [first] * KINDS[kind][1]
        return ops.sum(ops.square(run(x, *weights, *states, None, sequences=True)[0]))

    def slope(x):
        with keras.GradientTape() as tape:
            tape.watch(x)
            value = f(x)
        return tape.gradient(value, x)

    x, direction = ops.convert_to_tensor(args[0]), rng.normal(size=args[0].shape)
    with keras.GradientTape() as outer:
        outer.watch(x)
        along = ops.sum(slope(x) * direction)
    got = outer.gradient(along, x).numpy()
    step = 1e-6
    near = [slope(ops.convert_to_tensor(args[0] + s * direction)).numpy() for s in (step, -step)]
    np.testing.assert_allclose(got, (near[0] - near[1]) / (2 * step), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_are_left_alone(kind, rng):
    args = arguments(kind, rng, masked=True)
    before = [None if a is None else a.copy() for a in args]
    f = Scalar(kind, args, True, (0,), rng)
    f.gradient(f.moved(0))
    for a, b in zip(args, before):
        assert a is b is None or (a == b).all()


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_that_do_not_fit(kind, rng):
    args = tensors(arguments(kind, rng))
    run = getattr(recurrent, kind)
    for i, what in ((1, "kernel"), (2, "recurrent kernel"), (3, "bias"), (4, "state")):
        wrong = list(args)
        wrong[i] = ops.ones((7, 9))
        with pytest.raises(ValueError, match=what):
            run(*wrong)


def test_steps_of_a_sequence_have_one_gradient(rng):
    x = ops.convert_to_tensor(rng.normal(size=(2, 4, 3)))
    with keras.GradientTape() as tape:
        tape.watch(x)
        steps = recurrent.time_steps(x)
        value = ops.sum(steps[0] * 2) + ops.sum(ops.square(steps[2]))
    want = np.zeros((2, 4, 3))
    want[:, 0], want[:, 2] = 2, 2 * x.numpy()[:, 2]
    np.testing.assert_allclose(tape.gradient(value, x).numpy(), want)
