"""Elementwise ops: one row an op, with its gradient.

In a vjp, `g` is the incoming gradient, `y` the result, and what is named with a leading `_` is
known by shape and dtype alone. Gradients of broadcast operands are summed by the engine.
"""

import math

from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.tensor import to_tensor
from minikeras.dtypes import canonical, to_float
from minikeras.ops.families import binary, boolean, numeric, own, publish, same, unary


def _with_floatx(*given):
    """dtype rule: floating, with Python's floats counting as floatx."""
    return to_float(*(canonical(None) if d is float else d for d in given))


# ---------------------------------------------------------------- arithmetic
add = binary(
    "add", same,
    lambda xp, g, _y, _x1, _x2: g,
    lambda xp, g, _y, _x1, _x2: g,
    "x1 + x2 by element; or of booleans.", monotone=True,
)
subtract = binary(
    "subtract", same,
    lambda xp, g, _y, _x1, _x2: g,
    lambda xp, g, _y, _x1, _x2: xp.negative(g),
    "x1 - x2 by element.", monotone=True,
)
multiply = binary(
    "multiply", same,
    lambda xp, g, _y, _x1, x2: xp.multiply(g, x2),
    lambda xp, g, _y, x1, _x2: xp.multiply(g, x1),
    "x1 * x2 by element.",
)
divide = binary(
    "divide", to_float,
    lambda xp, g, _y, _x1, x2: xp.divide(g, x2),
    lambda xp, g, y, _x1, x2: xp.negative(xp.divide(xp.multiply(g, y), x2)),
    "x1 / x2 by element, floating also for integers; 1/0 is inf, 0/0 NaN.",
    also=("ops.true_divide", "ops.numpy.true_divide"),
)
floor_divide = binary("floor_divide", numeric, None, None, "floor(x1 / x2) by element.")
mod = binary(
    "mod", numeric,
    lambda xp, g, _y, _x1, _x2: g,
    lambda xp, g, _y, x1, x2: xp.negative(xp.multiply(g, xp.floor(xp.divide(x1, x2)))),
    "x1 - floor(x1 / x2) x2 by element: the remainder has the sign of x2.",
)


def _power_exponent(xp, g, y, x1, _x2):
    # d x**p / dp = y log x; 0 where x is 0 (x**p is 0 or 1 there, log has no value).
    if isinstance(x1, (int, float)):
        return xp.multiply(xp.multiply(g, y), math.log(x1) if x1 > 0 else 0.0)
    positive = xp.greater(x1, 0)
    return xp.multiply(xp.multiply(g, y), xp.log(xp.blend(positive, x1, 1)))


def zeros_of(xp, x):
    """Zeros like x."""
    return xp.filled(x, value=0, dtype=x.dtype)


power = binary(
    "power", numeric,
    # p x**(p - 1), with 0 for p = 0 whatever x is (0 * inf would be NaN).
    lambda xp, g, _y, x1, x2: xp.multiply(g, _power_slope(xp, x1, x2)),
    _power_exponent,
    "x1 ** x2 by element.",
)


def _squared(xp, x):
    return x * x if isinstance(x, (int, float)) else xp.square(x)


def _power_slope(xp, x, p):
    if isinstance(p, (int, float)):
        return 0.0 if p == 0 else xp.multiply(xp.power(x, p - 1), p)
    none = xp.equal(p, 0)
    return xp.multiply(p, xp.power(x, xp.blend(none, 1, xp.subtract(p, 1))))


def _winner(compare):
    """Gradient of maximum and minimum: to the winner; ties are shared evenly."""

    def first(xp, g, _y, x1, x2):
        wins = xp.cast(getattr(xp, compare)(x1, x2), dtype=g.dtype)
        ties = xp.cast(xp.equal(x1, x2), dtype=g.dtype)
        return xp.multiply(g, xp.add(wins, xp.multiply(ties, 0.5)))

    return first, lambda xp, g, _y, x1, x2: first(xp, g, _y, x2, x1)


maximum = binary(
    "maximum", same, *_winner("greater"),
    "The larger of x1 and x2 by element; NaN wins. At ties each gets half of the gradient.",
)
minimum = binary(
    "minimum", same, *_winner("less"),
    "The smaller of x1 and x2 by element; NaN wins. At ties each gets half of the gradient.",
)
arctan2 = binary(
    "arctan2", _with_floatx,
    lambda xp, g, _y, x1, x2: xp.divide(
        xp.multiply(g, x2), xp.add(_squared(xp, x1), _squared(xp, x2))),
    lambda xp, g, _y, x1, x2: xp.negative(
        xp.divide(xp.multiply(g, x1), xp.add(_squared(xp, x1), _squared(xp, x2)))),
    "Angle of the point (x2, x1) in radians, in (-pi, pi].",
)
logaddexp = binary(
    "logaddexp", to_float,
    lambda xp, g, y, x1, _x2: xp.multiply(g, xp.exp(xp.subtract(x1, y))),
    lambda xp, g, y, _x1, x2: xp.multiply(g, xp.exp(xp.subtract(x2, y))),
    "log(exp(x1) + exp(x2)) by element, without overflow.",
)
negative = unary(
    "negative", None, lambda xp, g, _y, _x: xp.negative(g), "-x by element.")
absolute = unary(
    "absolute", None, lambda xp, g, _y, x: xp.multiply(g, xp.sign(x)),
    "|x| by element; the gradient at 0 is 0.", also=("ops.abs", "ops.numpy.abs"),
    holomorphic=False,
)


def _sign_vjp(xp, g, y, x):
    if x.dtype.kind != "c":
        return zeros_of(xp, g)
    along = xp.real(xp.multiply(g, xp.conjugate(y)))  # x / |x| moves at right angles to itself
    return xp.divide(xp.subtract(g, xp.multiply(y, xp.make_complex(along))),
                     xp.make_complex(xp.absolute(x)))


sign = unary(
    "sign", None, _sign_vjp, "-1, 0 or 1 by the sign of x; x / |x| for complex numbers.",
    holomorphic=False)
square = unary(
    "square", own, lambda xp, g, _y, x: xp.multiply(g, xp.multiply(x, 2)), "x * x by element.")
reciprocal = unary(
    "reciprocal", to_float,
    lambda xp, g, y, _x: xp.negative(xp.multiply(g, xp.square(y))), "1 / x by element.")

# ---------------------------------------------------------------- exponentials
exp = unary(
    "exp", to_float, lambda xp, g, y, _x: xp.multiply(g, y), "e ** x by element.", monotone=True)
exp2 = unary(
    "exp2", to_float, lambda xp, g, y, _x: xp.multiply(g, xp.multiply(y, math.log(2))),
    "2 ** x by element.", monotone=True)
expm1 = unary(
    "expm1", to_float, lambda xp, g, y, _x: xp.multiply(g, xp.add(y, 1)),
    "e ** x - 1 by element, exact near 0.", monotone=True)
log = unary(
    "log", to_float, lambda xp, g, _y, x: xp.divide(g, x),
    "Natural logarithm by element; -inf at 0, NaN below.")
log2 = unary(
    "log2", to_float, lambda xp, g, _y, x: xp.divide(g, xp.multiply(x, math.log(2))),
    "Logarithm to base 2 by element.")
log10 = unary(
    "log10", to_float, lambda xp, g, _y, x: xp.divide(g, xp.multiply(x, math.log(10))),
    "Logarithm to base 10 by element.")
log1p = unary(
    "log1p", to_float, lambda xp, g, _y, x: xp.divide(g, xp.add(x, 1)),
    "log(1 + x) by element, exact near 0.")
sqrt = unary(
    "sqrt", to_float, lambda xp, g, y, _x: xp.divide(xp.multiply(g, 0.5), y),
    "Square root by element; NaN below 0.")
rsqrt = unary(
    "rsqrt", to_float,
    lambda xp, g, y, _x: xp.multiply(xp.multiply(g, -0.5), xp.multiply(y, xp.square(y))),
    "1 / sqrt(x) by element.", namespaces=())
erf = unary(
    "erf", to_float,
    lambda xp, g, _y, x: xp.multiply(
        g, xp.multiply(xp.exp(xp.negative(xp.square(x))), 2 / math.sqrt(math.pi))),
    "Error function by element: 2/sqrt(pi) times the integral of exp(-t**2) from 0 to x.",
    namespaces=("ops.math",))

# ---------------------------------------------------------------- trigonometry (radians)
sin = unary("sin", to_float, lambda xp, g, _y, x: xp.multiply(g, xp.cos(x)), "Sine of x radians.")
cos = unary(
    "cos", to_float, lambda xp, g, _y, x: xp.negative(xp.multiply(g, xp.sin(x))),
    "Cosine of x radians.")
tan = unary(
    "tan", to_float, lambda xp, g, y, _x: xp.multiply(g, xp.add(xp.square(y), 1)),
    "Tangent of x radians.")
arcsin = unary(
    "arcsin", to_float,
    lambda xp, g, _y, x: xp.divide(g, xp.sqrt(xp.subtract(1, xp.square(x)))),
    "Angle in radians whose sine is x; NaN outside [-1, 1].")
arccos = unary(
    "arccos", to_float,
    lambda xp, g, _y, x: xp.negative(xp.divide(g, xp.sqrt(xp.subtract(1, xp.square(x))))),
    "Angle in radians whose cosine is x; NaN outside [-1, 1].")
arctan = unary(
    "arctan", to_float, lambda xp, g, _y, x: xp.divide(g, xp.add(xp.square(x), 1)),
    "Angle in radians whose tangent is x.")
sinh = unary(
    "sinh", to_float, lambda xp, g, _y, x: xp.multiply(g, xp.cosh(x)), "Hyperbolic sine.")
cosh = unary(
    "cosh", to_float, lambda xp, g, _y, x: xp.multiply(g, xp.sinh(x)), "Hyperbolic cosine.")
tanh = unary(
    "tanh", to_float, lambda xp, g, y, _x: xp.multiply(g, xp.subtract(1, xp.square(y))),
    "Hyperbolic tangent.", also=("ops.nn.tanh",), monotone=True)
arcsinh = unary(
    "arcsinh", to_float, lambda xp, g, _y, x: xp.divide(g, xp.sqrt(xp.add(xp.square(x), 1))),
    "Inverse hyperbolic sine.")
arccosh = unary(
    "arccosh", to_float,
    lambda xp, g, _y, x: xp.divide(g, xp.sqrt(xp.subtract(xp.square(x), 1))),
    "Inverse hyperbolic cosine; NaN below 1.")
arctanh = unary(
    "arctanh", to_float, lambda xp, g, _y, x: xp.divide(g, xp.subtract(1, xp.square(x))),
    "Inverse hyperbolic tangent; NaN outside [-1, 1].")


# ---------------------------------------------------------------- rounding
def _flat(xp, g, _y, _x):
    return zeros_of(xp, g)


floor = unary("floor", to_float, _flat, "The largest whole number not above x; gradient 0.")
ceil = unary("ceil", to_float, _flat, "The smallest whole number not below x; gradient 0.")
trunc = unary("trunc", None, _flat, "x without its fraction; gradient 0.")


@publish
@op(vjp=lambda xp, g, _y, _x, decimals: zeros_of(xp, g), tensors=1)
def round(xp, x, decimals=0):
    """x to a number of decimals, halves to even; gradient 0.

    >>> import minikeras as keras
    >>> keras.ops.round([0.5, 1.5, 2.7]).numpy().tolist()
    [0.0, 2.0, 3.0]
    """
    if x.dtype.kind not in "fcV":
        return x
    if not decimals:
        return xp.rint(x)
    factor = 10.0 ** decimals
    return xp.divide(xp.rint(xp.multiply(x, factor)), factor)


@op(False, tensors=1)
def rint(xp, x):
    """The nearest whole number, halves to even."""
    return xp.rint(x)


# ---------------------------------------------------------------- comparison and logic
for _name, _doc in {
    "equal": "Whether x1 == x2, by element.",
    "not_equal": "Whether x1 != x2, by element.",
    "greater": "Whether x1 > x2, by element.",
    "greater_equal": "Whether x1 >= x2, by element.",
    "less": "Whether x1 < x2, by element.",
    "less_equal": "Whether x1 <= x2, by element.",
}.items():
    globals()[_name] = binary(_name, same, None, None, _doc)
for _name, _doc in {
    "logical_and": "Whether x1 and x2 are both true (not 0), by element.",
    "logical_or": "Whether x1 or x2 is true (not 0), by element.",
    "logical_xor": "Whether just one of x1 and x2 is true (not 0), by element.",
}.items():
    globals()[_name] = binary(_name, boolean, None, None, _doc)
logical_not = unary("logical_not", boolean, False, "Whether x is false (0), by element.")
isnan = unary("isnan", None, False, "Whether x is not a number, by element; bool.")
isfinite = unary("isfinite", None, False, "Whether x is neither infinite nor NaN; bool.")
isinf = unary("isinf", None, False, "Whether x is +inf or -inf, by element; bool.")


# ---------------------------------------------------------------- clip and select
@public("ops.clip", "ops.numpy.clip")
def clip(x, x_min, x_max):
    """x limited to [x_min, x_max]; NaN stays. The gradient is 0 outside and at a bound 1.

    Whole numbers keep their dtype, unless a bound is a floating tensor; booleans count as int32.

    >>> clip([-2.0, 0.5, 9.0], 0.0, 1.0).numpy().tolist()
    [0.0, 0.5, 1.0]
    """
    if isinstance(x_min, (int, float)) and isinstance(x_max, (int, float)):
        return clip_static(x, low=x_min, high=x_max)
    if not hasattr(x, "dtype"):
        x = to_tensor(x)
    y = OPS["minimum"](OPS["maximum"](x, x_min), x_max)
    given = canonical(x.dtype)
    if canonical(y.dtype).kind in "biu" and given.kind in "biu":
        return OPS["cast"](y, own(given))
    return y


def _inside(xp, g, _y, x, low, high):
    return xp.multiply(
        g,
        xp.cast(
            xp.logical_and(xp.greater_equal(x, low), xp.less_equal(x, high)), dtype=g.dtype
        ),
    )


@op(vjp=_inside, dtype=own)
def clip_static(xp, x, low, high):
    """x limited to [low, high], Python numbers."""
    return xp.clip_static(x, low=low, high=high)



@op(
    vjp=(
        None,
        lambda xp, g, _y, mask, _a, _b: xp.blend(mask, g, 0),
        lambda xp, g, _y, mask, _a, _b: xp.blend(mask, 0, g),
    ),
    numbers=True,
)
def blend(xp, mask, a, b):
    """a where mask, else b: operands of one dtype."""
    return xp.blend(mask, a, b)


# ---------------------------------------------------------------- complex numbers
def _make_complex(xp, x):
    return xp.make_complex(x)


_make_complex.__name__ = "make_complex"
real = unary(
    "real", None,
    lambda xp, g, _y, _x: xp.make_complex(g) if _x.dtype.kind == "c" else g,
    "Real part by element.", holomorphic=False)
imag = unary(
    "imag", None,
    lambda xp, g, _y, _x: xp.multiply(xp.make_complex(g), 1j) if _x.dtype.kind == "c"
    else zeros_of(xp, g),
    "Imaginary part by element; 0 for real numbers.", holomorphic=False)
make_complex = op(
    vjp=lambda xp, g, _y, _x: xp.real(g) if _x.dtype.kind != "c" else g, holomorphic=False,
)(_make_complex)


@op(vjp=lambda xp, g, _y, _x: xp.conjugate(g), tensors=1, holomorphic=False)
def conjugate(xp, x):
    """Complex conjugate by element."""
    return xp.conjugate(x) if x.dtype.kind == "c" else x


publish(conjugate, also=("ops.conj", "ops.numpy.conj"))

