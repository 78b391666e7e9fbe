"""Lengths in place of unknown dimensions, for code that computes with lengths."""

from minikeras import tree
from minikeras.core.keras_tensor import KerasTensor

LENGTHS = 48, 96  # what can be halved, and cut in patches; where results differ, it is unknown
CAUSES = (TypeError, ValueError, AttributeError, IndexError, ArithmeticError)


def has_unknown(structure):
    """Whether a KerasTensor of a structure has dimensions that are not known."""
    return any(isinstance(x, KerasTensor) and None in x.shape for x in tree.flatten(structure))


def spec_by_lengths(function, args, kwargs):
    """What `function` gives for KerasTensors that it can only take with known dimensions.

    It is run twice, with different lengths for what is unknown.
    """
    first, second = (
        function(*_known(args, length), **_known(kwargs, length)) for length in LENGTHS
    )
    return tree.map_structure(_merged, first, second)


def _known(structure, length):
    def known(x):
        if not isinstance(x, KerasTensor):
            return x
        shape = [length if d is None else d for d in x.shape]
        filled = KerasTensor(shape, x.dtype)
        mask = getattr(x, "_keras_mask", None)
        if mask is not None:
            filled._keras_mask = known(mask)
        return filled

    return tree.map_structure(known, structure)


def _merged(a, b):
    if not hasattr(a, "shape") or not hasattr(b, "shape"):
        return a
    if len(a.shape) != len(b.shape):
        raise ValueError(
            f"The number of axes depends on lengths that are not known: {a.shape}, {b.shape}.")
    result = KerasTensor([m if m == n else None for m, n in zip(a.shape, b.shape)], a.dtype)
    masks = [getattr(x, "_keras_mask", None) for x in (a, b)]
    if None not in masks:
        result._keras_mask = _merged(*masks)
    return result
