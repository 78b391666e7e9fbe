"""Sizes that are unknown or 0, and dtypes at the edge."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops


def test_causal_attention_over_a_length_that_is_not_known():
    x = keras.Input((None, 2, 4))
    y = ops.dot_product_attention(x, x, x, is_causal=True)
    assert y.shape == (None, None, 2, 4)
    value = np.random.default_rng(0).normal(size=(1, 3, 2, 4)).astype("float32")
    got = keras.Model(x, y)(value).numpy()
    np.testing.assert_allclose(got[:, 0], value[:, 0], rtol=1e-6)  # the first sees itself alone
    want = ops.dot_product_attention(value, value, value, is_causal=True)
    np.testing.assert_array_equal(got, want.numpy())


@pytest.mark.parametrize(("name", "want"), [
    ("segment_max", [True, False, False]), ("segment_min", [False, False, True]),
])
def test_extrema_of_booleans(name, want):
    y = getattr(ops, name)(ops.convert_to_tensor([True, False, False]), [0, 0, 1], 3)
    assert y.dtype == "bool"
    assert y.numpy().tolist() == want


def test_distinct_values_of_nothing():
    parts = {"return_index": True, "return_inverse": True, "return_counts": True}
    got = ops.unique(np.zeros((0,)), size=2, fill_value=7, **parts)
    assert [t.numpy().tolist() for t in got] == [[7.0, 7.0], [0, 0], [], [0, 0]]
    got = ops.unique(np.zeros((0, 2)), size=1, fill_value=7, axis=0)
    assert got.numpy().tolist() == [[7.0, 7.0]]
    with pytest.raises(ValueError, match="ops.unique: .* give `fill_value`"):
        ops.unique(np.zeros((0,)), size=2)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: ops.ctc_loss(np.zeros((1, 1)), np.zeros((1, 0, 3)), [1], [0]),
     "ops.ctc_loss: `output` must have at least one frame"),
    (lambda: ops.associative_scan(lambda a, b: a + b, 3.0), "ops.associative_scan: axis 0"),
    (lambda: ops.arange(None), "ops.arange: the bounds must be numbers"),
    (lambda: ops.arange(keras.Input(())), "ops.arange: the bounds must be numbers"),
])
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
