"""Rows of activation functions, by their definitions."""

import numpy as np
import scipy.special

from tests.ops.samples import FLOATS, r, row


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.logaddexp(x, 0)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def gelu(x, approximate=True):
    if approximate:
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x * (1 + scipy.special.erf(x / np.sqrt(2))) / 2


def glu(x, axis=-1):
    a, b = np.split(x, 2, axis)
    return a * sigmoid(b)


def sparsemax(x, axis=-1):
    """By bisection on the threshold."""
    low = x.max(axis, keepdims=True) - 1
    high = low + 1
    for _ in range(200):
        middle = (low + high) / 2
        above = np.maximum(x - middle, 0).sum(axis, keepdims=True) >= 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(x - low, 0)


def sparse_plus(x):
    return np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x))


def threshold(x, threshold, default_value):
    return np.where(x > threshold, x, default_value)


def leaky_relu(x, negative_slope=0.2):
    return np.where(x > 0, x, negative_slope * x)


PLAIN = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "sigmoid": sigmoid,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772),
    "celu": elu,
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "silu": lambda x: x * sigmoid(x),
    "swish": lambda x: x * sigmoid(x),
    "log_sigmoid": lambda x: -softplus(-x),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "gelu": gelu,
    "tanh_shrink": lambda x: x - np.tanh(x),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "squareplus": lambda x: (x + np.sqrt(x**2 + 4)) / 2,
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
}
for name, want in PLAIN.items():
    row(name, want, 3 * r(3, 4), loose_=2)
    row(name, want, r(), dtypes_=())
    row(name, want, r(0, 3), dtypes_=())
    if name not in ("gelu", "silu", "swish", "hard_silu", "hard_swish", "tanh_shrink",
                    "squareplus", "log_sigmoid", "softplus", "soft_shrink"):
        row(name, want, np.array([-np.inf, np.nan, 80.0]), grad_=False, dtypes_=())
row("gelu", gelu, r(5), approximate=False)
row("leaky_relu", leaky_relu, r(5), negative_slope=0.5, dtypes_=FLOATS)
row("elu", elu, r(5), alpha=2.0, dtypes_=FLOATS)
row("celu", lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x / alpha)), r(5), alpha=2.0,
    dtypes_=FLOATS)
row("squareplus", lambda x, b: (x + np.sqrt(x**2 + b)) / 2, r(5), b=2, dtypes_=FLOATS)
row("hard_shrink", lambda x, threshold: np.where(np.abs(x) > threshold, x, 0), r(5), threshold=0.2)
row("threshold", threshold, r(5), 0.3, 7.0, dtypes_=FLOATS)
row("threshold", threshold, r(2, 0, 3), 0.3, 7.0, dtypes_=FLOATS)
row("threshold", threshold, np.array(0.3), 0.2, -1.0, dtypes_=FLOATS)
row("glu", glu, r(3, 4))
row("glu", glu, r(4, 3), axis=0, unknown_=(1,), dtypes_=FLOATS)
for name, want in {"softmax": scipy.special.softmax,
                   "log_softmax": scipy.special.log_softmax}.items():
    row(name, lambda x, axis=-1, f=want: f(x, axis), r(3, 4))
    row(name, lambda x, axis=-1, f=want: f(x, axis), 30 * r(3, 4), axis=0, dtypes_=("float32",))
    row(name, lambda x, axis=-1, f=want: f(x, axis), r(2, 3, 4), axis=(0, -1), dtypes_=FLOATS)
    row(name, lambda x, axis=-1, f=want: f(x, axis), r(2, 3), axis=None, dtypes_=FLOATS)
row("sparsemax", sparsemax, r(3, 4), dtypes_=FLOATS)
row("sparsemax", sparsemax, r(3, 4), axis=0, unknown_=(1,), dtypes_=())
