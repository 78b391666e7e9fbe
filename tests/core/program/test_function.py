"""minikeras.function: what is traced anew, what is static, what falls back."""

import threading
import warnings

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops
from minikeras.arrays import blas


def counted(f, **options):
    """(the compiled function, list that grows with each run of its Python code)."""
    runs = []

    def python(*args, **kwargs):
        runs.append(1)
        return f(*args, **kwargs)

    return keras.function(python, **options), runs


def test_traced_once_for_shape_and_dtype():
    f, runs = counted(lambda x: x * 2.0)
    for _ in range(3):
        assert f(ops.ones((2,))).tolist() == [2.0, 2.0]
    assert len(runs) == 1
    f(np.ones(3, "float32"))
    f(ops.ones((2,), "float16"))
    f(ops.ones((2, 1)))
    assert len(runs) == 4


def test_numbers_and_strings_are_part_of_the_signature():
    f, runs = counted(lambda x, n, how="add": x + n if how == "add" else x * n)
    x = ops.ones((2,))
    assert f(x, 3).tolist() == [4.0, 4.0] and f(x, 4).tolist() == [5.0, 5.0]
    assert f(x, 3, how="multiply").tolist() == [3.0, 3.0]
    assert f(x, 3).tolist() == [4.0, 4.0]
    assert len(runs) == 3


def test_nested_arguments_and_results():
    @keras.function
    def f(pair, table):
        return {"sum": pair[0] + pair[1][0], "rest": (table["x"], "text", None)}

    got = f((ops.ones(2), [ops.ones(2)]), {"x": np.float32([1, 2])})
    assert got["sum"].tolist() == [2.0, 2.0]
    assert got["rest"][0].tolist() == [1.0, 2.0] and got["rest"][1:] == ("text", None)


def test_decorator_with_arguments_and_the_function_itself():
    @keras.function(jit_compile=True, reduce_retracing=True)
    def f(x):
        """Doubles."""
        return x * 2.0

    assert f.__name__ == "f" and f.__doc__ == "Doubles."
    assert float(f.python_function(ops.ones(()))) == 2.0
    plain = keras.function(lambda x: x, jit_compile=False)
    assert not hasattr(plain, "compiled")


def test_custom_training_loop_with_an_optimizer():
    x, y = np.random.default_rng(0).standard_normal((2, 16, 4)).astype("float32")

    def train(compiled):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="tanh"),
                                  keras.layers.Dense(4)])
        optimizer, mean = keras.optimizers.Adam(0.01), keras.metrics.Mean()

        def step(x, y):
            with keras.GradientTape() as tape:
                loss = ops.mean((model(x, training=True) - y) ** 2)
            grads = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(grads, model.trainable_variables))
            mean.update_state(loss)
            return loss

        step = keras.function(step, jit_compile=True) if compiled else step
        losses = [float(step(x, y)) for _ in range(10)]
        return losses, float(mean.result()), model.get_weights()

    compiled, eager = train(True), train(False)
    np.testing.assert_allclose(compiled[0], eager[0], rtol=1e-5)
    assert compiled[1] == pytest.approx(eager[1], rel=1e-5)
    for a, b in zip(compiled[2], eager[2]):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_variables_made_inside_are_made_once():
    held = []

    def step(x):
        if not held:
            held.append(keras.Variable(ops.ones((2,))))
        held[0].assign_add(x)
        return held[0].value

    f = keras.function(step)
    assert [f(ops.ones((2,))).tolist() for _ in range(4)] == [[v, v] for v in (2., 3., 4., 5.)]


def test_second_order_inside():
    @keras.function(jit_compile=True)
    def f(x):
        with keras.GradientTape() as outer:
            outer.watch(x)
            with keras.GradientTape() as inner:
                inner.watch(x)
                y = ops.sum(ops.sin(x))
            d = ops.sum(inner.gradient(y, x) ** 2)
        return outer.gradient(d, x)

    x = ops.convert_to_tensor(np.linspace(0, 1, 5))
    np.testing.assert_allclose(f(x), -2 * np.cos(x) * np.sin(x), rtol=1e-12)


def test_control_flow_ops_inside():
    @keras.function
    def f(x, n):
        y = ops.fori_loop(0, 3, lambda i, v: v * 2.0, x)
        return ops.where(n > 0, y, -y)

    assert f(ops.ones(2), ops.convert_to_tensor(1)).tolist() == [8.0, 8.0]
    assert f(ops.ones(2), ops.convert_to_tensor(-1)).tolist() == [-8.0, -8.0]


def test_fallback_warns_once_and_goes_on():
    f, runs = counted(lambda x: x if float(ops.sum(x)) > 0 else -x)
    with pytest.warns(UserWarning, match=r"The function 'python' cannot be compiled: the numbers "
                                         r"of a tensor.*test_function.py:\d+"):
        assert f(-ops.ones(2)).tolist() == [1.0, 1.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f(ops.ones(2)).tolist() == [1.0, 1.0]
        f(ops.ones(3))


def test_strict_functions_raise():
    f = keras.function(lambda x: x.numpy(), jit_compile=True)
    with pytest.raises(RuntimeError, match="cannot be compiled"):
        f(ops.ones(2))


def test_errors_of_the_function_are_its_own():
    f = keras.function(lambda x: ops.matmul(x, ops.ones((3, 3))))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"ops.matmul.*\(2, 2\)"):
            f(ops.ones((2, 2)))


def test_functions_inside_functions_are_one_program():
    inner, inner_runs = counted(lambda x: x * 2.0)
    outer, runs = counted(lambda x: inner(x) + 1.0)
    for _ in range(3):
        assert outer(ops.ones(2)).tolist() == [3.0, 3.0]
    assert (len(runs), len(inner_runs)) == (1, 1)
    assert len(inner.compiled.programs) == 0


def test_gradients_through_a_call_of_a_function():
    f = keras.function(lambda x: ops.sum(x * x))
    x = ops.convert_to_tensor([1.0, 2.0])
    f(x)
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert tape.gradient(y, x).tolist() == [2.0, 4.0]
    v = keras.Variable([1.0, 2.0])
    g = keras.function(lambda: ops.sum(v * v))
    g()
    with keras.GradientTape() as tape:
        y = g()
    assert tape.gradient(y, v).tolist() == [2.0, 4.0]


def test_trainable_and_attributes_are_noticed():
    v = keras.Variable(2.0)

    @keras.function
    def f():
        with keras.GradientTape() as tape:
            y = v * v
        return tape.gradient(y, v)

    assert float(f()) == 4.0
    v.trainable = False
    assert f() is None
    v.trainable = True
    assert float(f()) == 4.0
    keras.config.set_epsilon(1e-3)
    g = keras.function(lambda x: x + keras.config.epsilon())
    assert float(g(ops.zeros(()))) == pytest.approx(1e-3)
    keras.config.set_epsilon(1e-2)
    assert float(g(ops.zeros(()))) == pytest.approx(1e-2)


def test_called_from_many_threads():
    v = keras.Variable(0.0)

    @keras.function
    def add(x):
        v.assign_add(x)
        return x * 2.0

    add(ops.ones(()))
    threads = [threading.Thread(target=lambda: [add(ops.ones(())) for _ in range(50)])
               for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert float(v) == 401.0


def test_on_a_gpu_it_runs_op_by_op(fakecupy):
    f, runs = counted(lambda x: x * 2.0)
    x = ops.ones((2,)).to("gpu")
    for _ in range(2):
        assert f(x).device == "gpu:0"
    assert len(runs) == 2


def test_blas_has_one_thread_while_a_program_runs():
    f, _ = counted(lambda x: x @ x)
    x, seen = np.ones((3, 3), "float32"), []
    f(x)
    (program,), = f.compiled.programs.values()
    program.sections[0][0].append(lambda: seen.append(blas._one_thread.depth))
    f(x)
    assert seen == [1] and blas._one_thread.depth == 0
