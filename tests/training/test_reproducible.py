"""The same seed gives the same bits: weights, histories, predictions."""

import os
import subprocess
import sys

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers

X = np.random.default_rng(0).random((48, 8, 8, 2), "float32")
Y = np.random.default_rng(1).integers(0, 3, 48)


def run(seed=1, reset=True, **options):
    """Everything that draws: initializers, dropout, noise, shuffling."""
    if reset:
        keras.utils.set_random_seed(seed)
    model = keras.Sequential([
        keras.Input((8, 8, 2)), layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(), layers.Flatten(),
        layers.Dense(16, activation="tanh", kernel_initializer="orthogonal"), layers.Dropout(0.4),
        layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    history = model.fit(X, Y, batch_size=10, epochs=3, verbose=0, validation_split=0.25)
    return model.get_weights(), history.history, model.predict(X, verbose=0)


def assert_same(a, b):
    for x, y in zip(a[0], b[0], strict=True):
        np.testing.assert_array_equal(x, y)
    assert a[1] == b[1]
    np.testing.assert_array_equal(a[2], b[2])


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}, {"jit_compile": False},
                                     {"steps_per_execution": 2}])
def test_same_seed_same_bits(options):
    assert_same(run(**options), run(**options))


def test_another_seed_is_another_run():
    a, b = run(1), run(2)
    assert any((x != y).any() for x, y in zip(a[0], b[0], strict=True))


def test_without_a_new_seed_a_second_run_differs():
    a, b = run(1), run(reset=False)
    assert any((x != y).any() for x, y in zip(a[0], b[0], strict=True))


def test_a_pause_changes_nothing():
    """Predicting and evaluating between two fits draws no number of training's."""
    def fit(between):
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((8, 8, 2)), layers.Flatten(), layers.Dropout(0.5),
                                  layers.Dense(3, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        for _ in range(2):
            model.fit(X, Y, verbose=0, shuffle=False)
            if between:
                model.evaluate(X, Y, verbose=0)
                model.predict(X, verbose=0)
        return model.get_weights()

    for a, b in zip(fit(False), fit(True), strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_with_seeds_of_their_own():
    def drops(seed):
        return layers.Dropout(0.5, seed=seed)(np.ones((4, 50)), training=True).numpy()

    np.testing.assert_array_equal(drops(1), drops(1))
    assert (drops(1) != drops(2)).any()


PROGRAM = """
import hashlib
import tests.training.test_reproducible as t
weights, history, predictions = t.run()
print(hashlib.sha256(b"".join(w.tobytes() for w in [*weights, predictions])).hexdigest(), history)
"""


@pytest.mark.parametrize("threads", ["1", "2"])
def test_another_process(threads):
    """Whatever the hash seed and the number of threads."""
    def output(hash_seed):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "OPENBLAS_NUM_THREADS": threads}
        environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
        return subprocess.run([sys.executable, "-c", PROGRAM], env=environment, timeout=120,
                              capture_output=True, text=True, check=True).stdout

    assert output("1") == output("2")
