"""OptimizerMap and MultiOptimizer."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops, optimizers


def variables():
    made = []
    for path in ("encoder/kernel", "encoder/bias", "head/kernel"):
        scope, name = path.split("/")
        with keras.name_scope(scope):
            made.append(keras.Variable(np.ones(2, "float32"), name=name))
    return made


def apply(optimizer, w):
    optimizer.apply([ops.ones((2,))] * 3, w)
    return [float(v.numpy()[0]) for v in w]


def test_each_variable_by_its_optimizer():
    table = optimizers.OptimizerMap(optimizers.SGD(0.5), {"encoder/.*": optimizers.SGD(0.25)})
    made, w = optimizers.MultiOptimizer(table), variables()
    assert apply(made, w) == [0.75, 0.75, 0.5]
    assert int(made.iterations) == 1 and len(made.optimizers) == 2
    assert optimizers.deserialize(optimizers.serialize(made)).get_config() == made.get_config()
    with pytest.raises(AttributeError, match="sub-optimizers"):
        made.learning_rate
    with pytest.raises(AttributeError, match="sub-optimizers"):
        made.learning_rate = 0.5


def test_order_of_variables():
    table = optimizers.OptimizerMap(optimizers.SGD(name="rest"))
    table["encoder"] = optimizers.Adam(name="a")
    made, w = optimizers.MultiOptimizer(table, name="m"), variables()
    made.build(w)
    assert [v.path for v in made.variables] == [
        "m/iteration", "m/learning_rate", "a/iteration", "a/learning_rate",
        "a/encoder_kernel_momentum", "a/encoder_kernel_velocity", "a/encoder_bias_momentum",
        "a/encoder_bias_velocity", "rest/iteration", "rest/learning_rate"]


def test_function_as_map():
    slow, fast = optimizers.SGD(0.25), optimizers.SGD(0.5)
    made = optimizers.MultiOptimizer(lambda v: fast if "head" in v.path else slow)
    assert apply(made, variables()) == [0.75, 0.75, 0.5]
    with pytest.raises(NotImplementedError, match="OptimizerMap"):
        made.get_config()


def test_constraint_is_applied_once():
    w = variables()[:1]
    w[0].constraint = keras.constraints.MinMaxNorm(0.0, 0.0, rate=0.5)
    optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.SGD(0.5))).apply(
        [ops.zeros((2,))], w)
    np.testing.assert_allclose(w[0].numpy(), [0.5, 0.5], rtol=1e-6)


def test_map():
    first, rest = optimizers.SGD(), optimizers.SGD()
    table = optimizers.OptimizerMap(rest, {"a.*": first})
    assert table["ab"] is first and table["b"] is rest and table.default_optimizer is rest
    assert list(table) == ["a.*"] and len(table) == 1 and "a.*" in table and "ab" not in table
    with pytest.raises(ValueError, match="already exists"):
        table["a.*"] = rest
    with pytest.raises(ValueError, match="must be an Optimizer"):
        table["c"] = 3
    with pytest.raises(TypeError, match="must be an Optimizer"):
        optimizers.OptimizerMap("sgd")
    with pytest.raises(TypeError, match="must be a dictionary"):
        optimizers.OptimizerMap(rest, 3)
