"""Rows put together by an index: sums are `take_gradient`, here are extrema and products."""

from minikeras import dtypes
from minikeras.dtypes import Spec
from minikeras.kernels.registry import function

SMALL = ("bool", "int8", "int16", "uint8", "uint16")


def _spec(a, ids, n):
    return Spec((n, *a.shape[1:]), a.dtype)


def lowest(dtype):
    """What loses against every number of the dtype."""
    if dtype == dtypes.BOOL:
        return 0
    return -float("inf") if dtype.kind in "fV" else int(dtypes.iinfo(dtype).min)


def highest(dtype):
    """What wins against every number of the dtype."""
    if dtype == dtypes.BOOL:
        return 1
    return float("inf") if dtype.kind in "fV" else int(dtypes.iinfo(dtype).max)


def _extremum(scatter, start):
    def compute(xp, a, ids, n):
        # CuPy's atomics know neither half precision nor small integers.
        wide = dtypes.FLOAT32 if a.dtype in dtypes.HALVES else a.dtype
        wide = dtypes.INT32 if a.dtype.name in SMALL else wide
        out = xp.full((n, *a.shape[1:]), start(a.dtype), wide)
        getattr(xp, scatter)(out, ids, a.astype(wide))
        return out.astype(a.dtype)

    return compute


segment_top = function(_spec, name="segment_top")(_extremum("scatter_max", lowest))
segment_bottom = function(_spec, name="segment_bottom")(_extremum("scatter_min", highest))


@function(_spec)
def segment_product(xp, a, ids, n):
    """Product of the rows with each index: the first of each, then the second of each ..."""
    out = xp.ones((n, *a.shape[1:]), a.dtype)
    if not ids.size:
        return out
    order = xp.argsort(ids, kind="stable")
    ranked = ids[order]
    turn = xp.arange(ids.size) - xp.searchsorted(ranked, ranked)
    for i in range(int(turn.max()) + 1):
        now = xp.nonzero(turn == i)[0]
        at = ranked[now]
        out[at] = out[at] * a[order[now]]
    return out


@function(lambda ids, n: Spec(tuple(ids.shape), dtypes.BOOL))
def last_of_each(xp, ids, n):
    """Whether each place is the last one that holds its index."""
    last = xp.full((n,), -1, dtypes.INT32)
    place = xp.arange(ids.shape[0], dtype=dtypes.INT32)
    xp.scatter_max(last, ids, place)
    return last[ids] == place
