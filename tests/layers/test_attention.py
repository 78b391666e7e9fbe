"""Attention layers: masks, heads, axes, dropout, errors."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 6)).astype("float32")
Y = RNG.normal(size=(2, 3, 6)).astype("float32")


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


# ---------------------------------------------------------------- by definition
def projected(dense, x):
    return np.einsum("abc,cde->abde", x, dense.kernel.numpy()) + dense.bias.numpy()


def test_multi_head_attention_by_definition():
    layer = layers.MultiHeadAttention(2, 3, value_dim=4, bias_initializer="normal")
    y, weights = layer(X, Y, return_attention_scores=True)
    q, k, v = (projected(d, a) for d, a in (
        (layer.query_dense, X), (layer.key_dense, Y), (layer.value_dense, Y)))
    p = softmax(np.einsum("btnd,bsnd->bnts", q, k) / np.sqrt(3))
    want = np.einsum("bnts,bsnd,nde->bte", p, v, layer.output_dense.kernel.numpy())
    np.testing.assert_allclose(weights.numpy(), p, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        y.numpy(), want + layer.output_dense.bias.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer(X, Y).numpy(), y.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mask", ["none", "causal", "attention", "value", "blind"])
def test_with_and_without_scores_agree(mask):
    """The scores asked for, all of them are made; else they are not: values and gradients."""
    layer = layers.MultiHeadAttention(2, 3)
    more = {
        "none": {}, "causal": {"use_causal_mask": True},
        "attention": {"attention_mask": np.tril(np.ones((2, 5, 3), bool))},
        "value": {"value_mask": np.array([[1, 0, 1], [1, 1, 0]], bool)},
        "blind": {"attention_mask": np.ones((2, 5, 3), bool)},
    }[mask]
    found = []
    for scores in (False, True):
        x = ops.convert_to_tensor(X)
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, Y, return_attention_scores=scores, **more)
            y = y[0] if scores else y
            value = ops.sum(y * y)
        found.append([y, *tape.gradient(value, [x, *layer.trainable_variables])])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-5)


def test_a_row_that_may_see_nothing():
    """With scores its weights are 0; without, as Keras has it, it takes the mean of the values."""
    layer = layers.MultiHeadAttention(2, 3)
    mask = np.ones((2, 5, 3), bool)
    mask[0, 1] = False
    y, weights = layer(X, Y, attention_mask=mask, return_attention_scores=True)
    assert not weights.numpy()[0, :, 1].any() and not y.numpy()[0, 1].any()
    v = projected(layer.value_dense, Y)[0].mean(0)
    want = np.einsum("nd,nde->e", v, layer.output_dense.kernel.numpy())
    np.testing.assert_allclose(
        layer(X, Y, attention_mask=mask).numpy()[0, 1], want, rtol=1e-4, atol=1e-6)


def test_causal_attention_sees_no_later_step():
    layer = layers.MultiHeadAttention(2, 3)
    before = layer(X, X, use_causal_mask=True).numpy()
    changed = X.copy()
    changed[:, 3:] = 9.0
    after = layer(changed, changed, use_causal_mask=True).numpy()
    np.testing.assert_allclose(after[:, :3], before[:, :3], rtol=1e-5, atol=1e-6)
    assert (np.abs(after[:, 3:] - before[:, 3:]) > 1e-3).any()


def test_a_sliding_window_sees_its_neighbours():
    layer = layers.MultiHeadAttention(2, 3, sliding_window=2)
    _, weights = layer(X, X, return_attention_scores=True)
    far = np.abs(np.subtract.outer(np.arange(5), np.arange(5))) > 1
    assert not weights.numpy()[..., far].any() and weights.numpy()[..., ~far].all()


def test_grouped_heads_share_keys_and_values():
    grouped = layers.GroupQueryAttention(3, num_query_heads=4, num_key_value_heads=2)
    full = layers.GroupQueryAttention(3, num_query_heads=4, num_key_value_heads=4)
    grouped(X, Y)
    full(X, Y)
    weights = [
        np.repeat(w, 2, axis=-2) if v.path.split("/")[-2] in ("key", "value") else w
        for v, w in zip(grouped.weights, grouped.get_weights())
    ]
    full.set_weights(weights)
    np.testing.assert_allclose(full(X, Y).numpy(), grouped(X, Y).numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2), (2, 1)])
def test_attention_over_some_axes(axes, rng):
    x = rng.normal(size=(2, 3, 4, 5)).astype("float32")
    layer = layers.MultiHeadAttention(2, 3, attention_axes=axes)
    y, weights = layer(x, x, return_attention_scores=True)
    lengths = tuple(x.shape[a] for a in axes)
    outer = tuple(n for i, n in enumerate(x.shape[:-1]) if i not in axes)
    assert y.shape == x.shape and weights.shape == (*outer, 2, *lengths, *lengths)
    if axes == (2,):
        for i in range(3):
            flat = layers.MultiHeadAttention(2, 3)
            flat.build(x[:, i].shape, x[:, i].shape)
            flat.set_weights(layer.get_weights())
            np.testing.assert_allclose(
                y.numpy()[:, i], flat(x[:, i], x[:, i]).numpy(), rtol=1e-4, atol=1e-6)
    mask = rng.random((2, *[1] * (len(outer) - 1), *lengths, *lengths)) > 0.3
    masked, weights = layer(x, x, attention_mask=mask, return_attention_scores=True)
    seen = np.broadcast_to(np.expand_dims(mask, len(outer)), weights.shape)
    assert not weights.numpy()[~seen].any()
    if (mask.any(axis=tuple(range(-len(axes), 0)))).all():
        np.testing.assert_allclose(
            layer(x, x, attention_mask=mask).numpy(), masked.numpy(), rtol=1e-4, atol=1e-6)


# ---------------------------------------------------------------- masks that tensors carry
def test_masks_that_inputs_carry():
    tokens = np.array([[1, 2, 3, 0, 0], [4, 1, 2, 3, 0]])
    x = layers.Embedding(6, 6, mask_zero=True)(tokens)
    layer = layers.MultiHeadAttention(2, 3)
    y, weights = layer(x, x, return_attention_scores=True)
    assert not weights.numpy()[0, ..., 3:].any()
    np.testing.assert_array_equal(y._keras_mask.numpy(), tokens != 0)
    bare = ops.convert_to_tensor(x.numpy())
    given = layer(bare, bare, query_mask=tokens != 0, value_mask=tokens != 0)
    kept = layer(x, x).numpy()
    np.testing.assert_array_equal(kept[tokens != 0], given.numpy()[tokens != 0])
    # What a masked query that the tensor tells of sees is the mean of everything.
    value = layer.output_dense(ops.mean(layer.value_dense(x), axis=1, keepdims=True)).numpy()
    np.testing.assert_allclose(
        kept[tokens == 0], np.broadcast_to(value, kept.shape)[tokens == 0], rtol=1e-5, atol=1e-7)
    attention = layers.Attention()
    z = attention([x, x])
    np.testing.assert_array_equal(z._keras_mask.numpy(), tokens != 0)
    assert not z.numpy()[0, 3:].any()
    np.testing.assert_allclose(
        z.numpy()[0, :3], attention([x[:1, :3], x[:1, :3]]).numpy()[0], rtol=1e-5)


@pytest.mark.parametrize("kind", [layers.Attention, layers.AdditiveAttention])
def test_scores_of_attention_sum_to_one(kind):
    y, weights = kind()([X, Y], return_attention_scores=True)
    np.testing.assert_allclose(weights.numpy().sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(y.numpy(), weights.numpy() @ Y, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(kind()([X, Y]).numpy().shape, (2, 5, 6))


def test_attention_of_more_axes():
    y = layers.Attention()([X[None], Y[None]]).numpy()
    np.testing.assert_allclose(y[0], layers.Attention()([X, Y]).numpy(), rtol=1e-4, atol=1e-6)


# ---------------------------------------------------------------- dropout
@pytest.mark.parametrize("make", [
    lambda **k: layers.MultiHeadAttention(2, 3, **k), lambda **k: layers.Attention(**k),
    lambda **k: layers.GroupQueryAttention(3, 2, 1, **k),
])
def test_dropout_acts_in_training_only_and_repeats_with_its_seed(make):
    def call(layer, **more):
        both = ([X, Y],) if isinstance(layer, layers.Attention) else (X, Y)
        return layer(*both, **more).numpy()

    layer, again, plain = make(dropout=0.5, seed=7), make(dropout=0.5, seed=7), make()
    for other in (layer, again, plain):
        call(other)
    again.set_weights(layer.get_weights())
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(call(layer), call(plain), rtol=1e-5, atol=1e-6)
    first, second = call(layer, training=True), call(layer, training=True)
    assert (first != second).any()
    np.testing.assert_array_equal(call(again, training=True), first)


# ---------------------------------------------------------------- errors, configuration, files
@pytest.mark.parametrize("make, message", [
    (lambda: layers.MultiHeadAttention(0, 3), "num_heads=0"),
    (lambda: layers.MultiHeadAttention(2, 0), "key_dim=0"),
    (lambda: layers.MultiHeadAttention(2, 3, sliding_window=0), "sliding_window=0"),
    (lambda: layers.MultiHeadAttention(2, 3, attention_axes=(0.5,)), "attention_axes"),
    (lambda: layers.MultiHeadAttention(2, 3, flash_attention=True, dropout=0.1), "Dropout is not"),
    (lambda: layers.MultiHeadAttention(2, 3, flash_attention=True)(
        X, X, return_attention_scores=True), "Returning attention scores is not supported"),
    (lambda: layers.MultiHeadAttention(2, 3)(X, X, key=Y), "except the last one, must be equal"),
    (lambda: layers.MultiHeadAttention(2, 3)(X[0], X[0]), "3 or more axes"),
    (lambda: layers.GroupQueryAttention(3, 4, 3), "must be divisible"),
    (lambda: layers.Attention(score_mode="x"), "score_mode=x"),
    (lambda: layers.Attention()(X), "must be called on a list"),
    (lambda: layers.Attention()([X]), "length 2 or 3.*Received length: 1"),
    (lambda: layers.Attention()([X] * 4), "Received length: 4"),
    (lambda: layers.Attention()([X, X], mask=np.ones((2, 5), bool)), "mask must be a list"),
    (lambda: layers.AdditiveAttention()(X), "AdditiveAttention layer must be called on a list"),
])
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_initializers_and_regularizers_of_projections():
    given = keras.initializers.GlorotUniform(seed=3)
    layer = layers.MultiHeadAttention(
        2, 3, kernel_initializer=given, activity_regularizer="l2", bias_regularizer="l1")
    layer(X, X)
    parts = [layer.query_dense, layer.key_dense, layer.value_dense, layer.output_dense]
    assert all(p.kernel_initializer is not given for p in parts)
    assert len(layer.losses) == 4 + 4  # of outputs, and of biases
    config = layer.get_config()
    assert config["activity_regularizer"]["class_name"] == "L2"
    again = layers.MultiHeadAttention.from_config(config)
    assert again.get_config() == {**config, "attention_axes": config["attention_axes"]}


@pytest.mark.parametrize("make", [
    lambda x: layers.MultiHeadAttention(2, 4, use_gate=True)(x, x),
    lambda x: layers.GroupQueryAttention(4, 2, 1, dropout=0.1)(x, x, use_causal_mask=True),
    lambda x: layers.Attention(use_scale=True)([x, x]),
    lambda x: layers.AdditiveAttention()([x, x]),
])
def test_training_and_files(make, tmp_path, rng):
    x = rng.integers(1, 20, (64, 6))
    y = (x[:, :1] > 10).astype("float32")
    inputs = keras.Input((6,), dtype="int32")
    hidden = layers.Embedding(20, 8, mask_zero=True)(inputs)
    hidden = layers.GlobalAveragePooling1D()(make(hidden))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    losses = model.fit(x, y, epochs=15, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    path = tmp_path / "model.keras"
    model.save(path)
    again = keras.models.load_model(path)
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-4)


def test_half_precision():
    layer = layers.MultiHeadAttention(2, 3, dtype="mixed_float16")
    y, weights = layer(X, Y, return_attention_scores=True)
    assert y.dtype == weights.dtype == "float16" and layer.query_dense.kernel.dtype == "float32"
    np.testing.assert_allclose(layer(X, Y).numpy(), y.numpy(), atol=5e-3)
    mask = np.zeros((2, 5, 3), bool)
    assert np.isfinite(layer(X, Y, attention_mask=mask).numpy()).all()


def test_a_subclass_that_keeps_keys_and_values():
    """Decoding step by step with a cache, by the projections and `_compute_attention`."""

    class Cached(layers.MultiHeadAttention):
        def step(self, x, cache):
            new = [self._key_dense(x), self._value_dense(x)]
            if cache is not None:
                new = [ops.concatenate([a, b], axis=1) for a, b in zip(cache, new)]
            y, _ = self._compute_attention(self._query_dense(x), *new, attention_mask=None)
            return self._output_dense(y), new

    layer = Cached(2, 3)
    want = layer(X, X, use_causal_mask=True).numpy()
    cache, steps = None, []
    for t in range(5):
        y, cache = layer.step(ops.convert_to_tensor(X[:, t : t + 1]), cache)
        steps.append(y.numpy())
    np.testing.assert_allclose(np.concatenate(steps, 1), want, rtol=1e-4, atol=1e-6)
