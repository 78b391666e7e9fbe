"""The variables of a model to and from groups of arrays; what does not fit changes nothing."""

import collections.abc
import contextlib
import warnings

from minikeras.core.scopes import state
from minikeras.core.serialization import UnknownObjectError
from minikeras.errors import FileError
from minikeras.saving.h5 import write_group
from minikeras.saving.walk import seeds, walk

ROOM = 1 << 28  # bytes that a model may have beyond what its file accounts for
OURS = __package__.split(".")[0] + "."
FACTOR = 8  # a model may take so many times its file's bytes: slots of an optimizer, wider dtypes


def group_of(path):
    """The path of the group with the variables of what stands at a path."""
    return f"{path}/vars" if path else "vars"


def groups(model):
    """(path of the group, saveable, {key: value}) of everything in a model."""
    for path, saveable in walk(model):
        store = {}
        saveable.save_own_variables(store)
        yield group_of(path), saveable, store
    for path, generator in seeds(model):
        yield group_of(path), generator, {"0": generator.state}


def write_state(file, model):
    """Write all variables of a model into an open HDF5 file."""
    for path, saveable, store in groups(model):
        write_group(file, path, store, name=getattr(saveable, "name", None))


def read_state(model, source, name, skip_mismatch=False):
    """Set all variables of a model from `source.group(path)`; if one does not fit, set none.

    Args:
        source: an H5Reader, or what has its `group`.
        name: the file, for messages.
        skip_mismatch: leave what does not fit as it is, with a warning.
    """
    fitting, problems = [], []
    for path, saveable in walk(model):
        stored = _stored(source, path, saveable)
        if stored is None:
            continue
        wrong = difference(saveable, stored)
        if wrong is None:
            fitting.append((path, saveable, stored))
        elif hasattr(saveable, "apply_gradients"):  # of the model, or of a model inside it
            if _never_used(stored):
                continue
            warnings.warn(f"The optimizer begins anew: its state in {name} does not fit: {wrong}.",
                          stacklevel=4)
        else:
            problems.append(f"'{path or model.name}': {wrong}")
    if problems and not skip_mismatch:
        raise FileError(
            f"The weights in {name} do not fit the model '{model.name}'; nothing was loaded. "
            f"{listed(problems)}"
        )
    if problems:
        warnings.warn(f"Of {name}, this was left out: {listed(problems)}", stacklevel=4)
    with restored_on_failure(model):
        for path, saveable, stored in fitting:
            load_one(path, saveable, stored, name)
        for path, generator in seeds(model):
            stored = source.group(group_of(path))
            if stored and list(stored) == ["0"] and stored.shape("0") == generator.state.shape:
                generator.state.assign(stored["0"])


def _stored(source, path, saveable):
    """The arrays of what stands at a path, also as tf-keras writes them; None: nothing to set."""
    stored = source.group(group_of(path))
    if not stored and path:  # attributes that are public now began with an underscore
        above, slash, name = path.rpartition("/")
        stored = source.group(group_of(f"{above}{slash}_{name}")) or stored
    if path.split("/")[0] == "optimizer" and stored:
        return _of_optimizer(saveable, stored)
    return stored


def _of_optimizer(optimizer, stored):
    """The state of an optimizer, which tf-keras writes without the learning rate."""
    own = own_variables(optimizer) or {}
    inner = getattr(optimizer, "inner_optimizer", None)
    count = len(own if inner is None else inner.variables)
    if len(stored) == count - 1 and "1" in stored and stored.shape("1") != ():
        # one that scales the loss has nothing but its inner one's state, which comes by itself
        return _WithRate(stored, own["1"]) if inner is None else None
    return stored


class _WithRate(collections.abc.Mapping):
    """The state of an optimizer of tf-keras, which has all but the learning rate.

    Args:
        stored: the arrays "0", "1", ...
        rate: the optimizer's learning rate, variable 1 of today.
    """

    def __init__(self, stored, rate):
        self.stored, self.rate = stored, rate

    def __iter__(self):
        return (str(i) for i in range(len(self)))

    def __len__(self):
        return len(self.stored) + 1

    def shape(self, key):
        """Shape of an array, which is not read."""
        return () if key == "1" else self.stored.shape(_before(key))

    def __getitem__(self, key):
        return self.rate if key == "1" else self.stored[_before(key)]


def _before(key):
    return str(max(0, int(key) - 1))


def _never_used(stored):
    """Whether the state is that of an optimizer that has not yet met its variables."""
    return "0" in stored and all(stored.shape(k) == () for k in stored) and not stored["0"]


def listed(problems, most=8):
    """The problems in one line, only the first ones if they are many."""
    more = f"; and {len(problems) - most} more" if len(problems) > most else ""
    return "; ".join(problems[:most]) + more


def load_one(path, saveable, stored, name):
    """Let a layer or optimizer take its variables from a group."""
    if not len(stored) and not own_variables(saveable):
        return
    try:
        saveable.load_own_variables(stored)
    except KeyError as e:
        raise FileError(f"{name}: there is no array {e} for '{path}'.") from e


def own_variables(saveable):
    """{key: variable} of what saves its variables in the way of this package; else None."""
    methods = type(saveable).save_own_variables, type(saveable).load_own_variables
    if not all(m.__module__.startswith(OURS) for m in methods):
        return None
    store = {}
    saveable.save_own_variables(store)
    return store


def difference(saveable, stored):
    """Why the arrays of a group are not the variables of a layer; None if they may be."""
    own = own_variables(saveable)
    if own is None:
        return None  # a custom layer knows its own format
    if set(own) != set(stored):
        if not own and not getattr(saveable, "built", True):
            return (f"it was never built, so it has no variables, but the file has {len(stored)}; "
                    "call the model on data, or build it, before its weights are loaded")
        return f"expected {len(own)} variable(s), found {len(stored)}"
    for key, variable in own.items():
        found = stored.shape(key)
        if tuple(variable.shape) != tuple(found):
            return f"variable {key} has shape {tuple(variable.shape)}, in the file {tuple(found)}"
    return None


@contextlib.contextmanager
def restored_on_failure(model):
    """If the block fails, the model's variables have the values they had before."""
    variables = list(model.variables)
    optimizer = getattr(model, "optimizer", None)
    variables += list(getattr(optimizer, "variables", ()))
    before = [v.value for v in variables]
    try:
        yield
    except BaseException:
        for v, value in zip(variables, before):
            v.assign(value)
        raise


@contextlib.contextmanager
def explained(name):
    """What layers and others raise for a configuration that is none of theirs, as FileError.

    Unknown and unfitting classes stay TypeErrors, as in Keras.
    """
    try:
        yield
    except (FileError, UnknownObjectError):
        raise
    except RecursionError as e:
        raise FileError(f"The configuration in {name} is nested too deep.") from e
    except Exception as e:
        kind = "" if isinstance(e, ValueError) else f"{type(e).__name__}: "
        raise FileError(f"No model can be made of the configuration in {name}. {kind}{e}") from e


class Loading:
    """Context manager: a model is being made for a file; its weights will be overwritten.

    Random initial values are not drawn, and a configuration that asks for far more memory than
    the file could fill is refused.

    Args:
        stored: bytes of all arrays in the file.
        name: the file, for messages.
    """

    def __init__(self, stored, name):
        self.left, self.stored, self.name = stored * FACTOR + ROOM, stored, name

    def take(self, size):
        """Note that a variable of so many bytes is made; FileError if there are too many."""
        self.left -= size
        if self.left < 0:
            raise FileError(
                f"The configuration in {self.name} asks for more variables than the file could "
                f"fill: it holds {self.stored} bytes of arrays. It is damaged, or made to fill the "
                "memory."
            )

    def __enter__(self):
        self.outer, state.loading = state.loading, self
        return self

    def __exit__(self, *error):
        state.loading = self.outer
