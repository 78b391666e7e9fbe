"""Constraints: values by definition, configurations."""

import numpy as np
import pytest

from minikeras import constraints

W = np.array([[3.0, 0.3, 0.0], [4.0, 0.4, 0.0]])  # columns of norm 5, 0.5, 0


def norms(made, axis=0):
    return np.linalg.norm(made(W).numpy(), axis=axis)


def test_max_norm():
    np.testing.assert_allclose(norms(constraints.MaxNorm(2.0)), [2.0, 0.5, 0.0], rtol=1e-6)
    np.testing.assert_allclose(norms(constraints.MaxNorm(1.0, axis=1), 1), [1.0, 1.0], rtol=1e-6)
    w = np.ones((2, 2, 3, 4))
    long = constraints.MaxNorm(1.0, axis=(0, 1, 2))(w).numpy()
    np.testing.assert_allclose(np.sqrt((long**2).sum((0, 1, 2))), np.ones(4), rtol=1e-6)


def test_unit_norm():
    np.testing.assert_allclose(norms(constraints.UnitNorm()), [1.0, 1.0, 0.0], rtol=1e-6)


def test_min_max_norm():
    made = constraints.MinMaxNorm(1.0, 2.0)
    np.testing.assert_allclose(norms(made), [2.0, 1.0, 0.0], rtol=1e-6)
    half = constraints.MinMaxNorm(1.0, 2.0, rate=0.5)
    np.testing.assert_allclose(norms(half), [3.5, 0.75, 0.0], rtol=1e-6)


def test_non_negative():
    assert constraints.NonNeg()([-2.0, -0.0, 3.0]).numpy().tolist() == [0.0, 0.0, 3.0]


def test_base_leaves_weights():
    np.testing.assert_array_equal(constraints.Constraint()(W).numpy(), W)


@pytest.mark.parametrize("name, config", {
    "MaxNorm": {"max_value": 2, "axis": 0}, "NonNeg": {}, "UnitNorm": {"axis": 0},
    "MinMaxNorm": {"min_value": 0.0, "max_value": 1.0, "rate": 1.0, "axis": 0},
}.items())
def test_config(name, config):
    full = {"module": "keras.constraints", "class_name": name, "config": config,
            "registered_name": None}
    assert constraints.serialize(getattr(constraints, name)()) == full
    assert constraints.deserialize(full).get_config() == config


@pytest.mark.parametrize("name, kind", {
    "max_norm": "MaxNorm", "MaxNorm": "MaxNorm", "non_neg": "NonNeg", "unit_norm": "UnitNorm",
    "min_max_norm": "MinMaxNorm",
}.items())
def test_get(name, kind):
    assert type(constraints.get(name)) is getattr(constraints, kind)


def test_get_of_other_things():
    assert constraints.get(None) is None and constraints.get(abs) is abs
    with pytest.raises(ValueError, match="Could not interpret constraint identifier"):
        constraints.get("x")
