"""Devices: their names as in Keras, the default, the scope, and copies between them."""

import contextlib
import os
import re
import threading

from minikeras.api.registry import public
from minikeras.arrays import library


class Device:
    """A device: `kind` "cpu" or "gpu", its index, and the array library that serves it."""

    __slots__ = ("index", "kind", "library")

    def __init__(self, kind, index):
        self.kind, self.index = kind, index
        self.library = library.NUMPY if kind == "cpu" else library.cupy()
        count = 1 if kind == "cpu" else self.library.cuda.runtime.getDeviceCount()
        if not 0 <= index < count:
            raise ValueError(
                f"There is no device '{kind}:{index}': this machine has {count} {kind} device(s), "
                f"numbered from 0."
            )

    def __eq__(self, other):
        return isinstance(other, Device) and str(self) == str(other)

    def __hash__(self):
        return hash(str(self))

    def __str__(self):
        return f"{self.kind}:{self.index}"

    def __repr__(self):
        return f"<Device {self}>"

    @staticmethod
    def parse(name):
        """A Device from "cpu", "cpu:0", "gpu:1", "cuda:1" or a Device."""
        if isinstance(name, Device):
            return name
        text = name.lower().rsplit("device:", 1)[-1] if isinstance(name, str) else ""
        match = re.fullmatch(r"/?(cpu|gpu|cuda)(?::(\d+))?", text)
        if not match:
            raise ValueError(
                "A device is named 'cpu', 'gpu', 'cuda', with an index such as 'gpu:0' if "
                f"needed. Received: {name!r}"
            )
        kind = "gpu" if match[1] == "cuda" else match[1]
        return Device(kind, int(match[2] or 0))


class _State(threading.local):
    scopes = ()


_state = _State()
_default = None


def default_device():
    """The device used outside `device` scopes: set_device, else MINIKERAS_DEVICE, else cpu."""
    global _default
    if _default is None:
        set_default_device(os.environ.get("MINIKERAS_DEVICE", "cpu").lower() or "cpu")
    return _default


def _automatic():
    """The first GPU if one can be used, else the CPU."""
    try:
        return Device("gpu", 0)
    except RuntimeError:
        return Device("cpu", 0)


@public("config.set_device")
def set_device(device):
    """Make a device the one where tensors and variables are made from now on.

    Args:
        device: "cpu", "gpu", "gpu:1", "auto" (a GPU if there is one), or None (as the environment
            variable MINIKERAS_DEVICE says, "cpu" by default).

    >>> set_device("cpu")
    """
    set_default_device(device)


@public("config.backend", "backend.backend")
def backend():
    """Name of the array library at work: "numpy" on the CPU, "cupy" on a GPU.

    >>> backend()
    'numpy'
    """
    return current_device().library.name


@public("config.set_backend")
def set_backend(backend):
    """Change the array library: "numpy" is the CPU, "cupy" the first GPU."""
    kinds = {"numpy": "cpu", "cupy": "gpu"}
    if backend not in kinds:
        raise ValueError(
            f"`backend` must be 'numpy' or 'cupy'. Received: backend={backend!r}"
        )
    set_default_device(kinds[backend])


def set_default_device(device):
    """Make a device the default; None reads MINIKERAS_DEVICE again."""
    global _default
    _default = None if device is None else (
        _automatic() if device == "auto" else Device.parse(device))
    if _default is not None and _default.kind == "gpu":
        _default.library.cuda.Device(_default.index).use()


def current_device():
    """The device where new arrays are made."""
    return _state.scopes[-1] if _state.scopes else default_device()


class device_scope:
    """Context manager: new tensors and variables are made on this device."""

    def __init__(self, name):
        self.device = Device.parse(name)

    def __enter__(self):
        _state.scopes = (*_state.scopes, self.device)
        if self.device.kind == "gpu":
            self.guard = self.device.library.cuda.Device(self.device.index)
            self.guard.__enter__()
        return self.device

    def __exit__(self, *error):
        _state.scopes = _state.scopes[:-1]
        if self.device.kind == "gpu":
            self.guard.__exit__(*error)


@public("device")
def device(device_name):
    """Context manager: tensors and variables made inside are on this device.

    >>> with device("cpu:0"):
    ...     pass
    """
    return device_scope(device_name)


def device_of(array):
    """The Device that holds an array."""
    if isinstance(array, library.ndarray) or library.library_of(array) is library.NUMPY:
        return CPU
    return Device("gpu", array.device.id)


def scope_of(array):
    """Context manager: new arrays are made where this one is."""
    device = device_of(array)
    return _here if device == current_device() else device_scope(device)


_here = contextlib.nullcontext()


def transfer(array, device):
    """The array on another device; the same array if it is there already."""
    here = device_of(array)
    if here == device:
        return array
    if device.kind == "cpu":
        return library.to_host(array)
    with device.library.cuda.Device(device.index):
        return device.library.array(array)


CPU = Device("cpu", 0)
