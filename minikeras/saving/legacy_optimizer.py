"""The state of Keras 2's optimizers: without the learning rate, and in one of two orders."""

import numpy as np

DECAY = 0.96  # of Nadam


def in_our_order(optimizer, arrays, trained):
    """[(variable, array)] of an optimizer's state; None if the file's does not fit.

    Keras 3 writes all variables; Keras 2 from 2.11 on the same without the learning rate; before
    that, the count of steps and then each slot for all variables.

    Args:
        optimizer: built.
        arrays: [(name, array)] of the file, in its order.
        trained: the model's trainable variables.
    """
    own = optimizer.variables
    if _shapes(own) == [tuple(a.shape) for _, a in arrays]:
        return list(zip(own, (a for _, a in arrays)))
    counters = [a for _, a in arrays if a.shape == ()]
    if not counters or not all(v.shape for v in trained):
        return None
    slots = [(n, a) for n, a in arrays if a.shape != ()]
    if not slots:
        return [(own[0], counters[0])]  # it has met no variables, or keeps nothing of them
    ours = [v for v in own if v.shape != ()]
    if len(slots) != len(ours):
        return None
    if _old_names([n for n, _ in slots], trained):
        slots, ours = _by_slot(slots, _last), _by_slot([(_kind(v, trained), v) for v in ours], str)
    else:
        slots = [a for _, a in slots]
    if _shapes(ours) != _shapes(slots):
        return None
    return [(own[0], counters[0]), *zip(ours, slots), *_product(optimizer, counters)]


def _shapes(arrays):
    return [tuple(a.shape) for a in arrays]


def _last(name):
    return name.removesuffix(":0").rpartition("/")[2]


def _old_names(names, trained):
    """Whether names end with the slot's, Adam/dense/kernel/m, rather than Adam/m/dense/kernel."""
    ends = {v.path.rpartition("/")[2] for v in trained}
    return not all(_last(n) in ends for n in names)


def _kind(variable, trained):
    """The slot that an optimizer's variable is of: its name without that of what is trained."""
    own = variable.path.rpartition("/")[2]
    prefixes = [v.path.replace("/", "_") for v in trained]
    longest = max((p for p in prefixes if own.startswith(p)), key=len, default="")
    return own.removeprefix(longest)


def _by_slot(named, kind):
    """The values, grouped by the slot's name in the order of their first occurrence."""
    groups = {}
    for name, value in named:
        groups.setdefault(kind(name), []).append(value)
    return [value for group in groups.values() for value in group]


def _product(optimizer, counters):
    """Nadam's product of momenta, which Keras 2 does not write: it follows from the steps."""
    if type(optimizer).__name__ != "Nadam":
        return []
    steps = np.arange(1, int(counters[0].read()) + 1)
    momenta = optimizer.beta_1 * (1 - 0.5 * DECAY**steps)
    return [(optimizer.variables[-1], np.prod(momenta).astype("float32"))]
