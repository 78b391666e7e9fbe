"""Indices and assignments: wrapping, duplicates, masks, host values."""


import numpy as np
import pytest

from tests.helpers import fakecupy
from tests.helpers.fakecupy.tests.data import DATA, same


def test_integer_arrays_wrap(cupy, x):
    index = cupy.asarray([0, 3, -1])
    same(x[index], DATA[[0, 1, 1]])
    same(x[:, index], DATA[:, [0, 0, 2]])
    same(x[..., None, index], DATA[..., None, [0, 0, 2]])
    same(cupy.take(x, index, axis=1), DATA[:, [0, 0, 2]])
    same(cupy.take(x, cupy.asarray(7)), DATA.ravel()[1])
    same(cupy.take_along_axis(x, cupy.asarray([[5], [3]]), 1), DATA[[0, 1], [2, 0]][:, None])
    x[cupy.asarray([2])] = 9.0
    assert x[0].get().tolist() == [9, 9, 9]
    with pytest.raises(IndexError):
        x[2]
    with pytest.raises(IndexError, match="integer"):
        x[x]


def test_duplicate_indices_in_assignments(cupy, x):
    index = cupy.asarray([0, 2])  # both are row 0
    with pytest.raises(RuntimeError, match="duplicate"):
        x[index] = cupy.asarray(DATA)
    with pytest.raises(RuntimeError, match="duplicate"):
        cupy.put(x, cupy.asarray([1, 1]), cupy.asarray([1.0, 2.0]))
    with pytest.raises(RuntimeError, match="duplicate"):
        cupy.put_along_axis(x, cupy.asarray([[0, 3]]), cupy.asarray([[1.0, 2.0]]), 1)
    x[index] = 5.0  # equal values: well defined
    x[index] = cupy.full((2, 3), cupy.nan, np.float32)
    cupy.put(x, cupy.asarray([4, 10]), 1.0)
    assert np.isnan(x[0].get()).all() and x[1, 1].item() == 1


def test_assigning_host_values(cupy, x):
    for key in (Ellipsis, slice(None), (0, slice(None)), (slice(None), None)):
        with pytest.raises(ValueError, match="cannot be used for fill"):
            x[key] = np.ones((2, 3), np.float32)
    with pytest.raises(TypeError, match="Unsupported type"):
        x[:] = [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="cannot be used for fill"):
        x.fill(np.ones(3))
    x[0] = np.float32(7)
    x[1, :] = np.array(8.0)
    assert x.get().tolist() == [[7] * 3, [8] * 3]
    index = cupy.asarray([0])
    with fakecupy.counting() as seen:
        x[index] = np.ones((1, 3))
    assert seen.h2d == 1


def test_masks(cupy, x):
    mask = x > 2
    with fakecupy.counting() as seen:
        picked = x[mask]
        x[mask] = 0.0
        x[cupy.asarray([True, False])]
    assert (seen.sync, seen.d2h) == (3, 0)
    same(picked, DATA[DATA > 2])
    assert x.get().sum() == 3
    with pytest.raises(NotImplementedError, match="more than one mask"):
        x[cupy.asarray([True, False]), cupy.asarray([True, False, True])]


def test_assignment_saturates(cupy):
    a = cupy.zeros(4, np.int8)
    a[:] = cupy.asarray([300.0, -300.0, np.nan, 1.9])
    assert a.get().tolist() == [127, -128, 0, 1]
