"""What the table of samples leaves out of `ops.image`: random shifts, names, wrong arguments."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops
from minikeras.ops import image

RAMP = np.broadcast_to(np.arange(60.0)[:, None, None], (2, 60, 70, 1)).astype("float32")


def shifts(**options):
    """How far down each pixel is read, away from the borders."""
    y = ops.convert_to_numpy(image.elastic_transform(RAMP, fill_mode="nearest", **options))
    return (y - RAMP)[:, 15:-15, 15:-15, 0]


def correlation(d, lag):
    return (d[:, :, :-lag] * d[:, :, lag:]).mean() / (d**2).mean()


def test_elastic_shifts_are_smooth_and_of_the_strength_asked_for():
    d = shifts(alpha=10.0, sigma=2.0, seed=3)
    assert d.std() == pytest.approx(2.82, rel=0.15)  # alpha / (2 sqrt(pi))
    for lag in (1, 2, 4):  # noise blurred by sigma: exp(-lag**2 / (4 sigma**2))
        assert correlation(d, lag) == pytest.approx(np.exp(-lag**2 / 16), abs=0.12)
    assert abs((d[0] * d[1]).mean()) < 0.3 * d.var()  # each image has its own


def test_elastic_shifts_down_and_across_are_not_the_same():
    across = np.swapaxes(RAMP, 1, 2)
    y = ops.convert_to_numpy(image.elastic_transform(
        across[:, :60], 10.0, 2.0, fill_mode="nearest", seed=3))
    d = shifts(alpha=10.0, sigma=2.0, seed=3)[:, :, :30]
    e = (y - across[:, :60])[:, 15:-15, 15:-15, 0]
    assert abs((d * e).mean()) < 0.3 * d.std() * e.std()


def test_elastic_transform_follows_its_seed_and_strength(device):
    x = ops.convert_to_tensor(RAMP)
    a, b, c = (ops.convert_to_numpy(image.elastic_transform(x, seed=s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1
    np.testing.assert_allclose(
        ops.convert_to_numpy(image.elastic_transform(x, alpha=0.0)), RAMP, atol=1e-5)
    generator = keras.random.SeedGenerator(1)
    a, b = (ops.convert_to_numpy(image.elastic_transform(x, seed=generator)) for _ in range(2))
    assert np.abs(a - b).max() > 1


def test_elastic_transform_is_the_same_on_every_device(fakecupy):
    want = ops.convert_to_numpy(image.elastic_transform(RAMP, seed=1))
    with keras.device("gpu"):
        got = image.elastic_transform(ops.convert_to_tensor(RAMP), seed=1)
        np.testing.assert_allclose(ops.convert_to_numpy(got), want, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_elastic_transform_keeps_shape_and_dtype(dtype):
    x = (RAMP[:, :8, :9] * 3).astype(dtype)
    for options in ({}, {"interpolation": "nearest"}, {"fill_mode": "wrap"}):
        y = image.elastic_transform(x, seed=1, **options)
        assert (ops.dtype(y), y.shape) == (dtype, x.shape)
    y = image.elastic_transform(x[0].transpose(2, 0, 1), seed=1, data_format="channels_first")
    assert y.shape == (1, 8, 9)


def test_elastic_transform_of_images_of_unknown_size():
    x = keras.KerasTensor((None, None, None, 3))
    y = image.elastic_transform(x, seed=1)
    assert (y.shape, y.dtype) == (x.shape, "float32")
    value = np.random.default_rng(0).normal(size=(2, 6, 7, 3)).astype("float32")
    got = keras.Function(x, y)(value)
    np.testing.assert_array_equal(got.numpy(), image.elastic_transform(value, seed=1).numpy())


def test_gradient_of_an_elastic_transform():
    rng = np.random.default_rng(0)
    x, w, v = (rng.normal(size=(1, 5, 6, 2)) for _ in range(3))

    def loss(x):
        return ops.sum(image.elastic_transform(x, 2.0, 1.0, seed=1) * w)

    slope = np.sum(ops.convert_to_numpy(keras.grad(loss)(ops.convert_to_tensor(x))) * v)
    want = (float(loss(x + 1e-5 * v)) - float(loss(x - 1e-5 * v))) / 2e-5
    assert slope == pytest.approx(want, rel=1e-6)


def test_images_are_no_flat_ops():
    assert not hasattr(ops, "resize")
    assert keras.ops.image.resize is image.resize


X = np.zeros((2, 5, 6, 3), "float32")
FLAT = np.zeros((5, 6), "float32")
WRONG = [
    (lambda: image.resize(FLAT, (2, 2)), "ops.image.resize: expected 3 dimensions.*(5, 6)"),
    (lambda: image.resize(X, 4), "ops.image.resize: `size` must be a positive .* size=4"),
    (lambda: image.resize(X, (0, 3)), r"`size` must be .* size=\(0, 3\)"),
    (lambda: image.resize(X, (3, 3), "foo"), "resize: `interpolation` must be one of .* 'foo'"),
    (lambda: image.resize(X, (3, 3), fill_mode="wrap"), "`fill_mode` must be one of .*'wrap'"),
    (lambda: image.resize(X, (3, 3), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
     "only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio`"),
    (lambda: image.resize(X, (3, 3), data_format="first"), "data_format"),
    (lambda: image.crop_images(X, 1), "exactly two of top_cropping, bottom_cropping, target_h"),
    (lambda: image.crop_images(X, 1, 0, 1, 0, 3, 3), "crop_images: give exactly two"),
    (lambda: image.crop_images(X, -1, 0, 0, 0), "top_cropping must not be negative.* -1"),
    (lambda: image.crop_images(X, 4, 0, 4, 0), "target_height must not be negative.* -3"),
    (lambda: image.crop_images(X, 1, 0, target_height=9, target_width=2),
     "bottom_cropping must not be negative.* -5 for images of 5"),
    (lambda: image.pad_images(X, 1, 0, target_height=3, target_width=6),
     "bottom_padding must not be negative.* -3"),
    (lambda: image.extract_patches(X, (2, 2, 2, 2)), "extract_patches: `size` must be"),
    (lambda: image.extract_patches(X, 9), "the window does not fit"),
    (lambda: image.extract_patches(X, 2, padding="causal"), "extract_patches: `padding` must be"),
    (lambda: image.extract_patches_3d(X[0, 0], 2), "extract_patches_3d: expected 4 dimensions"),
    (lambda: image.gaussian_blur(X, 0), "gaussian_blur: `kernel_size` must be"),
    (lambda: image.sobel_edges(X.astype("uint8")), "sobel_edges: slopes may be negative.*uint8"),
    (lambda: image.ssim(X, X[:, :4]), r"ssim: the images must have one shape.*\(2, 4, 6, 3\)"),
    (lambda: image.ssim(X, X), "images are smaller than the window of 11 pixels"),
    (lambda: image.rgb_to_hsv(X.astype("uint8")), "rgb_to_hsv: `images` must be floating"),
    (lambda: image.hsv_to_rgb(X[..., :2]), "hsv_to_rgb: `images` must have 3 channels"),
    (lambda: image.rgb_to_grayscale(X[..., :2]), "rgb_to_grayscale: `images` must have 3"),
    (lambda: image.map_coordinates(FLAT, np.zeros((3, 4)), 1),
     r"the first dimension of `coordinates` must be the inputs' number of axes, 2.*\(3, 4\)"),
    (lambda: image.map_coordinates(FLAT, np.zeros((2, 4)), 2), "`order` must be one of .* 2"),
    (lambda: image.map_coordinates(FLAT, np.zeros((2, 4)), 1, "foo"), "`fill_mode` must be"),
    (lambda: image.affine_transform(X, np.zeros(6)), r"`transform` must have shape \(8,\)"),
    (lambda: image.affine_transform(X, np.zeros((3, 8))), "is for 3 images, and there are 2"),
    (lambda: image.affine_transform(X, np.zeros(8), "cubic"), "`interpolation` must be one of"),
    (lambda: image.perspective_transform(X, np.zeros((3, 2)), np.zeros((4, 2))),
     r"`start_points` must have shape \(4, 2\)"),
    (lambda: image.scale_and_translate(X, (2, 3, 4, 3), [1.0], [0.0], (1,), "linear"),
     "`output_shape` must be the images' shape outside"),
    (lambda: image.scale_and_translate(X, (2, 3, 6, 3), [1.0, 1.0], [0.0], (1,), "linear"),
     r"`scale` must have shape \(1,\)"),
    (lambda: image.scale_and_translate(X, (2, 3, 6, 3), [1.0], [0.0], (1,), "nearest"),
     "`method` must be one of"),
]


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_unknown_channels_are_blurred_one_by_one():
    assert image.gaussian_blur(keras.KerasTensor((None, 4, 4, None))).shape == (None, 4, 4, None)
