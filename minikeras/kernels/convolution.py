"""Convolution over 1 to 3 axes, channels last, as matrix products; with groups and depthwise.

Three kernels are the gradients of each other, so derivatives of any order stay among them:

conv_forward          y = x * w       y[b, o, f] = sum over taps i and channels c of
                                                   x[b, o s + i d - front, c] w[i, c, f]
conv_input_gradient   x-shaped, from y's gradient and w
conv_kernel_gradient  w-shaped, from x and y's gradient

x (batch, *inputs, channels), w (*size, channels / groups, filters), y (batch, *outputs, filters).
A block's columns, the windows as rows of a matrix, stay within CHUNK bytes so that the product
finds them in the cache. Reference: Chellapilla, Puri, Simard, 2006, High Performance
Convolutional Neural Networks for Document Processing.
"""

import functools
import itertools

from minikeras.dtypes import Spec
from minikeras.kernels.registry import kernel
from minikeras.kernels.window import Source, in_float32, packed, taps

CHUNK = 1 << 20  # bytes: a common L2 cache
GPU_CHUNK = 1 << 28  # a few large products
WIDE = 256  # channels that make a loop long enough
DEPTH = 4  # up to this many filters a channel, depthwise is multiply and add


# ---------------------------------------------------------------- rules
def _forward_spec(x, w, window, groups):
    return Spec((x.shape[0], *window.outputs, w.shape[-1]), x.dtype)


def _input_spec(g, w, window, groups):
    return Spec((g.shape[0], *window.inputs, w.shape[-2] * groups), g.dtype)


def _kernel_spec(x, g, window, groups):
    return Spec((*window.size, x.shape[-1] // groups, g.shape[-1]), x.dtype)


def _columns_spec(x, window):
    return Spec((x.shape[0], *window.outputs, window.taps * x.shape[-1]), x.dtype)


def _major_spec(x, window):
    return Spec((window.taps * x.shape[-1], x.shape[0], *window.outputs), x.dtype)


# ---------------------------------------------------------------- the three kernels
@kernel("sample", _forward_spec, roles="bs>b")
def conv_forward(k, out, x, w, window, groups, chunk=CHUNK):
    """Convolution (cross-correlation, as everywhere in deep learning)."""
    if _by_channel(w, groups):
        _depthwise(k, out, packed(k, x), packed(k, w), window, chunk)
        return
    if groups > 1:
        _by_group(k, conv_forward.run, out, x, w, window, groups, chunk)
        return
    channels, filters = w.shape[-2:]
    matrix = k.view(packed(k, w), (window.taps * channels, filters))
    for columns, place, rows in _blocks(k, x, window, chunk):
        k(k.xp.matmul, columns, matrix, out=k.view(out[place], (rows, filters)))


@kernel("sample", _input_spec, roles="bs>b")
def conv_input_gradient(k, out, g, w, window, groups, chunk=CHUNK):
    """Gradient with respect to conv_forward's x; also the transposed convolution of g."""
    if _by_channel(w, groups):
        _depthwise_input(k, out, packed(k, g), packed(k, w), window, chunk)
    elif groups > 1:
        _by_group(k, conv_input_gradient.run, out, g, w, window, groups, chunk)
    elif _correlates(window, *w.shape[-2:]):
        conv_forward.run(k, out, g, _turned(k, w, window), _reversed(window), 1, chunk)
    else:
        _scatter(k, out, packed(k, g), packed(k, w), window, chunk)


@kernel("sample", _kernel_spec, roles="bb>p")
def conv_kernel_gradient(k, out, x, g, window, groups, chunk=CHUNK):
    """Gradient with respect to conv_forward's w."""
    if _by_channel(out, groups):
        _depthwise_kernel(k, out, packed(k, x), packed(k, g), window, chunk)
        return
    if groups > 1:
        _by_group(k, conv_kernel_gradient.run, out, x, g, window, groups, chunk)
        return
    channels, filters = out.shape[-2:]
    g, total = packed(k, g), k.view(out, (window.taps * channels, filters))
    part, first = k.scratch(total.shape, out.dtype), True
    for columns, place, rows in _blocks(k, x, window, chunk):
        d = k.view(g[place], (rows, filters))
        k(k.xp.matmul, columns.T, d, out=total if first else part)
        if not first:
            k(k.xp.add, total, part, out=total)
        first = False
    if first:  # an empty batch
        k(out.fill, 0)


for _kernel in (conv_forward, conv_input_gradient, conv_kernel_gradient):
    in_float32(_kernel)
    _kernel.on("gpu")(functools.partial(_kernel.run, chunk=GPU_CHUNK))


# ---------------------------------------------------------------- matrix products
def _by_group(k, run, out, a, b, window, groups, chunk):
    """A kernel group by group: operands and result are shared out along their last axes."""
    arrays = (out, a, b)
    widths = [array.shape[-1] // groups for array in arrays]
    parts = [k.scratch((*a.shape[:-1], width), a.dtype) for a, width in zip(arrays, widths)]
    for i in range(groups):
        slices = [a[..., i * width : (i + 1) * width] for a, width in zip(arrays, widths)]
        k(k.xp.copyto, parts[1], slices[1])
        k(k.xp.copyto, parts[2], slices[2])
        run(k, *parts, window, 1, chunk)
        k(k.xp.copyto, slices[0], parts[0])


def _blocks(k, x, window, chunk):
    """Yields (columns (rows, taps * channels), where their windows lie in the outputs, rows).

    A block is some samples, or some rows of one sample's windows where they are many.
    """
    batch, width, rows = x.shape[0], window.taps * x.shape[-1], window.outputs[0]
    if window.taps == 1 and window.inputs == window.outputs:  # the columns are x itself
        count = batch * window.places
        yield k.view(packed(k, x), (count, width)), slice(0, batch), count
        return
    a_row = window.places // rows
    samples = min(batch, max(1, chunk // (x.itemsize * width * window.places)))
    if samples == 1:
        rows = min(rows, max(1, chunk // (x.itemsize * width * a_row)))
    source = Source(k, x, window, samples)
    memory = k.scratch((samples * rows * a_row, width), x.dtype)
    for start in range(0, batch, max(samples, 1)):
        stop = min(start + samples, batch)
        view = source.windows(start, stop)
        for top in range(0, window.outputs[0], rows):
            block = view[:, top : top + rows]
            count = block.shape[0] * block.shape[1] * a_row
            columns = memory[:count]
            k(k.xp.copyto, k.view(columns, block.shape), block)
            yield columns, (slice(start, stop), slice(top, top + rows)), count


def _scatter(k, out, g, w, window, chunk):
    """Input gradient: for each tap one product into a temporary, added where the tap reads."""
    channels, filters = w.shape[-2:]
    batch = g.shape[0]
    samples = min(batch, max(1, chunk // (2 * g.itemsize * channels * window.places)))
    memory = k.scratch((samples, *window.outputs, channels), g.dtype)
    for start in range(0, batch, max(samples, 1)):
        stop = min(start + samples, batch)
        rows = (stop - start) * window.places
        x, t = out[start:stop], memory[: stop - start]
        d, product = k.view(g[start:stop], (rows, filters)), k.view(t, (rows, channels))
        k(x.fill, 0)
        for position, of, to in taps(window):
            k(k.xp.matmul, d, w[position].T, out=product)
            k(k.xp.add, x[to], t[of], out=x[to])


def _correlates(window, channels, filters):
    """Whether the input gradient costs less as a convolution of g with the turned kernel."""
    return (
        all(s == 1 for s in window.strides)
        and window.inputs == window.outputs
        and (filters <= channels or window.taps == 1)
    )


def _turned(k, w, window):
    """The kernel turned by 180 degrees, channels and filters exchanged."""
    turned = k.scratch((*window.size, w.shape[-1], w.shape[-2]), w.dtype)
    back = (slice(None, None, -1),) * len(window.size)
    k(k.xp.copyto, turned, w[back].swapaxes(-1, -2))
    return turned


def _reversed(window):
    """For strides of 1: the Window of the convolution that gives the input gradient."""
    pads = []
    for n, m, k, d, (front, _) in zip(
        window.inputs, window.outputs, window.size, window.dilation, window.pads
    ):
        reach = (k - 1) * d
        pads.append((reach - front, n - m + front))
    return window._replace(inputs=window.outputs, outputs=window.inputs, pads=tuple(pads))


# ---------------------------------------------------------------- columns that are kept
@kernel("sample", _columns_spec, roles="b>b")
def conv_columns(k, out, x, window):
    """The windows as rows: (batch, *outputs, taps * channels)."""
    samples = min(x.shape[0], max(1, CHUNK // (x.itemsize * x[:1].size or 1)))
    source = Source(k, x, window, samples)
    for start in range(0, x.shape[0], max(samples, 1)):
        view = source.windows(start, min(start + samples, x.shape[0]))
        k(k.xp.copyto, k.view(out[start : start + samples], view.shape), view)


@kernel("sample", _major_spec, roles="b>b", batch_out=1)
def conv_columns_major(k, out, x, window):
    """The windows as columns, (taps * channels, batch, *outputs): long copies for few channels."""
    channels = x.shape[-1]
    rows = k.view(out, (*window.size, channels, *out.shape[1:]))
    if window.padded:
        k(out.fill, 0)
    for position, of, to in taps(window):
        for c in range(channels):
            k(k.xp.copyto, rows[(*position, c)][of], x[(*to, c)])


@kernel("sample", lambda g, window, channels: Spec(
    (g.shape[0], *window.inputs, channels), g.dtype), roles="b>b")
def conv_columns_gradient(k, out, g, window, channels):
    """Columns added back where they were read."""
    source = k.view(packed(k, g), (*g.shape[:-1], *window.size, channels))
    k(out.fill, 0)
    for position, of, to in taps(window):
        k(k.xp.add, out[to], source[(*of, *position)], out=out[to])


@kernel("sample", lambda g, window, channels: Spec(
    (g.shape[1], *window.inputs, channels), g.dtype))
def conv_columns_major_gradient(k, out, g, window, channels):
    """Columns of conv_columns_major added back where they were read."""
    source = k.view(packed(k, g), (*window.size, channels, *g.shape[1:]))
    source = k.xp.moveaxis(source, len(window.size), -1)  # (*size, batch, *outputs, channels)
    k(out.fill, 0)
    for position, of, to in taps(window):
        k(k.xp.add, out[to], source[position][of], out=out[to])


# ---------------------------------------------------------------- depthwise: multiply and add
def _by_channel(w, groups):
    """Whether each group is one channel with few filters."""
    return groups > 1 and w.shape[-2] == 1 and w.shape[-1] <= DEPTH * groups


def _reads(window):
    """(position, key) of each tap in padded samples."""
    for position in itertools.product(*map(range, window.size)):
        key = [slice(None)]
        for i, o, s, d in zip(position, window.outputs, window.strides, window.dilation):
            key.append(slice(i * d, i * d + (o - 1) * s + 1, s))
        yield position, tuple(key)


def _by_depth(k, w, window, channels):
    """The kernel as (depth, *size, 1 or last output size, channels).

    Where a row of outputs reads a row of inputs, the row's product is one long loop if the
    kernel is repeated along it.
    """
    depth, row = w.shape[-1] // channels, window.outputs[-1]
    if window.strides[-1] > 1 or channels >= WIDE or w.size * row * w.itemsize > CHUNK:
        row = 1
    planes = k.scratch((depth, *window.size, row, channels), w.dtype)
    source = k.xp.moveaxis(w.reshape(*window.size, channels, depth), -1, 0)
    k(k.xp.copyto, planes, source[..., None, :])
    return planes


def _few(g, channels, window, chunk):
    """Samples whose temporaries stay in the cache."""
    return min(g.shape[0], max(1, chunk // (4 * g.itemsize * channels * window.places)))


def _depthwise(k, out, x, w, window, chunk):
    channels = x.shape[-1]
    planes = _by_depth(k, w, window, channels)
    samples = _few(x, channels, window, chunk)
    source = Source(k, x, window, samples)
    shape = (samples, *window.outputs, channels)
    t, total = k.scratch(shape, x.dtype), k.scratch(shape, x.dtype)
    y = k.view(out, (*out.shape[:-1], channels, len(planes)))
    for start in range(0, x.shape[0], max(samples, 1)):
        stop = min(start + samples, x.shape[0])
        part, n = source.samples(start, stop), stop - start
        for depth, plane in enumerate(planes):
            for i, (position, key) in enumerate(_reads(window)):
                k(k.xp.multiply, part[key], plane[position], out=t[:n] if i else total[:n])
                if i:
                    k(k.xp.add, total[:n], t[:n], out=total[:n])
            k(k.xp.copyto, y[start:stop, ..., depth], total[:n])


def _depthwise_input(k, out, g, w, window, chunk):
    channels = out.shape[-1]
    planes = _by_depth(k, w, window, channels)
    samples = _few(g, channels, window, chunk)
    memory = k.scratch((samples, *window.outputs, channels), g.dtype)
    d = k.view(g, (*g.shape[:-1], channels, len(planes)))
    k(out.fill, 0)
    for start in range(0, g.shape[0], max(samples, 1)):
        stop = min(start + samples, g.shape[0])
        x, t = out[start:stop], memory[: stop - start]
        for depth, plane in enumerate(planes):
            for position, of, to in taps(window):
                k(k.xp.multiply, d[start:stop, ..., depth], plane[position], out=t)
                k(k.xp.add, x[to], t[of], out=x[to])


def _depthwise_kernel(k, out, x, g, window, chunk):
    channels = x.shape[-1]
    depth = g.shape[-1] // channels
    samples = _few(x, channels, window, chunk)
    source = Source(k, x, window, samples)
    memory = k.scratch((samples, *window.outputs, channels), x.dtype)
    ones, sums = k.scratch((1, samples * window.places), x.dtype), k.scratch((1, channels), x.dtype)
    total = k.view(out, (*window.size, channels, depth))
    d = k.view(g, (*g.shape[:-1], channels, depth))
    k(ones.fill, 1)
    k(out.fill, 0)
    for start in range(0, x.shape[0], max(samples, 1)):
        stop = min(start + samples, x.shape[0])
        part, t = source.samples(start, stop), memory[: stop - start]
        rows = (stop - start) * window.places
        for position, key in _reads(window):
            for m in range(depth):
                k(k.xp.multiply, part[key], d[start:stop, ..., m], out=t)
                k(k.xp.matmul, ones[:, :rows], k.view(t, (rows, channels)), out=sums)
                place = total[position][:, m]
                k(k.xp.add, place, sums[0], out=place)
