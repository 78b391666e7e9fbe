"""Crossentropies of rows of classes (the last axis), each with its gradient, in few passes.

`*_nll` takes int32 labels: their class's term is picked, no one-hot matrix is made. A label
outside [0, classes) gives loss 0 and gradient 0. `*_crossentropy` takes a distribution per row.
"""

import functools

from minikeras import dtypes
from minikeras.dtypes import Spec
from minikeras.kernels.registry import elementwise_spec, function, kernel, same_spec

UINT32 = dtypes.canonical("uint32")
SMALL = 2048  # elements


# ---------------------------------------------------------------- rows and labels
def _rows_spec(a):
    return Spec(tuple(a.shape[:-1]), a.dtype)


@functools.lru_cache(64)
def _row_starts(library, rows, classes):
    starts = library.arange(rows, dtype=dtypes.INT64) * classes
    if library.kind == "cpu":
        starts.flags.writeable = False
    return starts


def _places(k, labels, classes):
    """Each label's place in the flat (rows * classes) array, and which labels are out of range."""
    xp, rows = k.xp, labels.size
    places, unknown = k.scratch((rows,), dtypes.INT64), k.scratch(labels.shape, dtypes.BOOL)
    unsigned = labels.view(UINT32)  # negative labels become large ones: one comparison for both
    k(xp.greater_equal, unsigned, classes, out=unknown)
    k(xp.minimum, unsigned, classes - 1, out=k.view(places, labels.shape))
    k(xp.add, places, _row_starts(xp, rows, classes), out=places)
    return places, unknown


def _pick(flat, places, out):
    out[...] = flat[places]


def _subtract_at(flat, places, values):
    flat[places] -= values  # the places differ: one a row


def _sums(k, a, out):
    """Sums of rows into `out`, of the shape of a without its last axis."""
    k(k.xp.add.reduce, a, -1, None, out)  # what sum() calls, in half the time for small arrays


def _column(k, a):
    return k.view(a, (*a.shape, 1))


def _shifted(k, logits, out):
    """out = logits - max: the softmax does not change, and no exponential overflows."""
    top = k.scratch((*logits.shape[:-1], 1), logits.dtype)
    k(k.xp.max, logits, -1, top, True)
    k(k.xp.subtract, logits, top, out=out)
    return top


def _normalized(k, p, sums):
    """exp and division by the row's sum, in place; `sums` (rows, 1) becomes its logarithm."""
    k(k.xp.exp, p, out=p)
    k(k.xp.add.reduce, p, -1, None, sums, True)
    k(k.xp.divide, p, sums, out=p)
    k(k.xp.log, sums, out=sums)


def _nonzero_sums(k, a, out):
    """Sums of rows, 1 where a row sums to 0: it then stays as it is."""
    zero = k.scratch(out.shape, dtypes.BOOL)
    _sums(k, a, out)
    k(k.xp.equal, out, 0, out=zero)
    k(k.xp.add, out, zero, out=out)


def _clip(k, a, epsilon, out):
    low = a.dtype.type(epsilon)
    high = a.dtype.type(1) - low
    if a.size > SMALL:
        k(k.xp.clip, a, low, high, out=out)
    else:  # clip() is faster by element, and slower to call
        k(k.xp.maximum, a, low, out=out)
        k(k.xp.minimum, out, high, out=out)


@function(lambda labels, depth, dtype: Spec((*labels.shape, depth), dtype), kind="sample")
def one_hot_rows(xp, labels, depth, dtype):
    """(..., depth): 1 at the label, else 0."""
    return (labels[..., None] == xp.arange(depth, dtype=labels.dtype)).astype(dtype)


# ---------------------------------------------------------------- labels
def _two_rows_spec(a, labels, **_):
    return _rows_spec(a), same_spec(a)


@kernel("sample", _two_rows_spec, roles="bb>b")
def softmax_nll(k, out, logits, labels):
    """(-log p[label], p) with p = softmax(logits)."""
    loss, p = out
    sums = _shifted(k, logits, p)
    places, unknown = _places(k, labels, p.shape[-1])
    picked = k.scratch(loss.shape, loss.dtype)
    k(_pick, k.view(p, (p.size,)), places, k.view(picked, (picked.size,)))
    _normalized(k, p, sums)
    k(k.xp.subtract, k.view(sums, loss.shape), picked, out=loss)
    k(k.xp.copyto, loss, 0, where=unknown)


@kernel("sample", lambda g, p, labels: same_spec(p), roles="bbb>b")
def softmax_nll_gradient(k, out, g, p, labels):
    """g (p - onehot(label))."""
    places, unknown = _places(k, labels, p.shape[-1])
    known = k.scratch(g.shape, g.dtype)
    k(k.xp.copyto, known, g)
    k(k.xp.copyto, known, 0, where=unknown)
    k(k.xp.copyto, out, p)
    k(_subtract_at, k.view(out, (out.size,)), places, 1)
    k(k.xp.multiply, out, _column(k, known), out=out)


def _three_rows_spec(a, labels, **_):
    return _rows_spec(a), _rows_spec(a), _rows_spec(a)


@kernel("sample", _three_rows_spec, roles="bb>b")
def probability_nll(k, out, p, labels, epsilon):
    """(-log clip(q), q, s) with s = sum of the row and q = p[label] / s."""
    loss, q, s = out
    if not p.flags.c_contiguous:
        p, given = k.scratch(p.shape, p.dtype), p
        k(k.xp.copyto, p, given)
    places, unknown = _places(k, labels, p.shape[-1])
    _nonzero_sums(k, p, s)
    k(_pick, k.view(p, (p.size,)), places, k.view(q, (q.size,)))
    k(k.xp.divide, q, s, out=q)
    _clip(k, q, epsilon, loss)
    k(k.xp.log, loss, out=loss)
    k(k.xp.negative, loss, out=loss)
    k(k.xp.copyto, loss, 0, where=unknown)


@kernel(
    "sample", lambda g, q, s, labels, classes, epsilon: Spec((*g.shape, classes), g.dtype),
    roles="bbbb>b",
)
def probability_nll_gradient(k, out, g, q, s, labels, classes, epsilon):
    """g (1 - onehot(label) / q) / s, and 0 where q was clipped."""
    places, unknown = _places(k, labels, classes)
    clipped, row = k.scratch(q.shape, q.dtype), k.scratch(q.shape, q.dtype)
    _clip(k, q, epsilon, clipped)
    k(k.xp.divide, g, s, out=row)
    dead = k.scratch(q.shape, dtypes.BOOL)
    k(k.xp.not_equal, clipped, q, out=dead)
    k(k.xp.logical_or, dead, unknown, out=dead)
    k(k.xp.copyto, row, 0, where=dead)
    k(k.xp.copyto, out, _column(k, row))
    k(k.xp.divide, row, clipped, out=row)
    k(_subtract_at, k.view(out, (out.size,)), places, k.view(row, (row.size,)))


# ---------------------------------------------------------------- distributions
def _distribution_spec(a, target, **_):
    a = elementwise_spec(a, target)
    return _rows_spec(a), same_spec(a)


@kernel("sample", _distribution_spec, roles="bb>b")
def softmax_crossentropy(k, out, logits, target):
    """(-sum t log p, p) with p = softmax(logits)."""
    loss, p = out
    sums = _shifted(k, logits, p)
    product = k.scratch(p.shape, p.dtype)
    k(k.xp.multiply, target, p, out=product)
    picked, total = k.scratch(loss.shape, loss.dtype), k.scratch(loss.shape, loss.dtype)
    _sums(k, product, picked)
    _sums(k, target, total)
    _normalized(k, p, sums)
    k(k.xp.multiply, k.view(sums, loss.shape), total, out=loss)
    k(k.xp.subtract, loss, picked, out=loss)


@kernel("sample", lambda g, p, target: same_spec(p), roles="bbb>b")
def softmax_crossentropy_gradient(k, out, g, p, target):
    """g (p sum(t) - t)."""
    total = k.scratch(g.shape, p.dtype)
    _sums(k, target, total)
    k(k.xp.multiply, p, _column(k, total), out=out)
    k(k.xp.subtract, out, target, out=out)
    k(k.xp.multiply, out, _column(k, g), out=out)


def _probability_spec(p, target, **_):
    a = elementwise_spec(p, target)
    return _rows_spec(a), same_spec(a), _rows_spec(a)


@kernel("sample", _probability_spec, roles="bb>b")
def probability_crossentropy(k, out, p, target, epsilon):
    """(-sum t log clip(q), q, s) with s = sum of the row and q = p / s."""
    loss, q, s = out
    _nonzero_sums(k, p, s)
    k(k.xp.divide, p, _column(k, s), out=q)
    terms = k.scratch(q.shape, q.dtype)
    _clip(k, q, epsilon, terms)
    k(k.xp.log, terms, out=terms)
    k(k.xp.multiply, terms, target, out=terms)
    _sums(k, terms, loss)
    k(k.xp.negative, loss, out=loss)


@kernel("sample", lambda g, q, s, target, epsilon: same_spec(q), roles="bbbb>b")
def probability_crossentropy_gradient(k, out, g, q, s, target, epsilon):
    """g (sum(r q) - r) / s with r = t / q, and r = 0 where q was clipped."""
    inside, ratio = k.scratch(q.shape, dtypes.BOOL), k.scratch(q.shape, q.dtype)
    _clip(k, q, epsilon, out)
    k(k.xp.equal, out, q, out=inside)
    k(k.xp.divide, target, out, out=ratio)
    k(k.xp.multiply, ratio, inside, out=ratio)
    k(k.xp.multiply, ratio, q, out=out)
    total = k.scratch(g.shape, q.dtype)
    _sums(k, out, total)
    k(k.xp.subtract, _column(k, total), ratio, out=out)
    k(k.xp.divide, g, s, out=total)
    k(k.xp.multiply, out, _column(k, total), out=out)


# ---------------------------------------------------------------- two classes
@kernel("ew", elementwise_spec)
def sigmoid_crossentropy(k, out, logits, target):
    """max(z, 0) - z t + log(1 + exp(-|z|)), which no logit overflows."""
    z, part = k.scratch(out.shape, out.dtype), k.scratch(out.shape, out.dtype)
    most = out.dtype.type(k.xp.finfo(out.dtype).max)
    k(k.xp.clip, logits, -most, most, out=z)  # an infinite logit times a target of 0 would be NaN
    k(k.xp.absolute, z, out=part)
    k(k.xp.negative, part, out=part)
    k(k.xp.exp, part, out=part)
    k(k.xp.log1p, part, out=part)
    k(k.xp.maximum, z, out.dtype.type(0), out=out)
    k(k.xp.multiply, z, target, out=z)
    k(k.xp.subtract, out, z, out=out)
    k(k.xp.add, out, part, out=out)


def _binary_spec(p, target, **_):
    return elementwise_spec(p, target)


@kernel("ew", _binary_spec)
def probability_binary_crossentropy(k, out, p, target, epsilon):
    """-(t log q + (1 - t) log(1 - q)) with q = clip(p)."""
    one = out.dtype.type(1)
    q, other = k.scratch(out.shape, out.dtype), k.scratch(out.shape, out.dtype)
    _clip(k, p, epsilon, q)
    k(k.xp.log, q, out=out)
    k(k.xp.multiply, out, target, out=out)
    k(k.xp.subtract, one, q, out=q)
    k(k.xp.log, q, out=q)
    k(k.xp.subtract, one, target, out=other)
    k(k.xp.multiply, q, other, out=q)
    k(k.xp.add, out, q, out=out)
    k(k.xp.negative, out, out=out)


@kernel("ew", lambda g, p, target, epsilon: elementwise_spec(g, p, target))
def probability_binary_crossentropy_gradient(k, out, g, p, target, epsilon):
    """g (q - t) / (q (1 - q)), and 0 where q was clipped."""
    q, part = k.scratch(out.shape, out.dtype), k.scratch(out.shape, out.dtype)
    inside = k.scratch(out.shape, dtypes.BOOL)
    _clip(k, p, epsilon, q)
    k(k.xp.equal, q, p, out=inside)
    k(k.xp.subtract, q, target, out=out)
    k(k.xp.multiply, out, inside, out=out)
    k(k.xp.subtract, out.dtype.type(1), q, out=part)
    k(k.xp.multiply, part, q, out=part)
    k(k.xp.divide, out, part, out=out)
    k(k.xp.multiply, out, g, out=out)
