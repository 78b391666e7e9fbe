"""The table of layer cases: constructor arguments and input shapes, no values."""

from dataclasses import dataclass, field
from functools import partial
from itertools import product


@dataclass
class Case:
    """One layer call. `shape` with the batch; a list of shapes for layers of several inputs."""

    layer: str
    shape: object
    arguments: dict
    call: dict = field(default_factory=dict)  # training
    mask: tuple = ()  # shape of a boolean mask, two thirds true
    values: str = "uniform"  # or "ties" (few distinct values) or an upper bound of indices
    gradient: bool = True
    id: str = ""


@dataclass
class Part:
    """A layer as an argument of another one."""

    layer: str
    arguments: dict

    def __str__(self):
        return self.layer


CASES = {}


def enter(
    cases, layer, shape, /, *, call=None, mask=(), values="uniform", gradient=True, **arguments
):
    """Enters a case into a table under an id made of its arguments."""
    words = [f"{k}={v}" for k, v in (arguments | (call or {})).items()]
    words += [str(shape)] if layer in ("Softmax", "Add", "Concatenate", "Reshape") else []
    words += ["mask"] * bool(mask) + [values] * (values == "ties")
    name = layer + " " + " ".join(words)
    name += f" on {shape}" if name in cases else ""
    assert name not in cases, name
    cases[name] = Case(layer, shape, arguments, call or {}, mask, values, gradient, name)


add = partial(enter, CASES)

IMAGE = {1: (2, 9, 4), 2: (2, 7, 6, 4), 3: (2, 5, 4, 6, 4)}
FIRST = {1: (2, 4, 9), 2: (2, 4, 7, 6), 3: (2, 4, 5, 4, 6)}
# Without sparsemax: Keras 3.15.1 gives rows that do not sum to one.
ACTIVATIONS = ("relu sigmoid tanh softmax softplus softsign elu selu gelu silu swish exponential "
               "linear hard_sigmoid hard_silu hard_swish leaky_relu relu6 celu glu log_sigmoid "
               "log_softmax mish hard_tanh hard_shrink soft_shrink tanh_shrink "
               "sparse_plus sparse_sigmoid squareplus").split()


def dense():
    for shape in ((3, 4), (2, 3, 4), (2, 2, 3, 4)):
        add("Dense", shape, units=5)
    add("Dense", (3, 4), units=1)
    add("Dense", (3, 4), units=5, use_bias=False)
    for activation in ("relu", "softmax", "tanh", "gelu"):
        add("Dense", (3, 4), units=5, activation=activation)
    add("Dense", (3, 4), units=5, kernel_initializer="he_normal", bias_initializer="ones")
    add("Dense", (3, 4), units=5, kernel_regularizer="l2", bias_regularizer="l1",
        kernel_constraint="max_norm", bias_constraint="non_neg")


def convolutions():
    for rank in (1, 2, 3):
        layer, last, first = f"Conv{rank}D", IMAGE[rank], FIRST[rank]
        for padding, strides, size in product(("valid", "same"), (1, 2), (1, 2, 3)):
            add(layer, last, filters=3, kernel_size=size, strides=strides, padding=padding)
        for padding in ("valid", "same"):
            add(layer, last, filters=3, kernel_size=2, dilation_rate=2, padding=padding)
            add(layer, first, filters=3, kernel_size=3, padding=padding,
                data_format="channels_first")
            add(layer, last, filters=6, kernel_size=3, groups=2, padding=padding)
        add(layer, last, filters=4, kernel_size=2, groups=4, strides=2)
        add(layer, first, filters=4, kernel_size=2, groups=2, data_format="channels_first")
        add(layer, last, filters=3, kernel_size=2, use_bias=False)
        for activation in ("relu", "tanh"):
            add(layer, last, filters=3, kernel_size=2, activation=activation)
        add(layer, last, filters=2, kernel_size=2, kernel_initializer="zeros",
            bias_initializer="ones", kernel_regularizer="l2")
    for padding in ("valid", "same"):
        add("Conv2D", IMAGE[2], filters=2, kernel_size=(3, 2), strides=(2, 1), padding=padding)
        add("Conv2D", IMAGE[2], filters=2, kernel_size=(1, 3), dilation_rate=(1, 2),
            padding=padding)
        add("Conv3D", IMAGE[3], filters=2, kernel_size=(3, 2, 1), strides=(1, 2, 3),
            padding=padding)
        add("Conv2D", FIRST[2], filters=2, kernel_size=(3, 2), strides=(2, 3), padding=padding,
            data_format="channels_first")
    for dilation in (1, 2, 3):
        add("Conv1D", IMAGE[1], filters=2, kernel_size=3, padding="causal",
            dilation_rate=dilation)
    add("Conv1D", IMAGE[1], filters=2, kernel_size=3, padding="causal", strides=2)
    add("Conv2D", (1, 3, 3, 1), filters=1, kernel_size=3)
    add("Conv2D", (1, 12, 11, 3), filters=2, kernel_size=5, strides=3, padding="same")


def pooling():
    for kind, rank in product(("Max", "Average"), (1, 2, 3)):
        layer, last, first = f"{kind}Pooling{rank}D", IMAGE[rank], FIRST[rank]
        for padding, strides, size in product(("valid", "same"), (None, 1, 2), (2, 3)):
            add(layer, last, pool_size=size, strides=strides, padding=padding)
        for padding in ("valid", "same"):
            add(layer, first, pool_size=2, padding=padding, data_format="channels_first")
        if kind == "Max":
            add(layer, last, pool_size=2, values="ties")
            add(layer, last, pool_size=3, strides=1, padding="same", values="ties")
        if rank == 2:
            add(layer, last, pool_size=(3, 2), strides=(1, 2), padding="same")
            add(layer, last, pool_size=(2, 1), strides=(3, 1))
    add("MaxPooling2D", IMAGE[2])
    for kind, rank in product(("Max", "Average"), (1, 2, 3)):
        for keepdims in (False, True):
            layer = f"Global{kind}Pooling{rank}D"
            add(layer, IMAGE[rank], keepdims=keepdims)
            add(layer, FIRST[rank], keepdims=keepdims, data_format="channels_first")
    add("GlobalAveragePooling1D", IMAGE[1], mask=(2, 9))
    add("GlobalAveragePooling1D", IMAGE[1], mask=(2, 9), keepdims=True)


def activations():
    for name in ACTIVATIONS:
        add("Activation", (4, 6), activation=name)
    for arguments in ({}, {"max_value": 0.5}, {"negative_slope": 0.2}, {"threshold": 0.3},
                      {"max_value": 0.8, "negative_slope": 0.1, "threshold": 0.2},
                      {"max_value": 0.6, "threshold": 0.3},
                      {"negative_slope": 0.3, "threshold": 0.4}):
        add("ReLU", (4, 6), **arguments)
    add("ReLU", (4, 6), values="ties")
    for axis in (-1, 1, 0, -2, [1, 2], [-1, -2]):
        add("Softmax", (2, 3, 4), axis=axis)
        add("Softmax", (2, 3, 4), axis=axis, mask=(2, 3, 4))
    add("Softmax", (3, 4))


def shaping():
    for shape in ((3,), (3, 4), (2, 3, 4), (2, 3, 4, 2)):
        add("Flatten", shape)
    add("Flatten", (2, 3, 4, 2), data_format="channels_first")
    for shape, target in (((2, 6), (2, 3)), ((2, 6), (-1, 2)), ((2, 3, 4), (-1,)),
                          ((2, 3, 4), (4, 3)), ((2, 3, 4), (2, -1, 3)), ((2, 1), ())):
        add("Reshape", shape, target_shape=target)
    for training in (None, False):
        add("Dropout", (3, 4), rate=0.5, call={"training": training})
    add("Dropout", (3, 4), rate=0.0, call={"training": True})
    add("Dropout", (3, 4), rate=0, call={"training": True}, noise_shape=(None, 1), seed=3)


def normalization():
    layer, image = "BatchNormalization", (3, 4, 3, 2)
    for training, arguments in product((False, True), (
            {}, {"axis": 1}, {"axis": 2}, {"momentum": 0.5, "epsilon": 0.1}, {"scale": False},
            {"center": False}, {"scale": False, "center": False})):
        add(layer, image, call={"training": training}, **arguments)
        if "axis" not in arguments:
            add(layer, (5, 3), call={"training": training}, **arguments)
    add(layer, (3, 4, 2), call={"training": True})
    add(layer, (3, 2, 2, 2, 2), call={"training": True})
    add(layer, (3, 4, 2), call={"training": True}, trainable=False)
    add(layer, (3, 4, 2), call={"training": None})
    for training in (False, True):
        add(layer, (3, 4, 2), call={"training": training}, mask=(3, 4), momentum=0.9)
    add(layer, (3, 4, 2), call={"training": True}, gamma_initializer="zeros",
        moving_mean_initializer="ones", beta_regularizer="l2", gamma_constraint="non_neg")
    for axis in (-1, 1, 2, -2, [1, 2], [2, 3], [1, 2, 3], [-1, -2]):
        add("LayerNormalization", (2, 3, 4, 2), axis=axis)
    for arguments in ({"epsilon": 0.1}, {"scale": False}, {"center": False},
                      {"scale": False, "center": False},
                      {"gamma_initializer": "zeros", "beta_regularizer": "l1"}):
        add("LayerNormalization", (3, 5), **arguments)


def merging():
    for shapes in ([(2, 3)] * 2, [(2, 3)] * 3, [(2, 3), (2, 1)], [(2, 3, 4), (2, 1, 4)],
                   [(2, 3, 4), (2, 4)]):
        add("Add", shapes)
    for shapes, axis in (([(2, 3), (2, 4)], -1), ([(2, 3), (2, 4), (2, 1)], 1),
                         ([(2, 3, 4), (2, 2, 4)], 1), ([(2, 3, 4), (2, 3, 1)], 2),
                         ([(2, 3, 4), (2, 3, 4)], -2), ([(1, 3), (2, 3)], 0)):
        add("Concatenate", shapes, axis=axis)
    add("Concatenate", [(2, 3), (2, 4)])


def embedding():
    for shape, mask_zero in product(((4,), (3, 5), (2, 3, 2)), (False, True)):
        add("Embedding", shape, input_dim=7, output_dim=3, mask_zero=mask_zero, values="7")
    add("Embedding", (3, 5), input_dim=7, output_dim=2, embeddings_initializer="ones",
        embeddings_regularizer="l2", embeddings_constraint="non_neg", values="7")


def rarer():
    """Rarer layers, a few cases each."""
    for rank in (1, 2):
        last, first = IMAGE[rank], FIRST[rank]
        for padding, strides in product(("valid", "same"), (1, 2)):
            add(f"DepthwiseConv{rank}D", last, kernel_size=3, strides=strides, padding=padding)
            add(f"SeparableConv{rank}D", last, filters=3, kernel_size=2, strides=strides,
                padding=padding)
            for size in (2, 3):
                add(f"Conv{rank}DTranspose", last, filters=3, kernel_size=size, strides=strides,
                    padding=padding)
        add(f"DepthwiseConv{rank}D", last, kernel_size=2, depth_multiplier=2, activation="relu")
        add(f"DepthwiseConv{rank}D", last, kernel_size=2, dilation_rate=2)
        add(f"DepthwiseConv{rank}D", first, kernel_size=2, data_format="channels_first")
        add(f"SeparableConv{rank}D", last, filters=3, kernel_size=2, depth_multiplier=2)
        add(f"SeparableConv{rank}D", last, filters=3, kernel_size=2, dilation_rate=2)
        add(f"Conv{rank}DTranspose", last, filters=3, kernel_size=3, dilation_rate=2)
        add(f"Conv{rank}DTranspose", last, filters=3, kernel_size=3, strides=3, output_padding=1)
        add(f"Conv{rank}DTranspose", first, filters=3, kernel_size=3, strides=2,
            padding="same", data_format="channels_first")
    add("Conv3DTranspose", IMAGE[3], filters=2, kernel_size=2, strides=2, padding="same")
    for groups in (1, 2, 4, -1):
        add("GroupNormalization", (2, 3, 4), groups=groups)
    add("GroupNormalization", (2, 4, 3), groups=2, axis=1)
    add("GroupNormalization", (2, 3, 4), groups=2, scale=False, center=False, epsilon=0.1)
    for axis in (-1, 1, [1, 2]):
        add("UnitNormalization", (2, 3, 4), axis=axis)
    for axis in (-1, [-2, -1]):
        add("RMSNormalization", (2, 3, 4), axis=axis)
    for layer in ("Subtract", "Multiply", "Average", "Maximum", "Minimum"):
        add(layer, [(2, 3), (2, 3)])
        add(layer, [(2, 3, 4), (2, 1, 4)])
    add("Dot", [(2, 3), (2, 3)], axes=1)
    add("Dot", [(2, 3, 4), (2, 5, 4)], axes=-1)
    add("Dot", [(2, 3, 4), (2, 4, 3)], axes=(1, 2), normalize=True)
    add("PReLU", (2, 3, 4))
    add("PReLU", (2, 3, 4), shared_axes=[1])
    add("ELU", (3, 4), alpha=0.5)
    add("LeakyReLU", (3, 4), negative_slope=0.1)
    add("Permute", (2, 3, 4), dims=(2, 1))
    add("RepeatVector", (2, 3), n=3)
    for rank in (1, 2, 3):
        add(f"ZeroPadding{rank}D", IMAGE[rank], padding=1)
        add(f"Cropping{rank}D", IMAGE[rank], cropping=1)
        add(f"UpSampling{rank}D", IMAGE[rank], size=2)
    add("ZeroPadding2D", IMAGE[2], padding=((1, 0), (2, 3)))
    add("Cropping2D", IMAGE[2], cropping=((1, 0), (2, 1)))
    add("UpSampling2D", IMAGE[2], size=(2, 3), interpolation="bilinear")
    add("EinsumDense", (2, 3, 4), equation="abc,cd->abd", output_shape=(None, 5), bias_axes="d")
    add("EinsumDense", (2, 3, 4), equation="...x,xy->...y", output_shape=5, activation="relu")
    for layer in ("SimpleRNN", "GRU", "LSTM"):
        for arguments in ({}, {"return_sequences": True}, {"go_backwards": True},
                          {"use_bias": False}, {"activation": "relu"}):
            add(layer, (2, 5, 3), units=4, **arguments)
        add(layer, (2, 5, 3), units=4, return_sequences=True, mask=(2, 5))
    add("GRU", (2, 5, 3), units=4, reset_after=False)
    add("LSTM", (2, 5, 3), units=4, unit_forget_bias=False, recurrent_activation="hard_sigmoid")


for family in (dense, convolutions, pooling, activations, shaping, normalization, merging,
               embedding, rarer):
    family()
