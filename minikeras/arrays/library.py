"""NumPy and CuPy under one set of names.

A `Library` is the array module with what it lacks or spells otherwise put right
(`numpy_overrides`, `cupy_overrides`); kernels get it as `k.xp`.
"""

import functools

import numpy as np

from minikeras.arrays import memory, numpy_overrides

ndarray = np.ndarray
memory.keep_freed_memory()


class Library:
    """An array module and its overrides; an attribute is looked up once and then kept."""

    def __init__(self, name, module, overrides):
        self.name, self.module, self.overrides = name, module, overrides
        self.ndarray, self.kind = module.ndarray, "cpu" if module is np else "gpu"

    def __getattr__(self, attribute):
        value = getattr(self.overrides, attribute, None)
        if value is None:
            value = getattr(self.module, attribute)
        setattr(self, attribute, value)
        return value

    def __repr__(self):
        return f"<array library {self.name}>"

    def __reduce__(self):
        return (cupy if self.kind == "gpu" else _numpy), ()


NUMPY = Library("numpy", np, numpy_overrides)


def _numpy():
    return NUMPY


@functools.lru_cache(None)
def cupy():
    """The CuPy library; a RuntimeError says what is missing, the package or the card."""
    try:
        import cupy as module
    except ImportError as e:
        raise RuntimeError(
            "A GPU was asked for, but the package CuPy is not installed. Install it with "
            "`pip install 'minikeras[cuda12]'` or `pip install 'minikeras[cuda13]'`, by your "
            "CUDA version."
        ) from e
    try:
        count = module.cuda.runtime.getDeviceCount()
    except Exception as e:  # the driver's own error class
        raise RuntimeError(
            f"CuPy {module.__version__} is installed, but no NVIDIA GPU can be used: {e}. "
            "Install the NVIDIA driver, or use the CPU (MINIKERAS_DEVICE=cpu)."
        ) from e
    if not count:
        raise RuntimeError(
            f"CuPy {module.__version__} is installed, but this machine has no NVIDIA GPU. "
            "Use the CPU (MINIKERAS_DEVICE=cpu)."
        )
    from minikeras.arrays import cupy_overrides

    return Library("cupy", module, cupy_overrides)


class Placeholder:
    """What stands for an array while a program is traced: shape and dtype, no values yet."""

    __slots__ = ()
    library = None

    def get(self):
        """The values, as of a CuPy array: there are none; subclasses say so."""
        raise NotImplementedError


def library_of(array):
    """The library that an array belongs to; None if it is no array."""
    if isinstance(array, ndarray):
        return NUMPY
    if isinstance(array, Placeholder):
        return array.library
    if type(array).__module__.split(".")[0] == "cupy" and hasattr(array, "get"):
        return cupy()
    return None


def is_array(x):
    """Whether x is a NumPy or CuPy array."""
    return isinstance(x, ndarray) or library_of(x) is not None


def to_host(array):
    """The values as a NumPy array; copies from the GPU, waiting for it."""
    return array if isinstance(array, ndarray) else array.get()


def asarray(value, dtype, library):
    """`value` (array of either library, scalar, nested list) as an array of `library`."""
    if isinstance(value, ndarray) and library is not NUMPY and value.dtype != dtype:
        value = value.astype(dtype)  # convert on the host: fewer bytes are often copied
    if library is NUMPY and not isinstance(value, ndarray) and library_of(value) is not None:
        value = value.get()
    return library.asarray(value, dtype)
