"""Rows of normalization and crossentropies."""

import numpy as np

from tests.ops.samples import FLOATS, p, r, row, u


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    def wide(v):
        shape = [1] * x.ndim
        shape[axis] = -1
        return v.reshape(shape)

    y = (x - wide(mean)) / np.sqrt(wide(variance) + epsilon)
    y = y if scale is None else y * wide(scale)
    return y if offset is None else y + wide(offset)


row("batch_normalization", batch_normalization, r(4, 3), r(3), p(3), -1, offset=r(3, seed=1),
    scale=r(3, seed=2), dtypes_=FLOATS, unknown_=False, loose_=4)
row("batch_normalization", batch_normalization, r(2, 3, 4), r(3), p(3), 1, epsilon=0.1,
    unknown_=False, dtypes_=FLOATS, loose_=4)


def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=1e-7):
    axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    center = x - x.mean(axis, keepdims=True)
    y = center / np.sqrt(x.var(axis, keepdims=True) + epsilon)
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta


row("layer_normalization", layer_normalization, r(4, 3), unknown_=(0,), dtypes_=FLOATS, loose_=8)
row("layer_normalization", layer_normalization, r(2, 4, 3), gamma=r(3), beta=r(3, seed=1),
    unknown_=False, dtypes_=FLOATS, loose_=8)


def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    eps = 1e-7 if epsilon is None else epsilon
    y = x / np.sqrt((x**2).mean(axis, keepdims=True) + eps)
    return y if scale is None else y * scale


row("rms_normalization", rms_normalization, r(4, 3), dtypes_=FLOATS, loose_=8)
row("rms_normalization", rms_normalization, r(4, 3), scale=r(3), epsilon=0.1, unknown_=False,
    dtypes_=FLOATS, loose_=8)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def binary(target, output, from_logits=False):
    q = 1 / (1 + np.exp(-output)) if from_logits else output
    return -(target * np.log(q) + (1 - target) * np.log(1 - q))


def categorical(target, output, from_logits=False, axis=-1):
    q = softmax(output, axis) if from_logits else output / output.sum(axis, keepdims=True)
    return -(target * np.log(q)).sum(axis)


def sparse(target, output, from_logits=False, axis=-1):
    hot = np.moveaxis(np.eye(output.shape[axis])[target], -1, axis)
    return categorical(hot, output, from_logits, axis)


LABELS = np.array([2, 0, 1])
row("binary_crossentropy", binary, u(3, 4, low=0.1), u(3, 4, low=0.1, seed=1), dtypes_=())
row("binary_crossentropy", binary, u(3, 4, low=0.1), r(3, 4), from_logits=True, dtypes_=FLOATS)
row("categorical_crossentropy", categorical, u(3, 4, low=0.1), p(3, 4), dtypes_=())
row("categorical_crossentropy", categorical, u(3, 4, low=0.1), r(3, 4), from_logits=True,
    dtypes_=FLOATS, loose_=2)
row("categorical_crossentropy", categorical, u(3, 4, low=0.1), r(3, 4), from_logits=True, axis=0,
    unknown_=(1,), dtypes_=())
row("sparse_categorical_crossentropy", sparse, LABELS, p(3, 4), dtypes_=())
row("sparse_categorical_crossentropy", sparse, LABELS, r(3, 4), from_logits=True, dtypes_=FLOATS)
