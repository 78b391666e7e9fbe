"""Rows of special functions, NaN-aware choices, complex parts and bits."""

import math

import numpy as np
import scipy.special

from tests.ops.samples import FLOATS, b, c, i, p, r, row, u, whole

UNARY = {
    "cbrt": (np.cbrt, r), "fabs": (np.fabs, r), "deg2rad": (np.deg2rad, r),
    "rad2deg": (np.rad2deg, r), "erfc": (scipy.special.erfc, r), "sinc": (np.sinc, r),
    "erfinv": (scipy.special.erfinv, u), "i0": (np.i0, r), "angle": (np.angle, r),
}
for name, (want, sample) in UNARY.items():
    row(name, want, sample(2, 3), dtypes_=FLOATS, loose_=4)
    row(name, want, sample(), dtypes_=())
    if name != "i0":  # NumPy's own does not take an empty array
        row(name, want, sample(0, 3), dtypes_=())
whole("i0", scipy.special.i0, np.array([-40.0, -3.0, 0.0, 29.0, 31.0, 600.0]), dtypes_=())
whole("erfc", scipy.special.erfc, np.array([-8.0, -1.0, 0.4, 0.9, 1.1, 3.0, 26.0, np.inf, np.nan]),
      dtypes_=(), gpu_=False)
whole("erfinv", scipy.special.erfinv, np.array([-1.0, -0.9999999, 1e-9, 0.5, 1.0, 2.0, np.nan]),
      dtypes_=(), gpu_=False)
whole("sinc", np.sinc, np.array([0.0, 1.0, -2.5]), dtypes_=FLOATS)
row("angle", np.angle, c(3))

SPECIAL = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 2.5])
for name in "signbit isposinf isneginf isreal".split():
    whole(name, getattr(np, name), SPECIAL, dtypes_=FLOATS)
    whole(name, getattr(np, name), SPECIAL.reshape(2, 3), dtypes_=())
whole("isreal", np.isreal, np.array([1 + 0j, 2j]))
whole("isreal", np.isreal, i(3))
row("nan_to_num", np.nan_to_num, SPECIAL, grad_=False, dtypes_=())
row("nan_to_num", np.nan_to_num, SPECIAL, nan=1.0, posinf=3.0, neginf=-4.0, grad_=False,
    dtypes_=FLOATS)
row("nan_to_num", np.nan_to_num, r(2, 3))
whole("nan_to_num", lambda x: x, i(3))


def saturated(x, dtype):
    info = np.iinfo(dtype)
    return np.clip(x, info.min, info.max).astype(dtype)


whole("saturate_cast", saturated, np.array([-5.0, 3.7, 300.0, np.inf]), "uint8", dtypes_=FLOATS)
whole("saturate_cast", np.array([2**31 - 128, -(2**31)]), np.array([3e9, -3e9], "float32"), "int32")
whole("saturate_cast", saturated, i(5, low=-500, high=500), "int8")
row("saturate_cast", lambda x, dtype: x, r(3), "float64", dtypes_=("float32",))
whole("saturate_cast", np.array([65504.0, -65504.0]), np.array([1e9, -1e9]), "float16", dtypes_=())

# ---------------------------------------------------------------- binary
for name, want in {"fmax": np.fmax, "fmin": np.fmin, "fmod": np.fmod, "hypot": np.hypot,
                   "logaddexp2": np.logaddexp2, "heaviside": np.heaviside}.items():
    row(name, want, r(2, 3), r(3, seed=1), dtypes_=("float32",), loose_=4)
    row(name, want, r(3, 1), r(2, 1, 4, seed=1), dtypes_=())
    row(name, want, r(2, 3), 1.3, dtypes_=FLOATS, loose_=4)
    row(name, want, 0.6, r(3), dtypes_=())
whole("fmax", np.fmax, np.array([np.nan, 1.0, np.nan]), np.array([2.0, np.nan, np.nan]),
      dtypes_=FLOATS)
whole("fmin", np.fmin, np.array([np.nan, 1.0, np.nan]), np.array([2.0, np.nan, np.nan]),
      dtypes_=FLOATS)
whole("fmod", np.fmod, i(5, low=-9), i(5, low=1), tol_=0)
row("heaviside", np.heaviside, np.array([0.0, -1.0, 0.0]), r(3), grad_=False, dtypes_=())
whole("nextafter", np.nextafter, r(3), r(3, seed=1), dtypes_=(), tol_=0)
whole("nextafter", np.nextafter, r(2, 1), np.array([0.0, np.inf, -np.inf]), dtypes_=(), tol_=0)
row("divide_no_nan", lambda x, y: np.where(y == 0, 0, x / y), r(2, 3), r(3, seed=1))
row("divide_no_nan", np.array([0.0, 2.0]), np.array([3.0, 4.0]), np.array([0.0, 2.0]),
    grad_=False, dtypes_=())
row("divide_no_nan", lambda x, y: x / 2, r(3), 2.0, dtypes_=FLOATS)
row("divide_no_nan", lambda x, y: x * 0, r(3), 0, dtypes_=FLOATS)
row("divide_no_nan", lambda x, y: 3 / y, 3.0, r(3), dtypes_=FLOATS)
row("ldexp", np.ldexp, r(2, 3), i(3, low=-5, high=6), dtypes_=("float32",))
whole("ldexp", np.ldexp, i(3), i(3, seed=1), tol_=1e-6)
for options in ({}, {"rtol": 0.1}, {"atol": 0.05}):
    whole("isclose", np.isclose, np.array([1.0, 2.0, np.inf, np.nan, -np.inf, 0.0]),
          np.array([1.02, 2.0, np.inf, np.nan, np.inf, 1e-9]), dtypes_=("float32",), **options)
whole("isclose", np.isclose, np.array([1.0, np.nan]), np.array([1.0, np.nan]), equal_nan=True,
      dtypes_=FLOATS)
whole("isclose", np.isclose, i(3), i(3, seed=1))
whole("allclose", np.allclose, r(3), r(3), unknown_=False)
whole("allclose", np.allclose, r(3), r(3, seed=1))
row("select", np.select, [b(3, 4), b(3, 4, seed=1)], [r(3, 4), r(3, 4, seed=1)], dtypes_=FLOATS)
row("select", np.select, [b(4), b(4, seed=1)], [r(4), r(4, seed=1)], 7.0, dtypes_=FLOATS)
row("psnr", lambda x, y, m: 20 * math.log10(m) - 10 * np.log10(((x - y) ** 2).mean()), r(3, 4),
    r(3, 4, seed=1), 255.0, dtypes_=("float32",), unknown_=False)
row("psnr", lambda x, y, m: 20 * math.log10(m) - 10 * np.log10(((x - y) ** 2).mean()), r(5),
    r(5, seed=1), 1.0, dtypes_=("float32",), unknown_=False)

# ---------------------------------------------------------------- complex numbers
row("polar", lambda a, t: a * np.exp(1j * t), p(2, 3), r(2, 3), dtypes_=("float32",))
row("polar", lambda a, t: a * np.exp(1j * t), p(3), r(2, 1), dtypes_=("float32",), unknown_=False)
row("view_as_complex", lambda x: x[..., 0] + 1j * x[..., 1], r(3, 2), dtypes_=("float32",))
row("view_as_complex", lambda x: x[..., 0] + 1j * x[..., 1], r(0, 3, 2), dtypes_=("float32",))
row("view_as_real", lambda x: np.stack([x.real, x.imag], -1), c(2, 3))
row("view_as_real", lambda x: np.stack([x.real, x.imag], -1), c(3)[::2][:1])
whole("view", lambda x, d: np.ascontiguousarray(x).view(d), r(2, 3), "int64", dtypes_=())
whole("view", lambda x, d: np.ascontiguousarray(x).view(d), r(2, 3), "int32", dtypes_=())
whole("view", lambda x, d: np.ascontiguousarray(x).view(d), i(2, 4), "float64", dtypes_=())
whole("view", lambda x, d: np.ascontiguousarray(x).view(d), i(2, 3), "uint8")

# ---------------------------------------------------------------- bits
for name in "bitwise_and bitwise_or bitwise_xor".split():
    whole(name, getattr(np, name), i(2, 3, low=-9), i(3, seed=1), tol_=0)
    whole(name, getattr(np, name), b(4), b(4, seed=1))
    whole(name, getattr(np, name), i(3, dtype="uint8"), 3, tol_=0)
for name in "left_shift right_shift".split():
    for alias in (name, f"bitwise_{name}"):
        whole(alias, getattr(np, name), i(2, 3, low=-9), i(3, high=5), tol_=0)
        whole(alias, getattr(np, name), i(3), 2, tol_=0)
for name in ("bitwise_not", "bitwise_invert"):
    whole(name, np.bitwise_not, i(2, 3, low=-9), tol_=0)
    whole(name, np.bitwise_not, b(4))
    whole(name, np.bitwise_not, i(4, dtype="uint8"), tol_=0)
for name in ("gcd", "lcm"):
    whole(name, getattr(np, name), i(2, 3), i(3, seed=1), tol_=0)
    whole(name, getattr(np, name), i(3), 6, tol_=0)
