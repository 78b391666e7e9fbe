"""Rows of slices, gathers and selections."""

import numpy as np

from tests.ops.samples import FLOATS, b, c, i, r, row, whole


def slice_(x, start, shape):
    return x[tuple(slice(s, None if n == -1 else s + n) for s, n in zip(start, shape))]


def slice_update(x, start, updates):
    y = x.copy()
    y[tuple(slice(s, s + n) for s, n in zip(start, updates.shape))] = updates
    return y


def one_hot(x, n, axis=-1, dtype=None):
    return np.moveaxis((x[..., None] == np.arange(n)).astype(float), -1, axis)


def get(x, key):
    return x[key]


KEYS = [0, -1, slice(1, None), (slice(None), 1), (..., 0), (None, slice(None, None, -1)),
        (slice(None), slice(0, 3, 2)), (0, 1, -1), (slice(None), None, 2)]
for key in KEYS:
    row("get_item", get, r(3, 3, 4), key, dtypes_=FLOATS, unknown_=(2,))
row("get_item", get, r(3, 4), np.array([2, 0, 2]), dtypes_=FLOATS, unknown_=False)
row("get_item", get, r(3, 4), (slice(None), np.array([[3, 0], [0, -1]])), unknown_=False)
row("get_item", get, r(3, 4, 2), (np.array([0, 2]), np.array([1, -1])), unknown_=False)
row("get_item", get, r(3, 4, 2), (np.array([0, 2]), slice(None), np.array([1, 0])), unknown_=False)
row("slice", slice_, r(4, 5), (1, 2), (2, 3), unknown_=False)
row("slice", slice_, r(4, 5), (1, 0), (-1, 3))
row("slice_update", slice_update, r(4, 5), (1, 2), r(2, 3), unknown_=False)
row("slice_update", slice_update, r(4), (3,), r(1), unknown_=False)
whole("slice_update", slice_update, i(4), (1,), i(2, seed=3), unknown_=False)

row("take", np.take, r(3, 4), np.array([[0, 2], [2, -1]]), axis=0, unknown_=(1,))
row("take", np.take, r(3, 4), np.array([1, 1, 3]), axis=-1)
row("take", np.take, r(3, 4), np.array([11, 0]))
row("take", np.take, r(3, 4), np.array(2), axis=1)
row("take", np.take, r(3, 4), np.zeros((0,), "int32"), axis=1, unknown_=False)
row("take", np.take, c(3, 4), np.array([2, 2]), axis=0, unknown_=(1,))
row("take_along_axis", np.take_along_axis, r(3, 4), i(3, 2, high=4), axis=1)
row("take_along_axis", np.take_along_axis, r(3, 4), i(5, 4, high=3), axis=0, unknown_=(1,))
row("take_along_axis", np.take_along_axis, r(3, 4), i(3, 2, low=-4, high=4), axis=-1)
row("take_along_axis", np.take_along_axis, r(6), i(4, high=6), axis=None, unknown_=False)

row("where", np.where, b(3, 4), r(3, 4), r(4, seed=1))
row("where", np.where, b(3, 1), r(4), 0.0, unknown_=False)
row("where", np.where, b(3), r(3), c(3))
whole("where", np.where, b(5), i(5), 1)
whole("where", np.where, b(5), 1.0, 2.0)
whole("where", lambda c: np.where(c), b(3, 4), unknown_=False, gpu_=True, shape_=False)
whole("one_hot", one_hot, i(3, 2, high=4), 4)
whole("one_hot", one_hot, i(3, low=-1, high=6), 4, axis=0, unknown_=False)
whole("one_hot", one_hot, i(3, 2, high=4), 4, axis=1, dtype="int32")
for options in ({}, {"offset": 1}, {"offset": -2}, {"offset": 9}):
    row("diagonal", np.diagonal, r(3, 4), unknown_=False, **options)
row("diagonal", np.diagonal, r(2, 3, 4), 1, 2, 0, unknown_=(1,))
row("diagonal", np.diagonal, r(2, 3, 4), 0, -1, -2)
