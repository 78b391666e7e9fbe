"""Resizing and shifting images: every output pixel is a weighted mean of input pixels.

Along one axis of n inputs, output o lies at s(o) = (o + 1/2 - translation) / scale - 1/2 in input
pixels (pixels are squares, their centres at whole numbers). Input i counts with
k(|s(o) - i| / width), and the weights of an output sum to 1. The kernel k is one of `KERNELS`;
`width` is 1, or 1 / scale where an image shrinks and `antialias` asks for a wider mean.
An axis at a time: a matrix of weights (inputs, outputs), and one matrix product.
"""

import math

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.shape_rules import canonical_axis
from minikeras.dtypes import INT32, Spec
from minikeras.kernels.window import integers
from minikeras.ops.contraction import matmul  # noqa: F401 (the weights are multiplied by it)
from minikeras.ops.imaging import image_axes, one_of, stored, wide_dtype
from minikeras.ops.indexing import ramp  # noqa: F401 (an op that is called like a kernel)
from minikeras.ops.shaping import _tensor


# ---------------------------------------------------------------- kernels
def _triangle(xp, x):
    return xp.maximum(xp.subtract(1.0, x), 0.0)


def _cubic(xp, x):
    # R. G. Keys 1981, Cubic convolution interpolation, with a = -1/2
    near = xp.add(xp.multiply(xp.multiply(xp.subtract(xp.multiply(x, 1.5), 2.5), x), x), 1.0)
    far = xp.subtract(2.5, xp.multiply(x, 0.5))
    far = xp.add(xp.multiply(xp.subtract(xp.multiply(far, x), 4.0), x), 2.0)
    inner = xp.blend(xp.less(x, 1.0), near, far)
    return xp.blend(xp.less(x, 2.0), inner, 0.0)


def _lanczos(radius):
    def kernel(xp, x):
        # sinc(x) sinc(x / radius) for x up to the radius
        center = xp.less(x, 1e-3)
        safe = xp.blend(center, 1.0, x)
        sines = xp.multiply(
            xp.sin(xp.multiply(safe, math.pi)), xp.sin(xp.multiply(safe, math.pi / radius)))
        wave = xp.divide(xp.multiply(sines, radius / math.pi**2), xp.square(safe))
        bend = (1.0 + 1.0 / radius**2) * math.pi**2 / 6.0
        near = xp.subtract(1.0, xp.multiply(xp.square(x), bend))
        return xp.blend(xp.less(x, float(radius)), xp.blend(center, near, wave), 0.0)

    return kernel


KERNELS = {
    **dict.fromkeys(("linear", "bilinear", "trilinear"), _triangle),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), _cubic),
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}


# ---------------------------------------------------------------- weights along an axis
def _weights(xp, x, axis, size, step, shift, method, antialias):
    """(inputs, outputs): what each input along x's axis counts in each of `size` outputs.

    `step` is 1 / scale and `shift` the translation, numbers or 0-d arrays.
    """
    n = x.shape[axis]
    inputs = xp.reshape(xp.cast(xp.positions(x, axis=axis), dtype=x.dtype), shape=(n, 1))
    outputs = xp.reshape(xp.cast(xp.ramp(x, size=size), dtype=x.dtype), shape=(1, size))
    if method == "area":  # the part of an output's stretch [start, stop) that an input covers
        start = xp.multiply(outputs, step)
        stop = xp.multiply(xp.add(outputs, 1.0), step)
        cover = xp.subtract(xp.minimum(stop, xp.add(inputs, 1.0)), xp.maximum(start, inputs))
        return xp.multiply(xp.maximum(cover, 0.0), 1.0 / step)
    at = xp.subtract(xp.multiply(xp.subtract(xp.add(outputs, 0.5), shift), step), 0.5)
    distance = xp.absolute(xp.subtract(at, inputs))
    if antialias:
        wide = max(step, 1.0) if isinstance(step, float) else xp.maximum(step, 1.0)
        distance = xp.divide(distance, wide)
    share = KERNELS[method](xp, distance)
    total = xp.sum(share, axis=(0,), keepdims=True)
    inside = xp.logical_and(xp.greater_equal(at, -0.5), xp.less_equal(at, n - 0.5))
    some = xp.greater(xp.absolute(total), 1e3 * float(dtypes.finfo(x.dtype).eps))
    some = xp.logical_and(some, inside)
    return xp.blend(some, xp.divide(share, xp.blend(some, total, 1.0)), 0.0)


def _along(xp, x, axis, matrix):
    """x with its axis multiplied by a matrix (inputs, outputs)."""
    shape, (n, size) = tuple(x.shape), matrix.shape
    lead, rest = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    flat = xp.reshape(x, shape=(lead, n, rest))
    if rest >= 16:  # rows stay together: (lead, size, rest)
        y = xp.matmul(xp.transpose(matrix, axes=(1, 0)), flat)
    else:
        rows = xp.reshape(xp.transpose(flat, axes=(0, 2, 1)), shape=(lead * rest, n))
        y = xp.reshape(xp.matmul(rows, matrix), shape=(lead, rest, size))
        y = xp.transpose(y, axes=(0, 2, 1))
    return xp.reshape(y, shape=(*shape[:axis], size, *shape[axis + 1 :]))


# ---------------------------------------------------------------- resize
LARGE = 64  # pixels along an axis from which on two neighbours are gathered
METHODS = "bilinear", "nearest", "lanczos3", "lanczos5", "bicubic", "area"


def _cut(n, size, other, other_size):
    """Where images of n pixels along an axis are cut for a shape like (size, other_size)."""
    left = max(min(n, other * size // other_size), 1)
    start = (n - left) // 2
    return start, start + left


def _widened(n, size, other, other_size):
    """(before, after) that make n pixels fit a shape like (size, other_size), but for one."""
    each = (max(other * size // other_size, n) - n) // 2
    return each, each


def _fitted(xp, x, axes, size, fit, value):
    """The images cut or padded to the aspect ratio of the target."""
    lengths = [x.shape[a] for a in axes]
    bounds = _cut if fit == "crop" else _widened
    pairs = {
        axes[i]: bounds(lengths[i], size[i], lengths[1 - i], size[1 - i]) for i in range(2)
    }
    if fit == "crop":
        return xp.slice_view(x, key=tuple(
            slice(*pairs[i]) if i in pairs else slice(None) for i in range(len(x.shape))))
    width = tuple(pairs.get(i, (0, 0)) for i in range(len(x.shape)))
    return xp.pad_constant(x, pad_width=width, value=value)


def _nearest(xp, x, axis, size):
    # the input pixel that holds the centre of the output's: (2 o + 1) n / (2 size), rounded down
    n = x.shape[axis]
    doubled = xp.add(xp.multiply(xp.ramp(x, size=size), 2), 1)
    return xp.take(x, xp.floor_divide(xp.multiply(doubled, n), 2 * size), axis=axis)


def _between(xp, x, axis, size, step):
    """The linear mean of the two pixels beside each place: less work than a product of matrices
    where the images are large."""
    n = x.shape[axis]
    at = xp.cast(xp.ramp(x, size=size), dtype=x.dtype)
    at = xp.subtract(xp.multiply(xp.add(at, 0.5), step), 0.5)
    lower = xp.floor(at)
    shape = (size, *(1,) * (len(x.shape) - axis - 1))
    part = xp.reshape(xp.subtract(at, lower), shape=shape)
    index = xp.cast(lower, dtype=INT32)
    low, high = (
        xp.take(x, xp.clip_static(xp.add(index, i), low=0, high=n - 1), axis=axis) for i in (0, 1))
    return xp.add(low, xp.multiply(xp.subtract(high, low), part))


def _resize_spec(images, axes, size, **_):
    shape = list(images.shape)
    for axis, n in zip(axes, size):
        shape[axis] = n
    return Spec(tuple(shape), images.dtype)


@op(tensors=1, spec=_resize_spec)
def _resize(xp, images, axes, size, method, antialias, fit, value):
    x = images
    if fit is not None:
        x = _fitted(xp, x, axes, size, fit, value)
    steps = sorted((-x.shape[a] / n, a, n) for a, n in zip(axes, size))
    for step, axis, n in steps:  # the axis that shrinks most first
        if n == x.shape[axis]:
            continue
        if method == "nearest":
            x = _nearest(xp, x, axis, n)
        elif method == "bilinear" and x.shape[axis] >= LARGE and not (antialias and -step > 1):
            x = _between(xp, x, axis, n, -step)
        else:
            x = _along(xp, x, axis, _weights(xp, x, axis, n, -step, 0.0, method, antialias))
    return x


@public("ops.image.resize")
def resize(
    images, size, interpolation="bilinear", antialias=False, crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False, fill_mode="constant", fill_value=0.0, data_format=None,
):
    """Images in another height and width.

    Args:
        images: tensor (height, width, channels) or (batch, height, width, channels); with
            "channels_first" the channels come before the height.
        size: (height, width) of the result.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5", or "area" (the
            mean of the pixels that an output pixel covers).
        antialias: whether shrunk images are means over all pixels in reach; without it, and with
            "nearest", pixels in between are left out.
        crop_to_aspect_ratio: whether the images are first cut, around their centre, to the
            target's ratio of height and width.
        pad_to_aspect_ratio: whether they are first padded to that ratio, by `fill_value`.
        fill_mode: "constant".
        fill_value: what is padded with.
        data_format: "channels_last" or "channels_first"; None: the global setting.

    Returns:
        Tensor of the same dtype: whole numbers are rounded to the nearest, halves to even.

    Reference: R. G. Keys, 1981, Cubic convolution interpolation for digital image processing
    (a = -1/2); C. E. Duchon, 1979, Lanczos filtering in one and two dimensions.

    >>> import minikeras as keras
    >>> x = keras.ops.reshape(keras.ops.arange(4.0), (2, 2, 1))
    >>> keras.ops.image.resize(x, (2, 4))[0, :, 0].numpy().tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    images, axes = image_axes("resize", images, data_format)
    one_of("resize", "interpolation", interpolation, METHODS)
    one_of("resize", "fill_mode", fill_mode, ("constant",))
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(
            "ops.image.resize: only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can "
            "be True."
        )
    try:
        size = integers(size if isinstance(size, (tuple, list)) else None, 2, "size")
    except ValueError:
        raise ValueError(
            "ops.image.resize: `size` must be a positive (height, width). "
            f"Received: size={size!r}"
        ) from None
    fit = "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else None
    dtype = images.dtype
    if interpolation != "nearest":
        images = OPS["cast"](images, wide_dtype(images))
    y = _resize(images, axes[:2], size, interpolation, bool(antialias), fit, fill_value)
    return y if interpolation == "nearest" else stored(y, dtype)


# ---------------------------------------------------------------- scale and translate
def _scale_spec(images, scale, translation, output_shape, **_):
    return Spec(output_shape, images.dtype)


@op(tensors=3, spec=_scale_spec)
def _scale_and_translate(xp, images, scale, translation, output_shape, axes, method, antialias):
    x = images
    for i, axis in enumerate(axes):
        step = xp.reciprocal(xp.slice_view(scale, key=(i,)))
        shift = xp.slice_view(translation, key=(i,))
        matrix = _weights(xp, x, axis, output_shape[axis], step, shift, method, antialias)
        x = _along(xp, x, axis, matrix)
    return x


@public("ops.image.scale_and_translate")
def scale_and_translate(
    images, output_shape, scale, translation, spatial_dims, method, antialias=True
):
    """Images of another shape, each pixel at scale * (position) + translation.

    Args:
        images: tensor of any shape.
        output_shape: shape of the result; only `spatial_dims` may differ from the images'.
        scale, translation: floating vectors with an element for each spatial dimension: factor,
            and shift in pixels of the result. Both have gradients.
        spatial_dims: the axes that are scaled.
        method: "linear" (or "bilinear", "trilinear"), "cubic" (or "bicubic", "tricubic"),
            "lanczos3" or "lanczos5".
        antialias: whether shrunk images are means over all pixels in reach.

    Returns:
        Tensor of `output_shape`, floating; 0 where an output lies outside the images.

    >>> import minikeras as keras
    >>> x = keras.ops.arange(4.0)
    >>> y = keras.ops.image.scale_and_translate(x, (4,), [1.0], [1.0], (0,), "linear")
    >>> y.numpy().tolist()
    [0.0, 0.0, 1.0, 2.0]
    """
    images = _tensor(images)
    one_of("scale_and_translate", "method", method, KERNELS)
    ndim, output_shape = len(images.shape), tuple(output_shape)
    dims = [spatial_dims] if isinstance(spatial_dims, int) else spatial_dims
    axes = tuple(canonical_axis(a, ndim, "spatial dimension") for a in dims)
    scale, translation = _tensor(scale), _tensor(translation)
    fixed = [
        None not in (m, n) and m != n
        for i, (m, n) in enumerate(zip(images.shape, output_shape)) if i not in axes
    ]
    if len(output_shape) != ndim or any(fixed):
        raise ValueError(
            "ops.image.scale_and_translate: `output_shape` must be the images' shape outside "
            f"`spatial_dims`. Received: images of shape {tuple(images.shape)}, "
            f"output_shape={output_shape}, spatial_dims={axes}"
        )
    for name, v in (("scale", scale), ("translation", translation)):
        if tuple(v.shape) != (len(axes),):
            raise ValueError(
                f"ops.image.scale_and_translate: `{name}` must have shape ({len(axes)},), one "
                f"element a spatial dimension. Received: shape {tuple(v.shape)}"
            )
    target = dtypes.to_float(dtypes.canonical(images.dtype))
    wide = wide_dtype(images)
    given = [OPS["cast"](v, wide) for v in (images, scale, translation)]
    y = _scale_and_translate(*given, output_shape, axes, method, bool(antialias))
    return OPS["cast"](y, target)
