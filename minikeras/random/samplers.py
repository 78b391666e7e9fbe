"""Random tensors. The same seed gives the same numbers on every device."""

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.shape_rules import canonical_axis
from minikeras.core.tensor import to_tensor
from minikeras.dtypes import Spec, canonical
from minikeras.kernels import random as _kernels  # noqa: F401 (their table)
from minikeras.random.seed import draw_seed


def _shape(shape):
    return (int(shape),) if not hasattr(shape, "__iter__") else tuple(int(d) for d in shape)


@op(vjp=False)
def random_uniform(xp, seed, shape, dtype, low, high):
    """Uniform in [low, high)."""
    return xp.random_uniform(seed, shape=shape, dtype=dtype, low=low, high=high)


@op(vjp=False)
def random_normal(xp, seed, shape, dtype, mean, stddev):
    """Normal."""
    return xp.random_normal(seed, shape=shape, dtype=dtype, mean=mean, stddev=stddev)


@op(vjp=False)
def random_truncated_normal(xp, seed, shape, dtype, mean, stddev):
    """Normal within two standard deviations."""
    return xp.random_truncated_normal(seed, shape=shape, dtype=dtype, mean=mean, stddev=stddev)


@op(vjp=False)
def random_integers(xp, seed, shape, dtype, low, high):
    """Whole numbers in [low, high)."""
    return xp.random_integers(seed, shape=shape, dtype=dtype, low=low, high=high)


def _float_dtype(name, dtype):
    """The dtype of draws of real numbers; floatx by default."""
    dtype = canonical(dtype)
    if not dtypes.is_float(dtype):
        raise ValueError(
            f"`keras.random.{name}` requires a floating point `dtype`. Received: dtype={dtype}"
        )
    return dtype


def _floating(law, shape, dtype, seed, **parameters):
    """Draw in float32 or float64, then cast to the dtype asked for."""
    dtype = _float_dtype(law.op.name.removeprefix("random_"), dtype)
    drawn = dtype if dtype in (dtypes.FLOAT32, dtypes.FLOAT64) else dtypes.FLOAT32
    value = law(draw_seed(seed), shape=_shape(shape), dtype=drawn, **parameters)
    return value if drawn == dtype else OPS["cast"](value, dtype)


@public("random.normal")
def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Draws from the normal distribution.

    Args:
        shape: shape of the result.
        mean, stddev: of the distribution.
        dtype: floating dtype; floatx by default.
        seed: whole number (the same draw every time), SeedGenerator, or None (the global one).

    >>> normal((2, 3), seed=1).shape
    (2, 3)
    """
    return _floating(random_normal, shape, dtype, seed, mean=mean, stddev=stddev)


@public("random.truncated_normal")
def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Draws from the normal distribution, within two standard deviations of the mean."""
    return _floating(random_truncated_normal, shape, dtype, seed, mean=mean, stddev=stddev)


@public("random.uniform")
def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Draws from the uniform distribution on [minval, maxval)."""
    return _floating(random_uniform, shape, dtype, seed, low=minval, high=maxval)


@public("random.randint")
def randint(shape, minval, maxval, dtype="int32", seed=None):
    """Whole numbers drawn evenly from minval, ..., maxval - 1."""
    dtype = canonical(dtype)
    if not dtypes.is_int(dtype):
        raise ValueError(
            f"`keras.random.randint` requires an integer `dtype`. Received: dtype={dtype} "
        )
    return random_integers(
        draw_seed(seed), shape=_shape(shape), dtype=dtype, low=int(minval), high=int(maxval)
    )


@public("random.categorical")
def categorical(logits, num_samples, dtype="int32", seed=None):
    """Class indices drawn with probabilities softmax(logits): (batch, classes) -> (batch, n).

    By the Gumbel-max trick: argmax(logits - log(-log(u))).
    """
    logits = logits if hasattr(logits, "shape") else to_tensor(logits)
    if len(logits.shape) != 2:
        raise ValueError(
            "random.categorical: `logits` must have shape (batch, classes). "
            f"Received: {tuple(logits.shape)}"
        )
    batch, classes = logits.shape
    u = uniform((batch, num_samples, classes), 1e-7, 1.0, dtype="float32", seed=seed)
    gumbel = -OPS["log"](-OPS["log"](u))
    scores = OPS["expand_dims"](OPS["cast"](logits, "float32"), 1) + gumbel
    return OPS["cast"](OPS["argmax"](scores, axis=-1), dtype)


@op(vjp=False)
def random_permutation(xp, seed, n):
    """0 ... n - 1 in random order."""
    return xp.random_permutation(seed, n=n)


@public("random.shuffle")
def shuffle(x, axis=0, seed=None):
    """x with its slices along an axis in random order."""
    x = x if hasattr(x, "shape") else to_tensor(x)
    axis = canonical_axis(axis, len(x.shape))
    return OPS["take"](x, random_permutation(draw_seed(seed), n=x.shape[axis]), axis=axis)


# ---------------------------------------------------------------- dropout
def _dropout_spec(inputs, seed, rate, noise_shape):
    return Spec(tuple(inputs.shape), inputs.dtype)


@op(
    vjp=(
        lambda xp, g, y, _x, _seed, rate, noise_shape: xp.multiply(
            xp.multiply(g, y[1]), 1.0 / (1.0 - rate)),
        None,
    ),
    keeps=True,
    spec=_dropout_spec,
)
def _dropout(xp, inputs, seed, rate, noise_shape):
    shape = tuple(inputs.shape)
    if noise_shape is not None:
        shape = tuple(n if d is None else d for d, n in zip(noise_shape, shape))
    keep = xp.random_keep(seed, shape=shape, rate=rate)
    return xp.multiply(xp.multiply(inputs, keep), 1.0 / (1.0 - rate)), keep


@public("random.dropout")
def dropout(inputs, rate, noise_shape=None, seed=None):
    """Elements set to 0 with probability `rate`, the others divided by 1 - rate.

    `noise_shape`: shape of the mask, broadcast to the inputs' (None: as the inputs there).
    N. Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"random.dropout: `rate` must be in [0, 1]. Received: rate={rate}")
    inputs = inputs if hasattr(inputs, "shape") else to_tensor(inputs)
    if rate == 0:
        return inputs
    if rate == 1:
        return OPS["zeros_like"](inputs)
    if not isinstance(inputs, KerasTensor):
        inputs = to_tensor(inputs)
        inputs = inputs if dtypes.is_float(inputs.dtype) else OPS["cast"](inputs, None)
    noise_shape = None if noise_shape is None else tuple(noise_shape)
    return _dropout(inputs, draw_seed(seed), rate=float(rate), noise_shape=noise_shape)


# ---------------------------------------------------------------- laws drawn by rejection
@op(vjp=False, tensors=2)
def _one_parameter(xp, seed, first, law, shape, dtype):
    return xp.random_host(seed, first, law=law, shape=shape, dtype=dtype)


@op(vjp=False, tensors=3)
def _two_parameters(xp, seed, first, second, law, shape, dtype):
    return xp.random_host(seed, first, second, law=law, shape=shape, dtype=dtype)


@public("random.gamma")
def gamma(shape, alpha, dtype=None, seed=None):
    """Draws from the gamma distribution of shape `alpha` and scale 1."""
    dtype = _float_dtype("gamma", dtype)
    static = {"law": "standard_gamma", "shape": _shape(shape), "dtype": dtype}
    return _one_parameter(draw_seed(seed), OPS["cast"](to_tensor(alpha), "float64"), **static)


@public("random.beta")
def beta(shape, alpha, beta, dtype=None, seed=None):
    """Draws from the beta distribution with parameters alpha and beta."""
    dtype = _float_dtype("beta", dtype)
    static = {"law": "beta", "shape": _shape(shape), "dtype": dtype}
    first, second = (OPS["cast"](to_tensor(p), "float64") for p in (alpha, beta))
    return _two_parameters(draw_seed(seed), first, second, **static)


@public("random.binomial")
def binomial(shape, counts, probabilities, dtype=None, seed=None):
    """Numbers of successes in `counts` trials of success probability `probabilities`."""
    static = {"law": "binomial", "shape": _shape(shape), "dtype": canonical(dtype)}
    n = OPS["cast"](to_tensor(counts), "int64")
    p = OPS["cast"](to_tensor(probabilities), "float64")
    return _two_parameters(draw_seed(seed), n, p, **static)
