"""Weights files: `.weights.h5`, in Keras's layout.

Every layer has a group named by the way to it through its owner's attributes; in it, `vars` holds
its own variables as "0", "1", ... Layers of a Sequential or functional model, and layers in lists,
are named by their class in snake case, numbered where there are several.
"""

import os
import tempfile

import h5py
import numpy as np

from minikeras.api.registry import public
from minikeras.core.operation import to_snake_case

CONTAINERS = (list, tuple, dict, set)


def _has_variables(x):
    """Whether x is a layer or metric; seeds are not weights."""
    return hasattr(x, "save_own_variables")


def _children(saveable):
    """(name, child or container) of what belongs to a layer, in alphabetical order.

    A model also has the list `layers`; what an attribute before it in the alphabet has given keeps
    that attribute's name.
    """
    if not hasattr(saveable, "_tracked"):
        return
    names = {n for n in saveable._tracked if n in saveable.__dict__}
    if hasattr(saveable, "get_layer"):
        names = {n for n in names if not n.startswith("_")} | {"layers"}
    for name in sorted(names):
        yield name, saveable.layers if name == "layers" else saveable.__dict__[name]


def walk(saveable, path="", seen=None):
    """(path, saveable) of everything with variables of its own, each once."""
    seen = set() if seen is None else seen
    if id(saveable) in seen:
        return
    seen.add(id(saveable))
    yield path, saveable
    for name, child in _children(saveable):
        inner = f"{path}/{name}" if path else name
        if _has_variables(child):
            yield from walk(child, inner, seen)
        elif isinstance(child, CONTAINERS):
            yield from _walk_container(child, inner, seen)


def _walk_container(container, path, seen):
    used = {}
    values = container.values() if isinstance(container, dict) else container
    for child in values:
        if _has_variables(child):
            name = to_snake_case(type(child).__name__)
            count = used.get(name, 0)
            used[name] = count + 1
            yield from walk(child, f"{path}/{name}_{count}" if count else f"{path}/{name}", seen)
        elif isinstance(child, CONTAINERS):
            count = used.get("list", 0)
            used["list"] = count + 1
            inner = f"{path}/list_{count}" if count else f"{path}/list"
            yield from _walk_container(child, inner, seen)


def _own(saveable):
    """A saveable's own variables as a dict of arrays."""
    store = {}
    saveable.save_own_variables(store)
    return store


def write_atomically(filepath, write):
    """Let `write(path)` write a temporary file beside the target, then put it in its place."""
    folder = os.path.dirname(os.path.abspath(filepath))
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
    os.close(handle)
    try:
        write(temporary)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, filepath)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise


@public("saving.save_weights")
def save_weights(model, filepath, overwrite=True, max_shard_size=None, **kwargs):
    """Save a model's weights to a file whose name ends in `.weights.h5`.

    The file is written beside the target and moved there when it is whole.
    """
    filepath = os.fspath(filepath)
    if kwargs or max_shard_size is not None:
        raise NotImplementedError("save_weights: sharded files are not supported yet.")
    if not filepath.endswith(".weights.h5"):
        raise ValueError(
            "The filename must end in `.weights.h5`. "
            f"Received: filepath={filepath}"
        )
    if not overwrite and os.path.exists(filepath):
        raise FileExistsError(f"{filepath} exists; pass overwrite=True to replace it.")

    def write(path):
        with h5py.File(path, "w") as file:
            for inner, saveable in walk(model):
                group = file.require_group(f"{inner}/vars" if inner else "vars")
                for key, value in _own(saveable).items():
                    value = np.asarray(value)
                    if value.dtype.name == "bfloat16":  # HDF5 has no such type
                        value = value.astype("float32")
                    group.create_dataset(key, data=value)

    write_atomically(filepath, write)


@public("saving.load_weights")
def load_weights(model, filepath, skip_mismatch=False, **kwargs):
    """Set a model's weights from a `.weights.h5` file; if anything is wrong, none is set."""
    filepath = os.fspath(filepath)
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    if not filepath.endswith(".weights.h5"):
        raise ValueError(
            f"The filename must end in `.weights.h5`. Received: filepath={filepath}")
    if not os.path.exists(filepath):
        raise ValueError(f"File not found: filepath={filepath}. Check the path.")
    found, problems = [], []
    with h5py.File(filepath, "r") as file:
        for inner, saveable in walk(model):
            name = f"{inner}/vars" if inner else "vars"
            stored = {k: np.asarray(v) for k, v in file[name].items()} if name in file else {}
            own = _own(saveable)
            wrong = _difference(own, stored)
            if wrong:
                problems.append(f"'{inner or model.name}': {wrong}")
            elif own:
                found.append((saveable, stored))
    if problems and not skip_mismatch:
        raise ValueError(
            f"The weights in {filepath} do not fit the model '{model.name}'; nothing was loaded. "
            + "; ".join(problems)
        )
    for saveable, stored in found:
        saveable.load_own_variables(stored)


def _difference(own, stored):
    if set(own) != set(stored):
        return f"expected {len(own)} variable(s), found {len(stored)}"
    for key, value in own.items():
        if tuple(value.shape) != tuple(stored[key].shape):
            return (
                f"variable {key} has shape {tuple(value.shape)}, in the file "
                f"{tuple(stored[key].shape)}"
            )
    return None
