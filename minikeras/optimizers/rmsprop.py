"""RMSprop."""

from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.optimizers.fused import at_once
from minikeras.optimizers.optimizer import Optimizer, base_arguments


@op(vjp=False, variadic=True, outs="many")
def rmsprop_update(xp, tensors, rho, momentum, epsilon, centered):
    """One step of RMSprop on the tensors that kernels/update.py describes."""
    return xp.rmsprop_update(
        *tensors, rho=rho, momentum=momentum, epsilon=epsilon, centered=centered)


@public("optimizers.RMSprop")
@base_arguments
class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of the squared gradient.

        v = rho v + (1 - rho) g**2
        w = w - learning_rate g / sqrt(v + epsilon)

    Args:
        learning_rate: number, schedule or function.
        rho: decay of the mean.
        momentum: if not 0, steps add up: m = momentum m + step, w = w - m.
        epsilon: guards the division.
        centered: take the square of the running mean gradient off v: its variance.
        **kwargs: those of `Optimizer`.

    Reference: T. Hinton (2012), Neural Networks for Machine Learning, lecture 6e; centered:
    A. Graves (2013), arXiv:1308.0850.
    """

    def __init__(
        self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, **kwargs,
    ):
        super().__init__(learning_rate, **kwargs)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        names = ["velocity"] + ["momentum"] * bool(self.momentum)
        names += ["average_gradient"] * bool(self.centered)
        self._slots_of_rule = [self.add_optimizer_variables(variables, n) for n in names]

    @at_once
    def update_step(self, gradients, variables, learning_rate):
        order = [self._get_variable_index(v) for v in variables]
        slots = [[column[i] for i in order] for column in self._slots_of_rule]
        self._side_by_side.update(
            rmsprop_update, [learning_rate], variables, slots, gradients,
            rho=self.rho, momentum=self.momentum, epsilon=self.epsilon, centered=self.centered,
        )
