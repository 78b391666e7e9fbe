"""Takes operations.json: how Keras writes ops in a graph (KERAS_BACKEND=jax)."""

import importlib
import inspect
import pkgutil

import _path  # noqa: F401
import keras
from keras.src import ops

from tests.golden import store

SKIPPED = ("self", "name")


def parameters(function):
    """{name: default as text, or None without one}."""
    found = {}
    for p in inspect.signature(function).parameters.values():
        if p.name not in SKIPPED:
            kind = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
            found[kind + p.name] = None if p.default is p.empty else repr(p.default)
    return found


rows = {}
for info in pkgutil.iter_modules(ops.__path__, "keras.src.ops."):
    if info.name.endswith("_test"):
        continue
    module = importlib.import_module(info.name)
    for name, cls in sorted(vars(module).items()):
        if inspect.isclass(cls) and issubclass(cls, keras.Operation) and (
                cls.__module__ == info.name) and cls is not keras.Operation:
            rows[f"{info.name}.{name}"] = {
                "init": parameters(cls.__init__), "call": parameters(cls.call)}
store.save_json("operations", rows)
