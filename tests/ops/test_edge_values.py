"""NaN, infinities, overflow, ties and nothing at all, over many ops; eager and in a graph."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops

NAN, INF = float("nan"), float("inf")
BIG = 1e30  # its square is infinite in float32

# name, tensors, other arguments, result (in float32, or in the dtype of the arrays given)
VALUES = [
    # ------------------------------------------------------------ not a number
    ("add", ([NAN, INF, INF], [1.0, -INF, INF]), {}, [NAN, NAN, INF]),
    ("multiply", ([NAN, INF, INF], [0.0, 0.0, -1.0]), {}, [NAN, NAN, -INF]),
    ("divide", ([1.0, -1.0, 0.0, INF], [0.0, 0.0, 0.0, INF]), {}, [INF, -INF, NAN, NAN]),
    ("divide_no_nan", ([1.0, NAN, INF, 4.0], [0.0, 0.0, 0.0, 2.0]), {}, [0.0, 0.0, 0.0, 2.0]),
    ("mod", ([5.0, -5.0, 1.0, 5.0], [3.0, 3.0, 0.0, INF]), {}, [2.0, 1.0, NAN, 5.0]),
    ("floor_divide", ([7.0, -7.0, 1.0], [2.0, 2.0, 0.0]), {}, [3.0, -4.0, INF]),
    ("maximum", ([NAN, 1.0, -INF], [1.0, NAN, INF]), {}, [NAN, NAN, INF]),
    ("minimum", ([NAN, 1.0, -INF], [1.0, NAN, INF]), {}, [NAN, NAN, -INF]),
    ("fmax", ([NAN, 1.0, NAN], [1.0, NAN, NAN]), {}, [1.0, 1.0, NAN]),
    ("fmin", ([NAN, 1.0, NAN], [1.0, NAN, NAN]), {}, [1.0, 1.0, NAN]),
    ("equal", ([NAN, INF, -INF], [NAN, INF, INF]), {}, [False, True, False]),
    ("not_equal", ([NAN, INF], [NAN, INF]), {}, [True, False]),
    ("less", ([NAN, -INF, INF], [1.0, INF, INF]), {}, [False, True, False]),
    ("isclose", ([NAN, INF, -INF, 1.0], [NAN, INF, INF, INF]), {}, [False, True, False, False]),
    ("isclose", ([NAN, INF], [NAN, 1.0]), {"equal_nan": True}, [True, False]),
    ("isnan", ([NAN, INF, 0.0],), {}, [True, False, False]),
    ("isfinite", ([NAN, INF, -INF, 0.0],), {}, [False, False, False, True]),
    ("isposinf", ([NAN, INF, -INF, 0.0],), {}, [False, True, False, False]),
    ("sign", ([NAN, -INF, -0.0, 3.0],), {}, [NAN, -1.0, 0.0, 1.0]),
    ("absolute", ([NAN, -INF, -0.0],), {}, [NAN, INF, 0.0]),
    ("floor", ([NAN, -INF, INF, -0.5],), {}, [NAN, -INF, INF, -1.0]),
    ("round", ([NAN, INF, 0.5, 1.5, -2.5],), {}, [NAN, INF, 0.0, 2.0, -2.0]),
    ("clip", ([NAN, -INF, INF],), {"x_min": -1.0, "x_max": 1.0}, [NAN, -1.0, 1.0]),
    ("relu", ([NAN, -INF, INF, -0.0],), {}, [NAN, 0.0, INF, 0.0]),
    ("relu6", ([NAN, -INF, INF],), {}, [NAN, 0.0, 6.0]),
    ("nan_to_num", ([NAN, INF, 1.0],), {"nan": 5.0, "posinf": 7.0}, [5.0, 7.0, 1.0]),
    ("where", (np.array([True, False]), [1.0, NAN], [NAN, 2.0]), {}, [1.0, 2.0]),
    ("sum", ([1.0, NAN],), {}, NAN),
    ("sum", ([INF, -INF],), {}, NAN),
    ("mean", ([1.0, NAN],), {}, NAN),
    ("prod", ([0.0, INF],), {}, NAN),
    ("max", ([1.0, NAN, INF],), {}, NAN),
    ("min", ([1.0, NAN, -INF],), {}, NAN),
    ("max", ([-INF, -INF],), {}, -INF),
    ("argmax", ([1.0, NAN, INF],), {}, 1),
    ("argmin", ([1.0, NAN, -INF],), {}, 1),
    ("nansum", ([NAN, 1.0, NAN],), {}, 1.0),
    ("nanmax", ([NAN, NAN],), {}, NAN),
    ("nanmean", ([NAN, 1.0, 3.0],), {}, 2.0),
    ("median", ([1.0, NAN, 2.0],), {}, NAN),
    ("nanmedian", ([1.0, NAN, 2.0],), {}, 1.5),
    ("sort", ([NAN, 1.0, -INF, INF],), {}, [-INF, 1.0, INF, NAN]),
    ("argsort", ([NAN, 1.0, -INF],), {}, [2, 1, 0]),
    ("cumsum", ([1.0, NAN, 2.0],), {}, [1.0, NAN, NAN]),
    ("cumprod", ([2.0, 0.0, INF],), {}, [2.0, 0.0, NAN]),
    ("any", ([NAN, 0.0],), {}, True),
    ("all", ([NAN, 1.0],), {}, True),
    ("ptp", ([-INF, 1.0],), {}, INF),
    ("diff", ([INF, INF, 1.0],), {}, [NAN, -INF]),
    # ------------------------------------------------------------ the ends of domains
    ("log", ([0.0, -1.0, INF],), {}, [-INF, NAN, INF]),
    ("log1p", ([-1.0, -2.0, 1e-20],), {}, [-INF, NAN, 1e-20]),
    ("expm1", ([-INF, 1e-20, INF],), {}, [-1.0, 1e-20, INF]),
    ("sqrt", ([0.0, -1.0, INF],), {}, [0.0, NAN, INF]),
    ("rsqrt", ([0.0, -1.0, INF],), {}, [INF, NAN, 0.0]),
    ("reciprocal", ([0.0, -0.0, INF],), {}, [INF, -INF, 0.0]),
    ("power", ([0.0, -8.0, 2.0, INF], [0.0, 1 / 3, -INF, 0.0]), {}, [1.0, NAN, 0.0, 1.0]),
    ("arccos", ([1.0, 2.0],), {}, [0.0, NAN]),
    ("arctanh", ([1.0, -1.0, 2.0],), {}, [INF, -INF, NAN]),
    ("arctan2", ([0.0, 0.0, INF], [0.0, -1.0, INF]), {}, [0.0, np.pi, np.pi / 4]),
    ("erfinv", ([1.0, -1.0, 2.0],), {}, [INF, -INF, NAN]),
    ("tanh", ([INF, -INF, NAN],), {}, [1.0, -1.0, NAN]),
    # ------------------------------------------------------------ overflow and underflow
    ("exp", ([1000.0, -1000.0, -INF],), {}, [INF, 0.0, 0.0]),
    ("square", ([BIG],), {}, [INF]),
    ("hypot", ([BIG, 3e-30], [BIG, 4e-30]), {}, [2**0.5 * BIG, 5e-30]),
    ("sigmoid", ([1000.0, -1000.0, INF, -INF],), {}, [1.0, 0.0, 1.0, 0.0]),
    ("log_sigmoid", ([1000.0, -1000.0, INF, -INF],), {}, [0.0, -1000.0, 0.0, -INF]),
    ("softplus", ([1000.0, -1000.0, INF, -INF],), {}, [1000.0, 0.0, INF, 0.0]),
    ("softsign", ([BIG, -BIG],), {}, [1.0, -1.0]),
    ("elu", ([-INF, 1000.0],), {}, [-1.0, 1000.0]),
    ("selu", ([-INF],), {}, [-1.7580993]),
    ("gelu", ([INF, 100.0, -100.0],), {}, [INF, 100.0, 0.0]),
    ("silu", ([100.0, -1000.0, INF],), {}, [100.0, 0.0, INF]),
    ("squareplus", ([100.0, -1e4],), {}, [100.00999, 0.0]),
    ("softmax", ([1000.0, 1000.0, -INF],), {}, [0.5, 0.5, 0.0]),
    ("softmax", ([-INF, -INF],), {}, [NAN, NAN]),
    ("softmax", ([BIG, -BIG],), {}, [1.0, 0.0]),
    ("log_softmax", ([1000.0, 0.0],), {}, [0.0, -1000.0]),
    ("log_softmax", ([0.0, -INF],), {}, [0.0, -INF]),
    ("logsumexp", ([1000.0, 1000.0],), {}, 1000.6931),
    ("logsumexp", ([-INF, -INF],), {}, -INF),
    ("logsumexp", ([INF, 0.0],), {}, INF),
    ("logsumexp", ([NAN, 0.0],), {}, NAN),
    ("logaddexp", ([1000.0, -INF, -INF, INF], [1000.0, -INF, 0.0, INF]), {},
     [1000.6931, -INF, 0.0, INF]),
    ("mean", (np.full(4096, 60000, "float16"),), {}, 60000),
    ("var", (np.array([300.0, -300.0], "float16"),), {}, INF),
    ("sum", (np.array([100, 100], "int8"),), {}, 200),
    ("add", (np.array([127], "int8"), np.array([1], "int8")), {}, [-128]),
    ("subtract", (np.array([1], "uint8"), np.array([2], "uint8")), {}, [255]),
    ("negative", (np.array([-128], "int8"),), {}, [-128]),
    ("absolute", (np.array([-128], "int8"),), {}, [-128]),
    ("cast", ([1e10, -1.9, NAN],), {"dtype": "bool"}, [True, True, True]),
    ("binary_crossentropy", ([1.0, 0.0], [0.0, 1.0]), {}, [16.118096, 15.942385]),
    ("binary_crossentropy", ([1.0, 0.0], [-1000.0, 1000.0]), {"from_logits": True},
     [1000.0, 1000.0]),
    ("categorical_crossentropy", ([[1.0, 0.0]], [[-1000.0, 0.0]]), {"from_logits": True}, [1000.0]),
    ("sparse_categorical_crossentropy", (np.array([0]), [[-1000.0, 0.0]]), {"from_logits": True},
     [1000.0]),
    ("normalize", ([[0.0, 0.0], [3.0, 4.0]],), {}, [[0.0, 0.0], [0.6, 0.8]]),
    ("layer_normalization", ([[5.0, 5.0]],), {}, [[0.0, 0.0]]),
    # ------------------------------------------------------------ ties
    ("argmax", ([1.0, 3.0, 3.0],), {}, 1),
    ("argmin", ([1.0, 0.0, 0.0],), {}, 1),
    ("argsort", ([2.0, 1.0, 2.0, 1.0],), {}, [1, 3, 0, 2]),
    ("in_top_k", (np.array([0, 1, 2]), [[0.5, 0.5, 0.0]] * 3), {"k": 1}, [True, True, False]),
    # ------------------------------------------------------------ matrices
    ("det", ([[1.0, 2.0], [2.0, 4.0]],), {}, 0.0),
    ("matmul", ([[0.0, 1.0]], [[INF], [1.0]]), {}, [[NAN]]),
    ("norm", ([0.0, 0.0],), {}, 0.0),
    ("norm", ([3.0, -INF],), {}, INF),
]


def tensor(a):
    return ops.convert_to_tensor(a if isinstance(a, np.ndarray) else np.array(a, "float32"))


def check(got, want):
    got = ops.convert_to_numpy(got)
    assert got.shape == np.shape(want)
    np.testing.assert_allclose(got.astype("float64"), want, rtol=2e-6, atol=1e-37)


def names(rows):
    return [f"{i}-{r[0]}" for i, r in enumerate(rows)]


@pytest.mark.parametrize(("name", "tensors", "options", "want"), VALUES, ids=names(VALUES))
def test_value(name, tensors, options, want):
    check(getattr(ops, name)(*map(tensor, tensors), **options), want)


@pytest.mark.parametrize(("name", "tensors", "options", "want"), VALUES, ids=names(VALUES))
def test_value_on_a_gpu(name, tensors, options, want, fakecupy):
    with keras.device("gpu"):
        check(getattr(ops, name)(*map(tensor, tensors), **options), want)


# name, x, other arguments, gradient of the sum of the result
SLOPES = [
    ("max", [1.0, 3.0, 3.0], {}, [0.0, 0.5, 0.5]),
    ("min", [[1.0, 1.0], [1.0, 2.0]], {"axis": 0}, [[0.5, 1.0], [0.5, 0.0]]),
    ("amax", [3.0, 3.0, 3.0], {}, [1 / 3] * 3),
    ("ptp", [1.0, 1.0, 2.0], {}, [-0.5, -0.5, 1.0]),
    ("median", [2.0, 2.0, 1.0], {}, [1.0, 0.0, 0.0]),
    ("sort", [2.0, 2.0, 1.0], {}, [1.0, 1.0, 1.0]),
    ("absolute", [0.0, -2.0], {}, [0.0, -1.0]),
    ("relu", [0.0, 1.0, -1.0], {}, [0.0, 1.0, 0.0]),
    ("relu6", [0.0, 6.0, 3.0, 9.0], {}, [0.0, 0.0, 1.0, 0.0]),
    ("leaky_relu", [0.0, 1.0], {}, [0.2, 1.0]),
    ("clip", [-1.0, 0.0, 1.0, 2.0], {"x_min": 0.0, "x_max": 1.0}, [0.0, 1.0, 1.0, 0.0]),
    ("sqrt", [4.0, 0.0], {}, [0.25, INF]),
    ("norm", [3.0, 4.0], {}, [0.6, 0.8]),
    ("norm", [0.0, 0.0], {}, [0.0, 0.0]),
    ("norm", [2.0, -2.0], {"ord": INF}, [0.5, -0.5]),
    ("prod", [0.0, 2.0, 3.0], {}, [6.0, 0.0, 0.0]),
    ("prod", [0.0, 0.0, 3.0], {}, [0.0, 0.0, 0.0]),
    ("cumprod", [2.0, 0.0, 3.0], {}, [1.0, 8.0, 0.0]),
    ("logsumexp", [1000.0, 1000.0], {}, [0.5, 0.5]),
    ("logsumexp", [-INF, 0.0], {}, [0.0, 1.0]),
    ("softplus", [1000.0, -1000.0], {}, [1.0, 0.0]),
    ("log_sigmoid", [1000.0, -1000.0], {}, [0.0, 1.0]),
    ("sigmoid", [1000.0, -1000.0], {}, [0.0, 0.0]),
    ("tanh", [INF, -INF], {}, [0.0, 0.0]),
    ("elu", [-1000.0, 1000.0], {}, [0.0, 1.0]),
    ("gelu", [100.0, -100.0], {}, [1.0, 0.0]),
    ("silu", [1000.0, -1000.0], {}, [1.0, 0.0]),
    ("logaddexp", [1000.0, -1000.0], {"x2": 0.0}, [1.0, 0.0]),
    ("divide_no_nan", [1.0, 2.0], {"x2": 0.0}, [0.0, 0.0]),
    ("power", [0.0, 2.0], {"x2": 2.0}, [0.0, 4.0]),
    ("power", [0.0, 2.0], {"x2": 0.0}, [0.0, 0.0]),
    ("power", [0.0, 2.0], {"x2": 1.0}, [1.0, 1.0]),
    ("hypot", [0.0, 3.0], {"x2": 0.0}, [0.0, 1.0]),
    ("normalize", [[0.0, 0.0]], {}, None),
    ("nansum", [NAN, 1.0], {}, [0.0, 1.0]),
    ("nanmax", [NAN, 1.0, 1.0], {}, [0.0, 0.5, 0.5]),
    ("nan_to_num", [NAN, INF, 1.0], {}, [0.0, 0.0, 1.0]),
    ("segment_max", [3.0, 3.0, 1.0], {"segment_ids": [0, 0, 1], "num_segments": 3},
     [0.5, 0.5, 1.0]),
]


@pytest.mark.parametrize(("name", "x", "options", "want"), SLOPES, ids=names(SLOPES))
def test_gradient(name, x, options, want):
    x = tensor(x)
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(getattr(ops, name)(x, **options))
    got = tape.gradient(y, x).numpy()
    if want is None:
        assert np.isfinite(got).all()
    else:
        np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-37)


def test_gradient_of_two_at_a_tie():
    x, y = tensor([1.0, 2.0]), tensor([1.0, 3.0])
    for function, want in ((ops.maximum, [0.5, 0.0]), (ops.minimum, [0.5, 1.0])):
        with keras.GradientTape() as tape:
            tape.watch([x, y])
            z = ops.sum(function(x, y))
        dx, dy = tape.gradient(z, [x, y])
        np.testing.assert_array_equal(dx.numpy(), want)
        np.testing.assert_array_equal(dy.numpy(), 1 - np.array(want))


@pytest.mark.parametrize("bad", [NAN, INF])
def test_where_keeps_what_is_not_taken_out_of_the_gradient(bad):
    x = tensor([1.0, bad])
    with keras.GradientTape() as tape:
        tape.watch(x)
        safe = ops.where(ops.isfinite(x), x, 0.0)
        y = ops.sum(safe * safe)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), [2.0, 0.0])


# ---------------------------------------------------------------- nothing
E, ROW = np.zeros((0, 3), "float32"), np.zeros((2, 0), "float32")
NOTHING = [
    ("sum", (E,), {}, 0.0), ("sum", (E,), {"axis": 0}, [0.0] * 3), ("prod", (E,), {}, 1.0),
    ("mean", (ROW,), {"axis": 1}, [NAN, NAN]), ("mean", (E,), {"axis": 1}, ()),
    ("var", (ROW,), {"axis": 1}, [NAN, NAN]), ("any", (E,), {}, False), ("all", (E,), {}, True),
    ("max", (E,), {"initial": -1.0}, -1.0), ("max", (E,), {"axis": 1}, ()),
    ("logsumexp", (ROW,), {"axis": 1}, [-INF, -INF]), ("norm", (E,), {}, 0.0),
    ("count_nonzero", (E,), {}, 0),
    ("argmax", (E,), {"axis": 1}, ()), ("cumsum", (E,), {"axis": 0}, E), ("sort", (E,), {}, E),
    ("sort", (ROW,), {}, ROW), ("argsort", (ROW,), {}, ROW), ("softmax", (E,), {}, E),
    ("softmax", (ROW,), {}, ROW), ("log_softmax", (ROW,), {}, ROW),
    ("matmul", (ROW, E), {}, np.zeros((2, 3))), ("matmul", (E, np.zeros((3, 2), "float32")), {},
                                                 np.zeros((0, 2))),
    ("tensordot", (ROW, E), {"axes": 1}, np.zeros((2, 3))),
    ("add", (E, np.ones(3, "float32")), {}, E), ("transpose", (E,), {}, E.T),
    ("reshape", (E,), {"newshape": (3, 0)}, E.reshape(3, 0)), ("flip", (E,), {}, E),
    ("take", (np.ones(3, "float32"), np.zeros((0,), "int32")), {}, ()),
    ("repeat", (E,), {"repeats": 2, "axis": 1}, np.zeros((0, 6))), ("tile", (E,), {"repeats": (
        1, 2)}, np.zeros((0, 6))),
    ("pad", (E,), {"pad_width": 1}, np.zeros((2, 5))), ("diff", (np.ones(1, "float32"),), {}, ()),
    ("one_hot", (np.zeros((0,), "int32"),), {"num_classes": 3}, E),
    ("roll", (E,), {"shift": 1}, E), ("layer_normalization", (E,), {}, E),
    ("normalize", (E,), {}, E), ("relu", (E,), {}, E), ("gelu", (E,), {}, E),
    ("categorical_crossentropy", (E, E), {}, ()), ("binary_crossentropy", (E, E), {}, E),
    ("sparse_categorical_crossentropy", (np.zeros((0,), "int32"), E), {}, ()),
    ("segment_sum", (E, np.zeros((0,), "int32")), {"num_segments": 2}, np.zeros((2, 3))),
    ("conv", (np.zeros((0, 5, 2), "float32"), np.ones((3, 2, 4), "float32")), {},
     np.zeros((0, 3, 4))),
    ("max_pool", (np.zeros((0, 4, 2), "float32"),), {"pool_size": 2}, np.zeros((0, 2, 2))),
    ("average_pool", (np.zeros((0, 4, 2), "float32"),), {"pool_size": 2}, np.zeros((0, 2, 2))),
    ("image.resize", (np.zeros((0, 4, 4, 1), "float32"),), {"size": (2, 3)},
     np.zeros((0, 2, 3, 1))),
    ("det", (np.zeros((0, 2, 2), "float32"),), {}, ()),
    ("inv", (np.zeros((0, 2, 2), "float32"),), {}, np.zeros((0, 2, 2))),
    ("solve", (np.zeros((0, 2, 2), "float32"), np.zeros((0, 2, 1), "float32")), {},
     np.zeros((0, 2, 1))),
    ("cholesky", (np.zeros((0, 2, 2), "float32"),), {}, np.zeros((0, 2, 2))),
    ("trace", (np.zeros((0, 0), "float32"),), {}, 0.0),
    ("dot_product_attention", (np.zeros((0, 2, 1, 3), "float32"),) * 3, {},
     np.zeros((0, 2, 1, 3))),
]


def function(name):
    return getattr(ops.image if name.startswith("image.") else ops, name.split(".")[-1])


@pytest.mark.parametrize(("name", "tensors", "options", "want"), NOTHING, ids=names(NOTHING))
def test_nothing(name, tensors, options, want, device):
    xs = [tensor(x) for x in tensors]
    floats = [x for x in xs if str(x.dtype) == "float32"]
    with keras.GradientTape() as tape:
        tape.watch(floats)
        y = function(name)(*xs, **options)
        total = ops.sum(y) if str(y.dtype) == "float32" else None
    check(y, np.asarray(want, "float64"))
    if total is not None:
        for x, g in zip(floats, tape.gradient(total, floats, unconnected_gradients="zero")):
            assert g.shape == x.shape


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin", "amax", "median"])
def test_no_choice_from_nothing(name):
    with pytest.raises(ValueError, match=f"ops.{name}: "):
        getattr(ops, name)(tensor(ROW), axis=1)
