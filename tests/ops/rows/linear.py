"""Rows of linear algebra, norms and distances."""

import numpy as np
import scipy.linalg
import scipy.spatial

from tests.ops.samples import FLOATS, c, i, p, r, row, whole

LOW = {"dtypes_": ("float32", "float16"), "loose_": 60, "unknown_": (), "tol_": 1e-9}


def regular(*shape, seed=0):
    """Well-conditioned matrices."""
    return r(*shape, seed=seed) * 0.3 + 1.5 * np.eye(shape[-1])


def definite(*shape, seed=0):
    """Symmetric positive definite matrices."""
    a = r(*shape, seed=seed)
    return a @ a.swapaxes(-1, -2) + np.eye(shape[-1])


def distinct(*shape):
    """Matrices with singular values that lie apart."""
    u, _, v = np.linalg.svd(r(*shape), full_matrices=False)
    return (u * np.arange(1, 1 + min(shape[-2:]))) @ v


for shape in ((3, 3), (2, 3, 3), (1, 1)):
    row("inv", np.linalg.inv, regular(*shape), **LOW)
    row("det", np.linalg.det, regular(*shape), **LOW)
    row("slogdet", np.linalg.slogdet, regular(*shape), **LOW)
    row("logdet", lambda a: np.linalg.slogdet(a)[1], regular(*shape), **LOW)
    row("solve", np.linalg.solve, regular(*shape), r(*shape, seed=1), **LOW)
    row("cholesky", np.linalg.cholesky, definite(*shape), **LOW)
row("slogdet", np.linalg.slogdet, -regular(3, 3), **LOW)
row("inv", np.linalg.inv, regular(2, 3, 3), dtypes_=())
row("inv", np.linalg.inv, c(3, 3) + 2 * np.eye(3), unknown_=())
row("solve", np.linalg.solve, regular(3, 3), r(3), **LOW)
row("solve", np.linalg.solve, regular(3, 3), r(3, 2), **LOW)
row("solve", lambda a, b: np.linalg.solve(a, b[..., None])[..., 0], regular(2, 3, 3), r(2, 3),
    **LOW)
row("cholesky", lambda a, upper: np.linalg.cholesky(a).T, definite(3, 3), upper=True, **LOW)
row("cholesky_inverse", lambda a: np.linalg.inv(np.tril(a) @ np.tril(a).T), regular(3, 3), **LOW)
row("cholesky_inverse", lambda a, upper: np.linalg.inv(np.triu(a).T @ np.triu(a)), regular(3, 3),
    upper=True, **LOW)
for lower in (True, False):
    f = np.tril if lower else np.triu
    row("solve_triangular", lambda a, b, lower, f=f: np.linalg.solve(f(a), b), regular(3, 3),
        r(3, 2), lower=lower, **LOW)
    row("solve_triangular", lambda a, b, lower, f=f: np.linalg.solve(f(a), b), regular(3, 3), r(3),
        lower=lower, **LOW)
for shape in ((4, 3), (3, 4), (3, 3), (2, 4, 3)):
    row("pinv", np.linalg.pinv, r(*shape), **LOW)
    row("qr", np.linalg.qr, r(*shape), **LOW)
    row("svd", lambda a, full_matrices: np.linalg.svd(a, False), distinct(*shape),
        full_matrices=False, **LOW)
    row("svd", lambda a, compute_uv: np.linalg.svd(a, compute_uv=False), distinct(*shape),
        compute_uv=False, **LOW)
row("svd", np.linalg.svd, distinct(3, 3), **LOW)
whole("svd", np.linalg.svd, distinct(4, 3), **LOW)
row("qr", lambda a, mode: np.linalg.qr(a, mode), r(3, 4), mode="complete", **LOW)
whole("qr", lambda a, mode: np.linalg.qr(a, mode), r(4, 3), mode="complete", **LOW)
row("pinv", np.linalg.pinv, np.outer(p(3), p(2)), grad_=False, dtypes_=(), unknown_=())
row("pinv", lambda a, rcond: np.linalg.pinv(a, rcond), np.diag([3.0, 2.0, 0.1]), rcond=0.1,
    grad_=False, **LOW)
for a, b in (((5, 3), (5,)), ((5, 3), (5, 2)), ((3, 5), (3,))):
    row("lstsq", lambda a, b: np.linalg.lstsq(a, b, None)[0], r(*a), r(*b, seed=1), **LOW)
for shape in ((3, 3), (2, 3, 3)):
    row("eigh", lambda a: np.linalg.eigh((a + a.swapaxes(-1, -2)) / 2), r(*shape), **LOW)
whole("eig", lambda a: tuple(v.astype(complex) for v in np.linalg.eig(a)), r(3, 3), unknown_=(),
      dtypes_=())
whole("eig", np.linalg.eig, c(3, 3), unknown_=())


def lu(a):
    parts = [scipy.linalg.lu_factor(m) for m in a.reshape(-1, *a.shape[-2:])]
    batch = a.shape[:-2]
    return tuple(np.stack(v).reshape(*batch, *v[0].shape) for v in zip(*parts))


row("lu_factor", lu, r(4, 4), **LOW)
row("lu_factor", lu, r(2, 3, 3), **LOW)
row("lu_factor", lu, r(4, 3), **LOW)
row("lu_factor", lu, r(2, 3, 5), **LOW)
whole("matrix_rank", np.linalg.matrix_rank, r(4, 3), unknown_=(), dtypes_=("float32",))
whole("matrix_rank", np.linalg.matrix_rank, np.outer(p(3), p(2)), unknown_=(), dtypes_=())
whole("matrix_rank", lambda a, tol: np.linalg.matrix_rank(a, tol), np.diag([3.0, 2.0, 0.1]),
      tol=0.5, unknown_=())
whole("inv", np.linalg.inv, i(2, 2) + 9 * np.eye(2, dtype="int32"), unknown_=(), tol_=1e-5)

# ---------------------------------------------------------------- norms
NORM = {"dtypes_": FLOATS, "loose_": 8}
for ord in (None, 0, 1, 2, 3, 0.5, -1, np.inf, -np.inf):
    row("norm", np.linalg.norm, r(5), ord=ord, unknown_=(0,), **NORM)
    row("norm", np.linalg.norm, r(2, 3, 4), ord=ord, axis=1, dtypes_=("float32",))
    row("norm", np.linalg.norm, r(2, 3, 4), ord=ord, axis=-1, keepdims=True, dtypes_=())
for ord in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
    for options in ({}, {"keepdims": True}):
        row("norm", np.linalg.norm, r(3, 4), ord=ord, unknown_=(), tol_=1e-9,
            dtypes_=("float32",), loose_=8, **options)
        row("norm", np.linalg.norm, r(3, 2, 4), ord=ord, axis=(2, 0), unknown_=(), dtypes_=(),
            tol_=1e-9, **options)
row("norm", lambda x: np.sqrt((x**2).sum()), r(2, 3, 4), dtypes_=("float32",))
row("norm", np.linalg.norm, c(3))
row("norm", np.linalg.norm, np.zeros(3), grad_=False, dtypes_=())
whole("norm", np.linalg.norm, i(4), tol_=1e-6)


def normalize(x, axis=-1, order=2, epsilon=1e-7):
    return x / np.maximum(np.linalg.norm(x, order, axis, True), epsilon)


for order in (1, 2, 3):
    row("normalize", normalize, r(3, 4), order=order, **NORM)
    row("normalize", normalize, r(3, 4), axis=0, order=order, dtypes_=(), unknown_=(1,))
row("normalize", normalize, np.zeros((2, 3)), grad_=False, dtypes_=("float32",))
row("cdist", lambda x, y: scipy.spatial.distance.cdist(x, y), r(3, 4), r(2, 4, seed=1), **NORM)
row("cdist", lambda x, y: np.linalg.norm(x[..., None, :] - y[..., None, :, :], axis=-1),
    r(5, 3, 4), r(5, 2, 4, seed=1), dtypes_=("float32",), loose_=4)
