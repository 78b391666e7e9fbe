"""Convolutions over 1 to 3 axes: plain and grouped, depthwise, separable, transposed.

Sizes and padding are in `kernels.window`, the arithmetic in `kernels.convolution`. Where the
columns of a sample (its windows as rows of a matrix) are small, the forward pass keeps them
for the gradient of the kernel; elsewhere they are made again, block by block.
"""

import functools
from typing import NamedTuple

from minikeras import config
from minikeras.core.op import op
from minikeras.dtypes import HALVES, Spec
from minikeras.kernels import convolution as _kernels  # noqa: F401 (declares them)
from minikeras.kernels import window as windows
from minikeras.kernels.window import Window, integers, padding_name
from minikeras.ops.contraction import matmul  # noqa: F401 (gradients of gradients use it)
from minikeras.ops.families import numeric, publish
from minikeras.ops.shaping import transpose  # noqa: F401 (likewise)

KEPT = 1 << 17  # bytes of a sample's columns worth keeping: larger ones are made again faster
MAJOR = 20  # up to this many taps times channels, columns are laid out tap by tap


# ---------------------------------------------------------------- plans
class Plan(NamedTuple):
    """What a call amounts to: the windows, groups, the order of axes, and how columns are kept."""

    window: Window
    groups: int
    to_last: tuple | None  # axes that bring channels last; None where they are
    to_first: tuple | None
    columns: str | None  # "rows", "major", or None: not kept
    filters: int


def layout(ndim, data_format):
    """(axes to channels last, axes back); Nones for channels_last."""
    if config.standardize_data_format(data_format) == "channels_last":
        return None, None
    return (0, *range(2, ndim), 1), (0, ndim - 1, *range(1, ndim - 1))


def rank(inputs, name="inputs"):
    """Number of spatial axes; ValueError unless there are 1 to 3."""
    ndim = len(inputs.shape)
    if ndim not in (3, 4, 5):
        raise ValueError(
            f"`{name}` must have 3, 4 or 5 dimensions (batch, 1 to 3 spatial axes, channels), "
            f"not {ndim}."
        )
    return ndim - 2


def ordered(shape, axes):
    """The shape in another order of axes."""
    return tuple(shape) if axes is None else tuple(shape[a] for a in axes)


def moved(xp, x, axes):
    """x in another order of axes."""
    return x if axes is None else xp.transpose(x, axes=axes)


def _arguments(inputs, kernel, strides, padding, data_format, dilation_rate):
    ndim = rank(inputs)
    if len(kernel.shape) != ndim + 2:
        raise ValueError(
            f"`kernel` must have as many dimensions as `inputs`, {ndim + 2}, "
            f"not {len(kernel.shape)}."
        )
    names = ("valid", "same", "causal") if ndim == 1 else ("valid", "same")
    return (
        tuple(inputs.shape),
        tuple(kernel.shape),
        _kept_itemsize(inputs.dtype),
        integers(strides, ndim, "strides"),
        padding_name(padding, names),
        config.standardize_data_format(data_format),
        integers(dilation_rate, ndim, "dilation_rate"),
    )


def _kept_itemsize(dtype):
    """Bytes of an element of kept columns; 0: not kept, as halves, to be widened at each use."""
    return 0 if dtype in HALVES else dtype.itemsize


@functools.lru_cache(1024)
def _plan(x, w, itemsize, strides, padding, data_format, dilation):
    """The Plan of a convolution of shapes x and w."""
    to_last, to_first = layout(len(x), data_format)
    _, *spatial, channels = ordered(x, to_last)
    *size, each, filters = w
    if channels is None or channels % each:
        hint = f"a divisor of {channels}, or change" if channels else "known, and"
        raise ValueError(
            f"the inputs have {channels} channels but the kernel takes {each}; the kernel's next "
            f"to last dimension must be {hint} data_format={data_format!r}."
        )
    groups = channels // each
    if filters % groups:
        raise ValueError(
            f"{filters} filters cannot be shared out to {groups} groups ({channels} input "
            f"channels, {each} a group); the number of filters must be a multiple of {groups}."
        )
    window = windows.window(tuple(spatial), tuple(size), strides, dilation, padding)
    kept = None
    if itemsize and groups == 1 and window.taps > 1 and None not in spatial:
        width = window.taps * channels
        if width * window.places * itemsize <= KEPT:
            kept = "major" if width <= MAJOR else "rows"
    return Plan(window, groups, to_last, to_first, kept, filters)


def _spec(plan, inputs):
    shape = (inputs.shape[0], *plan.window.outputs, plan.filters)
    return Spec(ordered(shape, plan.to_first), inputs.dtype)


# ---------------------------------------------------------------- forward and gradients by plan
def _convolve(xp, x, w, plan):
    """(y, what the kernel's gradient needs: columns (rows, taps * channels), or x)."""
    window = plan.window
    if plan.columns is None:
        return xp.conv_forward(x, w, window=window, groups=plan.groups), x
    rows, width = x.shape[0] * window.places, window.taps * x.shape[-1]
    if plan.columns == "major":
        columns = xp.reshape(xp.conv_columns_major(x, window=window), shape=(width, rows))
        columns = xp.transpose(columns, axes=(1, 0))
    else:
        columns = xp.reshape(xp.conv_columns(x, window=window), shape=(rows, width))
    y = xp.matmul(columns, xp.reshape(w, shape=(width, plan.filters)))
    return xp.reshape(y, shape=(x.shape[0], *window.outputs, plan.filters)), columns


def _kernel_gradient(xp, g, kept, w, plan):
    """dL/dw = columns^T g."""
    if plan.columns is None:
        return xp.conv_kernel_gradient(kept, g, window=plan.window, groups=plan.groups)
    flat = xp.reshape(g, shape=(kept.shape[0], plan.filters))
    d = xp.matmul(xp.transpose(kept, axes=(1, 0)), flat)
    return xp.reshape(d, shape=tuple(w.shape))


# ---------------------------------------------------------------- conv
def _conv_dx(xp, g, _y, _x, w, **static):
    plan = _plan(*_arguments(_x, w, **static))
    g = moved(xp, g, plan.to_last)
    d = xp.conv_input_gradient(g, w, window=plan.window, groups=plan.groups)
    return moved(xp, d, plan.to_first)


def _conv_dw(xp, g, y, _x, _w, **static):
    plan = _plan(*_arguments(_x, _w, **static))
    return _kernel_gradient(xp, moved(xp, g, plan.to_last), y[1], _w, plan)


def _conv_spec(x, w, **static):
    return _spec(_plan(*_arguments(x, w, **static)), x)


def _publish(function):
    return publish(function, ("ops.nn",))


@_publish
@op(vjp=(_conv_dx, _conv_dw), dtype=numeric, spec=_conv_spec, keeps=True)
def conv(
    xp, inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1
):
    """Convolution over 1 to 3 axes (cross-correlation: the kernel is not turned).

    y[b, o, f] = sum over taps i and channels c of x[b, o s + i d - front, c] w[i, c, f]

    Args:
        inputs: tensor (batch, *spatial, channels), or (batch, channels, *spatial) where
            `data_format` is "channels_first".
        kernel: tensor (*size, channels / groups, filters). The number of groups is the inputs'
            channels divided by the kernel's: each group sees its channels alone.
        strides: steps between windows, an integer or one a spatial axis.
        padding: "valid": whole windows only; "same": ceil(n / strides) outputs, the zeros
            evenly around and an odd one at the end; over one axis also "causal".
        data_format: "channels_last" or "channels_first"; None: the global setting.
        dilation_rate: distance between the taps of a window, an integer or one a spatial axis.

    Returns:
        Tensor (batch, *outputs, filters), channels in the place they have in `inputs`.

    Raises:
        ValueError: where channels, filters and groups do not match or no window fits.

    >>> import minikeras as keras
    >>> x = keras.ops.reshape(keras.ops.arange(5.0), (1, 5, 1))
    >>> y = keras.ops.conv(x, keras.ops.ones((3, 1, 1)))
    >>> y.numpy().ravel().tolist()
    [3.0, 6.0, 9.0]
    """
    plan = _plan(*_arguments(inputs, kernel, strides, padding, data_format, dilation_rate))
    y, kept = _convolve(xp, moved(xp, inputs, plan.to_last), kernel, plan)
    return moved(xp, y, plan.to_first), kept


# ---------------------------------------------------------------- depthwise, separable
def _depthwise_plan(inputs, kernel, **static):
    """(Plan, the kernel's shape as that of a convolution with a group a channel)."""
    ndim = rank(inputs)
    if len(kernel.shape) != ndim + 2:
        raise ValueError(
            f"`kernel` must have as many dimensions as `inputs`, {ndim + 2}, "
            f"not {len(kernel.shape)}."
        )
    to_last, _ = layout(ndim + 2, static["data_format"])
    channels, (*size, each, depth) = ordered(inputs.shape, to_last)[-1], kernel.shape
    if channels != each:
        raise ValueError(
            f"the inputs have {channels} channels but the kernel takes {each}; a depthwise kernel "
            "is (*size, channels, filters a channel)."
        )
    shape = (*size, 1, channels * depth)
    return _plan(*_arguments(inputs, Spec(shape, kernel.dtype), **static)), shape


def _depthwise_dx(xp, g, _y, _x, w, **static):
    plan, shape = _depthwise_plan(_x, w, **static)
    g, w = moved(xp, g, plan.to_last), xp.reshape(w, shape=shape)
    d = xp.conv_input_gradient(g, w, window=plan.window, groups=plan.groups)
    return moved(xp, d, plan.to_first)


def _depthwise_dw(xp, g, y, _x, _w, **static):
    plan, shape = _depthwise_plan(_x, _w, **static)
    g = moved(xp, g, plan.to_last)
    d = _kernel_gradient(xp, g, y[1], Spec(shape, _w.dtype), plan)
    return xp.reshape(d, shape=tuple(_w.shape))


def _depthwise_spec(x, w, **static):
    return _spec(_depthwise_plan(x, w, **static)[0], x)


@_publish
@op(vjp=(_depthwise_dx, _depthwise_dw), dtype=numeric, spec=_depthwise_spec, keeps=True)
def depthwise_conv(
    xp, inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1
):
    """Convolution of each channel by itself, with one or more filters a channel.

    Args:
        inputs: tensor (batch, *spatial, channels), or (batch, channels, *spatial).
        kernel: tensor (*size, channels, depth); channel c gives outputs c depth ... + depth - 1.
        strides, padding, data_format, dilation_rate: as in `conv`.

    Returns:
        Tensor (batch, *outputs, channels * depth).

    >>> import minikeras as keras
    >>> keras.ops.depthwise_conv(keras.ops.ones((1, 4, 4, 3)), keras.ops.ones((2, 2, 3, 2))).shape
    (1, 3, 3, 6)
    """
    plan, shape = _depthwise_plan(
        inputs, kernel, strides=strides, padding=padding, data_format=data_format,
        dilation_rate=dilation_rate,
    )
    x = moved(xp, inputs, plan.to_last)
    y, kept = _convolve(xp, x, xp.reshape(kernel, shape=shape), plan)
    return moved(xp, y, plan.to_first), kept


@_publish
def separable_conv(
    inputs, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None,
    dilation_rate=1,
):
    """Depthwise convolution, then a convolution of size 1 that mixes the channels.

    Args:
        inputs: tensor (batch, *spatial, channels), or (batch, channels, *spatial).
        depthwise_kernel: tensor (*size, channels, depth).
        pointwise_kernel: tensor (1, ..., channels * depth, filters).
        strides, padding, data_format, dilation_rate: of the depthwise convolution, as in `conv`.

    Returns:
        Tensor (batch, *outputs, filters).

    >>> import minikeras as keras
    >>> x, ones = keras.ops.ones((1, 5, 2)), keras.ops.ones
    >>> keras.ops.separable_conv(x, ones((3, 2, 1)), ones((1, 2, 4))).shape
    (1, 3, 4)
    """
    data_format = config.standardize_data_format(data_format)
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, pointwise_kernel, 1, "valid", data_format, 1)


# ---------------------------------------------------------------- transposed
def _transpose_plan(
    inputs, kernel, strides, padding, output_padding, data_format, dilation_rate
):
    x, w, _, strides, padding, data_format, dilation = _arguments(
        inputs, kernel, strides, padding_name(padding), data_format, dilation_rate
    )
    if output_padding is not None:
        output_padding = integers(output_padding, len(x) - 2, "output_padding", least=0)
    to_last, to_first = layout(len(x), data_format)
    _, *spatial, channels = ordered(x, to_last)
    *size, filters, each = w
    if channels != each:
        raise ValueError(
            f"the inputs have {channels} channels but the kernel takes {each}; the kernel of a "
            "transposed convolution is (*size, filters, channels)."
        )
    window = windows.transposed(
        tuple(spatial), tuple(size), strides, dilation, padding, output_padding
    )
    return Plan(window, 1, to_last, to_first, None, filters)


def _transpose_dx(xp, g, _y, _x, w, **static):
    plan = _transpose_plan(_x, w, **static)
    d = xp.conv_forward(moved(xp, g, plan.to_last), w, window=plan.window, groups=1)
    return moved(xp, d, plan.to_first)


def _transpose_dw(xp, g, _y, x, _w, **static):
    plan = _transpose_plan(x, _w, **static)
    g, x = moved(xp, g, plan.to_last), moved(xp, x, plan.to_last)
    return xp.conv_kernel_gradient(g, x, window=plan.window, groups=1)


def _transpose_spec(x, w, **static):
    plan = _transpose_plan(x, w, **static)
    shape = (x.shape[0], *plan.window.inputs, plan.filters)
    return Spec(ordered(shape, plan.to_first), x.dtype)


@_publish
@op(vjp=(_transpose_dx, _transpose_dw), dtype=numeric, spec=_transpose_spec)
def conv_transpose(
    xp, inputs, kernel, strides=1, padding="valid", output_padding=None, data_format=None,
    dilation_rate=1,
):
    """Transposed convolution: the map that is the gradient of `conv` with respect to its inputs.

    Each input spreads the kernel over the output, `strides` apart. Along an axis of n inputs the
    output has, with k = (size - 1) dilation + 1: "valid" (n - 1) strides + max(k, strides);
    "same" n strides; with `output_padding` p given (n - 1) strides + k + p, less 2 (k // 2) for
    "same".

    Args:
        inputs: tensor (batch, *spatial, channels), or (batch, channels, *spatial).
        kernel: tensor (*size, filters, channels).
        strides: distance between the places where neighbouring inputs spread the kernel.
        padding: "valid" or "same".
        output_padding: positions added at the end, an integer or one a spatial axis; None: see
            above.
        data_format, dilation_rate: as in `conv`.

    Returns:
        Tensor (batch, *outputs, filters).

    Reference: Dumoulin, Visin, 2016, A guide to convolution arithmetic, arXiv:1603.07285.

    >>> import minikeras as keras
    >>> x = keras.ops.reshape(keras.ops.convert_to_tensor([1.0, 10.0]), (1, 2, 1))
    >>> w = keras.ops.reshape(keras.ops.convert_to_tensor([1.0, 2.0, 3.0]), (3, 1, 1))
    >>> keras.ops.conv_transpose(x, w, strides=2).numpy().ravel().tolist()
    [1.0, 2.0, 13.0, 20.0, 30.0]
    """
    plan = _transpose_plan(
        inputs, kernel, strides, padding, output_padding, data_format, dilation_rate
    )
    x = moved(xp, inputs, plan.to_last)
    y = xp.conv_input_gradient(x, kernel, window=plan.window, groups=1)
    return moved(xp, y, plan.to_first)


# ---------------------------------------------------------------- the kernels as ops
@op(vjp=(
    lambda xp, g, _y, _x, w, **at: xp.conv_input_gradient(g, w, **at),
    lambda xp, g, _y, x, _w, **at: xp.conv_kernel_gradient(x, g, **at),
))
def conv_forward(xp, x, w, window, groups):
    """The convolution of `kernels.convolution`, channels last."""
    return xp.conv_forward(x, w, window=window, groups=groups)


@op(vjp=(
    lambda xp, h, _y, _g, w, **at: xp.conv_forward(h, w, **at),
    lambda xp, h, _y, g, _w, **at: xp.conv_kernel_gradient(h, g, **at),
))
def conv_input_gradient(xp, g, w, window, groups):
    """Its gradient with respect to x."""
    return xp.conv_input_gradient(g, w, window=window, groups=groups)


@op(vjp=(
    lambda xp, h, _y, _x, g, **at: xp.conv_input_gradient(g, h, **at),
    lambda xp, h, _y, x, _g, **at: xp.conv_forward(x, h, **at),
))
def conv_kernel_gradient(xp, x, g, window, groups):
    """Its gradient with respect to w."""
    return xp.conv_kernel_gradient(x, g, window=window, groups=groups)


@op(vjp=lambda xp, g, _y, _x, window: xp.conv_columns_gradient(
    g, window=window, channels=_x.shape[-1]))
def conv_columns(xp, x, window):
    """Windows as rows."""
    return xp.conv_columns(x, window=window)


@op(vjp=lambda xp, h, _y, _g, window, channels: xp.conv_columns(h, window=window))
def conv_columns_gradient(xp, g, window, channels):
    """Rows added back where they were read."""
    return xp.conv_columns_gradient(g, window=window, channels=channels)


@op(vjp=lambda xp, g, _y, _x, window: xp.conv_columns_major_gradient(
    g, window=window, channels=_x.shape[-1]))
def conv_columns_major(xp, x, window):
    """Windows as columns."""
    return xp.conv_columns_major(x, window=window)


@op(vjp=lambda xp, h, _y, _g, window, channels: xp.conv_columns_major(h, window=window))
def conv_columns_major_gradient(xp, g, window, channels):
    """Columns added back where they were read."""
    return xp.conv_columns_major_gradient(g, window=window, channels=channels)
