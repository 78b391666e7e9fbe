"""Whole models: every kind of model, custom objects, how it was compiled, folders, checkpoints."""

import io
import json
import zipfile

import numpy as np
import pytest

import minikeras as keras
from minikeras.errors import FileError

L = keras.layers
X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
Y = X[:, :1] * 2


@keras.saving.register_keras_serializable("tests")
class Scale(L.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable("tests")
def twice(x):
    return 2 * x


@keras.saving.register_keras_serializable("tests")
class Net(keras.Model):
    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.blocks = [[L.Dense(width, activation=twice)], {"b": L.Dense(width)}]
        self.head = L.Dense(1)
        self.bonus = self.add_weight(shape=(1,), name="bonus")

    def call(self, x):
        return self.head(self.blocks[1]["b"](self.blocks[0][0](x))) + self.bonus

    def get_config(self):
        return {**super().get_config(), "width": self.width}


def sequential():
    return keras.Sequential([keras.Input((4,)), L.Dense(3, activation="relu"), Scale(0.5),
                             L.BatchNormalization(), L.Dropout(0.1), L.Dense(1)])


def functional():
    x = keras.Input((4,), name="x")
    dense = L.Dense(3, activation=twice)
    inner = keras.Sequential([keras.Input((3,)), L.Dense(3)], name="inner")
    y = keras.ops.concatenate([inner(dense(x)), inner(dense(x * 2.0))], axis=-1)
    return keras.Model(x, L.Dense(1)(y), name="outer")


def subclassed():
    model = Net(3)
    model(X)
    return model


def unbuilt():
    model = keras.Sequential([L.Dense(3), L.Dense(1)])
    model(X)
    return model


def subclass_of_functional():
    @keras.saving.register_keras_serializable("tests")
    class Own(keras.Model):
        def train_step(self, data):
            return super().train_step(data)

    x = keras.Input((4,))
    return Own(x, L.Dense(1)(x))


MODELS = [sequential, functional, subclassed, unbuilt, subclass_of_functional]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("make", MODELS)
def test_round_trip(make, zipped, tmp_path):
    model = make()
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, verbose=0)
    path = tmp_path / ("m.keras" if zipped else "folder")
    model.save(path, zipped=zipped)
    if not zipped:
        assert {p.name for p in path.iterdir()} == {
            "config.json", "metadata.json", "model.weights.h5", "assets"}
        model.save(path, zipped=zipped)  # over itself
    again = keras.models.load_model(path)
    assert type(again) is type(model) and again.name == model.name
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert again.evaluate(X, Y, verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0))
    for a, b in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("make", [sequential, functional, subclassed])
def test_json(make):
    model = make()
    again = keras.models.model_from_json(model.to_json())
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights] or not again.built
    assert again.to_json() == keras.models.model_from_json(again.to_json()).to_json()
    assert json.loads(model.to_json())["class_name"] == type(model).__name__


def test_sharing_is_kept(tmp_path):
    model = functional()
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.count_params() == model.count_params() == 15 + 12 + 7
    assert len([layer for layer in again.layers if layer.name == "inner"]) == 1


def test_custom_objects_by_name(tmp_path):
    class Mine(L.Layer):
        def call(self, x):
            return x + 1

    model = keras.Sequential([keras.Input((4,)), Mine(), L.Dense(1)])
    model.save(tmp_path / "m.keras")
    with pytest.raises(TypeError, match="Could not locate class 'Mine'"):
        keras.models.load_model(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras", custom_objects={"Mine": Mine})
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    with keras.saving.custom_object_scope({"Mine": Mine}):
        assert type(keras.models.load_model(tmp_path / "m.keras").layers[0]) is Mine


def test_without_compiling(tmp_path):
    model = sequential()
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras", compile=False)
    assert not again.compiled and again.optimizer is None
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_own_compile_arguments(tmp_path):
    @keras.saving.register_keras_serializable("tests")
    class Twin(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = L.Dense(1)

        def compile(self, g_optimizer, d_optimizer):
            super().compile()
            self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer

        def call(self, x):
            return self.dense(x)

        def get_compile_config(self):
            return {k: keras.saving.serialize_keras_object(getattr(self, k))
                    for k in ("g_optimizer", "d_optimizer")}

        def compile_from_config(self, config):
            config = {k: keras.saving.deserialize_keras_object(v) for k, v in config.items()}
            self.compile(**config)
            for optimizer in (self.g_optimizer, self.d_optimizer):
                optimizer.build(self.trainable_variables)

    model = Twin()
    model(X)
    model.compile(keras.optimizers.Adam(0.1), keras.optimizers.SGD(0.2, momentum=0.5))
    model.g_optimizer.apply([w.value for w in model.trainable_variables],
                            model.trainable_variables)
    model.d_optimizer.build(model.trainable_variables)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.g_optimizer.iterations.numpy() == 1
    assert float(again.d_optimizer.learning_rate.numpy()) == pytest.approx(0.2)
    for a, b in zip(model.g_optimizer.variables, again.g_optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_mixed_precision_goes_on(tmp_path):
    """Keras writes the optimizer without its loss scaling; ours is put back from its state."""
    model = keras.Sequential([keras.Input((4,)), L.Dense(3), L.Dense(1)])
    for layer in model.layers:
        layer.dtype_policy = "mixed_float16"
    model = keras.models.clone_model(model)
    model.dtype_policy = "mixed_float16"
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert isinstance(again.optimizer, keras.optimizers.LossScaleOptimizer)
    for a, b in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert float(again.optimizer.dynamic_scale.numpy()) != 2.0**15  # the first steps overflow
    assert again.layers[0].compute_dtype == "float16"


def test_layers_with_files_of_their_own(tmp_path):
    @keras.saving.register_keras_serializable("tests")
    class Words(L.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.words = []

        def call(self, x):
            return x + float(len(self.words))

        def save_assets(self, dir_path):
            with open(f"{dir_path}/words.txt", "w", encoding="utf-8") as file:
                file.write("\n".join(self.words))

        def load_assets(self, dir_path):
            with open(f"{dir_path}/words.txt", encoding="utf-8") as file:
                self.words = file.read().split("\n")

    model = keras.Sequential([keras.Input((4,)), Words()])
    model.layers[0].words = ["ü", "模"]
    for zipped in (True, False):
        path = tmp_path / ("m.keras" if zipped else "folder")
        model.save(path, zipped=zipped)
        again = keras.models.load_model(path)
        assert again.layers[0].words == ["ü", "模"]
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert "assets/layers/words/words.txt" in archive.namelist()


def test_weights_of_a_model_file(tmp_path):
    one, two = sequential(), sequential()
    one.save(tmp_path / "m.keras")
    two.load_weights(tmp_path / "m.keras")
    np.testing.assert_array_equal(two.get_weights()[0], one.get_weights()[0])


def test_checkpoints_of_whole_models(tmp_path):
    model = sequential()
    model.compile("adam", "mse")
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "best_{epoch}.keras", monitor="loss", save_best_only=True)
    each = keras.callbacks.ModelCheckpoint(tmp_path / "all_{epoch:02d}.h5")
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[best, each])
    again = keras.models.load_model(tmp_path / "all_02.h5")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert keras.models.load_model(tmp_path / "best_1.keras").optimizer.iterations.numpy() == 1


def test_frozen_layers_stay_frozen(tmp_path):
    model = sequential()
    model.layers[0].trainable = False
    for name in ("m.keras", "m.h5"):
        model.save(tmp_path / name)
        again = keras.models.load_model(tmp_path / name)
        assert [w.trainable for w in again.weights] == [w.trainable for w in model.weights]


def test_the_file_is_what_keras_writes(tmp_path):
    model = sequential()
    model.compile("adam", "mse")
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert all(i.compress_type == zipfile.ZIP_STORED for i in archive.infolist())
        assert set(json.loads(archive.read("metadata.json"))) == {"keras_version", "date_saved"}
        config = json.loads(archive.read("config.json"))
    assert config["module"] == "keras" and config["class_name"] == "Sequential"
    assert config["compile_config"]["optimizer"]["module"] == "keras.optimizers"
    assert config["config"]["layers"][2]["registered_name"] == "tests>Scale"


@pytest.mark.parametrize("path", ["m", "m.pb", "m.tf", "m.weights.h5.x"])
def test_names_that_are_none(tmp_path, path):
    with pytest.raises(ValueError, match="Invalid filepath extension"):
        sequential().save(tmp_path / path)
    with pytest.raises(FileError, match="not supported"):
        keras.models.load_model(tmp_path / path)
    with pytest.raises(ValueError, match="not supported"):
        sequential().save(tmp_path / "m.keras", no_such_option=1)


def test_random_state_is_not_spent_by_loading(tmp_path):
    """Initial values that the file replaces are not drawn."""
    sequential().save(tmp_path / "m.keras")
    keras.utils.set_random_seed(3)
    want = keras.random.normal((2,)).numpy()
    keras.utils.set_random_seed(3)
    keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(keras.random.normal((2,)).numpy(), want)


def test_ops_in_a_graph_are_single_nodes(tmp_path):
    x = keras.Input((4,))
    ops = keras.ops
    y = ops.reshape(ops.expand_dims(x, 1), (-1, 2, 2))
    y = ops.stack([ops.clip(y, 0, 1), ops.where(y > 0, y, 0.0)], axis=1)
    model = keras.Model(x, ops.mean(y[:, 0], axis=(1, 2)))
    names = [config["class_name"] for config in model.get_config()["layers"]]
    assert sorted(names) == sorted(["InputLayer", "ExpandDims", "Reshape", "Greater", "Clip",
                                    "Where", "Stack", "GetItem", "Mean"])
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert json.dumps(again.get_config()) == json.dumps(model.get_config())


def test_bytes_are_not_paths():
    with pytest.raises(TypeError):
        sequential().save(io.BytesIO())


def test_a_frozen_model_with_an_optimizer_that_was_not_frozen(tmp_path):
    """Its optimizer begins anew, in a model within a model too."""
    inner = sequential()
    inner.compile("adam", "mse")
    inner.fit(X, Y, verbose=0)
    inner.trainable = False
    outer = keras.Sequential([keras.Input((4,)), inner, L.Dense(1)])
    outer.compile("adam", "mse")
    outer.fit(X, Y, verbose=0)
    outer.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match="begins anew"):
        again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), outer.predict(X, verbose=0))
    assert again.optimizer.iterations == outer.optimizer.iterations
    again.fit(X, Y, verbose=0)
