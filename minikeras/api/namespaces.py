"""The modules that users see, made from the public names.

Nothing is loaded before it is used: a namespace looks a name up in the generated index, imports
the module that defines it, and keeps the object. Namespaces without code of their own (`utils`,
`backend`, `ops.numpy`, ...) are module objects made here, and `minikeras.keras` is `minikeras`.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys

from minikeras.api import registry

try:
    from minikeras.api.index import INDEX
except ImportError:  # before it is generated for the first time
    INDEX = {}

ROOT = __name__.split(".", 1)[0]
ALIAS = f"{ROOT}.keras"


def _tree():
    tree = {"": set()}
    for path in INDEX:
        parts = path.split(".")
        for i in range(len(parts)):
            tree.setdefault(".".join(parts[:i]), set()).add(parts[i])
    return tree


TREE = _tree()  # namespace -> names in it (objects and namespaces)


def lookup(path):
    """The public object at a path such as 'layers.Dense'; KeyError if there is none."""
    if path not in registry.OBJECTS:
        importlib.import_module(INDEX[path])
    return registry.OBJECTS[path]


def lazy(namespace):
    """`__getattr__, __dir__, __all__` of the module that is this public namespace."""
    names = TREE.get(namespace, set())
    prefix = f"{namespace}." if namespace else ""
    module_name = f"{ROOT}.{namespace}" if namespace else ROOT

    def __getattr__(name):
        if prefix + name in INDEX or prefix + name in registry.OBJECTS:
            value = lookup(prefix + name)
        elif prefix + name in TREE:
            value = importlib.import_module(f"{module_name}.{name}")
        else:
            raise AttributeError(f"module {module_name!r} has no attribute {name!r}")
        setattr(sys.modules[module_name], name, value)
        return value

    return __getattr__, lambda: sorted(names), sorted(names)


class _Namespaces(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds namespaces that have no file, and `minikeras.keras.*` as the modules they stand for."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.startswith(f"{ROOT}._tf_keras"):
            rest = fullname.removeprefix(f"{ROOT}._tf_keras").removeprefix(".keras").lstrip(".")
            known = not rest or rest in TREE
        elif fullname.startswith(ALIAS + "."):
            known = True
        else:
            name = fullname.removeprefix(ROOT + ".")
            known = fullname != name and name in TREE and not _has_file(name)
        if known:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec):
        target = _alias_target(spec.name)
        if target is None:
            return None
        module = importlib.import_module(target)
        spec.loader_state = (module, module.__spec__, module.__name__)
        return module

    def exec_module(self, module):
        state = getattr(module.__spec__, "loader_state", None)
        if state is not None:  # an alias: the module keeps its own identity
            module.__spec__ = state[1]
            return
        namespace = module.__name__.removeprefix(ROOT).lstrip(".")
        module.__getattr__, module.__dir__, module.__all__ = lazy(namespace)


def _alias_target(fullname):
    for alias in (f"{ROOT}._tf_keras.keras", f"{ROOT}._tf_keras", ALIAS):
        if fullname == alias or fullname.startswith(alias + "."):
            return ROOT + fullname.removeprefix(alias)
    return None


def _has_file(name):
    package = sys.modules[ROOT]
    spec = importlib.machinery.PathFinder.find_spec(f"{ROOT}.{name}", package.__path__)
    if "." in name:
        head = name.split(".")[0]
        path = [f"{p}/{head}" for p in package.__path__]
        spec = importlib.machinery.PathFinder.find_spec(f"{ROOT}.{name}", path)
    return spec is not None and spec.origin is not None


def install(package):
    """Make `package` (minikeras itself) the root namespace; idempotent."""
    if not any(isinstance(f, _Namespaces) for f in sys.meta_path):
        sys.meta_path.insert(0, _Namespaces())
    sys.modules[ALIAS] = package
    package.keras = package
