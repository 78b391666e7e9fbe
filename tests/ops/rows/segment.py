"""Rows of segments and scatters."""

import numpy as np

from tests.ops.samples import FLOATS, i, r, row, whole

IDS = np.array([2, 0, 2, 5, -1, 0, 2])
START = {"sum": 0.0, "prod": 1.0, "max": -np.inf, "min": np.inf}
COMBINE = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}


def segmented(kind):
    def call(data, ids, num_segments=None, sorted=False):
        n = ids.max() + 1 if num_segments is None else num_segments
        y = np.full((n, *data.shape[1:]), START[kind], data.dtype if data.dtype.kind == "f"
                    else float)
        for k, at in enumerate(ids):
            if 0 <= at < n:
                y[at] = COMBINE[kind](y[at], data[k])
        return y

    return call


for kind in START:
    row(f"segment_{kind}", segmented(kind), r(7, 3), IDS, num_segments=4, dtypes_=FLOATS, loose_=4,
        grad_=kind in ("sum", "prod"))
    row(f"segment_{kind}", segmented(kind), r(7, 3), np.array([2, 0, 2, 1, -1, 0, 2]),
        num_segments=3, dtypes_=FLOATS, loose_=4)
row("segment_prod", segmented("prod"), np.array([2.0, 0.0, 3.0, 0.0, 0.0, 5.0]),
    np.array([0, 0, 0, 1, 1, 1]), num_segments=2, dtypes_=("float32",))
whole("segment_sum", segmented("sum"), i(7), IDS, num_segments=6, tol_=0)
whole("segment_max", np.array([5, -(2**31), 9]), np.array([5, 3, 9], "int32"), np.array([0, 0, 2]),
      num_segments=3, tol_=0)


def scatter(indices, values, shape):
    y = np.zeros(shape)
    for at in np.ndindex(*indices.shape[:-1]):
        index = tuple(indices[at])
        if all(-n <= k < n for k, n in zip(index, shape)):
            y[index] += values[at]
    return y


row("scatter", scatter, np.array([[0], [2], [0], [-1]]), r(4), (5,), dtypes_=FLOATS)
row("scatter", scatter, np.array([[0], [7], [-6]]), r(3), (5,), dtypes_=FLOATS)
row("scatter", scatter, np.array([[0, 1], [2, 0], [0, 1]]), r(3, 2), (3, 2, 2), dtypes_=FLOATS)
row("scatter", scatter, np.array([[[0], [1]], [[1], [1]]]), r(2, 2, 3), (2, 3), dtypes_=FLOATS)
whole("scatter", scatter, np.array([[0], [0]]), i(2, dtype="uint8"), (3,), tol_=0)


def scatter_update(inputs, indices, updates, reduction=None):
    y = inputs.copy()
    f = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}.get(
        reduction, lambda a, b: b)
    for at in np.ndindex(*indices.shape[:-1]):
        index = tuple(indices[at])
        if all(-n <= k < n for k, n in zip(index, y.shape)):
            y[index] = f(y[index], updates[at])
    return y


for reduction in (None, "add", "max", "min", "mul"):
    row("scatter_update", scatter_update, r(5), np.array([[0], [3], [0], [-1], [9]]), r(5, seed=1),
        reduction=reduction, dtypes_=("float32",), unknown_=False)
    row("scatter_update", scatter_update, r(3, 4), np.array([[0, 1], [2, -1], [0, 1]]), r(3),
        reduction=reduction, dtypes_=(), unknown_=False)
    row("scatter_update", scatter_update, r(3, 4), np.array([[2], [0]]), r(2, 4, seed=2),
        reduction=reduction, dtypes_=(), unknown_=False)
    whole("scatter_update", scatter_update, i(5), np.array([[1], [1]]), i(2, seed=1),
          reduction=reduction, tol_=0, unknown_=False)
