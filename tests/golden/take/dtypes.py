"""Takes dtypes.json, in steps that each run on one backend of Keras and leave their part behind:

KERAS_BACKEND=tensorflow dtypes.py FOLDER
KERAS_BACKEND=jax dtypes.py FOLDER
KERAS_BACKEND=jax JAX_ENABLE_X64=1 dtypes.py FOLDER      (merges the parts and stores them)

Keys named after the folder: only these are taken again.
"""

import json
import os
import sys
from pathlib import Path

import _path  # noqa: F401

from tests.golden import dtypes, store
from tests.golden.package import keras

BACKEND = keras.backend.backend()
WIDE = os.environ.get("JAX_ENABLE_X64") == "1"
FOLDER, KEYS = Path(sys.argv[1]), sys.argv[2:]


def traced(function, *operands):
    """The dtypes of a call on JAX, traced where that does, since compiling takes long."""
    import jax

    if not any(hasattr(x, "dtype") for x in operands):
        return dtypes.outcome(function, *operands)

    def on_arrays(arrays):
        given = iter(arrays)
        return function(*[next(given) if hasattr(x, "dtype") else x for x in operands])

    try:
        return dtypes.described(jax.eval_shape(on_arrays, [x for x in operands
                                                           if hasattr(x, "dtype")]))
    except Exception:
        return dtypes.outcome(function, *operands)


def step():
    """This backend's part: {key: (eager table, symbolic table)}."""
    part = {}

    def skip(names):
        return BACKEND == "jax" and bool(dtypes.WIDE & set(names)) != WIDE

    for key in KEYS or dtypes.CALLS:
        run = traced if BACKEND == "jax" else dtypes.outcome
        part[key] = (dtypes.table(key, dtypes.eager, run, skip),
                     dtypes.table(key, dtypes.symbolic, dtypes.outcome, skip))
        print(key, file=sys.stderr, flush=True)
    if BACKEND == "tensorflow":
        lattice, names = dtypes.lattice, dtypes.LATTICE
        part["lattice"] = {
            "singles": {a: lattice(a) for a in names},
            "pairs": {a: [lattice(a, b) for b in names] for a in names},
            "triples": [[*three, lattice(*three)] for three in dtypes.triples()],
        }
    return part


class Part:
    """What one step has left behind."""

    def __init__(self, name):
        self.tables = json.loads((FOLDER / f"{name}.json").read_text())
        self.entries = {}
        for key in dtypes.CALLS:
            for r, row in enumerate(dtypes.rows(key)):
                for c, names in enumerate(row):
                    self.entries[key, names] = [t[r][c] for t in self.tables[key]]

    def __call__(self, key, names, symbolic=False):
        return self.entries[key, tuple(names)][symbolic]


def merge():
    """The stored table: rows of entries, each once; a key has the numbers of its rows."""
    tensorflow, narrow, wide = Part("tensorflow"), Part("jax"), Part("jax64")
    numbers, values = {}, dict(tensorflow.tables["lattice"])

    def entry(key, names):
        jax = wide if dtypes.WIDE & set(names) else narrow
        said = jax(key, names)
        doubled = "float64" not in names and {"f64", "c128"} & set(said.split(","))
        if jax is wide and doubled and said != tensorflow(key, names):
            # the default float of JAX with 64-bit types, which is not Keras's floatx
            said = said.replace("f64", "f32").replace("c128", "c64")
        return dtypes.merged(said, tensorflow(key, names), jax(key, names, True),
                             tensorflow(key, names, True))

    for key in dtypes.CALLS:
        texts = [" ".join(entry(key, names) for names in row) for row in dtypes.rows(key)]
        values[f"op {key}"] = [numbers.setdefault(text, len(numbers)) for text in texts]
    store.save_json("dtypes", {**values, "rows": {i: text for text, i in numbers.items()}})


def main():
    name = "tensorflow" if BACKEND == "tensorflow" else "jax64" if WIDE else "jax"
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    before = json.loads(path.read_text()) if KEYS and path.exists() else {}
    path.write_text(json.dumps({**before, **step()}))
    if WIDE:
        merge()


if __name__ == "__main__":
    main()
