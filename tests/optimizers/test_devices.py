"""Optimizers compute the same on every device, without waiting for it or copying to it."""

import numpy as np
import pytest

import minikeras as keras
from minikeras.arrays import device as devices
from tests.golden import optimizers, store

ARRAYS = store.load_arrays("optimizers")


@pytest.mark.parametrize("name", optimizers.CASES)
def test_seven_steps(name, device):
    values, _, state = optimizers.trajectory(name)
    np.testing.assert_allclose(values, ARRAYS[f"trajectory {name}"], rtol=5e-5, atol=5e-6)
    assert state


@pytest.mark.parametrize("name", ["sgd_nesterov", "adam", "rmsprop_both"])
def test_a_step_only_starts_kernels(name, fakecupy):
    with devices.device_scope("gpu"):
        made, values = optimizers.optimizer(name), optimizers.variables()
        grads = [[keras.ops.convert_to_tensor(g) for g in optimizers.gradients(i)]
                 for i in range(2)]
        made.apply(grads[0], values)
        with fakecupy.no_sync(), fakecupy.no_transfer():
            made.apply(grads[1])
        assert all(v.device == "gpu:0" for v in values)
