"""MNIST: handwritten digits."""

from minikeras.api.registry import public
from minikeras.datasets import loading

SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


@public("datasets.mnist.load_data")
def load_data(path="mnist.npz"):
    """MNIST: 60,000 digits for training and 10,000 for testing, grey, of 28 x 28 pixels.

    The file (11 MB) is downloaded once and kept in `~/.keras/datasets`, or in `datasets` under the
    environment variable `KERAS_HOME`.

    Args:
        path: Name of the file in the cache.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images, uint8 (n, 28, 28), 0 background to 255;
        labels, uint8 (n,), 0 to 9.

    Raises:
        OSError: The file could not be downloaded.

    Reference: LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document
    recognition".

    Example:

        (x_train, y_train), (x_test, y_test) = minikeras.datasets.mnist.load_data()
        x_train, x_test = x_train / 255.0, x_test / 255.0
    """
    file = loading.fetch("mnist.npz", SHA256, path)
    x_train, y_train, x_test, y_test = loading.read_arrays(
        file, "x_train", "y_train", "x_test", "y_test"
    )
    return (x_train, y_train), (x_test, y_test)
