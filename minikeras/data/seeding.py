"""One seed for every source of chance."""

import random

import numpy as np

from minikeras.api.registry import public
from minikeras.random.seed import set_global_seed


@public("utils.set_random_seed")
def set_random_seed(seed):
    """Seed Python's `random`, NumPy's global generator and minikeras's: runs become repeatable.

    Weights, dropout, `keras.random`, and the order in which `fit` shuffles all follow from it.

    Args:
        seed: integer, 0 to 2**32 - 1.

    Raises:
        ValueError: The seed is no integer, or out of this range.

    >>> import minikeras as keras
    >>> set_random_seed(1)
    >>> first = keras.random.normal((2,)).numpy()
    >>> set_random_seed(1)
    >>> bool((first == keras.random.normal((2,)).numpy()).all())
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ValueError(
            "Expected `seed` argument to be an integer. "
            f"Received: seed={seed} (of type {type(seed)})"
        )
    if not 0 <= seed < 2**32:
        raise ValueError(f"`seed` must be between 0 and 2**32 - 1. Received: seed={seed}")
    random.seed(seed)
    np.random.seed(seed)
    set_global_seed(seed)
