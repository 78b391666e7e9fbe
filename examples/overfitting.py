"""Overfitting and what helps against it, on a small part of the handwritten digits.

    python examples/overfitting.py [--device cpu|gpu|auto] [--samples 600] [--epochs 60]

A wide network learns a few hundred digits by heart: its accuracy on them is near 1 and on others
much lower. Each row of the table changes one thing: fewer parameters, a penalty on large weights
(L1, L2), dropout, more data, an end before it gets worse (early stopping).
"""

import argparse
import os
import pathlib

import numpy as np

import minikeras as keras
from minikeras import layers, regularizers

SUBSET = pathlib.Path(__file__).with_name("data") / "mnist_subset.npz"

cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
cli.add_argument("--device", choices=["cpu", "gpu", "auto"], help="overrides MINIKERAS_DEVICE")
cli.add_argument("--samples", type=int, default=600, help="digits to train on")
cli.add_argument("--more", type=int, default=10, help="times as many for the run with more data")
cli.add_argument("--tests", type=int, default=2000, help="digits to test on")
cli.add_argument("--epochs", type=int, default=60)
cli.add_argument("--units", type=int, default=256, help="units of each hidden layer")
cli.add_argument("--png", metavar="PATH", default="overfitting.png")
args = cli.parse_args()
if args.device:
    os.environ["MINIKERAS_DEVICE"] = args.device  # read when the first tensor is made

with np.load(SUBSET, allow_pickle=False) as data:
    x_train = data["x_train"].reshape(-1, 784) / np.float32(255)
    x_test = data["x_test"][: args.tests].reshape(-1, 784) / np.float32(255)
    y_train, y_test = data["y_train"], data["y_test"][: args.tests]


def network(units=args.units, penalty=None, dropout=0.0):
    """Two hidden layers; with a penalty on their weights, or dropout after each of them."""
    model = keras.Sequential([keras.Input((784,))])
    for _ in range(2):
        model.add(layers.Dense(units, activation="relu", kernel_regularizer=penalty))
        if dropout:
            model.add(layers.Dropout(dropout))
    model.add(layers.Dense(10, activation="softmax"))
    return model


def train(model, samples=args.samples, callbacks=()):
    """The history of training on the first digits, tested after each epoch."""
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    # The number of steps, not of epochs, is the same for all, so that the runs can be compared.
    epochs = max(args.epochs * args.samples // samples, 1)
    return model.fit(
        x_train[:samples], y_train[:samples], epochs=epochs, batch_size=32, verbose=0,
        validation_data=(x_test, y_test), callbacks=list(callbacks),
    ).history


def stopping():
    """Ends when the loss on the tests has not fallen for five epochs; the best weights stay."""
    return keras.callbacks.EarlyStopping("val_loss", patience=5, restore_best_weights=True)


RUNS = {
    "baseline": lambda: (network(), {}),
    "fewer parameters": lambda: (network(units=max(args.units // 16, 2)), {}),
    "L1": lambda: (network(penalty=regularizers.L1(1e-4)), {}),
    "L2": lambda: (network(penalty=regularizers.L2(1e-3)), {}),
    "dropout": lambda: (network(dropout=0.5), {}),
    "more data": lambda: (network(), {"samples": min(args.samples * args.more, len(x_train))}),
    "early stopping": lambda: (network(), {"callbacks": [stopping()]}),
}

histories = {}
print(f"{'':18}{'parameters':>11}{'epochs':>8}{'train':>8}{'test':>8}{'gap':>8}")
for name, make in RUNS.items():
    keras.utils.set_random_seed(1)
    model, options = make()
    histories[name] = train(model, **options)
    seen = options.get("samples", args.samples)
    _, on_train = model.evaluate(x_train[:seen], y_train[:seen], verbose=0)
    _, on_test = model.evaluate(x_test, y_test, verbose=0)
    print(f"{name:18}{model.count_params():>11,}{len(histories[name]['loss']):>8}"
          f"{on_train:>8.3f}{on_test:>8.3f}{on_train - on_test:>8.3f}", flush=True)


def draw(path):
    """Save the loss of each run, on what it was trained on (dashed) and on the tests."""
    from matplotlib.figure import Figure  # optional; drawn without a window

    figure = Figure(figsize=(12, 6))
    for axes, (name, history) in zip(figure.subplots(2, 4, sharey=True).flat, histories.items()):
        axes.plot(history["loss"], "--", label="train")
        axes.plot(history["val_loss"], label="test")
        axes.set(title=name, xlabel="epoch", ylim=(0, 2))
        axes.legend()
    figure.tight_layout()
    figure.savefig(path)


try:
    draw(args.png)
except ImportError:
    print("No learning curves: matplotlib is not installed.")
else:
    print(f"Learning curves drawn in {args.png}")
