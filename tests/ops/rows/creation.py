"""Rows of new tensors; the dtypes are in the golden table of tests/parity."""

import numpy as np

from tests.ops.samples import FLOATS, b, i, r, row, whole

for name in ("zeros", "ones"):
    whole(name, getattr(np, name), (2, 3))
    whole(name, getattr(np, name), 3, dtype="int32")
    whole(f"{name}_like", getattr(np, f"{name}_like"), r(2, 3))
    whole(f"{name}_like", getattr(np, f"{name}_like"), r(2, 3), dtype="int32")
whole("empty", np.zeros((2, 3)), (2, 3))
whole("empty_like", np.zeros((2, 3)), r(2, 3))
whole("empty", np.zeros(()), ())
whole("empty", np.zeros((0, 2)), (0, 2), dtype="int32")
whole("empty_like", np.zeros(()), np.array(3.0))
whole("empty_like", np.zeros((2, 3)), r(2, 3), dtype="int8")
whole("full", np.full, (2, 3), 7.0)
whole("full", np.full, (2, 3), np.arange(3), unknown_=False)
whole("full_like", np.full_like, r(2, 3), 2)
row("full_like", np.full_like, r(2, 3), r(3), dtypes_=("float32",))
whole("arange", np.arange, 5)
whole("arange", np.arange, 2, 9, 3)
whole("arange", np.arange, 0.0, 1.0, 0.25)
whole("arange", np.arange, 5, 0, -2, dtype="float32")
whole("linspace", np.linspace, 0.0, 1.0, 5)
whole("linspace", np.linspace, 2, 8, num=4, endpoint=False)
whole("linspace", np.linspace, 0.0, 1.0, 1, tol_=1e-6)
row("linspace", np.linspace, r(2), r(2, seed=1), 4, dtypes_=FLOATS)
row("linspace", np.linspace, r(2), r(2, seed=1), 4, axis=-1, retstep=True, dtypes_=FLOATS)
whole("eye", np.eye, 3)
whole("eye", np.eye, 3, 4, k=-1)
whole("eye", np.eye, 3, dtype="int32")
whole("identity", np.identity, 3)
whole("identity", np.identity, 0)
whole("identity", lambda n, dtype: np.identity(n), 2, dtype="int32")
row("array", np.array, r(2, 3))
whole("array", np.array, b(3))
whole("array", lambda x, dtype: x.astype(dtype), i(2, 3), dtype="float32")
row("copy", np.copy, r(2, 3))
whole("copy", np.copy, b(3))
whole("tri", np.tri, 3, 4, 1)
whole("tri", np.tri, 3)
for name in ("tril", "triu"):
    for k in (0, 1, -1):
        row(name, getattr(np, name), r(3, 4), k, unknown_=False)
    row(name, getattr(np, name), r(2, 3, 3))

# ---------------------------------------------------------------- casting
row("cast", lambda x, dtype: x.astype(dtype), r(2, 3), "float64", dtypes_=FLOATS)
whole("cast", lambda x, dtype: x.astype(dtype), 9 * r(2, 3), "int32")
whole("cast", lambda x, dtype: x.astype(dtype), i(3), "bool")
row("convert_to_tensor", lambda x: x, r(2, 3))
whole("convert_to_tensor", lambda x, dtype: x, i(2, 3), dtype="float64")
row("stop_gradient", lambda x: x, r(2, 3), grad_=False)
whole("stop_gradient", lambda x: x, i(0, 3))
whole("stop_gradient", lambda x: x, np.array(1.5))
