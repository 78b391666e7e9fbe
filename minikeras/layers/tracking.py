"""What belongs to a layer: variables, sublayers, metrics, seed generators in its attributes."""

from minikeras.core.variable import Variable
from minikeras.metrics.metric import Metric
from minikeras.random.seed import SeedGenerator

CONTAINERS = (list, tuple, dict, set)
NEVER = {
    "_init_arguments", "_inbound_nodes", "_outbound_nodes", "_own_variables", "_losses",
    "_build_shapes", "_tracked", "input_spec", "_functional",
}

STATE_KINDS = (Variable, Metric, SeedGenerator)
ALREADY_BUILT = (
    "You cannot add new elements of state (variables or sub-layers) to a layer that is already "
    "built. All state must be created in the `__init__()` method or in the `build()` method. "
    "Received: new state in layer '{name}'."
)


def may_hold(value, kinds):
    """Whether an attribute's value is, or may come to hold, something that belongs to a layer.

    A list without any such thing in it (a vocabulary) is not looked into again, an empty one is.
    """
    if isinstance(value, kinds):
        return True
    if isinstance(value, CONTAINERS):
        values = value.values() if isinstance(value, dict) else value
        return not values or any(v is None or may_hold(v, kinds) for v in values)
    return False


def walk(value, kinds, found, seen):
    """Append to `found` what is of the kinds in a value, in order, each once."""
    if isinstance(value, kinds):
        if id(value) not in seen:
            seen.add(id(value))
            found.append(value)
    elif isinstance(value, CONTAINERS):
        for v in value.values() if isinstance(value, dict) else value:
            walk(v, kinds, found, seen)


class Tracker:
    """Mixin: finds what the attributes hold, in the order they were first set."""

    _locked = False

    def _kinds(self):
        raise NotImplementedError

    def _note(self, name, value):
        tracked = self.__dict__.setdefault("_tracked", {})
        if name in NEVER:
            return
        if may_hold(value, self._kinds()):
            tracked[name] = None
        else:
            tracked.pop(name, None)

    def _refuse_state(self, value):
        """ValueError for weights and sublayers that are not the layer's already."""
        kinds = tuple(k for k in self._kinds() if k not in (Metric, SeedGenerator))
        new, known = [], set()
        walk(value, kinds, new, known)
        if new:
            known = {id(x) for x in self._found(kinds)}
            if any(id(x) not in known and x is not self for x in new):
                raise ValueError(ALREADY_BUILT.format(name=self.name))

    def _found(self, kinds):
        found, seen = [], set()
        held = self.__dict__
        for name in self._tracked:
            if name in held:
                walk(held[name], kinds, found, seen)
        return found
