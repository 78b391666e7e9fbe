"""Probes of the dtype lattice and of the result dtypes of common ops.

The values are taken on TensorFlow, since Keras on JAX narrows 64-bit types; on JAX where
TensorFlow refuses to compute.
"""

from itertools import product

from tests.golden.formulas import integers
from tests.golden.package import NAME, keras

REAL = ("bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 "
        "float16 bfloat16 float32 float64").split()
PYTHON = {"py_bool": bool, "py_int": int, "py_float": float, "py_complex": complex, "None": None}
LATTICE = [*REAL, "complex64", "complex128", *PYTHON]
SCALARS = {"py_bool": True, "py_int": 2, "py_float": 2.0}

BINARY = ("add subtract multiply true_divide divide divide_no_nan floor_divide mod power maximum "
          "minimum equal not_equal less less_equal greater greater_equal logical_and logical_or "
          "logical_xor arctan2 matmul dot tensordot inner outer bitwise_and bitwise_or bitwise_xor "
          "left_shift right_shift logaddexp cross hypot gcd append isclose vdot").split()
WHOLE = "bitwise_and bitwise_or bitwise_xor left_shift right_shift gcd bitwise_not".split()
ops = keras.ops
# Binary ops whose call is more than op(x, y).
PAIRS = {
    "where": lambda x, y: ops.where(keras.KerasTensor((2, 2), "bool"), x, y),
    "concatenate": lambda x, y: ops.concatenate([x, y]),
    "stack": lambda x, y: ops.stack([x, y]),
    "einsum": lambda x, y: ops.einsum("ij,jk->ik", x, y),
    "append": lambda x, y: ops.append(x, y),
    "take": lambda x, y: ops.take(x, y),
    "isclose": lambda x, y: ops.isclose(x, y),
    "full_like": lambda x, y: ops.full_like(x, 1, dtype=y.dtype),
    "cast": lambda x, y: ops.cast(x, y.dtype),
    "vdot": lambda x, y: ops.vdot(x, y),
    "clip_tensor": lambda x, y: ops.clip(x, y, y),
}
UNARY = ("abs absolute negative square sqrt exp expm1 log log1p log2 log10 sin cos tan tanh sinh "
         "cosh arcsin arccos arctan arcsinh arccosh arctanh sign floor ceil round trunc reciprocal "
         "rsqrt relu relu6 sigmoid log_sigmoid softmax log_softmax softplus softsign silu gelu elu "
         "selu hard_sigmoid hard_silu leaky_relu celu hard_tanh tanh_shrink squareplus "
         "isnan isinf isfinite logical_not bitwise_not sum mean max min prod var std median argmax "
         "argmin cumsum cumprod any all count_nonzero sort argsort transpose ravel flip copy "
         "ones_like zeros_like logsumexp erf erfinv real conj imag angle trace diagonal diag diff "
         "nan_to_num average norm size convert_to_tensor").split()
SINGLES = {
    "clip": lambda x: ops.clip(x, 0, 1),
    "clip_float": lambda x: ops.clip(x, 0.0, 1.0),
    "expand_dims": lambda x: ops.expand_dims(x, 0),
    "one_hot": lambda x: ops.one_hot(x, 3),
    "reshape": lambda x: ops.reshape(x, (-1,)),
    "pad": lambda x: ops.pad(x, 1),
    "repeat": lambda x: ops.repeat(x, 2),
    "tile": lambda x: ops.tile(x, (2, 1)),
    "quantile": lambda x: ops.quantile(x, 0.5),
    "std_axis": lambda x: ops.std(x, axis=0),
    "mean_axis": lambda x: ops.mean(x, axis=0),
    "top_k": lambda x: ops.top_k(x, 1)[0],
    "top_k_indices": lambda x: ops.top_k(x, 1)[1],
    "moments": lambda x: ops.moments(x, 0)[0],
    "normalize": lambda x: ops.normalize(x),
    "tri": lambda x: ops.tril(x),
    "roll": lambda x: ops.roll(x, 1),
    "threshold": lambda x: ops.threshold(x, 0.5, 0),
    "glu": lambda x: ops.glu(x, -1),
    "max_pool": lambda x: ops.max_pool(ops.reshape(x, (1, 2, 2)), 2),
    "average_pool": lambda x: ops.average_pool(ops.reshape(x, (1, 2, 2)), 2),
}
# Creation: with each dtype, and with each Python type of the value.
CREATION = {
    "zeros": lambda dtype: ops.zeros((2,), dtype=dtype),
    "ones": lambda dtype: ops.ones((2,), dtype=dtype),
    "eye": lambda dtype: ops.eye(2, dtype=dtype),
    "full_int": lambda dtype: ops.full((2,), 3, dtype=dtype),
    "full_float": lambda dtype: ops.full((2,), 3.0, dtype=dtype),
    "arange_int": lambda dtype: ops.arange(3, dtype=dtype),
    "arange_float": lambda dtype: ops.arange(3.0, dtype=dtype),
    "arange_mixed": lambda dtype: ops.arange(0, 3.0, 1, dtype=dtype),
    "linspace_int": lambda dtype: ops.linspace(0, 4, 5, dtype=dtype),
    "linspace_float": lambda dtype: ops.linspace(0.0, 4.0, 5, dtype=dtype),
    "identity": lambda dtype: ops.identity(2, dtype=dtype),
    "tri": lambda dtype: ops.tri(2, dtype=dtype),
    "convert_int": lambda dtype: ops.convert_to_tensor(1, dtype=dtype),
    "convert_float": lambda dtype: ops.convert_to_tensor(1.0, dtype=dtype),
    "convert_bool": lambda dtype: ops.convert_to_tensor(True, dtype=dtype),
    "convert_list": lambda dtype: ops.convert_to_tensor([1, 2.0], dtype=dtype),
    "array": lambda dtype: ops.array([1, 2], dtype=dtype),
}
SKIPPED_CREATION = {("arange_int", "bool"), ("arange_float", "bool"), ("arange_mixed", "bool"),
                    ("linspace_int", "bool"), ("linspace_float", "bool")}


def lattice(*names):
    """Name of `result_type` of the dtypes or Python types, or the error's type."""
    return outcome(lambda: keras.backend.result_type(*(PYTHON.get(n, n) for n in names)))


def outcome(call):
    """The dtype a call gives, or the type of its error."""
    try:
        result = call()
    except Exception as error:
        return type(error).__name__
    return result if isinstance(result, str) else str(keras.backend.standardize_dtype(result.dtype))


def symbolic(name):
    """A symbolic 2 x 2 operand of a dtype, or the scalar of a Python type."""
    return SCALARS[name] if name in SCALARS else keras.KerasTensor((2, 2), name)


def eager(name):
    """An operand of ones as `symbolic` names it."""
    return SCALARS[name] if name in SCALARS else ops.ones((2, 2), name)


def call(op, *operands):
    """The dtype of the op `op` of this module's tables on `operands`."""
    table = PAIRS if len(operands) == 2 else SINGLES
    return outcome(lambda: table.get(op, getattr(ops, op, None))(*operands))


def operands(op):
    """Operand dtypes of an op: bitwise ones take no floats."""
    return [name for name in REAL if "int" in name or name == "bool" or op not in WHOLE]


def scalars(op):
    """Python types of an op's scalar operands."""
    if op in WHOLE:
        return ["py_int"]
    return [] if op in PAIRS and op != "where" else list(SCALARS)


def pairs(op, operand=symbolic):
    """Result dtypes of a binary op: {left: one result a right operand}, scalars last."""
    real = operands(op)
    names = [*real, *scalars(op)]
    return {a: [call(op, operand(a), operand(b)) for b in names if {a, b} & set(real)]
            for a in names}


def singles(op, operand=symbolic):
    """Result dtypes of a unary op, one an operand dtype."""
    return [call(op, operand(name)) for name in operands(op)]


def creation(op):
    """Result dtypes of a creation op, one a requested dtype; the first is without one."""
    return [outcome(lambda d=d: CREATION[op](d)) for d in (None, *REAL)
            if (op, d) not in SKIPPED_CREATION]


def matches(got, want):
    """Whether a dtype is as stored: one of `a|b`, anything where Keras computes nothing."""
    if got.endswith("Error") and NAME == "keras":  # symbolic calls that only Keras refuses
        return True
    return want.endswith("Error") or got in want.split("|")


def merged(symbolic, eager):
    """What Keras's symbolic and eager calls say; `a|b` where they differ, `a|Error` where the
    eager call is refused: symbolic calls check little."""
    if symbolic == eager:
        return symbolic
    if eager.endswith("Error"):
        return symbolic if symbolic.endswith("Error") else f"{symbolic}|Error"
    return eager if symbolic.endswith("Error") else f"{symbolic}|{eager}"


def with_jax(stored, jax, names):
    """A stored value where TensorFlow refuses, with what JAX computes; it narrows 64 bits."""
    narrowed = "float64" in names or "int" in jax and any("64" in name for name in names)
    if jax.endswith("Error") or narrowed:
        return stored
    return "|".join(dict.fromkeys([stored.removesuffix("|Error"), jax]))


def triples(count=300):
    """Three names each, spread over all triples."""
    every = list(product(LATTICE, repeat=3))
    return [every[i] for i in sorted(set(integers((count,), 7, len(every)).tolist()))]
