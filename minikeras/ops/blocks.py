"""Sliding blocks: unfold and fold, depth and space exchanged, frames of a sequence."""

from minikeras.api.registry import public
from minikeras.arrays import NUMPY
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.tensor import to_tensor
from minikeras.dtypes import Spec
from minikeras.ops.arranging import rearrange
from minikeras.ops.indexing import take
from minikeras.ops.shaping import _tensor


def _pair(value, name, op_name):
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or not all(isinstance(v, int) for v in pair):
        raise ValueError(
            f"ops.{op_name}: `{name}` must be an integer or two. Received: {name}={value}")
    return pair


def _options(op_name, kernel_size, dilation, padding, stride):
    return tuple(_pair(v, n, op_name) for n, v in (
        ("kernel_size", kernel_size), ("dilation", dilation), ("padding", padding),
        ("stride", stride)))


def _positions(size, kernel, dilation, padding, stride):
    """(flat index in the padded image of each element of each block, blocks an axis)."""
    padded = [n + 2 * p for n, p in zip(size, padding)]
    counts = [(n - d * (k - 1) - 1) // s + 1
              for n, k, d, s in zip(padded, kernel, dilation, stride)]
    if min(counts) < 1:
        raise ValueError(
            f"a block of {kernel}, dilated by {dilation}, does not fit into {tuple(padded)}.")
    rows, columns = (
        NUMPY.arange(k).reshape(-1, 1) * d + NUMPY.arange(c).reshape(1, -1) * s
        for k, d, c, s in zip(kernel, dilation, counts, stride))  # (k, count) each
    flat = rows[:, None, :, None] * padded[1] + columns[None, :, None, :]
    return flat.reshape(-1).astype("int32"), counts


def _unfold_spec(x, index, padding, kernel, blocks):
    channels = x.shape[1]
    elements = kernel[0] * kernel[1]
    return Spec((x.shape[0], None if channels is None else channels * elements, blocks), x.dtype)


@op(tensors=2, spec=_unfold_spec)
def _unfold(xp, x, index, padding, kernel, blocks):
    x = xp.pad_constant(x, pad_width=((0, 0), (0, 0), *((p, p) for p in padding)))
    n, channels, height, width = x.shape
    y = xp.take(xp.reshape(x, shape=(n, channels, height * width)), index, axis=2)
    return xp.reshape(y, shape=(n, channels * kernel[0] * kernel[1], blocks))


@public("ops.unfold", "ops.nn.unfold")
def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """Sliding blocks of images as columns.

    Args:
        x: `(batch, channels, height, width)`.
        kernel_size, dilation, padding, stride: an integer, or one for each of height and width.

    Returns `(batch, channels * kernel height * kernel width, blocks)`.

    >>> unfold([[[[1.0, 2.0, 3.0]]]], (1, 2)).numpy().tolist()
    [[[1.0, 2.0], [2.0, 3.0]]]
    """
    x = _tensor(x)
    if len(x.shape) != 4 or None in x.shape[2:]:
        raise ValueError(
            "ops.unfold: `x` must be (batch, channels, height, width) with known height and "
            f"width. Received: shape {tuple(x.shape)}"
        )
    kernel, dilation, padding, stride = _options("unfold", kernel_size, dilation, padding, stride)
    index, counts = _positions(x.shape[2:], kernel, dilation, padding, stride)
    return _unfold(x, to_tensor(index), padding=padding, kernel=kernel,
                   blocks=counts[0] * counts[1])


def _fold_spec(x, index, size, padding, kernel):
    channels = None if x.shape[1] is None else x.shape[1] // (kernel[0] * kernel[1])
    return Spec((x.shape[0], channels, *size), x.dtype)


@op(tensors=2, spec=_fold_spec)
def _fold(xp, x, index, size, padding, kernel):
    elements = kernel[0] * kernel[1]
    n, channels, blocks = x.shape[0], x.shape[1] // elements, x.shape[2]
    height, width = (m + 2 * p for m, p in zip(size, padding))
    flat = xp.reshape(x, shape=(n, channels, elements * blocks))
    y = xp.take_gradient(flat, index, axis=2, shape=(n, channels, height * width))
    y = xp.reshape(y, shape=(n, channels, height, width))
    key = (slice(None), slice(None), *(slice(p, p + m) for p, m in zip(padding, size)))
    return xp.slice_view(y, key=key)


@public("ops.fold", "ops.nn.fold")
def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Images from their sliding blocks; where blocks overlap they add up. The adjoint of `unfold`.

    Args:
        x: `(batch, channels * kernel height * kernel width, blocks)`.
        output_size: (height, width) of the images.
        kernel_size, dilation, padding, stride: as in `unfold`.
    """
    x = _tensor(x)
    size = _pair(output_size, "output_size", "fold")
    kernel, dilation, padding, stride = _options("fold", kernel_size, dilation, padding, stride)
    index, counts = _positions(size, kernel, dilation, padding, stride)
    elements, blocks = kernel[0] * kernel[1], counts[0] * counts[1]
    if len(x.shape) != 3 or x.shape[1] is not None and x.shape[1] % elements or (
            x.shape[2] not in (None, blocks)):
        raise ValueError(
            f"ops.fold: `x` must be (batch, channels * {elements}, {blocks}) for images of {size}. "
            f"Received: shape {tuple(x.shape)}"
        )
    return _fold(x, to_tensor(index), size=size, padding=padding, kernel=kernel)


def _check_block(name, x, block_size, data_format):
    if len(x.shape) != 4 or block_size < 1 or data_format not in (
            "channels_last", "channels_first"):
        raise ValueError(
            f"ops.{name}: needs a tensor of 4 axes, a positive `block_size`, and `data_format` "
            f"'channels_last' or 'channels_first'. Received: shape {tuple(x.shape)}, "
            f"block_size={block_size}, data_format={data_format}"
        )


@public("ops.depth_to_space", "ops.nn.depth_to_space")
def depth_to_space(x, block_size, data_format="channels_last"):
    """Groups of block_size**2 channels become blocks of pixels.

    `(batch, height, width, channels)` to `(batch, height * block, width * block,
    channels / block**2)`; the block's row is the slowest of the three channel indices.
    """
    x = _tensor(x)
    _check_block("depth_to_space", x, block_size, data_format)
    pattern = ("n h w (p q c) -> n (h p) (w q) c" if data_format == "channels_last"
               else "n (p q c) h w -> n c (h p) (w q)")
    return rearrange(x, pattern, p=block_size, q=block_size)


@public("ops.space_to_depth", "ops.nn.space_to_depth")
def space_to_depth(x, block_size, data_format="channels_last"):
    """Blocks of pixels become channels: the inverse of `depth_to_space`."""
    x = _tensor(x)
    _check_block("space_to_depth", x, block_size, data_format)
    pattern = ("n (h p) (w q) c -> n h w (p q c)" if data_format == "channels_last"
               else "n c (h p) (w q) -> n (p q c) h w")
    return rearrange(x, pattern, p=block_size, q=block_size)


@public("ops.extract_sequences")
def extract_sequences(x, sequence_length, sequence_stride):
    """Windows of the last axis: `(..., n)` to `(..., windows, sequence_length)`.

    >>> extract_sequences([0, 1, 2, 3, 4], 3, 2).numpy().tolist()
    [[0, 1, 2], [2, 3, 4]]
    """
    x = _tensor(x)
    return take(x, _frames(x, sequence_length, sequence_stride), axis=-1)


def _frames(x, length, stride):
    """Indices `(windows, length)` into the last axis."""
    n = x.shape[-1]
    if n is None or length > n or length < 1 or stride < 1:
        raise ValueError(
            "ops.extract_sequences: the last axis must be known and hold a window, and length and "
            f"stride be positive. Received: shape {tuple(x.shape)}, sequence_length={length}, "
            f"sequence_stride={stride}"
        )
    count = (n - length) // stride + 1
    index = NUMPY.arange(count).reshape(-1, 1) * stride + NUMPY.arange(length).reshape(1, -1)
    return OPS["convert_to_tensor"](index.astype("int32"))
