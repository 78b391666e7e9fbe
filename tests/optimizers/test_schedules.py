"""Learning-rate schedules: arguments, configs, use by optimizers. Values: test_trajectories."""

import pytest

import minikeras as keras
from minikeras.optimizers import schedules


@pytest.mark.parametrize("made", [
    schedules.ExponentialDecay(0.1, 10, 0.5, True), schedules.InverseTimeDecay(0.1, 10, 0.5),
    schedules.PiecewiseConstantDecay([3], [0.5, 0.1]), schedules.PolynomialDecay(0.1, 10),
    schedules.CosineDecay(0.1, 10, warmup_target=0.5, warmup_steps=3),
    schedules.CosineDecayRestarts(0.1, 10),
], ids=lambda made: type(made).__name__)
def test_config(made):
    again = schedules.deserialize(schedules.serialize(made))
    assert type(again) is type(made) and again.get_config() == made.get_config()
    optimizer = keras.optimizers.SGD(made)
    restored = keras.optimizers.SGD.from_config(optimizer.get_config())
    assert float(restored.learning_rate) == float(made(0))


@pytest.mark.parametrize("make", [
    lambda: schedules.CosineDecay(0.1, 0), lambda: schedules.CosineDecayRestarts(0.1, -1),
    lambda: schedules.ExponentialDecay(0.1, 0, 0.5), lambda: schedules.PolynomialDecay(0.1, 0),
    lambda: schedules.InverseTimeDecay(0.1, 0, 0.5),
])
def test_steps_must_be_positive(make):
    with pytest.raises(ValueError, match="must be > 0"):
        make()


def test_boundaries_and_values():
    with pytest.raises(ValueError, match="one less"):
        schedules.PiecewiseConstantDecay([1], [0.5])


def test_base():
    with pytest.raises(NotImplementedError, match="__call__"):
        schedules.LearningRateSchedule()(0)
    with pytest.raises(NotImplementedError, match="get_config"):
        schedules.LearningRateSchedule().get_config()


def test_a_class_without_module():
    config = {"class_name": "ExponentialDecay",
              "config": {"initial_learning_rate": 0.5, "decay_steps": 1, "decay_rate": 0.5}}
    assert float(schedules.deserialize(config)(1)) == 0.25
