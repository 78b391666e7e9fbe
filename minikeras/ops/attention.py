"""Scaled dot-product attention."""

import math

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.operators import OPS
from minikeras.dtypes import canonical, to_float
from minikeras.ops.contraction import matmul
from minikeras.ops.elementwise import add, logical_and, multiply
from minikeras.ops.indexing import positions, where
from minikeras.ops.shaping import _tensor, expand_dims, repeat, transpose


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
    query, key, value = (OPS["cast"](t, dtype) for t in (query, key, value))
    group = 1 if query.shape[2] == key.shape[2] else query.shape[2] // key.shape[2]
    if group > 1:
        key, value = repeat(key, group, axis=2), repeat(value, group, axis=2)
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    q = transpose(multiply(query, scale), (0, 2, 1, 3))  # (batch, heads, T, size)
    logits = matmul(q, transpose(key, (0, 2, 3, 1)))  # (batch, heads, T, S)
    wide = dtypes.FLOAT32 if dtype in dtypes.HALVES else dtype
    logits = OPS["cast"](logits, wide)
    if attn_logits_soft_cap is not None:
        logits = multiply(OPS["tanh"](logits / attn_logits_soft_cap), attn_logits_soft_cap)
    if bias is not None:
        logits = add(logits, OPS["cast"](_tensor(bias), wide))
    mask = None if mask is None else OPS["cast"](_tensor(mask), "bool")
    if is_causal:
        rows, columns = positions(query, axis=1), positions(key, axis=1)
        causal = OPS["greater_equal"](expand_dims(rows, 1), expand_dims(columns, 0))
        mask = causal if mask is None else logical_and(mask, causal)
    if mask is not None:
        logits = where(mask, logits, float(dtypes.finfo(wide).min) * 0.7)
    weights = OPS["cast"](OPS["softmax"](logits, axis=-1), dtype)
    y = matmul(weights, transpose(value, (0, 2, 1, 3)))  # (batch, heads, T, value size)
    return transpose(y, (0, 2, 1, 3))
