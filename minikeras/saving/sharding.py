"""Weights in several files: `NAME_00000.weights.h5`, ..., with an index, `NAME.weights.json`."""

import collections.abc
import contextlib
import json
import os

import h5py
import numpy as np

from minikeras.errors import FileError
from minikeras.saving.archive import LARGEST_JSON, parse_json
from minikeras.saving.atomic import explained, replace, temporary_beside, write_atomically
from minikeras.saving.h5 import H5Reader, write_array
from minikeras.saving.state import groups

INDEX, SHARD = ".weights.json", ".weights.h5"
GIGABYTE = 1 << 30


# ---------------------------------------------------------------- save
def save_sharded(model, filepath, max_shard_size):
    """Write a model's weights into files of at most `max_shard_size` GB of arrays each."""
    base = filepath.removesuffix(INDEX).removesuffix(SHARD)
    most = max_shard_size * GIGABYTE
    parts = list(_parts(model, most))
    files = [f"{base}_{i:05d}{SHARD}" for i in range(len(parts))]
    index = {}
    for file, part in zip(files, parts):
        for path in part:
            if part[path][1]:
                index.setdefault(f"/{path}", []).append(os.path.basename(file))
    total = sum(np.asarray(v).nbytes for part in parts for _, own in part.values()
                for v in own.values())
    text = json.dumps({"metadata": {"total_size": total}, "weight_map": index}, indent=4)
    with explained(filepath), contextlib.ExitStack() as stack:
        written = []
        for file, part in zip(files, parts):
            temporary = stack.enter_context(temporary_beside(os.path.realpath(file)))
            _write_part(temporary, part)
            written.append((temporary, file))
        for temporary, file in written:
            replace(temporary, file)
    write_atomically(f"{base}{INDEX}", lambda path: _write_text(path, text))


def _parts(model, most):
    """{path of a group: (name, {key: array})} for each file."""
    part, size = {}, 0
    for path, saveable, store in groups(model):
        part.setdefault(path, (getattr(saveable, "name", None), {}))
        for key, value in store.items():
            own = np.asarray(value).nbytes
            if own > most:
                raise ValueError(
                    f"The array {key} of '{path}' has {own} bytes, more than a file may have. "
                    f"Received: max_shard_size={most / GIGABYTE} (GB)"
                )
            if size + own > most:
                yield part
                part, size = {path: (getattr(saveable, "name", None), {})}, 0
            part[path][1][key] = value
            size += own
    yield part


def _write_part(path, part):
    with h5py.File(path, "w") as file:
        for group_path, (name, arrays) in part.items():
            group = file.require_group(group_path)
            if name is not None:
                group.attrs["name"] = name
            for key, value in arrays.items():
                write_array(group, key, value)


def _write_text(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


# ---------------------------------------------------------------- load
class ShardedReader:
    """The groups of arrays of several files, by their index."""

    def __init__(self, filepath):
        self.name, self.open = filepath, {}
        if os.path.getsize(filepath) > LARGEST_JSON:
            raise FileError(f"{filepath} is too large for an index.")
        with open(filepath, "rb") as file:
            index = parse_json(file.read(), filepath)
        found = index.get("weight_map") if isinstance(index, dict) else None
        if not isinstance(found, dict):
            raise FileError(f"{filepath} is no index of weights: it has no 'weight_map'.")
        self.files = {path.strip("/"): _checked(names, filepath) for path, names in found.items()}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for reader in self.open.values():
            reader.close()

    def _reader(self, name):
        if name not in self.open:
            path = os.path.join(os.path.dirname(self.name), name)
            if not os.path.isfile(path):
                raise FileError(f"{self.name} names the file {name}, which is not beside it.")
            self.open[name] = H5Reader(path, path)
        return self.open[name]

    def __contains__(self, path):
        return any(p == path or p.startswith(f"{path}/") for p in self.files)

    def group(self, path):
        """The arrays of a group, from whichever files they are in."""
        return Merged([self._reader(name).group(path) for name in self.files.get(path, ())])


def _checked(names, filepath):
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not all(
            isinstance(n, str) and n == os.path.basename(n) and "\\" not in n and n.endswith(SHARD)
            for n in names):
        raise FileError(
            f"{filepath} names {names!r}, which are no weights files beside it; they are not read.")
    return names


class Merged(collections.abc.Mapping):
    """Several mappings of arrays as one."""

    def __init__(self, parts):
        self.part_of = {key: part for part in parts for key in part}

    def __iter__(self):
        return iter(self.part_of)

    def __len__(self):
        return len(self.part_of)

    def __getitem__(self, key):
        return self.part_of[key][key]

    def shape(self, key):
        """Shape of an array, which is not read."""
        return self.part_of[key].shape(key)
