"""Running sums and products, sorting, the largest elements."""

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.shape_rules import canonical_axis
from minikeras.dtypes import canonical
from minikeras.kernels import cumulative as _kernels  # noqa: F401 (their table)
from minikeras.ops.shaping import _tensor, reshape


def _reversed_sum(xp, g, axis):
    return xp.flip(xp.cumsum(xp.flip(g, axis=(axis,)), axis=axis), axis=(axis,))


@op(vjp=lambda xp, g, _y, _x, axis: _reversed_sum(xp, g, axis))
def _cumsum(xp, x, axis):
    return xp.cumsum(x, axis=axis)


OPS["cumsum"] = _cumsum.op


def _running(function, x, axis, dtype):
    x = _tensor(x)
    target = canonical(x.dtype if dtype is None else dtype)
    if dtype is None and target == dtypes.BOOL:
        target = dtypes.INT32
    x = OPS["cast"](x, target)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    return function(x, axis=canonical_axis(axis, len(x.shape)))


@public("ops.cumsum", "ops.numpy.cumsum")
def cumsum(x, axis=None, dtype=None):
    """Running sum along an axis, of the flattened x by default.

    >>> cumsum([1, 2, 3]).numpy().tolist()
    [1, 3, 6]
    """
    return _running(_cumsum, x, axis, dtype)


def shifted(xp, x, by, axis, fill):
    """x moved along an axis: place i holds x[i - by], or `fill` where there is none."""
    n = x.shape[axis]
    lead = (slice(None),) * axis
    key = slice(0, n - by) if by > 0 else slice(-by, n)
    kept = xp.slice_view(x, key=(*lead, key))
    rest = xp.filled(xp.slice_view(x, key=(*lead, slice(0, min(abs(by), n)))),
                     value=fill, dtype=x.dtype)
    return xp.concatenate(*((rest, kept) if by > 0 else (kept, rest)), axis=axis)


def _cumprod_vjp(xp, g, y, x, axis):
    # dL/dx[k] = y[k-1] s[k], s[k] = g[k] + x[k+1] s[k+1]: the recurrence is solved by doubling,
    # without a division, so that derivatives of every order are right at zeros too.
    n = x.shape[axis]
    s, step, factor = g, 1, shifted(xp, x, -1, axis, 0) if n else x
    while step < n:
        s = xp.add(s, xp.multiply(factor, shifted(xp, s, -step, axis, 0)))
        step *= 2
        if step < n:
            factor = xp.multiply(factor, shifted(xp, factor, -step // 2, axis, 0))
    return xp.multiply(shifted(xp, y, 1, axis, 1), s) if n else g


@op(vjp=_cumprod_vjp)
def _cumprod(xp, x, axis):
    return xp.cumprod(x, axis=axis)


OPS["cumprod"] = _cumprod.op


@public("ops.cumprod", "ops.numpy.cumprod")
def cumprod(x, axis=None, dtype=None):
    """Running product along an axis, of the flattened x by default; differentiable at zeros too.

    >>> cumprod([1, 2, 3]).numpy().tolist()
    [1, 2, 6]
    """
    return _running(_cumprod, x, axis, dtype)


@op(
    vjp=lambda xp, g, _y, x, axis: xp.take_along_axis_gradient(
        g, xp.argsort(x, axis=axis), axis=axis, shape=tuple(x.shape)),
)
def _sort(xp, x, axis):
    return xp.sort(x, axis=axis)


OPS["sort"] = _sort.op


@public("ops.sort", "ops.numpy.sort")
def sort(x, axis=-1):
    """The elements in ascending order along an axis (None: of the flattened x).

    >>> sort([3, 1, 2]).numpy().tolist()
    [1, 2, 3]
    """
    x = _tensor(x)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    return _sort(x, axis=canonical_axis(axis, len(x.shape)))


@op(vjp=False)
def _argsort(xp, x, axis):
    return xp.argsort(x, axis=axis)


OPS["argsort"] = _argsort.op


@public("ops.argsort", "ops.numpy.argsort")
def argsort(x, axis=-1):
    """Indices (int32) that sort x along an axis; equal elements keep their order."""
    x = _tensor(x)
    if not x.shape and axis in (None, 0, -1):
        return OPS["zeros_like"](x, "int32")
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    return _argsort(x, axis=canonical_axis(axis, len(x.shape)))


@op(vjp=False)
def top_k_indices(xp, x, k):
    """Indices of the k largest elements along the last axis."""
    return xp.top_k_indices(x, k=k)


@public("ops.top_k", "ops.math.top_k")
def top_k(x, k, sorted=True):
    """(values, indices) of the k largest elements along the last axis, largest first.

    >>> values, indices = top_k([1.0, 3.0, 2.0], 2)
    >>> values.numpy().tolist(), indices.numpy().tolist()
    ([3.0, 2.0], [1, 2])
    """
    x = _tensor(x)
    n = x.shape[-1]
    if n is not None and not 0 <= k <= n:
        raise ValueError(f"ops.top_k: k={k} of {n} elements. Received: shape {tuple(x.shape)}")
    indices = top_k_indices(x, k=int(k))
    return OPS["take_along_axis"](x, indices, axis=len(x.shape) - 1), indices
