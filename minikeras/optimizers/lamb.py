"""Lamb."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.optimizers.adam import step_number
from minikeras.optimizers.optimizer import Optimizer, base_arguments


@public("optimizers.Lamb")
@base_arguments
class Lamb(Optimizer):
    """Adam whose step is, for each variable, as long as the variable times the learning rate.

        m = beta_1 m + (1 - beta_1) g;  v = beta_2 v + (1 - beta_2) g**2
        r = m / (1 - beta_1**t) / (sqrt(v / (1 - beta_2**t)) + epsilon)
        w = w - learning_rate |w| / |r| r    (factor 1 where |w| or |r| is 0)

    Weight decay is taken off before, as for all optimizers here, not within r.

    Args:
        learning_rate: number, schedule or function.
        beta_1, beta_2: decay of the means.
        epsilon: guards the division.
        **kwargs: those of `Optimizer`.

    Reference: Y. You et al. (2019), Large Batch Optimization for Deep Learning, arXiv:1904.00962.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._m, self._v = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        g, rate = ops.cast(gradient, dtype), ops.cast(learning_rate, dtype)
        t = step_number(self, dtype)
        i, w = self._get_variable_index(variable), variable.value
        m = self.beta_1 * self._m[i] + (1 - self.beta_1) * g
        v = self.beta_2 * self._v[i] + (1 - self.beta_2) * ops.square(g)
        r = m / (1 - self.beta_1**t) / (ops.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
        length, step = ops.sqrt(ops.sum(ops.square(w))), ops.sqrt(ops.sum(ops.square(r)))
        moves = ops.logical_and(length > 0, step > 0)
        trust = ops.where(moves, length / ops.where(moves, step, 1.0), 1.0)
        self.assign(self._m[i], m)
        self.assign(self._v[i], v)
        self.assign(variable, w - rate * trust * r)
