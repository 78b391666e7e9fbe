"""Conversion between float16 and float32, against NumPy's, bit by bit."""

import numpy as np
import pytest

from minikeras.arrays import convert

EVERY = np.arange(1 << 16, dtype="uint16").view("float16")


def bits(a):
    return a.view(f"uint{8 * a.itemsize}")


def assert_as_numpy(a, dtype):
    want, got = np.empty(a.shape, dtype), np.empty(a.shape, dtype)
    with np.errstate(all="ignore"):
        np.copyto(want, a, casting="unsafe")
    convert(got, a)
    np.testing.assert_array_equal(bits(got), bits(want))


def test_every_float16():
    assert_as_numpy(EVERY, "float32")


@pytest.mark.parametrize("below", [0, 1, 0x3FF, 0x7FF])
def test_every_upper_part_of_a_float32(below):
    upper = np.arange(1 << 21, dtype="uint32") << np.uint32(11)
    a = (upper | np.uint32(below)).view("float32")
    a = a[~np.isnan(a)]
    assert_as_numpy(a, "float16")


def test_ties_denormals_and_limits():
    halves = EVERY[np.isfinite(EVERY)].astype("float64")
    between = (halves[1:] + halves[:-1]) / 2  # ties
    for a in (between, np.nextafter(between.astype("float32"), np.float32(np.inf)),
              np.nextafter(between.astype("float32"), np.float32(-np.inf)),
              np.array([65504, 65519.996, 65520, np.inf, -np.inf, 0.0, -0.0, 1e-45, -3e-8])):
        assert_as_numpy(a.astype("float32"), "float16")


def test_nan_stays_nan():
    a = np.array([0x7FC00000, 0xFFC00000, 0x7F800001, 0x7F8007FF], "uint32").view("float32")
    out = np.empty(4, "float16")
    convert(out, a)
    assert np.isnan(out).all()


@pytest.mark.parametrize("pair", [("float32", "float16"), ("float16", "float32"),
                                  ("float64", "float16"), ("int32", "float16"),
                                  ("float16", "bool")])
def test_layouts_and_other_dtypes(pair, rng):
    source, target = pair
    a = (rng.normal(size=(6, 5, 4)) * 3).astype(source)
    for view in (a, a.T, a[::2, 1:], a[:0], a[0, 0, 0:1].reshape(())):
        want, got = np.empty(view.shape, target), np.empty(view.shape[::-1], target).T
        np.copyto(want, view, casting="unsafe")
        convert(got, view)
        np.testing.assert_array_equal(got, want)
    got = np.empty((6, 5, 4), target)
    convert(got, a[:1])
    np.testing.assert_array_equal(got, np.broadcast_to(a[:1], (6, 5, 4)).astype(target))
