"""Linear algebra: factors, inverses, equations, norms; over the last two axes, others are batches.

Where there is no answer (a singular matrix, one that is not positive definite) the CPU raises
ValueError; a GPU gives NaN. Gradients of factors are for real matrices, and those of eigenvectors
and singular vectors need distinct values (M. Giles 2008, An extended collection of matrix
derivative results; J. Townsend 2016, Differentiating the singular value decomposition).
"""

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.dtypes import canonical, to_float
from minikeras.kernels import decomposition as _kernels
from minikeras.ops.contraction import matmul
from minikeras.ops.elementwise import add, multiply, zeros_of
from minikeras.ops.families import publish
from minikeras.ops.reduction import count_nonzero
from minikeras.ops.reduction import max as max_
from minikeras.ops.shaping import _tensor, expand_dims, floating, squeeze, swapaxes

LINALG = ("ops.linalg",)


def _t(xp, a):
    """Matrices transposed."""
    n = len(a.shape)
    return xp.transpose(a, axes=(*range(n - 2), n - 1, n - 2))


def _mm(xp, *factors):
    y = factors[0]
    for f in factors[1:]:
        y = xp.matmul(y, f)
    return y


def _triangle(xp, a, lower, strict=False):
    """The lower or upper triangle, without the diagonal if strict."""
    mask = xp.triangle_mask(a, lower=lower, strict=strict)
    return xp.blend(mask, a, 0)


def _column(xp, v):
    return xp.reshape(v, shape=(*v.shape, 1))


def _row(xp, v):
    return xp.reshape(v, shape=(*v.shape[:-1], 1, v.shape[-1]))


# ---------------------------------------------------------------- inverses and equations
@op(vjp=lambda xp, g, y, _x: xp.negative(_mm(xp, _t(xp, y), g, _t(xp, y))), dtype=to_float)
def inv(xp, x):
    """Inverse of square matrices.

    >>> import minikeras as keras
    >>> keras.ops.inv([[2.0, 0.0], [0.0, 4.0]]).numpy().tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return xp.inv(x)


inv = publish(inv, LINALG)


def _solve_da(xp, g, y, a, _b):
    return xp.negative(xp.matmul(xp.solve(_t(xp, a), g), _t(xp, y)))


@op(vjp=(_solve_da, lambda xp, g, _y, a, _b: xp.solve(_t(xp, a), g)), dtype=to_float)
def _solve(xp, a, b):
    return xp.solve(a, b)


OPS["solve"] = _solve.op


def _equations(a, b):
    """(a, b with columns, whether b was vectors)."""
    a, b = _tensor(a), _tensor(b)
    if len(a.shape) < 2 or not b.shape:
        raise ValueError(
            "a must be a matrix (..., m, n) and b a vector or matrix. "
            f"Received: a of shape {tuple(a.shape)}, b of shape {tuple(b.shape)}"
        )
    vectors = len(b.shape) == len(a.shape) - 1 or len(b.shape) == 1
    rows, given = a.shape[-2], b.shape[-1 if vectors else -2]
    if None not in (rows, given) and rows != given:
        raise ValueError(
            f"a has {rows} rows and b has {given}; they must be as many. "
            f"Received: a of shape {tuple(a.shape)}, b of shape {tuple(b.shape)}"
        )
    return a, expand_dims(b, -1) if vectors else b, vectors


@public("ops.solve", "ops.linalg.solve")
def solve(a, b):
    """The y with a y = b, for square a `(..., n, n)` and b `(..., n)` or `(..., n, k)`.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0]).numpy().tolist()
    [1.0, 0.5]
    """
    a, b, vectors = _equations(a, b)
    y = _solve(a, b)
    return squeeze(y, -1) if vectors else y


def _triangular_da(xp, g, y, a, _b, lower):
    db = xp.solve_triangular(_t(xp, a), g, lower=not lower)
    return xp.negative(_triangle(xp, xp.matmul(db, _t(xp, y)), lower))


@op(
    vjp=(_triangular_da, lambda xp, g, _y, a, _b, lower: xp.solve_triangular(
        _t(xp, a), g, lower=not lower)),
    dtype=to_float,
)
def _solve_triangular(xp, a, b, lower):
    return xp.solve_triangular(a, b, lower=lower)


OPS["solve_triangular"] = _solve_triangular.op


@public("ops.solve_triangular", "ops.linalg.solve_triangular")
def solve_triangular(a, b, lower=False):
    """The y with T y = b, T the upper (or lower) triangle of a."""
    a, b, vectors = _equations(a, b)
    y = _solve_triangular(a, b, lower=bool(lower))
    return squeeze(y, -1) if vectors else y


@op(vjp=lambda xp, g, y, x: xp.multiply(
    _column(xp, _column(xp, xp.multiply(g, y))), _t(xp, xp.inv(x))), dtype=to_float)
def det(xp, x):
    """Determinant of square matrices; the gradient needs them to be regular."""
    return xp.det(x)


det = publish(det, LINALG)


def _slogdet_vjp(xp, g, y, x):
    g = g[1]  # the sign is constant
    return [None if g is None else xp.multiply(_column(xp, _column(xp, g)), _t(xp, xp.inv(x)))]


@op(vjp=_slogdet_vjp, joint=True, tensors=1, outs=2, dtype=to_float)
def slogdet(xp, x):
    """(sign, log(|determinant|)) of square matrices."""
    return xp.slogdet(x)


slogdet = publish(slogdet, ("ops.numpy", "ops.linalg"))


@public("ops.logdet")
def logdet(x):
    """log(|determinant|) of square matrices."""
    return slogdet(x)[1]


def _pinv_vjp(xp, g, y, x, rcond):
    # d P = -P dA P + P P^T dA^T (I - A P) + (I - P A) dA^T P^T P (Golub & Pereyra 1973).
    p, pt, gt = y, _t(xp, y), _t(xp, g)
    first = _mm(xp, pt, g, pt)
    left = xp.subtract(gt, _mm(xp, x, p, gt))  # (I - A P) g^T
    right = xp.subtract(gt, _mm(xp, gt, p, x))  # g^T (I - P A)
    return xp.subtract(xp.add(_mm(xp, left, p, pt), _mm(xp, pt, p, right)), first)


@op(vjp=_pinv_vjp, dtype=to_float)
def _pinv(xp, x, rcond):
    return xp.pinv(x, rcond=rcond)


OPS["pinv"] = _pinv.op


def _cutoff(x, rcond):
    dtype = canonical(x.dtype)
    dtype = canonical("float32") if dtype.itemsize == 2 else _kernels.real_of(dtype)
    sizes = [n for n in x.shape[-2:] if n is not None] or [1]
    return float(dtypes.finfo(dtype).eps) * max(sizes) if rcond is None else float(rcond)


@public("ops.pinv", "ops.linalg.pinv")
def pinv(x, rcond=None):
    """Moore-Penrose inverse of matrices `(..., m, n)`.

    Singular values up to `rcond` times the largest (max(m, n) eps by default) count as 0.
    """
    x = floating(x)
    return _pinv(x, rcond=_cutoff(x, rcond))


@public("ops.lstsq", "ops.linalg.lstsq")
def lstsq(a, b, rcond=None):
    """The shortest y of those with the least |a y - b|, for a `(m, n)`, b `(m,)` or `(m, k)`.

    `rcond` as in `pinv`.
    """
    a, b, vectors = _equations(a, b)
    dtype = to_float(canonical(a.dtype), canonical(b.dtype))
    a, b = OPS["cast"](a, dtype), OPS["cast"](b, dtype)
    y = matmul(pinv(a, rcond), b)
    return squeeze(y, -1) if vectors else y


# ---------------------------------------------------------------- factors
def _cholesky_vjp(xp, g, y, _x):
    # S = L^-T phi(L^T g) L^-1, phi the lower triangle with half the diagonal; made symmetric.
    phi = xp.matmul(_t(xp, y), _triangle(xp, g, True))
    phi = xp.multiply(xp.add(_triangle(xp, phi, True), _triangle(xp, phi, True, True)), 0.5)
    left = xp.solve_triangular(_t(xp, y), phi, lower=False)
    s = _t(xp, xp.solve_triangular(_t(xp, y), _t(xp, left), lower=False))
    return xp.multiply(xp.add(s, _t(xp, s)), 0.5)


@op(vjp=_cholesky_vjp, dtype=to_float)
def _cholesky(xp, x):
    return xp.cholesky(x)


OPS["cholesky"] = _cholesky.op


def _symmetric(x):
    _kernels.square(x)
    other = swapaxes(x, -1, -2)
    if canonical(x.dtype).kind == "c":
        other = OPS["conjugate"](other)
    return multiply(add(x, other), 0.5)


@public("ops.cholesky", "ops.linalg.cholesky")
def cholesky(x, upper=False):
    """Lower triangular L with L L^T = x, for positive definite x; L^T if `upper`.

    Of x, (x + x^T) / 2 is taken.
    """
    y = _cholesky(_symmetric(floating(x)))
    return swapaxes(y, -1, -2) if upper else y


@public("ops.cholesky_inverse", "ops.linalg.cholesky_inverse")
def cholesky_inverse(x, upper=False):
    """Inverse of L L^T from its Cholesky factor L (of U^T U from U if `upper`)."""
    x = floating(x)
    n = x.shape[-1]
    identity = OPS["eye"](n, dtype=x.dtype)
    y = solve_triangular(x, identity, lower=not upper)
    other = swapaxes(y, -1, -2)
    return matmul(y, other) if upper else matmul(other, y)


def _qr_square_vjp(xp, g_q, g_r, q, r):
    # dA = (gQ + Q copyltu(M)) R^-T with M = R gR^T - gQ^T Q.
    m = None
    if g_r is not None:
        m = xp.matmul(r, _t(xp, g_r))
    if g_q is not None:
        part = xp.matmul(_t(xp, g_q), q)
        m = xp.negative(part) if m is None else xp.subtract(m, part)
    low = xp.add(_triangle(xp, m, True), _t(xp, _triangle(xp, m, True, True)))
    y = xp.matmul(q, low)
    y = y if g_q is None else xp.add(g_q, y)
    return _t(xp, xp.solve_triangular(r, _t(xp, y), lower=False))


def _qr_vjp(xp, g, y, x, complete):
    (g_q, g_r), (q, r) = g, y
    m, n = x.shape[-2:]
    if complete and m > n:
        raise NotImplementedError(
            "there is no gradient for mode='complete' of tall matrices: x does not determine the "
            "further columns of Q. Use mode='reduced'."
        )
    if m >= n:
        return [_qr_square_vjp(xp, g_q, g_r, q, r)]
    lead = (slice(None),) * (len(x.shape) - 1)
    first, rest = (*lead, slice(0, m)), (*lead, slice(m, None))
    d_rest = None
    if g_r is not None:  # the last columns: A2 = Q R2
        g2 = xp.slice_view(g_r, key=rest)
        d_rest = xp.matmul(q, g2)
        back = xp.matmul(xp.slice_view(x, key=rest), _t(xp, g2))
        g_q = back if g_q is None else xp.add(g_q, back)
        g_r = xp.slice_view(g_r, key=first)
    d_first = _qr_square_vjp(xp, g_q, g_r, q, xp.slice_view(r, key=first))
    if d_rest is None:
        d_rest = zeros_of(xp, xp.slice_view(x, key=rest))
    return [xp.concatenate(d_first, d_rest, axis=len(x.shape) - 1)]


@op(vjp=_qr_vjp, joint=True, tensors=1, outs=2, dtype=to_float)
def _qr(xp, x, complete):
    return xp.qr(x, complete=complete)


OPS["qr"] = _qr.op


@public("ops.qr", "ops.linalg.qr")
def qr(x, mode="reduced"):
    """(Q, R) with x = Q R: Q with orthonormal columns, R upper triangular.

    `mode`: "reduced" (Q has min(m, n) columns) or "complete" (m columns; of tall matrices, whose
    further columns x does not determine, there is no gradient).
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"ops.qr: `mode` must be 'reduced' or 'complete'. Received: mode={mode}")
    return _qr(_tensor(x), complete=mode == "complete")


def _inverse_differences(xp, v):
    """F[i, j] = 1 / (v[j] - v[i]), 0 on the diagonal."""
    d = xp.subtract(_row(xp, v), _column(xp, v))
    diagonal = _diagonal_mask(xp, d)
    return xp.blend(diagonal, 0, xp.divide(1.0, xp.blend(diagonal, 1, d)))


def _svd_vjp(xp, g, y, x, full):
    g_u, g_s, g_v = g
    u, s, v = y  # v is V^T
    k = s.shape[-1]
    lead = (slice(None),) * (len(x.shape) - 2)
    if full:  # what the further columns are is arbitrary: they have no gradient
        columns, rows = (*lead, slice(None), slice(0, k)), (*lead, slice(0, k), slice(None))
        u, v = xp.slice_view(u, key=columns), xp.slice_view(v, key=rows)
        g_u = None if g_u is None else xp.slice_view(g_u, key=columns)
        g_v = None if g_v is None else xp.slice_view(g_v, key=rows)
    f = _inverse_differences(xp, xp.square(s))
    middle, outer = None, None  # U^T dA V, and what lies outside of both spaces
    if g_s is not None:
        eye = _diagonal_mask(xp, f)
        middle = xp.blend(eye, xp.broadcast_to(_row(xp, g_s), shape=tuple(f.shape)), 0)
    if g_u is not None:
        inner = xp.matmul(_t(xp, u), g_u)
        part = xp.multiply(xp.multiply(f, xp.subtract(inner, _t(xp, inner))), _row(xp, s))
        middle = part if middle is None else xp.add(middle, part)
        if u.shape[-2] > k:
            beyond = xp.divide(xp.subtract(g_u, xp.matmul(u, inner)), _row(xp, s))
            outer = xp.matmul(beyond, v)
    if g_v is not None:
        inner = xp.matmul(v, _t(xp, g_v))
        part = xp.multiply(xp.multiply(f, xp.subtract(inner, _t(xp, inner))), _column(xp, s))
        middle = part if middle is None else xp.add(middle, part)
        if v.shape[-1] > k:
            beyond = xp.divide(xp.subtract(g_v, xp.matmul(_t(xp, inner), v)), _column(xp, s))
            part = xp.matmul(u, beyond)
            outer = part if outer is None else xp.add(outer, part)
    d = _mm(xp, u, middle, v)
    return [d if outer is None else xp.add(d, outer)]


def _diagonal_mask(xp, a):
    return xp.logical_and(xp.triangle_mask(a, lower=True, strict=False),
                          xp.triangle_mask(a, lower=False, strict=False))


@op(vjp=_svd_vjp, joint=True, tensors=1, outs=3, dtype=to_float)
def _svd(xp, x, full):
    return xp.svd(x, full=full)


OPS["svd"] = _svd.op


@public("ops.svd", "ops.linalg.svd")
def svd(x, full_matrices=True, compute_uv=True):
    """(U, s, V^T) with x = U diag(s) V^T, s descending; s alone without `compute_uv`.

    With `full_matrices` U and V are square; the columns that this adds have no gradient.
    """
    x = _tensor(x)
    if not compute_uv:
        return _svd(x, full=False)[1]
    return _svd(x, full=bool(full_matrices))


def _eigh_vjp(xp, g, y, x):
    g_w, g_v = g
    w, v = y
    f = _inverse_differences(xp, w)
    middle = None
    if g_w is not None:
        middle = xp.blend(_diagonal_mask(xp, f),
                          xp.broadcast_to(_row(xp, g_w), shape=tuple(f.shape)), 0)
    if g_v is not None:
        part = xp.multiply(f, xp.matmul(_t(xp, v), g_v))
        middle = part if middle is None else xp.add(middle, part)
    return [_mm(xp, v, middle, _t(xp, v))]


@op(vjp=_eigh_vjp, joint=True, tensors=1, outs=2, dtype=to_float)
def _eigh(xp, x):
    return xp.eigh(x)


OPS["eigh"] = _eigh.op


@public("ops.eigh", "ops.linalg.eigh")
def eigh(x):
    """(eigenvalues ascending, eigenvectors as columns) of symmetric matrices.

    Of x, (x + x^T) / 2 is taken.
    """
    return _eigh(_symmetric(floating(x)))


def _eig_vjp(xp, g, y, x):
    # V^-H (diag(gw) + (V^H gV - V^H V Re diag(V^H gV)) / conj(E)) V^H, E[i, j] = w[j] - w[i].
    g_w, g_v = g
    w, v = y
    vh = _t(xp, xp.conjugate(v))
    eye = _diagonal_mask(xp, v)
    middle = None
    if g_w is not None:
        middle = xp.blend(eye, xp.broadcast_to(_row(xp, g_w), shape=tuple(v.shape)), 0)
    if g_v is not None:
        inner = xp.matmul(vh, g_v)
        lengths = xp.sum(xp.real(xp.blend(eye, inner, 0)), axis=(len(v.shape) - 2,))
        inner = xp.subtract(inner, xp.multiply(
            xp.matmul(vh, v), _row(xp, xp.make_complex(lengths))))
        part = xp.multiply(inner, xp.conjugate(_inverse_differences(xp, w)))
        middle = part if middle is None else xp.add(middle, part)
    d = _mm(xp, xp.solve(vh, middle), vh)
    return [d if x.dtype.kind == "c" else xp.real(d)]


@op(vjp=_eig_vjp, joint=True, tensors=1, outs=2, dtype=to_float)
def eig(xp, x):
    """(eigenvalues, eigenvectors as columns of length 1) of square matrices; complex.

    The gradient of eigenvectors holds for losses that do not depend on their phase.
    """
    return xp.eig(x)


eig = publish(eig, LINALG)


def _unit_lower(xp, lu):
    return xp.blend(_diagonal_mask(xp, lu), 1, _triangle(xp, lu, True, True))


def _over(xp, a, up):
    """a up^-T."""
    return _t(xp, xp.solve_triangular(up, _t(xp, a), lower=False))


def _lu_square_vjp(xp, g, lu):
    # A = L U:  dA = L^-T (tril(L^T dL, -1) + triu(dU U^T)) U^-T
    low, up = _unit_lower(xp, lu), _triangle(xp, lu, False)
    inner = xp.add(
        _triangle(xp, xp.matmul(_t(xp, low), _triangle(xp, g, True, True)), True, True),
        _triangle(xp, xp.matmul(_triangle(xp, g, False), _t(xp, up)), False))
    return _over(xp, xp.solve_triangular(_t(xp, low), inner, lower=False), up)


def _lu_vjp(xp, g, y, x):
    (g, _), (lu, pivots) = g, y
    if g is None:
        return [None]
    m, n = x.shape[-2:]
    axis = len(x.shape) - (2 if m > n else 1)
    lead, k = (slice(None),) * axis, min(m, n)
    rest = (*lead, slice(k, None))
    g_rest, lu_rest = xp.slice_view(g, key=rest), xp.slice_view(lu, key=rest)
    g, lu = (xp.slice_view(a, key=(*lead, slice(0, k))) for a in (g, lu))
    if m > n:  # the rows below: L2 = A2 U^-1
        d_rest = _over(xp, g_rest, lu)
        g = xp.subtract(g, _triangle(xp, xp.matmul(_t(xp, lu_rest), d_rest), False))
    elif m < n:  # the columns beside: U2 = L^-1 A2
        d_rest = xp.solve_triangular(_t(xp, _unit_lower(xp, lu)), g_rest, lower=False)
        g = xp.subtract(g, _triangle(xp, xp.matmul(d_rest, _t(xp, lu_rest)), True, True))
    d = _lu_square_vjp(xp, g, lu)
    if m != n:
        d = xp.concatenate(d, d_rest, axis=axis)
    back = xp.inverse_of_pivots(pivots, m=m)  # P A = L U
    return [xp.take_along_axis(d, _column(xp, back), axis=len(x.shape) - 2)]


@op(vjp=_lu_vjp, joint=True, tensors=1, outs=2, dtype=to_float)
def lu_factor(xp, x):
    """(LU, pivots) of P x = L U with partial pivoting.

    LU holds U in its upper triangle, and L, whose diagonal is 1, below; pivots[i] (int32) is the
    row that row i was exchanged with, in order.
    """
    return xp.lu_factor(x)


lu_factor = publish(lu_factor, LINALG)


@op(False, tensors=1)
def inverse_of_pivots(xp, pivots, m):
    """For each row of a matrix the row of its pivoted form that it became."""
    return xp.inverse_of_pivots(pivots, m=m)


@op(False, tensors=1)
def triangle_mask(xp, a, lower, strict):
    """Whether an element lies in the lower or upper triangle."""
    return xp.triangle_mask(a, lower=lower, strict=strict)


@public("ops.matrix_rank", "ops.linalg.matrix_rank")
def matrix_rank(x, tol=None):
    """Number of singular values above `tol` (max(m, n) eps times the largest by default); int32."""
    x = floating(x)
    s = OPS["stop_gradient"](svd(x, compute_uv=False))
    if tol is None:
        tol = multiply(max_(s, axis=-1, keepdims=True), _cutoff(x, None))
    elif hasattr(tol, "shape") and len(tol.shape):
        tol = expand_dims(tol, -1)
    return count_nonzero(OPS["greater"](s, tol), axis=-1)

