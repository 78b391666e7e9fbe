"""Normalization of activations: by batch, sample, group, root mean square, length."""

import math

from minikeras import dtypes, initializers, ops
from minikeras.api.registry import public
from minikeras.core.operators import OPS
from minikeras.core.shape_rules import canonical_axes, canonical_axis
from minikeras.layers.core import Wrapper
from minikeras.layers.dense import set_weight_options, weight
from minikeras.layers.input_spec import InputSpec
from minikeras.layers.layer import Layer
from minikeras.ops.normalization import group_normalization


def _check_epsilon(layer, epsilon):
    if not isinstance(epsilon, (int, float)) or epsilon <= 0:
        raise ValueError(
            f"`epsilon` of {type(layer).__name__} must be a positive number. "
            f"Received: epsilon={epsilon}"
        )


def _axes(axis):
    """A list of axes from an int or a sequence; TypeError if it is neither."""
    axes = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    if not all(isinstance(a, int) for a in axes):
        raise TypeError(
            "Invalid value for `axis` argument: expected an int or a list/tuple of ints. "
            f"Received: axis={axis}"
        )
    return axes


def _clipping(limits):
    """The limits of batch renormalization; ValueError if they are not sensible."""
    known = ("rmin", "rmax", "dmax")
    wrong = [k for k in limits or () if k not in known]
    if wrong:
        raise ValueError(
            f"Received invalid keys for `renorm_clipping` argument: {wrong}. "
            f"Supported values: {list(known)}"
        )
    if limits and (limits.get("rmin", 0) > limits.get("rmax", math.inf)
                   or limits.get("dmax", 0) < 0):
        raise ValueError(
            "`renorm_clipping` needs rmax >= rmin and dmax >= 0. "
            f"Received: renorm_clipping={limits}"
        )
    return limits


def _known(layer, shape, axes, input_shape):
    """ValueError where one of the lengths that a weight is to have is unknown."""
    if None in shape:
        raise ValueError(
            f'Layer "{layer.name}" ({type(layer).__name__}) needs to know the lengths of axes '
            f"{axes} of its input. Received: input shape {tuple(input_shape)}"
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
        renorm: batch renormalization: in training too, outputs are as if normalized by moving
            averages, r (x - mean) / std + d with r = std / renorm_std and
            d = (mean - renorm_mean) / renorm_std, both constants for the gradient.
        renorm_clipping: dictionary with limits "rmin", "rmax" of r and "dmax" of |d|.
        renorm_momentum: of renorm_mean and renorm_std.
        synchronized: over replicas; there is one.

    Reference: S. Ioffe, C. Szegedy 2015, arXiv:1502.03167; S. Ioffe 2017, Batch renormalization,
    arXiv:1702.03275.

    >>> import minikeras as keras
    >>> layer = BatchNormalization(epsilon=1e-9)
    >>> layer(keras.ops.convert_to_tensor([[1.0], [3.0]]), training=True).numpy().tolist()
    [[-1.0], [1.0]]
    """

    def __init__(
        self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True,
        beta_initializer="zeros", gamma_initializer="ones", moving_mean_initializer="zeros",
        moving_variance_initializer="ones", beta_regularizer=None, gamma_regularizer=None,
        beta_constraint=None, gamma_constraint=None, renorm=False, renorm_clipping=None,
        renorm_momentum=0.99, synchronized=False, **kwargs,
    ):
        super().__init__(**kwargs)
        _check_epsilon(self, epsilon)
        self.axis, self.momentum, self.epsilon = int(axis), float(momentum), epsilon
        self.center, self.scale, self.synchronized = center, scale, synchronized
        self.renorm, self.renorm_momentum = renorm, renorm_momentum
        if renorm and renorm_clipping is None:
            renorm_clipping = {}
        self.renorm_clipping = _clipping(renorm_clipping)
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
        _known(self, (n,), (axis,), input_shape)
        if self.scale:
            self.gamma = weight(self, "gamma", (n,))
        if self.center:
            self.beta = weight(self, "beta", (n,))
        averages = {"moving_mean": "mean", "moving_variance": "variance"}
        if self.renorm:
            averages |= {"moving_stddev": "stddev", "renorm_mean": "mean",
                         "renorm_stddev": "stddev"}
        for name, kind in averages.items():
            setattr(self, name, self.add_weight(
                name=name, shape=(n,), initializer=self._initial(kind), trainable=False,
                autocast=False,
            ))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={axis: n})

    def _initial(self, kind):
        if kind == "mean":
            return self.moving_mean_initializer
        if kind == "variance":
            return self.moving_variance_initializer
        return lambda shape, dtype=None: ops.sqrt(self.moving_variance_initializer(shape, dtype))

    def call(self, inputs, training=None, mask=None):
        axis = canonical_axis(self.axis, len(inputs.shape))
        if not dtypes.is_float(inputs.dtype):
            inputs = ops.cast(inputs, self.compute_dtype)
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
        if self.renorm:
            y = self._renormalized(x, gamma, beta, axis, mask)
        else:
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

    def _renormalized(self, x, gamma, beta, axis, mask):
        y, mean, variance = self._normalized(x, None, None, axis, mask)
        mean = ops.stop_gradient(mean)
        std = ops.sqrt(ops.stop_gradient(variance) + self.epsilon)
        limits = self.renorm_clipping
        usual = ops.maximum(ops.cast(self.renorm_stddev, x.dtype), math.sqrt(self.epsilon))
        r = std / usual
        d = (mean - ops.cast(self.renorm_mean, x.dtype)) / usual
        if "rmin" in limits or "rmax" in limits:
            r = ops.clip(r, limits.get("rmin", -math.inf), limits.get("rmax", math.inf))
        if "dmax" in limits:
            d = ops.clip(d, -limits["dmax"], limits["dmax"])
        for kind, batch in (("mean", mean), ("stddev", std)):
            self._move(getattr(self, f"moving_{kind}"), batch)
            self._move(getattr(self, f"renorm_{kind}"), batch, self.renorm_momentum)
        self.moving_variance.assign(ops.square(self.moving_stddev.value) - self.epsilon)
        if gamma is not None:
            r, d = r * gamma, d * gamma
        wide = [1] * len(x.shape)
        wide[axis] = -1
        return y * ops.reshape(r, wide) + ops.reshape(d if beta is None else d + beta, wide)

    def _move(self, moving, batch, momentum=None):
        momentum = self.momentum if momentum is None else momentum
        batch = ops.cast(ops.stop_gradient(batch), moving.dtype)
        moving.assign(moving * momentum + batch * (1.0 - momentum))

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

    Reference: J. L. Ba et al. 2016, arXiv:1607.06450.

    >>> LayerNormalization(epsilon=1e-9)([[1.0, 3.0]]).numpy().tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self, axis=-1, epsilon=1e-3, center=True, scale=True, beta_initializer="zeros",
        gamma_initializer="ones", beta_regularizer=None, gamma_regularizer=None,
        beta_constraint=None, gamma_constraint=None, **kwargs,
    ):
        self.rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(**kwargs)
        self.axis = sorted(_axes(axis))
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
        _known(self, shape, axes, input_shape)
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


@public("layers.GroupNormalization")
class GroupNormalization(Layer):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, over groups of neighbouring channels.

    Mean and variance are a sample's, over all its positions and the channels of a group.

    Args:
        groups: number of groups, a divisor of the number of channels; -1: a group a channel.
        axis: the axis of channels.
        epsilon: guards the division.
        center, scale: whether there is a beta, a gamma.
        *_initializer, *_regularizer, *_constraint: of beta and gamma.

    Reference: Y. Wu, K. He 2018, arXiv:1803.08494.

    >>> import minikeras as keras
    >>> GroupNormalization(groups=2)(keras.ops.ones((3, 5, 4))).shape
    (3, 5, 4)
    """

    def __init__(
        self, groups=32, axis=-1, epsilon=1e-3, center=True, scale=True,
        beta_initializer="zeros", gamma_initializer="ones", beta_regularizer=None,
        gamma_regularizer=None, beta_constraint=None, gamma_constraint=None, **kwargs,
    ):
        super().__init__(**kwargs)
        _check_epsilon(self, epsilon)
        self.groups, self.axis, self.epsilon = groups, axis, epsilon
        self.center, self.scale = center, scale
        set_weight_options(
            self, beta_initializer=beta_initializer, gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer, gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint, gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True
        self.gamma = self.beta = None

    def build(self, input_shape):
        axis = canonical_axis(self.axis, len(input_shape))
        n = input_shape[axis]
        _known(self, (n,), (axis,), input_shape)
        if self.groups == -1:
            self.groups = n
        if not 1 <= self.groups <= n or n % self.groups:
            raise ValueError(
                f'Layer "{self.name}" (GroupNormalization): the number of groups must be at least '
                f"1 and divide the number of channels, {n}. Received: groups={self.groups}, input "
                f"shape {tuple(input_shape)}"
            )
        if axis == 0:
            raise ValueError(
                f'Layer "{self.name}" (GroupNormalization): `axis` cannot be the batch\'s, 0.')
        if self.scale:
            self.gamma = weight(self, "gamma", (n,))
        if self.center:
            self.beta = weight(self, "beta", (n,))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={axis: n})

    def call(self, inputs):
        return group_normalization(
            inputs, self.groups, self.gamma, self.beta, self.axis, self.epsilon)

    def compute_output_shape(self, input_shape):
        return input_shape


@public("layers.RMSNormalization")
class RMSNormalization(Layer):
    """scale x / sqrt(mean(x**2) + epsilon), sample by sample over `axis`.

    Args:
        axis: an int or a sequence.
        epsilon: guards the division.

    Reference: B. Zhang, R. Sennrich 2019, arXiv:1910.07467.

    >>> RMSNormalization()([[3.0, 3.0]]).numpy().round(3).tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis = sorted(_axes(axis))
        _check_epsilon(self, epsilon)
        self.epsilon = epsilon
        self.scale = None

    def build(self, input_shape):
        axes = canonical_axes(tuple(self.axis), len(input_shape))
        shape = tuple(input_shape[a] for a in axes)
        _known(self, shape, axes, input_shape)
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones")

    def call(self, x):
        return ops.rms_normalization(
            x, scale=self.scale, axis=tuple(self.axis), epsilon=self.epsilon)

    def compute_output_shape(self, input_shape):
        return input_shape


@public("layers.UnitNormalization")
class UnitNormalization(Layer):
    """x / sqrt(sum(x**2)) over `axis`: vectors of length 1.

    Args:
        axis: an int or a sequence.

    >>> UnitNormalization()([[3.0, 4.0]]).numpy().round(3).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        _axes(axis)
        self.axis = axis
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        axis = tuple(self.axis) if isinstance(self.axis, (list, tuple)) else self.axis
        square = ops.sum(ops.square(inputs), axis=axis, keepdims=True)
        return ops.multiply(inputs, ops.rsqrt(ops.maximum(square, 1e-12)))

    def compute_output_shape(self, input_shape):
        return input_shape


@public("layers.SpectralNormalization")
class SpectralNormalization(Wrapper):
    """A layer whose kernel is divided by its largest singular value, at each call in training.

    The singular value is that of the kernel as a matrix (-1, last axis), found by power iteration
    from the vector of the last call.

    Args:
        layer: layer with a `kernel` or `embeddings`.
        power_iterations: steps of the iteration at each call.

    Reference: T. Miyato et al. 2018, arXiv:1802.05957.

    >>> import minikeras as keras
    >>> SpectralNormalization(keras.layers.Dense(3))(keras.ops.ones((2, 4))).shape
    (2, 3)
    """

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ValueError(
                "`power_iterations` should be greater than zero. "
                f"Received: power_iterations={power_iterations}"
            )
        self.power_iterations = power_iterations

    def build(self, input_shape):
        super().build(input_shape)
        self.input_spec = InputSpec(shape=(None, *input_shape[1:]))
        names = [n for n in ("kernel", "embeddings") if getattr(self.layer, n, None) is not None]
        if not names:
            raise ValueError(
                f"{type(self.layer).__name__} has no attribute 'kernel' nor 'embeddings', whose "
                'norm SpectralNormalization is about.'
            )
        self.kernel = getattr(self.layer, names[0])
        self.vector_u = self.add_weight(
            name="vector_u", shape=(1, self.kernel.shape[-1]), dtype=self.kernel.dtype,
            initializer=initializers.TruncatedNormal(stddev=0.02), trainable=False,
        )

    def call(self, inputs, training=False):
        if training:
            vector_u, kernel = self.normalized_weights()
            self.vector_u.assign(vector_u)
            self.kernel.assign(kernel)
        return self.layer(inputs)

    def normalized_weights(self):
        """(the next vector u, the kernel over its largest singular value)."""
        matrix = ops.reshape(self.kernel, (-1, self.kernel.shape[-1]))
        u = self.vector_u
        for _ in range(self.power_iterations):
            v = ops.normalize(ops.matmul(u, ops.transpose(matrix)), epsilon=1e-12)
            u = ops.normalize(ops.matmul(v, matrix), epsilon=1e-12)
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        sigma = ops.matmul(ops.matmul(v, matrix), ops.transpose(u))
        kernel = ops.reshape(ops.divide(matrix, sigma), self.kernel.shape)
        return ops.cast(u, self.vector_u.dtype), ops.cast(kernel, self.kernel.dtype)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)
