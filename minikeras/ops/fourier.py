"""Fourier transforms. Complex numbers are pairs (real part, imaginary part) of real tensors."""

import math

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.arrays import NUMPY
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.tensor import to_tensor
from minikeras.dtypes import Spec, canonical, to_float
from minikeras.kernels import fourier as _kernels  # noqa: F401 (their table)
from minikeras.ops.blocks import extract_sequences
from minikeras.ops.elementwise import divide, multiply
from minikeras.ops.indexing import where
from minikeras.ops.numeric import complex_of
from minikeras.ops.shaping import _tensor, pad, slice_axis


# The transform is symmetric: its transpose is itself. The engine takes the conjugates.
@op(vjp=lambda xp, g, _y, _x, axes, inverse: xp.fourier(g, axes=axes, inverse=inverse))
def fourier(xp, x, axes, inverse):
    """Fourier transform of complex x over axes."""
    return xp.fourier(x, axes=axes, inverse=inverse)


def _fit(xp, x, n):
    """The last axis cut or filled with zeros to n."""
    m = x.shape[-1]
    lead = (slice(None),) * (len(x.shape) - 1)
    if m > n:
        return xp.slice_view(x, key=(*lead, slice(0, n)))
    if m < n:
        return xp.pad_constant(x, pad_width=((0, 0),) * (len(x.shape) - 1) + ((0, n - m),))
    return x


def _real_vjp(xp, g, _y, _x, n):
    full = xp.fourier(_fit(xp, g, n), axes=(len(g.shape) - 1,), inverse=False)
    return _fit(xp, full, _x.shape[-1])


@op(vjp=_real_vjp)
def real_fourier(xp, x, n):
    """The first n // 2 + 1 terms of the transform of real x."""
    return xp.real_fourier(x, n=n)


def _inverse_real_vjp(xp, g, _y, _x, n):
    # y = (1/n) Re sum w[k] X[k] exp(2 pi i k m / n): w is 2 but for the terms without a partner.
    d = xp.multiply(xp.real_fourier(g, n=n), 2.0 / n)
    alone = xp.alone_in_half(g, n=n)
    d = xp.blend(alone, xp.multiply(d, 0.5), d)
    return _fit(xp, d, _x.shape[-1])


@op(vjp=_inverse_real_vjp, holomorphic=False)
def inverse_real_fourier(xp, x, n):
    """n real numbers from the first n // 2 + 1 terms of their transform."""
    return xp.inverse_real_fourier(x, n=n)


def _computed_in(dtype):
    return dtypes.FLOAT32 if dtype in dtypes.HALVES else dtype


def _pair(x, name):
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(
            f"ops.{name}: `x` must be a pair (real part, imaginary part). "
            f"Received: {type(x).__name__}"
        )
    parts = [_tensor(p) for p in x]
    if tuple(parts[0].shape) != tuple(parts[1].shape):
        raise ValueError(
            f"ops.{name}: real and imaginary part must have one shape. Received: "
            f"{tuple(parts[0].shape)} and {tuple(parts[1].shape)}"
        )
    dtype = to_float(*(canonical(p.dtype) for p in parts))
    return complex_of(*(OPS["cast"](p, _computed_in(dtype)) for p in parts)), dtype


def _parts(z, dtype):
    return OPS["cast"](OPS["real"](z), dtype), OPS["cast"](OPS["imag"](z), dtype)


def _transform(name, x, count, inverse):
    z, dtype = _pair(x, name)
    if len(z.shape) < count:
        raise ValueError(
            f"ops.{name}: needs at least {count} axes. Received: shape {tuple(z.shape)}")
    axes = tuple(range(len(z.shape) - count, len(z.shape)))
    return _parts(fourier(z, axes=axes, inverse=inverse), dtype)


@public("ops.fft")
def fft(x):
    """Fourier transform over the last axis: sum of x[n] exp(-2 pi i k n / N).

    Args:
        x: pair (real part, imaginary part) of one shape.

    Returns such a pair.

    >>> [part.numpy().tolist() for part in fft(([1.0, 0.0], [0.0, 0.0]))]
    [[1.0, 1.0], [0.0, 0.0]]
    """
    return _transform("fft", x, 1, False)


@public("ops.fft2")
def fft2(x):
    """Fourier transform over the last two axes of a pair (real part, imaginary part)."""
    return _transform("fft2", x, 2, False)


@public("ops.ifft2")
def ifft2(x):
    """Inverse of `fft2`."""
    return _transform("ifft2", x, 2, True)


def _real_input(x):
    x = _tensor(x)
    dtype = to_float(canonical(x.dtype))
    return OPS["cast"](x, _computed_in(dtype)), dtype


@public("ops.rfft")
def rfft(x, fft_length=None):
    """Terms 0 ... N/2 of the Fourier transform of real x over its last axis.

    `fft_length`: N; x is cut or filled with zeros to it. Returns a pair (real part, imaginary
    part) with N // 2 + 1 terms.
    """
    x, dtype = _real_input(x)
    n = x.shape[-1] if fft_length is None else int(fft_length)
    if n is None or n < 1:
        raise ValueError(f"ops.rfft: give a positive `fft_length`. Received: {fft_length}")
    return _parts(real_fourier(x, n=n), dtype)


@public("ops.irfft")
def irfft(x, fft_length=None):
    """Inverse of `rfft`: `fft_length` real numbers, 2 (terms - 1) by default."""
    z, dtype = _pair(x, "irfft")
    n = fft_length
    if n is None:
        n = None if z.shape[-1] is None else 2 * (z.shape[-1] - 1)
    if n is None or n < 1:
        raise ValueError(f"ops.irfft: give a positive `fft_length`. Received: {fft_length}")
    return OPS["cast"](inverse_real_fourier(z, n=int(n)), dtype)


# ---------------------------------------------------------------- short-time transforms
def _window(name, window, length, fft_length, dtype):
    """The window `(fft_length,)`: `length` values in the middle of zeros; None without one."""
    if not length <= fft_length:
        raise ValueError(
            f"ops.{name}: `fft_length` must be at least `sequence_length`. Received: "
            f"sequence_length={length}, fft_length={fft_length}"
        )
    if window is None:
        return None
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(
                f"ops.{name}: `window` must be 'hann', 'hamming', a tensor or None. "
                f"Received: {window!r}"
            )
        a = 0.5 if window == "hann" else 0.54
        t = NUMPY.arange(length) * (2 * math.pi / length)
        window = to_tensor(a - (1 - a) * NUMPY.cos(t))
    window = OPS["cast"](_tensor(window), dtype)
    if tuple(window.shape) != (length,):
        raise ValueError(
            f"ops.{name}: `window` must have the shape ({length},). "
            f"Received: {tuple(window.shape)}"
        )
    before = (fft_length - length) // 2
    return pad(window, ((before, fft_length - length - before),))


@public("ops.stft")
def stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    """Short-time Fourier transform: `rfft` of windows of the last axis.

    Args:
        x: real tensor `(..., n)`.
        sequence_length: length of the window function.
        sequence_stride: how far apart windows begin.
        fft_length: length of a frame; the window function lies in its middle.
        window: "hann" or "hamming" (periodic), a tensor `(sequence_length,)`, or None.
        center: whether x is padded by reflection so that frame t is centered at t * stride.

    Returns a pair (real part, imaginary part) `(..., frames, fft_length // 2 + 1)`.
    """
    x, dtype = _real_input(x)
    window = _window("stft", window, sequence_length, fft_length, x.dtype)
    if center:
        half = fft_length // 2
        x = pad(x, ((0, 0),) * (len(x.shape) - 1) + ((half, half),), mode="reflect")
    frames = extract_sequences(x, fft_length, sequence_stride)
    if window is not None:
        frames = multiply(frames, window)
    return _parts(real_fourier(frames, n=fft_length), dtype)


def _added_spec(x, index, length):
    return Spec((*x.shape[:-2], length), x.dtype)


@op(tensors=2, spec=_added_spec)
def _overlap_add(xp, x, index, length):
    """Frames `(..., frames, n)` added where they lie: `(..., length)`."""
    flat = xp.reshape(x, shape=(*x.shape[:-2], x.shape[-2] * x.shape[-1]))
    axis = len(flat.shape) - 1
    return xp.take_gradient(flat, index, axis=axis, shape=(*flat.shape[:-1], length))


@public("ops.istft")
def istft(
    x, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True,
):
    """Inverse of `stft`: frames are windowed again, added, and divided by the sum of squares.

    `length`: number of samples to give; without it, as many as the frames cover. Samples that no
    window reaches are 0.
    """
    z, dtype = _pair(x, "istft")
    if len(z.shape) < 2 or z.shape[-2] is None:
        raise ValueError(
            "ops.istft: needs (..., frames, terms) with a known number of frames. Received: "
            f"shape {tuple(z.shape)}"
        )
    frames = inverse_real_fourier(z, n=fft_length)
    count = z.shape[-2]
    total = (count - 1) * sequence_stride + fft_length
    index = NUMPY.arange(count).reshape(-1, 1) * sequence_stride + NUMPY.arange(fft_length)
    index = to_tensor(index.reshape(-1).astype("int32"))
    window = _window("istft", window, sequence_length, fft_length, frames.dtype)
    if window is None:
        window = OPS["ones"]((fft_length,), dtype=frames.dtype)
    frames = multiply(frames, window)
    y = _overlap_add(frames, index, length=total)
    square = OPS["broadcast_to"](OPS["square"](window), (count, fft_length))
    weight = _overlap_add(square, index, length=total)
    reached = OPS["greater"](weight, 1e-10)
    y = where(reached, divide(y, where(reached, weight, 1.0)), 0.0)
    start = fft_length // 2 if center else 0
    stop = total - start if length is None else start + length
    y = slice_axis(y, len(y.shape) - 1, start, min(stop, total))
    if stop > total:
        y = pad(y, ((0, 0),) * (len(y.shape) - 1) + ((0, stop - total),))
    return OPS["cast"](y, dtype)


@op(False)
def alone_in_half(xp, x, n):
    """Whether a term of the half transform stands for itself alone: 0, and n/2 of even n."""
    return xp.alone_in_half(x, n=n)
