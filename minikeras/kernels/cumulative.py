"""Running sums and products, sorting and the largest elements."""

from minikeras import dtypes
from minikeras.dtypes import Spec
from minikeras.kernels.registry import function, same_spec


def _along(a, axis):
    return same_spec(a)


@function(_along)
def cumsum(xp, a, axis):
    return xp.cumsum(a, axis, dtype=a.dtype)


@function(_along)
def cumprod(xp, a, axis):
    return xp.cumprod(a, axis, dtype=a.dtype)


@function(_along)
def sort(xp, a, axis):
    return xp.sort(a, axis)


@function(lambda a, axis: Spec(tuple(a.shape), dtypes.INT32))
def argsort(xp, a, axis):
    """Indices that sort along an axis; equal elements keep their order."""
    return xp.argsort(a, axis, kind="stable").astype(dtypes.INT32)


@function(lambda a, k: Spec((*a.shape[:-1], k), dtypes.INT32))
def top_k_indices(xp, a, k):
    """Indices of the k largest elements along the last axis, largest first; first of ties first."""
    flipped = xp.flip(a, -1)
    order = xp.flip(xp.argsort(flipped, -1, kind="stable"), -1)[..., :k]
    return (a.shape[-1] - 1 - order).astype(dtypes.INT32)
