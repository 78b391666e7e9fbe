"""KerasFileEditor: look into a file of weights, and rename, add or delete what is in it."""

import os

import h5py
import numpy as np

from minikeras import console
from minikeras.api.registry import public
from minikeras.errors import FileError
from minikeras.saving.archive import CONFIG, METADATA, WEIGHTS, ZippedArchive, read_json
from minikeras.saving.atomic import write_atomically
from minikeras.saving.h5 import H5Reader, write_group
from minikeras.saving.state import groups
from minikeras.saving.walk import seeds
from minikeras.saving.weights import require_file

VARS = "/vars"


@public("saving.KerasFileEditor")
class KerasFileEditor:
    """The weights of a `.keras` or `.weights.h5` file, to be inspected and changed.

    Nothing in the file is run. Objects (layers, optimizers) are named by their path, such as
    "layers/dense", or by the last part of it where that is enough.

    Args:
        filepath: path that ends in `.keras` or `.weights.h5`.

    Attributes:
        weights_dict: {part of a path: {...: {key: array}}}.
        config, metadata: of a `.keras` file, as plain values.

    >>> import os, tempfile
    >>> import minikeras as keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.weights.h5")
    ...     model.save_weights(path)
    ...     editor = KerasFileEditor(path)
    >>> editor.weights_dict["layers"]["dense"]["0"].shape
    (2, 1)
    """

    def __init__(self, filepath):
        self.filepath = filepath = os.fspath(filepath)
        self.config = self.metadata = None
        require_file(filepath)
        if filepath.endswith(".keras"):
            with ZippedArchive(filepath) as archive:
                self.config = read_json(archive, CONFIG)
                self.metadata = read_json(archive, METADATA) if METADATA in archive else {}
                if WEIGHTS not in archive:
                    raise FileError(f"{filepath} has no {WEIGHTS}: it is incomplete.")
                with archive.file(WEIGHTS) as source:
                    self._read(source)
        elif filepath.endswith(".weights.h5"):
            self._read(filepath)
        else:
            raise ValueError(
                "Invalid filename: expected a `.keras` or `.weights.h5` extension. "
                f"Received: filepath={filepath}"
            )

    def _read(self, source):
        self.weights_dict, self.object_metadata = {}, {}
        with H5Reader(source, self.filepath) as reader:
            for path in reader.members:
                if path == "vars" or path.endswith(VARS):
                    arrays = reader.group(path)
                    owner = path.removesuffix("vars").rstrip("/")
                    self.object_metadata[owner] = {
                        k: v for k, v in arrays.attrs.items() if isinstance(v, str)}
                    if len(arrays):
                        _inside(self.weights_dict, owner, make=True).update(
                            {k: arrays[k] for k in arrays})

    # ------------------------------------------------------------ look
    def summary(self):
        """Print the objects and the shapes of their arrays."""
        console.print_msg("\n".join(["Weights structure", *_lines(self.weights_dict)]))

    def compare(self, reference_model):
        """Print in what the file differs from a model.

        Returns:
            {"status": "success" or "error", "error_count": ..., "match_count": ...}.
        """
        reference = {}
        for path, _, store in groups(reference_model):
            for key, value in store.items():
                reference[f"{path.removesuffix('vars').rstrip('/')}/{key}".lstrip("/")] = value
        stored = dict(_flat(self.weights_dict))
        for path, _ in seeds(reference_model):  # Keras's files have none
            if f"{path}/0" not in stored:
                reference.pop(f"{path}/0")
        problems = []
        for path in sorted({*reference, *stored}):
            if path not in stored:
                problems.append(f"/{path} present in reference model, missing from saved file")
            elif path not in reference:
                problems.append(f"/{path} present in saved file, missing from reference model")
            elif tuple(stored[path].shape) != tuple(reference[path].shape):
                problems.append(
                    f"/{path} has the shape {tuple(reference[path].shape)} in the reference model, "
                    f"{tuple(stored[path].shape)} in the saved file")
        matches = len({*reference, *stored}) - len(problems)
        for problem in problems:
            console.print_msg(f"...{problem}")
        verdict = f"Found {len(problems)} errors: saved file is not" if problems else (
            "Comparison successful: saved file is")
        console.print_msg(f"{verdict} compatible with the reference model ({matches} matches)")
        return {"status": "error" if problems else "success", "error_count": len(problems),
                "match_count": matches}

    # ------------------------------------------------------------ change
    def _place(self, name):
        """(the dictionary that holds an object, its key there)."""
        found = [path for path in _objects(self.weights_dict)
                 if path == name.strip("/") or path.rpartition("/")[2] == name]
        exact = [path for path in found if path == name.strip("/")]
        if not found:
            raise ValueError(
                f"Source name '{name}' does not appear in the model. Use `editor.summary()` to "
                "list all objects."
            )
        if len(found) > 1 and not exact:
            raise ValueError(
                f"Name '{name}' occurs more than once in the model: {found}; pass a complete path.")
        parent, _, key = (exact or found)[0].rpartition("/")
        return _inside(self.weights_dict, parent), key

    def rename_object(self, object_name, new_name):
        """Give an object a new last part of its path."""
        holder, key = self._place(object_name)
        new = new_name.strip("/").rpartition("/")[2]
        if new in holder:
            raise ValueError(f"There is an object '{new}' already.")
        holder[new] = holder.pop(key)

    def delete_object(self, object_name):
        """Take an object and all in it out."""
        holder, key = self._place(object_name)
        del holder[key]

    def add_object(self, object_path, weights):
        """Add an object, at a complete path, with {key: array}."""
        parent, _, key = object_path.strip("/").rpartition("/")
        try:
            holder = _inside(self.weights_dict, parent)
        except KeyError:
            raise ValueError(f"Path '{parent}' not found in model.") from None
        if key in holder:
            raise ValueError(f"There is an object '{object_path}' already.")
        holder[key] = _arrays(weights)

    def add_weights(self, object_name, weights):
        """Add arrays {key: array} to an object, or replace them."""
        holder, key = self._place(object_name)
        holder[key].update(_arrays(weights))

    def delete_weight(self, object_name, weight_name):
        """Take one array out of an object."""
        holder, key = self._place(object_name)
        if not isinstance(holder[key].get(weight_name), np.ndarray):
            raise ValueError(
                f"Weight {weight_name} not found in object {object_name}. Weights found: "
                f"{[k for k, v in holder[key].items() if isinstance(v, np.ndarray)]}"
            )
        del holder[key][weight_name]

    # ------------------------------------------------------------ save
    def save(self, filepath):
        """Write the weights to a `.weights.h5` file."""
        filepath = os.fspath(filepath)
        if not filepath.endswith(".weights.h5"):
            raise ValueError(
                "Invalid `filepath` argument: expected a `.weights.h5` extension. "
                f"Received: filepath={filepath}"
            )

        def write(path):
            with h5py.File(path, "w") as file:
                for name in ("", *_objects(self.weights_dict)):
                    inside = _inside(self.weights_dict, name)
                    arrays = {k: v for k, v in inside.items() if isinstance(v, np.ndarray)}
                    if arrays or name in self.object_metadata:
                        label = self.object_metadata.get(name, {}).get("name")
                        write_group(file, f"{name}{VARS}".lstrip("/"), arrays, label)

        write_atomically(filepath, write)

    resave_weights = save


def _arrays(weights):
    if not isinstance(weights, dict):
        raise ValueError(
            "Argument `weights` should be a dict of weight names to arrays. "
            f"Received: weights={weights}"
        )
    return {str(k): np.asarray(v) for k, v in weights.items()}


def _inside(tree, path, make=False):
    """The dictionary at a path."""
    for part in filter(None, path.split("/")):
        tree = tree.setdefault(part, {}) if make else tree[part]
        if not isinstance(tree, dict):
            raise KeyError(path)
    return tree


def _objects(tree, path=""):
    """Paths of all dictionaries."""
    for key, value in tree.items():
        if isinstance(value, dict):
            own = f"{path}/{key}".lstrip("/")
            yield own
            yield from _objects(value, own)


def _flat(tree, path=""):
    """(path, array) of all arrays."""
    for key, value in tree.items():
        own = f"{path}/{key}".lstrip("/")
        if isinstance(value, dict):
            yield from _flat(value, own)
        else:
            yield own, value


def _lines(tree, indent="  "):
    """A line for each object and array."""
    for i, (key, value) in enumerate(tree.items()):
        last = i == len(tree) - 1
        mark, below = ("└─ ", "   ") if last else ("├─ ", "│  ")
        if isinstance(value, dict):
            yield f"{indent}{mark}{key}"
            yield from _lines(value, indent + below)
        else:
            yield f"{indent}{mark}{key}: shape={value.shape}, dtype={value.dtype}"
