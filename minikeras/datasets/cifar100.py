"""CIFAR-100: small colour pictures of a hundred kinds of things."""

import pathlib

from minikeras.api.registry import public
from minikeras.data.files import get_file
from minikeras.datasets import loading

URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
SHA256 = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"


@public("datasets.cifar100.load_data")
def load_data(label_mode="fine"):
    """CIFAR-100: 50,000 colour pictures for training and 10,000 for testing, 32 x 32 pixels.

    Args:
        label_mode: 'fine' for 100 classes, 'coarse' for the 20 groups they belong to.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images, uint8 (n, 32, 32, 3), or (n, 3, 32, 32) if
        the data format is 'channels_first'; labels, int64 (n, 1).

    Reference: Krizhevsky 2009, "Learning multiple layers of features from tiny images".
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(
            f"`label_mode` must be 'fine' or 'coarse'. Received: label_mode={label_mode!r}"
        )
    name = "cifar-100-python-target"
    folder = get_file(name, origin=URL, extract=True, file_hash=SHA256)
    folder = pathlib.Path(folder, "cifar-100-python")
    labels = f"{label_mode}_labels".encode()
    return tuple(loading.read_cifar(folder / part, labels) for part in ("train", "test"))
