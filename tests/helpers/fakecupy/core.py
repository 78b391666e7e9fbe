"""`ndarray`, the only holder of a host buffer, and `execute`, the one way to compute with it."""

import warnings

import numpy as np

from tests.helpers.fakecupy import memory
from tests.helpers.fakecupy.counters import count
from tests.helpers.fakecupy.state import (
    BFLOAT16,
    capture,
    device_id,
    require_device,
    to_host,
    warm_up,
)

DTYPES = frozenset("?bBhHiIlLqQefdFD")
SCALARS = (bool, int, float, complex, np.generic)
REGISTRY = {}  # dotted path -> what the stand-in offers under it; filled by the modules beside this


def register(path, value):
    REGISTRY[path] = value
    return value


class Flags:
    """The three flags CuPy has."""

    def __init__(self, c_contiguous, f_contiguous, owndata):
        self.c_contiguous, self.f_contiguous, self.owndata = c_contiguous, f_contiguous, owndata

    def __getitem__(self, name):
        return getattr(self, {"C": "c_contiguous", "F": "f_contiguous"}.get(name, name.lower()))


class ndarray:
    """An array on a pretended device; its methods and operators are in methods.py.

    The NumPy buffer is reachable inside this package only: no `__array_interface__`, no buffer
    protocol, no `__index__`, `__contains__` or `__imatmul__`.
    """

    __slots__ = ("_block", "_host", "__weakref__")
    __array_priority__ = 100
    __hash__ = None

    def __new__(cls, shape, dtype=float, memptr=None, strides=None, order="C"):
        require_device()
        dtype = supported(np.dtype(dtype))
        if memptr is not None:
            return wrap(memory.memory_at(memptr.ptr, shape, dtype, strides))
        if strides is not None:
            raise NotImplementedError("fakecupy: ndarray(strides=) without memptr")
        host = np.empty(shape, dtype, order or "C")
        memory.poison(host)
        return wrap(host)

    dtype = property(lambda self: self._host.dtype)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    strides = property(lambda self: self._host.strides)
    device = property(lambda self: REGISTRY["cupy.cuda.Device"](self._block.device))
    T = property(lambda self: wrap(self._host.T))
    mT = property(lambda self: wrap(self._host.mT))

    @property
    def shape(self):
        return self._host.shape

    @shape.setter
    def shape(self, shape):
        self._host = self._host.reshape(shape, copy=False)

    @property
    def base(self):
        return None if self._host is self._block.root else wrap(self._block.root)

    @property
    def flags(self):
        flags = self._host.flags
        return Flags(flags.c_contiguous, flags.f_contiguous, self._host is self._block.root)

    @property
    def data(self):
        return memory.MemoryPointer(self._block, self._block.address(self._host) - self._block.ptr)

    @property
    def __cuda_array_interface__(self):
        strides = None if self.flags.c_contiguous else self.strides
        return {"shape": self.shape, "typestr": self.dtype.str, "descr": self.dtype.descr,
                "stream": 1, "version": 3, "strides": strides, "data": (self.data.ptr, False)}

    def __array__(self, dtype=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` "
                        "to construct a NumPy array explicitly.")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        function = REGISTRY.get(f"cupy.{ufunc.__name__}")
        if method != "__call__":
            function = getattr(function, method, None)
        if function is None:
            return NotImplemented
        if "out" in kwargs:
            if len(kwargs["out"]) != 1:
                raise ValueError("The 'out' parameter must have exactly one array value")
            kwargs["out"] = kwargs["out"][0]
        count("forwarded", f"numpy.{ufunc.__name__}")
        return function(*inputs, **kwargs)  # which refuses numpy.ndarray

    def __array_function__(self, func, types, args, kwargs):
        module = (func.__module__ or "numpy").split(".")[1:]
        path = ".".join(["cupy", *module, func.__name__])
        if path not in REGISTRY or not all(issubclass(t, (ndarray, np.ndarray)) for t in types):
            return NotImplemented
        count("forwarded", path.replace("cupy", "numpy", 1))
        return REGISTRY[path](*args, **kwargs)

    def __len__(self):
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self):
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def get(self, stream=None, order="C", out=None, blocking=True):
        to_host("ndarray.get", wait=blocking)
        host = np.array(self._host, order=order)
        if out is None:
            return host
        if not isinstance(out, np.ndarray):
            raise TypeError("Only numpy.ndarray can be obtained from cupy.ndarray, "
                            f"not {type(out)}")
        if (out.dtype, out.shape) != (self.dtype, self.shape):
            raise ValueError(f"out has shape {out.shape} and dtype {out.dtype}, the array has "
                             f"{self.shape} and {self.dtype}")
        out[...] = host
        return out

    def item(self):
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.get().item()

    def tolist(self):
        return self.get().tolist()

    def tobytes(self, order="C"):
        return self.get().tobytes(order)

    def __bool__(self):
        if self.size != 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous. "
                             "Use a.any() or a.all()")
        return bool(self.item())

    def __int__(self):
        return int(self.item())

    def __float__(self):
        return float(self.item())

    def __complex__(self):
        return complex(self.item())

    def __repr__(self):
        return repr(self.get())

    def __str__(self):
        return str(self.get())

    def __format__(self, spec):
        return format(self.get() if self.ndim else self.item(), spec)

    def __reduce__(self):
        return REGISTRY["cupy.array"], (self.get(),)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()


def supported(dtype):
    if dtype.char not in DTYPES and dtype != BFLOAT16:
        raise ValueError(f"Unsupported dtype {dtype}")
    return dtype


def wrap(host):
    """A device array over a host buffer; a fresh buffer becomes an allocation."""
    array = object.__new__(ndarray)
    array._block = memory.block_of(host) or memory.Block(memory.root_of(host))
    array._host = host
    return array


def operand(value):
    """What a kernel takes: a device array or a scalar; CuPy refuses numpy.ndarray and lists."""
    if not isinstance(value, (ndarray, *SCALARS)):
        raise TypeError(f"Unsupported type {type(value)}")
    return value


def host_of(value):
    """The host values in arguments: arrays, and arrays nested in lists and tuples."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (list, tuple)):
        return type(value)(host_of(item) for item in value)
    return value


def arrays_in(values):
    """The device arrays among arguments, also nested ones."""
    found = []
    for value in values:
        if isinstance(value, ndarray):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += arrays_in(value)
    return found


def cast(host, dtype):
    """astype as the device does it: floats saturate into integers, NaN becomes 0."""
    host, dtype = np.asarray(host), np.dtype(dtype)
    if host.dtype == dtype:
        return host
    floating = host.dtype.kind == "f" or host.dtype == BFLOAT16
    if not floating or dtype.kind not in "iu":
        return host.astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    wide = host.astype(np.float64)
    inside = np.where((wide > low) & (wide < high), wide, 0).astype(dtype)
    result = np.where(wide >= high, np.array(high, dtype), inside)
    return np.where(wide <= low, np.array(low, dtype), result)


def quietly(compute):
    """Runs host code without NumPy's floating-point warnings: a device gives none."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?!Casting complex)", RuntimeWarning)
        return compute()


def mapped(function, result):
    """Applies a function to each array of a result, keeping tuples and lists."""
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return type(result)(*(mapped(function, item) for item in result))
    if isinstance(result, (tuple, list)):
        return type(result)(mapped(function, item) for item in result)
    return None if result is None else function(result)


def fresh_buffer(host, keep_order):
    """A new result in the layout CuPy gives it, C order unless the function keeps the input's."""
    root = memory.root_of(host)
    contiguous = root.flags.c_contiguous or root.flags.f_contiguous
    if not contiguous or not root.flags.owndata or not root.flags.writeable:
        return np.array(host, order="C")
    return host if keep_order else np.asarray(host, order="C")


def require_current_device(arrays):
    require_device()
    for array in arrays:
        if array._block.device != device_id():
            raise ValueError(f"Array device must be same as the current device: array device = "
                             f"{array._block.device} while current = {device_id()}")


def execute(name, compute, arrays=(), writes=(), keep_order=False, key=None):
    """Runs `compute` on host buffers as one kernel and wraps its result.

    Args:
        name: the kernel's name.
        compute: a function of no arguments; it returns host arrays or writes in place.
        arrays: the device arrays it reads.
        writes: the device arrays it writes.
        keep_order: whether new results keep NumPy's memory layout instead of C order.
        key: what is compiled once, and not in a capture; by default the name with the dtypes.

    In a capture nothing takes effect: `compute` is recorded, and new results hold NaN until the
    graph is launched.
    """
    require_current_device([*arrays, *writes])
    graph, hosts, fresh = capture(), [], []
    before = [array._host.copy() for array in writes] if graph is not None else []
    try:
        result = quietly(compute)
    finally:
        for array, old in zip(writes, before):
            array._host[...] = old

    def take(leaf):
        host = np.asarray(leaf)
        supported(host.dtype)
        if memory.block_of(host) is None:
            host = fresh_buffer(host, keep_order)
            fresh.append(host)
        else:
            host = host.view()
        hosts.append(host)
        return wrap(host)

    wrapped = mapped(take, result)
    if not fresh and not writes:
        return wrapped  # a view
    warm_up(key or (name, *(str(array.dtype) for array in (*arrays, *writes))))
    count("launches", name)
    if graph is not None:
        record(graph, compute, hosts, fresh)
    return wrapped


def record(graph, compute, hosts, fresh):
    """Adds a kernel to a captured graph; its results are undefined until the graph runs."""
    new = {id(host) for host in fresh}

    def replay():
        leaves = []
        mapped(leaves.append, quietly(compute))
        for host, value in zip(hosts, leaves):
            if id(host) in new:
                host[...] = value

    graph.nodes.append(replay)
    for host in fresh:
        memory.poison(host)


def store(out, value, casting="same_kind"):
    """Writes a host result into an output array, with CuPy's checks of shape and cast."""
    value = np.asarray(value)
    if value.shape != out.shape:
        raise ValueError(f"Out shape is mismatched: {out.shape}, expected {value.shape}")
    if not np.can_cast(value.dtype, out.dtype, casting):
        raise TypeError(f"output (typecode {value.dtype.char!r}) could not be coerced to provided "
                        f"output parameter (typecode {out.dtype.char!r}) according to the casting "
                        f"rule {casting!r}")
    out._host[...] = cast(value, out.dtype)


def run(name, compute, arrays, out=None, casting="same_kind", keep_order=False):
    """`execute`, into `out` when it is given."""
    if out is None:
        return execute(name, compute, arrays, keep_order=keep_order)
    if not isinstance(out, ndarray):
        raise TypeError(f"Unsupported type {type(out)}")
    execute(name, lambda: store(out, compute(), casting), arrays, [out])
    return out


register("cupy.ndarray", ndarray)
ndarray.__module__ = "cupy"
