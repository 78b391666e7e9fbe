"""minikeras: Keras on NumPy and CuPy alone.

>>> import minikeras as keras
>>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
>>> model.output_shape
(None, 2)
"""

import sys

from minikeras.api import namespaces
from minikeras.programs.constants import CONSTANTS
from minikeras.version import __version__

namespaces.install(sys.modules[__name__])
__getattr__, __dir__, __all__ = namespaces.lazy("")
# TensorFlow's short names (`abs`, `range`, ...) are there, but not in `from minikeras import *`.
__all__ = [n for n in __all__ if namespaces.INDEX.get(n) != "minikeras.programs.names"]
__all__ += ["__version__", "keras"]
vars().update(CONSTANTS)
