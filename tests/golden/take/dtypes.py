"""Takes dtypes.json (KERAS_BACKEND=tensorflow: on JAX Keras narrows 64-bit types)."""

import _path  # noqa: F401

from tests.golden import dtypes, store

values = {
    "singles": {a: dtypes.lattice(a) for a in dtypes.LATTICE},
    "pairs": {a: [dtypes.lattice(a, b) for b in dtypes.LATTICE] for a in dtypes.LATTICE},
    "triples": [[*names, dtypes.lattice(*names)] for names in dtypes.triples()],
}


def both(rows_of, op):
    """The rows of an op, symbolic and eager results merged."""
    return [dtypes.merged(*two) for two in zip(rows_of(op), rows_of(op, dtypes.eager))]


for op in (*dtypes.BINARY, *dtypes.PAIRS):
    symbolic, eager = dtypes.pairs(op), dtypes.pairs(op, dtypes.eager)
    values[f"binary {op}"] = {
        left: [dtypes.merged(*two) for two in zip(row, eager[left])]
        for left, row in symbolic.items()}
for op in (*dtypes.UNARY, *dtypes.SINGLES):
    values[f"unary {op}"] = both(dtypes.singles, op)
for op in dtypes.CREATION:
    values[f"creation {op}"] = dtypes.creation(op)
store.save_json("dtypes", values)
