"""`activate()`: programs that import keras or tensorflow get minikeras."""

import importlib
import importlib.abc
import importlib.machinery
import os
import runpy
import sys

from minikeras.api import namespaces
from minikeras.api.registry import public
from minikeras.programs import tensorflow

ROOT = namespaces.ROOT
KERAS = ("tensorflow.python.keras", "tensorflow.keras", "keras.src", "keras._tf_keras.keras",
         "tf_keras", "keras")


class _Names(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `keras`, `tensorflow.keras` and `tensorflow` as modules of this package."""

    def find_spec(self, fullname, path=None, target=None):
        if _target(fullname) is not None:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        if fullname.startswith("tensorflow."):
            raise ModuleNotFoundError(
                tensorflow._advice(fullname.removeprefix("tensorflow.")), name=fullname)
        return None

    def create_module(self, spec):
        found = _target(spec.name)
        if not isinstance(found, str):
            return found
        module = importlib.import_module(found)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module):
        state = getattr(module.__spec__, "loader_state", None)
        if state is not None:  # the module keeps its own identity
            module.__spec__ = state


def _target(fullname):
    """The name of our module for an imported name, or the module itself; None: not ours."""
    for prefix in KERAS:
        if fullname == prefix or fullname.startswith(f"{prefix}."):
            rest = fullname.removeprefix(prefix).lstrip(".")
            if not rest or rest in namespaces.TREE:
                return f"{ROOT}.{rest}" if rest else ROOT
    if fullname in ("tensorflow", "tensorflow.compat", "tensorflow.compat.v2",
                    "tensorflow.python"):
        return tensorflow.__name__
    if fullname.startswith("tensorflow."):
        return tensorflow.SPACES.get(fullname.removeprefix("tensorflow."))
    return None


@public("activate")
def activate():
    """Let `import keras`, `from tensorflow import keras` and `import tensorflow` give minikeras.

    To be called before the program imports them; idempotent. Of TensorFlow, its Keras is there and
    short names for ops; what is not raises an error that says what to use.

    Raises:
        RuntimeError: if the real keras or tensorflow is imported already.
    """
    for name in ("keras", "tensorflow"):
        module = sys.modules.get(name)
        if module is not None and not module.__name__.startswith(ROOT):
            raise RuntimeError(
                f"{name} is imported already, from {getattr(module, '__file__', None)}. Call "
                "minikeras.activate() before the first import of keras or tensorflow."
            )
    if not any(isinstance(f, _Names) for f in sys.meta_path):
        sys.meta_path.insert(0, _Names())


def run(arguments):
    """Run a program: [path of a script, or "-m" and a module's name, its own arguments ...]."""
    activate()
    if arguments[:1] == ["-m"] and len(arguments) > 1:
        sys.argv = arguments[1:]
        sys.path.insert(0, "")
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    if not arguments:
        raise SystemExit("usage: python -m minikeras run SCRIPT.py [arguments]")
    sys.argv = list(arguments)
    sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])))
    runpy.run_path(arguments[0], run_name="__main__")
