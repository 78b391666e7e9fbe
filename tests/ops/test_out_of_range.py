"""Indices out of range: the same outcome on every device, values and gradients."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops

NAN = float("nan")
X = np.arange(1.0, 7.0).reshape(2, 3)


def taken(dtype, index_dtype="int32", **options):
    indices = ops.convert_to_tensor(np.array([2, -1, 3, -4, 0]).astype(index_dtype))
    y = ops.take(ops.cast(X, dtype), indices, **options)
    assert y.dtype == dtype
    return ops.convert_to_numpy(y).astype("complex128" if "complex" in dtype else "float64")


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "complex64"])
@pytest.mark.parametrize("index_dtype", ["int8", "int32", "int64"])
def test_take_gives_nan_in_dtypes_that_have_it(dtype, index_dtype, device):
    want = np.array([[3, 3, NAN, NAN, 1], [6, 6, NAN, NAN, 4]])
    np.testing.assert_array_equal(np.real(taken(dtype, index_dtype, axis=1)), want)


@pytest.mark.parametrize(("dtype", "want"), [
    ("int32", [[3, 3, 0, 0, 1], [6, 6, 0, 0, 4]]), ("uint8", [[3, 3, 0, 0, 1], [6, 6, 0, 0, 4]]),
    ("bool", [[1, 1, 0, 0, 1], [1, 1, 0, 0, 1]]),
])
def test_take_gives_0_in_dtypes_without_nan(dtype, want, device):
    np.testing.assert_array_equal(taken(dtype, axis=1), want)


def test_take_along_the_first_axis_and_of_the_flattened_tensor(device):
    np.testing.assert_array_equal(
        ops.convert_to_numpy(ops.take(X, [1, 2, -2, -3], axis=0))[:, 0], [4, NAN, 1, NAN])
    np.testing.assert_array_equal(
        ops.convert_to_numpy(ops.take(X, [5, 6, -6, -7])), [6, NAN, 1, NAN])
    unsigned = ops.convert_to_tensor(np.array([1, 255], "uint8"))
    np.testing.assert_array_equal(ops.convert_to_numpy(ops.take(X, unsigned))[:2], [2, NAN])


def test_small_indices_into_a_long_axis(device):
    long = np.arange(300.0)
    for dtype, index in (("int8", -1), ("uint8", 200)):
        indices = ops.convert_to_tensor(np.array([index], dtype))
        assert ops.convert_to_numpy(ops.take(long, indices)).item() == long[index]


def test_nothing_to_take_from(device):
    empty = ops.zeros((2, 0))
    assert np.isnan(ops.convert_to_numpy(ops.take(empty, [0, 1], axis=1))).all()
    y = ops.take_along_axis(empty, np.zeros((2, 1), "int32"), axis=1)
    assert y.shape == (2, 1)
    assert np.isnan(ops.convert_to_numpy(y)).all()


def test_take_along_axis(device):
    indices = np.array([[2, -3, 3], [-4, 1, 0]])
    want = np.array([[3, 1, NAN], [NAN, 5, 4]])
    np.testing.assert_array_equal(
        ops.convert_to_numpy(ops.take_along_axis(X, indices, axis=1)), want)
    got = ops.take_along_axis(X.astype("int32"), indices, axis=1)
    np.testing.assert_array_equal(ops.convert_to_numpy(got), np.nan_to_num(want))


@pytest.mark.parametrize(("name", "indices", "axis", "want"), [
    ("take", [2, 2, 3, -1, -4], 1, [[0, 0, 3], [0, 0, 3]]),
    ("take", [1, 2, -1, -3], 0, [[0, 0, 0], [2, 2, 2]]),
    ("take_along_axis", [[2, 3, -4], [0, -3, 9]], 1, [[0, 0, 1], [2, 0, 0]]),
])
def test_no_gradient_flows_through_them(name, indices, axis, want, device):
    x = ops.convert_to_tensor(X)
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(getattr(ops, name)(x, indices, axis=axis))
    np.testing.assert_array_equal(ops.convert_to_numpy(tape.gradient(y, x)), want)


def test_indexing_by_tensors(device):
    x = ops.convert_to_tensor(X)
    rows, columns = ops.convert_to_tensor([0, 0, -1, 5]), ops.convert_to_tensor([5, 2, -3, 0])
    got = ops.convert_to_numpy(x[rows, columns])
    np.testing.assert_array_equal(got, [NAN, 3, 4, NAN])  # [0, 5] is not the sixth element


def test_one_hot(device):
    got = ops.convert_to_numpy(ops.one_hot([1, 3, -1], 3))
    np.testing.assert_array_equal(got, [[0, 1, 0], [0, 0, 0], [0, 0, 0]])


def test_embedding(device):
    layer = keras.layers.Embedding(3, 2, weights=[X.reshape(3, 2).astype("float32")])
    got = ops.convert_to_numpy(layer(np.array([[0, 3, -1, -4]])))
    np.testing.assert_array_equal(got[0], [[1, 2], [NAN, NAN], [NAN, NAN], [NAN, NAN]])


def test_python_integers_are_checked():
    with pytest.raises(IndexError, match="Index 3 is out of range for axis 1 of length 3"):
        ops.convert_to_tensor(X)[0, 3]
