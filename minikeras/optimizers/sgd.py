"""Stochastic gradient descent."""

from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.optimizers.fused import at_once
from minikeras.optimizers.optimizer import Optimizer, base_arguments
from minikeras.optimizers.rows import looked_up, sgd_rows


@op(vjp=False, variadic=True, outs="many")
def sgd_update(xp, tensors, momentum, nesterov):
    """One step of gradient descent on the tensors that kernels/update.py describes."""
    return xp.sgd_update(*tensors, momentum=momentum, nesterov=nesterov)


@public("optimizers.SGD")
@base_arguments
class SGD(Optimizer):
    """w = w - learning_rate g; with momentum v = momentum v - learning_rate g, w = w + v.

    With `nesterov`, w = w + momentum v - learning_rate g.

    Args:
        learning_rate: number, schedule or function.
        momentum: in [0, 1].
        nesterov: whether to look ahead by the momentum.
        **kwargs: those of `Optimizer`.

    Reference: I. Sutskever et al. (2013), On the importance of initialization and momentum in
    deep learning.

    >>> from minikeras import Variable, ops
    >>> w = Variable([1.0, 2.0])
    >>> SGD(0.5).apply([ops.ones((2,))], [w])
    >>> w.numpy().tolist()
    [0.5, 1.5]
    """

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, **kwargs):
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be in [0, 1]. Received: momentum={momentum}")
        super().__init__(learning_rate, **kwargs)
        self.momentum, self.nesterov = momentum, nesterov

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        if self.momentum:
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    @at_once
    def update_step(self, gradients, variables, learning_rate):
        slots = []
        if self.momentum:
            slots = [[self.momentums[self._get_variable_index(v)] for v in variables]]
        else:
            gradients, variables = self._step_on_rows(gradients, variables, learning_rate)
        self._side_by_side.update(
            sgd_update, [learning_rate], variables, slots, gradients,
            momentum=self.momentum, nesterov=self.nesterov,
        )

    def _step_on_rows(self, gradients, variables, learning_rate):
        """Step on the tables of which few rows have a gradient; what is left."""
        left = []
        for g, v in zip(gradients, variables):
            rows = looked_up(g)
            if rows is None:
                left.append((g, v))
            else:
                self.assign(v, sgd_rows(v.value, learning_rate, *rows))
        return [g for g, _ in left], [v for _, v in left]
