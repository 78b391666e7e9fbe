"""The one place where public paths are declared.

`@public("layers.Dense")` beside a definition puts it at `minikeras.layers.Dense`. The modules
that users see are made from these declarations by `api/namespaces.py`.
"""

import sys

DECLARES_FOR_ITS_CALLERS = True  # a helper: the public object belongs to the module that calls it
OBJECTS = {}  # public path, relative to the package -> object
MODULES = {}  # public path -> name of the module that declares it
PATHS = {}  # id(object) -> its public paths, the canonical one first
DECORATORS = {}  # "ops." -> decorate(object, path), applied to what is declared below that prefix


def public(*paths, also=()):
    """Declare the public paths of a function, class or value; the first is the canonical one."""

    frame = sys._getframe(1)
    while frame.f_globals.get("DECLARES_FOR_ITS_CALLERS"):
        frame = frame.f_back
    module = frame.f_globals["__name__"]

    def declare(obj):
        for prefix, decorate in DECORATORS.items():
            if paths[0].startswith(prefix):
                obj = decorate(obj, paths[0])
        for path in (*paths, *also):
            known = OBJECTS.get(path)
            if known is not None and known is not obj and not _redefined(known, obj):
                raise ValueError(f"Two objects claim the public path {path!r}: {known!r}, {obj!r}.")
            OBJECTS[path] = obj
            MODULES[path] = module
        PATHS.setdefault(id(obj), []).extend((*paths, *also))
        return obj

    return declare


def in_namespaces(*namespaces):
    """A decorator like `public` that uses the object's own name below each of the namespaces."""

    def declare(obj, also=()):
        return public(*(f"{n}.{obj.__name__}" for n in namespaces), also=also)(obj)

    return declare


def paths_of(obj):
    """The public paths of an object, the canonical one first; () if it is not public."""
    return tuple(PATHS.get(id(obj), ()))


def _redefined(known, obj):
    # A module that is reloaded defines its objects anew.
    return getattr(known, "__module__", 0) == getattr(obj, "__module__", 1) and getattr(
        known, "__qualname__", 0
    ) == getattr(obj, "__qualname__", 1)
