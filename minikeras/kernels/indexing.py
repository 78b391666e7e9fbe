"""Gather and scatter by integer indices.

On the CPU an index out of range is an IndexError. A GPU kernel cannot raise without waiting for the
device, so there the result is NaN (0 for integers) at such an index.
"""

from minikeras.arrays import NUMPY
from minikeras.dtypes import Spec
from minikeras.kernels.registry import function, kernel

NAN = float("nan")


def _take_spec(a, indices, axis):
    shape = (*a.shape[:axis], *indices.shape, *a.shape[axis + 1 :])
    return Spec(shape, a.dtype)


@kernel("opaque", _take_spec)
def take(k, out, a, indices, axis):
    """Slices of `a` at `indices` along an axis; negative indices count from the end."""
    k(_take, k.xp, a, indices, axis, out)


def _take(xp, a, indices, axis, out):
    # CuPy wraps indices that are out of range; a check would wait for the device.
    n = a.shape[axis]
    xp.take(a, indices, axis, out)
    if n:
        wrong = xp.logical_or(indices < -n, indices >= n)
        wrong = wrong.reshape(indices.shape + (1,) * (a.ndim - axis - 1))
        xp.copyto(out, NAN if a.dtype.kind == "f" else 0, where=wrong)


@take.on("cpu")
def _(k, out, a, indices, axis):
    k(_take_checked, a, indices, axis, out)


def _take_checked(a, indices, axis, out):
    try:
        NUMPY.take(a, indices, axis, out)
    except IndexError:
        n = a.shape[axis]
        bad = indices[(indices < -n) | (indices >= n)]
        raise IndexError(
            f"index {bad.flat[0]} is out of range for axis {axis} of length {n}."
        ) from None


@kernel("opaque", lambda g, indices, axis, shape: Spec(tuple(shape), g.dtype))
def take_gradient(k, out, g, indices, axis, shape):
    """Zeros of `shape` with g's slices added at `indices` along an axis."""
    k(out.fill, 0)
    k(_scatter_slices, k.xp, out, indices, g, axis)


def _scatter_slices(xp, out, indices, g, axis):
    key = (slice(None),) * axis + (indices,)
    xp.scatter_add(out, key, g)


@take_gradient.on("cpu", lambda g, indices, axis, shape: axis == 0)
def _(k, out, g, indices, axis, shape):
    k(out.fill, 0)
    k(_add_by_occurrence, out, indices, g)


def _add_by_occurrence(out, indices, g):
    """Rows added occurrence by occurrence: without repeats inside one, += is right and fast."""
    index = indices.reshape(-1) % out.shape[0] if out.shape[0] else indices.reshape(-1)
    rows = g.reshape(index.size, *out.shape[1:])
    order = index.argsort(kind="stable")
    ranked = index[order]
    start = NUMPY.flatnonzero(NUMPY.concatenate(([True], ranked[1:] != ranked[:-1])))
    counts = NUMPY.diff(NUMPY.append(start, index.size))
    if not index.size:
        return
    if counts.max() > 64:  # few distinct rows: sums of runs
        out[ranked[start]] += NUMPY.add.reduceat(rows[order], start, axis=0)
        return
    for i in range(int(counts.max())):
        at = order[start[counts > i] + i]
        out[index[at]] += rows[at]


def _along_spec(a, indices, axis):
    shape = tuple(
        n if i == axis else (a.shape[i] if n == 1 else n) for i, n in enumerate(indices.shape)
    )
    return Spec(shape, a.dtype)


@function(_along_spec)
def take_along_axis(xp, a, indices, axis):
    """a[..., indices[..., j, ...], ...]: one index for each element of the result."""
    shape = [max(n, m) for n, m in zip(a.shape, indices.shape)]
    shape[axis] = indices.shape[axis]
    indices = xp.broadcast_to(indices, tuple(shape))
    shape[axis] = a.shape[axis]
    return xp.take_along_axis(xp.broadcast_to(a, tuple(shape)), indices, axis)


@kernel("opaque", lambda g, indices, axis, shape: Spec(tuple(shape), g.dtype))
def take_along_axis_gradient(k, out, g, indices, axis, shape):
    """Zeros of `shape` with each element of g added where it was taken from."""
    k(out.fill, 0)
    k(_scatter_along, k.xp, out, g, indices, axis)


def _scatter_along(xp, out, g, indices, axis):
    key = []
    for i, n in enumerate(g.shape):
        if i == axis:
            key.append(xp.broadcast_to(indices % out.shape[axis], g.shape))
        elif out.shape[i] == 1 and n != 1:
            key.append(xp.zeros(g.shape, indices.dtype))
        else:
            ramp = xp.arange(n, dtype=indices.dtype)
            key.append(xp.broadcast_to(ramp.reshape((-1,) + (1,) * (g.ndim - i - 1)), g.shape))
    xp.scatter_add(out, tuple(key), g)


@kernel("opaque", lambda a, updates, start: Spec(tuple(a.shape), a.dtype))
def slice_update(k, out, a, updates, start):
    """`a` with the block that begins at `start` replaced by `updates`."""
    k(k.xp.copyto, out, a)
    key = tuple(slice(s, s + n) for s, n in zip(start, updates.shape))
    k(k.xp.copyto, out[key], updates)
