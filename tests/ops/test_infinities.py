"""What does not depend on a value is not spoilt by it: no 0 times inf where zeros are meant."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops

INF = np.inf


@pytest.mark.parametrize(("call", "want"), [
    (lambda: ops.average([[1.0, INF], [1.0, 2.0]], axis=0, weights=[1.0, 1.0]), [1.0, INF]),
    (lambda: ops.divide_no_nan([INF, 1.0], 0.0), [0.0, 0.0]),
    (lambda: ops.cross([INF, 1.0], [1.0, 2.0, 3.0]), [3.0, -INF, INF]),
    (lambda: ops.zeros_like(ops.convert_to_tensor([INF, np.nan])), [0.0, 0.0]),
    (lambda: ops.median([-INF, 1.0, INF]), 1.0),
])
def test_value(call, want):
    np.testing.assert_array_equal(call().numpy(), want)


def test_a_class_without_probability_does_not_spoil_the_ctc_loss():
    logits = np.zeros((1, 3, 3), "float32")
    logits[0, :, 2] = -INF
    want = ops.ctc_loss([[1]], logits[:, :, :2], [1], [3])
    np.testing.assert_allclose(ops.ctc_loss([[1]], logits, [1], [3]).numpy(), want.numpy())


@pytest.mark.parametrize("function", [
    lambda x: ops.floor(x) * INF, lambda x: ops.sign(x) * INF, lambda x: ops.round(x) * INF,
    lambda x: ops.heaviside(x, 1.0) * INF, lambda x: ops.imag(x) * INF,
])
def test_gradient_of_steps_is_zero_whatever_comes_after(function):
    gradient = keras.grad(lambda x: ops.sum(function(x)))([1.5, -2.5])
    np.testing.assert_array_equal(gradient.numpy() if hasattr(gradient, "numpy") else gradient, 0.0)


def test_results_that_are_not_used_have_gradient_zero():
    x = ops.convert_to_tensor([INF, 1.0, 2.0, 3.0])
    with keras.GradientTape() as tape:
        tape.watch(x)
        _, last = ops.split(x, 2)
        y = ops.sum(last)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), [0.0, 0.0, 1.0, 1.0])
