"""Takes layers.npz and layers.json (KERAS_BACKEND=jax)."""

import _path  # noqa: F401

from tests.golden import layers, store
from tests.golden.layer_cases import CASES

arrays, data = layers.every(CASES)
store.save_arrays("layers", arrays)
store.save_json("layers", data)
