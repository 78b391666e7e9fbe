"""Norms, and what is made of them: normalize, distances."""

import math

from minikeras import config
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.shape_rules import canonical_axes
from minikeras.dtypes import canonical, to_float
from minikeras.ops.decomposition import svd
from minikeras.ops.elementwise import absolute, divide, subtract
from minikeras.ops.reduction import max as max_
from minikeras.ops.reduction import min as min_
from minikeras.ops.reduction import sum
from minikeras.ops.shaping import _tensor, expand_dims, floating, moveaxis


@op(tensors=1)
def _root(xp, squares):
    """Square root whose gradient at 0 is 0: a norm has none there, and 0 is a subgradient."""
    zero = xp.equal(squares, 0)
    return xp.blend(zero, 0, xp.sqrt(xp.blend(zero, 1, squares)))


def _euclidean(x, axis, keepdims):
    if canonical(x.dtype).kind == "c":
        squares = OPS["square"](OPS["real"](x)) + OPS["square"](OPS["imag"](x))
    else:
        squares = OPS["square"](x)
    return _root(sum(squares, axis=axis, keepdims=keepdims))


def _vector(x, ord, axis, keepdims):
    if ord is None or ord == 2:
        return _euclidean(x, axis, keepdims)
    size = absolute(x)
    if ord == math.inf:
        return max_(size, axis=axis, keepdims=keepdims)
    if ord == -math.inf:
        return min_(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return sum(OPS["cast"](OPS["not_equal"](x, 0), size.dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return sum(size, axis=axis, keepdims=keepdims)
    ord = float(ord)
    return OPS["power"](sum(OPS["power"](size, ord), axis=axis, keepdims=keepdims), 1.0 / ord)


def _matrix(x, ord, axes, keepdims):
    rows, columns = axes
    if ord in (None, "fro"):
        return _euclidean(x, axes, keepdims)
    if ord in (1, -1, math.inf, -math.inf):
        inner, outer = (rows, columns) if abs(ord) == 1 else (columns, rows)
        total = sum(absolute(x), axis=inner, keepdims=True)
        y = (max_ if ord > 0 else min_)(total, axis=outer, keepdims=True)
        return y if keepdims else OPS["squeeze"](y, axes)
    s = svd(moveaxis(x, axes, (-2, -1)), compute_uv=False)
    y = sum(s, axis=-1) if ord == "nuc" else (max_ if ord == 2 else min_)(s, axis=-1)
    return expand_dims(y, tuple(sorted(axes))) if keepdims else y


@public("ops.norm", "ops.linalg.norm")
def norm(x, ord=None, axis=None, keepdims=False):
    """Norm of vectors (one axis) or matrices (two axes).

    Vectors: (sum |x|**ord)**(1/ord); 2 by default, inf is max |x|, -inf min |x|, 0 the number of
    elements that are not 0. Matrices: "fro" (by default) is the root of the sum of squares, "nuc"
    the sum of singular values, 2 and -2 the largest and smallest of them, 1 and -1 the largest and
    smallest sum of a column, inf and -inf of a row. The gradient of roots at 0 is 0.

    Args:
        x: tensor.
        ord: see above. None without an axis: root of the sum of squares of all elements.
        axis: int, two ints, or None for all axes (one or two with `ord`).
        keepdims: whether the axes stay, with length 1.

    >>> norm([3.0, 4.0]).item()
    5.0
    """
    x = floating(x)
    if axis is None and ord is None:
        return _euclidean(x, None, keepdims)
    axes = tuple(range(len(x.shape))) if axis is None else axis
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    known = {1: (None, 0), 2: (None, "fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)}
    numeric = isinstance(ord, (int, float))
    if len(axes) not in known or not (ord in known[len(axes)] or len(axes) == 1 and numeric):
        raise ValueError(
            f"ops.norm: ord={ord!r} is no norm over {len(axes)} axes. Received: shape "
            f"{tuple(x.shape)}, axis={axis}"
        )
    order = tuple(canonical_axes(a, len(x.shape))[0] for a in axes)
    if len(set(order)) != len(order):
        raise ValueError(f"ops.norm: axis={axis} names an axis twice.")
    if len(order) == 1:
        return _vector(x, ord, order[0], keepdims)
    return _matrix(x, ord, order, keepdims)


@public("ops.normalize", "ops.nn.normalize")
def normalize(x, axis=-1, order=2, epsilon=None):
    """x / max(norm(x), epsilon) along an axis, by the norm of an integer order from 1.

    >>> normalize([[3.0, 4.0], [0.0, 0.0]]).numpy().round(4).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    if not isinstance(order, int) or order < 1:
        raise ValueError(
            f"ops.normalize: `order` must be an integer from 1. Received: order={order}")
    x = floating(x)
    epsilon = config.epsilon() if epsilon is None else epsilon
    size = _vector(x, order, canonical_axes(axis, len(x.shape)), True)
    return divide(x, OPS["maximum"](size, epsilon))


@public("ops.cdist")
def cdist(x, y):
    """Euclidean distance of each row of x `(..., m, d)` to each row of y `(..., n, d)`.

    Returns `(..., m, n)`. The gradient of a distance of 0 is 0.

    >>> cdist([[0.0, 0.0]], [[3.0, 4.0], [0.0, 1.0]]).numpy().tolist()
    [[5.0, 1.0]]
    """
    x, y = _tensor(x), _tensor(y)
    if len(x.shape) < 2 or len(y.shape) < 2 or x.shape[-1] != y.shape[-1]:
        raise ValueError(
            "ops.cdist: `x` and `y` must be rows of one length. Received: shapes "
            f"{tuple(x.shape)} and {tuple(y.shape)}"
        )
    target = to_float(canonical(x.dtype), canonical(y.dtype))
    x, y = OPS["cast"](x, target), OPS["cast"](y, target)
    difference = subtract(expand_dims(x, -2), expand_dims(y, -3))  # (..., m, n, d)
    return _euclidean(difference, -1, False)
