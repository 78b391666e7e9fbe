"""What of a model goes into files, and by which path: Keras's layout.

Every layer has the path that leads to it through its owner's attributes. Layers of a Sequential or
functional model, and layers in lists, are named by their class in snake case, numbered where there
are several.
"""

from minikeras.core.operation import to_snake_case
from minikeras.random.seed import SeedGenerator

CONTAINERS = (list, tuple, dict, set)


def is_saveable(x):
    """Whether x is a layer or an optimizer; metrics are not saved, for seeds see `seeds`."""
    return hasattr(x, "save_own_variables") and not isinstance(x, type)


def _children(saveable):
    """(name, child or container) of what belongs to a layer or optimizer, as Keras orders them.

    A model also has the list `layers`; what comes before it keeps its own name.
    """
    held = vars(saveable)
    names = {n for n in held.get("_tracked", ()) if n in held}
    names |= {n for n, value in held.items() if is_saveable(value)}
    if hasattr(saveable, "get_layer"):
        names = {n for n in names if not n.startswith("_")}
        if hasattr(type(saveable), "input_names"):  # the layers of a graph or a stack come first
            yield "layers", saveable.layers
        else:
            names.add("layers")
    for name in sorted(names):
        yield name, saveable.layers if name == "layers" else held[name]


def walk(saveable, path="", seen=None):
    """(path, saveable) of everything with variables of its own, each once."""
    seen = set() if seen is None else seen
    if id(saveable) in seen:
        return
    seen.add(id(saveable))
    yield path, saveable
    for name, child in _children(saveable):
        inner = f"{path}/{name}" if path else name
        if is_saveable(child):
            yield from walk(child, inner, seen)
        elif isinstance(child, CONTAINERS):
            yield from _walk_container(child, inner, seen)


def _walk_container(container, path, seen):
    used = {}
    values = container.values() if isinstance(container, dict) else container
    for child in values:
        inside = isinstance(child, CONTAINERS)
        if not inside and not is_saveable(child):
            continue
        name = "container" if inside else to_snake_case(type(child).__name__)
        count = used.get(name, 0)
        used[name] = count + 1
        inner = f"{path}/{name}_{count}" if count else f"{path}/{name}"
        yield from (_walk_container if inside else walk)(child, inner, seen)


def seeds(saveable):
    """(path, generator) of the seeds that layers hold, as attributes.

    Keras has no such groups and passes over them. Here a model that is loaded draws on from where
    it was saved: with dropout, too, a run taken up is the run that was never broken off.
    """
    for path, part in walk(saveable):
        for name, value in vars(part).items():
            if isinstance(value, SeedGenerator):
                yield f"{path}/{name}" if path else name, value
