"""Callbacks that change the learning rate."""

from minikeras import console
from minikeras.api.registry import public
from minikeras.callbacks.callback import Callback
from minikeras.callbacks.monitor import Monitor


def _optimizer(callback):
    optimizer = getattr(callback.model, "optimizer", None)
    if not hasattr(optimizer, "learning_rate"):
        raise ValueError('Optimizer must have a "learning_rate" attribute.')
    return optimizer


@public("callbacks.LearningRateScheduler")
class LearningRateScheduler(Callback):
    """Sets the learning rate of each epoch: `schedule(epoch, rate)` or `schedule(epoch)`.

    Args:
        schedule: function; epochs count from 0.
        verbose: 1 prints the rate.
    """

    def __init__(self, schedule, verbose=0):
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch, logs=None):
        optimizer = _optimizer(self)
        try:
            rate = self.schedule(epoch, float(optimizer.learning_rate))
        except TypeError:
            rate = self.schedule(epoch)
        if not isinstance(rate, (float, int)) and not hasattr(rate, "dtype"):
            raise ValueError(
                "The output of the `schedule` function should be a float. Received: "
                f"{rate!r}"
            )
        optimizer.learning_rate = float(rate)
        if self.verbose > 0:
            console.print_msg(
                f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = float(_optimizer(self).learning_rate)


@public("callbacks.ReduceLROnPlateau")
class ReduceLROnPlateau(Monitor):
    """Multiplies the learning rate by `factor` when a value has not improved for a while.

    Args:
        monitor: name of the value.
        factor: below 1.
        patience: epochs without improvement to wait for.
        verbose: 1 prints what it does.
        mode: "min", "max" or "auto".
        min_delta: least change that counts.
        cooldown: epochs to rest after a reduction.
        min_lr: least learning rate.
    """

    _missing = (
        "Learning rate reduction is conditioned on metric `{monitor}` which is not available."
    )

    def __init__(self, monitor="val_loss", factor=0.1, patience=10, verbose=0, mode="auto",
                 min_delta=1e-4, cooldown=0, min_lr=0.0, **kwargs):
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau: unknown arguments {sorted(kwargs)}.")
        super().__init__(monitor, mode, min_delta)
        if factor >= 1.0:
            raise ValueError(
                "ReduceLROnPlateau does not support a factor >= 1.0. "
                f"Received: factor={factor}"
            )
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.cooldown_counter = self.wait = 0
        self.best = None

    def on_train_begin(self, logs=None):
        self.cooldown_counter = self.wait = 0
        self.best = self.monitor_op = None

    def on_epoch_end(self, epoch, logs=None):
        optimizer = _optimizer(self)
        if logs is not None:
            logs["learning_rate"] = float(optimizer.learning_rate)
        current = self._watched(logs)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_better(current, self.best):
            self.best, self.wait = current, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(optimizer, epoch)

    def in_cooldown(self):
        """Whether it rests after a reduction."""
        return self.cooldown_counter > 0

    def _reduce(self, optimizer, epoch):
        old = float(optimizer.learning_rate)
        if old <= float(self.min_lr):
            return
        new = max(old * self.factor, self.min_lr)
        optimizer.learning_rate = new
        if self.verbose > 0:
            console.print_msg(
                f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.")
        self.cooldown_counter, self.wait = self.cooldown, 0


