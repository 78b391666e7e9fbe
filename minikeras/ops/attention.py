"""Scaled dot-product attention."""

import math

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.dtypes import canonical, to_float
from minikeras.kernels import attention as _kernels  # noqa: F401 (their table)
from minikeras.ops.contraction import matmul
from minikeras.ops.elementwise import add, logical_and, multiply
from minikeras.ops.indexing import positions, where
from minikeras.ops.second_order import gradient_by_ops, recorded
from minikeras.ops.shaping import _tensor, expand_dims, repeat, transpose


# ---------------------------------------------------------------- by blocks
def _attend_vjp(xp, g, y, query, key, value, mask, scale):
    if recorded(xp):
        return gradient_by_ops(
            lambda q, k, v, m: (_attend_by_ops(q, k, v, m, scale),), (query, key, value, mask),
            (g,))
    name, mask = _of_mask("attention_gradient", query, mask)
    found = getattr(xp, name)(g, query, key, value, *y, *mask, scale=scale)
    return (*found, None)


def _of_mask(name, query, mask):
    """The kernel for a mask, and the mask in a list, or nothing."""
    if mask is None:
        return name, []
    return name + ("_masked" if mask.shape[0] == query.shape[0] else "_shared_mask"), [mask]


@op(vjp=_attend_vjp, joint=True, tensors=4, keeps=True)
def attend(xp, query, key, value, mask, scale):
    """softmax(scale query key^T, where the mask allows) value, without all scores in memory.

    Args: as of `dot_product_attention`, all heads given, float32 or float64, mask of 4 axes or
    None. Reference: T. Dao et al. 2022, arXiv:2205.14135.
    """
    if recorded(xp):
        return (None,) * 4  # the vjp starts from the arguments
    name, mask = _of_mask("attention_forward", query, mask)
    return getattr(xp, name)(query, key, value, *mask, scale=scale)


def _attend_by_ops(query, key, value, mask, scale, bias=None, cap=None):
    q = transpose(multiply(query, scale), (0, 2, 1, 3))  # (batch, heads, T, size)
    logits = matmul(q, transpose(key, (0, 2, 3, 1)))  # (batch, heads, T, S)
    if cap is not None:
        logits = multiply(OPS["tanh"](logits / cap), cap)
    if bias is not None:
        logits = add(logits, _as(_tensor(bias), logits.dtype))
    if mask is not None:
        logits = where(mask, logits, float(dtypes.finfo(logits.dtype).min) * 0.7)
    y = matmul(OPS["softmax"](logits, axis=-1), transpose(value, (0, 2, 1, 3)))
    return transpose(y, (0, 2, 1, 3))  # (batch, T, heads, value size)


def _as(t, dtype):
    return t if canonical(t.dtype) == dtype else OPS["cast"](t, dtype)


def _causal(query, key, mask):
    """The mask, and no key after the query."""
    rows, columns = positions(query, axis=1), positions(key, axis=1)
    causal = OPS["greater_equal"](expand_dims(rows, 1), expand_dims(columns, 0))
    return causal if mask is None else logical_and(mask, causal)


def _fits(query, key, value, mask):
    """Whether `attend` takes these shapes: one batch, and something to attend to."""
    shapes = [tuple(t.shape) for t in (query, key, value)]
    if 0 in shapes[1] or len({s[0] for s in shapes}) > 1 or shapes[1][1] != shapes[2][1]:
        return False
    wanted = (shapes[0][0], shapes[0][2], shapes[0][1], shapes[1][1])
    return mask is None or len(mask.shape) == 4 and all(
        m == 1 or m == n for m, n in zip(mask.shape, wanted))


# ---------------------------------------------------------------- the public op
def _checked(query, key, value):
    shapes = [tuple(t.shape) for t in (query, key, value)]
    if [len(s) for s in shapes] != [4, 4, 4]:
        raise ValueError(
            "ops.dot_product_attention: query, key and value must have 4 axes (batch, length, "
            f"heads, size). Received: shapes {shapes}"
        )
    q, k, v = shapes
    heads = None not in (q[2], k[2]) and (k[2] == 0 or q[2] % k[2])
    if heads or k[2] != v[2] or None not in (q[3], k[3]) and q[3] != k[3]:
        raise ValueError(
            "ops.dot_product_attention: key and value must have one number of heads, by which that "
            "of query can be divided, and query and key one size of a head. Received: shapes "
            f"{shapes}"
        )


@public("ops.dot_product_attention", "ops.nn.dot_product_attention")
def dot_product_attention(
    query, key, value, bias=None, mask=None, scale=None, is_causal=False, flash_attention=None,
    attn_logits_soft_cap=None,
):
    """softmax(scale query key^T + bias) value, for each head.

    Args:
        query: `(batch, T, heads, size)`.
        key: `(batch, S, key heads, size)`; each key head serves heads / key heads heads.
        value: `(batch, S, key heads, value size)`.
        bias: added to the logits, broadcast to `(batch, heads, T, S)`.
        mask: booleans broadcast to `(batch, heads, T, S)`: True where attention is allowed.
        scale: 1 / sqrt(size) by default.
        is_causal: whether a query sees no later key.
        flash_attention: accepted for Keras's sake; the result does not depend on it.
        attn_logits_soft_cap: c: logits become c tanh(logits / c).

    Returns `(batch, T, heads, value size)`. Softmax is computed in float32 for half precision. A
    query that may see nothing takes the mean of all values.

    Reference: A. Vaswani et al. 2017, Attention is all you need, arXiv:1706.03762.
    """
    query, key, value = (_tensor(t) for t in (query, key, value))
    _checked(query, key, value)
    dtype = to_float(*(canonical(t.dtype) for t in (query, key, value)))
    wide = dtypes.FLOAT32 if dtype in dtypes.HALVES else dtype
    query, key, value = (_as(t, wide) for t in (query, key, value))
    group = 1 if query.shape[2] == key.shape[2] else query.shape[2] // key.shape[2]
    if group > 1:
        key, value = repeat(key, group, axis=2), repeat(value, group, axis=2)
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    mask = None if mask is None else OPS["cast"](_tensor(mask), "bool")
    if is_causal:
        mask = _causal(query, key, mask)
    while mask is not None and len(mask.shape) < 4:
        mask = expand_dims(mask, 0)
    plain = bias is None and attn_logits_soft_cap is None and isinstance(scale, (int, float))
    if plain and _fits(query, key, value, mask):
        return _as(attend(query, key, value, mask, float(scale)), dtype)
    y = _attend_by_ops(query, key, value, mask, scale, bias, attn_logits_soft_cap)
    return _as(y, dtype)
