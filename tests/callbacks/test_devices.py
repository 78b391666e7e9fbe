"""Callbacks that touch weights, with the weights on each device."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers
from minikeras.callbacks import (
    BackupAndRestore,
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    SwapEMAWeights,
)

X = np.random.default_rng(0).random((12, 4), "float32")
Y = np.random.default_rng(1).integers(0, 3, 12)


def fit(callbacks, seed=1, **options):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([
        keras.Input((4,)), layers.Dense(5, activation="relu"), layers.BatchNormalization(),
        layers.Dropout(0.3), layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.05, **options), "sparse_categorical_crossentropy",
                  metrics=["accuracy"])
    model.fit(X, Y, batch_size=4, epochs=3, verbose=0, validation_data=(X, Y),
              callbacks=callbacks)
    return model


class Interrupt(Callback):
    def on_train_batch_begin(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == 5:
            raise KeyboardInterrupt


def test_backup(device, tmp_path):
    whole = fit([])
    with pytest.raises(KeyboardInterrupt):
        fit([BackupAndRestore(tmp_path / "b", 2), Interrupt()])
    again = fit([BackupAndRestore(tmp_path / "b", 2)], seed=9)
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert again.weights[0].device.startswith(device)


def test_averages_checkpoints_and_best_weights(device, tmp_path):
    model = fit([
        SwapEMAWeights(swap_on_epoch=True),
        ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True),
        EarlyStopping("loss", patience=5, restore_best_weights=True)], use_ema=True)
    assert all(v.device.startswith(device) for v in model.variables)
    kept = [w.copy() for w in model.get_weights()]
    model.load_weights(tmp_path / "3.weights.h5")
    assert len(kept) == len(model.get_weights())
    assert model.weights[0].device.startswith(device)


def test_rematerialized_training(device):
    def weights(mode):
        with keras.RematScope(mode):
            model = fit([])
        assert model.weights[0].device.startswith(device)
        return model.get_weights()

    for a, b in zip(weights("full"), weights(None), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
