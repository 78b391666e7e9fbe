"""One model file in minikeras and in Keras, compared layer by layer."""

from minikeras.api import namespaces

__getattr__, __dir__, __all__ = namespaces.lazy("parity")
