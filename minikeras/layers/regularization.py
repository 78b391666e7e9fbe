"""Layers that act in training only."""

from minikeras import random
from minikeras.api.registry import public
from minikeras.layers.layer import Layer
from minikeras.random.seed import SeedGenerator


@public("layers.Dropout")
class Dropout(Layer):
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
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ValueError(
                "Invalid value received for argument `rate`. Expected a float value between 0 "
                f"and 1. Received: rate={rate}"
            )
        self.rate, self.seed = rate, seed
        self.noise_shape = None if noise_shape is None else _noise_shape(noise_shape)
        if rate > 0:
            self.seed_generator = seed if isinstance(seed, SeedGenerator) else SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs, training=False):
        if training and self.rate > 0:
            return random.dropout(inputs, self.rate, self.noise_shape, seed=self.seed_generator)
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


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
