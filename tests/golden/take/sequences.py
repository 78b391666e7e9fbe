"""Takes sequences.npz and sequences.json (KERAS_BACKEND=jax; half an hour).

TensorFlow gives the same, but for first outputs that are masked while a state is given (0 there,
the state here), and has no channels_first on a CPU.
"""

import _path  # noqa: F401

from tests.golden import sequences, store

arrays, data = sequences.every()
store.save_arrays("sequences", arrays)
store.save_json("sequences", data)
