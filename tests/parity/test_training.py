"""Twenty steps of the article's network under four optimizers against Keras."""

import numpy as np
import pytest

from tests.golden import store, training

GOLDEN = store.load_arrays("training")


@pytest.mark.parametrize("name", training.OPTIMIZERS)
def test_twenty_steps(name):
    got = training.train(name)
    want = {k.removeprefix(f"{name}: "): v for k, v in GOLDEN.items() if k.startswith(name + ":")}
    assert set(got) == set(want)
    np.testing.assert_allclose(got["loss"], want["loss"], rtol=1e-4)
    np.testing.assert_allclose(got["accuracy"], want["accuracy"], rtol=1e-6)
    for key in want:
        if key.startswith(("moments", "entries")):
            np.testing.assert_allclose(got[key], want[key], rtol=1e-3, atol=1e-4, err_msg=key)


def test_eager_steps_are_the_same():
    got = training.train("sgd", run_eagerly=True)
    np.testing.assert_allclose(got["loss"], GOLDEN["sgd: loss"], rtol=1e-4)
