"""KerasTensor and Operation: what stands in a graph without values."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops


class Shift(keras.Operation):
    def __init__(self, by=1.0, name=None):
        super().__init__(name=name)
        self.by = by

    def call(self, x):
        return x + self.by


def test_attributes():
    x = keras.KerasTensor((None, np.int64(3)), "int8", name="x")
    assert (x.shape, x.dtype, x.ndim, x.name) == ((None, 3), "int8", 2, "x")
    assert not x.sparse and not x.ragged and x.ragged_rank is None and x.row_splits_dtype is None
    assert repr(x) == (
        "<KerasTensor shape=(None, 3), dtype=int8, sparse=False, ragged=False, name=x>")
    assert keras.utils.is_keras_tensor(x) and not keras.utils.is_keras_tensor(np.ones(1))


def test_shapes_change_by_methods():
    x = keras.KerasTensor((None, 1, 6))
    assert x.reshape((-1, 2, 3)).shape == (None, 2, 3)
    assert x.squeeze(1).shape == (None, 6)
    assert keras.KerasTensor((2, 1, 6)).squeeze().shape == (2, 6)
    assert keras.KerasTensor((2, 3)).T.shape == (3, 2)


@pytest.mark.parametrize("use", [bool, float, int, list, np.asarray, len, np.sin])
def test_it_has_no_values(use):
    with pytest.raises((TypeError, ValueError), match="has no values"):
        use(keras.KerasTensor((None, 2)))
    assert len(keras.KerasTensor((4, 2))) == 4


def test_sparse_and_ragged_are_refused():
    for option in ({"sparse": True}, {"ragged": True}):
        with pytest.raises(ValueError, match="not supported"):
            keras.KerasTensor((2,), **option)


def test_operation_on_values_and_in_a_graph():
    shift = Shift(2.0)
    assert float(shift(ops.ones(()))) == 3.0
    x = keras.Input((2,))
    y = shift(x)
    assert (y.shape, shift.input is x, shift.output is y) == ((None, 2), True, True)
    assert keras.Model(x, y)(np.ones((1, 2))).numpy().tolist() == [[3.0, 3.0]]


def test_input_and_output_are_of_the_first_call():
    shift, x = Shift(), keras.Input((2,))
    with pytest.raises(AttributeError, match="never been called and thus has no defined input"):
        shift.input  # noqa: B018
    y = shift(x)
    shift(y)
    assert shift.input is x and shift.output is y


def test_operation_config_and_names():
    shift = Shift(3.0, name="s")
    assert Shift.from_config(shift.get_config()).by == 3.0
    assert shift.get_config() == {"by": 3.0, "name": "s"}
    assert Shift().name.startswith("shift")
    with pytest.raises(ValueError, match="cannot contain character"):
        Shift(name="a/b")
    with pytest.raises(NotImplementedError, match="get_config"):
        Shift(by=object()).get_config()


def test_operation_in_a_remat_scope():
    def f(x):
        return x

    with keras.RematScope("full"):
        inside = Shift()
    assert inside.rematerialized_call(f) is not f
    assert Shift().rematerialized_call(f) is f
