"""Takes layers_options.npz and layers_options.json (KERAS_BACKEND=jax; five minutes)."""

import _path  # noqa: F401
import jax

from tests.golden import layers, sequences, store
from tests.golden.layer_cases_options import CASES
from tests.golden.sequence_cases_options import CASES as SEQUENCES

jax.config.update("jax_disable_jit", True)  # compiling each loop would take much longer
arrays, data, handled = {}, {}, {}
for probe, cases in ((layers, CASES), (sequences, SEQUENCES)):
    for part, found in zip((arrays, data), probe.every(cases)):
        part |= found
    handled |= {name: probe.handling(case) for name, case in cases.items()}
store.save_arrays("layers_options", arrays)
store.save_json("layers_options", {n: v | {"handling": handled[n]} for n, v in data.items()})
