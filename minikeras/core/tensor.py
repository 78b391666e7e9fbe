"""Tensor: an array, and the place in the graph that a tape recorded for it."""

import operator

from minikeras.api.registry import public
from minikeras.arrays import (
    Device,
    asarray,
    current_device,
    device_of,
    is_array,
    library_of,
    to_host,
    transfer,
)
from minikeras.core.operators import OPS, Operators
from minikeras.dtypes import canonical


class Convertible:
    """Base of things that stand for a tensor (variables): `tensor()` gives it."""

    __slots__ = ()

    def tensor(self):
        raise NotImplementedError


@public("Tensor")
class Tensor(Operators):
    """An immutable array of numbers on a device.

    Attributes: `shape` (tuple), `dtype` (NumPy dtype), `ndim`, `size`, `device` ("cpu:0").
    `numpy()` gives the values as a NumPy array.

    >>> import minikeras
    >>> t = minikeras.ops.convert_to_tensor([[1.0, 2.0]])
    >>> (t * 2).numpy().tolist(), t.shape
    ([[2.0, 4.0]], (1, 2))
    """

    __slots__ = ("__weakref__", "_index", "_keras_mask", "_node", "_value")

    def __init__(self, value, node=None, index=0):
        self._value, self._node, self._index = value, node, index

    @property
    def shape(self):
        return self._value.shape

    @property
    def dtype(self):
        return self._value.dtype

    @property
    def ndim(self):
        return len(self._value.shape)

    @property
    def size(self):
        return self._value.size

    @property
    def device(self):
        """Name of the device that holds the values: "cpu:0", "gpu:0"."""
        return str(device_of(self._value))

    @property
    def T(self):
        return OPS["transpose"](self)

    def to(self, device):
        """The same values on another device."""
        device = Device.parse(device)
        moved = transfer(self._value, device)
        return self if moved is self._value else Tensor(moved)

    def numpy(self):
        """The values as a NumPy array of its own; waits for the GPU."""
        value = to_host(self._value)
        return value.copy() if value is self._value else value

    def get_shape(self):
        """The shape; TensorFlow's spelling."""
        return self.shape

    def item(self):
        """The one value, as a Python number."""
        return to_host(self._value).item()

    def tolist(self):
        """The values as nested lists of Python numbers."""
        return to_host(self._value).tolist()

    def astype(self, dtype):
        """The values in another dtype."""
        return OPS["cast"](self, dtype)

    def reshape(self, *shape):
        """The values in another shape."""
        return OPS["reshape"](self, shape[0] if len(shape) == 1 else shape)

    def __array__(self, dtype=None, copy=None):
        value = to_host(self._value)
        if dtype is not None and value.dtype != dtype:
            return value.astype(dtype)
        if copy or value is self._value:  # a tensor never changes: give no way to write to it
            value = value.copy() if copy or copy is None else _read_only(value)
        return value

    def __bool__(self):
        return bool(to_host(self._value))

    def __float__(self):
        return float(to_host(self._value).item())

    def __int__(self):
        return int(to_host(self._value).item())

    def __complex__(self):
        return complex(to_host(self._value).item())

    def __index__(self):
        return operator.index(to_host(self._value).item())

    def __len__(self):
        if not self._value.shape:
            raise TypeError("A tensor of no dimensions has no len().")
        return self._value.shape[0]

    def __iter__(self):
        if not self._value.shape:
            raise TypeError("A tensor of no dimensions cannot be iterated over.")
        return (self[i] for i in range(self._value.shape[0]))

    def __contains__(self, value):
        return bool((to_host(self._value) == value).any())

    def __setitem__(self, key, value):
        raise TypeError(
            "Tensors cannot be written to. Use ops.slice_update or ops.scatter_update, which "
            "return a new tensor, or a Variable."
        )

    def __format__(self, spec):
        return format(self.item() if not self._value.shape else repr(self), spec)

    def __repr__(self):
        text = str(to_host(self._value)).replace("\n", "\n ")
        device = "" if device_of(self._value).kind == "cpu" else f", device={self.device}"
        return f"<Tensor shape={self.shape}, dtype={self.dtype}{device}, value=\n {text}>"

    def __copy__(self):
        return Tensor(self._value, self._node, self._index)

    def __deepcopy__(self, memo):
        return Tensor(self._value.copy())

    def __reduce__(self):
        return _from_host, (to_host(self._value),)


def _read_only(value):
    view = value.view()
    view.flags.writeable = False
    return view


def _from_host(value):
    return Tensor(asarray(value, value.dtype, current_device().library))


def default_dtype(value):
    """The dtype of a Python number or nested list: bool, int32 or floatx."""
    while isinstance(value, (list, tuple)):
        if not value:
            return canonical(None)
        kinds = [default_dtype(v) for v in value]
        return max(kinds, key=lambda d: ("b", "i", "u", "f", "c").index(d.kind))
    if isinstance(value, (bool, int, float, complex)):
        return canonical(type(value))
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        return canonical(None)
    return canonical(dtype)


def to_tensor(value, dtype=None, library=None):
    """A Tensor from a tensor, variable, array of any library, number or nested list."""
    if isinstance(value, Convertible):
        value = value.tensor()
    if type(value) is Tensor:
        if dtype is not None and value._value.dtype != dtype:
            return OPS["cast"](value, dtype)
        return value
    if isinstance(value, (str, bytes)) or str(getattr(value, "dtype", "")) == "object":
        raise ValueError(
            "Strings and Python objects are no tensors; convert them first, for instance with "
            f"StringLookup or TextVectorization. Received: {type(value).__name__} {value!r:.80}"
        )
    if hasattr(value, "detach") and hasattr(value, "numpy"):  # a torch tensor
        value = value.detach().cpu().numpy()
    library = library or current_device().library
    if isinstance(value, (list, tuple)) and _holds_tensors(value):
        parts = [to_tensor(v, dtype, library) for v in value]
        return OPS["stack"](parts)
    if dtype is None:
        dtype = default_dtype(value)
    if is_array(value) and library_of(value) is library:
        value = library.asarray(value)
        return Tensor(value if value.dtype == dtype else value.astype(dtype))
    try:
        return Tensor(asarray(value, dtype, library))
    except (TypeError, ValueError) as e:
        raise ValueError(
            f"A value of type {type(value).__name__} could not be made a tensor of dtype "
            f"{dtype}: {e}"
        ) from e


def _holds_tensors(value):
    if value is None:
        raise ValueError("None is no number, so a list that holds it could not be made a tensor.")
    if isinstance(value, (list, tuple)):
        return any(_holds_tensors(v) for v in value)
    return isinstance(value, (Tensor, Convertible)) or hasattr(value, "_keras_history")
