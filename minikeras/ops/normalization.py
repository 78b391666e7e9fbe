"""Normalization: batch, layer and root mean square."""

from minikeras import config, dtypes
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.shape_rules import canonical_axes, canonical_axis, count
from minikeras.dtypes import to_float
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
    factor = OPS["rsqrt"](variance + epsilon)
    if scale is not None:
        factor = factor * scale
    shift = -mean * factor if offset is None else offset - mean * factor
    return x * _channels(factor, axis, ndim) + _channels(shift, axis, ndim)


def _batch_norm_vjp(xp, g, y, x, gamma, beta, axes, epsilon):
    # dx = gamma r (g - mean(g) - xhat mean(g xhat)),  xhat = (x - mean) r,  r = 1/sqrt(var + eps)
    g, g_mean, g_variance = g
    _, _, _, center, r = y
    n = 1.0 / count(x.shape, axes)
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
    n = count(x.shape, axes)
    wide = tuple(1 if i in axes else d for i, d in enumerate(x.shape))
    mean = xp.multiply(xp.sum(x, axis=axes), 1.0 / n)
    center = xp.subtract(x, xp.reshape(mean, shape=wide))
    variance = xp.multiply(xp.sum(xp.square(center), axis=axes), 1.0 / n)
    r = xp.rsqrt(xp.add(variance, epsilon))
    factor = xp.multiply(gamma, r)
    y = xp.add(
        xp.multiply(center, xp.reshape(factor, shape=wide)), xp.reshape(beta, shape=wide))
    return y, mean, variance, center, r


# ---------------------------------------------------------------- layer normalization
def _layer_norm_vjp(xp, g, y, x, axes, epsilon):
    # dx = r (g - mean(g) - xhat mean(g xhat))
    normal, r = y
    n = 1.0 / count(x.shape, axes)
    mean_g = xp.multiply(xp.sum(g, axis=axes, keepdims=True), n)
    dot = xp.multiply(xp.sum(xp.multiply(g, normal), axis=axes, keepdims=True), n)
    return xp.multiply(xp.subtract(xp.subtract(g, mean_g), xp.multiply(normal, dot)), r)


@op(vjp=_layer_norm_vjp, tensors=1, dtype=to_float, keeps=True)
def standardize(xp, x, axes, epsilon):
    """(x - mean) / sqrt(variance + epsilon) over `axes`."""
    n = 1.0 / count(x.shape, axes)
    mean = xp.multiply(xp.sum(x, axis=axes, keepdims=True), n)
    center = xp.subtract(x, mean)
    variance = xp.multiply(xp.sum(xp.square(center), axis=axes, keepdims=True), n)
    r = xp.rsqrt(xp.add(variance, epsilon))
    return xp.multiply(center, r), r


def _affine(x, y, gamma, beta, axes):
    shape = tuple(x.shape[a] for a in range(len(x.shape)) if a in axes)
    wide = tuple(x.shape[a] if a in axes else 1 for a in range(len(x.shape)))
    for name, v in (("gamma", gamma), ("beta", beta)):
        if v is not None and None not in shape and tuple(v.shape) != shape:
            raise ValueError(
                f"ops.layer_normalization: `{name}` must have shape {shape}. "
                f"Received: {tuple(v.shape)}"
            )
    last = axes == tuple(range(len(x.shape) - len(axes), len(x.shape)))
    if gamma is not None:
        y = y * (gamma if last else OPS["reshape"](gamma, wide))
    if beta is not None:
        y = y + (beta if last else OPS["reshape"](beta, wide))
    return y


@public("ops.layer_normalization", "ops.nn.layer_normalization")
def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None, **kwargs):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, over `axis` (an int or a tuple).

    `rms_scaling=True` divides by the root mean square over `axis` instead and has no beta.
    float16 and bfloat16 are computed in float32. J. L. Ba et al. 2016, arXiv:1607.06450.
    """
    rms = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise TypeError(f"ops.layer_normalization: unknown arguments {sorted(kwargs)}.")
    x = _tensor(x)
    axes = canonical_axes(axis, len(x.shape))
    epsilon = config.epsilon() if epsilon is None else epsilon
    dtype = x.dtype
    wide = OPS["cast"](x, dtypes.promote(dtype, "float32"))
    if rms:
        variance = OPS["var"](wide, axis=axes, keepdims=True)
        y = wide * OPS["rsqrt"](variance + epsilon)
        beta = None
    else:
        y = standardize(wide, axes, float(epsilon))
    return OPS["cast"](_affine(x, y, gamma, beta, axes), dtype)


@public("ops.rms_normalization", "ops.nn.rms_normalization")
def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    """x / sqrt(mean(x**2) + epsilon) * scale, over `axis`.

    B. Zhang, R. Sennrich 2019, arXiv:1910.07467.
    """
    x = _tensor(x)
    axes = canonical_axes(axis, len(x.shape))
    epsilon = config.epsilon() if epsilon is None else epsilon
    dtype = x.dtype
    wide = OPS["cast"](x, dtypes.promote(dtype, "float32"))
    mean = OPS["mean"](wide * wide, axis=axes, keepdims=True)
    y = wide * OPS["rsqrt"](mean + epsilon)
    return OPS["cast"](_affine(x, y, scale, None, axes), dtype)
