"""Functions of `cupy` written by hand: creation, transfers, writing in place, and a few others."""

import functools

import numpy as np

from tests.helpers.fakecupy import memory
from tests.helpers.fakecupy.core import (
    SCALARS,
    arrays_in,
    cast,
    execute,
    host_of,
    ndarray,
    operand,
    register,
    run,
    supported,
)
from tests.helpers.fakecupy.generic import register_twins
from tests.helpers.fakecupy.indexing import refuse_conflict, wrapped
from tests.helpers.fakecupy.state import MACHINE, device_id, synchronize, to_device


def exported(function):
    """Registers a function under its name in `cupy`."""
    return register(f"cupy.{function.__name__}", function)


def host_array(obj, dtype=None):
    """A host value as an array; copying it over counts, except for scalars (a fill kernel)."""
    host = np.array(obj, dtype)
    supported(host.dtype)
    if host.ndim:
        to_device(f"{host.nbytes} bytes of host data")
    return host


def moved(array):
    """An array of another device, copied to the current one; a copy of it on its own device."""
    host = array._host
    return execute("copy", lambda: host.copy("K"), [array][:array._block.device == device_id()],
                   keep_order=True)


@exported
def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    if isinstance(obj, ndarray):
        same = obj.device.id == device_id() and (dtype is None or obj.dtype == np.dtype(dtype))
        if same and not copy and order in ("K", "A", None):
            result = obj
        else:
            local = obj if obj.device.id == device_id() else moved(obj)
            result = local.astype(obj.dtype if dtype is None else dtype, order=order or "K")
    elif isinstance(obj, (list, tuple)) and arrays_in(obj):
        result = execute("stack", lambda: np.array(host_of(obj), dtype), arrays_in(obj))
    else:
        host = host_array(obj, dtype)
        layout = order if order in ("C", "F") else "K"
        result = execute("array", lambda: np.array(host, order=layout), keep_order=True)
        if blocking:
            synchronize("array(blocking=True)")
    if result.ndim < ndmin:
        result = result.reshape((1,) * (ndmin - result.ndim) + result.shape)
    return result


@exported
def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    if copy is False and not isinstance(a, ndarray):
        raise ValueError("Unable to avoid copy while creating an array from host data")
    return array(a, dtype, bool(copy), order or "K", blocking=blocking)


@exported
def asanyarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    return asarray(a, dtype, order, copy=copy, blocking=blocking)


@exported
def ascontiguousarray(a, dtype=None):
    result = asarray(a, dtype)
    result = result if result.flags.c_contiguous else result.copy()
    return result if result.ndim else result.reshape(1)


@exported
def asfortranarray(a, dtype=None):
    result = asarray(a, dtype)
    return result if result.flags.f_contiguous else result.copy("F")


@exported
def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    if isinstance(a, ndarray):
        return a.get(stream, order, out, blocking)
    result = np.asarray(a, order=order)
    if out is None:
        return result
    out[...] = result
    return out


@exported
def empty(shape, dtype=float, order="C"):
    if arrays_in([shape]):
        raise TypeError("empty() got a device array as shape; it needs a host value")
    return ndarray(shape, dtype, order=order)


@exported
def empty_like(prototype, dtype=None, order="K", subok=None, shape=None):
    host = np.empty_like(operand(prototype)._host, dtype, order, shape=shape)
    memory.poison(host)
    return execute("empty_like", lambda: host, keep_order=True)


@exported
def astype(x, dtype, /, *, copy=True):
    return x.astype(dtype, copy=copy)


@exported
def copy(a, order="K"):
    return moved(a) if a.device.id != device_id() else a.copy(order)


@exported
def get_array_module(*args):
    return MACHINE.module if arrays_in(args) else np


@exported
def is_available():
    return MACHINE.device_count > 0


@exported
def get_default_memory_pool():
    return memory.DEFAULT_POOL


@exported
def memoize(for_each_device=False):
    """A cache on the arguments, kept per device when asked."""

    def decorate(function):
        cache = functools.cache(lambda device, *args, **kwargs: function(*args, **kwargs))

        @functools.wraps(function)
        def cached(*args, **kwargs):
            return cache(device_id() if for_each_device else None, *args, **kwargs)

        return cached

    return decorate


@exported
def where(condition, x=None, y=None):
    if x is None and y is None:
        return condition.nonzero()
    if x is None or y is None:
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    operands = [operand(value) for value in (condition, x, y)]
    return execute("where", lambda: np.where(*host_of(operands)), arrays_in(operands))


@exported
def clip(a, a_min, a_max, out=None):
    bounds = [None if b is None else operand(b) for b in (a_min, a_max)]
    return run("clip", lambda: np.clip(a._host, *host_of(bounds)), arrays_in([a, *bounds]), out)


def indices_for(values):
    """Integer indices on the device; host ones are copied over."""
    if isinstance(values, (list, tuple, np.ndarray)):
        return array(values)
    return operand(values)


@exported
def take(a, indices, axis=None, out=None):
    indices = indices_for(indices)

    def compute():
        size = a.size if axis is None else a.shape[axis]
        return np.take(a._host, wrapped(host_of(indices), size), axis)

    return run("take", compute, arrays_in([a, indices]), out)


@exported
def take_along_axis(a, indices, axis):
    size = a.size if axis is None else a.shape[axis]
    return execute("take_along_axis", lambda: np.take_along_axis(
        a._host, wrapped(indices._host, size), axis), [a, indices])


@exported
def put_along_axis(arr, indices, values, axis):
    values = operand(values)

    def write():
        where_to = wrapped(indices._host, arr.size if axis is None else arr.shape[axis])
        source = cast(host_of(values), arr.dtype)
        np.put_along_axis(arr._host, where_to, source, axis)
        refuse_conflict(np.take_along_axis(arr._host, where_to, axis), source)

    execute("put_along_axis", write, arrays_in([indices, values]), [arr])


@exported
def put(a, ind, v, mode="wrap"):
    if mode == "raise":
        synchronize("put(mode='raise')")
    ind, v = indices_for(ind), indices_for(v)

    def write():
        source = cast(host_of(v), a.dtype)
        np.put(a._host, host_of(ind), source, mode)
        if source.size == ind.size:
            stored = np.take(a._host, host_of(ind), mode=mode)
            refuse_conflict(stored.reshape(-1), source.reshape(-1))

    execute("put", write, arrays_in([ind, v]), [a])


@exported
def copyto(dst, src, casting="same_kind", where=None):
    if isinstance(src, np.ndarray):
        raise TypeError(f"Unsupported type {type(src)}")
    src = operand(src)
    kind = src.dtype if isinstance(src, ndarray) else src_kind(src)
    if not np.can_cast(kind, dst.dtype, casting):
        raise TypeError(f"Cannot cast {kind!r} to {dst.dtype!r} in {casting} casting mode")
    mask = True if where is None else operand(where)
    execute("copyto", lambda: np.copyto(dst._host, cast(host_of(src), dst.dtype), "unsafe",
                                        where=host_of(mask)), arrays_in([src, mask]), [dst])


def src_kind(scalar):
    """The smallest dtype of a scalar's kind: Python scalars are weak."""
    return np.dtype({bool: "?", int: "b", float: "e", complex: "F"}.get(type(scalar), type(scalar)))


@exported
def putmask(a, mask, values):
    values = operand(values)
    execute("putmask", lambda: np.putmask(a._host, mask._host, cast(host_of(values), a.dtype)),
            arrays_in([mask, values]), [a])


@exported
def place(arr, mask, vals):
    synchronize("cupy.place")
    execute("place", lambda: np.place(arr._host, mask._host, host_of(operand(vals))),
            arrays_in([mask, vals]), [arr])


@exported
def fill_diagonal(a, val, wrap=False):
    execute("fill_diagonal", lambda: np.fill_diagonal(a._host, host_of(operand(val)), wrap),
            arrays_in([val]), [a])


@exported
def compress(condition, a, axis=None, out=None):
    synchronize("cupy.compress")
    return run("compress", lambda: np.compress(condition._host, a._host, axis), [condition, a], out)


@exported
def extract(condition, a):
    synchronize("cupy.extract")
    return execute("extract", lambda: np.extract(condition._host, a._host), [condition, a])


@exported
def choose(a, choices, out=None, mode="raise"):
    if mode == "raise":
        synchronize("choose(mode='raise')")
    return run("choose", lambda: np.choose(a._host, host_of(choices), mode=mode),
               arrays_in([a, choices]), out)


@exported
def searchsorted(a, v, side="left", sorter=None):
    if not isinstance(a, ndarray) or not isinstance(v, (ndarray, *SCALARS)):
        raise NotImplementedError("Only int or ndarray are supported for a and v")
    if a.ndim != 1:
        raise ValueError("object of too small depth for desired array")
    return execute("searchsorted", lambda: np.searchsorted(
        a._host, host_of(v), side, host_of(sorter)), arrays_in([a, v, sorter]))


@exported
def partition(a, kth, axis=-1):
    return execute("sort", lambda: np.sort(a._host, axis, kind="stable"), [a])


@exported
def argpartition(a, kth, axis=-1):
    return execute("argsort", lambda: np.argsort(a._host, axis, kind="stable"), [a])


@exported
def lexsort(keys):
    if not isinstance(keys, ndarray):
        raise TypeError(f"lexsort() takes a cupy.ndarray, not {type(keys)}")
    if keys.ndim > 2:
        raise NotImplementedError("Keys with the rank of three or more is not supported in lexsort")
    return execute("lexsort", lambda: np.lexsort(keys._host), [keys])


@exported
def ptp(a, axis=None, out=None, keepdims=False):
    return run("ptp", lambda: np.ptp(a._host, axis, keepdims=keepdims), [a], out)


@exported
def array_repr(arr, max_line_width=None, precision=None, suppress_small=None):
    return np.array_repr(arr.get(), max_line_width, precision, suppress_small)


@exported
def array_str(arr, max_line_width=None, precision=None, suppress_small=None):
    return np.array_str(arr.get(), max_line_width, precision, suppress_small)


@exported
def array2string(a, *args, **kwargs):
    return np.array2string(asnumpy(a), *args, **kwargs)


@exported
def ix_(*args):
    if any(arg.dtype == bool for arg in args):
        synchronize("ix_ of bool arrays")
    return execute("ix_", lambda: np.ix_(*host_of(args)), args)


register_twins("cupy.lib.stride_tricks")
register_twins("cupy.fft")
for _module in ("cupyx.scipy.ndimage", "cupyx.scipy.fft"):
    register_twins(_module)
