"""State of the running thread: tapes, scopes, names; and what is global to the process."""

import collections
import threading

from minikeras import config
from minikeras.api.registry import public


class State(threading.local):
    """What a thread is in the middle of."""

    depth = 0  # tapes that record
    tapes = ()
    deep = False  # nested or persistent tapes: keep what second derivatives need
    autocast = None  # dtype that variables read as, in a layer's call
    stateless = None  # the innermost StatelessScope
    symbolic = 0  # inside compute_output_spec: KerasTensors without history
    names = ()  # name scopes
    call = None  # context of the outermost layer call
    registries = ()  # custom object scopes
    remat = None
    tracer = None  # the program being traced
    loading = None  # a model is being made for a file: what counts its variables' bytes


state = State()


class Homes:
    """How often programs have written to variables' homes: what was read before is out of date."""

    __slots__ = ("writes",)

    def __init__(self):
        self.writes = 0


homes = Homes()


class Settings:
    """How often something changed that a traced step may have read.

    `flags` counts changes of variables' `trainable`, `version` those of the optimizer's attributes
    and of global settings, `touched` those of layers' attributes.
    """

    __slots__ = ("flags", "touched", "version")

    def __init__(self):
        self.flags = self.touched = self.version = 0


settings = Settings()


def changed():
    """An attribute has changed: what was traced before is to be traced again."""
    settings.version += 1


config._LISTENERS.append(changed)


# Counters behind default names: {prefix: count}; cleared by clear_session.
_uids = collections.defaultdict(int)
_uid_lock = threading.Lock()
_on_clear = []


@public("backend.get_uid", "utils.get_uid")
def get_uid(prefix=""):
    """The next number of a prefix, from 1.

    >>> first = get_uid("example")
    >>> get_uid("example") - first
    1
    """
    with _uid_lock:
        _uids[prefix] += 1
        return _uids[prefix]


def auto_name(prefix):
    """prefix, prefix_1, prefix_2, ..."""
    with _uid_lock:
        count = _uids[prefix]
        _uids[prefix] += 1
    return prefix if count == 0 else f"{prefix}_{count}"


def reset_names():
    """Start default names anew."""
    _uids.clear()


@public("backend.clear_session", "utils.clear_session")
def clear_session(free_memory=True):
    """Forget global state: default names, the global seed generator."""
    reset_names()
    for forget in _on_clear:
        forget()


def on_clear(forget):
    """Register a function that clear_session calls."""
    _on_clear.append(forget)
    return forget


@public("name_scope", "backend.name_scope")
class name_scope:
    """Context manager: variables made inside get `name/` before their path.

    >>> with name_scope("encoder"):
    ...     current_path()
    'encoder'
    """

    def __init__(self, name, **kwargs):
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                "Argument `name` must be a string and cannot contain character `/`. "
                f"Received: name={name}"
            )
        self.name = name
        self.deduplicate = kwargs.pop("deduplicate", True)
        self.caller = kwargs.pop("caller", None)

    def __enter__(self):
        self.outer = state.names
        same = self.deduplicate and self.caller is not None and self.outer
        if same and self.outer[-1].caller is self.caller:  # a layer's build within its call
            return self
        state.names = (*self.outer, self)
        return self

    def __exit__(self, *error):
        state.names = self.outer


def current_path():
    """The names of the open scopes, joined by '/'."""
    return "/".join(scope.name for scope in state.names)


@public("StatelessScope")
class StatelessScope:
    """Context manager: variables read and assigned here leave the real ones alone.

    Args:
        state_mapping: pairs (variable, value) that reads give.
        collect_losses: whether `add_loss` values are kept in `losses`.
        initialize_variables: unused; variables are made at once.
    """

    repeats = False  # a call that was made before: what it adds to losses is there already

    def __init__(self, state_mapping=None, collect_losses=False, initialize_variables=True):
        self.values = {}  # id(variable) -> (variable, value)
        self.collect_losses, self.losses = collect_losses, []
        self.initialize_variables = initialize_variables
        for variable, value in state_mapping or ():
            if hasattr(value, "assign"):  # a variable stands for its value of now
                value = value.value
            if not hasattr(variable, "assign"):
                raise ValueError(
                    "Invalid reference variable in StatelessScope: all keys of `state_mapping` "
                    f"must be Variables. Received: {variable}"
                )
            if tuple(variable.shape) != tuple(getattr(value, "shape", ())):
                raise ValueError(
                    f"The value for variable {variable.path} must have the shape "
                    f"{tuple(variable.shape)}. Received: {tuple(getattr(value, 'shape', ()))}"
                )
            self.values[id(variable)] = (variable, value)

    def __enter__(self):
        self.outer, state.stateless = state.stateless, self
        return self

    def __exit__(self, *error):
        state.stateless = self.outer

    def add_update(self, update):
        """Keep `(variable, value)` as the variable's value in this scope."""
        variable, value = update
        self.values[id(variable)] = (variable, value)

    def add_loss(self, loss):
        """Keep a loss."""
        self.losses.append(loss)

    def get_current_value(self, variable):
        """The variable's value in this scope, None if it has none of its own here."""
        found = self.values.get(id(variable))
        return None if found is None else found[1]


@public("SymbolicScope")
class SymbolicScope:
    """Context manager: shapes are being inferred; KerasTensors made here have no history."""

    def __enter__(self):
        state.symbolic += 1
        return self

    def __exit__(self, *error):
        state.symbolic -= 1


class autocast_scope:
    """Context manager: float variables (of autocast) read in this dtype; None: as they are."""

    __slots__ = ("dtype", "outer")

    def __init__(self, dtype):
        self.dtype = dtype

    def __enter__(self):
        self.outer, state.autocast = state.autocast, self.dtype

    def __exit__(self, *error):
        state.autocast = self.outer
