"""Batch and layer normalization."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.core.operators import OPS
from minikeras.core.shape_rules import canonical_axes, canonical_axis
from minikeras.layers.dense import set_weight_options, weight
from minikeras.layers.input_spec import InputSpec
from minikeras.layers.layer import Layer


def _check_epsilon(layer, epsilon):
    if not isinstance(epsilon, (int, float)) or epsilon <= 0:
        raise ValueError(
            f"`epsilon` of {type(layer).__name__} must be a positive number. "
            f"Received: epsilon={epsilon}"
        )


@public("layers.BatchNormalization")
class BatchNormalization(Layer):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, channel by channel.

    In training, mean and variance are the batch's, and move the moving averages:
    moving = momentum moving + (1 - momentum) batch. Otherwise, and where `trainable` is False,
    the moving averages are used. Masked positions do not count.

    Args:
        axis: the axis of channels.
        momentum: of the moving averages.
        epsilon: guards the division.
        center, scale: whether there is a beta, a gamma.
        *_initializer, *_regularizer, *_constraint: of beta, gamma and the moving averages.
        renorm, renorm_clipping, renorm_momentum: batch renormalization is not supported.
        synchronized: over replicas; there is one.

    S. Ioffe, C. Szegedy 2015, arXiv:1502.03167.
    """

    def __init__(
        self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True,
        beta_initializer="zeros", gamma_initializer="ones", moving_mean_initializer="zeros",
        moving_variance_initializer="ones", beta_regularizer=None, gamma_regularizer=None,
        beta_constraint=None, gamma_constraint=None, renorm=False, renorm_clipping=None,
        renorm_momentum=0.99, synchronized=False, **kwargs,
    ):
        super().__init__(**kwargs)
        if renorm:
            raise NotImplementedError("BatchNormalization: `renorm=True` is not supported.")
        _check_epsilon(self, epsilon)
        self.axis, self.momentum, self.epsilon = int(axis), float(momentum), epsilon
        self.center, self.scale, self.synchronized = center, scale, synchronized
        self.renorm, self.renorm_clipping, self.renorm_momentum = (
            renorm, renorm_clipping, renorm_momentum)
        set_weight_options(
            self, beta_initializer=beta_initializer, gamma_initializer=gamma_initializer,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
            beta_regularizer=beta_regularizer, gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint, gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True
        self.gamma = self.beta = self.moving_mean = self.moving_variance = None

    def build(self, input_shape):
        axis = canonical_axis(self.axis, len(input_shape))
        n = input_shape[axis]
        if n is None:
            raise ValueError(
                f'Layer "{self.name}" (BatchNormalization) needs to know the length of axis '
                f"{self.axis} of its input. Received: input shape {tuple(input_shape)}"
            )
        if self.scale:
            self.gamma = weight(self, "gamma", (n,))
        if self.center:
            self.beta = weight(self, "beta", (n,))
        for name in ("moving_mean", "moving_variance"):
            variable = self.add_weight(
                name=name, shape=(n,), initializer=getattr(self, f"{name}_initializer"),
                trainable=False, autocast=False,
            )
            setattr(self, name, variable)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={axis: n})

    def call(self, inputs, training=None, mask=None):
        axis = canonical_axis(self.axis, len(inputs.shape))
        dtype = inputs.dtype
        wide = self.compute_dtype in ("float16", "bfloat16")
        x = ops.cast(inputs, "float32") if wide else inputs
        gamma = None if self.gamma is None else ops.cast(self.gamma, x.dtype)
        beta = None if self.beta is None else ops.cast(self.beta, x.dtype)
        if not (training and self.trainable):
            y = ops.batch_normalization(
                x, ops.cast(self.moving_mean, x.dtype), ops.cast(self.moving_variance, x.dtype),
                axis, beta, gamma, self.epsilon)
            return ops.cast(y, dtype) if wide else y
        y, mean, variance = self._normalized(x, gamma, beta, axis, mask)
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance)
        return ops.cast(y, dtype) if wide else y

    def _normalized(self, x, gamma, beta, axis, mask):
        axes = tuple(i for i in range(len(x.shape)) if i != axis)
        if mask is None:
            n = self.moving_mean.shape
            gamma = ops.ones(n, x.dtype) if gamma is None else gamma
            beta = ops.zeros(n, x.dtype) if beta is None else beta
            return OPS["batch_norm_train"](x, gamma, beta, axes=axes, epsilon=float(self.epsilon))
        share = ops.cast(mask, x.dtype)
        for _ in range(len(x.shape) - len(share.shape)):
            share = ops.expand_dims(share, -1)
        share = ops.broadcast_to(share, ops.shape(x))
        total = ops.maximum(ops.sum(share, axis=axes), 1e-7)
        mean = ops.sum(x * share, axis=axes) / total
        wide = [1] * len(x.shape)
        wide[axis] = -1
        center = (x - ops.reshape(mean, wide)) * share
        variance = ops.sum(center * center, axis=axes) / total
        y = ops.batch_normalization(x, mean, variance, axis, beta, gamma, self.epsilon)
        return y, mean, variance

    def _move(self, moving, batch):
        batch = ops.cast(ops.stop_gradient(batch), moving.dtype)
        moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))

    def compute_output_shape(self, input_shape):
        return input_shape


@public("layers.LayerNormalization")
class LayerNormalization(Layer):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, sample by sample over `axis`.

    Args:
        axis: an int or a sequence.
        epsilon: guards the division.
        center, scale: whether there is a beta, a gamma.
        *_initializer, *_regularizer, *_constraint: of beta and gamma.

    J. L. Ba et al. 2016, arXiv:1607.06450.
    """

    def __init__(
        self, axis=-1, epsilon=1e-3, center=True, scale=True, beta_initializer="zeros",
        gamma_initializer="ones", beta_regularizer=None, gamma_regularizer=None,
        beta_constraint=None, gamma_constraint=None, **kwargs,
    ):
        self.rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(**kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(
                "Expected an int or a list/tuple of ints for the argument 'axis'. "
                f"Received: axis={axis}"
            )
        self.axis = sorted(axis) if isinstance(axis, (list, tuple)) else [axis]
        _check_epsilon(self, epsilon)
        self.epsilon, self.center, self.scale = epsilon, center, scale
        set_weight_options(
            self, beta_initializer=beta_initializer, gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer, gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint, gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True
        self.gamma = self.beta = None

    def build(self, input_shape):
        axes = canonical_axes(tuple(self.axis), len(input_shape))
        shape = tuple(input_shape[a] for a in axes)
        if None in shape:
            raise ValueError(
                f'Layer "{self.name}" (LayerNormalization) needs to know the lengths of axes '
                f"{axes} of its input. Received: input shape {tuple(input_shape)}"
            )
        if self.scale or self.rms_scaling:
            self.gamma = weight(self, "gamma", shape)
        if self.center and not self.rms_scaling:
            self.beta = weight(self, "beta", shape)

    def call(self, inputs):
        return ops.layer_normalization(
            inputs, gamma=self.gamma, beta=self.beta, axis=tuple(self.axis), epsilon=self.epsilon,
            **({"rms_scaling": True} if self.rms_scaling else {}),
        )

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rms_scaling": self.rms_scaling}
