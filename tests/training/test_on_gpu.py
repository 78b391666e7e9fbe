"""Training on a GPU: nothing waits for it inside a step, and the batch is there before the step.

Runs on the stand-in for CuPy, which counts copies and waits.
"""

import numpy as np
import pytest

import minikeras as keras
from minikeras import callbacks
from minikeras.keras import layers
from tests.golden.text import article
from tests.helpers.fakecupy import counting, no_forward, no_sync


def with_state():
    """Batch normalization, dropout, an embedding and penalties: state, seeds and losses."""
    return keras.Sequential([
        layers.Input((6,), dtype="int32"),
        layers.Embedding(9, 4),
        layers.Conv1D(8, 3, padding="same", kernel_regularizer="l2"),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dropout(0.5),
        layers.LayerNormalization(),
        layers.GlobalAveragePooling1D(),
        layers.Dense(3, activation="softmax"),
    ])


@pytest.fixture
def gpu(fakecupy):
    with keras.device("gpu"):
        yield


@pytest.fixture
def digits(rng):
    return rng.random((24, 28, 28), "float32"), rng.integers(0, 10, 24)


def compiled(model, optimizer="adam", **options):
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy",
                  metrics=["accuracy"], **options)
    return model


class StepCounts(callbacks.Callback):
    """What happened between the beginning and the end of each batch."""

    def __init__(self):
        super().__init__()
        self.steps = []

    def on_train_batch_begin(self, batch, logs=None):
        self.block = counting()
        self.steps.append(self.block.__enter__())

    def on_train_batch_end(self, batch, logs=None):
        self.block.__exit__(None, None, None)


def test_step_of_the_article_waits_for_nothing_and_copies_the_batch_alone(gpu, digits):
    x, y = digits
    step = compiled(article()).make_train_function()
    step((x[:8], y[:8]))  # builds the optimizer and the metrics
    with counting() as seen, no_sync(), no_forward():
        logs = step((x[8:16], y[8:16]))
    assert (seen.h2d, seen.d2h, seen.sync) == (2, 0, 0)
    assert seen.launches > 50  # the work was done there
    assert np.isfinite(float(logs["loss"]))


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_fit_waits_only_where_values_are_shown(gpu, digits, verbose, capsys):
    x, y = digits
    model, counts = compiled(article()), StepCounts()
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    with counting() as seen:
        model.fit(x, y, batch_size=8, epochs=2, verbose=verbose, callbacks=[counts])
    assert len(counts.steps) == 6
    for step in counts.steps:
        assert (step.h2d, step.d2h, step.sync) == (0, 0, 0)
    assert seen.h2d == 12
    assert seen.sync == 4  # loss and accuracy, at the end of each epoch


@pytest.mark.parametrize("optimizer", [
    "sgd", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "ftrl", "lion", "lamb",
    "adafactor",
    keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, global_clipnorm=1.0, use_ema=True),
    keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 10), amsgrad=True,
                          gradient_accumulation_steps=2, weight_decay=0.1),
], ids=str)
def test_steps_of_every_optimizer_and_layer_with_state_wait_for_nothing(gpu, rng, optimizer):
    if isinstance(optimizer, keras.optimizers.Optimizer):
        optimizer = type(optimizer).from_config(optimizer.get_config())
    x, y = rng.integers(0, 9, (8, 6)).astype("int32"), rng.integers(0, 3, 8)
    step = compiled(with_state(), optimizer).make_train_function()
    for _ in range(3):
        step((x, y))
    with counting() as seen, no_sync():
        step((x, y))
    assert (seen.h2d, seen.d2h) == (2, 0)


def test_predict_and_evaluate_copy_their_results_alone_back(gpu, digits):
    x, y = digits
    model = compiled(article())
    model.evaluate(x, y, batch_size=8, verbose=0)
    with counting() as seen:
        model.evaluate(x, y, batch_size=8, verbose=0)
    assert (seen.h2d, seen.d2h) == (6, 2)
    with counting() as seen:
        result = model.predict(x, batch_size=8, verbose=0)
    assert (seen.h2d, seen.d2h) == (3, 3)
    assert isinstance(result, np.ndarray) and result.shape == (24, 10)


def test_batches_are_on_the_gpu_ahead_of_their_step(gpu, digits):
    x, y = digits
    asked, begun = [], []

    def batches():
        for i in range(0, 24, 4):
            asked.append(len(begun))
            yield x[i : i + 4], y[i : i + 4]

    class Begin(callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            begun.append(batch)

    compiled(article()).fit(batches(), epochs=1, verbose=0, callbacks=[Begin()])
    assert asked == [0, 0, 0, 1, 2, 3]  # two are on their way while a step runs


def test_wrong_labels_are_named_before_their_step(gpu, digits):
    x, y = digits
    y = np.where(np.arange(24) == 20, 10, y)
    model = compiled(article())
    with pytest.raises(ValueError, match=r"from 0 to 9.*Received: \[10\]"):
        model.fit(x, y, batch_size=8, verbose=0, shuffle=False)
    assert int(model.optimizer.iterations) == 2
    with pytest.raises(ValueError, match="from 0 to 9"):
        model.evaluate(x, y, batch_size=8, verbose=0)


def test_gpu_and_cpu_train_the_same_weights(fakecupy, digits):
    x, y = digits

    def trained(device):
        keras.utils.set_random_seed(1)
        with keras.device(device):
            model = compiled(article())
            history = model.fit(x, y, batch_size=8, epochs=2, verbose=0)
            assert {w.device for w in model.weights} == {f"{device}:0"}
            return history.history["loss"], model.get_weights()

    (cpu_loss, cpu), (gpu_loss, gpu) = trained("cpu"), trained("gpu")
    np.testing.assert_allclose(cpu_loss, gpu_loss, rtol=1e-5)
    for a, b in zip(cpu, gpu):
        np.testing.assert_allclose(a, b, atol=2e-5)


def test_environment_variable_alone_moves_the_article_to_the_gpu(fakecupy, digits, monkeypatch):
    x, y = digits
    monkeypatch.setenv("MINIKERAS_DEVICE", "gpu")
    keras.config.set_device(None)
    assert keras.config.backend() == "cupy"
    model = compiled(article())
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    assert {w.device for w in model.weights} == {"gpu:0"}
    assert {v.device for v in model.optimizer.variables} == {"gpu:0"}


def test_model_to_moves_weights_and_predicts_the_same(fakecupy, digits):
    x, _ = digits
    model = article()
    before = model.predict(x[:4], verbose=0)
    model.to("gpu")
    assert {w.device for w in model.weights} == {"gpu:0"}
    np.testing.assert_allclose(model.predict(x[:4], verbose=0), before, atol=1e-6)
    model.to("cpu")
    assert {w.device for w in model.weights} == {"cpu:0"}


def test_compiled_model_trains_on_where_it_was_moved_to(fakecupy, digits):
    x, y = digits
    model = compiled(article())
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    model.to("gpu")
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    everything = [*model.weights, *model.optimizer.variables, *model.metrics_variables]
    assert {v.device for v in everything} == {"gpu:0"}
    assert keras.config.backend() == "numpy"  # the default device is as it was


def test_tensors_on_two_devices_are_an_error_that_names_both(fakecupy):
    a, b = keras.ops.ones((2,)), keras.ops.ones((2,)).to("gpu")
    with pytest.raises(TypeError, match=r"cpu:0 and gpu:0: move them to one device"):
        keras.ops.add(a, b)


def test_bfloat16_times_a_number_stays_bfloat16(device):
    x = keras.ops.ones((3,), "bfloat16")
    y = 2.0 * x + 1
    assert y.dtype.name == "bfloat16"
    np.testing.assert_array_equal(y.numpy().astype("float32"), [3, 3, 3])
