"""Rows of products of matrices and tensors."""

import numpy as np

from tests.ops.samples import FLOATS, c, i, r, row, whole

for a, b in [((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)),
             ((2, 1, 3, 4), (5, 4, 2)), ((2, 5, 3), (3, 4)), ((3, 4), (2, 4, 5)), ((0, 3), (3, 2)),
             ((2, 0), (0, 3)), ((5, 2, 3), (3,))]:
    row("matmul", np.matmul, r(*a), r(*b, seed=1), unknown_=False, loose_=4)
row("matmul", np.matmul, c(2, 3), c(3, 4), unknown_=False)
whole("matmul", np.matmul, i(2, 3), i(3, 4), tol_=0, unknown_=False)
row("tensordot", np.tensordot, r(2, 3, 4), r(3, 4, 5), unknown_=False, loose_=4)
row("tensordot", np.tensordot, r(2, 3, 4), r(4, 5), axes=1, unknown_=False, loose_=4)
row("tensordot", np.tensordot, r(2, 3, 4), r(4, 5, 2), axes=((2, 0), (0, 2)), unknown_=False,
    loose_=4)
row("tensordot", np.tensordot, r(2), r(3), axes=0, unknown_=False)
for a, b in [((3,), (3,)), ((2, 3), (3, 4)), ((2, 3), (3,)), ((2, 3), (4, 3, 5)), ((), (3,))]:
    row("dot", np.dot, r(*a), r(*b, seed=1), unknown_=False, loose_=4)
row("inner", np.inner, r(2, 3), r(4, 3), unknown_=False, loose_=4)
row("inner", np.inner, r(3), r(3, seed=1), unknown_=False, loose_=4)
row("inner", np.inner, r(), r(3), unknown_=False)
row("outer", np.outer, r(3), r(2, 2))
row("outer", np.outer, np.array(2.0), r(3))
row("outer", np.outer, r(0), r(3))
row("outer", np.outer, c(2), c(3, seed=1))
row("vdot", np.vdot, r(2, 3), r(2, 3, seed=1), loose_=4)
row("vdot", np.vdot, c(3), c(3, seed=1))

EINSUM = {
    "ij,jk->ik": [(2, 3), (3, 4)], "ij,jk": [(2, 3), (3, 4)],
    "bij,bjk->bik": [(2, 3, 4), (2, 4, 2)],
    "ij->ji": [(2, 3)], "ij->": [(2, 3)], "ii->i": [(3, 3)], "ii": [(3, 3)],
    "...ij,...jk->...ik": [(2, 2, 3), (2, 3, 4)], "i,j->ij": [(2,), (3,)],
    "ij,ij->ij": [(2, 3), (2, 3)], "ij,jk,kl->il": [(2, 3), (3, 4), (4, 2)],
    "bhqd,bkhd->bhqk": [(2, 2, 3, 4), (2, 5, 2, 4)], "abc,cd,def->abef": [
        (2, 3, 4), (4, 5), (5, 2, 3)], "i...->...": [(2, 3, 4)], "ij,k->j": [(2, 3), (4,)],
}
for subscripts, shapes in EINSUM.items():
    row("einsum", np.einsum, subscripts, *(r(*s, seed=k) for k, s in enumerate(shapes)),
        unknown_=False, dtypes_=FLOATS, loose_=8)
row("einsum", np.einsum, "ij,jk->ik", r(2, 3), r(3, 4), loose_=4, unknown_=False)
