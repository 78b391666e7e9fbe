"""Adafactor."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.core.variable import Variable
from minikeras.optimizers.adam import step_number
from minikeras.optimizers.optimizer import Optimizer, base_arguments


def _rms(x):
    return ops.sqrt(ops.mean(ops.square(x)))


@public("optimizers.Adafactor")
@base_arguments
class Adafactor(Optimizer):
    """Adam's second moment of a matrix from the means of its rows and columns: less memory.

        beta_2 = 1 - t**beta_2_decay;  alpha = max(epsilon_2, rms(w)) rho_t
        r, c = decaying means of g**2 + epsilon_1 over the last axis, over the one before it
        v = r c / mean(r)
        u = g / sqrt(v)
        w = w - alpha u / max(1, rms(u) / clip_threshold)

    rho_t is learning_rate, or min(learning_rate, 1 / sqrt(t)) with `relative_step`. Vectors have
    a v of their own.

    Args:
        learning_rate: number, schedule or function.
        beta_2_decay: negative.
        epsilon_1: keeps v from 0.
        epsilon_2: the least size that weights count with.
        clip_threshold: the largest rms of u.
        relative_step: whether steps shrink with time.
        **kwargs: those of `Optimizer`.

    Reference: N. Shazeer, M. Stern (2018), Adafactor: Adaptive Learning Rates with Sublinear
    Memory Cost, arXiv:1804.04235.
    """

    def __init__(
        self, learning_rate=0.001, beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3,
        clip_threshold=1.0, relative_step=True, **kwargs,
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_2_decay, self.clip_threshold = beta_2_decay, clip_threshold
        self.epsilon_1, self.epsilon_2 = epsilon_1, epsilon_2
        self.relative_step = relative_step

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._r, self._c, self._v = [], [], []
        for v in variables:
            shapes = (v.shape[:-1], v.shape[:-2] + v.shape[-1:])
            for slots, shape in zip((self._r, self._c), shapes):
                if len(v.shape) > 1:
                    slots.append(self.add_variable(shape, name=v.name, dtype=v.dtype))
                else:  # holds the place that it has in Keras's files
                    slots.append(Variable(0, trainable=False, name=v.name))
                    self._track(slots[-1])
            self._v.append(self.add_variable_from_reference(v, "velocity"))

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        g, rho = ops.cast(gradient, dtype), ops.cast(learning_rate, dtype)
        t = step_number(self, dtype)
        if self.relative_step:
            rho = ops.minimum(rho, 1 / ops.sqrt(t))
        alpha = ops.maximum(self.epsilon_2, _rms(variable.value)) * rho
        beta_2 = 1 - t**self.beta_2_decay
        v = self._second_moment(self._get_variable_index(variable), g, beta_2)
        u = g / ops.sqrt(v)
        u = u / ops.maximum(1.0, _rms(u) / self.clip_threshold)
        self.assign_sub(variable, alpha * u)

    def _second_moment(self, i, g, beta_2):
        squares = ops.square(g) + self.epsilon_1
        if len(g.shape) > 1:
            r = beta_2 * self._r[i] + (1 - beta_2) * ops.mean(squares, axis=-1)
            c = beta_2 * self._c[i] + (1 - beta_2) * ops.mean(squares, axis=-2)
            self.assign(self._r[i], r)
            self.assign(self._c[i], c)
            share = r / ops.mean(r, axis=-1, keepdims=True)
            v = ops.expand_dims(share, -1) * ops.expand_dims(c, -2)
        else:
            v = beta_2 * self._v[i] + (1 - beta_2) * squares
        self.assign(self._v[i], v)
        return v
