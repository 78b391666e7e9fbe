"""Indexing: slices, take, where, one_hot, diagonals."""

import math

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.arrays import is_array
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.shape_rules import canonical_axis
from minikeras.core.tensor import Convertible, Tensor, to_tensor
from minikeras.dtypes import alike, canonical, promote
from minikeras.kernels import indexing as _kernels  # noqa: F401 (their table)
from minikeras.ops.families import publish
from minikeras.ops.shaping import _tensor

TENSORS = (Tensor, KerasTensor)


# ---------------------------------------------------------------- slices
@op(vjp=lambda xp, g, _y, _x, key: xp.slice_gradient(g, key=key, shape=tuple(_x.shape)))
def slice_view(xp, x, key):
    """Basic indexing by a tuple of slices, integers and None."""
    return xp.slice_view(x, key=key)


@op(vjp=lambda xp, g, _y, _g, key, shape: xp.slice_view(g, key=key))
def slice_gradient(xp, g, key, shape):
    """Zeros of `shape` with g at `key`."""
    return xp.slice_gradient(g, key=key, shape=shape)


def _without_ellipsis(key, ndim):
    """The key as a tuple with the ellipsis written out."""
    key = key if isinstance(key, tuple) else (key,)
    used = sum(k is not None and k is not Ellipsis for k in key)
    if sum(k is Ellipsis for k in key) > 1:
        raise IndexError("An index can hold one ellipsis ('...') only.")
    if used > ndim:
        raise IndexError(f"Too many indices: {used} for a tensor of {ndim} dimension(s).")
    full = []
    for k in key:
        if k is Ellipsis:
            full += [slice(None)] * (ndim - used)
        else:
            full.append(k)
    return tuple(full)


def _plain(k):
    """An integer for anything that is one: bounds of slices may be 0-d tensors."""
    if isinstance(k, KerasTensor):
        return k
    if isinstance(k, slice):
        return slice(*(None if b is None else b.__index__() for b in (k.start, k.stop, k.step)))
    if isinstance(k, (list, Tensor, Convertible)) or is_array(k):
        value = to_tensor(k)
        if value.shape or value.dtype == dtypes.BOOL:
            return value
        return value.__index__()
    return k if k is None or isinstance(k, bool) else k.__index__()


@public("ops.get_item", "ops.numpy.get_item")
def get_item(x, key):
    """x[key]: integers, slices, None, ellipsis, integer or boolean tensors.

    >>> import minikeras as keras
    >>> keras.ops.get_item([[1, 2], [3, 4]], (slice(None), 0)).numpy().tolist()
    [1, 3]
    """
    x = _tensor(x)
    key = tuple(map(_plain, _without_ellipsis(key, len(x.shape))))
    arrays = [i for i, k in enumerate(key) if isinstance(k, TENSORS)]
    if not arrays:
        axis = 0
        for k in key:
            if isinstance(k, int) and x.shape[axis] is not None:
                n = x.shape[axis]
                if not -n <= k < n:
                    raise IndexError(f"Index {k} is out of range for axis {axis} of length {n}.")
            axis += k is not None
        return slice_view(x, key=key)
    return _advanced(x, key, arrays)


def _advanced(x, key, arrays):
    masks = [key[i] for i in arrays if canonical(key[i].dtype) == dtypes.BOOL]
    if any(isinstance(m, KerasTensor) for m in masks):
        raise ValueError(
            "A boolean mask has as many results as it holds, which is not known in a functional "
            "model; use ops.where. Received: a symbolic mask."
        )
    if masks:
        key, x = _mask_to_indices(x, key, arrays)
        arrays = [i for i, k in enumerate(key) if isinstance(k, TENSORS)]
    basic = tuple(slice(None) if isinstance(k, TENSORS) else k for k in key)
    axes, axis = [], 0  # axes of the basic result that the arrays index
    for k in key:
        if isinstance(k, TENSORS):
            axes.append(axis)
        axis += not isinstance(k, int)
    x = slice_view(x, key=basic)
    indices = [key[i] for i in arrays]
    if len(axes) == 1:
        return OPS["take"](x, indices[0], axis=axes[0])
    if axes != list(range(axes[0], axes[0] + len(axes))):
        order = axes + [a for a in range(len(x.shape)) if a not in axes]
        x, axes = OPS["transpose"](x, tuple(order)), list(range(len(axes)))
    flat = flat_index(indices, [x.shape[a] for a in axes])
    merged = (*x.shape[: axes[0]], -1, *x.shape[axes[-1] + 1 :])
    return OPS["take"](OPS["reshape"](x, merged), flat, axis=axes[0])


def flat_index(indices, sizes):
    """Indices into axes of the given sizes as one into these axes flattened; the product of the
    sizes, which is out of range, for those that are out of range."""
    flat, valid = None, None
    for index, n in zip(indices, sizes):
        index = OPS["cast"](index, promote(canonical(index.dtype), "int32"))
        index = OPS["blend"](OPS["less"](index, 0), OPS["add"](index, n), index)
        inside = OPS["logical_and"](OPS["greater_equal"](index, 0), OPS["less"](index, n))
        flat = index if flat is None else OPS["add"](OPS["multiply"](flat, n), index)
        valid = inside if valid is None else OPS["logical_and"](valid, inside)
    return OPS["blend"](valid, flat, math.prod(sizes))


def _mask_to_indices(x, key, arrays):
    """Boolean masks as the integer indices where they hold: the result's shape is in the values."""
    new = []
    for k in key:
        if isinstance(k, Tensor) and k.dtype == dtypes.BOOL:
            if not new and not k.shape:  # True or False: a new axis of one or no rows
                x, k = OPS["expand_dims"](x, 0), OPS["reshape"](k, (1,))
            new += [to_tensor(i.astype("int32")) for i in k.numpy().nonzero()]
        else:
            new.append(k)
    return tuple(new), x


@public("ops.slice", "ops.core.slice")
def slice_(inputs, start_indices, shape):
    """The block of `shape` that begins at `start_indices`; -1 in the shape: up to the end."""
    starts = [s.__index__() for s in start_indices]
    key = tuple(
        slice(s, None if n == -1 else s + n) for s, n in zip(starts, shape)
    )
    return slice_view(_tensor(inputs), key=key)


slice_.__name__ = "slice"


@op(
    vjp=(
        lambda xp, g, _y, _a, _u, start: xp.slice_update(
            g, xp.filled(_u, value=0, dtype=g.dtype), start=start),
        lambda xp, g, _y, _a, _u, start: xp.slice_view(g, key=_block(start, _u.shape)),
    ),
    dtype=None,
)
def _slice_update(xp, a, updates, start):
    return xp.slice_update(a, updates, start=start)


OPS["slice_update"] = _slice_update.op


def _block(start, shape):
    return tuple(slice(s, s + n) for s, n in zip(start, shape))


@public("ops.slice_update", "ops.core.slice_update")
def slice_update(inputs, start_indices, updates):
    """`inputs` with the block that begins at `start_indices` replaced by `updates`."""
    inputs = _tensor(inputs)
    start = tuple(s.__index__() for s in start_indices)
    updates = OPS["cast"](_tensor(updates), inputs.dtype)
    for s, n, size in zip(start, updates.shape, inputs.shape):
        if None not in (n, size) and not 0 <= s <= size - n:
            raise ValueError(
                f"ops.slice_update: a block of shape {tuple(updates.shape)} at {start} does not "
                f"fit into shape {tuple(inputs.shape)}."
            )
    return _slice_update(inputs, updates, start=start)


# ---------------------------------------------------------------- take
@op(
    vjp=(
        lambda xp, g, _y, _x, indices, axis: xp.take_gradient(
            g, indices, axis=axis, shape=tuple(_x.shape)),
        None,
    ),
)
def _take(xp, x, indices, axis):
    return xp.take(x, indices, axis=axis)


OPS["take"] = _take.op
OPS["take"].name = "take"


@op(
    vjp=(
        lambda xp, g, _y, _g, indices, axis, shape: xp.take(g, indices, axis=axis),
        None,
    ),
)
def take_gradient(xp, g, indices, axis, shape):
    """Zeros of `shape` with g's slices added at `indices`."""
    return xp.take_gradient(g, indices, axis=axis, shape=shape)


@public("ops.take", "ops.numpy.take")
def take(x, indices, axis=None):
    """Slices of x at integer `indices` along an axis, of the flattened x by default.

    Negative indices count from the end. At an index out of range the result is NaN, or 0 in dtypes
    without NaN, and no gradient flows.

    >>> take([10.0, 20.0, 30.0], [2, 0]).numpy().tolist()
    [30.0, 10.0]
    """
    x, indices = _tensor(x), _tensor(indices)
    if not dtypes.is_int(indices.dtype):
        indices = OPS["cast"](indices, "int32")
    if axis is None:
        x, axis = OPS["reshape"](x, (-1,)), 0
    return _take(x, indices, axis=canonical_axis(axis, len(x.shape)))


@op(
    vjp=(
        lambda xp, g, _y, _x, indices, axis: xp.take_along_axis_gradient(
            g, indices, axis=axis, shape=tuple(_x.shape)),
        None,
    ),
)
def _take_along_axis(xp, x, indices, axis):
    return xp.take_along_axis(x, indices, axis=axis)


OPS["take_along_axis"] = _take_along_axis.op


@op(
    vjp=(
        lambda xp, g, _y, _g, indices, axis, shape: xp.take_along_axis(g, indices, axis=axis),
        None,
    ),
)
def take_along_axis_gradient(xp, g, indices, axis, shape):
    """Zeros of `shape` with the elements of g added where they were taken from."""
    return xp.take_along_axis_gradient(g, indices, axis=axis, shape=shape)


@public("ops.take_along_axis", "ops.numpy.take_along_axis")
def take_along_axis(x, indices, axis=None):
    """x at one index along `axis` for each element of the result; other axes broadcast.

    Negative indices count from the end. At an index out of range the result is NaN, or 0 in dtypes
    without NaN, and no gradient flows.

    >>> take_along_axis([[3.0, 1.0, 2.0]], [[1, -1]], axis=1).numpy().tolist()
    [[1.0, 2.0]]
    """
    x, indices = _tensor(x), _tensor(indices)
    if axis is None:
        x, indices, axis = OPS["reshape"](x, (-1,)), OPS["reshape"](indices, (-1,)), 0
    return _take_along_axis(x, indices, axis=canonical_axis(axis, len(x.shape)))


# ---------------------------------------------------------------- where, one_hot
@op(tensors=3, numbers=True, vjp=None)
def _where(xp, condition, x1, x2):
    if condition.dtype != dtypes.BOOL:
        condition = xp.not_equal(condition, 0)
    return xp.blend(condition, x1, x2)


@public("ops.where", "ops.numpy.where")
def where(condition, x1=None, x2=None):
    """x1 where the condition holds, else x2, with broadcasting.

    Without x1 and x2: the indices where it holds, one tensor an axis. The gradient of the branch
    that is not taken is 0, also where its value is NaN or inf.

    >>> where([True, False], 1.0, 2.0).numpy().tolist()
    [1.0, 2.0]
    """
    if (x1 is None) != (x2 is None):
        raise ValueError("ops.where: give both `x1` and `x2`, or neither.")
    if x1 is None:
        return OPS["nonzero"](condition)
    kinds = [type(x) if isinstance(x, (bool, int, float)) else _tensor(x).dtype for x in (x1, x2)]
    target = alike(*kinds)
    branches = [
        x if isinstance(x, (bool, int, float)) else OPS["cast"](_tensor(x), target)
        for x in (x1, x2)
    ]
    if all(isinstance(x, (bool, int, float)) for x in branches):
        branches[0] = OPS["cast"](to_tensor(branches[0]), target)
    return _where(_tensor(condition), *branches)


@op(vjp=False, dtype=None)
def _one_hot(xp, x, depth, axis, dtype):
    return xp.one_hot(x, depth=depth, axis=axis, dtype=dtype)


@public("ops.one_hot", "ops.nn.one_hot")
def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """A new axis with 1 at the index and 0 elsewhere; all 0 for an index out of range.

    >>> one_hot([2, 0], 3).numpy().tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    if sparse:
        raise ValueError("ops.one_hot: sparse tensors are not supported.")
    x = _tensor(x)
    if not dtypes.is_int(x.dtype):
        x = OPS["cast"](x, "int32")
    axis = canonical_axis(axis, len(x.shape) + 1)
    return _one_hot(x, depth=int(num_classes), axis=axis, dtype=canonical(dtype))


@op(False, tensors=1)
def positions(xp, x, axis):
    """0, 1, ... along an axis of x (int32): also where its length is not known yet."""
    return xp.positions(x, axis=axis)


@op(False, tensors=1)
def ramp(xp, x, size):
    """0, 1, ..., size - 1 (int32), on the device of x."""
    return xp.ramp(x, size=size)


@publish
@op(tensors=1, vjp=None)
def diagonal(xp, x, offset=0, axis1=0, axis2=1):
    """Elements x[..., i, i + offset] of the matrices in two axes, as a last axis."""
    ndim = len(x.shape)
    a, b = canonical_axis(axis1, ndim), canonical_axis(axis2, ndim)
    rest = [i for i in range(ndim) if i not in (a, b)]
    x = xp.transpose(x, axes=(*rest, a, b))
    rows, columns = x.shape[-2:]
    low, shift = max(-offset, 0), max(offset, 0)
    n = max(min(rows - low, columns - shift), 0)
    flat = xp.reshape(x, shape=(*x.shape[:-2], rows * columns))
    begin = low * columns + shift
    key = (slice(None),) * (ndim - 2) + (slice(begin, begin + n * (columns + 1), columns + 1),)
    y = xp.slice_view(flat, key=key)
    extra = (slice(None),) * (ndim - 2) + (slice(0, n),)
    return xp.slice_view(y, key=extra) if y.shape[-1] != n else y


@public("ops.nonzero", "ops.numpy.nonzero")
def nonzero(x):
    """Indices of the elements that are not 0: a tuple of int32 vectors, one an axis.

    How many there are is known from the values alone: on a GPU this waits for them.
    """
    x = _tensor(x)
    if isinstance(x, KerasTensor):
        return tuple(KerasTensor((None,), "int32") for _ in x.shape)
    return tuple(to_tensor(i.astype("int32")) for i in to_tensor(x).numpy().nonzero())
