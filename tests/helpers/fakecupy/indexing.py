"""Indexing as CuPy does it: integers wrap, masks wait for the device, host values go over."""

import numpy as np

from tests.helpers.fakecupy.core import SCALARS, cast, execute, host_of, ndarray
from tests.helpers.fakecupy.state import capture, synchronize, to_device


def is_mask(item):
    return isinstance(item, (ndarray, np.ndarray)) and item.dtype == bool


class Key:
    """An index, checked once: host arrays moved over, masks and integer arrays found."""

    def __init__(self, key, shape):
        self.shape, self.is_tuple = shape, isinstance(key, tuple)
        self.items = [self._item(item) for item in (key if self.is_tuple else (key,))]
        self.arrays = [item for item in self.items if isinstance(item, ndarray)]
        indices = [item for item in self.items if isinstance(item, (ndarray, np.ndarray))]
        self.advanced = bool(indices)
        self.integer = any(item.dtype != bool for item in indices)
        masks = sum(item.dtype == bool for item in indices)
        if masks > 1:
            raise NotImplementedError("fakecupy: more than one mask in an index")
        if masks:
            synchronize("a boolean mask as index")

    def _item(self, item):
        if isinstance(item, (list, np.ndarray)):
            item = np.asarray(item)
            if item.size == 0 and not item.dtype == bool:
                item = item.astype(int)
            to_device("a host array as index")
        if isinstance(item, (ndarray, np.ndarray)) and item.dtype.kind not in "iub":
            raise IndexError("arrays used as indices must be of integer (or boolean) type")
        return item

    def host(self):
        """The key for NumPy, integer arrays taken modulo their axis."""
        taken = sum(item.ndim if is_mask(item) else 1
                    for item in self.items if item is not None and item is not Ellipsis)
        axis, out = 0, []
        for item in self.items:
            if item is Ellipsis:
                axis += len(self.shape) - taken
            elif isinstance(item, (ndarray, np.ndarray)):
                size = item.ndim if is_mask(item) else 1
                item = host_of(item) if isinstance(item, ndarray) else item
                if not is_mask(item):
                    item = wrapped(item, self.shape[axis] if axis < len(self.shape) else 1)
                axis += size
            elif item is not None:
                axis += 1
            out.append(item)
        return tuple(out) if self.is_tuple else out[0]


def wrapped(indices, size):
    """Indices modulo the axis: out of bounds is no error on the device."""
    return np.asarray(indices) % size if size else np.asarray(indices)


def get_item(array, index):
    key = Key(index, array.shape)
    return execute("getitem", lambda: array._host[key.host()], [array, *key.arrays])


def set_item(array, index, value):
    key = Key(index, array.shape)
    value = assigned(value, key.advanced)
    sources = [value] if isinstance(value, ndarray) else []

    def write():
        host_key = key.host()
        source = cast(value._host if sources else value, array.dtype)
        array._host[host_key] = source
        if key.integer:
            refuse_conflict(array._host[host_key], source)

    execute("setitem", write, [*sources, *key.arrays], [array])


def assigned(value, advanced):
    """The right-hand side: host values go over only beside an array index."""
    if isinstance(value, (np.ndarray, list, tuple)) and not isinstance(value, np.generic):
        host = np.asarray(value)
        if not advanced:
            if isinstance(value, (list, tuple)):
                raise TypeError(f"Unsupported type {type(value)}")
            if host.ndim:
                raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
            return host[()]
        to_device("assignment of a host array")
        return host
    if not isinstance(value, (ndarray, *SCALARS)):
        raise TypeError(f"Unsupported type {type(value)}")
    return value


def refuse_conflict(stored, source):
    """Raises where duplicate indices were given different values: which one wins is undefined."""
    if capture() is not None or source.ndim > stored.ndim:
        return
    inexact = stored.dtype.kind not in "biu"
    if not np.array_equal(stored, np.broadcast_to(source, stored.shape), equal_nan=inexact):
        raise RuntimeError("fakecupy: duplicate indices with different values in an assignment; "
                           "CuPy leaves the stored value undefined")




ndarray.__getitem__ = get_item
ndarray.__setitem__ = set_item
