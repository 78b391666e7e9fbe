"""Functional models: shared layers, nesting, structures of inputs and outputs, errors."""

import copy
import pickle

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

A, B = np.ones((2, 4), "float32"), np.full((2, 3), 2, "float32")


def two(inputs, outputs):
    """A model of inputs a (4 numbers) and b (3), outputs o1 (2) and o2 (1)."""
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    y = layers.Concatenate(name="c")([a, b])
    o1, o2 = layers.Dense(2, name="o1")(y), layers.Dense(1, name="o2")(y)
    return keras.Model(inputs(a, b), outputs(o1, o2), name="two")


def listed(*values):
    return list(values)


MAKE = {
    "list": lambda: two(listed, listed),
    "tuple": lambda: two(lambda a, b: (a, b), lambda a, b: (a, b)),
    "dict": lambda: two(lambda a, b: {"p": a, "q": b}, lambda a, b: {"u": a, "v": b}),
    "nested": lambda: two(lambda a, b: [a, {"q": b}], lambda a, b: {"u": [a], "v": b}),
}
FEED = {"list": [A, B], "tuple": (A, B), "dict": {"p": A, "q": B}, "nested": [A, {"q": B}]}


def shapes(structure):
    return keras.tree.map_structure(lambda v: tuple(v.shape), structure)


def shared():
    x = keras.Input((4,), name="x")
    dense = layers.Dense(4, name="d")
    return keras.Model(x, dense(dense(x)))


def residual():
    x = keras.Input((4,), name="x")
    y = layers.Add(name="add")([x, layers.Dense(4, activation="relu", name="d")(x)])
    return keras.Model(x, layers.Dense(2, name="out")(y))


def nested():
    ix = keras.Input((4,), name="ix")
    inner = keras.Model(ix, layers.Dense(3, name="id")(ix), name="inner")
    x = keras.Input((4,), name="x")
    return keras.Model(x, layers.Dense(2, name="od")(inner(x)), name="outer")


OUT = {"list": [(2, 2), (2, 1)], "tuple": ((2, 2), (2, 1)), "dict": {"u": (2, 2), "v": (2, 1)},
       "nested": {"u": [(2, 2)], "v": (2, 1)}}


@pytest.mark.parametrize("form", MAKE)
def test_structures(form):
    model = MAKE[form]()
    assert shapes(model(FEED[form])) == OUT[form]
    assert shapes(model.predict(FEED[form], verbose=0)) == OUT[form]
    assert model.input_shape == [(None, 4), (None, 3)]
    assert model.output_shape == [(None, 2), (None, 1)]
    assert (model.input_names, model.output_names) == (["a", "b"], ["o1", "o2"])


def test_inputs_by_name():
    model = MAKE["list"]()
    by_place = [y.numpy() for y in model([A, B])]
    for got in (model({"b": B, "a": A}), model((A, B))):
        for y, want in zip(got, by_place, strict=True):
            np.testing.assert_array_equal(y.numpy(), want)


def test_more_keys_than_are_needed():
    assert shapes(MAKE["dict"]()({"p": A, "q": B, "r": A})) == OUT["dict"]


def test_training_with_structures():
    model = MAKE["dict"]()
    model.compile("sgd", {"u": "mse", "v": "mae"}, metrics={"v": ["mse"]})
    y = {"u": np.ones((2, 2)), "v": np.ones((2, 1))}
    history = model.fit(FEED["dict"], y, verbose=0).history
    assert sorted(history) == ["loss", "u_loss", "v_loss", "v_mse"]


def test_shared_layer():
    model = shared()
    assert len(model.layers) == 2 and len(model.weights) == 2
    w, b = (v.numpy() for v in model.weights)
    np.testing.assert_allclose(model(A).numpy(), (A @ w + b) @ w + b, rtol=1e-5)


def test_gradient_of_a_shared_layer_counts_both_uses():
    model = shared()
    with keras.GradientTape() as tape:
        loss = ops.sum(model(A))
    g = tape.gradient(loss, model.weights[1])
    w = model.weights[0].numpy().astype("float64")
    np.testing.assert_allclose(g.numpy(), 2 * (1 + w.sum(1)), rtol=1e-5)


def test_one_layer_in_two_models():
    dense = layers.Dense(2)
    x, y = keras.Input((4,)), keras.Input((4,))
    first, second = keras.Model(x, dense(x)), keras.Model(y, dense(y * 2))
    assert first.layers[1] is second.layers[-1]
    np.testing.assert_allclose(second(A).numpy(), first(2 * A).numpy(), rtol=1e-6)


def test_residual():
    model = residual()
    w, b, v, c = (x.numpy() for x in model.weights)
    h = A + np.maximum(A @ w + b, 0)
    np.testing.assert_allclose(model(A).numpy(), h @ v + c, rtol=1e-5)
    assert [type(x).__name__ for x in model.layers] == ["InputLayer", "Dense", "Add", "Dense"]


def test_nested_model():
    model = nested()
    assert [x.name for x in model.layers] == ["x", "inner", "od"]
    assert [v.path for v in model.weights] == ["id/kernel", "id/bias", "od/kernel", "od/bias"]
    model.get_layer("inner").trainable = False
    assert len(model.trainable_weights) == 2


def test_a_model_on_other_inputs():
    model = nested()
    x = keras.Input((4,), batch_size=3)
    assert keras.Model(x, model(x)).output_shape == (3, 2)


def test_intermediate_outputs_and_inputs():
    model = residual()
    features = keras.Model(model.input, [x.output for x in model.layers[1:]])
    assert shapes(features(A)) == [(2, 4), (2, 4), (2, 2)]
    tail = keras.Model(model.get_layer("add").output, model.output)
    assert tail.input_shape == (None, 4) and len(tail.weights) == 2
    h = features(A)[1]
    np.testing.assert_array_equal(tail(h).numpy(), model(A).numpy())


def test_a_new_batch_size_and_converted_inputs():
    x = keras.Input((4,), batch_size=3)
    model = keras.Model(x, layers.Dense(2)(x))
    assert model.input_shape == (3, 4) and model(A).shape == (2, 2)
    for dtype in ("float64", "int32", "float16"):
        assert model(A.astype(dtype)).dtype.name == "float32"
    assert model([[1, 2, 3, 4]]).shape == (1, 2)
    one = keras.Input((1,))
    assert keras.Model(one, layers.Dense(2)(one))(np.ones(3)).shape == (3, 2)


def test_optional_input():
    class MaybeAdd(layers.Layer):
        def call(self, x, y=None):
            return x if y is None else x + y

        def compute_output_shape(self, x_shape):
            return x_shape

    a, b = keras.Input((4,)), keras.Input((4,), optional=True)
    model = keras.Model([a, b], MaybeAdd()(a, b))
    np.testing.assert_array_equal(model([A, None]).numpy(), A)
    np.testing.assert_array_equal(model([A, A]).numpy(), 2 * A)


def test_masks_go_through_the_graph():
    seen = []

    class Sees(layers.Layer):
        supports_masking = True

        def compute_mask(self, x, mask=None):
            return None

        def call(self, x, mask=None):
            seen.append(mask)
            return ops.sum(x, axis=1)

    x = keras.Input((3,), dtype="int32")
    model = keras.Model(x, Sees()(layers.Dropout(0.5)(layers.Embedding(5, 2, mask_zero=True)(x))))
    model(np.array([[1, 2, 0]]))
    assert seen[-1].numpy().tolist() == [[True, True, False]]


@pytest.mark.parametrize("name", ["list", "dict", "tuple", "nested", "shared", "residual",
                                  "model"])
def test_config_round_trip(name):
    make = {**MAKE, "shared": shared, "residual": residual, "model": nested}[name]
    feed = FEED.get(name, A)
    model = make()
    for again in (type(model).from_config(model.get_config()),
                  keras.models.model_from_json(model.to_json())):
        assert [x.name for x in again.layers] == [x.name for x in model.layers]
        again.set_weights(model.get_weights())
        for a, b in zip(keras.tree.flatten(again(feed)), keras.tree.flatten(model(feed))):
            np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_config_says_places():
    config = MAKE["nested"]().get_config()
    assert sorted(config) == ["input_layers", "layers", "name", "output_layers", "trainable"]
    assert config["input_layers"] == [["a", 0, 0], {"q": ["b", 0, 0]}]
    assert config["output_layers"] == {"u": [["o1", 0, 0]], "v": ["o2", 0, 0]}
    assert nested().get_config()["input_layers"] == ["x", 0, 0]


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(again):
    model = nested()
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(A, np.ones((2, 2)), epochs=2, verbose=0)
    other = again(model)
    assert other.weights[0] is not model.weights[0]
    y = np.zeros((2, 2))
    assert other.evaluate(A, y, verbose=0) == model.evaluate(A, y, verbose=0)
    for m in (other, model):
        m.fit(A, y, epochs=2, verbose=0)
    for a, b in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def disconnected():
    return keras.Model(keras.Input((3,)), layers.Dense(2)(keras.Input((3,), name="other")))


def same_names():
    x = keras.Input((3,))
    return keras.Model(x, layers.Dense(1, name="q")(layers.Dense(2, name="q")(x)))


X3 = keras.Input((3,))


@pytest.mark.parametrize(("act", "message"), [
    (disconnected, "disconnected.*'other'"),
    (same_names, 'The name "q" is used 2 times'),
    (lambda: keras.Model(A, layers.Dense(2)(X3)), "All `inputs` values must be KerasTensors"),
    (lambda: keras.Model(X3, 3), "All `outputs` values must be KerasTensors"),
    (lambda: keras.Model([], layers.Dense(2)(X3)), "`inputs` argument cannot be empty"),
    (lambda: keras.Model(X3, []), "`outputs` argument cannot be empty"),
    (lambda: MAKE["dict"]()({"p": A}), r"Missing data for input\(s\) \['q'\]"),
    (lambda: MAKE["list"]()({"a": A}), r"Missing data for input\(s\) \['b'\]"),
    (lambda: MAKE["list"]()([A]), r"expected 2 input\(s\). Received 1"),
    (lambda: MAKE["list"]()([A, B, A]), r"expected 2 input\(s\). Received 3"),
    (lambda: MAKE["list"]()([B, A]), r"input 'a'.*expected shape \(None, 4\)"),
    (lambda: shared()([None]), "not optional"),
    (lambda: nested().get_layer("zz"), r"No such layer: zz. .*\['x', 'inner', 'od'\]"),
    (lambda: nested().get_layer(index=9), "only has 3 layers"),
    (lambda: nested().get_layer(), "either a layer name or a layer index"),
    (lambda: nested().get_layer("od", 1), "either a layer name or a layer index"),
])
def test_errors(act, message):
    with pytest.raises(ValueError, match=message):
        act()


def test_get_layer():
    model = nested()
    assert model.get_layer("od") is model.get_layer(index=-1) is model.layers[2]


@pytest.mark.parametrize(("x", "advice"), [
    (np.ones(4), "needs an axis of samples"), (np.ones((2, 2, 2)), r"x.reshape\(\(-1, 4\)\)")])
def test_advice_on_shapes(x, advice):
    with pytest.raises(ValueError, match=advice):
        shared()(x)


def test_frozen_from_the_start():
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(2)(x), trainable=False)
    assert not model.trainable_weights and len(model.non_trainable_weights) == 2


def test_state_tree():
    model = nested()
    state = model.get_state_tree("numpy_array")
    assert shapes(state["trainable_variables"]) == {
        "id": {"kernel": (4, 3), "bias": (3,)}, "od": {"kernel": (3, 2), "bias": (2,)}}
    other = nested()
    other.set_state_tree(state)
    np.testing.assert_array_equal(other(A).numpy(), model(A).numpy())


def test_a_diamond_of_many_layers_is_run_once_each():
    x = keras.Input((2,))
    y = x
    for _ in range(40):
        y = layers.Add()([y, y])
    model = keras.Model(x, y)
    assert float(model(np.ones((1, 2)))[0, 0]) == 2.0**40


def test_a_deep_chain():
    x = y = keras.Input((2,))
    for _ in range(1500):
        y = layers.Activation("linear")(y)
    assert keras.Model(x, y)(np.ones((1, 2))).shape == (1, 2)
