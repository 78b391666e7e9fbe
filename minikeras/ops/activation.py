"""Activation functions: at ops.NAME and ops.nn.NAME."""

import math

from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.shape_rules import canonical_axes
from minikeras.dtypes import to_float
from minikeras.ops.families import own, publish, unary

NN = ("ops.nn",)


relu = unary(
    "relu", None, lambda xp, g, y, _x: xp.multiply(g, xp.greater(y, 0)),
    "max(x, 0); the gradient at 0 is 0.", namespaces=NN, monotone=True)
sigmoid = unary(
    "sigmoid", to_float,
    lambda xp, g, y, _x: xp.multiply(g, xp.multiply(y, xp.subtract(1, y))),
    "1 / (1 + exp(-x)).", namespaces=NN, monotone=True)


def _limited(dtype):
    """dtype rule: whole numbers stay whole; bool becomes floating."""
    return dtype if dtype.kind in "iu" else to_float(dtype)


def activation(vjp=None, monotone=False, dtype=to_float, **options):
    """An activation function of x and static parameters."""

    def declare(forward):
        made = op(vjp, tensors=1, dtype=dtype, monotone=monotone, **options)(forward)
        return publish(made, NN)

    return declare


@activation(lambda xp, g, y, _x: xp.multiply(
    g, xp.logical_and(xp.greater(y, 0), xp.less(y, 6))), monotone=True, dtype=_limited)
def relu6(xp, x):
    """min(max(x, 0), 6); the gradient at 0 and at 6 is 0."""
    return xp.clip_static(x, low=0, high=6)


@activation(lambda xp, g, _y, x, negative_slope: xp.blend(
    xp.greater(x, 0), g, xp.multiply(g, negative_slope)))
def leaky_relu(xp, x, negative_slope=0.2):
    """x where positive, negative_slope * x elsewhere."""
    return xp.blend(xp.greater(x, 0), x, xp.multiply(x, negative_slope))


@activation(lambda xp, g, y, x, alpha: xp.blend(
    xp.greater(x, 0), g, xp.multiply(g, xp.add(y, alpha))))
def elu(xp, x, alpha=1.0):
    """x where positive, alpha (exp(x) - 1) elsewhere (Clevert et al. 2015, arXiv:1511.07289)."""
    low = xp.multiply(xp.expm1(xp.minimum(x, 0)), alpha)
    return xp.blend(xp.greater(x, 0), x, low)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@activation()
def selu(xp, x):
    """1.0507 elu(x, 1.6733): keeps mean 0 and variance 1 (Klambauer et al. 2017)."""
    return xp.multiply(elu.op.forward(xp, x, SELU_ALPHA), SELU_SCALE)


@activation()
def celu(xp, x, alpha=1.0):
    """max(x, 0) + min(alpha (exp(x / alpha) - 1), 0) (Barron 2017, arXiv:1704.07483)."""
    low = xp.multiply(xp.expm1(xp.multiply(xp.minimum(x, 0), 1.0 / alpha)), alpha)
    return xp.blend(xp.greater(x, 0), x, low)


@activation(lambda xp, g, _y, x: xp.multiply(g, xp.sigmoid(x)), monotone=True)
def softplus(xp, x):
    """log(exp(x) + 1), without overflow."""
    return xp.add(xp.maximum(x, 0), xp.log1p(xp.exp(xp.negative(xp.absolute(x)))))


@activation(lambda xp, g, _y, x: xp.divide(
    g, xp.square(xp.add(xp.absolute(x), 1))), monotone=True)
def softsign(xp, x):
    """x / (|x| + 1)."""
    return xp.divide(x, xp.add(xp.absolute(x), 1))


def _silu_vjp(xp, g, _y, x):  # s + x s (1 - s)
    s = xp.sigmoid(x)
    return xp.multiply(g, xp.multiply(s, xp.add(xp.multiply(x, xp.subtract(1, s)), 1)))


@activation(_silu_vjp)
def silu(xp, x):
    """x sigmoid(x), also called swish (Ramachandran et al. 2017, arXiv:1710.05941)."""
    return xp.multiply(x, xp.sigmoid(x))


@op(tensors=1, dtype=to_float)  # of activations alone
def mish(xp, x):
    """x tanh(softplus(x)) (Misra 2019, arXiv:1908.08681)."""
    return xp.multiply(x, xp.tanh(softplus.op.forward(xp, x)))


@activation(lambda xp, g, y, _x: xp.multiply(g, xp.subtract(1, xp.exp(y))))
def log_sigmoid(xp, x):
    """log(sigmoid(x)) = -softplus(-x)."""
    return xp.negative(softplus.op.forward(xp, xp.negative(x)))


@activation(lambda xp, g, y, _x: xp.multiply(
    xp.multiply(g, 1.0 / 6.0), xp.logical_and(xp.greater(y, 0), xp.less(y, 1))), monotone=True)
def hard_sigmoid(xp, x):
    """min(max(x / 6 + 1/2, 0), 1)."""
    return xp.clip_static(xp.add(xp.multiply(x, 1.0 / 6.0), 0.5), low=0, high=1)


@activation()
def hard_silu(xp, x):
    """x hard_sigmoid(x), also called hard swish (Howard et al. 2019, arXiv:1905.02244)."""
    return xp.multiply(x, hard_sigmoid.op.forward(xp, x))


@activation(lambda xp, g, _y, x: xp.multiply(
    g, xp.logical_and(xp.greater(x, -1), xp.less(x, 1))), monotone=True, dtype=own)
def hard_tanh(xp, x):
    """x limited to [-1, 1]."""
    return xp.clip_static(x, low=-1, high=1)


ROOT_2_PI, CUBIC = math.sqrt(2 / math.pi), 0.044715


def _gelu_vjp(xp, g, _y, x, approximate):
    if approximate:
        cube = xp.multiply(xp.multiply(xp.square(x), x), CUBIC)
        t = xp.tanh(xp.multiply(xp.add(x, cube), ROOT_2_PI))
        slope = xp.multiply(xp.add(xp.multiply(xp.square(x), 3 * CUBIC), 1), ROOT_2_PI)
        bend = xp.multiply(xp.multiply(x, xp.subtract(1, xp.square(t))), slope)
        return xp.multiply(g, xp.multiply(xp.add(xp.add(t, 1), bend), 0.5))
    density = xp.multiply(
        xp.exp(xp.multiply(xp.square(x), -0.5)), 1 / math.sqrt(2 * math.pi))
    share = xp.multiply(xp.add(xp.erf(xp.multiply(x, math.sqrt(0.5))), 1), 0.5)
    return xp.multiply(g, xp.add(share, xp.multiply(x, density)))


@activation(_gelu_vjp)
def gelu(xp, x, approximate=True):
    """x P(X <= x) for standard normal X, by tanh if approximate (Hendrycks & Gimpel 2016)."""
    if approximate:
        cube = xp.multiply(xp.multiply(xp.square(x), x), CUBIC)
        t = xp.tanh(xp.multiply(xp.add(x, cube), ROOT_2_PI))
    else:
        t = xp.erf(xp.multiply(x, math.sqrt(0.5)))
    return xp.multiply(xp.multiply(x, 0.5), xp.add(t, 1))


public("ops.swish", "ops.nn.swish")(silu)
public("ops.hard_swish", "ops.nn.hard_swish")(hard_silu)


# ---------------------------------------------------------------- softmax
def _softmax_vjp(xp, g, y, _x, axis):  # y (g - sum(g y))
    axes = canonical_axes(axis, len(_x.shape))
    total = xp.sum(xp.multiply(g, y), axis=axes, keepdims=True)
    return xp.multiply(y, xp.subtract(g, total))


@activation(_softmax_vjp)
def softmax(xp, x, axis=-1):
    """exp(x) / sum(exp(x)) over `axis` (an int, a tuple or None for all), without overflow.

    >>> import minikeras as keras
    >>> keras.ops.softmax([0.0, 0.0]).numpy().tolist()
    [0.5, 0.5]
    """
    axes = canonical_axes(axis, len(x.shape))
    if 0 in x.shape:
        return x
    e = xp.exp(xp.subtract(x, xp.max(x, axis=axes, keepdims=True)))
    return xp.divide(e, xp.sum(e, axis=axes, keepdims=True))


def _log_softmax_vjp(xp, g, y, _x, axis):  # g - softmax(x) sum(g)
    axes = canonical_axes(axis, len(_x.shape))
    return xp.subtract(g, xp.multiply(xp.exp(y), xp.sum(g, axis=axes, keepdims=True)))


@activation(_log_softmax_vjp)
def log_softmax(xp, x, axis=-1):
    """log(softmax(x)) over `axis`, exact also where softmax underflows."""
    axes = canonical_axes(axis, len(x.shape))
    if 0 in x.shape:
        return x
    shifted = xp.subtract(x, xp.max(x, axis=axes, keepdims=True))
    return xp.subtract(shifted, xp.log(xp.sum(xp.exp(shifted), axis=axes, keepdims=True)))


# ---------------------------------------------------------------- shrinking and gating
@activation()
def tanh_shrink(xp, x):
    """x - tanh(x)."""
    return xp.subtract(x, xp.tanh(x))


@activation(lambda xp, g, _y, x, threshold: xp.multiply(
    g, xp.greater(xp.absolute(x), threshold)))
def hard_shrink(xp, x, threshold=0.5):
    """x where |x| > threshold, else 0."""
    return xp.blend(xp.greater(xp.absolute(x), threshold), x, 0)


@activation(lambda xp, g, _y, x, threshold: xp.multiply(
    g, xp.greater(xp.absolute(x), threshold)))
def soft_shrink(xp, x, threshold=0.5):
    """x moved towards 0 by `threshold`, 0 where |x| is not above it."""
    return xp.subtract(x, xp.clip_static(x, low=-threshold, high=threshold))


@activation(lambda xp, g, _y, x, threshold, default_value: xp.multiply(
    g, xp.greater(x, threshold)), dtype=own)
def threshold(xp, x, threshold, default_value):
    """x where x > threshold, else default_value."""
    if x.dtype.kind in "iu" and isinstance(default_value, float):
        x = xp.cast(x, dtype=to_float(x.dtype))
    return xp.blend(xp.greater(x, threshold), x, default_value)


@activation()
def squareplus(xp, x, b=4):
    """(x + sqrt(x**2 + b)) / 2 (Barron 2021, arXiv:2112.11687)."""
    return xp.multiply(xp.add(x, xp.sqrt(xp.add(xp.square(x), b))), 0.5)


@activation()
def sparse_plus(xp, x):
    """0 up to -1, (x + 1)**2 / 4 up to 1, then x."""
    middle = xp.multiply(xp.square(xp.add(x, 1)), 0.25)
    return xp.blend(xp.greater_equal(x, 1), x, xp.blend(xp.less_equal(x, -1), 0, middle))


@activation()
def sparse_sigmoid(xp, x):
    """0 up to -1, (x + 1) / 2 up to 1, then 1."""
    return xp.clip_static(xp.multiply(xp.add(x, 1), 0.5), low=0, high=1)


@activation()
def glu(xp, x, axis=-1):
    """First half along `axis` times sigmoid of the second (Dauphin 2017, arXiv:1612.08083)."""
    (axis,) = canonical_axes(axis, len(x.shape))
    n = x.shape[axis]
    if n is not None and n % 2:
        raise ValueError(f"axis {axis} must have an even length, not {n}.")
    half = None if n is None else n // 2
    lead = (slice(None),) * axis
    first = xp.slice_view(x, key=(*lead, slice(0, half)))
    second = xp.slice_view(x, key=(*lead, slice(half, None)))
    return xp.multiply(first, xp.sigmoid(second))


def _sparsemax_vjp(xp, g, y, _x, axis):
    (axis,) = canonical_axes(axis, len(_x.shape))
    support = xp.cast(xp.greater(y, 0), dtype=g.dtype)
    size = xp.sum(support, axis=(axis,), keepdims=True)
    total = xp.sum(xp.multiply(g, support), axis=(axis,), keepdims=True)
    return xp.multiply(support, xp.subtract(g, xp.divide(total, size)))


@activation(_sparsemax_vjp)
def sparsemax(xp, x, axis=-1):
    """The point of the simplex nearest to x (Martins & Astudillo 2016, arXiv:1602.02068)."""
    (axis,) = canonical_axes(axis, len(x.shape))
    return xp.maximum(xp.subtract(x, xp.sparsemax_threshold(x, axis=axis)), 0)
