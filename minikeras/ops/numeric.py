"""Elementwise ops beside the common ones: special functions, NaN-aware choices, complex parts."""

import math

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.dtypes import canonical, promote, to_float, to_wide_float
from minikeras.kernels import special as _kernels  # noqa: F401 (their table)
from minikeras.ops.elementwise import (
    absolute,
    add,
    clip_static,
    isfinite,
    isnan,
    logical_and,
    logical_or,
    multiply,
    subtract,
    zeros_of,
)
from minikeras.ops.families import binary, numeric, publish, same, sized, unary
from minikeras.ops.indexing import where
from minikeras.ops.reduction import all as all_
from minikeras.ops.reduction import mean
from minikeras.ops.shaping import _tensor, stack

ROOT_PI = math.sqrt(math.pi)


def _is_number(x):
    return isinstance(x, (int, float, complex))


def _mask(xp, name, a, b, dtype):
    """A comparison as numbers; operands may be Python numbers."""
    if _is_number(a) and _is_number(b):
        return float({"equal": a == b}[name])
    return xp.cast(getattr(xp, name)(a, b), dtype=dtype)


# ---------------------------------------------------------------- of one tensor
cbrt = unary(
    "cbrt", to_wide_float,
    lambda xp, g, y, _x: xp.divide(g, xp.multiply(xp.square(y), 3)),
    "Cube root by element, also of negative numbers.")
fabs = unary(
    "fabs", to_float, lambda xp, g, _y, x: xp.multiply(g, xp.sign(x)),
    "|x| by element, floating.", kernel="absolute")
erfc = unary(
    "erfc", to_float,
    lambda xp, g, _y, x: xp.multiply(
        g, xp.multiply(xp.exp(xp.negative(xp.square(x))), -2 / ROOT_PI)),
    "1 - erf(x) by element, exact also where it is small.", namespaces=())
erfinv = unary(
    "erfinv", to_float,
    lambda xp, g, y, _x: xp.multiply(g, xp.multiply(xp.exp(xp.square(y)), ROOT_PI / 2)),
    "The y with erf(y) = x; inf at 1, NaN outside [-1, 1].", namespaces=())
i0 = unary(
    "i0", to_wide_float, lambda xp, g, _y, x: xp.multiply(g, xp.bessel_i1(x)),
    "Modified Bessel function of the first kind of order 0.")


def _i1_slope(xp, g, y, x):  # I0(x) - I1(x) / x, which is 1/2 at 0
    zero = xp.equal(x, 0)
    ratio = xp.blend(zero, 0.5, xp.divide(y, xp.blend(zero, 1, x)))
    return xp.multiply(g, xp.subtract(xp.i0(x), ratio))


@op(vjp=_i1_slope, dtype=to_float)
def bessel_i1(xp, x):
    """Modified Bessel function of the first kind of order 1."""
    return xp.bessel_i1(x)


@publish
@op(tensors=1, dtype=to_float)
def sinc(xp, x):
    """sin(pi x) / (pi x) by element; 1 at 0."""
    zero = xp.equal(x, 0)
    z = xp.multiply(xp.blend(zero, 1, x), math.pi)
    return xp.blend(zero, 1, xp.divide(xp.sin(z), z))


@publish
@op(tensors=1, dtype=to_wide_float)
def deg2rad(xp, x):
    """Degrees to radians."""
    return xp.multiply(x, math.pi / 180)


@publish
@op(tensors=1, dtype=to_wide_float)
def rad2deg(xp, x):
    """Radians to degrees."""
    return xp.multiply(x, 180 / math.pi)


signbit = unary("signbit", None, False, "Whether the sign bit is set: true for -0.0 too.")


def _is_infinite(name, value, doc):
    def forward(xp, x):
        return xp.equal(x, value)

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = doc
    return publish(op(False, tensors=1, dtype=to_float)(forward))


isposinf = _is_infinite("isposinf", math.inf, "Whether x is +inf, by element.")
isneginf = _is_infinite("isneginf", -math.inf, "Whether x is -inf, by element.")


@publish
@op(False, tensors=1)
def isreal(xp, x):
    """Whether the imaginary part is 0, by element; true for all real numbers."""
    if x.dtype.kind == "c":
        return xp.equal(xp.imag(x), 0)
    return xp.logical_not(xp.less(x, x))  # nothing is less than itself, nor is NaN


@publish
@op(tensors=1, dtype=to_float)
def angle(xp, x):
    """Angle of complex numbers in radians, in (-pi, pi]; 0 or pi for real ones."""
    if x.dtype.kind == "c":
        return xp.arctan2(xp.imag(x), xp.real(x))
    return xp.blend(xp.less(x, 0), math.pi, xp.blend(xp.isnan(x), x, 0))


@public("ops.nan_to_num", "ops.numpy.nan_to_num")
def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """x with NaN replaced by `nan`, inf and -inf by numbers (the dtype's largest by default).

    >>> nan_to_num([float("nan"), 2.0]).numpy().tolist()
    [0.0, 2.0]
    """
    x = _tensor(x)
    dtype = canonical(x.dtype)
    if dtype.kind not in "fV":
        return x
    limit = float(dtypes.finfo(dtype).max)
    x = where(isnan(x), nan, x)
    x = where(isposinf(x), limit if posinf is None else posinf, x)
    return where(isneginf(x), -limit if neginf is None else neginf, x)


@public("ops.saturate_cast")
def saturate_cast(x, dtype):
    """x in another dtype; what it cannot hold becomes its nearest bound.

    >>> saturate_cast([-5.0, 300.0], "uint8").numpy().tolist()
    [0, 255]
    """
    x = _tensor(x)
    target, source = canonical(dtype), canonical(x.dtype)
    if "c" in (target.kind, source.kind):  # complex numbers have no order
        return OPS["cast"](x, target)
    low, high = _bounds(target)
    least, most = _bounds(source)
    low, high = max(low, least), min(high, most)
    if source.kind in "fV" and target.kind in "iu":
        # The bound as the source's dtype has it may be just too large for the target.
        high = _largest_below(source, high)
    return OPS["cast"](clip_static(x, low=low, high=high), target)


def _bounds(dtype):
    if dtype == dtypes.BOOL:
        return 0, 1
    info = dtypes.finfo(dtype) if dtype.kind in "fV" else dtypes.iinfo(dtype)
    if dtype.kind in "fV":
        return float(info.min), float(info.max)
    return int(info.min), int(info.max)


def _largest_below(dtype, bound):
    """The largest number of a floating dtype that is not above the bound."""
    value = dtype.type(bound)
    if int(float(value)) <= bound:
        return float(value)
    digits = dtypes.finfo(dtype).nmant + 1
    return float((1 << bound.bit_length()) - (1 << (bound.bit_length() - digits)))


# ---------------------------------------------------------------- of two tensors
def _fwinner(xp, g, y, x1, x2):
    # To the one that was taken (a NaN never is); ties are shared evenly.
    wins, ties = _mask(xp, "equal", x1, y, g.dtype), _mask(xp, "equal", x1, x2, g.dtype)
    return xp.multiply(g, xp.subtract(wins, xp.multiply(ties, 0.5)))


for _name, _what in {"fmax": "larger", "fmin": "smaller"}.items():
    globals()[_name] = binary(
        _name, same, _fwinner, lambda xp, g, y, x1, x2: _fwinner(xp, g, y, x2, x1),
        f"The {_what} of x1 and x2 by element; a number wins over NaN.")
fmod = binary(
    "fmod", numeric,
    lambda xp, g, _y, _x1, _x2: g,
    lambda xp, g, _y, x1, x2: xp.negative(xp.multiply(g, xp.trunc(xp.divide(x1, x2)))),
    "x1 - trunc(x1 / x2) x2 by element: the remainder has the sign of x1.")
heaviside = binary(
    "heaviside", lambda *given: to_wide_float(promote(*given)),
    lambda xp, g, _y, _x1, _x2: zeros_of(xp, g),
    lambda xp, g, _y, x1, _x2: xp.multiply(g, _mask(xp, "equal", x1, 0, g.dtype)),
    "0 where x1 < 0, x2 where x1 is 0, 1 where x1 > 0.")


def _ratio(xp, g, y, x):
    zero = xp.equal(y, 0)
    return xp.multiply(g, xp.blend(zero, 0, xp.divide(x, xp.blend(zero, 1, y))))


def _lengths(*given):
    """dtype rule: floating, float64 for 64-bit integers."""
    dtype = promote(*sized(*given))
    return dtypes.FLOAT64 if dtype == dtypes.INT64 else to_float(dtype)


hypot = binary(
    "hypot", _lengths,
    lambda xp, g, y, x1, _x2: _ratio(xp, g, y, x1),
    lambda xp, g, y, _x1, x2: _ratio(xp, g, y, x2),
    "sqrt(x1**2 + x2**2) by element, without overflow; the gradient at 0 is 0.")
logaddexp2 = binary(
    "logaddexp2", to_float,
    lambda xp, g, y, x1, _x2: xp.multiply(g, xp.exp2(xp.subtract(x1, y))),
    lambda xp, g, y, _x1, x2: xp.multiply(g, xp.exp2(xp.subtract(x2, y))),
    "log2(2**x1 + 2**x2) by element, without overflow.")
nextafter = binary(
    "nextafter", to_float, None, None, "The next number after x1 towards x2, by element.")


@publish
@op(tensors=2, dtype=to_float, numbers=True)
def divide_no_nan(xp, x1, x2):
    """x1 / x2 by element, 0 where x2 is 0; the gradient there is 0.

    >>> import minikeras as keras
    >>> keras.ops.divide_no_nan([1.0, 1.0], [2.0, 0.0]).numpy().tolist()
    [0.5, 0.0]
    """
    if _is_number(x2):
        everywhere = xp.filled(x1, value=True, dtype=dtypes.BOOL)
        return xp.divide(x1, x2) if x2 else xp.blend(everywhere, 0, x1)
    zero = xp.equal(x2, 0)
    return xp.blend(zero, 0, xp.divide(x1, xp.blend(zero, 1, x2)))


@public("ops.ldexp", "ops.numpy.ldexp")
def ldexp(x1, x2):
    """x1 * 2**x2 by element, for integer x2."""
    x1, x2 = _tensor(x1), _tensor(x2)
    if not dtypes.is_int(x2.dtype):
        raise TypeError(f"ops.ldexp: `x2` must be integers. Received: dtype {x2.dtype}")
    target = to_float(canonical(x1.dtype))
    return multiply(OPS["cast"](x1, target), OPS["exp2"](OPS["cast"](x2, target)))


@public("ops.isclose", "ops.numpy.isclose")
def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether |x1 - x2| <= atol + rtol |x2| by element; infinities are close to themselves.

    >>> isclose([1.0, 2.0], [1.0, 2.1]).numpy().tolist()
    [True, False]
    """
    x1, x2 = _tensor(x1), _tensor(x2)
    target = to_float(canonical(x1.dtype), canonical(x2.dtype))
    x1, x2 = OPS["cast"](x1, target), OPS["cast"](x2, target)
    near = OPS["less_equal"](absolute(subtract(x1, x2)), add(multiply(absolute(x2), rtol), atol))
    found = logical_or(OPS["equal"](x1, x2), logical_and(near, isfinite(x2)))
    if equal_nan:
        found = logical_or(found, logical_and(isnan(x1), isnan(x2)))
    return found


@public("ops.allclose", "ops.numpy.allclose")
def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether all elements are close, as `isclose` says; a boolean tensor of no axes."""
    return all_(isclose(x1, x2, rtol, atol, equal_nan))


@public("ops.select", "ops.numpy.select")
def select(condlist, choicelist, default=0):
    """By element, the choice of the first condition that holds; `default` where none does.

    >>> select([[True, False]], [[1, 2]], 9).numpy().tolist()
    [1, 9]
    """
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(
            "ops.select: `condlist` and `choicelist` must have one length, not 0. Received: "
            f"{len(condlist)} conditions, {len(choicelist)} choices"
        )
    y = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist)):
        y = where(condition, choice, y)
    return y


@public("ops.psnr", "ops.nn.psnr")
def psnr(x1, x2, max_val):
    """Peak signal-to-noise ratio in decibels: 20 log10(max_val) - 10 log10(mean((x1 - x2)**2))."""
    x1, x2 = _tensor(x1), _tensor(x2)
    if tuple(x1.shape) != tuple(x2.shape):
        raise ValueError(
            "ops.psnr: both signals must have one shape. Received: "
            f"{tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    error = mean(OPS["square"](subtract(x1, x2)))
    peak = OPS["cast"](_tensor(max_val), to_float(canonical(x2.dtype)))
    return multiply(subtract(multiply(OPS["log10"](peak), 2.0), OPS["log10"](error)), 10.0)


# ---------------------------------------------------------------- complex numbers
@public("ops.polar", "ops.nn.polar")
def polar(abs_, angle):
    """Complex numbers from absolute value and angle: abs (cos(angle) + i sin(angle))."""
    abs_, angle = _tensor(abs_), _tensor(angle)
    return complex_of(multiply(abs_, OPS["cos"](angle)), multiply(abs_, OPS["sin"](angle)))


def complex_of(real, imaginary):
    """real + i imaginary."""
    i = multiply(OPS["make_complex"](imaginary), 1j)
    return add(OPS["make_complex"](real), i)


@public("ops.view_as_complex")
def view_as_complex(x):
    """Complex numbers from pairs (real, imaginary) in the last axis, which must have length 2."""
    x = _tensor(x)
    if not x.shape or x.shape[-1] not in (2, None):
        raise ValueError(
            "ops.view_as_complex: the last axis must hold (real, imaginary), so have length 2. "
            f"Received: shape {tuple(x.shape)}"
        )
    return complex_of(OPS["get_item"](x, (..., 0)), OPS["get_item"](x, (..., 1)))


@public("ops.view_as_real")
def view_as_real(x):
    """Pairs (real, imaginary) in a new last axis."""
    return stack([OPS["real"](x), OPS["imag"](x)], -1)


@op(False)
def _reinterpret(xp, x, dtype):
    return xp.reinterpret(x, dtype=dtype)


@public("ops.view", "ops.numpy.view")
def view(x, dtype=None):
    """The bytes of x as another dtype; the last axis grows or shrinks by the ratio of sizes.

    >>> view([1.0], "int32").numpy().tolist()
    [1065353216]
    """
    x = _tensor(x)
    if dtype is None or canonical(dtype) == canonical(x.dtype):
        return x
    return _reinterpret(x, dtype=canonical(dtype))

