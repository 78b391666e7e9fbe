"""Rescaling: values, lists of factors, integer images, configuration."""

import numpy as np

import minikeras as keras
from minikeras import layers


def test_values_of_integer_images_and_factors_for_each_channel():
    x = np.array([[[[0, 255, 10]]]], "uint8")
    got = layers.Rescaling(1 / 255, offset=0.5)(x)
    assert got.dtype.name == "float32"
    np.testing.assert_allclose(got, x / 255 + 0.5, rtol=1e-6)
    got = layers.Rescaling([1.0, 2.0, 3.0], [0.0, 0.0, 1.0])(x)
    np.testing.assert_allclose(got, [[[[0, 510, 31]]]], rtol=1e-6)


def test_configuration_is_what_was_given():
    config = layers.Rescaling([1.0, 2.0], offset=3, name="r").get_config()
    assert config["scale"] == [1.0, 2.0] and config["offset"] == 3
    assert layers.Rescaling.from_config(config).scale == [1.0, 2.0]


def test_in_a_model():
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, layers.Rescaling(2.0)(inputs))
    assert model.output_shape == (None, None, 3)
    x = np.ones((2, 4, 3))
    np.testing.assert_array_equal(model.predict(x, verbose=0), 2 * x)
