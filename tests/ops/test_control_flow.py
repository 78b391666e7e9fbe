"""What the contract cannot say of control flow: structures, closures, errors, jvp, vectorize."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops


def values(x):
    return keras.tree.map_structure(lambda t: ops.convert_to_numpy(t).tolist(), x)


def test_cond_differentiates_the_branch_that_ran():
    f = keras.grad(lambda x: ops.cond(x > 0, lambda: x * x, lambda: 5.0 * x))
    assert float(f(3.0)) == 6.0
    assert float(f(-3.0)) == 5.0


def test_cond_of_symbolic_predicate_in_a_model():
    x = keras.KerasTensor((3,))
    flag = keras.KerasTensor((), "bool")
    y = ops.cond(flag, lambda: {"a": x * 2.0}, lambda: {"a": -x})
    f = keras.Function([flag, x], y)
    a = ops.convert_to_tensor([1.0, 2.0, 3.0])
    assert values(f([ops.convert_to_tensor(True), a])) == {"a": [2, 4, 6]}
    assert values(f([ops.convert_to_tensor(False), a])) == {"a": [-1, -2, -3]}


def test_switch_of_symbolic_index_in_a_model():
    k, x = keras.KerasTensor((), "int32"), keras.KerasTensor((2,))
    f = keras.Function([k, x], ops.switch(k, [lambda v: v + 1, lambda v: v * 3, lambda v: -v], x))
    a = ops.convert_to_tensor([1.0, 2.0])
    got = [values(f([ops.convert_to_tensor(i), a])) for i in (-1, 0, 1, 2, 9)]
    assert got == [[2, 3], [2, 3], [3, 6], [-1, -2], [-1, -2]]


def test_while_loop_keeps_the_structure():
    assert values(ops.while_loop(lambda i: i < 10, lambda i: i + 1, 0)) == 10
    assert values(ops.while_loop(lambda i: i < 10, lambda i: (i + 1,), (0,))) == (10,)
    assert values(ops.while_loop(lambda i: i < 10, lambda i: [i + 1], [0])) == (10,)
    loop = ops.while_loop(lambda i, s: i < 10, lambda i, s: (i + 1, s + i), (0, 0),
                          maximum_iterations=3)
    assert values(loop) == (3, 3)
    assert values(ops.while_loop(lambda i: i < 3, lambda i: i + 1, 7)) == 7


def test_while_loop_whose_length_depends_on_the_values_is_differentiable():
    f = keras.grad(lambda x: ops.while_loop(lambda v: v < 100.0, lambda v: v * v, x))
    assert float(f(3.0)) == pytest.approx(8 * 3.0**7)  # 3 -> 9 -> 81 -> 6561 = 3**8


def test_while_loop_of_another_number_of_variables():
    with pytest.raises(ValueError, match="2 loop variables, it gave 1"):
        ops.while_loop(lambda a, b: True, lambda a, b: (a,), (1, 2))


def test_scan_without_results_and_without_xs():
    carry, ys = ops.scan(lambda c, x: (c + 1, None), 0.0, None, length=3)
    assert float(carry) == 3.0 and ys is None
    carry, ys = ops.scan(lambda c, x: ({"a": c["a"] * 2}, {"b": c["a"]}), {"a": 1.0}, length=3)
    assert values(carry) == {"a": 8} and values(ys) == {"b": [1, 2, 4]}


def test_scan_of_lengths_that_do_not_fit():
    with pytest.raises(ValueError, match="`length` is 3"):
        ops.scan(lambda c, x: (c, x), 0.0, [1.0, 2.0], length=3)
    with pytest.raises(ValueError, match="of one length"):
        ops.scan(lambda c, x: (c, x[0]), 0.0, (np.ones(2), np.ones(3)))
    with pytest.raises(ValueError, match="give `xs` or `length`"):
        ops.scan(lambda c, x: (c, x), 0.0)


def test_associative_scan_of_a_structure():
    # Composition of affine maps: not commutative.
    a, b = np.array([2.0, 3.0, 0.5, 1.0, 4.0]), np.array([1.0, -1.0, 2.0, 3.0, 0.0])
    got = ops.associative_scan(lambda p, q: (q[0] * p[0], q[0] * p[1] + q[1]), (a, b))
    want, x = [], 0.0
    for m, n in zip(a, b):
        x = m * x + n
        want.append(x)
    np.testing.assert_allclose(values(got)[1], want, rtol=1e-6)
    np.testing.assert_allclose(values(got)[0], np.cumprod(a), rtol=1e-6)


def test_vectorize():
    assert values(ops.vectorize(lambda x, y: x + y)([[1], [2]], [10, 20])) == [[11, 21], [12, 22]]
    with_constant = ops.vectorize(lambda x, k: x * len(k), excluded={1})
    assert values(with_constant([1, 2], "abc")) == [3, 6]
    dot = ops.vectorize(lambda m, v: ops.matmul(m, v), signature="(m,n),(n)->(m)")
    m, v = np.arange(12.0).reshape(2, 2, 3), np.arange(3.0)
    np.testing.assert_allclose(values(dot(m, v)), m @ v)
    g = keras.grad(lambda x: ops.sum(ops.vectorize(lambda v: v * v)(x)))([1.0, 2.0])
    assert [float(v) for v in g] == [2.0, 4.0]


def test_jvp_is_the_directional_derivative(rng):
    x, y = rng.normal(size=(3, 4)), rng.normal(size=4)
    dx, dy = rng.normal(size=(3, 4)), rng.normal(size=4)

    def f(x, y):
        return {"a": ops.tanh(x) * y, "b": ops.sum(x)}

    value, slope = ops.jvp(f, (x, y), (dx, dy))
    np.testing.assert_allclose(values(value["a"]), np.tanh(x) * y, rtol=1e-12)
    want = (1 - np.tanh(x) ** 2) * dx * y + np.tanh(x) * dy
    np.testing.assert_allclose(values(slope["a"]), want, rtol=1e-12)
    np.testing.assert_allclose(values(slope["b"]), dx.sum(), rtol=1e-12)


def test_jvp_with_aux_and_with_an_input_that_does_not_count():
    y, dy, aux = ops.jvp(lambda x: (x * x, "more"), (3.0,), (1.0,), has_aux=True)
    assert (float(y), float(dy), aux) == (9.0, 6.0, "more")
    y, dy = ops.jvp(lambda x, z: x * x, (3.0, 1.0), (0.0, 1.0))
    assert float(dy) == 0.0
