"""Elementwise kernels: ufuncs by table, and the few that are more than one call."""

import math

from minikeras import dtypes
from minikeras.arrays import NUMPY, convert
from minikeras.dtypes import Spec
from minikeras.kernels.registry import (
    KERNELS,
    NUMBERS,
    Kernel,
    broadcast_shapes,
    elementwise_spec,
    function,
    kernel,
    predicate_spec,
    same_spec,
)

WIDE_ROW = 512  # elements: rows shorter than this cost a loop start each


def _binary(name, ufunc, rule):
    def run(k, out, a, b):
        k(getattr(k.xp, ufunc), a, b, out=out)

    kern = Kernel(name, "ew", rule, run=run)
    kern.ufunc, kern.inplace = ufunc, True
    return kern


def _unary(name, ufunc, rule):
    def run(k, out, a):
        k(getattr(k.xp, ufunc), a, out=out)

    kern = Kernel(name, "ew", rule, run=run)
    kern.ufunc, kern.inplace = ufunc, True
    return kern


ARITHMETIC = {
    "add": "add",
    "subtract": "subtract",
    "multiply": "multiply",
    "divide": "true_divide",
    "floor_divide": "floor_divide",
    "mod": "remainder",
    "power": "power",
    "maximum": "maximum",
    "minimum": "minimum",
    "arctan2": "arctan2",
    "hypot": "hypot",
    "logaddexp": "logaddexp",
    "bitwise_and": "bitwise_and",
    "bitwise_or": "bitwise_or",
    "bitwise_xor": "bitwise_xor",
    "left_shift": "left_shift",
    "right_shift": "right_shift",
    "gcd": "gcd",
    "lcm": "lcm",
    "nextafter": "nextafter",
    "fmax": "fmax",
    "fmin": "fmin",
    "fmod": "fmod",
    "heaviside": "heaviside",
    "logaddexp2": "logaddexp2",
}
COMPARISON = "equal not_equal greater greater_equal less less_equal".split()
COMPARISON += "logical_and logical_or logical_xor".split()
UNARY = """exp exp2 expm1 log log1p log2 log10 sqrt cbrt square negative sign sin cos tan arcsin
arccos arctan sinh cosh tanh arcsinh arccosh arctanh floor ceil rint trunc reciprocal
conjugate bitwise_not""".split()
PREDICATES = "isnan isfinite isinf logical_not signbit".split()

for _name, _ufunc in ARITHMETIC.items():
    _binary(_name, _ufunc, elementwise_spec)
for _name in COMPARISON:
    _binary(_name, _name, predicate_spec)
for _name in UNARY:
    _unary(_name, "invert" if _name == "bitwise_not" else _name, same_spec)
for _name in PREDICATES:
    _unary(_name, _name, predicate_spec)


def _wide_operands(*arrays, **_):
    """Whether one operand is a short row of channels, the other many rows of it."""
    a, b = arrays
    if type(a) in NUMBERS or type(b) in NUMBERS:
        return False
    big, row = (a, b) if a.size >= b.size else (b, a)
    channels = row.shape[-1] if row.ndim else 0
    return (
        0 < channels < WIDE_ROW // 2
        and row.size == channels
        and big.size >= 8192
        and big.ndim > 1
        and big.shape[-1] == channels
        and big.dtype == row.dtype
        and big.flags.c_contiguous
    )


def _wide(ufunc):
    """(N, C) op (C,) with few channels as rows of some 512 with the channels repeated."""

    def run(k, out, a, b):
        big, row = (a, b) if a.size >= b.size else (b, a)
        channels = row.shape[-1]
        n, times = big.size // channels, 1
        while times * channels < WIDE_ROW and n % (2 * times) == 0:
            times *= 2
        tiled = k.scratch((times, channels), row.dtype)
        k(k.xp.copyto, tiled, k.view(row, (1, channels)))
        flat = (n // times, times * channels)
        pair = [k.view(big, flat), k.view(tiled, (times * channels,))]
        if big is not a:
            pair.reverse()
        k(getattr(k.xp, ufunc), *pair, out=k.view(out, flat))

    return run


for _name in ("add", "subtract", "multiply", "divide", "maximum", "minimum"):
    KERNELS[_name].on("cpu", _wide_operands)(_wide(ARITHMETIC[_name]))


def _real_spec(a):
    real = {"complex64": dtypes.FLOAT32, "complex128": dtypes.FLOAT64}
    return Spec(tuple(a.shape), real.get(a.dtype.name, a.dtype))


@kernel("ew", _real_spec)
def absolute(k, out, a):
    k(k.xp.absolute, a, out=out)


@function(_real_spec, kind="ew")
def real(xp, a):
    return xp.real(a)


@function(_real_spec, kind="ew")
def imag(xp, a):
    return xp.imag(a)


@function(lambda a: Spec(tuple(a.shape), dtypes.promote(a.dtype, complex)), kind="ew")
def make_complex(xp, a):
    return a.astype(dtypes.promote(a.dtype, complex))


@kernel("ew", lambda a, dtype: Spec(tuple(a.shape), dtype))
def cast(k, out, a, dtype):
    k(k.xp.copyto, out, a, casting="unsafe")


@cast.on("cpu", lambda a, dtype: a.dtype == dtypes.FLOAT16 or dtype == dtypes.FLOAT16)
def _(k, out, a, dtype):
    k(convert, out, a)


@kernel("ew", same_spec)
def copy(k, out, a):
    k(k.xp.copyto, out, a)


@kernel("ew", same_spec)
def relu(k, out, a):
    """max(a, 0)."""
    k(k.xp.maximum, a, a.dtype.type(0), out=out)


@relu.on("cpu", lambda a: a.dtype == dtypes.FLOAT32 and a.size > 5000)
def _(k, out, a):
    # A clip to [0, inf] is vectorised where a maximum with a scalar is not: 3 times faster.
    k(NUMPY.clip, a, NUMPY.float32(0), NUMPY.float32(NUMPY.inf), out=out)


@kernel("ew", same_spec)
def sigmoid(k, out, a):
    """1 / (1 + exp(-a)) as tanh(a / 2) / 2 + 1/2: no overflow, and tanh is the faster call."""
    half = a.dtype.type(0.5)
    k(k.xp.multiply, a, half, out=out)
    k(k.xp.tanh, out, out=out)
    k(k.xp.multiply, out, half, out=out)
    k(k.xp.add, out, half, out=out)


@kernel("ew", same_spec)
def rsqrt(k, out, a):
    k(k.xp.sqrt, a, out=out)
    k(k.xp.divide, a.dtype.type(1), out, out=out)


@kernel("ew", same_spec)
def erf(k, out, a):
    k(k.xp.erf, a, out=out)


@kernel("ew", same_spec)
def clip_static(k, out, a, low, high):
    """a limited to [low, high], static numbers; NaN stays."""
    k(k.xp.clip, a, *_limits(a.dtype, low, high), out=out)


def _limits(dtype, low, high):
    """The bounds as numbers of the dtype: of integers the whole numbers inside."""
    if dtype.kind in "iu":
        first, last = int(dtypes.iinfo(dtype).min), int(dtypes.iinfo(dtype).max)
        low = first if low <= first else min(math.ceil(low), last)
        high = last if high >= last else max(math.floor(high), first)
    return dtype.type(low), dtype.type(high)


def _blend_spec(mask, a, b):
    spec = elementwise_spec(a, b) if type(a) not in NUMBERS or type(b) not in NUMBERS else None
    shapes = [tuple(x.shape) for x in (mask, a, b) if type(x) not in NUMBERS]
    return Spec(broadcast_shapes(*shapes), spec.dtype)


FEW = 256  # elements


@kernel("ew", _blend_spec)
def blend(k, out, mask, a, b):
    """a where mask, else b."""
    k(k.xp.copyto, out, b)
    k(_assign_where, k.xp, out, mask, a)


def _assign_where(xp, out, mask, a):
    xp.copyto(out, a, where=mask)


@blend.on("cpu")
def _(k, out, mask, a, b):
    # copyto(where=) costs 4 ns an element, where with a fresh array 0.5 and 2 us of Python.
    if out.size <= FEW:
        k(NUMPY.copyto, out, b)
        k(NUMPY.copyto, out, a, where=mask)
    else:
        k(_where, out, mask, a, b)


def _where(out, mask, a, b):
    NUMPY.copyto(out, NUMPY.where(mask, a, b))


for _kernel in (relu, sigmoid, rsqrt, erf, clip_static, copy):
    _kernel.inplace = True
