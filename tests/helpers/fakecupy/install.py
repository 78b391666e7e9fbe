"""Builds the module objects and puts them into `sys.modules`."""

import functools
import importlib.machinery
import sys
import types

import numpy as np

from tests.helpers.fakecupy import (  # noqa: F401  (each registers its names)
    counters,
    cuda,
    functions,
    generic,
    kernels,
    linear,
    memory,
    methods,
    random,
    special,
    state,
    ufuncs,
)
from tests.helpers.fakecupy.core import REGISTRY
from tests.helpers.fakecupy.surface import API, EXTRA, MODULES, names, signature, ufunc_types

# NumPy's own objects that CuPy re-exports under names NumPy 2 has dropped.
RENAMED = {"complex_": np.complex128, "cfloat": np.complex128, "float_": np.float64,
           "singlecomplex": np.complex64, "format_parser": np.rec.format_parser,
           "DataSource": np.lib.npyio.DataSource}
CONSTANTS = frozenset("e euler_gamma inf nan newaxis pi index_exp s_".split())
ALIASES = {"cupy.cuda.cublas": "cupy_backends.cuda.libs.cublas"}
ROOTS = ("cupy", "cupyx", "cupy_backends")
MACHINE = state.MACHINE
generic.register_twins("cupy")  # whatever has no body of its own by now


def value_of(module, name, kind):
    """What a name stands for; None for a constant whose value the stand-in does not know."""
    path = f"{module}.{name}"
    if path in REGISTRY:
        return REGISTRY[path]
    if kind == "numpy":
        return RENAMED.get(name) or getattr(np, name, None) or getattr(
            np.exceptions, name, None) or getattr(np.linalg, name)
    if kind == "constant":
        return getattr(np, name) if module == "cupy" and name in CONSTANTS else None
    function = generic.without_body(path)
    if kind == "function":
        function.__signature__ = signature(module, name)
    if kind == "ufunc":
        function.types = ufunc_types(module)[name]
    return function


def lookup(module, unknown):
    """A module's __getattr__: names that CuPy lacks, and constants of unknown value."""

    def missing(name):
        if name in unknown:
            raise NotImplementedError(f"fakecupy: the value of {module}.{name}")
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return missing


@functools.cache
def build():
    """All modules by dotted name, linked to their parents."""
    modules = {}

    def module(name):
        if name not in modules:
            modules[name] = made = types.ModuleType(name, "A stand-in for machines without a GPU.")
            made.__path__, made.__spec__ = [], importlib.machinery.ModuleSpec(name, None)
            parent, _, leaf = name.rpartition(".")
            if parent:
                setattr(module(parent), leaf, made)
        return modules[name]

    for name in MODULES:
        here, unknown = module(name), set()
        for attribute, kind in names(name).items():
            value = value_of(name, attribute, kind)
            if value is None and attribute != "newaxis":
                unknown.add(attribute)
            else:
                setattr(here, attribute, value)
        here.__getattr__ = lookup(name, unknown)
    for name, attributes in EXTRA.items():
        if name[-1].islower() and name not in API["classes"]:
            for attribute in attributes & {path.rpartition(".")[2] for path in REGISTRY
                                           if path.rpartition(".")[0] == name}:
                setattr(module(name), attribute, REGISTRY[f"{name}.{attribute}"])
    for name, target in ALIASES.items():
        parent, _, leaf = name.rpartition(".")
        modules[name] = modules[target]
        setattr(modules[parent], leaf, modules[target])
    modules["cupy"].__version__ = API["cupy_version"]
    return modules


_hidden = {}  # what was imported as cupy before


def install(devices=1):
    """Makes `import cupy` and `import cupyx` find the stand-in, on a machine just started.

    Args:
        devices: how many cards there are; 0 for a machine without one.

    Returns:
        The module `cupy`.
    """
    modules = build()
    if sys.modules.get("cupy") is not modules["cupy"]:
        for name in [name for name in sys.modules if name.split(".")[0] in ROOTS]:
            _hidden[name] = sys.modules.pop(name)
        sys.modules.update(modules)
    reset(devices)
    return modules["cupy"]


def reset(devices=1):
    """A machine just started: nothing compiled, no twins, counters at zero."""
    state.reset()
    MACHINE.device_count = devices
    cuda.Stream.null = None
    if devices:
        cuda.null_stream()
    MACHINE.module = build()["cupy"]
    memory.DEFAULT_POOL.free_all_blocks()
    counters.reset()


def uninstall():
    """Takes the stand-in out of `sys.modules` and puts back what was there."""
    for name, module in build().items():
        if sys.modules.get(name) is module:
            del sys.modules[name]
    sys.modules.update(_hidden)
    _hidden.clear()
