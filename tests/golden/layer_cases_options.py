"""Layer cases that set, at once, what initializes, regularizes and constrains the weights."""

from functools import partial
from itertools import product

from tests.golden.layer_cases import FIRST, IMAGE, enter

CASES = {}
add = partial(enter, CASES)

KINDS = {"initializer": "ones", "regularizer": "l2", "constraint": "non_neg"}


def options(*weights, activity=True):
    """Every option of these weights, and a regularizer of what comes out."""
    found = {f"{w}_{kind}": value for w, (kind, value) in product(weights, KINDS.items())}
    return found | ({"activity_regularizer": "l1"} if activity else {})


def convolutions():
    for rank in (1, 2, 3):
        add(f"Conv{rank}D", IMAGE[rank], filters=2, kernel_size=2, **options("kernel", "bias"))
        add(f"Conv{rank}DTranspose", IMAGE[rank], filters=2, kernel_size=2, dilation_rate=2,
            activation="tanh", **options("kernel", "bias"))
        add(f"ConvLSTM{rank}D", (2, 3, *FIRST[rank][1:]), filters=2, kernel_size=2, strides=2,
            padding="same", data_format="channels_first", activation="softsign", dropout=0.3,
            recurrent_activation="sigmoid", recurrent_dropout=0.2, return_sequences=True,
            go_backwards=True, unit_forget_bias=False, seed=1,
            **options("kernel", "recurrent", "bias"))
        add(f"ConvLSTM{rank}D", (2, 3, *IMAGE[rank][1:]), filters=2, kernel_size=2,
            dilation_rate=2, use_bias=False)
    for rank in (1, 2):
        add(f"DepthwiseConv{rank}D", IMAGE[rank], kernel_size=2, **options("depthwise", "bias"))
        add(f"SeparableConv{rank}D", IMAGE[rank], filters=2, kernel_size=2,
            **options("depthwise", "pointwise", "bias"))


def dense():
    own = {"equation": "ab,bc->ac", "output_shape": 2, "bias_axes": "c"}
    for layer, arguments in (("Dense", {"units": 2}), ("EinsumDense", own)):
        add(layer, (3, 4), **arguments, **options("kernel", "bias"))
        add(layer, (3, 4), lora_rank=1, lora_alpha=3.0, **arguments)
    table = options("embeddings", activity=False)
    for layer in ("Embedding", "ReversibleEmbedding"):
        add(layer, (2, 3), input_dim=5, output_dim=3, values="5", **table)
    add("Embedding", (2, 3), input_dim=5, output_dim=3, values="5", lora_rank=1, lora_alpha=2.0)


def normalization():
    both = options("beta", "gamma", activity=False)
    for layer in ("BatchNormalization", "LayerNormalization", "GroupNormalization"):
        own = {"groups": 2} if layer == "GroupNormalization" else {}
        add(layer, (4, 3, 2), **own, **both)
    add("BatchNormalization", (4, 3, 2), call={"training": True}, moving_mean_initializer="ones",
        moving_variance_initializer="zeros")
    add("SpatialDropout3D", FIRST[3], rate=0.5, data_format="channels_first")


def recurrent():
    weights = options("kernel", "recurrent", "bias")
    for layer, gates in (("SimpleRNN", {}), ("LSTM", {"unit_forget_bias": False}),
                         ("GRU", {"reset_after": False})):
        gates |= {} if layer == "SimpleRNN" else {"recurrent_activation": "hard_sigmoid"}
        fast = {} if layer == "SimpleRNN" else {"use_cudnn": False}
        add(layer, (2, 4, 3), units=3, activation="softsign", dropout=0.3, recurrent_dropout=0.2,
            seed=1, **gates, **weights)
        add(layer, (2, 4, 3), units=3, use_bias=False, unroll=True, zero_output_for_mask=True,
            mask=(2, 4), return_sequences=True, **fast)


for family in (convolutions, dense, normalization, recurrent):
    family()
