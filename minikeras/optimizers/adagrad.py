"""Adagrad and Adadelta."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.initializers import Constant
from minikeras.optimizers.optimizer import Optimizer, base_arguments
from minikeras.optimizers.rows import adagrad_rows, looked_up


@public("optimizers.Adagrad")
@base_arguments
class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients.

        a = a + g**2
        w = w - learning_rate g / sqrt(a + epsilon)

    Args:
        learning_rate: number, schedule or function.
        initial_accumulator_value: what a starts from, not negative.
        epsilon: guards the division.
        **kwargs: those of `Optimizer`.

    Reference: J. Duchi et al. (2011), Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization.
    """

    def __init__(
        self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, **kwargs,
    ):
        super().__init__(learning_rate, **kwargs)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._accumulators_of_squares = self.add_optimizer_variables(
            variables, "accumulator", Constant(self.initial_accumulator_value))

    def update_step(self, gradient, variable, learning_rate):
        slot = self._accumulators_of_squares[self._get_variable_index(variable)]
        rows = looked_up(gradient)
        if rows is not None:
            new, a = adagrad_rows(
                variable.value, slot.value, learning_rate, *rows, epsilon=self.epsilon)
            self.assign(slot, a)
            self.assign(variable, new)
            return
        g, rate = ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype)
        a = slot + ops.square(g)
        self.assign(slot, a)
        self.assign_sub(variable, rate * g / ops.sqrt(a + self.epsilon))


@public("optimizers.Adadelta")
@base_arguments
class Adadelta(Optimizer):
    """Steps as long as the last steps were, for gradients as long as the last gradients were.

        a = rho a + (1 - rho) g**2
        step = sqrt(d + epsilon) / sqrt(a + epsilon) g
        d = rho d + (1 - rho) step**2
        w = w - learning_rate step

    Args:
        learning_rate: number, schedule or function; 1.0 in the paper.
        rho: decay of the means.
        epsilon: guards the division and starts the steps.
        **kwargs: those of `Optimizer`.

    Reference: M. Zeiler (2012), ADADELTA: An Adaptive Learning Rate Method, arXiv:1212.5701.
    """

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.rho, self.epsilon = rho, epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._a, self._d = self.add_optimizer_variables(
            variables, ["accumulated_grad", "accumulated_delta_var"])

    def update_step(self, gradient, variable, learning_rate):
        g, rate = ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype)
        i = self._get_variable_index(variable)
        rho, d = self.rho, self._d[i].value
        a = rho * self._a[i] + (1 - rho) * ops.square(g)
        step = ops.sqrt((d + self.epsilon) / (a + self.epsilon)) * g
        self.assign(self._a[i], a)
        self.assign(self._d[i], rho * d + (1 - rho) * ops.square(step))
        self.assign_sub(variable, rate * step)
