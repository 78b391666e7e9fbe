"""Small models and data that the tests of training share."""

import numpy as np

import minikeras as keras
from minikeras import layers

SAMPLES = 20


def data(samples=SAMPLES):
    """(x, class numbers, a weight for each sample)."""
    rng = np.random.default_rng(0)
    x = rng.random((samples, 4), "float32")
    return x, rng.integers(0, 3, samples), rng.random(samples, "float32")


def set_weights(model):
    """Weights that follow from their shapes."""
    model.set_weights([
        np.random.default_rng(w.shape).uniform(-0.5, 0.5, w.shape).astype("float32")
        for w in model.get_weights()])
    return model


def classifier(cls=keras.Sequential, **options):
    """Three classes of four numbers."""
    model = set_weights(cls([
        keras.Input((4,), name="x"), layers.Dense(5, activation="tanh"),
        layers.Dense(3, activation="softmax", name="y")]))
    options = {"loss": "sparse_categorical_crossentropy", **options}
    model.compile(keras.optimizers.SGD(0.1), **options)
    return model


def two_outputs(form=list, **options):
    """Outputs `size` of two numbers and `kind` of three classes, as a list or a dict."""
    x = keras.Input((4,), name="x")
    size = layers.Dense(2, name="size")(x)
    kind = layers.Dense(3, activation="softmax", name="kind")(x)
    outputs = {"size": size, "kind": kind} if form is dict else form((size, kind))
    model = set_weights(keras.Model(x, outputs))
    model.compile(keras.optimizers.SGD(0.1), **options)
    return model


def assert_same_weights(a, b):
    """Bit for bit."""
    for got, want in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


def weights_differ(model, weights):
    """Whether any weight is not what it was."""
    return any((a != b).any() for a, b in zip(model.get_weights(), weights, strict=True))
