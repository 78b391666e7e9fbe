"""Losses and their gradients at probabilities 0 and 1 and at logits far out, in float32."""

import numpy as np
import pytest
from scipy import special

import minikeras as keras
from minikeras import losses, ops

LOW = float(np.float32(1e-7))
HIGH = float(np.float32(1) - np.float32(1e-7))
P = [0.0, 1e-38, 1e-8, 0.25, float(np.float32(1 - 1e-7)), 1.0]
Z = [0.0, 1e-30, 20.0, 88.0, -88.0, 200.0, -200.0, 1e4, -1e4, 3e38, -3e38]


def value_and_gradient(loss, t, p):
    x = ops.convert_to_tensor(np.array(p, "float32"))
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(loss(np.array(t), x))
    return float(y), tape.gradient(y, x).numpy()


def limited(p):
    return np.clip(p, LOW, HIGH)


def binary(t, p):
    p = limited(p)
    rest = float(np.float32(1) - np.float32(p))
    return -t * np.log(p) - (1 - t) * np.log(rest)


def others(t, p):
    """-log of the share of class t, of probabilities (p, 1 - p) in float32."""
    pair = np.array([p, 1 - p], "float32").astype("float64")
    return -np.log(limited(pair / pair.sum())[0 if t else 1])


OF_PROBABILITIES = {
    "binary_crossentropy": binary,
    "binary_focal_crossentropy": lambda t, p: (
        (1 - limited(p) if t else limited(p)) ** 2 * binary(t, p)),
    "kl_divergence": lambda t, p: np.clip(t, LOW, 1) * np.log(
        np.clip(t, LOW, 1) / np.clip(p, LOW, 1)),
    "poisson": lambda t, p: p - t * np.log(p + LOW),
    "mean_squared_logarithmic_error": lambda t, p: (
        np.log1p(max(t, LOW)) - np.log1p(max(p, LOW))) ** 2,
    "mean_absolute_percentage_error": lambda t, p: 100 * abs(t - p) / max(t, LOW),
}


@pytest.mark.parametrize("t", [0.0, 1.0])
@pytest.mark.parametrize("p", P)
@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_probabilities(name, p, t):
    value, gradient = value_and_gradient(getattr(losses, name), [[t]], [[p]])
    p = float(np.float32(p))
    np.testing.assert_allclose(value, OF_PROBABILITIES[name](t, p), rtol=2e-6, atol=1e-9)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("t", [0, 1])
@pytest.mark.parametrize("p", P)
def test_probabilities_of_two_classes(p, t):
    pair, onehot = [[p, 1 - p]], [[t, 1 - t]]
    want = others(t, p)
    for loss, target in ((losses.categorical_crossentropy, np.array(onehot, "float32")),
                         (losses.sparse_categorical_crossentropy, [1 - t])):
        value, gradient = value_and_gradient(loss, target, pair)
        np.testing.assert_allclose(value, want, rtol=2e-6)
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("t", [0, 1])
@pytest.mark.parametrize("z", Z)
def test_logits(z, t):
    z = float(np.float32(z))
    signed = -z if t else z
    value, gradient = value_and_gradient(
        lambda y, x: losses.binary_crossentropy(y, x, from_logits=True), [[float(t)]], [[z]])
    np.testing.assert_allclose(value, np.logaddexp(0, signed), rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(gradient[0, 0], special.expit(z) - t, rtol=1e-5, atol=1e-7)
    for loss, target in ((losses.categorical_crossentropy, [[float(t), 1.0 - t]]),
                         (losses.sparse_categorical_crossentropy, [1 - t])):
        value, gradient = value_and_gradient(
            lambda y, x, loss=loss: loss(y, x, from_logits=True), target, [[z, 0.0]])
        np.testing.assert_allclose(value, np.logaddexp(0, signed), rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(gradient[0, 0], special.expit(z) - t, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("z, t", [(np.inf, 1.0), (-np.inf, 0.0)])
def test_an_infinite_logit_on_the_right_side_costs_nothing(z, t):
    value = losses.binary_crossentropy([[t]], [[z]], from_logits=True)
    assert value.numpy().tolist() == [0.0]


@pytest.mark.parametrize("z, t", [(np.inf, 0.0), (-np.inf, 1.0)])
def test_an_infinite_logit_on_the_wrong_side_is_no_nan(z, t):
    assert losses.binary_crossentropy([[t]], [[z]], from_logits=True).numpy()[0] > 1e38


@pytest.mark.parametrize("name", ["hinge", "squared_hinge", "mean_squared_error", "huber",
                                  "mean_absolute_error", "log_cosh"])
@pytest.mark.parametrize("x", [np.inf, -np.inf, np.nan])
def test_infinite_predictions_and_nan_are_not_hidden(name, x):
    """hinge alone is 0 where a score is infinitely right."""
    value = getattr(losses, name)([[1.0, 1.0]], [[x, 1.0]]).numpy()[0]
    if "hinge" in name and x == np.inf:
        assert value == 0
    else:
        assert not np.isfinite(value)


@pytest.mark.parametrize("name, arguments", [
    ("binary_crossentropy", {}), ("binary_crossentropy", {"from_logits": True}),
    ("categorical_crossentropy", {}), ("categorical_crossentropy", {"from_logits": True}),
    ("kl_divergence", {}), ("poisson", {}), ("dice", {}), ("tversky", {}),
])
def test_nan_is_not_hidden(name, arguments):
    value = getattr(losses, name)([[1.0, 0.0]], [[np.nan, 0.5]], **arguments)
    assert np.isnan(value.numpy()).all()
