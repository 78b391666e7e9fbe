"""Reading and writing of groups of arrays in HDF5 files.

A file is not trusted: links to other files, data that Python would have to unpickle, and arrays
that claim to be much larger than what is stored are refused, before they are read.
"""

import collections.abc
import math
import mmap

import h5py
import ml_dtypes
import numpy as np

from minikeras import errors
from minikeras.errors import FileError
from minikeras.saving.h5_attributes import HEAP, check_attributes

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
EXPANSION = 200  # a compressed array may be this many times as large as its bytes in the file
SMALL = 1 << 16  # bytes that need no such account
PIECE = 1 << 22  # bytes of a piece of an array that need none either
NUMBERS = "biufc"


def reading(name):
    """What h5py raises for damaged files, as FileError; whatever libhdf5 stumbles over."""
    return errors.reading(name, "HDF5", (
        OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, SystemError,
        AttributeError, OverflowError))


class H5Reader:
    """The arrays of an HDF5 file, by the path of their group.

    Args:
        source: path of a file, or its bytes.
        name: what to call it in messages.
    """

    def __init__(self, source, name):
        self.name = name
        with reading(name):
            self.data = source if isinstance(source, bytes) else mapped(source)
            check_heaps(self.data, name)
            if isinstance(source, bytes):
                self.file = h5py.File(h5py.h5f.open_file_image(source))
            else:
                self.file = h5py.File(source, "r", locking=False)
            self.members = self._members()
        self._arrays = {}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """Close the file."""
        self.file.close()
        if not isinstance(self.data, bytes):
            self.data.close()

    def _members(self):
        """{path of a group: names in it}; FileError if a path leads out of the file."""
        members = {"": []}

        def visit(path, info):
            path = path.decode("utf-8", "replace")
            if info.type != h5py.h5l.TYPE_HARD:
                raise FileError(
                    f"{self.name} has a link at '{path}' that leads elsewhere. Weights must be in "
                    "the file itself; such a file is not read."
                )
            parent, _, name = path.rpartition("/")
            members.setdefault(parent, []).append(name)
            members.setdefault(path, [])

        self.file.id.links.visit(visit, info=True)
        return members

    def __contains__(self, path):
        return path in self.members

    def group(self, path):
        """The arrays of a group as a mapping, empty if there is no such group."""
        return StoredArrays(self, path) if path in self.members else {}

    def attributes(self, path):
        """The attributes of a group as a dict."""
        with reading(self.name):
            found = self.file[path or "/"]
            check_attributes(self.data, h5py.h5o.get_info(found.id).addr, self.name)
            return dict(found.attrs)

    def array(self, path):
        """The array at a path, checked but not read."""
        found = self._arrays.get(path)
        if found is None:
            with reading(self.name):
                found = self._open(path)
            if found is None:
                raise FileError(f"{self.name}: '{path}' is a group where an array is expected.")
        return found

    def _open(self, path):
        found = h5py.h5o.open(self.file.id, path.encode("utf-8", "surrogateescape"))
        if not isinstance(found, h5py.h5d.DatasetID):
            return None
        return self._arrays.setdefault(path, StoredArray(found, path, self))

    def stored_bytes(self):
        """Bytes of all arrays, as far as what is stored can account for them."""
        total = 0
        with reading(self.name):
            for path, inside in self.members.items():
                found = None if inside or not path else self._open(path)
                total += found.nbytes if found is not None else 0
        return total


class StoredArray:
    """An array in a file: plain numbers in the file itself, no larger than they can be.

    Args:
        identifier: what the HDF5 library knows it by.
        path: its path.
        reader: the file's H5Reader.
    """

    def __init__(self, identifier, path, reader):
        self.id, self.path, self.reader, self.name = identifier, path, reader, reader.name
        self.shape, self.dtype = identifier.shape, identifier.dtype
        self.nbytes = math.prod(self.shape) * self.dtype.itemsize
        self._check()

    def _check(self):
        if self.dtype.kind not in NUMBERS and not (self.dtype == "V2" and self._is_bfloat16()):
            raise FileError(
                f"{self.name}: the array '{self.path}' holds {self.dtype} where numbers are "
                "expected; it is not read."
            )
        plan = self.id.get_create_plist()
        if plan.get_layout() == h5py.h5d.VIRTUAL or plan.get_external_count():
            raise FileError(
                f"{self.name}: the array '{self.path}' has its data in another file, which is not "
                "read.")
        if plan.get_layout() == h5py.h5d.CHUNKED:
            piece = math.prod(plan.get_chunk()) * self.dtype.itemsize
            if piece > max(PIECE, self.nbytes * 4):  # one piece is decompressed as a whole
                raise FileError(
                    f"{self.name}: the array '{self.path}' of {self.nbytes} bytes is stored in "
                    f"pieces of {piece} bytes. It is damaged, or made to fill the memory."
                )
        stored = self.id.get_storage_size()
        if self.nbytes > (stored * EXPANSION + SMALL if plan.get_nfilters() else stored):
            raise FileError(
                f"{self.name}: the array '{self.path}' of shape {tuple(self.shape)} would take "
                f"{self.nbytes} bytes, but the file has {stored} bytes for it. It is damaged, or "
                "made to fill the memory."
            )

    def _is_bfloat16(self):
        return self.reader.attributes(self.path).get("dtype") in ("bfloat16", b"bfloat16")

    def read(self):
        """The values."""
        value = np.empty(self.shape, self.dtype)
        if value.size:
            with reading(self.name):
                self.id.read(h5py.h5s.ALL, h5py.h5s.ALL, value)
        return value.view(BFLOAT16) if value.dtype == "V2" else value


def mapped(path):
    """A file as bytes that are read as they are looked at."""
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def check_heaps(data, name):
    """FileError for heaps of strings that the HDF5 library would never come to the end of."""
    sizes = data[13:15] if data[8:9] in (b"\0", b"\1") else data[9:11]
    if data[:8] != b"\x89HDF\r\n\x1a\n" or sizes != b"\x08\x08":
        raise FileError(f"{name} is damaged or is no HDF5 file.")
    start = data.find(HEAP)
    while start >= 0:
        end = start + int.from_bytes(data[start + 8:start + 16], "little")
        at = start + 16
        while at + 16 <= end:
            index = int.from_bytes(data[at:at + 2], "little")
            size = int.from_bytes(data[at + 8:at + 16], "little")
            step = 16 + (size + 7) // 8 * 8 if index else size  # free space counts its own header
            if step < 16 or at + step > min(end, len(data)):
                raise FileError(f"{name} is damaged: the strings at byte {start} have no end.")
            at += step
        start = data.find(HEAP, start + 4)


class StoredArrays(collections.abc.Mapping):
    """The arrays of one group, read when they are asked for."""

    def __init__(self, reader, path):
        self.reader, self.path = reader, path
        self.names = reader.members[path]
        if not self.names and isinstance(self._object(), h5py.Dataset):
            raise FileError(f"{reader.name}: '{path}' is an array where a group is expected.")

    def _object(self):
        with reading(self.reader.name):
            return self.reader.file[self.path]

    def __iter__(self):
        return iter(self.names)

    def __len__(self):
        return len(self.names)

    @property
    def attrs(self):
        """The group's attributes."""
        return self.reader.attributes(self.path)

    def _array(self, key):
        if key not in self.names:
            raise KeyError(key)
        return self.reader.array(f"{self.path}/{key}")

    def shape(self, key):
        """Shape of an array, which is not read."""
        return self._array(key).shape

    def __getitem__(self, key):
        return self._array(key).read()


def write_group(file, path, arrays, name=None):
    """Make a group of arrays."""
    group = file.require_group(path)
    if name is not None:
        group.attrs["name"] = name
    for key, value in arrays.items():
        write_array(group, key, value)
    return group


def write_array(group, key, value):
    """Put an array into a group; bfloat16, which HDF5 lacks, goes as Keras writes it."""
    value = np.asarray(value)
    if value.dtype != BFLOAT16:
        group.create_dataset(key, data=value)
        return
    group.create_dataset(key, data=value.view("V2"))
    group[key].attrs["dtype"] = "bfloat16"
