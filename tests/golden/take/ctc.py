"""Takes ctc.npz (KERAS_BACKEND=jax)."""

import _path  # noqa: F401

from tests.golden import ctc, store

store.save_arrays("ctc", ctc.every())
