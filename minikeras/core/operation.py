"""Operation: what layers, ops in a graph and user-defined operations have in common."""

import functools
import inspect
import re

from minikeras.api.registry import public
from minikeras.core import stand_ins
from minikeras.core.keras_tensor import GraphNode, any_symbolic
from minikeras.core.scopes import auto_name, state
from minikeras.errors import FileError, short


def to_snake_case(name):
    """'BatchNormalization' -> 'batch_normalization', 'Conv2D' -> 'conv2d'."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


@public("Operation")
class Operation:
    """Base of whatever can stand in a functional model.

    Subclasses define `call(*args, **kwargs)`, and `compute_output_spec` if it cannot be found by
    running `call` on KerasTensors. `get_config` is made from the constructor's arguments.
    """

    _remat = None

    def __new__(cls, *args, **kwargs):
        instance = super().__new__(cls)
        instance.__dict__["_init_arguments"] = _bound_arguments(cls, args, kwargs)
        return instance

    def __init__(self, name=None):
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(
                f"Argument `name` of {type(self).__name__} must be a string and cannot contain "
                f"character `/`. Received: name={name!r}"
            )
        self._remat = state.remat
        self.name = name if name is not None else auto_name(to_snake_case(type(self).__name__))
        self._inbound_nodes, self._outbound_nodes = [], []

    def __call__(self, *args, **kwargs):
        if any_symbolic(args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def symbolic_call(self, *args, **kwargs):
        """KerasTensors for KerasTensors, and a node in the graph."""
        outputs = self.compute_output_spec(*args, **kwargs)
        if not state.symbolic:
            GraphNode(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args, **kwargs):
        """KerasTensors like the outputs, found by running `call` on KerasTensors.

        A `call` that computes with dimensions that are not known runs with lengths for them.
        """
        state.symbolic += 1
        try:
            return self.call(*args, **kwargs)
        except stand_ins.CAUSES as e:
            if not stand_ins.has_unknown((args, kwargs)):
                raise
            try:
                return stand_ins.spec_by_lengths(self.call, args, kwargs)
            except stand_ins.CAUSES:
                raise e from None
        finally:
            state.symbolic -= 1

    def rematerialized_call(self, fn, *args, **kwargs):
        """`fn`, or in a RematScope of mode "full" a version that keeps less for gradients."""
        scope = self._remat
        return scope.wrap(fn) if scope is not None and scope.mode == "full" else fn

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} must define `call`.")

    def get_config(self):
        """Constructor arguments that make the same operation again."""
        given = self._init_arguments
        config = {"name": self.name}
        if given is None:
            raise NotImplementedError(
                f"{type(self).__name__} takes arguments that cannot be serialized by "
                "themselves; define its `get_config`."
            )
        return {**given, **config}

    @classmethod
    def from_config(cls, config):
        """An operation from what `get_config` gave."""
        try:
            return cls(**config)
        except FileError:  # what the file asks for is refused
            raise
        except Exception as e:
            raise TypeError(
                f"{cls.__name__} could not be made from its config: {e}. Its `get_config` and "
                f"`__init__` may not agree. Received: config={short(config)}"
            ) from e

    def _tensors_of(self, attribute):
        if not self._inbound_nodes:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined "
                f"{attribute}."
            )
        node = self._inbound_nodes[0]
        tensors = node.inputs if attribute == "input" else node.outputs
        return tensors[0] if len(tensors) == 1 else list(tensors)

    @property
    def input(self):
        """The KerasTensor(s) it was first called on in a functional model."""
        return self._tensors_of("input")

    @property
    def output(self):
        """The KerasTensor(s) that call gave."""
        return self._tensors_of("output")


_signature = functools.lru_cache(1024)(inspect.signature)


def _bound_arguments(cls, args, kwargs):
    """The constructor's arguments by name, if simple enough to be a config; else None."""
    try:
        signature = _signature(cls.__init__)
        bound = signature.bind(None, *args, **kwargs)
    except (TypeError, ValueError):
        return None
    names = list(signature.parameters)
    config = {}
    for name, value in list(bound.arguments.items()):
        kind = signature.parameters[name].kind
        if name == names[0]:
            continue
        if kind is inspect.Parameter.VAR_KEYWORD:
            config.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            if value:
                return None
        else:
            config[name] = value
    others = [v for k, v in config.items() if k != "dtype" or not hasattr(v, "compute_dtype")]
    return config if all(map(_plain, others)) else None  # layers serialize dtype policies


def _plain(value):
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    if isinstance(value, dict):
        return all(map(_plain, value.values()))
    return value is None or isinstance(value, (bool, int, float, str))
