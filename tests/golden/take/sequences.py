"""Takes sequences.npz and sequences.json (KERAS_BACKEND=jax)."""

import _path  # noqa: F401

from tests.golden import sequences, store

arrays, data = sequences.every()
store.save_arrays("sequences", arrays)
store.save_json("sequences", data)
