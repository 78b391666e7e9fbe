"""Methods and operators of `ndarray`."""

import inspect

import numpy as np

from tests.helpers.fakecupy import memory
from tests.helpers.fakecupy.core import (
    REGISTRY,
    cast,
    execute,
    host_of,
    ndarray,
    operand,
    supported,
)
from tests.helpers.fakecupy.state import to_device
from tests.helpers.fakecupy.surface import CLASSES, bind, complete, parse

# Methods that are a function of `cupy` with the array in front.
FORWARDED = """all any argmax argmin argpartition argsort choose cumprod cumsum diagonal dot max
    mean min nonzero prod ptp put repeat searchsorted squeeze std sum swapaxes take trace var
    round""".split()

BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "pow": "power",
    "floordiv": "floor_divide", "mod": "remainder", "and": "bitwise_and", "or": "bitwise_or",
    "xor": "bitwise_xor", "lshift": "left_shift", "rshift": "right_shift", "divmod": "divmod",
    "matmul": "matmul", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "eq": "equal", "ne": "not_equal",
}
COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})
UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}


def method(function):
    setattr(ndarray, function.__name__, function)
    return function


def with_self(sig):
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sig.replace(parameters=[itself, *sig.parameters.values()])


def forwarded(name):
    sig = parse(CLASSES["cupy.ndarray"]["methods"][name])

    def call(self, *args, **kwargs):
        return REGISTRY[f"cupy.{name}"](self, **bind(name, sig, args, kwargs))

    call.__name__, call.__signature__ = name, with_self(sig)
    return call


def yields(other):
    """Whether the other operand asks to compute itself: its class opts out or ranks higher."""
    if isinstance(other, (ndarray, np.ndarray, np.generic)):
        return False
    if getattr(other, "__array_ufunc__", 0) is None:
        return True
    return getattr(other, "__array_priority__", 0) > ndarray.__array_priority__


def operators(name, ufunc):
    path = f"cupy.{ufunc}"
    setattr(ndarray, f"__{name}__",
            lambda a, b: NotImplemented if yields(b) else REGISTRY[path](a, b))
    if name not in COMPARISONS:
        setattr(ndarray, f"__r{name}__", lambda a, b: REGISTRY[path](b, a))
    if name not in COMPARISONS | {"divmod", "matmul"}:
        setattr(ndarray, f"__i{name}__", lambda a, b: REGISTRY[path](a, b, out=a))


@method
def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
    dtype = supported(np.dtype(dtype))
    if casting and not np.can_cast(self.dtype, dtype, casting):
        raise TypeError(f"Cannot cast {self.dtype!r} to {dtype!r} in {casting} casting mode")
    if not copy and dtype == self.dtype and (order != "C" or self.flags.c_contiguous):
        return self
    return execute("astype", lambda: np.array(cast(self._host, dtype), order=order), [self],
                   keep_order=True)


@method
def copy(self, order="C"):
    return execute("copy", lambda: self._host.copy(order), [self], keep_order=True)


@method
def flatten(self, order="C"):
    return execute("copy", lambda: self._host.flatten(order), [self])


@method
def ravel(self, order="C"):
    return execute("copy", lambda: self._host.ravel(order), [self])


@method
def reshape(self, *shape, order="C", copy=None):
    sizes = shape[0] if len(shape) == 1 and not isinstance(shape[0], ndarray) else shape
    return REGISTRY["cupy.reshape"](self, sizes, order, copy=copy)


@method
def transpose(self, *axes):
    axes = axes[0] if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))) \
        else axes or None
    return REGISTRY["cupy.transpose"](self, axes)


@method
def clip(self, min=None, max=None, out=None):
    return REGISTRY["cupy.clip"](self, min, max, out)


@method
def compress(self, condition, axis=None, out=None):
    return REGISTRY["cupy.compress"](condition, self, axis, out)


@method
def conj(self):
    return REGISTRY["cupy.conjugate"](self) if self.dtype.kind == "c" else self


ndarray.conjugate = conj


@method
def fill(self, value):
    if isinstance(value, np.ndarray):
        if value.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        value = value[()]
    value = operand(value)
    sources = [value] if isinstance(value, ndarray) else []
    execute("fill", lambda: self._host.fill(cast(host_of(value), self.dtype)[()]), sources, [self])


@method
def set(self, arr, stream=None):
    if not isinstance(arr, np.ndarray):
        raise TypeError(f"Only numpy.ndarray can be set to cupy.ndarray, not {type(arr)}")
    if arr.dtype != self.dtype:
        raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
    if arr.shape != self.shape:
        raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
    if not (self.flags.c_contiguous or self.flags.f_contiguous):
        raise RuntimeError("Cannot set to non-contiguous array")
    to_device("ndarray.set")
    memory.copy(self._host, arr)


@method
def sort(self, axis=-1, kind=None):
    if kind not in (None, "stable"):
        raise ValueError(f"sort() takes kind=None or 'stable', not {kind!r}")
    if not self.flags.c_contiguous:
        raise NotImplementedError("Sorting non-contiguous array is not supported.")
    execute("sort", lambda: self._host.sort(axis, kind="stable"), [], [self])


@method
def partition(self, kth, axis=-1):
    self.sort(axis)


@method
def view(self, dtype=None, type=None):
    if type is not None:
        raise NotImplementedError("fakecupy: view(type=)")
    host = self._host
    return execute("view", lambda: host.view() if dtype is None else host.view(dtype), [self])


@method
def reduced_view(self, dtype=None):
    return self.ravel() if self.flags.c_contiguous else self


def scatter(name):
    """scatter_add and its like: ufunc.at under its old name."""
    return lambda self, slices, value: REGISTRY[f"cupy.{name}"].at(self, slices, value)


for _name in FORWARDED:
    setattr(ndarray, _name, forwarded(_name))
for _name, _ufunc in BINARY.items():
    operators(_name, _ufunc)
for _name, _ufunc in UNARY.items():
    setattr(ndarray, f"__{_name}__", lambda self, _path=f"cupy.{_ufunc}": REGISTRY[_path](self))
for _name, _ufunc in {"add": "add", "max": "maximum", "min": "minimum"}.items():
    setattr(ndarray, f"scatter_{_name}", scatter(_ufunc))
def part(name):
    """The real or imaginary part: a view of complex arrays, which can be assigned."""

    def get(self):
        if name == "real" and self.dtype.kind != "c":
            return self
        return execute(name, lambda: getattr(self._host, name), [self])

    return property(get, lambda self, value: get(self).__setitem__(Ellipsis, value))


ndarray.real, ndarray.imag = part("real"), part("imag")
complete("cupy.ndarray")(ndarray)
