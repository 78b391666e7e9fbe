"""Every op, held against one contract over the table of `samples.py`.

Value against NumPy or a definition, also in shorter dtypes, on non-contiguous arrays and on the
stand-in for CuPy; symbolic shape and dtype against the eager ones; first and second derivatives
against central differences in float64 by random projection; inputs unchanged; a row for every op.
"""

import ml_dtypes
import numpy as np
import pytest

import minikeras as keras
from minikeras import ops, tree
from minikeras.api.namespaces import INDEX
from minikeras.arrays import device_scope
from tests.ops import samples
from tests.ops.owned import OWNED

ROWS = samples.table()
LOW = {"float32": 2e-5, "float16": 1e-2, "bfloat16": 8e-2}
EPS = 1e-5


def function(name):
    """The op at a path below `ops`."""
    found = ops
    for part in name.split("."):
        found = getattr(found, part)
    return found


def arrays_of(row):
    """The arrays among a row's arguments."""
    return [a for a in tree.flatten((row.args, row.kwargs)) if isinstance(a, np.ndarray)]


def call(row, change, arrays=None):
    """The op's result with `change` applied to each array (or to the given ones, in order)."""
    given = iter(arrays) if arrays is not None else None

    def each(a):
        if not isinstance(a, np.ndarray):
            return a
        return change(a) if given is None else change(next(given))

    args, kwargs = tree.map_structure(each, (row.args, row.kwargs))
    return function(row.name)(*args, **kwargs)


def wanted(row, arrays=None):
    """What the row says the result is, as a flat list."""
    if not callable(row.want):
        return tree.flatten(row.want)
    given = iter(arrays_of(row) if arrays is None else arrays)

    def each(a):
        return next(given) if isinstance(a, np.ndarray) else a

    args, kwargs = tree.map_structure(each, (row.args, row.kwargs))
    with np.errstate(all="ignore"):
        result = row.want(*args, **kwargs)
    return tree.flatten(tuple(result) if type(result) is tuple else result)


def host(result):
    """The results as a flat list of NumPy arrays or Python values."""
    return [ops.convert_to_numpy(t) if hasattr(t, "dtype") else t for t in tree.flatten(result)]


def compare(got, want, tol):
    assert len(got) == len(want)
    for a, w in zip(got, want):
        a, w = np.asarray(a), np.asarray(w)
        assert a.shape == w.shape, (a.shape, w.shape)
        if a.dtype.kind not in "biufc":
            a = a.astype("float64")
        scale = np.max(np.abs(w[np.isfinite(w)]), initial=1e-3) if w.size else 1.0
        np.testing.assert_allclose(a, w, rtol=tol, atol=tol * scale)


def is_float(x):
    return x.dtype.kind in "fcV"


def in_dtype(array, dtype):
    """A float64 array in another dtype; other arrays as they are."""
    if array.dtype != np.float64:
        return array
    if dtype in ("int32", "uint8"):
        return np.rint(np.abs(array) * 2).astype(dtype)
    if dtype == "bool":
        return array > 0
    return array.astype(getattr(ml_dtypes, dtype) if dtype == "bfloat16" else dtype)


def ids(rows):
    seen = {}
    names = []
    for row in rows:
        name = repr(row)
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return names


def over(rows):
    return pytest.mark.parametrize("row", rows, ids=ids(rows))


@over(ROWS)
def test_value(row):
    before = [a.copy() for a in arrays_of(row)]
    tensors = [ops.convert_to_tensor(a) for a in before]
    got = host(call(row, lambda t: t, tensors) if tensors else call(row, None))
    compare(got, wanted(row), row.tol)
    for t, a in zip(tensors, before):
        np.testing.assert_array_equal(ops.convert_to_numpy(t), a)
    for a, a0 in zip(arrays_of(row), before):
        np.testing.assert_array_equal(a, a0)


def strided(a):
    """The same values, every second of the last axis of a transposed array."""
    wide = np.repeat(a.T, 2, axis=-1) if a.ndim else a
    return wide[..., ::2].T if a.ndim else a


@over([r for r in ROWS if r.strided and any(a.size > 1 for a in arrays_of(r))])
def test_not_contiguous(row):
    arrays = [strided(a) for a in arrays_of(row)]
    compare(host(call(row, ops.convert_to_tensor, arrays)), wanted(row), row.tol)


@over([r for r in ROWS if any(a.dtype == np.float64 for a in arrays_of(r))])
@pytest.mark.parametrize("dtype", samples.ALL)
def test_dtypes(row, dtype):
    if dtype not in row.dtypes:
        return
    arrays = [in_dtype(a, dtype) for a in arrays_of(row)]
    result = call(row, ops.convert_to_tensor, arrays)
    symbolic = tree.flatten(call(row, spec_of, arrays))
    eager = tree.flatten(result)
    assert [dtype_of(t) for t in symbolic] == [dtype_of(t) for t in eager]
    if dtype in LOW and callable(row.want):
        wide = [a.astype("float64") if is_float(a) and a.dtype.kind != "c" else a for a in arrays]
        compare(host(result), wanted(row, wide), LOW[dtype] * row.loose)


def dtype_of(t):
    return ops.dtype(t) if hasattr(t, "dtype") else type(t)


def spec_of(a, unknown=()):
    shape = tuple(None if i in unknown else n for i, n in enumerate(a.shape))
    return keras.KerasTensor(shape, str(a.dtype))


@over([r for r in ROWS if arrays_of(r)])
def test_symbolic(row):
    eager = tree.flatten(call(row, ops.convert_to_tensor))
    for unknown in [()] if row.unknown is False else [(), row.unknown]:
        symbolic = tree.flatten(call(row, lambda a: spec_of(a, unknown)))
        assert len(symbolic) == len(eager)
        for s, e in zip(symbolic, eager):
            if not hasattr(e, "shape"):
                assert s == e or s is None
                continue
            assert len(s.shape) == len(e.shape)
            exact = not unknown and row.shape
            assert all(m == n or (m is None and not exact) for m, n in zip(s.shape, e.shape)), (
                s.shape, e.shape)
            assert s.dtype == ops.dtype(e)


VALUES = {"ndim", "shape", "size"}  # their results are Python's, not tensors


@over([r for r in ROWS if arrays_of(r) and r.name not in VALUES])
def test_in_a_functional_graph(row):
    inputs = [spec_of(a, row.unknown or ()) for a in arrays_of(row)]
    outputs = call(row, lambda t: t, inputs)
    graph = keras.Function(inputs, outputs)
    got = host(graph([ops.convert_to_tensor(a) for a in arrays_of(row)]))
    compare(got, wanted(row), row.tol)


# ---------------------------------------------------------------- derivatives
class Projected:
    """sum(w * op(x)) over all results, with random w: a scalar function of the float inputs."""

    def __init__(self, row):
        self.row, self.arrays = row, arrays_of(row)
        self.at = [i for i, a in enumerate(self.arrays) if a.dtype.kind in "fc"]
        self.x = [self.arrays[i] for i in self.at]
        self.rng = np.random.default_rng(1)
        results = [t for t in tree.flatten(self.results(self.x)) if hasattr(t, "dtype")]
        results = [t for t in results if is_float(t)]
        assert results, "the op has no floating result: grad_ must be False"
        self.w = [self.noise(t.numpy()) for t in results]
        self.v = [self.noise(a) for a in self.x]

    def noise(self, a):
        n = self.rng.normal(size=a.shape)
        return n + 1j * self.rng.normal(size=a.shape) if a.dtype.kind == "c" else n

    def results(self, xs):
        arrays = list(self.arrays)
        for i, x in zip(self.at, xs):
            arrays[i] = x
        return call(self.row, lambda a: ops.convert_to_tensor(a), arrays)

    def __call__(self, xs):
        results = [t for t in tree.flatten(self.results(xs)) if hasattr(t, "dtype")]
        return scalar([t for t in results if is_float(t)], self.w)

    def moved(self, step):
        return [x + step * v for x, v in zip(self.x, self.v)]

    def gradient(self, xs):
        xs = [ops.convert_to_tensor(x) for x in xs]
        with keras.GradientTape() as tape:
            tape.watch(xs)
            y = self(xs)
        return tape.gradient(y, xs, unconnected_gradients="zero")

    def slope(self, xs):
        """Derivative along v at xs."""
        return float(scalar(self.gradient(xs), self.v))

    def bend(self):
        """Second derivative along v at x, by a gradient of the gradient."""
        xs = [ops.convert_to_tensor(x) for x in self.x]
        with keras.GradientTape() as outer:
            outer.watch(xs)
            with keras.GradientTape() as tape:
                tape.watch(xs)
                y = self(xs)
            g = tape.gradient(y, xs, unconnected_gradients="zero")
            s = scalar(g, self.v)
        return float(scalar(outer.gradient(s, xs, unconnected_gradients="zero"), self.v))


def scalar(tensors, weights):
    """Real part of the sum of products with the weights' conjugates."""
    total = ops.convert_to_tensor(np.float64(0))
    for t, w in zip(tensors, weights):
        if t.dtype.kind == "c":
            total = total + ops.sum(ops.real(t) * w.real) + ops.sum(ops.imag(t) * w.imag)
        else:
            total = total + ops.sum(t * w)
    return total


DIFFERENTIABLE = [r for r in ROWS if r.grad and any(a.dtype.kind in "fc" and a.size
                                                    for a in arrays_of(r))]


@over(DIFFERENTIABLE)
def test_gradient(row):
    f = Projected(row)
    want = (float(f(f.moved(EPS))) - float(f(f.moved(-EPS)))) / (2 * EPS)
    got = f.slope(f.x)
    assert got == pytest.approx(want, rel=2e-6, abs=2e-7)


@over([r for r in DIFFERENTIABLE if r.grad is True])
def test_second_order(row):
    f = Projected(row)
    want = (f.slope(f.moved(EPS)) - f.slope(f.moved(-EPS))) / (2 * EPS)
    assert f.bend() == pytest.approx(want, rel=2e-6, abs=2e-7)


# ---------------------------------------------------------------- devices
@pytest.mark.parametrize("name", sorted({r.name for r in ROWS if r.gpu}))
def test_on_a_gpu(name, fakecupy):
    """Values and gradients on the stand-in for CuPy are those on the CPU."""
    for row in ROWS:
        if row.name != name or not row.gpu:
            continue
        want = wanted(row)
        with device_scope("gpu"):
            compare(host(call(row, ops.convert_to_tensor)), want, max(row.tol, 1e-9))
            if row in DIFFERENTIABLE:
                on_gpu = [ops.convert_to_numpy(g) for g in gradients(row)]
        if row in DIFFERENTIABLE:
            compare(on_gpu, [ops.convert_to_numpy(g) for g in gradients(row)], 1e-7)


def gradients(row):
    f = Projected(row)
    return f.gradient(f.x)


# ---------------------------------------------------------------- completeness
def test_every_op_has_a_row():
    public = {n[4:] for n in INDEX if n.startswith("ops.") and (
        n.count(".") == 1 or n.startswith("ops.image."))}
    rows = {r.name for r in ROWS}
    assert rows <= public
    assert public - rows - OWNED == set()
    assert OWNED & rows == set(), "rows exist: take the names off the list"
    assert OWNED <= public, "no such ops: take the names off the list"
