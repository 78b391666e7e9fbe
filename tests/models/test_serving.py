"""model(x) that is called again and again on few samples: replayed, and nothing else changes."""

import copy
import pickle
import threading

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops
from minikeras.layers.layer import Layer
from minikeras.models.serving import CALLS, SMALL

X = np.random.default_rng(0).standard_normal((2, 5)).astype("float32")


def small():
    return keras.Sequential([
        keras.Input((5,)), layers.Dense(4, activation="gelu"), layers.BatchNormalization(),
        layers.Dropout(0.5), layers.Dense(3, activation="softmax")])


def branched():
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    h = layers.Dense(4, activation="relu")(ops.tanh(a) + b)
    return keras.Model({"a": a, "b": b}, {"sum": layers.Add()([a, b]), "h": small()(h[:, :1] + a)})


def op_by_op(model, x):
    return Layer.__call__(model, x)


def traces(model):
    serving = model.__dict__.get("_serving")
    return sum(serving.compiled.traces.values()) if serving else 0


def called(model, x=X, times=CALLS + 2, **options):
    for _ in range(times):
        y = model(x, **options)
    return y


def test_calls_beyond_the_first_few_are_replayed():
    model = small()
    called(model, times=CALLS)
    assert traces(model) == 0
    np.testing.assert_allclose(called(model), op_by_op(model, X), rtol=1e-6)
    assert traces(model) == 1
    called(model, training=False)
    called(model, ops.convert_to_tensor(X))
    assert traces(model) == 1
    called(model, X[:1])
    assert traces(model) == 2
    assert type(model(X)) is type(op_by_op(model, X))


def test_structures():
    model, x = branched(), {"a": X, "b": 2 * X}
    ours, expected = called(model, x), op_by_op(model, x)
    assert traces(model) == 1 and set(ours) == {"sum", "h"}
    for k in ours:
        np.testing.assert_allclose(ours[k], expected[k], rtol=1e-6)


def test_outputs_are_the_callers():
    model = small()
    called(model)
    one = model(X)
    before = one.numpy().copy()
    model(-X)
    np.testing.assert_array_equal(one, before)


def test_new_weights_and_attributes_are_seen():
    model = small()
    old = called(model).numpy()
    model.set_weights([1.5 * w for w in model.get_weights()])
    np.testing.assert_allclose(model(X), op_by_op(model, X), rtol=1e-6)
    assert not np.allclose(model(X), old)
    model.layers[0].activation = keras.activations.sigmoid
    np.testing.assert_allclose(model(X), op_by_op(model, X), rtol=1e-6)
    model.compile("sgd", "mse")
    model.fit(X, np.ones((2, 3)), verbose=0)
    np.testing.assert_allclose(model(X), op_by_op(model, X), rtol=1e-6)
    model.add(layers.Dense(7))
    assert called(model).shape == (2, 7)


def test_weights_that_are_replaced_all_the_time_are_not_planned_for():
    model, weights = small(), [w + 0.01 for w in small().get_weights()]
    called(model)
    for _ in range(20):
        for v, w in zip(model.weights, weights):
            v.assign(w)
        np.testing.assert_allclose(model(X), op_by_op(model, X), rtol=1e-6)
    program, = next(iter(model._serving.compiled.programs.values()))
    assert program.emissions < 10


class Counted(layers.Layer):
    count = 0

    def call(self, x):
        Counted.count += 1
        return x


def regularized():
    return keras.Sequential([
        keras.Input((5,)), layers.Dense(3, activity_regularizer="l2")])


def masked():
    return keras.Sequential([keras.Input((5,)), layers.Reshape((5, 1)), layers.Masking()])


def doubled(x):
    return 2 * x


@pytest.mark.parametrize("model", [
    lambda: keras.Sequential([keras.Input((5,)), Counted()]),
    lambda: keras.Sequential([keras.Input((5,)), layers.Lambda(doubled)]),
    lambda: keras.Sequential([keras.Input((5,)), layers.Dense(2, activation=doubled)]),
    regularized, lambda: keras.Sequential([regularized()])])
def test_models_that_may_do_more_than_compute_are_called_as_ever(model):
    model, Counted.count = model(), 0
    called(model, times=10)
    assert traces(model) == 0
    assert Counted.count in (0, 10)


def test_losses_and_masks_of_calls():
    model = regularized()
    called(model, times=10)
    assert float(model.losses[0]) > 0
    model, x = masked(), np.float32([[1, 2, 0, 0, 0]])
    for _ in range(10):
        assert model(x)._keras_mask.numpy().tolist() == [[True, True, False, False, False]]


def test_training_gradients_and_other_scopes():
    model = small()
    called(model)
    assert not np.allclose(model(X, training=True), model(X, training=True))  # dropout
    with keras.GradientTape() as tape:
        loss = ops.sum(model(X) ** 2)
    assert all(g is not None for g in tape.gradient(loss, model.trainable_variables))
    values = [v.value for v in model.variables]
    with keras.StatelessScope(state_mapping=[(v, 0 * a) for v, a in zip(model.variables, values)]):
        np.testing.assert_allclose(model(X), np.full((2, 3), 1 / 3), rtol=1e-6)
    outer = keras.Model(model.inputs, model(model.inputs))
    np.testing.assert_allclose(outer(X), model(X), rtol=1e-6)


def test_who_asks_for_op_by_op_gets_it():
    for options in ({"run_eagerly": True}, {"jit_compile": False}):
        model = small()
        model.compile("sgd", "mse", **options)
        called(model)
        assert traces(model) == 0
    model = small()
    called(model, np.zeros((SMALL // 5 + 1, 5), "float32"))
    assert traces(model) == 0


def test_copies_and_pickles():
    model = small()
    y = called(model)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_allclose(called(other), y, rtol=1e-6)
        other.set_weights([0 * w for w in other.get_weights()])
        np.testing.assert_allclose(other(X), np.full((2, 3), 1 / 3), rtol=1e-6)
    np.testing.assert_allclose(model(X), y, rtol=1e-6)


def test_wrong_inputs_are_told_as_ever():
    model = small()
    called(model)
    with pytest.raises(ValueError, match="expected shape"):
        called(model, np.ones((2, 6), "float32"))
    assert called(model, [[1.0, 2, 3, 4, 5]]).shape == (1, 3)


def test_threads():
    model, wrong = small(), []
    called(model)

    def work(i):
        x = X * i
        for _ in range(30):
            if not np.allclose(model(x), op_by_op(model, x), rtol=1e-5):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
