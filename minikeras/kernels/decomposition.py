"""Linear algebra: factors, inverses, solutions. Half precision is computed in float32.

Where there is no answer (a singular matrix, one that is not positive definite) the CPU raises
ValueError, and a GPU, which could not without waiting, gives NaN.
"""

from minikeras import dtypes
from minikeras.dtypes import Spec
from minikeras.kernels.registry import broadcast_shapes, function, in_single, same_spec

REAL = {"complex64": dtypes.FLOAT32, "complex128": dtypes.FLOAT64}


def real_of(dtype):
    """The dtype of a complex dtype's parts; a real dtype itself."""
    return REAL.get(dtype.name, dtype)


def complex_of(dtype):
    """The complex dtype whose parts have the dtype."""
    return dtypes.promote(dtype, complex)


def square(a):
    """The shape, if its last two axes are a square matrix; ValueError else."""
    shape = tuple(a.shape)
    if len(shape) < 2 or None not in shape[-2:] and shape[-1] != shape[-2]:
        raise ValueError(f"needs square matrices (..., n, n), not shape {shape}.")
    return shape


def _square_spec(a):
    return Spec(square(a), a.dtype)


@function(_square_spec)
@in_single
def cholesky(xp, a):
    """Lower triangular factor L of a = L L^H."""
    return xp.linalg.cholesky(a)


@function(_square_spec)
@in_single
def inv(xp, a):
    return xp.linalg.inv(a)


def _solve_spec(a, b, lower=None):
    shape = square(a)
    if len(b.shape) < 2 or None not in (shape[-1], b.shape[-2]) and shape[-1] != b.shape[-2]:
        raise ValueError(f"shapes {shape} and {tuple(b.shape)} are no equations.")
    batch = broadcast_shapes(shape[:-2], tuple(b.shape[:-2]))
    return Spec((*batch, *b.shape[-2:]), a.dtype)


@function(_solve_spec)
@in_single
def solve(xp, a, b):
    """The y with a y = b; b has columns."""
    return xp.linalg.solve(a, b)


@function(_solve_spec)
@in_single
def solve_triangular(xp, a, b, lower):
    """The y with T y = b, T the lower or upper triangle of a."""
    return xp.linalg.solve(xp.tril(a) if lower else xp.triu(a), b)


@function(lambda a: Spec(square(a)[:-2], a.dtype))
@in_single
def det(xp, a):
    return xp.asarray(xp.linalg.det(a))


def _slogdet_spec(a):
    shape = square(a)[:-2]
    return Spec(shape, a.dtype), Spec(shape, real_of(a.dtype))


@function(_slogdet_spec)
@in_single
def slogdet(xp, a):
    """(sign, logarithm of the absolute value) of the determinant."""
    sign, log = xp.linalg.slogdet(a)
    return xp.asarray(sign), xp.asarray(log)


def smaller(m, n):
    """min(m, n), None where it is not known."""
    return None if None in (m, n) else min(m, n)


def matrix(a):
    """(batch shape, rows, columns) of matrices; ValueError else."""
    if len(a.shape) < 2:
        raise ValueError(f"needs matrices (..., m, n), not shape {tuple(a.shape)}.")
    return tuple(a.shape[:-2]), *a.shape[-2:]


def _qr_spec(a, complete):
    batch, m, n = matrix(a)
    k = m if complete else smaller(m, n)
    return Spec((*batch, m, k), a.dtype), Spec((*batch, k, n), a.dtype)


@function(_qr_spec)
@in_single
def qr(xp, a, complete):
    """(Q, R) with a = Q R, Q with orthonormal columns, R upper triangular."""
    q, r = xp.linalg.qr(a, "complete" if complete else "reduced")
    return q, r


def _svd_spec(a, full):
    batch, m, n = matrix(a)
    k = smaller(m, n)
    real = real_of(a.dtype)
    return (Spec((*batch, m, m if full else k), a.dtype), Spec((*batch, k), real),
            Spec((*batch, n if full else k, n), a.dtype))


@function(_svd_spec)
@in_single
def svd(xp, a, full):
    """(U, s, V^H) with a = U diag(s) V^H, s descending."""
    u, s, v = xp.linalg.svd(a, full_matrices=full)
    return u, s, v


def _eigh_spec(a):
    shape = square(a)
    return Spec(shape[:-1], real_of(a.dtype)), Spec(shape, a.dtype)


@function(_eigh_spec)
@in_single
def eigh(xp, a):
    """(eigenvalues ascending, eigenvectors as columns) of Hermitian matrices."""
    w, v = xp.linalg.eigh(a)
    return w, v


def _eig_spec(a):
    shape, dtype = square(a), complex_of(a.dtype)
    return Spec(shape[:-1], dtype), Spec(shape, dtype)


@function(_eig_spec)
@in_single
def eig(xp, a):
    """(eigenvalues, eigenvectors as columns of length 1), complex."""
    w, v = xp.linalg.eig(a)
    dtype = complex_of(a.dtype)
    return w.astype(dtype), v.astype(dtype)


@function(lambda a, rcond: Spec((*matrix(a)[0], a.shape[-1], a.shape[-2]), a.dtype))
@in_single
def pinv(xp, a, rcond):
    """The Moore-Penrose inverse; singular values up to rcond times the largest count as 0."""
    if not a.size:
        return xp.zeros((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)
    u, s, v = xp.linalg.svd(a, full_matrices=False)
    kept = s > rcond * s[..., :1]
    s = xp.where(kept, 1 / xp.where(kept, s, 1), xp.zeros((), s.dtype))
    return xp.matmul(xp.conj(v.swapaxes(-1, -2)) * s[..., None, :], xp.conj(u.swapaxes(-1, -2)))


def _lu_spec(a):
    batch, m, n = matrix(a)
    return same_spec(a), Spec((*batch, smaller(m, n)), dtypes.INT32)


@function(_lu_spec)
@in_single
def lu_factor(xp, a):
    """(L and U in one matrix, row exchanged with each row), with partial pivoting."""
    a = a.copy()
    m, n = a.shape[-2:]
    place = xp.arange(m)
    pivots = xp.zeros((*a.shape[:-2], min(m, n)), dtypes.INT32)
    for k in range(min(m, n)):
        at = k + xp.argmax(xp.abs(a[..., k:, k]), -1)[..., None]  # (..., 1)
        pivots[..., k] = at[..., 0]
        order = xp.where(place == k, at, xp.where(place == at, k, place))
        a = xp.take_along_axis(a, order[..., None], -2)
        head = a[..., k, k][..., None]
        a[..., k + 1 :, k] /= xp.where(head == 0, xp.ones((), a.dtype), head)
        a[..., k + 1 :, k + 1 :] -= a[..., k + 1 :, k, None] * a[..., k, None, k + 1 :]
    return a, pivots


@function(lambda pivots, m: Spec((*pivots.shape[:-1], m), dtypes.INT32))
def inverse_of_pivots(xp, pivots, m):
    """For each row of a matrix the row of its pivoted form that it became."""
    place = xp.arange(m, dtype=dtypes.INT32)
    order = xp.broadcast_to(place, (*pivots.shape[:-1], m))
    for k in range(pivots.shape[-1]):
        at = pivots[..., k, None]
        moved = xp.where(place == k, at, xp.where(place == at, k, place))
        order = xp.take_along_axis(order, moved, -1)
    return xp.argsort(order, -1).astype(dtypes.INT32)


@function(lambda a, lower, strict: Spec(tuple(a.shape[-2:]), dtypes.BOOL))
def triangle_mask(xp, a, lower, strict):
    """Whether row >= column (lower) or row <= column, without equality if strict."""
    m, n = a.shape[-2:]
    rows, columns = xp.arange(m).reshape(-1, 1), xp.arange(n).reshape(1, -1)
    if lower:
        return rows > columns if strict else rows >= columns
    return rows < columns if strict else rows <= columns
