"""Takes layers.npz and layers.json (KERAS_BACKEND=jax)."""

import _path  # noqa: F401

from tests.golden import layers, store

arrays, data = layers.every()
store.save_arrays("layers", arrays)
store.save_json("layers", data)
