"""What CuPy lacks or does otherwise, under the names kernels use."""

import cupy
import numpy
from cupy.lib.stride_tricks import as_strided  # noqa: F401 (kernels use it as xp.as_strided)


def empty(shape, dtype):
    return cupy.empty(shape, dtype)


def fill(array, values):
    """The values, on the host or on the GPU, into an array."""
    if isinstance(values, cupy.ndarray):
        cupy.copyto(array, values)
    else:
        array.set(numpy.asarray(values, array.dtype))


def lasting(fn, args, kwargs):
    """(function, args, kwargs) that do the same sooner, for a call that will be made often."""
    return fn, args, kwargs


def scatter_add(target, index, values):
    """target[index] += values, with repeated indices adding up."""
    if target.dtype.kind == "c":  # cupy.add.at has no complex loop
        cupy.add.at(target.real, index, values.real)
        cupy.add.at(target.imag, index, values.imag)
        return
    cupy.add.at(target, index, values)


def scatter_max(target, index, values):
    """target[index] = max(target[index], values), with repeated indices."""
    cupy.maximum.at(target, index, values)


def scatter_min(target, index, values):
    """target[index] = min(target[index], values), with repeated indices."""
    cupy.minimum.at(target, index, values)


def erf(x, out=None):
    from cupyx.scipy import special

    return special.erf(x) if out is None else special.erf(x, out)


def erfc(x):
    from cupyx.scipy import special

    return special.erfc(x)


def erfinv(x):
    from cupyx.scipy import special

    return special.erfinv(x)
