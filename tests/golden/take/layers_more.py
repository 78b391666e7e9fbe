"""Takes layers_more.npz and layers_more.json (KERAS_BACKEND=jax)."""

import _path  # noqa: F401

from tests.golden import layers, store
from tests.golden.layer_cases_more import CASES

arrays, data = layers.every(CASES)
store.save_arrays("layers_more", arrays)
store.save_json("layers_more", data)
