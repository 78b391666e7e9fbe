"""Special functions. Half precision is computed in float32."""

import math

from minikeras.dtypes import Spec
from minikeras.kernels.registry import function, in_single, same_spec

erfc = function(same_spec, kind="ew", name="erfc")(in_single(lambda xp, a: xp.erfc(a)))
erfinv = function(same_spec, kind="ew", name="erfinv")(in_single(lambda xp, a: xp.erfinv(a)))


def _bessel(order):
    """Modified Bessel function of the first kind of order 0 or 1.

    |x| <= 30: the power series, sum of (x/2)^(2k+order) / (k! (k+order)!), whose terms are all of
    one sign; above: the asymptotic series (Abramowitz & Stegun 1964, 9.6.10 and 9.7.1).
    """

    def compute(xp, a):
        z = xp.abs(a)
        half = xp.minimum(z, 30) * 0.5
        square = half * half
        term = half if order else xp.ones_like(half)
        total = term
        for k in range(1, 60):
            term = term * square / (k * (k + order))
            total = total + term
        wide = xp.maximum(z, 30)
        tail = piece = xp.ones_like(wide)
        for k in range(1, 25):
            piece = piece * ((2 * k - 1) ** 2 - 4 * order) / (8 * k * wide)
            tail = tail + piece
        e = xp.exp(wide * 0.5)  # squared below: overflows only where the result does
        far = tail / xp.sqrt(2 * math.pi * wide) * e * e
        y = xp.where(z > 30, far, total)
        y = xp.where(xp.isnan(a), a, y)
        return xp.copysign(y, a).astype(a.dtype) if order else y.astype(a.dtype)

    return in_single(compute)


i0 = function(same_spec, kind="ew", name="i0")(_bessel(0))
bessel_i1 = function(same_spec, kind="ew", name="bessel_i1")(_bessel(1))


def _view_spec(a, dtype):
    shape = list(a.shape)
    if a.dtype.itemsize != dtype.itemsize:
        if not shape:
            raise ValueError(f"a number of {a.dtype} cannot be seen as {dtype}: sizes differ.")
        if shape[-1] is not None:
            if shape[-1] * a.dtype.itemsize % dtype.itemsize:
                raise ValueError(
                    f"the last axis, {shape[-1]} of {a.dtype}, is no whole number of {dtype}.")
            shape[-1] = shape[-1] * a.dtype.itemsize // dtype.itemsize
    return Spec(tuple(shape), dtype)


@function(_view_spec)
def reinterpret(xp, a, dtype):
    """The bytes of `a`, row by row, as another dtype."""
    if a.dtype.itemsize == dtype.itemsize:
        return a.view(dtype)
    _view_spec(a, dtype)
    return xp.ascontiguousarray(a).view(dtype)
