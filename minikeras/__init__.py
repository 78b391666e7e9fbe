"""minikeras: Keras on NumPy and CuPy alone.

>>> import minikeras as keras
>>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
>>> model.output_shape
(None, 2)
"""

import sys

from minikeras.api import namespaces
from minikeras.version import __version__

namespaces.install(sys.modules[__name__])
__getattr__, __dir__, __all__ = namespaces.lazy("")
__all__ = [*__all__, "__version__", "keras"]
