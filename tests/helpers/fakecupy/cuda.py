"""`cupy.cuda`: devices, streams, events, graphs and the runtime."""

import contextlib
import time

import numpy as np

from tests.helpers.fakecupy import memory
from tests.helpers.fakecupy.core import ndarray, register
from tests.helpers.fakecupy.state import (
    LOCAL,
    MACHINE,
    CUDARuntimeError,
    DeviceSynchronized,
    device_id,
    refuse_capture,
    require_device,
    synchronize,
    to_device,
    to_host,
)
from tests.helpers.fakecupy.surface import complete

MEMORY_BYTES = 80 << 30
RUNTIME = {
    "memcpyHostToHost": 0, "memcpyHostToDevice": 1, "memcpyDeviceToHost": 2,
    "memcpyDeviceToDevice": 3, "memcpyDefault": 4,
    "streamDefault": 0, "streamNonBlocking": 1, "streamLegacy": 1, "streamPerThread": 2,
    "streamCaptureModeGlobal": 0, "streamCaptureModeThreadLocal": 1, "streamCaptureModeRelaxed": 2,
    "streamCaptureStatusNone": 0, "streamCaptureStatusActive": 1,
    "streamCaptureStatusInvalidated": 2,
    "eventDefault": 0, "eventBlockingSync": 1, "eventDisableTiming": 2, "eventInterprocess": 4,
}


@complete("cupy.cuda.Device")
class Device:
    """A device; as a context it is the current one of this thread."""

    def __init__(self, device=None):
        self.id = device_id() if device is None else int(device)
        self._before = []

    def __int__(self):
        return self.id

    def __eq__(self, other):
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self):
        return hash(self.id)

    def __repr__(self):
        return f"<CUDA Device {self.id}>"

    def use(self):
        if not 0 <= self.id < max(getDeviceCount(), 1):
            raise CUDARuntimeError(101, "cudaErrorInvalidDevice: invalid device ordinal")
        LOCAL.device = self.id

    def __enter__(self):
        self._before.append(device_id())
        self.use()
        return self

    def __exit__(self, *exception):
        LOCAL.device = self._before.pop()

    def synchronize(self):
        if any(stream.capturing is not None for stream in streams().values()):
            raise CUDARuntimeError(900, "cudaErrorStreamCaptureUnsupported: operation not "
                                        "permitted when stream is capturing")
        synchronize("Device.synchronize")

    @property
    def compute_capability(self):
        require_device()
        return "90"

    @property
    def mem_info(self):
        return MEMORY_BYTES - memory.DEFAULT_POOL.used_bytes(), MEMORY_BYTES


def streams():
    """The current stream of each device, in this thread."""
    if not hasattr(LOCAL, "streams"):
        LOCAL.streams = {}
    return LOCAL.streams


@complete("cupy.cuda.Graph")
class Graph:
    """Recorded kernels, replayed by `launch`."""

    def __init__(self):
        self.nodes = []

    def launch(self, stream=None):
        refuse_capture("launching a graph")
        for node in self.nodes:
            node()

    def upload(self, stream=None):
        pass


@complete("cupy.cuda.Stream")
class Stream:
    """A stream; work on it is done at once, except in a capture, which records it."""

    null = None
    _next = 1

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        require_device()
        self.is_non_blocking, self.ptds, self.priority = non_blocking, ptds, priority or 0
        self.ptr, self.device_id, self.capturing, self._before = 0, device_id(), None, []
        if not null:
            self.ptr, Stream._next = Stream._next << 12, Stream._next + 1

    done = property(lambda self: True)

    def __repr__(self):
        return f"<Stream {self.ptr} (device {self.device_id})>"

    def use(self):
        streams()[device_id()] = self
        return self

    def __enter__(self):
        self._before.append(get_current_stream())
        return self.use()

    def __exit__(self, *exception):
        self._before.pop().use()

    def synchronize(self):
        if self.capturing is not None:
            refuse_capture("synchronizing it")
            raise RuntimeError("synchronizing a capturing stream is not allowed")
        synchronize("Stream.synchronize")

    def record(self, event=None):
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event):
        event._require_recorded()

    def begin_capture(self, mode=None):
        if self.ptr == 0:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self.capturing is not None:
            raise CUDARuntimeError(900, "cudaErrorIllegalState: the stream is already capturing")
        self.capturing = Graph()

    def end_capture(self):
        if self.capturing is None:
            raise RuntimeError("cannot end capture on a stream that is not capturing")
        graph, self.capturing = self.capturing, None
        return graph

    def is_capturing(self):
        return self.capturing is not None


def get_current_stream(device_id=-1):
    require_device()
    index = Device().id if device_id == -1 else device_id
    if index not in streams():
        streams()[index] = null_stream()
    return streams()[index]


def null_stream():
    """The one null stream."""
    if Stream.null is None:
        Stream.null = Stream(null=True)
    return Stream.null


@complete("cupy.cuda.Event")
class Event:
    """A mark in a stream."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        require_device()
        self.ptr, self._time, self._timed = id(self), None, not disable_timing

    done = property(lambda self: True)

    def record(self, stream=None):
        self._time = time.perf_counter()

    def synchronize(self):
        synchronize("Event.synchronize")

    def _require_recorded(self):
        if self._time is None:
            raise RuntimeError("fakecupy: the event was never recorded, so waiting for it waits "
                               "for nothing")


def get_elapsed_time(start_event, end_event):
    if not (start_event._timed and end_event._timed):
        raise CUDARuntimeError(400, "cudaErrorInvalidResourceHandle: timing is disabled")
    start_event._require_recorded()
    end_event._require_recorded()
    return 1000 * (end_event._time - start_event._time)


def get_device_id():
    return device_id()


def is_available():
    return MACHINE.device_count > 0


def get_cublas_handle():
    require_device()
    return 1


def getDeviceCount():
    require_device()  # without a card CUDA answers with an error, not with 0
    return MACHINE.device_count


def getDevice():
    return device_id()


def setDevice(device):
    Device(device).use()


def deviceSynchronize():
    Device().synchronize()


def runtimeGetVersion():
    return 13000


def streamSynchronize(stream):
    synchronize("streamSynchronize")


def getDeviceProperties(device):
    require_device()
    return {"name": b"NVIDIA H100 (stand-in)", "major": 9, "minor": 0, "multiProcessorCount": 132,
            "totalGlobalMem": MEMORY_BYTES, "warpSize": 32, "maxThreadsPerBlock": 1024}


def memGetInfo():
    return Device().mem_info


def memcpyAsync(dst, src, size, kind, stream):
    """Copies between addresses: device ones of this stand-in, host ones of this process."""
    if kind not in (1, 2, 3):
        raise NotImplementedError("fakecupy: memcpy between host addresses or of kind default")
    target = memory.host_bytes(dst, size) if kind == 2 else memory.memory_at(dst, (size,), np.uint8)
    source = memory.host_bytes(src, size) if kind == 1 else memory.memory_at(src, (size,), np.uint8)
    if kind == 1:
        to_device("memcpyAsync")
    if kind == 2:
        to_host("memcpyAsync", wait=False)
    memory.copy(target, source)


def memcpy(dst, src, size, kind):
    synchronize("memcpy")
    memcpyAsync(dst, src, size, kind, 0)


def memsetAsync(ptr, value, size, stream):
    memory.fill(memory.memory_at(ptr, (size,), np.uint8), value)


@contextlib.contextmanager
def allow_synchronize(allow):
    before, MACHINE.allow_synchronize = MACHINE.allow_synchronize, allow
    try:
        yield
    finally:
        MACHINE.allow_synchronize = before


def pinned(maker):
    """A maker of page-locked host memory: NumPy arrays."""

    def make(shape, dtype=float, order="C"):
        require_device()
        return maker(shape, dtype, order)

    return make


def pinned_like(maker):
    def make(a, dtype=None, order="K", subok=None, shape=None):
        host = a._host if isinstance(a, ndarray) else a
        return maker(host, dtype, order, shape=shape)

    return make


for _function in (get_current_stream, get_device_id, get_elapsed_time, is_available,
                  get_cublas_handle, memory.alloc, memory.get_allocator, memory.set_allocator,
                  memory.using_allocator):
    register(f"cupy.cuda.{_function.__name__}", _function)
for _class in (Device, Event, Graph, Stream, memory.MemoryPool, memory.MemoryPointer):
    register(f"cupy.cuda.{_class.__name__}", _class)
for _function in (getDeviceCount, getDevice, setDevice, deviceSynchronize, runtimeGetVersion,
                  streamSynchronize, getDeviceProperties, memGetInfo, memcpy, memcpyAsync,
                  memsetAsync, CUDARuntimeError):
    register(f"cupy.cuda.runtime.{_function.__name__}", _function)
for _name, _value in RUNTIME.items():
    register(f"cupy.cuda.runtime.{_name}", _value)
register("cupy.cuda.memory.OutOfMemoryError", memory.OutOfMemoryError)
register("cupyx.DeviceSynchronized", DeviceSynchronized)
register("cupyx.allow_synchronize", allow_synchronize)
register("cupyx.empty_pinned", pinned(np.empty))
register("cupyx.zeros_pinned", pinned(np.zeros))
register("cupyx.empty_like_pinned", pinned_like(np.empty_like))
register("cupyx.zeros_like_pinned", pinned_like(np.zeros_like))
