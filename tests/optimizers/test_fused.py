"""Updates of all variables at once: the same values as one by one, and tensors stay as they are."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops, optimizers
from minikeras.arrays import NUMPY
from minikeras.kernels import registry, update

SHAPES = [(3, 4), (4,), (), (2, 3, 5), (7,)]
CASES = {
    "sgd": (optimizers.SGD, {}),
    "momentum": (optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": (optimizers.Adam, {}),
    "amsgrad": (optimizers.Adam, {"amsgrad": True}),
    "rmsprop": (optimizers.RMSprop, {"momentum": 0.5, "centered": True}),
}


def one_by_one(cls):
    """The optimizer without `at_once`."""
    rule = cls.update_step

    class Plain(cls):
        def update_step(self, gradient, variable, learning_rate):
            rule(self, gradient, variable, learning_rate)

    return Plain


def made(rng):
    return [keras.Variable(rng.normal(size=s).astype("float32")) for s in SHAPES]


def gradients(rng):
    return [ops.convert_to_tensor(rng.normal(size=s).astype("float32")) for s in SHAPES]


@pytest.mark.parametrize("name", CASES)
def test_same_values_as_one_by_one(name):
    cls, arguments = CASES[name]
    pairs = []
    for kind in (cls, one_by_one(cls)):
        rng = np.random.default_rng(0)
        w, optimizer = made(rng), kind(0.1, **arguments)
        for step in range(5):
            optimizer.apply(gradients(rng), w)
            if step == 2:
                w[1].assign(np.full(4, 9.0))  # no longer a part of the common buffer
            if step == 3:
                w[0].assign(ops.reshape(w[0].value, (3, 4)))
        pairs.append([v.numpy() for v in (*w, *optimizer.variables)])
    for a, b in zip(*pairs):
        np.testing.assert_array_equal(a, b)


def test_two_variables_given_the_same_tensor():
    w = [keras.Variable(np.full(3, x, "float32")) for x in (1.0, 2.0)]
    optimizer = optimizers.SGD(1.0)
    optimizer.apply([ops.zeros((3,))] * 2, w)
    w[0].assign(w[1].value)
    optimizer.apply([ops.ones((3,)), ops.zeros((3,))], w)
    assert [v.numpy()[0] for v in w] == [1.0, 2.0]


@pytest.mark.parametrize("name", CASES)
def test_tensors_taken_before_do_not_change(name, rng):
    cls, arguments = CASES[name]
    w, optimizer = made(rng), cls(0.1, **arguments)
    optimizer.apply(gradients(rng), w)
    for _ in range(2):
        held = [v.value for v in (*w, *optimizer.variables)]
        copies = [t.numpy().copy() for t in held]
        g = gradients(rng)
        given = [t.numpy().copy() for t in g]
        optimizer.apply(g, w)
        for t, c in zip((*held, *g), (*copies, *given)):
            np.testing.assert_array_equal(t.numpy(), c)


def test_variables_without_gradients_in_some_steps(rng):
    w, optimizer = made(rng), optimizers.Adam(0.1)
    optimizer.apply(gradients(rng), w)
    before = w[2].numpy()
    g = gradients(rng)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([None if i == 2 else x for i, x in enumerate(g)], w)
    np.testing.assert_array_equal(w[2].numpy(), before)
    optimizer.apply(g, w)
    assert w[2].numpy() != before


@pytest.mark.parametrize("kernel, slots, static", [
    ("sgd_update", 1, {"momentum": 0.9, "nesterov": True}),
    ("adam_update", 3, {"beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-7, "amsgrad": True}),
    ("rmsprop_update", 3, {"rho": 0.9, "momentum": 0.5, "epsilon": 1e-7, "centered": True}),
])
def test_kernel_in_place_and_in_pieces(kernel, slots, static, rng, monkeypatch):
    """A result may have its argument's memory, and large arrays may be cut."""
    k = registry.eager(NUMPY).emitter
    scalars = [np.asarray(0.1, "float32"), np.asarray(3, "int32")][: 2 if "adam" in kernel else 1]
    arrays = [np.abs(rng.normal(size=(6, 50))).astype("float32") for _ in range(slots + 2)]
    arrays[1] += 20  # a mean of squares is more than the square of the mean
    kern = registry.KERNELS[kernel]
    expected = [np.empty_like(a) for a in arrays[:-1]]
    kern.run(k, expected, *scalars, *arrays, **static)
    monkeypatch.setattr(update, "PIECE", 64)
    cut = [np.empty_like(a) for a in arrays[:-1]]
    kern.run(k, cut, *scalars, *arrays, **static)
    kern.run(k, arrays[:-1], *scalars, *arrays, **static)
    for e, c, a in zip(expected, cut, arrays):
        np.testing.assert_array_equal(c, e)
        np.testing.assert_array_equal(a, e)
