"""GradientTape, grad and value_and_grad: what is recorded, what is given back, what is refused."""

import gc
import threading
import weakref

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops


def tensor(value, dtype="float64"):
    return ops.convert_to_tensor(value, dtype)


def test_gradient_of_a_product_of_tensors():
    x, y = tensor([1.0, 2.0]), tensor([3.0, 5.0])
    with keras.GradientTape() as tape:
        tape.watch([x, y])
        z = ops.sum(x * x * y)
    dx, dy = tape.gradient(z, [x, y])
    np.testing.assert_array_equal(dx, [6.0, 20.0])
    np.testing.assert_array_equal(dy, [1.0, 4.0])


def test_trainable_variables_are_watched_others_are_not():
    a = keras.Variable(2.0)
    b = keras.Variable(3.0, trainable=False)
    with keras.GradientTape() as tape:
        z = a * b
    assert tape.gradient(z, [a, b])[1] is None
    assert [v is a for v in tape.watched_variables()] == [True]
    with keras.GradientTape() as tape:
        tape.watch(b)
        z = a * b
    assert [float(g) for g in tape.gradient(z, [a, b])] == [3.0, 2.0]


def test_only_watched_variables_without_automatic_watching():
    a, b = keras.Variable(2.0), keras.Variable(3.0)
    with keras.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(b)
        z = a * b
    grads = tape.gradient(z, [a, b])
    assert grads[0] is None and float(grads[1]) == 2.0


def test_structures_of_sources_and_targets():
    v = {"w": keras.Variable([1.0, 2.0]), "b": [keras.Variable(3.0)]}
    with keras.GradientTape() as tape:
        targets = [ops.sum(v["w"]) * 2.0, v["b"][0] * 5.0, None]
    grads = tape.gradient(targets, v)
    assert set(grads) == {"w", "b"} and isinstance(grads["b"], list)
    np.testing.assert_array_equal(grads["w"], [2.0, 2.0])
    assert float(grads["b"][0]) == 5.0


def test_output_gradients_weight_the_targets():
    x = tensor([1.0, 2.0, 3.0])
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    np.testing.assert_array_equal(tape.gradient(y, x, output_gradients=tensor([1.0, 0.0, 10.0])),
                                  [2.0, 0.0, 60.0])


@pytest.mark.parametrize(("how", "expected"), [("none", None), ("zero", [0.0, 0.0])])
def test_unconnected_gradients(how, expected):
    x, other = tensor([1.0, 2.0]), tensor([1.0, 1.0])
    with keras.GradientTape() as tape:
        tape.watch([x, other])
        y = ops.sum(x)
    grad = tape.gradient(y, other, unconnected_gradients=how)
    assert grad is None if expected is None else grad.tolist() == expected


def test_unknown_kind_of_unconnected_gradients():
    with pytest.raises(ValueError, match="must be 'none' or 'zero'. Received: one"):
        keras.GradientTape().gradient(tensor(1.0), [], unconnected_gradients="one")


def test_a_tape_gives_one_gradient_unless_persistent():
    x = tensor(3.0)
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(y, x)
    with keras.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, z = x * x, x * 5.0
    assert [float(tape.gradient(t, x)) for t in (y, z, y)] == [6.0, 5.0, 6.0]


def test_nothing_is_recorded_before_outside_or_while_stopped():
    x = tensor(3.0)
    before = x * x
    with keras.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        with tape.stop_recording():
            hidden = x * x
        z = x * y
    after = x * x
    assert float(tape.gradient(y, x)) == 6.0
    assert float(tape.gradient(z, x)) == 27.0
    for t in (before, hidden, after):
        assert tape.gradient(t, x) is None


def test_reset_forgets():
    v = keras.Variable(1.0)
    with keras.GradientTape() as tape:
        v * 1.0
        tape.reset()
        assert tape.watched_variables() == ()


def test_integers_have_no_gradient():
    i, x = ops.convert_to_tensor([1, 2]), tensor([3.0, 4.0])
    with keras.GradientTape() as tape:
        tape.watch([i, x])
        y = ops.sum(ops.cast(i, "float64") * x)
    assert tape.gradient(y, [i, x])[0] is None


@pytest.mark.parametrize("thing", [1.0, np.ones(2), "text"])
def test_only_tensors_are_watched(thing):
    with keras.GradientTape() as tape:
        with pytest.raises(ValueError, match="Only tensors and variables can be watched"):
            tape.watch(thing)


def test_entering_a_recording_tape_is_an_error():
    with keras.GradientTape() as tape:
        with pytest.raises(ValueError, match="recording already"):
            tape.__enter__()


def test_derivatives_of_every_order_by_nested_tapes():
    x = tensor(2.0)
    with keras.GradientTape() as third:
        third.watch(x)
        with keras.GradientTape() as second:
            second.watch(x)
            with keras.GradientTape() as first:
                first.watch(x)
                y = x**5
            d1 = first.gradient(y, x)
        d2 = second.gradient(d1, x)
    d3 = third.gradient(d2, x)
    assert [float(d) for d in (d1, d2, d3)] == [80.0, 160.0, 240.0]


def test_gradient_penalty_agrees_with_differences(rng):
    w1, w2 = rng.standard_normal((3, 4)), rng.standard_normal((4, 1))
    x = rng.standard_normal((5, 3))

    def penalty(a):
        a, data = ops.convert_to_tensor(a), ops.convert_to_tensor(x)
        with keras.GradientTape() as outer:
            outer.watch(a)
            with keras.GradientTape() as inner:
                inner.watch(data)
                score = ops.sum(ops.tanh(data @ a) @ w2)
            norm = ops.sqrt(ops.sum(inner.gradient(score, data) ** 2, axis=1))
            loss = ops.sum((norm - 1.0) ** 2)
        return loss, outer

    loss, tape = penalty(w1)
    a = ops.convert_to_tensor(w1)
    with keras.GradientTape() as outer:
        outer.watch(a)
        data = ops.convert_to_tensor(x)
        with keras.GradientTape() as inner:
            inner.watch(data)
            score = ops.sum(ops.tanh(data @ a) @ w2)
        norm = ops.sqrt(ops.sum(inner.gradient(score, data) ** 2, axis=1))
        loss = ops.sum((norm - 1.0) ** 2)
    got = outer.gradient(loss, a).numpy()
    expected = np.zeros_like(w1)
    for i in np.ndindex(w1.shape):
        step = np.zeros_like(w1)
        step[i] = 1e-6
        expected[i] = (float(penalty(w1 + step)[0]) - float(penalty(w1 - step)[0])) / 2e-6
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)


def test_second_derivative_needs_the_outer_tape_first():
    x = tensor(2.0)
    inner = keras.GradientTape()
    with inner:
        inner.watch(x)
        y = ops.exp(x)  # keeps its result alone
    with keras.GradientTape() as outer:
        outer.watch(x)
        with pytest.raises(RuntimeError, match="Open the outer tape first"):
            inner.gradient(y, x)


def test_jacobian_of_a_vector_function(rng):
    a = rng.standard_normal((3, 2))
    x = tensor(rng.standard_normal(2))
    with keras.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = ops.sin(ops.matmul(a, x))
    expected = np.cos(a @ x.numpy())[:, None] * a
    np.testing.assert_allclose(tape.jacobian(y, x), expected, rtol=1e-12)


def test_jacobian_needs_a_persistent_tape():
    with keras.GradientTape() as tape:
        pass
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.jacobian(tensor([1.0]), tensor([1.0]))


def test_gradients_add_up_where_a_tensor_is_used_twice_and_in_a_diamond():
    x = tensor(3.0)
    with keras.GradientTape() as tape:
        tape.watch(x)
        a = x * 2.0
        y = a * a + a
    assert float(tape.gradient(y, x)) == 2.0 * (2 * 6.0) + 2.0


def test_gradient_with_respect_to_something_inside():
    x = tensor(3.0)
    with keras.GradientTape() as tape:
        tape.watch(x)
        a = x * 2.0
        y = a * a
    assert float(tape.gradient(y, a)) == 12.0


def test_a_thousand_ops_deep_is_no_recursion():
    x = tensor(1.0)
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = x
        for _ in range(5000):
            y = y + 1.0
    assert float(tape.gradient(y, x)) == 1.0


def test_broadcast_operands_get_gradients_of_their_own_shape():
    a, b = tensor(np.ones((3, 1, 2))), tensor(np.ones((4, 1)))
    with keras.GradientTape() as tape:
        tape.watch([a, b])
        y = ops.sum(a * b)
    ga, gb = tape.gradient(y, [a, b])
    np.testing.assert_array_equal(ga, np.full((3, 1, 2), 4.0))
    np.testing.assert_array_equal(gb, np.full((4, 1), 6.0))


def test_what_a_dropped_tape_recorded_is_freed():
    x = tensor(np.ones(1000))
    with keras.GradientTape() as tape:
        tape.watch(x)
        middle = ops.exp(x)
        y = ops.sum(middle)
    alive = weakref.ref(middle)
    del middle, tape, y, x
    gc.collect()
    assert alive() is None


def test_tapes_of_two_threads_do_not_see_each_other():
    v, found = keras.Variable(2.0), {}
    inside, done = threading.Event(), threading.Event()

    def other():
        inside.wait()
        y = v * v  # no tape is open in this thread
        with keras.GradientTape() as tape:
            z = v * v * v
        found["grad"] = float(tape.gradient(z, v))
        found["untaped"] = y._node
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with keras.GradientTape() as tape:
        inside.set()
        done.wait()
        y = v * v
    thread.join()
    assert found == {"grad": 12.0, "untaped": None}
    assert float(tape.gradient(y, v)) == 4.0


def test_an_exception_inside_closes_the_tape():
    v = keras.Variable(2.0)
    with pytest.raises(ZeroDivisionError):
        with keras.GradientTape():
            raise ZeroDivisionError
    assert (v * v)._node is None


# ---------------------------------------------------------------- grad, value_and_grad
def test_value_and_grad_over_trees_and_arguments():
    def f(p, x):
        return ops.sum(p["w"] * x) + p["b"], {"seen": x.shape}

    (value, aux), (gp, gx) = keras.value_and_grad(f, argnums=(0, 1), has_aux=True)(
        {"w": tensor([1.0, 2.0]), "b": tensor(3.0)}, tensor([4.0, 5.0]))
    assert float(value) == 17.0 and aux == {"seen": (2,)}
    assert gp["w"].tolist() == [4.0, 5.0] and float(gp["b"]) == 1.0
    assert gx.tolist() == [1.0, 2.0]


def test_grad_gives_zeros_for_what_the_value_does_not_depend_on():
    grads = keras.grad(lambda a, b: ops.sum(a), argnums=(0, 1))(tensor([1.0]), tensor([2.0]))
    assert [g.tolist() for g in grads] == [[1.0], [0.0]]


def test_grad_of_grad_of_grad():
    third = keras.grad(keras.grad(keras.grad(lambda x: ops.sin(x))))
    assert float(third(0.5)) == pytest.approx(-np.cos(0.5), rel=1e-6)


def test_grad_with_aux():
    g, aux = keras.grad(lambda x: (x * x, "aux"), has_aux=True)(3.0)
    assert float(g) == 6.0 and aux == "aux"


def test_functions_of_grad_must_be_scalar():
    with pytest.raises(ValueError, match=r"must return a scalar tensor. Received: \(2,\)"):
        keras.grad(lambda x: x)(tensor([1.0, 2.0]))


def test_grad_of_a_variable_and_of_mixed_dtypes():
    v = keras.Variable([1.0, 2.0])
    assert keras.grad(lambda x: ops.sum(x * x))(v).tolist() == [2.0, 4.0]
    half = ops.convert_to_tensor([2.0], "float16")
    g = keras.grad(lambda x: ops.sum(ops.cast(x, "float32") ** 3))(half)
    assert g.dtype.name == "float16" and g.tolist() == [12.0]


# ---------------------------------------------------------------- by hand
def test_stop_gradient_and_custom_gradient():
    @ops.custom_gradient
    def log1pexp(x):
        e = ops.exp(x)

        def grad(*args, upstream=None):
            if upstream is None:
                (upstream,) = args
            return upstream * (1 - 1 / (1 + e))

        return ops.log(1 + e), grad

    g = keras.grad(log1pexp)(tensor(100.0))
    assert float(g) == pytest.approx(1.0)
    assert float(keras.grad(lambda x: x * ops.stop_gradient(x * x))(3.0)) == 9.0


def test_custom_gradient_of_two_arguments_and_two_results():
    @ops.custom_gradient
    def swapped(a, b):
        return (a + b, a - b), lambda ga, gb: (10.0 * ga, 100.0 * gb)

    x, y = tensor(1.0), tensor(2.0)
    with keras.GradientTape() as tape:
        tape.watch([x, y])
        p, q = swapped(x, y)
        total = 2.0 * p + 3.0 * q
    assert [float(g) for g in tape.gradient(total, [x, y])] == [20.0, 300.0]
