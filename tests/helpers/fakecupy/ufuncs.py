"""Ufuncs: CuPy's types and resolution, NumPy's arithmetic."""

import numpy as np

from tests.helpers.fakecupy.core import cast, execute, ndarray, operand, register, run
from tests.helpers.fakecupy.indexing import Key
from tests.helpers.fakecupy.state import BFLOAT16
from tests.helpers.fakecupy.surface import ufunc_types

AT_DTYPES = {
    "add": "int32 int64 float16 float32 float64 uint32 uint64",
    "subtract": "int32 uint32",
    "maximum": "int32 float32 float64 uint32 uint64",
    "minimum": "int32 float32 float64 uint32 uint64",
    "bitwise_and": "int32 int64 uint32 uint64",
    "bitwise_or": "int32 int64 uint32 uint64",
    "bitwise_xor": "int32 int64 uint32 uint64",
}
WEAK = {bool: None, int: int, float: float, complex: complex}


def integer_power(base, exponent):
    """Negative powers of integers: 0, except for 1 and -1; NumPy raises."""
    if base.dtype.kind not in "iu" or not (exponent < 0).any():
        return np.power(base, exponent)
    inverse = np.where(base == 1, 1, np.where(base == -1, np.where(exponent % 2, -1, 1), 0))
    powers = np.power(base, np.maximum(exponent, 0))
    return np.where(exponent < 0, inverse, powers).astype(base.dtype)


TWINS = {
    "power": integer_power,
    "pow": integer_power,
    "positive": lambda x: x,
    "reciprocal": lambda x: np.where(x == 0, 0, np.reciprocal(x)) if x.dtype.kind in "iu"
    else np.reciprocal(x),
}


def dtype_of(letter):
    return BFLOAT16 if letter == "E" else np.dtype(letter)


class Loop:
    """One signature of a ufunc: input and output dtypes."""

    def __init__(self, text):
        inputs, outputs = text.split("->")
        self.inputs = [dtype_of(letter) for letter in inputs]
        self.outputs = [dtype_of(letter) for letter in outputs]

    def accepts(self, dtypes, weak):
        return all(np.can_cast(given, wanted)
                   or scalar and np.result_type(scalar(0), wanted) == wanted
                   for given, wanted, scalar in zip(dtypes, self.inputs, weak))


class ufunc:
    """Takes `out`, `dtype` and `casting` only; the first listed signature that fits is used."""

    def __init__(self, path, types, twin):
        self.name, self.path, self.types, self._twin = path.rpartition(".")[2], path, types, twin
        self.__name__ = self.name
        loops = [text for text in types if "V" not in text and (BFLOAT16 or "E" not in text)]
        self._loops = [Loop(text) for text in loops]
        self.nin, self.nout = len(self._loops[0].inputs), len(self._loops[0].outputs)
        self.nargs = self.nin + self.nout

    def __repr__(self):
        return f"<ufunc '{self.path}'>"

    def __call__(self, *args, out=None, dtype=None, casting="same_kind", **kwargs):
        if kwargs:
            raise TypeError(f"Wrong arguments {kwargs}")
        if not self.nin <= len(args) <= self.nargs:
            raise TypeError(f"Wrong number of arguments for {self.name!r}. It must be either "
                            f"{self.nin} or {self.nargs} (with outputs), but given {len(args)}.")
        inputs, given = [operand(x) for x in args[: self.nin]], args[self.nin:]
        if given and out is not None:
            raise ValueError("Cannot specify 'out' as both a positional and keyword argument")
        if out is not None:
            given = out if isinstance(out, tuple) else (out,)
        loop = self._resolve(inputs, dtype)
        arrays = [x for x in inputs if isinstance(x, ndarray)]
        if self.nout == 1:
            return run(self.name, lambda: self._compute(loop, inputs), arrays,
                       given[0] if given else None, casting)
        if given:
            raise NotImplementedError(f"fakecupy: out= of {self.name}")
        return execute(self.name, lambda: self._compute(loop, inputs), arrays)

    def _resolve(self, inputs, dtype):
        if dtype is not None:
            dtype = np.dtype(dtype)
            found = [loop for loop in self._loops if all(d == dtype for d in loop.outputs)]
        else:
            dtypes, weak = input_types(inputs)
            found = (loop for loop in self._loops if loop.accepts(dtypes, weak))
            dtype = tuple(map(str, dtypes))
        loop = next(iter(found), None)
        if loop is None:
            raise TypeError(f"Wrong type ({dtype}) of arguments for cupy_{self.name}")
        for value, wanted in zip(inputs, loop.inputs):
            if type(value) is int:
                wanted.type(value)  # OverflowError where a Python integer does not fit
        return loop

    def _compute(self, loop, inputs):
        hosts = [cast(x._host if isinstance(x, ndarray) else x, wanted)
                 for x, wanted in zip(inputs, loop.inputs)]
        if BFLOAT16 in loop.inputs:  # the device computes bfloat16 in float32
            hosts = [x.astype(np.float32) if x.dtype == BFLOAT16 else x for x in hosts]
        result = self._twin(*hosts)
        results = result if isinstance(result, tuple) else (result,)
        results = tuple(cast(r, wanted) for r, wanted in zip(results, loop.outputs))
        return results if self.nout > 1 else results[0]

    def outer(self, a, b, **kwargs):
        if self.nin != 2:
            raise ValueError("outer product only supported for binary functions")
        return self(a.reshape(a.shape + (1,) * b.ndim), b, **kwargs)

    def at(self, a, indices, b=None):
        if self.name not in AT_DTYPES:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        names = AT_DTYPES[self.name]
        if str(a.dtype) not in names.split():
            raise TypeError(f"cupy.{self.name}.at only supports {names} as data type, "
                            f"not {a.dtype}")
        key, value = Key(indices, a.shape), operand(b)
        sources = [value] if isinstance(value, ndarray) else []
        execute(f"{self.name}.at", lambda: self._twin.at(
            a._host, key.host(), cast(value._host if sources else value, a.dtype)),
            [*sources, *key.arrays], [a])

    def _fold(self, method, allowed, array, axis, dtype, out, **kwargs):
        if self.name not in allowed:
            raise NotImplementedError(f"`{self.name}.{method}` is not supported yet")
        return run(f"{self.name}.{method}", lambda: getattr(self._twin, method)(
            array._host, axis=axis, dtype=dtype, **kwargs), [array], out)

    def reduce(self, array, axis=0, dtype=None, out=None, keepdims=False):
        return self._fold("reduce", ("add", "multiply"), array, axis, dtype, out, keepdims=keepdims)

    def accumulate(self, array, axis=0, dtype=None, out=None):
        return self._fold("accumulate", ("add", "multiply"), array, axis, dtype, out)

    def reduceat(self, array, indices, axis=0, dtype=None, out=None):
        if self.name != "add":
            raise NotImplementedError(f"`{self.name}.reduceat` is not supported yet")
        return run("add.reduceat", lambda: np.add.reduceat(
            array._host, indices._host, axis, dtype), [array, indices], out)


def input_types(inputs):
    """dtypes of the inputs, and for Python scalars that are weak (NEP 50) their type."""
    dtypes = [x.dtype if isinstance(x, ndarray) else np.asarray(x).dtype for x in inputs]
    weak = [None if isinstance(x, ndarray) else WEAK.get(type(x)) for x in inputs]
    rank = {"b": 0, "i": 1, "u": 1}  # float and complex: 2
    strong = [rank.get(dtype.kind, 2) for dtype, scalar in zip(dtypes, weak) if not scalar]
    scalars = [1 if scalar is int else 2 for scalar in weak if scalar]
    if not strong or scalars and max(scalars) > max(strong):
        weak = [None] * len(weak)  # a scalar of a higher kind decides, with its default dtype
    return dtypes, weak


for _name, _types in ufunc_types("cupy").items():
    _twin = TWINS.get(_name) or getattr(np, _name)
    register(f"cupy.{_name}", ufunc(f"cupy.{_name}", _types, _twin))
register("cupy.ufunc", ufunc)
_types = ufunc_types("cupyx")["rsqrt"]
register("cupyx.rsqrt", ufunc("cupyx.rsqrt", _types, lambda x: 1 / np.sqrt(x)))
