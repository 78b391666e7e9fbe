"""Gather and scatter by integer indices.

Negative indices count from the end. What is taken at an index out of range is NaN, or 0 where there
is no NaN; its gradient goes nowhere. On the CPU one look at the indices tells whether any is
negative or out of range; a GPU would have to be waited for, and masks them all.
"""

from minikeras.arrays import NUMPY
from minikeras.dtypes import INT32, Spec
from minikeras.kernels.registry import function, kernel

NAN = float("nan")


def _nothing(dtype):
    """What stands for an element that does not exist."""
    return NAN if dtype.kind in "fcV" else False


def _all_inside(indices, n):
    """Whether all of the host's indices are among 0 ... n - 1."""
    if not indices.size:
        return True
    if indices.dtype.kind == "i":  # negative ones become larger than any length
        wide = indices if indices.dtype.itemsize > 2 else indices.astype(INT32)
        indices = wide.view(f"u{wide.dtype.itemsize}")
    return indices.max() < n


def _checked(xp, indices, n):
    """(indices from 0 to n - 1, where they were out of range or None)."""
    if xp is NUMPY and _all_inside(indices, n):
        return indices, None
    if n == 0:
        return indices, xp.ones(indices.shape, bool)
    if indices.dtype.itemsize < 4:  # the length may not fit
        indices = indices.astype(INT32)
    if indices.dtype.kind == "u":
        return xp.minimum(indices, n - 1), indices >= n
    counted = xp.where(indices < 0, indices + n, indices)
    return xp.clip(counted, 0, n - 1), xp.logical_or(counted < 0, counted >= n)


def _take_spec(a, indices, axis):
    shape = (*a.shape[:axis], *indices.shape, *a.shape[axis + 1 :])
    return Spec(shape, a.dtype)


@kernel("opaque", _take_spec)
def take(k, out, a, indices, axis):
    """Slices of `a` at `indices` along an axis."""
    k(_take, k.xp, a, indices, axis, out)


@take.on("cpu")
def _(k, out, a, indices, axis):
    k(_take, NUMPY, a, indices, axis, out, mode="clip")  # no check of its own, and no buffer


def _take(xp, a, indices, axis, out, **mode):
    n = a.shape[axis]
    indices, wrong = _checked(xp, indices, n)
    if n:
        xp.take(a, indices, axis, out, **mode)
    if wrong is not None:
        wrong = wrong.reshape(wrong.shape + (1,) * (a.ndim - axis - 1))
        xp.copyto(out, _nothing(a.dtype), where=wrong)


@kernel("opaque", lambda g, indices, axis, shape: Spec(tuple(shape), g.dtype))
def take_gradient(k, out, g, indices, axis, shape):
    """Zeros of `shape` with g's slices added at `indices` along an axis."""
    k(out.fill, 0)
    k(_scatter_slices, k.xp, out, indices, g, axis)


def _scatter_slices(xp, out, indices, g, axis):
    if not out.size:
        return
    indices, wrong = _checked(xp, indices, out.shape[axis])
    if wrong is not None:
        wrong = wrong.reshape(wrong.shape + (1,) * (out.ndim - axis - 1))
        g = xp.where(wrong, xp.zeros((), g.dtype), g)
    key = (slice(None),) * axis + (indices,)
    xp.scatter_add(out, key, g)


@take_gradient.on("cpu")
def _(k, out, g, indices, axis, shape):
    k(out.fill, 0)
    if axis:  # the axis first: rows are views across the others
        places = range(axis, axis + indices.ndim)
        rest = (i for i in range(g.ndim) if i not in places)
        g = g.transpose((*places, *rest))
        out = out.transpose((axis, *(i for i in range(out.ndim) if i != axis)))
    k(_set_sums, out, indices, g)


def _set_sums(out, indices, g):
    places, sums = sum_rows(indices, g, out.shape[0])
    out[places] = sums


def sum_rows(indices, rows, n):
    """(distinct places among 0 ... n - 1, in order; for each the sum of its rows), on the host.

    Rows are added occurrence by occurrence: without repeats inside one, += is right and fast.
    """
    index, wrong = _checked(NUMPY, indices.reshape(-1), n)
    rows = rows.reshape(index.size, *rows.shape[indices.ndim:])
    if wrong is not None:
        wrong = wrong.reshape(-1)
        index, rows = index[~wrong], rows[~wrong]
    short = n <= 1 << 16  # sorted digit by digit, in a third of the time
    order = (index.astype("uint16") if short else index).argsort(kind="stable")
    ranked = index[order]
    start = NUMPY.flatnonzero(ranked[1:] != ranked[:-1]) + 1
    start = NUMPY.concatenate((NUMPY.zeros(min(1, index.size), start.dtype), start))
    counts = NUMPY.diff(NUMPY.append(start, index.size))
    most = int(counts.max(initial=0))
    if most > 64:  # few distinct rows: sums of runs
        return ranked[start], NUMPY.add.reduceat(rows[order], start, axis=0)
    sums = rows[order[start]]
    for i in range(1, most):
        more = NUMPY.flatnonzero(counts > i)
        sums[more] += rows[order[start[more] + i]]
    return ranked[start], sums


def _along_spec(a, indices, axis):
    shape = tuple(
        n if i == axis else (a.shape[i] if n == 1 else n) for i, n in enumerate(indices.shape)
    )
    return Spec(shape, a.dtype)


@function(_along_spec)
def take_along_axis(xp, a, indices, axis):
    """a[..., indices[..., j, ...], ...]: one index for each element of the result."""
    shape = list(_along_spec(a, indices, axis).shape)
    indices = xp.broadcast_to(indices, tuple(shape))
    indices, wrong = _checked(xp, indices, a.shape[axis])
    if not a.shape[axis]:
        return xp.full(tuple(shape), _nothing(a.dtype), a.dtype)
    shape[axis] = a.shape[axis]
    y = xp.take_along_axis(xp.broadcast_to(a, tuple(shape)), indices, axis)
    if wrong is not None:
        xp.copyto(y, _nothing(a.dtype), where=wrong)
    return y


@kernel("opaque", lambda g, indices, axis, shape: Spec(tuple(shape), g.dtype))
def take_along_axis_gradient(k, out, g, indices, axis, shape):
    """Zeros of `shape` with each element of g added where it was taken from."""
    k(out.fill, 0)
    k(_scatter_along, k.xp, out, g, indices, axis)


def _scatter_along(xp, out, g, indices, axis):
    if not out.size:
        return
    indices, wrong = _checked(xp, xp.broadcast_to(indices, g.shape), out.shape[axis])
    if wrong is not None:
        g = xp.where(wrong, xp.zeros((), g.dtype), g)
    key = []
    for i, n in enumerate(g.shape):
        if i == axis:
            key.append(indices)
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
