"""Cropping, padding, enlarging, permuting, repeating, flattening: values and errors."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

SHAPES = {1: (2, 7, 3), 2: (2, 7, 6, 3), 3: (2, 5, 7, 6, 3)}
PAIRS = ((1, 0), (0, 2), (2, 1))


def array(shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


def host(x):
    return ops.convert_to_numpy(x)


def first(x):
    """The same image with channels first."""
    return np.moveaxis(x, -1, 1)


def made(name, rank, value):
    argument = {"Cropping": "cropping", "ZeroPadding": "padding", "UpSampling": "size"}[name]
    return lambda **more: getattr(layers, f"{name}{rank}D")(**{argument: value}, **more)


def both_formats(make, rank, x, want):
    np.testing.assert_array_equal(host(make()(x)), want)
    layer = make()
    if hasattr(layer, "data_format") and "data_format" in layer.get_config():
        y = make(data_format="channels_first")(first(x))
        np.testing.assert_array_equal(host(y), first(want))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_cropping(rank):
    x, pairs = array(SHAPES[rank]), PAIRS[:rank]
    key = (slice(None), *(slice(a, n - b) for (a, b), n in zip(pairs, x.shape[1:])))
    both_formats(made("Cropping", rank, pairs[0] if rank == 1 else pairs), rank, x, x[key])
    key = (slice(None), *[slice(1, -1)] * rank)
    both_formats(made("Cropping", rank, 1), rank, x, x[key])


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_zero_padding(rank):
    x, pairs = array(SHAPES[rank]), PAIRS[:rank]
    want = np.pad(x, [(0, 0), *pairs, (0, 0)])
    both_formats(made("ZeroPadding", rank, pairs[0] if rank == 1 else pairs), rank, x, want)
    each = tuple(range(1, rank + 1))
    want = np.pad(x, [(0, 0), *((n, n) for n in each), (0, 0)])
    both_formats(made("ZeroPadding", rank, each if rank > 1 else 1), rank, x, want)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_upsampling(rank):
    x, size = array(SHAPES[rank]), (2, 3, 1)[:rank]
    want = x
    for axis, n in enumerate(size, 1):
        want = want.repeat(n, axis)
    both_formats(made("UpSampling", rank, size[0] if rank == 1 else size), rank, x, want)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos3", "lanczos5"])
def test_upsampling_between_pixels(interpolation):
    x = array(SHAPES[2])
    want = host(ops.image.resize(x, (14, 18), interpolation=interpolation))
    layer = layers.UpSampling2D((2, 3), interpolation=interpolation.upper())
    np.testing.assert_array_equal(host(layer(x)), want)
    both = layers.UpSampling2D((2, 3), "channels_first", interpolation=interpolation)(first(x))
    np.testing.assert_allclose(host(both), first(want), rtol=1e-6, atol=1e-6)
    unknown = keras.Input((None, None, 3))
    assert layer(unknown).shape == (None, None, None, 3)
    got = keras.Model(unknown, layer(unknown))(x)
    np.testing.assert_array_equal(host(got), want)


@pytest.mark.parametrize("make, words", [
    (lambda: layers.Cropping1D(-1), "cropping.*Cropping1D.*negative.*cropping=-1"),
    (lambda: layers.Cropping1D((1, 2, 3)), r"a number or a pair.*\(1, 2, 3\)"),
    (lambda: layers.Cropping2D("a"), "cropping=a"),
    (lambda: layers.Cropping2D((1, 2, 3)), r"tuple of 2.*\(1, 2, 3\)"),
    (lambda: layers.ZeroPadding3D(((1, 2), (1, 2), (1, -2))), "padding.*ZeroPadding3D.*-2"),
    (lambda: layers.ZeroPadding2D(1.5), "padding=1.5"),
    (lambda: layers.UpSampling2D(0), "size.*UpSampling2D.*at least 1.*size=0"),
    (lambda: layers.UpSampling1D("a"), "size=a"),
    (lambda: layers.UpSampling2D(2, interpolation="foo"), "interpolation.*nearest.*foo"),
    (lambda: layers.ZeroPadding2D(1, data_format="foo"), "data_format"),
    (lambda: layers.Permute((1, 3)), r"dims.*Permute.*1 to 2.*\(1, 3\)"),
    (lambda: layers.Permute((0, 1)), r"dims=\(0, 1\)"),
])
def test_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("n", [2.0, "a", -1])
def test_argument_of_repeat_vector(n):
    with pytest.raises((TypeError, ValueError), match=f"n={n}"):
        layers.RepeatVector(n)


@pytest.mark.parametrize("layer, shape", [
    (layers.Cropping1D(4, name="mine"), (2, 8, 3)),
    (layers.Cropping2D(((1, 2), (3, 4)), name="mine"), (2, 7, 6, 3)),
    (layers.Cropping3D(3, name="mine"), (2, 5, 7, 6, 3)),
])
def test_cropping_that_leaves_nothing(layer, shape):
    for use in (layer.compute_output_shape, lambda s: layer(np.ones(s, "float32"))):
        with pytest.raises(ValueError, match='"mine".*leaves nothing.*cropping='):
            use(shape)


def test_permute_and_repeat():
    x = array((2, 3, 4, 5))
    np.testing.assert_array_equal(
        host(layers.Permute((3, 1, 2))(x)), x.transpose(0, 3, 1, 2))
    v = array((2, 3))
    np.testing.assert_array_equal(host(layers.RepeatVector(4)(v)), np.stack([v] * 4, 1))


def test_flatten_and_reshape():
    x = array((2, 3, 4))
    np.testing.assert_array_equal(host(layers.Flatten()(x)), x.reshape(2, 12))
    np.testing.assert_array_equal(
        host(layers.Flatten("channels_first")(x)), x.transpose(0, 2, 1).reshape(2, 12))
    np.testing.assert_array_equal(host(layers.Reshape((-1, 2))(x)), x.reshape(2, 6, 2))
    with pytest.raises(ValueError, match="12 elements|does not fit"):
        layers.Reshape((5, -1))(x)
    with pytest.raises(ValueError, match="Only one"):
        layers.Reshape((-1, -1))(x)
    assert layers.Flatten()(keras.Input((None, 3))).shape == (None, None)
    assert layers.Reshape((-1, 3))(keras.Input((None, 3))).shape == (None, None, 3)
