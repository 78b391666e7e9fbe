"""Inputs and weights by formula, so that none has to be stored. All in float64, then cast."""

import numpy as np


def uniform(shape, seed=0, low=-1.0, high=1.0, dtype="float32"):
    """u_i = frac(43758.5453 sin(12.9898 i + 78.233 (seed + 1))), scaled to [low, high)."""
    i = np.arange(int(np.prod(shape)), dtype="float64")
    u = np.sin(12.9898 * i + 78.233 * (seed + 1)) * 43758.5453
    u = u - np.floor(u)
    return (low + (high - low) * u).reshape(shape).astype(dtype)


def integers(shape, seed=0, high=10):
    """Whole numbers in [0, high), int32."""
    return np.floor(uniform(shape, seed, 0, high, "float64")).astype("int32")


def weight(name, shape, seed=0):
    """A weight in [-0.5, 0.5); a variance in [0.5, 1.5), since it must be positive."""
    low = 0.5 if "variance" in name else -0.5
    return uniform(shape, 1000 + seed, low, low + 1.0)


def glorot_uniform(shape, seed):
    """Glorot uniform of a dense (in, out) or convolution (*window, in, out) kernel."""
    receptive = int(np.prod(shape[:-2]))
    limit = np.sqrt(6.0 / (receptive * (shape[-2] + shape[-1])))
    return uniform(shape, seed, -limit, limit)


def digits(count, seed=0):
    """Synthetic blurry digits (count, 28, 28, 1) in [0, 1] and labels (count,) in 0..9.

    Label d is a bright ring segment: two blurred spots whose places depend on d, moved by up to
    three pixels, over noise of at most 0.1 and a flat background of zeros outside 20 x 20.
    """
    labels = integers((count,), seed, 10)
    moves = uniform((count, 2), seed + 1, -3, 3, "float64")
    rows, columns = np.mgrid[0:28, 0:28].astype("float64")
    images = np.zeros((count, 28, 28))
    for turn, sigma in ((0.0, 2.5), (2.1, 4.0)):
        angle = 2 * np.pi * labels / 10 * (1 + (turn > 0)) + turn
        row = 14 + 6 * np.sin(angle) + moves[:, 0]
        column = 14 + 6 * np.cos(angle) + moves[:, 1]
        squares = (rows - row[:, None, None]) ** 2 + (columns - column[:, None, None]) ** 2
        images += np.exp(-squares / (2 * sigma**2))
    images += uniform(images.shape, seed + 2, 0, 0.1, "float64")
    images[:, :4] = images[:, 24:] = images[:, :, :4] = images[:, :, 24:] = 0
    return np.clip(images, 0, 1)[..., None].astype("float32"), labels
