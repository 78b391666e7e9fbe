"""Images as they are: borders cut off or put on, patches, and the checks that all images share."""

from minikeras import config, dtypes
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.dtypes import Spec, canonical
from minikeras.kernels import convolution as _kernels  # noqa: F401 (conv_columns)
from minikeras.kernels import window as windows
from minikeras.kernels.window import integers, padding_name
from minikeras.ops.convolution import layout, moved, ordered
from minikeras.ops.elementwise import clip
from minikeras.ops.elementwise import round as round_
from minikeras.ops.shaping import _tensor, expand_dims, moveaxis, squeeze


# ---------------------------------------------------------------- shared by all ops on images
def image_axes(name, images, data_format, dims=2):
    """(images as a tensor, the axes (height, width, channels)), with depth first for `dims` 3."""
    images = _tensor(images)
    ndim = len(images.shape)
    if ndim not in (dims + 1, dims + 2):
        what = "(height, width, channels)" if dims == 2 else "(depth, height, width, channels)"
        raise ValueError(
            f"ops.image.{name}: expected {dims + 1} dimensions, {what}, or {dims + 2} with a "
            f"batch in front. Received: shape {tuple(images.shape)}"
        )
    first = ndim - dims - 1
    if config.standardize_data_format(data_format) == "channels_last":
        return images, tuple(range(first, ndim))
    return images, (*range(first + 1, ndim), first)


def batched(name, images, data_format, dims=2):
    """(images with a batch axis and channels last, function that undoes this on a result)."""
    images, axes = image_axes(name, images, data_format, dims)
    single, first = len(images.shape) == dims + 1, axes[-1] != len(images.shape) - 1
    x = expand_dims(images, 0) if single else images
    x = moveaxis(x, 1, dims + 1) if first else x

    def restore(y):
        y = moveaxis(y, dims + 1, 1) if first else y
        return squeeze(y, 0) if single else y

    return x, restore


def one_of(name, argument, value, allowed):
    """ValueError unless `value` is among those allowed."""
    if value not in allowed:
        raise ValueError(
            f"ops.image.{name}: `{argument}` must be one of {tuple(allowed)}. Received: {value!r}"
        )


def wide_dtype(*tensors):
    """The dtype that pixels are computed in: float32, or float64 where one of them is."""
    kinds = [dtypes.to_float(canonical(t.dtype)) for t in tensors]
    return dtypes.promote(*kinds, "float32")


def stored(y, dtype, nearest=round_):
    """Computed pixels in the images' dtype: whole numbers are rounded and kept in range."""
    dtype = canonical(dtype)
    if dtype.kind in "iu":
        y = nearest(y)
        if dtype.itemsize < 4:
            y = clip(y, dtypes.iinfo(dtype).min, dtypes.iinfo(dtype).max)
    return OPS["cast"](y, dtype)


# ---------------------------------------------------------------- crop and pad
def _completed(name, n, before, after, target, sides):
    """(before, after) from any two of before, after and the target length; n may be None."""
    low, high, length = sides
    received = f"Received: {low}={before}, {high}={after}, {length}={target}"
    if [before, after, target].count(None) != 1:
        raise ValueError(
            f"ops.image.{name}: give exactly two of {low}, {high}, {length}. {received}"
        )
    sign = 1 if name == "pad_images" else -1  # length = n + sign (before + after)
    if target is not None and n is not None:
        total = sign * (target - n)
        before, after = (total - after, after) if before is None else (before, total - before)
    for side, value in ((low, before), (high, after)):
        if value is not None and value < 0:
            raise ValueError(
                f"ops.image.{name}: {side} must not be negative, it comes to {value} for images "
                f"of {n} pixels. {received}"
            )
    if target is None and n is not None:
        target = n + sign * (before + after)
    if target is not None and target < 0:
        raise ValueError(
            f"ops.image.{name}: {length} must not be negative, it comes to {target} for images "
            f"of {n} pixels. {received}"
        )
    return before, after, target


def _borders(name, shape, axes, arguments):
    """{axis: (before, after, length of the result)} for height and width."""
    what = "cropping" if name == "crop_images" else "padding"
    sides = ("top", "bottom", "height"), ("left", "right", "width")
    return {
        axis: _completed(name, shape[axis], *given, (f"{a}_{what}", f"{b}_{what}", f"target_{c}"))
        for axis, (a, b, c), given in zip(axes, sides, arguments)
    }


def _bordered_spec(images, name, axes, arguments):
    borders = _borders(name, images.shape, axes, arguments)
    shape = (borders[i][2] if i in borders else n for i, n in enumerate(images.shape))
    return Spec(tuple(shape), images.dtype)


@op(tensors=1, spec=_bordered_spec)
def _bordered(xp, images, name, axes, arguments):
    borders = _borders(name, images.shape, axes, arguments)
    pairs = [borders.get(i, (0, 0))[:2] for i in range(len(images.shape))]
    if name == "pad_images":
        return xp.pad_constant(images, pad_width=tuple(pairs))
    key = tuple(slice(a, n - b) for n, (a, b) in zip(images.shape, pairs))
    return xp.slice_view(images, key=key)


@public("ops.image.crop_images")
def crop_images(
    images, top_cropping=None, left_cropping=None, bottom_cropping=None, right_cropping=None,
    target_height=None, target_width=None, data_format=None,
):
    """Images without some rows and columns at their borders.

    Args:
        images: tensor (height, width, channels) or (batch, height, width, channels); with
            "channels_first" the channels come before the height.
        top_cropping, bottom_cropping, target_height: rows cut off above and below, and rows that
            are left; two of the three are to be given.
        left_cropping, right_cropping, target_width: likewise for columns.
        data_format: "channels_last" or "channels_first"; None: the global setting.

    Returns:
        Tensor of the same dtype.

    Raises:
        ValueError: unless two of three are given and the images are large enough.

    >>> import minikeras as keras
    >>> x = keras.ops.ones((4, 5, 3))
    >>> keras.ops.image.crop_images(x, 1, 0, 1, target_width=2).shape
    (2, 2, 3)
    """
    images, axes = image_axes("crop_images", images, data_format)
    arguments = (
        (top_cropping, bottom_cropping, target_height),
        (left_cropping, right_cropping, target_width),
    )
    return _bordered(images, "crop_images", axes[:2], arguments)


@public("ops.image.pad_images")
def pad_images(
    images, top_padding=None, left_padding=None, bottom_padding=None, right_padding=None,
    target_height=None, target_width=None, data_format=None,
):
    """Images with rows and columns of zeros at their borders.

    Args:
        images, data_format: as in `crop_images`.
        top_padding, bottom_padding, target_height: rows added above and below, and rows of the
            result; two of the three are to be given.
        left_padding, right_padding, target_width: likewise for columns.

    Returns:
        Tensor of the same dtype.

    Raises:
        ValueError: unless two of three are given and the target is large enough.

    >>> import minikeras as keras
    >>> keras.ops.image.pad_images(keras.ops.ones((2, 2, 3)), 1, 0, 1, target_width=5).shape
    (4, 5, 3)
    """
    images, axes = image_axes("pad_images", images, data_format)
    arguments = (
        (top_padding, bottom_padding, target_height),
        (left_padding, right_padding, target_width),
    )
    return _bordered(images, "pad_images", axes[:2], arguments)


# ---------------------------------------------------------------- patches
@op(tensors=1)
def _patches(xp, images, size, strides, dilation, padding, data_format):
    ndim = len(images.shape)
    to_last, to_first = layout(ndim, data_format)
    batch, *spatial, channels = ordered(images.shape, to_last)
    window = windows.window(tuple(spatial), size, strides, dilation, padding)
    columns = xp.conv_columns(moved(xp, images, to_last), window=window)
    width = None if channels is None else window.taps * channels
    y = xp.reshape(columns, shape=(batch, *window.outputs, width))
    return moved(xp, y, to_first)


def _extracted(name, images, size, strides, dilation_rate, padding, data_format, dims):
    images, _ = image_axes(name, images, data_format, dims)
    try:
        size = integers(size, dims, "size")
        strides = size if strides is None else integers(strides, dims, "strides")
        dilation = integers(dilation_rate, dims, "dilation_rate")
        padding = padding_name(padding)
    except ValueError as e:
        raise ValueError(f"ops.image.{name}: {e}") from None
    single = len(images.shape) == dims + 1
    x = expand_dims(images, 0) if single else images
    data_format = config.standardize_data_format(data_format)
    y = _patches(x, size, strides, dilation, padding, data_format)
    return squeeze(y, 0) if single else y


@public("ops.image.extract_patches")
def extract_patches(
    images, size, strides=None, dilation_rate=1, padding="valid", data_format=None
):
    """Windows of images, each as one vector.

    Args:
        images: tensor (height, width, channels) or (batch, height, width, channels); with
            "channels_first" the channels come before the height.
        size: of a window, an integer or (height, width); with three numbers, see
            `extract_patches_3d`.
        strides: steps between windows; None: as `size`, so that they lie side by side.
        dilation_rate: distance between the pixels of a window.
        padding: "valid": whole windows only; "same": zeros around, ceil(n / strides) windows.
        data_format: "channels_last" or "channels_first"; None: the global setting.

    Returns:
        Tensor (batch, rows, columns, height * width * channels of a window), the vector where
        the channels are.

    >>> import minikeras as keras
    >>> keras.ops.image.extract_patches(keras.ops.ones((2, 20, 20, 3)), (5, 5)).shape
    (2, 4, 4, 75)
    """
    dims = len(size) if isinstance(size, (tuple, list)) and len(size) == 3 else 2
    return _extracted(
        "extract_patches", images, size, strides, dilation_rate, padding, data_format, dims)


@public("ops.image.extract_patches_3d")
def extract_patches_3d(
    volumes, size, strides=None, dilation_rate=1, padding="valid", data_format=None
):
    """Windows of volumes, each as one vector; see `extract_patches`.

    Args:
        volumes: tensor (depth, height, width, channels), a batch in front or none.
        size, strides, dilation_rate: an integer or three, for depth, height and width.
        padding, data_format: as in `extract_patches`.

    Returns:
        Tensor (batch, *windows, depth * height * width * channels of a window).

    >>> import minikeras as keras
    >>> keras.ops.image.extract_patches_3d(keras.ops.ones((1, 4, 6, 6, 2)), 2).shape
    (1, 2, 3, 3, 16)
    """
    return _extracted(
        "extract_patches_3d", volumes, size, strides, dilation_rate, padding, data_format, 3)
