"""Nested structures of tuples, lists, dicts and named tuples: flatten, map, pack.

Leaves are everything else. Dicts are walked in sorted key order; OrderedDicts too, and packing
gives back the type and key order of the given structure.
"""

import collections
import collections.abc

from minikeras.api import namespaces
from minikeras.api.registry import public


@public("tree.MAP_TO_NONE")
class MAP_TO_NONE:
    """What the function given to `traverse` returns to put None in a leaf's place."""


def _is_namedtuple(x):
    return isinstance(x, tuple) and hasattr(x, "_fields")


@public("tree.is_nested")
def is_nested(structure):
    """Whether `structure` is a tuple, list or dict (not a leaf).

    >>> is_nested([1]), is_nested(1)
    (True, False)
    """
    return isinstance(structure, (list, tuple, dict, collections.abc.Mapping))


def _children(structure):
    """[(key, child)] of a nested structure, in the order of flattening."""
    if isinstance(structure, collections.abc.Mapping):
        return [(k, structure[k]) for k in _sorted(structure)]
    return list(enumerate(structure))


def _sorted(mapping):
    try:
        return sorted(mapping)
    except TypeError as e:
        raise TypeError(f"Dict keys must be sortable. Received keys: {list(mapping)}") from e


def _rebuild(structure, children):
    """A structure of the same type from new children in the order of flattening."""
    if isinstance(structure, collections.defaultdict):
        new = dict(zip(_sorted(structure), children))
        return collections.defaultdict(structure.default_factory, ((k, new[k]) for k in structure))
    if isinstance(structure, collections.abc.Mapping):
        new = dict(zip(_sorted(structure), children))
        kind = type(structure) if isinstance(structure, dict) else dict
        return kind((k, new[k]) for k in structure)
    if _is_namedtuple(structure):
        return type(structure)(*children)
    kind = tuple if isinstance(structure, tuple) else list
    return kind(children)


@public("tree.flatten")
def flatten(structure):
    """List of the leaves.

    >>> flatten({"b": 2, "a": [1, (3,)]})
    [1, 3, 2]
    """
    if not is_nested(structure):
        return [structure]
    leaves = []
    for _, child in _children(structure):
        if is_nested(child):
            leaves += flatten(child)
        else:
            leaves.append(child)
    return leaves


@public("tree.flatten_with_path")
def flatten_with_path(structure):
    """List of `(path, leaf)`; a path is the tuple of keys and indices that lead to the leaf."""

    def walk(node, path):
        if not is_nested(node):
            return [(path, node)]
        return [pair for key, child in _children(node) for pair in walk(child, (*path, key))]

    return walk(structure, ())


@public("tree.map_structure")
def map_structure(func, *structures, none_is_leaf=True):
    """Apply `func` leaf by leaf to structures of the same shape; the result has that shape.

    With `none_is_leaf=False`, where all leaves are None the result is None.

    >>> map_structure(lambda a, b: a + b, {"x": 1, "y": [2]}, {"x": 10, "y": [20]})
    {'x': 11, 'y': [22]}
    """
    if not structures:
        raise ValueError("`map_structure` needs at least one structure.")
    if not callable(func):
        raise TypeError(f"`func` must be callable. Received: {func}")
    first = structures[0]
    if len(structures) > 1:
        for other in structures[1:]:
            assert_same_structure(first, other)

    def walk(*nodes):
        if is_nested(nodes[0]):
            children = zip(*([c for _, c in _children(n)] for n in nodes))
            return _rebuild(nodes[0], [walk(*c) for c in children])
        if not none_is_leaf and all(n is None for n in nodes):
            return None
        return func(*nodes)

    return walk(*structures)


@public("tree.map_structure_up_to")
def map_structure_up_to(shallow_structure, func, *structures):
    """Like `map_structure`, but only as deep as `shallow_structure`; deeper parts are leaves."""

    def walk(shallow, *nodes):
        if not is_nested(shallow):
            return func(*nodes)
        for node in nodes:
            if not is_nested(node) or len(node) != len(shallow):
                raise ValueError(
                    "The structure does not match the shallow structure. "
                    f"Received: {node} against {shallow}"
                )
        pairs = zip(_children(shallow), *([c for _, c in _children(n)] for n in nodes))
        return _rebuild(shallow, [walk(child, *rest) for (_, child), *rest in pairs])

    return walk(shallow_structure, *structures)


def _difference(a, b, check_types):
    if is_nested(a) != is_nested(b):
        return f"{a!r} and {b!r} are not both nested"
    if not is_nested(a):
        return None
    mappings = isinstance(a, collections.abc.Mapping), isinstance(b, collections.abc.Mapping)
    if check_types and type(a) is not type(b) and not all(mappings):
        return f"types differ: {type(a).__name__} and {type(b).__name__}"
    if mappings[0] != mappings[1] or isinstance(a, tuple) != isinstance(b, tuple):
        return f"types differ: {type(a).__name__} and {type(b).__name__}"
    if len(a) != len(b):
        return f"{len(a)} and {len(b)} elements"
    if mappings[0] and set(a) != set(b):
        return f"keys {sorted(map(str, a))} and {sorted(map(str, b))}"
    pairs = zip(_children(a), _children(b))
    return next(filter(None, (_difference(x, y, check_types) for (_, x), (_, y) in pairs)), None)


@public("tree.assert_same_structure")
def assert_same_structure(a, b, check_types=None):
    """Raise ValueError unless both structures nest alike (sequence and dict types included)."""
    difference = _difference(a, b, True if check_types is None else check_types)
    if difference:
        raise ValueError(
            f"The structures don't match: {difference}. Received: a={a}, b={b}"
        )


@public("tree.assert_same_paths")
def assert_same_paths(a, b):
    """Raise ValueError unless both structures have leaves at the same paths."""
    paths = [{p for p, _ in flatten_with_path(s)} for s in (a, b)]
    if paths[0] != paths[1]:
        raise ValueError(
            "The structures don't have the same paths. "
            f"Only in `a`: {paths[0] - paths[1]}; only in `b`: {paths[1] - paths[0]}"
        )


@public("tree.pack_sequence_as")
def pack_sequence_as(structure, flat_sequence):
    """Put a flat sequence of leaves into the shape of `structure`.

    >>> pack_sequence_as((0, [0, 0]), [1, 2, 3])
    (1, [2, 3])
    """
    if not is_nested(flat_sequence):
        raise TypeError(f"`flat_sequence` must be a sequence. Received: {flat_sequence}")
    if not is_nested(structure):
        if len(flat_sequence) != 1:
            raise ValueError(f"One leaf expected, {len(flat_sequence)} given.")
        return flat_sequence[0]
    count = len(flatten(structure))
    if count != len(flat_sequence):
        raise ValueError(
            f"The structure has {count} leaves, but {len(flat_sequence)} values were given. "
            f"Received: structure={structure}, flat_sequence={flat_sequence}"
        )
    values = iter(flat_sequence)
    return map_structure(lambda _: next(values), structure)


@public("tree.map_shape_structure")
def map_shape_structure(func, structure):
    """`map_structure` where a tuple or list of integers and None is a leaf, a shape."""
    if is_shape(structure):
        return func(tuple(structure))
    if not is_nested(structure):
        raise ValueError(f"Not a shape or a structure of shapes. Received: {structure}")
    return _rebuild(structure, [map_shape_structure(func, c) for _, c in _children(structure)])


def is_shape(x):
    """Whether x is a tuple or list of dimensions (int or None)."""
    return isinstance(x, (tuple, list)) and all(d is None or isinstance(d, int) for d in x)


@public("tree.lists_to_tuples")
def lists_to_tuples(structure):
    """The same structure with tuples in place of lists."""
    if not is_nested(structure):
        return structure
    children = [lists_to_tuples(c) for _, c in _children(structure)]
    return tuple(children) if isinstance(structure, list) else _rebuild(structure, children)


@public("tree.traverse")
def traverse(func, structure, top_down=True):
    """Rebuild `structure` with `func` applied to every node, inner nodes included.

    Where `func` returns None the node is kept (and, top down, its children are visited);
    `MAP_TO_NONE` stands for None.
    """

    def resolved(value):
        return None if value is MAP_TO_NONE or isinstance(value, MAP_TO_NONE) else value

    if top_down:
        value = func(structure)
        if value is not None:
            return resolved(value)
    if is_nested(structure):
        children = [traverse(func, c, top_down) for _, c in _children(structure)]
        structure = _rebuild(structure, children)
    if top_down:
        return structure
    value = func(structure)
    return structure if value is None else resolved(value)


__getattr__, __dir__, __all__ = namespaces.lazy("tree")
