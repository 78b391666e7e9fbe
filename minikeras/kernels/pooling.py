"""Max and average pooling over 1 to 3 axes, channels last, and their gradients.

Windows are boxes, so the maximum or the sum is taken axis by axis, as whole-array operations on
strided slices: 2 k of them for a k x k window instead of k * k. Padding takes no part: it never
wins a maximum and does not count in a mean.
"""

import itertools

from minikeras import dtypes
from minikeras.dtypes import Spec
from minikeras.kernels.registry import kernel
from minikeras.kernels.window import in_float32, taps

CHUNK = 1 << 19  # bytes of a temporary that stays in the cache


def _pooled_spec(x, window):
    return Spec((x.shape[0], *window.outputs, x.shape[-1]), x.dtype)


def _gradient_spec(g, y, x, window):
    return Spec(tuple(x.shape), g.dtype)


def _picked_spec(h, y, x, window):
    return Spec(tuple(y.shape), h.dtype)


def _spread_spec(g, window):
    return Spec((g.shape[0], *window.inputs, g.shape[-1]), g.dtype)


# ---------------------------------------------------------------- one axis at a time
def _along(window, axis):
    """The window along one spatial axis."""
    return type(window)(*((field[axis],) for field in window))


def _lines(window, axis):
    """(output key, input key) of each tap along one spatial axis; keys index whole arrays."""
    lead = (slice(None),) * (axis + 1)
    return [((*lead, of[1]), (*lead, to[1])) for _, of, to in taps(_along(window, axis))]


def _axes(window):
    """Spatial axes along which pooling does something; at least one."""
    active = [
        i for i, (n, o, k) in enumerate(zip(window.inputs, window.outputs, window.size))
        if k > 1 or n != o
    ]
    return active or [0]


def _box(k, out, x, window, combine):
    """`combine` (maximum, add) over each window, axis by axis."""
    axes, source = _axes(window), x
    for axis in axes:
        shape = list(source.shape)
        shape[axis + 1] = window.outputs[axis]
        target = out if axis == axes[-1] else k.scratch(tuple(shape), out.dtype)
        _line_box(k, target, source, window, axis, combine)
        source = target


def _line_box(k, out, x, window, axis, combine):
    """`combine` over each window along one axis."""
    lines = _lines(window, axis)
    # Start from a tap that every window has; "same" pads by less than a window, so one is.
    whole = [i for i, (of, _) in enumerate(lines) if _whole(of, window, axis)][:2]
    starts = [x[lines[i][1]] for i in whole]
    if len(starts) == 1:
        k(k.xp.copyto, out, *starts)
    else:
        k(combine, *starts, out=out)
    for i, (of, to) in enumerate(lines):
        if i not in whole:
            k(combine, out[of], x[to], out=out[of])


def _whole(of, window, axis):
    return of[-1].stop - of[-1].start == window.outputs[axis]


# ---------------------------------------------------------------- maximum
@in_float32
@kernel("sample", _pooled_spec, roles="b>b")
def pool_max(k, out, x, window):
    """The largest value of each window; NaN wins."""
    _box(k, out, x, window, k.xp.maximum)


def _pieces(batch, size):
    """(start, stop) of runs of samples of `size` bytes each whose total stays within CHUNK."""
    step = max(1, CHUNK // max(size, 1))
    return [(start, min(start + step, batch)) for start in range(0, batch, step)]



def _disjoint(window):
    """Whether no element is in two windows and no window in the padding."""
    return not window.padded and all(s >= n for s, n in zip(window.strides, window.size))


def _covered(window):
    """Whether each element is in just one window."""
    return _disjoint(window) and all(
        n == o * size for n, o, size in zip(window.inputs, window.outputs, window.size)
    )


@in_float32
@kernel("sample", _gradient_spec, roles="bbb>b")
def pool_max_gradient(k, out, g, y, x, window):
    """g goes to the first element (in row-major order) that equals its window's maximum.

    What is left of g goes on from tap to tap, so that of several equal elements one has it all.
    """
    if not _covered(window):
        k(out.fill, 0)
    first_winner = _disjoint_winner if _disjoint(window) else _overlapping_winner
    pieces = _pieces(g.shape[0], g[:1].size * g.itemsize)
    shape = (pieces[0][1] if pieces else 0, *g.shape[1:])
    memory = k.scratch(shape, g.dtype), k.scratch(shape, g.dtype), k.scratch(shape, dtypes.BOOL)
    for start, stop in pieces:
        scratch = [a[: stop - start] for a in memory]
        arrays = [a[start:stop] for a in (out, g, y, x)]
        first_winner(k, *arrays, *scratch, taps(window))


def _disjoint_winner(k, out, g, y, x, rest, _, mask, lines):
    """Each element in at most one window: the shares are written where they belong."""
    xp, (_, _, last) = k.xp, lines[-1]
    if len(lines) == 1:
        k(xp.copyto, out[last], g)
    for i, (_, _, to) in enumerate(lines[:-1]):
        left = rest if i else g
        k(xp.equal, x[to], y, out=mask)
        k(xp.multiply, left, mask, out=out[to])
        # The last element of a window gets what is left after the one before it.
        k(xp.subtract, left, out[to], out=rest if i < len(lines) - 2 else out[last])


def _overlapping_winner(k, out, g, y, x, rest, share, mask, lines):
    """Elements in several windows, or padding in some: the shares are added."""
    xp = k.xp
    k(xp.copyto, rest, g)
    for _, of, to in lines:
        k(xp.equal, x[to], y[of], out=mask[of])
        k(xp.multiply, rest[of], mask[of], out=share[of])
        k(xp.subtract, rest[of], share[of], out=rest[of])
        k(xp.add, out[to], share[of], out=out[to])


@kernel("sample", _picked_spec, roles="bbb>b")
def pool_max_pick(k, out, h, y, x, window):
    """h where pool_max_gradient puts each window's gradient: its adjoint."""
    left, equal = k.scratch(out.shape, dtypes.BOOL), k.scratch(out.shape, dtypes.BOOL)
    part = k.scratch(out.shape, out.dtype)
    k(left.fill, True)
    k(out.fill, 0)
    for _, of, to in taps(window):
        k(k.xp.equal, x[to], y[of], out=equal[of])
        k(k.xp.logical_and, equal[of], left[of], out=equal[of])
        k(k.xp.logical_xor, left[of], equal[of], out=left[of])
        k(k.xp.multiply, h[to], equal[of], out=part[of])
        k(k.xp.add, out[of], part[of], out=out[of])


# ---------------------------------------------------------------- mean
def _divide(k, out, a, window):
    """a divided by the number of elements in each window."""
    if not window.padded:
        k(k.xp.divide, a, float(window.taps), out=out)
        return
    k(k.xp.copyto, out, a)
    for axis in _axes(window):
        counts = [0] * window.outputs[axis]
        for of, _ in _lines(window, axis):
            for o in range(of[-1].start, of[-1].stop):
                counts[o] += 1
        lead, start = (slice(None),) * (axis + 1), 0
        for count, run in itertools.groupby(counts):
            stop = start + len(list(run))
            part = out[(*lead, slice(start, stop))]
            k(k.xp.divide, part, float(count), out=part)
            start = stop


@in_float32
@kernel("sample", _pooled_spec, roles="b>b")
def pool_mean(k, out, x, window):
    """The mean of each window's elements, without padding."""
    _box(k, out, x, window, k.xp.add)
    _divide(k, out, out, window)


@in_float32
@kernel("sample", _spread_spec, roles="b>b")
def pool_mean_gradient(k, out, g, window):
    """g shared out evenly over each window, axis by axis: pool_mean's adjoint."""
    source = k.scratch(g.shape, g.dtype)
    _divide(k, source, g, window)
    axes = _axes(window)
    for axis in reversed(axes):
        shape = list(source.shape)
        shape[axis + 1] = window.inputs[axis]
        target = out if axis == axes[0] else k.scratch(tuple(shape), out.dtype)
        alone = _disjoint(_along(window, axis))
        if not _covered(_along(window, axis)):
            k(target.fill, 0)
        for of, to in _lines(window, axis):
            if alone:
                k(k.xp.copyto, target[to], source)
            else:
                k(k.xp.add, target[to], source[of], out=target[to])
        source = target
