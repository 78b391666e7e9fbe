"""CuPy's public surface, read from api.json: names, parameters, ufunc types, what synchronizes.

api.json was taken from CuPy by introspection. A module lists its names by kind: `numpy` (NumPy's
own objects, re-exported), `constant`, `class`, `ufunc` (types to names) and `function` (name to
parameters).
"""

import inspect
import json
import pathlib

API = json.loads(pathlib.Path(__file__).with_name("api.json").read_text())
MODULES = API["modules"]
CLASSES = API["classes"]
SYNCHRONIZES = frozenset(API["synchronizes_host"].split())

# What CuPy has beside the introspected names: exceptions and attributes of compiled base classes.
EXTRA = {
    "cupy": {"__version__"},
    "cupy.random": {"Generator"},
    "cupy.cuda.memory": {"OutOfMemoryError"},
    "cupy.cuda.runtime": {"CUDARuntimeError"},
    "cupy.cuda.Stream": {"device_id", "ptr"},
    "cupy.cuda.Event": {"ptr"},
}


def names(module):
    """Every public name of a module, as {name: kind}."""
    found = {}
    for kind, group in MODULES[module].items():
        if kind == "ufunc":
            listed = [name for group_names in group.values() for name in group_names.split()]
        else:
            listed = group.split() if isinstance(group, str) else group
        found.update(dict.fromkeys(listed, kind))
    return found


def ufunc_types(module):
    """The ufuncs of a module as {name: [signature, ...]}, a signature such as "ee->e"."""
    groups = MODULES[module].get("ufunc", {})
    return {name: types.split() for types, listed in groups.items() for name in listed.split()}


def parse(parameters):
    """A parameter list as text ("a, axis=None, *, dtype=None") to an `inspect.Signature`."""
    return inspect.signature(eval(f"lambda {parameters}: None"))


def signature(module, name):
    return parse(MODULES[module]["function"][name])


def bind(name, sig, args, kwargs):
    """The arguments given, by parameter name; TypeError in Python's words for any other."""
    try:
        return sig.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise TypeError(f"{name}() {error}") from None


def stub(path):
    """A name CuPy has and the stand-in does not compute: says so when called."""

    def missing(*args, **kwargs):
        raise NotImplementedError(f"fakecupy: {path} has no stand-in; register one with twin()")

    missing.__name__ = missing.__qualname__ = path.rpartition(".")[2]
    return missing


class Missing:
    """An attribute CuPy's class has and the stand-in does not: says so when read."""

    def __init__(self, path):
        self.path = path

    def __get__(self, instance, owner):
        return self if instance is None else stub(self.path)()


def complete(path):
    """Class decorator: every method and attribute CuPy's class has, the missing ones as stubs."""

    def decorate(cls):
        members = CLASSES[path]
        for name in members["methods"]:
            if not hasattr(cls, name):
                setattr(cls, name, stub(f"{path}.{name}"))
        for name in members["attributes"].split():
            if not hasattr(cls, name):
                setattr(cls, name, Missing(f"{path}.{name}"))
        cls.__module__, cls.__qualname__ = path.rpartition(".")[0], path.rpartition(".")[2]
        return cls

    return decorate
