"""Search in sorted values, counts, distinct values."""

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.shape_rules import canonical_axis
from minikeras.dtypes import canonical, promote, to_float
from minikeras.kernels import sorting as _kernels  # noqa: F401 (their table)
from minikeras.ops.creation import arange, full, linspace, zeros_like
from minikeras.ops.cumulative import argsort
from minikeras.ops.elementwise import logical_and, logical_not
from minikeras.ops.indexing import take, take_along_axis, where
from minikeras.ops.reduction import count_nonzero
from minikeras.ops.reduction import max as max_
from minikeras.ops.reduction import min as min_
from minikeras.ops.reduction import sum as sum_
from minikeras.ops.shaping import _tensor, expand_dims, reshape, squeeze


def _together(*tensors):
    """The tensors in their common dtype."""
    tensors = [_tensor(t) for t in tensors]
    target = promote(*(canonical(t.dtype) for t in tensors))
    return [OPS["cast"](t, target) for t in tensors]


# ---------------------------------------------------------------- search
@op(False, tensors=2)
def _searchsorted(xp, a, values, side):
    return xp.searchsorted(a, values, side=side)


@public("ops.searchsorted", "ops.numpy.searchsorted")
def searchsorted(sorted_sequence, values, side="left"):
    """Where values would be put into a sorted vector to keep it sorted; int32.

    `side`: before ("left") or after ("right") elements that are equal.

    >>> searchsorted([1.0, 2.0, 3.0], [2.0, 9.0]).numpy().tolist()
    [1, 3]
    """
    a, values = _together(sorted_sequence, values)
    if len(a.shape) != 1:
        raise ValueError(
            "ops.searchsorted: `sorted_sequence` must have one axis. "
            f"Received: shape {tuple(a.shape)}"
        )
    if side not in ("left", "right"):
        raise ValueError(f"ops.searchsorted: `side` must be 'left' or 'right'. Received: {side}")
    return _searchsorted(a, values, side=side)


@public("ops.digitize", "ops.numpy.digitize")
def digitize(x, bins):
    """Index (int32) of the bin of each element: bins[i-1] <= x < bins[i], bins ascending.

    >>> digitize([0.5, 2.0, 9.0], [1.0, 2.0]).numpy().tolist()
    [0, 2, 2]
    """
    return searchsorted(bins, x, side="right")


@op(False, tensors=2)
def _is_in(xp, a, b):
    return xp.is_in(a, b)


@public("ops.isin", "ops.numpy.isin")
def isin(x1, x2, assume_unique=False, invert=False):
    """Whether each element of x1 is among the elements of x2; the opposite with `invert`."""
    found = _is_in(*_together(x1, x2))
    return logical_not(found) if invert else found


@public("ops.argpartition", "ops.numpy.argpartition")
def argpartition(x, kth, axis=-1):
    """Indices that put the kth smallest element in place, no larger one before it.

    All are sorted: that is one such order, and the same on every device.
    """
    x = _tensor(x)
    n = x.shape[axis] if axis is not None else None
    if n is not None and not -n <= kth < n:
        raise ValueError(f"ops.argpartition: kth={kth} is out of range for {n} elements.")
    return argsort(x, axis)


@public("ops.in_top_k")
def in_top_k(targets, predictions, k):
    """Whether fewer than k predictions are larger than the target's; bool `(batch,)`.

    Ties count as within. False for a target that is no class or whose prediction is not finite.

    >>> in_top_k([1, 0], [[0.1, 0.8, 0.3], [0.1, 0.8, 0.3]], 1).numpy().tolist()
    [True, False]
    """
    targets, predictions = _tensor(targets), _tensor(predictions)
    n = predictions.shape[-1]
    valid = logical_and(OPS["greater_equal"](targets, 0), OPS["less"](targets, n))
    at = where(valid, targets, zeros_like(targets))
    mine = take_along_axis(predictions, expand_dims(at, -1), axis=-1)
    larger = count_nonzero(OPS["greater"](predictions, mine), axis=-1)
    valid = logical_and(valid, OPS["isfinite"](squeeze(mine, -1)))
    return logical_and(valid, OPS["less"](larger, k))


# ---------------------------------------------------------------- counts
@op(False, tensors=1)
def _bincount(xp, x, minlength, dtype):
    return xp.bincount(x, minlength=minlength, dtype=dtype)


def _weights_vjp(xp, g, _y, x, _weights, minlength):
    if len(_weights.shape) == 1:
        return xp.take(g, x, axis=0)
    return xp.take_along_axis(g, x, axis=1)


@op(vjp=(None, _weights_vjp))
def bincount_weighted(xp, x, weights, minlength):
    """Sum of the weights at each integer."""
    return xp.bincount_weighted(x, weights, minlength=minlength)


@public("ops.bincount", "ops.numpy.bincount")
def bincount(x, weights=None, minlength=0, sparse=False):
    """How often each of 0, 1, ... occurs in x (int32), or the sum of its weights.

    Args:
        x: integers that are not negative, `(n,)` or `(batch, n)`: then each row is counted.
        weights: tensor of x's shape.
        minlength: least number of results; their number is max(x) + 1, known from the values.
        sparse: True is not supported.

    >>> bincount([3, 1, 1]).numpy().tolist()
    [0, 2, 0, 1]
    """
    if sparse:
        raise ValueError("ops.bincount: sparse tensors are not supported; use sparse=False.")
    x = _tensor(x)
    if canonical(x.dtype) == dtypes.BOOL:
        x = OPS["cast"](x, dtypes.INT32)
    if len(x.shape) not in (1, 2) or not dtypes.is_int(x.dtype):
        raise ValueError(
            "ops.bincount: `x` must be integers in one or two axes. Received: "
            f"dtype {x.dtype}, shape {tuple(x.shape)}"
        )
    minlength = int(minlength or 0)
    if weights is None:
        return _bincount(x, minlength=minlength, dtype=dtypes.INT32)
    weights = _tensor(weights)
    if canonical(weights.dtype) == dtypes.BOOL:
        weights = OPS["cast"](weights, x.dtype)
    return bincount_weighted(x, weights, minlength=minlength)


@op(False, tensors=2)
def _histogram_counts(xp, x, edges):
    return xp.histogram_counts(x, edges)


@public("ops.histogram", "ops.numpy.histogram")
def histogram(x, bins=10, range=None):
    """(counts, edges) of `bins` equal bins over `range` (by default from min to max of x).

    The last bin holds its upper edge too; elements outside the range are not counted.

    >>> counts, edges = histogram([1.0, 2.0, 5.0], bins=2, range=(0, 6))
    >>> counts.numpy().tolist(), edges.numpy().tolist()
    ([2.0, 1.0], [0.0, 3.0, 6.0])
    """
    if not isinstance(bins, int) or bins < 1:
        raise ValueError(f"ops.histogram: `bins` must be a positive integer. Received: {bins}")
    if range is not None and (len(range) != 2 or range[0] >= range[1]):
        raise ValueError(f"ops.histogram: `range` must be (low, high), low < high, not {range}.")
    x = _tensor(x)
    x = OPS["stop_gradient"](OPS["cast"](x, to_float(canonical(x.dtype))))
    if range is None:
        low, high = min_(x), max_(x)
        flat = OPS["cast"](OPS["equal"](low, high), x.dtype)  # one value: a bin of width 1
        low, high = low - flat * 0.5, high + flat * 0.5
    else:
        nothing = zeros_like(sum_(x))  # on x's device, and in its graph
        low, high = (nothing + float(v) for v in range)
    edges = linspace(low, high, bins + 1)
    return OPS["cast"](_histogram_counts(x, edges), x.dtype), edges


# ---------------------------------------------------------------- distinct values
@op(False, outs=4, tensors=1)
def unique_parts(xp, x, axis, size):
    """First index, inverse, counts and number of the distinct values."""
    return xp.unique_parts(x, axis=axis, size=size)


def _one_to_fill_with(x, axis, fill_value):
    """A tensor with one slice of the fill value, in place of one with none."""
    if fill_value is None:
        raise ValueError(
            "ops.unique: `size` asks for values, but x has no elements; give `fill_value`. "
            f"Received: shape {tuple(x.shape)}"
        )
    return full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), fill_value, dtype=x.dtype)


@public("ops.unique", "ops.numpy.unique")
def unique(
    x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None,
    size=None, fill_value=None,
):
    """The distinct elements of x, in ascending order, or its distinct slices along an axis.

    How many there are is known from the values; with `size` the result has that many: too many are
    cut, missing ones are `fill_value` (the smallest by default) with a count of 0.

    Args:
        x: tensor.
        sorted: they always are.
        return_index, return_inverse, return_counts: also give, in this order, the index of the
            first occurrence, where each element went, and how often each occurs (int32).
        axis: None: elements of the flattened x; else slices.
        size, fill_value: a fixed number of results.

    >>> unique([3, 1, 3]).numpy().tolist()
    [1, 3]
    """
    x = _tensor(x)
    if axis is not None:
        axis = canonical_axis(axis, len(x.shape))
    flat = reshape(x, (-1,)) if axis is None else x
    index, inverse, counts, found = unique_parts(x, axis=axis, size=size)
    if size and flat.shape[axis or 0] == 0:
        flat = _one_to_fill_with(flat, axis or 0, fill_value)
    values = take(flat, index, axis=axis or 0)
    if size is not None and fill_value is not None:
        ndim = len(values.shape)
        real = reshape(OPS["less"](arange(size), found), (-1, *(1,) * (ndim - 1 - (axis or 0))))
        values = where(real, values, fill_value)
    chosen = [values]
    for part, wanted in ((index, return_index), (inverse, return_inverse), (counts, return_counts)):
        if wanted:
            chosen.append(part)
    return chosen[0] if len(chosen) == 1 else tuple(chosen)
