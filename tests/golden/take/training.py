"""Takes training.npz (KERAS_BACKEND=jax)."""

import _path  # noqa: F401

from tests.golden import store, training

store.save_arrays("training", training.every())
