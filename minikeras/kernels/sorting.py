"""Search in sorted values, counts and distinct values. Some results have a size that only the
values know: their rules give None for it, and on a GPU they wait for the device."""

from minikeras import dtypes
from minikeras.dtypes import Spec
from minikeras.kernels.registry import function

INT32, BOOL = dtypes.INT32, dtypes.BOOL


@function(lambda a, values, side: Spec(tuple(values.shape), INT32))
def searchsorted(xp, a, values, side):
    """Where values would be put into the sorted vector `a` to keep it sorted."""
    flat = xp.searchsorted(a, values.reshape(-1), side=side)
    return flat.reshape(values.shape).astype(INT32)


@function(lambda a, b: Spec(tuple(a.shape), BOOL))
def is_in(xp, a, b):
    """Whether each element of `a` is among those of `b`."""
    if not b.size:
        return xp.zeros(a.shape, BOOL)
    ranked = xp.sort(b.reshape(-1))
    at = xp.minimum(xp.searchsorted(ranked, a.reshape(-1)), ranked.size - 1)
    return (ranked[at] == a.reshape(-1)).reshape(a.shape)


def _bincount_spec(a, minlength, dtype):
    return Spec((*a.shape[:-1], None), dtype)


def _offsets(xp, a, minlength):
    """(rows flattened with an offset each, number of bins)."""
    n = max(int(a.max()) + 1 if a.size else 0, minlength)
    if a.size and int(a.min()) < 0:
        raise ValueError("only integers that are not negative can be counted.")
    if a.ndim == 1:
        return a, n
    start = xp.arange(a.shape[0], dtype=a.dtype).reshape(-1, 1) * n
    return (a + start).reshape(-1), n


@function(_bincount_spec)
def bincount(xp, a, minlength, dtype):
    """How often each integer occurs, in each row."""
    flat, n = _offsets(xp, a, minlength)
    rows = a.shape[0] if a.ndim == 2 else 1
    return xp.bincount(flat, minlength=rows * n).astype(dtype).reshape((*a.shape[:-1], n))


@function(lambda a, weights, minlength: Spec((*a.shape[:-1], None), weights.dtype))
def bincount_weighted(xp, a, weights, minlength):
    """Sum of the weights at each integer, in each row."""
    flat, n = _offsets(xp, a, minlength)
    rows = a.shape[0] if a.ndim == 2 else 1
    wide = weights.reshape(-1).astype(dtypes.FLOAT64)
    total = xp.bincount(flat, wide, rows * n)
    return total.astype(weights.dtype).reshape((*a.shape[:-1], n))


@function(lambda a, edges: Spec((edges.shape[0] - 1,), INT32))
def histogram_counts(xp, a, edges):
    """Number of elements in each bin [edge, next edge); the last one holds its end too."""
    flat, n = a.reshape(-1), edges.shape[0] - 1
    at = xp.searchsorted(edges, flat, side="right") - 1
    at = xp.where(flat == edges[-1], n - 1, at)
    at = xp.where((flat < edges[0]) | (flat > edges[-1]) | (flat != flat), n, at)
    return xp.bincount(at, minlength=n + 1)[:n].astype(INT32)


def _unique_spec(a, axis, size):
    n = a.size if axis is None else a.shape[axis]
    inverse = (n,) if axis is not None else tuple(a.shape)
    return Spec((size,), INT32), Spec(inverse, INT32), Spec((size,), INT32), Spec((), INT32)


@function(_unique_spec)
def unique_parts(xp, a, axis, size):
    """Of the sorted distinct values (or slices): first index, inverse, counts, how many there are.

    With a size, indices are filled up with the first (0 where there is none) and counts with 0.
    """
    if axis is None:
        _, index, inverse, counts = xp.unique(a.reshape(-1), True, True, True)
        inverse = inverse.reshape(a.shape)
    else:
        _, index, inverse, counts = xp.unique(a, True, True, True, axis=axis)
        inverse = inverse.reshape(-1)
    found = xp.asarray(index.shape[0], INT32)
    if size is not None:
        index, counts = index[:size], counts[:size]
        rest = size - index.shape[0]
        if rest:
            first = index[:1] if index.size else xp.zeros((1,), index.dtype)
            index = xp.concatenate([index, xp.broadcast_to(first, (rest,))])
            counts = xp.concatenate([counts, xp.zeros((rest,), counts.dtype)])
    return index.astype(INT32), inverse.astype(INT32), counts.astype(INT32), found
