"""The models that are measured, written once against the Keras API.

A builder takes the package under test as `keras` and returns an uncompiled model; sizes follow
common examples. Data is synthetic: speed does not depend on what the labels mean.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Case:
    """One model with its data.

    Args:
        build: `build(keras)` returns the uncompiled model.
        data: `data(rng, n)` returns inputs and targets of n samples.
        batch: samples a step, in training and in prediction.
        steps: training steps an epoch.
        predict: samples a call of `predict`, a multiple of `batch`.
        compile: arguments of `model.compile`.
        eager: whether the package under test runs eagerly (its peers never do).
        serve: whether calls with one sample are measured too.
    """

    build: Callable
    data: Callable
    batch: int
    steps: int
    predict: int
    compile: dict = field(default_factory=dict)
    eager: bool = False
    serve: bool = False

    @property
    def measures(self):
        """What is measured of the case."""
        return ("train", "predict", "call", "one") if self.serve else ("train", "predict")

    def arrays(self):
        """Returns training inputs, training targets and the inputs of `predict`."""
        x, y = self.data(np.random.default_rng(0), max(self.batch * self.steps, self.predict))
        return x[: self.batch * self.steps], y[: self.batch * self.steps], x[: self.predict]


CLASSIFY = dict(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])


def images(*shape):
    """Data maker: `(n, *shape)` float32 in [0, 1) and n labels below 10."""

    def make(rng, n):
        return rng.random((n, *shape), dtype=np.float32), rng.integers(0, 10, n, dtype=np.int32)

    return make


def tokens(rng, n):
    """`(n, 100)` int32 tokens below 5000 and n labels, 0 or 1."""
    return rng.integers(0, 5000, (n, 100), dtype=np.int32), rng.integers(0, 2, n, dtype=np.int32)


def table(rng, n):
    """`(n, 13)` float32 features and `(n, 1)` float32 targets."""
    return rng.random((n, 13), dtype=np.float32), rng.random((n, 1), dtype=np.float32)


def article(keras, **last):
    """The small MNIST network of many introductions: 93k parameters. `last`: of its last layer."""
    layers = keras.layers
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax", **last),
    ])


def mlp(keras):
    """784-512-512-10 with dropout: 670k parameters, all matrix products and Adam."""
    layers = keras.layers
    return keras.Sequential([
        keras.Input((784,)),
        layers.Dense(512, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(512, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(10, activation="softmax"),
    ])


def residual_block(keras, x, filters, stride):
    """Two 3x3 convolutions with BatchNormalization, and a 1x1 shortcut where the size changes."""
    layers = keras.layers
    y = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    y = layers.Activation("relu")(layers.BatchNormalization()(y))
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    if stride != 1:
        x = layers.Conv2D(filters, 1, strides=stride, use_bias=False)(x)
        x = layers.BatchNormalization()(x)
    return layers.Activation("relu")(layers.Add()([x, y]))


def resnet(keras):
    """ResNet for 32x32 images: 16, 32 and 64 filters, two blocks each."""
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(inputs)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    for filters, stride in ((16, 1), (16, 1), (32, 2), (32, 1), (64, 2), (64, 1)):
        x = residual_block(keras, x, filters, stride)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))


def lstm(keras):
    """A sentence classifier: 100 tokens, one LSTM of 64 units."""
    layers = keras.layers
    return keras.Sequential([
        keras.Input((100,), dtype="int32"),
        layers.Embedding(5000, 64),
        layers.LSTM(64),
        layers.Dense(1, activation="sigmoid"),
    ])


def transformer(keras):
    """Two encoder blocks of 4 heads over 100 tokens of 64 units, normalised after each sum."""
    layers = keras.layers
    inputs = keras.Input((100,), dtype="int32")
    x = layers.Embedding(5000, 64)(inputs)
    for _ in range(2):
        attended = layers.MultiHeadAttention(num_heads=4, key_dim=16)(x, x)
        x = layers.LayerNormalization()(layers.Add()([x, attended]))
        y = layers.Dense(64)(layers.Dense(256, activation="relu")(x))
        x = layers.LayerNormalization()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(x))


def tiny(keras):
    """13-16-1 regression: nothing but the cost of a step itself."""
    layers = keras.layers
    return keras.Sequential([
        keras.Input((13,)),
        layers.Dense(16, activation="relu"),
        layers.Dense(1),
    ])


def autoencoder(keras):
    """Images of 28x28 through 32 numbers and back: convolutions down, transposed ones up."""
    layers = keras.layers
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
        layers.Flatten(),
        layers.Dense(32, activation="tanh"),
        layers.Dense(7 * 7 * 32, activation="relu"),
        layers.Reshape((7, 7, 32)),
        layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid"),
    ])


def same_images(rng, n):
    """Images that are their own targets."""
    x = rng.random((n, 28, 28, 1), dtype=np.float32)
    return x, x


def unet(keras):
    """Two levels down and up over 32x32 images, joined across; a class for each pixel."""
    layers = keras.layers

    def twice(x, filters):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
        return x

    inputs = keras.Input((32, 32, 3))
    high = twice(inputs, 8)
    middle = twice(layers.MaxPooling2D()(high), 16)
    x = twice(layers.MaxPooling2D()(middle), 32)
    x = twice(layers.Concatenate()([layers.UpSampling2D()(x), middle]), 16)
    x = twice(layers.Concatenate()([layers.UpSampling2D()(x), high]), 8)
    return keras.Model(inputs, layers.Conv2D(4, 1, activation="softmax")(x))


def pixels(rng, n):
    """Images with a class below 4 for each pixel."""
    x = rng.random((n, 32, 32, 3), dtype=np.float32)
    return x, rng.integers(0, 4, (n, 32, 32), dtype=np.int32)


def towers(keras):
    """Two towers for users and items, whose product says how well they fit."""
    layers = keras.layers
    inputs = keras.Input((2,), dtype="int32")
    sides = []
    for side in range(2):
        x = layers.Embedding(2000, 32)(inputs[:, side])
        x = layers.Dense(32)(layers.Dense(64, activation="relu")(x))
        sides.append(layers.UnitNormalization()(x))
    score = layers.Dot(axes=-1)(sides)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(score))


def pairs(rng, n):
    """Pairs of numbers below 2000 and whether they fit."""
    fits = rng.integers(0, 2, (n, 1)).astype("float32")
    return rng.integers(0, 2000, (n, 2), dtype=np.int32), fits


# Steps are few enough that the slowest peer's epoch takes about a second, and enough that what
# an epoch costs by itself (shuffling, the iterator) stays a few per cent.
CASES = {
    "article32": Case(article, images(28, 28, 1), 32, 60, 3200, CLASSIFY),
    "article32-eager": Case(article, images(28, 28, 1), 32, 40, 3200, CLASSIFY, eager=True),
    "article128": Case(article, images(28, 28, 1), 128, 16, 6400, CLASSIFY),
    "mlp": Case(mlp, images(784), 128, 60, 12800, CLASSIFY),
    "resnet": Case(resnet, images(32, 32, 3), 64, 6, 640, CLASSIFY),
    "lstm": Case(lstm, tokens, 32, 30, 1600,
                 dict(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])),
    "transformer": Case(transformer, tokens, 32, 15, 960, CLASSIFY),
    "autoencoder": Case(autoencoder, same_images, 64, 30, 3200, dict(optimizer="adam",
                                                                     loss="mse")),
    "unet": Case(unet, pixels, 16, 10, 320, CLASSIFY),
    "towers": Case(towers, pairs, 128, 100, 12800, dict(optimizer="adam",
                                                         loss="binary_crossentropy")),
    "tiny": Case(tiny, table, 32, 400, 12800, dict(optimizer="sgd", loss="mse"), serve=True),
}


def compiled(keras, case, eager=False):
    """Returns the case's model, compiled; `eager` runs its steps eagerly."""
    model = case.build(keras)
    model.compile(**case.compile, **({"run_eagerly": True} if eager else {}))
    return model
