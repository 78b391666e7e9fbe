"""Activation layers: values from the definition, configurations, masks, errors."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import activations, layers, ops

X = np.array([[-2.0, -0.5, 0.0], [0.25, 1.0, 3.0]], "float32")


def host(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("layer, want", [
    (layers.ReLU(), np.maximum(X, 0)), (layers.ReLU(max_value=2), np.clip(X, 0, 2)),
    (layers.ReLU(negative_slope=0.5), np.where(X > 0, X, X / 2)),
    (layers.ReLU(threshold=0.5, negative_slope=0.1), np.where(X > 0.5, X, 0.1 * (X - 0.5))),
    (layers.LeakyReLU(), np.where(X > 0, X, np.float32(0.3) * X)),
    (layers.LeakyReLU(alpha=0.5), np.where(X > 0, X, X / 2)),
    (layers.ELU(2.0), np.where(X > 0, X, 2 * np.expm1(X))),
    (layers.PReLU("ones"), X), (layers.PReLU(), np.maximum(X, 0)),
    (layers.Activation("tanh"), np.tanh(X)), (layers.Activation(None), X),
    (layers.Activation(lambda x: x * x), X * X),
    (layers.Softmax(), np.exp(X) / np.exp(X).sum(-1, keepdims=True)),
    (layers.Softmax(axis=0), np.exp(X) / np.exp(X).sum(0, keepdims=True)),
    (layers.Softmax(axis=(0, 1)), np.exp(X) / np.exp(X).sum()),
])
def test_values(layer, want):
    np.testing.assert_allclose(host(layer(X)), want, rtol=1e-5, atol=1e-6)


def test_masked_softmax():
    mask = np.array([[True, False, True], [False, False, False]])
    y = host(layers.Softmax()(X, mask=mask))
    e = np.exp(X[0, [0, 2]])
    np.testing.assert_allclose(y[0], [e[0] / e.sum(), 0, e[1] / e.sum()], rtol=1e-5)
    assert y[1].tolist() == [0, 0, 0]
    half = layers.Softmax(dtype="float16")(X, mask=mask)
    assert half.dtype == "float16" and np.isfinite(host(half)).all()


def test_masks_that_do_not_fit_a_softmax():
    for shape in ((2, 2), (3, 3), (1, 1, 3)):
        with pytest.raises(ValueError, match=r'"mine".*broadcastable.*\(2, 3\), mask.shape='):
            layers.Softmax(name="mine")(X, mask=np.ones(shape, bool))


@pytest.mark.parametrize("layer", [
    layers.ReLU(), layers.LeakyReLU(), layers.ELU(), layers.Activation("relu"),
    layers.PReLU(shared_axes=1),
])
def test_masks_go_through(layer):
    x = np.stack([X, X], -1)
    masked = layers.Masking(0.0)(x)
    np.testing.assert_array_equal(host(layer(masked)._keras_mask), x.any(-1))


@pytest.mark.parametrize("make, words", [
    (lambda: layers.ReLU(max_value=-1), "max_value=-1"),
    (lambda: layers.ReLU(negative_slope=None), "negative_slope=None"),
    (lambda: layers.ReLU(threshold=-1), "threshold=-1"),
    (lambda: layers.LeakyReLU(-0.1), "negative_slope=-0.1"),
    (lambda: layers.LeakyReLU(None), "negative_slope=None"),
    (lambda: layers.Activation("unheard"), "unheard"),
])
def test_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("shared, shape", [
    (None, (3, 4, 2)), ([1], (1, 4, 2)), ((1, 2), (1, 1, 2)), (-1, (3, 4, 1)), (2, (3, 1, 2)),
])
def test_slopes_of_prelu(shared, shape):
    layer = layers.PReLU(shared_axes=shared)
    layer.build((None, 3, 4, 2))
    assert layer.alpha.shape == shape
    with pytest.raises(ValueError, match="expected ndim=4"):
        layer(np.ones((2, 3, 4), "float32"))


def test_unknown_lengths_of_prelu():
    with pytest.raises(ValueError, match=r'"mine".*shared_axes.*\(None, None, 4\)'):
        layers.PReLU(name="mine")(keras.Input((None, 4)))
    assert layers.PReLU(shared_axes=[1])(keras.Input((None, 4))).shape == (None, None, 4)
    with pytest.raises(ValueError, match="shared axis 5 is out of bounds"):
        layers.PReLU(shared_axes=[5])(X)


def test_prelu_learns_its_slopes():
    layer = layers.PReLU()
    layer(X)
    with keras.GradientTape() as tape:
        y = ops.sum(layer(X))
    (g,) = tape.gradient(y, layer.trainable_weights)
    np.testing.assert_allclose(host(g), np.minimum(X, 0).sum(0), rtol=1e-6)


def test_configurations():
    assert layers.Activation("relu").get_config()["activation"] == "relu"
    assert layers.Activation(activations.tanh).get_config()["activation"] == "tanh"
    assert layers.Softmax(axis=(1, 2)).get_config()["axis"] in ([1, 2], (1, 2))
    assert layers.LeakyReLU(alpha=0.2).get_config()["negative_slope"] == 0.2
    assert layers.PReLU(shared_axes=1).get_config()["shared_axes"] == [1]
    again = layers.Activation.from_config(layers.Activation("gelu").get_config())
    assert again.activation is activations.gelu
