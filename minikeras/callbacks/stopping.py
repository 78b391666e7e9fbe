"""Callbacks that end training."""

import math

from minikeras import console
from minikeras.api.registry import public
from minikeras.callbacks.callback import Callback
from minikeras.callbacks.monitor import Monitor


@public("callbacks.EarlyStopping")
class EarlyStopping(Monitor):
    """Stops when a value has not improved for `patience` epochs.

    Args:
        monitor: name of the value.
        min_delta: least change that counts.
        patience: epochs without improvement to wait for.
        verbose: 1 prints what it does.
        mode: "min", "max" or "auto" (by the value's name).
        baseline: value to reach at least.
        restore_best_weights: whether the weights of the best epoch come back at the end, however
            training ended.
        start_from_epoch: epochs before it begins to watch.
    """

    _missing = "Early stopping conditioned on metric `{monitor}` which is not available."

    def __init__(self, monitor="val_loss", min_delta=0, patience=0, verbose=0, mode="auto",
                 baseline=None, restore_best_weights=False, start_from_epoch=0):
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def on_train_begin(self, logs=None):
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = self.monitor_op = None

    def on_epoch_end(self, epoch, logs=None):
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._is_better(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_better(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def get_monitor_value(self, logs):
        """The watched value; a warning and None where the logs lack it."""
        return self._watched(logs)

    def on_train_end(self, logs=None):
        if self.stopped_epoch > 0 and self.verbose > 0:
            console.print_msg(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                console.print_msg(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}."
                )
            self.model.set_weights(self.best_weights)


@public("callbacks.TerminateOnNaN")
class TerminateOnNaN(Callback):
    """Stops when the loss is NaN or infinite; with `raise_error` by a RuntimeError."""

    def __init__(self, raise_error=False):
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            if self.raise_error:
                raise RuntimeError(
                    f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. "
                    "Terminating training immediately."
                )
            console.print_msg(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True
