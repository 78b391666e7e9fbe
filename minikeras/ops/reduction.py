"""Reductions: sum, mean, extrema, statistics, any and all, norms.

Everywhere: `axis` is an int, a tuple or None (all axes); `keepdims` leaves the reduced axes with
length 1. An empty axis sums to 0, multiplies to 1, is NaN for a mean, and an error for extrema.
"""

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.shape_rules import canonical_axes, canonical_axis, count, kept_shape, share
from minikeras.dtypes import Spec, to_float
from minikeras.ops.cumulative import shifted
from minikeras.ops.families import publish


def spread(xp, g, x, axis):
    """A reduction's gradient put back on every element it came from."""
    axes = canonical_axes(axis, len(x.shape))
    g = xp.reshape(g, shape=kept_shape(x.shape, axes))
    return xp.broadcast_to(g, shape=tuple(x.shape))


@publish
@op(
    vjp=lambda xp, g, _y, _x, axis, keepdims: spread(xp, g, _x, axis),
    dtype=dtypes.accumulate,
)
def sum(xp, x, axis=None, keepdims=False):
    """Sum over `axis`; small integers and booleans add up in 32 bits.

    >>> import minikeras as keras
    >>> keras.ops.sum([[1, 2], [3, 4]], axis=0).numpy().tolist()
    [4, 6]
    """
    axes = canonical_axes(axis, len(x.shape))
    return xp.sum(x, axis=axes, keepdims=keepdims) if axes else x


@publish
@op(
    vjp=lambda xp, g, _y, _x, axis, keepdims: xp.multiply(
        spread(xp, g, _x, axis), share(_x.shape, canonical_axes(axis, len(_x.shape)))
    ),
    dtype=to_float,
)
def mean(xp, x, axis=None, keepdims=False):
    """Mean over `axis`; float16 and bfloat16 add up in float32, so a long sum does not overflow.

    >>> import minikeras as keras
    >>> float(keras.ops.mean([1.0, 2.0, 6.0]))
    3.0
    """
    axes = canonical_axes(axis, len(x.shape))
    n = share(x.shape, axes)
    if x.dtype in dtypes.HALVES:
        wide = xp.sum(xp.cast(x, dtype=dtypes.FLOAT32), axis=axes, keepdims=keepdims)
        return xp.cast(xp.multiply(wide, n), dtype=x.dtype)
    return xp.multiply(xp.sum(x, axis=axes, keepdims=keepdims), n)


def _variance_vjp(xp, g, _y, x, axis, keepdims):
    # d var / d x = 2 (x - mean) / n
    axes = canonical_axes(axis, len(x.shape))
    n = share(x.shape, axes)
    center = xp.subtract(x, xp.multiply(xp.sum(x, axis=axes, keepdims=True), n))
    if x.dtype.kind == "c":  # the variance is real
        g = xp.cast(xp.real(g), dtype=x.dtype)
    return xp.multiply(spread(xp, g, x, axis), xp.multiply(center, 2.0 * n))


def squares(xp, x):
    """|x|**2 in x's dtype."""
    return xp.multiply(x, xp.conjugate(x)) if x.dtype.kind == "c" else xp.square(x)


@publish
@op(vjp=_variance_vjp, dtype=to_float, holomorphic=False)
def var(xp, x, axis=None, keepdims=False):
    """Variance over `axis`: mean(|x - mean(x)|**2), without Bessel's correction."""
    axes = canonical_axes(axis, len(x.shape))
    dtype = x.dtype
    if dtype in dtypes.HALVES:
        x = xp.cast(x, dtype=dtypes.FLOAT32)
    n = count(x.shape, axes)
    center = xp.subtract(x, xp.divide(xp.sum(x, axis=axes, keepdims=True), float(n)))
    y = xp.divide(xp.sum(squares(xp, center), axis=axes, keepdims=keepdims), float(n))
    return xp.cast(y, dtype=dtype) if dtype in dtypes.HALVES else y


@publish
@op(dtype=to_float)
def std(xp, x, axis=None, keepdims=False):
    """Standard deviation over `axis`: sqrt(var(x)); real also of complex numbers."""
    variance = var.op.forward(xp, x, axis, keepdims)
    return xp.sqrt(xp.real(variance) if x.dtype.kind == "c" else variance)


def _prod_vjp(xp, g, y, x, axis, keepdims, dtype=None):
    # Product of the others: of those before times of those after, right where elements are 0.
    axes = canonical_axes(axis, len(x.shape))
    rest = [i for i in range(len(x.shape)) if i not in axes]
    order = (*rest, *axes)
    moved = xp.transpose(x, axes=order)
    flat = xp.reshape(moved, shape=(*(x.shape[i] for i in rest), count(x.shape, axes)))
    last = len(rest)
    before = shifted(xp, xp.cumprod(flat, axis=last), 1, last, 1)
    back = xp.cumprod(xp.flip(flat, axis=(last,)), axis=last)
    after = xp.flip(shifted(xp, back, 1, last, 1), axis=(last,))
    others = xp.reshape(xp.multiply(before, after), shape=tuple(moved.shape))
    others = xp.transpose(others, axes=tuple(order.index(i) for i in range(len(order))))
    return xp.multiply(spread(xp, g, x, axis), others)


@publish
@op(vjp=_prod_vjp, dtype=dtypes.accumulate)
def prod(xp, x, axis=None, keepdims=False, dtype=None):
    """Product over `axis`; the gradient is right also where elements are 0."""
    if dtype is not None:
        x = xp.cast(x, dtype=dtypes.canonical(dtype))
    axes = canonical_axes(axis, len(x.shape))
    return xp.prod(x, axis=axes, keepdims=keepdims) if axes else x


def _extremum_vjp(xp, g, y, x, axis, keepdims, initial=None):
    axes = canonical_axes(axis, len(x.shape))
    best = xp.reshape(y, shape=kept_shape(x.shape, axes))
    ties = xp.cast(xp.equal(x, best), dtype=g.dtype)
    number = xp.sum(ties, axis=axes, keepdims=True)
    if initial is not None:
        number = xp.maximum(number, 1)
    return xp.multiply(spread(xp, g, x, axis), xp.divide(ties, number))


def _extremum(name, pair, doc):
    def forward(xp, x, axis=None, keepdims=False, initial=None):
        axes = canonical_axes(axis, len(x.shape))
        if initial is None and 0 in [x.shape[a] for a in axes]:
            raise ValueError(f"the {name} of no elements is not defined; give `initial`.")
        if initial is not None:
            initial = float(initial) if x.dtype.kind in "fV" else int(initial)
        empty = initial is not None and 0 in [x.shape[a] for a in axes]
        y = x if not axes else None if empty else getattr(xp, name)(x, axis=axes, keepdims=keepdims)
        if y is None:
            y = xp.multiply(xp.sum(x, axis=axes, keepdims=keepdims), 0)
            return xp.add(y, initial)
        return y if initial is None else getattr(xp, pair)(y, initial)

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = doc
    return publish(op(vjp=_extremum_vjp, tensors=1)(forward))


max = _extremum(
    "max", "maximum",
    "Largest element over `axis`, at least `initial`; ties share the gradient evenly.",
)
min = _extremum(
    "min", "minimum",
    "Smallest element over `axis`, at most `initial`; ties share the gradient evenly.",
)


@publish
@op(tensors=1)
def amax(xp, x, axis=None, keepdims=False):
    """`max` by another name."""
    return xp.max(x, axis=canonical_axes(axis, len(x.shape)), keepdims=keepdims)


@publish
@op(tensors=1)
def amin(xp, x, axis=None, keepdims=False):
    """`min` by another name."""
    return xp.min(x, axis=canonical_axes(axis, len(x.shape)), keepdims=keepdims)


def _argument(name, doc):
    def forward(xp, x, axis=None, keepdims=False):
        if isinstance(axis, tuple):
            axis = axis[0]
        if axis is None:
            ndim = len(x.shape)
            flat = xp.reshape(x, shape=(count(x.shape, range(ndim)),))
            y = getattr(xp, name)(flat, axis=(0,))
            return xp.reshape(y, shape=(1,) * ndim) if keepdims else y
        axis = canonical_axis(axis, len(x.shape))
        return getattr(xp, name)(x, axis=(axis,), keepdims=keepdims)

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = doc
    return publish(op(vjp=False, tensors=1)(forward))


argmax = _argument("argmax", "Index of the largest element along `axis` (int32), first of ties.")
argmin = _argument("argmin", "Index of the smallest element along `axis` (int32), first of ties.")


def _truth(name, doc):
    def forward(xp, x, axis=None, keepdims=False):
        return getattr(xp, name)(x, axis=canonical_axes(axis, len(x.shape)), keepdims=keepdims)

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = doc
    return publish(op(vjp=False, tensors=1, dtype=lambda *_: dtypes.BOOL)(forward))


any = _truth("any", "Whether any element over `axis` is true (not 0).")
all = _truth("all", "Whether all elements over `axis` are true (not 0).")


@publish
@op(vjp=False, tensors=1)
def count_nonzero(xp, x, axis=None):
    """Number of elements over `axis` that are not 0; int32."""
    true = xp.cast(xp.not_equal(x, 0), dtype=dtypes.INT32)
    return xp.sum(true, axis=canonical_axes(axis, len(x.shape)), keepdims=False)


def _logsumexp_vjp(xp, g, y, x, axis, keepdims):
    axes = canonical_axes(axis, len(x.shape))
    p = xp.exp(xp.subtract(x, xp.reshape(y, shape=kept_shape(x.shape, axes))))
    # y is rounded, so the shares do not quite sum to 1 where it is large
    p = xp.divide(p, xp.sum(p, axis=axes, keepdims=True))
    return xp.multiply(spread(xp, g, x, axis), p)


@public("ops.logsumexp", "ops.math.logsumexp")
@op(vjp=_logsumexp_vjp, dtype=to_float)
def logsumexp(xp, x, axis=None, keepdims=False):
    """log(sum(exp(x))) over `axis`, shifted by the maximum so that nothing overflows; of nothing
    -inf."""
    axes = canonical_axes(axis, len(x.shape))
    if 0 in [x.shape[a] for a in axes]:
        return xp.log(xp.sum(x, axis=axes, keepdims=keepdims))
    top = xp.max(x, axis=axes, keepdims=True)
    top = xp.blend(xp.isfinite(top), top, 0)
    total = xp.sum(xp.exp(xp.subtract(x, top)), axis=axes, keepdims=True)
    y = xp.add(xp.log(total), top)
    if keepdims:
        return y
    return xp.reshape(y, shape=tuple(d for i, d in enumerate(x.shape) if i not in axes))


@public("ops.moments", "ops.nn.moments")
def moments(x, axes, keepdims=False, synchronized=False):
    """(mean, variance) over `axes`; float16 and bfloat16 are computed in float32.

    `synchronized` (over replicas) is not supported.
    """
    if synchronized:
        raise NotImplementedError("moments: there is one replica; use synchronized=False.")
    return mean(x, axes, keepdims), var(x, axes, keepdims)


def spec_of_reduction(x, axis, keepdims, dtype=None):
    """Spec of a reduction's result."""
    axes = canonical_axes(axis, len(x.shape))
    kept = kept_shape(x.shape, axes)
    shape = kept if keepdims else tuple(d for i, d in enumerate(kept) if i not in axes)
    return Spec(shape, dtype or x.dtype)
