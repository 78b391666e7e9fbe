"""Probes of the dtype lattice and of the result dtypes of every op.

An entry of the table is what Keras says: on JAX first; what TensorFlow (t) and the symbolic calls
on JAX and TensorFlow (s, z) say otherwise follows. `i32|t:i64|s:f32`. "-": an error. JAX runs with
64-bit types where an operand has 64 bits, as it does by default elsewhere.
"""

from functools import lru_cache
from itertools import product

from tests.golden.dtype_calls import CALLS, EYE, OURS, WITH_SCALARS
from tests.golden.formulas import integers
from tests.golden.package import NAME, keras

REAL = ("bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 "
        "float16 bfloat16 float32 float64").split()
COMPLEX = ["complex64"]  # what Keras's results stop at; complex128 stays itself here
PYTHON = {"py_bool": bool, "py_int": int, "py_float": float, "py_complex": complex, "None": None}
LATTICE = [*REAL, "complex64", "complex128", *PYTHON]
SCALARS = {"py_bool": True, "py_int": 2, "py_float": 2.0, "py_complex": 2j}
WIDE = {"int64", "uint64", "float64"}
SHORT = {"bool": "b", "int": "i", "uint": "u", "float": "f", "bfloat": "bf", "complex": "c"}
ops = keras.ops


def lattice(*names):
    """Name of `result_type` of the dtypes or Python types, or the error's type."""
    try:
        return keras.backend.result_type(*(PYTHON.get(n, n) for n in names))
    except Exception as error:
        return type(error).__name__


def triples(count=300):
    """Three names each, spread over all triples."""
    every = list(product(LATTICE, repeat=3))
    return [every[i] for i in sorted(set(integers((count,), 7, len(every)).tolist()))]


# ------------------------------------------------------------ calls
def symbolic(name, shape):
    """A symbolic operand of a dtype, or the scalar of a Python type."""
    if name in SCALARS:
        return SCALARS[name]
    return keras.KerasTensor((2, 2) if shape == EYE else shape, name)


@lru_cache(None)
def eager(name, shape):
    """An operand of ones, or the identity, as `symbolic` names it."""
    if name in SCALARS:
        return SCALARS[name]
    return ops.cast(ops.eye(2) if shape == EYE else ops.ones(shape), name)


def short(dtype):
    """'f32' of 'float32'."""
    name = dtype.rstrip("0123456789")
    return SHORT.get(name, name) + dtype[len(name):]


def described(result):
    """The short dtypes in a result, in order; Python's types by name."""
    return ",".join(
        short(str(keras.backend.standardize_dtype(t.dtype))) if hasattr(t, "dtype")
        else type(t).__name__
        for t in keras.tree.flatten(result))


def outcome(function, *operands):
    """The dtypes a call gives, or "-" for an error."""
    try:
        return described(function(*operands))
    except Exception:
        return "-"


def rows(key):
    """The lists of operand names that a key's table has an entry for, row by row."""
    shapes = CALLS[key][1]
    if not shapes:
        return [[(name,) for name in (None, *REAL, *COMPLEX)]]
    names = [*REAL, *COMPLEX, *(SCALARS if key in WITH_SCALARS else ())]
    if len(shapes) == 1:
        return [[(name,) for name in names]]
    return [[(left, right) for right in names] for left in names]


def table(key, operand, run=outcome, skip=None):
    """A key's entries row by row, its operands made by `operand(name, shape)`."""
    function, shapes = CALLS[key]

    def entry(names):
        if skip and skip(names):
            return ""
        if not shapes:
            return run(function, *names)
        return run(function, *map(operand, names, shapes))

    return [[entry(names) for names in row] for row in rows(key)]


def ours(key, names):
    """Whether minikeras decides for itself what the call gives."""
    return any(key in keys.split() and which(*names) for keys, (which, _) in OURS.items())


# ------------------------------------------------------------ what Keras says
def merged(jax, tensorflow, symbolic_jax, symbolic_tensorflow):
    """One entry of what four calls say."""
    others = {"t": tensorflow, "s": symbolic_jax, "z": symbolic_tensorflow}
    said = {k: v for k, v in others.items() if v not in ("-", jax)}
    if said.get("s") == said.get("z"):
        said.pop("z", None)
    return "|".join([jax, *(f"{k}:{v}" for k, v in said.items())])


def matches(got, want):
    """Whether a dtype is what one of Keras's calls says; any result where no backend computes.

    Keras's complex results are mostly c64; here they have the precision of their operands.
    """
    got, want = got.replace("c128", "c64"), want.replace("c128", "c64")
    said = dict(part.split(":") for part in f"j:{want}".split("|"))
    if said["j"] == "-" and "t" not in said:
        return True
    return got in said.values() or got == "-" and NAME == "keras"  # its backends refuse different
