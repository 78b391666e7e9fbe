"""Rows of running sums, sorting and the largest elements."""

import numpy as np

from tests.ops.samples import FLOATS, b, c, i, r, row, whole

for arguments in ({}, {"axis": 0}, {"axis": -1}):
    row("cumsum", np.cumsum, r(3, 4), unknown_=False, **arguments)
    row("sort", lambda x, axis=-1: np.sort(x, axis), r(3, 4), dtypes_=FLOATS, **arguments)
    whole("argsort", lambda x, axis=-1: np.argsort(x, axis, kind="stable"), r(3, 4), dtypes_=(),
          **arguments)
whole("argsort", lambda x: np.argsort(x, kind="stable"), i(12, high=3))
for name in ("cumprod", "nancumsum", "nancumprod"):
    for arguments in ({}, {"axis": 0}, {"axis": -1}):
        row(name, getattr(np, name), r(3, 4), unknown_=False, **arguments)
    row(name, getattr(np, name), r(3, 4), axis=1, dtype="float64", dtypes_=("float32",))
row("cumprod", np.cumprod, np.array([2.0, 3.0, 0.0, 4.0, 0.0, 5.0]), dtypes_=())
for name in ("nancumsum", "nancumprod"):
    row(name, getattr(np, name), np.array([2.0, np.nan, 3.0]), grad_=False, dtypes_=FLOATS)
row("cumsum", np.cumsum, c(3, 4), axis=1, dtypes_=())
row("cumsum", np.cumsum, np.zeros((0, 3)), axis=0, dtypes_=())


def top_k(x, k):
    order = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, -1), order


row("top_k", top_k, r(3, 5), 2, dtypes_=("float32",))
row("top_k", top_k, np.array([1.0, 3.0, 3.0, 2.0]), 3, grad_=False, dtypes_=())
whole("nonzero", np.nonzero, i(3, 4, high=2), unknown_=False, shape_=False)
whole("nonzero", np.nonzero, b(3, 4), unknown_=False, shape_=False)
row("real", np.real, c(2, 3))
row("real", np.real, r(3), dtypes_=FLOATS)
row("imag", np.imag, c(2, 3))
row("imag", np.imag, r(3), dtypes_=())
row("conjugate", np.conjugate, c(2, 3))
row("conj", np.conjugate, r(3), dtypes_=FLOATS)
row("conj", np.conjugate, c(2, 3))
row("conjugate", np.conjugate, r(3), dtypes_=FLOATS)
row("round", np.round, r(3, 4), dtypes_=("float32",))
row("round", lambda x, decimals: np.round(x, decimals), r(3, 4), decimals=1, dtypes_=())
whole("round", np.round, np.array([0.5, 1.5, -0.5, np.inf]), dtypes_=FLOATS)
whole("round", np.round, i(4))
