"""Steps of programs on the looked-up rows of a table: bitwise those on the whole gradient."""

import tracemalloc

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops, optimizers
from minikeras.core.gradient import GradientTape

N, WIDTH = 50, 3
INDICES = {
    "distinct": [[4, 9, 0], [49, 7, 30]],
    "repeated": [[4, 4, 0], [4, 0, 30]],
    "often": [[7, 3]] + [[7, 7]] * 20,  # few rows, each many times
    "negative": [[-1, 4], [-50, 0]],
    "out of range": [[50, 4], [-51, 1000]],
    "all out of range": [[50, 70]],
    "none": np.zeros((0, 2)),
    "small": np.array([[4, 200], [9, 4]], "uint8"),
}
OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.3),
    "sgd_decay": lambda: optimizers.SGD(0.3, weight_decay=0.1),
    "sgd_clipped": lambda: optimizers.SGD(0.3, clipnorm=0.1),
    "sgd_momentum": lambda: optimizers.SGD(0.3, momentum=0.9),
    "sgd_schedule": lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.3, 1, 0.5)),
    "adagrad": lambda: optimizers.Adagrad(0.3, initial_accumulator_value=0.0),
    "adagrad_decay": lambda: optimizers.Adagrad(0.3, weight_decay=0.1),
    "adagrad_ema": lambda: optimizers.Adagrad(0.3, use_ema=True),
    "adagrad_accumulation": lambda: optimizers.Adagrad(0.3, gradient_accumulation_steps=2),
    "adagrad_scaled": lambda: optimizers.LossScaleOptimizer(optimizers.Adagrad(0.3)),
}


def run(make, indices, compiled, dtype="float32", steps=3):
    """The variables of a table, another weight and the optimizer after some steps."""
    rng = np.random.default_rng(0)
    table = keras.Variable(rng.normal(size=(N, WIDTH)), dtype=dtype, name="table")
    other = keras.Variable(rng.normal(size=WIDTH), dtype=dtype, name="other")
    optimizer = make()
    optimizer.build([table, other])

    def step(indices, targets):
        with GradientTape() as tape:
            rows = ops.take(table, indices, axis=0)
            loss = ops.sum(ops.square(rows * other - targets))
        optimizer.apply(tape.gradient(loss, [table, other]))

    indices = np.asarray(indices)
    indices = indices if indices.dtype == "uint8" else indices.astype("int32")
    if compiled:
        step = keras.function(step)
    for _ in range(steps):
        targets = rng.normal(size=(*indices.shape, WIDTH))
        step(ops.convert_to_tensor(indices), ops.convert_to_tensor(targets, dtype))
    return [v.numpy() for v in (table, other, *optimizer.variables)]


def assert_bitwise(got, want):
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("passes", ["all", "none"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name, passes, monkeypatch):
    if passes == "none":
        monkeypatch.setenv("MINIKERAS_PASSES", "")
    make, indices = OPTIMIZERS[name], INDICES["repeated"]
    assert_bitwise(run(make, indices, True), run(make, indices, False))


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad"])
@pytest.mark.parametrize("case", INDICES)
def test_indices(case, optimizer, monkeypatch):
    monkeypatch.setenv("MINIKERAS_PASSES", "")
    make = OPTIMIZERS[optimizer]
    assert_bitwise(run(make, INDICES[case], True), run(make, INDICES[case], False))


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad"])
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_dtypes(dtype, optimizer, monkeypatch):
    monkeypatch.setenv("MINIKERAS_PASSES", "")
    make, indices = OPTIMIZERS[optimizer], INDICES["repeated"]
    assert_bitwise(run(make, indices, True, dtype), run(make, indices, False, dtype))


def test_rows_out_of_sight_keep_infinities_and_nan():
    w = keras.Variable(np.array([[np.nan], [np.inf], [1.0], [-0.0], [2.0]], "float32"))
    optimizer = optimizers.Adagrad(0.5)
    optimizer.build([w])

    @keras.function
    def step(i):
        with GradientTape() as tape:
            loss = ops.sum(ops.take(w, i, axis=0))
        optimizer.apply(tape.gradient(loss, [w]))

    step(ops.convert_to_tensor([2]))
    step(ops.convert_to_tensor([2]))
    values = w.numpy().ravel()
    np.testing.assert_array_equal(values[[0, 1, 3, 4]], [np.nan, np.inf, 0.0, 2.0])
    assert np.signbit(values[3]) and values[2] < 1.0


def model(rows, **arguments):
    keras.utils.set_random_seed(1)
    made = keras.Sequential([
        keras.Input((6,), dtype="int32"), keras.layers.Embedding(rows, 16, mask_zero=True),
        keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)])
    made.compile(loss="mse", **arguments)
    return made


@pytest.mark.parametrize("optimizer", ["SGD", "Adagrad"])
def test_a_step_takes_no_memory_for_the_table(optimizer):
    rows = 100_000  # of 6.4 MB
    made = model(rows, optimizer=getattr(optimizers, optimizer)(0.1))
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, rows, (8, 6)).astype("int32"), np.ones((8, 1), "float32")
    for _ in range(3):
        made.train_on_batch(x, y)
    tracemalloc.start()
    for _ in range(3):
        made.train_on_batch(x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300_000, peak


@pytest.mark.parametrize("optimizer", ["SGD", "Adagrad"])
def test_a_model_trains_as_op_by_op(optimizer):
    x = np.random.default_rng(0).integers(0, 1000, (40, 6)).astype("int32")
    y = (x % 3).mean(-1, keepdims=True)
    results = []
    for eager in (True, False):
        made = model(1000, optimizer=getattr(optimizers, optimizer)(0.5), run_eagerly=eager)
        made.fit(x, y, batch_size=8, epochs=2, verbose=0)
        results.append(made.get_weights())
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
