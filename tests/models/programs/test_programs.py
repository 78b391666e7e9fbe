"""Whole programs at toy size: each is built, trained, remade from its configuration, and saved."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

RNG = np.random.default_rng(1)


def images(n=32, size=16, channels=1):
    """Bright squares at random places, and the row of each."""
    x = RNG.uniform(0, 0.1, (n, size, size, channels)).astype("float32")
    rows, columns = RNG.integers(0, size - 4, (2, n))
    for i, (r, c) in enumerate(zip(rows, columns)):
        x[i, r : r + 4, c : c + 4] = 1
    return x, rows


# ---------------------------------------------------------------- sequences
def addition():
    """Sequence to sequence: digits in, the same digits backwards out."""
    digits = RNG.integers(1, 8, (64, 5))
    back = digits[:, ::-1]
    shifted = np.concatenate([np.zeros((64, 1), int), back[:, :-1]], 1)
    source, target = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    embed = layers.Embedding(8, 16)
    _, h, c = layers.LSTM(32, return_state=True)(embed(source))
    hidden = layers.LSTM(32, return_sequences=True)(embed(target), initial_state=[h, c])
    model = keras.Model([source, target], layers.Dense(8, activation="softmax")(hidden))
    return model, [digits, shifted], back, "sparse_categorical_crossentropy", 0.01


def tagger():
    """Bidirectional recurrent tagging of padded sequences: a tag a token."""
    tokens = RNG.integers(1, 20, (64, 7))
    tokens[::3, 5:] = 0
    tags = (tokens % 3 == 0).astype("int32")
    model = keras.Sequential([
        keras.Input((7,), dtype="int32"), layers.Embedding(20, 12, mask_zero=True),
        layers.Bidirectional(layers.GRU(8, return_sequences=True, dropout=0.1)),
        layers.TimeDistributed(layers.Dense(3, activation="softmax")),
    ])
    return model, tokens, tags, "sparse_categorical_crossentropy", 0.02


class TransformerBlock(layers.Layer):
    """Attention and two dense layers, each added to its input and normalised."""

    def __init__(self, width, heads, hidden, **kwargs):
        super().__init__(**kwargs)
        self.width, self.heads, self.hidden = width, heads, hidden
        self.attention = layers.MultiHeadAttention(heads, width // heads)
        self.feed = keras.Sequential([layers.Dense(hidden, activation="relu"), layers.Dense(width)])
        self.norms = [layers.LayerNormalization(epsilon=1e-6) for _ in range(2)]
        self.drops = [layers.Dropout(0.1) for _ in range(2)]

    def call(self, inputs, training=None):
        y = self.attention(inputs, inputs)
        y = self.norms[0](inputs + self.drops[0](y, training=training))
        return self.norms[1](y + self.drops[1](self.feed(y), training=training))


class TokensAndPlaces(layers.Layer):
    """The sum of an embedding of the token and one of its place."""

    def __init__(self, length, words, width, **kwargs):
        super().__init__(**kwargs)
        self.tokens = layers.Embedding(words, width)
        self.places = layers.Embedding(length, width)

    def call(self, inputs):
        return self.tokens(inputs) + self.places(ops.arange(inputs.shape[-1]))


def text_transformer():
    """A classifier of texts of layers of one's own."""
    tokens = RNG.integers(0, 30, (64, 12))
    labels = (np.sum(tokens < 8, 1) > 3).astype("int32")
    inputs = keras.Input((12,), dtype="int32")
    x = TransformerBlock(16, 2, 32)(TokensAndPlaces(12, 30, 16)(inputs))
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling1D()(x))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    return model, tokens, labels, "sparse_categorical_crossentropy", 0.01


def language_model():
    """A decoder: the next token by causal attention."""
    tokens = np.cumsum(RNG.integers(0, 2, (64, 9)), 1) % 10
    inputs = keras.Input((8,), dtype="int32")
    x = layers.Embedding(10, 16)(inputs)
    y = layers.GroupQueryAttention(4, num_query_heads=4, num_key_value_heads=2)(
        x, x, use_causal_mask=True)
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    model = keras.Model(inputs, layers.Dense(10)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return model, tokens[:, :-1], tokens[:, 1:], loss, 0.02


def series():
    """A forecast of a sum of waves, with recurrent dropout and stacked cells."""
    t = RNG.uniform(0, 6, (64, 1)) + np.arange(12) * 0.4
    x = (np.sin(t) + 0.3 * np.cos(3 * t)).astype("float32")[..., None]
    model = keras.Sequential([
        keras.Input((11, 1)),
        layers.RNN([layers.LSTMCell(12), layers.GRUCell(12)], return_sequences=True),
        layers.SimpleRNN(8), layers.Dense(1),
    ])
    return model, x[:, :-1], x[:, -1], "mse", 0.02


# ---------------------------------------------------------------- images
class Patches(layers.Layer):
    """Squares of an image as rows of numbers."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, images):
        n, (h, w, c) = self.size, images.shape[1:]
        x = ops.reshape(images, (-1, h // n, n, w // n, n, c))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, (h // n) * (w // n), n * n * c))


def vision_transformer():
    """Patches of an image as the tokens of a transformer."""
    x, rows = images()
    inputs = keras.Input((16, 16, 1))
    patches = layers.Dense(16)(Patches(4)(inputs))
    y = TokensAndPlaces(16, 16, 16, name="places").places(ops.arange(16))
    hidden = layers.LayerNormalization()(patches + y)
    hidden = hidden + layers.MultiHeadAttention(2, 8, dropout=0.1)(hidden, hidden)
    hidden = layers.Flatten()(layers.LayerNormalization()(hidden))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(hidden))
    return model, x, (rows > 6).astype("int32"), "sparse_categorical_crossentropy", 0.005


def frames():
    """The next frame of a moving square by convolutional recurrence."""
    movie = np.zeros((16, 6, 10, 10, 1), "float32")
    for i, (r, c) in enumerate(RNG.integers(0, 4, (16, 2))):
        for t in range(6):
            movie[i, t, r + t : r + t + 2, c : c + 2] = 1
    model = keras.Sequential([
        keras.Input((None, 10, 10, 1)),
        layers.ConvLSTM2D(6, 3, padding="same", return_sequences=True),
        layers.BatchNormalization(),
        layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True),
        layers.Conv3D(1, 3, padding="same", activation="sigmoid"),
    ])
    return model, movie[:, :-1], movie[:, 1:], "binary_crossentropy", 0.02


class Distance(layers.Layer):
    """The Euclidean distance of two rows."""

    def call(self, inputs):
        a, b = inputs
        return ops.sqrt(ops.sum(ops.square(a - b), axis=1, keepdims=True) + 1e-7)


def contrastive(y_true, y_pred):
    """Near for pairs of a kind, beyond a margin for others."""
    y_true = ops.cast(y_true, y_pred.dtype)
    far = ops.square(ops.maximum(1.0 - y_pred, 0.0))
    return ops.mean((1 - y_true) * ops.square(y_pred) + y_true * far)


def siamese():
    """Two images through one network: whether they are of one kind."""
    x, rows = images(64)
    a, b = x[:32], x[32:]
    differ = ((rows[:32] > 6) != (rows[32:] > 6)).astype("float32")[:, None]
    tower = keras.Sequential([
        keras.Input((16, 16, 1)), layers.Conv2D(4, 5, activation="tanh"),
        layers.AveragePooling2D(2), layers.Flatten(), layers.BatchNormalization(),
        layers.Dense(8, activation="tanh"),
    ])
    inputs = [keras.Input((16, 16, 1)) for _ in range(2)]
    model = keras.Model(inputs, Distance()([tower(i) for i in inputs]))
    return model, [a, b], differ, contrastive, 0.01


def autoencoder():
    """Images through a narrow middle and back."""
    x, _ = images()
    model = keras.Sequential([
        keras.Input((16, 16, 1)), layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
    ])
    return model, x, x, "binary_crossentropy", 0.01


def unet():
    """Segmentation: what is seen fine joins what is seen coarse."""
    x, _ = images()
    inputs = keras.Input((16, 16, 1))
    kept, y = [], inputs
    for filters in (8, 16):
        y = layers.SeparableConv2D(filters, 3, padding="same")(y)
        y = layers.Activation("relu")(layers.BatchNormalization()(y))
        kept.append(y)
        y = layers.MaxPooling2D(3, strides=2, padding="same")(y)
    for skip, filters in zip(kept[::-1], (16, 8)):
        y = layers.UpSampling2D(2)(y)
        y = layers.Concatenate()([y, skip])
        y = layers.Conv2D(filters, 3, padding="same", activation="relu")(y)
    model = keras.Model(inputs, layers.Conv2D(2, 1, activation="softmax")(y))
    return model, x, (x[..., 0] > 0.5).astype("int32"), "sparse_categorical_crossentropy", 0.01


PROGRAMS = {f.__name__: f for f in (
    addition, tagger, text_transformer, language_model, series, vision_transformer, frames,
    siamese, autoencoder, unet)}
OWN = {c.__name__: c for c in (TransformerBlock, TokensAndPlaces, Patches, Distance)}
OWN["contrastive"] = contrastive


@pytest.fixture(params=PROGRAMS)
def program(request):
    keras.utils.set_random_seed(2)
    return PROGRAMS[request.param]()


def outputs(model, x):
    return np.asarray(model.predict(x, verbose=0))


def test_it_learns_and_is_remade(program, tmp_path):
    model, x, y, loss, rate = program
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["mae"] if loss == "mse" else None)
    history = model.fit(x, y, batch_size=16, epochs=12, verbose=0).history["loss"]
    assert history[-1] < 0.85 * history[0], history
    want = outputs(model, x)
    with keras.saving.CustomObjectScope(OWN):
        again = type(model).from_config(model.get_config())
        again.set_weights(model.get_weights())
        np.testing.assert_allclose(outputs(again, x), want, rtol=1e-4, atol=1e-6)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(outputs(loaded, x), want, rtol=1e-4, atol=1e-6)
        loaded.fit(x, y, batch_size=16, epochs=1, verbose=0)


def test_one_eager_step_is_the_compiled_one(program):
    """From the same weights, with the same draws, one step changes the weights alike."""
    model, x, y, loss, _ = program
    start = [np.array(v) for v in model.variables]
    first = [a[:16] for a in x] if isinstance(x, list) else x[:16]
    found = []
    for eager in (True, False):
        for v, value in zip(model.variables, start):
            v.assign(value)
        model.compile(keras.optimizers.SGD(0.1), loss, run_eagerly=eager)
        model.train_on_batch(first, y[:16])
        found.append(model.get_weights())
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
