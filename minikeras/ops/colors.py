"""Colours of images: grayscale; hue, saturation and value."""

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.operators import OPS
from minikeras.ops.elementwise import clip, maximum, minimum
from minikeras.ops.imaging import image_axes
from minikeras.ops.indexing import where
from minikeras.ops.shaping import concatenate, floating, slice_axis

LUMA = 0.2989, 0.587, 0.114


def _colors(name, images, data_format):
    """(the three channels with their axis kept, that axis)."""
    images, (_, _, axis) = image_axes(name, images, data_format)
    if images.shape[axis] not in (3, None):
        raise ValueError(
            f"ops.image.{name}: `images` must have 3 channels along axis {axis}. "
            f"Received: shape {tuple(images.shape)}"
        )
    return [slice_axis(images, axis, i, i + 1) for i in range(3)], axis


def _floats(name, images, data_format):
    colors, axis = _colors(name, images, data_format)
    if not dtypes.is_float(colors[0].dtype):
        raise ValueError(
            f"ops.image.{name}: `images` must be floating, from 0 to 1: divide by 255. "
            f"Received: dtype {dtypes.name_of(colors[0].dtype)}"
        )
    return *colors, axis


@public("ops.image.rgb_to_grayscale")
def rgb_to_grayscale(images, data_format=None):
    """Brightness: 0.2989 red + 0.587 green + 0.114 blue, with one channel.

    Args:
        images: tensor (height, width, 3) or (batch, height, width, 3); with "channels_first",
            (3, height, width) or (batch, 3, height, width).
        data_format: "channels_last" or "channels_first"; None: the global setting.

    Returns:
        Tensor of the same dtype with 1 channel; whole numbers are rounded down. Images of 1
        channel stay as they are.

    >>> import minikeras as keras
    >>> image = [[[0.5, 1.0, 0.0]]]
    >>> round(float(keras.ops.image.rgb_to_grayscale(image)[0, 0, 0]), 5)
    0.73645
    """
    images, (_, _, axis) = image_axes("rgb_to_grayscale", images, data_format)
    if images.shape[axis] == 1:
        return images
    (r, g, b), _ = _colors("rgb_to_grayscale", images, data_format)
    gray = floating(r) * LUMA[0] + floating(g) * LUMA[1] + floating(b) * LUMA[2]
    return OPS["cast"](gray, images.dtype)


@public("ops.image.rgb_to_hsv")
def rgb_to_hsv(images, data_format=None):
    """Hue (0 to 1: red, green at 1/3, blue at 2/3), saturation and value of colours from 0 to 1.

    v = max, s = (max - min) / max; the hue is where the colour lies on the hexagon of the pure
    colours, 0 for grays.

    Args:
        images, data_format: as in `rgb_to_grayscale`; floating.

    Returns:
        Tensor of the same shape and dtype.

    Reference: A. R. Smith, 1978, Color gamut transform pairs.

    >>> import minikeras as keras
    >>> keras.ops.image.rgb_to_hsv([[[0.0, 1.0, 0.0], [0.5, 0.5, 0.5]]]).numpy().round(3).tolist()
    [[[0.333, 1.0, 1.0], [0.0, 0.0, 0.5]]]
    """
    r, g, b, axis = _floats("rgb_to_hsv", images, data_format)
    value = maximum(maximum(r, g), b)
    spread = value - minimum(minimum(r, g), b)
    colored = spread > 0
    unit = where(colored, spread, 1.0)
    of_others = where(value == g, (b - r) / unit + 2.0, (r - g) / unit + 4.0)
    hue = where(value == r, (g - b) / unit, of_others) / 6.0
    hue = where(colored, where(hue < 0, hue + 1.0, hue), 0.0)
    saturation = where(value > 0, spread / where(value > 0, value, 1.0), 0.0)
    return concatenate([hue, saturation, value], axis)


@public("ops.image.hsv_to_rgb")
def hsv_to_rgb(images, data_format=None):
    """Red, green and blue for hue, saturation and value: the inverse of `rgb_to_hsv`.

    The hue is taken modulo 1.

    Args:
        images, data_format: as in `rgb_to_grayscale`; floating.

    Returns:
        Tensor of the same shape and dtype.

    >>> import minikeras as keras
    >>> keras.ops.image.hsv_to_rgb([[[0.5, 1.0, 1.0]]]).numpy().round(3).tolist()
    [[[0.0, 1.0, 1.0]]]
    """
    hue, saturation, value, axis = _floats("hsv_to_rgb", images, data_format)
    colors = []
    for n in (5.0, 3.0, 1.0):
        place = (hue * 6.0 + n) % 6.0
        share = clip(minimum(place, 4.0 - place), 0.0, 1.0)
        colors.append(value - value * saturation * share)
    return concatenate(colors, axis)
