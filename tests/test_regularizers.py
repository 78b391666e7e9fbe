"""Regularizers: values, gradients, configurations."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import regularizers

X = np.array([[3.0, -4.0, 0.0], [1.0, 2.0, -2.0]])


@pytest.mark.parametrize("made, value, gradient", [
    (regularizers.L1(0.5), 0.5 * np.abs(X).sum(), 0.5 * np.sign(X)),
    (regularizers.L2(0.5), 0.5 * (X**2).sum(), X),
    (regularizers.L1L2(0.1, 0.5), 0.1 * np.abs(X).sum() + 0.5 * (X**2).sum(),
     0.1 * np.sign(X) + X),
    (regularizers.L1L2(l2=0.5), 0.5 * (X**2).sum(), X),
], ids=["l1", "l2", "l1l2", "l1l2_one"])
def test_penalties(made, value, gradient):
    x = keras.ops.convert_to_tensor(X)
    np.testing.assert_allclose(made(x).numpy(), value, rtol=1e-12)
    np.testing.assert_allclose(keras.grad(made)(x).numpy(), gradient, rtol=1e-12)


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal(mode):
    rows = X if mode == "rows" else X[:, :2].T
    given = X if mode == "rows" else X[:, :2]
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosine = abs(unit[0] @ unit[1])
    made = regularizers.OrthogonalRegularizer(0.3, mode)
    np.testing.assert_allclose(made(given).numpy(), 0.3 * cosine, rtol=1e-7)


def test_orthogonal_of_three_rows_and_of_a_row_of_zeros():
    x = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    made = regularizers.OrthogonalRegularizer(1.0)
    np.testing.assert_allclose(made(x).numpy(), np.sqrt(0.5) / 3, rtol=1e-7)
    assert np.isfinite(keras.grad(made)(x).numpy()).all()


def test_nothing():
    assert float(regularizers.L1L2()(X)) == 0.0 and regularizers.Regularizer()(X) == 0.0
    assert regularizers.L1L2(None, None).get_config() == {"l1": 0.0, "l2": 0.0}


@pytest.mark.parametrize("name, config", {
    "L1": {"l1": 0.01}, "L2": {"l2": 0.01}, "L1L2": {"l1": 0.0, "l2": 0.0},
    "OrthogonalRegularizer": {"factor": 0.01, "mode": "rows"},
}.items())
def test_config(name, config):
    made = getattr(regularizers, name)()
    full = {"module": "keras.regularizers", "class_name": name, "config": config,
            "registered_name": None}
    assert regularizers.serialize(made) == full
    assert regularizers.deserialize(full).get_config() == config


@pytest.mark.parametrize("name, kind", {
    "l1": "L1", "L2": "L2", "l1_l2": "L1L2", "l1l2": "L1L2", "L1L2": "L1L2",
    "orthogonal_regularizer": "OrthogonalRegularizer",
}.items())
def test_get(name, kind):
    assert type(regularizers.get(name)) is getattr(regularizers, kind)
    assert regularizers.get({"class_name": kind, "config": {}}).get_config()


@pytest.mark.parametrize("value", [-1, "a", float("nan"), float("inf"), True])
def test_wrong_penalties(value):
    with pytest.raises(ValueError, match="non-negative"):
        regularizers.L1(value)
    with pytest.raises(ValueError, match="non-negative"):
        regularizers.OrthogonalRegularizer(value)


def test_other_errors():
    with pytest.raises(ValueError, match="mode"):
        regularizers.OrthogonalRegularizer(mode="x")
    with pytest.raises(ValueError, match="rank 2"):
        regularizers.OrthogonalRegularizer()(np.ones(3))
    with pytest.raises(ValueError, match="Could not interpret regularizer identifier"):
        regularizers.get("x")
    with pytest.raises(NotImplementedError, match="get_config"):
        regularizers.Regularizer().get_config()
