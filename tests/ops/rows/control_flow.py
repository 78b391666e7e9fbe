"""Rows of control flow. The functions take NumPy arrays and tensors alike."""

import numpy as np

from tests.ops.samples import FLOATS, i, p, r, row, whole

whole("cond", lambda pred, a, b: a() if pred else b(), np.array(True), lambda: 1.5, lambda: 2.5)
whole("cond", lambda pred, a, b: a() if pred else b(), np.array(0), lambda: 1, lambda: 2)
BRANCHES = [lambda x: x * x, lambda x: 2.0 * x, lambda x: -x]
for index in (-3, 0, 1, 2, 7):
    row("switch", lambda k, f, x: f[min(max(int(k), 0), 2)](x), np.array(index), BRANCHES, r(3),
        dtypes_=FLOATS, unknown_=False)


def while_loop(cond, body, variables, maximum_iterations=None):
    n = 0
    while cond(*variables) and n != maximum_iterations:
        variables, n = tuple(body(*variables)), n + 1
    return variables


row("while_loop", while_loop, lambda k, x: k < 4, lambda k, x: (k + 1, x * x + 0.1 * x),
    (np.array(0), p(3)), dtypes_=("float32",), loose_=20)
row("while_loop", while_loop, lambda x: x.sum() < 50 if isinstance(x, np.ndarray) else True,
    lambda x: (x * 1.5,), (p(3),), maximum_iterations=3, dtypes_=("float32",))


def fori_loop(lower, upper, body, value):
    for k in range(int(lower), int(upper)):
        value = body(k, value)
    return value


SMALL = 0.5 * p(3)
row("fori_loop", fori_loop, 0, 4, lambda k, x: x * x + (x * k) * 0.1, SMALL, dtypes_=())
row("fori_loop", fori_loop, np.array(2), np.array(4), lambda k, x: (x[0] * k, x[1] + x[0]),
    (SMALL, SMALL),
    dtypes_=(), unknown_=(0,))


def each(x, k):
    if x is None:
        return None
    return tuple(v[k] for v in x) if isinstance(x, tuple) else x[k]


def scan(f, carry, xs=None, length=None, reverse=False):
    n = length if xs is None else len(xs[0] if isinstance(xs, tuple) else xs)
    ys = [None] * n
    for k in reversed(range(n)) if reverse else range(n):
        carry, ys[k] = f(carry, each(xs, k))
    return carry, np.stack(ys)


for reverse in (False, True):
    row("scan", scan, lambda c, x: (c * x + x, c + 2.0 * x), r(3), r(5, 3), reverse=reverse,
        dtypes_=("float32",), loose_=8)
row("scan", scan, lambda c, x: (c * x[0], c + x[1]), r(2), (r(4, 2), r(4, 2, seed=1)), dtypes_=())
row("scan", scan, lambda c, x: (c * c, c), r(2), length=3, dtypes_=(), unknown_=())
row("scan", lambda f, c, xs: (c, np.zeros((0, 3))), lambda c, x: (c * x, c + x), r(3),
    np.zeros((0, 3)), grad_=False, dtypes_=())
for name in ("map", "vectorized_map"):
    row(name, lambda f, x: np.stack([f(v) for v in x]), lambda v: v * v[0], r(4, 3),
        dtypes_=("float32",), loose_=4)
    row(name, lambda f, x: np.stack([f(v) for v in zip(*x)]), lambda v: v[0] * v[1] + v[0],
        (r(4), r(4, seed=1)), dtypes_=())
    whole(name, lambda f, x: np.stack([f(v) for v in x]), lambda v: v * 2, i(5), tol_=0)


def prefixes(f, x, reverse=False, axis=0):
    """From left to right, one by one."""
    parts = [v.take([k], axis) for v in [x] for k in range(x.shape[axis])]
    parts = parts[::-1] if reverse else parts
    for k in range(1, len(parts)):
        parts[k] = f(parts[k - 1], parts[k])
    return np.concatenate(parts[::-1] if reverse else parts, axis)


for n in (1, 2, 3, 4, 7, 8):
    row("associative_scan", prefixes, lambda a, b: a * b, r(n, 2), dtypes_=("float32",),
        unknown_=(1,), loose_=4)
    row("associative_scan", prefixes, lambda a, b: a + b, r(2, n), reverse=True, axis=1, dtypes_=())
