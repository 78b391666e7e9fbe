"""Axes and shapes, with None for unknown dimensions: rules that families share."""

import math


def canonical_axis(axis, ndim, what="axis"):
    """A non-negative axis; ValueError if it is out of range."""
    if not isinstance(axis, int):
        axis = axis.__index__()
    if not -ndim <= axis < ndim:
        raise ValueError(
            f"{what} {axis} is out of bounds for a tensor of {ndim} dimension(s): it must be "
            f"from {-ndim} to {ndim - 1}."
        )
    return axis % ndim


def canonical_axes(axis, ndim):
    """Sorted tuple of non-negative axes; None means all of them."""
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, (tuple, list)):
        axes = tuple(sorted(canonical_axis(a, ndim) for a in axis))
        if len(set(axes)) != len(axes):
            raise ValueError(f"axis {tuple(axis)} names an axis twice.")
        return axes
    return (canonical_axis(axis, ndim),)


def kept_shape(shape, axes):
    """The shape with 1 at the axes: what a reduction's result broadcasts back from."""
    return tuple(1 if i in axes else d for i, d in enumerate(shape))


def count(shape, axes):
    """Number of elements over the axes; 1 while a dimension is unknown (values don't matter)."""
    sizes = [shape[a] for a in axes]
    return 1 if None in sizes else math.prod(sizes)


def share(shape, axes):
    """1 / number of elements over the axes: the weight of each in a mean; NaN for none."""
    n = count(shape, axes)
    return 1.0 / n if n else math.nan


def resolve_reshape(shape, target):
    """The target shape with -1 (and None) worked out, None where it cannot be known yet."""
    target = tuple(-1 if d is None else int(d) for d in target)
    if sum(d == -1 for d in target) > 1:
        raise ValueError(f"Only one dimension of the new shape can be -1, not {target}.")
    if any(d < -1 for d in target):
        raise ValueError(f"Dimensions must be -1 or not negative, not {target}.")
    known = math.prod(d for d in target if d != -1)
    if None in shape:
        return tuple(None if d == -1 else d for d in target)
    size = math.prod(shape)
    if -1 in target:
        if (known and size % known) or (not known and size):
            raise ValueError(f"shape {tuple(shape)} ({size} elements) does not fit {target}.")
        rest = size // known if known else 0
        return tuple(rest if d == -1 else d for d in target)
    if known != size:
        raise ValueError(
            f"shape {tuple(shape)} has {size} elements, the new shape {target} has {known}."
        )
    return target


def permutation(axes, ndim):
    """A permutation of range(ndim) from `axes`; None reverses."""
    if axes is None:
        return tuple(range(ndim))[::-1]
    axes = tuple(canonical_axis(a, ndim) for a in axes)
    if sorted(axes) != list(range(ndim)):
        raise ValueError(f"axes {axes} are not a permutation of the {ndim} axes.")
    return axes


def inverse_permutation(axes):
    """The permutation that undoes `axes`."""
    inverse = [0] * len(axes)
    for i, a in enumerate(axes):
        inverse[a] = i
    return tuple(inverse)
