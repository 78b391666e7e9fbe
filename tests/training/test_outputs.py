"""Losses and metrics of models with several outputs, custom losses, metrics and steps."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops
from tests.training.models import (
    SAMPLES,
    assert_same_weights,
    classifier,
    data,
    set_weights,
    two_outputs,
)

X, Y, W = data()
SIZES = np.random.default_rng(3).random((SAMPLES, 2), "float32")
CROSSENTROPY = "sparse_categorical_crossentropy"
TARGETS = {list: [SIZES, Y], tuple: (SIZES, Y), dict: {"size": SIZES, "kind": Y}}


def expected(model):
    """{log name: value} from the predictions, by definition."""
    predictions = model.predict(X, verbose=0)
    if isinstance(predictions, dict):
        predictions = [predictions["size"], predictions["kind"]]
    size, kind = (p.astype("float64") for p in predictions)
    right, p = kind.argmax(1) == Y, kind[np.arange(SAMPLES), Y]
    squares, distances = ((size - SIZES) ** 2).mean(1), np.abs(size - SIZES).mean(1)
    return {
        "size_loss": squares.mean(), "kind_loss": -np.log(p).mean(),
        "size_mae": distances.mean(), "kind_accuracy": right.mean(),
        "weighted size_loss": (W * squares).mean(), "weighted kind_loss": -(W * np.log(p)).mean(),
        "weighted size_mae": (W * distances).sum() / W.sum(),
        "weighted kind_accuracy": (W * right).sum() / W.sum(),
    }


def evaluate(model, targets, **options):
    """Logs of evaluate, over batches of unequal sizes."""
    return model.evaluate(X, targets, batch_size=8, verbose=0, return_dict=True, **options)


def assert_logs(got, want):
    assert set(got) == set(want)
    for name in want:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-5, err_msg=name)


# ---------------------------------------------------------------- losses and metrics by output
@pytest.mark.parametrize("form", [list, tuple, dict])
@pytest.mark.parametrize("by_name", [False, True])
def test_losses_and_metrics(form, by_name):
    losses, metrics = ["mse", CROSSENTROPY], [["mae"], ["accuracy"]]
    if by_name or form is dict:
        losses = dict(zip(("size", "kind"), losses))
        metrics = {"kind": "accuracy", "size": ["mae"]}
    model = two_outputs(form, loss=losses, metrics=metrics)
    want = {k: v for k, v in expected(model).items() if " " not in k}
    want["loss"] = want["size_loss"] + want["kind_loss"]
    assert_logs(evaluate(model, TARGETS[form]), want)
    assert_logs(evaluate(model, TARGETS[dict]), want)


@pytest.mark.parametrize("weights", [[0.5, 2.0], {"kind": 2.0, "size": 0.5}])
def test_loss_weights(weights):
    model = two_outputs(loss=["mse", CROSSENTROPY], loss_weights=weights)
    want = expected(model)
    got = evaluate(model, TARGETS[list])
    np.testing.assert_allclose(
        got["loss"], 0.5 * want["size_loss"] + 2 * want["kind_loss"], rtol=1e-5)
    np.testing.assert_allclose(got["size_loss"], want["size_loss"], rtol=1e-5)  # not weighted
    other = two_outputs(loss=["mse", CROSSENTROPY])
    other.optimizer.learning_rate = 0.2
    model.fit(X, TARGETS[list], batch_size=SAMPLES, shuffle=False, verbose=0)
    other.fit(X, TARGETS[list], batch_size=SAMPLES, shuffle=False, verbose=0)
    for a, b in zip(model.get_layer("kind").get_weights(), other.get_layer("kind").get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-6)  # twice the weight is twice the rate


def test_weighted_metrics():
    model = two_outputs(
        loss=["mse", CROSSENTROPY], metrics=[["mae"], ["accuracy"]],
        weighted_metrics=[["mae"], ["accuracy"]])
    want = expected(model)
    got = evaluate(model, TARGETS[list], sample_weight=W)
    assert_logs(got, {
        "loss": want["weighted size_loss"] + want["weighted kind_loss"],
        "size_loss": want["weighted size_loss"], "kind_loss": want["weighted kind_loss"],
        "size_mae": want["size_mae"], "kind_accuracy": want["kind_accuracy"],
        "size_weighted_mae": want["weighted size_mae"],
        "kind_weighted_accuracy": want["weighted kind_accuracy"],
    })


@pytest.mark.parametrize("form", [list, dict])
def test_sample_weights_for_each_output(form):
    model = two_outputs(form, loss={"size": "mse", "kind": CROSSENTROPY})
    ones = np.ones_like(W)
    weights = [W, ones] if form is list else {"size": W, "kind": ones}
    want, got = expected(model), evaluate(model, TARGETS[form], sample_weight=weights)
    np.testing.assert_allclose(got["size_loss"], want["weighted size_loss"], rtol=1e-5)
    np.testing.assert_allclose(got["kind_loss"], want["kind_loss"], rtol=1e-5)


@pytest.mark.parametrize("losses", [["mse", None], {"size": "mse"}])
def test_an_output_without_a_loss(losses):
    model = two_outputs(loss=losses)
    before = model.get_layer("kind").get_weights()
    with pytest.warns(UserWarning, match="Gradients do not exist for variables"):
        history = model.fit(X, TARGETS[list], verbose=0).history
    assert list(history) == ["loss"]
    for a, b in zip(before, model.get_layer("kind").get_weights()):
        np.testing.assert_array_equal(a, b)


def test_one_loss_for_all_outputs():
    x = keras.Input((4,))
    model = keras.Model(x, [layers.Dense(2, name="a")(x), layers.Dense(2, name="b")(x)])
    model.compile("sgd", "mse", metrics=[["mae"], ["mae"]])
    a, b = model.predict(X, verbose=0)
    got = evaluate(model, [SIZES, SIZES])
    np.testing.assert_allclose(
        got["loss"], ((a - SIZES) ** 2).mean() + ((b - SIZES) ** 2).mean(), rtol=1e-5)
    assert set(got) == {"loss", "a_loss", "b_loss", "a_mae", "b_mae"}


def test_order_of_results():
    """Keras's: loss, outputs' losses as the model's outputs are, then metrics by name."""
    model = two_outputs(dict, loss={"kind": CROSSENTROPY, "size": "mse"},
                        metrics={"size": ["mae"], "kind": ["accuracy"]})
    by_name = evaluate(model, TARGETS[dict])
    names = ["loss", "size_loss", "kind_loss", "kind_accuracy", "size_mae"]
    assert model.evaluate(X, TARGETS[dict], batch_size=8, verbose=0) == [
        by_name[n] for n in names]
    assert model.metrics_names == ["loss", "compile_metrics", "size_loss", "kind_loss"]


def test_outputs_without_names_are_called_by_their_losses():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [layers.Dense(2), layers.Dense(3, activation="softmax")]

        def call(self, x):
            return [part(x) for part in self.parts]

    model = Net()
    model.compile("sgd", ["mse", CROSSENTROPY], metrics=[["mae"], ["accuracy"]])
    history = model.fit(X, TARGETS[list], verbose=0).history
    assert list(history) == [
        "accuracy", "loss", "mae", "mse_loss", "sparse_categorical_crossentropy_loss"]


def test_several_losses_of_one_output():
    model = two_outputs(dict, loss={"size": ["mse", "mae"], "kind": CROSSENTROPY})
    want = expected(model)
    np.testing.assert_allclose(
        evaluate(model, TARGETS[dict])["loss"],
        want["size_loss"] + want["size_mae"] + want["kind_loss"], rtol=1e-5)


def test_names_of_equal_metrics():
    model = classifier(metrics=["accuracy", "accuracy"], weighted_metrics=["accuracy"])
    assert list(model.fit(X, Y, verbose=0).history) == [
        "accuracy", "accuracy_1", "loss", "weighted_accuracy"]


# ---------------------------------------------------------------- custom losses and metrics
def cubes(y_true, y_pred):
    return ops.mean(ops.abs(ops.cast(y_true, y_pred.dtype) - y_pred) ** 3, axis=-1)


class Cubes(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return cubes(y_true, y_pred)


class Peak(keras.metrics.Metric):
    def __init__(self, name="peak", **kwargs):
        super().__init__(name=name, **kwargs)
        self.value = self.add_weight(name="value", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.value.assign(ops.maximum(self.value, ops.max(y_pred)))

    def result(self):
        return self.value


class Both(Peak):
    def result(self):
        return {"high": self.value, "higher": self.value * 2}


def one_hot():
    return np.eye(3, dtype="float32")[Y]


@pytest.mark.parametrize("loss", [cubes, Cubes(), Cubes(reduction="sum")])
def test_custom_losses(loss):
    model = classifier(loss=loss)
    values = (np.abs(one_hot() - model.predict(X, verbose=0)) ** 3).mean(1)
    want = values.sum() if getattr(loss, "reduction", "") == "sum" else values.mean()
    got = model.evaluate(X, one_hot(), batch_size=SAMPLES, verbose=0)
    np.testing.assert_allclose(got, want, rtol=1e-5)
    model.fit(X, one_hot(), epochs=5, verbose=0)
    assert model.evaluate(X, one_hot(), batch_size=SAMPLES, verbose=0) < got


def test_custom_metrics():
    def gap(y_true, y_pred):
        return ops.abs(y_true - y_pred)

    model = classifier(loss="mse", metrics=[gap, cubes, Peak(), Both(), keras.metrics.AUC])
    p = model.predict(X, verbose=0)
    got = model.evaluate(X, one_hot(), batch_size=8, verbose=0, return_dict=True)
    gaps = np.abs(one_hot() - p)
    for name, want in {"gap": gaps.mean(), "cubes": (gaps ** 3).mean(), "peak": p.max(),
                       "high": p.max(), "higher": 2 * p.max()}.items():
        assert isinstance(got[name], float)
        np.testing.assert_allclose(got[name], want, rtol=1e-5)
    assert "auc" in got


def test_a_metric_object_of_a_layer_counts_too():
    class Watched(layers.Layer):
        def __init__(self):
            super().__init__()
            self.size = keras.metrics.Mean(name="size")

        def call(self, x):
            self.size.update_state(ops.mean(x))
            return x

    model = set_weights(keras.Sequential([keras.Input((4,)), layers.Dense(1), Watched()]))
    model.compile("sgd", "mse")
    got = model.evaluate(X, Y[:, None], batch_size=5, verbose=0, return_dict=True)
    np.testing.assert_allclose(got["size"], model.predict(X, verbose=0).mean(), rtol=1e-5)


def test_shapes_are_inferred_without_assignments():
    class Counter(layers.Layer):
        def __init__(self):
            super().__init__()
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)
            self.last = self.add_weight(shape=(3,), initializer="zeros", trainable=False)

        def call(self, x):
            self.calls.assign_add(1.0)
            self.last.assign(ops.mean(x, axis=0))
            return x * self.last

    counter = Counter()
    model = keras.Sequential([keras.Input((3,)), counter])
    assert model.output_shape == (None, 3)
    assert counter.calls.numpy() == 0
    np.testing.assert_array_equal(model(np.full((2, 3), 2.0)), np.full((2, 3), 4.0))
    assert counter.calls.numpy() == 1


def test_losses_of_layers_add_up():
    model = set_weights(keras.Sequential([
        keras.Input((4,)),
        layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1),
                     activity_regularizer=keras.regularizers.L1(0.01)),
    ]))
    model.compile("sgd", "mse")
    p, kernel = model.predict(X, verbose=0), model.get_weights()[0]
    target = np.zeros((SAMPLES, 1))
    want = (p ** 2).mean() + 0.1 * (kernel ** 2).sum() + 0.01 * np.abs(p).sum() / SAMPLES
    np.testing.assert_allclose(
        model.evaluate(X, target, batch_size=SAMPLES, verbose=0), want, rtol=1e-5)


def test_a_model_may_have_only_losses_of_its_own():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            y = self.dense(x)
            self.add_loss(ops.mean(y ** 2))
            return y

    model = Own()
    model.compile(keras.optimizers.SGD(0.1))
    losses = model.fit(X, epochs=50, batch_size=SAMPLES, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2


# ---------------------------------------------------------------- custom steps
class Norm(keras.Model):
    """A model whose step is written out, as guides do."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3, activation="softmax")
        self.mean = keras.metrics.Mean(name="loss")

    def call(self, x, training=False):
        return self.dense(x)

    @property
    def metrics(self):
        return [self.mean]

    def train_step(self, data):
        x, y = data
        with keras.GradientTape() as tape:
            loss = keras.losses.sparse_categorical_crossentropy(y, self(x, training=True))
            loss = ops.mean(loss)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        self.mean.update_state(loss)
        return {"loss": self.mean.result(), "twice": 2 * loss}

    def test_step(self, data):
        x, y = data
        self.mean.update_state(ops.mean(
            keras.losses.sparse_categorical_crossentropy(y, self(x, training=False))))
        return {m.name: m.result() for m in self.metrics}


def test_custom_train_step_and_test_step():
    model, want = Norm(), set_weights(keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, activation="softmax")]))
    model(X)
    set_weights(model)
    model.compile(keras.optimizers.SGD(0.1))
    want.compile(keras.optimizers.SGD(0.1), CROSSENTROPY)
    got = model.fit(X, Y, batch_size=10, epochs=3, shuffle=False, verbose=0,
                    validation_data=(X, Y)).history
    other = want.fit(X, Y, batch_size=10, epochs=3, shuffle=False, verbose=0).history
    np.testing.assert_allclose(got["loss"], other["loss"], rtol=1e-5)
    assert set(got) == {"loss", "twice", "val_loss"}
    for a, b in zip(model.get_weights(), want.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    np.testing.assert_allclose(
        model.evaluate(X, Y, verbose=0, return_dict=True)["loss"],
        want.evaluate(X, Y, verbose=0), rtol=1e-5)


def test_custom_compute_loss():
    class Penalized(keras.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = super().compute_loss(x, y, y_pred, sample_weight, training)
            return loss + (1.0 if training else 0.0)

    model, plain = classifier(Penalized), classifier()
    got = model.fit(X, Y, validation_data=(X, Y), verbose=0, shuffle=False).history
    want = plain.fit(X, Y, validation_data=(X, Y), verbose=0, shuffle=False).history
    np.testing.assert_allclose(got["loss"][0], want["loss"][0] + 1, rtol=1e-6)
    np.testing.assert_allclose(got["val_loss"], want["val_loss"], rtol=1e-6)
    assert_same_weights(model, plain)


def test_custom_predict_step():
    class Labels(keras.Sequential):
        def predict_step(self, data):
            return ops.argmax(super().predict_step(data), axis=-1)

    model = classifier(Labels)
    np.testing.assert_array_equal(model.predict(X, verbose=0), classifier().predict(
        X, verbose=0).argmax(-1))


def test_custom_compute_metrics():
    class More(keras.Sequential):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            results = super().compute_metrics(x, y, y_pred, sample_weight)
            return {**results, "constant": 3.0}

    history = classifier(More, metrics=["accuracy"]).fit(X, Y, verbose=0).history
    assert history["constant"] == [3.0] and set(history) == {"accuracy", "constant", "loss"}


def test_two_optimizers_take_turns():
    """As in adversarial networks: two models inside one, each with its optimizer."""

    class Pair(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = (keras.Sequential(
                [keras.Input((4,)), layers.Dense(1)]) for _ in range(2))

        def compile(self, first, second):
            super().compile()
            self.optimizers = [first, second]

        def train_step(self, data):
            x, y = data
            results = {}
            for i, (net, optimizer) in enumerate(zip((self.first, self.second), self.optimizers)):
                with keras.GradientTape() as tape:
                    loss = ops.mean((net(x) - y) ** 2)
                gradients = tape.gradient(loss, net.trainable_weights)
                optimizer.apply_gradients(zip(gradients, net.trainable_weights))
                results[f"loss_{i}"] = loss
            return results

    model = Pair()
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.1))
    history = model.fit(X, X[:, :1], epochs=40, batch_size=SAMPLES, verbose=0).history
    assert history["loss_0"][-1] < history["loss_0"][0]
    assert history["loss_1"][-1] < history["loss_1"][0]


# ---------------------------------------------------------------- nested outputs and names
def nested():
    """Outputs {"more": [kind, rest], "size"}; the weights follow from a seed."""
    keras.utils.set_random_seed(3)
    x = keras.Input((4,))
    kind = layers.Dense(3, activation="softmax", name="kind")(x)
    rest, size = layers.Dense(1, name="rest")(x), layers.Dense(2, name="size")(x)
    return keras.Model(x, {"size": size, "more": [kind, rest]})


def test_nested_outputs_losses_weights_and_metrics():
    rng = np.random.default_rng(0)
    x, size = rng.random((10, 4), "float32"), rng.random((10, 2), "float32")
    kind, rest = rng.integers(0, 3, 10), rng.random((10, 1), "float32")
    model = nested()
    model.compile(
        keras.optimizers.SGD(0.0),
        {"size": "mse", "more": ["sparse_categorical_crossentropy", "mae"]},
        loss_weights={"size": 0.5, "more": [2.0, 3.0]},
        metrics={"more": [["accuracy"], ["mse"]]})
    logs = model.fit(x, {"size": size, "more": [kind, rest]}, batch_size=4, verbose=0).history
    p = model.predict(x, verbose=0)
    chosen = p["more"][0][np.arange(10), kind]
    want = {
        "size_loss": ((p["size"] - size) ** 2).mean(), "more/kind_loss": -np.log(chosen).mean(),
        "more/rest_loss": np.abs(p["more"][1] - rest).mean(),
        "more/kind_accuracy": (p["more"][0].argmax(-1) == kind).mean(),
        "more/rest_mse": ((p["more"][1] - rest) ** 2).mean(),
    }
    want["loss"] = 0.5 * want["size_loss"] + 2 * want["more/kind_loss"] + (
        3 * want["more/rest_loss"])
    assert set(logs) == set(want)
    for name, value in want.items():
        np.testing.assert_allclose(logs[name], [value], rtol=1e-5, err_msg=name)


def test_names_of_functions_and_objects():
    def OwnMetric(y_true, y_pred):
        return ops.max(y_pred, axis=-1)

    class Largest:
        def __call__(self, y_true, y_pred):
            return ops.max(y_pred, axis=-1)

    model = classifier(metrics=[OwnMetric, lambda t, p: ops.min(p, axis=-1),
                                lambda t, p: ops.max(p, axis=-1), Largest()])
    history = model.fit(X, Y, verbose=0).history
    assert list(history) == ["lambda", "lambda_1", "largest", "loss", "own_metric"]


def test_metrics_that_are_one_element_of_their_state():
    labels = (Y > 0).astype("float32")
    results = []
    for eager in (True, False):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1, activation="sigmoid")])
        model.compile("sgd", "binary_crossentropy", run_eagerly=eager, metrics=[
            keras.metrics.Precision(name="precision"), keras.metrics.Recall(name="recall"),
            keras.metrics.TruePositives(name="right"), keras.metrics.AUC(name="auc"),
            keras.metrics.PrecisionAtRecall(0.5, name="at")])
        results.append(model.fit(X, labels, epochs=2, verbose=0, batch_size=8).history)
    assert results[0].keys() == results[1].keys()
    for name, values in results[0].items():
        np.testing.assert_allclose(results[1][name], values, rtol=1e-5, err_msg=name)
