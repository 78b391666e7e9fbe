"""Convolution layers of all kinds: formats, sizes, groups, errors, what can be overridden."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

KINDS = ("Conv", "ConvTranspose", "DepthwiseConv", "SeparableConv")
SHAPES = {1: (2, 9, 4), 2: (2, 7, 6, 4), 3: (2, 5, 4, 6, 4)}
ALL = [(kind, rank) for kind in KINDS for rank in (1, 2, 3)
       if rank < 3 or kind in ("Conv", "ConvTranspose")]


def make(kind, rank, **arguments):
    name = f"Conv{rank}DTranspose" if kind == "ConvTranspose" else f"{kind}{rank}D"
    if kind != "DepthwiseConv":
        arguments = {"filters": 4, **arguments}
    return getattr(layers, name)(**{"kernel_size": 3, "name": "mine", **arguments})


def array(shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


def host(x):
    return ops.convert_to_numpy(x)


def over_all(function):
    return pytest.mark.parametrize("kind, rank", ALL)(function)


@over_all
@pytest.mark.parametrize("padding", ["valid", "SAME"])
@pytest.mark.parametrize("strides", [1, 2])
def test_both_data_formats_agree(kind, rank, padding, strides):
    x = array(SHAPES[rank])
    last = make(kind, rank, padding=padding, strides=strides, bias_initializer="ones",
                activation="relu")
    y = host(last(x))
    first = make(kind, rank, padding=padding, strides=strides, activation="relu",
                 data_format="channels_first")
    first.build(np.moveaxis(x, -1, 1).shape)
    first.set_weights(last.get_weights())
    np.testing.assert_allclose(
        np.moveaxis(host(first(np.moveaxis(x, -1, 1))), 1, -1), y, rtol=1e-5, atol=1e-6)


@over_all
def test_global_data_format(kind, rank):
    keras.config.set_image_data_format("channels_first")
    layer = make(kind, rank)
    assert layer.data_format == "channels_first"
    layer.build((None, 4, *[8] * rank))
    assert layer.compute_output_shape((None, 4, *[8] * rank))[1] == 4


@over_all
def test_one_number_or_one_an_axis(kind, rank):
    layer = make(kind, rank, kernel_size=[3] * rank, strides=(2,) * rank)
    config = layer.get_config()
    assert config["kernel_size"] == (3,) * rank and config["strides"] == (2,) * rank
    assert make(kind, rank).get_config()["dilation_rate"] == (1,) * rank


@over_all
@pytest.mark.parametrize("arguments, words", [
    ({"kernel_size": 0}, "kernel_size.*at least 1.*kernel_size=0"),
    ({"kernel_size": (3, 3, 3, 3)}, r"kernel_size=\(3, 3, 3, 3\)"),
    ({"strides": 0}, "strides=0"), ({"strides": 1.5}, "strides=1.5"),
    ({"dilation_rate": 0}, "dilation_rate=0"), ({"padding": "full"}, "padding=full"),
    ({"padding": None}, "padding=None"), ({"data_format": "last"}, "data_format.*last"),
    ({"activation": "unheard"}, "unheard"), ({"kernel_size": True}, "kernel_size=True"),
])
def test_arguments(kind, rank, arguments, words):
    with pytest.raises(ValueError, match=words):
        make(kind, rank, **arguments)


@pytest.mark.parametrize("kind, name", [
    ("Conv", "filters"), ("ConvTranspose", "filters"), ("SeparableConv", "filters"),
    ("Conv", "groups"), ("DepthwiseConv", "depth_multiplier"),
    ("SeparableConv", "depth_multiplier"),
])
@pytest.mark.parametrize("value", [0, -1, 2.5, "a"])
def test_counts(kind, name, value):
    with pytest.raises(ValueError, match=f"`{name}` of .*at least 1.*Received: {name}={value}"):
        make(kind, 2, **{name: value})


@over_all
def test_strides_with_dilation(kind, rank):
    if kind in ("Conv", "ConvTranspose"):
        with pytest.raises(ValueError, match="strides=2 and dilation_rate=2"):
            make(kind, rank, strides=2, dilation_rate=2)
        return
    x = array((2, *[9] * rank, 4))
    layer = make(kind, rank, strides=2, dilation_rate=2)
    assert layer(x).shape == layer.compute_output_shape(x.shape) == (2, *[3] * rank, 4)


def test_causal_is_for_one_axis():
    assert make("Conv", 1, padding="causal")(array((2, 5, 3))).shape == (2, 5, 4)
    for kind, rank in (("Conv", 2), ("DepthwiseConv", 1), ("SeparableConv", 1),
                       ("ConvTranspose", 1)):
        with pytest.raises(ValueError, match="padding=causal"):
            make(kind, rank, padding="causal")


def test_causal_sees_no_future():
    layer = make("Conv", 1, padding="causal", dilation_rate=2)
    x = array((1, 8, 3))
    before = host(layer(x))
    x[:, 5:] = 9
    after = host(layer(x))
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert (before[:, 5:] != after[:, 5:]).any()


def test_groups():
    with pytest.raises(ValueError, match="filters must be evenly divisible.*groups=3, filters=4"):
        make("Conv", 2, groups=3)
    with pytest.raises(ValueError, match="input channels must be.*groups=2.*3 channels"):
        make("Conv", 2, groups=2)(array((2, 7, 6, 3)))
    layer, x = make("Conv", 2, groups=2, use_bias=False), array(SHAPES[2])
    y = host(layer(x))
    for i in range(2):
        half = make("Conv", 2, filters=2, use_bias=False)
        half.build((None, 7, 6, 2))
        half.set_weights([layer.get_weights()[0][..., 2 * i:2 * i + 2]])
        np.testing.assert_allclose(
            host(half(x[..., 2 * i:2 * i + 2])), y[..., 2 * i:2 * i + 2], rtol=1e-5, atol=1e-6)


@over_all
def test_wrong_channels(kind, rank):
    layer = make(kind, rank, padding="same")
    layer(array((2, *[8] * rank, 4)))
    with pytest.raises(ValueError, match=r'"mine".*axis -1.*value 4.*\(2, .*5\)'):
        layer(array((2, *[8] * rank, 5)))


@over_all
def test_wrong_rank_before_building(kind, rank):
    with pytest.raises(ValueError, match=f"mine.*ndim={rank + 2}, found.*ndim={rank + 1}"):
        make(kind, rank)(array((2, *[8] * (rank - 1), 4)))
    with pytest.raises(ValueError, match=f'"mine".*ndim={rank + 2}, found ndim={rank + 3}'):
        make(kind, rank)(array((2, *[8] * (rank + 1), 4)))


@over_all
def test_unknown_channels(kind, rank):
    with pytest.raises(ValueError, match='"mine" should be defined.*None'):
        make(kind, rank)(keras.Input((*[8] * rank, None)))


@pytest.mark.parametrize("kind, rank", [a for a in ALL if a[0] != "ConvTranspose"])
def test_window_that_does_not_fit(kind, rank):
    layer = make(kind, rank)
    for use in (layer.compute_output_shape, layer.build):
        with pytest.raises(ValueError, match='zero or negative.*"mine" spans 3.*has 2.*same'):
            use((None, *[2] * rank, 4))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides, output_padding", [(1, None), (2, None), (3, 1), (2, 0)])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_transposed_sizes(rank, padding, strides, output_padding, size):
    layer = make("ConvTranspose", rank, padding=padding, strides=strides, kernel_size=size,
                 output_padding=output_padding)
    n = 4
    if output_padding is None:
        want = n * strides if padding == "same" else (n - 1) * strides + max(size, strides)
    else:
        want = (n - 1) * strides + size + output_padding
        want -= 2 * (size // 2) if padding == "same" else 0
    x = array((1, *[n] * rank, 2))
    assert layer.compute_output_shape(x.shape) == layer(x).shape == (1, *[want] * rank, 4)


@pytest.mark.parametrize("value", [2, -1, "a", (1, 2)])
def test_output_padding(value):
    with pytest.raises(ValueError, match="output_padding"):
        make("ConvTranspose", 2, strides=2, output_padding=value)


def test_parameters_in_keras_order():
    layer = layers.Conv3DTranspose(2, 3, 2, "same", "channels_first", 1)
    assert layer.data_format == "channels_first" and layer.output_padding == (1, 1, 1)
    layer = layers.Conv2DTranspose(2, 3, 2, "same", 1, "channels_first")
    assert layer.data_format == "channels_first" and layer.output_padding == (1, 1)


@pytest.mark.parametrize("rank", [1, 2])
def test_depthwise_is_a_convolution_a_channel(rank):
    x = array(SHAPES[rank])
    layer = make("DepthwiseConv", rank, depth_multiplier=2, use_bias=False, padding="same")
    y = host(layer(x))
    kernel = layer.get_weights()[0]
    for c in range(4):
        part = ops.conv(x[..., c:c + 1], kernel[..., c:c + 1, :], padding="same")
        np.testing.assert_allclose(host(part), y[..., 2 * c:2 * c + 2], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rank", [1, 2])
def test_separable_is_depthwise_and_pointwise(rank):
    x = array(SHAPES[rank])
    layer = make("SeparableConv", rank, depth_multiplier=2)
    y = host(layer(x))
    assert [w.name for w in layer.weights] == ["depthwise_kernel", "pointwise_kernel", "bias"]
    depthwise = make("DepthwiseConv", rank, depth_multiplier=2, use_bias=False)
    depthwise.build(x.shape)
    depthwise.set_weights(layer.get_weights()[:1])
    want = host(depthwise(x)) @ layer.get_weights()[1].reshape(8, 4)
    np.testing.assert_allclose(y, want, rtol=1e-4, atol=1e-5)


@over_all
def test_transposed_is_the_gradient(kind, rank):
    if kind != "ConvTranspose":
        return
    up = make(kind, rank, strides=2, use_bias=False)
    x = array((2, *[4] * rank, 2))
    y = up(x)
    down = make("Conv", rank, filters=2, strides=2, use_bias=False)
    down.build(y.shape)
    down.set_weights(up.get_weights())
    g = array(y.shape)
    with keras.GradientTape() as tape:  # <up(x), g> = <x, down(g)>
        tensor = ops.convert_to_tensor(x)
        tape.watch(tensor)
        out = ops.sum(up(tensor) * g)
    np.testing.assert_allclose(
        host(tape.gradient(out, tensor)), host(down(g)), rtol=1e-4, atol=1e-5)


def test_convolution_op_can_be_overridden():
    class Weighted(layers.Conv2D):
        def convolution_op(self, inputs, kernel):
            return super().convolution_op(inputs, kernel * 2.0)

    x, plain, twice = array(SHAPES[2]), make("Conv", 2), Weighted(4, 3)
    y = host(plain(x))
    twice.build(x.shape)
    twice.set_weights(plain.get_weights())
    np.testing.assert_allclose(host(twice(x)), 2 * y, rtol=1e-5, atol=1e-6)


def test_subclasses_keep_the_configuration():
    class Mine(layers.DepthwiseConv2D):
        pass

    config = Mine(3, depth_multiplier=2, depthwise_regularizer="l2").get_config()
    again = Mine.from_config(config)
    assert again.depth_multiplier == 2 and again.get_config() == config
