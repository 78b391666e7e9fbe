"""California housing: prices by block group, from the census of 1990."""

from minikeras.api.registry import public
from minikeras.datasets import loading

SHA256 = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
SMALL = 600  # samples


@public("datasets.california_housing.load_data")
def load_data(version="large", path="california_housing.npz", test_split=0.2, seed=113):
    """California housing: 20,640 block groups with 8 features and the median price of a house.

    Args:
        version: 'large' for all samples, 'small' for 600 of them.
        path: Name of the file in the cache.
        test_split: Part of the samples for testing, 0 up to 1 (exclusive).
        seed: Of the order.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: features (n, 8): longitude, latitude, median age
        of the houses, rooms, bedrooms, people, households, median income; prices in dollars (n,).

    Reference: Pace, Barry 1997, "Sparse spatial autoregressions".
    """
    if version not in ("small", "large"):
        raise ValueError(f"`version` must be 'small' or 'large'. Received: version={version!r}")
    file = loading.fetch("california_housing.npz", SHA256, path)
    x, y = loading.read_arrays(file, "x", "y")
    if version == "small":
        x, y = x[:SMALL], y[:SMALL]
    return loading.shuffled_split(x, y, test_split, seed)
