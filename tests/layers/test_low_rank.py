"""Low-rank adaptation of dense, embedding and convolutional layers."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

MAKE = {
    "dense": lambda **o: (layers.Dense(3, name="x", **o), np.ones((2, 4), "float32"), "kernel"),
    "einsum": lambda **o: (layers.EinsumDense("abc,cde->abde", (None, 2, 3), **o),
                           np.ones((2, 5, 4), "float32"), "kernel"),
    "embedding": lambda **o: (layers.Embedding(5, 3, **o), np.array([[0, 4]]), "embeddings"),
    "convolution": lambda **o: (layers.Conv2D(3, 2, **o),
                                np.ones((1, 5, 5, 2), "float32"), "kernel"),
}


def adapted(name):
    layer, x, weight = MAKE[name]()
    layer(x)
    before = np.asarray(getattr(layer, weight))
    layer.enable_lora(2, lora_alpha=6)
    return layer, x, weight, before


@pytest.mark.parametrize("name", MAKE)
def test_the_weight_is_frozen_and_reads_as_the_sum(name):
    layer, x, weight, before = adapted(name)
    plain = layer(x).numpy()
    a, b = (getattr(layer, f"lora_{weight}_{letter}") for letter in "ab")
    assert a.shape == (*before.shape[:-1], 2) and b.shape == (2, before.shape[-1])
    assert np.asarray(a).any() and not np.asarray(b).any()
    np.testing.assert_array_equal(getattr(layer, weight), before)
    trained = [v.name for v in layer.trainable_weights]
    assert weight not in trained and f"lora_{weight}_a" in trained
    assert layer.weights[0].name == weight
    a.assign(np.ones(a.shape))
    b.assign(np.ones(b.shape))
    np.testing.assert_allclose(getattr(layer, weight), before + 6.0, rtol=1e-6)
    assert np.abs(layer(x).numpy() - plain).max() > 1


@pytest.mark.parametrize("name", MAKE)
def test_both_matrices_get_gradients(name):
    layer, x, weight, _ = adapted(name)
    getattr(layer, f"lora_{weight}_b").assign(0.1 * np.ones_like(getattr(
        layer, f"lora_{weight}_b")))
    with keras.GradientTape() as tape:
        loss = ops.sum(layer(x) ** 2)
    grads = tape.gradient(loss, layer.trainable_weights)
    assert all(np.asarray(g).any() for g in grads)


@pytest.mark.parametrize("name", MAKE)
def test_by_the_constructor_and_in_the_configuration(name):
    layer, x, weight = MAKE[name](lora_rank=2)
    assert (layer.lora_rank, layer.lora_enabled, layer.get_config()["lora_rank"]) == (2, False, 2)
    layer(x)
    config = layer.get_config()
    assert (config["lora_rank"], config["lora_alpha"], layer.lora_enabled) == (2, 2, True)
    again = type(layer).from_config(config)
    again(x)
    assert [v.shape for v in again.weights] == [v.shape for v in layer.weights]


def test_it_trains_as_if_the_product_were_added(tmp_path):
    """Compiled, saved as a layer without LoRA, and loaded."""
    x = np.random.default_rng(0).standard_normal((16, 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="x")])
    model.layers[0].enable_lora(1)
    frozen = model.layers[0].weights[0].numpy()
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=True)
    losses = model.fit(x, x[:, :3], epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(model.layers[0].weights[0], frozen)
    model.save_weights(tmp_path / "m.weights.h5")
    plain = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="x")])
    plain.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(
        plain.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    model.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(
        plain.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


def test_errors():
    layer = layers.Dense(3)
    with pytest.raises(ValueError, match="isn't yet built"):
        layer.enable_lora(2)
    layer.build((None, 4))
    layer.enable_lora(2)
    with pytest.raises(ValueError, match="already enabled"):
        layer.enable_lora(2)
    with pytest.raises(ValueError, match="incompatible with kernel constraints"):
        layers.Dense(3, kernel_constraint="max_norm", lora_rank=2)(np.ones((1, 4)))
