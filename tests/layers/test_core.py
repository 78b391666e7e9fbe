"""Identity, Masking, Lambda, Wrapper: what they do, their configurations, what they refuse."""

import json

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops
from minikeras.core.serialization import SafeModeScope

X = np.array([[[1.0, 1.0], [1.0, 2.0]], [[1.0, 1.0], [3.0, 1.0]]], "float32")


def host(x):
    return ops.convert_to_numpy(x)


def mask_of(y):
    mask = getattr(y, "_keras_mask", None)
    return None if mask is None else host(mask).tolist()


def doubled(x):
    return 2 * x


# ---------------------------------------------------------------- identity, masking
def test_identity_of_structures():
    y = layers.Identity()({"a": X, "b": [X]})
    np.testing.assert_array_equal(host(y["b"][0]), X)
    out = layers.Identity()([keras.Input((2,)), keras.Input((3,))])
    assert [x.shape for x in out] == [(None, 2), (None, 3)]


def test_identity_keeps_masks():
    x = layers.Masking(1.0)(X)
    assert mask_of(layers.Identity()(x)) == [[False, True], [False, True]]


def test_masking():
    y = layers.Masking(mask_value=1.0)(X)
    np.testing.assert_array_equal(host(y), X * np.array([[[0], [1]], [[0], [1]]]))
    assert mask_of(y) == [[False, True], [False, True]]
    assert mask_of(layers.Masking()(X)) == [[True, True], [True, True]]


def test_masked_infinities_become_zero():
    y = layers.Masking(mask_value=np.inf)(np.array([[[np.inf], [1.0]]], "float32"))
    assert host(y).tolist() == [[[0.0], [1.0]]]


def test_masks_reach_later_layers():
    inputs = keras.Input((None, 2))
    x = layers.Masking(1.0)(inputs)
    out = layers.GlobalAveragePooling1D()(layers.Dropout(0.5)(x))
    got = keras.Model(inputs, out)(X)
    np.testing.assert_array_equal(host(got), X[:, 1])


def test_a_layer_that_drops_a_mask_says_so():
    with pytest.warns(UserWarning, match="mine.*does not support masking"):
        layers.Flatten(name="mine")(layers.Masking(1.0)(X))


# ---------------------------------------------------------------- Lambda
def test_lambda_with_arguments_and_training():
    layer = layers.Lambda(lambda x, scale, training=None: x * scale * (10 if training else 1),
                          arguments={"scale": 3.0})
    np.testing.assert_array_equal(host(layer(X)), X * 3)
    np.testing.assert_array_equal(host(layer(X, training=True)), X * 30)


def test_lambda_is_given_masks():
    layer = layers.Lambda(
        lambda x, mask=None: ops.cast(mask, "float32"), mask=lambda inputs, mask: None)
    assert host(layer(layers.Masking(1.0)(X))).tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize("mask", [np.array([[True, False]] * 2), lambda x, m: m])
def test_lambda_masks(mask):
    y = layers.Lambda(doubled, mask=mask)(layers.Masking(1.0)(X))
    assert mask_of(y) == ([[False, True]] * 2 if callable(mask) else [[True, False]] * 2)


def test_lambda_shapes():
    inputs = keras.Input((3, 4))
    assert layers.Lambda(lambda x: x[:, :2])(inputs).shape == (None, 2, 4)
    assert layers.Lambda(doubled, output_shape=(7,))(inputs).shape == (None, 7)
    assert layers.Lambda(doubled, output_shape=lambda s: (*s, 1))(inputs).shape == (None, 3, 4, 1)
    assert layers.Lambda(lambda x: [x, ops.sum(x)])(inputs)[1].shape == ()
    assert layers.Lambda(lambda x: ops.cast(x, "int32"))(inputs).dtype == "int32"
    layer = layers.Lambda(doubled, output_shape=(7,))
    assert layer.compute_output_shape((5, 3)) == (5, 7)
    assert layers.Lambda(doubled).compute_output_shape((5, 3)) == (5, 3)


def test_lambda_wants_a_function():
    with pytest.raises(TypeError, match="`function` must be callable. Received: 3"):
        layers.Lambda(3)


def test_lambdas_are_refused_in_safe_mode():
    scale = 3.0
    layer = layers.Lambda(lambda x, y=1.0: x * scale + y)
    config = json.loads(json.dumps(layer.get_config()))
    for refuse in (lambda: layers.Lambda.from_config(config),
                   lambda: layers.Lambda.from_config(config, safe_mode=True),
                   lambda: layers.deserialize(layers.serialize(layer))):
        with pytest.raises(ValueError, match="safe_mode=False"):
            refuse()
    np.testing.assert_array_equal(
        host(layers.Lambda.from_config(config, safe_mode=False)(X)), X * 3 + 1)
    with SafeModeScope(False):
        np.testing.assert_array_equal(
            host(layers.deserialize(layers.serialize(layer))(X)), X * 3 + 1)


def test_lambdas_for_shapes_and_masks_are_refused_too():
    layer = layers.Lambda(ops.sin, output_shape=lambda s: s)
    with pytest.raises(ValueError, match="safe_mode=False"):
        layers.Lambda.from_config(layer.get_config())


def test_named_functions_are_found_by_name():
    layer = layers.Lambda(doubled, arguments={}, name="mine")
    config = layer.get_config()
    assert config["function"]["config"] == "doubled" and config["arguments"] == {}
    with pytest.raises(TypeError, match="Could not locate function 'doubled'"):
        layers.Lambda.from_config(config)
    again = layers.Lambda.from_config(config, custom_objects={"doubled": doubled})
    np.testing.assert_array_equal(host(again(X)), 2 * X)
    public = layers.Lambda.from_config(layers.Lambda(ops.sin).get_config())
    np.testing.assert_allclose(host(public(X)), np.sin(X), rtol=1e-6)


def test_a_lambda_as_keras_writes_it():
    code = layers.Lambda(lambda x: x + 1).get_config()["function"]["config"]
    assert set(code) == {"code", "defaults", "closure"}
    config = {"name": "l", "trainable": True, "dtype": "float32", "arguments": {},
              "function": {"class_name": "__lambda__", "config": {**code, "code": "\n".join(
                  [code["code"][:40], code["code"][40:]])}}}
    np.testing.assert_array_equal(
        host(layers.Lambda.from_config(config, safe_mode=False)(X)), X + 1)


# ---------------------------------------------------------------- Wrapper
class Twice(layers.Wrapper):
    def call(self, inputs):
        return self.layer(self.layer(inputs))


def test_wrapper():
    layer = Twice(layers.Dense(2, name="inner"), name="outer")
    assert layer(X).shape == X.shape
    assert [w.path for w in layer.weights] == ["outer/inner/kernel", "outer/inner/bias"]
    config = layer.get_config()
    assert config["layer"]["class_name"] == "Dense"
    again = Twice.from_config(config)
    assert again.layer.units == 2 and again.get_config() == config
    layer.trainable = False
    assert layer.layer.trainable is False


def test_wrapper_builds_its_layer():
    layer = layers.Wrapper(layers.Dense(2))
    layer.build((None, 3))
    assert layer.layer.built and layer.layer.kernel.shape == (3, 2)


@pytest.mark.parametrize("wrapped", [3, "Dense", layers.Dense])
def test_wrapper_wants_a_layer(wrapped):
    with pytest.raises(ValueError, match="Twice wraps a layer.*Received"):
        Twice(wrapped)


# ---------------------------------------------------------------- by name
def test_deserialize():
    config = layers.serialize(layers.Dense(3, name="mine"))
    again = layers.deserialize(config)
    assert again.units == 3 and again.name == "mine"
    for wrong in (None, "Dense", keras.losses.serialize(keras.losses.Huber())):
        with pytest.raises(ValueError, match="not that of a `keras.layers.Layer`"):
            layers.deserialize(wrong)
    with pytest.raises(TypeError, match="Could not locate class 'Unheard'"):
        layers.deserialize({**config, "class_name": "Unheard", "module": "keras.layers"})


def test_custom_layers_are_found_by_name():
    layer = Twice(layers.Dense(2))
    config = layers.serialize(layer)
    with pytest.raises(TypeError, match="Twice"):
        layers.deserialize(config)
    again = layers.deserialize(config, custom_objects={"Twice": Twice})
    assert again.layer.units == 2
