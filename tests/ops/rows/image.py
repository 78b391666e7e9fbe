"""Rows of `ops.image`."""

import colorsys
import itertools

import numpy as np
from scipy import ndimage

from tests.ops.samples import FLOATS, i, r, row, u, whole

FIRST = {"data_format": "channels_first"}


def along(x, axis, function):
    return np.apply_along_axis(function, axis, x)


def on_images(function):
    """The function for (batch, height, width, channels) on images of any layout."""

    def call(images, *args, data_format="channels_last", **options):
        x = images if images.ndim == 4 else images[None]
        x = x if data_format == "channels_last" else np.moveaxis(x, 1, -1)
        y = function(x, *args, **options)
        y = y if data_format == "channels_last" else np.moveaxis(y, -1, 1)
        return y if images.ndim == 4 else y[0]

    return call


# ---------------------------------------------------------------- resize
def kernel(method):
    """A resizing kernel as a function of the distance, by its definition."""
    def cubic(t):
        if t < 1:
            return 1.5 * t**3 - 2.5 * t**2 + 1
        return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0

    def lanczos(a):
        return lambda t: np.sinc(t) * np.sinc(t / a) if t < a else 0.0

    return {"bilinear": lambda t: max(1 - t, 0.0), "bicubic": cubic, "lanczos3": lanczos(3),
            "lanczos5": lanczos(5)}[method]


def resized(line, size, method="bilinear", antialias=False, scale=None, shift=0.0):
    """One line of pixels in another length, pixel by pixel."""
    n = len(line)
    scale, k = size / n if scale is None else scale, kernel(method)
    wide = max(1 / scale, 1.0) if antialias else 1.0
    out = np.zeros(size)
    for o in range(size):
        at = (o + 0.5 - shift) / scale - 0.5
        w = np.array([k(abs(at - j) / wide) for j in range(n)])
        if -0.5 <= at <= n - 0.5 and abs(w.sum()) > 1e-12:
            out[o] = w @ line / w.sum()
    return out


@on_images
def resize(x, size, interpolation="bilinear", antialias=False, crop_to_aspect_ratio=False,
           pad_to_aspect_ratio=False, fill_value=0.0):
    h, w = x.shape[1:3]
    if crop_to_aspect_ratio:
        ch, cw = min(h, w * size[0] // size[1]), min(w, h * size[1] // size[0])
        top, left = (h - ch) // 2, (w - cw) // 2
        x = x[:, top : top + ch, left : left + cw]
    if pad_to_aspect_ratio:
        ph = (max(w * size[0] // size[1], h) - h) // 2
        pw = (max(h * size[1] // size[0], w) - w) // 2
        x = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)), constant_values=fill_value)
    for axis, n in zip((1, 2), size):
        m = x.shape[axis]
        if interpolation == "nearest":
            x = np.take(x, [int((o + 0.5) * m / n) for o in range(n)], axis)
        elif interpolation == "area":
            x = along(x, axis, lambda v, n=n: np.array([
                np.repeat(v, n)[o * len(v) : (o + 1) * len(v)].mean() for o in range(n)]))
        else:
            x = along(x, axis, lambda v, n=n: resized(v, n, interpolation, antialias))
    return x


for method in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5", "area"):
    row("image.resize", resize, r(2, 5, 7, 3), (3, 9), interpolation=method, dtypes_=FLOATS,
        loose_=2)
    row("image.resize", resize, r(5, 7, 2), (9, 3), interpolation=method, antialias=True,
        dtypes_=FLOATS, loose_=2, unknown_=(1,))
row("image.resize", resize, r(1, 64, 3, 1), (40, 4), dtypes_=FLOATS, loose_=2)
row("image.resize", resize, r(1, 2, 65, 2), (2, 80), dtypes_=FLOATS, loose_=2)
row("image.resize", resize, r(1, 64, 2, 1), (40, 2), antialias=True, dtypes_=FLOATS, loose_=2)
row("image.resize", resize, r(2, 3, 5, 4), (7, 4), dtypes_=FLOATS, unknown_=(0, 2, 3), **FIRST)
row("image.resize", resize, r(1, 5, 9, 17), (5, 3), dtypes_=FLOATS)
row("image.resize", resize, r(2, 5, 9, 1), (4, 4), crop_to_aspect_ratio=True, dtypes_=FLOATS,
    unknown_=(0, 1, 2))
row("image.resize", resize, r(2, 5, 8, 1), (4, 4), pad_to_aspect_ratio=True, fill_value=0.5,
    dtypes_=FLOATS, unknown_=(0, 1, 2))
whole("image.resize", lambda x, size: np.rint(resize(x, size)), i(1, 5, 7, 2, high=256), (7, 5))


def scale_and_translate(x, shape, scale, translation, dims, method, antialias=True):
    method = {"linear": "bilinear", "cubic": "bicubic"}.get(method, method)
    for axis, s, t in zip(dims, scale, translation):
        x = along(x, axis, lambda v, a=axis, s=s, t=t: resized(
            v, shape[a], method, antialias, s, t))
    return x


for method in ("linear", "cubic", "lanczos3", "lanczos5"):
    row("image.scale_and_translate", scale_and_translate, r(2, 5, 7), (2, 4, 9),
        np.array([0.7, 1.3]), np.array([0.31, -0.57]), (1, 2), method, dtypes_=("float32",),
        unknown_=False, loose_=20)
row("image.scale_and_translate", scale_and_translate, r(5, 7), (5, 9), np.array([0.61]),
    np.array([1.34]), (1,), "linear", antialias=False, dtypes_=("float32",), unknown_=False,
    loose_=20)


# ---------------------------------------------------------------- warps
SCIPY = {"constant": "grid-constant", "wrap": "grid-wrap"}


def map_coordinates(x, at, order, fill_mode="constant", fill_value=0):
    at = at.astype(float)
    if order == 0:
        at = np.sign(at) * np.floor(np.abs(at) + 0.5)
    mode = SCIPY.get(fill_mode, fill_mode)
    return ndimage.map_coordinates(x.astype(float), at, order=order, cval=fill_value, mode=mode)


for mode in ("constant", "nearest", "wrap", "mirror", "reflect"):
    for order in (0, 1):
        options = {"fill_mode": mode, "fill_value": 0.5 if mode == "constant" else 0}
        row("image.map_coordinates", map_coordinates, r(4, 5), u(2, 3, 6, low=-9, high=13), order,
            dtypes_=("float32",), unknown_=False, loose_=20, grad_=True, **options)
row("image.map_coordinates", map_coordinates, r(3), u(1, 4, low=-1, high=3), 1,
    dtypes_=("float32",), unknown_=False, loose_=20)
row("image.map_coordinates", map_coordinates, r(3, 2, 4), u(3, 5, low=-1, high=4), 1,
    dtypes_=("float32",), unknown_=False, loose_=20)
whole("image.map_coordinates", map_coordinates, i(4, 5), i(2, 7, low=-2, high=6), 1,
      unknown_=False)


def moved(x, places, interpolation, fill_mode, fill_value):
    """Images at places(k, X, Y) -> (x, y) for image k."""
    y, xs = np.meshgrid(np.arange(x.shape[1]), np.arange(x.shape[2]), indexing="ij")
    out = np.empty(x.shape)
    for k in range(x.shape[0]):
        across, down = places(k, xs, y)
        for c in range(x.shape[3]):
            out[k, :, :, c] = map_coordinates(
                x[k, :, :, c], np.stack([down, across]), int(interpolation == "bilinear"),
                fill_mode, fill_value)
    return out


@on_images
def affine(x, t, interpolation="bilinear", fill_mode="constant", fill_value=0):
    t = np.broadcast_to(t, (x.shape[0], 8))

    def places(k, px, py):
        a = t[k]
        return a[0] * px + a[1] * py + a[2], a[3] * px + a[4] * py + a[5]

    return moved(x, places, interpolation, fill_mode, fill_value)


TURNS = np.array([[0.93, 0.31, -1.07, -0.21, 1.13, 0.57, 0, 0],
                  [1.21, 0.03, 0.26, 0.11, 0.73, -2.2, 0, 0]])
for mode in ("constant", "nearest", "wrap", "mirror", "reflect"):
    row("image.affine_transform", affine, r(2, 4, 5, 3), TURNS, fill_mode=mode, dtypes_=(
        "float32",), loose_=20)
row("image.affine_transform", affine, r(2, 3, 4, 5), TURNS[0], "nearest", unknown_=False,
    dtypes_=("float32",), **FIRST)
row("image.affine_transform", affine, r(4, 5, 2), TURNS[1], fill_value=0.5, unknown_=False,
    dtypes_=("float32",), loose_=20)
whole("image.affine_transform", lambda x, t: np.floor(affine(x, t) + 0.5),
      i(1, 4, 5, 1, high=256, dtype="uint8"), TURNS[0].astype("float32"), unknown_=False)


@on_images
def perspective(x, start, end, interpolation="bilinear", fill_value=0):
    start, end = (np.broadcast_to(p, (x.shape[0], 4, 2)) for p in (start, end))

    def places(k, px, py):
        rows = []
        for (p, q), (a, b) in zip(start[k], end[k]):
            rows += [[a, b, 1, 0, 0, 0, -p * a, -p * b, p],
                     [0, 0, 0, a, b, 1, -q * a, -q * b, q]]
        rows = np.array(rows)
        c = np.linalg.solve(rows[:, :8], rows[:, 8])
        depth = c[6] * px + c[7] * py + 1
        return (c[0] * px + c[1] * py + c[2]) / depth, (c[3] * px + c[4] * py + c[5]) / depth

    return moved(x, places, interpolation, "constant", fill_value)


START = np.array([[0.0, 0], [4, 0], [0, 3], [4, 3]])
ENDS = np.array([[[0.5, 0.25], [3.6, 0.4], [0.1, 3.2], [4.3, 2.6]],
                 [[0.1, 0.2], [3.2, 0.3], [1, 3.1], [4, 3.3]]])
row("image.perspective_transform", perspective, r(2, 4, 5, 3), np.stack([START, START]), ENDS,
    dtypes_=("float32",), loose_=50)
row("image.perspective_transform", perspective, r(2, 3, 4, 5), START, ENDS[0], "nearest",
    unknown_=False, dtypes_=("float32",), **FIRST)
row("image.perspective_transform", perspective, r(4, 5, 1), START, ENDS[1], fill_value=0.5,
    unknown_=False, dtypes_=("float32",), loose_=50)


# ---------------------------------------------------------------- filters
def window(size, sigma):
    w = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / sigma) ** 2)
    return w / w.sum()


@on_images
def blur(x, kernel_size=(3, 3), sigma=(1.0, 1.0)):
    sigma = np.broadcast_to(sigma, 2)
    for axis, size, s in zip((1, 2), kernel_size, sigma):
        ends = ((size - 1) // 2, size // 2)
        x = np.pad(x, [ends if a == axis else (0, 0) for a in range(4)])
        x = along(x, axis, lambda v, size=size, s=s: np.correlate(v, window(size, s), "valid"))
    return x


row("image.gaussian_blur", blur, r(2, 5, 6, 3), dtypes_=FLOATS)
row("image.gaussian_blur", blur, r(2, 5, 6, 2), (5, 2), (1.5, 0.7), dtypes_=FLOATS, unknown_=(0, 1))
row("image.gaussian_blur", blur, r(5, 6, 1), (3, 3), np.array([0.8, 1.3]), unknown_=False,
    dtypes_=FLOATS)
row("image.gaussian_blur", blur, r(2, 3, 4, 5), (2, 4), dtypes_=FLOATS, **FIRST)
whole("image.gaussian_blur", lambda x: np.rint(blur(x)), i(1, 4, 5, 2, high=256))


@on_images
def sobel(x):
    down = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
    slopes = [ndimage.correlate(x.astype(float), k[None, :, :, None], mode="constant")
              for k in (down, down.T)]
    return np.concatenate(slopes, -1)


def sobel_edges(x, **options):
    axis = -3 if options else -1
    return np.stack(np.split(sobel(x, **options), 2, axis), -1)


row("image.sobel_edges", sobel_edges, r(2, 4, 5, 3), dtypes_=FLOATS, unknown_=(0, 1))
row("image.sobel_edges", sobel_edges, r(2, 3, 4, 5), dtypes_=FLOATS, **FIRST)
row("image.sobel_edges", sobel_edges, r(4, 5, 1), dtypes_=FLOATS)
whole("image.sobel_edges", sobel_edges, i(1, 4, 5, 2, high=256))


def ssim(x, y, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03,
         data_format="channels_last"):
    if data_format == "channels_first":
        x, y = np.moveaxis(x, 1, -1), np.moveaxis(y, 1, -1)
    w = window(filter_size, filter_sigma)
    w = w[:, None] * w
    windows = np.lib.stride_tricks.sliding_window_view
    a, b = (windows(v.astype(float), (filter_size, filter_size), (-3, -2)) for v in (x, y))

    def mean(v):
        return (v * w).sum((-2, -1))

    m, n = mean(a), mean(b)
    va, vb, vab = mean(a * a) - m * m, mean(b * b) - n * n, mean(a * b) - m * n
    c, d = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    s = (2 * m * n + c) * (2 * vab + d) / ((m * m + n * n + c) * (va + vb + d))
    return s.mean((-3, -2, -1))


row("image.ssim", ssim, u(2, 12, 13, 2, low=0, high=1), u(2, 12, 13, 2, low=0, high=1, seed=1),
    dtypes_=("float32",), loose_=50)
row("image.ssim", ssim, u(2, 2, 6, 7, low=0, high=1), u(2, 2, 6, 7, low=0, high=1, seed=1), 2.0, 4,
    1.0, k1=0.02, k2=0.05, dtypes_=("float32",), loose_=50, **FIRST)
row("image.ssim", ssim, u(12, 13, 1, low=0, high=1), u(12, 13, 1, low=0, high=1, seed=1),
    dtypes_=("float32",), loose_=50)


# ---------------------------------------------------------------- colours
@on_images
def gray(x):
    return x[..., :1] * 0.2989 + x[..., 1:2] * 0.587 + x[..., 2:] * 0.114


def by_color(function):
    """A function of three numbers on all colours of images."""
    return on_images(lambda x: along(x, -1, lambda c: np.array(function(*c))))


row("image.rgb_to_grayscale", gray, r(2, 3, 4, 3), dtypes_=FLOATS, unknown_=(0, 1, 2))
row("image.rgb_to_grayscale", gray, r(2, 3, 4, 2), dtypes_=FLOATS, **FIRST)
row("image.rgb_to_grayscale", lambda x: x, r(3, 4, 1))
whole("image.rgb_to_grayscale", lambda x: np.floor(gray(x)), i(2, 3, 3, high=256, dtype="uint8"))


row("image.rgb_to_hsv", by_color(colorsys.rgb_to_hsv), u(2, 3, 4, 3, low=0, high=1),
    dtypes_=FLOATS, unknown_=(0, 1, 2))
row("image.rgb_to_hsv", by_color(colorsys.rgb_to_hsv), u(3, 4, 5, low=0, high=1),
    dtypes_=FLOATS, **FIRST)
whole("image.rgb_to_hsv", by_color(colorsys.rgb_to_hsv), np.array(
    [[[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]]],
    "float64"), dtypes_=FLOATS)
row("image.hsv_to_rgb", by_color(colorsys.hsv_to_rgb), u(2, 3, 4, 3, low=0, high=1),
    dtypes_=FLOATS, unknown_=(0, 1, 2), loose_=2)
row("image.hsv_to_rgb", by_color(colorsys.hsv_to_rgb), u(3, 4, 5, low=0, high=2),
    dtypes_=FLOATS, loose_=20, **FIRST)


# ---------------------------------------------------------------- borders and patches
@on_images
def crop(x, top, left, bottom, right):
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


@on_images
def pad(x, top, left, bottom, right):
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))


row("image.crop_images", crop, r(2, 5, 6, 3), 1, 2, 1, 0, unknown_=(0, 1, 2))
row("image.crop_images", crop, r(2, 3, 5, 6), 1, 2, 4, 0, **FIRST)
row("image.crop_images", lambda x, **_: crop(x, 1, 2, 1, 1), r(5, 6, 1), bottom_cropping=1,
    target_height=3, left_cropping=2, target_width=3, unknown_=(0, 1))
row("image.pad_images", pad, r(2, 5, 6, 3), 1, 2, 1, 0, unknown_=(0, 1, 2))
row("image.pad_images", pad, r(2, 3, 5, 6), 1, 2, 0, 3, **FIRST)
row("image.pad_images", lambda x, **_: pad(x, 2, 2, 1, 1), r(5, 6, 1), bottom_padding=1,
    target_height=8, left_padding=2, target_width=9, unknown_=(0, 1))


def patches(x, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """Each window of (batch, *spatial, channels) as one vector."""
    x = np.moveaxis(x, 1, -1) if data_format else x
    d = x.ndim - 2
    size, strides, rate = (
        (v,) * d if isinstance(v, int) else v for v in (size, strides or size, dilation_rate))
    reach = [(k - 1) * g + 1 for k, g in zip(size, rate)]
    if padding == "same":
        lost = [max((-(-n // s) - 1) * s + k - n, 0) for n, s, k in
                zip(x.shape[1:], strides, reach)]
        x = np.pad(x, [(0, 0), *((v // 2, v - v // 2) for v in lost), (0, 0)])
    places = [range(0, n - k + 1, s) for n, k, s in zip(x.shape[1:], reach, strides)]
    y = np.empty((x.shape[0], *map(len, places), int(np.prod(size)) * x.shape[-1]), x.dtype)
    for at in itertools.product(*(range(len(p)) for p in places)):
        key = tuple(slice(p[o], p[o] + k, g) for p, o, k, g in zip(places, at, reach, rate))
        y[(slice(None), *at)] = x[(slice(None), *key)].reshape(x.shape[0], -1)
    return np.moveaxis(y, -1, 1) if data_format else y


row("image.extract_patches", patches, r(2, 5, 7, 3), 2)
row("image.extract_patches", patches, r(2, 6, 7, 2), (2, 3), strides=1, dilation_rate=2)
row("image.extract_patches", patches, r(2, 5, 7, 2), (2, 3), strides=(2, 1), padding="same",
    unknown_=(0, 1))
row("image.extract_patches", patches, r(2, 3, 4, 6), 2, **FIRST)
row("image.extract_patches", lambda x, k: patches(x[None], k)[0], r(4, 6, 1), 2)
whole("image.extract_patches", patches, i(1, 4, 6, 2), 2)
row("image.extract_patches_3d", patches, r(2, 4, 5, 3, 2), 2)
row("image.extract_patches_3d", patches, r(1, 3, 4, 5, 2), (2, 3, 2), strides=(1, 2, 3),
    padding="same")
row("image.extract_patches_3d", patches, r(1, 2, 4, 3, 5), (1, 2, 3), dilation_rate=(1, 1, 2),
    **FIRST)
row("image.extract_patches_3d", lambda x, k: patches(x[None], k)[0], r(4, 4, 2, 1), 2)
