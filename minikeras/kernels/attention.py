"""Softmax attention: softmax(scale q k^T, over what the mask allows) v, and its gradient.

In blocks of samples, or of rows of one sample where a sample's scores are many, so that the scores
of a block stay in cache. The exponentials e = exp(scores - top) are not divided by their row's sum:
the result is. With r = 1 / sum and dy' = r dy,
    dv = e^T dy',    ds = e (dy' v^T - sum(dy' y)),    dq = scale ds k,    dk = scale ds^T q.
Of moderate numbers of scores the exponentials are kept for the gradient, of more they are made
again from their rows' maxima. A row that may see nothing takes the mean of all values, and has no
gradient to q and k.

q (batch, T, heads, size), k (batch, S, heads, size), v (batch, S, heads, value size), mask:
booleans that broadcast to (batch, heads, T, S), or None.
"""

from minikeras import dtypes
from minikeras.dtypes import Spec
from minikeras.kernels.registry import kernel

BLOCK = 1 << 17  # scores at a time
KEEP = 1 << 24  # scores up to which the exponentials are kept


def _count(q, k):
    sizes = (q.shape[0], q.shape[2], q.shape[1], k.shape[1])
    if None in sizes:
        return sizes, None
    return sizes, sizes[0] * sizes[1] * sizes[2] * sizes[3]


def by_mask(name, rule, roles):
    """Decorator: a kernel without a mask, one with a mask a sample, one with a mask for all."""

    def declare(run):
        for suffix, role in (("", ""), ("_masked", "b"), ("_shared_mask", "s")):
            kernel("sample", rule, roles=f"{roles}{role}>b", name=name + suffix)(run)
        return run

    return declare


def _spec(q, k, v, mask=None, *, scale):
    sizes, count = _count(q, k)
    batch, heads, rows, _ = sizes
    y = Spec((batch, rows, heads, v.shape[3]), q.dtype)
    row = Spec((batch, heads, rows, 1), q.dtype)
    kept = sizes if count is None or count <= KEEP else (batch, 0, 0, 0)
    return y, row, row, Spec(kept, q.dtype)


def _blocks(batch, heads, rows, columns):
    """Slices of samples, and of rows within them."""
    per_row = max(1, heads * columns)
    n = max(1, min(rows, BLOCK // per_row))
    samples = max(1, BLOCK // (per_row * max(1, rows))) if n == rows else 1
    for b in range(0, batch, samples):
        for r in range(0, rows, n):
            yield slice(b, min(b + samples, batch)), slice(r, min(r + n, rows))


def _heads(a):
    """(batch, heads, length, size) of (batch, length, heads, size)."""
    return a.transpose(0, 2, 1, 3)


def _part(a, samples, rows):
    """A block of an array that broadcasts to (batch, heads, T, S)."""
    return a[samples if a.shape[0] > 1 else slice(None), :,
             rows if a.shape[2] > 1 else slice(None)]


def _add_mask(k, scores, mask, samples, rows):
    """scores + a large negative number where the mask is False."""
    part = _part(mask, samples, rows)
    bias = k.scratch(part.shape, scores.dtype)
    k(k.xp.copyto, bias, part)
    k(k.xp.subtract, bias, 1, bias)
    k(k.xp.multiply, bias, float(dtypes.finfo(scores.dtype).max) * 0.7, bias)
    k(k.xp.add, scores, bias, scores)


def _scaled(k, q, samples, rows, scale):
    """A block of q times the scale, (samples, heads, rows, size)."""
    part = _heads(q)[samples, :, rows]
    out = k.scratch(part.shape, q.dtype)
    k(k.xp.multiply, part, scale, out)
    return out


def _sums(k, a, out):
    """Sums over the last axis, which a product with ones finds fastest."""
    ones = k.scratch((a.shape[-1], 1), a.dtype)
    k(ones.fill, 1)
    k(k.xp.matmul, a, ones, out)


@by_mask("attention_forward", _spec, "bbb")
def attention_forward(k, out, q, key, v, mask=None, *, scale):
    """(y, maxima of the rows, 1 / sums of the rows, exponentials or nothing)."""
    y, top, inverse, kept = out
    xp, sizes = k.xp, _count(q, key)[0]
    keys, values = key.transpose(0, 2, 3, 1), _heads(v)
    for samples, rows in _blocks(*sizes):
        block = samples, slice(None), rows
        part = _scaled(k, q, samples, rows, scale)
        shape = (*part.shape[:3], sizes[3])
        e = kept[block] if kept.size else k.scratch(shape, q.dtype)
        k(xp.matmul, part, keys[samples], e)
        if mask is not None:
            _add_mask(k, e, mask, samples, rows)
        k(xp.max, e, -1, top[block], True)
        k(xp.subtract, e, top[block], e)
        k(xp.exp, e, e)
        _sums(k, e, inverse[block])
        k(xp.divide, 1, inverse[block], inverse[block])
        own = k.scratch((*part.shape[:3], v.shape[3]), q.dtype)
        k(xp.matmul, e, values[samples], own)
        k(xp.multiply, own, inverse[block], _heads(y)[block])


def _gradient_spec(g, q, k, v, *kept, scale):
    return tuple(Spec(tuple(a.shape), a.dtype) for a in (q, k, v))


@by_mask("attention_gradient", _gradient_spec, "bbbbbbbb")
def attention_gradient(k, out, g, q, key, v, y, top, inverse, kept, mask=None, *, scale):
    """(dq, dk, dv)."""
    dq, dk, dv = out
    xp, sizes = k.xp, _count(q, key)[0]
    keys, values = _heads(key), v.transpose(0, 2, 3, 1)
    for samples, rows in _blocks(*sizes):
        block, whole = (samples, slice(None), rows), (samples, slice(None))
        part = _scaled(k, q, samples, rows, scale)
        shape = (*part.shape[:3], sizes[3])
        e = kept[block] if kept.size else _again(k, part, key, mask, top, samples, rows)
        dy = k.scratch((*part.shape[:3], v.shape[3]), q.dtype)
        k(xp.multiply, _heads(g)[block], inverse[block], dy)
        first = rows.start == 0
        _into(k, e.swapaxes(2, 3), dy, _heads(dv)[whole], first)
        if mask is not None:
            _silence(k, dy, mask, samples, rows)
        ds, dots = k.scratch(shape, q.dtype), k.scratch((*shape[:3], 1), q.dtype)
        product = k.scratch(dy.shape, q.dtype)
        k(xp.multiply, dy, _heads(y)[block], product)
        _sums(k, product, dots)
        k(xp.matmul, dy, values[samples], ds)
        k(xp.subtract, ds, dots, ds)
        k(xp.multiply, ds, e, ds)
        own = k.scratch(part.shape, q.dtype)
        k(xp.matmul, ds, keys[samples], own)
        k(xp.multiply, own, scale, _heads(dq)[block])
        _into(k, ds.swapaxes(2, 3), part, _heads(dk)[whole], first)


def _again(k, part, key, mask, top, samples, rows):
    """The exponentials of a block."""
    e = k.scratch((*part.shape[:3], key.shape[1]), part.dtype)
    k(k.xp.matmul, part, key.transpose(0, 2, 3, 1)[samples], e)
    if mask is not None:
        _add_mask(k, e, mask, samples, rows)
    k(k.xp.subtract, e, top[samples, :, rows], e)
    k(k.xp.exp, e, e)
    return e


def _into(k, a, b, out, first):
    """out = a @ b for the first rows of a sample; out += a @ b for later ones."""
    product = k.scratch((*a.shape[:3], b.shape[3]), b.dtype)
    k(k.xp.matmul, a, b, product)
    if first:
        k(k.xp.copyto, out, product)
    else:
        k(k.xp.add, out, product, out)


def _silence(k, dy, mask, samples, rows):
    """dy = 0 in rows that may see nothing: their equal weights are no function of q and k."""
    part = _part(mask, samples, rows)
    seen = k.scratch((*part.shape[:3], 1), mask.dtype)
    k(k.xp.any, part, -1, seen, True)
    k(k.xp.multiply, dy, seen, dy)
