"""Layers together, as programs use them: trained, saved, loaded, differentiated twice."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops


def inverted(x, channels, strides):
    """An inverted residual block: 1x1 up, depthwise, 1x1 down."""
    start = x
    x = layers.Conv2D(2 * channels, 1, use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    if strides == 2:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    padding = "valid" if strides == 2 else "same"
    x = layers.DepthwiseConv2D(3, strides, padding, use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.BatchNormalization()(layers.Conv2D(channels, 1, use_bias=False)(x))
    return layers.Add()([start, x]) if strides == 1 else x


def classifier():
    inputs = keras.Input((16, 16, 3))
    x = inverted(inverted(inputs, 8, 2), 8, 1)
    x = layers.Conv2D(5, 1)(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return keras.Model(inputs, layers.Activation("softmax")(layers.Reshape((5,))(x))), (16, 16, 3)


def autoencoder():
    return keras.Sequential([
        layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", input_shape=(8, 8, 1)),
        layers.Conv2DTranspose(4, 3, strides=2, padding="same"), layers.LeakyReLU(),
        layers.GroupNormalization(2), layers.UpSampling2D(2, interpolation="bilinear"),
        layers.AveragePooling2D(2), layers.PReLU(shared_axes=[1, 2]),
        layers.Cropping2D(1), layers.ZeroPadding2D(1),
        layers.SeparableConv2D(1, 3, padding="same", activation="sigmoid"),
    ]), (8, 8, 1)


def twins():
    part = keras.Sequential([layers.Flatten(), layers.Dense(8, "relu"), layers.UnitNormalization()])
    inputs = keras.Input((2, 4))
    one, other = part(inputs[:, 0]), part(inputs[:, 1])
    ends = [layers.dot([one, other], axes=1), layers.subtract([one, other]),
            layers.multiply([one, other]), layers.maximum([one, other])]
    return keras.Model(inputs, layers.concatenate(ends)), (2, 4)


def images(shape, n=12):
    return np.random.default_rng(0).uniform(0, 1, (n, *shape)).astype("float32")


@pytest.mark.parametrize("make", [classifier, autoencoder, twins])
def test_trained_saved_loaded_cloned(make, tmp_path):
    keras.utils.set_random_seed(0)
    model, shape = make()
    x = images(shape)
    target = np.zeros((12, *model.output_shape[1:]), "float32")
    model.compile(keras.optimizers.Adam(0.01), "mse")
    losses = model.fit(x, target, epochs=8, batch_size=6, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    want = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), want, rtol=1e-5, atol=1e-6)
    assert again.get_config() == model.get_config()
    clone = keras.models.clone_model(model)
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(clone.predict(x, verbose=0), want, rtol=1e-5, atol=1e-6)


def test_gradient_penalty():
    critic = keras.Sequential([
        keras.Input((6,)), layers.SpectralNormalization(layers.Dense(8)),
        layers.LayerNormalization(), layers.PReLU(), layers.GaussianNoise(0.1), layers.Dense(1),
    ])
    x = ops.convert_to_tensor(images((6,)))
    with keras.GradientTape() as outer:
        with keras.GradientTape() as inner:
            inner.watch(x)
            y = critic(x, training=True)
        slope = inner.gradient(y, x)
        size = ops.sqrt(ops.sum(ops.square(slope), axis=1) + 1e-12)
        penalty = ops.mean(ops.square(size - 1))
    found = outer.gradient(penalty, critic.trainable_weights)
    unconnected = [w for w, g in zip(critic.trainable_weights, found) if g is None]
    last = critic.layers[-1].bias  # like beta, it moves the output alone
    assert [w.name for w in unconnected] == ["beta", "bias"] and unconnected[1] is last
    assert all(np.isfinite(ops.convert_to_numpy(g)).all() for g in found if g is not None)


def test_a_language_model_with_tied_embeddings(tmp_path):
    tokens = np.random.default_rng(0).integers(0, 11, (16, 6))
    inputs = keras.Input((None,), dtype="int32")
    table = layers.ReversibleEmbedding(11, 8)
    h = table(inputs)
    heads = layers.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de")(h)
    h = layers.add([h, layers.EinsumDense("abcd,cde->abe", (None, 8))(heads)])
    model = keras.Model(inputs, table(layers.RMSNormalization()(h), reverse=True))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss)
    losses = model.fit(tokens, tokens, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert len(model.trainable_weights) == 5  # the table once
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    longer = np.concatenate([tokens, tokens], 1)
    np.testing.assert_allclose(
        again.predict(longer, verbose=0), model.predict(longer, verbose=0), rtol=1e-5, atol=1e-5)
