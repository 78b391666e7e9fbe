"""Takes images.npz (KERAS_BACKEND=jax)."""

import _path  # noqa: F401

from tests.golden import images, store

store.save_arrays("images", images.every())
