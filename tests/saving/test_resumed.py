"""A run that goes on from a saved model ends with the bits of the run that was not interrupted,
with dropout too: files hold seeds, which Keras's do not and Keras passes over."""

import h5py
import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, optimizers

schedules = optimizers.schedules
OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: optimizers.Adam(0.01, amsgrad=True, clipnorm=1.0),
    "nadam": lambda: optimizers.Nadam(0.01),
    "adamw": lambda: optimizers.AdamW(schedules.CosineDecay(0.01, 20)),
    "rmsprop": lambda: optimizers.RMSprop(0.01, centered=True, momentum=0.5),
    "adafactor": lambda: optimizers.Adafactor(0.1),
    "lion": lambda: optimizers.Lion(0.01),
    "muon": lambda: optimizers.Muon(0.01),
    "schedule_free": lambda: optimizers.ScheduleFreeAdamW(0.01, warmup_steps=3),
    "averages": lambda: optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9,
                                       ema_overwrite_frequency=4),
    "accumulation": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3),
    "loss_scale": lambda: optimizers.LossScaleOptimizer(
        optimizers.Adam(0.01), dynamic_growth_steps=3),
}


def model(optimizer):
    keras.utils.set_random_seed(4)
    made = keras.Sequential([
        keras.Input((6, 6, 1)), layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(), layers.Dropout(0.3), layers.Flatten(),
        layers.GaussianNoise(0.1),
        layers.Dense(3, activation="softmax", dtype="float32")])
    made.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


def run(made, first, last):
    """Epochs of 5 batches, the last one smaller: gradients are held back over the interruption."""
    rng = np.random.default_rng(0)
    x, y = rng.random((38, 6, 6, 1), "float32"), rng.integers(0, 3, 38)
    made.fit(x, y, batch_size=8, initial_epoch=first, epochs=last, shuffle=False, verbose=0)
    return [*made.get_weights(), *(v.numpy() for v in made.optimizer.variables)]


def whole_and_resumed(make, path):
    whole, broken = model(make()), model(make())
    run(whole, 0, 1)  # `fit` puts moving averages in place at its end: both runs end twice
    want = run(whole, 1, 3)
    run(broken, 0, 1)
    broken.save(path)
    del broken
    keras.utils.set_random_seed(99)
    return want, run(keras.models.load_model(path), 1, 3)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_resumed(name, tmp_path):
    want, got = whole_and_resumed(OPTIMIZERS[name], tmp_path / "m.keras")
    for a, b in zip(want, got, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_resumed_in_half_precision(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    want, got = whole_and_resumed(OPTIMIZERS["adam"], tmp_path / "m.keras")
    for a, b in zip(want, got, strict=True):
        np.testing.assert_array_equal(a, b)


def test_seeds_in_folders_shards_and_files_without_them(tmp_path):
    made = model("sgd")
    run(made, 0, 1)
    seeds = [layer.seed_generator for layer in made.layers if hasattr(layer, "seed_generator")]
    states = [s.state.numpy() for s in seeds]
    made.save(tmp_path / "folder", zipped=False)
    made.save_weights(tmp_path / "w.weights.json", max_shard_size=1e-6)
    made.save_weights(tmp_path / "w.weights.h5")
    for load in (lambda: keras.models.load_model(tmp_path / "folder"),
                 lambda: made.load_weights(tmp_path / "w.weights.json") or made,
                 lambda: made.load_weights(tmp_path / "w.weights.h5") or made):
        run(made, 0, 1)
        loaded = load()
        for layer, state in zip(
                [x for x in loaded.layers if hasattr(x, "seed_generator")], states, strict=True):
            np.testing.assert_array_equal(layer.seed_generator.state.numpy(), state)
    with h5py.File(tmp_path / "w.weights.h5", "a") as file:
        del file["layers/dropout/seed_generator"], file["layers/gaussian_noise/seed_generator"]
    run(made, 0, 1)
    after = [s.state.numpy() for s in seeds]
    made.load_weights(tmp_path / "w.weights.h5")
    for s, state in zip(seeds, after, strict=True):
        np.testing.assert_array_equal(s.state.numpy(), state)
    editor = keras.saving.KerasFileEditor(tmp_path / "w.weights.h5")
    assert editor.compare(made)["status"] == "success"
