"""What a program's calls are made of: numbers one by one, ufuncs, products and sums."""

import itertools

import numpy as np
import pytest

from minikeras import dtypes
from minikeras.arrays import NUMPY
from minikeras.arrays.quiet import quiet, restore
from minikeras.core.program.writer import Writer
from minikeras.kernels import registry
from minikeras.kernels.registry import KERNELS

EAGER = registry.eager(NUMPY)
FLOATS = [0.0, -0.0, 1.0, -1.0, 1 / 3, 0.1, 3e38, -3e38, 1e-38, 1e-45, 16777217.0, np.pi,
          np.inf, -np.inf, np.nan]
INTS = [0, 1, -1, 7, 2**31 - 1, -2**31, 46341]


def programmed(name, *operands):
    """What a program's call of a kernel gives, and the calls."""
    kernel = KERNELS[name]
    spec = kernel.specs(*operands)
    out, writer = np.empty(spec.shape, spec.dtype), Writer(NUMPY)
    kernel.choose("cpu", operands, {})(writer, out, *operands)
    calls, token = writer.take(), quiet()
    try:
        for call in calls:
            call()
    finally:
        restore(token)
    return out, calls


def eager(name, *operands):
    token = quiet()
    try:
        return getattr(EAGER, name)(*operands)
    finally:
        restore(token)


BINARY = ["add", "subtract", "multiply", "divide", "equal", "not_equal", "greater",
          "greater_equal", "less", "less_equal"]


@pytest.mark.parametrize(("name", "dtype"), [
    pair for pair in itertools.product(BINARY, ["float32", "float64", "int32", "int64"])
    if pair not in (("divide", "int32"), ("divide", "int64"))])  # made floating before
def test_numbers_are_bitwise_those_of_ufuncs(name, dtype):
    values = FLOATS if "float" in dtype else INTS
    rng = np.random.default_rng(0)
    if "float" in dtype:
        values = values + (rng.standard_normal(15) * 10.0 ** rng.integers(-30, 30, 15)).tolist()
    with np.errstate(all="ignore"):
        arrays = [np.array(v, dtype) for v in values]
    for a, b in itertools.product(arrays, arrays):
        out, (call,) = programmed(name, a, b)
        assert not isinstance(call.func, np.ufunc)
        np.testing.assert_array_equal(out, eager(name, a, b))
        assert np.signbit(out) == np.signbit(eager(name, a, b)) or np.isnan(out)
    for a, number in itertools.product(arrays, [0, 2, -3, *[0.1, 1e-3] * ("float" in dtype)]):
        for pair in ((a, number), (number, a)):
            np.testing.assert_array_equal(programmed(name, *pair)[0], eager(name, *pair))


@pytest.mark.parametrize("name", ["negative", "square", "sqrt"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_a_number(name, dtype):
    with np.errstate(all="ignore"):
        arrays = [np.array(v, dtype) for v in FLOATS]
    for a in arrays:
        np.testing.assert_array_equal(programmed(name, a)[0], eager(name, a))


def test_choice_between_numbers():
    a, b = np.array(2.5, "float32"), np.array(np.nan, "float32")
    for mask in (np.array(True), np.array(False)):
        for pair in ((a, b), (0, a), (a, 0.1)):
            out, (call,) = programmed("blend", mask, *pair)
            assert call.func.__name__ == "_choose"
            np.testing.assert_array_equal(out, eager("blend", mask, *pair))


def test_ufuncs_take_arrays_alone():
    """Numbers become arrays of the operand's dtype, the result one more argument."""
    a = np.arange(6, dtype="float32").reshape(2, 3)
    for name, pair in [("multiply", (a, 0.1)), ("subtract", (1, a)), ("greater", (a, 2)),
                       ("add", (a, a)), ("power", (a, 2))]:
        out, (call,) = programmed(name, *pair)
        assert all(type(x) is np.ndarray for x in call.args) and not call.keywords
        np.testing.assert_array_equal(out, eager(name, *pair))
    out, (call,) = programmed("maximum", a, 2)
    assert type(call.args[1]) is np.ndarray and list(call.keywords) == ["out"]
    whole = np.arange(4, dtype="int32")
    np.testing.assert_array_equal(programmed("multiply", whole, 3)[0], whole * 3)


@pytest.mark.parametrize("shape", [((5, 4), (4, 3)), ((1, 4), (4, 1)), ((3, 0), (0, 2)),
                                   ((0, 3), (3, 2)), ((7, 1), (1, 5))])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bfloat16", "float16"])
def test_matrix_products(shape, dtype):
    rng = np.random.default_rng(0)
    dtype = dtypes.canonical(dtype)
    a, b = (rng.integers(-4, 5, s).astype(dtype) for s in shape)
    expected = (a.astype("float64") @ b.astype("float64")).astype(a.dtype)
    for left, right in ((a, b), (a.T.copy().T, b), (a, b.T.copy().T)):
        np.testing.assert_array_equal(programmed("matmul", left, right)[0], expected)
        np.testing.assert_array_equal(eager("matmul", left, right), expected)
    wide = np.zeros((shape[0][0], 2 * shape[1][1]), a.dtype)  # rows that are not whole
    KERNELS["matmul"].choose("cpu", (a, b), {})(EAGER.emitter, wide[:, ::2], a, b)
    np.testing.assert_array_equal(wide[:, ::2], expected)
    assert not wide[:, 1::2].any()


@pytest.mark.parametrize(("shape", "axis"), [
    ((32, 16), (0,)), ((32, 16), (1,)), ((3, 4, 5), (0, 1)), ((3, 4, 5), (2,)), ((40,), (0,)),
    ((3, 4, 5), (0, 1, 2)), ((32, 1), (0,)), ((1, 32), (0,)), ((0, 9), (0,)), ((70, 70), (0, 1))])
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums(shape, axis, keepdims):
    a = np.random.default_rng(0).standard_normal(shape).astype("float32")
    expected = a.astype("float64").sum(axis, keepdims=keepdims)
    for x in (a, np.asfortranarray(a)):
        y = EAGER.sum(x, axis=axis, keepdims=keepdims)
        assert y.shape == expected.shape
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
