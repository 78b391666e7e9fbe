"""Rows of search, counts and distinct values."""

import numpy as np

from tests.ops.samples import FLOATS, i, p, r, row, u, whole

EDGES = np.array([-1.0, 0.0, 0.0, 0.5, 2.0])
for side in ("left", "right"):
    whole("searchsorted", lambda a, v, side: np.searchsorted(a, v, side), EDGES, r(3, 4), side=side,
          unknown_=False, dtypes_=FLOATS)
    whole("searchsorted", lambda a, v, side: np.searchsorted(a, v, side), np.array([1, 3, 3, 7]),
          i(6), side=side, unknown_=False)
whole("digitize", np.digitize, r(3, 4), EDGES, dtypes_=("float32",))
whole("digitize", np.digitize, i(5), np.array([2, 5]))
whole("isin", np.isin, i(3, 4), i(5, high=4))
whole("isin", np.isin, i(3, 4), i(5, high=4), invert=True)
whole("isin", np.isin, r(4), np.zeros((0,)))
whole("argpartition", lambda x, k, axis=-1: np.argsort(x, axis, kind="stable"), r(3, 5), 2,
      dtypes_=())
whole("argpartition", lambda x, k, axis=-1: np.argsort(x, axis, kind="stable"), i(5, 3), 4, axis=0,
      unknown_=(1,))


def in_top_k(targets, predictions, k):
    found = []
    for t, values in zip(targets, predictions):
        ok = 0 <= t < len(values) and np.isfinite(values[t])
        found.append(ok and sum(v > values[t] for v in values) < k)
    return np.array(found)


for k in (1, 2, 4):
    whole("in_top_k", in_top_k, np.array([1, 2, 7, -1, 0]), r(5, 4), k, dtypes_=FLOATS)
whole("in_top_k", in_top_k, np.array([1, 2]), np.array([[3.0, 3, 3], [1, 2, np.nan]]), 2,
      dtypes_=FLOATS)


def rows_of(f):
    """bincount of each row."""

    def call(x, weights=None, minlength=0):
        if x.ndim == 1:
            return f(x, weights, minlength)
        n = max(x.max() + 1, minlength)
        return np.stack([f(a, None if weights is None else weights[k], n)
                         for k, a in enumerate(x)])

    return call


whole("bincount", rows_of(np.bincount), i(9, high=4), shape_=False)
whole("bincount", rows_of(np.bincount), i(9, high=4), minlength=7, shape_=False)
whole("bincount", rows_of(np.bincount), i(2, 6, high=4), shape_=False)
row("bincount", rows_of(np.bincount), i(9, high=4), weights=r(9), shape_=False, dtypes_=FLOATS)
row("bincount", rows_of(np.bincount), i(2, 6, high=4), weights=r(2, 6), shape_=False, dtypes_=())
whole("histogram", np.histogram, r(20), dtypes_=())
whole("histogram", np.histogram, r(4, 5), bins=3, range=(-0.5, 1.0), dtypes_=())
whole("histogram", np.histogram, np.array([2.0, 2.0]), bins=2, dtypes_=("float32",))
whole("histogram", np.histogram, np.zeros((0,)), bins=2, range=(0, 1), dtypes_=("float32",))
whole("histogram", np.histogram, i(20), bins=4, tol_=1e-6)

UNIQUE = {"shape_": False, "unknown_": False}
row("unique", np.unique, r(5), dtypes_=("float32",), **UNIQUE)
whole("unique", np.unique, i(3, 4, high=5), **UNIQUE)
whole("unique", lambda x, **k: np.unique(x, **k), i(3, 4, high=5), return_index=True,
      return_inverse=True, return_counts=True, **UNIQUE)
whole("unique", np.unique, i(6, 2, high=2), axis=0, gpu_=False, **UNIQUE)
row("unique", lambda x, axis, return_inverse: (np.unique(x, axis=axis), np.array([0, 1, 0])),
    np.array([[1.0, 2, 1], [3, 4, 3]]), axis=1, return_inverse=True, grad_=False, gpu_=False,
    dtypes_=(), **UNIQUE)
MANY = np.array([3, 1, 2, 1, 3])
whole("unique", np.array([1, 2, 3, 1, 1]), MANY, size=5)
whole("unique", np.array([1, 2]), MANY, size=2)
whole("unique", [np.array(v) for v in ([1, 2, 3, 9, 9], [1, 2, 0, 1, 1], [2, 0, 1, 0, 2],
                                       [2, 1, 2, 0, 0])], MANY, size=5, fill_value=9,
      return_index=True, return_inverse=True, return_counts=True)

# ---------------------------------------------------------------- statistics
QUANTILES = [0.0, 0.3, [0.1, 0.5, 1.0]]
METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def scaled(name, q):
    if "percentile" not in name:
        return q
    return [100 * v for v in q] if isinstance(q, list) else 100 * q


HOLES = np.where(u(3, 4, 5, low=0, high=1) < 0.3, np.nan, r(3, 4, 5))
for name in ("quantile", "percentile", "nanquantile", "nanpercentile"):
    f = getattr(np, name)
    for q in QUANTILES:
        row(name, f, r(4, 5), scaled(name, q), dtypes_=("float32",))
        row(name, f, r(3, 4, 5), scaled(name, q), axis=1, dtypes_=())
        row(name, f, r(3, 4, 5), scaled(name, q), axis=(0, -1), keepdims=True, dtypes_=())
    for method in METHODS:
        row(name, f, r(5, 6), scaled(name, 0.3), axis=-1, method=method, dtypes_=())
        row(name, f, r(5, 6), scaled(name, [0.5, 0.62]), axis=0, method=method, dtypes_=(),
            unknown_=(1,))
    row(name, f, HOLES, scaled(name, [0.25, 0.6]), axis=1, grad_=False, dtypes_=())
for name in ("median", "nanmedian"):
    f = getattr(np, name)
    for options in ({}, {"axis": 1}, {"axis": (0, 2), "keepdims": True}):
        row(name, f, r(3, 4, 5), dtypes_=("float32",), **options)
        row(name, f, HOLES, grad_=False, dtypes_=(), **options)
    whole(name, f, i(6), tol_=1e-6)

ALL_NAN = np.array([[np.nan, np.nan], [1.0, np.nan]])


def ignoring(f, ints=None):
    """A NumPy function without its warnings."""

    def call(x, axis=None, keepdims=False):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return f(x, axis=axis, keepdims=keepdims)

    return call


for name in ("nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"):
    f = ignoring(getattr(np, name))
    for options in ({}, {"axis": 1}, {"axis": (0, 2), "keepdims": True}):
        row(name, f, r(3, 4, 5), loose_=4, dtypes_=FLOATS, **options)
        row(name, f, HOLES, grad_=False, dtypes_=(), **options)
    row(name, f, ALL_NAN, axis=1, grad_=False, dtypes_=())
    whole(name, f, i(3, 4), axis=0, tol_=1e-6)
for name in ("nanargmax", "nanargmin"):
    f = getattr(np, name)
    whole(name, f, HOLES, unknown_=False, dtypes_=FLOATS)
    whole(name, f, HOLES, axis=-1, keepdims=True, dtypes_=FLOATS)
    whole(name, np.array([-1, 0]), ALL_NAN, axis=1, dtypes_=())
    whole(name, f, i(3, 4), axis=0)

row("average", np.average, r(3, 4), dtypes_=FLOATS, loose_=2)
row("average", np.average, r(3, 4), axis=0, weights=p(3, 4))
row("average", np.average, r(3, 4), axis=1, weights=p(4), dtypes_=("float32",))
row("average", np.average, r(3, 4), weights=p(3, 4), dtypes_=("float32",))
row("ptp", lambda x, axis=None, keepdims=False: np.ptp(x, axis, keepdims=keepdims), r(3, 4),
    dtypes_=FLOATS + ("int32",))
row("ptp", lambda x, axis=None, keepdims=False: np.ptp(x, axis, keepdims=keepdims), r(3, 4), axis=1,
    keepdims=True, dtypes_=FLOATS)
row("corrcoef", np.corrcoef, r(3, 5), dtypes_=("float32",), unknown_=False)
row("corrcoef", np.corrcoef, r(6), grad_=False, dtypes_=(), unknown_=False)
for options in ({}, {"n": 2}, {"n": 0}, {"axis": 0}, {"n": 2, "axis": 1}):
    row("diff", np.diff, r(4, 5), dtypes_=FLOATS, **options)
whole("diff", np.diff, i(5), tol_=0)
whole("diff", np.diff, np.array([True, False, False, True]))
row("trapezoid", np.trapezoid, r(3, 4), dtypes_=FLOATS, loose_=2)
row("trapezoid", np.trapezoid, r(3, 4), dx=0.5, axis=0, unknown_=(1,), dtypes_=())
row("trapezoid", np.trapezoid, r(3, 4), x=r(4), dtypes_=("float32",))
row("trapezoid", np.trapezoid, r(3, 4), x=r(3, 4, seed=1), axis=0, unknown_=False, dtypes_=())
whole("trapezoid", np.trapezoid, i(5), tol_=1e-6)
