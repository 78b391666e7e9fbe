"""Convolutions against their definition in float64, their gradients against differences."""

import itertools

import numpy as np
import pytest
from scipy import signal

import minikeras as keras
from minikeras import config, ops
from minikeras.arrays import NUMPY
from minikeras.kernels import convolution as kernels
from minikeras.kernels import registry
from minikeras.kernels import window as windows

# spatial sizes, channels, window, filters, groups, strides, padding, dilation
CASES = {
    "1d": ((9,), 3, (3,), 4, 1, 1, "valid", 1),
    "1d same even": ((8,), 2, (4,), 3, 1, 3, "same", 1),
    "1d causal": ((7,), 2, (3,), 3, 1, 1, "causal", 2),
    "1d causal strided": ((8,), 2, (3,), 3, 1, 2, "causal", 1),
    "1d one position": ((1,), 4, (1,), 3, 1, 1, "valid", 1),
    "2d few channels": ((6, 7), 1, (3, 3), 4, 1, 1, "valid", 1),
    "2d few channels same": ((6, 5), 2, (3, 2), 4, 1, 2, "same", 1),
    "2d": ((6, 7), 5, (3, 3), 2, 1, 1, "valid", 1),
    "2d more filters": ((5, 5), 3, (3, 3), 9, 1, 1, "same", 1),
    "2d correlation": ((6, 5), 6, (3, 2), 4, 1, 1, "same", 1),
    "2d strided": ((7, 8), 4, (3, 3), 3, 1, (2, 3), "valid", 1),
    "2d strided same": ((7, 6), 4, (3, 5), 3, 1, (3, 2), "same", 1),
    "2d stride beyond window": ((8, 8), 3, (1, 2), 3, 1, 3, "same", 1),
    "2d dilated": ((8, 9), 4, (3, 2), 3, 1, 1, "valid", (2, 3)),
    "2d dilated same": ((8, 7), 4, (3, 3), 5, 1, 1, "same", 2),
    "2d strided dilated": ((9, 9), 3, (3, 2), 3, 1, 2, "same", 2),
    "2d pointwise": ((4, 5), 3, (1, 1), 6, 1, 1, "same", 1),
    "2d pointwise strided": ((5, 5), 3, (1, 1), 6, 1, 2, "valid", 1),
    "2d groups": ((5, 6), 4, (3, 3), 6, 2, 1, "same", 1),
    "2d groups strided": ((6, 6), 6, (2, 3), 6, 3, 2, "valid", 1),
    "2d group a channel": ((6, 5), 3, (3, 3), 6, 3, 1, "same", 1),
    "2d group a channel strided": ((7, 6), 3, (3, 2), 3, 3, 2, "same", 1),
    "2d group a channel many filters": ((5, 5), 2, (3, 3), 10, 2, 1, "valid", 1),
    "3d": ((4, 5, 4), 2, (2, 3, 2), 3, 1, 1, "valid", 1),
    "3d same strided": ((4, 5, 6), 3, (3, 2, 3), 2, 1, (1, 2, 2), "same", 1),
    "3d group a channel": ((4, 4, 4), 2, (2, 2, 3), 2, 2, 1, "same", 1),
}
FORMATS = ("channels_last", "channels_first")


def several(value, n):
    return value if isinstance(value, tuple) else (value,) * n


def convolution(x, w, groups, strides, padding, dilation):
    """The definition: zeros around x, then for each tap the sum over a group's channels."""
    n = w.ndim - 2
    strides, dilation = several(strides, n), several(dilation, n)
    pads, outputs = [], []
    for m, k, s, d in zip(x.shape[1:], w.shape, strides, dilation):
        reach = (k - 1) * d + 1
        total = {"valid": 0, "causal": reach - 1, "same": max((-(-m // s) - 1) * s + reach - m, 0)}
        front = total[padding] if padding == "causal" else total[padding] // 2
        pads.append((front, total[padding] - front))
        outputs.append((m + total[padding] - reach) // s + 1)
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    y = np.zeros((len(x), *outputs, w.shape[-1]))
    each, filters = w.shape[-2], w.shape[-1] // groups
    for tap in itertools.product(*map(range, w.shape[:n])):
        at = tuple(
            slice(i * d, i * d + (o - 1) * s + 1, s)
            for i, d, o, s in zip(tap, dilation, outputs, strides)
        )
        seen = x[(slice(None), *at)]
        for g in range(groups):
            mine, theirs = slice(g * filters, (g + 1) * filters), slice(g * each, (g + 1) * each)
            y[..., mine] += seen[..., theirs] @ w[tap][:, mine]
    return y


def operands(rng, case, dtype="float64"):
    spatial, channels, size, filters, groups = CASES[case][:5]
    x = rng.standard_normal((3, *spatial, channels)).astype(dtype)
    return x, rng.standard_normal((*size, channels // groups, filters)).astype(dtype)


def first(x):
    """Channels last to channels first."""
    return np.moveaxis(x, -1, 1)


def near(got, want, tolerance=1e-12):
    got = ops.convert_to_numpy(got)
    assert got.shape == want.shape
    assert np.abs(got - want).max(initial=0) <= tolerance * max(1, np.abs(want).max(initial=0))


def tensor(x):
    return ops.convert_to_tensor(x)


def gradients(function, arrays, seed):
    """The value and the gradients of sum(seed * function(*arrays)), as arrays."""
    tensors = [tensor(a) for a in arrays]
    with keras.GradientTape() as tape:
        tape.watch(tensors)
        y = function(*tensors)
    return ops.convert_to_numpy(y), [
        ops.convert_to_numpy(d) for d in tape.gradient(y, tensors, tensor(seed))
    ]


def check_gradients(rng, function, arrays, step=1e-3, tolerance=1e-9):
    """Gradients projected on random directions against central differences."""
    shape = ops.convert_to_numpy(function(*map(tensor, arrays))).shape
    seed = rng.standard_normal(shape)
    _, found = gradients(function, arrays, seed)
    for i, d in enumerate(found):
        assert d.shape == arrays[i].shape
        for _ in range(2):
            direction = rng.standard_normal(arrays[i].shape)
            values = []
            for sign in (1, -1):
                moved = list(arrays)
                moved[i] = arrays[i] + sign * step * direction
                y = ops.convert_to_numpy(function(*map(tensor, moved)))
                values.append((y * seed).sum())
            want = (values[0] - values[1]) / (2 * step)
            assert abs((d * direction).sum() - want) <= tolerance * max(1, abs(want))


def check_second(rng, function, arrays):
    """Derivatives of a projected gradient, the gradient of a loss of third degree or more."""
    weights = [rng.standard_normal(a.shape) for a in arrays]

    def slope(*tensors):
        with keras.GradientTape() as tape:
            tape.watch(tensors)
            loss = ops.sum(ops.square(function(*tensors)))
        grads = tape.gradient(loss, list(tensors))
        return sum(ops.sum(d * tensor(v)) for d, v in zip(grads, weights))

    check_gradients(rng, slope, arrays, step=1e-4, tolerance=1e-6)


# ---------------------------------------------------------------- conv
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_conv_is_its_definition(rng, case, data_format, device):
    x, w = operands(rng, case)
    want = convolution(x, w, *CASES[case][4:])
    strides, padding, dilation = CASES[case][5:]
    if data_format == "channels_first":
        x, want = first(x), first(want)
    near(ops.conv(tensor(x), tensor(w), strides, padding, data_format, dilation), want)


@pytest.mark.parametrize("size", [(4,), (3, 4), (2, 3, 2)])
def test_conv_is_scipys_correlation(rng, size):
    x = rng.standard_normal((2, *(7, 6, 5)[: len(size)], 3))
    w = rng.standard_normal((*size, 3, 2))
    y = ops.convert_to_numpy(ops.conv(x, w))
    for b, f in itertools.product(range(2), range(2)):
        want = signal.correlate(x[b], w[..., f], mode="valid")[..., 0]
        np.testing.assert_allclose(y[b, ..., f], want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_conv_gradients(rng, case, device):
    strides, padding, dilation = CASES[case][5:]
    arrays = operands(rng, case)
    check_gradients(
        rng, lambda x, w: ops.conv(x, w, strides, padding, "channels_last", dilation), arrays
    )


@pytest.mark.parametrize("case", ["2d dilated same", "2d groups", "2d few channels", "1d"])
def test_conv_gradients_channels_first(rng, case):
    strides, padding, dilation = CASES[case][5:]
    x, w = operands(rng, case)
    check_gradients(
        rng, lambda x, w: ops.conv(x, w, strides, padding, "channels_first", dilation),
        (first(x).copy(), w),
    )


SECOND = (
    "1d causal", "2d few channels", "2d few channels same", "2d correlation", "2d strided same",
    "2d pointwise", "2d groups", "2d group a channel", "2d group a channel strided",
    "3d same strided",
)


@pytest.mark.parametrize("case", SECOND)
def test_conv_second_derivatives(rng, case):
    strides, padding, dilation = CASES[case][5:]
    check_second(
        rng, lambda x, w: ops.conv(x, w, strides, padding, "channels_last", dilation),
        operands(rng, case),
    )


def test_conv_second_derivatives_where_columns_are_not_kept(rng):
    x, w = rng.standard_normal((1, 40, 40, 3)), rng.standard_normal((3, 3, 3, 2))
    check_second(rng, lambda x, w: ops.conv(x, w, padding="same"), (x, w))


@pytest.mark.parametrize("chunk", [1, 700, 5000])
@pytest.mark.parametrize("case", CASES)
def test_blocks_do_not_change_results(rng, case, chunk):
    """Samples and rows are worked through in pieces; small pieces here, with a ragged last."""
    spatial, channels, size, filters, groups, strides, padding, dilation = CASES[case]
    n = len(spatial)
    window = windows.window(spatial, size, several(strides, n), several(dilation, n), padding)
    x, w = operands(rng, case)
    g = rng.standard_normal((3, *window.outputs, filters))
    eager, emitter = registry.eager(NUMPY), registry.eager(NUMPY).emitter
    for kernel, a, b in (
        (kernels.conv_forward, x, w),
        (kernels.conv_input_gradient, g, w),
        (kernels.conv_kernel_gradient, x, g),
    ):
        want = getattr(eager, kernel.name)(a, b, window=window, groups=groups)
        got = np.full_like(want, np.nan)
        kernel.run(emitter, got, a, b, window, groups, chunk)
        near(got, want)


@pytest.mark.parametrize("spread", [np.asfortranarray, lambda a: np.repeat(a, 2, -1)[..., ::2]])
def test_operands_that_are_not_contiguous(rng, spread):
    for case in ("2d", "2d few channels", "2d pointwise", "2d groups", "2d group a channel"):
        x, w = operands(rng, case)
        strides, padding, dilation = CASES[case][5:]
        seed = np.ones_like(convolution(x, w, *CASES[case][4:]))

        def run(x, w, g):
            return gradients(
                lambda x, w: ops.conv(x, w, strides, padding, "channels_last", dilation), (x, w), g
            )

        want, (dx, dw) = run(x, w, seed)
        got, (dx2, dw2) = run(spread(x), spread(w), spread(seed))
        near(got, want)
        near(dx2, dx)
        near(dw2, dw)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("case", ["2d", "2d few channels", "2d groups", "2d group a channel", "3d"])
def test_low_precision_is_rounded_once(rng, case, dtype):
    strides, padding, dilation = CASES[case][5:]
    x, w = (ops.cast(a, dtype) for a in operands(rng, case))
    wide = [ops.convert_to_numpy(ops.cast(a, "float64")) for a in (x, w)]
    want = convolution(*wide, *CASES[case][4:])
    y = ops.conv(x, w, strides, padding, "channels_last", dilation)
    assert y.dtype == dtype
    half_ulp = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24}[dtype]
    error = np.abs(ops.convert_to_numpy(ops.cast(y, "float64")) - want)
    # Sums in float32: at most 45 terms of size 10, each rounded to 2**-24.
    assert (error <= half_ulp * np.abs(want) + 45 * 10 * 2.0**-24).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_precision_gradients(rng, dtype):
    x, w = (rng.integers(-3, 4, a.shape).astype("float64") for a in operands(rng, "2d strided"))
    g = rng.integers(-3, 4, (3, 3, 2, 3)).astype("float64")
    _, want = gradients(lambda x, w: ops.conv(x, w, (2, 3)), (x, w), g)
    low = [ops.cast(a, dtype) for a in (x, w)]
    with keras.GradientTape() as tape:
        tape.watch(low)
        y = ops.conv(*low, (2, 3))
    got = tape.gradient(y, low, ops.cast(g, dtype))
    for d, exact in zip(got, want):  # small whole numbers: exact in either
        assert d.dtype == dtype
        assert (ops.convert_to_numpy(ops.cast(d, "float64")) == exact).all()


@pytest.mark.parametrize(
    "given, result",
    [
        (("float16", "float32"), "float32"),
        (("int32", "float32"), "float32"),
        (("int32", "int32"), "int32"),
    ],
)
def test_dtypes_are_promoted(given, result):
    x, w = ops.ones((1, 4, 4, 2), given[0]), ops.ones((3, 3, 2, 1), given[1])
    y = ops.conv(x, w)
    assert y.dtype == result
    assert (ops.convert_to_numpy(y) == 18).all()


def test_empty_batch(rng):
    for case in ("2d", "2d few channels", "2d groups", "2d group a channel", "2d pointwise"):
        x, w = operands(rng, case)
        strides, padding, dilation = CASES[case][5:]
        seed = convolution(x, w, *CASES[case][4:])[:0]
        y, (dx, dw) = gradients(
            lambda x, w: ops.conv(x, w, strides, padding, "channels_last", dilation), (x[:0], w),
            seed,
        )
        assert y.shape == seed.shape
        assert dx.shape == x[:0].shape
        assert (dw == 0).all()


def test_global_data_format(rng):
    x, w = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((3, 3, 3, 4))
    config.set_image_data_format("channels_first")
    assert ops.conv(x, w).shape == (2, 4, 4, 3)
    assert ops.max_pool(x, 2).shape == (2, 3, 3, 2)


# ---------------------------------------------------------------- depthwise, separable
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("depth, strides, padding, dilation", [
    (1, 1, "valid", 1), (2, 1, "same", 1), (3, 2, "same", 1), (1, (1, 2), "valid", 1),
    (6, 1, "same", 1), (2, 1, "same", 2),
])
def test_depthwise_conv(rng, depth, strides, padding, dilation, data_format):
    x, w = rng.standard_normal((2, 7, 6, 3)), rng.standard_normal((3, 2, 3, depth))
    parts = [
        convolution(x[..., c : c + 1], w[:, :, c : c + 1], 1, strides, padding, dilation)
        for c in range(3)
    ]
    want = np.concatenate(parts, -1)

    def depthwise(x, w):
        return ops.depthwise_conv(x, w, strides, padding, data_format, dilation)

    if data_format == "channels_first":
        x, want = first(x).copy(), first(want)
    near(depthwise(x, w), want)
    check_gradients(rng, depthwise, (x, w))


def test_depthwise_conv_of_one_channel(rng):
    x, w = rng.standard_normal((2, 7, 6, 1)), rng.standard_normal((3, 2, 1, 4))
    near(ops.depthwise_conv(x, w), convolution(x, w, 1, 1, "valid", 1))


def test_depthwise_conv_second_derivatives(rng):
    x, w = rng.standard_normal((2, 5, 4, 3)), rng.standard_normal((3, 2, 3, 2))
    check_second(rng, lambda x, w: ops.depthwise_conv(x, w, 2, "same"), (x, w))


@pytest.mark.parametrize("data_format", FORMATS)
def test_separable_conv(rng, data_format):
    x, d = rng.standard_normal((2, 7, 6, 3)), rng.standard_normal((3, 2, 3, 2))
    p = rng.standard_normal((1, 1, 6, 4))
    want = convolution(convolution(x, d.reshape(3, 2, 1, 6), 3, 2, "same", 1), p, 1, 1, "valid", 1)
    if data_format == "channels_first":
        x, want = first(x).copy(), first(want)

    def separable(x, d, p):
        return ops.separable_conv(x, d, p, 2, "same", data_format)

    near(separable(x, d, p), want)
    check_gradients(rng, separable, (x, d, p), tolerance=1e-6)


# ---------------------------------------------------------------- transposed
def spread(x, w, s, padding, extra, d):
    """The definition over one axis, one channel: each input adds the kernel to the output."""
    n, k = len(x), (len(w) - 1) * d + 1
    if extra is None:
        size = n * s if padding == "same" else (n - 1) * s + max(k, s)
    else:
        size = (n - 1) * s + k - (2 * (k // 2) if padding == "same" else 0) + extra
    front = max((n - 1) * s + k - size, 0) // 2 if padding == "same" else 0
    y = np.zeros(size)
    for i, j in itertools.product(range(n), range(len(w))):
        at = i * s + j * d - front
        if 0 <= at < size:
            y[at] += x[i] * w[j]
    return y


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_conv_transpose_sizes_and_values(rng, padding):
    """Sizes and places are those of Keras on all its backends."""
    for n, k, s, extra, d in itertools.product(
        (2, 4), (1, 2, 3, 4), (1, 2, 3), (None, 0, 1), (1, 2)
    ):
        if extra is not None and extra >= s:
            continue
        x, w = rng.standard_normal(n), rng.standard_normal(k)
        want = spread(x, w, s, padding, extra, d)
        y = ops.conv_transpose(
            x.reshape(1, n, 1), w.reshape(k, 1, 1), s, padding, extra, dilation_rate=d
        )
        near(y, want.reshape(1, -1, 1))
        symbol = keras.KerasTensor((None, n, 1))
        shape = ops.conv_transpose(
            symbol, w.reshape(k, 1, 1), s, padding, extra, dilation_rate=d
        ).shape
        assert shape == (None, len(want), 1)


TRANSPOSED = {
    "1d": ((5,), (3,), 2, "same", None, 1),
    "2d": ((4, 5), (3, 2), (2, 1), "valid", None, 1),
    "2d same": ((4, 3), (3, 4), 2, "same", None, 1),
    "2d output padding": ((4, 3), (3, 3), (2, 3), "same", (1, 2), 1),
    "2d dilated": ((4, 3), (3, 2), 1, "valid", None, 2),
    "2d stride beyond kernel": ((3, 3), (2, 1), 3, "valid", None, 1),
    "3d": ((3, 2, 3), (2, 3, 2), 2, "same", None, 1),
}


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("case", TRANSPOSED)
def test_conv_transpose(rng, case, data_format):
    """The adjoint of conv along each axis: <conv_transpose(x), z> = <x, conv(z)>."""
    spatial, size, *rest = TRANSPOSED[case]
    x, w = rng.standard_normal((2, *spatial, 3)), rng.standard_normal((*size, 2, 3))

    def run(x, w):
        if data_format == "channels_first":
            return ops.conv_transpose(x, w, *rest[:3], data_format, rest[3])
        return ops.conv_transpose(x, w, *rest[:3], dilation_rate=rest[3])

    n = len(spatial)
    strides, dilation = several(rest[0], n), several(rest[3], n)
    extra = several(rest[2], n)
    lines = [  # one matrix an axis and tap: where an input's product with that tap is added
        [
            np.stack([
                spread(np.eye(m)[i], np.eye(k)[j], s, rest[1], e, d) for i in range(m)
            ])
            for j in range(k)
        ]
        for m, k, s, e, d in zip(spatial, size, strides, extra, dilation)
    ]
    want = 0
    for tap in itertools.product(*map(range, size)):
        y = x @ w[tap].T
        for axis, j in enumerate(tap):
            y = np.moveaxis(np.moveaxis(y, axis + 1, -1) @ lines[axis][j], -1, axis + 1)
        want = want + y
    if data_format == "channels_first":
        x, want = first(x).copy(), first(want)
    near(run(x, w), want)
    check_gradients(rng, run, (x, w))


def test_conv_transpose_second_derivatives(rng):
    x, w = rng.standard_normal((2, 3, 4, 2)), rng.standard_normal((3, 2, 3, 2))
    check_second(rng, lambda x, w: ops.conv_transpose(x, w, 2, "same"), (x, w))


# ---------------------------------------------------------------- symbolic
@pytest.mark.parametrize("function, shape, kernel, arguments, want", [
    ("conv", (None, None, 8, 4), (3, 3, 4, 6), {"padding": "same", "strides": 2},
     (None, None, 4, 6)),
    ("conv", (None, 7, None, 4), (3, 3, 4, 6), {}, (None, 5, None, 6)),
    ("conv", (None, 4, None, 9), (3, 3, 4, 6), {"data_format": "channels_first"},
     (None, 6, None, 7)),
    ("conv", (2, 9, 4), (3, 2, 6), {"dilation_rate": 2}, (2, 5, 6)),
    ("depthwise_conv", (None, None, 8, 4), (3, 3, 4, 2), {"strides": 2}, (None, None, 3, 8)),
    ("conv_transpose", (None, None, 8, 4), (3, 3, 6, 4), {"strides": 2}, (None, None, 17, 6)),
    ("conv_transpose", (None, 4, None), (3, 6, 4),
     {"strides": 2, "padding": "same", "data_format": "channels_first"}, (None, 6, None)),
])
def test_symbolic_shapes(function, shape, kernel, arguments, want):
    x = keras.KerasTensor(shape, dtype="float16")
    y = getattr(ops, function)(x, keras.KerasTensor(kernel, dtype="float16"), **arguments)
    assert (y.shape, y.dtype) == (want, "float16")


# ---------------------------------------------------------------- errors
ERRORS = [
    ("conv", (1, 5, 5, 3), (3, 3, 4, 2), {}, ["3 channels", "takes 4"]),
    ("conv", (1, 5, 5, 4), (3, 3, 2, 5), {}, ["5 filters", "2 groups", "multiple of 2"]),
    ("conv", (1, 2, 5, 4), (3, 3, 4, 5), {}, ["does not fit", "(3, 3)", "(2, 5)"]),
    ("conv", (1, 5, 5, 4), (3, 3, 4, 5), {"dilation_rate": 3}, ["does not fit", "(7, 7)"]),
    ("conv", (1, 5, 5, 4), (3, 3, 4, 5), {"padding": "full"}, ["padding", "'full'"]),
    ("conv", (1, 5, 5, 4), (3, 3, 4, 5), {"padding": "causal"}, ["padding", "'causal'"]),
    ("conv", (1, 5, 5, 4), (3, 3, 4, 5), {"strides": 0}, ["strides", "positive", "0"]),
    ("conv", (1, 5, 5, 4), (3, 3, 4, 5), {"strides": (1, 2, 3)}, ["strides", "tuple of 2"]),
    ("conv", (1, 5, 5, 4), (3, 3, 4, 5), {"dilation_rate": 1.5}, ["dilation_rate", "1.5"]),
    ("conv", (1, 5, 5, 4), (3, 4, 5), {}, ["kernel", "4, not 3"]),
    ("conv", (5, 4), (4, 5), {}, ["3, 4 or 5 dimensions", "not 2"]),
    ("conv", (1, 5, 5, 4), (3, 3, 4, 5), {"data_format": "NHWC"}, ["data_format", "NHWC"]),
    ("depthwise_conv", (1, 5, 5, 4), (3, 3, 3, 2), {}, ["4 channels", "takes 3"]),
    ("conv_transpose", (1, 5, 5, 4), (3, 3, 2, 3), {}, ["4 channels", "takes 3"]),
    ("conv_transpose", (1, 5, 5, 4), (3, 3, 2, 4), {"padding": "causal"}, ["padding"]),
    ("conv_transpose", (1, 5, 5, 4), (3, 3, 2, 4), {"output_padding": -1}, ["output_padding"]),
    ("conv_transpose", (1, 5, 1, 4), (4, 4, 2, 4), {"padding": "same", "output_padding": 0},
     ["0 positions", "axis 1"]),
]


@pytest.mark.parametrize("function, x, w, arguments, words", ERRORS)
def test_errors_say_what_was_expected(function, x, w, arguments, words):
    for make in (ops.ones, keras.KerasTensor):  # the same words, run or symbolic
        with pytest.raises(ValueError) as e:
            getattr(ops, function)(make(x), make(w), **arguments)
        for word in [f"ops.{function}", "Received: ", *words]:
            assert word in str(e.value)


def test_places():
    for name in ("conv", "depthwise_conv", "separable_conv", "conv_transpose"):
        assert getattr(ops, name) is getattr(keras.ops.nn, name)
