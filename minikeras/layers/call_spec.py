"""The arguments of one call of a layer, by the names of its `call`."""

import functools
import inspect

from minikeras import tree
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.tensor import Tensor

TENSORS = (Tensor, KerasTensor)


class Signature:
    """What `call` takes: looked up once per function."""

    def __init__(self, function):
        parameters = list(inspect.signature(function).parameters.values())
        if parameters and parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL:  # self
            parameters = parameters[1:]
        self.signature = inspect.Signature(parameters)
        kinds = inspect.Parameter
        self.names = [
            p.name for p in parameters if p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)
        ]
        self.any_keyword = any(p.kind is kinds.VAR_KEYWORD for p in parameters)
        self.any_positional = any(p.kind is kinds.VAR_POSITIONAL for p in parameters)
        kinds_of_one = (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
        self.first = next((p.name for p in parameters[:1] if p.kind in kinds_of_one), None)
        self.has_training = "training" in self.names
        self.has_mask = any(n == "mask" or n.endswith("_mask") for n in self.names)
        self.training_default = None
        if self.has_training:
            default = self.signature.parameters["training"].default
            self.training_default = None if default is kinds.empty else default

    def takes_mask(self, name):
        """Whether there is an argument `name` that a mask may fill in."""
        return name in self.names and self.signature.parameters[name].default in (
            None, inspect.Parameter.empty)

    def bind(self, args, kwargs, who):
        """{name: value} of the arguments that were given."""
        if not kwargs and len(args) == 1 and self.first:
            return {self.first: args[0]}
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as e:
            raise TypeError(f"{who}: `call` was given wrong arguments: {e}") from None
        return bound.arguments


@functools.lru_cache(1024)
def signature_of(function):
    """The Signature of an unbound `call`."""
    return Signature(function)


def tensor_arguments(arguments):
    """{name: value} of the arguments that are, or hold, tensors."""
    found = {}
    for name, value in arguments.items():
        if isinstance(value, TENSORS) or (
            tree.is_nested(value) and any(isinstance(x, TENSORS) for x in tree.flatten(value))
        ):
            found[name] = value
    return found


def shapes_of(value):
    """Shapes in place of tensors."""
    if isinstance(value, TENSORS):
        return tuple(value.shape)
    if value is None:
        return None
    return tree.map_structure(lambda x: tuple(x.shape) if hasattr(x, "shape") else None, value)


def mask_of(x):
    """The mask that a tensor carries, or None."""
    return getattr(x, "_keras_mask", None)


def masks_in(value):
    """The masks that tensors carry, in their structure."""
    return tree.map_structure(mask_of, value) if tree.is_nested(value) else mask_of(value)


def set_mask(x, mask):
    """Let a tensor carry a mask."""
    x._keras_mask = mask
