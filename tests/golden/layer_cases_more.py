"""More layer cases: further arguments of the layers, rarer layers, half precision."""

from functools import partial
from itertools import product

from tests.golden.layer_cases import FIRST, IMAGE, Part, enter

CASES = {}
add = partial(enter, CASES)


def convolutions():
    for rank, layer in product((1, 2), ("DepthwiseConv", "SeparableConv")):
        own = {"filters": 3} if layer == "SeparableConv" else {}
        layer = f"{layer}{rank}D"
        for padding in ("valid", "same"):
            add(layer, FIRST[rank], kernel_size=2, depth_multiplier=2, padding=padding,
                data_format="channels_first", **own)
            add(layer, IMAGE[rank], kernel_size=3, padding=padding, dilation_rate=2,
                use_bias=False, **own)
        add(layer, IMAGE[rank], kernel_size=2, activation="tanh", depth_multiplier=3, strides=2,
            depthwise_initializer="zeros", bias_initializer="ones", depthwise_regularizer="l2",
            bias_regularizer="l1", depthwise_constraint="max_norm", **own)
    add("SeparableConv2D", IMAGE[2], filters=2, kernel_size=(3, 2), pointwise_initializer="ones",
        pointwise_regularizer="l2", pointwise_constraint="non_neg")
    for rank in (1, 2, 3):
        layer, last, first = f"Conv{rank}DTranspose", IMAGE[rank], FIRST[rank]
        for padding, size, strides in product(("valid", "same"), (2, 3), (2, 3)):
            add(layer, last, filters=2, kernel_size=size, strides=strides, padding=padding)
            add(layer, last, filters=2, kernel_size=size, strides=strides, padding=padding,
                output_padding=strides - 1)
        add(layer, first, filters=2, kernel_size=3, strides=2, data_format="channels_first",
            activation="relu", use_bias=False)
    add("Conv2DTranspose", IMAGE[2], filters=2, kernel_size=(3, 2), strides=(2, 3),
        output_padding=(1, 2), padding="same")
    add("Conv2DTranspose", IMAGE[2], filters=2, kernel_size=2, kernel_regularizer="l2",
        bias_initializer="ones", kernel_constraint="max_norm")


def shaping():
    for kind, rank in product(("Average", "Max"), (1, 2, 3)):
        layer = f"Adaptive{kind}Pooling{rank}D"
        for size in (1, 2, 3):
            add(layer, IMAGE[rank], output_size=size)
            add(layer, FIRST[rank], output_size=size, data_format="channels_first")
    add("AdaptiveAveragePooling2D", IMAGE[2], output_size=(2, 5))
    add("AdaptiveMaxPooling2D", IMAGE[2], output_size=(4, 1))
    for rank in (2, 3):
        pairs = ((1, 0), (0, 2), (2, 1))[:rank]
        for data_format, shape in (("channels_last", IMAGE), ("channels_first", FIRST)):
            shape = shape[rank]
            add(f"ZeroPadding{rank}D", shape, padding=pairs, data_format=data_format)
            add(f"Cropping{rank}D", shape, cropping=pairs, data_format=data_format)
            add(f"UpSampling{rank}D", shape, size=(2, 1, 3)[:rank], data_format=data_format)
        add(f"ZeroPadding{rank}D", IMAGE[rank], padding=(0, 1, 2)[:rank])
        add(f"Cropping{rank}D", IMAGE[rank], cropping=(0, 1, 2)[:rank])
    add("Cropping1D", IMAGE[1], cropping=(0, 3))
    add("ZeroPadding1D", IMAGE[1], padding=(0, 3))
    add("ZeroPadding1D", FIRST[1], padding=(2, 1), data_format="channels_first")
    add("UpSampling1D", IMAGE[1], size=3)
    for interpolation in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"):
        add("UpSampling2D", IMAGE[2], size=(2, 3), interpolation=interpolation)
    add("UpSampling2D", FIRST[2], size=2, interpolation="bilinear", data_format="channels_first")
    add("Permute", (2, 3, 4, 5), dims=(3, 1, 2))
    add("Permute", (2, 3), dims=(1,))
    add("RepeatVector", (2, 3), n=1)


def normalization():
    for shape, axis in (((2, 6), -1), ((2, 3, 4, 6), -1), ((2, 6, 3, 4), 1), ((2, 3, 6, 2), 2)):
        for groups in (1, 3, 6):
            add("GroupNormalization", shape, groups=groups, axis=axis)
    add("GroupNormalization", (2, 3, 4), groups=2, gamma_initializer="zeros",
        beta_initializer="ones", gamma_regularizer="l2", beta_constraint="non_neg")
    for axis in (1, [1, 2], [2, 1], (-1,)):
        if axis != 1:  # Keras has no answer
            add("RMSNormalization", (2, 3, 4), axis=axis, epsilon=0.1)
        add("LayerNormalization", (2, 3, 4), axis=axis, epsilon=0.1)
        add("UnitNormalization", (2, 3, 4), axis=axis)
    layer = "BatchNormalization"
    for training in (False, True):
        call = {"training": training}
        for shape in ((5, 3), (2, 3, 2, 3)):
            add(layer, shape, call=call, renorm=True)
            add(layer, shape, call=call, renorm=True, renorm_momentum=0.5, momentum=0.8,
                renorm_clipping={"rmin": 0.5, "rmax": 1.5, "dmax": 0.1})
        add(layer, (2, 3, 4), call=call, mask=(2, 3), renorm=True)
        add(layer, (2, 3, 2, 2), call=call, mask=(2, 3, 2))
        add(layer, (2, 3, 4), call=call, mask=(2, 3), axis=1)
        add(layer, (2, 3, 4), call=call, mask=(2, 3), scale=False, center=False)
        add(layer, (2, 3, 4), call=call, mask=(2, 3), trainable=False)
    for part, shape in ((Part("Dense", {"units": 4}), (2, 3)),
                        (Part("Conv2D", {"filters": 3, "kernel_size": 2}), IMAGE[2])):
        add("SpectralNormalization", shape, layer=part)
        for n in (1, 3):  # whether a gradient goes through the division depends on the backend
            add("SpectralNormalization", shape, layer=part, power_iterations=n,
                call={"training": True}, gradient=False)


def merging():
    for layer in ("Multiply", "Average", "Maximum", "Minimum"):
        add(layer, [(2, 3)] * 3)
        add(layer, [(2, 3, 4), (2, 4)])
        add(layer, [(2, 1, 4), (2, 3, 1), (2, 1, 1)])
    add("Subtract", [(2, 3, 4), (2, 4)])
    for shapes, axes in (([(2, 3, 4), (2, 4)], (2, 1)), ([(2, 3, 4, 5), (2, 5, 3)], (3, 1)),
                         ([(2, 3, 4), (2, 3, 4)], 1), ([(2, 3, 4, 5), (2, 3, 4, 5)], (1, -3)),
                         ([(2, 3), (2, 3)], -1)):
        for normalize in (False, True):
            add("Dot", shapes, axes=axes, normalize=normalize)


def dense():
    for shape, equation, output_shape, bias_axes in (
        ((2, 4, 7, 8), "ab...,bc->ac...", (5,), "c"), ((2, 3, 4), "...ab,bc->...ac", (3, 5), None),
        ((2, 4), "...ab,bc->...ac", (5,), "c"), ((2, 3, 4), "abc,cde->abde", (3, 2, 5), "de"),
        ((2, 3, 4), "abc,cde->abde", (3, 2, 5), "be"), ((2, 3, 4), "abc,cde->abde", (3, 2, 5), "e"),
        ((2, 5, 3, 6), "aecd,abcd->acbe", (3, 4, 5), None), ((2, 4, 3), "ab...,b->a...", (), None),
        ((2, 3, 4, 5), "acbe,aecd->abcd", (4, 3, 6), "bd"), ((2, 4), "ab,bc->ac", 3, "c"),
    ):
        add("EinsumDense", shape, equation=equation, output_shape=output_shape,
            bias_axes=bias_axes)
    add("EinsumDense", (2, 4), equation="ab,bc->ac", output_shape=3, bias_axes="c",
        activation="tanh", kernel_initializer="ones", bias_initializer="ones",
        kernel_regularizer="l2", bias_regularizer="l1", kernel_constraint="max_norm",
        bias_constraint="non_neg")
    for arguments in ({}, {"tie_weights": False}, {"mask_zero": True, "logit_soft_cap": 0.5}):
        if "mask_zero" not in arguments:  # Keras's masks depend on how the layer is called
            add("ReversibleEmbedding", (2, 4), input_dim=5, output_dim=3, values="5", **arguments)
        add("ReversibleEmbedding", (2, 4, 3), input_dim=5, output_dim=3, call={"reverse": True},
            **arguments)
    add("ReversibleEmbedding", (2, 3), input_dim=5, output_dim=3, call={"reverse": True},
        reverse_dtype="float16", gradient=False)


def others():
    add("Masking", (2, 3, 4), mask_value=1.0, values="ties")
    add("Masking", (2, 3, 1), values="ties")
    add("Identity", (2, 3))
    add("ActivityRegularization", (2, 3), l1=0.1, l2=0.2)
    for training, rate in ((False, 0.5), (True, 0.0)):
        call = {"training": training}
        for layer in ("GaussianDropout", "AlphaDropout"):
            add(layer, (2, 3), rate=rate, seed=1, call=call)
        add("GaussianNoise", (2, 3), stddev=rate, seed=1, call=call)
        for rank in (1, 2, 3):
            add(f"SpatialDropout{rank}D", IMAGE[rank], rate=rate, seed=1, call=call)
    add("AlphaDropout", (2, 3), rate=0.5, noise_shape=(None, 1))
    add("SpatialDropout2D", FIRST[2], rate=0.5, data_format="channels_first", dtype="float16")
    add("PReLU", (2, 3, 4, 2), shared_axes=[1, 2])
    add("PReLU", (2, 3), alpha_initializer="ones", alpha_regularizer="l2",
        alpha_constraint="non_neg")


HALF = {
    "Dense": ((3, 4), {"units": 5, "activation": "tanh"}),
    "EinsumDense": ((2, 3, 4), {"equation": "abc,cd->abd", "output_shape": (3, 5)}),
    "Conv1D": (IMAGE[1], {"filters": 3, "kernel_size": 3}),
    "Conv2D": (IMAGE[2], {"filters": 3, "kernel_size": 2, "strides": 2}),
    "Conv2DTranspose": (IMAGE[2], {"filters": 3, "kernel_size": 2, "strides": 2}),
    "DepthwiseConv2D": (IMAGE[2], {"kernel_size": 2}),
    "SeparableConv2D": (IMAGE[2], {"filters": 3, "kernel_size": 2}),
    "MaxPooling2D": (IMAGE[2], {}),
    "AveragePooling2D": (IMAGE[2], {"pool_size": 2}),
    "GlobalAveragePooling2D": (IMAGE[2], {}),
    "AdaptiveAveragePooling2D": (IMAGE[2], {"output_size": 2}),
    "AdaptiveMaxPooling2D": (IMAGE[2], {"output_size": 2}),
    "BatchNormalization": ((4, 3, 2), {}),
    "LayerNormalization": ((4, 5), {}),
    "GroupNormalization": ((2, 3, 4), {"groups": 2}),
    "RMSNormalization": ((4, 5), {}),
    "UnitNormalization": ((4, 5), {}),
    "PReLU": ((4, 5), {}),
    "Softmax": ((4, 5), {}),
    "ELU": ((4, 5), {}),
    "UpSampling2D": (IMAGE[2], {"size": 2}),
    "ZeroPadding2D": (IMAGE[2], {"padding": 1}),
    "Cropping2D": (IMAGE[2], {"cropping": 1}),
    "Permute": ((2, 3, 4), {"dims": (2, 1)}),
    "RepeatVector": ((2, 3), {"n": 2}),
    "Masking": ((2, 3, 4), {}),
    "Add": ([(2, 3), (2, 3)], {}),
    "Average": ([(2, 3), (2, 3)], {}),
    "Maximum": ([(2, 3), (2, 3)], {}),
    "Dot": ([(2, 3, 4), (2, 5, 4)], {"axes": -1}),
    "Concatenate": ([(2, 3), (2, 4)], {}),
}


def half():
    for dtype, (layer, (shape, arguments)) in product(
        ("mixed_float16", "mixed_bfloat16", "float16"), HALF.items()
    ):
        call = {"training": True} if layer == "BatchNormalization" else {}
        add(layer, shape, dtype=dtype, call=call, **arguments)
    for dtype in ("mixed_float16", "mixed_bfloat16"):
        add("Embedding", (2, 4), input_dim=5, output_dim=3, values="5", dtype=dtype)


for family in (convolutions, shaping, normalization, merging, dense, others, half):
    family()
