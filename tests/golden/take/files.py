"""Takes files.zip and files.npz: models saved by Keras (KERAS_BACKEND=jax)."""

import tempfile
from pathlib import Path

import _path  # noqa: F401
import jax

from tests.golden import files, store

jax.config.update("jax_disable_jit", True)  # compiling would take minutes
arrays, contents = {}, {}
with tempfile.TemporaryDirectory() as folder:
    for name in files.names():
        path = Path(folder) / "model.keras"
        arrays |= {f"{name}: {k}": v for k, v in files.saved(name, path).items()}
        contents[name] = path.read_bytes()
store.save_arrays("files", arrays)
files.write_bundle(contents)
print(f"{len(contents)} files, {files.BUNDLE.stat().st_size} bytes")
