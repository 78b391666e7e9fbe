"""Attributes that a trace has read: where one has changed since, the step is traced anew."""

import contextlib
import threading

from minikeras.core.scopes import settings, state

PLAIN = (bool, int, float, str, tuple)
_classes = []
_lock = threading.Lock()
_tracing = 0


def watched(cls):
    """Class decorator: what traces read of instances counts. Its `__setattr__` calls `was_set`."""
    _classes.append(cls)
    return cls


def was_set(instance, name, before, value):
    """An attribute has been set."""
    if state.tracer is not None:
        state.tracer.wrote.add((id(instance), name))
    elif before is not value:
        settings.touched += 1


def _noted(self, name):
    value = object.__getattribute__(self, name)
    tracer = state.tracer
    if tracer is not None and name in object.__getattribute__(self, "__dict__"):
        tracer.attributes.setdefault((id(self), name), (self, name, value))
    return value


@contextlib.contextmanager
def noting():
    """While a step is traced: the tracer of this thread hears of each attribute that is read."""
    global _tracing
    with _lock:
        _tracing += 1
        if _tracing == 1:
            for cls in _classes:
                cls.__getattribute__ = _noted
    try:
        yield
    finally:
        with _lock:
            _tracing -= 1
            if not _tracing:
                for cls in _classes:
                    del cls.__getattribute__


def read_by(tracer):
    """[(instance, name, value)] of what the trace read and did not set itself."""
    return [found for key, found in tracer.attributes.items() if key not in tracer.wrote]


def as_read(read):
    """Whether all attributes still have the values that were read."""
    return all(_same(vars(instance).get(name, _classes), value) for instance, name, value in read)


def _same(now, value):
    return now is value or (type(now) is type(value) and type(value) in PLAIN and now == value)
