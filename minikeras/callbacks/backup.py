"""BackupAndRestore: training that was interrupted goes on where it was."""

import json
import os
import pathlib
import random

import numpy as np

from minikeras import dtypes, tree
from minikeras.api.registry import public
from minikeras.callbacks.callback import Callback
from minikeras.callbacks.frequency import checked_frequency
from minikeras.core.scopes import StatelessScope
from minikeras.core.tensor import to_tensor
from minikeras.random.seed import global_state, set_global_state
from minikeras.saving.weights import write_atomically

LATEST, PREVIOUS = "latest.state.npz", "previous.state.npz"


@public("callbacks.BackupAndRestore")
class BackupAndRestore(Callback):
    """Writes down the state of training, and takes it up again in the next run of the program.

    A run that was interrupted, even killed in the middle of an epoch, ends with the same weights
    as one that was not: weights, optimizer, metrics, random generators, the order of the data and
    the place in them are written, in one file that is never half written. The data must come in
    the same order again; other callbacks begin anew.

    Args:
        backup_dir: folder of the file, for this training alone.
        save_freq: "epoch", or a number of batches.
        double_checkpoint: whether the file before the last is kept too.
        delete_checkpoint: whether the files are deleted when training is over.

    >>> callback = BackupAndRestore("backup", save_freq=100)
    """

    def __init__(self, backup_dir, save_freq="epoch", double_checkpoint=False,
                 delete_checkpoint=True):
        super().__init__()
        if not backup_dir:
            raise ValueError("Empty `backup_dir` argument passed")
        self.backup_dir, self.save_freq = os.fspath(backup_dir), save_freq
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self._every, self._epoch = checked_frequency(save_freq), 0
        folder = pathlib.Path(self.backup_dir)
        self._latest, self._previous = folder / LATEST, folder / PREVIOUS

    def on_train_begin(self, logs=None):
        for path in (self._latest, self._previous):
            if path.exists():
                self._restore(path)
                return

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self._every is not None and self._every.due(batch):
            self._save(self._epoch, batch + 1)

    def on_epoch_end(self, epoch, logs=None):
        if self._every is None:
            self._save(epoch + 1, 0)

    def on_train_end(self, logs=None):
        if not self.delete_checkpoint:
            return
        for path in (self._latest, self._previous):
            path.unlink(missing_ok=True)
        folder = pathlib.Path(self.backup_dir)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    # ------------------------------------------------------------ the file
    def _variables(self):
        """All that training changes, each once."""
        model = self.model
        held = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        return list({id(v): v for v in held}.values())

    def _save(self, epoch, batch):
        arrays = [v.numpy() for v in self._variables()]
        about = {
            "epoch": epoch, "batch": batch, "seed": self.model._training.source.seed,
            "dtypes": [dtypes.name_of(a.dtype) for a in arrays],
            "python": random.getstate(), "numpy": _numpy_state(),
        }
        own = global_state()
        about["random"] = None if own is None else own.tolist()
        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint and self._latest.exists():
            os.replace(self._latest, self._previous)

        def write(path):
            with open(path, "wb") as file:
                np.savez(file, json.dumps(about), *map(_storable, arrays))

        write_atomically(self._latest, write)

    def _restore(self, path):
        with np.load(path, allow_pickle=False) as file:
            values = [file[f"arr_{i}"] for i in range(len(file.files))]
        about, values = json.loads(str(values[0])), values[1:]
        training = self.model._training
        self._build(training.source)
        variables = self._variables()
        if [tuple(v.shape) for v in variables] != [v.shape for v in values]:
            raise ValueError(
                f"The backup in {self.backup_dir} is of another model or optimizer than the one "
                "that is trained. Delete the folder to begin anew."
            )
        for variable, value, dtype in zip(variables, values, about["dtypes"]):
            variable.assign(_loaded(value, dtype))
        version, numbers, gauss = about["python"]
        random.setstate((version, tuple(numbers), gauss))
        name, keys, *rest = about["numpy"]
        np.random.set_state((name, np.array(keys, "uint32"), *rest))
        set_global_state(about["random"])
        training.source.seed = about["seed"]
        training.at = about["epoch"], about["batch"]

    def _build(self, source):
        """Make all variables, also those that the first step would make."""
        batch = tree.map_structure(lambda x: x if x is None else to_tensor(x), source.peek())
        with StatelessScope():
            self.model.test_step(batch)
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)


def _numpy_state():
    name, keys, *rest = np.random.get_state()
    return [name, keys.tolist(), *rest]


def _storable(array):
    """The array in a dtype that the file format knows."""
    return array.view("uint16") if array.dtype.name == "bfloat16" else array


def _loaded(value, dtype):
    return value.view(dtypes.canonical(dtype)) if dtype == "bfloat16" else value
