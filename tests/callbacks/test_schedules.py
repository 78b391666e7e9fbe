"""LearningRateScheduler and ReduceLROnPlateau. Traces as Keras's."""

import numpy as np
import pytest

import minikeras as keras
from minikeras.callbacks import LearningRateScheduler, ReduceLROnPlateau
from tests.callbacks.driving import X, Y, compiled, drive


def on_a_schedule():
    return compiled(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5))


@pytest.mark.parametrize(("options", "values", "rates"), [
    ({"patience": 1}, [3] * 5, [0.5, 0.25, 0.125, 0.0625, 0.03125]),
    ({"patience": 2, "cooldown": 2}, [3] * 9,
     [0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125, 0.0625]),
    ({"patience": 1, "factor": 0.1, "min_lr": 0.02}, [3] * 5, [0.5, 0.05, 0.02, 0.02, 0.02]),
    ({"patience": 1, "min_delta": 0.1}, [3, 2.95, 2.5, 2.45, 2.4, 1],
     [0.5, 0.25, 0.25, 0.125, 0.0625, 0.0625]),
    ({"patience": 1, "mode": "max"}, [1, 2, 2, 3, 3], [0.5, 0.5, 0.25, 0.25, 0.125]),
    ({"patience": 1}, [3, 2, 1], [0.5] * 3),
])
def test_plateau(options, values, rates):
    assert drive(ReduceLROnPlateau(**{"factor": 0.5, **options}), values)[0] == rates


def test_plateau_begins_anew():
    callback = ReduceLROnPlateau(factor=0.5, patience=1, cooldown=5)
    assert drive(callback, [1, 1])[0] == [0.5, 0.25]
    assert callback.in_cooldown()
    assert drive(callback, [9, 9])[0] == [0.5, 0.25]


def test_plateau_cooldown():
    callback = ReduceLROnPlateau(factor=0.5, patience=1, cooldown=1)
    callback.set_model(compiled())
    callback.on_train_begin()
    states = []
    for epoch in range(5):
        callback.on_epoch_end(epoch, {"val_loss": 1})
        states.append(callback.in_cooldown())
    assert states == [False, True, True, True, True]


def test_plateau_says_and_logs(capsys):
    callback = ReduceLROnPlateau(factor=0.5, patience=1, verbose=1)
    drive(callback, [3, 3])
    said = "\nEpoch 2: ReduceLROnPlateau reducing learning rate to 0.25.\n"
    assert capsys.readouterr().out == said
    logs = {"val_loss": 2}
    callback.on_epoch_end(2, logs)
    assert logs == {"val_loss": 2, "learning_rate": 0.25}


def test_plateau_faults():
    with pytest.raises(ValueError, match="does not support a factor >= 1.0"):
        ReduceLROnPlateau(factor=1.0)
    with pytest.warns(UserWarning, match="mode 'x' is unknown"):
        ReduceLROnPlateau(mode="x")
    with pytest.warns(UserWarning, match="Learning rate reduction is conditioned on metric "
                                         "`val_loss` which is not available"):
        drive(ReduceLROnPlateau(), [None])
    with pytest.raises(TypeError, match="schedule"):
        drive(ReduceLROnPlateau(patience=1), [3, 3], model=on_a_schedule())


@pytest.mark.parametrize(("schedule", "rates"), [
    (lambda epoch, rate: rate * 0.5, [0.25, 0.125]),
    (lambda epoch: 0.1 / (epoch + 1), [0.1, 0.05]),
    (lambda epoch: np.float32(0.25), [0.25, 0.25]),
    (keras.optimizers.schedules.ExponentialDecay(0.4, 1, 0.5), [0.4, 0.2]),
])
def test_scheduler(schedule, rates):
    assert drive(LearningRateScheduler(schedule), [1, 1])[0] == rates


def test_scheduler_says_and_logs(capsys):
    callback = LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1)
    drive(callback, [1])
    said = "\nEpoch 1: LearningRateScheduler setting learning rate to 0.25.\n"
    assert capsys.readouterr().out == said
    history = compiled().fit(X, Y, epochs=2, verbose=0, callbacks=[callback]).history
    assert history["learning_rate"] == [0.25, 0.125]


@pytest.mark.parametrize("result", ["a", None])
def test_scheduler_of_no_number(result):
    with pytest.raises(ValueError, match="should be a float"):
        drive(LearningRateScheduler(lambda epoch: result), [1])


def test_scheduler_on_a_schedule():
    with pytest.raises(TypeError, match="schedule"):
        drive(LearningRateScheduler(lambda epoch, rate: 0.1), [1], model=on_a_schedule())


@pytest.mark.parametrize("callback", [ReduceLROnPlateau(), LearningRateScheduler(lambda e: 0.1)])
def test_without_a_learning_rate(callback):
    model = compiled()
    model.optimizer = None
    with pytest.raises(ValueError, match='must have a "learning_rate" attribute'):
        drive(callback, [1], model=model)
