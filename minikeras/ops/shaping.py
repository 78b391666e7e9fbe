"""Shape and arrangement: reshape, transpose, join, split, pad, repeat, reverse."""

import builtins
import math

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.op import op
from minikeras.core.shape_rules import (
    canonical_axes,
    canonical_axis,
    inverse_permutation,
    permutation,
    resolve_reshape,
)
from minikeras.core.tensor import to_tensor
from minikeras.kernels.registry import KERNELS
from minikeras.ops.families import publish


def _tensor(x):
    """x if it has a shape, else a tensor of it."""
    return x if hasattr(x, "shape") and hasattr(x, "dtype") else to_tensor(x)


def floating(x):
    """x in a floating or complex dtype: its own, or floatx for integers and booleans."""
    x = _tensor(x)
    return OPS["cast"](x, dtypes.to_float(dtypes.canonical(x.dtype)))


@op(vjp=lambda xp, g, _y, _x, shape: xp.reshape(g, shape=tuple(_x.shape)))
def _reshape(xp, x, shape):
    return xp.reshape(x, shape=resolve_reshape(x.shape, shape))


from minikeras.core.operators import OPS  # noqa: E402

OPS["reshape"] = _reshape.op
_reshape.op.name = "reshape"


@public("ops.reshape", "ops.numpy.reshape")
def reshape(x, newshape):
    """The elements, in row-major order, in another shape; one dimension may be -1.

    >>> reshape([[1, 2, 3], [4, 5, 6]], (3, -1)).shape
    (3, 2)
    """
    if isinstance(newshape, int):
        newshape = (newshape,)
    return _reshape(x, tuple(newshape))


@publish
@op(vjp=lambda xp, g, _y, _x, axes: xp.transpose(
    g, axes=inverse_permutation(permutation(axes, len(_x.shape)))))
def transpose(xp, x, axes=None):
    """The axes in another order; reversed by default."""
    return xp.transpose(x, axes=permutation(axes, len(x.shape)))


@publish
@op(vjp=lambda xp, g, _y, _x, shape: g)  # the engine sums over the broadcast axes
def broadcast_to(xp, x, shape):
    """x repeated along axes of length 1, or new leading axes, to `shape`."""
    shape = tuple(shape)
    if None in shape:  # unknown when the graph was made: as x has it now
        extra = len(shape) - len(x.shape)
        shape = tuple(x.shape[i - extra] if d is None and i >= extra else d
                      for i, d in enumerate(shape))
    last = shape[len(shape) - len(x.shape):]
    if len(shape) < len(x.shape) or builtins.any(
        m not in (1, None, n) and n is not None for m, n in zip(x.shape, last)
    ):
        raise ValueError(
            f"shape {tuple(x.shape)} does not broadcast to {shape}: from the last axis on, each "
            "length must be 1 or stay."
        )
    return xp.broadcast_to(x, shape=shape)


@public("ops.expand_dims", "ops.numpy.expand_dims")
def expand_dims(x, axis):
    """x with new axes of length 1 at `axis` (int or tuple) of the result."""
    x = _tensor(x)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = len(x.shape) + len(axes)
    axes = canonical_axes(tuple(axes), ndim)
    old = iter(x.shape)
    return _insert(x, tuple(1 if i in axes else next(old) for i in range(ndim)), axes)


@op(vjp=lambda xp, g, _y, _x, shape, axes: xp.reshape(g, shape=tuple(_x.shape)))
def _insert(xp, x, shape, axes):
    old = iter(x.shape)
    return xp.reshape(x, shape=tuple(1 if i in axes else next(old) for i in range(len(shape))))


@publish
@op(vjp=lambda xp, g, _y, _x, axis: xp.reshape(g, shape=tuple(_x.shape)))
def squeeze(xp, x, axis=None):
    """x without its axes of length 1, or without those named; they must have length 1."""
    if axis is None:
        axes = tuple(i for i, d in enumerate(x.shape) if d == 1)
    else:
        axes = canonical_axes(axis, len(x.shape))
        for a in axes:
            if x.shape[a] not in (1, None):
                raise ValueError(f"axis {a} has length {x.shape[a]}, only 1 can be squeezed.")
    return xp.reshape(x, shape=tuple(d for i, d in enumerate(x.shape) if i not in axes))


@public("ops.ravel", "ops.numpy.ravel")
def ravel(x):
    """All elements in one axis."""
    return _reshape(x, (-1,))


@public("ops.moveaxis", "ops.numpy.moveaxis")
def moveaxis(x, source, destination):
    """x with its `source` axes moved to `destination`; the others keep their order."""
    x = _tensor(x)
    ndim = len(x.shape)
    source = (source,) if isinstance(source, int) else source
    destination = (destination,) if isinstance(destination, int) else destination
    source = [canonical_axis(a, ndim) for a in source]
    destination = [canonical_axis(a, ndim) for a in destination]
    order = [a for a in range(ndim) if a not in source]
    for to, start in sorted(zip(destination, source)):
        order.insert(to, start)
    return transpose(x, tuple(order))


@public("ops.swapaxes", "ops.numpy.swapaxes")
def swapaxes(x, axis1, axis2):
    """x with two axes exchanged."""
    x = _tensor(x)
    order = list(range(len(x.shape)))
    a, b = canonical_axis(axis1, len(order)), canonical_axis(axis2, len(order))
    order[a], order[b] = order[b], order[a]
    return transpose(x, tuple(order))


@publish
@op(vjp=lambda xp, g, _y, _x, axis: xp.flip(g, axis=canonical_axes(axis, len(_x.shape))))
def flip(xp, x, axis=None):
    """The elements in reverse order along `axis`, all axes by default."""
    return xp.flip(x, axis=canonical_axes(axis, len(x.shape)))


# ---------------------------------------------------------------- join and split
def _part_of(xp, g, _y, _xs, i, axis=0):
    axis = canonical_axis(axis, len(_xs[0].shape))
    start = builtins.sum(x.shape[axis] for x in _xs[:i])
    key = (slice(None),) * axis + (slice(start, start + _xs[i].shape[axis]),)
    return xp.slice_view(g, key=key)


def _joined_spec(xs, axis=0):
    axis = canonical_axis(axis, len(xs[0].shape))
    for x in xs[1:]:
        same = len(x.shape) == len(xs[0].shape) and builtins.all(
            i == axis or None in (a, b) or a == b
            for i, (a, b) in enumerate(zip(x.shape, xs[0].shape))
        )
        if not same:
            raise ValueError(
                f"shapes must agree but along axis {axis}, where they are joined: "
                f"{', '.join(str(tuple(x.shape)) for x in xs)}."
            )
    return KERNELS["concatenate"].rule(*xs, axis=axis)


@publish
@op(vjp=_part_of, variadic=True, dtype=dtypes.alike, spec=_joined_spec)
def concatenate(xp, xs, axis=0):
    """The tensors joined along an axis; the other axes must agree.

    >>> import minikeras as keras
    >>> keras.ops.concatenate([[1, 2], [3]]).numpy().tolist()
    [1, 2, 3]
    """
    axis = canonical_axis(axis, len(xs[0].shape))
    if len({len(x.shape) for x in xs}) > 1:
        _joined_spec(xs, axis)  # raises
    return xp.concatenate(*xs, axis=axis)


@public("ops.stack", "ops.numpy.stack")
def stack(x, axis=0):
    """The tensors along a new axis."""
    xs = [_tensor(t) for t in x]
    ndim = len(xs[0].shape) + 1
    axis = canonical_axis(axis, ndim)
    for t in xs[1:]:
        if len(t.shape) != ndim - 1 or builtins.any(
            a != b and None not in (a, b) for a, b in zip(t.shape, xs[0].shape)
        ):
            raise ValueError(
                "ops.stack: all tensors must have one shape. Received: "
                f"{', '.join(str(tuple(t.shape)) for t in xs)}"
            )
    return concatenate([expand_dims(t, axis) for t in xs], axis)


OPS["stack"] = stack


def slice_axis(x, axis, start, stop):
    """x[start:stop] along one axis."""
    key = (slice(None),) * axis + (slice(start, stop),)
    return OPS["slice_view"](x, key=key)


@public("ops.split", "ops.numpy.split")
def split(x, indices_or_sections, axis=0):
    """List of parts along an axis: equal sections, or cut before the given indices."""
    x = _tensor(x)
    axis = canonical_axis(axis, len(x.shape))
    size = x.shape[axis]
    if isinstance(indices_or_sections, int):
        sections = indices_or_sections
        if size is None:
            raise ValueError("ops.split: the axis to split must have a known length.")
        if sections <= 0 or size % sections:
            raise ValueError(
                f"ops.split: axis {axis} of length {size} cannot be split into {sections} equal "
                f"parts. Received: shape {tuple(x.shape)}"
            )
        cuts = [size // sections * i for i in range(1, sections)]
    else:
        cuts = [int(i) for i in indices_or_sections]
    bounds = [0, *cuts, size]
    return [slice_axis(x, axis, a, b) for a, b in zip(bounds, bounds[1:])]


@public("ops.unstack", "ops.numpy.unstack")
def unstack(x, num=None, axis=0):
    """List of the slices along an axis, without that axis."""
    x = _tensor(x)
    axis = canonical_axis(axis, len(x.shape))
    num = x.shape[axis] if num is None else num
    if num is None:
        raise ValueError("ops.unstack: give `num`, the length of the axis is not known.")
    return [OPS["slice_view"](x, key=(slice(None),) * axis + (i,)) for i in range(num)]


# ---------------------------------------------------------------- pad, tile, repeat
def _unpad(xp, g, _y, _x, pad_width, value=0):
    key = tuple(slice(low, low + n) for (low, _), n in zip(pad_width, _x.shape))
    return xp.slice_view(g, key=key)


@op(vjp=_unpad)
def pad_constant(xp, x, pad_width, value=0):
    """x with borders of a constant."""
    return xp.pad_constant(x, pad_width=pad_width, value=value)


def _pad_pairs(pad_width, ndim):
    if isinstance(pad_width, int):
        return ((pad_width, pad_width),) * ndim
    pad_width = tuple(pad_width)
    if pad_width and isinstance(pad_width[0], int):
        pair = pad_width * 2 if len(pad_width) == 1 else pad_width
        return (tuple(pair),) * ndim
    pairs = tuple((int(p[0]), int(p[-1])) for p in pad_width)
    if len(pairs) == 1:
        pairs *= ndim
    if len(pairs) != ndim:
        raise ValueError(
            f"ops.pad: `pad_width` needs a pair for each of the {ndim} axes. "
            f"Received: pad_width={pad_width}"
        )
    return pairs


@public("ops.pad", "ops.numpy.pad")
def pad(x, pad_width, mode="constant", constant_values=None):
    """x with borders; `pad_width` is an int, (before, after), or such a pair for each axis.

    `mode`: "constant" (`constant_values`, 0 by default), "reflect", "symmetric" or "edge".
    """
    x = _tensor(x)
    pairs = _pad_pairs(pad_width, len(x.shape))
    if mode == "constant":
        return pad_constant(x, pairs, value=0 if constant_values is None else constant_values)
    if constant_values is not None:
        raise ValueError(
            "ops.pad: `constant_values` goes with mode='constant' only. "
            f"Received: mode={mode}"
        )
    if mode not in ("reflect", "symmetric", "edge", "wrap"):
        raise ValueError(f"ops.pad: unknown mode {mode!r}.")
    for axis, (low, high) in enumerate(pairs):
        if low or high:
            index = _border_index(x.shape[axis], low, high, mode)
            x = OPS["take"](x, index, axis=axis)
    return x


def _border_index(n, low, high, mode):
    positions = range(-low, n + high)
    if mode == "edge":
        return [builtins.min(builtins.max(i, 0), n - 1) for i in positions]
    if mode == "wrap":
        return [i % n for i in positions]
    if mode == "symmetric":
        return [(i % (2 * n)) if i % (2 * n) < n else 2 * n - 1 - i % (2 * n) for i in positions]
    period = builtins.max(2 * (n - 1), 1)
    return [builtins.min(i % period, period - i % period) if n > 1 else 0 for i in positions]


@public("ops.tile", "ops.numpy.tile")
def tile(x, repeats):
    """x laid side by side `repeats` times along each axis."""
    x = _tensor(x)
    repeats = (repeats,) if isinstance(repeats, int) else tuple(int(r) for r in repeats)
    ndim = builtins.max(len(x.shape), len(repeats))
    repeats = (1,) * (ndim - len(repeats)) + repeats
    shape = (1,) * (ndim - len(x.shape)) + tuple(x.shape)
    paired = tuple(d for n in shape for d in (1, n))
    wide = tuple(d for r, n in zip(repeats, shape) for d in (r, n))
    final = tuple(None if n is None else r * n for r, n in zip(repeats, shape))
    return _tile(x, paired, wide, final)


@op(tensors=1)
def _tile(xp, x, paired, wide, final):
    known = iter(x.shape)
    lead = len(paired) // 2 - len(x.shape)
    dims = [1] * lead + list(known)
    paired = tuple(d for n in dims for d in (1, n))
    wide = tuple(d for r, n in zip(wide[::2], dims) for d in (r, n))
    final = tuple(None if n is None else r * n for r, n in zip(wide[::2], dims))
    y = xp.broadcast_to(xp.reshape(x, shape=paired), shape=wide)
    return xp.reshape(y, shape=final)


@public("ops.repeat", "ops.numpy.repeat")
def repeat(x, repeats, axis=None):
    """Each element along an axis (of the flattened x by default) `repeats` times in a row."""
    x = _tensor(x)
    if axis is None:
        x, axis = ravel(x), 0
    axis = canonical_axis(axis, len(x.shape))
    if not isinstance(repeats, int):
        counts = [int(r) for r in repeats]
        if len(counts) == 1:
            repeats = counts[0]
        else:
            index = [i for i, r in enumerate(counts) for _ in range(r)]
            return OPS["take"](x, index, axis=axis)
    shape = tuple(x.shape)
    y = expand_dims(x, axis + 1)
    y = broadcast_to(y, (*shape[: axis + 1], repeats, *shape[axis + 1 :]))
    if None in shape[axis + 1 :] or shape[axis] is None:
        return _merge(y, axis)
    return _reshape(y, (*(-1 if d is None else d for d in shape[:axis]),
                        shape[axis] * repeats, *shape[axis + 1 :]))


@op(tensors=1)
def _merge(xp, x, axis):
    a, b = x.shape[axis], x.shape[axis + 1]
    merged = None if a is None else a * b
    return xp.reshape(x, shape=(*x.shape[:axis], merged, *x.shape[axis + 2 :]))


@public("ops.size", "ops.numpy.size")
def size(x):
    """Number of elements; None if it is not known yet."""
    shape = _tensor(x).shape
    return None if None in shape else math.prod(shape)


@public("ops.ndim", "ops.numpy.ndim")
def ndim(x):
    """Number of axes."""
    return len(_tensor(x).shape)


def is_symbolic(x):
    """Whether x is a KerasTensor."""
    return isinstance(x, KerasTensor)
