"""Addresses, pools, pointers, devices, streams and events."""

import ctypes

import numpy as np
import pytest

from tests.helpers import fakecupy
from tests.helpers.fakecupy.tests.data import DATA, same


def test_addresses(cupy, x):
    assert x.data.ptr % 512 == 0 and cupy.zeros(3).data.ptr % 512 == 0
    assert x[1].data.ptr == x.data.ptr + 12 and x[:, 1:].data.ptr == x.data.ptr + 4
    assert x.T.data.ptr == x.data.ptr and x.base is None and x[1].base.data.ptr == x.data.ptr
    assert x.data.mem.size == 512 and int(x.data + 8) == x.data.ptr + 8
    same_memory = fakecupy.memory_at(x[1].data.ptr, (3,), np.float32)
    same_memory[0] = 99
    assert x[1, 0].item() == 99
    interface = x[1].__cuda_array_interface__
    assert interface["data"] == (x.data.ptr + 12, False) and interface["shape"] == (3,)


def test_use_after_free_shows(cupy):
    y = cupy.zeros(3)
    pointer = y.data.ptr
    del y
    with pytest.raises(ValueError, match="no live allocation"):
        fakecupy.memory_at(pointer, (3,), float)
    assert cupy.zeros(3).data.ptr != pointer
    with pytest.raises((ValueError, TypeError)):
        fakecupy.memory_at(cupy.zeros(3).data.ptr, (4,), float)


def test_arrays_over_given_memory(cupy):
    arena = cupy.zeros(8, np.float32)
    part = cupy.ndarray((2, 2), np.float32, memptr=arena.data + 8)
    part[:] = 1.0
    assert arena.get().tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    raw = cupy.cuda.alloc(64)
    cupy.ndarray((4,), np.int32, memptr=raw).fill(3)
    assert fakecupy.memory_at(raw.ptr, (4,), np.int32).tolist() == [3, 3, 3, 3]


def test_pointer_copies(cupy):
    a, b, host = cupy.arange(4), cupy.zeros(4, int), np.zeros(4, int)
    b.data.copy_from_device_async(a.data, a.nbytes)
    b.data.copy_to_host_async(ctypes.c_void_p(host.ctypes.data), b.nbytes)
    assert host.tolist() == [0, 1, 2, 3]
    host[:] = 7
    runtime = cupy.cuda.runtime
    with fakecupy.counting() as seen:
        b.data.copy_from_host_async(host.ctypes.data, 16)
        runtime.memcpyAsync(a.data.ptr, host.ctypes.data, 8, runtime.memcpyHostToDevice, 0)
        runtime.memcpyAsync(host.ctypes.data, b.data.ptr, 8, runtime.memcpyDeviceToHost, 0)
        runtime.memsetAsync(b.data.ptr, 0, 8, 0)
    assert (seen.h2d, seen.d2h, seen.sync) == (2, 1, 0)
    assert b.get().tolist() == [0, 7, 2, 3] and a.get().tolist() == [7, 1, 2, 3]
    b.data.memset_async(0, b.nbytes)
    assert not b.get().any()


def test_pools(cupy):
    pool = cupy.cuda.MemoryPool()
    default = cupy.get_default_memory_pool()
    before = default.used_bytes()
    with cupy.cuda.using_allocator(pool.malloc):
        y = cupy.zeros(1000, np.uint8)
    assert (pool.used_bytes(), default.used_bytes()) == (1024, before)
    del y
    assert (pool.used_bytes(), pool.free_bytes(), pool.n_free_blocks()) == (0, 1024, 1)
    pool.free_all_blocks()
    assert pool.total_bytes() == 0
    pool.set_limit(size=2048)
    cupy.cuda.set_allocator(pool.malloc)
    assert cupy.cuda.get_allocator() == pool.malloc
    with pytest.raises(cupy.cuda.memory.OutOfMemoryError, match="Out of memory"):
        cupy.zeros(4096, np.uint8)
    cupy.cuda.set_allocator()
    cupy.zeros(4096, np.uint8)


def test_pinned_memory_is_on_the_host(cupy):
    import cupyx

    staging = cupyx.empty_pinned((2, 3), np.float32)
    assert type(staging) is np.ndarray and type(cupyx.zeros_like_pinned(DATA)) is np.ndarray
    assert not cupyx.zeros_pinned(3).any()


def test_devices():
    cupy = fakecupy.install(devices=2)
    try:
        x = cupy.ones(3)
        assert x.device == cupy.cuda.Device(0) and x.device.id == 0
        with cupy.cuda.Device(1) as second:
            assert second.id == cupy.cuda.get_device_id() == cupy.cuda.runtime.getDevice() == 1
            y = cupy.ones(3)
            with pytest.raises(ValueError, match="Array device must be same"):
                x + y
            moved = cupy.asarray(x)
            assert moved is not x and moved.device.id == 1
            same(moved + y, np.full(3, 2.0))
        assert cupy.cuda.Device().id == 0 and y.device.id == 1
        cupy.cuda.Device(1).use()
        assert cupy.zeros(1).device.id == 1
        with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="invalid device"):
            cupy.cuda.Device(2).use()
    finally:
        fakecupy.uninstall()


def test_streams_and_events(cupy):
    null = cupy.cuda.get_current_stream()
    assert null is cupy.cuda.Stream.null and null.ptr == 0
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        assert cupy.cuda.get_current_stream() is stream and stream.ptr != 0
        start = stream.record()
        end = cupy.cuda.Event()
        end.record(stream)
    assert cupy.cuda.get_current_stream() is null
    null.wait_event(end)
    assert cupy.cuda.get_elapsed_time(start, end) >= 0 and stream.done and end.done
    with pytest.raises(RuntimeError, match="never recorded"):
        null.wait_event(cupy.cuda.Event())
    with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="timing"):
        cupy.cuda.get_elapsed_time(cupy.cuda.Event(disable_timing=True), end)
