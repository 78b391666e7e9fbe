"""Pooling layers: values from the definition, formats, masks, errors."""

import itertools

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

SHAPES = {1: (2, 9, 3), 2: (2, 7, 6, 3), 3: (2, 5, 4, 6, 3)}
REDUCE = {"Max": np.max, "Average": np.mean}


def array(shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


def host(x):
    return ops.convert_to_numpy(x)


def windows(x, bounds, reduce):
    """Reduced windows of x, given (start, stop) of each window of each spatial axis."""
    out = np.empty((x.shape[0], *map(len, bounds), x.shape[-1]), x.dtype)
    for at in itertools.product(*(range(len(b)) for b in bounds)):
        key = tuple(slice(*b[i]) for b, i in zip(bounds, at))
        part = x[(slice(None), *key)]
        out[(slice(None), *at)] = reduce(part, axis=tuple(range(1, x.ndim - 1)))
    return out


def both_formats(make, x, want):
    np.testing.assert_allclose(host(make()(x)), want, rtol=1e-5, atol=1e-6)
    y = make(data_format="channels_first")(np.moveaxis(x, -1, 1))
    y = host(y)
    y = np.moveaxis(y, 1, -1) if y.ndim == want.ndim and y.ndim > 2 else y
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", REDUCE)
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("size, strides", [(2, None), (3, 1), (2, 3)])
def test_windows(kind, rank, size, strides):
    x, step = array(SHAPES[rank]), strides or size
    bounds = [[(i, i + size) for i in range(0, n - size + 1, step)] for n in x.shape[1:-1]]
    layer = getattr(layers, f"{kind}Pooling{rank}D")
    both_formats(lambda **k: layer(size, strides, **k), x, windows(x, bounds, REDUCE[kind]))


@pytest.mark.parametrize("kind", REDUCE)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_padding_does_not_count(kind, rank):
    x = array(SHAPES[rank])
    bounds = []
    for n in x.shape[1:-1]:
        before = max((-(-n // 2) - 1) * 2 + 3 - n, 0) // 2
        starts = [i * 2 - before for i in range(-(-n // 2))]
        bounds.append([(max(s, 0), min(s + 3, n)) for s in starts])
    layer = getattr(layers, f"{kind}Pooling{rank}D")
    both_formats(lambda **k: layer(3, 2, "same", **k), x, windows(x, bounds, REDUCE[kind]))


@pytest.mark.parametrize("kind", REDUCE)
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("keepdims", [False, True])
def test_global(kind, rank, keepdims):
    x = array(SHAPES[rank])
    want = REDUCE[kind](x, axis=tuple(range(1, rank + 1)), keepdims=keepdims)
    layer = getattr(layers, f"Global{kind}Pooling{rank}D")
    both_formats(lambda **k: layer(keepdims=keepdims, **k), x, want)


@pytest.mark.parametrize("kind", REDUCE)
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_adaptive(kind, rank, size):
    x = array(SHAPES[rank])
    bounds = [[(i * n // size, -(-(i + 1) * n // size)) for i in range(size)]
              for n in x.shape[1:-1]]
    layer = getattr(layers, f"Adaptive{kind}Pooling{rank}D")
    both_formats(lambda **k: layer(size, **k), x, windows(x, bounds, REDUCE[kind]))
    assert layer(size).compute_output_shape((None, *[None] * rank, 3)) == (
        None, *[size] * rank, 3)


def test_defaults():
    assert layers.MaxPooling2D().pool_size == layers.MaxPool2D().strides == (2, 2)
    assert layers.MaxPooling1D().pool_size == (2,)
    assert layers.MaxPooling3D().pool_size == (2, 2, 2)
    with pytest.raises(TypeError, match="pool_size"):
        layers.AveragePooling2D()


@pytest.mark.parametrize("make, words", [
    (lambda: layers.MaxPooling2D(0), "pool_size.*MaxPooling2D.*at least 1.*pool_size=0"),
    (lambda: layers.MaxPooling2D((2, 2, 2)), r"pool_size=\(2, 2, 2\)"),
    (lambda: layers.AveragePooling1D(2, strides=0), "strides=0"),
    (lambda: layers.MaxPooling3D(padding="causal"), "padding=causal"),
    (lambda: layers.GlobalMaxPooling2D("last"), "data_format"),
    (lambda: layers.AdaptiveMaxPooling2D(0), "output_size=0"),
    (lambda: layers.AdaptiveAveragePooling1D("a"), "output_size=a"),
    (lambda: layers.AdaptiveAveragePooling2D((1, 2, 3)), r"output_size=\(1, 2, 3\)"),
])
def test_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_window_that_does_not_fit():
    layer = layers.MaxPooling2D(3, name="mine")
    for use in (layer, lambda x: layer.compute_output_shape(x.shape)):
        with pytest.raises(ValueError, match="does not fit"):
            use(np.ones((1, 2, 2, 1), "float32"))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_masked_steps_do_not_count(keepdims, data_format):
    x = array((2, 5, 3))
    mask = np.array([[1, 0, 1, 1, 0], [1, 0, 0, 0, 0]], bool)
    want = np.stack([a[m].mean(0) for a, m in zip(x, mask)])
    given = x if data_format == "channels_last" else np.moveaxis(x, -1, 1)
    layer = layers.GlobalAveragePooling1D(data_format, keepdims)
    y = host(layer(given, mask=mask))
    assert y.shape == layer.compute_output_shape(given.shape)
    np.testing.assert_allclose(y.reshape(2, 3), want, rtol=1e-5)


def test_the_mask_ends_with_the_steps():
    x = layers.Masking()(array((2, 5, 3)))
    assert getattr(layers.GlobalAveragePooling1D()(x), "_keras_mask", None) is None


@pytest.mark.parametrize("kind", REDUCE)
def test_adaptive_pooling_of_unknown_sizes(kind):
    layer = getattr(layers, f"Adaptive{kind}Pooling2D")(2)
    inputs = keras.Input((None, None, 3))
    out = layer(inputs)
    assert out.shape == (None, 2, 2, 3)
    x = array(SHAPES[2])
    np.testing.assert_array_equal(host(keras.Model(inputs, out)(x)), host(layer(x)))
