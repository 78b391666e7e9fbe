"""Callbacks that write down what happens, and callbacks made of functions."""

import collections.abc
import csv
import os

from minikeras.api.registry import public
from minikeras.callbacks.callback import Callback


@public("callbacks.LambdaCallback")
class LambdaCallback(Callback):
    """A callback made of functions, by the names of Callback's methods.

    >>> announce = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))
    """

    def __init__(self, on_epoch_begin=None, on_epoch_end=None, on_train_begin=None,
                 on_train_end=None, on_train_batch_begin=None, on_train_batch_end=None, **kwargs):
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin, "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin, "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end, **kwargs,
        }
        for name, function in given.items():
            if function is not None:
                self.__dict__[name] = _with_logs(function)


def _with_logs(function):
    """The function called by position, as its user wrote it."""

    def call(*args, logs=None):
        return function(*args, logs) if logs is not None else function(*args)

    return call


@public("callbacks.CSVLogger")
class CSVLogger(Callback):
    """Writes the logs of each epoch as a row of a CSV file.

    Args:
        filename: path of the file.
        separator: between the columns.
        append: whether to go on with an existing file.
    """

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        self.sep, self.filename, self.append = separator, os.fspath(filename), append
        self.writer = self.keys = self.csv_file = None
        self.append_header = True

    def on_train_begin(self, logs=None):
        exists = os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self.append_header = not (self.append and exists)
        mode = "a" if self.append else "w"
        self.csv_file = open(self.filename, mode, newline="", encoding="utf-8")
        self.writer = self.keys = None

    def on_epoch_end(self, epoch, logs=None):
        logs = dict((logs or {}).items())
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(k.startswith("val_") for k in self.keys):
                self.keys += [f"val_{k}" for k in self.keys]
        if self.writer is None:
            self.writer = csv.DictWriter(
                self.csv_file, fieldnames=["epoch", *self.keys], delimiter=self.sep)
            if self.append_header:
                self.writer.writeheader()
        row = {"epoch": epoch}
        row.update((k, _cell(logs.get(k, "NA"))) for k in self.keys)
        self.writer.writerow(row)
        self.csv_file.flush()

    def on_train_end(self, logs=None):
        if self.csv_file is not None:
            self.csv_file.close()
        self.writer = self.csv_file = None


def _cell(value):
    if isinstance(value, str) or getattr(value, "ndim", 0) == 0:
        return value
    if isinstance(value, collections.abc.Iterable):
        return f'"[{", ".join(map(str, value))}]"'
    return value
