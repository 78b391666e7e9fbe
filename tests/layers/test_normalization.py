"""Normalization layers: values from the definition, moving averages, masks, frozen layers."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

MASK = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 1]], bool)


def array(shape, seed=0):
    return np.random.default_rng(seed).normal(1, 2, shape).astype("float32")


def host(x):
    return ops.convert_to_numpy(x)


def weighted(layer, shape):
    """The layer, built, with weights that are no ones and zeros."""
    layer.build(shape)
    rng = np.random.default_rng(1)
    for w in layer.trainable_weights:
        w.assign(rng.uniform(0.5, 2, w.shape))
    return layer


def normalized(x, axes, epsilon, where=True):
    where = np.broadcast_to(where, x.shape)
    mean = x.mean(axes, keepdims=True, where=where)
    variance = x.var(axes, keepdims=True, where=where)
    return (x - mean) / np.sqrt(variance + epsilon), mean, variance


def wide(w, ndim, *axes):
    shape = [1] * ndim
    for axis, n in zip(axes, w.shape):
        shape[axis] = n
    return host(w).reshape(shape)


# ---------------------------------------------------------------- batch
@pytest.mark.parametrize("axis", [-1, 1, 2])
@pytest.mark.parametrize("masked", [False, True])
def test_batch(axis, masked):
    x = array((3, 3, 4))
    layer = weighted(layers.BatchNormalization(axis=axis, momentum=0.9, epsilon=0.01), x.shape)
    axes = tuple(i for i in range(3) if i != axis % 3)
    where = MASK[..., None] if masked else True
    want, mean, variance = normalized(x, axes, 0.01, where)
    want = want * wide(layer.gamma, 3, axis) + wide(layer.beta, 3, axis)
    y = layer(x, training=True, **({"mask": MASK} if masked else {}))
    np.testing.assert_allclose(host(y), want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(host(layer.moving_mean), 0.1 * mean.ravel(), rtol=1e-4)
    np.testing.assert_allclose(host(layer.moving_variance), 0.9 + 0.1 * variance.ravel(), 1e-4)
    before = layer.get_weights()
    y = layer(x, training=False)
    want = (x - wide(layer.moving_mean, 3, axis)) / np.sqrt(
        wide(layer.moving_variance, 3, axis) + 0.01)
    want = want * wide(layer.gamma, 3, axis) + wide(layer.beta, 3, axis)
    np.testing.assert_allclose(host(y), want, rtol=1e-4, atol=1e-5)
    for a, b in zip(before, layer.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_masks_come_with_the_inputs():
    x = array((3, 3, 4))
    x[~MASK] = 7.0
    layer = layers.BatchNormalization(momentum=0.0)
    y = layer(layers.Masking(7.0)(x), training=True)
    np.testing.assert_allclose(host(layer.moving_mean), x[MASK].mean(0) * np.array(1.0), 1e-4)
    np.testing.assert_array_equal(host(y._keras_mask), MASK)


def test_all_masked_is_finite():
    layer = layers.BatchNormalization()
    y = layer(array((3, 3, 4)), training=True, mask=np.zeros((3, 3), bool))
    assert np.isfinite(host(y)).all() and (host(layer.moving_mean) == 0).all()


@pytest.mark.parametrize("freeze", ["layer", "model"])
def test_a_frozen_layer_uses_and_keeps_its_averages(freeze):
    x, layer = array((8, 3)), layers.BatchNormalization()
    part = keras.Sequential([keras.Input((3,)), layer])
    model = keras.Sequential([part, layers.Dense(1)])
    (layer if freeze == "layer" else part).trainable = False
    y = host(layer(x, training=True))
    np.testing.assert_allclose(y, x / np.sqrt(1.001), rtol=1e-5)
    assert (host(layer.moving_mean) == 0).all()
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((8, 1)), verbose=0)
    assert (host(layer.moving_mean) == 0).all()
    layer.trainable = True
    layer(x, training=True)
    np.testing.assert_allclose(host(layer.moving_mean), 0.01 * x.mean(0), rtol=1e-4)


@pytest.mark.parametrize("renorm", [False, True])
def test_fit_moves_the_averages_and_predict_uses_them(renorm):
    x = array((64, 3))
    layer = layers.BatchNormalization(momentum=0.5, renorm=renorm)
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.fit(x, x, epochs=20, batch_size=64, verbose=0)
    np.testing.assert_allclose(host(layer.moving_mean), x.mean(0), rtol=1e-3)
    np.testing.assert_allclose(host(layer.moving_variance), x.var(0), rtol=2e-2)
    y = model.predict(x, verbose=0)
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(y.std(0), 1, rtol=2e-2)


def test_half_precision_is_computed_in_single():
    x = (array((64, 3)) + 300).astype("float16")  # squares of it overflow
    layer = layers.BatchNormalization(dtype="mixed_float16")
    y = layer(x, training=True)
    assert y.dtype == "float16"
    want, *_ = normalized(x.astype("float64"), 0, 1e-3)
    np.testing.assert_allclose(host(y), want, rtol=2e-2, atol=2e-2)


def test_integers():
    layer = layers.BatchNormalization()
    for training in (False, True):
        assert layer(np.arange(6).reshape(3, 2), training=training).dtype == "float32"


def clipped(x, arguments, moving, renorm):
    """Batch renormalization by its definition."""
    momentum, renorm_momentum, low, high, limit = arguments
    mean, std = x.mean(0), np.sqrt(x.var(0) + 1e-3)
    r = np.clip(std / renorm[1], low, high)
    d = np.clip((mean - renorm[0]) / renorm[1], -limit, limit)
    moving = [momentum * m + (1 - momentum) * b for m, b in zip(moving, (mean, std))]
    renorm = [renorm_momentum * m + (1 - renorm_momentum) * b for m, b in zip(renorm, (mean, std))]
    return (x - mean) / std * r + d, moving, renorm


@pytest.mark.parametrize("limits", [None, {"rmax": 1.1}, {"rmin": 0.9, "rmax": 1.1, "dmax": 0.1}])
def test_batch_renormalization(limits):
    layer = layers.BatchNormalization(
        momentum=0.8, renorm=True, renorm_clipping=limits, renorm_momentum=0.9)
    moving, renorm = [np.zeros(3), np.ones(3)], [np.zeros(3), np.ones(3)]
    known = limits or {}
    arguments = (0.8, 0.9, known.get("rmin", 0), known.get("rmax", np.inf),
                 known.get("dmax", np.inf))
    for seed in range(3):
        x = array((6, 3), seed)
        want, moving, renorm = clipped(x.astype("float64"), arguments, moving, renorm)
        np.testing.assert_allclose(host(layer(x, training=True)), want, rtol=1e-4, atol=1e-4)
        for name, value in (("moving_mean", moving[0]), ("moving_stddev", moving[1]),
                            ("renorm_mean", renorm[0]), ("renorm_stddev", renorm[1]),
                            ("moving_variance", moving[1] ** 2 - 1e-3)):
            np.testing.assert_allclose(host(getattr(layer, name)), value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("limits, words", [
    ({"foo": 1}, "invalid keys.*foo.*rmin"), ({"rmin": 0.9, "rmax": 0.5}, "rmax >= rmin"),
    ({"dmax": -1}, "dmax >= 0"),
])
def test_renorm_clipping(limits, words):
    with pytest.raises(ValueError, match=words):
        layers.BatchNormalization(renorm=True, renorm_clipping=limits)


# ---------------------------------------------------------------- sample by sample
@pytest.mark.parametrize("axis", [-1, 1, [1, 2], [2, 3], (1, 3), [1, 2, 3]])
def test_layer_normalization(axis):
    x = array((2, 3, 4, 2))
    layer = weighted(layers.LayerNormalization(axis=axis, epsilon=0.01), x.shape)
    axes = (axis % 4,) if isinstance(axis, int) else tuple(axis)
    want, *_ = normalized(x, axes, 0.01)
    want = want * wide(layer.gamma, 4, *axes) + wide(layer.beta, 4, *axes)
    np.testing.assert_allclose(host(layer(x)), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", [-1, 1, [1, 2], (1, 3)])
def test_rms_normalization(axis):
    x = array((2, 3, 4, 2))
    layer = weighted(layers.RMSNormalization(axis=axis, epsilon=0.01), x.shape)
    axes = (axis % 4,) if isinstance(axis, int) else tuple(axis)
    want = x / np.sqrt((x**2).mean(axes, keepdims=True) + 0.01) * wide(layer.scale, 4, *axes)
    np.testing.assert_allclose(host(layer(x)), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", [-1, 1, [1, 2]])
def test_unit_normalization(axis):
    x = array((2, 3, 4))
    y = host(layers.UnitNormalization(axis=axis)(x))
    axes = axis if isinstance(axis, int) else tuple(axis)
    np.testing.assert_allclose((y**2).sum(axes), 1, rtol=1e-5)
    np.testing.assert_allclose(y * np.sqrt((x**2).sum(axes, keepdims=True)), x, rtol=1e-4)
    zeros = layers.UnitNormalization()(np.zeros((2, 3), "float32"))
    assert (host(zeros) == 0).all()


@pytest.mark.parametrize("shape, axis", [((2, 6), -1), ((2, 3, 4, 6), -1), ((2, 6, 3, 4), 1),
                                         ((2, 3, 6, 4), 2)])
@pytest.mark.parametrize("groups", [1, 2, 6, -1])
def test_group_normalization(shape, axis, groups):
    x = array(shape)
    layer = weighted(layers.GroupNormalization(groups, axis, epsilon=0.01), shape)
    assert layer.groups == (6 if groups == -1 else groups)
    last = np.moveaxis(x, axis, -1)
    parts = np.split(last, layer.groups, axis=-1)
    axes = tuple(range(1, x.ndim))
    want = np.concatenate([normalized(p, axes, 0.01)[0] for p in parts], -1)
    want = np.moveaxis(want * host(layer.gamma) + host(layer.beta), -1, axis)
    np.testing.assert_allclose(host(layer(x)), want, rtol=1e-4, atol=1e-4)


def test_rms_scaling_of_layer_normalization():
    x = array((2, 5))
    y = layers.LayerNormalization(rms_scaling=True, epsilon=0.01)(x)
    np.testing.assert_allclose(
        host(y), x / np.sqrt(x.var(-1, keepdims=True) + 0.01), rtol=1e-4)


@pytest.mark.parametrize("name", ["BatchNormalization", "LayerNormalization",
                                  "GroupNormalization"])
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("scale", [False, True])
def test_center_and_scale(name, center, scale):
    more = {"groups": 2} if name == "GroupNormalization" else {}
    layer = getattr(layers, name)(center=center, scale=scale, **more)
    layer.build((2, 3, 4))
    assert [w.name for w in layer.trainable_weights] == ["gamma"] * scale + ["beta"] * center
    assert layer(array((2, 3, 4))).shape == (2, 3, 4)


@pytest.mark.parametrize("name", ["LayerNormalization", "GroupNormalization", "RMSNormalization"])
def test_half_precision_of_a_sample(name):
    x = (array((4, 8)) * 200).astype("float16")
    more = {"groups": 2} if name == "GroupNormalization" else {}
    half, full = (getattr(layers, name)(dtype=d, **more) for d in ("float16", "float32"))
    np.testing.assert_allclose(host(half(x)), host(full(x.astype("float32"))), 2e-2, 2e-2)
    assert half(x).dtype == "float16"


# ---------------------------------------------------------------- one op each
@pytest.mark.parametrize("layer", [
    layers.LayerNormalization(), layers.RMSNormalization(), layers.GroupNormalization(2),
    layers.BatchNormalization(),
])
def test_each_is_one_op_in_training(layer):
    x = ops.convert_to_tensor(array((2, 3, 4)))
    layer(x)
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True) if layer.name.startswith("batch") else layer(x)
    assert y._node.parents[0][0] is x._node
    assert tape.gradient(y, x).shape == x.shape


@pytest.mark.parametrize("make", [
    lambda: layers.LayerNormalization(dtype="float64"),
    lambda: layers.RMSNormalization(dtype="float64"),
    lambda: layers.GroupNormalization(2, dtype="float64"),
    lambda: layers.UnitNormalization(dtype="float64"),
    lambda: layers.BatchNormalization(dtype="float64"),
])
def test_gradients_of_gradients(make):
    x, layer = array((3, 2, 4)).astype("float64"), make()
    weighted(layer, x.shape)
    g, v, u = (np.random.default_rng(i).normal(size=x.shape) for i in (5, 6, 7))
    arguments = {"training": True} if layer.name.startswith("batch") else {}

    def slope(x):  # <d<layer(x), g>/dx, v>
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = ops.sum(layer(x, **arguments) * g)
        return ops.sum(tape.gradient(y, x) * v)

    tensor = ops.convert_to_tensor(x)
    with keras.GradientTape() as tape:
        tape.watch(tensor)
        value = slope(tensor)
    exact = (host(tape.gradient(value, tensor)) * u).sum()
    ahead, behind = (float(slope(ops.convert_to_tensor(x + h * u))) for h in (1e-5, -1e-5))
    np.testing.assert_allclose(exact, (ahead - behind) / 2e-5, rtol=1e-6)


# ---------------------------------------------------------------- errors
@pytest.mark.parametrize("make, error, words", [
    (lambda: layers.BatchNormalization(epsilon=0), ValueError, "positive.*epsilon=0"),
    (lambda: layers.LayerNormalization(epsilon=-1), ValueError, "LayerNormalization.*epsilon=-1"),
    (lambda: layers.LayerNormalization(axis="a"), TypeError, "int or a list.*axis=a"),
    (lambda: layers.RMSNormalization(axis=1.5), TypeError, "axis=1.5"),
    (lambda: layers.UnitNormalization("a"), TypeError, "axis=a"),
])
def test_arguments(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("layer, words", [
    (layers.GroupNormalization(3, name="mine"), '"mine".*divide.*channels, 4.*groups=3'),
    (layers.GroupNormalization(name="mine"), '"mine".*channels, 4.*groups=32'),
    (layers.GroupNormalization(2, axis=0, name="mine"), '"mine".*batch'),
    (layers.BatchNormalization(axis=5, name="mine"), "mine.*out of bounds|axis 5"),
    (layers.LayerNormalization(axis=(1, 1), name="mine"), "twice"),
])
def test_axes_against_the_inputs(layer, words):
    with pytest.raises(ValueError, match=words):
        layer(array((2, 2, 4)))


@pytest.mark.parametrize("layer", [
    layers.BatchNormalization(name="mine"), layers.LayerNormalization(name="mine"),
    layers.GroupNormalization(1, name="mine"), layers.RMSNormalization(name="mine"),
])
def test_unknown_channels(layer):
    with pytest.raises(ValueError, match=r'"mine".*needs to know.*\(None, 3, None\)'):
        layer(keras.Input((3, None)))


# ---------------------------------------------------------------- spectral
@pytest.mark.parametrize("make, shape", [
    (lambda: layers.Dense(4), (2, 3)), (lambda: layers.Conv2D(3, 2), (2, 5, 5, 2)),
    (lambda: layers.Embedding(5, 3), (2, 4)),
])
def test_spectral_norm_becomes_one(make, shape):
    layer = layers.SpectralNormalization(make(), power_iterations=30)
    x = np.ones(shape, "int32" if len(shape) == 2 and shape[1] == 4 else "float32")
    before = layer(x)
    kernel = host(layer.kernel)
    assert layer(x, training=False).shape == before.shape
    np.testing.assert_array_equal(host(layer.kernel), kernel)  # only in training
    layer(x, training=True)
    matrix = host(layer.kernel).reshape(-1, kernel.shape[-1])
    np.testing.assert_allclose(np.linalg.norm(matrix, 2), 1, rtol=1e-3)
    largest = np.linalg.norm(kernel.reshape(matrix.shape), 2)
    np.testing.assert_allclose(matrix * largest, kernel.reshape(matrix.shape), 1e-3, 1e-5)


def test_spectral_normalization_trains():
    model = keras.Sequential([keras.Input((3,)), layers.SpectralNormalization(layers.Dense(2))])
    model.compile("sgd", "mse")
    model.fit(array((16, 3)), array((16, 2)), epochs=3, verbose=0)
    layer = model.layers[0]
    assert [w.name for w in layer.trainable_weights] == ["kernel", "bias"]
    assert np.linalg.norm(host(layer.kernel), 2) < 1.5


def test_spectral_normalization_refuses():
    with pytest.raises(ValueError, match="greater than zero.*power_iterations=0"):
        layers.SpectralNormalization(layers.Dense(2), power_iterations=0)
    with pytest.raises(ValueError, match="wraps a layer"):
        layers.SpectralNormalization(3)
    with pytest.raises(ValueError, match="ReLU has no attribute 'kernel' nor 'embeddings'"):
        layers.SpectralNormalization(layers.ReLU())(np.ones((2, 3), "float32"))


def test_synchronized_is_over_one_replica():
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    layer = layers.BatchNormalization(synchronized=True)
    again = layers.BatchNormalization.from_config(layer.get_config())
    assert again.synchronized and layer.get_config()["synchronized"]
    want = layers.BatchNormalization()(x, training=True).numpy()
    np.testing.assert_array_equal(again(x, training=True).numpy(), want)
