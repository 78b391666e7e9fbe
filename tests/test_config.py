"""Settings: limits of training and switches."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import config

X, Y = np.ones((32, 2)), np.ones((32, 1))


class Seen(keras.callbacks.Callback):
    """Which batches each loop ran."""

    def __init__(self):
        super().__init__()
        self.train, self.test, self.predict = [], [], []

    def on_train_batch_end(self, batch, logs=None):
        self.train.append(batch)

    def on_test_batch_end(self, batch, logs=None):
        self.test.append(batch)

    def on_predict_batch_end(self, batch, logs=None):
        self.predict.append(batch)


@pytest.fixture
def limits():
    config.set_max_epochs(2)
    config.set_max_steps_per_epoch(3)
    yield
    config.set_max_epochs(None)
    config.set_max_steps_per_epoch(None)


@pytest.fixture
def model():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_limits_of_fit(model, limits):
    seen = Seen()
    with pytest.warns(UserWarning, match="Limiting") as warned:
        history = model.fit(X, Y, batch_size=4, epochs=5, callbacks=[seen], verbose=0)
    assert {str(w.message) for w in warned} == {
        "Limiting epochs to 2", "Limiting steps_per_epoch to 3"}
    assert (history.epoch, seen.train) == ([0, 1], [0, 1, 2] * 2)
    assert seen.params["epochs"] == 2
    assert seen.params["steps"] == 3


def test_within_the_limits(model, limits):
    seen = Seen()
    history = model.fit(X, Y, epochs=2, steps_per_epoch=2, batch_size=4, callbacks=[seen],
                        verbose=0)
    assert (history.epoch, seen.train) == ([0, 1], [0, 1] * 2)


@pytest.mark.filterwarnings("ignore:Limiting")
def test_limits_of_evaluate_and_predict(model, limits):
    seen = Seen()
    model.evaluate(X, Y, batch_size=4, callbacks=[seen], verbose=0)
    assert model.predict(X, batch_size=4, callbacks=[seen], verbose=0).shape == (12, 1)
    assert (seen.test, seen.predict) == ([0, 1, 2], [0, 1, 2])


def test_switches():
    assert config.is_flash_attention_enabled() is None
    config.disable_flash_attention()
    assert config.is_flash_attention_enabled() is False
    config.enable_flash_attention()
    assert config.is_flash_attention_enabled() is None
    assert config.is_traceback_filtering_enabled() is True
    config.disable_traceback_filtering()
    assert config.is_traceback_filtering_enabled() is False
    config.enable_traceback_filtering()
    assert config.is_traceback_filtering_enabled() is True
