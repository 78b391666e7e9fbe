"""Muon: orthogonalized momentum for matrices, AdamW for all else."""

import re

from minikeras import ops
from minikeras.api.registry import public
from minikeras.optimizers.adam import step_number
from minikeras.optimizers.optimizer import Optimizer, base_arguments


@public("optimizers.Muon")
@base_arguments
class Muon(Optimizer):
    """Steps along the orthogonal matrix nearest to the momentum.

    For a matrix:

        m = momentum m + g
        u = m, or g + momentum m (Nesterov)
        w = w - learning_rate rms_rate sqrt(max(rows, columns)) orthogonal(u)

    Variables that are no matrices, embeddings, and those whose path matches one of
    `exclude_layers` (name the output layer there) are changed by AdamW.

    Args:
        learning_rate: number, schedule or function.
        adam_beta_1, adam_beta_2, adam_weight_decay, epsilon: of AdamW.
        weight_decay: of matrices.
        exclude_layers: list of regular expressions.
        exclude_embeddings: whether variables with "embedding" in their path go to AdamW.
        muon_a, muon_b, muon_c: coefficients of the Newton-Schulz iteration.
        adam_lr_ratio: AdamW's learning rate as a share of learning_rate.
        momentum: decay of m.
        ns_steps: Newton-Schulz iterations.
        nesterov: whether to look ahead.
        rms_rate: root mean square of a step; None: no scaling by the shape.
        **kwargs: those of `Optimizer`.

    Reference: K. Jordan et al. (2024), Muon: An optimizer for hidden layers in neural networks;
    J. Liu et al. (2025), Muon is Scalable for LLM Training, arXiv:2502.16982.
    """

    def __init__(
        self, learning_rate=0.001, adam_beta_1=0.9, adam_beta_2=0.999, adam_weight_decay=0.004,
        epsilon=1e-7, weight_decay=0.004, *, exclude_layers=None, exclude_embeddings=True,
        muon_a=3.4445, muon_b=-4.7750, muon_c=2.0315, adam_lr_ratio=1, momentum=0.95, ns_steps=5,
        nesterov=True, rms_rate=0.2, **kwargs,
    ):
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)
        self.adam_beta_1, self.adam_beta_2 = adam_beta_1, adam_beta_2
        self.adam_weight_decay, self.epsilon = adam_weight_decay, epsilon
        self.exclude_layers = list(exclude_layers or [])
        self.exclude_embeddings = exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.adam_lr_ratio, self.momentum, self.ns_steps = adam_lr_ratio, momentum, ns_steps
        self.nesterov, self.rms_rate = nesterov, rms_rate

    def _by_adam(self, variable):
        if len(variable.shape) != 2:
            return True
        if self.exclude_embeddings and "embedding" in variable.path.lower():
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._m, self._v = [], []
        for v in variables:
            self._m.append(self.add_variable_from_reference(v, "momentum"))
            self._v.append(
                self.add_variable_from_reference(v, "velocity") if self._by_adam(v) else None)

    def update_step(self, gradient, variable, learning_rate):
        g, rate = ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype)
        if self._v[self._get_variable_index(variable)] is None:
            self._muon_step(g, variable, rate)
        else:
            self._adam_step(g, variable, rate * self.adam_lr_ratio)

    def _muon_step(self, g, variable, rate):
        slot = self._m[self._get_variable_index(variable)]
        m = self.momentum * slot + g
        self.assign(slot, m)
        u = g + self.momentum * m if self.nesterov else m
        step = self.lr_adjust(self.zeropower_via_newtonschulz5(u, self.ns_steps))
        self.assign_sub(variable, rate * step)

    def _adam_step(self, g, variable, rate):
        t = step_number(self, variable.dtype)
        i, b1, b2 = self._get_variable_index(variable), self.adam_beta_1, self.adam_beta_2
        m = b1 * self._m[i] + (1 - b1) * g
        v = b2 * self._v[i] + (1 - b2) * ops.square(g)
        alpha = rate * ops.sqrt(1 - b2**t) / (1 - b1**t)
        self.assign(self._m[i], m)
        self.assign(self._v[i], v)
        self.assign_sub(variable, alpha * m / (ops.sqrt(v) + self.epsilon))

    def transpose_last_axis(self, X):
        """X with its last two axes swapped."""
        return ops.swapaxes(X, -1, -2)

    def lr_adjust(self, x):
        """x times rms_rate sqrt(max(rows, columns)): the size of a step of Adam."""
        if self.rms_rate is None:
            return x
        return x * (max(x.shape[-2:]) ** 0.5 * self.rms_rate)

    def zeropower_via_newtonschulz5(self, x, steps):
        """About U V^T for x = U S V^T: the singular values go to 1, between 0.7 and 1.2.

        Each step is x = a x + b (x x^T) x + c (x x^T)**2 x, on x of norm 1.
        """
        x = ops.convert_to_tensor(x)
        tall = x.shape[-2] > x.shape[-1]
        x = self.transpose_last_axis(x) if tall else x
        norm = ops.sqrt(ops.sum(ops.square(x), axis=(-2, -1), keepdims=True))
        x = x / (norm + 1e-7)
        for _ in range(steps):
            gram = ops.matmul(x, self.transpose_last_axis(x))
            mixed = self.muon_b * gram + self.muon_c * ops.matmul(gram, gram)
            x = self.muon_a * x + ops.matmul(mixed, x)
        return self.transpose_last_axis(x) if tall else x

    def _apply_weight_decay(self, variables):
        kept = [v for v in variables if self._use_weight_decay(v)]
        for by_adam, decay in ((True, self.adam_weight_decay), (False, self.weight_decay)):
            if decay is not None:
                self._decay([v for v in kept if self._by_adam(v) is by_adam], decay)
