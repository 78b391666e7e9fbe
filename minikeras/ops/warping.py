"""Images read at other places: coordinates between the pixels, affine and other transforms."""

import itertools
import math

from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.dtypes import INT32, Spec
from minikeras.ops.decomposition import solve
from minikeras.ops.elementwise import absolute, floor, sign
from minikeras.ops.filtering import gaussian_filter  # noqa: F401 (called like a kernel)
from minikeras.ops.imaging import batched, one_of, stored, wide_dtype
from minikeras.ops.indexing import get_item, positions
from minikeras.ops.shaping import _tensor, concatenate, expand_dims, reshape, squeeze, stack
from minikeras.random import samplers  # noqa: F401 (random_normal, called like a kernel)
from minikeras.random.seed import draw_seed

FILL_MODES = "constant", "nearest", "wrap", "mirror", "reflect"
ORDERS = {"nearest": 0, "bilinear": 1}


# ---------------------------------------------------------------- reading between pixels
def _inside(xp, index, n, mode):
    """Whole positions put onto an axis of n pixels, by what lies beyond its ends."""
    if mode in ("constant", "nearest"):
        return xp.clip_static(index, low=0, high=n - 1)
    if mode == "wrap":  # abcd|abcd
        return xp.mod(index, n)
    if mode == "reflect":  # abcd|dcba
        index = xp.mod(index, 2 * n)
        return xp.minimum(index, xp.subtract(2 * n - 1, index))
    period = max(2 * n - 2, 1)  # mirror: abcd|cba
    index = xp.mod(index, period)
    return xp.minimum(index, xp.subtract(period, index))


def _neighbours(xp, c, n, order, mode):
    """[(position on the axis, weight or None, whether it is one of the n pixels)]."""
    if mode in ("constant", "nearest"):  # further out nothing changes, and integers would overflow
        c = xp.clip_static(c, low=-2.0, high=n + 1.0)
    if order == 0:  # halves away from 0
        lower = xp.multiply(xp.sign(c), xp.floor(xp.add(xp.absolute(c), 0.5)))
        found = [(xp.cast(lower, dtype=INT32), None)]
    else:
        lower = xp.floor(c)
        part, at = xp.subtract(c, lower), xp.cast(lower, dtype=INT32)
        found = [(at, xp.subtract(1.0, part)), (xp.add(at, 1), part)]
    return [
        (_inside(xp, at, n, mode), weight,
         xp.logical_and(xp.greater_equal(at, 0), xp.less(at, n)) if mode == "constant" else None)
        for at, weight in found
    ]


def _sampled_spec(x, coordinates, order, mode, value):
    return Spec((x.shape[0], *coordinates.shape[2:], x.shape[-1]), x.dtype)


@op(tensors=2, spec=_sampled_spec)
def sample(xp, x, coordinates, order, mode, value):
    """x (batch, *spatial, channels) at coordinates (spatial axes, batch or 1, *places)."""
    batch, *sizes, channels = x.shape
    ndim = len(coordinates.shape) - 1
    axes = [
        _neighbours(xp, xp.slice_view(coordinates, key=(i,)), n, order, mode)
        for i, n in enumerate(sizes)
    ]
    first = xp.multiply(xp.positions(x, axis=0), math.prod(sizes))
    first = xp.reshape(first, shape=(batch, *(1,) * (ndim - 1)))
    pixels = xp.reshape(x, shape=(batch * math.prod(sizes), channels))
    total = None
    for corner in itertools.product(*axes):
        index, weight, valid = None, None, None
        for n, (at, w, inner) in zip(sizes, corner):
            index = at if index is None else xp.add(xp.multiply(index, n), at)
            weight = w if weight is None else xp.multiply(weight, w)
            valid = inner if valid is None else xp.logical_and(valid, inner)
        y = xp.take(pixels, xp.add(index, first), axis=0)
        if valid is not None:
            y = xp.blend(xp.reshape(valid, shape=(*valid.shape, 1)), y, value)
        if weight is not None:
            y = xp.multiply(y, xp.reshape(weight, shape=(*weight.shape, 1)))
        total = y if total is None else xp.add(total, y)
    return total


def _away(x):
    """The nearest whole number, halves away from 0."""
    return sign(x) * floor(absolute(x) + 0.5)


def _check_modes(name, interpolation, fill_mode):
    one_of(name, "interpolation", interpolation, ORDERS)
    one_of(name, "fill_mode", fill_mode, FILL_MODES)


@public("ops.image.map_coordinates")
def map_coordinates(inputs, coordinates, order, fill_mode="constant", fill_value=0):
    """The inputs' values at coordinates, also between elements.

    Args:
        inputs: tensor of d axes.
        coordinates: tensor (d, *places): for each axis the position of each place.
        order: 0: the nearest element, halves away from 0; 1: linear between neighbours.
        fill_mode: what lies outside: "constant" (`fill_value`), "nearest" (the last element),
            "wrap" (abcd|abcd), "mirror" (abcd|cba) or "reflect" (abcd|dcba).
        fill_value: see `fill_mode`.

    Returns:
        Tensor (*places) of the inputs' dtype. Gradients reach the inputs and, for order 1, the
        coordinates.

    >>> import minikeras as keras
    >>> keras.ops.image.map_coordinates([1.0, 3.0], [[0.25, 1.5]], 1, "nearest").numpy().tolist()
    [1.5, 3.0]
    """
    inputs, coordinates = _tensor(inputs), _tensor(coordinates)
    one_of("map_coordinates", "order", order, (0, 1))
    one_of("map_coordinates", "fill_mode", fill_mode, FILL_MODES)
    ndim = len(inputs.shape)
    if not coordinates.shape or coordinates.shape[0] != ndim:
        raise ValueError(
            "ops.image.map_coordinates: the first dimension of `coordinates` must be the inputs' "
            f"number of axes, {ndim}. Received: inputs of shape {tuple(inputs.shape)}, "
            f"coordinates of shape {tuple(coordinates.shape)}"
        )
    wide = wide_dtype(inputs, coordinates)
    x = expand_dims(OPS["cast"](inputs, wide), (0, ndim + 1))
    at = expand_dims(OPS["cast"](coordinates, wide), 1)
    y = sample(x, at, order, fill_mode, float(fill_value))
    return stored(squeeze(y, (0, len(y.shape) - 1)), inputs.dtype, _away)


# ---------------------------------------------------------------- transforms
def _warped(x, dtype, places, interpolation, fill_mode, fill_value):
    """Images (batch, height, width, channels) at places (down, across)."""
    y = sample(x, stack(places), ORDERS[interpolation], fill_mode, float(fill_value))
    return stored(y, dtype, _away)


def _grid(x):
    """Positions of the pixels of x (batch, height, width, channels): down (h, 1), across (w,)."""
    down, across = (OPS["cast"](positions(x, axis), x.dtype) for axis in (1, 2))
    return reshape(down, (-1, 1)), across


def _parameters(transform, count):
    return [reshape(get_item(transform, (slice(None), i)), (-1, 1, 1)) for i in range(count)]


@public("ops.image.affine_transform")
def affine_transform(
    images, transform, interpolation="bilinear", fill_mode="constant", fill_value=0,
    data_format=None,
):
    """Images moved, turned, scaled or sheared: the output at (x, y) is the input at
    (a0 x + a1 y + a2, a3 x + a4 y + a5).

    Args:
        images: tensor (height, width, channels) or (batch, height, width, channels); with
            "channels_first" the channels come before the height.
        transform: tensor (8,) or (batch, 8): a0 ... a5 and two zeros; x counts columns and y rows.
        interpolation: "bilinear" or "nearest".
        fill_mode, fill_value: what lies outside, see `map_coordinates`.
        data_format: "channels_last" or "channels_first"; None: the global setting.

    Returns:
        Tensor of the images' shape and dtype. Gradients reach the images and the transform.

    >>> import minikeras as keras
    >>> x = keras.ops.reshape(keras.ops.arange(3.0), (1, 3, 1))
    >>> one_to_the_left = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    >>> keras.ops.image.affine_transform(x, one_to_the_left)[0, :, 0].numpy().tolist()
    [1.0, 2.0, 0.0]
    """
    _check_modes("affine_transform", interpolation, fill_mode)
    x, restore = batched("affine_transform", images, data_format)
    transform = _tensor(transform)
    if len(transform.shape) not in (1, 2) or transform.shape[-1] != 8:
        raise ValueError(
            "ops.image.affine_transform: `transform` must have shape (8,) or (batch, 8). "
            f"Received: {tuple(transform.shape)}"
        )
    _check_batch("affine_transform", x, "transform", transform, 2)
    dtype, wide = x.dtype, wide_dtype(x, transform)
    x = OPS["cast"](x, wide)
    a = _parameters(reshape(OPS["cast"](transform, wide), (-1, 8)), 6)
    down, across = _grid(x)
    places = a[3] * across + a[4] * down + a[5], a[0] * across + a[1] * down + a[2]
    return restore(_warped(x, dtype, places, interpolation, fill_mode, fill_value))


def _check_batch(name, x, argument, given, ndim):
    """A batch of parameters is as long as that of the images, or of one element."""
    n = given.shape[0] if len(given.shape) == ndim else 1
    if n not in (1, None, x.shape[0]) and x.shape[0] is not None:
        raise ValueError(
            f"ops.image.{name}: `{argument}` is for {n} images, and there are {x.shape[0]}. "
            f"Received: shape {tuple(given.shape)}"
        )


def _perspective(start, end):
    """(batch, 8) parameters of the projective map that takes the points `end` to `start`.

    u = (a0 x + a1 y + a2) / (a6 x + a7 y + 1), v = (a3 x + a4 y + a5) / (a6 x + a7 y + 1):
    two linear equations for each of four pairs of points.
    """
    x, y = (get_item(end, (..., slice(i, i + 1))) for i in range(2))  # (batch, 4, 1)
    u, v = (get_item(start, (..., slice(i, i + 1))) for i in range(2))
    one, zero = x * 0 + 1.0, x * 0
    first = concatenate([x, y, one, zero, zero, zero, -u * x, -u * y], -1)
    second = concatenate([zero, zero, zero, x, y, one, -v * x, -v * y], -1)
    matrix = concatenate([first, second], 1)  # (batch, 8, 8)
    return squeeze(solve(matrix, concatenate([u, v], 1)), 2)


@public("ops.image.perspective_transform")
def perspective_transform(
    images, start_points, end_points, interpolation="bilinear", fill_value=0, data_format=None
):
    """Images as seen from another side: four points are moved, straight lines stay straight.

    Args:
        images: tensor (height, width, channels) or (batch, height, width, channels); with
            "channels_first" the channels come before the height.
        start_points: tensor (4, 2) or (batch, 4, 2) of points (x, y) of the images.
        end_points: where they are in the result.
        interpolation: "bilinear" or "nearest".
        fill_value: what lies outside the images.
        data_format: "channels_last" or "channels_first"; None: the global setting.

    Returns:
        Tensor of the images' shape and dtype. Gradients reach the images and the points.

    >>> import minikeras as keras
    >>> x = keras.ops.reshape(keras.ops.arange(4.0), (2, 2, 1))
    >>> start = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> end = [[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    >>> y = keras.ops.image.perspective_transform(x, start, end)
    >>> y[..., 0].numpy().round(3).tolist()
    [[1.0, 0.0], [3.0, 2.0]]
    """
    _check_modes("perspective_transform", interpolation, "constant")
    x, restore = batched("perspective_transform", images, data_format)
    points = [_tensor(start_points), _tensor(end_points)]
    for name, p in zip(("start_points", "end_points"), points):
        if len(p.shape) not in (2, 3) or tuple(p.shape[-2:]) != (4, 2):
            raise ValueError(
                f"ops.image.perspective_transform: `{name}` must have shape (4, 2) or "
                f"(batch, 4, 2). Received: {tuple(p.shape)}"
            )
        _check_batch("perspective_transform", x, name, p, 3)
    dtype, wide = x.dtype, wide_dtype(x, *points)
    x = OPS["cast"](x, wide)
    start, end = (reshape(OPS["cast"](p, wide), (-1, 4, 2)) for p in points)
    a = _parameters(_perspective(start, end), 8)
    down, across = _grid(x)
    depth = a[6] * across + a[7] * down + 1.0
    places = (
        (a[3] * across + a[4] * down + a[5]) / depth, (a[0] * across + a[1] * down + a[2]) / depth)
    return restore(_warped(x, dtype, places, interpolation, "constant", fill_value))


# ---------------------------------------------------------------- elastic
def _shift_spec(images, seed, alpha, sigma):
    return Spec((2, *images.shape[:3]), images.dtype)


@op(tensors=2, spec=_shift_spec)
def _random_shift(xp, images, seed, alpha, sigma):
    """Smooth random shifts (down and across, batch, height, width) of pixels."""
    batch, height, width, _ = images.shape
    shape, size = (2 * batch, height, width, 1), int(6 * sigma) | 1
    noise = xp.random_normal(seed, shape=shape, dtype=images.dtype, mean=0.0, stddev=sigma)
    both = xp.filled(xp.ramp(images, size=2), value=sigma, dtype=images.dtype)
    smooth = xp.gaussian_filter(noise, both, sizes=(size, size), padding="same")
    return xp.multiply(xp.reshape(smooth, shape=(2, batch, height, width)), alpha)


@public("ops.image.elastic_transform")
def elastic_transform(
    images, alpha=20.0, sigma=5.0, interpolation="bilinear", fill_mode="reflect", fill_value=0.0,
    seed=None, data_format=None,
):
    """Images as if drawn on rubber: each pixel is read at a random place near it, neighbours at
    neighbouring places.

    The shifts are normal noise of deviation `sigma`, blurred by a Gaussian of deviation `sigma`,
    times `alpha`: their deviation is about 0.28 alpha pixels.

    Args:
        images: tensor (height, width, channels) or (batch, height, width, channels); with
            "channels_first" the channels come before the height.
        alpha: strength of the shifts.
        sigma: smoothness of the shifts in pixels.
        interpolation: "bilinear" or "nearest".
        fill_mode, fill_value: what lies outside, see `map_coordinates`.
        seed: whole number (the same shifts every time), SeedGenerator, or None.
        data_format: "channels_last" or "channels_first"; None: the global setting.

    Returns:
        Tensor of the images' shape and dtype.

    Reference: P. Y. Simard, D. Steinkraus, J. C. Platt, 2003, Best practices for convolutional
    neural networks applied to visual document analysis.

    >>> import minikeras as keras
    >>> keras.ops.image.elastic_transform(keras.ops.ones((8, 8, 3)), seed=1).shape
    (8, 8, 3)
    """
    _check_modes("elastic_transform", interpolation, fill_mode)
    x, restore = batched("elastic_transform", images, data_format)
    dtype = x.dtype
    x = OPS["cast"](x, wide_dtype(x))
    shift = _random_shift(x, draw_seed(seed), float(alpha), float(sigma))
    places = [s + get_item(shift, i) for i, s in enumerate(_grid(x))]
    return restore(_warped(x, dtype, places, interpolation, fill_mode, fill_value))
