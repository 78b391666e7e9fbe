"""Rolls and rotations, joins and cuts by NumPy's other names, diagonals, rearrange."""

import builtins
import re

from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.shape_rules import canonical_axis
from minikeras.dtypes import Spec, canonical, promote
from minikeras.kernels.registry import same_spec
from minikeras.ops.indexing import diagonal
from minikeras.ops.reduction import sum
from minikeras.ops.shaping import (
    _tensor,
    concatenate,
    expand_dims,
    flip,
    ravel,
    reshape,
    split,
    transpose,
)


# ---------------------------------------------------------------- turn
@op(tensors=1, spec=same_spec)
def _roll(xp, x, shift, axis):
    for s, a in zip(shift, axis):
        n = x.shape[a]
        s = s % n if n else 0
        if s:
            lead = (slice(None),) * a
            tail = xp.slice_view(x, key=(*lead, slice(n - s, None)))
            x = xp.concatenate(tail, xp.slice_view(x, key=(*lead, slice(0, n - s))), axis=a)
    return x


@public("ops.roll", "ops.numpy.roll")
def roll(x, shift, axis=None):
    """Elements moved along an axis, those that fall off the end coming in at the start.

    `shift` and `axis` may be tuples; without an axis the flattened x is rolled.

    >>> roll([1, 2, 3], 1).numpy().tolist()
    [3, 1, 2]
    """
    x = _tensor(x)
    if axis is None:
        flat = _roll(ravel(x), shift=(builtins.int(shift),), axis=(0,))
        return OPS["reshape_like"](flat, x)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    if len(shifts) != len(axes):
        raise ValueError(
            f"ops.roll: `shift` and `axis` must have one length. Received: {shift} and {axis}")
    axes = tuple(canonical_axis(a, len(x.shape)) for a in axes)
    return _roll(x, shift=tuple(builtins.int(s) for s in shifts), axis=axes)


@op(vjp=(lambda xp, g, _y, _x, _like: xp.reshape(g, shape=tuple(_x.shape)), None),
    spec=lambda x, like: Spec(tuple(like.shape), x.dtype))
def reshape_like(xp, x, like):
    """x in the shape of another tensor."""
    return xp.reshape(x, shape=tuple(like.shape))


@public("ops.rot90", "ops.numpy.rot90")
def rot90(array, k=1, axes=(0, 1)):
    """x turned k times by 90 degrees in the plane of two axes, from the first to the second.

    >>> rot90([[1, 2], [3, 4]]).numpy().tolist()
    [[2, 4], [1, 3]]
    """
    x = _tensor(array)
    ndim = len(x.shape)
    if len(axes) != 2 or canonical_axis(axes[0], ndim) == canonical_axis(axes[1], ndim):
        raise ValueError(f"ops.rot90: `axes` must be two different axes. Received: axes={axes}")
    a, b = (canonical_axis(i, ndim) for i in axes)
    k = k % 4
    if k == 2:
        return flip(x, (a, b))
    if k == 0:
        return x
    order = list(range(ndim))
    order[a], order[b] = b, a
    return transpose(flip(x, b), order) if k == 1 else flip(transpose(x, order), b)


def _mirror(name, axis, doc):
    def function(x):
        x = _tensor(x)
        if len(x.shape) <= axis:
            raise ValueError(
                f"ops.{name}: `x` must have at least {axis + 1} axes. Received: shape "
                f"{tuple(x.shape)}"
            )
        return flip(x, axis)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return public(f"ops.{name}", f"ops.numpy.{name}")(function)


fliplr = _mirror("fliplr", 1, "The elements in reverse order along axis 1.")
flipud = _mirror("flipud", 0, "The elements in reverse order along axis 0.")


# ---------------------------------------------------------------- join
@public("ops.append", "ops.numpy.append")
def append(x1, x2, axis=None):
    """x1 and x2 joined along an axis, flattened first by default."""
    x1, x2 = _tensor(x1), _tensor(x2)
    target = promote(canonical(x1.dtype), canonical(x2.dtype))
    pair = [OPS["cast"](x, target) for x in (x1, x2)]
    if axis is None:
        return concatenate([ravel(x) for x in pair], 0)
    return concatenate(pair, axis)


def _with_axes(x, ndim):
    """NumPy's atleast_1d, 2d and 3d: a row from a vector, a matrix gets a last axis."""
    x = _tensor(x)
    if not x.shape:
        return reshape(x, (1,) * ndim)
    if len(x.shape) == 1 and ndim > 1:
        x = expand_dims(x, 0)
    if len(x.shape) == 2 and ndim == 3:
        x = expand_dims(x, 2)
    return x


@public("ops.hstack", "ops.numpy.hstack")
def hstack(xs):
    """The tensors joined along axis 1, vectors along axis 0."""
    xs = [_with_axes(x, 1) for x in xs]
    return concatenate(xs, 0 if len(xs[0].shape) == 1 else 1)


@public("ops.vstack", "ops.numpy.vstack")
def vstack(xs):
    """The tensors joined along axis 0; vectors count as rows."""
    return concatenate([_with_axes(x, 2) for x in xs], 0)


@public("ops.dstack", "ops.numpy.dstack")
def dstack(xs):
    """The tensors joined along axis 2; vectors count as rows, matrices as depth 1."""
    return concatenate([_with_axes(x, 3) for x in xs], 2)


# ---------------------------------------------------------------- cut
@public("ops.array_split", "ops.numpy.array_split")
def array_split(x, indices_or_sections, axis=0):
    """List of parts along an axis; of sections that do not fit the first are longer by one."""
    x = _tensor(x)
    if not isinstance(indices_or_sections, int):
        return split(x, indices_or_sections, axis)
    axis, sections = canonical_axis(axis, len(x.shape)), indices_or_sections
    if sections < 1 or x.shape[axis] is None:
        raise ValueError(
            "ops.array_split: needs at least one section, and an axis of known length. "
            f"Received: {sections} sections of axis {axis}, shape {tuple(x.shape)}"
        )
    size, longer = divmod(x.shape[axis], sections)
    cuts = [size * i + builtins.min(i, longer) for i in range(1, sections)]
    return split(x, cuts, axis)


def _cut(name, axis_of, least):
    def function(x, indices_or_sections):
        x = _tensor(x)
        if len(x.shape) < least:
            raise ValueError(
                f"ops.{name}: `x` must have at least {least} axes. Received: shape "
                f"{tuple(x.shape)}"
            )
        return split(x, indices_or_sections, axis_of(len(x.shape)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`split` along axis {axis_of(3)}" + (
        "; along axis 0 for a vector." if name == "hsplit" else ".")
    return public(f"ops.{name}", f"ops.numpy.{name}")(function)


hsplit = _cut("hsplit", lambda ndim: 0 if ndim == 1 else 1, 1)
vsplit = _cut("vsplit", lambda ndim: 0, 2)
dsplit = _cut("dsplit", lambda ndim: 2, 3)


# ---------------------------------------------------------------- diagonals
def _placed_spec(x, k):
    n = None if x.shape[0] is None else x.shape[0] + abs(k)
    return Spec((n, n), x.dtype)


@op(tensors=1, spec=_placed_spec)
def _place_on_diagonal(xp, x, k):
    n = x.shape[0] + abs(k)
    start = k if k >= 0 else -k * n
    stop = start + (x.shape[0] - 1) * (n + 1) + 1 if x.shape[0] else start
    flat = xp.slice_gradient(x, key=(slice(start, stop, n + 1),), shape=(n * n,))
    return xp.reshape(flat, shape=(n, n))


@public("ops.diag", "ops.numpy.diag")
def diag(x, k=0):
    """The k-th diagonal of a matrix, or the matrix with a vector on its k-th diagonal.

    >>> diag([1, 2]).numpy().tolist()
    [[1, 0], [0, 2]]
    """
    x = _tensor(x)
    if len(x.shape) == 1:
        return _place_on_diagonal(x, k=k)
    if len(x.shape) == 2:
        return diagonal(x, k)
    raise ValueError(
        f"ops.diag: `x` must be a vector or a matrix. Received: shape {tuple(x.shape)}")


@public("ops.diagflat", "ops.numpy.diagflat")
def diagflat(x, k=0):
    """The matrix with all elements of x on its k-th diagonal."""
    return _place_on_diagonal(ravel(x), k=k)


@public("ops.trace", "ops.numpy.trace")
def trace(x, offset=0, axis1=0, axis2=1):
    """Sum of the diagonal of the matrices in two axes."""
    return sum(diagonal(_tensor(x), offset, axis1, axis2), axis=-1)


# ---------------------------------------------------------------- rearrange
def _side(text, pattern):
    """[[names] a group] of one side: "b (h w) 1" is [[b], [h, w], []]."""
    groups, group = [], None
    for token in re.findall(r"\.\.\.|[()]|\w+|\S", text):
        if token == "(" and group is None:
            group = []
        elif token == ")" and group is not None:
            groups.append(group)
            group = None
        elif re.fullmatch(r"\.\.\.|[A-Za-z_]\w*|1", token):
            names = [] if token == "1" else [token]
            if group is None:
                groups.append(names)
            else:
                group += names
        else:
            raise ValueError(f"ops.rearrange: {token!r} has no meaning in pattern {pattern!r}.")
    if group is not None:
        raise ValueError(f"ops.rearrange: a parenthesis is not closed in pattern {pattern!r}.")
    return groups


def _groups(pattern, ndim):
    """Both sides of a pattern, the ellipsis written out as names of its own."""
    if pattern.count("->") != 1:
        raise ValueError(f"ops.rearrange: the pattern needs one '->'. Received: {pattern!r}")
    left, right = (_side(side, pattern) for side in pattern.split("->"))
    extra = [f"... {i}" for i in range(ndim - len(left) + 1)]

    def written_out(groups):
        result = []
        for group in groups:
            if group == ["..."]:
                result += [[name] for name in extra]
            else:
                result.append([n for g in group for n in (extra if g == "..." else [g])])
        return result

    left, right = written_out(left), written_out(right)
    names = [sorted(n for group in side for n in group) for side in (left, right)]
    if len(left) != ndim or names[0] != names[1] or len(set(names[0])) != len(names[0]):
        raise ValueError(
            f"ops.rearrange: pattern {pattern!r} does not fit a tensor of {ndim} axes: each axis "
            "needs a group on the left, and both sides the same names, each once."
        )
    return left, right


def _lengths(groups, shape, given, pattern):
    """{name: length}, with one name a group worked out from the axis."""
    found = dict(given)
    for group, n in zip(groups, shape):
        free = [name for name in group if name not in found]
        known = 1
        for name in group:
            known *= found.get(name, 1) or 1
        if len(free) > 1:
            raise ValueError(
                f"ops.rearrange: give the lengths of all but one of {group} in {pattern!r}.")
        if free:
            found[free[0]] = None if n is None else n // known
            known *= found[free[0]] if n is not None else 1
        if n is not None and known != n:
            raise ValueError(
                f"ops.rearrange: an axis of length {n} is no group {group} of {pattern!r} with "
                f"{given}."
            )
    return found


@op(tensors=1)
def _rearrange(xp, x, pattern, lengths):
    left, right = _groups(pattern, len(x.shape))
    sizes = _lengths(left, x.shape, lengths, pattern)
    order = [name for group in left for name in group]
    y = xp.reshape(x, shape=tuple(sizes[name] for name in order))
    wanted = [name for group in right for name in group]
    y = xp.transpose(y, axes=tuple(order.index(name) for name in wanted))
    shape = []
    for group in right:
        n = 1
        for name in group:
            n = None if n is None or sizes[name] is None else n * sizes[name]
        shape.append(n)
    return xp.reshape(y, shape=tuple(shape))


@public("ops.rearrange")
def rearrange(tensor, pattern, **axes_lengths):
    """Axes named, reordered, split and merged by a pattern such as "b (h w) c -> b c h w".

    Args:
        tensor: tensor.
        pattern: names of the axes before and after; a group in parentheses is one axis, `1` an
            axis of length 1, `...` any further axes.
        axes_lengths: lengths of names in a group that is split, all but one.

    Reference: A. Rogozhnikov 2022, Einops: clear and reliable tensor manipulations.

    >>> rearrange([[1, 2, 3, 4]], "a (b c) -> b a c", b=2).numpy().tolist()
    [[[1, 2]], [[3, 4]]]
    """
    return _rearrange(_tensor(tensor), pattern=pattern, lengths=dict(axes_lengths))


# ---------------------------------------------------------------- several hot
@public("ops.multi_hot", "ops.nn.multi_hot")
def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs):
    """1 at each class that occurs in a sample, 0 elsewhere.

    Args:
        inputs: integer classes, `(n,)` for one sample or `(batch, n, ...)`.
        num_classes: their number; others are left out.
        axis: where the axis of classes goes.
        dtype: dtype of the result, floatx by default.
        sparse: True is not supported.

    >>> multi_hot([[0, 2], [1, 1]], 3).numpy().tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    num_classes = kwargs.pop("num_tokens", num_classes)
    if kwargs:
        raise TypeError(f"ops.multi_hot: unknown arguments {sorted(kwargs)}.")
    if num_classes is None:
        raise ValueError("ops.multi_hot: give `num_classes`.")
    inputs = _tensor(inputs)
    hot = OPS["one_hot"](inputs, num_classes, axis=axis, dtype=dtype, sparse=sparse)
    return OPS["max"](hot, axis=1 if len(inputs.shape) > 1 else 0)

