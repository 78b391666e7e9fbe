"""Options of fit, evaluate and predict: epochs, steps, shuffling, weights, validation, printing."""

import re
import warnings

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers
from tests.training.models import SAMPLES, assert_same_weights, classifier, data, weights_differ

X, Y, W = data()
ONE_HOT = np.eye(3, dtype="float32")[Y]


def epochs(**options):
    """The history of one classifier trained with these options, and the classifier."""
    model = classifier(**options.pop("compiled", {}))
    given = {"batch_size": 8, "shuffle": False, "verbose": 0, **options}
    if "x" not in given:
        given.update(x=X, y=given.get("y", Y))
    return model.fit(**given).history, model


class Steps(keras.callbacks.Callback):
    """Notes what is called, with numbers."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(("epoch", epoch))

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(("train", batch))

    def on_test_batch_end(self, batch, logs=None):
        self.seen.append(("test", batch))

    def on_predict_batch_end(self, batch, logs=None):
        self.seen.append(("predict", batch, logs["outputs"].shape))

    def count(self, what):
        return sum(s[0] == what for s in self.seen)


# ---------------------------------------------------------------- the numbers in the logs
def test_the_loss_of_an_epoch_is_the_mean_over_samples_not_batches():
    model = classifier()
    model.optimizer.learning_rate = 0.0
    history = model.fit(X, Y, batch_size=8, verbose=0).history
    p = model.predict(X, verbose=0)
    np.testing.assert_allclose(
        history["loss"][0], -np.log(p[np.arange(SAMPLES), Y]).mean(), rtol=1e-6)


def test_metrics_begin_anew_each_epoch():
    model = classifier(metrics=["accuracy"])
    model.optimizer.learning_rate = 0.0
    history = model.fit(X, Y, batch_size=8, epochs=3, verbose=0).history
    assert len(set(history["accuracy"])) == 1
    np.testing.assert_allclose(history["loss"], history["loss"][0], rtol=1e-6)


def test_one_step_of_gradient_descent():
    """w - 0.1 dL/dw for a linear model and the mean square."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    w, b = model.get_weights()
    y = Y[:, None].astype("float32")
    error = X @ w + b - y
    model.fit(X, y, batch_size=SAMPLES, verbose=0)
    new_w, new_b = model.get_weights()
    np.testing.assert_allclose(new_w, w - 0.1 * 2 * X.T @ error / SAMPLES, rtol=1e-5)
    np.testing.assert_allclose(new_b, b - 0.1 * 2 * error.mean(0), rtol=1e-5)


def test_history():
    model = classifier(metrics=["accuracy"])
    history = model.fit(X, Y, epochs=3, validation_data=(X, Y), verbose=0)
    assert isinstance(history, keras.callbacks.History) and model.history is history
    assert history.epoch == [0, 1, 2]
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert all(len(v) == 3 and all(type(x) is float for x in v)
               for v in history.history.values())
    assert history.params == {"verbose": 0, "epochs": 3, "steps": 1}


def test_fit_goes_on_where_it_ended():
    once, model = epochs(epochs=4)
    first, twice = epochs(epochs=2)
    second = twice.fit(X, Y, batch_size=8, shuffle=False, epochs=2, verbose=0).history
    assert first["loss"] + second["loss"] == once["loss"]
    assert_same_weights(model, twice)


# ---------------------------------------------------------------- epochs and steps
def test_initial_epoch():
    history, model = epochs(epochs=5, initial_epoch=3)
    assert len(history["loss"]) == 2
    assert model.history.epoch == [3, 4]
    assert_same_weights(model, epochs(epochs=2)[1])


@pytest.mark.parametrize("options", [{"epochs": 0}, {"epochs": 2, "initial_epoch": 2}])
def test_no_epoch(options):
    history, model = epochs(**options)
    assert history == {}
    assert_same_weights(model, classifier())


def test_steps_per_epoch_goes_on_in_the_data():
    """Three epochs of two of the five batches are a pass and one batch more."""
    steps = Steps()
    history, model = epochs(batch_size=4, steps_per_epoch=2, epochs=2, callbacks=[steps])
    assert steps.seen == [("epoch", 0), ("train", 0), ("train", 1),
                          ("epoch", 1), ("train", 0), ("train", 1)]
    want = classifier()
    for i in range(0, 16, 4):
        want.train_on_batch(X[i:i + 4], Y[i:i + 4])
    assert_same_weights(model, want)


def test_steps_per_execution_groups_batches_for_callbacks():
    steps = Steps()
    _, model = epochs(batch_size=4, callbacks=[steps], compiled={"steps_per_execution": 2})
    assert [s for s in steps.seen if s[0] == "train"] == [("train", 1), ("train", 3), ("train", 4)]
    assert_same_weights(model, epochs(batch_size=4)[1])


def test_stop_training_in_the_middle_of_an_epoch():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    history, model = epochs(epochs=5, callbacks=[Stop()])
    want = classifier()
    for i in (0, 8):
        want.train_on_batch(X[i:i + 8], Y[i:i + 8])
    assert len(history["loss"]) == 1
    assert_same_weights(model, want)
    model.fit(X, Y, epochs=2, verbose=0)
    assert len(model.history.history["loss"]) == 2  # the wish to stop does not last


@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_stopping_of(method):
    class Stop(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = True

        def on_predict_batch_end(self, batch, logs=None):
            self.model.stop_predicting = True

    model, steps = classifier(), Steps()
    getattr(model, method)(X, batch_size=8, callbacks=[steps, Stop()], verbose=0, **(
        {"y": Y} if method == "evaluate" else {}))
    assert len(steps.seen) == 1


def test_steps_of_evaluate_and_predict():
    model = classifier()
    np.testing.assert_array_equal(
        model.predict(X, batch_size=4, steps=2, verbose=0), model(X[:8]).numpy())
    np.testing.assert_allclose(
        model.evaluate(X, Y, batch_size=4, steps=2, verbose=0),
        model.evaluate(X[:8], Y[:8], verbose=0), rtol=1e-6)


# ---------------------------------------------------------------- shuffling
class Order(keras.Sequential):
    """Notes which samples come, in their order: the first number of a sample is its name."""

    seen = ()

    def train_step(self, data):
        self.seen = (*self.seen, *data[0][:, 0].tolist())
        return super().train_step(data)


def order(passes=1, seed=7, **options):
    keras.utils.set_random_seed(seed)
    model = Order([keras.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    x = np.arange(10.0)[:, None]
    model.fit(x, x, epochs=passes, verbose=0, **{"batch_size": 3, **options})
    return [int(v) for v in model.seen]


def test_without_shuffling_samples_come_as_they_are():
    assert order(shuffle=False, passes=2) == [*range(10), *range(10)]


def test_shuffling_gives_each_sample_once_and_each_epoch_its_own_order():
    seen = order(passes=3)
    parts = [seen[i:i + 10] for i in (0, 10, 20)]
    assert all(sorted(p) == list(range(10)) for p in parts)
    assert len({tuple(p) for p in parts} | {tuple(range(10))}) == 4


def test_shuffling_follows_from_the_seed():
    assert order(passes=2) == order(passes=2)
    assert order(passes=2) != order(passes=2, seed=8)


def test_batches_can_be_shuffled_whole():
    seen = order(shuffle="batch", passes=3)
    for i in (0, 10, 20):
        blocks = [tuple(seen[i + j:i + j + 3]) for j in (0, 3, 6)]
        assert sorted(blocks) == [(0, 1, 2), (3, 4, 5), (6, 7, 8)] and seen[i + 9] == 9
    assert seen[:10] != seen[10:20] or seen[10:20] != seen[20:]


def test_validation_is_not_shuffled():
    class Net(Order):
        def test_step(self, data):
            self.tested = (*getattr(self, "tested", ()), *data[0][:, 0].tolist())
            return super().test_step(data)

    model = Net([keras.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    x = np.arange(10.0)[:, None]
    model.fit(x, x, validation_data=(x, x), batch_size=3, verbose=0)
    assert list(model.tested) == list(range(10))


# ---------------------------------------------------------------- weights
def test_class_weight_is_the_sample_weight_of_the_class():
    weights = {0: 1.0, 1: 5.0, 2: 0.5}
    per_sample = np.array([weights[c] for c in Y], "float32")
    by_class = epochs(class_weight=weights, compiled={"weighted_metrics": ["accuracy"]})
    by_sample = epochs(sample_weight=per_sample, compiled={"weighted_metrics": ["accuracy"]})
    one_hot = epochs(y=ONE_HOT, class_weight=weights, compiled={
        "loss": "categorical_crossentropy", "weighted_metrics": ["accuracy"]})
    column = epochs(y=Y[:, None], class_weight=weights,
                    compiled={"weighted_metrics": ["accuracy"]})
    assert by_class[0] == by_sample[0] == column[0]
    np.testing.assert_allclose(one_hot[0]["loss"], by_class[0]["loss"], rtol=1e-6)
    np.testing.assert_allclose(one_hot[0]["accuracy"], by_class[0]["accuracy"], rtol=1e-6)
    assert_same_weights(by_class[1], by_sample[1])


def test_a_class_without_a_weight_weighs_one():
    assert epochs(class_weight={1: 5.0})[0] == epochs(class_weight={0: 1.0, 1: 5.0, 2: 1})[0]


def test_class_weight_of_a_dataset():
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return X[8 * i:8 * i + 8], Y[8 * i:8 * i + 8]

    weights = {0: 1.0, 1: 5.0, 2: 0.5}
    assert epochs(x=Batches(), batch_size=None, class_weight=weights)[0] == epochs(
        class_weight=weights)[0]


def test_class_weight_of_train_on_batch():
    model = classifier()
    model.optimizer.learning_rate = 0.0
    got = model.train_on_batch(X, Y, class_weight={0: 2.0, 1: 0.0, 2: 1.0})
    p = model.predict(X, verbose=0)[np.arange(SAMPLES), Y]
    want = -(np.log(p) * np.array([2.0, 0.0, 1.0])[Y]).mean()
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_sample_weight():
    """A mean over the samples, of weights times values (not divided by the weights' sum)."""
    model = classifier(metrics=["accuracy"], weighted_metrics=["accuracy"])
    model.optimizer.learning_rate = 0.0
    got = model.fit(X, Y, sample_weight=W, batch_size=8, verbose=0).history
    p = model.predict(X, verbose=0)
    right = p.argmax(1) == Y
    np.testing.assert_allclose(
        got["loss"][0], -(W * np.log(p[np.arange(SAMPLES), Y])).mean(), rtol=1e-6)
    np.testing.assert_allclose(got["accuracy"][0], right.mean(), rtol=1e-6)
    np.testing.assert_allclose(
        got["weighted_accuracy"][0], (W * right).sum() / W.sum(), rtol=1e-6)
    want = model.evaluate(X, Y, sample_weight=W, batch_size=8, verbose=0, return_dict=True)
    assert set(want) == set(got)
    for name in want:
        np.testing.assert_allclose(got[name], [want[name]], rtol=1e-6)


def test_sample_weight_zero_takes_a_sample_out():
    weight = np.r_[np.ones(10), np.zeros(10)].astype("float32")
    full, part = classifier(), classifier()
    full.fit(X, Y, sample_weight=weight, batch_size=SAMPLES, shuffle=False, verbose=0)
    part.optimizer.learning_rate = 0.05  # the mean is over all twenty
    part.fit(X[:10], Y[:10], shuffle=False, verbose=0)
    for a, b in zip(full.get_weights(), part.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_a_weight_for_each_time_step():
    model = keras.Sequential([keras.Input((4, 1)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, weight = X[..., None], np.random.default_rng(2).random((SAMPLES, 4))
    y = np.zeros_like(x)
    want = (weight * model.predict(x, verbose=0)[..., 0] ** 2).mean()
    np.testing.assert_allclose(
        model.evaluate(x, y, sample_weight=weight, verbose=0), want, rtol=1e-5)


# ---------------------------------------------------------------- validation
def test_validation_frequency():
    assert len(epochs(epochs=5, validation_data=(X, Y), validation_freq=2)[0]["val_loss"]) == 2
    history, model = epochs(epochs=4, validation_data=(X, Y), validation_freq=[1, 4])
    assert len(history["val_loss"]) == 2
    np.testing.assert_allclose(
        history["val_loss"][1], model.evaluate(X, Y, verbose=0), rtol=1e-6)


def test_validation_steps():
    steps = Steps()
    history, model = epochs(
        validation_data=(X, Y), validation_steps=2, validation_batch_size=3, callbacks=[steps])
    assert steps.count("test") == 2
    np.testing.assert_allclose(
        history["val_loss"][0], model.evaluate(X[:6], Y[:6], verbose=0), rtol=1e-6)


def test_validation_weights():
    history, model = epochs(validation_data=(X, Y, W))
    want = model.evaluate(X, Y, sample_weight=W, verbose=0, batch_size=8)
    assert history["val_loss"] == [want]


def test_validation_leaves_the_epochs_own_metrics():
    model = classifier(metrics=["accuracy"])
    model.optimizer.learning_rate = 0.0
    history = model.fit(X, Y, epochs=2, validation_data=(X[:3], Y[:3]), verbose=0).history
    assert history["accuracy"] == model.evaluate(X, Y, verbose=0)[1:] * 2


def test_validation_is_without_training_behaviour():
    model = keras.Sequential([keras.Input((4,)), layers.Dropout(0.5, seed=1), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    y = np.ones((SAMPLES, 1))
    history = model.fit(X, y, epochs=2, validation_data=(X, y), verbose=0).history
    assert history["val_loss"][0] == history["val_loss"][1] == model.evaluate(X, y, verbose=0)
    assert history["loss"][0] != history["loss"][1]


# ---------------------------------------------------------------- generators
def batches(count, size=4):
    for i in range(count):
        at = i * size % SAMPLES
        yield X[at:at + size], Y[at:at + size]


def test_an_infinite_generator():
    def forever():
        while True:
            yield from batches(5)

    steps = Steps()
    history, model = epochs(x=forever(), batch_size=None, steps_per_epoch=3, epochs=4,
                            validation_data=forever(), validation_steps=2, callbacks=[steps])
    assert steps.count("train") == 12 and steps.count("test") == 8
    assert len(history["val_loss"]) == 4
    assert model.predict(forever(), steps=2, verbose=0).shape == (8, 3)
    np.testing.assert_allclose(
        model.evaluate(forever(), steps=2, verbose=0),
        model.evaluate(X[:8], Y[:8], verbose=0), rtol=1e-6)


def test_an_epoch_without_a_length_takes_all_of_a_generator():
    _, model = epochs(x=batches(5), batch_size=None)
    assert_same_weights(model, epochs(batch_size=4)[1])


def test_epochs_of_a_generator_take_up_where_the_last_one_ended():
    _, model = epochs(x=batches(4), batch_size=None, steps_per_epoch=2, epochs=2)
    want = classifier()
    for x, y in batches(4):
        want.train_on_batch(x, y)
    assert_same_weights(model, want)


@pytest.mark.parametrize("options, length", [
    ({"steps_per_epoch": 5}, 1), ({"steps_per_epoch": 2, "epochs": 3}, 2), ({"epochs": 2}, 1)])
def test_a_generator_that_ends_early_warns_and_keeps_what_was_trained(options, length):
    with pytest.warns(UserWarning, match="Your input ran out of data; interrupting training"):
        history, model = epochs(x=batches(3), batch_size=None, **options)
    assert len(history["loss"]) == length
    want = classifier()
    for x, y in batches(3):
        want.train_on_batch(x, y)
    assert_same_weights(model, want)


def test_evaluation_that_ends_early_warns():
    model = classifier()
    with pytest.warns(UserWarning, match="ran out of data"):
        got = model.evaluate(batches(2), steps=5, verbose=0)
    np.testing.assert_allclose(got, model.evaluate(X[:8], Y[:8], verbose=0), rtol=1e-6)


def test_a_generator_is_read_no_further_than_needed():
    generator = batches(5)
    epochs(x=generator, batch_size=None, steps_per_epoch=3)
    assert len(list(generator)) == 2


# ---------------------------------------------------------------- results
def test_results_of_evaluate():
    model = classifier(metrics=["accuracy", "mse"], loss="categorical_crossentropy")
    as_list = model.evaluate(X, ONE_HOT, verbose=0)
    as_dict = model.evaluate(X, ONE_HOT, verbose=0, return_dict=True)
    assert [as_dict[k] for k in ("loss", "accuracy", "mse")] == as_list
    assert isinstance(classifier().evaluate(X, Y, verbose=0), float)


def test_results_of_a_batch_are_of_that_batch():
    model = classifier(metrics=["accuracy"])
    for part in (slice(0, 7), slice(7, 20)):
        alone = model.evaluate(X[part], Y[part], verbose=0)
        assert model.test_on_batch(X[part], Y[part]) == alone
        assert model.train_on_batch(X[part], Y[part]) == alone
    assert set(model.test_on_batch(X, Y, return_dict=True)) == {"loss", "accuracy"}


def test_predictions_of_the_last_partial_batch():
    steps = Steps()
    assert classifier().predict(X, batch_size=8, verbose=0, callbacks=[steps]).shape == (20, 3)
    assert steps.seen == [
        ("predict", 0, (8, 3)), ("predict", 1, (8, 3)), ("predict", 2, (4, 3))]


def test_eager_and_compiled_steps_agree():
    a, b = epochs(epochs=2), epochs(epochs=2, compiled={"run_eagerly": True})
    np.testing.assert_allclose(a[0]["loss"], b[0]["loss"], rtol=1e-5)


# ---------------------------------------------------------------- what is printed
def printed(capsys, **options):
    model = classifier(metrics=["accuracy"])
    model.fit(X, Y, batch_size=8, **options)
    return capsys.readouterr().out


def test_silent(capsys):
    assert printed(capsys, verbose=0, epochs=2) == ""
    model = classifier()
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("verbose", [1, "auto"])
def test_a_bar_for_each_epoch(capsys, verbose):
    lines = printed(capsys, verbose=verbose, epochs=2, validation_data=(X, Y)).splitlines()
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2" and len(lines) == 4
    number = r"\d+\.\d{4}"
    for line in (lines[1], lines[3]):
        assert re.fullmatch(
            rf"3/3 ━+ \d+s \d+[mu]?s/step - accuracy: {number} - loss: {number} "
            rf"- val_accuracy: {number} - val_loss: {number}", line), line


def test_a_line_for_each_epoch(capsys):
    lines = printed(capsys, verbose=2, epochs=2).splitlines()
    assert lines[0] == "Epoch 1/2"
    assert re.fullmatch(
        r"3/3 - \d+s - \d+[mu]?s/step - accuracy: \d\.\d{4} - loss: \d\.\d{4}", lines[1])


def test_one_epoch_has_no_heading(capsys):
    assert "Epoch" not in printed(capsys, verbose=2)


def test_bars_of_evaluate_and_predict(capsys):
    model = classifier()
    model.evaluate(X, Y, batch_size=8)
    assert re.fullmatch(r"3/3 ━+ \d+s \d+[mu]?s/step - loss: \d\.\d{4}\n",
                        capsys.readouterr().out)
    model.predict(X, batch_size=8)
    assert re.fullmatch(r"3/3 ━+ \d+s \d+[mu]?s/step\n", capsys.readouterr().out)


def test_logging_in_place_of_printing(capsys, caplog):
    keras.config.disable_interactive_logging()
    try:
        with caplog.at_level("INFO", "minikeras"):
            classifier().fit(X, Y)
    finally:
        keras.config.enable_interactive_logging()
    assert capsys.readouterr().out == ""
    assert "loss: " in caplog.text


def test_a_model_without_weights_warns():
    model = keras.Sequential([keras.Input((4,)), layers.Activation("relu")])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        model.fit(X, X, verbose=0)


def test_frozen_layers_stay():
    model = classifier()
    model.layers[0].trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.layers[0].get_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y, verbose=0)
    assert not weights_differ(model.layers[0], before)
