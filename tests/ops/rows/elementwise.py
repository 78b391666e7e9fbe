"""Rows of arithmetic, exponentials, trigonometry, rounding, comparison and logic."""

import numpy as np
import scipy.special

from tests.ops.samples import FLOATS, b, c, i, p, r, row, u, whole

# ---------------------------------------------------------------- binary
PAIRS = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
    "true_divide": np.divide, "maximum": np.maximum, "minimum": np.minimum,
    "arctan2": np.arctan2, "logaddexp": np.logaddexp,
}
for name, want in PAIRS.items():
    booleans = () if name == "subtract" else ("bool",)  # NumPy refuses bool - bool, so do we
    row(name, want, r(2, 3), r(2, 3, seed=1), dtypes_=(*FLOATS, "int32", "uint8", *booleans))
    row(name, want, r(3, 1), r(2, 1, 4, seed=1), dtypes_=FLOATS)
    row(name, want, r(2, 3), 2.0)
    row(name, want, 0.5, r(3))
    row(name, want, r(), r(2), dtypes_=())
    row(name, want, np.zeros((0, 3)), r(3), dtypes_=())
    whole(name, want, i(2, 3, low=1), i(3, low=1, seed=1), tol_=1e-6)
row("add", np.add, c(2, 3), c(3))
row("multiply", np.multiply, c(2, 3), c(3))
row("divide", np.divide, c(2, 3), c(3))
row("subtract", np.subtract, c(3), r(3))

for name, want in {"floor_divide": np.floor_divide, "mod": np.mod}.items():
    row(name, want, p(2, 3), p(3, seed=1), dtypes_=("float32",))
    row(name, want, r(4), -1.3, dtypes_=("float32",))
    row(name, want, 7.0, p(4), dtypes_=("float32",))
    whole(name, want, i(5, low=-9), i(5, low=1), tol_=0)
row("power", np.power, p(2, 3), r(3), loose_=3)
row("power", np.power, r(2, 3), 3, dtypes_=FLOATS)
row("power", np.power, r(4), 2.0, dtypes_=FLOATS)
row("power", np.power, p(4), -0.5, dtypes_=FLOATS)
row("power", np.power, 2.0, r(4), dtypes_=FLOATS)
row("power", np.power, np.array([0.0, 2.0]), 1, dtypes_=())
whole("power", np.power, i(4), 2, tol_=0)

for name in "equal not_equal greater greater_equal less less_equal".split():
    whole(name, getattr(np, name), i(3, 4, high=3), i(4, high=3, seed=1))
    whole(name, getattr(np, name), np.array([1.0, np.nan, 2.0]), 1.0, dtypes_=FLOATS)
for name in "logical_and logical_or logical_xor".split():
    whole(name, getattr(np, name), b(3, 4), b(4, seed=1))
    whole(name, getattr(np, name), i(4, high=2), b(4))

# ---------------------------------------------------------------- unary: name -> (want, sample)
UNARY = {
    "negative": (np.negative, r), "absolute": (np.abs, r), "abs": (np.abs, r),
    "sign": (np.sign, r), "square": (np.square, r), "reciprocal": (np.reciprocal, p),
    "exp": (np.exp, r), "exp2": (np.exp2, r), "expm1": (np.expm1, r), "log": (np.log, p),
    "log2": (np.log2, p), "log10": (np.log10, p), "log1p": (np.log1p, p), "sqrt": (np.sqrt, p),
    "rsqrt": (lambda x: 1 / np.sqrt(x), p), "erf": (scipy.special.erf, r),
    "sin": (np.sin, r), "cos": (np.cos, r), "tan": (np.tan, u), "arcsin": (np.arcsin, u),
    "arccos": (np.arccos, u), "arctan": (np.arctan, r), "sinh": (np.sinh, r),
    "cosh": (np.cosh, r), "tanh": (np.tanh, r), "arcsinh": (np.arcsinh, r),
    "arccosh": (lambda x: np.arccosh(np.asarray(x)), lambda *s: p(*s) + 1.0),
    "arctanh": (np.arctanh, u), "floor": (np.floor, r), "ceil": (np.ceil, r),
    "trunc": (np.trunc, r),
}
NUMBERS = FLOATS + ("int32", "uint8")
for name, (want, sample) in UNARY.items():
    dtypes = FLOATS if name in ("negative", "sign", "arctanh", "arccosh") else FLOATS + ("int32",)
    row(name, want, sample(2, 3), dtypes_=dtypes, loose_=2)
    row(name, want, sample(), dtypes_=())
    row(name, want, sample(0, 3), dtypes_=())
    row(name, want, np.array([0.0, np.inf, np.nan, 200.0]), grad_=False, dtypes_=())
for name in "negative square exp sin cos tanh sqrt".split():
    row(name, UNARY[name][0], c(3), dtypes_=())
row("absolute", np.abs, c(3), dtypes_=())
whole("absolute", np.abs, i(4, low=-5))
whole("logical_not", np.logical_not, b(4))
whole("logical_not", np.logical_not, r(4))
for name in "isnan isfinite isinf".split():
    whole(name, getattr(np, name), np.array([[1.0, np.nan], [np.inf, -np.inf]]), dtypes_=FLOATS)
    whole(name, getattr(np, name), i(3))

# ---------------------------------------------------------------- clip
row("clip", np.clip, r(3, 4), -0.5, 0.6)
row("clip", np.clip, r(3, 4), -2, 2, dtypes_=FLOATS)
row("clip", np.clip, r(3, 4), u(4, low=-0.9, high=-0.4), u(4, low=0.4), dtypes_=FLOATS)
whole("clip", np.clip, i(5), 2, 6, tol_=0)
