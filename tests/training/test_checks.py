"""What fit, evaluate and predict refuse: each message names who, what was expected and received."""

import re

import numpy as np
import pandas
import pytest

import minikeras as keras
from minikeras import layers


def digits(n=8):
    rng = np.random.default_rng(0)
    return rng.random((n, 28, 28, 1), "float32"), rng.integers(0, 10, n)


@pytest.fixture
def model():
    model = keras.Sequential([
        keras.Input((28, 28, 1), name="image"), layers.Conv2D(2, 3), layers.Flatten(),
        layers.Dense(10, activation="softmax", name="scores"),
    ], name="small")
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def dense(units=3, loss="mse", **options):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(units, name="out")])
    model.compile("sgd", loss, **options)
    return model


def refused(call, *words, error=ValueError):
    """The message of an error, which must hold all the words."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    for word in words:
        assert word in message, message
    return message


# ---------------------------------------------------------------- shapes
def test_images_without_a_channel_axis_fit(model):
    x, y = digits()
    with_axis = model.predict(x, verbose=0)
    np.testing.assert_array_equal(model.predict(x[..., 0], verbose=0), with_axis)
    history = model.fit(x[..., 0], y, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_a_superfluous_last_axis_is_dropped():
    model = dense()
    x = np.ones((8, 4), "float32")
    np.testing.assert_array_equal(
        model.predict(x[..., None], verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict", "train_on_batch", "call"])
def test_wrong_rank(model, method):
    x, y = digits()
    flat = x.reshape(8, 784)
    calls = {
        "fit": lambda: model.fit(flat, y, verbose=0),
        "evaluate": lambda: model.evaluate(flat, y, verbose=0),
        "predict": lambda: model.predict(flat, verbose=0),
        "train_on_batch": lambda: model.train_on_batch(flat, y),
        "call": lambda: model(flat),
    }
    refused(calls[method], "'image'", "'small'", "(None, 28, 28, 1)", "(8, 784)",
            "x.reshape((-1, 28, 28, 1))")


def test_one_sample_without_an_axis_of_samples(model):
    refused(lambda: model.predict(digits()[0][0], verbose=0), "x[None]", "(28, 28, 1)")


def test_channels_first():
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3)])
    refused(lambda: model.predict(np.zeros((2, 3, 8, 8)), verbose=0), "np.moveaxis(x, 1, -1)")


def test_wrong_number_of_channels(model):
    refused(lambda: model.fit(np.zeros((8, 28, 28, 3)), np.zeros(8, int), verbose=0),
            "'image'", "'small'", "(None, 28, 28, 1)", "(8, 28, 28, 3)")


def test_wrong_channels_for_a_layer():
    layer = layers.Conv2D(2, 3, name="first")
    layer.build((None, 8, 8, 1))
    refused(lambda: layer(np.zeros((2, 8, 8, 3))), '"first"', "axis -1", "value 1", "(2, 8, 8, 3)")


def test_wrong_number_of_inputs(model):
    x, y = digits()
    refused(lambda: model.fit([x, x], y, verbose=0), "'small'", "1 input(s)", "2")


def test_unknown_names_of_inputs(model):
    x, y = digits()
    refused(lambda: model.fit({"picture": x}, y, verbose=0), "'small'", "['image']", "['picture']")


def test_missing_input(model):
    refused(lambda: model.fit(None, digits()[1], verbose=0), "'image", "None")


# ---------------------------------------------------------------- targets
@pytest.mark.parametrize("label", [10, -1, 255])
@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_labels_out_of_range(model, label, method):
    x, y = digits()
    y[3] = label
    options = {"verbose": 0} if method in ("fit", "evaluate") else {}
    before = model.get_weights()
    refused(lambda: getattr(model, method)(x, y, **options), "'scores'", "from 0 to 9",
            "sparse_categorical_crossentropy", f"[{label}]", "ignore_class")
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_labels_out_of_range_in_a_later_batch(model):
    x, y = digits(64)
    y[40] = 10
    refused(lambda: model.fit(x, y, batch_size=8, shuffle=False, verbose=0), "[10]")


def test_labels_out_of_range_from_a_generator(model):
    x, y = digits()
    refused(lambda: model.fit(iter([(x, y), (x, y + 10)]), verbose=0), "from 0 to 9")


def test_labels_out_of_range_in_validation(model):
    x, y = digits()
    refused(lambda: model.fit(x, y, validation_data=(x, y + 10), verbose=0), "from 0 to 9")


def test_labels_out_of_range_of_one_output():
    x = keras.Input((4,))
    model = keras.Model(x, {"kind": layers.Dense(3, name="kind")(x),
                            "size": layers.Dense(1, name="size")(x)})
    model.compile("sgd", {"kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                          "size": "mse"})
    data = np.zeros((8, 4), "float32")
    sizes = np.full((8, 1), 100.0)
    model.fit(data, {"kind": np.full(8, 2), "size": sizes}, verbose=0)
    refused(lambda: model.fit(data, {"kind": np.full(8, 3), "size": sizes}, verbose=0),
            "'kind'", "from 0 to 2", "[3]")


def test_labels_of_a_subclassed_model_are_checked_before_its_first_step():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    model = Net()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    refused(lambda: model.fit(np.ones((8, 4)), np.full(8, 7), verbose=0), "from 0 to 2", "[7]")


def test_ignored_labels_may_be_out_of_range():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    model = dense(3, loss)
    y = np.array([0, 1, 2, 255, 0, 1, 2, 255])
    assert np.isfinite(model.fit(np.ones((8, 4)), y, verbose=0).history["loss"]).all()
    y[0] = 3
    refused(lambda: model.fit(np.ones((8, 4)), y, verbose=0), "[3]")


def test_labels_as_floats_are_checked(model):
    x, y = digits()
    model.fit(x, y.astype("float32"), verbose=0)
    refused(lambda: model.fit(x, np.where(np.arange(8) == 1, np.nan, y), verbose=0), "[nan]")


def test_a_custom_step_may_give_labels_another_meaning():
    class Shifted(keras.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return super().compute_loss(x, y - 1, y_pred, sample_weight, training)

    model = Shifted([keras.Input((4,)), layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    y = np.array([1, 2, 3, 3])
    assert np.isfinite(model.fit(np.ones((4, 4)), y, verbose=0).history["loss"]).all()


def test_one_hot_targets_of_a_sparse_loss(model):
    x, y = digits()
    refused(lambda: model.fit(x, np.eye(10)[y], verbose=0), "'scores'", "(8, 10)",
            "sparse_categorical_crossentropy", "use the categorical crossentropy")


def test_class_numbers_for_a_categorical_loss():
    refused(lambda: dense(3, "categorical_crossentropy").fit(
        np.ones((8, 4)), np.zeros(8), verbose=0), "'out'", "(8,)", "(8, 3)", "sparse")


def test_targets_of_another_shape():
    refused(lambda: dense().fit(np.ones((8, 4)), np.ones((8, 5)), verbose=0),
            "'mse'", "'out'", "(8, 5)", "(8, 3)")


def test_flat_targets_fit_a_column():
    """(N,) against (N, 1) must not become (N, N)."""
    x, y = np.arange(8.0).reshape(2, 4), np.array([1.0, 3.0])
    model = dense(1)
    expected = np.mean((model.predict(x, verbose=0)[:, 0] - y) ** 2)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), expected, rtol=1e-6)


def test_no_targets():
    refused(lambda: dense().fit(np.ones((8, 4)), verbose=0), "No loss to compute", "`y`")


def test_too_few_targets():
    x = keras.Input((4,))
    model = keras.Model(x, [layers.Dense(1)(x), layers.Dense(1)(x)])
    model.compile("sgd", "mse")
    refused(lambda: model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0), "1 array", "2 model")


def test_losses_for_unknown_outputs():
    model = dense(loss={"result": "mse"})
    refused(lambda: model.fit(np.ones((8, 4)), np.ones((8, 3)), verbose=0), "'result'", "out")


# ---------------------------------------------------------------- values
def test_nan_loss_is_shown(model, capsys):
    x, y = digits()
    history = model.fit(x * np.nan, y, verbose=2)
    assert np.isnan(history.history["loss"][0])
    assert "loss: nan" in capsys.readouterr().out


def test_nan_in_one_batch_stays_visible_in_the_epoch():
    x = np.ones((8, 4), "float32")
    x[2, 1] = np.nan
    history = dense().fit(x, np.ones((8, 3)), batch_size=2, shuffle=False, verbose=0)
    assert np.isnan(history.history["loss"][0])


def test_indices_outside_an_embedding():
    model = keras.Sequential([
        keras.Input((4,), dtype="int32"), layers.Embedding(5, 3, name="words")])
    assert np.isnan(model.predict(np.full((2, 4), 7), verbose=0)).all()


# ---------------------------------------------------------------- data
@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_empty_arrays(model, method):
    x, y = digits()
    arguments = (x[:0],) if method == "predict" else (x[:0], y[:0])
    refused(lambda: getattr(model, method)(*arguments, verbose=0), "no samples", "(0, 28, 28, 1)")


def test_mismatched_lengths(model):
    x, y = digits()
    for name, call in {
        "'y' sizes: 5": lambda: model.fit(x, y[:5], verbose=0),
        "'sample_weight' sizes: 3": lambda: model.fit(
            x, y, sample_weight=np.ones(3), verbose=0),
        "'y' sizes: 4": lambda: model.evaluate(x, y[:4], verbose=0),
        "'y' sizes: 2": lambda: model.fit(x, y, validation_data=(x, y[:2]), verbose=0),
    }.items():
        refused(call, "'x' sizes: 8", name)


STRINGS = {
    "array": np.array(["cat", "dog"]),
    "objects": np.array(["cat", "dog"], dtype=object),
    "bytes": np.array([b"cat", b"dog"]),
    "list": ["cat", "dog"],
    "nested": [["cat"], ["dog"]],
}


@pytest.mark.parametrize("kind", STRINGS)
def test_strings(model, kind):
    x, y = digits(2)
    refused(lambda: model.fit(STRINGS[kind], y, verbose=0), "`x", "strings", "StringLookup")
    refused(lambda: model.fit(x, STRINGS[kind], verbose=0), "`y", "strings", "StringLookup")


RAGGED = {
    "lists": [[1, 2], [3]],
    "objects": np.array([[1, 2], [3]], dtype=object),
    "arrays": np.array([np.ones(2), np.ones(3)], dtype=object),
}


@pytest.mark.parametrize("kind", RAGGED)
def test_ragged(model, kind):
    refused(lambda: model.fit(RAGGED[kind], np.zeros(2, int), verbose=0), "`x`", "length",
            "pad_sequences")


def test_objects(model):
    refused(lambda: model.fit(np.array([None, 1.0]), np.zeros(2, int), verbose=0), "`x`",
            "objects (NoneType)")


def test_columns_without_numbers_are_named(model):
    frame = pandas.DataFrame({"a": [1.0, 2.0], "city": ["Rome", "Oslo"], "b": [True, False],
                              "kind": pandas.Categorical(["u", "v"])})
    refused(lambda: model.fit(frame, np.zeros(2, int), verbose=0), "['city', 'kind'] of `x`",
            "get_dummies")


def test_dates(model):
    dates = np.array(["2020-01-01", "2020-01-02"], "datetime64[D]")
    refused(lambda: model.fit(dates, np.zeros(2, int), verbose=0), "dates")


def test_a_string_as_data(model):
    refused(lambda: model.fit("folder", verbose=0), "'folder'", "str")


def test_a_batch_of_strings_from_a_generator(model):
    refused(lambda: model.fit(iter([(STRINGS["array"], np.zeros(2, int))]), verbose=0), "strings")


# ---------------------------------------------------------------- arguments
def test_fit_before_compile():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    for method in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
        refused(lambda: getattr(model, method)(np.ones((2, 4)), np.ones((2, 1))),
                "`compile()`", f"`{method}`")


@pytest.mark.parametrize("name, value", [
    ("batch_size", 0), ("batch_size", -1), ("batch_size", 2.5), ("steps_per_epoch", 0),
    ("shuffle", "batches"), ("validation_split", 1.0), ("validation_split", -0.1),
])
def test_argument(name, value):
    refused(
        lambda: dense().fit(np.ones((8, 4)), np.ones((8, 3)), verbose=0, **{name: value}),
        name, re.sub("'", "", repr(value)))


def test_weights_of_classes_and_samples_together(model):
    x, y = digits()
    refused(lambda: model.fit(x, y, class_weight={0: 1.0}, sample_weight=np.ones(8), verbose=0),
            "class_weight", "sample_weight", "multiply")


def test_class_weight_must_be_a_dict(model):
    x, y = digits()
    refused(lambda: model.fit(x, y, class_weight=[1.0, 2.0], verbose=0), "class_weight", "[1.0,",
            error=TypeError)


def test_class_weight_for_several_outputs():
    x = keras.Input((4,))
    model = keras.Model(x, [layers.Dense(1)(x), layers.Dense(1)(x)])
    model.compile("sgd", "mse")
    y = np.ones((8, 1))
    refused(lambda: model.fit(np.ones((8, 4)), [y, y], class_weight={0: 1.0}, verbose=0),
            "class_weight", "single output")


def test_unknown_names():
    for option, call in {
        "mseq": lambda: dense(loss="mseq"),
        "adamm": lambda: keras.Sequential([layers.Dense(1)]).compile("adamm", "mse"),
    }.items():
        refused(call, f"'{option}'", "Known names")


def test_a_class_in_place_of_a_callback(model):
    x, y = digits()
    refused(lambda: model.fit(x, y, callbacks=[keras.callbacks.EarlyStopping], verbose=0),
            "EarlyStopping", "object", error=TypeError)


def test_unknown_arguments():
    with pytest.raises(ValueError, match="return_dicts"):
        dense().evaluate(np.ones((8, 4)), np.ones((8, 3)), return_dicts=True)


def test_targets_beside_a_generator():
    refused(lambda: dense().fit(iter([np.ones((8, 4))]), np.ones((8, 3)), verbose=0), "generator",
            "`y`")
