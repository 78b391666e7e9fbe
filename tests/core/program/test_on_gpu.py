"""A program on the other array library: the seam for graphs of launches."""

import numpy as np

import minikeras as keras
from minikeras import layers
from minikeras.arrays import library
from minikeras.core.program import workers
from minikeras.core.program.program import Program
from minikeras.training.compile import as_tensors
from tests.helpers.fakecupy import no_sync

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((8, 12, 12, 2)).astype("float32"), RNG.integers(0, 3, 8)


def model():
    keras.utils.set_random_seed(1)
    made = keras.Sequential([
        keras.Input((12, 12, 2)), layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(), layers.MaxPooling2D(), layers.Dropout(0.3, seed=1),
        layers.Flatten(), layers.Dense(8, activation="tanh"),
        layers.Dense(3, activation="softmax")])
    made.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


def by_programs(made, executor):
    """Four steps by a program, without waiting for the GPU."""
    made.train_on_batch(X, Y)
    program = Program(lambda x, y: made.train_step(as_tensors((x, y))), [X, Y],
                      library=library.cupy(), executor=executor)
    with no_sync():
        results = [program(X, Y) for _ in range(4)]
    return float(results[-1]["loss"]), made.get_weights()


def op_by_op(made):
    for _ in range(5):
        loss = made.train_step(as_tensors((X, Y)))["loss"] if made.optimizer.built else \
            made.train_on_batch(X, Y)
    return float(loss), made.get_weights()


def test_a_program_on_the_gpu_trains_as_steps_op_by_op_do(fakecupy):
    recorded = []

    def executor(sections):
        recorded.append(sections)
        return workers.executor(sections)

    with keras.device("gpu"):
        made = model()
        loss, weights = by_programs(made, executor)
        assert {v.value.device for v in made.variables} == {"gpu:0"}
        expected_loss, expected = op_by_op(model())
    (only,), = recorded
    assert len(only[0]) > 100 and not only[1]  # one list of calls, of no more threads
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-4)
    for a, b in zip(weights, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    _, on_cpu = op_by_op(model())
    for a, b in zip(weights, on_cpu, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
