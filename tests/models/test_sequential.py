"""Sequential: the stack, deferred building, configuration, errors."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers

X = np.ones((2, 4), "float32")


def deferred():
    return keras.Sequential([layers.Dense(3, name="a"), layers.Dense(2, name="b")], name="seq")


def built():
    return keras.Sequential([
        keras.Input((4,), name="in"), layers.Dense(3, name="a"), layers.Dense(2, name="b")],
        name="seq")


def test_built_at_once_with_an_input():
    model = built()
    assert model.built and (model.input_shape, model.output_shape) == ((None, 4), (None, 2))
    assert [v.path for v in model.weights] == [
        "seq/a/kernel", "seq/a/bias", "seq/b/kernel", "seq/b/bias"]
    assert [x.name for x in model.layers] == ["a", "b"]
    assert model.inputs[0] is model.input and model.outputs[0] is model.output


@pytest.mark.parametrize("build", [
    lambda m: m.build((None, 4)), lambda m: m(X), lambda m: m.predict(X, verbose=0),
    lambda m: m(keras.Input((4,)))])
def test_built_later(build):
    model = deferred()
    assert not model.built and not model.weights
    build(model)
    assert model.built and len(model.weights) == 4
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 2))


def test_built_by_fit():
    model = deferred()
    model.compile("sgd", "mse")
    model.fit(X, np.ones((2, 2)), verbose=0)
    assert model.built and len(model.optimizer.variables) == 2
    assert model(np.ones((5, 4))).shape == (5, 2)


@pytest.mark.parametrize("name", ["inputs", "outputs", "input", "output", "input_shape",
                                  "output_shape"])
def test_what_is_not_known_yet(name):
    with pytest.raises(AttributeError, match="has no defined"):
        getattr(deferred(), name)


def test_build_without_a_shape_waits():
    model = deferred()
    model.build()
    assert not model.built
    with pytest.raises(ValueError, match="has no layers"):
        keras.Sequential().build((None, 4))


def test_shape_of_the_first_layer():
    model = keras.Sequential()
    model.add(layers.Dense(3, input_shape=(5,)))
    assert model.input_shape == (None, 5)
    assert keras.Sequential([layers.Dense(3, input_dim=6)]).input_shape == (None, 6)


def test_pop_and_add():
    model = built()
    assert model.pop().name == "b" and model.output_shape == (None, 3) and model.built
    model.add(layers.Dense(5, name="c"))
    assert model.output_shape == (None, 5) and [x.name for x in model.layers] == ["a", "c"]
    assert model(X).shape == (2, 5) and len(model.weights) == 4


def test_pop_everything():
    model = built()
    model.pop(), model.pop()
    assert model.layers == [] and not model.built
    with pytest.raises(TypeError, match="no layers"):
        model.pop()


def test_an_input_may_come_last():
    model = deferred()
    model.add(keras.Input((3,)))
    assert model.input_shape == (None, 3)


def test_dtype_of_the_input():
    model = keras.Sequential([keras.Input((4,), dtype="int32"), layers.Embedding(5, 2)])
    assert model.inputs[0].dtype == "int32" and model(np.ones((2, 4))).shape == (2, 4, 2)


def test_nested():
    model = keras.Sequential([keras.Sequential([layers.Dense(3)]), layers.Dense(2)])
    assert model(np.ones((2, 5))).shape == (2, 2)
    outer = keras.Sequential([built(), layers.Dense(1)])
    assert outer.input_shape == (None, 4) and len(outer.weights) == 6


def test_layers_with_a_training_flag_and_masks():
    model = keras.Sequential([layers.Embedding(3, 2, mask_zero=True), layers.Dropout(0.9)])
    ids = np.array([[1, 0]] * 50)
    assert (model(ids, training=True).numpy() == 0).any()
    y = model(ids)
    assert not (y.numpy() == 0).all() and y._keras_mask.numpy()[0].tolist() == [True, False]


def test_compute_output_shape():
    assert deferred().compute_output_shape((None, 7)) == (None, 2)
    assert built().compute_output_shape((6, 4)) == (6, 2)


@pytest.mark.parametrize("make", [built, deferred])
def test_config_round_trip(make):
    model = make()
    again = keras.Sequential.from_config(model.get_config())
    assert again.name == "seq" and again.built == model.built
    assert [x.get_config() for x in again.layers] == [x.get_config() for x in model.layers]
    by_json = keras.models.model_from_json(model.to_json())
    assert [x.name for x in by_json.layers] == ["a", "b"]


def test_config_of_one_that_was_built_later():
    model = deferred()
    model.build((None, 4))
    assert keras.Sequential.from_config(model.get_config()).output_shape == (None, 2)


def test_frozen_in_the_config():
    model = built()
    model.trainable = False
    again = keras.Sequential.from_config(model.get_config())
    assert not again.trainable and not again.trainable_weights


@pytest.mark.parametrize(("act", "error", "message"), [
    (lambda: keras.Sequential([lambda x: x]), ValueError, "Only instances of `keras.Layer`"),
    (lambda: keras.Sequential(["dense"]), ValueError, "Only instances of `keras.Layer`"),
    (lambda: keras.Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")]), ValueError,
     "should have unique names. Name 'a'"),
    (lambda: keras.Sequential([keras.Input((2,)), keras.Input((2,))]), ValueError,
     "already been configured to use input shape"),
    (lambda: setattr(built(), "layers", []), AttributeError, "reserved"),
    (lambda: built()(np.ones((2, 5))), ValueError, r"expected shape \(None, 4\)"),
    (lambda: built()(np.ones((2, 3, 4))), ValueError, r"expected shape \(None, 4\)"),
    (lambda: built()([X, X]), ValueError, "expected 1 input"),
    (lambda: built().get_layer("z"), ValueError, r"Existing layers are: \['a', 'b'\]"),
])
def test_errors(act, error, message):
    with pytest.raises(error, match=message):
        act()
