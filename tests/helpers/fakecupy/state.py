"""The pretended machine: devices, the current stream, captures, and what they refuse."""

import threading

import numpy as np

from tests.helpers.fakecupy.counters import count

try:
    import ml_dtypes

    BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
except ImportError:
    BFLOAT16 = None

HALVES = (np.dtype(np.float16), BFLOAT16)


class CUDARuntimeError(RuntimeError):
    """An error of the CUDA runtime; `status` is its number."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class DeviceSynchronized(RuntimeError):
    """cupyx.allow_synchronize(False) met a synchronisation."""


class Machine:
    """Global state of the stand-in; a fresh one is a machine just started."""

    def __init__(self):
        self.device_count = 1
        self.allocator = None
        self.warm = set()   # kernels that have run once, so may run in a capture
        self.twins = {}     # NumPy twins, by kernel name or dotted path
        self.allow_synchronize = True


MACHINE = Machine()
LOCAL = threading.local()  # current device, streams and allocator, per thread


def reset():
    """A machine just started: one device, nothing compiled, no twins, the default allocator."""
    MACHINE.__init__()
    LOCAL.__dict__.clear()


def twin(name, function):
    """Registers the NumPy twin that stands in for a kernel, or for a name without a body."""
    MACHINE.twins[name] = function


def device_id():
    return getattr(LOCAL, "device", 0)


def require_device():
    if MACHINE.device_count == 0:
        raise CUDARuntimeError(100, "cudaErrorNoDevice: no CUDA-capable device is detected")


def capture():
    """The graph the current stream is capturing into, or None."""
    stream = getattr(LOCAL, "streams", {}).get(device_id())
    return stream and stream.capturing


def refuse_capture(what, error=RuntimeError):
    """Raises in a capture, which `what` would break."""
    if capture() is not None:
        raise error(f"the current stream is capturing, so {what} is not allowed")


def library(name):
    """A call of cuBLAS, cuSOLVER or cuRAND, which CuPy refuses on a capturing stream."""
    refuse_capture(f"calling {name}", NotImplementedError)


def synchronize(what):
    """The host waits for the device."""
    refuse_capture(f"a synchronous call ({what})")
    count("sync", what)


def to_host(what, wait=True):
    """A value is copied to the host and, usually, waited for."""
    refuse_capture(f"a device-to-host copy ({what})")
    if not MACHINE.allow_synchronize:
        raise DeviceSynchronized(f"synchronization is not allowed: {what}")
    if wait:
        count("sync", what)
    count("d2h", what)


def to_device(what):
    require_device()
    refuse_capture(f"a host-to-device copy ({what})")
    count("h2d", what)


def warm_up(key):
    """Compiles and loads a kernel: once, and not in a capture."""
    require_device()
    if key not in MACHINE.warm:
        refuse_capture(f"the first use of the kernel {key} (run it once before, with these dtypes)")
        MACHINE.warm.add(key)
