"""ModelCheckpoint: saves the model, or the best one, while it trains."""

import os
import pathlib

from minikeras import console
from minikeras.api.registry import public
from minikeras.callbacks.frequency import checked_frequency
from minikeras.callbacks.monitor import Monitor


@public("callbacks.ModelCheckpoint")
class ModelCheckpoint(Monitor):
    """Saves the model or its weights at the end of epochs, or every so many batches.

    Args:
        filepath: path, with fields such as "{epoch:02d}-{val_loss:.2f}.keras"; ends in
            ".weights.h5" with `save_weights_only`, else in ".keras" or ".h5". Missing folders are
            made when a file is saved.
        monitor, mode: value to watch with `save_best_only`.
        verbose: 1 prints what it does.
        save_best_only: whether only epochs that improve the value are saved.
        save_weights_only: whether only the weights are saved.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: value to beat at the start.
    """

    _missing = "Can save best model only with {monitor} available."

    def __init__(self, filepath, monitor="val_loss", verbose=0, save_best_only=False,
                 save_weights_only=False, mode="auto", save_freq="epoch",
                 initial_value_threshold=None):
        super().__init__(monitor, mode)
        if not isinstance(filepath, (str, os.PathLike)):
            raise TypeError(f"`filepath` must be a path. Received: {filepath!r}")
        self._every = checked_frequency(save_freq)
        self.filepath = os.fspath(filepath)
        self.verbose, self.save_best_only = verbose, save_best_only
        self.save_weights_only, self.save_freq = save_weights_only, save_freq
        self.best = initial_value_threshold
        self._epoch = 0
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings):
            what = "weights" if save_weights_only else "model"
            raise ValueError(
                f"The filepath provided must end in {' or '.join(map(repr, endings))} to save the "
                f"{what}. Received: filepath={self.filepath}"
            )

    def on_train_batch_end(self, batch, logs=None):
        if self._every is not None and self._every.due(batch):
            self._save(self._epoch, batch, logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if self._every is None:
            self._save(epoch, None, logs)

    def _save(self, epoch, batch, logs):
        logs = logs or {}
        path, better = self._path(epoch, batch, logs), ""
        current = self._watched(logs) if self.save_best_only else None
        if current is not None:
            if not self._is_better(current, self.best):
                self._say(epoch, f"{self.monitor} did not improve from {self.best:.5f}")
                return
            was = "None" if self.best is None else f"{self.best:.5f}"
            better = f"{self.monitor} improved from {was} to {current:.5f}, "
            self.best = current
        self._say(epoch, f"{better}saving model to {path}")
        folder = os.path.dirname(path)
        if folder:
            pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        self._say(epoch, f"finished saving model to {path}")

    def _say(self, epoch, message):
        if self.verbose > 0:
            console.print_msg(f"\nEpoch {epoch + 1}: {message}")

    def _path(self, epoch, batch, logs):
        fields = dict(logs.items(), epoch=epoch + 1)
        if batch is not None:
            fields["batch"] = batch + 1
        try:
            return self.filepath.format(**fields)
        except KeyError as e:
            raise KeyError(
                f"Failed to format this callback filepath: \"{self.filepath}\". Reason: {e}. "
                f"The fields are {sorted(fields)}."
            ) from e


