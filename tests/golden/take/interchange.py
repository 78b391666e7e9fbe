"""Takes interchange.json: what Keras makes of files that minikeras has written.

For each backend (KERAS_BACKEND=jax, tensorflow and torch, one after another): the largest
difference of predictions and of the losses of training on, by entry of files.py. With names of
entries as arguments, only these are taken anew.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import _path  # noqa: F401
import numpy as np

from tests.golden import files, store
from tests.golden.package import keras

BACKEND = keras.backend.backend()
if BACKEND == "jax":  # compiling would take minutes
    import jax

    jax.config.update("jax_disable_jit", True)
if BACKEND == "tensorflow":
    import tensorflow

    tensorflow.config.run_functions_eagerly(True)


def difference(name, path, outcomes):
    """{what: largest difference}, or the error as a string."""
    try:
        if name.startswith("h5: "):  # from such files, its own too, Keras cannot train on
            found = {"y": files.predictions(keras.models.load_model(path), files.data(name)[0])}
        else:
            found = files.loaded(name, path)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
    return {key: float(np.abs(value - outcomes[f"{name}: {key}"]).max(initial=0))
            for key, value in found.items()}


with tempfile.TemporaryDirectory() as folder:
    environment = {**os.environ, "MINIKERAS_TEST_PACKAGE": "minikeras", "MINIKERAS_DEVICE": "cpu"}
    subprocess.run([sys.executable, "-m", "tests.golden.files", folder, *sys.argv[1:]], check=True,
                   env=environment, cwd=Path(__file__).parents[3])
    outcomes = np.load(Path(folder) / "outcomes.npz")
    names = json.loads((Path(folder) / "names.json").read_text())
    result = {name: difference(name, Path(folder) / f"{i}{files.ending(name)}", outcomes)
              for i, name in enumerate(names)}
whole = store.load_json("interchange") if (store.FOLDER / "interchange.json").exists() else {}
store.save_json("interchange", whole | {BACKEND: whole.get(BACKEND, {}) | result})
for name, found in result.items():
    if isinstance(found, str) or max(found.values()) > 1e-5:
        print(name, found)
