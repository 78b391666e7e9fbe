"""keras.saving."""

from minikeras.api import namespaces

__getattr__, __dir__, __all__ = namespaces.lazy("saving")
