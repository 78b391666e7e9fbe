"""Pooling against its definition, element by element; gradients, ties, adaptive windows."""

import itertools

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops

# spatial sizes, window, strides, padding
CASES = {
    "1d": ((7,), 3, 2, "valid"),
    "1d same": ((8,), 3, 3, "same"),
    "1d same wide": ((4,), 6, 1, "same"),
    "2d halves": ((6, 4), 2, None, "valid"),
    "2d leftover": ((7, 5), 2, None, "valid"),
    "2d overlapping": ((7, 6), 3, 2, "valid"),
    "2d overlapping same": ((7, 6), (3, 2), (2, 1), "same"),
    "2d same": ((5, 7), 2, None, "same"),
    "2d gaps": ((8, 7), (2, 1), 3, "valid"),
    "2d single": ((3, 4), 1, 1, "valid"),
    "2d one axis": ((6, 5), (1, 3), (1, 2), "same"),
    "3d": ((4, 5, 4), 2, None, "valid"),
    "3d overlapping same": ((4, 3, 5), (3, 2, 2), (2, 1, 2), "same"),
}
FORMATS = ("channels_last", "channels_first")


def several(value, n):
    return value if isinstance(value, tuple) else (value,) * n


def members(spatial, size, strides, padding):
    """[[(o, [positions of window o])] an axis]."""
    n = len(spatial)
    axes = []
    for m, k, s in zip(spatial, several(size, n), several(strides or size, n)):
        total = max((-(-m // s) - 1) * s + k - m, 0) if padding == "same" else 0
        count = (m + total - k) // s + 1
        starts = [o * s - total // 2 for o in range(count)]
        axes.append([[i for i in range(a, a + k) if 0 <= i < m] for a in starts])
    return axes


def pooled(x, axes, g):
    """(maxima, means, gradient of maxima, gradient of means), window by window."""
    shape = (len(x), *map(len, axes), x.shape[-1])
    top, mean = np.zeros(shape), np.zeros(shape)
    d_top, d_mean = np.zeros(x.shape), np.zeros(x.shape)
    for b, c in itertools.product(range(len(x)), range(x.shape[-1])):
        for o in itertools.product(*(range(len(axis)) for axis in axes)):
            at = (b, *o, c)
            places = list(itertools.product(*(axis[i] for axis, i in zip(axes, o))))
            values = [x[(b, *p, c)] for p in places]
            top[at], mean[at] = max(values), sum(values) / len(values)
            d_top[(b, *places[values.index(max(values))], c)] += g[at]
            for p in places:
                d_mean[(b, *p, c)] += g[at] / len(values)
    return top, mean, d_top, d_mean


def first(x):
    """Channels last to channels first, another array in memory."""
    return np.moveaxis(x, -1, 1).copy()


def gradient(function, x, g):
    x = ops.convert_to_tensor(x)
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    d = tape.gradient(y, x, ops.convert_to_tensor(g))
    return ops.convert_to_numpy(y), ops.convert_to_numpy(d)


def shape_of(axes, x):
    return (len(x), *map(len, axes), x.shape[-1])


def rows(y):
    return ops.convert_to_numpy(y).ravel().tolist()


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_are_the_definition(rng, case, data_format, device):
    """Of whole numbers 0 to 3, so that most windows have ties."""
    spatial, size, strides, padding = CASES[case]
    x = rng.integers(0, 4, (2, *spatial, 3)).astype("float64")
    axes = members(spatial, size, strides, padding)
    g = rng.standard_normal(shape_of(axes, x))
    wanted = pooled(x, axes, g)
    if data_format == "channels_first":
        x, g, *wanted = map(first, (x, g, *wanted))
    for function, want, slope in (
        (ops.max_pool, wanted[0], wanted[2]), (ops.average_pool, wanted[1], wanted[3]),
    ):
        y, d = gradient(lambda x: function(x, size, strides, padding, data_format), x, g)
        np.testing.assert_allclose(y, want, rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(d, slope, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("case", ["2d overlapping same", "2d halves", "1d"])
def test_gradients_by_differences(rng, case):
    spatial, size, strides, padding = CASES[case]
    x = rng.permutation(np.arange(2 * np.prod(spatial) * 2.0)).reshape(2, *spatial, 2)
    for function in (ops.max_pool, ops.average_pool):
        def run(x):
            return function(x, size, strides, padding)

        g = rng.standard_normal(run(x).shape)
        _, d = gradient(run, x, g)
        direction = rng.uniform(-1, 1, x.shape)
        up, down = (
            (ops.convert_to_numpy(run(x + s * 0.25 * direction)) * g).sum() for s in (1, -1)
        )
        np.testing.assert_allclose((d * direction).sum(), (up - down) / 0.5, rtol=1e-9)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("function", [ops.max_pool, ops.average_pool])
def test_second_and_third_derivatives(rng, function, data_format):
    """f = sum(pool(x)**4): the Hessian and its derivative along v, against differences."""
    x = rng.permutation(np.arange(96.0)).reshape(1, 6, 8, 2) / 24
    v, u = rng.standard_normal(x.shape), rng.standard_normal(x.shape)
    if data_format == "channels_first":
        x, v, u = map(first, (x, v, u))

    def slope(x):
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = ops.square(ops.square(function(x, 3, 2, "same", data_format)))
            loss = ops.sum(y)
        return ops.sum(ops.square(tape.gradient(loss, x)) * v)

    def curvature(x):
        with keras.GradientTape() as tape:
            tape.watch(x)
            s = slope(x)
        return ops.sum(tape.gradient(s, x) * u)

    for f in (slope, curvature):
        _, d = gradient(f, x, np.ones(()))
        direction = rng.uniform(-1, 1, x.shape)
        up, down = (
            float(f(ops.convert_to_tensor(x + s * 1e-4 * direction))) for s in (1, -1)
        )
        np.testing.assert_allclose((d * direction).sum(), (up - down) / 2e-4, rtol=1e-6)


@pytest.mark.parametrize("case", ["2d halves", "2d overlapping same", "2d leftover", "3d"])
@pytest.mark.parametrize("function", [ops.max_pool, ops.average_pool])
def test_derivative_of_the_gradient_by_g_where_values_tie(rng, function, case):
    """The gradient d(g) is linear in g: d <d(g), h> / dg, along any u, is <d(u), h>."""
    spatial, size, strides, padding = CASES[case]
    x = rng.integers(0, 3, (2, *spatial, 2)).astype("float64")
    shape = shape_of(members(spatial, size, strides, padding), x)
    g, u, h = rng.standard_normal(shape), rng.standard_normal(shape), rng.standard_normal(x.shape)

    def d(g):
        t = ops.convert_to_tensor(x)
        with keras.GradientTape() as tape:
            tape.watch(t)
            y = function(t, size, strides, padding)
        return tape.gradient(y, t, g)

    _, by_g = gradient(lambda g: ops.sum(d(g) * h), g, np.ones(()))
    want = (ops.convert_to_numpy(d(ops.convert_to_tensor(u))) * h).sum()
    np.testing.assert_allclose((by_g * u).sum(), want, rtol=1e-12)


def test_ties_go_to_the_first_in_row_major_order():
    x = np.zeros((1, 4, 4, 1))
    g = np.arange(1.0, 5).reshape(1, 2, 2, 1)
    _, d = gradient(lambda x: ops.max_pool(x, 2), x, g)
    want = np.zeros((4, 4))
    want[::2, ::2] = g[0, :, :, 0]
    assert (d[0, :, :, 0] == want).all()
    _, d = gradient(lambda x: ops.max_pool(x, 3, 1), x, g)
    want = np.zeros((4, 4))
    want[:2, :2] = g[0, :, :, 0]
    assert (d[0, :, :, 0] == want).all()


def test_nan_wins():
    x = np.array([1.0, np.nan, 3.0, 2.0, np.nan, np.nan]).reshape(1, 6, 1)
    np.testing.assert_equal(rows(ops.max_pool(x, 2)), [np.nan, 3.0, np.nan])


def test_infinities():
    x = np.array([-np.inf, -np.inf, np.inf, 0.0]).reshape(1, 4, 1)
    assert rows(ops.max_pool(x, 2)) == [-np.inf, np.inf]
    assert rows(ops.max_pool(x, 3, 1, "same")) == [-np.inf, np.inf, np.inf, np.inf]


@pytest.mark.parametrize("dtype, average", [
    ("float16", "float16"), ("bfloat16", "bfloat16"), ("float32", "float32"),
    ("int32", "float32"), ("uint8", "float32"),
])
def test_dtypes(rng, dtype, average):
    whole = rng.integers(0, 8, (2, 6, 6, 3))
    x = ops.cast(whole, dtype)
    for size, strides, padding in ((2, None, "valid"), (3, 2, "same")):
        axes = members((6, 6), size, strides, padding)
        top, mean, _, _ = pooled(whole, axes, np.zeros(shape_of(axes, whole)))
        y, a = (f(x, size, strides, padding) for f in (ops.max_pool, ops.average_pool))
        assert (y.dtype, a.dtype) == (dtype, average)
        assert (ops.convert_to_numpy(ops.cast(y, "float64")) == top).all()
        # Sums of whole numbers are exact, so the quotient is rounded only: once or twice.
        error = np.abs(ops.convert_to_numpy(ops.cast(a, "float64")) - mean)
        half_ulp = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24}[average]
        assert (error <= (half_ulp + 2.0**-23) * mean).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_precision_gradients(rng, dtype):
    x = rng.integers(0, 4, (2, 5, 6, 3)).astype("float64")
    g = rng.integers(-4, 5, (2, 5, 6, 3)).astype("float64")
    for function in (ops.max_pool, ops.average_pool):
        def run(x):
            return function(x, (2, 1), 1, "same")

        _, want = gradient(run, x, g)
        low = ops.cast(x, dtype)
        with keras.GradientTape() as tape:
            tape.watch(low)
            y = run(low)
        d = tape.gradient(y, low, ops.cast(g, dtype))
        assert d.dtype == dtype
        assert (ops.convert_to_numpy(ops.cast(d, "float64")) == want).all()


def test_bool_maximum_is_any():
    x = np.array([[True, False, False, False]]).reshape(1, 4, 1)
    assert rows(ops.max_pool(x, 2)) == [True, False]


def test_mean_of_ones_is_one_everywhere():
    x = ops.ones((1, 7, 8, 2))
    for size in (2, 3, 5, (7, 8)):
        assert (ops.convert_to_numpy(ops.average_pool(x, size, 1, "same")) == 1).all()


@pytest.mark.parametrize("case", ["2d halves", "2d overlapping same"])
def test_inputs_that_are_not_contiguous(rng, case):
    spatial, size, strides, padding = CASES[case]
    x = rng.standard_normal((2, *spatial, 3))
    axes = members(spatial, size, strides, padding)
    g = rng.standard_normal(shape_of(axes, x))
    for function in (ops.max_pool, ops.average_pool):
        want = gradient(lambda x: function(x, size, strides, padding), x, g)
        got = gradient(
            lambda x: function(x, size, strides, padding), np.asfortranarray(x),
            np.repeat(g, 2, 1)[:, ::2],
        )
        for a, b in zip(got, want):
            assert (a == b).all()


def test_many_samples_go_in_pieces(rng):
    x = rng.integers(0, 3, (9, 40, 40, 32)).astype("float64")  # a window's temporaries: 2 pieces
    g = rng.standard_normal((9, 20, 20, 32))
    y, d = gradient(lambda x: ops.max_pool(x, 2), x, g)
    for i in (0, 4, 8):
        y1, d1 = gradient(lambda x: ops.max_pool(x, 2), x[i : i + 1], g[i : i + 1])
        assert (y[i : i + 1] == y1).all()
        assert (d[i : i + 1] == d1).all()


def test_empty_batch():
    for function in (ops.max_pool, ops.average_pool):
        for padding in ("valid", "same"):
            x = np.zeros((0, 5, 5, 2))
            y = ops.convert_to_numpy(function(x, 2, 2, padding))
            _, d = gradient(lambda x: function(x, 2, 2, padding), x, y)
            assert d.shape == x.shape


# ---------------------------------------------------------------- adaptive
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("spatial, size", [
    ((7,), 3), ((6,), 2), ((6, 8), (3, 5)), ((5, 7), (7, 1)), ((4, 3, 5), (2, 3, 4)),
])
def test_adaptive_pools(rng, spatial, size, data_format):
    counts = several(size, len(spatial))
    x = rng.integers(0, 4, (2, *spatial, 3)).astype("float64")
    axes = [
        [list(range(i * n // o, -(-(i + 1) * n // o))) for i in range(o)]
        for n, o in zip(spatial, counts)
    ]
    g = rng.standard_normal(shape_of(axes, x))
    wanted = pooled(x, axes, g)
    if data_format == "channels_first":
        x, g, *wanted = map(first, (x, g, *wanted))
    for function, want, slope in (
        (ops.adaptive_max_pool, wanted[0], wanted[2]),
        (ops.adaptive_average_pool, wanted[1], wanted[3]),
    ):
        y, d = gradient(lambda x: function(x, size, data_format), x, g)
        np.testing.assert_allclose(y, want, rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(d, slope, rtol=1e-12, atol=1e-14)
        symbol = keras.KerasTensor((None, *x.shape[1:]))
        assert function(symbol, size, data_format).shape == (None, *want.shape[1:])


# ---------------------------------------------------------------- symbolic, errors
@pytest.mark.parametrize("function", [ops.max_pool, ops.average_pool])
def test_symbolic_shapes(function):
    x = keras.KerasTensor((None, None, 9, 4))
    assert function(x, 2).shape == (None, None, 4, 4)
    assert function(x, 3, 2, "same").shape == (None, None, 5, 4)
    assert function(x, 3, data_format="channels_first").shape == (None, None, 3, 1)


def test_symbolic_dtypes():
    x = keras.KerasTensor((None, 4, 3), dtype="int32")
    assert ops.max_pool(x, 2).dtype == "int32"
    assert ops.average_pool(x, 2).dtype == "float32"


ERRORS = [
    ((1, 2, 5, 4), (3,), {}, ["does not fit", "(3, 3)", "(2, 5)", "'valid'"]),
    ((1, 5, 5, 4), (0,), {}, ["pool_size", "positive", "0"]),
    ((1, 5, 5, 4), ((2, 2, 2),), {}, ["pool_size", "tuple of 2", "(2, 2, 2)"]),
    ((1, 5, 5, 4), (2,), {"strides": -1}, ["strides", "-1"]),
    ((1, 5, 5, 4), (2,), {"padding": "causal"}, ["padding", "'causal'"]),
    ((1, 5, 5, 4), (2,), {"data_format": "last"}, ["data_format", "last"]),
    ((5, 4), (2,), {}, ["3, 4 or 5 dimensions", "not 2"]),
]


@pytest.mark.parametrize("shape, arguments, named, words", ERRORS)
def test_errors_say_what_was_expected(shape, arguments, named, words):
    for make in (ops.ones, keras.KerasTensor):
        for name in ("max_pool", "average_pool"):
            with pytest.raises(ValueError) as e:
                getattr(ops, name)(make(shape), *arguments, **named)
            for word in [f"ops.{name}", "Received: ", *words]:
                assert word in str(e.value)


def test_adaptive_errors_and_unknown_sizes():
    with pytest.raises(ValueError, match="output_size"):
        ops.adaptive_max_pool(ops.ones((1, 5, 5, 2)), 0)
    assert ops.adaptive_average_pool(keras.KerasTensor((1, None, 5, 2)), 2).shape == (1, 2, 2, 2)


def test_places():
    for name in ("max_pool", "average_pool", "adaptive_max_pool", "adaptive_average_pool"):
        assert getattr(ops, name) is getattr(keras.ops.nn, name)
