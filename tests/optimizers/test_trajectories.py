"""Optimizers and schedules against values taken from Keras."""

import numpy as np
import pytest

from tests.golden import optimizers, store

ARRAYS, DATA = store.load_arrays("optimizers"), store.load_json("optimizers")


@pytest.mark.parametrize("name", optimizers.CASES)
def test_seven_steps(name):
    values, config, state = optimizers.trajectory(name)
    np.testing.assert_allclose(values, ARRAYS[f"trajectory {name}"], rtol=2e-5, atol=2e-6)
    assert store.plain(config) == DATA["optimizers"][name]
    assert store.plain(state) == DATA["state"][name]


@pytest.mark.parametrize("name", [n.removeprefix("averaged ") for n in ARRAYS
                                  if n.startswith("averaged ")])
def test_final_averages(name):
    np.testing.assert_allclose(
        optimizers.averaged(name), ARRAYS[f"averaged {name}"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", optimizers.SCHEDULES)
def test_schedule(name):
    values, config = optimizers.schedule(name)
    np.testing.assert_allclose(values, ARRAYS[f"schedule {name}"], rtol=1e-5, atol=1e-7)
    assert config == DATA["schedules"][name]
