"""Reading and writing of the golden files beside this module."""

import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent


def save_json(name, value):
    """Writes `name`.json, one line a top-level entry so that differences stay readable."""
    lines = [f"{json.dumps(k)}: {json.dumps(plain(v), ensure_ascii=False)}"
             for k, v in value.items()]
    (FOLDER / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def load_json(name):
    """The contents of `name`.json."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def save_arrays(name, arrays):
    """Writes the dictionary of arrays to `name`.npz, as one buffer a dtype and an index."""
    index, buffers = {}, {}
    for key, value in arrays.items():
        value = np.asarray(value)
        parts = buffers.setdefault(value.dtype.name, [])
        index[key] = [value.dtype.name, sum(p.size for p in parts), list(value.shape)]
        parts.append(value.ravel())
    flat = {k: np.concatenate(v) for k, v in buffers.items()}
    np.savez_compressed(FOLDER / f"{name}.npz", index=json.dumps(index), **flat)


def load_arrays(name):
    """The dictionary of arrays in `name`.npz."""
    with np.load(FOLDER / f"{name}.npz") as file:
        index = json.loads(str(file["index"]))
        flat = {k: file[k] for k in file.files if k != "index"}
    return {key: flat[dtype][at:at + int(np.prod(shape))].reshape(shape)
            for key, (dtype, at, shape) in index.items()}


def plain(value):
    """`value` as JSON has it: tuples as lists, NumPy scalars and arrays as Python values."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value


def config(value):
    """A configuration as JSON, with this package's module names written as Keras's."""
    text = json.dumps(plain(value)).replace('"minikeras.', '"keras.')
    return json.loads(text.replace('"minikeras"', '"keras"'))


def rounded(value):
    """A configuration with its floats to seven digits: Keras keeps some as float32."""
    return json.loads(json.dumps(value), parse_float=lambda x: float(f"{float(x):.7g}"))


def check_handling(got, want):
    """Asserts that weights begin and are held, and calls lose, as they do there."""
    assert (got["initial"], got["held"]) == (want["initial"], want["held"])
    np.testing.assert_allclose(got["losses"], want["losses"], rtol=1e-5)
