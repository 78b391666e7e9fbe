"""Normalization: batch, layer and root mean square."""

import functools

from minikeras import config, dtypes
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.shape_rules import canonical_axes, canonical_axis, share
from minikeras.dtypes import canonical, to_float
from minikeras.ops.shaping import _tensor


def _channels(v, axis, ndim):
    """A vector of channels in a shape that broadcasts along `axis`; nothing to do for the last."""
    if v is None or axis == ndim - 1:
        return v
    return OPS["reshape"](v, (-1, *(1,) * (ndim - axis - 1)))


@public("ops.batch_normalization", "ops.nn.batch_normalization")
def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, with a statistic a channel.

    Args:
        x: tensor.
        mean, variance, offset, scale: vectors along `axis`; the last two may be None.
        axis: the axis of channels.
        epsilon: guards the division.

    S. Ioffe, C. Szegedy 2015, arXiv:1502.03167.
    """
    x = _tensor(x)
    ndim = len(x.shape)
    axis = canonical_axis(axis, ndim)
    n = x.shape[axis]
    for name, v in (("mean", mean), ("variance", variance), ("offset", offset), ("scale", scale)):
        if v is not None and None not in (n, *v.shape) and tuple(v.shape) != (n,):
            raise ValueError(
                f"ops.batch_normalization: `{name}` must have shape ({n},), the length of axis "
                f"{axis} of x. Received: {tuple(v.shape)}"
            )
    mean, variance = _tensor(mean), _tensor(variance)
    if not dtypes.is_float(mean.dtype):
        dtype = to_float(canonical(x.dtype), canonical(mean.dtype))
        mean, variance = OPS["cast"](mean, dtype), OPS["cast"](variance, dtype)
    factor = OPS["rsqrt"](variance + epsilon)
    if scale is not None:
        factor = factor * scale
    shift = -mean * factor if offset is None else offset - mean * factor
    return x * _channels(factor, axis, ndim) + _channels(shift, axis, ndim)


def _batch_norm_vjp(xp, g, y, x, gamma, beta, axes, epsilon):
    # dx = gamma r (g - mean(g) - xhat mean(g xhat)),  xhat = (x - mean) r,  r = 1/sqrt(var + eps)
    g, g_mean, g_variance = g
    _, _, _, center, r = y
    n = share(x.shape, axes)
    wide = tuple(1 if i in axes else d for i, d in enumerate(x.shape))
    dx = dgamma = dbeta = None
    if g is not None:
        dbeta = xp.sum(g, axis=axes)
        dot = xp.sum(xp.multiply(g, center), axis=axes)
        r1 = xp.reshape(r, shape=tuple(dbeta.shape))
        dgamma = xp.multiply(dot, r1)
        slope = xp.multiply(gamma, r1)
        a = xp.multiply(xp.multiply(xp.multiply(slope, xp.square(r1)), dot), n)
        b = xp.multiply(xp.multiply(slope, dbeta), n)
        wide_of = [xp.reshape(v, shape=wide) for v in (slope, a, b)]
        dx = xp.subtract(
            xp.subtract(xp.multiply(g, wide_of[0]), xp.multiply(center, wide_of[1])), wide_of[2])
    if g_mean is not None:
        part = xp.broadcast_to(
            xp.multiply(xp.reshape(g_mean, shape=wide), n), shape=tuple(x.shape))
        dx = part if dx is None else xp.add(dx, part)
    if g_variance is not None:
        part = xp.multiply(center, xp.multiply(xp.reshape(g_variance, shape=wide), 2.0 * n))
        dx = part if dx is None else xp.add(dx, part)
    return dx, dgamma, dbeta


@op(vjp=_batch_norm_vjp, joint=True, tensors=3, outs=3, keeps=True)
def batch_norm_train(xp, x, gamma, beta, axes, epsilon):
    """(normalized x, mean, variance) with the statistics of x itself over `axes`."""
    n = share(x.shape, axes)
    wide = tuple(1 if i in axes else d for i, d in enumerate(x.shape))
    mean = xp.multiply(xp.sum(x, axis=axes), n)
    center = xp.subtract(x, xp.reshape(mean, shape=wide))
    variance = xp.multiply(xp.sum(xp.square(center), axis=axes), n)
    r = xp.rsqrt(xp.add(variance, epsilon))
    factor = xp.multiply(gamma, r)
    y = xp.add(
        xp.multiply(center, xp.reshape(factor, shape=wide)), xp.reshape(beta, shape=wide))
    return y, mean, variance, center, r


# ---------------------------------------------------------------- over the axes of a sample
def _standardize(xp, x, axes, epsilon, center):
    """(n, r): n = x r, r = 1 / sqrt(mean(x**2) + epsilon); with `center` of x less its mean."""
    n = share(x.shape, axes)
    if center:
        x = xp.subtract(x, xp.multiply(xp.sum(x, axis=axes, keepdims=True), n))
    square = xp.multiply(xp.sum(xp.square(x), axis=axes, keepdims=True), n)
    r = xp.rsqrt(xp.add(square, epsilon))
    return xp.multiply(x, r), r


def _standardize_vjp(xp, g, normal, r, axes, center):
    # dx = r (g - mean(g) - n mean(g n)); without `center` the mean of g is no part of it.
    n = share(normal.shape, axes)
    dot = xp.multiply(xp.sum(xp.multiply(g, normal), axis=axes, keepdims=True), n)
    dx = xp.subtract(g, xp.multiply(normal, dot))
    if center:
        dx = xp.subtract(dx, xp.multiply(xp.sum(g, axis=axes, keepdims=True), n))
    return xp.multiply(dx, r)


def _affine(xp, normal, gamma, beta):
    y = normal if gamma is None else xp.multiply(normal, gamma)
    return y if beta is None else xp.add(y, beta)


def _normalized_vjp(xp, g, y, _x, gamma, _beta, axes, epsilon, center):
    _, normal, r = y
    h = g if gamma is None else xp.multiply(g, gamma)
    dx = _standardize_vjp(xp, h, normal, r, axes, center)
    return dx, None if gamma is None else xp.multiply(g, normal), g


@op(vjp=_normalized_vjp, joint=True, tensors=3, dtype=to_float, keeps=True)
def normalized(xp, x, gamma, beta, axes, epsilon, center):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta over `axes`; gamma, beta may be None.

    Without `center`: x / sqrt(mean(x**2) + epsilon) * gamma + beta. gamma and beta broadcast.
    """
    normal, r = _standardize(xp, x, axes, epsilon, center)
    return _affine(xp, normal, gamma, beta), normal, r


def _wide(name, x, axes, **weights):
    """Weights over `axes` in shapes that broadcast to x; ValueError if one has another shape."""
    shape = tuple(x.shape[a] for a in axes)
    for key, v in weights.items():
        if v is not None and None not in shape and tuple(v.shape) != shape:
            raise ValueError(
                f"ops.{name}: `{key}` must have shape {shape}. Received: {tuple(v.shape)}"
            )
    ndim = len(x.shape)
    if axes == tuple(range(ndim - len(axes), ndim)):  # the last axes broadcast as they are
        return weights.values()
    wide = tuple(x.shape[a] if a in axes else 1 for a in range(ndim))
    return [v if v is None else OPS["reshape"](v, wide) for v in weights.values()]


def _in_float32(x, weights, function):
    """function(x, *weights) with x in float32 at least, and the result in x's own dtype."""
    dtype = dtypes.canonical(x.dtype)
    wide = dtypes.promote(dtype, "float32")
    return _cast(function(*(_cast(v, wide) for v in (x, *weights))), dtype)


def _cast(x, dtype):
    return x if x is None or dtypes.canonical(x.dtype) == dtype else OPS["cast"](x, dtype)


@public("ops.layer_normalization", "ops.nn.layer_normalization")
def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None, **kwargs):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, over `axis` (an int or a tuple).

    `rms_scaling=True` divides by the standard deviation over `axis` without taking the mean off,
    and has no beta. float16 and bfloat16 are computed in float32. J. L. Ba et al. 2016,
    arXiv:1607.06450.
    """
    rms = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise TypeError(f"ops.layer_normalization: unknown arguments {sorted(kwargs)}.")
    x = _tensor(x)
    axes = canonical_axes(axis, len(x.shape))
    epsilon = float(config.epsilon() if epsilon is None else epsilon)
    weights = _wide("layer_normalization", x, axes, gamma=gamma, beta=beta)
    if rms:
        return _in_float32(x, weights, functools.partial(_scaled, axes=axes, epsilon=epsilon))
    return _in_float32(
        x, weights, functools.partial(normalized, axes=axes, epsilon=epsilon, center=True))


def _scaled(x, gamma, _beta, axes, epsilon):
    y = x * OPS["rsqrt"](OPS["var"](x, axis=axes, keepdims=True) + epsilon)
    return y if gamma is None else y * gamma


@public("ops.rms_normalization", "ops.nn.rms_normalization")
def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    """x / sqrt(mean(x**2) + epsilon) * scale, over `axis`.

    B. Zhang, R. Sennrich 2019, arXiv:1910.07467.
    """
    x = _tensor(x)
    axes = canonical_axes(axis, len(x.shape))
    epsilon = float(config.epsilon() if epsilon is None else epsilon)
    weights = [*_wide("rms_normalization", x, axes, scale=scale), None]
    return _in_float32(
        x, weights, functools.partial(normalized, axes=axes, epsilon=epsilon, center=False))


def _groups(x, groups, axis):
    """(x's shape with `axis` as (groups, size), that of a vector of channels, axes of a group)."""
    shape, size = tuple(x.shape), x.shape[axis] // groups
    rest = shape[axis + 1 :]
    axes = tuple(a for a in range(len(shape) + 1) if a not in (0, axis))
    return (*shape[:axis], groups, size, *rest), (groups, size, *(1,) * len(rest)), axes


def _grouped_vjp(xp, g, y, _x, gamma, _beta, groups, axis, epsilon):
    _, normal, r = y
    split, channels, axes = _groups(_x, groups, axis)
    h = g = xp.reshape(g, shape=split)
    sums = tuple(a for a in range(len(split)) if a not in (axis, axis + 1))
    dgamma = None
    if gamma is not None:
        dgamma = xp.reshape(xp.sum(xp.multiply(g, normal), axis=sums), shape=tuple(gamma.shape))
        h = xp.multiply(g, xp.reshape(gamma, shape=channels))
    dbeta = None
    if _beta is not None:
        dbeta = xp.reshape(xp.sum(g, axis=sums), shape=tuple(_beta.shape))
    dx = _standardize_vjp(xp, h, normal, r, axes, True)
    return xp.reshape(dx, shape=tuple(_x.shape)), dgamma, dbeta


@op(vjp=_grouped_vjp, joint=True, tensors=3, dtype=to_float, keeps=True)
def grouped(xp, x, gamma, beta, groups, axis, epsilon):
    """`normalized` over groups of neighbouring channels and all positions, sample by sample."""
    split, channels, axes = _groups(x, groups, axis)
    gamma, beta = (v if v is None else xp.reshape(v, shape=channels) for v in (gamma, beta))
    normal, r = _standardize(xp, xp.reshape(x, shape=split), axes, epsilon, True)
    y = _affine(xp, normal, gamma, beta)
    return xp.reshape(y, shape=tuple(x.shape)), normal, r


def group_normalization(x, groups, gamma=None, beta=None, axis=-1, epsilon=1e-3):
    """Normalization over groups of neighbouring channels and all positions, sample by sample.

    Args:
        x: tensor with the batch first.
        groups: number of groups, a divisor of the number of channels.
        gamma, beta: vectors, one number a channel, or None.
        axis: the axis of channels.
        epsilon: guards the division.

    Y. Wu, K. He 2018, arXiv:1803.08494.
    """
    x = _tensor(x)
    axis = canonical_axis(axis, len(x.shape))
    return _in_float32(x, (gamma, beta), functools.partial(
        grouped, groups=groups, axis=axis, epsilon=float(epsilon)))
