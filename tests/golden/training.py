"""Probe of twenty training steps of the convolutional network of the first example."""

import numpy as np

from tests.golden.formulas import digits, glorot_uniform, integers
from tests.golden.package import array, keras

STEPS, BATCH, SAMPLED = 20, 32, 64
OPTIMIZERS = {  # at rates where Keras's own backends agree for twenty steps (SGD at 0.05: ten)
    "sgd": lambda: keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(1e-3),
    "rmsprop": lambda: keras.optimizers.RMSprop(1e-3),
    "adamw": lambda: keras.optimizers.AdamW(1e-3),
}


def network():
    """Three 3 x 3 convolutions with pooling between, two dense layers; weights by formula."""
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, (3, 3), activation="relu", name="conv_1"),
        layers.MaxPooling2D((2, 2), name="pool_1"),
        layers.Conv2D(64, (3, 3), activation="relu", name="conv_2"),
        layers.MaxPooling2D((2, 2), name="pool_2"),
        layers.Conv2D(64, (3, 3), activation="relu", name="conv_3"),
        layers.Flatten(name="flatten"),
        layers.Dense(64, activation="relu", name="dense_1"),
        layers.Dense(10, activation="softmax", name="dense_2"),
    ], name="article")
    set_weights(model)
    return model


def set_weights(model):
    """Glorot uniform kernels by formula, zero biases."""
    model.set_weights([
        glorot_uniform(w.shape, 50 + i) if w.ndim > 1 else np.zeros_like(w)
        for i, w in enumerate(model.get_weights())])


def sampled(size):
    """Places of the entries of a flattened weight that are stored."""
    return integers((SAMPLED,), 9, size)


def train(name, **compile_arguments):
    """Loss of each step and, for each weight, mean, deviation, norm and sampled entries."""
    model = network()
    model.compile(OPTIMIZERS[name](), "sparse_categorical_crossentropy", metrics=["accuracy"],
                  **compile_arguments)
    x, y = digits(STEPS * BATCH)
    logs = []
    for step in range(STEPS):
        part = slice(step * BATCH, (step + 1) * BATCH)
        model.reset_metrics()
        logs.append(model.train_on_batch(x[part], y[part], return_dict=True))
    out = {key: np.array([float(log[key]) for log in logs]) for key in ("loss", "accuracy")}
    for w in model.trainable_weights:
        flat = array(w).ravel()
        moments = np.array([flat.mean(dtype="float64"), flat.std(dtype="float64"),
                            np.linalg.norm(flat.astype("float64"))])
        out[f"moments {w.path}"] = moments
        out[f"entries {w.path}"] = flat[sampled(flat.size)]
    return out


def every():
    """All optimizers' arrays, as stored."""
    return {f"{name}: {k}": v for name in OPTIMIZERS for k, v in train(name).items()}
