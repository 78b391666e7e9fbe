"""Dense, EinsumDense, Embedding, ReversibleEmbedding: values, equations, indices, errors."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops
from minikeras.layers.einsum_dense import analyze, parse, weight_shapes


def host(x):
    return ops.convert_to_numpy(x)


def array(shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


# ---------------------------------------------------------------- Dense
@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 3), (2, 4, 5, 3)])
@pytest.mark.parametrize("use_bias", [False, True])
def test_dense(shape, use_bias):
    layer = layers.Dense(5, activation="relu", use_bias=use_bias, bias_initializer="ones")
    x = array(shape)
    y = host(layer(x))
    want = np.maximum(x @ host(layer.kernel) + use_bias, 0)
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-6)
    assert layer.count_params() == 15 + 5 * use_bias


@pytest.mark.parametrize("units", [0, -1, 2.5, None, "a", True])
def test_units(units):
    with pytest.raises(ValueError, match=f"`units` of Dense.*units={units}"):
        layers.Dense(units)


def test_dense_inputs():
    layer = layers.Dense(2, name="mine")
    layer(array((2, 3)))
    with pytest.raises(ValueError, match=r'"mine".*axis -1.*value 3.*\(2, 4\)'):
        layer(array((2, 4)))
    with pytest.raises(ValueError, match="mine.*min_ndim=2, found.*ndim=1"):
        layers.Dense(2, name="mine")(array((3,)))
    with pytest.raises(ValueError, match='"mine".*last axis'):
        layers.Dense(2, name="mine")(keras.Input((None,)))


def test_dense_keeps_masks_and_regularizes():
    x = layers.Masking()(array((2, 3, 4)))
    layer = layers.Dense(2, activity_regularizer="l1", kernel_regularizer="l2")
    y = layer(x)
    assert host(y._keras_mask).all()
    want = [0.01 * np.abs(host(y)).sum() / 2, 0.01 * (host(layer.kernel) ** 2).sum()]
    np.testing.assert_allclose([float(v) for v in layer.losses], want, rtol=1e-5)


@pytest.mark.parametrize("make", [
    lambda **k: layers.Dense(2, **k), lambda **k: layers.Embedding(2, 2, **k),
    lambda **k: layers.EinsumDense("ab,bc->ac", 2, **k),
])
def test_quantization_is_refused(make):
    with pytest.raises(NotImplementedError, match="[Qq]uantization"):
        make(quantization_config={"class_name": "Int8QuantizationConfig"})


def test_columns_of_quantized_kernels_are_refused():
    with pytest.raises(NotImplementedError, match="[Qq]uantization"):
        layers.EinsumDense("ab,bc->ac", 2, gptq_unpacked_column_size=2)


# ---------------------------------------------------------------- EinsumDense
EQUATIONS = [
    ("ab,bc->ac", (2, 4), 3, "c"), ("abc,cd->abd", (2, 3, 4), (None, 5), "d"),
    ("ab...,bc->ac...", (2, 4, 7, 8), (5,), "c"), ("...ab,bc->...ac", (2, 3, 4), (3, 5), None),
    ("...ab,bc->...ac", (2, 4), (5,), "c"), ("...x,xy->...y", (2, 3, 4), 5, "y"),
    ("abc,cde->abde", (2, 3, 4), (3, 2, 5), "be"), ("abc,cde->abde", (2, 3, 4), (3, 2, 5), "e"),
    ("aecd,abcd->acbe", (2, 5, 3, 6), (3, 4, 5), None), ("ab...,b->a...", (2, 4, 3), (), None),
    ("abc , cd -> abd", (2, 3, 4), (3, 5), "d"),
]


@pytest.mark.parametrize("equation, shape, output_shape, bias_axes", EQUATIONS)
def test_einsum_dense(equation, shape, output_shape, bias_axes):
    layer = layers.EinsumDense(equation, output_shape, bias_axes=bias_axes, activation="tanh",
                               bias_initializer="ones")
    x = array(shape)
    y = host(layer(x))
    text = equation.replace(" ", "")
    want = np.einsum(text.replace("b...", "bZY"[:1 + len(shape) - 2]).replace(
        "c...", "cZY"[:1 + len(shape) - 2]) if "b..." in text and shape[2:] and
        text.endswith("c...") else text, x, host(layer.kernel))
    np.testing.assert_allclose(y, np.tanh(want + (bias_axes is not None)), rtol=1e-5, atol=1e-6)
    declared = layer.compute_output_shape(shape)
    assert len(declared) == y.ndim and all(d in (None, n) for d, n in zip(declared, y.shape))


def test_shapes_of_kernel_and_bias():
    assert weight_shapes("abc,cde->abde", "be", (2, 3, 4), (3, 2, 5)) == ((4, 2, 5), (3, 1, 5))
    assert weight_shapes("ab...,bc->ac...", "c", (2, 4, 7, 8), (5,)) == ((4, 5), (5, 1, 1))
    assert analyze("ab...,bc->ac...", (2, 4, 7, 8), (5,))[2] == (2, 5, 7, 8)
    assert parse("...ab,bc->...ac") == ("ab", "bc", "ac", "left")


@pytest.mark.parametrize("equation", [
    "ab->ba", "ab,bc", "ab,bc,cd->ad", "...ab,bc->ac...", "ab,...bc->...ac", "...ab...,bc->...ac",
    "a1,1c->ac", "", "ab;bc->ac", "...ab,bc->ac",
])
def test_equations(equation):
    with pytest.raises(ValueError, match="Invalid einsum equation"):
        layers.EinsumDense(equation, 3)


@pytest.mark.parametrize("equation, output_shape, bias_axes, shape, words", [
    ("ab,bc->ac", 3, None, (2, 3, 4), "does not fit inputs of 3 axes"),
    ("abc,cd->abd", 3, None, (2, 3, 4), "`output_shape` .* does not fit"),
    ("abc,cd->abd", (7, 3), None, (2, 3, 4), "letter 'b'.*3 and 7"),
    ("abc,cd->abd", (None, 3), "z", (2, 3, 4), "Bias dimension 'z'"),
    ("abc,ce->abd", (None, 3), None, (2, 3, 4), "Letter 'd' of the output"),
    ("ab,bcz->ac", 3, None, (2, 4), "Letter 'z' of the kernel"),
    ("ab,bc->ac", 3, None, (2, None), "axis 'b' of the kernel.*unknown"),
    ("abc,cd->abd", (None, 3), "b", (2, None, 4), "bias's axes 'b' must be known"),
])
def test_shapes_that_do_not_fit(equation, output_shape, bias_axes, shape, words):
    layer = layers.EinsumDense(equation, output_shape, bias_axes=bias_axes)
    with pytest.raises(ValueError, match=words):
        layer.build(shape)


def test_einsum_dense_configuration():
    layer = layers.EinsumDense("ab,bc->ac", 3, bias_axes="c")
    config = layer.get_config()
    assert config["output_shape"] == (3,) and "lora_rank" not in config
    assert layers.EinsumDense.from_config(config).get_config() == config


def test_einsum_dense_of_unknown_lengths():
    inputs = keras.Input((None, 4))
    layer = layers.EinsumDense("abc,cd->abd", (None, 5))
    out = layer(inputs)
    assert out.shape == (None, None, 5)
    x = array((2, 3, 4))
    np.testing.assert_array_equal(host(keras.Model(inputs, out)(x)), host(layer(x)))


# ---------------------------------------------------------------- Embedding
def test_embedding():
    layer = layers.Embedding(5, 3)
    indices = np.array([[0, 4], [2, 2]])
    np.testing.assert_array_equal(host(layer(indices)), host(layer.embeddings)[indices])
    np.testing.assert_array_equal(
        host(layer(indices.astype("float32"))), host(layer.embeddings)[indices])
    assert layers.Embedding(5, 3, dtype="mixed_float16")(indices).dtype == "float16"


def test_index_out_of_range(device):
    layer = layers.Embedding(5, 3)
    for dtype in ("int8", "int64", "float32"):
        out = host(layer(np.array([[5, -1, 4, -6]], dtype)))
        assert np.isnan(out[0, [0, 1, 3]]).all()
        np.testing.assert_array_equal(out[0, 2], host(layer.embeddings)[4])


def test_embedding_masks_zero():
    y = layers.Embedding(5, 3, mask_zero=True)(np.array([[0, 4], [2, 0]]))
    assert host(y._keras_mask).tolist() == [[False, True], [True, False]]
    assert getattr(layers.Embedding(5, 3)(np.array([[0]])), "_keras_mask", None) is None


def test_embedding_starts_from_given_weights():
    table = array((5, 3))
    for given in (table, [table]):
        layer = layers.Embedding(5, 3, weights=given)
        np.testing.assert_array_equal(host(layer.embeddings), table)
    assert "weights" not in layer.get_config()


def test_gradient_of_an_embedding_adds_up():
    layer = layers.Embedding(4, 2)
    layer.build()
    with keras.GradientTape() as tape:
        y = ops.sum(layer(np.array([[1, 1, 3]])) * np.array([[1.0], [2.0], [5.0]], "float32"))
    (g,) = tape.gradient(y, layer.trainable_weights)
    assert host(g).tolist() == [[0, 0], [3, 3], [0, 0], [5, 5]]


# ---------------------------------------------------------------- ReversibleEmbedding
@pytest.mark.parametrize("tie_weights", [False, True])
@pytest.mark.parametrize("logit_soft_cap", [None, 0.5])
def test_reverse(tie_weights, logit_soft_cap):
    layer = layers.ReversibleEmbedding(5, 3, tie_weights, logit_soft_cap=logit_soft_cap)
    x = array((2, 4, 3))
    scores = layer(x, reverse=True)
    table = host(layer.embeddings).T if tie_weights else host(layer.reverse_embeddings)
    want = x @ table
    want = want if logit_soft_cap is None else 0.5 * np.tanh(want / 0.5)
    np.testing.assert_allclose(host(scores), want, rtol=1e-4, atol=1e-6)
    assert layer.compute_output_shape((2, 4, 3), reverse=True) == scores.shape
    assert layer.compute_output_shape((2, 4)) == layer(np.ones((2, 4), "int32")).shape
    assert len(layer.weights) == 2 - tie_weights
    out = layer(keras.Input((None, 3)), reverse=True)
    assert out.shape == (None, None, 5)


def test_reverse_dtype_and_regularizer():
    layer = layers.ReversibleEmbedding(
        5, 3, tie_weights=False, reverse_dtype="float32", dtype="mixed_float16",
        embeddings_regularizer="l2", embeddings_constraint="non_neg")
    assert layer(np.ones((2, 4), "int32")).dtype == "float16"
    assert layer(array((2, 3)).astype("float16"), reverse=True).dtype == "float32"
    assert len(layer.losses) == 1 and layer.reverse_embeddings.constraint is None


def test_masks_of_a_reversible_embedding():
    layer = layers.ReversibleEmbedding(5, 3, mask_zero=True)
    x = layer(np.array([[0, 4], [2, 0]]))
    assert host(x._keras_mask).tolist() == [[False, True], [True, False]]
    assert getattr(layer(x, reverse=True), "_keras_mask", None) is None
