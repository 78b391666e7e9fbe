"""Legacy `.h5` files: those of Keras 3's writer, and of Keras 2 and 1 by the public format."""

import json

import h5py
import numpy as np
import pytest

import minikeras as keras
from minikeras.errors import FileError

L = keras.layers


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def write_group(group, layers):
    """The weights of layers as Keras 2 writes them: {layer: {name: array}}."""
    group.attrs["layer_names"] = np.array([n.encode() for n in layers])
    group.attrs["backend"], group.attrs["keras_version"] = b"tensorflow", b"2.4.0"
    for layer, weights in layers.items():
        inner = group.create_group(layer)
        inner.attrs["weight_names"] = np.array([n.encode() for n in weights]) if weights else (
            np.zeros(0))
        for name, value in weights.items():
            inner.create_dataset(name, data=value)


def keras_2_file(path, config, layers, training=None, optimizer=None):
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "2.4.0", "tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        write_group(file.create_group("model_weights"), layers)
        if training is not None:
            file.attrs["training_config"] = json.dumps(training).encode()
        if optimizer is not None:
            group = file.create_group("optimizer_weights")
            group.attrs["weight_names"] = np.array([n.encode() for n in optimizer])
            for name, value in optimizer.items():
                group.create_dataset(name, data=value)


INITIALIZER = {"class_name": "GlorotUniform", "config": {"seed": None}}
ZEROS, ONES = {"class_name": "Zeros", "config": {}}, {"class_name": "Ones", "config": {}}


def dense(name, units, activation="linear", **more):
    return {"class_name": "Dense", "config": {
        "name": name, "trainable": True, "dtype": "float32", "units": units,
        "activation": activation, "use_bias": True, "kernel_initializer": INITIALIZER,
        "bias_initializer": ZEROS, "kernel_regularizer": {
            "class_name": "L2", "config": {"l2": 0.001}}, "bias_regularizer": None,
        "activity_regularizer": None, "kernel_constraint": None, "bias_constraint": None, **more}}


WEIGHTS = {
    "dense": {"dense/kernel:0": random(4, 3), "dense/bias:0": random(3, seed=1)},
    "dense_1": {"dense_1/kernel:0": random(3, 1, seed=2), "dense_1/bias:0": random(1, seed=3)},
}


def want(x):
    w = [v for layer in WEIGHTS.values() for v in layer.values()]
    return np.tanh(x @ w[0] + w[1]) @ w[2] + w[3]


SEQUENTIAL = {"class_name": "Sequential", "config": {"name": "sequential", "layers": [
    {"class_name": "InputLayer", "config": {
        "batch_input_shape": [None, 4], "dtype": "float32", "sparse": False, "ragged": False,
        "name": "dense_input"}},
    dense("dense", 3, "tanh", batch_input_shape=[None, 4]), dense("dense_1", 1)]}}
LISTED = {"class_name": "Sequential", "config": [
    dense("dense", 3, "tanh", batch_input_shape=[None, 4]), dense("dense_1", 1)]}


@pytest.mark.parametrize("config", [SEQUENTIAL, LISTED])
def test_sequential_of_keras_2(tmp_path, config):
    keras_2_file(tmp_path / "m.h5", config, WEIGHTS)
    model = keras.models.load_model(tmp_path / "m.h5")
    x = random(5, 4, seed=9)
    np.testing.assert_allclose(model.predict(x, verbose=0), want(x), rtol=1e-5)
    assert model.layers[0].kernel_regularizer.l2 == pytest.approx(0.001)


def functional_config():
    """A layer used twice, a merge, options of a call: nodes as lists."""
    return {"class_name": "Functional", "config": {
        "name": "model", "layers": [
            {"class_name": "InputLayer", "config": {
                "batch_input_shape": [None, 4], "dtype": "float32", "sparse": False,
                "ragged": False, "name": "input_1"}, "name": "input_1", "inbound_nodes": []},
            {**dense("dense", 3, "tanh"), "name": "dense",
             "inbound_nodes": [[["input_1", 0, 0, {}]]]},
            {"class_name": "BatchNormalization", "config": {
                "name": "bn", "trainable": True, "dtype": {
                    "class_name": "Policy", "config": {"name": "float32"}}, "axis": [1],
                "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True,
                "beta_initializer": ZEROS, "gamma_initializer": ONES,
                "moving_mean_initializer": ZEROS,
                "moving_variance_initializer": ONES,
                "beta_regularizer": None, "gamma_regularizer": None, "beta_constraint": None,
                "gamma_constraint": None}, "name": "bn",
             "inbound_nodes": [[["dense", 0, 0, {"training": False}]]]},
            {**dense("dense_1", 1), "name": "dense_1",
             "inbound_nodes": [[["dense", 0, 0, {}]], [["bn", 0, 0, {}]]]},
            {"class_name": "Add", "config": {"name": "add", "trainable": True, "dtype": "float32"},
             "name": "add", "inbound_nodes": [[["dense_1", 0, 0, {}], ["dense_1", 1, 0, {}]]]}],
        "input_layers": [["input_1", 0, 0]], "output_layers": [["add", 0, 0]]}}


def test_functional_of_keras_2(tmp_path):
    bn = {f"bn/{n}:0": v for n, v in (
        ("gamma", np.full(3, 2, "float32")), ("beta", np.ones(3, "float32")),
        ("moving_mean", np.zeros(3, "float32")), ("moving_variance", np.ones(3, "float32")))}
    layers = {"input_1": {}, "dense": WEIGHTS["dense"], "bn": bn, "dense_1": WEIGHTS["dense_1"],
              "add": {}}
    keras_2_file(tmp_path / "m.hdf5", functional_config(), layers)
    model = keras.models.load_model(tmp_path / "m.hdf5")
    x = random(5, 4, seed=9)
    w = [v for layer in WEIGHTS.values() for v in layer.values()]
    h = np.tanh(x @ w[0] + w[1])
    n = 2 * h / np.sqrt(1.001) + 1
    np.testing.assert_allclose(
        model.predict(x, verbose=0), (h + n) @ w[2] + 2 * w[3], rtol=1e-4, atol=1e-5)


TRAINING = {
    "optimizer_config": {"class_name": "Adam", "config": {
        "name": "Adam", "learning_rate": 0.01, "decay": 0.0, "beta_1": 0.9, "beta_2": 0.999,
        "epsilon": 1e-07, "amsgrad": False}},
    "loss": "mse", "metrics": [[{"class_name": "MeanMetricWrapper", "config": {
        "name": "mae", "dtype": "float32", "fn": "mean_absolute_error"}}]],
    "weighted_metrics": None, "loss_weights": None, "sample_weight_mode": None}


def test_training_goes_on_from_keras_2(tmp_path):
    """Keras 2 writes all first moments, then all second ones."""
    flat = {n: v for layer in WEIGHTS.values() for n, v in layer.items()}
    moments = {"training/Adam/iter:0": np.array(5, "int64")}
    for i, kind in enumerate("mv"):
        for n, v in flat.items():
            moments[f"training/Adam/{n[:-2]}/{kind}:0"] = np.full_like(v, 0.1 + i)
    keras_2_file(tmp_path / "m.h5", SEQUENTIAL, WEIGHTS, TRAINING, moments)
    model = keras.models.load_model(tmp_path / "m.h5")
    assert int(model.optimizer.iterations.numpy()) == 5
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.01)
    slots = [float(v.numpy().ravel()[0]) for v in model.optimizer.variables[2:]]
    assert slots == pytest.approx([0.1, 1.1] * 4)
    x, y = random(8, 4, seed=4), random(8, 1, seed=5)
    mae = model.evaluate(x, y, verbose=0, return_dict=True)["mae"]
    assert mae == pytest.approx(float(np.abs(want(x) - y).mean()), rel=1e-4)


def test_keras_1(tmp_path):
    config = {"class_name": "Sequential", "config": [
        {"class_name": "Convolution2D", "config": {
            "name": "convolution2d_1", "trainable": True, "batch_input_shape": [None, 5, 5, 2],
            "input_dtype": "float32", "nb_filter": 3, "nb_row": 2, "nb_col": 2,
            "init": "glorot_uniform", "activation": "relu", "border_mode": "valid",
            "subsample": [1, 1], "dim_ordering": "tf", "W_regularizer": None,
            "b_regularizer": None, "activity_regularizer": None, "W_constraint": None,
            "b_constraint": None, "bias": True}},
        {"class_name": "Dropout", "config": {"name": "dropout_1", "trainable": True, "p": 0.5}},
        {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
        {"class_name": "Dense", "config": {
            "name": "dense_1", "trainable": True, "output_dim": 2, "init": "glorot_uniform",
            "activation": "softmax", "W_regularizer": None, "b_regularizer": None,
            "activity_regularizer": None, "W_constraint": None, "b_constraint": None,
            "bias": True, "input_dim": 48}}]}
    kernel, bias = random(2, 2, 2, 3), random(3, seed=1)
    weights = {"convolution2d_1": {"W": kernel, "b": bias}, "dropout_1": {}, "flatten_1": {},
               "dense_1": {"W": random(48, 2, seed=2), "b": random(2, seed=3)}}
    keras_2_file(tmp_path / "m.h5", config, weights)
    model = keras.models.load_model(tmp_path / "m.h5")
    assert model.layers[0].strides == (1, 1) and model.layers[1].rate == 0.5
    x = random(1, 5, 5, 2, seed=7)
    first = np.maximum(sum(
        x[:, i:i + 4, j:j + 4] @ kernel[i, j] for i in (0, 1) for j in (0, 1)) + bias, 0)
    logits = first.reshape(1, 48) @ weights["dense_1"]["W"] + weights["dense_1"]["b"]
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4)


def of_keras_1(path, class_name, arrays, config=None, shape=(5, 4), backend="tensorflow"):
    """A file of Keras 1 with one layer."""
    config = {"class_name": "Sequential", "config": [{"class_name": class_name, "config": {
        "name": "layer_1", "trainable": True, "batch_input_shape": [None, *shape],
        "input_dtype": "float32", **config}}]}
    weights = {f"layer_1_{n}": a for n, a in arrays.items()}
    keras_2_file(path, config, {"layer_1": weights})
    with h5py.File(path, "a") as file:
        file.attrs["keras_version"] = file["model_weights"].attrs["keras_version"] = "1.2.2"
        file["model_weights"].attrs["backend"] = backend
    return keras.models.load_model(path)


RECURRENT = {"output_dim": 3, "init": "glorot_uniform", "inner_init": "orthogonal",
             "activation": "tanh", "inner_activation": "hard_sigmoid", "W_regularizer": None,
             "U_regularizer": None, "b_regularizer": None, "dropout_W": 0.0, "dropout_U": 0.0,
             "return_sequences": False, "go_backwards": False, "stateful": False, "unroll": False,
             "consume_less": "cpu", "input_dim": 4, "input_length": None}


def gate_arrays(gates):
    return {f"{kind}_{g}": random(*shape, seed=10 * i + j) for i, g in enumerate(gates)
            for j, (kind, shape) in enumerate((("W", (4, 3)), ("U", (3, 3)), ("b", (3,))))}


def hard(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def test_lstm_of_keras_1(tmp_path):
    """Twelve arrays, gate by gate: i, c, f, o."""
    a = gate_arrays("icfo")
    config = {**RECURRENT, "forget_bias_init": "one"}
    model = of_keras_1(tmp_path / "m.h5", "LSTM", a, config)
    x = random(2, 5, 4, seed=99)
    h = c = np.zeros((2, 3))
    for t in range(5):
        z = {g: x[:, t] @ a[f"W_{g}"] + h @ a[f"U_{g}"] + a[f"b_{g}"] for g in "icfo"}
        c = hard(z["f"]) * c + hard(z["i"]) * np.tanh(z["c"])
        h = hard(z["o"]) * np.tanh(c)
    np.testing.assert_allclose(model.predict(x, verbose=0), h, atol=1e-5)


def test_gru_of_keras_1(tmp_path):
    """Nine arrays: z, r, h; the reset gate is applied before the product."""
    a = gate_arrays("zrh")
    model = of_keras_1(tmp_path / "m.h5", "GRU", a, RECURRENT)
    x = random(2, 5, 4, seed=99)
    h = np.zeros((2, 3))
    for t in range(5):
        at = {g: x[:, t] @ a[f"W_{g}"] + a[f"b_{g}"] for g in "zrh"}
        z, r = (hard(at[g] + h @ a[f"U_{g}"]) for g in "zr")
        h = z * h + (1 - z) * np.tanh(at["h"] + (r * h) @ a["U_h"])
    np.testing.assert_allclose(model.predict(x, verbose=0), h, atol=1e-5)


CONVOLUTION = {"nb_filter": 3, "init": "glorot_uniform", "activation": "linear",
               "border_mode": "valid", "W_regularizer": None, "b_regularizer": None,
               "activity_regularizer": None, "W_constraint": None, "b_constraint": None,
               "bias": True}


def test_convolution_of_keras_1_on_theano(tmp_path):
    """Kernels (filters, channels, rows, columns), and a true convolution, which flips them."""
    a = {"W": random(3, 2, 2, 2), "b": random(3, seed=1)}
    config = {**CONVOLUTION, "nb_row": 2, "nb_col": 2, "subsample": [1, 1], "dim_ordering": "th"}
    model = of_keras_1(tmp_path / "m.h5", "Convolution2D", a, config, (2, 4, 4), "theano")
    assert model.layers[0].data_format == "channels_first"
    x = random(1, 2, 4, 4, seed=7)
    flipped = a["W"][:, :, ::-1, ::-1]
    want = sum(np.einsum("bcij,fc->bfij", x[:, :, i:i + 3, j:j + 3], flipped[:, :, i, j])
               for i in (0, 1) for j in (0, 1)) + a["b"][:, None, None]
    np.testing.assert_allclose(model.predict(x, verbose=0), want, atol=1e-5)


def test_convolution_of_keras_1_over_sequences(tmp_path):
    """Kernels (length, 1, channels, filters)."""
    a = {"W": random(2, 1, 4, 3), "b": random(3, seed=1)}
    config = {**CONVOLUTION, "filter_length": 2, "subsample_length": 1, "input_dim": 4,
              "input_length": 5}
    model = of_keras_1(tmp_path / "m.h5", "Convolution1D", a, config)
    x = random(2, 5, 4, seed=7)
    want = x[:, :4] @ a["W"][0, 0] + x[:, 1:] @ a["W"][1, 0] + a["b"]
    np.testing.assert_allclose(model.predict(x, verbose=0), want, atol=1e-5)


# ---------------------------------------------------------------- weights alone
def small():
    return keras.Sequential([keras.Input((4,)), L.Dense(3, activation="tanh", name="dense"),
                             L.Dense(1, name="dense_1")])


def weights_file(path, layers=WEIGHTS):
    with h5py.File(path, "w") as file:
        write_group(file, layers)
    return path


def test_weights_of_keras_2(tmp_path):
    model, x = small(), random(3, 4)
    model.load_weights(weights_file(tmp_path / "w.h5"))
    np.testing.assert_allclose(model.predict(x, verbose=0), want(x), rtol=1e-5)


def test_by_name(tmp_path):
    path = weights_file(tmp_path / "w.h5")
    model = keras.Sequential([
        keras.Input((3,)), L.Dense(1, name="dense_1"), L.Dense(2, name="new")])
    new = model.layers[1].get_weights()
    with pytest.raises(FileError, match="new"):
        model.load_weights(path)
    model.load_weights(path, by_name=True)
    np.testing.assert_array_equal(
        model.layers[0].kernel.numpy(), WEIGHTS["dense_1"]["dense_1/kernel:0"])
    np.testing.assert_array_equal(model.layers[1].get_weights()[0], new[0])


def test_what_does_not_fit_changes_nothing(tmp_path):
    path = weights_file(tmp_path / "w.h5")
    model = keras.Sequential([
        keras.Input((4,)), L.Dense(3, name="dense"), L.Dense(2, name="dense_1")])
    before = model.get_weights()
    with pytest.raises(FileError, match=r"dense_1.*\(3, 2\).*\(3, 1\)"):
        model.load_weights(path)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning, match="dense_1"):
        model.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(
        model.layers[0].kernel.numpy(), WEIGHTS["dense"]["dense/kernel:0"])
    with pytest.raises(FileError, match="Layer count mismatch"):
        keras.Sequential([keras.Input((4,)), L.Dense(3)]).load_weights(path)


def test_many_layers_and_long_names(tmp_path):
    """Lists of names beyond what one attribute can hold."""
    names = [f"{'n' * 300}_{i}" for i in range(300)]
    x = keras.Input((1,))
    y = x
    for n in names:
        y = L.Dense(1, name=n)(y)
    model = keras.Model(x, y)
    model.save(tmp_path / "m.h5")
    again = keras.models.load_model(tmp_path / "m.h5")
    for a, b in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_files_that_are_none(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["x"] = 1.0
    with pytest.raises(FileError, match="No model config"):
        keras.models.load_model(tmp_path / "m.h5")
    with pytest.raises(FileError, match="no list of layers"):
        small().load_weights(tmp_path / "m.h5")
    (tmp_path / "n.h5").write_bytes(b"no")
    with pytest.raises(FileError, match="damaged"):
        keras.models.load_model(tmp_path / "n.h5")
    with pytest.raises(FileNotFoundError, match="not found"):
        keras.models.load_model(tmp_path / "none.h5")


# ---------------------------------------------------------------- keras.legacy.saving
def test_legacy_objects():
    from_config = keras.legacy.saving.deserialize_keras_object
    to_config = keras.legacy.saving.serialize_keras_object
    layer = from_config({"class_name": "Dense", "config": {"name": "d", "trainable": True,
                                                           "units": 3}})
    assert isinstance(layer, L.Dense) and layer.units == 3
    config = to_config(keras.regularizers.L2(0.5))
    assert config == {"class_name": "L2", "config": {"l2": 0.5}}
    assert from_config(config).l2 == 0.5
    assert to_config(keras.activations.relu) == "relu" and to_config(None) is None
    assert from_config("f", module_objects={"f": abs}) is abs
    with pytest.raises(ValueError, match="Unknown loss: 'nothing'"):
        from_config("nothing", printable_module_name="loss")
    with pytest.raises(TypeError, match="Could not locate class"):
        from_config({"class_name": "Nothing", "config": {}})
