"""New tensors: zeros, ones, full, arange, linspace, eye."""

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.arrays import current_device, library_of
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.tensor import Tensor, to_tensor
from minikeras.dtypes import canonical
from minikeras.ops.shaping import _tensor


def _shape(shape, name):
    shape = (int(shape),) if not hasattr(shape, "__iter__") else tuple(int(d) for d in shape)
    if any(d < 0 for d in shape):
        raise ValueError(f"ops.{name}: dimensions must not be negative. Received: shape={shape}")
    return shape


def _library(like=None):
    found = library_of(like._value) if isinstance(like, Tensor) else None
    return found or current_device().library


@public("ops.zeros", "ops.numpy.zeros")
def zeros(shape, dtype=None):
    """A tensor of zeros; floatx unless a dtype is given."""
    return Tensor(_library().zeros(_shape(shape, "zeros"), canonical(dtype)))


@public("ops.ones", "ops.numpy.ones")
def ones(shape, dtype=None):
    """A tensor of ones; floatx unless a dtype is given."""
    return Tensor(_library().ones(_shape(shape, "ones"), canonical(dtype)))


@public("ops.empty", "ops.numpy.empty")
def empty(shape, dtype=None):
    """A tensor of zeros: what values it has is not to be relied on."""
    return zeros(shape, dtype)


@public("ops.full", "ops.numpy.full")
def full(shape, fill_value, dtype=None):
    """A tensor of one value, or of a value that broadcasts to the shape; of floatx by default."""
    shape, dtype = _shape(shape, "full"), canonical(dtype)
    if isinstance(fill_value, KerasTensor):
        return OPS["broadcast_to"](OPS["cast"](fill_value, dtype), shape)
    value = to_tensor(fill_value, dtype)
    return OPS["add"](OPS["broadcast_to"](value, shape), 0) if value.shape else Tensor(
        _library().full(shape, value.item(), value.dtype))


@op(vjp=False)
def filled(xp, x, value, dtype):
    """A tensor like x of one value."""
    return xp.filled(x, value=value, dtype=dtype)


def _like_function(name, value):
    def function(x, dtype=None):
        x = _tensor(x)
        return filled(x, value=value, dtype=canonical(x.dtype if dtype is None else dtype))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"A tensor like x filled with {value}; of its dtype unless one is given."
    return public(f"ops.{name}", f"ops.numpy.{name}")(function)


zeros_like = _like_function("zeros_like", 0)
ones_like = _like_function("ones_like", 1)
empty_like = _like_function("empty_like", 0)
OPS["zeros_like"] = zeros_like


@public("ops.full_like", "ops.numpy.full_like")
def full_like(x, fill_value, dtype=None):
    """A tensor like x filled with a value."""
    x = _tensor(x)
    dtype = canonical(x.dtype if dtype is None else dtype)
    value = OPS["cast"](_tensor(fill_value), dtype)
    return OPS["add"](filled(x, value=0, dtype=dtype), value)


@public("ops.arange", "ops.numpy.arange")
def arange(start, stop=None, step=None, dtype=None):
    """start, start + step, ... below stop; from 0 to start with one argument.

    int32 for whole numbers, floatx else, unless a dtype is given.
    """
    if start is None or any(isinstance(v, KerasTensor) for v in (start, stop, step)):
        raise ValueError(
            "ops.arange: the bounds must be numbers, not unknown sizes or symbolic tensors. "
            f"Received: start={start}, stop={stop}, step={step}"
        )
    values = [v.item() if isinstance(v, Tensor) else v for v in (start, stop, step)]
    if dtype is None:
        given = [v.dtype if hasattr(v, "dtype") else type(v) for v in values if v is not None]
        dtype = dtypes.promote(*given)
    dtype = canonical(dtype)
    start, stop, step = values
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    if step == 0:
        raise ValueError(
            f"ops.arange: the step must not be 0. Received: start={start}, stop={stop}, step=0")
    if dtype in dtypes.HALVES:
        return Tensor(_library().arange(start, stop, step, dtype=dtypes.FLOAT32).astype(dtype))
    return Tensor(_library().arange(start, stop, step, dtype=dtype))


@public("ops.linspace", "ops.numpy.linspace")
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """`num` values from start to stop, evenly spaced; with `retstep` also the spacing.

    In an integer dtype they are rounded down.
    """
    if num < 0:
        raise ValueError(f"ops.linspace: `num` must not be negative. Received: num={num}")
    given = [v.dtype if hasattr(v, "dtype") else type(v) for v in (start, stop)]
    target = dtypes.to_float(*given)
    if dtype is not None and canonical(dtype).kind not in "biu":
        target = canonical(dtype)
    a, b = OPS["cast"](_tensor(start), target), OPS["cast"](_tensor(stop), target)
    parts = max(num - 1 if endpoint else num, 1)
    step = OPS["divide"](OPS["subtract"](b, a), float(parts))
    ramp = OPS["cast"](arange(num), target)
    shape = (num, *(1,) * len(step.shape))
    ramp = OPS["reshape"](ramp, shape)
    values = OPS["add"](OPS["multiply"](ramp, step), a)
    if endpoint and num > 1:
        last = OPS["equal"](ramp, num - 1)
        values = OPS["blend"](last, OPS["broadcast_to"](b, values.shape), values)
    if axis:
        values = OPS["moveaxis"](values, 0, axis)
    if dtype is not None:
        whole = canonical(dtype).kind in "iu"
        values = OPS["cast"](OPS["floor"](values) if whole else values, canonical(dtype))
    return (values, step) if retstep else values


@public("ops.eye", "ops.numpy.eye")
def eye(N, M=None, k=0, dtype=None):
    """N x M matrix (N x N by default) with ones on its k-th diagonal."""
    M = N if M is None else M
    _shape((N, M), "eye")
    rows = OPS["reshape"](arange(int(N)), (-1, 1))
    columns = OPS["reshape"](arange(int(M)), (1, -1))
    return OPS["cast"](OPS["equal"](columns, OPS["add"](rows, k)), canonical(dtype))


OPS["eye"] = eye


@public("ops.identity", "ops.numpy.identity")
def identity(n, dtype=None):
    """n x n matrix with ones on the diagonal."""
    return eye(n, dtype=dtype)


@public("ops.array", "ops.numpy.array")
def array(x, dtype=None):
    """A tensor of x; `convert_to_tensor` by another name."""
    if isinstance(x, KerasTensor):
        return x if dtype is None else OPS["cast"](x, dtype)
    return OPS["convert_to_tensor"](x, dtype)


@public("ops.copy", "ops.numpy.copy")
def copy(x):
    """The same values in memory of their own."""
    return _copied(_tensor(x))


@op(vjp=lambda xp, g, _y, _x: g, tensors=1)
def _copied(xp, x):
    return xp.copy(x)


@public("ops.tri", "ops.numpy.tri")
def tri(N, M=None, k=0, dtype=None):
    """N x M matrix with ones at and below its k-th diagonal."""
    rows = OPS["reshape"](arange(int(N)), (-1, 1))
    columns = OPS["reshape"](arange(int(N if M is None else M)), (1, -1))
    return OPS["cast"](OPS["less_equal"](columns, OPS["add"](rows, k)), canonical(dtype))


def _triangle(name, keep, doc):
    def function(x, k=0):
        x = _tensor(x)
        inside = tri(x.shape[-2], x.shape[-1], k if keep == "lower" else k - 1, dtype="bool")
        if keep == "upper":
            inside = OPS["logical_not"](inside)
        return OPS["blend"](inside, x, False if canonical(x.dtype) == dtypes.BOOL else 0)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return public(f"ops.{name}", f"ops.numpy.{name}")(function)


tril = _triangle("tril", "lower", "x with zeros above its k-th diagonal (last two axes).")
triu = _triangle("triu", "upper", "x with zeros below its k-th diagonal (last two axes).")
