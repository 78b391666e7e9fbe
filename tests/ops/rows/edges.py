"""Tensors of no axes and of no elements, for ops whose other rows have none."""

import numpy as np
import scipy.special

from tests.ops.samples import b, c, i, p, r, row, whole

NOTHING = {"unknown_": False, "dtypes_": ()}

# ---------------------------------------------------------------- by element
for name in "bitwise_invert bitwise_not".split():
    for a in (i(), i(0, 3)):
        whole(name, np.invert, a, tol_=0, **NOTHING)
for name in ("bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift left_shift "
             "right_shift gcd lcm").split():
    want = getattr(np, name.replace("bitwise_left", "left").replace("bitwise_right", "right"))
    for pair in ((i(high=5), i(high=5, seed=1)), (i(0, 3), i(3)), (i(2, 1), i(seed=2, high=3))):
        whole(name, want, *pair, tol_=0, **NOTHING)
for name in "isfinite isinf isnan isneginf isposinf isreal logical_not signbit".split():
    for a in (r(), r(0, 3)):
        whole(name, getattr(np, name), a, tol_=0, **NOTHING)
for name in "conj conjugate copy real imag nan_to_num".split():
    for a in (np.array(0.7), r(0, 3), c(0, 2)):
        row(name, getattr(np, name), a, grad_=name != "imag" and a.size > 0, **NOTHING)
for name in ("equal greater greater_equal less less_equal not_equal logical_and logical_or "
             "logical_xor isclose").split():
    for pair in ((r(), r(seed=1)), (r(0, 3), r(3)), (r(2, 0), r(2, 1))):
        whole(name, getattr(np, name), *pair, tol_=0, **NOTHING)
for name in ("floor_divide mod fmod hypot power fmax fmin logaddexp2 divide_no_nan "
             "heaviside").split():
    want = np.divide if name == "divide_no_nan" else getattr(np, name)
    smooth = name not in ("floor_divide", "heaviside")
    for pair in ((p(), p(seed=4)), (p(0, 3), p(3)), (p(2, 1), p(seed=2))):
        row(name, want, *pair, grad_=smooth, **NOTHING)
for name in "clip round".split():
    options = {"x_min": 0.0, "x_max": 1.0} if name == "clip" else {}
    for a in (np.array(0.3), r(0, 2)):
        row(name, lambda x, x_min=-9, x_max=9, f=name: np.clip(x, x_min, x_max) if f == "clip"
            else np.round(x), a, grad_=name == "clip", **options, **NOTHING)

# ---------------------------------------------------------------- over axes
for name in "all any count_nonzero".split():
    for a, axis in ((b(0, 3), 0), (b(2, 0), -1), (b(2, 0), 0), (b(), None)):
        whole(name, lambda x, axis, f=name: getattr(np, f)(x, axis=axis), a, axis=axis, tol_=0,
              **NOTHING)
for name in "nansum nanprod sum prod".split():
    for a, axis in ((r(0, 3), 0), (r(2, 0), -1), (r(2, 0), 0), (np.array(0.7), None)):
        row(name, lambda x, axis, f=name: getattr(np, f)(x, axis=axis), a, axis=axis, **NOTHING)
for name in "max min amax amin nanmax nanmin mean std var ptp median nanmean".split():
    for a in (r(2, 0), r(3, 0, 2)):  # the axis has elements, the others have none
        row(name, lambda x, axis, f=name: getattr(np, f)(x, axis=axis), a, axis=0, **NOTHING)
for name in "argmax argmin nanargmax nanargmin".split():
    whole(name, lambda x, axis, f=name: getattr(np, f)(x, axis=axis), r(2, 0), axis=0, **NOTHING)
for name in "cumsum cumprod nancumsum nancumprod sort argsort flip".split():
    for a, axis in ((r(0, 3), 0), (r(2, 0), -1)):
        row(name, lambda x, axis, f=name: getattr(np, f)(x, axis=axis), a, axis=axis,
            grad_=name != "argsort", **NOTHING)
row("softmax", lambda x: scipy.special.softmax(x, -1), r(0, 3), **NOTHING)
row("log_softmax", lambda x: scipy.special.log_softmax(x, -1), r(0, 3), **NOTHING)
row("logsumexp", lambda x, axis: scipy.special.logsumexp(x, axis), r(0, 3), axis=-1, **NOTHING)
row("norm", lambda x, axis: np.linalg.norm(x, axis=axis), r(0, 3), axis=-1, **NOTHING)

# ---------------------------------------------------------------- of places
row("append", np.append, r(0), r(2), **NOTHING)
row("append", np.append, np.array(1.0), np.array(2.0), **NOTHING)
row("concatenate", np.concatenate, [r(0, 3), r(2, 3)], **NOTHING)
row("stack", np.stack, [np.array(1.0), np.array(2.0)], **NOTHING)
row("stack", np.stack, [r(0, 2), r(0, 2)], axis=1, **NOTHING)
row("array_split", np.array_split, r(0, 2), 2, **NOTHING)
row("split", np.split, r(2, 0), 2, **NOTHING)
for name in "tril triu transpose copy diagonal squeeze".split():
    row(name, getattr(np, name), r(0, 3), **NOTHING)
row("transpose", np.transpose, np.array(2.0), **NOTHING)
row("expand_dims", np.expand_dims, np.array(2.0), -1, **NOTHING)
row("expand_dims", np.expand_dims, r(0, 2), 1, **NOTHING)
row("moveaxis", np.moveaxis, r(0, 2, 3), 0, -1, **NOTHING)
row("tile", np.tile, np.array(2.0), (2, 1), **NOTHING)
row("tile", np.tile, r(2), (0, 2), **NOTHING)
row("repeat", np.repeat, np.array(2.0), 3, **NOTHING)
row("repeat", np.repeat, r(0, 2), 2, axis=1, **NOTHING)
row("roll", np.roll, r(0, 2), 1, **NOTHING)
row("rot90", np.rot90, r(0, 2), **NOTHING)
row("pad", np.pad, r(0), ((1, 2),), **NOTHING)
row("where", np.where, np.array(True), np.array(1.0), np.array(2.0), **NOTHING)
row("where", np.where, b(0, 3), r(0, 3), np.array(2.0), **NOTHING)
row("take_along_axis", lambda x, k, axis: np.take_along_axis(x, k, axis), r(2, 0), i(2, 0, high=1),
    axis=1, **NOTHING)
row("diff", np.diff, r(0, 3), **NOTHING)
row("diff", np.diff, r(1), **NOTHING)
for name in "ones_like zeros_like".split():
    for a in (r(), r(0, 2)):
        whole(name, getattr(np, name), a, **NOTHING)

# ---------------------------------------------------------------- products
row("kron", np.kron, np.array(2.0), r(2, 2), **NOTHING)
row("kron", np.kron, r(0, 2), r(2, 2), **NOTHING)
row("vdot", np.vdot, r(0), r(0), **NOTHING)
row("inner", np.inner, r(2, 0), r(3, 0), **NOTHING)
row("tensordot", lambda x, y, axes: np.tensordot(x, y, axes), r(2, 0), r(0, 3), axes=1, **NOTHING)
row("einsum", np.einsum, "ij,jk->ik", r(2, 0), r(0, 3), **NOTHING)
for name in "det inv".split():
    row(name, getattr(np.linalg, name), r(0, 2, 2), **NOTHING)
row("solve", np.linalg.solve, r(0, 2, 2), r(0, 2, 1), **NOTHING)
