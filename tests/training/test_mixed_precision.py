"""Training in half precision: the network of the first example on a few digits."""

import pathlib

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers

SUBSET = pathlib.Path(__file__).parents[2] / "examples" / "data" / "mnist_subset.npz"


@pytest.fixture(scope="module")
def digits():
    with np.load(SUBSET, allow_pickle=False) as data:
        x, y = data["x_train"][:320], data["y_train"][:320]
    return x[..., None] / np.float32(255), y.astype("int32")


@pytest.fixture(params=["mixed_float16", "mixed_bfloat16"])
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


def network(optimizer="adam", **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Flatten(), layers.Dense(32, activation="relu"),
        layers.Dense(10, activation="softmax", dtype="float32")])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return model


def test_it_learns(policy, digits):
    model = network()
    history = model.fit(*digits, epochs=6, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] / 2
    assert model.evaluate(*digits, verbose=0)[1] > 0.75
    assert all(w.dtype == "float32" for w in model.weights)
    hidden = keras.Model(model.inputs, model.layers[-2].output)
    assert hidden.predict(digits[0][:2], verbose=0).dtype.name == policy.removeprefix("mixed_")
    assert model.predict(digits[0][:2], verbose=0).dtype == "float32"


def test_the_first_losses_are_those_of_float32(policy, digits):
    half = network(keras.optimizers.SGD(0.01))
    keras.config.set_dtype_policy("float32")
    whole = network(keras.optimizers.SGD(0.01))
    whole.set_weights(half.get_weights())
    losses = [m.fit(*digits, epochs=2, verbose=0, shuffle=False).history["loss"]
              for m in (half, whole)]
    np.testing.assert_allclose(*losses, rtol=3e-3 if policy == "mixed_float16" else 2e-2)


def test_the_loss_is_scaled_for_float16_only(policy):
    scaled = isinstance(network().optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    assert not isinstance(network(auto_scale_loss=False).optimizer,
                          keras.optimizers.LossScaleOptimizer)


@pytest.mark.parametrize("eager", [True, False])
def test_overflow_skips_the_step_and_halves_the_scale(digits, eager):
    """A scale too high makes the gradients infinite, until it has come down."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        optimizer = keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(0.01), initial_scale=2.0**30)
        model = network(optimizer, run_eagerly=eager)
    finally:
        keras.config.set_dtype_policy("float32")
    before, scales, steps = model.get_weights(), [], []
    for _ in range(14):
        model.train_on_batch(digits[0][:32], digits[1][:32])
        scales.append(np.log2(float(optimizer.dynamic_scale)))
        steps.append(int(optimizer.iterations))
        if not steps[-1]:
            for a, b in zip(before, model.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
    skipped = steps.count(0)
    assert 3 <= skipped < 14
    assert scales[:skipped] == [29.0 - i for i in range(skipped)]
    assert scales[skipped:] == [30.0 - skipped] * (14 - skipped)
    assert steps[skipped:] == list(range(1, 15 - skipped))
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_small_gradients_survive_by_the_scale():
    """1e-9 is 0 in float16; times 2**15 it is not."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        def train(**options):
            model = keras.Sequential([keras.Input((1,)), layers.Dense(
                1, kernel_initializer="zeros", use_bias=False)])
            model.compile(keras.optimizers.SGD(1.0), lambda y, p: 1e-9 * keras.ops.cast(
                p, "float32"), **options)
            model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
            return model.get_weights()[0][0, 0]

        assert train(auto_scale_loss=False) == 0.0
        np.testing.assert_allclose(train(), -1e-9, rtol=1e-3)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("eager", [True, False])
def test_same_seed_same_bits(policy, digits, eager):
    weights = []
    for _ in range(2):
        model = network(run_eagerly=eager)
        model.fit(digits[0][:64], digits[1][:64], epochs=2, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)
