"""Views and rearrangements: reshape, transpose, slice, concatenate, pad, tile."""

from minikeras.dtypes import INT32, Spec
from minikeras.kernels.registry import function, kernel, same_spec


def _reshape_spec(a, shape):
    return Spec(tuple(shape), a.dtype)


@function(_reshape_spec, kind="view")
def reshape(xp, a, shape):
    """a in another shape; copies only where no view can do it."""
    return a.reshape(shape)


@function(lambda a, axes: Spec(tuple(a.shape[i] for i in axes), a.dtype), kind="view")
def transpose(xp, a, axes):
    return a.transpose(axes)


@function(_reshape_spec, kind="view")
def broadcast_to(xp, a, shape):
    return xp.broadcast_to(a, shape)


def slice_length(start, stop, step):
    """Elements of a slice whose bounds lie inside the axis."""
    return max(0, -(-(stop - start) // step))


def _slice_spec(a, key):
    shape, axis = [], 0
    for k in key:
        if k is None:
            shape.append(1)
            continue
        if isinstance(k, slice):
            n = a.shape[axis]
            full = k.start in (None, 0) and k.stop is None and k.step in (None, 1)
            if n is None:
                bounded = k.stop is not None and k.stop >= 0 and (k.start or 0) >= 0
                shape.append(None if full or not bounded else None)
            else:
                shape.append(len(range(*k.indices(n))))
        axis += 1
    return Spec((*shape, *a.shape[axis:]), a.dtype)


@function(_slice_spec, kind="view")
def slice_view(xp, a, key):
    """Basic indexing: a tuple of slices, integers and None, without ellipsis."""
    return a[(*key, ...)]  # the ellipsis: a view also where one element is meant


@kernel("opaque", lambda g, key, shape: Spec(tuple(shape), g.dtype))
def slice_gradient(k, out, g, key, shape):
    """Zeros of `shape` with g at the slice `key`."""
    k(out.fill, 0)
    k(k.xp.copyto, out[(*key, ...)], g)


def _flip_spec(a, axis):
    return same_spec(a)


@function(_flip_spec, kind="view")
def flip(xp, a, axis):
    return xp.flip(a, axis)


def _concatenate_spec(*arrays, axis):
    sizes = [a.shape[axis] for a in arrays]
    shape = []
    for i, d in enumerate(arrays[0].shape):
        known = [a.shape[i] for a in arrays if a.shape[i] is not None]
        shape.append(known[0] if known else d)
    shape[axis] = None if None in sizes else sum(sizes)
    return Spec(tuple(shape), arrays[0].dtype)


@kernel("concat", _concatenate_spec)
def concatenate(k, out, *arrays, axis):
    """Arrays joined along an axis (not negative)."""
    lead, start = (slice(None),) * axis, 0
    for a in arrays:
        n = a.shape[axis]
        k(k.xp.copyto, out[(*lead, slice(start, start + n))], a)
        start += n


def _pad_spec(a, pad_width, value=0):
    shape = tuple(
        None if d is None else d + lo + hi for d, (lo, hi) in zip(a.shape, pad_width)
    )
    return Spec(shape, a.dtype)


@kernel("opaque", _pad_spec)
def pad_constant(k, out, a, pad_width, value=0):
    """`a` with borders of a constant; a pair (before, after) an axis."""
    inner = []
    for axis, ((low, high), n) in enumerate(zip(pad_width, a.shape)):
        lead = tuple(inner) + (slice(None),) * (a.ndim - axis - 1)
        for border in (slice(0, low), slice(low + n, low + n + high)):
            if border.stop > border.start:
                # Axes before this one only where `a` is, so that no element is written twice.
                key = (*inner, border, *lead[axis:])
                k(out[key].fill, value)
        inner.append(slice(low, low + n))
    k(k.xp.copyto, out[tuple(inner)], a)


@function(lambda a, n: Spec((*a.shape[:-1], None), a.dtype))
def diagonal_last(xp, a, n):
    return xp.diagonal(a, n, -2, -1)


@function(lambda indices, depth, axis, dtype: Spec(
    (*indices.shape[:axis], depth, *indices.shape[axis:]), dtype))
def one_hot(xp, indices, depth, axis, dtype):
    """1 where the new axis's position equals the index, else 0; no 1 for indices out of range."""
    shape = (1,) * axis + (depth,) + (1,) * (indices.ndim - axis)
    positions = xp.arange(depth, dtype=indices.dtype).reshape(shape)
    return (xp.expand_dims(indices, axis) == positions).astype(dtype)


@function(lambda a, axis: Spec((a.shape[axis],), INT32))
def positions(xp, a, axis):
    """0, 1, ... along an axis of `a`."""
    return xp.arange(a.shape[axis], dtype=INT32)


@function(lambda a, size: Spec((size,), INT32))
def ramp(xp, a, size):
    """0, 1, ..., size - 1, on the device of `a`."""
    return xp.arange(size, dtype=INT32)


@function(lambda a, value, dtype: Spec(tuple(a.shape), dtype))
def filled(xp, a, value, dtype):
    """An array like `a` of one value: zeros, whatever is in `a` (0 times inf would be NaN)."""
    return xp.full(a.shape, value, dtype)
