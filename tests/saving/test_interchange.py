"""Files that Keras has written load here, predict the same and train on to the same losses."""

import numpy as np
import pytest

from tests.golden import files, store
from tests.golden.package import keras

CONTENTS = files.read_bundle()
ARRAYS = store.load_arrays("files")


TRAINED = [n for n in files.names() if not n.startswith(("layer", "sequence"))]


def ready(name):
    """Whether the layers of an entry exist here."""
    kind, _, rest = name.partition(": ")
    return kind != "layer" or hasattr(keras.layers, files.CASES[rest].layer)


@pytest.mark.parametrize("name", [n for n in CONTENTS if ready(n)])
def test_file_of_keras(name, tmp_path):
    path = tmp_path / f"model{files.ending(name)}"
    path.write_bytes(CONTENTS[name])
    for key, value in files.loaded(name, path).items():
        expected = ARRAYS[f"{name}: {key}"]
        scale = max(1.0, float(np.abs(expected).max(initial=0)))
        if key == "losses" and name.endswith(": half"):
            scale *= 100  # each of Keras's own backends rounds half precision elsewhere
        if key == "losses" and name == "model: stored_in_bfloat16":
            value, expected = value[:1], expected[:1]  # to Keras's Adam 0.999 is 1 in bfloat16
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-5 * scale, err_msg=key)


@pytest.mark.parametrize("name", files.names())
def test_file_of_ours(name, tmp_path):
    path = tmp_path / f"model{files.ending(name)}"
    want = files.saved(name, path)
    for key, value in files.loaded(name, path).items():
        np.testing.assert_allclose(value, want[key], rtol=1e-6, atol=1e-7, err_msg=key)


# ---------------------------------------------------------------- files of ours in Keras
RESULTS = store.load_json("interchange")
KNOWN = {  # what Keras itself does otherwise, by backend and entry: the limit, or None for an error
    ("torch", "layer: LayerNormalization axis=1"): None,  # refused by its own layer
    ("torch", "optimizer: schedule_free"): 0.01,  # on these two a slot shares the weight's memory
    ("torch", "optimizer: schedule_free_warmup"): 0.01,
    ("tensorflow", "optimizer: schedule_free"): 0.01,
    ("tensorflow", "optimizer: schedule_free_warmup"): 0.01,
    ("tensorflow", "model: half"): 1e-3,  # rounds half precision elsewhere
    ("tensorflow", "h5: half"): 1e-3,
    **{(b, "model: stored_in_bfloat16"): 0.03 for b in RESULTS},  # 0.999 is 1 in bfloat16
}


@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
def test_keras_loads_files_of_ours(backend):
    """Stored by golden/take/interchange.py: largest differences of predictions and losses."""
    result = RESULTS[backend]
    assert set(TRAINED) <= set(result)
    assert len([n for n in result if n.startswith("layer")]) > 80
    for name, found in result.items():
        limit = KNOWN.get((backend, name), 1e-5)
        if limit is not None:
            assert isinstance(found, dict), (name, found)
            assert max(found.values()) <= limit, (name, found)
