"""Lion."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.optimizers.optimizer import Optimizer, base_arguments


@public("optimizers.Lion")
@base_arguments
class Lion(Optimizer):
    """Steps of one length, by the sign of the gradient mixed into its running mean.

        w = w - learning_rate sign(beta_1 m + (1 - beta_1) g)
        m = beta_2 m + (1 - beta_2) g

    Args:
        learning_rate: number, schedule or function; about a third to a tenth of Adam's.
        beta_1: how much of m the step takes, in (0, 1].
        beta_2: decay of m.
        **kwargs: those of `Optimizer`.

    Reference: X. Chen et al. (2023), Symbolic Discovery of Optimization Algorithms,
    arXiv:2302.06675.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, **kwargs):
        if beta_1 <= 0 or beta_1 > 1:
            raise ValueError(f"`beta_1` must be in (0, 1]. Received: beta_1={beta_1}")
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2 = beta_1, beta_2

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        g, rate = ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype)
        slot = self._momentums[self._get_variable_index(variable)]
        m = slot.value
        self.assign_sub(variable, rate * ops.sign(self.beta_1 * m + (1 - self.beta_1) * g))
        self.assign(slot, self.beta_2 * m + (1 - self.beta_2) * g)
