"""Crossentropies against float64 definitions, at the edges, on both devices; their gradients."""

import ml_dtypes
import numpy as np
import pytest
from scipy import special

import minikeras as keras
from minikeras import ops
from minikeras.arrays import library_of
from minikeras.core.op import RECORDING
from minikeras.kernels import registry

EPSILON = 1e-7


def tensor(x, dtype="float64"):
    return ops.convert_to_tensor(np.asarray(x), dtype=dtype)


def log_p(output, from_logits, axis=-1):
    """Logarithm of the predicted distribution, by definition."""
    if from_logits:
        return special.log_softmax(output, axis)
    total = output.sum(axis, keepdims=True)
    return np.log(np.clip(output / np.where(total == 0, 1, total), EPSILON, 1 - EPSILON))


def categorical(target, output, from_logits=False, axis=-1):
    return -(target * log_p(output, from_logits, axis)).sum(axis)


def sparse(labels, output, from_logits=False, axis=-1):
    classes = output.shape[axis]
    one_hot = (np.expand_dims(labels, axis) == np.arange(classes).reshape(
        [-1 if i == axis % output.ndim else 1 for i in range(output.ndim)]))
    return categorical(one_hot, output, from_logits, axis)


def binary(target, output, from_logits=False):
    if from_logits:
        return -(target * special.log_expit(output) + (1 - target) * special.log_expit(-output))
    p = np.clip(output, EPSILON, 1 - EPSILON)
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


def outputs(rng, shape, from_logits):
    return rng.normal(size=shape) * 3 if from_logits else rng.uniform(0.05, 1, shape)


# ---------------------------------------------------------------- values
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("shape, axis", [((5, 4), -1), ((2, 3, 4), -1), ((2, 4, 3), 1), ((4,), 0),
                                         ((3, 2, 2, 5), -2), ((1, 1), -1)])
def test_values(rng, device, shape, axis, from_logits):
    output = outputs(rng, shape, from_logits)
    target = rng.uniform(size=shape)
    rows = [n for i, n in enumerate(shape) if i != axis % len(shape)]
    labels = rng.integers(0, shape[axis], rows)
    keywords = {"from_logits": from_logits, "axis": axis}
    for dtype, tolerance in (("float64", 1e-12), ("float32", 5e-6)):
        got = ops.categorical_crossentropy(
            tensor(target, dtype), tensor(output, dtype), **keywords)
        np.testing.assert_allclose(
            got.numpy(), categorical(target, output, **keywords), tolerance, tolerance)
        got = ops.sparse_categorical_crossentropy(labels, tensor(output, dtype), **keywords)
        np.testing.assert_allclose(
            got.numpy(), sparse(labels, output, **keywords), tolerance, tolerance)
        assert got.dtype == dtype
        scores = output if from_logits else output * 0.9
        got = ops.binary_crossentropy(tensor(target, dtype), tensor(scores, dtype), from_logits)
        np.testing.assert_allclose(
            got.numpy(), binary(target, scores, from_logits), tolerance, tolerance)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_sums_in_single(rng, dtype):
    half = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}[dtype]
    logits = rng.normal(size=(3, 5000)).astype(half)
    labels = np.array([0, 17, 4999])
    got = ops.sparse_categorical_crossentropy(labels, tensor(logits, dtype), from_logits=True)
    assert keras.backend.standardize_dtype(got.dtype) == dtype
    want = sparse(labels, logits.astype("float64"), True)
    np.testing.assert_allclose(
        got.numpy().astype("float64"), want, 2e-3 if dtype == "float16" else 1e-2)


def test_labels_with_a_last_axis_of_one(rng):
    output = rng.uniform(0.1, 1, (2, 3, 4))
    labels = rng.integers(0, 4, (2, 3))
    flat = ops.sparse_categorical_crossentropy(labels, tensor(output)).numpy()
    column = ops.sparse_categorical_crossentropy(labels[..., None], tensor(output)).numpy()
    np.testing.assert_array_equal(flat, column)
    assert flat.shape == (2, 3)


@pytest.mark.parametrize("label_dtype", ["int8", "int64", "uint8", "float32", "int32"])
def test_label_dtypes(rng, label_dtype):
    output = rng.uniform(0.1, 1, (3, 4))
    labels = np.array([3, 0, 2])
    got = ops.sparse_categorical_crossentropy(labels.astype(label_dtype), tensor(output))
    np.testing.assert_allclose(got.numpy(), sparse(labels, output), 1e-12)


@pytest.mark.parametrize("from_logits", [False, True])
def test_unknown_labels_give_nothing(rng, device, from_logits):
    output = outputs(rng, (4, 3), from_logits)
    labels = np.array([-1, 3, 1, -(2**31)])
    x = tensor(output)
    with keras.GradientTape() as tape:
        tape.watch(x)
        loss = ops.sparse_categorical_crossentropy(labels, x, from_logits=from_logits)
    gradient = tape.gradient(loss, x).numpy()
    want = sparse(np.array([0, 0, 1, 0]), output, from_logits)
    np.testing.assert_allclose(loss.numpy(), [0, 0, want[2], 0], 1e-12)
    assert np.all(gradient[[0, 1, 3]] == 0) and np.all(gradient[2] != 0)


def test_extreme_logits(device):
    big = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [3e38, -3e38, 0.0]], "float32")
    got = ops.sparse_categorical_crossentropy([0, 1, 0], big, from_logits=True).numpy()
    np.testing.assert_allclose(got, [0, np.log(2), 0], 1e-6)
    got = ops.sparse_categorical_crossentropy([1, 0, 0], big, from_logits=True).numpy()
    np.testing.assert_allclose(got, [2e4, 2e4 + np.log(2), 0], 1e-6)
    z = np.array([1e4, -1e4, 1e4, -1e4, np.inf, -np.inf], "float32")
    got = ops.binary_crossentropy(
        np.array([1, 0, 0, 1, 1, 0], "float32"), z, from_logits=True).numpy()
    np.testing.assert_array_equal(got, [0, 0, 1e4, 1e4, 0, 0])


def test_a_class_of_logit_minus_infinity_is_out_of_the_race():
    z = tensor([[0.0, -np.inf, 0.0]])
    with keras.GradientTape() as tape:
        tape.watch(z)
        loss = ops.sparse_categorical_crossentropy([0], z, from_logits=True)
    np.testing.assert_allclose(loss.numpy(), [np.log(2)])
    np.testing.assert_allclose(tape.gradient(loss, z).numpy(), [[-0.5, 0, 0.5]])
    assert ops.sparse_categorical_crossentropy([1], z, from_logits=True).numpy()[0] == np.inf


def test_probabilities_of_0_and_1_are_clipped(device):
    p = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], "float32")
    got = ops.sparse_categorical_crossentropy([0, 0, 0], p).numpy()
    low, high = -np.log(np.float32(1e-7)), -np.log(np.float32(1) - np.float32(1e-7))
    np.testing.assert_allclose(got, [high, low, low], 1e-6)
    got = ops.categorical_crossentropy(np.eye(2, dtype="float32")[[0, 0, 0]], p).numpy()
    np.testing.assert_allclose(got, [high, low, low], 1e-6)
    got = ops.binary_crossentropy(np.array([0.0, 1.0, 1.0], "float32"), p[:, 0]).numpy()
    np.testing.assert_allclose(got, [-np.log(np.float32(1) - (np.float32(1) - np.float32(1e-7))),
                                     low, low], 1e-5)


@pytest.mark.parametrize("from_logits", [False, True])
def test_nan_stays_nan(from_logits):
    bad = np.array([[np.nan, 0.5], [0.5, 0.5]])
    for loss in (
        ops.sparse_categorical_crossentropy([0, 0], tensor(bad), from_logits=from_logits),
        ops.categorical_crossentropy(tensor(np.eye(2)), tensor(bad), from_logits=from_logits),
        ops.binary_crossentropy(tensor(np.eye(2)), tensor(bad), from_logits)[:, 0],
    ):
        assert np.isnan(loss.numpy()[0]) and np.isfinite(loss.numpy()[1])


# ---------------------------------------------------------------- errors, symbolic
def test_wrong_pairings_are_told():
    p = np.full((6, 4), 0.25)
    with pytest.raises(ValueError, match=r"output.shape=.*one-hot targets use the categorical"):
        ops.sparse_categorical_crossentropy(np.eye(4)[[0, 1, 2, 3, 0, 1]], p)
    with pytest.raises(ValueError, match=r"integer labels use the sparse .*Received"):
        ops.categorical_crossentropy(np.zeros(6), p)
    with pytest.raises(ValueError, match="same shape"):
        ops.binary_crossentropy(np.zeros((6, 1)), p)
    with pytest.raises(ValueError, match="out of bounds"):
        ops.categorical_crossentropy(p, p, axis=2)
    with pytest.raises(ValueError, match="same shape"):
        ops.categorical_crossentropy(keras.KerasTensor((None, 3)), keras.KerasTensor((None, 4)))


def test_symbolic_shapes():
    p = keras.KerasTensor((None, 7, 4), "float32")
    labels = keras.KerasTensor((None, 7), "int32")
    for from_logits in (False, True):
        got = ops.sparse_categorical_crossentropy(labels, p, from_logits=from_logits)
        assert (got.shape, got.dtype) == ((None, 7), "float32")
        assert ops.categorical_crossentropy(p, p, from_logits=from_logits).shape == (None, 7)
        assert ops.categorical_crossentropy(p, p, axis=1).shape == (None, 4)
        assert ops.binary_crossentropy(p, p, from_logits=from_logits).shape == (None, 7, 4)


# ---------------------------------------------------------------- gradients
def gradients(function, x, direction=None):
    """The gradient of the scalar function at x; with `direction`, of its product with it too."""
    x = tensor(x)
    with keras.GradientTape() as outer:
        outer.watch(x)
        with keras.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
        first = inner.gradient(y, x)
        projected = None if direction is None else ops.sum(first * tensor(direction))
    if direction is None:
        return first.numpy()
    return first.numpy(), outer.gradient(projected, x).numpy()


def central(function, x, step=1e-5):
    """Central differences of a scalar function."""
    found = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        high, low = x.copy(), x.copy()
        high[i] += step
        low[i] -= step
        found[i] = (function(high) - function(low)) / (2 * step)
    return found


def cases(rng, from_logits):
    """(name, scalar function of the predictions, predictions)."""
    x = outputs(rng, (4, 5), from_logits)
    target, weights = rng.uniform(size=(4, 5)), rng.normal(size=4)
    labels = np.array([0, 4, -1, 2])

    def weighted(loss, axis=-1):
        along = weights if axis == -1 else np.append(weights, 0.7)
        return ops.sum(loss * tensor(along))

    keywords = {"from_logits": from_logits}
    yield "sparse", lambda x: weighted(
        ops.sparse_categorical_crossentropy(labels, x, **keywords)), x
    yield "sparse axis 0", lambda x: weighted(ops.sparse_categorical_crossentropy(
        np.array([0, 1, 2, 3, 9]), x, axis=0, **keywords), 0), x
    yield "categorical", lambda x: weighted(
        ops.categorical_crossentropy(tensor(target), x, **keywords)), x
    yield "categorical axis 0", lambda x: weighted(
        ops.categorical_crossentropy(tensor(target), x, axis=0, **keywords), 0), x
    yield "binary", lambda x: weighted(ops.mean(
        ops.binary_crossentropy(tensor(target), x, from_logits), axis=-1)), (
        x if from_logits else x * 0.9)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("which", range(5))
def test_gradients(rng, which, from_logits):
    _, function, x = list(cases(rng, from_logits))[which]
    direction = rng.normal(size=x.shape)
    first, second = gradients(function, x, direction)
    np.testing.assert_allclose(first, central(lambda v: float(function(tensor(v))), x), 1e-6, 1e-8)
    want = central(lambda v: float((gradients(function, v) * direction).sum()), x)
    np.testing.assert_allclose(second, want, 1e-5, 1e-7)


@pytest.mark.parametrize("from_logits", [False, True])
def test_gradients_of_targets(rng, from_logits):
    x, target = outputs(rng, (3, 4), from_logits) * 0.9, rng.uniform(size=(3, 4))
    weights = tensor(rng.normal(size=3))

    def many(t):
        return ops.sum(weights * ops.categorical_crossentropy(t, tensor(x), from_logits))

    def two(t):
        return ops.sum(ops.binary_crossentropy(t, tensor(x), from_logits)[:, 0] * weights)

    for function in (many, two):
        np.testing.assert_allclose(
            gradients(function, target),
            central(lambda v, f=function: float(f(tensor(v))), target), 1e-6, 1e-8)


def test_no_gradient_where_clipped(device):
    p = tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0]], "float32")
    for function in (
        lambda x: ops.sparse_categorical_crossentropy([1, 2, 0], x),
        lambda x: ops.categorical_crossentropy(tensor(np.eye(3)[[1, 2, 0]], "float32"), x),
    ):
        with keras.GradientTape() as tape:
            tape.watch(p)
            loss = function(p)
        np.testing.assert_array_equal(tape.gradient(loss, p).numpy(), np.zeros((3, 3)))


def test_logit_gradients_at_the_extremes(device):
    z = tensor([1000.0, -1000.0, 60.0, -60.0, 0.0], "float32")
    with keras.GradientTape() as tape:
        tape.watch(z)
        loss = ops.binary_crossentropy(
            tensor([1.0, 0.0, 0.0, 1.0, 1.0], "float32"), z, from_logits=True)
    np.testing.assert_allclose(tape.gradient(loss, z).numpy(), [0, 0, 1, -1, -0.5], atol=1e-6)


# ---------------------------------------------------------------- kernels
def test_kernels_do_what_their_composites_say(rng, device):
    """The composite definitions stand in for the kernels in gradients of gradients."""
    x, target = rng.uniform(0.1, 1, (4, 5)), rng.uniform(size=(4, 5))
    labels = np.array([0, 4, -1, 7], "int32")
    g, q, s = rng.normal(size=4), rng.uniform(0.1, 1, 4), rng.uniform(1, 2, 4)
    e = {"epsilon": EPSILON}
    for name, arrays, static in (
        ("softmax_nll", (x, labels), {}),
        ("softmax_nll_gradient", (g, x, labels), {}),
        ("probability_nll_gradient", (g, q, s, labels), {"classes": 5, **e}),
        ("softmax_crossentropy", (x, target), {}),
        ("softmax_crossentropy_gradient", (g, x, target), {}),
        ("probability_crossentropy", (x, target), e),
        ("probability_crossentropy_gradient", (g, x, s, target), e),
        ("sigmoid_crossentropy", (x, target), {}),
        ("probability_binary_crossentropy", (x, target), e),
        ("probability_binary_crossentropy_gradient", (x, x, target), e),
    ):
        tensors = [ops.convert_to_tensor(a) for a in arrays]
        library = registry.eager(library_of(tensors[0]._value))
        kernel = getattr(library, name)(*(t._value for t in tensors), **static)
        composite = getattr(RECORDING, name)(*tensors, **static)
        pairs = zip(kernel, composite) if isinstance(kernel, tuple) else [(kernel, composite)]
        for made, said in pairs:
            np.testing.assert_allclose(
                ops.convert_to_numpy(made), said.numpy(), 1e-12, 1e-14, err_msg=name)


def test_inputs_that_are_not_contiguous(rng):
    wide = rng.uniform(0.1, 1, (5, 8))
    x, labels = tensor(wide)[:, ::2], np.array([0, 3, 1, 2, 3])
    np.testing.assert_allclose(
        ops.sparse_categorical_crossentropy(labels, x).numpy(), sparse(labels, wide[:, ::2]))
    np.testing.assert_allclose(
        ops.sparse_categorical_crossentropy(labels, x, from_logits=True).numpy(),
        sparse(labels, wide[:, ::2], True))


def test_no_rows():
    empty = ops.zeros((0, 3))
    assert ops.sparse_categorical_crossentropy(ops.zeros((0,), "int32"), empty).shape == (0,)
    assert ops.categorical_crossentropy(empty, empty).shape == (0,)
