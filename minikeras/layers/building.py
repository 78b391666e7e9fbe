"""How `build` runs: once, for real, within the layer's name."""

import functools
import inspect

from minikeras import tree
from minikeras.core.scopes import name_scope, state

WAITS = object()  # what a `build` returns that could not build yet


class clean_state:
    """Context manager: build for real, whatever is being traced, recorded or inferred."""

    NAMES = ("depth", "tapes", "deep", "autocast", "stateless", "symbolic", "tracer")
    VALUES = (0, (), False, None, None, 0, None)

    def __enter__(self):
        self.outer = [getattr(state, n) for n in self.NAMES]
        for name, value in zip(self.NAMES, self.VALUES):
            setattr(state, name, value)

    def __exit__(self, *error):
        for name, value in zip(self.NAMES, self.outer):
            setattr(state, name, value)


def wrapped_build(build):
    """`build` that runs for real, once, within the layer's name, and notes what it was given."""
    if getattr(build, "_wrapped_by_layer", False):
        return build

    @functools.wraps(build)
    def wrapped(self, *args, **kwargs):
        if self._build_shapes is None:
            names = build_parameters(build)
            shapes = {**dict(zip(names, args)), **kwargs}
            self._build_shapes = {k: tuples(v) for k, v in shapes.items()}
        outermost = not self.__dict__.get("_building")
        self.__dict__["_building"] = True
        try:
            with clean_state(), name_scope(self.name, caller=self):
                result = build(self, *args, **kwargs)
        finally:
            self.__dict__["_building"] = not outermost
        if result is WAITS:
            return None
        self.built = True
        if outermost:
            lock(self)
        return result

    wrapped._wrapped_by_layer = True
    return wrapped


@functools.lru_cache(1024)
def build_parameters(build):
    """The names of what a `build` takes."""
    names = list(inspect.signature(build).parameters.values())[1:]
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [p.name for p in names if p.kind not in kinds]


def lock(layer):
    """From here on the layer takes no more weights and sublayers."""
    layer.__dict__["_locked"] = layer._locks


def tuples(shape):
    """A shape, or a structure of shapes, with each shape a tuple."""
    if isinstance(shape, (list, tuple)):
        if tree.is_shape(shape):
            return tuple(shape)
        parts = [tuples(s) for s in shape]
        return type(shape)(*parts) if hasattr(shape, "_fields") else type(shape)(parts)
    if isinstance(shape, dict):
        return {k: tuples(v) for k, v in shape.items()}
    return shape
