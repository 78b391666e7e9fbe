"""Dropout, noise and penalties: what they draw, seeds, training only, errors."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

X = np.ones((40, 30, 8), "float32")
DRAWS = {
    "Dropout": {"rate": 0.25}, "AlphaDropout": {"rate": 0.25}, "GaussianDropout": {"rate": 0.25},
    "GaussianNoise": {"stddev": 0.25}, "SpatialDropout1D": {"rate": 0.25},
}


def host(x):
    return ops.convert_to_numpy(x)


def make(name, **more):
    return getattr(layers, name)(**DRAWS[name], **more)


def each(function):
    return pytest.mark.parametrize("name", DRAWS)(function)


@each
def test_only_in_training(name):
    layer = make(name)
    for training in (None, False):
        np.testing.assert_array_equal(host(layer(X, training=training)), X)
    np.testing.assert_array_equal(host(layer(X)), X)
    assert (host(layer(X, training=True)) != X).any()


@each
def test_draws_anew_and_repeats_with_its_seed(name):
    def two(seed):
        layer = make(name, seed=seed)
        return host(layer(X, training=True)), host(layer(X, training=True))

    first, second = two(7)
    assert (first != second).any()
    np.testing.assert_array_equal(first, two(7)[0])
    np.testing.assert_array_equal(second, two(7)[1])
    assert (first != two(8)[0]).any()


@each
def test_a_seed_generator_is_used_as_it_is(name):
    generator = keras.random.SeedGenerator(3)
    layer = make(name, seed=generator)
    assert layer.seed_generator is generator
    assert [v is generator.state for v in layer.variables] == [True]
    before = host(generator.state.value)
    layer(X, training=True)
    assert (host(generator.state.value) != before).any()


@each
def test_no_amount_no_draw(name):
    argument = next(iter(DRAWS[name]))
    layer = getattr(layers, name)(**{argument: 0})
    np.testing.assert_array_equal(host(layer(X, training=True)), X)
    assert layer.variables == []


@each
def test_masks_and_symbols(name):
    layer = make(name)
    masked = layers.Masking()(X)
    assert layer(masked, training=True)._keras_mask is not None
    assert layer(keras.Input((None, 8)), training=True).shape == (None, None, 8)


@each
@pytest.mark.parametrize("value", [-0.1, 1.1, "a", None, True])
def test_amounts(name, value):
    argument = next(iter(DRAWS[name]))
    with pytest.raises(ValueError, match=f"`{argument}`.*between 0 and 1.*{argument}={value}"):
        getattr(layers, name)(**{argument: value})


def near(value, want, deviation, n):
    assert abs(value - want) < 5 * deviation / np.sqrt(n)  # five standard errors


def test_gaussian_noise():
    noise = host(layers.GaussianNoise(0.5, seed=1)(X, training=True)) - 1
    near(noise.mean(), 0, 0.5, noise.size)
    near(noise.std(), 0.5, 0.5, noise.size)


def test_gaussian_dropout():
    y = host(layers.GaussianDropout(0.2, seed=1)(2 * X, training=True)) / 2
    near(y.mean(), 1, 0.5, y.size)
    near(y.std(), 0.5, 0.5, y.size)  # sqrt(0.2 / 0.8)


def test_gaussian_dropout_of_everything():
    layer = layers.GaussianDropout(1.0, name="mine")
    np.testing.assert_array_equal(host(layer(X)), X)
    with pytest.raises(ValueError, match='"mine".*`rate` must be below 1'):
        layer(X, training=True)


@pytest.mark.parametrize("rate", [0.1, 0.4])
def test_alpha_dropout_keeps_mean_and_variance(rate):
    x = np.random.default_rng(0).normal(size=(200, 500)).astype("float32")
    y = host(layers.AlphaDropout(rate, seed=1)(x, training=True))
    near(y.mean(), 0, 1, y.size)
    near(y.var(), 1, 3, y.size)
    lowest = -1.6732632423543772 * 1.0507009873554805
    a = ((1 - rate) * (1 + rate * lowest**2)) ** -0.5
    b = -a * lowest * rate
    dropped = np.isclose(y, a * lowest + b, atol=1e-5)
    near(dropped.mean(), rate, 0.5, y.size)
    np.testing.assert_allclose(y[~dropped], (a * x + b)[~dropped], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["Dropout", "AlphaDropout"])
@pytest.mark.parametrize("noise_shape", [(None, 1, 8), (40, 1, 1), (1, 30, 1)])
def test_noise_shape(name, noise_shape):
    y = host(make(name, noise_shape=noise_shape, seed=2)(X, training=True))
    for axis, d in enumerate(noise_shape):
        if d == 1:
            assert (y == y.take([0], axis)).all()
    assert (y != y[:1, :1, :1]).any()


@pytest.mark.parametrize("name", ["Dropout", "AlphaDropout"])
@pytest.mark.parametrize("noise_shape", [3, (0, 1), ("a",), (-1, 2)])
def test_noise_shape_is_checked(name, noise_shape):
    with pytest.raises(ValueError, match="noise_shape"):
        make(name, noise_shape=noise_shape)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_spatial_dropout_takes_whole_channels(rank, data_format):
    if rank == 1 and data_format == "channels_first":
        return
    more = {} if rank == 1 else {"data_format": data_format}
    layer = getattr(layers, f"SpatialDropout{rank}D")(0.4, seed=1, **more)
    shape = (50, *[3] * rank, 60) if data_format == "channels_last" else (50, 60, *[3] * rank)
    y = host(layer(np.ones(shape, "float32"), training=True))
    axes = tuple(range(1, rank + 1)) if data_format == "channels_last" else (
        tuple(range(2, rank + 2)))
    assert (y == y.max(axes, keepdims=True)).all()
    kept = y.max(axes)
    np.testing.assert_allclose(kept[kept > 0], 1 / 0.6, rtol=1e-6)
    near((kept > 0).mean(), 0.6, 0.5, kept.size)


def test_mixed_precision_draws_in_the_compute_dtype():
    for name in DRAWS:
        assert make(name, dtype="mixed_float16")(X, training=True).dtype == "float16"


def test_activity_regularization():
    layer = layers.ActivityRegularization(l1=0.1, l2=0.2)
    x = np.array([[1.0, -2.0], [3.0, 0.0]], "float32")
    np.testing.assert_array_equal(host(layer(x)), x)
    np.testing.assert_allclose(float(layer.losses[0]), (0.1 * 6 + 0.2 * 14) / 2, rtol=1e-6)
    layer(x)
    assert len(layer.losses) == 1
    assert "activity_regularizer" not in layer.get_config()
    with pytest.raises(ValueError, match="l1"):
        layers.ActivityRegularization(l1=-1)


def test_dropout_of_a_share_in_fit_is_reproducible():
    def run():
        keras.utils.set_random_seed(5)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dropout(0.5),
                                  layers.GaussianNoise(0.1), layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(np.ones((16, 4)), np.ones((16, 1)), epochs=2, verbose=0)
        return model.get_weights()

    for a, b in zip(run(), run()):
        np.testing.assert_array_equal(a, b)
