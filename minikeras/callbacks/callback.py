"""Callback, the base, and CallbackList, which calls many."""

import time

from minikeras import console, tree
from minikeras.api.registry import public
from minikeras.callbacks.progbar import Progbar

HOOKS = (
    "on_epoch_begin", "on_epoch_end", "on_train_begin", "on_train_end", "on_train_batch_begin",
    "on_train_batch_end", "on_test_begin", "on_test_end", "on_test_batch_begin",
    "on_test_batch_end", "on_predict_begin", "on_predict_end", "on_predict_batch_begin",
    "on_predict_batch_end",
)
OLDER = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


@public("callbacks.Callback")
class Callback:
    """Something done at points of `fit`, `evaluate` and `predict`: override the methods you need.

    Attributes: `model`; `params`, a dict with "verbose", "epochs" and "steps". `logs` are dicts of
    numbers; in `on_epoch_end` those of validation have names that begin with "val_".

    >>> class Announce(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(f"epoch {epoch} done")
    """

    def __init__(self):
        self.params, self._model = None, None

    @property
    def model(self):
        """The model that is trained."""
        return self._model

    def set_params(self, params):
        """Take `params`."""
        self.params = params

    def set_model(self, model):
        """Take the model."""
        self._model = model

    def on_batch_begin(self, batch, logs=None):
        """An older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch, logs=None):
        """An older name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch, logs=None):
        """Before each epoch of training."""

    def on_epoch_end(self, epoch, logs=None):
        """After each epoch of training and its validation."""

    def on_train_batch_begin(self, batch, logs=None):
        """Before each batch of training."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch, logs=None):
        """After each batch of training."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch, logs=None):
        """Before each batch of evaluation, in `fit` too."""

    def on_test_batch_end(self, batch, logs=None):
        """After each batch of evaluation, in `fit` too."""

    def on_predict_batch_begin(self, batch, logs=None):
        """Before each batch of prediction."""

    def on_predict_batch_end(self, batch, logs=None):
        """After each batch of prediction; `logs["outputs"]` are its outputs."""

    def on_train_begin(self, logs=None):
        """At the beginning of training."""

    def on_train_end(self, logs=None):
        """At the end of training."""

    def on_test_begin(self, logs=None):
        """At the beginning of evaluation, in `fit` too."""

    def on_test_end(self, logs=None):
        """At the end of evaluation, in `fit` too."""

    def on_predict_begin(self, logs=None):
        """At the beginning of prediction."""

    def on_predict_end(self, logs=None):
        """At the end of prediction."""


@public("callbacks.History")
class History(Callback):
    """Keeps the logs of each epoch: `history` is a dict from names to lists. `fit` returns it."""

    def __init__(self):
        super().__init__()
        self.history = {}

    def on_train_begin(self, logs=None):
        self.epoch = []

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self


@public("callbacks.ProgbarLogger")
class ProgbarLogger(Callback):
    """Prints the metrics of fit, evaluate and predict as a progress bar or line by line."""

    def __init__(self):
        super().__init__()
        self.seen = 0
        self.progbar = self.target = self.epochs = None
        self.verbose, self._in_fit = 1, False

    def set_params(self, params):
        verbose = params.get("verbose", 1)
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs, self.target = params.get("epochs"), params.get("steps")

    def on_train_begin(self, logs=None):
        self._in_fit = True

    def on_test_begin(self, logs=None):
        if not self._in_fit:
            self._begin()

    def on_predict_begin(self, logs=None):
        self._begin()

    def on_epoch_begin(self, epoch, logs=None):
        self._begin()
        if self.verbose and self.epochs is not None and self.epochs > 1:
            console.print_msg(f"Epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch, logs=None):
        self._update(batch, logs)

    def on_test_batch_end(self, batch, logs=None):
        if not self._in_fit:
            self._update(batch, logs)

    def on_predict_batch_end(self, batch, logs=None):
        self._update(batch, None)

    def on_epoch_end(self, epoch, logs=None):
        self._end(logs)

    def on_test_end(self, logs=None):
        if not self._in_fit:
            self._end(logs)

    def on_train_end(self, logs=None):
        self._in_fit = False

    def on_predict_end(self, logs=None):
        self._end(None)

    def _begin(self):
        self.seen = 0
        self.progbar = Progbar(target=self.target, verbose=self.verbose)

    def _update(self, batch, logs):
        self.seen = batch + 1
        bar = self.progbar
        if bar is None:
            self._begin()
            bar = self.progbar
        now = time.time()
        drawn = bar._redraws and now - bar._last >= bar.interval
        # Reading a log may wait for the device: only where it is drawn.
        bar.update(self.seen, list(logs.items()) if logs and drawn else None, finalize=False)

    def _end(self, logs):
        if self.target is None:
            self.target = self.seen
            self.progbar.target = self.seen
        self.progbar.target = self.target
        self.progbar.update(self.seen, list((logs or {}).items()), finalize=True)


@public("callbacks.CallbackList")
class CallbackList(Callback):
    """Calls the same method of each of its callbacks.

    Args:
        callbacks: a callback or a nested structure of them.
        add_history: whether to add a History if there is none.
        add_progbar: whether to add a ProgbarLogger if there is none.
        model: the model.
        **params: what the callbacks see as `params`.
    """

    def __init__(self, callbacks=None, add_history=False, add_progbar=False, model=None, **params):
        super().__init__()
        self.callbacks = [] if callbacks is None else tree.flatten(callbacks)
        for c in self.callbacks:
            _check(c)
        self._history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if self._history is None and add_history:
            self._history = History()
            self.callbacks.append(self._history)
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        if model is not None:
            self.set_model(model)
        self.set_params(params)
        self._find_hooks()

    def _find_hooks(self):
        """Which callbacks do something at which moment: batches are too many to ask in vain."""
        self._hooked = {h: [c for c in self.callbacks if _overrides(c, h)] for h in HOOKS}

    def append(self, callback):
        """Add a callback."""
        _check(callback)
        self.callbacks.append(callback)
        self._find_hooks()

    def on_batch_begin(self, batch, logs=None):
        """Call `on_train_batch_begin` of each callback."""
        self.on_train_batch_begin(batch, logs)

    def on_batch_end(self, batch, logs=None):
        """Call `on_train_batch_end` of each callback."""
        self.on_train_batch_end(batch, logs)

    def set_params(self, params):
        self.params = params
        for c in self.callbacks:
            c.set_params(params)

    def set_model(self, model):
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for c in self.callbacks:
            c.set_model(model)


def _check(callback):
    """TypeError for what is no callback; anything with its methods is one."""
    if isinstance(callback, type) or not all(
        hasattr(callback, name) for name in ("set_model", "set_params")
    ):
        hint = "An object is needed, not its class. " if isinstance(callback, type) else ""
        raise TypeError(
            "All callbacks must be objects of keras.callbacks.Callback or of subclasses. "
            f"{hint}Received: {callback!r} (of type {type(callback).__name__})"
        )


def _overrides(callback, hook):
    """Whether a hook does anything for a callback."""
    if hook in getattr(callback, "__dict__", ()):
        return True
    own = getattr(type(callback), hook, None)
    if own is not getattr(Callback, hook):
        return own is not None
    older = OLDER.get(hook)
    return older is not None and (
        older in vars(callback) or getattr(type(callback), older) is not getattr(Callback, older)
    )


def _forward(hook):
    if "batch" in hook or "epoch" in hook:

        def method(self, number, logs=None):
            for c in self._hooked[hook]:
                getattr(c, hook)(number, logs=logs if logs is not None else {})
    else:

        def method(self, logs=None):
            if hook.endswith("_begin"):
                self._find_hooks()  # methods may have been set since
            for c in self._hooked[hook]:
                getattr(c, hook)(logs if logs is not None else {})

    method.__name__ = hook
    method.__doc__ = f"Call `{hook}` of each callback."
    return method


for _hook in HOOKS:
    setattr(CallbackList, _hook, _forward(_hook))
