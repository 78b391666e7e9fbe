"""Reading and writing of groups of arrays in HDF5 files.

A file is not trusted: links to other files, data that Python would have to unpickle, and arrays
that claim to be much larger than what is stored are refused, before they are read.
"""

import collections.abc
import contextlib
import math

import h5py
import ml_dtypes
import numpy as np

from minikeras.errors import FileError

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
EXPANSION = 200  # a compressed array may be this many times as large as its bytes in the file
SMALL = 1 << 16  # bytes that need no such account
NUMBERS = "biufc"


@contextlib.contextmanager
def reading(name):
    """What h5py raises for damaged files, as FileError; whatever libhdf5 stumbles over."""
    try:
        yield
    except FileError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, SystemError,
            AttributeError, OverflowError) as e:
        raise FileError(f"{name} is damaged or is no HDF5 file: {type(e).__name__}: {e}") from e


class H5Reader:
    """The arrays of an HDF5 file, by the path of their group.

    Args:
        source: path of a file, or its bytes.
        name: what to call it in messages.
    """

    def __init__(self, source, name):
        self.name = name
        with reading(name):
            if isinstance(source, bytes):
                self.file = h5py.File(h5py.h5f.open_file_image(source))
            else:
                self.file = h5py.File(source, "r", locking=False)
            self.paths = self._checked_paths()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """Close the file."""
        self.file.close()

    def _checked_paths(self):
        """All paths in the file, none of which leads out of it."""
        paths = set()

        def visit(path, info):
            name = path.decode("utf-8", "replace")
            if info.type != h5py.h5l.TYPE_HARD:
                raise FileError(
                    f"{self.name} has a link at '{name}' that leads elsewhere. Weights must be in "
                    "the file itself; such a file is not read."
                )
            paths.add(name)

        self.file.id.links.visit(visit, info=True)
        return paths

    def __contains__(self, path):
        return path in self.paths

    def group(self, path):
        """The arrays of a group as a mapping, empty if there is no such group."""
        with reading(self.name):
            found = self.file[path] if path in self.paths else None
            if found is None:
                return {}
            if not isinstance(found, h5py.Group):
                raise FileError(f"{self.name}: '{path}' is an array where a group is expected.")
            return StoredArrays(found, self.name)

    def stored_bytes(self):
        """Bytes of all arrays, as far as what is stored can account for them."""
        total = 0
        with reading(self.name):
            for path in self.paths:
                found = self.file[path]
                if isinstance(found, h5py.Dataset):
                    total += min(_size(found), most_bytes(found))
        return total


class StoredArrays(collections.abc.Mapping):
    """The arrays of one group, read when they are asked for."""

    def __init__(self, group, name):
        self.h5, self.name = group, name
        self.attrs = group.attrs

    def __iter__(self):
        return iter(self.h5)

    def __len__(self):
        return len(self.h5)

    def _dataset(self, key):
        if key not in self.h5:
            raise KeyError(key)
        found = self.h5[key]
        if not isinstance(found, h5py.Dataset):
            raise FileError(f"{self.name}: '{found.name}' is a group where an array is expected.")
        check(found, self.name)
        return found

    def shape(self, key):
        """Shape of an array, which is not read."""
        with reading(self.name):
            return tuple(self._dataset(key).shape)

    def __getitem__(self, key):
        if key not in self.h5:
            raise KeyError(key)
        with reading(self.name):
            return read(self._dataset(key))


def check(dataset, name):
    """FileError if an array is not plain numbers in the file itself, or too large for it."""
    where = f"{name}: the array '{dataset.name}'"
    dtype = dataset.dtype
    opaque = dtype == "V2" and _is_bfloat16(dataset)
    if dtype.kind not in NUMBERS and not opaque:
        raise FileError(
            f"{where} holds {dtype} where numbers are expected; it is not read."
        )
    if dataset.is_virtual or dataset.external:
        raise FileError(f"{where} has its data in another file, which is not read.")
    size, most = _size(dataset), most_bytes(dataset)
    if size > most:
        raise FileError(
            f"{where} of shape {tuple(dataset.shape)} would take {size} bytes, but the file has "
            f"{dataset.id.get_storage_size()} bytes for it. It is damaged, or made to fill the "
            "memory."
        )


def _is_bfloat16(dataset):
    return dataset.attrs.get("dtype") in ("bfloat16", b"bfloat16")


def _size(dataset):
    return math.prod(dataset.shape or ()) * dataset.dtype.itemsize


def most_bytes(dataset):
    """How large an array may be for its bytes in the file."""
    stored = dataset.id.get_storage_size()
    filtered = dataset.id.get_create_plist().get_nfilters()
    return stored * EXPANSION + SMALL if filtered else stored


def read(dataset):
    """The values of an array."""
    value = np.asarray(dataset[()])
    return value.view(BFLOAT16) if value.dtype == "V2" else value


def write_group(file, path, arrays, name=None):
    """Make a group of arrays; bfloat16, which HDF5 lacks, goes as Keras writes it."""
    group = file.require_group(path)
    if name is not None:
        group.attrs["name"] = name
    for key, value in arrays.items():
        value = np.asarray(value)
        if value.dtype == BFLOAT16:
            group.create_dataset(key, data=value.view("V2"))
            group[key].attrs["dtype"] = "bfloat16"
        else:
            group.create_dataset(key, data=value)
    return group
