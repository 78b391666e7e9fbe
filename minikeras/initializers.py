"""Initializers: the first values of weights. Called as `initializer(shape, dtype=None)`.

A random initializer with a whole number as seed gives the same values at every call; so that two
weights do not start alike, give each its own, or a SeedGenerator, or no seed.
"""

import math

import numpy as np

from minikeras import ops, random
from minikeras.api import namespaces
from minikeras.api.registry import public
from minikeras.arrays import is_array
from minikeras.core.serialization import (
    Family,
    deserialize_keras_object,
    serialize_keras_object,
)
from minikeras.core.tensor import Convertible, Tensor
from minikeras.random.seed import SeedGenerator, make_default_seed


@public("initializers.Initializer", "Initializer")
class Initializer:
    """Base of initializers: define `__call__(shape, dtype=None)`, and `get_config` if it has any.

    >>> class Tenth(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return ops.full(shape, 0.1, dtype=dtype)
    >>> Tenth()((2,)).shape
    (2,)
    """

    def __call__(self, shape, dtype=None):
        """A tensor of the shape and dtype (floatx by default)."""
        raise NotImplementedError(f"{type(self).__name__} must define `__call__(shape, dtype)`.")

    def get_config(self):
        """Constructor arguments that make the same initializer again."""
        return {}

    @classmethod
    def from_config(cls, config):
        """An initializer from what `get_config` gave."""
        return cls(**config)

    def clone(self):
        """Another initializer of the same arguments."""
        return type(self).from_config(self.get_config())


# ---------------------------------------------------------------- constants
@public("initializers.Zeros", "initializers.zeros")
class Zeros(Initializer):
    """All 0.

    >>> Zeros()((2,)).tolist()
    [0.0, 0.0]
    """

    def __call__(self, shape, dtype=None):
        return ops.zeros(shape, dtype=dtype)


@public("initializers.Ones", "initializers.ones")
class Ones(Initializer):
    """All 1.

    >>> Ones()((2,)).tolist()
    [1.0, 1.0]
    """

    def __call__(self, shape, dtype=None):
        return ops.ones(shape, dtype=dtype)


@public("initializers.Constant", "initializers.constant")
class Constant(Initializer):
    """A value, broadcast to the shape.

    Args:
        value: number or array.

    >>> Constant([1.0, 2.0])((2, 2)).tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None):
        return ops.full(shape, self.value, dtype=dtype or "float")

    def get_config(self):
        return {"value": serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config):
        return cls(deserialize_keras_object(config.get("value", 0.0)))


@public("initializers.Identity", "initializers.IdentityInitializer", "initializers.identity")
class Identity(Initializer):
    """gain on the main diagonal, 0 elsewhere; for shapes (rows, columns).

    >>> Identity(2.0)((2, 3)).tolist()
    [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    """

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None):
        if len(shape) != 2:
            raise ValueError(
                "Identity matrix initializer can only be used for 2D matrices. "
                f"Received: shape={tuple(shape)} of rank {len(shape)}."
            )
        eye = ops.eye(*shape, dtype=dtype)
        return eye * ops.cast(self.gain, eye.dtype)

    def get_config(self):
        return {"gain": self.gain}


# ---------------------------------------------------------------- random
class RandomInitializer(Initializer):
    """Base of initializers that draw: keeps the seed, and what goes into the config of it."""

    draws = True  # a variable whose value will be read from a file does without

    def __init__(self, seed=None):
        self._init_seed = seed
        if isinstance(seed, dict):
            seed = deserialize_keras_object(seed)
        elif seed is None:
            seed = make_default_seed()
        elif not isinstance(seed, (int, np.integer, SeedGenerator)):
            raise ValueError(
                "`seed` must be a whole number, a `keras.random.SeedGenerator` or None. "
                f"Received: seed={seed!r}"
            )
        self.seed = seed

    def get_config(self):
        return {"seed": serialize_keras_object(self._init_seed)}


@public("initializers.RandomNormal", "initializers.random_normal")
class RandomNormal(RandomInitializer):
    """Normal distribution of a mean and standard deviation."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape, dtype=None):
        return random.normal(shape, self.mean, self.stddev, dtype=dtype, seed=self.seed)

    def get_config(self):
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


@public("initializers.TruncatedNormal", "initializers.truncated_normal")
class TruncatedNormal(RandomNormal):
    """Normal distribution; what is further than two `stddev` from the mean is drawn again."""

    def __call__(self, shape, dtype=None):
        return random.truncated_normal(shape, self.mean, self.stddev, dtype=dtype, seed=self.seed)


@public("initializers.RandomUniform", "initializers.random_uniform")
class RandomUniform(RandomInitializer):
    """Uniform distribution over [minval, maxval)."""

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape, dtype=None):
        return random.uniform(shape, self.minval, self.maxval, dtype=dtype, seed=self.seed)

    def get_config(self):
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


# A normal distribution cut at two standard deviations has this standard deviation.
TRUNCATED_STDDEV = 0.87962566103423978


@public("initializers.VarianceScaling", "initializers.variance_scaling")
class VarianceScaling(RandomInitializer):
    """Variance scale / n, where n counts what is summed or fed: keeps signals at their size.

    Args:
        scale: positive.
        mode: what n is: "fan_in" (inputs of a unit), "fan_out", "fan_avg" (their mean).
        distribution: "truncated_normal" (also "normal"), "untruncated_normal", "uniform".
        seed: whole number, SeedGenerator or None.
        input_axes, output_axes: axes of the weight whose sizes multiply to fan_in and fan_out;
            by default the last axis is the output, the one before it the input, and those before
            (a convolution's window) count for both.

    Reference: X. Glorot, Y. Bengio (2010), Understanding the difficulty of training deep
    feedforward neural networks; K. He et al. (2015), Delving Deep into Rectifiers,
    arXiv:1502.01852.

    >>> VarianceScaling(2.0, "fan_in", seed=0)((3, 3, 16, 32)).shape
    (3, 3, 16, 32)
    """

    MODES = ("fan_in", "fan_out", "fan_avg")
    DISTRIBUTIONS = ("normal", "truncated_normal", "untruncated_normal", "uniform")

    def __init__(
        self, scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None,
        input_axes=None, output_axes=None,
    ):
        if scale <= 0:
            raise ValueError(f"`scale` must be positive. Received: scale={scale}")
        if mode not in self.MODES:
            raise ValueError(f"`mode` must be one of {self.MODES}. Received: mode={mode!r}")
        distribution = str(distribution).lower()
        if distribution not in self.DISTRIBUTIONS:
            raise ValueError(
                f"`distribution` must be one of {self.DISTRIBUTIONS}. "
                f"Received: distribution={distribution!r}"
            )
        super().__init__(seed)
        self.scale, self.mode = scale, mode
        self.distribution = "truncated_normal" if distribution == "normal" else distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def __call__(self, shape, dtype=None):
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":  # over [-a, a): variance a**2 / 3
            limit = math.sqrt(3 * variance)
            return random.uniform(shape, -limit, limit, dtype=dtype, seed=self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, math.sqrt(variance), dtype=dtype, seed=self.seed)
        stddev = math.sqrt(variance) / TRUNCATED_STDDEV
        return random.truncated_normal(shape, 0.0, stddev, dtype=dtype, seed=self.seed)

    def get_config(self):
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


def compute_fans(shape, input_axes=None, output_axes=None):
    """(fan_in, fan_out) of a weight's shape; see VarianceScaling."""
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[i] for i in input_axes), math.prod(shape[i] for i in output_axes)
    if len(shape) < 2:
        return (shape or (1,)) * 2
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


class _Fixed(VarianceScaling):
    """A VarianceScaling of fixed scale, mode and distribution."""

    RULE = (1.0, "fan_in", "uniform")

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(*self.RULE, seed, input_axes, output_axes)

    def get_config(self):
        config = super().get_config()
        return {name: config[name] for name in ("seed", "input_axes", "output_axes")}


@public("initializers.GlorotUniform", "initializers.glorot_uniform")
class GlorotUniform(_Fixed):
    """Uniform over [-a, a), a = sqrt(6 / (fan_in + fan_out)).

    Reference: X. Glorot, Y. Bengio (2010), Understanding the difficulty of training deep
    feedforward neural networks.
    """

    RULE = (1.0, "fan_avg", "uniform")


@public("initializers.GlorotNormal", "initializers.glorot_normal")
class GlorotNormal(_Fixed):
    """Truncated normal of standard deviation sqrt(2 / (fan_in + fan_out)); see GlorotUniform."""

    RULE = (1.0, "fan_avg", "truncated_normal")


@public("initializers.LecunNormal", "initializers.lecun_normal")
class LecunNormal(_Fixed):
    """Truncated normal of standard deviation sqrt(1 / fan_in).

    Reference: G. Klambauer et al. (2017), Self-Normalizing Neural Networks, arXiv:1706.02515.
    """

    RULE = (1.0, "fan_in", "truncated_normal")


@public("initializers.LecunUniform", "initializers.lecun_uniform")
class LecunUniform(_Fixed):
    """Uniform over [-a, a), a = sqrt(3 / fan_in); see LecunNormal."""

    RULE = (1.0, "fan_in", "uniform")


@public("initializers.HeNormal", "initializers.he_normal")
class HeNormal(_Fixed):
    """Truncated normal of standard deviation sqrt(2 / fan_in): for layers before a relu.

    Reference: K. He et al. (2015), Delving Deep into Rectifiers, arXiv:1502.01852.
    """

    RULE = (2.0, "fan_in", "truncated_normal")


@public("initializers.HeUniform", "initializers.he_uniform")
class HeUniform(_Fixed):
    """Uniform over [-a, a), a = sqrt(6 / fan_in); see HeNormal."""

    RULE = (2.0, "fan_in", "uniform")


@public("initializers.Orthogonal", "initializers.OrthogonalInitializer", "initializers.orthogonal")
class Orthogonal(RandomInitializer):
    """gain times a matrix of orthonormal rows or columns, whichever are fewer.

    The axes before the last count as one: the shape is taken as (rows, columns).
    A matrix of normal numbers is decomposed as QR; Q with the signs of R's diagonal is uniformly
    distributed among the orthogonal matrices.

    Reference: A. Saxe et al. (2013), Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks, arXiv:1312.6120.

    >>> q = Orthogonal(seed=1)((3, 3)).numpy()
    >>> bool(abs(q.T @ q - np.eye(3)).max() < 1e-5)
    True
    """

    def __init__(self, gain=1.0, seed=None):
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape, dtype=None):
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. "
                f"Received: shape={tuple(shape)} of rank {len(shape)}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        normal = random.normal(tall, dtype="float32", seed=self.seed)
        q, r = np.linalg.qr(ops.convert_to_numpy(normal).astype("float64"))
        q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
        q = q if rows >= columns else q.T
        return ops.convert_to_tensor(self.gain * q.reshape(shape), dtype=dtype or "float")

    def get_config(self):
        return {**super().get_config(), "gain": self.gain}


# ---------------------------------------------------------------- short-time Fourier transform
# Windows that are sums a0 - a1 cos(x) + a2 cos(2x) - ..., x from 0 to 2 pi.
COSINE_WINDOWS = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}


def _window(window, length, periodic):
    """The window's values: an array is taken as it is; a name is that of a usual window."""
    if not isinstance(window, str):
        values = np.asarray(window, "float64")
        if values.shape != (length,):
            raise ValueError(
                f"`window` must have the shape ({length},), that of the frames. "
                f"Received: window of shape {values.shape}"
            )
        return values
    # A periodic window is one of a point more, without the last.
    points = length + 1 if periodic else length
    x = np.arange(length) / max(points - 1, 1)
    if window == "bartlett":
        return 1 - np.abs(2 * x - 1)
    if window == "triang":
        n = np.arange(1, length + 1) - (points + 1) / 2
        return 1 - np.abs(2 * n) / (points + points % 2)
    if window == "cosine":
        return np.sin(np.pi * (np.arange(length) + 0.5) / points)
    terms = COSINE_WINDOWS[window]
    return sum(a * (-1) ** k * np.cos(2 * np.pi * k * x) for k, a in enumerate(terms))


WINDOWS = (*COSINE_WINDOWS, "bartlett", "triang", "cosine")


@public("initializers.STFT", "initializers.STFTInitializer", "initializers.stft")
class STFT(Initializer):
    """Kernel of a convolution that computes one part of a short-time Fourier transform.

    kernel[t, 0, f] = window[t] cos(2 pi t f / n), or -window[t] sin(2 pi t f / n), for shapes
    (frame length, 1, frequencies) with n = 2 (frequencies - 1).

    Args:
        side: "real" (cosines) or "imag" (sines).
        window: name of a window ("hann", "hamming", "blackman", ...), array (frame length,),
            or None.
        scaling: "density" divides the window by the root of its sum of squares, "spectrum" by its
            sum; None leaves it.
        periodic: whether a named window is periodic, not symmetric.

    >>> STFT("real", window=None)((4, 1, 3)).shape
    (4, 1, 3)
    """

    def __init__(self, side="real", window="hann", scaling="density", periodic=False):
        if side not in ("real", "imag"):
            raise ValueError(f"`side` must be 'real' or 'imag'. Received: side={side!r}")
        if isinstance(window, str) and window not in WINDOWS:
            raise ValueError(f"`window` must be one of {WINDOWS}. Received: window={window!r}")
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(
                f"`scaling` must be None, 'density' or 'spectrum'. Received: scaling={scaling!r}"
            )
        self.side, self.window, self.scaling, self.periodic = side, window, scaling, periodic

    def __call__(self, shape, dtype=None):
        if len(shape) != 3:
            raise ValueError(
                "The STFT initializer is for kernels (frame length, 1, frequencies). "
                f"Received: shape={tuple(shape)}"
            )
        length, _, frequencies = shape
        angles = np.outer(np.arange(length), np.arange(frequencies))
        angles = 2 * np.pi * angles / max(2 * (frequencies - 1), 1)
        values = np.cos(angles) if self.side == "real" else -np.sin(angles)
        if self.window is not None:
            window = _window(self.window, length, self.periodic)
            if self.scaling == "density":
                window = window / np.sqrt((window**2).sum())
            elif self.scaling == "spectrum":
                window = window / window.sum()
            values = values * window[:, None]
        return ops.convert_to_tensor(values[:, None, :], dtype=dtype or "float")

    def get_config(self):
        return {
            "side": self.side,
            "window": serialize_keras_object(self.window),
            "periodic": self.periodic,
            "scaling": self.scaling,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{k: deserialize_keras_object(v) for k, v in config.items()})


# ---------------------------------------------------------------- by name
_FAMILY = Family("initializer", "initializers", {
    "uniform": "RandomUniform", "normal": "RandomNormal", "zero": "Zeros", "one": "Ones",
})


@public("initializers.serialize")
def serialize(initializer):
    """The configuration of an initializer.

    >>> serialize(Constant(3.0))["config"]
    {'value': 3.0}
    """
    return _FAMILY.serialize(initializer)


@public("initializers.deserialize")
def deserialize(config, custom_objects=None):
    """The initializer of a configuration.

    >>> deserialize(serialize(Constant(3.0))).value
    3.0
    """
    return _FAMILY.deserialize(config, custom_objects)


@public("initializers.get")
def get(identifier):
    """An initializer from its name, configuration, class or itself; an array is what it gives.

    >>> type(get("glorot_uniform")).__name__
    'GlorotUniform'
    """
    if isinstance(identifier, (Tensor, Convertible)) or is_array(identifier):
        return _of_array(identifier)
    return _FAMILY.get(identifier)


def _of_array(value):
    def given(shape, dtype=None):
        if tuple(shape) != tuple(value.shape):
            raise ValueError(
                f"The array given as initializer has the shape {tuple(value.shape)}. "
                f"Received: shape={tuple(shape)}"
            )
        return ops.convert_to_tensor(value, dtype=dtype)

    return given


__getattr__, __dir__, __all__ = namespaces.lazy("initializers")
