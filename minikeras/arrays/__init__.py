"""Arrays and devices: the only place that knows whether NumPy or CuPy is at work."""

from minikeras.arrays.ahead import copied_ahead
from minikeras.arrays.blas import one_blas_thread
from minikeras.arrays.device import (
    Device,
    current_device,
    default_device,
    device_of,
    device_scope,
    scope_of,
    set_default_device,
    transfer,
)
from minikeras.arrays.half import convert
from minikeras.arrays.library import (
    NUMPY,
    Placeholder,
    asarray,
    cupy,
    is_array,
    library_of,
    ndarray,
    to_host,
)

__all__ = [
    "NUMPY",
    "Device",
    "Placeholder",
    "asarray",
    "convert",
    "copied_ahead",
    "cupy",
    "current_device",
    "default_device",
    "device_of",
    "device_scope",
    "is_array",
    "library_of",
    "ndarray",
    "one_blas_thread",
    "scope_of",
    "set_default_device",
    "to_host",
    "transfer",
]
