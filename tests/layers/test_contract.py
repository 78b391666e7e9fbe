"""Every layer of the plain families, held against one contract over the table of `samples.py`."""

import json

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops
from minikeras.api.namespaces import INDEX, lookup
from minikeras.arrays import device_scope
from tests.layers.samples import ROWS, Row

# Layers with tests of their own, which no row can say.
APART = {"InputLayer", "Lambda", "Layer", "Wrapper"}
APART |= {"GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"}  # test_recurrent.py
APART |= {"MultiHeadAttention", "GroupedQueryAttention"}  # test_attention.py
FAMILIES = """activation attention convolution convolution_transpose convolutional_recurrent core
    dense depthwise einsum_dense embedding merging multi_head_attention normalization pooling
    recurrent recurrent_cells regularization rescaling reshaping sequence_wrappers""".split()


def ids(rows):
    names = [str(row) for row in rows]
    return [n if names.count(n) == 1 else f"{n} {row.shape} {row.training}"
            for n, row in zip(names, rows)]


def over(rows):
    return pytest.mark.parametrize("row", rows, ids=ids(rows))


def host(x):
    return np.asarray(ops.convert_to_numpy(x))


def hidden(row):
    """The row's input shapes with all unknown lengths None."""
    return [tuple(None if i in row.unknown else n for i, n in enumerate(s)) for s in row.shapes()]


def matches(shape, actual):
    return len(shape) == len(actual) and all(d in (None, n) for d, n in zip(shape, actual))


def test_every_layer_has_a_row():
    names = set()
    for path, module in INDEX.items():
        if path.startswith("layers.") and module.rpartition(".")[2] in FAMILIES:
            found = lookup(path)
            if isinstance(found, type) and issubclass(found, keras.Layer):
                names.add(found.__name__)
    assert len(names) > 70 and names - {row.layer for row in ROWS} - APART == set()


@over(ROWS)
def test_shapes(row):
    layer, inputs = row.make(), row.inputs()
    y = row.call(layer, inputs)
    assert layer.built
    shape = row.shape if isinstance(row.shape, list) else row.shapes()[0]
    assert tuple(row.make().compute_output_shape(shape)) == y.shape
    assert tuple(layer.compute_output_shape(shape)) == y.shape
    tensors = [keras.KerasTensor(s, dtype=x.dtype) for s, x in zip(row.shapes(), inputs)]
    spec = layer.compute_output_spec(tensors if isinstance(row.shape, list) else tensors[0])
    assert spec.shape == y.shape and spec.dtype == y.dtype


@over(ROWS)
def test_unknown_lengths(row):
    inputs = row.inputs()
    symbolic = [keras.Input(batch_shape=s, dtype=x.dtype) for s, x in zip(hidden(row), inputs)]
    layer = row.make()
    out = row.call(layer, symbolic)
    y = row.call(layer, inputs)
    assert matches(out.shape, y.shape), (out.shape, y.shape)
    if row.training is None:
        model = keras.Model(symbolic, out)
        np.testing.assert_array_equal(host(model(inputs)), host(y))
    shapes = hidden(row)
    shape = layer.compute_output_shape(shapes if isinstance(row.shape, list) else shapes[0])
    assert matches(shape, y.shape)


@over(ROWS)
def test_configuration(row):
    layer = row.make(name="mine", dtype="mixed_float16")
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    assert again.name == "mine" and again.dtype_policy.name == "mixed_float16"
    row.call(layer, row.inputs())
    serialized = json.loads(json.dumps(layers.serialize(layer)))
    restored = layers.deserialize(serialized)
    assert type(restored) is type(layer)
    assert [w.shape for w in restored.weights] == [w.shape for w in layer.weights]
    restored.set_weights(layer.get_weights())
    np.testing.assert_array_equal(
        host(row.call(restored, row.inputs())), host(row.call(layer, row.inputs())))


@over([r for r in ROWS if not r.layer.startswith("Spatial")])  # these take no `trainable`
def test_frozen(row):
    layer = row.make(trainable=False)
    row.call(layer, row.inputs())
    assert layer.trainable_weights == [] and layer.get_config()["trainable"] is False
    assert len(layer.non_trainable_weights) == len(layer.weights)


@over(ROWS)
def test_unknown_argument_is_refused(row):
    with pytest.raises((TypeError, ValueError), match="surprise"):
        row.make(surprise=1)


@over([r for r in ROWS if r.rank])
def test_wrong_rank_is_refused(row):
    layer = row.make(name="mine")
    x = row.inputs()[0]
    row.call(layer, [x])
    with pytest.raises(ValueError, match=f"mine.*expected ndim={x.ndim}, found ndim={x.ndim - 1}"):
        row.call(layer, [x[0]])


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "float16", "float64"])
@over([r for r in ROWS if not {"layer", "cell"} & set(r.arguments)])  # they have their own policy
def test_dtype_policies(row, dtype):
    layer = row.make(dtype=dtype)
    full = row.make(dtype="float32")
    want = host(row.call(full, row.inputs()))
    row.call(layer, row.inputs())
    layer.set_weights([host(w) for w in full.weights])
    y = row.call(layer, row.inputs())
    assert y.dtype == layer.compute_dtype
    state = [w for w in layer.weights if not w.name.startswith("seed")]
    assert {w.dtype for w in state} <= {layer.variable_dtype}
    tolerance = 1e-5 if dtype == "float64" else 3e-2
    scale = max(1.0, np.abs(want).max(initial=0))
    if row.training:  # the averages have moved once more
        return
    np.testing.assert_allclose(
        host(y).astype("float64"), want, rtol=tolerance, atol=tolerance * scale)


def projected(row, layer, inputs):
    y = row.call(layer, inputs)
    fixed = np.random.default_rng(5).uniform(-1, 1, y.shape)
    return ops.sum(y * ops.convert_to_tensor(fixed))


def restored(row, layer, state, inputs):
    """The projection, with the layer's state as it was before."""
    for w, value in zip(layer.non_trainable_variables, state):
        w.assign(value)
    return projected(row, layer, inputs)


@over([r for r in ROWS if r.smooth])
def test_gradients(row):
    layer, inputs = row.make(dtype="float64"), row.inputs("float64")
    row.call(layer, inputs)
    rng = np.random.default_rng(7)
    for w in layer.trainable_variables:  # away from zeros and ones
        w.assign(host(w) + rng.uniform(0.05, 0.3, w.shape))
    state = [host(v) for v in layer.non_trainable_variables]
    points = [] if row.indices else inputs
    tensors = [ops.convert_to_tensor(x) for x in inputs]
    weights = layer.trainable_variables
    with keras.GradientTape() as tape:
        for t in tensors if points else ():
            tape.watch(t)
        loss = restored(row, layer, state, tensors)
    found = tape.gradient(loss, [*(tensors if points else ()), *weights])
    start = [*(host(t) for t in tensors if points), *(host(w) for w in weights)]
    steps = [rng.uniform(-1, 1, x.shape) for x in start]

    def at(h):
        moved = [x + h * s for x, s in zip(start, steps)]
        for w, value in zip(weights, moved[len(points):]):
            w.assign(value)
        return float(restored(row, layer, state, moved[: len(points)] or inputs))

    h = 1e-6
    numeric = (at(h) - at(-h)) / (2 * h)
    exact = sum(float((host(g) * s).sum()) for g, s in zip(found, steps))
    np.testing.assert_allclose(exact, numeric, rtol=1e-5, atol=1e-7)


@over([r for r in ROWS if r.layer.startswith(("Conv", "Dense", "Flatten", "Adaptive"))])
def test_activity_regularizer(row):
    if "activity_regularizer" not in keras.Layer.__init__.__kwdefaults__:
        return
    layer = row.make(activity_regularizer="l2")
    y = row.call(layer, row.inputs())
    (loss,) = layer.losses
    np.testing.assert_allclose(
        float(loss), 0.01 * (host(y).astype("float64") ** 2).sum() / y.shape[0], rtol=1e-5)
    config = layer.get_config()["activity_regularizer"]
    assert config["class_name"] == "L2"


@over(ROWS)
def test_the_same_on_a_gpu(row, fakecupy):
    layer = row.make()
    row.call(layer, row.inputs())
    weights = layer.get_weights()
    want = host(row.call(layer, row.inputs()))
    with device_scope("gpu"):
        there = row.make()
        row.call(there, row.inputs())
        there.set_weights(weights)
        y = row.call(there, row.inputs())
        np.testing.assert_allclose(host(y), want, rtol=1e-5, atol=1e-5)


def trained(row, run_eagerly):
    """The weights, and the history, of a small model with the layer after some steps."""
    keras.utils.set_random_seed(1)
    xs = row.inputs()
    symbolic = [keras.Input(x.shape[1:], dtype=x.dtype) for x in xs]
    out = row.make()(symbolic if isinstance(row.shape, list) else symbolic[0])
    flat = layers.Lambda(
        lambda t: ops.reshape(t, (t.shape[0], -1)), output_shape=(int(np.prod(out.shape[1:])),),
        mask=lambda inputs, mask: None)(out)
    model = keras.Model(symbolic, layers.Dense(1)(flat))
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=run_eagerly)
    n = len(xs[0])
    history = model.fit(xs, np.linspace(0, 1, n)[:, None], epochs=4, batch_size=n, verbose=0)
    return model.get_weights(), history.history["loss"]


@over(ROWS)
def test_compiled_steps_are_the_eager_ones(row):
    (eager, first), (compiled, second) = trained(row, True), trained(row, False)
    np.testing.assert_allclose(second, first, rtol=1e-4)
    for a, b in zip(compiled, eager):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def initializers_of(layer):
    return [n for n in layer.get_config() if n.endswith("_initializer")]


@over([r for r in ROWS if initializers_of(r.make())])
def test_weight_options(row):
    names = [n.removesuffix("_initializer") for n in initializers_of(row.make())]
    known = row.make().get_config()
    given = {f"{n}_{k}": v for n in names for k, v in (
        ("initializer", "ones"), ("regularizer", "l2"), ("constraint", "non_neg"))
        if f"{n}_{k}" in known}
    arguments = {k: v for k, v in row.arguments.items() if k not in given}
    layer = Row(row.layer, row.shape, {**arguments, **given}).make()
    row.call(layer, row.inputs())
    own = layer.trainable_weights
    assert own
    for w in own:
        np.testing.assert_array_equal(host(w), np.ones(w.shape, "float32"))
        assert type(w.constraint).__name__ == "NonNeg"
    penalties = [loss for loss in layer.losses]
    assert len(penalties) == len(own)
    np.testing.assert_allclose(
        sum(float(p) for p in penalties), 0.01 * sum(w.size for w in own), rtol=1e-5)
