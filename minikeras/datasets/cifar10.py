"""CIFAR-10: small colour pictures of ten kinds of things."""

import pathlib

import numpy as np

from minikeras.api.registry import public
from minikeras.data.files import get_file
from minikeras.datasets import loading

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"


@public("datasets.cifar10.load_data")
def load_data():
    """CIFAR-10: 50,000 colour pictures for training and 10,000 for testing, 32 x 32 pixels.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images, uint8 (n, 32, 32, 3), or (n, 3, 32, 32) if
        the data format is 'channels_first'; labels, uint8 (n, 1): 0 airplane, 1 automobile,
        2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 truck.

    Reference: Krizhevsky 2009, "Learning multiple layers of features from tiny images".
    """
    name = "cifar-10-batches-py-target"
    folder = get_file(name, origin=URL, extract=True, file_hash=SHA256)
    folder = pathlib.Path(folder, "cifar-10-batches-py")
    parts = [loading.read_cifar(folder / f"data_batch_{i}", b"labels") for i in range(1, 6)]
    x_train, y_train = map(np.concatenate, zip(*parts, strict=True))
    x_test, y_test = loading.read_cifar(folder / "test_batch", b"labels")
    return (x_train, y_train.astype("uint8")), (x_test, y_test.astype("uint8"))
