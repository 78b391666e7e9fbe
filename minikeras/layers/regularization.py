"""Layers that act in training only: dropout and noise; penalties on outputs."""

import math

from minikeras import config, ops, random, regularizers
from minikeras.api.registry import public
from minikeras.core.keras_tensor import KerasTensor
from minikeras.layers.input_spec import InputSpec
from minikeras.layers.layer import Layer
from minikeras.random.seed import SeedGenerator


def _share(name, value):
    """The value if it is a number from 0 to 1; else ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(
            f"Invalid value received for argument `{name}`. Expected a float value between 0 "
            f"and 1. Received: {name}={value}"
        )
    return value


class Noise(Layer):
    """Base of layers that change their inputs at random, in training only.

    A subclass gives `noisy(inputs)`; `amount` is the argument that makes it the identity when 0.
    """

    amount = "rate"

    def _set_noise(self, value, seed):
        setattr(self, self.amount, _share(self.amount, value))
        self.seed = seed
        if value > 0:
            self.seed_generator = seed if isinstance(seed, SeedGenerator) else SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def noisy(self, inputs):
        """The inputs with noise."""
        raise NotImplementedError

    def call(self, inputs, training=False):
        if training and getattr(self, self.amount) > 0:
            return self.noisy(inputs)
        return inputs

    def compute_output_spec(self, inputs, training=False):
        return KerasTensor(inputs.shape, dtype=inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


@public("layers.Dropout")
class Dropout(Noise):
    """In training, elements set to 0 with probability `rate` and the others divided by 1 - rate.

    Args:
        rate: in [0, 1].
        noise_shape: shape of the mask, broadcast to the inputs'; None along the batch.
        seed: whole number, SeedGenerator or None.

    N. Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".

    >>> Dropout(0.5)([1.0, 2.0]).numpy().tolist()
    [1.0, 2.0]
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self._set_noise(rate, seed)
        self.noise_shape = None if noise_shape is None else _noise_shape(noise_shape)

    def noisy(self, inputs):
        return random.dropout(inputs, self.rate, self.noise_shape, seed=self.seed_generator)


def _noise_shape(shape):
    if not isinstance(shape, (list, tuple)):
        raise ValueError(
            "Invalid value received for argument `noise_shape`. Expected a tuple or list. "
            f"Received: noise_shape={shape}"
        )
    for d in shape:
        if d is not None and (not isinstance(d, int) or d < 1):
            raise ValueError(
                "Each dimension of `noise_shape` must be None or a positive integer. "
                f"Received: noise_shape={shape}"
            )
    return tuple(shape)


# ---------------------------------------------------------------- whole feature maps
class SpatialDropout(Dropout):
    """Base of dropouts that leave out whole channels of a sample, at all its positions."""

    rank = None

    def __init__(self, rate, data_format, seed, name, dtype):
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = config.standardize_data_format(data_format)
        ones = (1,) * self.rank
        last = self.data_format == "channels_last"
        self.noise_shape = (None, *ones, None) if last else (None, None, *ones)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def get_config(self):
        config = super().get_config()
        del config["trainable"]
        return {**config, "dtype": self.dtype_policy.name}


@public("layers.SpatialDropout1D")
class SpatialDropout1D(SpatialDropout):
    """Dropout of whole channels: (batch, steps, channels) keep or lose a channel at all steps.

    Args:
        rate: share of channels that are set to 0, in [0, 1]; the others are divided by 1 - rate.
        seed: whole number, SeedGenerator or None.

    Reference: J. Tompson et al. 2014, arXiv:1411.4280.

    >>> import minikeras as keras
    >>> SpatialDropout1D(0.5)(keras.ops.ones((1, 2, 3))).shape
    (1, 2, 3)
    """

    rank = 1

    def __init__(self, rate, seed=None, name=None, dtype=None):
        super().__init__(rate, "channels_last", seed, name, dtype)


@public("layers.SpatialDropout2D")
class SpatialDropout2D(SpatialDropout):
    """Dropout of whole feature maps of images: see SpatialDropout1D.

    Args:
        rate: share of channels that are set to 0, in [0, 1]; the others are divided by 1 - rate.
        data_format: "channels_last" (batch, *spatial, channels) or "channels_first".
        seed: whole number, SeedGenerator or None.

    >>> import minikeras as keras
    >>> SpatialDropout2D(0.5)(keras.ops.ones((1, 2, 2, 3))).shape
    (1, 2, 2, 3)
    """

    rank = 2

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None):
        super().__init__(rate, data_format, seed, name, dtype)


@public("layers.SpatialDropout3D")
class SpatialDropout3D(SpatialDropout):
    """Dropout of whole feature maps of volumes: see SpatialDropout1D.

    Args:
        rate: share of channels that are set to 0, in [0, 1]; the others are divided by 1 - rate.
        data_format: "channels_last" (batch, *spatial, channels) or "channels_first".
        seed: whole number, SeedGenerator or None.

    >>> import minikeras as keras
    >>> SpatialDropout3D(0.5)(keras.ops.ones((1, 2, 2, 2, 3))).shape
    (1, 2, 2, 2, 3)
    """

    rank = 3

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None):
        super().__init__(rate, data_format, seed, name, dtype)


# ---------------------------------------------------------------- other noise
@public("layers.GaussianNoise")
class GaussianNoise(Noise):
    """In training, inputs plus normal noise of mean 0.

    Args:
        stddev: standard deviation of the noise, in [0, 1].
        seed: whole number, SeedGenerator or None.

    >>> GaussianNoise(0.5)([1.0, 2.0]).numpy().tolist()
    [1.0, 2.0]
    """

    amount = "stddev"

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(**kwargs)
        self._set_noise(stddev, seed)

    def noisy(self, inputs):
        noise = random.normal(
            ops.shape(inputs), 0.0, self.stddev, dtype=inputs.dtype, seed=self.seed_generator)
        return ops.add(inputs, noise)


@public("layers.GaussianDropout")
class GaussianDropout(Noise):
    """In training, inputs times normal noise of mean 1 and variance rate / (1 - rate).

    Args:
        rate: as in Dropout, whose noise has the same mean and variance; below 1.
        seed: whole number, SeedGenerator or None.

    N. Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".

    >>> GaussianDropout(0.5)([1.0, 2.0]).numpy().tolist()
    [1.0, 2.0]
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self._set_noise(rate, seed)

    def noisy(self, inputs):
        if self.rate == 1:
            raise ValueError(
                f'Layer "{self.name}" (GaussianDropout): `rate` must be below 1, at which the '
                "noise is infinite. Received: rate=1"
            )
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        noise = random.normal(
            ops.shape(inputs), 1.0, stddev, dtype=inputs.dtype, seed=self.seed_generator)
        return ops.multiply(inputs, noise)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@public("layers.AlphaDropout")
class AlphaDropout(Noise):
    """Dropout that keeps mean 0 and variance 1, for networks of `selu` activations.

    In training, elements become a c with probability `rate`, c = -alpha scale the lower limit of
    selu; others stay; then all are put through a x + b so that mean and variance are kept:
    a = ((1 - rate) (1 + rate c**2))**-0.5, b = -a c rate.

    Args:
        rate: in [0, 1].
        noise_shape: shape of the mask, broadcast to the inputs'; None along the batch.
        seed: whole number, SeedGenerator or None.

    G. Klambauer et al. 2017, arXiv:1706.02515.

    >>> AlphaDropout(0.5)([1.0, 2.0]).numpy().tolist()
    [1.0, 2.0]
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self._set_noise(rate, seed)
        self.noise_shape = None if noise_shape is None else _noise_shape(noise_shape)

    def noisy(self, inputs):
        shape = tuple(ops.shape(inputs))
        if self.noise_shape is not None:
            shape = tuple(n if d is None else d for d, n in zip(self.noise_shape, shape))
        if self.rate == 1:
            return ops.zeros_like(inputs)
        low = -SELU_ALPHA * SELU_SCALE
        kept = ops.greater_equal(random.uniform(shape, seed=self.seed_generator), self.rate)
        a = ((1.0 - self.rate) * (1.0 + self.rate * low**2)) ** -0.5
        b = -a * low * self.rate
        return ops.add(ops.multiply(ops.where(kept, inputs, low), a), b)


# ---------------------------------------------------------------- penalties
@public("layers.ActivityRegularization")
class ActivityRegularization(Layer):
    """Its inputs; adds l1 sum(|x|) + l2 sum(x**2), over the batch size, to the losses.

    Args:
        l1, l2: not negative.

    >>> layer = ActivityRegularization(l2=0.5)
    >>> layer([[2.0]]).numpy().tolist(), float(layer.losses[0])
    ([[2.0]], 2.0)
    """

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = l1, l2
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return config
