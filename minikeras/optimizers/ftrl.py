"""Follow the regularized leader."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.initializers import Constant
from minikeras.optimizers.optimizer import Optimizer, base_arguments


@public("optimizers.Ftrl")
@base_arguments
class Ftrl(Optimizer):
    """FTRL-Proximal: gradient descent whose weights become exactly 0 under an L1 penalty.

        n_ = n + g**2;  sigma = (n_**-p - n**-p) / learning_rate, p = learning_rate_power
        z = z + g + 2 shrinkage w - sigma w
        w = 0 where |z| < l1, else (sign(z) l1 - z) / (n_**-p / learning_rate + 2 l2')
        l2' = l2 + beta / (2 learning_rate)

    Args:
        learning_rate: number, schedule or function.
        learning_rate_power: at most 0; -0.5 for steps that shrink with the root of n.
        initial_accumulator_value: what n starts from, not negative.
        l1_regularization_strength, l2_regularization_strength: l1 and l2.
        l2_shrinkage_regularization_strength: an L2 penalty on the gradient's side.
        beta: of the paper.
        **kwargs: those of `Optimizer`.

    Reference: H. B. McMahan et al. (2013), Ad Click Prediction: a View from the Trenches.
    """

    def __init__(
        self, learning_rate=0.001, learning_rate_power=-0.5, initial_accumulator_value=0.1,
        l1_regularization_strength=0.0, l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0, beta=0.0, **kwargs,
    ):
        super().__init__(learning_rate, **kwargs)
        for name, value, wrong in (
            ("initial_accumulator_value", initial_accumulator_value, initial_accumulator_value < 0),
            ("learning_rate_power", learning_rate_power, learning_rate_power > 0),
            ("l1_regularization_strength", l1_regularization_strength,
             l1_regularization_strength < 0),
            ("l2_regularization_strength", l2_regularization_strength,
             l2_regularization_strength < 0),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength,
             l2_shrinkage_regularization_strength < 0),
        ):
            if wrong:
                bound = "at most 0" if name == "learning_rate_power" else "at least 0"
                raise ValueError(f"`{name}` must be {bound}. Received: {name}={value}")
            setattr(self, name, value)
        self.beta = beta

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._n, self._z = self.add_optimizer_variables(
            variables, ["accumulator", "linear"],
            [Constant(self.initial_accumulator_value), "zeros"])

    def update_step(self, gradient, variable, learning_rate):
        g, rate = ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype)
        i, w, p = self._get_variable_index(variable), variable.value, self.learning_rate_power
        l1, shrinkage = self.l1_regularization_strength, self.l2_shrinkage_regularization_strength
        n = self._n[i].value
        new_n = n + ops.square(g)
        sigma = (new_n**-p - n**-p) / rate
        z = self._z[i] + g + 2 * shrinkage * w - sigma * w
        l2 = self.l2_regularization_strength + self.beta / (2 * rate)
        self.assign(self._n[i], new_n)
        self.assign(self._z[i], z)
        self.assign(variable, (ops.clip(z, -l1, l1) - z) / (new_n**-p / rate + 2 * l2))
