"""Takes legacy.zip and legacy.npz: files that Keras 2 has written, in the package tf-keras.

For a Python with tensorflow and tf-keras of the same version. What models of old layers (CuDNNLSTM,
CuDNNGRU) give, which run on a GPU only, is what tf-keras makes of their weights in LSTM and GRU.
"""

import os
import tempfile
import zipfile
from pathlib import Path

import _path  # noqa: F401

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras.api._v1.keras import layers as old

from tests.golden import store
from tests.golden.formulas import integers, uniform, weight

L = keras.layers
K = keras.backend
STEPS, SAMPLES = 3, 8
tf.config.run_functions_eagerly(True)


# ---------------------------------------------------------------- single layers
LAYERS = {  # name: (layer, shape of one sample)
    "Activation": (lambda: L.Activation("swish"), (5,)),
    "AdditiveAttention": (lambda: L.AdditiveAttention(), [(4, 3), (5, 3)]),
    "Attention": (lambda: L.Attention(use_scale=True), [(4, 3), (5, 3)]),
    "Average": (lambda: L.Average(), [(4,), (4,)]),
    "AveragePooling2D": (lambda: L.AveragePooling2D(2, padding="same"), (5, 5, 2)),
    "BatchNormalization": (lambda: L.BatchNormalization(), (5, 3)),
    "BatchNormalization axis": (lambda: L.BatchNormalization(axis=1, scale=False), (5, 3)),
    "Bidirectional LSTM": (lambda: L.Bidirectional(L.LSTM(3, return_sequences=True)), (5, 4)),
    "Bidirectional GRU": (lambda: L.Bidirectional(L.GRU(3), merge_mode="sum"), (5, 4)),
    "Bidirectional two": (lambda: L.Bidirectional(L.LSTM(2), backward_layer=L.LSTM(
        2, go_backwards=True, activation="relu")), (5, 4)),
    "CategoryEncoding": (lambda: L.CategoryEncoding(6, "count"), "int (4,)"),
    "CenterCrop": (lambda: L.CenterCrop(3, 2), (5, 5, 2)),
    "Concatenate": (lambda: L.Concatenate(axis=1), [(4, 2), (3, 2)]),
    "Conv1D": (lambda: L.Conv1D(3, 3, padding="causal", dilation_rate=2), (9, 2)),
    "Conv1DTranspose": (lambda: L.Conv1DTranspose(3, 3, strides=2), (5, 2)),
    "Conv2D": (lambda: L.Conv2D(4, (3, 2), strides=(2, 1), groups=2, activation="relu",
                                kernel_regularizer=keras.regularizers.l1_l2(0.01, 0.02),
                                kernel_constraint=keras.constraints.MaxNorm(3)), (7, 6, 4)),
    "Conv2DTranspose": (lambda: L.Conv2DTranspose(3, 3, strides=2, padding="same"), (4, 4, 2)),
    "Conv3D": (lambda: L.Conv3D(2, 2), (4, 4, 4, 2)),
    "ConvLSTM2D": (lambda: L.ConvLSTM2D(2, 2, padding="same"), (3, 4, 4, 2)),
    "Cropping2D": (lambda: L.Cropping2D(((1, 0), (0, 1))), (5, 5, 2)),
    "Dense": (lambda: L.Dense(3, "gelu", kernel_initializer="he_normal"), (2, 4)),
    "DepthwiseConv2D": (lambda: L.DepthwiseConv2D(2, depth_multiplier=2), (5, 5, 2)),
    "Discretization": (lambda: L.Discretization(bin_boundaries=[-0.5, 0.0, 0.5]), (6,)),
    "Dot": (lambda: L.Dot(axes=(2, 2), normalize=True), [(4, 3), (5, 3)]),
    "Dropout": (lambda: L.Dropout(0.3, noise_shape=(None, 1)), (5,)),
    "ELU": (lambda: L.ELU(0.5), (5,)),
    "EinsumDense": (lambda: L.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d"), (3, 4)),
    "Embedding": (lambda: L.Embedding(7, 3, input_length=5), "int (5,)"),
    "Flatten": (lambda: L.Flatten(), (2, 3)),
    "GRU": (lambda: L.GRU(3, return_sequences=True), (5, 4)),
    "GRU before": (lambda: L.GRU(3, reset_after=False), (5, 4)),
    "GaussianNoise": (lambda: L.GaussianNoise(0.1), (5,)),
    "GlobalAveragePooling1D": (lambda: L.GlobalAveragePooling1D(), (5, 3)),
    "GlobalMaxPooling2D": (lambda: L.GlobalMaxPooling2D(keepdims=True), (5, 4, 3)),
    "GroupNormalization": (lambda: L.GroupNormalization(2), (5, 4)),
    "Hashing": (lambda: L.Hashing(5), "int (4,)"),
    "IntegerLookup": (lambda: L.IntegerLookup(vocabulary=[3, 1, 4]), "int (5,)"),
    "LSTM": (lambda: L.LSTM(3, unit_forget_bias=False, go_backwards=True), (5, 4)),
    "LSTM hard": (lambda: L.LSTM(3, activation="relu", recurrent_activation="hard_sigmoid"),
                  (5, 4)),
    "LayerNormalization": (lambda: L.LayerNormalization(epsilon=0.01), (5, 4)),
    "LayerNormalization axes": (lambda: L.LayerNormalization(axis=[1, 2]), (5, 4)),
    "LeakyReLU": (lambda: L.LeakyReLU(0.2), (5,)),
    "MaxPooling1D": (lambda: L.MaxPooling1D(2), (5, 3)),
    "Multiply": (lambda: L.Multiply(), [(4,), (4,)]),
    "Normalization": (lambda: L.Normalization(mean=[1.0, 2.0], variance=[1.0, 4.0]), (2,)),
    "PReLU": (lambda: L.PReLU(shared_axes=[1]), (5, 4)),
    "Permute": (lambda: L.Permute((2, 1)), (5, 4)),
    "RNN of cells": (lambda: L.RNN([L.LSTMCell(3), L.GRUCell(2)]), (5, 4)),
    "ReLU": (lambda: L.ReLU(6.0, 0.1, 0.2), (5,)),
    "RepeatVector": (lambda: L.RepeatVector(3), (5,)),
    "Rescaling": (lambda: L.Rescaling(0.5, 1.0), (5,)),
    "Reshape": (lambda: L.Reshape((-1, 2)), (3, 4)),
    "Resizing": (lambda: L.Resizing(7, 3), (4, 5, 2)),
    "SeparableConv2D": (lambda: L.SeparableConv2D(3, 2), (5, 5, 2)),
    "SimpleRNN": (lambda: L.SimpleRNN(3), (5, 4)),
    "Softmax": (lambda: L.Softmax(axis=1), (5, 4)),
    "SpatialDropout1D": (lambda: L.SpatialDropout1D(0.2), (5, 4)),
    "TimeDistributed": (lambda: L.TimeDistributed(L.Dense(3)), (5, 4)),
    "UnitNormalization": (lambda: L.UnitNormalization(), (5,)),
    "UpSampling2D": (lambda: L.UpSampling2D(2, interpolation="bilinear"), (3, 4, 2)),
    "ZeroPadding2D": (lambda: L.ZeroPadding2D((1, 2)), (3, 4, 2)),
}


def layer_model(name):
    make, shape = LAYERS[name]
    shapes = shape if isinstance(shape, list) else [shape]
    inputs = []
    for s in shapes:
        whole = isinstance(s, str)
        inputs.append(keras.Input(eval(s.removeprefix("int ")) if whole else s,
                                  dtype="int32" if whole else "float32"))
    return keras.Model(inputs, make()(inputs if len(inputs) > 1 else inputs[0]))


# ---------------------------------------------------------------- whole models
@keras.saving.register_keras_serializable(package="golden")
class Scaled(L.Layer):
    """A layer of one's own with a sublayer, which tests/golden/files.py has too."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.part = L.Dense(self.units)
        self.part.build(input_shape)
        self.factor = self.add_weight("factor", shape=(self.units,), initializer="ones")
        self.built = True

    def call(self, inputs):
        return self.part(inputs) * self.factor

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def sequential():
    return keras.Sequential([L.Dense(5, "relu", input_shape=(4,)), L.BatchNormalization(),
                             L.Dropout(0.0), L.Dense(1)])


def image():
    return keras.Sequential([
        L.InputLayer((8, 8, 2)), L.Conv2D(3, 3, activation="relu", padding="same"),
        L.MaxPooling2D(), L.SeparableConv2D(2, 2), L.BatchNormalization(fused=True), L.Flatten(),
        L.Dense(1)])


def shared():
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    inner = keras.Sequential([L.Dense(4, "tanh", input_shape=(4,)), L.Dense(3)], name="inner")
    z = keras.Input((4,))
    part = keras.Model(z, L.Dense(2)(inner(z)), name="part")
    dense = L.Dense(3)
    both = L.Concatenate()([part(x), part(y), dense(x), dense(y)])
    return keras.Model([x, y], L.Dense(1)(both))


def frozen():
    inner = keras.Sequential([L.Dense(4, input_shape=(4,)), L.BatchNormalization(), L.Dense(3)])
    inner.layers[0].trainable = False
    model = keras.Sequential([inner, L.Dense(3, trainable=False), L.Dense(1)])
    model.build((None, 4))
    return model


def words():
    return keras.Sequential([
        L.Embedding(9, 4, mask_zero=True, input_length=6), L.Bidirectional(
            L.LSTM(3, return_sequences=True)), L.GRU(3), L.Dense(1)])


def transformer():
    x = keras.Input((5, 4))
    h = L.LayerNormalization()(x + L.MultiHeadAttention(2, 3)(x, x))
    h = L.Add()([h, L.Dense(4)(L.Dense(6, "gelu")(h))])
    return keras.Model(x, L.Dense(1)(L.GlobalAveragePooling1D()(h)))


def encoder_decoder():
    x, y = keras.Input((5, 4)), keras.Input((3, 4))
    _, *states = L.LSTM(3, return_state=True)(x)
    h = L.LSTM(3, return_sequences=True)(y, initial_state=states)
    return keras.Model([x, y], L.TimeDistributed(L.Dense(1))(h))


def two_outputs():
    x = keras.Input((4,))
    h = L.Dense(4, "tanh")(x)
    return keras.Model(x, [L.Dense(1, name="a")(h), L.Dense(1, name="b")(h)])


def half():
    return keras.Sequential([
        L.Dense(4, "relu", dtype="mixed_bfloat16", input_shape=(4,)), L.Dense(1, dtype="float32")])


def half_scaled():
    return keras.Sequential([
        L.Dense(4, "relu", dtype="mixed_float16", input_shape=(4,)), L.Dense(1, dtype="float32")])


def own():
    x = keras.Input((4,))
    return keras.Model(x, Scaled(2)(L.Dense(3)(x)))


def operators():
    x = keras.Input((6,))
    y = L.Dense(6)(x)
    z = 2.0 * y + 1.0 - y / 4.0
    z = (1.0 - z) * x - 3.0 / (2.0 + tf.square(z))
    z = tf.where(z > 0.5, z, z * 0.1)
    z = tf.concat([z[:, :2], -z[..., 2:], tf.abs(x)[:, 1:3]], axis=-1)
    return keras.Model(x, L.Dense(1)(z ** 2))


def functions():
    x = keras.Input((4, 6))
    y = L.Dense(6)(x)
    y = tf.nn.relu(y) + tf.tanh(y) + tf.math.sigmoid(y) + tf.nn.softmax(y, axis=-1)
    y = tf.transpose(y, perm=[0, 2, 1])
    y = tf.reshape(y, [-1, 3, 8])
    m = tf.reduce_mean(y, axis=-1, keepdims=True)
    y = (y - m) / tf.sqrt(tf.math.reduce_variance(y, axis=-1, keepdims=True) + 1e-3)
    y = tf.expand_dims(tf.reduce_max(y, 1), 1) + tf.stack([y[:, 0], y[:, 1]], axis=1)
    y = tf.clip_by_value(y, -1.5, 1.5) * tf.cast(y > 0, "float32")
    y = tf.matmul(y, tf.ones((8, 2)) * 0.1)
    a, b = tf.split(y, 2, axis=-1)
    y = tf.squeeze(tf.maximum(a, b), axis=-1) + tf.reduce_sum(tf.exp(-a * a), axis=[1, 2])[:, None]
    y = tf.math.l2_normalize(y, axis=-1) + tf.tile(tf.reduce_mean(y, 1, keepdims=True), [1, 2])
    return keras.Model(x, L.Dense(1)(tf.math.squared_difference(y, tf.math.log(tf.abs(y) + 1.0))))


def backend():
    x = keras.Input((6,))
    y = L.Dense(6)(x)
    z = K.concatenate([K.square(y), K.abs(x)], axis=-1)
    z = K.mean(z, axis=1, keepdims=True) + K.sum(y, axis=-1, keepdims=True)
    z = K.dot(z, K.constant([[1.0, 2.0]])) + K.expand_dims(K.max(y, axis=1))
    return keras.Model(x, L.Dense(1)(K.clip(K.relu(z), 0.1, 2.0)))


def sizes():
    x = keras.Input((4, 3))
    y = L.Dense(6)(x)
    n = tf.shape(x)[0]
    y = tf.reshape(y, [n, 4, 2, 3])
    y = tf.reshape(tf.transpose(y, [0, 2, 1, 3]), (tf.shape(y)[0], 24))
    return keras.Model(x, L.Dense(1)(y))


def cudnn_lstm():
    x = keras.Input((5, 4))
    return keras.Model(x, L.Dense(1)(old.CuDNNLSTM(3)(x)))


def cudnn_gru():
    x = keras.Input((5, 4))
    return keras.Model(x, L.Dense(1)(old.CuDNNGRU(3, return_sequences=True)(x)))


def cudnn_both_ways():
    x = keras.Input((5, 4))
    return keras.Model(x, L.Dense(1)(L.Bidirectional(old.CuDNNLSTM(3))(x)))


TWINS = {
    "cudnn_lstm": lambda: L.LSTM(3),
    "cudnn_gru": lambda: L.GRU(3, return_sequences=True),
    "cudnn_both_ways": lambda: L.Bidirectional(L.LSTM(3)),
}
WHOLE = {f.__name__: f for f in (
    sequential, image, shared, frozen, words, transformer, encoder_decoder, two_outputs, half,
    half_scaled, own, operators, functions, backend, sizes, cudnn_lstm, cudnn_gru,
    cudnn_both_ways)}
INPUTS = {"image": [(8, 8, 2)], "shared": [(4,), (4,)], "transformer": [(5, 4)],
          "encoder_decoder": [(5, 4), (3, 4)], "operators": [(6,)], "functions": [(4, 6)],
          "backend": [(6,)], "sizes": [(4, 3)], **dict.fromkeys(TWINS, [(5, 4)])}
COMPILED = {
    "sequential": lambda: {"loss": keras.losses.Huber(0.5), "metrics": ["mae", "accuracy"]},
    "image": lambda: {"loss": "binary_crossentropy", "metrics": [keras.metrics.AUC(name="auc")]},
    "two_outputs": lambda: {"loss": {"a": "mse", "b": keras.losses.LogCosh()},
                            "loss_weights": {"a": 1.0, "b": 0.5}, "metrics": {"a": ["mae"]}},
}
OPTIMIZERS = {
    "SGD": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
    "Adam": {"learning_rate": 0.01, "amsgrad": True}, "RMSprop": {"centered": True,
    "momentum": 0.5}, "Adagrad": {}, "Adadelta": {"learning_rate": 0.5}, "Adamax": {}, "Nadam": {},
    "Ftrl": {"learning_rate": 0.1}, "AdamW": {}, "Lion": {}, "Adafactor": {},
}
SCHEDULE = keras.optimizers.schedules.ExponentialDecay


# ---------------------------------------------------------------- what is stored
def set_weights(model):
    for i, w in enumerate(model.weights):
        if w.dtype.is_floating:
            w.assign(weight(w.name, tuple(w.shape), i))


def data(model):
    xs = [integers((SAMPLES, *x.shape[1:]), 5 + i, 6) if x.dtype.is_integer
          else uniform((SAMPLES, *x.shape[1:]), 5 + i) for i, x in enumerate(model.inputs)]
    return xs if len(xs) > 1 else xs[0]


def flat(y):
    parts = y if isinstance(y, (list, tuple)) else [y]
    return np.concatenate([np.asarray(p, "float32").ravel() for p in parts])


def train(model, x, y):
    losses = []
    for _ in range(STEPS):
        model.reset_metrics()
        found = model.train_on_batch(x, y, return_dict=True)
        losses.append(found["loss"])
    return np.array(losses, "float64")


def targets(model):
    ys = [uniform((SAMPLES, *t.shape[1:]), 40 + i, 0, 1) for i, t in enumerate(model.outputs)]
    return dict(zip(model.output_names, ys)) if len(ys) > 1 else ys[0]


def inputs_of(x):
    return {f"x{i}": v for i, v in enumerate(x if isinstance(x, list) else [x])}


def targets_of(y):
    return {f"y {k}": v for k, v in (y.items() if isinstance(y, dict) else [("", y)])}


class Taker:
    """Collects files and arrays."""

    def __init__(self, folder):
        self.folder, self.files, self.arrays = Path(folder), {}, {}

    def keep(self, name, save, ending):
        path = self.folder / f"model{ending}"
        save(path)
        self.files[name] = path.read_bytes()

    def note(self, name, **arrays):
        self.arrays |= {f"{name}: {k}": v for k, v in arrays.items()}

    def layer(self, name):
        keras.backend.clear_session()
        model = layer_model(name)
        set_weights(model)
        x = data(model)
        self.keep(f"layer: {name}.h5", model.save, ".h5")
        self.note(f"layer: {name}", out=flat(model(x)), **inputs_of(x))

    def trained(self, name, model, endings=(".h5",)):
        x, y = data(model), targets(model)
        self.note(name, **inputs_of(x), **targets_of(y))
        train(model, x, y)
        for ending in endings:
            self.keep(name + ending, model.save, ending)
        self.note(name, out=flat(model(x)), losses=train(model, x, y))

    def optimizer(self, name, make):
        keras.backend.clear_session()
        model = keras.Sequential([L.Dense(3, "tanh", input_shape=(4,)), L.Dense(1)])
        set_weights(model)
        model.compile(make, "mse")
        self.trained(f"optimizer: {name}", model)

    def model(self, name):
        keras.backend.clear_session()
        model = WHOLE[name]()
        if not model.built:
            model.build((None, *INPUTS.get(name, [(4,)])[0]))
        set_weights(model)
        entry = f"model: {name}"
        options = COMPILED.get(name, lambda: {"loss": "mse"})()
        optimizer = keras.optimizers.Adam(0.01)
        if name == "half_scaled":
            optimizer = keras.mixed_precision.LossScaleOptimizer(optimizer)
        model.compile(optimizer, **options)
        if name not in TWINS:
            zipped = () if name == "operators" else (".keras",)  # which cannot hold an Ellipsis
            self.trained(entry, model, (".h5", *zipped))
            self.keep(f"{entry} weights.h5", model.save_weights, ".h5")
            self.keep(f"{entry} weights.weights.h5", model.save_weights, ".weights.h5")
            self.note(f"{entry} weights", out=flat(model(data(model))))
            return
        self.keep(f"{entry}.h5", model.save, ".h5")
        self.keep(f"{entry} weights.h5", model.save_weights, ".h5")
        x = keras.Input((5, 4))
        twin = keras.Model(x, L.Dense(1)(TWINS[name]()(x)))
        twin.load_weights(self.folder / "model.h5")
        x = data(twin)
        self.note(entry, out=flat(twin(x)), **inputs_of(x))


def main(folder):
    taker = Taker(folder)
    for name in LAYERS:
        taker.layer(name)
    for name, options in OPTIMIZERS.items():
        taker.optimizer(name, getattr(keras.optimizers, name)(**options))
        if hasattr(keras.optimizers.legacy, name):
            taker.optimizer(f"old {name}", getattr(keras.optimizers.legacy, name)(**options))
    taker.optimizer("decay", keras.optimizers.legacy.SGD(0.1, decay=0.1))
    taker.optimizer("schedule", keras.optimizers.Adam(SCHEDULE(0.1, 2, 0.5), clipnorm=1.0))
    taker.optimizer("old schedule", keras.optimizers.legacy.Adam(SCHEDULE(0.1, 2, 0.5)))
    for name in WHOLE:
        taker.model(name)
    store.save_arrays("legacy", taker.arrays)
    target = store.FOLDER / "legacy.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bundle:
        for name, content in taker.files.items():
            info = zipfile.ZipInfo(name)
            bundle.writestr(info, content, zipfile.ZIP_DEFLATED)
    print(f"{len(taker.files)} files, {target.stat().st_size} bytes")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(temporary)
