"""Models that are saved by one package and loaded by the other: predictions, losses of training on.

Everything here runs on minikeras and on Keras alike (see package.py).
"""

import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np

from tests.golden import (
    layer_cases,
    layer_cases_more,
    layers,
    optimizers,
    sequence_cases,
    sequences,
    store,
)
from tests.golden.formulas import integers, uniform, weight
from tests.golden.package import array, keras

L = keras.layers
PER_LAYER, STEPS = 2, 3
OPTIMIZERS = [n for n in optimizers.CASES if n not in ("ema_overwrite", "accumulation_ema")]
MADE_OF_OTHERS = {  # optimizers that hold optimizers
    "scaled": lambda o: o.LossScaleOptimizer(o.Adam(0.01), initial_scale=64.0,
                                             dynamic_growth_steps=2),
    "several": lambda o: o.MultiOptimizer(o.OptimizerMap(o.SGD(0.1, momentum=0.5), {
        ".*bias": o.Adam(0.01)})),
}


@keras.saving.register_keras_serializable(package="golden")
class Scaled(L.Layer):
    """A custom layer with a sublayer, in a list, and a weight of its own."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.parts = [[L.Dense(units)], L.Dense(units, use_bias=False)]

    def build(self, input_shape):
        self.parts[0][0].build(input_shape)
        self.parts[1].build((*input_shape[:-1], self.units))
        self.factor = self.add_weight(shape=(self.units,), initializer="ones", name="factor")

    def call(self, inputs):
        return self.parts[1](self.parts[0][0](inputs)) * self.factor

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="golden")
class Net(keras.Model):
    """A subclassed model."""

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.zeroth = L.Dense(width, activation="tanh")
        self.scaled = Scaled(width)
        self.head = L.Dense(1)

    def call(self, inputs):
        return self.head(self.scaled(self.zeroth(inputs)))

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable(package="golden")
def doubled(x):
    """A function of one's own, as an activation and in a Lambda."""
    return x * 2.0


@keras.saving.register_keras_serializable(package="golden")
def difference(y_true, y_pred):
    """A loss of one's own."""
    return keras.ops.mean(keras.ops.abs(keras.ops.subtract(y_true, y_pred)) ** 1.5, axis=-1)


# ---------------------------------------------------------------- whole models
def sequential():
    return keras.Sequential([keras.Input((4,)), L.Dense(5, activation="relu"),
                             L.BatchNormalization(), L.Dense(1)])


def image():
    return keras.Sequential([
        keras.Input((8, 8, 2)), L.Conv2D(3, 3, activation="relu", padding="same"),
        L.MaxPooling2D(2), L.Flatten(), L.Dense(1)])


def shared():
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    inner = keras.Sequential([keras.Input((4,)), L.Dense(4, activation="tanh"), L.Dense(3)])
    part = keras.Model(inner.inputs, inner.outputs[0], name="part")
    dense = L.Dense(3)
    both = L.Concatenate()([part(x), part(y), dense(x), dense(y)])
    return keras.Model({"x": x, "y": y}, L.Dense(1)(both))


def with_ops():
    ops = keras.ops
    x = keras.Input((6,))
    y = L.Dense(6)(x)
    z = ops.reshape(y, (-1, 2, 3)) * 2.0 - 1
    z = ops.concatenate([z, ops.expand_dims(ops.mean(z, axis=1), 1)], axis=1)
    z = ops.transpose(z, (0, 2, 1))
    z = ops.where(z > 0, z, ops.multiply(z, 0.1))
    z = ops.einsum("bij,bkj->bik", z, z) + ops.clip(ops.sum(y, axis=-1), -1, 1)[:, None, None]
    z = ops.stack([z[:, 0], ops.tanh(z[..., -1])], axis=-1)
    return keras.Model(x, L.Dense(1)(ops.squeeze(z[:, :, :1], axis=-1) ** 2))


def subclassed():
    model = Net(3)
    model(np.zeros((1, 4), "float32"))
    return model


def half():
    return keras.Sequential([
        keras.Input((4,)), L.Dense(4, activation="relu", dtype="mixed_float16"),
        L.Dense(3, dtype="mixed_bfloat16"), L.Dense(1, dtype="float32")])


def stored_in_bfloat16():
    return keras.Sequential([keras.Input((4,)), L.Dense(4, dtype="bfloat16"),
                             L.Dense(1, dtype="float32")])


def frozen():
    inner = keras.Sequential([keras.Input((4,)), L.Dense(4, name="first"),
                              L.BatchNormalization(name="middle"), L.Dense(3, name="last")])
    inner.get_layer("first").trainable = False
    return keras.Sequential([keras.Input((4,)), inner, L.Dense(1)])


def two_outputs():
    x = keras.Input((4,))
    h = L.Dense(4, activation="tanh")(x)
    return keras.Model(x, [L.Dense(1, name="a")(h), L.Dense(1, name="b")(h)])


def custom():
    return keras.Sequential([
        keras.Input((4,)), L.Dense(4, activation=doubled, kernel_regularizer="l2"),
        L.Lambda(doubled), L.Activation("gelu"), L.Dense(1, kernel_constraint="non_neg")])


def many_ops():
    """Ops of each of Keras's modules, in a functional graph."""
    ops = keras.ops
    x = keras.Input((8, 8, 2))
    y = ops.conv(x, np.full((3, 3, 2, 4), 0.1, "float32"), padding="same")
    y = ops.max_pool(ops.gelu(y), 2, 2) + ops.average_pool(y, 2, 2)
    y = ops.pad(y, [[0, 0], [1, 1], [1, 1], [0, 0]])
    y = ops.image.resize(y, (4, 4)) + ops.depthwise_conv(y, np.full((3, 3, 4, 1), 0.2, "float32"))
    y = ops.reshape(y, (-1, 16, 4))
    y = ops.matmul(ops.softmax(ops.matmul(y, ops.transpose(y, (0, 2, 1))), axis=-1), y)
    y = ops.concatenate(ops.split(y, 4, axis=-1)[1:], axis=1)[:, ::2]
    y = ops.roll(y, 1, axis=1) + ops.flip(y, axis=1) - ops.cumsum(y, axis=1) / 4.0
    y = ops.normalize(ops.maximum(y, ops.minimum(y * 2.0, 0.3)), axis=1) + ops.logsumexp(
        y, axis=1, keepdims=True)
    y = ops.take(y, [0, 2], axis=1) * ops.one_hot(np.array([0, 1]), 4)
    y = ops.squeeze(ops.swapaxes(ops.repeat(y[..., None], 2, axis=-1), 1, 2)[..., :1], axis=-1)
    y = ops.sqrt(ops.var(y, axis=-1) + 1e-3) * ops.cast(ops.argmax(y, axis=-1) + 1, "float32")
    y = ops.where(ops.logical_or(y > 0.5, ops.isnan(y)), ops.log1p(ops.abs(y)), ops.sigmoid(y))
    return keras.Model(x, L.Dense(1)(ops.tile(ops.round(y * 64.0) / 64.0 + y, (1, 2))))


WHOLE = {f.__name__: f for f in (
    sequential, image, shared, with_ops, subclassed, half, stored_in_bfloat16, two_outputs, frozen,
    custom, many_ops)}
LEGACY = ("sequential", "image", "shared", "half", "frozen")
COMPILED = {
    "sequential": {"loss": "mse", "metrics": ["mae"]},
    "two_outputs": {"loss": {"a": "mse", "b": keras.losses.LogCosh()},
                    "loss_weights": {"a": 1.0, "b": 0.5}, "metrics": {"a": ["mae"]}},
    "custom": {"loss": difference, "weighted_metrics": [keras.metrics.RootMeanSquaredError()],
               "metrics": [difference, keras.metrics.MeanAbsoluteError(name="far")]},
    "image": {"loss": keras.losses.Huber(0.1, reduction="sum"),
              "optimizer": lambda o: o.AdamW(o.schedules.CosineDecay(0.01, 5, warmup_steps=2,
                                                                     warmup_target=0.02))},
}
INPUTS = {"image": (8, 8, 2), "many_ops": (8, 8, 2), "with_ops": (6,)}


CASES = {**layer_cases_more.CASES, **layer_cases.CASES}
SEQUENCES = [
    "SimpleRNN return_sequences=False return_state=False go_backwards=True ",
    "GRU return_sequences=True return_state=True go_backwards=False ", "GRU reset_after=False",
    "LSTM return_sequences=True return_state=True go_backwards=False ",
    "LSTM return_sequences=False return_state=True states", "RNN SimpleRNNCell mask",
    "RNN GRUCell mask", "RNN LSTMCell mask", "RNN stack False", "Bidirectional concat True False",
    "Bidirectional sum False True", "Bidirectional backward_layer", "Bidirectional RNN",
    "TimeDistributed Dense", "TimeDistributed Conv2D", "TimeDistributed LSTM",
    "ConvLSTM1D  (2, 3, 6, 2) False", "ConvLSTM2D strides=2 padding=same (2, 3, 5, 6, 2) False",
    "ConvLSTM3D  (1, 2, 4, 3, 4, 2) False", "Attention use_scale=True two",
    "Attention score_mode=concat three scores", "AdditiveAttention  two",
    "MultiHeadAttention  key", "MultiHeadAttention no bias cross",
    "GroupQueryAttention (4, 2)  cross",
]


def layer_names():
    """The first cases of each layer of the parity tables that the package has."""
    found = {}
    for table in (layer_cases.CASES, layer_cases_more.CASES):
        before = set(found)
        for name, case in table.items():
            if hasattr(L, case.layer) and case.layer not in before:
                found.setdefault(case.layer, []).append(name)
    return [name for names in found.values() for name in names[:PER_LAYER]]


def layer_model(name):
    """A functional model of one layer, with its weights by formula."""
    case = CASES[name]
    several = isinstance(case.shape, list)
    kinds = "float32" if case.values in ("uniform", "ties") else "int32"
    inputs = [keras.Input(batch_shape=s, dtype=kinds)
              for s in (case.shape if several else [case.shape])]
    layer = getattr(L, case.layer)(name="layer", **layers.arguments(case))
    model = keras.Model(inputs, layer(inputs if several else inputs[0]))
    set_weights(model)
    return model


def sequence_model(name):
    """A functional model of a recurrent layer, attention or a wrapper."""
    case = sequences.without_masks(sequence_cases.CASES[name])
    inputs = [keras.Input(batch_shape=s) for s in sequences.shapes(case.args)]
    args = sequences.filled(case.args, iter(inputs))
    first, *rest = args
    given = {n: args[n] for n in rest if n != "mask" and args[n] is not None}
    outputs = case.make(L)(args[first], **given)
    model = keras.Model(inputs, [y for y in keras.tree.flatten(outputs) if y is not None])
    set_weights(model)
    return model


def set_weights(model):
    """Weights by formula."""
    for i, w in enumerate(model.weights):
        if np.issubdtype(array(w).dtype, np.floating) or "bfloat16" in str(w.dtype):
            w.assign(weight(w.name, tuple(w.shape), i))


def made(name):
    """The model of an entry, not yet trained."""
    keras.utils.clear_session()
    kind, _, rest = name.partition(": ")
    if kind == "layer":
        return layer_model(rest)
    if kind == "sequence":
        return sequence_model(rest)
    if kind == "optimizer":
        model = keras.Sequential([keras.Input((4,)), L.Dense(3, activation="tanh"), L.Dense(1)])
        set_weights(model)
        make = MADE_OF_OTHERS.get(rest, lambda o: optimizers.optimizer(rest))
        model.compile(make(keras.optimizers), "mse")
        return model
    model = WHOLE[rest]()
    set_weights(model)
    options = dict(COMPILED.get(rest, {"loss": "mse"}))
    make = options.pop("optimizer", lambda o: o.Adam(0.01))
    model.compile(make(keras.optimizers), **options)
    return model


def data(name):
    """(x, y) of an entry."""
    kind, _, rest = name.partition(": ")
    if kind == "layer":
        x = layers.inputs(CASES[rest])
        return x if isinstance(CASES[rest].shape, list) else x[0], None
    if kind == "sequence":
        shapes = sequences.shapes(sequence_cases.CASES[rest].args)
        return [uniform(shape, 10 + i) for i, shape in enumerate(shapes)], None
    x = uniform((16, *INPUTS.get(rest, (4,))), 3)
    y = uniform((16, 1), 4)
    if rest == "shared":
        x = {"x": x, "y": uniform((16, 4), 5)}
    if rest == "two_outputs":
        y = {"a": y, "b": integers((16, 1), 6).astype("float32")}
    return x, y


def names():
    """All entries."""
    return [*(f"layer: {n}" for n in layer_names()), *(f"sequence: {n}" for n in SEQUENCES),
            *(f"optimizer: {n}" for n in (*OPTIMIZERS, *MADE_OF_OTHERS)),
            *(f"model: {n}" for n in WHOLE), *(f"h5: {n}" for n in LEGACY)]


def ending(name):
    """The ending of an entry's file."""
    return ".h5" if name.startswith("h5: ") else ".keras"


def train(model, x, y):
    """Losses of some steps."""
    losses = []
    for _ in range(STEPS):
        model.reset_metrics()
        losses.append(float(model.train_on_batch(x, y, return_dict=True)["loss"]))
    return np.array(losses)


def predictions(model, x):
    """The model's outputs, as one flat array."""
    y = model.predict(x, batch_size=16, verbose=0)
    parts = y if isinstance(y, (list, tuple)) else list(y.values()) if isinstance(y, dict) else [y]
    return np.concatenate([np.asarray(p, "float32").ravel() for p in parts])


def saved(name, path):
    """Save the entry's model, after some training; {what: array} of what it does then."""
    model, (x, y) = made(name), data(name)
    if y is not None:
        train(model, x, y)
    model.save(path)
    return outcome(model, x, y)


def loaded(name, path):
    """What the model in a file does."""
    return outcome(keras.models.load_model(path), *data(name))


def outcome(model, x, y):
    """Predictions, and the losses of training on."""
    found = {"y": predictions(model, x)}
    if y is not None:
        found["losses"] = train(model, x, y)
    return found


# ---------------------------------------------------------------- the stored files
BUNDLE = store.FOLDER / "files.zip"


def write_bundle(files):
    """Put {name: bytes} into the bundle."""
    with zipfile.ZipFile(BUNDLE, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bundle:
        bundle.writestr("names.json", json.dumps(list(files)))
        for i, content in enumerate(files.values()):
            bundle.writestr(str(i), content)


def read_bundle():
    """{name: bytes} of the files that Keras has written."""
    with zipfile.ZipFile(io.BytesIO(BUNDLE.read_bytes())) as bundle:
        found = json.loads(bundle.read("names.json"))
        return {name: bundle.read(str(i)) for i, name in enumerate(found)}


def write_all(folder, chosen):
    """Save entries' models into a folder, and what each does then as arrays."""
    arrays = {}
    for i, name in enumerate(chosen):
        found = saved(name, folder / f"{i}{ending(name)}")
        arrays |= {f"{name}: {k}": v for k, v in found.items()}
    np.savez(folder / "outcomes.npz", **arrays)
    (folder / "names.json").write_text(json.dumps(chosen))


if __name__ == "__main__":
    write_all(Path(sys.argv[1]), sys.argv[2:] or names())
