"""The table of samples that `test_contract.py` holds every op against: several rows an op.

A row is a call and what it should give. NumPy arrays in the call stand for tensors; float64 arrays
are also what is differentiated by, and what is given again in other dtypes. `want` is a function of
the same arguments as the op's, or the result itself.
"""

import zlib

import numpy as np

FLOATS = ("float32", "float16", "bfloat16")
OTHERS = ("int32", "uint8", "bool")
ALL = FLOATS + OTHERS
ROWS = []


class Row:
    """One call of an op.

    Args:
        name: the op's name below `ops`.
        want: function of the arguments, or the result; arrays, or a structure of them.
        args, kwargs: the call's arguments.
        grad_: whether gradients of first and second order are compared with differences; 1: only
            the first order.
        dtypes_: dtypes that the float64 arguments are also given in.
        tol_: relative tolerance in float64.
        loose_: factor on the tolerances of the shorter dtypes.
        unknown_: axes of tensors that may be None in a symbolic call; False: none.
        shape_: whether the symbolic shape is known where those of the inputs are.
        gpu_: whether the stand-in for CuPy can run it.
        strided_: whether the tensors are also given as non-contiguous arrays.
    """

    def __init__(
        self, name, want, *args, grad_=True, dtypes_=ALL, tol_=1e-10, loose_=1.0, unknown_=(0,),
        shape_=True, gpu_=True, strided_=True, **kwargs,
    ):
        self.name, self.want, self.args, self.kwargs = name, want, args, kwargs
        self.grad, self.dtypes, self.tol, self.loose = grad_, dtypes_, tol_, loose_
        self.unknown, self.shape, self.gpu, self.strided = unknown_, shape_, gpu_, strided_

    def __repr__(self):
        shapes = ["x".join(map(str, a.shape)) or "0d" if hasattr(a, "shape") else "" for a in
                  self.args]
        rest = [f"{k}={v}" for k, v in self.kwargs.items() if not hasattr(v, "shape")]
        return "-".join([self.name, *shapes, *rest]).replace(" ", "")[:70]


def row(name, want, *args, **options):
    """Add a row to the table."""
    ROWS.append(Row(name, want, *args, **options))


def whole(name, want, *args, **options):
    """Add a row of an op without gradient."""
    row(name, want, *args, grad_=False, **options)


def _generator(*key):
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def r(*shape, seed=0):
    """Normal numbers in float64."""
    return _generator("r", shape, seed).normal(size=shape) if shape else np.array(0.7 + seed)


def u(*shape, low=-0.9, high=0.9, seed=0):
    """Uniform numbers in float64."""
    return np.asarray(_generator("u", shape, seed).uniform(low, high, shape))


def p(*shape, seed=0):
    """Positive numbers in float64, from 0.5 to 2."""
    return u(*shape, low=0.5, high=2.0, seed=seed)


def i(*shape, low=0, high=10, seed=0, dtype="int32"):
    """Integers, `high` left out."""
    return np.asarray(_generator("i", shape, seed).integers(low, high, shape)).astype(dtype)


def b(*shape, seed=0):
    """Booleans."""
    return np.asarray(_generator("b", shape, seed).integers(0, 2, shape)).astype(bool)


def c(*shape, seed=0):
    """Complex numbers."""
    return r(*shape, seed=seed) + 1j * r(*shape, seed=seed + 100)


def table():
    """All rows, from the files `rows_*.py`."""
    if not ROWS:
        from tests.ops import rows  # noqa: F401
    return ROWS
