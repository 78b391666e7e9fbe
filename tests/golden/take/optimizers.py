"""Takes optimizers.npz and optimizers.json (KERAS_BACKEND=jax)."""

import _path  # noqa: F401

from tests.golden import optimizers, store

arrays, data = optimizers.every()
store.save_arrays("optimizers", arrays)
store.save_json("optimizers", data)
