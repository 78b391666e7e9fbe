"""One row or more a layer: constructor arguments, an input shape, what the contract is to know."""

from dataclasses import dataclass, field

import numpy as np

import minikeras as keras

IMAGE = {1: (2, 9, 4), 2: (2, 7, 6, 4), 3: (2, 5, 4, 6, 4)}
FIRST = {1: (2, 4, 9), 2: (2, 4, 7, 6), 3: (2, 4, 5, 4, 6)}


@dataclass
class Row:
    """See the module's docstring; `shape` with the batch, a list for several inputs."""

    layer: str
    shape: object
    arguments: dict = field(default_factory=dict)
    unknown: tuple = (0,)  # axes whose lengths may be unknown
    indices: int = 0  # inputs are integers below it
    rank: bool = False  # other ranks are refused
    smooth: bool = True  # its gradient is that of what it computes, in its own dtype
    training: object = None

    def __str__(self):
        words = [f"{k}={getattr(v, '__name__', v)}" for k, v in self.arguments.items()]
        return " ".join([self.layer, *words])

    def make(self, **more):
        """The layer."""
        given = {k: v() if k in ("layer", "cell") else v for k, v in self.arguments.items()}
        return getattr(keras.layers, self.layer)(**given, **more)

    def shapes(self):
        """The shapes of the inputs, a list."""
        return self.shape if isinstance(self.shape, list) else [self.shape]

    def inputs(self, dtype="float32"):
        """Input arrays, a list."""
        rng = np.random.default_rng(3)
        if self.indices:
            return [rng.integers(0, self.indices, s).astype("int32") for s in self.shapes()]
        return [rng.uniform(-1, 1, s).astype(dtype) for s in self.shapes()]

    def call(self, layer, inputs, **more):
        """The layer's output for a list of inputs."""
        x = list(inputs) if isinstance(self.shape, list) else inputs[0]
        if self.training is not None:
            more["training"] = self.training
        return layer(x, **more)


def _dense():
    return keras.layers.Dense(3)


def _cells():
    return [keras.layers.LSTMCell(3), keras.layers.GRUCell(2), keras.layers.SimpleRNNCell(2)]


def _gru():
    return keras.layers.GRU(3, return_sequences=True)


def _convolutions():
    for rank in (1, 2, 3):
        spatial = tuple(range(rank + 1))
        common = {"rank": True}
        last, first = {"unknown": spatial}, {"unknown": (0, *range(2, rank + 2))}
        for name in (f"Conv{rank}D", f"Conv{rank}DTranspose"):
            yield Row(name, IMAGE[rank], {"filters": 4, "kernel_size": 2, "activation": "tanh"},
                      **last, **common)
            yield Row(name, FIRST[rank], {"filters": 2, "kernel_size": 3, "strides": 2,
                      "padding": "same", "data_format": "channels_first"}, **first, **common)
        yield Row(f"Conv{rank}D", IMAGE[rank], {"filters": 4, "kernel_size": 2, "groups": 2,
                  "dilation_rate": 2, "use_bias": False}, **last, **common)
        if rank < 3:
            for name, own in ((f"DepthwiseConv{rank}D", {}),
                              (f"SeparableConv{rank}D", {"filters": 3})):
                yield Row(name, IMAGE[rank], {"kernel_size": 2, "depth_multiplier": 2, **own},
                          **last, **common)
                yield Row(name, FIRST[rank], {"kernel_size": 2, "strides": 2, "padding": "same",
                          "data_format": "channels_first", **own}, **first, **common)
        for kind in ("Max", "Average"):
            name = f"{kind}Pooling{rank}D"
            yield Row(name, IMAGE[rank], {"pool_size": 2}, **last, **common)
            yield Row(name, FIRST[rank], {"pool_size": 3, "strides": 1, "padding": "same",
                      "data_format": "channels_first"}, **first, **common)
            name = f"Global{kind}Pooling{rank}D"
            yield Row(name, IMAGE[rank], {}, **last, **common)
            yield Row(name, FIRST[rank], {"data_format": "channels_first", "keepdims": True},
                      **first, **common)
            name = f"Adaptive{kind}Pooling{rank}D"
            yield Row(name, IMAGE[rank], {"output_size": 2}, **last, **common)
            yield Row(name, FIRST[rank], {"output_size": 3, "data_format": "channels_first"},
                      **first, **common)
        one = rank == 1
        first_only = {} if one else {"data_format": "channels_first"}
        shape = IMAGE[1] if one else FIRST[rank]
        axes = last if one else first
        yield Row(f"ZeroPadding{rank}D", shape, {"padding": 2, **first_only}, **axes, rank=True)
        yield Row(f"Cropping{rank}D", shape, {"cropping": 1, **first_only}, **axes, rank=True)
        yield Row(f"UpSampling{rank}D", shape, {"size": 2, **first_only}, **axes, rank=True)
        yield Row(f"SpatialDropout{rank}D", shape, {"rate": 0.3, **first_only}, **axes, rank=True)


def _others():
    yield Row("Dense", (2, 3, 4), {"units": 5, "activation": "tanh"}, unknown=(0, 1))
    yield Row("EinsumDense", (2, 3, 4), {"equation": "abc,cd->abd", "output_shape": (3, 5),
              "bias_axes": "d"}, rank=True)
    yield Row("EinsumDense", (2, 3, 4), {"equation": "...x,xy->...y", "output_shape": 5},
              unknown=(0, 1))
    yield Row("Embedding", (2, 3), {"input_dim": 6, "output_dim": 4}, (0, 1), 6)
    yield Row("ReversibleEmbedding", (2, 3), {"input_dim": 6, "output_dim": 4}, (0, 1), 6)
    for name in ("Activation", "Identity", "ActivityRegularization"):
        own = {"activation": "tanh"} if name == "Activation" else {}
        yield Row(name, (2, 3, 4), own, unknown=(0, 1, 2))
    yield Row("ReLU", (2, 3), {"max_value": 0.6, "negative_slope": 0.2, "threshold": 0.1}, (0, 1))
    yield Row("LeakyReLU", (2, 3), {}, (0, 1))
    yield Row("ELU", (2, 3), {"alpha": 0.5}, (0, 1))
    yield Row("Softmax", (2, 3, 4), {"axis": (1, 2)}, (0, 1, 2))
    yield Row("PReLU", (2, 3, 4), {"shared_axes": [1], "alpha_initializer": "ones"}, (0, 1),
              rank=True)
    yield Row("Flatten", (2, 3, 4), {}, (0, 1))
    yield Row("Reshape", (2, 3, 4), {"target_shape": (2, -1)}, (0, 1))
    yield Row("Rescaling", (2, 3, 4), {"scale": 0.5, "offset": -1.0})
    yield Row("Rescaling", (2, 3, 2), {"scale": [0.5, 2.0], "offset": [0.0, 1.0]})
    yield Row("Permute", (2, 3, 4), {"dims": (2, 1)}, (0, 1, 2), rank=True)
    yield Row("RepeatVector", (2, 3), {"n": 3}, (0, 1), rank=True)
    yield Row("Masking", (2, 3, 4), {"mask_value": 0.5}, (0, 1, 2))
    for name in ("Dropout", "AlphaDropout", "GaussianDropout"):
        yield Row(name, (2, 3), {"rate": 0.3}, (0, 1))
    yield Row("GaussianNoise", (2, 3), {"stddev": 0.3}, (0, 1))
    for training in (False, True):
        yield Row("BatchNormalization", (4, 3, 2), {}, (0, 1), rank=True, training=training)
        yield Row("BatchNormalization", (4, 3, 2), {"axis": 1, "scale": False}, (0, 2), rank=True,
                  training=training)
        yield Row("BatchNormalization", (4, 3, 2), {"renorm": True}, (0, 1), rank=True,
                  training=training, smooth=not training)
    yield Row("LayerNormalization", (2, 3, 4), {"axis": (1, 2)})
    yield Row("LayerNormalization", (2, 3, 4), {"axis": 1}, (0, 2))
    yield Row("LayerNormalization", (2, 3, 4), {"rms_scaling": True}, (0, 1))
    yield Row("GroupNormalization", (2, 3, 4), {"groups": 2}, (0, 1), rank=True)
    yield Row("GroupNormalization", (2, 4, 3, 2), {"groups": 2, "axis": 1}, (0, 2, 3), rank=True)
    yield Row("RMSNormalization", (2, 3, 4), {}, (0, 1))
    yield Row("RMSNormalization", (2, 3, 4), {"axis": 1}, (0, 2))
    yield Row("UnitNormalization", (2, 3, 4), {"axis": [1, 2]}, (0, 1, 2))
    yield Row("SpectralNormalization", (2, 3), {"layer": _dense}, smooth=False)
    for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"):
        yield Row(name, [(2, 3, 4), (2, 1, 4)], {}, (0, 2))
    yield Row("Concatenate", [(2, 3, 4), (2, 2, 4)], {"axis": 1}, (0, 2))
    yield Row("Dot", [(2, 3, 4), (2, 5, 4)], {"axes": -1}, (0, 1))
    yield Row("Dot", [(2, 3), (2, 3)], {"axes": 1, "normalize": True})


def _sequences():
    common = {"unknown": (0, 1), "rank": True}
    for name in ("SimpleRNN", "GRU", "LSTM"):
        yield Row(name, (2, 5, 3), {"units": 4}, **common)
        yield Row(name, (2, 5, 3), {"units": 2, "return_sequences": True, "go_backwards": True},
                  **common)
        yield Row(name, (2, 5, 3), {"units": 2, "activation": "softsign"}, **common)
    yield Row("GRU", (2, 5, 3), {"units": 2, "reset_after": False}, **common)
    for size in ((2, 5, 3), (1, 1, 1)):
        yield Row("LSTM", size, {"units": 1, "use_bias": False}, **common)
    own = {"unknown": (0, 1), "smooth": False}  # the layer inside has a dtype of its own
    yield Row("RNN", (2, 5, 3), {"cell": _cells, "return_sequences": True}, **own)
    yield Row("Bidirectional", (2, 5, 3), {"layer": _gru}, **own)
    yield Row("Bidirectional", (2, 5, 3), {"layer": _gru, "merge_mode": "mul"}, **own)
    yield Row("TimeDistributed", (2, 5, 3), {"layer": _dense}, **own)
    for rank, shape in ((1, (2, 3, 5, 2)), (2, (2, 3, 5, 4, 2)), (3, (2, 2, 4, 3, 4, 2))):
        yield Row(f"ConvLSTM{rank}D", shape, {"filters": 2, "kernel_size": 2, "padding": "same"},
                  unknown=tuple(range(rank + 2)), rank=True)
    yield Row("ConvLSTM2D", (2, 3, 2, 5, 4), {"filters": 2, "kernel_size": 2, "strides": 2,
              "data_format": "channels_first", "return_sequences": True}, (0, 1), rank=True)
    shapes = [(2, 3, 4), (2, 5, 4)]
    yield Row("Attention", shapes, {"use_scale": True}, (0, 1))
    yield Row("Attention", shapes, {"score_mode": "concat"}, (0, 1))
    yield Row("Attention", [(2, 3, 4), (2, 5, 2), (2, 5, 4)], {}, (0, 1))
    yield Row("AdditiveAttention", shapes, {}, (0, 1))


ROWS = [*_convolutions(), *_others(), *_sequences()]
