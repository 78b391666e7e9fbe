"""Device memory: host buffers with pretended addresses, pools and pointers."""

import contextlib
import ctypes
import weakref

import numpy as np

from tests.helpers.fakecupy.counters import count
from tests.helpers.fakecupy.state import (
    BFLOAT16,
    LOCAL,
    MACHINE,
    capture,
    device_id,
    refuse_capture,
    require_device,
    to_device,
    to_host,
)
from tests.helpers.fakecupy.surface import complete

UNIT = 512  # allocations are rounded up to this
_blocks = weakref.WeakValueDictionary()  # id of the host buffer -> Block


class OutOfMemoryError(MemoryError):
    """A pool's limit is reached."""


def poison(host):
    """Overwrites with NaN, or 0xCD for integers, so that reading uninitialised memory shows."""
    if host.dtype.kind in "fc" or host.dtype == BFLOAT16:
        host[...] = np.nan
    elif host.dtype == bool:
        host[...] = True
    else:
        host[...] = np.frombuffer(b"\xcd" * host.itemsize, host.dtype)[0]


def root_of(host):
    """The array that owns a view's memory."""
    owner, base = host, host.base
    while base is not None:
        owner, base = (base if isinstance(base, np.ndarray) else owner), getattr(base, "base", None)
    return owner


class Block:
    """One allocation: a contiguous host buffer and the device address it pretends to have."""

    next_address = 1 << 52  # above any host address; never used twice, so use after free shows

    def __init__(self, root):
        require_device()
        self.root, self.nbytes, self.device = root, root.nbytes, device_id()
        self.size = -(-self.nbytes // UNIT) * UNIT
        self.pool = current_pool()
        self.pool._take(self.size)
        count("allocations", f"{self.nbytes} bytes")
        count("bytes", "bytes", self.nbytes)
        self.ptr = Block.next_address
        Block.next_address += self.size + UNIT  # a gap, so that an overrun meets no other block
        _blocks[id(root)] = self

    def __del__(self):
        if hasattr(self, "ptr"):
            self.pool._give(self.size)

    def bytes(self):
        """The memory as a flat array of bytes."""
        flat = self.root if self.root.flags.c_contiguous else self.root.T
        return flat.reshape(-1).view(np.uint8)

    def address(self, host):
        """The device address of a view's first element."""
        return self.ptr + (address(host) - address(self.root) if self.nbytes else 0)


def address(host):
    return host.__array_interface__["data"][0]


def block_of(host):
    """The block a host array lies in, or None when the array is fresh."""
    return _blocks.get(id(root_of(host)))


def memory_at(ptr, shape, dtype, strides=None):
    """The NumPy view of device memory at an address, for twins of libraries that take pointers.

    Raises ValueError where no live allocation is, so use after free shows.
    """
    for block in list(_blocks.values()):
        if block.ptr <= ptr < block.ptr + max(block.nbytes, 1):
            return np.ndarray(shape, np.dtype(dtype), block.bytes(), ptr - block.ptr, strides)
    raise ValueError(f"fakecupy: no live allocation at address {ptr:#x}")


@complete("cupy.cuda.MemoryPointer")
class MemoryPointer:
    """An address inside a block, which it keeps alive."""

    def __init__(self, mem, offset):
        self.mem, self.ptr = mem, mem.ptr + offset

    device_id = property(lambda self: self.mem.device)

    def __int__(self):
        return self.ptr

    def __add__(self, offset):
        return MemoryPointer(self.mem, self.ptr - self.mem.ptr + offset)

    __radd__ = __add__

    def __sub__(self, offset):
        return self + -offset

    def _bytes(self, size):
        return memory_at(self.ptr, (size,), np.uint8)

    def copy_from_device_async(self, src, size, stream=None):
        copy(self._bytes(size), src._bytes(size))

    def copy_from_host_async(self, mem, size, stream=None):
        to_device("MemoryPointer.copy_from_host_async")
        self._bytes(size)[:] = host_bytes(mem, size)

    def copy_to_host_async(self, mem, size, stream=None):
        to_host("MemoryPointer.copy_to_host_async", wait=False)
        host_bytes(mem, size)[:] = self._bytes(size)

    def memset_async(self, value, size, stream=None):
        fill(self._bytes(size), value)

    def memset(self, value, size):
        refuse_capture("a synchronous call (memset)")
        self.memset_async(value, size)

    def copy_from_device(self, src, size):
        refuse_capture("a synchronous call (copy_from_device)")
        self.copy_from_device_async(src, size)


def host_bytes(mem, size):
    """Host memory at an address, as an array of bytes."""
    pointer = mem.value if isinstance(mem, ctypes.c_void_p) else mem
    return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctypes.c_uint8)), (size,))


def perform(write):
    """Does asynchronous device work that writes memory: at once, or when the graph is launched."""
    graph = capture()
    if graph is None:
        write()
    else:
        graph.nodes.append(write)


def copy(target, source):
    perform(lambda: np.copyto(target, source))


def fill(target, value):
    perform(lambda: target.fill(value))


@complete("cupy.cuda.MemoryPool")
class MemoryPool:
    """Accounts for the memory in use; `set_limit` makes it run out."""

    def __init__(self, allocator=None):
        self._used = self._total = self._limit = 0

    def _take(self, size):
        if self._limit and self._used + size > self._limit:
            raise OutOfMemoryError(f"Out of memory allocating {size:,} bytes "
                                   f"(allocated so far: {self._used:,} bytes).")
        self._used += size
        self._total = max(self._total, self._used)

    def _give(self, size):
        self._used -= size

    def malloc(self, size):
        with using_allocator(self.malloc):
            raw = np.full(size, 0xCD, np.uint8)
            return MemoryPointer(Block(raw), 0)

    def used_bytes(self):
        return self._used

    def total_bytes(self):
        return self._total

    def free_bytes(self):
        return self._total - self._used

    def n_free_blocks(self):
        return int(self.free_bytes() > 0)

    def free_all_blocks(self, stream=None):
        if self.free_bytes():
            refuse_capture("freeing memory (free_all_blocks)")
        self._total = self._used

    def get_limit(self):
        return self._limit

    def set_limit(self, size=None, fraction=None):
        if size is None:
            raise NotImplementedError("fakecupy: give set_limit a size; no card tells it")
        self._limit = size


DEFAULT_POOL = MemoryPool()


def get_allocator():
    return getattr(LOCAL, "allocator", None) or MACHINE.allocator or DEFAULT_POOL.malloc


def set_allocator(allocator=None):
    MACHINE.allocator = allocator


@contextlib.contextmanager
def using_allocator(allocator=None):
    before = getattr(LOCAL, "allocator", None)
    LOCAL.allocator = allocator
    try:
        yield
    finally:
        LOCAL.allocator = before


def current_pool():
    pool = getattr(get_allocator(), "__self__", None)
    if not isinstance(pool, MemoryPool):
        raise NotImplementedError("fakecupy: allocators other than MemoryPool.malloc")
    return pool


def alloc(size):
    return get_allocator()(size)
