"""Reductions. `axis` is a tuple of non-negative axes; half precision adds up in float32."""

import functools

from minikeras import dtypes
from minikeras.arrays import NUMPY
from minikeras.dtypes import Spec
from minikeras.kernels.registry import function, kernel


def reduced_shape(shape, axis, keepdims=False):
    """The shape without, or with 1 in place of, the axes."""
    if keepdims:
        return tuple(1 if i in axis else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axis)


def _spec(a, axis, keepdims=False):
    return Spec(reduced_shape(a.shape, axis, keepdims), a.dtype)


def _integer_spec(a, axis, keepdims=False):
    return Spec(reduced_shape(a.shape, axis, keepdims), dtypes.INT32)


def _bool_spec(a, axis, keepdims=False):
    return Spec(reduced_shape(a.shape, axis, keepdims), dtypes.BOOL)


def _accumulate(name, ufunc):
    def run(k, out, a, axis, keepdims=False):
        # NumPy's sum is add.reduce behind 1.5 us of Python
        reduce = getattr(k.xp, ufunc).reduce if k.xp is NUMPY else getattr(k.xp, name)
        if a.dtype in dtypes.HALVES:
            wide = k.scratch(out.shape, dtypes.FLOAT32)
            k(reduce, a, axis, dtypes.FLOAT32, wide, keepdims)
            k(k.xp.copyto, out, wide, casting="unsafe")
        else:
            k(reduce, a, axis, out.dtype, out, keepdims)

    return run


sum = kernel("reduce", _spec, name="sum")(_accumulate("sum", "add"))
prod = kernel("reduce", _spec, name="prod")(_accumulate("prod", "multiply"))


@functools.lru_cache(64)
def _ones(n, dtype):
    ones = NUMPY.ones(n, dtype)
    ones.flags.writeable = False
    return ones


def _column_sums(a, axis, keepdims=False):
    """Whether all axes but the last are summed, over enough values for BLAS to win."""
    return (
        a.dtype == dtypes.FLOAT32
        and a.ndim > 1
        and axis == tuple(range(a.ndim - 1))
        and a.size > 8
        and a.flags.c_contiguous
    )


@sum.on("cpu", _column_sums)
def _(k, out, a, axis, keepdims=False):
    # ones @ a: ten times faster than a.sum(0).
    channels = a.shape[-1]
    rows = a.size // channels
    k(NUMPY.dot, _ones(rows, a.dtype), k.view(a, (rows, channels)), k.view(out, (channels,)))


def _row_sums(a, axis, keepdims=False):
    return (
        a.dtype == dtypes.FLOAT32
        and a.ndim > 1
        and axis == (a.ndim - 1,)
        and a.size > 8
        and a.flags.c_contiguous
    )


@sum.on("cpu", _row_sums)
def _(k, out, a, axis, keepdims=False):
    n = a.shape[-1]
    k(NUMPY.dot, k.view(a, (a.size // n, n)), _ones(n, a.dtype), k.view(out, (out.size,)))


def _total(a, axis, keepdims=False):
    """Whether all of a few values are summed."""
    return (
        a.dtype == dtypes.FLOAT32 and 8 < a.size < 4096 and len(axis) == a.ndim
        and a.flags.c_contiguous
    )


@sum.on("cpu", _total)
def _(k, out, a, axis, keepdims=False):
    k(NUMPY.dot, k.view(a, (a.size,)), _ones(a.size, a.dtype), k.view(out, ()))


def _extremum(name):
    def run(k, out, a, axis, keepdims=False):
        k(getattr(k.xp, name), a, axis, out, keepdims)

    return run


max = kernel("reduce", _spec, name="max")(_extremum("max"))
min = kernel("reduce", _spec, name="min")(_extremum("min"))


@function(_bool_spec, kind="reduce")
def any(xp, a, axis, keepdims=False):
    return xp.any(a, axis=axis, keepdims=keepdims)


@function(_bool_spec, kind="reduce")
def all(xp, a, axis, keepdims=False):
    return xp.all(a, axis=axis, keepdims=keepdims)


def _arg(name):
    def compute(xp, a, axis, keepdims=False):
        """Index of the extremum along the one axis in `axis`; the first where there are ties."""
        index = getattr(xp, name)(a, axis=axis[0]).astype(dtypes.INT32)
        return xp.expand_dims(index, axis[0]) if keepdims else index

    return compute


argmax = function(_integer_spec, kind="reduce", name="argmax")(_arg("argmax"))
argmin = function(_integer_spec, kind="reduce", name="argmin")(_arg("argmin"))


@function(lambda a, axis: Spec(reduced_shape(a.shape, (axis,), True), a.dtype))
def sparsemax_threshold(xp, a, axis):
    """tau with sum(max(a - tau, 0)) = 1 along an axis."""
    ranked = -xp.sort(-a, axis)
    n = a.shape[axis]
    shape = [1] * a.ndim
    shape[axis] = n
    k = xp.arange(1, n + 1, dtype=a.dtype).reshape(shape)
    total = xp.cumsum(ranked, axis)
    inside = 1 + k * ranked > total
    count = xp.sum(inside, axis, keepdims=True)
    best = xp.sum(xp.where(inside, ranked, xp.zeros((), a.dtype)), axis, keepdims=True)
    return ((best - 1) / count).astype(a.dtype)
