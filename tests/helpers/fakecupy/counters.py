"""What the stand-in counts and, on request, forbids.

`COUNT` holds running totals: h2d and d2h copies, sync (the host waited), forwarded (a `numpy`
function called on a device array), launches, allocations and bytes allocated; `COUNT.where` names
the line of each sync. `counting()` yields the difference over a block, `no_sync()` and its like
turn an event into an error that names it.
"""

import contextlib
import dataclasses
import os
import sys

HERE = os.path.dirname(__file__)


class Forbidden(RuntimeError):
    """Something happened that the surrounding no_...() block forbids."""


@dataclasses.dataclass
class Counters:
    h2d: int = 0
    d2h: int = 0
    sync: int = 0
    forwarded: int = 0
    launches: int = 0
    allocations: int = 0
    bytes: int = 0
    where: list = dataclasses.field(default_factory=list)


COUNT = Counters()
_forbidden = []


def caller():
    """`file:line` of the nearest frame outside this package and NumPy."""
    frame = sys._getframe(1)
    while frame.f_back and is_inside(frame.f_code.co_filename):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def is_inside(filename):
    """Whether a frame's file is this package's, NumPy's or no file."""
    return os.path.dirname(filename) == HERE or "/numpy/" in filename or filename[0] == "<"


def count(event, what, amount=1):
    """Adds to a counter, or raises where a no_...() block forbids the event."""
    if any(event in block for block in _forbidden):
        raise Forbidden(f"{event} forbidden here: {what} at {caller()}")
    setattr(COUNT, event, getattr(COUNT, event) + amount)
    if event == "sync":
        COUNT.where.append(f"{caller()} {what}")


@contextlib.contextmanager
def forbid(*events):
    """Raises Forbidden at each of the events inside the block."""
    _forbidden.append(events)
    try:
        yield
    finally:
        _forbidden.remove(events)


def no_sync():
    return forbid("sync")


def no_transfer():
    return forbid("h2d", "d2h")


def no_alloc():
    return forbid("allocations")


def no_forward():
    return forbid("forwarded")


@contextlib.contextmanager
def counting():
    """Yields Counters that hold, after the block, what happened inside it."""
    before, delta = dataclasses.replace(COUNT, where=list(COUNT.where)), Counters()
    try:
        yield delta
    finally:
        for field in dataclasses.fields(Counters):
            old, new = getattr(before, field.name), getattr(COUNT, field.name)
            setattr(delta, field.name, new[len(old):] if field.name == "where" else new - old)


def reset():
    """Sets every counter to zero."""
    COUNT.__init__()
