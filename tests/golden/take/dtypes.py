"""Takes dtypes.json: with KERAS_BACKEND=tensorflow, then with KERAS_BACKEND=jax, which fills in
what TensorFlow refuses to compute."""

import _path  # noqa: F401

from tests.golden import dtypes, store
from tests.golden.package import keras

WHOLE_MEANS = ("moments",)  # TensorFlow gives the mean of integers as one


def on_tensorflow():
    """All values."""
    values = {
        "singles": {a: dtypes.lattice(a) for a in dtypes.LATTICE},
        "pairs": {a: [dtypes.lattice(a, b) for b in dtypes.LATTICE] for a in dtypes.LATTICE},
        "triples": [[*names, dtypes.lattice(*names)] for names in dtypes.triples()],
    }
    for op in (*dtypes.BINARY, *dtypes.PAIRS):
        symbolic, eager = dtypes.pairs(op), dtypes.pairs(op, dtypes.eager)
        values[f"binary {op}"] = {
            left: [dtypes.merged(*two) for two in zip(row, eager[left])]
            for left, row in symbolic.items()}
    for op in (*dtypes.UNARY, *dtypes.SINGLES):
        two = zip(dtypes.singles(op), dtypes.singles(op, dtypes.eager))
        values[f"unary {op}"] = [dtypes.merged(*pair) for pair in two]
    for op in dtypes.CREATION:
        values[f"creation {op}"] = dtypes.creation(op)
    return values


def filled(op, row, *names):
    """Stored values of an op's calls on operands of the named dtypes, with JAX's."""
    def value(stored, *operands):
        if not stored.endswith("|Error") and op not in WHOLE_MEANS:
            return stored
        jax = dtypes.call(op, *map(dtypes.eager, operands))
        return dtypes.with_jax(stored, jax, operands)

    return [value(stored, *operands) for stored, *operands in zip(row, *names)]


def on_jax():
    """The stored values, filled in."""
    values = store.load_json("dtypes")
    for op in (*dtypes.BINARY, *dtypes.PAIRS):
        rows, real = values[f"binary {op}"], dtypes.operands(op)
        for left, row in rows.items():
            right = [n for n in (*real, *dtypes.scalars(op)) if {left, n} & set(real)]
            rows[left] = filled(op, row, [left] * len(row), right)
    for op in (*dtypes.UNARY, *dtypes.SINGLES):
        values[f"unary {op}"] = filled(op, values[f"unary {op}"], dtypes.operands(op))
    return values


store.save_json("dtypes", on_jax() if keras.backend.backend() == "jax" else on_tensorflow())
