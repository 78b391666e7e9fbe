"""Adam and its relatives: AdamW, Adamax, Nadam."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.variable import Variable
from minikeras.optimizers.fused import at_once
from minikeras.optimizers.optimizer import Optimizer, base_arguments


@op(vjp=False, variadic=True, outs="many")
def adam_update(xp, tensors, beta_1, beta_2, epsilon, amsgrad):
    """One step of Adam on the tensors that kernels/update.py describes."""
    return xp.adam_update(
        *tensors, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, amsgrad=amsgrad)


@public("optimizers.Adam")
@base_arguments
class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square.

    At step t:

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g**2
        w = w - learning_rate sqrt(1 - beta_2**t) / (1 - beta_1**t) m / (sqrt(v) + epsilon)

    Args:
        learning_rate: number, schedule or function.
        beta_1, beta_2: decay of the two means.
        epsilon: the "epsilon hat" of the paper, section 2.
        amsgrad: divide by the root of the largest v so far (Reddi et al. 2018, arXiv:1904.09237).
        **kwargs: those of `Optimizer`.

    Reference: D. Kingma, J. Ba (2014), Adam: A Method for Stochastic Optimization,
    arXiv:1412.6980.

    >>> from minikeras import Variable, ops
    >>> w = Variable([1.0, 2.0])
    >>> Adam(0.5).apply([ops.ones((2,))], [w])
    >>> [round(x, 4) for x in w.numpy().tolist()]
    [0.5, 1.5]
    """

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, **kwargs,
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.amsgrad = amsgrad

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"])
        self._slots_of_rule = [self._momentums, self._velocities]
        if self.amsgrad:
            self._velocity_hats = self.add_optimizer_variables(variables, "velocity_hat")
            self._slots_of_rule.append(self._velocity_hats)

    @at_once
    def update_step(self, gradients, variables, learning_rate):
        order = [self._get_variable_index(v) for v in variables]
        slots = [[column[i] for i in order] for column in self._slots_of_rule]
        iterations = ops.convert_to_tensor(self.iterations)
        self._side_by_side.update(
            adam_update, [learning_rate, iterations], variables, slots, gradients,
            beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon, amsgrad=self.amsgrad,
        )


@public("optimizers.AdamW")
@base_arguments
class AdamW(Adam):
    """Adam with weight decay apart from the gradient: w = w - learning_rate weight_decay w first.

    Args:
        learning_rate: number, schedule or function.
        weight_decay: share of the weights that is taken off, times the learning rate.
        beta_1, beta_2, epsilon, amsgrad: as for `Adam`.
        **kwargs: those of `Optimizer`.

    Reference: I. Loshchilov, F. Hutter (2017), Decoupled Weight Decay Regularization,
    arXiv:1711.05101.
    """

    def __init__(
        self, learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-7,
        amsgrad=False, **kwargs,
    ):
        if weight_decay is None:
            raise ValueError("`weight_decay` of AdamW must be a number. Received: None")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs)


def step_number(optimizer, dtype):
    """t of the papers, counted from 1, as a 0-d tensor."""
    return ops.cast(ops.convert_to_tensor(optimizer.iterations) + 1, dtype)


def rounded(beta, dtype):
    """A decay as a 0-d tensor of the variables' dtype.

    In float32, 1 - 0.999 is off by 1e-5 of itself; if the weight of a new square and the correction
    1 - beta**t are off alike, their quotient is not.
    """
    return ops.cast(beta, dtype)


@public("optimizers.Adamax")
@base_arguments
class Adamax(Optimizer):
    """Adam with the largest gradient, decayed, in place of the root mean square.

        m = beta_1 m + (1 - beta_1) g
        u = max(beta_2 u, |g|)
        w = w - learning_rate / (1 - beta_1**t) m / (u + epsilon)

    Args:
        learning_rate: number, schedule or function.
        beta_1, beta_2: decay of m and u.
        epsilon: guards the division.
        **kwargs: those of `Optimizer`.

    Reference: D. Kingma, J. Ba (2014), section 7, arXiv:1412.6980.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._m, self._u = self.add_optimizer_variables(variables, ["momentum", "norm"])

    def update_step(self, gradient, variable, learning_rate):
        g, rate = ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype)
        t = step_number(self, variable.dtype)
        i = self._get_variable_index(variable)
        m = self.beta_1 * self._m[i] + (1 - self.beta_1) * g
        u = ops.maximum(self.beta_2 * self._u[i], ops.absolute(g))
        self.assign(self._m[i], m)
        self.assign(self._u[i], u)
        self.assign_sub(variable, rate / (1 - self.beta_1**t) * m / (u + self.epsilon))


@public("optimizers.Nadam")
@base_arguments
class Nadam(Optimizer):
    """Adam with Nesterov's momentum, whose strength mu grows to beta_1.

        mu_t = beta_1 (1 - 0.96**t / 2)
        m = beta_1 m + (1 - beta_1) g;  v = beta_2 v + (1 - beta_2) g**2
        m_hat = mu_{t+1} m / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) g / (1 - mu_1 ... mu_t)
        w = w - learning_rate m_hat / (sqrt(v / (1 - beta_2**t)) + epsilon)

    Args:
        learning_rate: number, schedule or function.
        beta_1, beta_2: decay of the means.
        epsilon: guards the division.
        **kwargs: those of `Optimizer`.

    Reference: T. Dozat (2016), Incorporating Nesterov Momentum into Adam; there mu grows 250 times
    more slowly. This is Keras's rule.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._m, self._v = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        dtype = variables[0].dtype if variables else None
        self._u_product = Variable(1.0, dtype=dtype, trainable=False)
        self._track(self._u_product)

    def _mu(self, t):
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def _step(self, grads, variables):
        before = self._u_product.value  # mu_1 ... mu_{t-1}
        self._product = before * self._mu(step_number(self, before.dtype))
        super()._step(grads, variables)
        self._u_product.assign(self._product)

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        g, rate = ops.cast(gradient, dtype), ops.cast(learning_rate, dtype)
        t = step_number(self, dtype)
        mu, next_mu, product = self._mu(t), self._mu(t + 1), ops.cast(self._product, dtype)
        i, beta_2 = self._get_variable_index(variable), rounded(self.beta_2, dtype)
        m = self.beta_1 * self._m[i] + (1 - self.beta_1) * g
        v = beta_2 * self._v[i] + (1 - beta_2) * ops.square(g)
        m_hat = next_mu * m / (1 - product * next_mu) + (1 - mu) * g / (1 - product)
        v_hat = v / (1 - beta_2**t)
        self.assign(self._m[i], m)
        self.assign(self._v[i], v)
        self.assign_sub(variable, rate * m_hat / (ops.sqrt(v_hat) + self.epsilon))
