"""Discrete Fourier transforms of complex and real arrays, in at least single precision."""

from minikeras import dtypes
from minikeras.dtypes import Spec
from minikeras.kernels.registry import function, same_spec


@function(lambda a, axes, inverse: same_spec(a))
def fourier(xp, a, axes, inverse):
    """Transform over the axes: sum of a[n] exp(-2 pi i k n / N); inverse: with + and over N."""
    transform = xp.fft.ifftn if inverse else xp.fft.fftn
    return transform(a, axes=axes).astype(a.dtype)


def _half_spec(a, n):
    return Spec((*a.shape[:-1], n // 2 + 1), dtypes.promote(a.dtype, complex))


@function(_half_spec)
def real_fourier(xp, a, n):
    """The first n // 2 + 1 terms of the transform of real a, cut or filled with zeros to n."""
    return xp.fft.rfft(a, n).astype(dtypes.promote(a.dtype, complex))


def _real_spec(a, n):
    dtype = dtypes.FLOAT64 if a.dtype == dtypes.COMPLEX128 else dtypes.FLOAT32
    return Spec((*a.shape[:-1], n), dtype)


@function(_real_spec)
def inverse_real_fourier(xp, a, n):
    """n real numbers whose `real_fourier` is a, cut or filled with zeros."""
    return xp.fft.irfft(a, n).astype(_real_spec(a, n).dtype)


@function(lambda a, n: Spec((n // 2 + 1,), dtypes.BOOL))
def alone_in_half(xp, a, n):
    """Whether a term of the half transform stands for itself alone: 0, and n/2 of even n."""
    k = xp.arange(n // 2 + 1)
    return (k == 0) | (2 * k == n)
