"""Optimizers and schedules against values taken from Keras on JAX.

The variables' elements are of order 1; the absolute tolerance is for the few near 0. Keras on
TensorFlow and on PyTorch agrees with these values as closely, but for two rules: there
ScheduleFreeAdamW's z has the variable's own memory, and on PyTorch Nadam corrects v by less exact
powers of beta_2.
"""

import numpy as np
import pytest

import minikeras as keras
from tests.golden import optimizers, store

ARRAYS, DATA = store.load_arrays("optimizers"), store.load_json("optimizers")


def check(name, values):
    assert len(values) == len(ARRAYS[name])
    np.testing.assert_allclose(values, ARRAYS[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", optimizers.CASES)
def test_fifty_steps(name):
    values, config, state = optimizers.trajectory(name)
    check(f"trajectory {name}", values)
    assert store.plain(config) == DATA["optimizers"][name]
    assert store.plain(state) == DATA["state"][name]


@pytest.mark.parametrize("name", ["sgd_momentum", "adam_amsgrad", "nadam", "adafactor", "muon",
                                  "ema_overwrite", "accumulation_adam", *optimizers.SCALED])
def test_fifty_steps_without_side_effects(name):
    values, _, _ = optimizers.trajectory(name, stateless=True)
    check(f"trajectory {name}", values)


@pytest.mark.parametrize("name", optimizers.CASES)
def test_fifty_steps_of_a_program(name):
    made, values = optimizers.optimizer(name), optimizers.variables()
    made.build(values)
    scaled = name in optimizers.SCALED
    step = keras.function(lambda *grads: made.apply(list(grads)))
    rows = []
    for i in range(optimizers.STEPS):
        step(*(keras.ops.convert_to_tensor(g) for g in optimizers.gradients(i, scaled)))
        rows.append(np.concatenate([v.numpy().ravel() for v in values]))
    check(f"trajectory {name}", np.stack(rows)[optimizers.STORED])


@pytest.mark.parametrize("name", optimizers.AVERAGED)
def test_final_averages(name):
    check(f"averaged {name}", optimizers.averaged(name))


@pytest.mark.parametrize("name", optimizers.SCHEDULES)
def test_schedule(name):
    values, config = optimizers.schedule(name)
    np.testing.assert_allclose(values, ARRAYS[f"schedule {name}"], rtol=1e-5, atol=1e-7)
    assert config == DATA["schedules"][name]
