"""Small data sets, downloaded on first use: `datasets.mnist.load_data()` and its kin."""

from minikeras.api import namespaces

__getattr__, __dir__, __all__ = namespaces.lazy("datasets")
