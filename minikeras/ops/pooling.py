"""Pooling over 1 to 3 axes: maximum and mean of windows, and of a given number of windows."""


from minikeras import dtypes
from minikeras.arrays import NUMPY
from minikeras.core.op import op
from minikeras.core.tensor import to_tensor
from minikeras.dtypes import Spec, to_float
from minikeras.kernels import pooling as _kernels  # noqa: F401 (declares them)
from minikeras.kernels import window as windows
from minikeras.kernels.window import integers, padding_name
from minikeras.ops.contraction import matmul
from minikeras.ops.convolution import layout, moved, ordered, rank
from minikeras.ops.families import publish
from minikeras.ops.indexing import take
from minikeras.ops.shaping import reshape, transpose


def _window(inputs, pool_size, strides, padding, data_format):
    """(Window, axes to channels last, axes back)."""
    ndim = rank(inputs)
    to_last, to_first = layout(ndim + 2, data_format)
    size = integers(pool_size, ndim, "pool_size")
    strides = size if strides is None else integers(strides, ndim, "strides")
    spatial = ordered(inputs.shape, to_last)[1:-1]
    padding = padding_name(padding)
    return windows.window(spatial, size, strides, (1,) * ndim, padding), to_last, to_first


def _spec(x, **static):
    window, to_last, to_first = _window(x, **static)
    batch, *_, channels = ordered(x.shape, to_last)
    return Spec(ordered((batch, *window.outputs, channels), to_first), x.dtype)


def _publish(function):
    return publish(function, ("ops.nn",))


# ---------------------------------------------------------------- maximum
def _max_pool_dx(xp, g, y, x, **static):
    window, to_last, to_first = _window(x, **static)
    g, y, x = (moved(xp, a, to_last) for a in (g, y, x))
    return moved(xp, xp.pool_max_gradient(g, y, x, window=window), to_first)


@_publish
@op(vjp=_max_pool_dx, spec=_spec)
def max_pool(xp, inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The largest value of each window; NaN wins, padding never does.

    The gradient goes to the first of the elements that share the maximum, in row-major order.

    Args:
        inputs: tensor (batch, *spatial, channels), or (batch, channels, *spatial) where
            `data_format` is "channels_first"; 1 to 3 spatial axes.
        pool_size: size of the window, an integer or one a spatial axis.
        strides: steps between windows; None: `pool_size`.
        padding: "valid": whole windows only; "same": ceil(n / strides) outputs.
        data_format: "channels_last" or "channels_first"; None: the global setting.

    Returns:
        Tensor (batch, *outputs, channels), axes in the order of `inputs`.

    >>> import minikeras as keras
    >>> x = keras.ops.reshape(keras.ops.arange(5.0), (1, 5, 1))
    >>> keras.ops.max_pool(x, 2).numpy().ravel().tolist()
    [1.0, 3.0]
    """
    window, to_last, to_first = _window(inputs, pool_size, strides, padding, data_format)
    return moved(xp, xp.pool_max(moved(xp, inputs, to_last), window=window), to_first)


@op(vjp=(
    lambda xp, h, _y, _g, y, x, window: xp.pool_max_pick(h, y, x, window=window), None, None,
))
def pool_max_gradient(xp, g, y, x, window):
    """The gradient of max_pool, linear in g."""
    return xp.pool_max_gradient(g, y, x, window=window)


@op(vjp=(
    lambda xp, g, _y, _h, y, x, window: xp.pool_max_gradient(g, y, x, window=window), None, None,
))
def pool_max_pick(xp, h, y, x, window):
    """h at the place of each window's maximum, linear in h."""
    return xp.pool_max_pick(h, y, x, window=window)


# ---------------------------------------------------------------- mean
def _average_pool_dx(xp, g, _y, _x, **static):
    window, to_last, to_first = _window(_x, **static)
    d = xp.pool_mean_gradient(moved(xp, g, to_last), window=window)
    return moved(xp, d, to_first)


@_publish
@op(vjp=_average_pool_dx, dtype=to_float, spec=_spec)
def average_pool(xp, inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The mean of each window; padding does not count.

    Args:
        inputs, pool_size, strides, padding, data_format: as in `max_pool`.

    Returns:
        Tensor (batch, *outputs, channels), axes in the order of `inputs`.

    >>> import minikeras as keras
    >>> x = keras.ops.reshape(keras.ops.arange(5.0), (1, 5, 1))
    >>> keras.ops.average_pool(x, 2, padding="same").numpy().ravel().tolist()
    [0.5, 2.5, 4.0]
    """
    window, to_last, to_first = _window(inputs, pool_size, strides, padding, data_format)
    return moved(xp, xp.pool_mean(moved(xp, inputs, to_last), window=window), to_first)


@op(vjp=lambda xp, g, _y, _x, window: xp.pool_mean_gradient(g, window=window))
def pool_mean(xp, x, window):
    """The mean of each window, channels last."""
    return xp.pool_mean(x, window=window)


@op(vjp=lambda xp, h, _y, _g, window: xp.pool_mean(h, window=window))
def pool_mean_gradient(xp, g, window):
    """The gradient of average_pool."""
    return xp.pool_mean_gradient(g, window=window)


# ---------------------------------------------------------------- a given number of windows
def _bounds(n, count):
    """(start, stop) of each of `count` windows that cover n positions as evenly as can be."""
    return [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]


def _adaptive(inputs, output_size, data_format):
    """(inputs channels last, their spatial sizes, output sizes, axes back)."""
    x = inputs if hasattr(inputs, "shape") and hasattr(inputs, "dtype") else to_tensor(inputs)
    ndim = rank(x)
    to_last, to_first = layout(ndim + 2, data_format)
    counts = integers(output_size, ndim, "output_size")
    spatial = ordered(x.shape, to_last)[1:-1]
    if None in spatial:
        raise ValueError(
            "adaptive pooling needs to know the spatial sizes of its inputs. "
            f"Received: inputs of shape {tuple(x.shape)}"
        )
    return x if to_last is None else transpose(x, to_last), spatial, counts, to_first


@_publish
def adaptive_average_pool(inputs, output_size, data_format=None):
    """Means over as many windows as the output has positions.

    Along an axis of n positions and o outputs, window i is floor(i n / o) to ceil((i + 1) n / o).

    Args:
        inputs: tensor (batch, *spatial, channels), or (batch, channels, *spatial).
        output_size: windows along each spatial axis, an integer or one an axis.
        data_format: "channels_last" or "channels_first"; None: the global setting.

    Returns:
        Tensor (batch, *output_size, channels), axes in the order of `inputs`.

    >>> import minikeras as keras
    >>> x = keras.ops.reshape(keras.ops.arange(7.0), (1, 7, 1))
    >>> [round(float(v), 5) for v in keras.ops.adaptive_average_pool(x, 3).numpy().ravel()]
    [1.0, 3.0, 5.0]
    """
    x, spatial, counts, to_first = _adaptive(inputs, output_size, data_format)
    channels = x.shape[-1]
    for axis, (n, count) in enumerate(zip(spatial, counts)):
        means = NUMPY.zeros((count, n))
        for row, (start, stop) in zip(means, _bounds(n, count)):
            row[start:stop] = 1 / (stop - start)
        # One axis is a product with a matrix: (count, n) by (batch, *done, n, rest).
        done, rest = counts[:axis], spatial[axis + 1 :]
        x = reshape(x, (-1, *done, n, int(NUMPY.prod(rest)) * channels))
        x = matmul(to_tensor(means, dtypes.to_float(x.dtype)), x)
        x = reshape(x, (-1, *done, count, *rest, channels))
    return x if to_first is None else transpose(x, to_first)


@_publish
def adaptive_max_pool(inputs, output_size, data_format=None):
    """Maxima over as many windows as the output has positions; see `adaptive_average_pool`.

    Args:
        inputs: tensor (batch, *spatial, channels), or (batch, channels, *spatial).
        output_size: windows along each spatial axis, an integer or one an axis.
        data_format: "channels_last" or "channels_first"; None: the global setting.

    Returns:
        Tensor (batch, *output_size, channels), axes in the order of `inputs`.

    >>> import minikeras as keras
    >>> x = keras.ops.reshape(keras.ops.arange(7.0), (1, 7, 1))
    >>> keras.ops.adaptive_max_pool(x, 3).numpy().ravel().tolist()
    [2.0, 4.0, 6.0]
    """
    x, spatial, counts, to_first = _adaptive(inputs, output_size, data_format)
    size = []
    for axis, (n, count) in enumerate(zip(spatial, counts)):
        bounds = _bounds(n, count)
        longest = max(stop - start for start, stop in bounds)
        if n != count * longest:  # windows overlap or differ: lay them out one after the other,
            # the last position repeated in the shorter ones, where it never is the first maximum
            places = [min(start + i, stop - 1) for start, stop in bounds for i in range(longest)]
            x = take(x, to_tensor(NUMPY.array(places, NUMPY.int32)), axis=axis + 1)
        size.append(longest)
    y = max_pool(x, tuple(size), data_format="channels_last")
    return y if to_first is None else transpose(y, to_first)
