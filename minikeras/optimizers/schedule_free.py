"""Schedule-free AdamW."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.optimizers.adam import rounded, step_number
from minikeras.optimizers.optimizer import Optimizer, base_arguments


@public("optimizers.ScheduleFreeAdamW")
@base_arguments
class ScheduleFreeAdamW(Optimizer):
    """Adam that needs no schedule: gradients are taken between its iterate z and the mean x of z.

    The variable is y = (1 - beta_1) z + beta_1 x. At step t, with rate the learning rate (grown
    linearly over the first `warmup_steps`):

        v = beta_2 v + (1 - beta_2) g**2
        z = z - rate g / (sqrt(v / (1 - beta_2**t)) + epsilon)
        x = (1 - 1/t) x + z / t
        y = (1 - beta_1) z + beta_1 x

    Args:
        learning_rate: number, schedule or function.
        beta_1: the share of x in y.
        beta_2: decay of v.
        epsilon: guards the division.
        warmup_steps: steps until the full learning rate.
        **kwargs: those of `Optimizer`.

    Reference: A. Defazio et al. (2024), The Road Less Scheduled, arXiv:2405.15682.
    """

    def __init__(
        self, learning_rate=0.0025, beta_1=0.9, beta_2=0.999, epsilon=1e-8, warmup_steps=0,
        **kwargs,
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.warmup_steps = warmup_steps

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._z, self._v = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        for z, y in zip(self._z, variables):
            if z is not None:
                z.assign(y.value)

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        g, rate = ops.cast(gradient, dtype), ops.cast(learning_rate, dtype)
        t = step_number(self, dtype)
        if self.warmup_steps:
            rate = rate * ops.minimum(t / self.warmup_steps, 1.0)
        i, y = self._get_variable_index(variable), variable.value
        beta_2 = rounded(self.beta_2, dtype)
        v = beta_2 * self._v[i] + (1 - beta_2) * ops.square(g)
        z = self._z[i].value
        x = (y - (1 - self.beta_1) * z) / self.beta_1
        z = z - rate * g / (ops.sqrt(v / (1 - beta_2**t)) + self.epsilon)
        x = (1 - 1 / t) * x + z / t
        self.assign(self._v[i], v)
        self.assign(self._z[i], z)
        self.assign(variable, (1 - self.beta_1) * z + self.beta_1 * x)
