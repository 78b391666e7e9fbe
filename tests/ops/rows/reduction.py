"""Rows of reductions."""

import numpy as np
import scipy.special

from tests.ops.samples import FLOATS, b, c, i, p, r, row, whole

AXES = [{}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 2)}, {"axis": ()}]
MORE = [{"axis": [1, 2], "keepdims": True}]


def everywhere(f):
    """A NumPy function that takes lists of axes."""

    def call(x, axis=None, keepdims=False, **more):
        axis = tuple(axis) if isinstance(axis, list) else axis
        return f(x, axis=axis, keepdims=keepdims, **more)

    return call


for name, want in {"sum": np.sum, "mean": np.mean, "var": np.var, "std": np.std, "prod": np.prod,
                   "max": np.max, "min": np.min, "amax": np.max, "amin": np.min}.items():
    for options in AXES + MORE:
        if name == "std" and options.get("axis") == ():
            continue
        row(name, everywhere(want), r(2, 3, 4), loose_=4, **options)
    row(name, everywhere(want), r(), dtypes_=(), grad_=name != "std")
    whole(name, everywhere(want), i(3, 4), axis=1, tol_=1e-6)
for name, want in {"sum": np.sum, "prod": np.prod}.items():
    row(name, everywhere(want), np.zeros((0, 3)), axis=0, dtypes_=())
row("sum", everywhere(np.sum), c(2, 3), axis=0)
row("mean", everywhere(np.mean), c(2, 3), axis=0)
row("prod", everywhere(np.prod), np.array([[0.0, 2, 3], [0, 0, 4], [1, 2, 5]]), axis=1)
whole("prod", lambda x, axis, dtype: np.prod(x, axis), i(2, 3), axis=0, dtype="float32", tol_=0)


def bounded(f):
    return lambda x, axis, initial: f(x, axis, initial=initial)


whole("max", bounded(np.max), r(2, 3), axis=0, initial=1.0, dtypes_=FLOATS)
row("max", bounded(np.max), r(2, 3), axis=0, initial=-9.0, dtypes_=FLOATS)
row("min", bounded(np.min), r(2, 3), axis=0, initial=0.1, dtypes_=FLOATS)
whole("max", np.full(3, 5.0), np.zeros((0, 3)), axis=0, initial=5.0, dtypes_=())

for name in ("argmax", "argmin"):
    f = getattr(np, name)
    whole(name, f, r(2, 3, 4), axis=1)
    whole(name, f, r(2, 3, 4), axis=-1, keepdims=True)
    whole(name, f, r(2, 3), keepdims=True, unknown_=False)
    whole(name, f, i(20, high=3), unknown_=(0,))
for name in ("any", "all"):
    for options in AXES:
        whole(name, everywhere(getattr(np, name)), b(2, 3, 4), **options)
    whole(name, everywhere(getattr(np, name)), r(2, 3), axis=1)
whole("count_nonzero", np.count_nonzero, i(3, 4, high=2))
whole("count_nonzero", np.count_nonzero, i(3, 4, high=2), axis=0)
whole("count_nonzero", np.count_nonzero, r(3, 4), axis=(0, 1))
for options in AXES:
    row("logsumexp", scipy.special.logsumexp, r(2, 3, 4), **options)
row("logsumexp", scipy.special.logsumexp, 500 * r(2, 3), axis=1, dtypes_=())
whole("logsumexp", scipy.special.logsumexp, np.array([-np.inf, -np.inf]), dtypes_=())


def moments(x, axes, keepdims=False):
    return x.mean(axes, keepdims=keepdims), x.var(axes, keepdims=keepdims)


row("moments", moments, r(3, 4), axes=0, loose_=4)
row("moments", moments, p(2, 3, 4), axes=(0, 2), keepdims=True, loose_=4, dtypes_=FLOATS)

# ---------------------------------------------------------------- complex numbers
for name, want in {"var": lambda x, axis: np.var(x, axis) + 0j, "std": np.std,
                   "nanvar": np.nanvar, "nanstd": np.nanstd}.items():
    row(name, want, c(3, 4), axis=0, unknown_=(1,))
    row(name, want, c(3, 4), axis=None)
