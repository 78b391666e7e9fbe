"""LossScaleOptimizer: training in half precision."""

import functools

from minikeras import ops
from minikeras.api.registry import public
from minikeras.core.serialization import (
    deserialize_keras_object,
    serialize_keras_object,
)
from minikeras.optimizers.optimizer import Optimizer, Tentative


@public("optimizers.LossScaleOptimizer", "mixed_precision.LossScaleOptimizer")
class LossScaleOptimizer(Optimizer):
    """Another optimizer, with a loss scaled up so that float16 gradients do not become 0.

    The loss is multiplied by the scale and the gradients are divided by it. If a gradient is
    infinite or NaN, the step changes nothing but the scale, which is halved; after
    `dynamic_growth_steps` steps without it is doubled.

    Args:
        inner_optimizer: the optimizer; clipping, weight decay and so on are set there.
        initial_scale: the first scale; a high one soon comes down.
        dynamic_growth_steps: good steps after which the scale is doubled.
        name: prefix of the variables' paths.

    Reference: P. Micikevicius et al. (2017), Mixed Precision Training, arXiv:1710.03740.

    >>> from minikeras import Variable, optimizers
    >>> w = Variable([1.0])
    >>> scaled = LossScaleOptimizer(optimizers.SGD(0.5), initial_scale=8.0)
    >>> scaled.apply([ops.convert_to_tensor([8.0])], [w])
    >>> w.numpy().tolist()
    [0.5]
    """

    def __init__(
        self, inner_optimizer, initial_scale=2.0**15, dynamic_growth_steps=2000, name=None,
        **kwargs,
    ):
        inner_optimizer = deserialize_keras_object(inner_optimizer)
        if not isinstance(inner_optimizer, Optimizer):
            raise TypeError(
                f"`inner_optimizer` must be an Optimizer. Received: {inner_optimizer!r}")
        for given, value in kwargs.items():
            if value:
                raise ValueError(
                    f"LossScaleOptimizer does not support `{given}`. Instead, set `{given}` on the "
                    "`inner_optimizer`."
                )
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.initial_scale, self.dynamic_growth_steps = initial_scale, dynamic_growth_steps

    def build(self, variables):
        if self.built:
            return
        self.step_counter = self._counter("step_counter", 0, "int")
        self.dynamic_scale = self._counter("dynamic_scale", self.initial_scale, "float32")
        self._track(self.step_counter)
        self._track(self.dynamic_scale)
        self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def variables(self):
        return [*self._variables, *self.inner_optimizer.variables]

    @property
    def iterations(self):
        """The inner optimizer's count: steps that were skipped are not in it."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self):
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self.inner_optimizer.learning_rate = value

    def apply(self, grads, trainable_variables=None):
        grads = list(grads)
        if not grads:
            return
        variables = self._variables_for(grads, trainable_variables)
        scale, count = self.dynamic_scale.value, self.step_counter.value
        finite = self.check_finite(grads)
        with Tentative() as tentative:
            unscaled = [None if g is None else g * ops.cast(1.0 / scale, g.dtype) for g in grads]
            self.inner_optimizer.apply(unscaled, variables)
        tentative.commit(finite)
        grows = ops.equal(count + 1, self.dynamic_growth_steps)
        good = ops.where(grows, scale * 2.0, scale)
        self.dynamic_scale.assign(ops.where(finite, good, scale * 0.5))
        starts_anew = ops.logical_or(grows, ops.logical_not(finite))
        self.step_counter.assign(ops.where(starts_anew, 0, count + 1))

    def check_finite(self, grads):
        """Whether all gradients are free of infinities and NaN: a 0-d bool tensor."""
        checks = [ops.all(ops.isfinite(g)) for g in grads if g is not None]
        return functools.reduce(ops.logical_and, checks, ops.convert_to_tensor(True))

    def update_step(self, gradient, variable, learning_rate):
        self.inner_optimizer.update_step(gradient, variable, learning_rate)

    def scale_loss(self, loss):
        """The loss times the scale, and times the inner optimizer's factor."""
        scale = self.dynamic_scale.value if self.built else self.initial_scale
        loss = ops.convert_to_tensor(loss)
        return self.inner_optimizer.scale_loss(loss * ops.cast(scale, loss.dtype))

    def finalize_variable_values(self, var_list):
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def get_config(self):
        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        inner = deserialize_keras_object(config["inner_optimizer"], custom_objects)
        return cls(**{**config, "inner_optimizer": inner})
