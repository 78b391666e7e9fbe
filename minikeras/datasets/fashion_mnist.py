"""Fashion-MNIST: pictures of clothes in MNIST's form."""

import gzip

import numpy as np

from minikeras.api.registry import public
from minikeras.datasets import loading


@public("datasets.fashion_mnist.load_data")
def load_data():
    """Fashion-MNIST: 60,000 pictures for training and 10,000 for testing, grey, 28 x 28 pixels.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images, uint8 (n, 28, 28); labels, uint8 (n,):
        0 T-shirt/top, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker,
        8 bag, 9 ankle boot.

    Reference: Xiao, Rasul, Vollgraf 2017, "Fashion-MNIST", arXiv:1708.07747.
    """
    return tuple(
        (_read(f"{part}-images-idx3-ubyte.gz"), _read(f"{part}-labels-idx1-ubyte.gz"))
        for part in ("train", "t10k")
    )


def _read(name):
    # IDX: 0, 0, type (8: unsigned bytes), number of axes; their sizes in 4 bytes each; values.
    with gzip.open(loading.fetch(name, cache_subdir="datasets/fashion-mnist")) as file:
        data = file.read()
    if data[:3] != b"\0\0\x08":
        raise ValueError(f"{name} in the cache is no IDX file of bytes; delete it and try again.")
    start = 4 + 4 * data[3]
    return np.frombuffer(data, np.uint8, offset=start).reshape(np.frombuffer(data[4:start], ">i4"))
