"""A convolutional network that reads handwritten digits.

    python examples/mnist_cnn.py [--device cpu|gpu|auto] [--full mnist.npz] [--epochs 5]

The program between the two lines is as one writes it with TensorFlow's Keras; only the two imports
differ.
"""

import argparse
import os
import pathlib

import numpy as np

import minikeras as tf
from minikeras.keras import layers

SUBSET = pathlib.Path(__file__).with_name("data") / "mnist_subset.npz"

cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
cli.add_argument("--device", choices=["cpu", "gpu", "auto"], help="overrides MINIKERAS_DEVICE")
cli.add_argument("--full", metavar="PATH", default=SUBSET, help="a whole mnist.npz")
cli.add_argument("--epochs", type=int, default=5)
cli.add_argument("--png", metavar="PATH", default="mnist_predictions.png")
args = cli.parse_args()
if args.device:
    os.environ["MINIKERAS_DEVICE"] = args.device  # read when the first tensor is made

with np.load(args.full, allow_pickle=False) as data:
    x_train, y_train = data["x_train"] / np.float32(255), data["y_train"]  # (n, 28, 28), 0 to 1
    x_test, y_test = data["x_test"] / np.float32(255), data["y_test"]

# ----------------------------------------------------------------------------------------------
model = tf.keras.Sequential(
    [
        layers.Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(
    optimizer="adam",
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(x_train, y_train, epochs=args.epochs)
test_loss, test_acc = model.evaluate(x_test, y_test)
# ----------------------------------------------------------------------------------------------

print(f"Test accuracy: {test_acc:.4f}")


def draw(path, images, probabilities, labels, rows=3, columns=6):
    """Save a picture of some digits with what the model took them for; a mistake in red."""
    from matplotlib.figure import Figure  # optional; drawn without a window

    figure = Figure(figsize=(1.4 * columns, 1.6 * rows))
    for i, axes in enumerate(figure.subplots(rows, columns).flat):
        guess = int(np.argmax(probabilities[i]))
        axes.imshow(images[i], cmap="gray_r")
        axes.set_title(
            f"{guess}  ({probabilities[i, guess]:.0%})",
            color="black" if guess == labels[i] else "red",
        )
        axes.axis("off")
    figure.tight_layout()
    figure.savefig(path)


try:
    draw(args.png, x_test[:18], model.predict(x_test[:18], verbose=0), y_test[:18])
except ImportError:
    print("No picture of predictions: matplotlib is not installed.")
else:
    print(f"Predictions drawn in {args.png}")
