"""Takes files.zip and files.npz: models saved by Keras (KERAS_BACKEND=jax).

With names of entries as arguments, only these are taken anew.
"""

import sys
import tempfile
from pathlib import Path

import _path  # noqa: F401
import jax

from tests.golden import files, store

jax.config.update("jax_disable_jit", True)  # compiling would take minutes
names = sys.argv[1:]
arrays = store.load_arrays("files") if names else {}
contents = files.read_bundle() if names else {}
with tempfile.TemporaryDirectory() as folder:
    for name in names or files.names():
        path = Path(folder) / f"model{files.ending(name)}"
        arrays |= {f"{name}: {k}": v for k, v in files.saved(name, path).items()}
        contents[name] = path.read_bytes()
store.save_arrays("files", arrays)
files.write_bundle(contents)
print(f"{len(contents)} files, {files.BUNDLE.stat().st_size} bytes")
