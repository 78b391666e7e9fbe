"""Objects to configurations and back: Keras's format, custom objects, and what is refused."""

import json

import numpy as np
import pytest

import minikeras as keras
from minikeras import losses, metrics, ops, saving
from minikeras.core import serialization
from minikeras.core.serialization import Family

serialize, deserialize = saving.serialize_keras_object, saving.deserialize_keras_object


class Scale:
    """An object of one's own."""

    def __init__(self, factor=1.0, inner=None):
        self.factor, self.inner = factor, inner

    def get_config(self):
        return {"factor": self.factor, "inner": self.inner}

    @classmethod
    def from_config(cls, config):
        return cls(config["factor"], deserialize(config["inner"]))


def plain_function(x):
    return x


@pytest.fixture(autouse=True)
def registered_objects_are_forgotten():
    held = dict(saving.get_custom_objects())
    yield
    saving.get_custom_objects().clear()
    saving.get_custom_objects().update(held)


# ---------------------------------------------------------------- the format
@pytest.mark.parametrize("value, config", [
    (None, None), (True, True), (3, 3), (1.5, 1.5), ("text", "text"),
    (np.float32(1.5), 1.5), (np.int64(2), 2), ([1, (2, 3)], [1, (2, 3)]),
    (b"ab", {"class_name": "__bytes__", "config": {"value": "ab"}}),
    (slice(1, None, 2), {"class_name": "__slice__",
                         "config": {"start": 1, "stop": None, "step": 2}}),
    (..., {"class_name": "__ellipsis__", "config": {}}),
    (np.array([1, 2]), {"class_name": "__numpy__",
                        "config": {"value": [1, 2], "dtype": "int64"}}),
    (int, {"module": "builtins", "class_name": "type", "config": "int",
           "registered_name": "type"}),
    (losses.mean_squared_error, {"module": "builtins", "class_name": "function",
                                 "config": "mean_squared_error", "registered_name": "function"}),
    (plain_function, {"module": "builtins", "class_name": "function", "config": "plain_function",
                      "registered_name": "function"}),
])
def test_format(value, config):
    assert serialize(value) == config


def test_format_of_objects():
    """As Keras 3.15 writes them."""
    assert serialize(losses.MeanSquaredError()) == {
        "module": "keras.losses", "class_name": "MeanSquaredError",
        "config": {"name": "mean_squared_error", "reduction": "sum_over_batch_size"},
        "registered_name": None}
    assert serialize(metrics.Mean(name="m")) == {
        "module": "keras.metrics", "class_name": "Mean",
        "config": {"name": "m", "dtype": "float32"}, "registered_name": None}
    assert serialize(keras.DTypePolicy("mixed_float16")) == {
        "module": "keras", "class_name": "DTypePolicy", "config": {"name": "mixed_float16"},
        "registered_name": None}
    assert serialize(ops.convert_to_tensor([1.0, 2.0])) == {
        "class_name": "__tensor__", "config": {"value": [1.0, 2.0], "dtype": "float32"}}
    assert serialize(keras.KerasTensor((None, 2))) == {
        "class_name": "__keras_tensor__",
        "config": {"shape": (None, 2), "dtype": "float32", "keras_history": None}}
    config = serialize(Scale(2.0))
    assert (config["class_name"], config["registered_name"]) == ("Scale", "Scale")
    assert config["config"] == {"factor": 2.0, "inner": None}


@pytest.mark.parametrize("value", [
    None, 3, "text", b"\xc3\xa9", slice(1, None, 2), slice(None), ..., [1, {"a": (2, slice(3))}],
    int, float, bool, np.float32,
])
def test_round_trip(value):
    assert deserialize(serialize(value)) == value


def test_round_trip_through_json():
    value = {"a": [slice(1, 2), ...], "b": losses.Huber(2.0), "f": losses.hinge}
    got = deserialize(json.loads(json.dumps(serialize(value))))
    assert got["a"] == [slice(1, 2), ...] and got["f"] is losses.hinge
    assert got["b"].get_config() == value["b"].get_config()


def test_round_trip_of_arrays():
    array = deserialize(serialize(np.array([[1.5, 2.5]], "float16")))
    assert isinstance(array, np.ndarray) and array.dtype == "float16"
    np.testing.assert_array_equal(array, [[1.5, 2.5]])
    tensor = deserialize(serialize(ops.convert_to_tensor([1, 2], "int8")))
    assert isinstance(tensor, keras.Tensor) and tensor.dtype == "int8"
    spec = deserialize(serialize(keras.KerasTensor((None, 2), "int32")))
    assert (spec.shape, spec.dtype) == ((None, 2), "int32")


def test_public_functions_come_back():
    for function in (keras.activations.relu, losses.kl_divergence, metrics.binary_accuracy,
                     ops.cumsum if hasattr(ops, "cumsum") else ops.mean):
        assert deserialize(serialize(function)) is function
    assert serialize(ops.mean)["module"] == "keras.ops"


@pytest.mark.parametrize("value", [object(), {1, 2}, range(3), 1 + 2j])
def test_what_has_no_configuration(value):
    with pytest.raises(TypeError, match="Cannot serialize object"):
        serialize(value)


# ---------------------------------------------------------------- names
def test_other_names_of_public_classes():
    for module in ("keras.losses", "keras.src.losses.losses", "keras.src.losses"):
        config = {"module": module, "class_name": "Huber", "config": {"delta": 2.0}}
        assert isinstance(deserialize(config), losses.Huber)


def test_names_without_a_public_path():
    @serialization.known_as("keras.src.somewhere", "Hidden")
    class Inner(Scale):
        pass

    config = serialize(Inner(3.0))
    assert (config["module"], config["class_name"]) == ("keras.src.somewhere", "Hidden")
    assert type(deserialize(config)) is Inner


def test_finders(monkeypatch):
    monkeypatch.setattr(serialization, "_FINDERS", [])
    serialization.finder(lambda module, name: Scale if module == "keras.src.far" else None)
    config = {"module": "keras.src.far", "class_name": "Any", "config": {"factor": 1, "inner": 0}}
    assert isinstance(deserialize(config), Scale)


# ---------------------------------------------------------------- custom objects
def test_registered():
    @saving.register_keras_serializable("pkg", name="Named")
    class Mine(Scale):
        pass

    @saving.register_keras_serializable()
    def function(x):
        return x

    assert saving.get_registered_name(Mine) == "pkg>Named"
    assert saving.get_registered_object("pkg>Named") is Mine
    config = serialize(Mine(2.0, Mine(3.0)))
    assert config["registered_name"] == "pkg>Named"
    assert config["config"]["inner"]["registered_name"] == "pkg>Named"
    again = deserialize(config)
    assert type(again) is type(again.inner) is Mine and again.inner.factor == 3.0
    assert serialize(function)["config"] == "Custom>function"
    assert deserialize(serialize(function)) is function


def test_unregistered_is_refused_with_the_way_out():
    with pytest.raises(TypeError, match="Could not locate class 'Scale'.*register_keras"):
        deserialize(serialize(Scale()))
    with pytest.raises(TypeError, match="Could not locate function 'plain_function'"):
        deserialize(serialize(plain_function))


def test_given_by_argument_or_scope():
    config = serialize(Scale(2.0))
    assert deserialize(config, custom_objects={"Scale": Scale}).factor == 2.0
    with saving.CustomObjectScope({"Scale": Scale, "plain_function": plain_function}):
        assert deserialize(config).factor == 2.0
        assert deserialize(serialize(plain_function)) is plain_function
        with keras.utils.custom_object_scope({"Scale": losses.Huber}):  # the inner one wins
            assert saving.get_registered_object("Scale") is losses.Huber
        assert saving.get_registered_object("Scale") is Scale
    assert saving.get_registered_object("Scale") is None
    assert saving.get_registered_object("Scale", {"Scale": 1}) == 1
    assert saving.get_registered_object("Scale", None, {"Scale": 2}) == 2


def test_a_class_without_configuration_cannot_be_registered():
    with pytest.raises(ValueError, match="get_config"):
        saving.register_keras_serializable()(type("Bare", (), {}))


# ---------------------------------------------------------------- refusals
@pytest.mark.parametrize("config", [
    {"module": "os", "class_name": "system", "config": {"command": "true"}},
    {"module": "subprocess", "class_name": "Popen", "config": {"args": ["true"]}},
    {"module": "builtins", "class_name": "function", "config": "eval"},
    {"module": "keras.utils", "class_name": "function", "config": "get_file"},
    {"module": "keras", "class_name": "nothing", "config": {}},
    {"module": "keras.losses", "class_name": ["Huber"], "config": {}},
    {"class_name": "Huber", "config": {}},
])
def test_what_a_file_may_not_name(config):
    with pytest.raises(TypeError, match="Could not locate"):
        deserialize(config)


def test_public_objects_that_are_no_parts_of_models():
    for module, name in (("keras.utils", "get_file"), ("keras.losses", "huber"),
                         ("keras", "name_scope")):
        with pytest.raises(ValueError, match="no class with a configuration"):
            deserialize({"module": module, "class_name": name, "config": {}})


def test_lambdas():
    offset = 10.0

    def made():
        return lambda x, scale=2.0: ops.add(x * scale, offset)

    with pytest.warns(UserWarning, match="lambda"):
        config = json.loads(json.dumps(serialize(made())))
    with pytest.raises(ValueError, match="safe_mode=False"):
        deserialize(config)
    with serialization.SafeModeScope(True), pytest.raises(ValueError, match="safe_mode"):
        deserialize(config, safe_mode=False)  # an outer reader's safety holds
    function = deserialize(config, safe_mode=False)
    assert float(function(ops.convert_to_tensor(3.0))) == 16.0


def test_unsafe_deserialization_can_be_switched_on(monkeypatch):
    monkeypatch.setattr(serialization, "_unsafe_everywhere", False)
    with pytest.warns(UserWarning, match="lambda"):
        config = serialize(lambda x: x + 1)
    keras.config.enable_unsafe_deserialization()
    assert deserialize(config)(1) == 2


def test_wrong_arguments_are_told_with_the_class():
    config = {"module": "keras.losses", "class_name": "Huber", "config": {"wrong": 1}}
    with pytest.raises(TypeError, match=r"(?s)Huber.* could not be deserialized.*wrong"):
        deserialize({**config, "registered_name": None})


# ---------------------------------------------------------------- shared objects
def test_shared_objects_stay_one():
    class Holder(Scale):
        @classmethod
        def from_config(cls, config):
            return cls(0.0, deserialize(config["inner"], {"Scale": Scale}))

    one = Scale(5.0)
    pair = [Holder(0.0, one), Holder(0.0, one), Holder(0.0, Scale(5.0))]
    with serialization.ObjectSharingScope():
        config = json.loads(json.dumps(serialize(pair)))
    with serialization.ObjectSharingScope():
        a, b, c = deserialize(config, {"Holder": Holder, "Scale": Scale})
    assert a.inner is b.inner and c.inner is not a.inner
    a, b, _ = deserialize(config, {"Holder": Holder, "Scale": Scale})
    assert a.inner is not b.inner


def test_build_and_compile_configurations():
    class Buildable(Scale):
        built = compiled = None

        def get_build_config(self):
            return {"input_shape": (None, 3)}

        def build_from_config(self, config):
            self.built = config

        def get_compile_config(self):
            return {"loss": losses.Huber()}

        def compile_from_config(self, config):
            self.compiled = config

    config = serialize(Buildable())
    again = deserialize(config, {"Buildable": Buildable})
    assert again.built == {"input_shape": (None, 3)}
    assert again.compiled["loss"]["class_name"] == "Huber"


# ---------------------------------------------------------------- families
def test_family_of_functions_by_name():
    family = Family("activation", "activations", names_only=True, functions=True)
    assert family.serialize(keras.activations.relu) == "relu"
    assert family.deserialize("relu") is keras.activations.relu
    with pytest.raises(ValueError, match="Could not interpret activation identifier: 'no'.*relu"):
        family.deserialize("no")


def test_family_of_classes():
    family = Family("metric", "metrics", {"mse": "MeanSquaredError"})
    assert isinstance(family.get("mse"), metrics.MeanSquaredError)
    assert family.get("mean", name="m").name == "m"
    assert "binary_focal_crossentropy" not in family.names
    with pytest.raises(ValueError, match="needs the keys"):
        family.get({"a": 1})


class Copying(keras.layers.Layer):
    """Makes a copy of a layer from its configuration, also while a file is read."""

    def __init__(self, layer=None, **kwargs):
        super().__init__(**kwargs)
        layer = layer or keras.layers.Dense(3)
        self.layer = layer
        self.copy = type(layer).from_config(layer.get_config())

    def get_config(self):
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config):
        config["layer"] = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**config)


def test_configurations_made_while_a_file_is_read_have_no_numbers_of_their_own():
    given = [keras.initializers.Ones(), Copying()]
    with keras.saving.CustomObjectScope({"Copying": Copying}):
        with serialization.ObjectSharingScope():
            config = keras.saving.serialize_keras_object(given)
        with serialization.ObjectSharingScope():
            made = keras.saving.deserialize_keras_object(config)[1]
    assert made.copy.units == 3 and made.copy.dtype_policy.name == "float32"
