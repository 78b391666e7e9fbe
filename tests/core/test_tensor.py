"""Tensor: facts, conversions to and from everything, operators, indexing, what is refused."""

import copy
import pickle

import ml_dtypes
import numpy as np
import pytest

import minikeras as keras
from minikeras import ops


def tensor(value, dtype=None):
    return ops.convert_to_tensor(value, dtype)


# ---------------------------------------------------------------- facts
def test_shape_dtype_device_and_representation():
    t = tensor([[1.0, 2.0], [3.0, 4.0]])
    assert t.shape == (2, 2) and type(t.shape) is tuple
    assert t.dtype == np.dtype("float32") and t.dtype.name == "float32"
    assert (t.ndim, t.size, len(t), t.device) == (2, 4, 2, "cpu:0")
    assert repr(t).startswith("<Tensor shape=(2, 2), dtype=float32, value=")
    assert t.T.tolist() == [[1.0, 3.0], [2.0, 4.0]]


@pytest.mark.parametrize(("value", "dtype"), [
    (True, "bool"), (3, "int32"), (2.5, "float32"), (1j, "complex64"),
    ([1, 2.5], "float32"), ([True, 2], "int32"), ([], "float32"), ([[True], [False]], "bool"),
    (np.arange(3), "int64"), (np.float64(1), "float64"), (np.float16(1), "float16"),
    (np.ones(2, ml_dtypes.bfloat16), "bfloat16"), (np.uint8([1]), "uint8"),
])
def test_dtype_that_a_value_gets(value, dtype):
    assert tensor(value).dtype.name == dtype


def test_floatx_is_the_dtype_of_python_floats():
    keras.config.set_floatx("float64")
    assert tensor(1.0).dtype.name == "float64" and tensor([1.0]).dtype.name == "float64"


def test_lists_of_tensors_are_stacked_and_keep_their_gradient():
    v = keras.Variable([1.0, 2.0])
    with keras.GradientTape() as tape:
        y = ops.sum(tensor([v[0] * 2.0, v[1] * 3.0]))
    assert tape.gradient(y, v).tolist() == [2.0, 3.0]


@pytest.mark.parametrize("value", ["text", ["a", "b"], b"x", np.array([object()]), [None]])
def test_strings_and_objects_are_no_tensors(value):
    with pytest.raises(ValueError, match="no tensors|could not be made a tensor"):
        tensor(value)


def test_ragged_lists_are_refused():
    with pytest.raises(ValueError, match="could not be made a tensor"):
        tensor([[1, 2], [3]])


# ---------------------------------------------------------------- to Python and NumPy
def test_numbers_from_tensors_of_one_element():
    assert float(tensor(2.5)) == 2.5 and int(tensor(3)) == 3 and bool(tensor(0.0)) is False
    assert complex(tensor(1j)) == 1j and list(range(5))[tensor(2)] == 2
    assert tensor(2.5).item() == 2.5 and f"{tensor(2.5):.2f}" == "2.50"
    for convert in (float, int, bool):
        with pytest.raises(ValueError):
            convert(tensor([1.0, 2.0]))
    with pytest.raises(TypeError):
        range(tensor(2.0))


def test_arrays_of_a_tensor_are_copies_or_cannot_be_written_to():
    t = tensor([1.0, 2.0])
    for own in (t.numpy(), np.array(t), np.asarray(t)):
        own[0] = 9.0
    assert t.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(t, copy=False)[0] = 9.0
    assert np.asarray(t, "float64").dtype == np.float64
    assert np.add(t, 1.0).tolist() == [2.0, 3.0]


def test_an_array_that_was_converted_may_change_without_the_variable():
    a = np.ones(2, "float32")
    v = keras.Variable(a)
    v.assign(a)
    a[0] = 5.0
    assert v.numpy().tolist() == [1.0, 1.0]


def test_iteration_length_and_membership():
    t = tensor([[1, 2], [3, 4]])
    assert [row.tolist() for row in t] == [[1, 2], [3, 4]]
    a, b = t
    assert a.tolist() == [1, 2] and 3 in t and 7 not in t and b[1] == 4
    for fails in (len, list):
        with pytest.raises(TypeError, match="no dimensions"):
            fails(tensor(1.0))


def test_copies_and_pickles():
    t = tensor([1.0, 2.0])
    for other in (copy.copy(t), copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
        assert other.tolist() == [1.0, 2.0] and other is not t
    assert t.astype("int32").tolist() == [1, 2] and t.reshape(2, 1).shape == (2, 1)
    assert t.reshape((1, 2)).shape == t.get_shape()[:0] + (1, 2)


# ---------------------------------------------------------------- operators
BINARY = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
    "/": lambda a, b: a / b, "//": lambda a, b: a // b, "%": lambda a, b: a % b,
    "**": lambda a, b: a**b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b, "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


@pytest.mark.parametrize("name", BINARY)
def test_operators_take_tensors_numbers_arrays_and_variables_on_both_sides(name):
    operate = BINARY[name]
    a, b = np.array([1.5, -2.0, 4.0]), np.array([2.0, 3.0, -1.0])
    expected = operate(a, b)
    others = [(tensor(a), tensor(b)), (tensor(a), b), (a, tensor(b)),
              (keras.Variable(a), tensor(b)), (tensor(a), keras.Variable(b))]
    for x, y in others:
        got = operate(x, y)
        assert isinstance(got, keras.Tensor)
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    np.testing.assert_allclose(operate(tensor(a), 2.0), operate(a, 2.0), rtol=1e-12)
    np.testing.assert_allclose(operate(2.0, tensor(np.abs(a))), operate(2.0, np.abs(a)),
                               rtol=1e-12)


def test_logical_and_unary_operators():
    p, q = tensor([True, False]), tensor([True, True])
    assert (p & q).tolist() == [True, False] and (p | q).tolist() == [True, True]
    assert (p ^ q).tolist() == [False, True] and (~p).tolist() == [False, True]
    t = tensor([-1.5, 2.0])
    assert (-t).tolist() == [1.5, -2.0] and abs(t).tolist() == [1.5, 2.0]
    assert (+t).tolist() == t.tolist()
    assert (tensor([[1.0, 2.0]]) @ tensor([[3.0], [4.0]])).tolist() == [[11.0]]
    assert round(tensor(2.6)).item() == 3.0


def test_python_numbers_do_not_widen():
    for name in ("float16", "bfloat16", "float32", "float64"):
        assert (tensor([1.0], name) * 2.0 + 1).dtype.name == name
    assert (tensor([1], "int8") + 1).dtype.name == "int8"
    assert (tensor([1], "int32") * 0.5).dtype.name == "float32"


# ---------------------------------------------------------------- indexing
@pytest.mark.parametrize("key", [
    0, -1, slice(1, None), slice(None, None, -1), (0, 1), (slice(None), 2), (..., 0),
    (None, slice(0, 2)), (slice(None), None, 1), ([0, 2],), (slice(None), [0, 2, 2]),
    ([0, 1], [2, 0]), (np.array([True, False, True]),), (slice(2, 0, -1), slice(None, None, 2)),
], ids=str)
def test_indexing_gives_what_numpy_gives_and_differentiates(key):
    a = np.arange(12.0).reshape(3, 4)
    key = key[0] if isinstance(key, tuple) and len(key) == 1 else key
    x = tensor(a)
    np.testing.assert_array_equal(x[key], a[key])
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(x[key] ** 2)
    expected = np.zeros_like(a)
    np.add.at(expected, key, 2 * a[key])
    np.testing.assert_array_equal(tape.gradient(y, x), expected)


def test_indexing_with_tensors():
    x = tensor(np.arange(6.0).reshape(3, 2))
    assert x[tensor([2, 0])].tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert x[tensor(1)].tolist() == [2.0, 3.0]
    assert x[x > 2.5].tolist() == [3.0, 4.0, 5.0]


def test_index_out_of_range_and_assignment_are_errors():
    x = tensor([1.0, 2.0])
    with pytest.raises(IndexError):
        x[2]
    with pytest.raises(TypeError, match="slice_update"):
        x[0] = 1.0


def test_comparison_is_elementwise_and_tensors_are_hashable_by_identity():
    t = tensor([1.0, 2.0])
    assert (t == tensor([1.0, 3.0])).tolist() == [True, False]
    assert {t: "value"}[t] == "value"


# ---------------------------------------------------------------- KerasTensor
def test_keras_tensors_have_shape_and_dtype_and_no_value():
    k = keras.Input((3,), name="k")
    assert k.shape == (None, 3) and k.dtype == "float32" and k.ndim == 2
    assert repr(k) == (
        "<KerasTensor shape=(None, 3), dtype=float32, sparse=False, ragged=False, name=k>")
    assert (k @ np.ones((3, 2), "float32")).shape == (None, 2)
    assert (k[:, None] > 0).dtype == "bool" and k.T.shape == (3, None)


@pytest.mark.parametrize("use", [bool, float, int, list, len, lambda k: 1 if k > 0 else 2,
                                 lambda k: range(k)], ids=lambda f: f.__name__)
def test_a_keras_tensor_where_python_needs_a_value(use):
    with pytest.raises(TypeError, match=r"KerasTensor has no values.*keras.ops"):
        use(keras.Input((3,)))


def test_numpy_functions_of_keras_tensors():
    with pytest.raises(ValueError, match="use layers and keras.ops"):
        np.add(keras.Input((3,)), 1.0)
    with pytest.raises(ValueError, match="use layers and keras.ops"):
        np.asarray(keras.Input((3,)))


def test_sparse_and_ragged_keras_tensors_are_refused():
    for kind in ("sparse", "ragged"):
        with pytest.raises(ValueError, match="not supported"):
            keras.KerasTensor((2,), **{kind: True})


def test_is_keras_tensor():
    assert keras.utils.is_keras_tensor(keras.Input((1,)))
    assert not keras.utils.is_keras_tensor(tensor(1.0))
