"""remat and RematScope: the same values and gradients, from a second run."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

X = np.linspace(-1.0, 1.0, 12, dtype="float32").reshape(4, 3)


def gradients(f, *sources):
    with keras.GradientTape() as tape:
        tape.watch([s for s in sources if not isinstance(s, keras.Variable)])
        y = f(*[s for s in sources if not isinstance(s, keras.Variable)])
        loss = ops.sum(y * y)
    return y, tape.gradient(loss, list(sources))


def test_values_and_gradients_are_the_same():
    w = keras.Variable(np.ones((3, 2), "float32"))
    x = ops.convert_to_tensor(X)

    def f(x):
        return ops.tanh(ops.exp(x) @ w)

    y, want = gradients(f, x, w)
    again, got = gradients(keras.remat(f), x, w)
    np.testing.assert_array_equal(y.numpy(), again.numpy())
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


def test_it_runs_again_only_for_gradients():
    calls = []

    @keras.remat
    def f(x):
        calls.append(1)
        return x * x

    f(ops.ones(2))
    assert len(calls) == 1
    keras.grad(lambda x: ops.sum(f(x)))(np.ones(2, "float32"))
    assert len(calls) == 3


def test_structures_and_keywords():
    @keras.remat
    def f(x, k=1.0):
        return {"y": x["a"] * k, "n": 3, "z": ops.stop_gradient(x["a"])}

    def loss(a):
        out = f({"a": a}, k=3.0)
        assert out["n"] == 3
        return ops.sum(out["y"] * out["z"])

    np.testing.assert_allclose(keras.grad(loss)(ops.convert_to_tensor([2.0])).numpy(), [6.0])


def test_second_derivatives():
    cube = keras.remat(lambda x: x * x * x)
    assert float(keras.grad(keras.grad(cube))(2.0)) == 12.0


def test_random_numbers_are_drawn_once():
    dropout, x = layers.Dropout(0.5, seed=1), ops.ones((50,))
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = keras.remat(lambda x: dropout(x, training=True) * x)(x)
    (g,) = tape.gradient(y, [x])
    np.testing.assert_array_equal(g.numpy(), 2 * y.numpy())
    assert (y.numpy() == 0).any()
    assert (dropout(x, training=True).numpy() != y.numpy()).any()


def test_moving_averages_move_once():
    a, b = layers.BatchNormalization(), layers.BatchNormalization()
    x = ops.convert_to_tensor(X)
    a.build(x.shape), b.build(x.shape)
    gradients(lambda x: a(x, training=True), x, a.gamma)
    _, (dx, dgamma) = gradients(keras.remat(lambda x: b(x, training=True)), x, b.gamma)
    np.testing.assert_array_equal(a.moving_mean.numpy(), b.moving_mean.numpy())
    assert (b.moving_mean.numpy() != 0).any()
    np.testing.assert_allclose(dgamma.numpy(), gradients(
        lambda x: a(x, training=True), x, a.gamma)[1][1].numpy(), rtol=1e-6)


def test_half_precision_and_the_training_flag_are_those_of_the_first_run():
    class Block(layers.Layer):
        def __init__(self):
            super().__init__(dtype="mixed_float16")
            self.dense, self.drop = layers.Dense(4, dtype="mixed_float16"), layers.Dropout(0.5)

        def call(self, x):
            return self.drop(self.dense(x))

    with keras.RematScope():
        block = Block()
    x = ops.convert_to_tensor(X)
    block(x)
    with keras.GradientTape() as tape:
        y = block(x, training=True)
        loss = ops.sum(ops.cast(y, "float32"))
    kept = (y.numpy() != 0).sum(axis=0) * 2.0
    assert (kept < 8).any()
    np.testing.assert_allclose(tape.gradient(loss, block.dense.bias).numpy(), kept)


@pytest.mark.parametrize(("options", "changed"), [
    ({"mode": "full"}, True), ({"mode": "activations"}, True), ({"mode": None}, False),
    ({"mode": "larger_than"}, False), ({"mode": "larger_than", "output_size_threshold": 3}, True),
    ({"mode": "list_of_layers"}, False),
    ({"mode": "list_of_layers", "layer_names": ["here"]}, True),
])
def test_modes(options, changed):
    with keras.RematScope(**options):
        layer = layers.Dense(2, activation="relu", name="here")
    layer.build((None, 3))
    call = layer.call
    assert (layer.rematerialized_call(call, ops.ones((4, 3))) is not call) == changed
    outside = layers.Dense(2)
    assert outside.rematerialized_call(call, X) is call
    plain = layers.Dense(2, activation="relu")
    plain.build((None, 3))
    plain.set_weights(layer.get_weights())
    _, (want,) = gradients(lambda: plain(X), plain.kernel)
    _, (got,) = gradients(lambda: layer(X), layer.kernel)
    np.testing.assert_array_equal(got.numpy(), want.numpy())
    assert layer.activation is plain.activation


def test_losses_are_added_once():
    with keras.RematScope():
        layer = layers.Dense(2, activity_regularizer="l2")
        model = keras.Sequential([keras.Input((3,)), layer])
    gradients(lambda: model(X), layer.kernel)
    assert len(model.losses) == 1


def test_training_in_the_scope_is_the_same_training():
    def fit(mode):
        keras.utils.set_random_seed(1)
        with keras.RematScope(mode):
            model = keras.Sequential([
                keras.Input((3,)), layers.Dense(4, activation="relu"),
                layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(X, X[:, 0], epochs=3, verbose=0)
        return model.get_weights()

    for a, b in zip(fit("full"), fit(None), strict=True):
        np.testing.assert_array_equal(a, b)


def test_unknown_mode():
    with pytest.raises(ValueError, match="Invalid mode 'foo'"):
        keras.RematScope("foo")
