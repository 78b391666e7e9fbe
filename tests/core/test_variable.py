"""Variable and its scopes: reading, writing, names, casting, statelessness."""

import copy
import pickle

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops
from minikeras.core.scopes import autocast_scope


# ---------------------------------------------------------------- making
@pytest.mark.parametrize(("value", "dtype"), [
    (1.0, "float32"), (1, "int32"), (True, "bool"), (np.ones(2), "float64"),
    (np.arange(2), "int64"), ([1.0, 2.0], "float32"),
])
def test_dtype_is_the_values(value, dtype):
    v = keras.Variable(value)
    assert v.dtype == dtype and v.shape == np.shape(value) and v.ndim == np.ndim(value)


def test_initializer_gets_shape_and_dtype():
    seen = []

    def initial(shape, dtype=None):
        seen.append((shape, dtype))
        return ops.ones(shape, dtype)

    v = keras.Variable(initial, shape=(2, 3), dtype="float16")
    assert seen == [((2, 3), "float16")] and v.size == 6 and v.dtype == "float16"
    assert keras.Variable(initial, shape=4).shape == (4,)


def test_initializers_by_object():
    v = keras.Variable(keras.initializers.Constant(3.0), shape=(2,))
    assert v.numpy().tolist() == [3.0, 3.0]


@pytest.mark.parametrize(("arguments", "message"), [
    (dict(initializer=keras.initializers.Zeros()), "`shape` argument should be specified"),
    (dict(initializer=[1.0], shape=(2,)), r"`shape` \(2,\) is not that of the value, \(1,\)"),
    (dict(initializer=lambda s, dtype: ops.ones(3), shape=(2,)), r"gave a value of shape \(3,\)"),
    (dict(initializer=1.0, name="a/b"), "cannot contain character `/`"),
    (dict(initializer=1.0, aggregation="max"), "Invalid value for argument `aggregation`"),
    (dict(initializer=1.0, synchronization="x"), "Invalid value for argument `synchronization`"),
], ids=lambda x: None)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        keras.Variable(**arguments)


def test_names_and_paths():
    keras.utils.clear_session()
    assert [keras.Variable(0.0).name for _ in range(2)] == ["variable", "variable_1"]
    with keras.name_scope("outer"), keras.name_scope("inner"):
        v = keras.Variable(0.0, name="w")
    assert (v.name, v.path) == ("w", "outer/inner/w")
    assert "path=outer/inner/w" in repr(v)
    for wrong in ("a/b", 3):
        with pytest.raises(ValueError, match="must be a string"):
            keras.name_scope(wrong)


# ---------------------------------------------------------------- writing
def test_assign_adds_subtracts_and_gives_the_variable_back():
    v = keras.Variable([1.0, 2.0])
    assert v.assign([3.0, 4.0]) is v and v.assign_add([1.0, 1.0]) is v
    assert v.assign_sub(keras.Variable([2.0, 2.0])) is v
    assert v.numpy().tolist() == [2.0, 3.0]
    assert v.assign(np.float64([0.5, 1.5])).dtype == "float32"


def test_what_was_read_before_an_assignment_stays():
    v = keras.Variable([1.0, 2.0])
    before, array = v.value, v.numpy()
    v.assign([5.0, 6.0])
    assert before.tolist() == [1.0, 2.0] and array.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("value", [1.0, [1.0], [[1.0, 2.0]], np.ones(3)], ids=str)
def test_assigning_another_shape_is_an_error_and_changes_nothing(value):
    v = keras.Variable([1.0, 2.0], name="w")
    with pytest.raises(ValueError, match=r"must match. variable.shape=\(2,\).*w"):
        v.assign(value)
    assert v.numpy().tolist() == [1.0, 2.0]


def test_gradient_flows_to_the_value_read_not_to_the_one_assigned():
    v = keras.Variable(3.0)
    with keras.GradientTape() as tape:
        y = v * v
        v.assign(100.0)
    assert float(tape.gradient(y, v)) == 6.0


def test_in_place_operators_make_tensors():
    v = keras.Variable(2.0)
    w = v
    w += 1.0
    assert isinstance(w, keras.Tensor) and float(v) == 2.0


# ---------------------------------------------------------------- reading
def test_variable_reads_as_python_number_array_and_sequence():
    v = keras.Variable([1.0, 2.0])
    assert len(v) == 2 and [float(x) for x in v] == [1.0, 2.0] and float(v[1]) == 2.0
    assert np.asarray(v, "float64").dtype == np.float64
    assert float(keras.Variable(2.5)) == 2.5 and int(keras.Variable(3)) == 3
    assert bool(keras.Variable(0.0)) is False and "ab"[keras.Variable(1)] == "b"
    assert f"{keras.Variable(2.5):.2f}" == "2.50"
    array = np.asarray(v)
    array[0] = 9.0
    assert v.numpy().tolist() == [1.0, 2.0]


def test_trainable_decides_about_watching_at_any_time():
    v = keras.Variable(2.0)
    v.trainable = False
    with keras.GradientTape() as tape:
        y = v * v
    assert tape.gradient(y, v) is None
    v.trainable = True
    with keras.GradientTape() as tape:
        y = v * v
    assert float(tape.gradient(y, v)) == 4.0


def test_autocast_in_a_scope():
    v, fixed = keras.Variable([1.0]), keras.Variable([1.0], autocast=False)
    count = keras.Variable([1])
    with autocast_scope(np.dtype("float16")):
        assert (v.dtype, v.value.dtype.name) == ("float16", "float16")
        assert fixed.value.dtype.name == "float32" and count.value.dtype.name == "int32"
        v.assign_add([2.0**-20])  # would be lost in float16
    assert v.dtype == "float32" and v.numpy()[0] == np.float32(1 + 2.0**-20)


def test_gradient_through_autocast_is_in_the_variables_dtype():
    v = keras.Variable([2.0])
    with keras.GradientTape() as tape:
        with autocast_scope(np.dtype("float16")):
            y = ops.sum(v.value * v.value)
    grad = tape.gradient(y, v)
    assert grad.dtype.name == "float32" and grad.tolist() == [4.0]


def test_regularizer_and_constraint_must_be_callable():
    v = keras.Variable(1.0)
    v.regularizer, v.constraint = abs, None
    for attribute in ("regularizer", "constraint"):
        with pytest.raises(ValueError, match=f"Invalid value for attribute `{attribute}`"):
            setattr(v, attribute, "l2")


def test_copies_and_pickles_are_variables_of_their_own():
    v = keras.Variable([1.0, 2.0], name="w", trainable=False)
    for other in (copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        other.assign([5.0, 6.0])
        assert v.numpy().tolist() == [1.0, 2.0]
        assert (other.name, other.trainable, other.dtype) == ("w", False, "float32")
    w = pickle.loads(pickle.dumps(keras.Variable(3.0)))
    with keras.GradientTape() as tape:
        y = w * w
    assert float(tape.gradient(y, w)) == 6.0


# ---------------------------------------------------------------- StatelessScope
def test_stateless_scope_gives_its_own_values_and_takes_assignments():
    v, w = keras.Variable(1.0), keras.Variable(2.0)
    with keras.StatelessScope(state_mapping=[(v, ops.convert_to_tensor(10.0))]) as scope:
        assert float(v) == 10.0 and float(w) == 2.0
        v.assign_add(5.0)
        w.assign(7.0)
        assert float(v) == 15.0 and float(w) == 7.0
    assert (float(v), float(w)) == (1.0, 2.0)
    assert float(scope.get_current_value(v)) == 15.0
    assert float(scope.get_current_value(w)) == 7.0
    assert scope.get_current_value(keras.Variable(0.0)) is None


def test_stateless_scopes_nest():
    v = keras.Variable(1.0)
    with keras.StatelessScope(state_mapping=[(v, ops.convert_to_tensor(2.0))]):
        with keras.StatelessScope(state_mapping=[(v, ops.convert_to_tensor(3.0))]):
            assert float(v) == 3.0
        assert float(v) == 2.0


def test_gradients_of_values_in_a_stateless_scope():
    v = keras.Variable(1.0)

    def f(value):
        with keras.StatelessScope(state_mapping=[(v, value)]):
            return v * v * v

    assert float(keras.grad(f)(2.0)) == 12.0


def test_stateless_scope_checks_its_mapping():
    v = keras.Variable([1.0, 2.0], name="w")
    with pytest.raises(ValueError, match="all keys of `state_mapping` must be Variables"):
        keras.StatelessScope(state_mapping=[(1.0, 2.0)])
    with pytest.raises(ValueError, match=r"for variable w must have the shape \(2,\)"):
        keras.StatelessScope(state_mapping=[(v, ops.ones((3,)))])


def test_an_exception_leaves_the_scope():
    v = keras.Variable(1.0)
    with pytest.raises(ZeroDivisionError):
        with keras.StatelessScope():
            v.assign(2.0)
            raise ZeroDivisionError
    assert float(v) == 1.0
    v.assign(3.0)
    assert float(v) == 3.0
