"""User-defined operations: eager, in functional models and their files, under a tape."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops


@keras.saving.register_keras_serializable("tests")
class Scaled(keras.Operation):
    """x * factor + offset: made of ops, with a config of its own arguments."""

    def __init__(self, factor=2.0, name=None):
        super().__init__(name=name)
        self.factor = factor

    def call(self, x, offset=None):
        y = x * self.factor
        return y if offset is None else y + offset


@keras.saving.register_keras_serializable("tests")
class Halves(keras.Operation):
    """Two results, whose specs it states itself."""

    def call(self, x):
        n = x.shape[-1] // 2
        return {"low": x[..., :n], "high": ops.cast(x[..., n:], "float64")}

    def compute_output_spec(self, x):
        half = (*x.shape[:-1], x.shape[-1] // 2)
        return {"low": keras.KerasTensor(half, x.dtype),
                "high": keras.KerasTensor(half, "float64")}


X = np.arange(12.0, dtype="float32").reshape(3, 4)


def test_eager(device):
    x = ops.convert_to_tensor(X)
    y = Scaled(3.0)(x, offset=1.0)
    np.testing.assert_array_equal(ops.convert_to_numpy(y), X * 3 + 1)
    np.testing.assert_array_equal(ops.convert_to_numpy(Halves()(x)["high"]), X[:, 2:])


def test_symbolic_results_come_from_call_or_from_the_rule_given():
    x = keras.KerasTensor((None, 4))
    y = Scaled()(x)
    assert (y.shape, y.dtype) == ((None, 4), "float32")
    both = Halves()(x)
    assert {k: (v.shape, v.dtype) for k, v in both.items()} == {
        "low": ((None, 2), "float32"), "high": ((None, 2), "float64")}
    assert Scaled().compute_output_spec(x).shape == (None, 4)


def model_of_operations():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    halves = Halves(name="parts")(Scaled(3.0, name="tripled")(a, offset=b))
    y = Scaled(0.5, name="halved")(ops.cast(halves["high"], "float32"))
    return keras.Model([a, b], [halves["low"], y])


def check(model):
    low, y = model([X, X + 1])
    want = X * 3 + X + 1
    np.testing.assert_allclose(low.numpy(), want[:, :2])
    np.testing.assert_allclose(y.numpy(), want[:, 2:] / 2)


def test_in_a_functional_model():
    model = model_of_operations()
    check(model)
    assert [layer.name for layer in model.operations if isinstance(layer, Scaled)] == [
        "tripled", "halved"]
    assert [o.factor for o in model.operations if isinstance(o, Scaled)] == [3.0, 0.5]


def test_config_of_a_functional_model():
    config = model_of_operations().get_config()
    assert "halved" in {layer["name"] for layer in config["layers"]}
    check(keras.Model.from_config(config))


def test_model_file(tmp_path):
    path = tmp_path / "model.keras"
    model_of_operations().save(path)
    check(keras.saving.load_model(path))


def test_clone():
    check(keras.models.clone_model(model_of_operations()))


def test_config_is_made_from_the_arguments():
    operation = Scaled(4.0, name="four")
    assert operation.get_config() == {"factor": 4.0, "name": "four"}
    again = Scaled.from_config(operation.get_config())
    assert (again.factor, again.name) == (4.0, "four")


def test_config_that_does_not_fit():
    with pytest.raises(TypeError, match="Scaled could not be made from its config"):
        Scaled.from_config({"faktor": 1.0})


def test_under_a_tape(device):
    x = ops.convert_to_tensor(X)
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(Scaled(3.0)(x) ** 2)
    np.testing.assert_allclose(ops.convert_to_numpy(tape.gradient(y, x)), 18 * X)


def test_gradients_through_a_model_of_operations():
    model = model_of_operations()
    x = ops.convert_to_tensor(X)
    with keras.GradientTape() as tape:
        tape.watch(x)
        low, y = model([x, X])
        loss = ops.sum(low) + ops.sum(y)
    np.testing.assert_allclose(tape.gradient(loss, x).numpy()[0], [3, 3, 1.5, 1.5])


def test_training_a_model_with_an_operation():
    x = keras.Input((4,))
    model = keras.Model(x, Scaled(0.5)(keras.layers.Dense(1)(x)))
    model.compile("sgd", "mse")
    y = X.sum(1, keepdims=True) / 20
    first = model.evaluate(X / 10, y, verbose=0)
    model.fit(X / 10, y, epochs=80, verbose=0)
    assert model.evaluate(X / 10, y, verbose=0) < first / 2
    assert "No step is compiled yet" not in model.program_report()


def test_names():
    assert Scaled(name="own").name == "own"
    keras.utils.clear_session()
    assert [Scaled().name, Scaled().name] == ["scaled", "scaled_1"]
    with pytest.raises(ValueError, match="cannot contain character `/`"):
        Scaled(name="a/b")


def test_inputs_and_outputs_of_its_first_call():
    operation, x = Scaled(), keras.Input((4,))
    with pytest.raises(AttributeError, match="never been called"):
        operation.input
    y = operation(x)
    assert operation.input is x
    assert operation.output is y


def test_an_operation_without_call():
    with pytest.raises(NotImplementedError, match="Operation must define `call`"):
        keras.Operation()(1.0)


def test_ops_in_a_graph_are_numbered():
    keras.utils.clear_session()
    x = keras.KerasTensor((None, 2))
    y = ops.exp(x + 1) + 2
    z = ops.cholesky(ops.matmul(y, ops.transpose(y)) + 3)
    names = [t._keras_history.operation.name for t in (y, y + x, z, ops.abs(z))]
    assert names == ["add_1", "add_3", "cholesky", "absolute"]
