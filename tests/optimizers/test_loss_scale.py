"""LossScaleOptimizer."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops, optimizers


def scaled(**arguments):
    w = keras.Variable(np.array([1.0, 2.0], "float32"), name="w")
    made = optimizers.LossScaleOptimizer(
        optimizers.SGD(0.5, **arguments), initial_scale=16.0, dynamic_growth_steps=2, name="s")
    made.build([w])
    return made, w


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_overflow_changes_nothing_but_the_scale(bad):
    made, w = scaled(momentum=0.9)
    made.apply([ops.convert_to_tensor([16.0, 16.0])])
    before = [v.numpy() for v in (w, *made.inner_optimizer.variables)]
    made.apply([ops.convert_to_tensor([bad, 1.0])])
    for v, x in zip((w, *made.inner_optimizer.variables), before):
        np.testing.assert_array_equal(v.numpy(), x)
    assert float(made.scale_loss(1.0)) == 8.0 and int(made.step_counter) == 0


def test_gradients_are_unscaled_before_clipping_and_the_scale_grows():
    made, w = scaled(clipnorm=5.0)
    made.apply([ops.convert_to_tensor([16.0, 32.0])])
    assert w.numpy().tolist() == [0.5, 1.0] and float(made.scale_loss(1.0)) == 16.0
    made.apply([ops.zeros((2,))])
    assert float(made.scale_loss(1.0)) == 32.0 and int(made.step_counter) == 0
    assert int(made.iterations) == 2


def test_check_finite():
    made, _ = scaled()
    assert bool(made.check_finite([ops.ones((2,)), None]))
    assert not bool(made.check_finite([ops.ones((2,)), ops.convert_to_tensor([np.nan])]))


def test_learning_rate_and_variables_are_the_inner_ones():
    made, _ = scaled(momentum=0.9)
    made.learning_rate = 0.25
    assert float(made.inner_optimizer.learning_rate) == 0.25
    inner = made.inner_optimizer.name
    assert [v.path for v in made.variables] == [
        "s/iteration", "s/learning_rate", "s/step_counter", "s/dynamic_scale",
        f"{inner}/iteration", f"{inner}/learning_rate", f"{inner}/w_momentum"]


def test_config_and_arguments():
    made, _ = scaled()
    again = optimizers.deserialize(optimizers.serialize(made))
    assert again.get_config() == made.get_config()
    assert list(made.get_config()) == [
        "name", "inner_optimizer", "initial_scale", "dynamic_growth_steps"]
    with pytest.raises(ValueError, match="does not support `clipnorm`"):
        optimizers.LossScaleOptimizer(optimizers.SGD(), clipnorm=1.0)
    with pytest.raises(TypeError, match="must be an Optimizer"):
        optimizers.LossScaleOptimizer("sgd")


def test_stateless_apply():
    made, w = scaled()
    values = [v.value for v in made.variables]
    new, state = made.stateless_apply(values, [ops.convert_to_tensor([16.0, 0.0])], [w.value])
    assert new[0].numpy().tolist() == [0.5, 2.0] and w.numpy().tolist() == [1.0, 2.0]
    _, state = made.stateless_apply(values, [ops.convert_to_tensor([np.inf, 0.0])], [w.value])
    paths = [v.path for v in made.variables]
    assert float(state[paths.index("s/dynamic_scale")]) == 8.0
