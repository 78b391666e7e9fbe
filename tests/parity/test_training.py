"""Twenty steps of the article's network under four optimizers against Keras."""

import numpy as np
import pytest

from tests.golden import store, training

GOLDEN = store.load_arrays("training")


def check(name, atol, **compile_arguments):
    """Losses to 1e-4, weights to 1e-3 of their size or `atol`."""
    got = training.train(name, **compile_arguments)
    want = {k.removeprefix(f"{name}: "): v for k, v in GOLDEN.items() if k.startswith(name + ":")}
    assert set(got) == set(want)
    np.testing.assert_allclose(got["loss"], want["loss"], rtol=1e-4)
    np.testing.assert_allclose(got["accuracy"], want["accuracy"], rtol=1e-6)
    for key in want:
        if key.startswith(("moments", "entries")):
            np.testing.assert_allclose(got[key], want[key], rtol=1e-3, atol=atol, err_msg=key)


@pytest.mark.parametrize("name", training.OPTIMIZERS)
def test_twenty_steps(name):
    check(name, 1e-4, run_eagerly=True)


@pytest.mark.parametrize("name", training.OPTIMIZERS)
def test_twenty_compiled_steps(name):
    """Tiles add in another order; where a relu or a maximum is tied within rounding, that sends
    a gradient another way, and twenty steps carry it on."""
    check(name, 1e-3, jit_compile=True)
