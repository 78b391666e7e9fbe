"""Logs: what callbacks are given; values become numbers when they are read."""

from minikeras.core.tensor import Convertible, Tensor


class Logs(dict):
    """A dict whose tensors turn into Python numbers on reading: on a GPU, reading waits for it."""

    def __getitem__(self, key):
        value = super().__getitem__(key)
        if isinstance(value, (Tensor, Convertible)):
            value = number(value)
            super().__setitem__(key, value)
        return value

    def get(self, key, default=None):
        return self[key] if key in self else default

    def items(self):
        return [(k, self[k]) for k in self]

    def values(self):
        return [self[k] for k in self]

    def copy(self):
        return Logs(super().items())

    def pop(self, key, *default):
        if key in self:
            self[key]
        return super().pop(key, *default)


def number(value):
    """A 0-d tensor as a Python number, another as an array."""
    if isinstance(value, Convertible):
        value = value.tensor()
    if isinstance(value, Tensor):
        return value.item() if not value.shape else value.numpy()
    return value
