"""Products and linear algebra: what goes through cuBLAS and cuSOLVER."""

import numpy as np

from tests.helpers.fakecupy.core import cast, execute, host_of, ndarray, register, run
from tests.helpers.fakecupy.generic import generated, register_twins, twin_of
from tests.helpers.fakecupy.state import BFLOAT16, HALVES, library
from tests.helpers.fakecupy.surface import signature

# Of `cupy.linalg`, what is made of elementwise kernels and sums and so works in half precision.
HALF_TOO = frozenset({"norm", "cross", "matrix_transpose"})


def operands(name, *values):
    for value in values:
        if not isinstance(value, ndarray):
            raise TypeError(f"{name}: expected a cupy.ndarray, got {type(value)}")
    return values


def product(name, function, values, out=None, dtype=None):
    """A product, accumulated in float32 for halves and rounded once."""
    kind = np.result_type(*(value.dtype for value in values))
    if kind.kind not in "biu":
        library(f"cuBLAS ({name})")
    wanted = kind if dtype is None else np.dtype(dtype)
    inner = np.float32 if wanted in HALVES else wanted

    def compute():
        return cast(function(*(cast(value._host, inner) for value in values)), wanted)

    return run(name, compute, list(values), out)


def matmul(a, b, out=None, axes=None, axis=None, keepdims=False, casting="same_kind", dtype=None,
           signature=None, order="K"):
    if axes is not None or axis is not None or keepdims or signature is not None:
        raise NotImplementedError("fakecupy: matmul with axes=, axis=, keepdims= or signature=")
    operands("matmul", a, b)
    if max(a.ndim, b.ndim) > 2 and BFLOAT16 in (a.dtype, b.dtype):
        raise TypeError("CuPy multiplies no bfloat16 matrices of more than two dimensions")
    return product("matmul", np.matmul, [a, b], out, dtype)


def dot(a, b, out=None):
    return product("dot", np.dot, operands("dot", a, b), out)


def tensordot(a, b, axes=2):
    return product("tensordot", lambda x, y: np.tensordot(x, y, axes), operands("tensordot", a, b))


def inner(a, b):
    return product("inner", np.inner, operands("inner", a, b))


def outer(a, b, out=None):
    return product("outer", np.outer, operands("outer", a, b), out)


def vdot(a, b):
    return product("vdot", np.vdot, operands("vdot", a, b))


def einsum(*operands, **kwargs):
    unknown = set(kwargs) - {"dtype", "optimize"}
    if unknown:
        raise TypeError(f"einsum() got an unexpected keyword argument {unknown.pop()!r}")
    subscripts, *values = operands
    if not isinstance(subscripts, str):
        raise NotImplementedError("fakecupy: einsum takes its subscripts as text")
    if not all(isinstance(value, ndarray) for value in values):
        raise TypeError("einsum: expected cupy.ndarrays")
    if BFLOAT16 in [value.dtype for value in values] and batched(subscripts):
        raise TypeError("CuPy multiplies no bfloat16 matrices of more than two dimensions")
    dtype = kwargs.get("dtype")
    if len(values) == 1:
        return execute("einsum", lambda: np.einsum(subscripts, *host_of(values), dtype=dtype),
                       values)
    return product("einsum", lambda *hosts: np.einsum(subscripts, *hosts), values, None, dtype)


def batched(subscripts):
    """Whether a label stays in the result that more than one operand has: a batched product."""
    inputs, arrow, output = subscripts.replace(" ", "").replace("...", ".").partition("->")
    terms = inputs.split(",")
    if not arrow:
        return len(terms) > 1 and all("." in term for term in terms)
    return any(sum(label in term for term in terms) > 1 for label in output)


def refuse_halves(name, arrays):
    if name not in HALF_TOO and any(array.dtype in HALVES for array in arrays):
        raise TypeError(f"{arrays[0].dtype} is unsupported in linalg.{name}")


def nan_for_failures(function):
    """A host decomposition that yields NaN where NumPy raises for the values, not the shapes."""

    def failing(a, *args, **kwargs):
        try:
            return function(a, *args, **kwargs)
        except np.linalg.LinAlgError as error:
            if "dimensional" in str(error) or "must be square" in str(error):
                raise
        return matrix_by_matrix(a, args, kwargs)

    def matrix_by_matrix(a, args, kwargs):
        if a.ndim > 2:
            rest = [[x[i] if isinstance(x, np.ndarray) and x.ndim > 2 else x for x in args]
                    for i in range(len(a))]
            results = [failing(matrix, *r, **kwargs) for matrix, r in zip(a, rest)]
            if isinstance(results[0], tuple):
                return tuple(np.stack(parts) for parts in zip(*results))
            return np.stack(results)
        eye = np.eye(*a.shape, dtype=a.dtype)
        result = function(eye, *args, **kwargs)
        if isinstance(result, tuple):
            return tuple(np.full_like(part, np.nan) for part in result)
        return np.full_like(result, np.nan)

    def plain(*args, **kwargs):
        result = failing(*args, **kwargs)
        return tuple(result) if isinstance(result, tuple) else result  # CuPy: no named tuples

    return plain


for _function in (matmul, dot, tensordot, inner, outer, vdot, einsum):
    register(f"cupy.{_function.__name__}", _function)
register("cupy.linalg.matmul", matmul)

for _name in "cholesky det eig eigh eigvals eigvalsh inv pinv qr slogdet solve svd".split():
    register(f"cupy.linalg.{_name}", generated(
        f"cupy.linalg.{_name}", signature("cupy.linalg", _name),
        nan_for_failures(twin_of("cupy.linalg", _name)), library, refuse_halves))
for _name in HALF_TOO:
    register(f"cupy.linalg.{_name}", generated(
        f"cupy.linalg.{_name}", signature("cupy.linalg", _name), twin_of("cupy.linalg", _name)))
register_twins("cupy.linalg", library, refuse_halves)
register_twins("cupyx.scipy.linalg", library, refuse_halves)
