"""Sliding windows over 1 to 3 axes: sizes, padding, and where each tap of a window falls.

With input size n, window size k, stride s and dilation d, output o's tap i reads input
`o s + i d - front`. "valid" takes whole windows only; "same" gives ceil(n / s) outputs with
max((ceil(n / s) - 1) s + (k - 1) d + 1 - n, 0) zeros around, the smaller half in front
(TensorFlow's rule); "causal" puts all of (k - 1) d in front, so no output sees what comes later.
"""

import functools
import itertools
import operator
from typing import NamedTuple

from minikeras import dtypes
from minikeras.arrays import convert


class Window(NamedTuple):
    """Windows over the spatial axes; sizes that are not known are None."""

    inputs: tuple
    size: tuple
    strides: tuple
    dilation: tuple
    pads: tuple  # (front, back) an axis; unknown sizes: (0, 0)
    outputs: tuple

    @property
    def padded(self):
        """Whether any window reads padding."""
        return any(front or back for front, back in self.pads)

    @property
    def span(self):
        """Padded input positions from the first tap to the last, an axis each."""
        return tuple(
            (o - 1) * s + (k - 1) * d + 1 if o else 0
            for o, k, s, d in zip(self.outputs, self.size, self.strides, self.dilation)
        )

    @property
    def taps(self):
        """Elements in a window."""
        return functools.reduce(operator.mul, self.size, 1)

    @property
    def places(self):
        """Windows in a sample."""
        return functools.reduce(operator.mul, self.outputs, 1)


def integers(value, ndim, name, least=1):
    """An integer or `ndim` of them as a tuple; a ValueError names the argument."""
    items = tuple(value) if isinstance(value, (tuple, list)) else (value,) * ndim
    try:
        items = tuple(operator.index(v) for v in items)
    except TypeError:
        items = ()
    if len(items) != ndim or any(v < least for v in items):
        kind = "positive" if least else "non-negative"
        raise ValueError(
            f"`{name}` must be a {kind} integer or a tuple of {ndim} of them "
            f"(one a spatial axis), not {value!r}."
        )
    return items


def padding_name(padding, allowed=("valid", "same")):
    """`padding` in lower case; ValueError if it is none of the allowed names."""
    text = padding.lower() if isinstance(padding, str) else padding
    if text not in allowed:
        raise ValueError(f"`padding` must be one of {allowed}, not {padding!r}.")
    return text


@functools.lru_cache(4096)
def window(inputs, size, strides, dilation, padding):
    """The Window for arguments in tuples; ValueError where no whole window fits."""
    pads, outputs = [], []
    for n, k, s, d in zip(inputs, size, strides, dilation):
        reach = (k - 1) * d + 1
        total = 0
        if padding == "causal":
            total = reach - 1
        elif padding == "same" and n is not None:
            total = max((-(-n // s) - 1) * s + reach - n, 0)
        front = total if padding == "causal" else total // 2
        pads.append((front, total - front))
        if n is None:
            outputs.append(None)
            continue
        if n + total < reach or not n:
            raise ValueError(
                f"the window does not fit: it covers {_extent(size, dilation)} positions, the "
                f"input has {inputs} with padding={padding!r}. Make the window smaller, the "
                "input larger, or use padding='same'."
            )
        outputs.append((n + total - reach) // s + 1)
    return Window(inputs, size, strides, dilation, tuple(pads), tuple(outputs))


def _extent(size, dilation):
    return tuple((k - 1) * d + 1 for k, d in zip(size, dilation))


@functools.lru_cache(1024)
def transposed(outputs, size, strides, dilation, padding, extra):
    """The Window of which a transposed convolution is the gradient: n outputs, larger inputs.

    Inputs: "valid" (n - 1) s + max(k, s), "same" n s; with `extra` (output_padding) given,
    (n - 1) s + k + extra, less 2 (k // 2) for "same". k counts dilation.
    """
    inputs, pads = [], []
    for i, (n, s, k) in enumerate(zip(outputs, strides, _extent(size, dilation))):
        if n is None:
            inputs.append(None)
            pads.append((0, 0))
            continue
        full = (n - 1) * s + k
        if extra is None:
            m = n * s if padding == "same" else (n - 1) * s + max(k, s)
        else:
            m = full + extra[i] - (2 * (k // 2) if padding == "same" else 0)
        if m <= 0:
            raise ValueError(
                f"the output would have {m} positions along spatial axis {i}, where the input "
                f"has {n}."
            )
        total = max(full - m, 0) if padding == "same" else 0
        inputs.append(m)
        pads.append((total // 2, total - total // 2))
    return Window(tuple(inputs), size, strides, dilation, tuple(pads), outputs)


@functools.lru_cache(4096)
def taps(window):
    """For each tap in row-major order: (position in the window, output key, input key).

    The keys index (batch, *spatial) and match each other; they leave out what reads padding.
    """
    axes = [
        [_line(*axis, tap) for tap in range(axis[1])]
        for axis in zip(*window._replace(pads=[front for front, _ in window.pads]))
    ]
    found = []
    for position in itertools.product(*(range(k) for k in window.size)):
        lines = [axis[i] for axis, i in zip(axes, position)]
        whole = (slice(None),)
        keys = [whole + tuple(line[side] for line in lines) for side in (0, 1)]
        if all(line[0].stop > line[0].start for line in lines):
            found.append((position, *keys))
    return tuple(found)


def _line(n, k, stride, dilation, front, outputs, tap):
    """(output slice, input slice) of one tap along one axis, without what falls outside."""
    shift = tap * dilation - front
    first = max(0, -(shift // stride))  # smallest o with o stride + shift >= 0
    last = min(outputs - 1, (n - 1 - shift) // stride)
    count = max(last - first + 1, 0)
    start = first * stride + shift
    return slice(first, first + count), slice(start, start + (count - 1) * stride + 1, stride)


def patches(xp, x, window):
    """View (batch, *outputs, *size, channels) of x, which covers the windows' span."""
    batch, *along, channel = x.strides
    shape = (x.shape[0], *window.outputs, *window.size, x.shape[-1])
    steps = [n * s for n, s in zip(along, window.strides)]
    taps = [n * d for n, d in zip(along, window.dilation)]
    return xp.as_strided(x, shape, (batch, *steps, *taps, channel))


class Source:
    """Samples with the zeros that windows read around them, a few samples at a time."""

    def __init__(self, k, x, window, samples):
        self.k, self.x, self.window = k, x, window
        if window.padded:
            self.buffer = k.scratch((samples, *window.span, x.shape[-1]), x.dtype)
            k(self.buffer.fill, 0)
            inner, outer = [slice(None)], [slice(None)]
            for n, span, (front, _) in zip(window.inputs, window.span, window.pads):
                count = min(n, span - front)
                inner.append(slice(front, front + count))
                outer.append(slice(0, count))
            self.inner, self.outer = tuple(inner), tuple(outer)
            x = self.buffer
        self.view = patches(k.xp, x, window)

    def samples(self, start, stop):
        """x[start:stop] with its padding; valid until the next call."""
        if not self.window.padded:
            return self.x[start:stop]
        part = self.buffer[: stop - start]
        self.k(self.k.xp.copyto, part[self.inner], self.x[start:stop][self.outer])
        return part

    def windows(self, start, stop):
        """The patches of x[start:stop], see `patches`; valid until the next call."""
        if not self.window.padded:
            return self.view[start:stop]
        self.samples(start, stop)
        return self.view[: stop - start]


def packed(k, a):
    """`a`, or a copy in scratch memory if it is not contiguous."""
    if a.flags.c_contiguous:
        return a
    copy = k.scratch(a.shape, a.dtype)
    k(k.xp.copyto, copy, a)
    return copy


def in_float32(kernel):
    """Make a kernel work in float32 on the CPU where it is given half precision."""

    def half(*arrays, **_):
        return arrays[0].dtype in dtypes.HALVES

    @kernel.on("cpu", half)
    def run(k, out, *arrays, **static):
        wide = [k.scratch(a.shape, dtypes.FLOAT32) for a in (out, *arrays)]
        for w, a in zip(wide[1:], arrays):
            k(convert, w, a)
        kernel.run(k, *wide, **static)
        k(convert, out, wide[0])

    return kernel
