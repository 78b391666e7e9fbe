"""Quantiles, averages, differences, and reductions that leave NaN out.

Of the NaN-ignoring reductions: no elements left sum to 0, multiply to 1, and are NaN else.
"""

import math

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.shape_rules import canonical_axes, canonical_axis, count
from minikeras.dtypes import Spec, canonical, promote, to_float, to_wide_float
from minikeras.ops import cumulative
from minikeras.ops.contraction import matmul
from minikeras.ops.creation import ones_like
from minikeras.ops.elementwise import add, divide, isnan, multiply, subtract
from minikeras.ops.indexing import get_item, where
from minikeras.ops.reduction import all as all_
from minikeras.ops.reduction import argmax, argmin, mean, prod, sum
from minikeras.ops.reduction import max as max_
from minikeras.ops.reduction import min as min_
from minikeras.ops.shaping import _tensor, floating, reshape, slice_axis, transpose

METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


# ---------------------------------------------------------------- quantiles
def _quantile_spec(x, q, axes, method, keepdims, ignore):
    kept = [1 if i in axes else d for i, d in enumerate(x.shape)]
    rest = kept if keepdims else [d for i, d in enumerate(kept) if i not in axes]
    return Spec((*q.shape, *rest), x.dtype)


@op(tensors=2, spec=_quantile_spec)
def _quantile(xp, x, q, axes, method, keepdims, ignore):
    rest = [i for i in range(len(x.shape)) if i not in axes]
    shape, n = tuple(x.shape), count(x.shape, axes)
    flat = xp.transpose(x, axes=(*axes, *rest))
    others = count(shape, rest)
    y = xp.sort(xp.reshape(flat, shape=(n, others)), axis=0)  # (n, others), NaN last
    missing = xp.isnan(y)
    some = xp.sum(xp.cast(missing, dtype=q.dtype), axis=(0,), keepdims=True)  # (1, others)
    last = xp.maximum(xp.subtract(n - 1, some), 0) if ignore else xp.filled(
        some, value=n - 1, dtype=some.dtype)
    at = xp.multiply(xp.reshape(q, shape=(count(q.shape, range(len(q.shape))), 1)), last)
    y = _between(xp, y, at, method)  # (Q, others)
    if not ignore:
        y = xp.blend(xp.greater(some, 0), float("nan"), y)
    kept = [1 if i in axes else d for i, d in enumerate(shape)]
    shape = kept if keepdims else [shape[i] for i in rest]
    return xp.reshape(y, shape=(*q.shape, *shape))


def _between(xp, y, at, method):
    """Values of the sorted columns y at fractional positions."""

    def value(position):
        index = xp.cast(position, dtype=dtypes.INT32)
        return xp.take_along_axis(y, index, axis=0)

    if method == "nearest":
        return value(xp.rint(at))
    low, high = xp.floor(at), xp.ceil(at)
    if method == "lower":
        return value(low)
    if method == "higher":
        return value(high)
    below, above = value(low), value(high)
    if method == "midpoint":
        return xp.multiply(xp.add(below, above), 0.5)
    share = xp.cast(xp.subtract(at, low), dtype=y.dtype)
    return xp.add(below, xp.multiply(xp.subtract(above, below), share))


def _quantiles(name, x, q, axis, method, keepdims, ignore, scale=1.0):
    if method not in METHODS:
        raise ValueError(f"ops.{name}: `method` must be one of {METHODS}. Received: {method}")
    x = floating(x)
    dtype = canonical(x.dtype)
    if dtype in dtypes.HALVES:
        x = OPS["cast"](x, "float32")
    # Positions need more digits than values: q (n - 1) in float64.
    q = OPS["cast"](_tensor(q), "float64") if hasattr(q, "dtype") else OPS["convert_to_tensor"](
        q, "float64")
    if scale != 1.0:
        q = q * scale
    axes = canonical_axes(axis, len(x.shape))
    if 0 in [x.shape[a] for a in axes]:
        raise ValueError(f"ops.{name}: there are no elements. Received: shape {tuple(x.shape)}")
    y = _quantile(x, q, axes=axes, method=method, keepdims=keepdims, ignore=ignore)
    return OPS["cast"](y, dtype)


@public("ops.quantile", "ops.numpy.quantile")
def quantile(x, q, axis=None, method="linear", keepdims=False):
    """Quantiles over `axis`: the value at position q (n - 1) of the sorted elements.

    Args:
        x: tensor; integers count as floats. A NaN makes the quantile NaN.
        q: number or tensor of numbers from 0 to 1; its axes come first in the result.
        axis: int, tuple, or None for all.
        method: between two elements: "linear", "lower", "higher", "midpoint" or "nearest".
        keepdims: whether the axes stay, with length 1.

    >>> quantile([1.0, 2.0, 4.0], 0.75).item()
    3.0
    """
    return _quantiles("quantile", x, q, axis, method, keepdims, False)


@public("ops.percentile", "ops.numpy.percentile")
def percentile(x, q, axis=None, method="linear", keepdims=False):
    """`quantile` with q from 0 to 100."""
    return _quantiles("percentile", x, q, axis, method, keepdims, False, 0.01)


@public("ops.nanquantile", "ops.numpy.nanquantile")
def nanquantile(x, q, axis=None, method="linear", keepdims=False):
    """`quantile` of the elements that are not NaN; NaN where there are none."""
    return _quantiles("nanquantile", x, q, axis, method, keepdims, True)


@public("ops.nanpercentile", "ops.numpy.nanpercentile")
def nanpercentile(x, q, axis=None, method="linear", keepdims=False):
    """`percentile` of the elements that are not NaN; NaN where there are none."""
    return _quantiles("nanpercentile", x, q, axis, method, keepdims, True, 0.01)


@public("ops.median", "ops.numpy.median")
def median(x, axis=None, keepdims=False):
    """Middle element over `axis`, the mean of the two middle ones if their number is even.

    >>> median([3.0, 1.0, 9.0, 2.0]).item()
    2.5
    """
    return _quantiles("median", x, 0.5, axis, "linear", keepdims, False)


@public("ops.nanmedian", "ops.numpy.nanmedian")
def nanmedian(x, axis=None, keepdims=False):
    """Median of the elements that are not NaN; NaN where there are none."""
    return _quantiles("nanmedian", x, 0.5, axis, "linear", keepdims, True)


# ---------------------------------------------------------------- without NaN
def _has_nan(x):
    return canonical(x.dtype).kind in "fVc"


def _filled(x, value):
    x = _tensor(x)
    return where(isnan(x), value, x) if _has_nan(x) else x


@public("ops.nansum", "ops.numpy.nansum")
def nansum(x, axis=None, keepdims=False):
    """Sum of the elements over `axis` that are not NaN."""
    return sum(_filled(x, 0), axis=axis, keepdims=keepdims)


@public("ops.nanprod", "ops.numpy.nanprod")
def nanprod(x, axis=None, keepdims=False):
    """Product of the elements over `axis` that are not NaN."""
    return prod(_filled(x, 1), axis=axis, keepdims=keepdims)


def _number_left(x, axis, keepdims):
    """How many elements are not NaN, in x's dtype (float32 for half precision)."""
    valid = OPS["cast"](OPS["logical_not"](isnan(x)), x.dtype)
    return sum(valid, axis=axis, keepdims=keepdims)


def _wide(x):
    """(x, floating and at least float32; the dtype of the result)."""
    x = floating(x)
    dtype = canonical(x.dtype)
    return (OPS["cast"](x, "float32") if dtype in dtypes.HALVES else x), dtype


@public("ops.nanmean", "ops.numpy.nanmean")
def nanmean(x, axis=None, keepdims=False):
    """Mean of the elements over `axis` that are not NaN."""
    x, dtype = _wide(x)
    total = sum(_filled(x, 0), axis=axis, keepdims=keepdims)
    return OPS["cast"](divide(total, _number_left(x, axis, keepdims)), dtype)


def _nanvar(x, axis, keepdims):
    total = sum(_filled(x, 0), axis=axis, keepdims=True)
    center = subtract(x, divide(total, _number_left(x, axis, True)))
    center = where(isnan(x), 0, center)
    squares = multiply(center, OPS["conjugate"](center))
    y = divide(sum(squares, axis=axis, keepdims=keepdims), _number_left(x, axis, keepdims))
    return OPS["real"](y)


@public("ops.nanvar", "ops.numpy.nanvar")
def nanvar(x, axis=None, keepdims=False):
    """Variance of the elements over `axis` that are not NaN."""
    x, dtype = _wide(x)
    y = _nanvar(x, axis, keepdims)
    return y if dtype.kind == "c" else OPS["cast"](y, dtype)


@public("ops.nanstd", "ops.numpy.nanstd")
def nanstd(x, axis=None, keepdims=False):
    """Standard deviation of the elements over `axis` that are not NaN."""
    return OPS["sqrt"](nanvar(x, axis, keepdims))


def _ignoring_nan(name, reduce, worst, nothing, doc):
    """A choice among the elements that are not NaN; `nothing` where all are."""

    def function(x, axis=None, keepdims=False):
        x = _tensor(x)
        y = reduce(_filled(x, worst), axis=axis, keepdims=keepdims)
        if not _has_nan(x):
            return y
        return where(all_(isnan(x), axis=axis, keepdims=keepdims), nothing, y)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return public(f"ops.{name}", f"ops.numpy.{name}")(function)


nanmax = _ignoring_nan(
    "nanmax", max_, -math.inf, math.nan, "Largest of the elements over `axis` that are not NaN.")
nanmin = _ignoring_nan(
    "nanmin", min_, math.inf, math.nan, "Smallest of the elements over `axis` that are not NaN.")
nanargmax = _ignoring_nan(
    "nanargmax", argmax, -math.inf, -1,
    "Index of the largest element along `axis` that is not NaN (int32); -1 where all are.")
nanargmin = _ignoring_nan(
    "nanargmin", argmin, math.inf, -1,
    "Index of the smallest element along `axis` that is not NaN (int32); -1 where all are.")


@public("ops.nancumsum", "ops.numpy.nancumsum")
def nancumsum(x, axis=None, dtype=None):
    """Running sum that takes NaN for 0."""
    return cumulative.cumsum(_filled(x, 0), axis=axis, dtype=dtype)


@public("ops.nancumprod", "ops.numpy.nancumprod")
def nancumprod(x, axis=None, dtype=None):
    """Running product that takes NaN for 1."""
    return cumulative.cumprod(_filled(x, 1), axis=axis, dtype=dtype)


# ---------------------------------------------------------------- averages and differences
@public("ops.average", "ops.numpy.average")
def average(x, axis=None, weights=None):
    """sum(weights x) / sum(weights) over `axis`; the mean without weights.

    `weights` has x's shape, or is a vector along the one axis.
    """
    if weights is None:
        return mean(floating(x), axis=axis)
    x, weights = _tensor(x), _tensor(weights)
    dtype = to_float(canonical(x.dtype), canonical(weights.dtype))
    x, weights = OPS["cast"](x, dtype), OPS["cast"](weights, dtype)
    if len(weights.shape) != len(x.shape):
        if len(weights.shape) != 1 or not isinstance(axis, int):
            raise ValueError(
                "ops.average: `weights` must have x's shape, or be a vector along one `axis`. "
                f"Received: x {tuple(x.shape)}, weights {tuple(weights.shape)}, axis={axis}"
            )
        after = len(x.shape) - canonical_axis(axis, len(x.shape)) - 1
        weights = reshape(weights, (-1, *(1,) * after))
    weights = multiply(weights, ones_like(x))
    return divide(sum(multiply(x, weights), axis=axis), sum(weights, axis=axis))


@public("ops.ptp", "ops.numpy.ptp")
def ptp(x, axis=None, keepdims=False):
    """Largest less smallest element over `axis`."""
    most, least = (f(x, axis=axis, keepdims=keepdims) for f in (max_, min_))
    return OPS["cast"](subtract(most, least), most.dtype)


@public("ops.corrcoef", "ops.numpy.corrcoef")
def corrcoef(x):
    """Pearson's correlation of each pair of rows of x `(variables, observations)`."""
    x = _tensor(x)
    x = OPS["cast"](x, to_wide_float(canonical(x.dtype)))
    if len(x.shape) < 2:
        x = reshape(x, (1, -1))
    center = subtract(x, mean(x, axis=1, keepdims=True))
    products = matmul(center, transpose(center))  # (variables, variables)
    size = OPS["sqrt"](OPS["diagonal"](products))
    y = divide(divide(products, reshape(size, (-1, 1))), reshape(size, (1, -1)))
    return OPS["clip"](get_item(y, (0, 0)) if y.shape == (1, 1) else y, -1.0, 1.0)


@public("ops.diff", "ops.numpy.diff")
def diff(a, n=1, axis=-1):
    """Differences of neighbours along an axis, n times over; of booleans: whether they differ.

    >>> diff([1, 4, 9]).numpy().tolist()
    [3, 5]
    """
    a = _tensor(a)
    axis = canonical_axis(axis, len(a.shape))
    if n < 0:
        raise ValueError(f"ops.diff: `n` must not be negative. Received: n={n}")
    for _ in range(n):
        a = _difference(a, axis)
    return a


@op(tensors=1)
def _difference(xp, a, axis):
    lead = (slice(None),) * axis
    later, earlier = (xp.slice_view(a, key=(*lead, part)) for part in (
        slice(1, None), slice(0, -1)))
    return xp.not_equal(later, earlier) if a.dtype == dtypes.BOOL else xp.subtract(later, earlier)


@public("ops.trapezoid", "ops.numpy.trapezoid")
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """Integral of y along an axis by the trapezoidal rule, at points x or `dx` apart."""
    y = floating(y)
    axis = canonical_axis(axis, len(y.shape))
    if x is None:
        width = dx
    else:
        x = _tensor(x)
        y = OPS["cast"](y, promote(canonical(y.dtype), canonical(x.dtype)))
        x = OPS["cast"](x, y.dtype)
        if len(x.shape) == 1:
            width = reshape(diff(x), (-1, *(1,) * (len(y.shape) - axis - 1)))
        else:
            width = diff(x, axis=axis)
    middle = multiply(add(slice_axis(y, axis, 1, None), slice_axis(y, axis, 0, -1)), 0.5)
    return sum(multiply(middle, width), axis=axis)

