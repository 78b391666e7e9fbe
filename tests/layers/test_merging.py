"""Layers of several inputs: values, ranks, masks, functions, errors."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

ELEMENTWISE = {
    "Add": lambda *x: sum(x[1:], x[0]), "Subtract": lambda a, b: a - b,
    "Multiply": lambda *x: np.prod(np.broadcast_arrays(*x), axis=0),
    "Average": lambda *x: sum(x[1:], x[0]) / len(x),
    "Maximum": lambda *x: np.max(np.broadcast_arrays(*x), axis=0),
    "Minimum": lambda *x: np.min(np.broadcast_arrays(*x), axis=0),
}
NAMES = list(ELEMENTWISE)


def arrays(*shapes):
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, s).astype("float32") for s in shapes]


def masked(x, mask):
    x = ops.convert_to_tensor(x)
    x._keras_mask = ops.convert_to_tensor(np.array(mask))
    return x


def mask_of(y):
    mask = getattr(y, "_keras_mask", None)
    return None if mask is None else ops.convert_to_numpy(mask).tolist()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shapes", [[(2, 3)] * 2, [(2, 3, 4), (2, 1, 4)], [(2, 3), (2, 3), (2, 1)]])
def test_values(name, shapes):
    xs = arrays(*(shapes[:2] if name == "Subtract" else shapes))
    want = ELEMENTWISE[name](*xs)
    for merge in (getattr(layers, name)(), getattr(layers, name.lower())):
        np.testing.assert_allclose(ops.convert_to_numpy(merge(xs)), want, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_lower_ranks_get_axes_after_the_batch(name):
    a, b = arrays((2, 3, 4), (2, 4))
    y = getattr(layers, name)()([a, b])
    np.testing.assert_allclose(
        ops.convert_to_numpy(y), ELEMENTWISE[name](a, b[:, None]), rtol=1e-6)


@pytest.mark.parametrize("name", [n.lower() for n in NAMES])
def test_functions_take_the_layers_arguments_and_symbols(name):
    inputs = [keras.Input((3,)), keras.Input((3,))]
    out = getattr(layers, name)(inputs, name="merged")
    assert out.shape == (None, 3)
    layer = keras.Model(inputs, out).get_layer("merged")
    assert type(layer).__name__ == name.capitalize()


@pytest.mark.parametrize("name", NAMES)
def test_masks_are_united_where_all_inputs_have_one(name):
    a, b = arrays((2, 3, 4), (2, 3, 4))
    first, second = [[1, 0, 0], [1, 1, 0]], [[0, 1, 0], [1, 0, 0]]
    first, second = np.array(first, bool), np.array(second, bool)
    layer = getattr(layers, name)()
    assert mask_of(layer([masked(a, first), masked(b, second)])) == (first | second).tolist()
    assert mask_of(layer([masked(a, first), b])) is None
    assert mask_of(layer([a, b])) is None
    with pytest.raises(ValueError, match="one length"):
        layer.compute_mask([a, b], [first])


def test_masks_of_concatenate():
    a, b = arrays((2, 3, 4), (2, 2, 4))
    first = np.array([[1, 0, 0], [1, 1, 0]], bool)
    y = layers.Concatenate(axis=1)([masked(a, first), b])
    assert mask_of(y) == np.concatenate([first, np.ones((2, 2), bool)], 1).tolist()
    c = arrays((2, 3, 1))[0]
    y = layers.Concatenate(axis=-1)([masked(a, first), masked(c, ~first)])
    assert mask_of(y) == np.ones((2, 3), bool).tolist()  # of some feature


def test_dot_has_no_mask():
    a, b = arrays((2, 3, 4), (2, 3, 4))
    m = np.ones((2, 3), bool)
    assert mask_of(layers.Dot(1)([masked(a, m), masked(b, m)])) is None


@pytest.mark.parametrize("shapes, axes, equation", [
    ([(2, 3), (2, 3)], 1, "bi,bi->b"), ([(2, 3, 4), (2, 5, 4)], -1, "bik,bjk->bij"),
    ([(2, 3, 4), (2, 4, 3)], (1, 2), "bki,bjk->bij"), ([(2, 3, 4), (2, 4)], (2, 1), "bik,bk->bi"),
    ([(2, 3, 4, 5), (2, 5, 3)], (3, 1), "bijk,bkl->bijl"),
])
@pytest.mark.parametrize("normalize", [False, True])
def test_dot(shapes, axes, equation, normalize):
    a, b = arrays(*shapes)
    first, second = (axes, axes) if isinstance(axes, int) else axes
    want = [x / np.linalg.norm(x, axis=i, keepdims=True) if normalize else x
            for x, i in ((a, first), (b, second))]
    want = np.einsum(equation, *want)
    want = want[:, None] if want.ndim == 1 else want
    for y in (layers.Dot(axes, normalize=normalize)([a, b]),
              layers.dot([a, b], axes=axes, normalize=normalize)):
        np.testing.assert_allclose(ops.convert_to_numpy(y), want, rtol=1e-5, atol=1e-6)


def test_inputs_that_are_no_list():
    for layer in (layers.Add(name="mine"), layers.Dot(1, name="mine")):
        with pytest.raises(ValueError, match='"mine".*list of inputs.*Received.*2, 3'):
            layer(np.ones((2, 3), "float32"))


@pytest.mark.parametrize("name", NAMES)
def test_shapes_that_do_not_merge(name):
    layer = getattr(layers, name)(name="mine")
    with pytest.raises(ValueError, match=r'"mine".*incompatible shapes.*\(2, 3\), \(2, 4\)'):
        layer(arrays((2, 3), (2, 4)))
    with pytest.raises(ValueError, match=r'"mine".*batch sizes.*\(2, 3\), \(5, 3\)'):
        getattr(layers, name)(name="mine")(arrays((2, 3), (5, 3)))


@pytest.mark.parametrize("layer", [layers.Subtract(name="mine"), layers.Dot(1, name="mine")])
@pytest.mark.parametrize("count", [1, 3])
def test_exactly_two_inputs(layer, count):
    with pytest.raises(ValueError, match=f'exactly 2 inputs.*"mine": {count} inputs'):
        layer(arrays(*[(2, 3)] * count))


@pytest.mark.parametrize("axes, error, words", [
    ("a", TypeError, "a list or an int.*axes=a"), ((1, 2, 3), ValueError, "two of them.*(1, 2, 3)"),
    ((1, "a"), ValueError, "two of them"),
])
def test_axes_of_dot(axes, error, words):
    with pytest.raises(error, match=words):
        layers.Dot(axes)


def test_axes_of_dot_against_the_inputs():
    with pytest.raises(ValueError, match="cannot sum over the batch axis.*axes=0"):
        layers.Dot(0)(arrays((2, 3), (2, 3)))
    with pytest.raises(ValueError, match=r"lengths 3 and 4.*\(2, 3\), \(2, 4\)"):
        layers.Dot(1)(arrays((2, 3), (2, 4)))
    with pytest.raises(ValueError, match="out of bounds"):
        layers.Dot(2)(arrays((2, 3), (2, 3)))


def test_concatenate():
    a, b = arrays((2, 3, 4), (2, 1, 4))
    for y in (layers.Concatenate(axis=1)([a, b]), layers.concatenate([a, b], axis=-2)):
        np.testing.assert_array_equal(ops.convert_to_numpy(y), np.concatenate([a, b], 1))
    with pytest.raises(ValueError, match="matching shapes except.*(2, 3, 4)"):
        layers.Concatenate()([a, b])
    with pytest.raises(ValueError, match="one rank"):
        layers.Concatenate()(arrays((2, 3, 4), (2, 3)))


def test_one_input_is_its_own_sum():
    (a,) = arrays((2, 3))
    for name in ("Add", "Multiply", "Average", "Maximum", "Minimum"):
        np.testing.assert_array_equal(ops.convert_to_numpy(getattr(layers, name)()([a])), a)


def test_ties_share_the_gradient():
    x = [ops.convert_to_tensor([[1.0, 2.0]]), ops.convert_to_tensor([[1.0, 0.0]])]
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = layers.Maximum()(x)
    found = [ops.convert_to_numpy(g).tolist() for g in tape.gradient(y, x)]
    assert found == [[[0.5, 1.0]], [[0.5, 0.0]]]
