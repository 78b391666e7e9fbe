"""Probes of `ops.image`: calls by name, on inputs by formula."""

import numpy as np

from tests.golden.formulas import integers, uniform
from tests.golden.package import array, keras

image = keras.ops.image
X = uniform((2, 7, 9, 3), 1)
ONE = uniform((2, 5, 6, 1), 2)
COLORS = (uniform((2, 4, 5, 3), 3) + 1) / 2
BYTES = integers((1, 7, 9, 3), 4, 256).astype("uint8")
WHOLE = integers((1, 6, 7, 3), 5, 1000).astype("int32")
LARGE = (uniform((2, 15, 14, 2), 6) + 1) / 2
NEAR = np.clip(LARGE + 0.2 * uniform((2, 15, 14, 2), 7), 0, 1).astype("float32")
VOLUME = uniform((2, 4, 5, 6, 2), 8)
LINE = np.linspace(-9, 15, 97, dtype="float32")[None]
PLACES = (uniform((2, 5, 4), 9) * 8 + 3).astype("float32")
TURN = np.array([[0.9, 0.3, -1, -0.2, 1.1, 0.5, 0, 0], [1.2, 0, 0.25, 0.1, 0.7, -2, 0, 0]],
                "float32")
START = np.array([[[0, 0], [8, 0], [0, 6], [8, 6]]] * 2, "float32")
END = np.array([[[1, 0.5], [7, 1], [0, 6], [8, 5]], [[0, 0], [6, 0], [2, 6], [8, 6.5]]], "float32")
MODES = "constant", "nearest", "wrap", "mirror", "reflect"
LAST = {"data_format": "channels_last"}  # where Keras takes None for channels_first


def first(x):
    return np.moveaxis(x, -1, 1)


CASES = {}
for _method in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"):
    for _size in ((4, 5), (11, 13), (14, 3)):
        for _wide in (False, True):
            CASES[f"resize {_method} {_size} antialias={_wide}"] = (
                lambda m=_method, s=_size, a=_wide: image.resize(
                    X, s, interpolation=m, antialias=a))
    CASES[f"resize {_method} bytes"] = (
        lambda m=_method: image.resize(BYTES, (11, 13), interpolation=m))
    CASES[f"resize {_method} whole"] = (
        lambda m=_method: image.resize(WHOLE, (4, 9), interpolation=m))
for _fit in ("crop", "pad"):
    for _size in ((4, 4), (5, 9), (9, 3), (20, 31)):
        CASES[f"resize {_fit} {_size}"] = lambda f=_fit, s=_size: image.resize(
            X, s, **{f"{f}_to_aspect_ratio": True}, fill_value=0.0 if f == "crop" else 0.5)
CASES |= {
    "resize channels_first": lambda: image.resize(first(X), (4, 11), data_format="channels_first"),
    "resize one image": lambda: image.resize(X[0], (4, 11)),
    "rgb_to_grayscale": lambda: image.rgb_to_grayscale(COLORS),
    "rgb_to_grayscale bytes": lambda: image.rgb_to_grayscale(BYTES),
    "rgb_to_grayscale channels_first": lambda: image.rgb_to_grayscale(
        first(COLORS), data_format="channels_first"),
    "rgb_to_hsv": lambda: image.rgb_to_hsv(COLORS),
    "rgb_to_hsv outside": lambda: image.rgb_to_hsv(X),
    "rgb_to_hsv channels_first": lambda: image.rgb_to_hsv(
        first(COLORS), data_format="channels_first"),
    "hsv_to_rgb": lambda: image.hsv_to_rgb(COLORS),
    "hsv_to_rgb outside": lambda: image.hsv_to_rgb(X * 2),
    "extract_patches": lambda: image.extract_patches(X, 3),
    "extract_patches same": lambda: image.extract_patches(X, (2, 4), strides=2, padding="same"),
    "extract_patches dilated": lambda: image.extract_patches(
        X, (2, 3), strides=1, dilation_rate=2),
    "extract_patches channels_first": lambda: image.extract_patches(
        first(X), 2, data_format="channels_first"),
    "extract_patches whole": lambda: image.extract_patches(WHOLE, 3),
    "extract_patches one image": lambda: image.extract_patches(X[0], 4, strides=1),
    "extract_patches_3d": lambda: image.extract_patches_3d(VOLUME, 2),
    "extract_patches_3d same": lambda: image.extract_patches_3d(
        VOLUME, (2, 3, 2), strides=(1, 2, 3), padding="same"),
    "extract_patches_3d channels_first": lambda: image.extract_patches_3d(
        first(VOLUME), (1, 2, 3), data_format="channels_first"),
    "crop_images": lambda: image.crop_images(X, 1, 2, 1, 0),
    "crop_images to a size": lambda: image.crop_images(
        X, bottom_cropping=1, left_cropping=2, target_height=3, target_width=4),
    "pad_images": lambda: image.pad_images(X, 1, 2, 0, 3),
    "pad_images to a size": lambda: image.pad_images(
        X, bottom_padding=1, left_padding=2, target_height=12, target_width=13),
    "gaussian_blur": lambda: image.gaussian_blur(X, **LAST),
    "gaussian_blur wide": lambda: image.gaussian_blur(X, (4, 4), (1.5, 1.5), **LAST),
    "sobel_edges": lambda: image.sobel_edges(X),
    "sobel_edges whole": lambda: image.sobel_edges(WHOLE),
    "sobel_edges channels_first": lambda: image.sobel_edges(
        first(X), data_format="channels_first"),
    "ssim": lambda: image.ssim(LARGE, NEAR),
    "ssim options": lambda: image.ssim(
        LARGE, NEAR, max_val=2.0, filter_size=6, filter_sigma=1.0, k1=0.02, k2=0.05),
    "ssim one image": lambda: image.ssim(LARGE[0], NEAR[0]),
    "affine_transform one image": lambda: image.affine_transform(X[0], TURN[1]),
    "affine_transform bytes": lambda: image.affine_transform(
        BYTES, TURN[0] + np.float32([0.031, 0.017, -0.07, 0.013, 0.041, 0.057, 0, 0])),
    "affine_transform channels_first": lambda: image.affine_transform(
        first(X), TURN, data_format="channels_first"),
    "perspective_transform": lambda: image.perspective_transform(X, START, END),
    "perspective_transform nearest": lambda: image.perspective_transform(
        X, START, END, interpolation="nearest", fill_value=3),
    "perspective_transform one image": lambda: image.perspective_transform(
        X[0], START[0], END[0]),
    "perspective_transform whole": lambda: image.perspective_transform(
        WHOLE, START[:1], END[:1]),
    "map_coordinates bytes": lambda: image.map_coordinates(BYTES[0, :, :, 0], PLACES, 1),
    "scale_and_translate whole": lambda: image.scale_and_translate(
        WHOLE, (1, 4, 9, 3), np.float32([0.6, 1.3]), np.float32([0.3, -0.7]), (1, 2), "linear"),
}
for _mode in MODES:
    for _order in (0, 1):
        CASES[f"map_coordinates line {_mode} {_order}"] = (
            lambda m=_mode, o=_order: image.map_coordinates(
                X[0, 0, :, 0], LINE, o, fill_mode=m, fill_value=-2))
        CASES[f"map_coordinates plane {_mode} {_order}"] = (
            lambda m=_mode, o=_order: image.map_coordinates(ONE[0, :, :, 0], PLACES, o, m))
        CASES[f"affine_transform {_mode} {_order}"] = (
            lambda m=_mode, o=_order: image.affine_transform(
                X, TURN, ("nearest", "bilinear")[o], m, -1))
for _method in ("linear", "bicubic", "lanczos3", "lanczos5"):
    for _wide in (False, True):
        CASES[f"scale_and_translate {_method} antialias={_wide}"] = (
            lambda m=_method, a=_wide: image.scale_and_translate(
                X, (2, 4, 12, 3), np.float32([0.6, 1.3]), np.float32([0.3, -0.7]), (1, 2), m, a))


def every():
    """All results by name."""
    return {name: array(call()) for name, call in CASES.items()}
