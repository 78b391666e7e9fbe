"""dtype names, what two dtypes combine to, and the rules ops use for their result dtype.

The lattice is JAX's (https://docs.jax.dev/en/latest/type_promotion.html), which Keras follows:
Python numbers are weak and take the other operand's dtype; integers with a float take the
float's; float16 with bfloat16 is float32.
"""

from functools import lru_cache

import ml_dtypes
import numpy as np

from minikeras import config
from minikeras.api.registry import public

finfo, iinfo = ml_dtypes.finfo, ml_dtypes.iinfo  # limits of a dtype

BOOL = np.dtype("bool")
INT8 = np.dtype("int8")
INT32 = np.dtype("int32")
INT64 = np.dtype("int64")
UINT64 = np.dtype("uint64")
FLOAT16 = np.dtype("float16")
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
HALVES = (FLOAT16, BFLOAT16)
FLOAT32 = np.dtype("float32")
FLOAT64 = np.dtype("float64")
COMPLEX64 = np.dtype("complex64")
COMPLEX128 = np.dtype("complex128")

SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
FLOATS = ("float16", "bfloat16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
FLOAT8 = ("float8_e4m3fn", "float8_e5m2")

_NAMES = {
    name: np.dtype(name)
    for name in ("bool", *SIGNED, *UNSIGNED, "float16", "float32", "float64", *COMPLEX)
}
_NAMES["bfloat16"] = BFLOAT16
_NAMES.update({name: np.dtype(getattr(ml_dtypes, name)) for name in FLOAT8})
_NAMES["string"] = np.dtype(object)
_PYTHON = {bool: "bool", int: "int", float: "float", complex: "complex"}


class Spec:
    """Shape and dtype of a tensor, without values; a dimension may be None (unknown)."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape, dtype):
        self.shape, self.dtype = shape, dtype

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        size = 1
        for d in self.shape:
            if d is None:
                return None
            size *= d
        return size

    def __repr__(self):
        return f"Spec(shape={self.shape}, dtype={self.dtype})"


@lru_cache(None)
def canonical(dtype):
    """The NumPy dtype object for a name, a Python type, a dtype; None is floatx."""
    if dtype is None:
        return _NAMES[config.floatx()]
    if isinstance(dtype, np.dtype):
        return _NAMES.get(dtype.name, dtype)
    if isinstance(dtype, str):
        name = dtype.rsplit(".", 1)[-1]
        if name in ("float", "int"):
            return _NAMES[config.floatx()] if name == "float" else INT32
        if name in _NAMES:
            return _NAMES[name]
    elif isinstance(dtype, type) and dtype in _PYTHON:
        return {bool: BOOL, int: INT32, float: _NAMES[config.floatx()], complex: COMPLEX64}[dtype]
    else:
        name = getattr(dtype, "name", None)  # dtypes of other libraries: torch.float32, tf.float32
        name = name if isinstance(name, str) else str(dtype).rsplit(".", 1)[-1]
        if name in _NAMES:
            return _NAMES[name]
        try:
            return _NAMES[np.dtype(dtype).name]
        except (TypeError, KeyError):
            pass
    raise ValueError(f"Invalid dtype: {dtype!r}. Use one of {', '.join(_NAMES)}.")


def name_of(dtype):
    """'float32' and the like, whatever form the dtype is given in."""
    dtype = canonical(dtype)
    return "string" if dtype.kind == "O" else dtype.name


def is_float(dtype):
    return name_of(dtype) in FLOATS or name_of(dtype) in FLOAT8


def is_int(dtype):
    return name_of(dtype) in SIGNED or name_of(dtype) in UNSIGNED


# The lattice: every dtype's direct successors; the result is the least common upper bound.
_ABOVE = {
    "bool": ("int",),
    "int": ("uint8", "int8"),
    "uint8": ("uint16", "int16"),
    "uint16": ("uint32", "int32"),
    "uint32": ("uint64", "int64"),
    "uint64": ("float",),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": ("float",),
    "float": ("float16", "bfloat16", "complex"),
    "float16": ("float32",),
    "bfloat16": ("float32",),
    "float32": ("float64", "complex64"),
    "float64": ("complex128",),
    "complex": ("complex64",),
    "complex64": ("complex128",),
    "complex128": (),
}


@lru_cache(None)
def _upper(name):
    found = {name}
    for above in _ABOVE[name]:
        found |= _upper(above)
    return frozenset(found)


@lru_cache(None)
def _join(names):
    common = frozenset.intersection(*map(_upper, names))
    return max(common, key=lambda n: len(_upper(n)))  # the lowest has the most above it


@lru_cache(None)
def promote(*dtypes):
    """The dtype object that the given dtypes (or Python types, weak) combine to."""
    names = []
    for d in dtypes:
        weak = isinstance(d, type) and d in _PYTHON or isinstance(d, str) and d in ("int", "float")
        if weak:
            names.append(d if isinstance(d, str) else _PYTHON[d])
            continue
        name = name_of(d)
        if name in FLOAT8 or name == "string":
            if any(name_of(other) != name for other in dtypes if not isinstance(other, type)):
                raise ValueError(
                    f"There is no implicit conversion from {name} dtypes; cast explicitly. "
                    f"Received: {dtypes}"
                )
            return _NAMES[name]
        names.append(name)
    result = _join(tuple(sorted(set(names)))) if names else "float"
    # Keras has no 64-bit unsigned result.
    weak = {
        "int": "int32", "float": config.floatx(), "complex": "complex64", "uint64": "uint32",
    }
    return _NAMES[weak.get(result, result)]


@public("backend.result_type")
def result_type(*dtypes):
    """Name of the dtype that the given dtypes (names, dtypes, Python types) combine to.

    >>> result_type("int32", "float16"), result_type("bfloat16", "float16")
    ('float16', 'float32')
    """
    name = promote(*dtypes).name
    return "complex64" if name == "complex128" else name  # Keras stops there


@lru_cache(None)
def to_float(*dtypes):
    """Rule of exp, sqrt, mean ...: the promoted dtype, floatx if that is not floating."""
    dtype = promote(*dtypes)
    return dtype if dtype.name in FLOATS + COMPLEX else promote(dtype, float)


@lru_cache(None)
def to_wide_float(*dtypes):
    """Rule of cbrt, deg2rad ...: as `to_float`, but 64-bit integers become float64."""
    return to_float(*(FLOAT64 if d == INT64 else d for d in dtypes))


@lru_cache(None)
def alike(*dtypes):
    """Rule of what puts elements together: the dtype that all have, else the promoted one."""
    first = dtypes[0]
    if not isinstance(first, type) and all(d == first for d in dtypes):
        return canonical(first)
    return promote(*dtypes)


@lru_cache(None)
def accumulate(dtype):
    """Rule of sum and prod: small integers add up in 32 bits."""
    name = name_of(dtype)
    if name in ("bool", "int8", "int16"):
        return INT32
    return _NAMES["uint32"] if name in ("uint8", "uint16") else canonical(dtype)


def _forget():
    """Drop what was cached under another floatx."""
    for cached in (canonical, promote, to_float, to_wide_float, alike, accumulate):
        cached.cache_clear()


config._LISTENERS.append(_forget)

