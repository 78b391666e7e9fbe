"""Filters over images: blur, edges, and the structural similarity that is made of blurs."""

from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.dtypes import Spec, canonical, name_of, to_float
from minikeras.kernels.window import integers
from minikeras.ops.convolution import depthwise_conv
from minikeras.ops.imaging import batched, stored, wide_dtype
from minikeras.ops.indexing import get_item
from minikeras.ops.reduction import mean
from minikeras.ops.shaping import _tensor, squeeze, stack


def _channels(name, images):
    """The number of channels, which a filter that leaves them apart has to know."""
    if images.shape[-1] is None:
        raise ValueError(f"ops.image.{name}: the number of channels must be known.")
    return images.shape[-1]


def _filter_spec(images, sigma, sizes, padding):
    lost = [0, 0] if padding == "same" else [k - 1 for k in sizes]
    batch, *spatial, channels = images.shape
    spatial = [None if n is None else n - k for n, k in zip(spatial, lost)]
    return Spec((batch, *spatial, channels), images.dtype)


@op(tensors=2, spec=_filter_spec)
def gaussian_filter(xp, images, sigma, sizes, padding):
    """Images (batch, height, width, channels) under a Gaussian window, an axis at a time.

    `sigma`: (2,), the window's standard deviations; `sizes`: its numbers of pixels.
    """
    channels, x = images.shape[-1], images
    for axis, size in enumerate(sizes):
        place = xp.cast(xp.ramp(x, size=size), dtype=x.dtype)
        place = xp.divide(
            xp.subtract(place, (size - 1) / 2), xp.slice_view(sigma, key=(axis,)))
        window = xp.exp(xp.multiply(xp.square(place), -0.5))
        window = xp.divide(window, xp.sum(window, axis=(0,), keepdims=True))
        shape = (size, 1, 1, 1) if axis == 0 else (1, size, 1, 1)
        kernel = xp.broadcast_to(
            xp.reshape(window, shape=shape), shape=(*shape[:2], channels, 1))
        x = xp.depthwise_conv(
            x, kernel, strides=1, padding=padding, data_format="channels_last", dilation_rate=1)
    return x


@public("ops.image.gaussian_blur")
def gaussian_blur(images, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    """Images under a window exp(-d**2 / (2 sigma**2)) whose weights sum to 1; zeros around.

    Args:
        images: tensor (height, width, channels) or (batch, height, width, channels); with
            "channels_first" the channels come before the height.
        kernel_size: height and width of the window in pixels.
        sigma: its standard deviations in pixels, down and across; numbers or a tensor (2,).
        data_format: "channels_last" or "channels_first"; None: the global setting.

    Returns:
        Tensor of the same shape and dtype; whole numbers are rounded.

    >>> import minikeras as keras
    >>> dot = keras.ops.pad(keras.ops.ones((1, 1, 1)), ((1, 1), (1, 1), (0, 0)))
    >>> blurred = keras.ops.image.gaussian_blur(dot)
    >>> [round(v, 4) for v in blurred[1, :, 0].tolist()]
    [0.1238, 0.2042, 0.1238]
    """
    x, restore = batched("gaussian_blur", images, data_format)
    _channels("gaussian_blur", x)
    try:
        sizes = integers(kernel_size, 2, "kernel_size")
    except ValueError as e:
        raise ValueError(f"ops.image.gaussian_blur: {e}") from None
    sigma = _tensor((sigma, sigma) if isinstance(sigma, (int, float)) else sigma)
    dtype, wide = x.dtype, wide_dtype(x)
    y = gaussian_filter(OPS["cast"](x, wide), OPS["cast"](sigma, wide), sizes, "same")
    return restore(stored(y, dtype))


SOBEL = (-1.0, -2.0, -1.0), (0.0, 0.0, 0.0), (1.0, 2.0, 1.0)


@public("ops.image.sobel_edges")
def sobel_edges(images, data_format=None):
    """Slopes of images, down and across, by Sobel's 3 x 3 filters; zeros around the images.

    Args:
        images, data_format: as in `gaussian_blur`; floating or signed whole numbers.

    Returns:
        Tensor of the images' shape with a last axis of 2: the slope down and the slope across.

    Reference: I. Sobel, G. Feldman, 1968, An isotropic 3x3 image gradient operator.

    >>> import minikeras as keras
    >>> x = keras.ops.reshape(keras.ops.arange(9.0), (3, 3, 1))
    >>> keras.ops.image.sobel_edges(x)[1, 1, 0].numpy().tolist()
    [24.0, 8.0]
    """
    images = _tensor(images)
    dtype = canonical(images.dtype)
    if dtype.kind in "ub":
        raise ValueError(
            "ops.image.sobel_edges: slopes may be negative, so `images` must be floating or "
            f"signed. Received: dtype {name_of(dtype)}"
        )
    x, restore = batched("sobel_edges", images, data_format)
    channels = _channels("sobel_edges", x)
    kernel = [[[[SOBEL[i][j], SOBEL[j][i]]] * channels for j in range(3)] for i in range(3)]
    wide = wide_dtype(x)
    y = depthwise_conv(OPS["cast"](x, wide), OPS["cast"](_tensor(kernel), wide), 1, "same",
                       "channels_last")
    y = OPS["cast"](y, dtype)
    down, across = (restore(get_item(y, (..., slice(i, None, 2)))) for i in range(2))
    return stack([down, across], -1)


@public("ops.image.ssim")
def ssim(
    image1, image2, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03,
    data_format=None,
):
    """Structural similarity of two images: 1 for equal ones.

    The mean over places and channels of
    (2 m1 m2 + c1) (2 v12 + c2) / ((m1**2 + m2**2 + c1) (v1 + v2 + c2)) with means m, variances v
    and covariance v12 under a Gaussian window, c1 = (k1 max_val)**2 and c2 = (k2 max_val)**2.

    Args:
        image1, image2: tensors of one shape, (height, width, channels) or (batch, height, width,
            channels); with "channels_first" the channels come before the height.
        max_val: the largest value a pixel can have, 255 for images of whole numbers.
        filter_size, filter_sigma: pixels and standard deviation of the window.
        k1, k2: how much small means and variances are damped.
        data_format: "channels_last" or "channels_first"; None: the global setting.

    Returns:
        Floating tensor (batch,), or () for single images.

    Reference: Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, 2004, Image quality
    assessment: from error visibility to structural similarity.

    >>> import minikeras as keras
    >>> x = keras.random.uniform((16, 16, 1), seed=1)
    >>> float(keras.ops.image.ssim(x, x)) == 1.0
    True
    """
    image1, image2 = _tensor(image1), _tensor(image2)
    shapes = tuple(image1.shape), tuple(image2.shape)
    if len(shapes[0]) != len(shapes[1]) or any(
        None not in (m, n) and m != n for m, n in zip(*shapes)
    ):
        raise ValueError(
            "ops.image.ssim: the images must have one shape. "
            f"Received: {shapes[0]} and {shapes[1]}"
        )
    target = to_float(canonical(image1.dtype))
    wide = wide_dtype(image1, image2)
    (a, _), (b, _) = (batched("ssim", OPS["cast"](x, wide), data_format) for x in (image1, image2))
    _channels("ssim", a)
    if any(n is not None and n < filter_size for n in a.shape[1:3]):
        raise ValueError(
            f"ops.image.ssim: the images are smaller than the window of {filter_size} pixels; "
            f"give a smaller `filter_size`. Received: shape {shapes[0]}"
        )
    sigma = OPS["cast"](_tensor([filter_sigma, filter_sigma]), wide)

    def local_mean(x):
        return gaussian_filter(x, sigma, (filter_size, filter_size), "valid")

    m1, m2 = local_mean(a), local_mean(b)
    products, squares = m1 * m2, m1 * m1 + m2 * m2
    covariance = local_mean(a * b) - products
    variances = local_mean(a * a + b * b) - squares
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    similarity = (2.0 * products + c1) / (squares + c1)
    similarity = similarity * (2.0 * covariance + c2) / (variances + c2)
    y = OPS["cast"](mean(similarity, axis=(1, 2, 3)), target)
    return squeeze(y, 0) if len(shapes[0]) == 3 else y
