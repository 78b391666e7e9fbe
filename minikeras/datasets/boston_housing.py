"""Boston housing: prices by district, in the 1970s."""

from minikeras.api.registry import public
from minikeras.datasets import loading

SHA256 = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


@public("datasets.boston_housing.load_data")
def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """Boston housing: 506 districts with 13 features and the median price of a house.

    One of the features is built on the share of Black residents, under a premise that its authors
    never tested; for anything but a comparison with old results take `california_housing`.

    Args:
        path: Name of the file in the cache.
        test_split: Part of the samples for testing, 0 up to 1 (exclusive).
        seed: Of the order.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: features, float64 (n, 13); prices in thousands of
        dollars, float64 (n,), 5 to 50.

    Reference: Harrison, Rubinfeld 1978, "Hedonic housing prices and the demand for clean air".
    """
    file = loading.fetch("boston_housing.npz", SHA256, path)
    return loading.shuffled_split(*loading.read_arrays(file, "x", "y"), test_split, seed)
