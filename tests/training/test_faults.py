"""What goes wrong in the middle, several threads, Ctrl-C; runs that repeat bit for bit."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers
from minikeras.training.interrupts import whole_steps
from tests.training.models import (
    SAMPLES,
    assert_same_weights,
    classifier,
    data,
    weights_differ,
)

X, Y, W = data()


class Failure(Exception):
    """Not an error that the package knows."""


def trained_afterwards(model):
    """The model goes on as one with the same weights, and the same optimizer, would."""
    other = classifier()
    other.set_weights(model.get_weights())
    got = model.fit(X, Y, batch_size=8, shuffle=False, epochs=2, verbose=0).history
    want = other.fit(X, Y, batch_size=8, shuffle=False, epochs=2, verbose=0).history
    np.testing.assert_array_equal(got["loss"], want["loss"])
    assert_same_weights(model, other)
    return got


# ---------------------------------------------------------------- exceptions
HOOKS = ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end",
         "on_test_begin", "on_test_batch_end", "on_test_end", "on_epoch_end", "on_train_end"]


@pytest.mark.parametrize("hook", HOOKS)
def test_an_exception_in_a_callback(hook):
    def fail(*args, **kwargs):
        raise Failure(hook)

    model, callback = classifier(), keras.callbacks.Callback()
    setattr(callback, hook, fail)
    with pytest.raises(Failure, match=hook):
        model.fit(X, Y, validation_data=(X, Y), callbacks=[callback], verbose=0)
    trained_afterwards(model)
    assert model.predict(X, verbose=0).shape == (SAMPLES, 3)


def test_an_exception_in_a_generator():
    def broken():
        yield X[:8], Y[:8]
        raise Failure("no more")

    model, want = classifier(), classifier()
    with pytest.raises(Failure, match="no more"):
        model.fit(broken(), verbose=0)
    want.train_on_batch(X[:8], Y[:8])
    assert_same_weights(model, want)
    trained_afterwards(model)


@pytest.mark.parametrize("options", [
    {}, {"workers": 2}, {"workers": 2, "use_multiprocessing": True}])
def test_an_exception_in_a_dataset(options):
    class Broken(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            if index == 1:
                raise Failure("batch 1")
            return X[:8], Y[:8]

    model = classifier()
    with pytest.raises(Failure, match="batch 1"):
        model.fit(Broken(**options), shuffle=False, verbose=0)
    trained_afterwards(model)


def test_an_exception_in_the_model_names_the_layer():
    class Picky(layers.Layer):
        def call(self, x):
            raise ValueError("will not")

    model = keras.Sequential([layers.Dense(2), Picky(name="picky")])
    model.compile("sgd", "mse", run_eagerly=True)
    with pytest.raises(ValueError, match="will not") as caught:
        model.fit(X, X[:, :2], verbose=0)
    assert "'picky'" in str(caught.value) and "(None, 2)" in str(caught.value)


def test_an_exception_in_a_step_leaves_no_tape_behind():
    class Once(keras.Sequential):
        failed = False

        def train_step(self, data):
            logs = super().train_step(data)
            if not self.failed:
                Once.failed = True
                raise Failure
            return logs

    model = classifier(Once, run_eagerly=True)
    with pytest.raises(Failure):
        model.fit(X, Y, verbose=0)
    y = model(X)
    assert y._node is None  # nothing records
    trained_afterwards(model)


def test_invalid_targets_leave_the_model_usable():
    model = classifier()
    with pytest.raises(ValueError):
        model.fit(X, Y + 7, verbose=0)
    with pytest.raises(ValueError):
        model.fit(X, np.ones((SAMPLES, 9)), verbose=0)
    trained_afterwards(model)


# ---------------------------------------------------------------- Ctrl-C
class Interrupting(keras.Sequential):
    """Gets Ctrl-C in the middle of a step, before the weights change."""

    def train_step(self, data):
        os.kill(os.getpid(), signal.SIGINT)
        return super().train_step(data)


@pytest.fixture
def interruptible():
    """Python's own handler, which a test runner may have replaced."""
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, old)


def test_an_interrupt_waits_for_the_end_of_the_step(interruptible):
    model, want = classifier(Interrupting, run_eagerly=True), classifier()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    want.train_on_batch(X[:8], Y[:8])
    assert_same_weights(model, want)
    assert int(model.optimizer.iterations.numpy()) == 1


def test_an_interrupt_between_steps_comes_at_once(interruptible):
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            raise Failure("too late")

    model = classifier()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, callbacks=[Interrupt()], verbose=0)
    trained_afterwards(model)


def test_a_second_interrupt_breaks_a_step_off(interruptible):
    def hang(batch):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
        raise Failure("too late")

    with pytest.raises(KeyboardInterrupt), whole_steps(hang) as step:
        step(None)


def test_a_handler_of_the_users_stays():
    seen = []
    old = signal.signal(signal.SIGINT, lambda *args: seen.append(args))
    try:
        classifier(Interrupting, run_eagerly=True).fit(X, Y, verbose=0)
    finally:
        signal.signal(signal.SIGINT, old)
    assert len(seen) == 1


def test_fit_in_a_thread_of_its_own():
    model, want = classifier(), classifier()
    thread = threading.Thread(target=lambda: model.fit(X, Y, shuffle=False, verbose=0))
    thread.start()
    thread.join()
    want.fit(X, Y, shuffle=False, verbose=0)
    assert_same_weights(model, want)


# ---------------------------------------------------------------- threads
def in_threads(function, count=100):
    """function(i) of every i, each in a thread, all begun at once; their results."""
    results, errors = [None] * count, []
    barrier = threading.Barrier(count)

    def run(i):
        try:
            barrier.wait()
            results[i] = function(i)
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors, errors[0]
    return results


@pytest.mark.parametrize("method", ["predict", "predict_on_batch", "__call__"])
def test_a_hundred_threads_predict(method):
    model = keras.Sequential([
        keras.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(),
        layers.BatchNormalization(), layers.Flatten(), layers.Dropout(0.5),
        layers.Dense(3, activation="softmax")])
    rng = np.random.default_rng(0)
    inputs = [rng.random((16 + i, 8, 8, 1), "float32") for i in range(100)]
    want = [model(x).numpy() for x in inputs]
    options = {"verbose": 0} if method == "predict" else {}
    got = in_threads(lambda i: [np.asarray(getattr(model, method)(inputs[i], **options))
                                for _ in range(5)])
    for expected, answers in zip(want, got):
        for answer in answers:
            np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)


def test_twenty_threads_train_models_of_their_own():
    models = [classifier() for _ in range(20)]
    want = classifier()
    want.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    in_threads(lambda i: models[i].fit(
        X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0), 20)
    for model in models:
        assert_same_weights(model, want)


# ---------------------------------------------------------------- the same run again
def run(seed=3, epochs=2, **options):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([
        keras.Input((4,)), layers.Dense(16, activation="relu"), layers.Dropout(0.3),
        layers.GaussianNoise(0.1) if hasattr(layers, "GaussianNoise") else layers.Dropout(0.1),
        layers.BatchNormalization(), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, validation_split=0.2,
                        **options).history
    return model, history


def test_two_runs_with_one_seed_are_equal_bit_for_bit():
    a, b = run(), run()
    assert a[1] == b[1]
    assert_same_weights(a[0], b[0])
    for v, w in zip(a[0].optimizer.variables, b[0].optimizer.variables):
        np.testing.assert_array_equal(v.numpy(), w.numpy())


def test_another_seed_is_another_run():
    a, b = run(), run(seed=4)
    assert weights_differ(a[0], b[0].get_weights())
    assert a[1] != b[1]


def test_callbacks_and_printing_do_not_change_a_run(capsys):
    a, b = run(), run(callbacks=[keras.callbacks.EarlyStopping(patience=9),
                                 keras.callbacks.LambdaCallback(
                                     on_train_batch_end=lambda batch, logs: dict(logs.items()))])
    assert a[1] == b[1]
    assert_same_weights(a[0], b[0])


SCRIPT = """
import hashlib
from tests.training.test_faults import run
model, history = run()
print(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest(), history)
"""


def test_another_process_gives_the_same_run():
    outputs = {
        subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True,
                       env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")}
    assert len(outputs) == 1 and "loss" in outputs.pop()
