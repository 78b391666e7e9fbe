"""What NumPy lacks or does otherwise, under the names kernels use."""

import numpy as np
from numpy.lib.stride_tricks import as_strided  # noqa: F401 (kernels use it as xp.as_strided)

fill = np.copyto  # fill(array, values), the values on the host or where the array is


def empty(shape, dtype):
    return np.empty(shape, dtype)


def lasting(fn, args, kwargs):
    """(function, args, kwargs) that do the same sooner, for a call that will be made often.

    A ufunc takes its result fastest as one more argument (by 0.2 us) and a number fastest as a
    0-d array of the other operand's dtype (by 0.4 us).
    """
    if not isinstance(fn, np.ufunc) or len(args) != fn.nin:
        return fn, args, kwargs
    if fn.nin == 2:
        args = _without_numbers(args)
    if kwargs.keys() == {"out"} and fn not in (np.maximum, np.minimum):  # deprecated there
        return fn, (*args, kwargs["out"]), {}
    return fn, args, kwargs


def _without_numbers(args):
    for number, other in (args, args[::-1]):
        if isinstance(number, (int, float, np.number)) and isinstance(other, np.ndarray):
            if other.dtype.kind == "f" and getattr(number, "dtype", other.dtype) == other.dtype:
                with np.errstate(all="ignore"):
                    made = np.asarray(number, other.dtype)
                return (made, other) if number is args[0] else (other, made)
    return args


def scatter_add(target, index, values):
    """target[index] += values, with repeated indices adding up."""
    np.add.at(target, index, values)


def scatter_max(target, index, values):
    """target[index] = max(target[index], values), with repeated indices."""
    np.maximum.at(target, index, values)


def scatter_min(target, index, values):
    """target[index] = min(target[index], values), with repeated indices."""
    np.minimum.at(target, index, values)


def erf(x, out=None):
    """The error function; |error| < 1.2e-7 below float64, where it is exact to rounding."""
    x = np.asarray(x)
    y = _erf64(x.astype(np.float64)).astype(x.dtype)
    if out is None:
        return y
    out[...] = y
    return out


def erfc(x):
    """1 - erf(x), exact to rounding also where erf is nearly 1."""
    x = np.asarray(x)
    return _erfc64(x.astype(np.float64)).astype(x.dtype)


def erfinv(x):
    """The y with erf(y) = x; inf at 1, NaN outside [-1, 1]."""
    x = np.asarray(x)
    return _erfinv64(x.astype(np.float64)).astype(x.dtype)


def _series(a):
    # erf(a) = 2a/sqrt(pi) exp(-a^2) sum (2a^2)^n / (2n+1)!!, for 0 <= a < 2.5.
    term = np.ones_like(a)
    total = np.ones_like(a)
    for n in range(1, 60):
        term = term * (2.0 * a * a) / (2 * n + 1)
        total = total + term
    return 2.0 / np.sqrt(np.pi) * a * np.exp(-a * a) * total


def _tail(a, terms=60):
    # erfc(a) by its continued fraction, from the far end; 60 terms do from 2.5 on, 200 from 1.
    f = np.zeros_like(a)
    for n in range(terms, 0, -1):
        f = (n / 2.0) / (a + f)
    with np.errstate(under="ignore"):
        return np.exp(-a * a) / np.sqrt(np.pi) / (a + f)


def _erf64(x):
    a = np.abs(x)
    small = a < 2.5
    series = _series(np.where(small, a, 0.0))
    tail = 1.0 - _tail(np.where(small | ~np.isfinite(a), 3.0, a))
    y = np.where(small, series, np.where(np.isinf(a), 1.0, tail))
    return np.where(np.isnan(x), np.nan, np.copysign(y, x))


def _erfc64(x):
    # 1 - erf loses digits once erf is near 1: from 1 on the continued fraction.
    a = np.abs(x)
    series = 1.0 - _series(np.minimum(a, 1.0))
    tail = _tail(np.where((a < 1.0) | ~np.isfinite(a), 3.0, a), 200)
    y = np.where(a < 1.0, series, np.where(np.isinf(a), 0.0, tail))
    y = np.where(x < 0, 2.0 - y, y)
    return np.where(np.isnan(x), np.nan, y)


def _erfinv64(x):
    # Winitzki's closed form, then Newton's method with Halley's correction; near 1 the residual
    # is taken of erfc, which keeps its digits there.
    a = np.abs(x)
    inside = np.where(a < 1, a, 0.5)
    log = np.log1p(-inside * inside)
    b = 2 / (np.pi * 0.147) + log / 2
    y = np.sqrt(np.sqrt(b * b - log / 0.147) - b)
    for _ in range(4):
        residual = np.where(inside < 0.5, _erf64(y) - inside, (1 - inside) - _erfc64(y))
        step = residual * np.exp(y * y) * np.sqrt(np.pi) / 2
        y = y - step / (1 + y * step)
    y = np.where(a == 1, np.inf, np.where(a > 1, np.nan, y))
    return np.where(np.isnan(x), np.nan, np.copysign(y, x))
