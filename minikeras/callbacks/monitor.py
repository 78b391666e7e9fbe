"""What callbacks that watch one logged value share."""

import operator
import warnings

from minikeras.callbacks.callback import Callback

UP = ("acc", "auc", "precision", "recall", "f1", "fmeasure", "iou", "similarity")
DOWN = ("loss", "error", "entropy", "divergence", "hinge", "logcosh", "poisson", "mse", "mae")


class Monitor(Callback):
    """Watches `monitor` for improvement, up or down."""

    _missing = "{name} conditioned on metric `{monitor}` which is not available."

    def __init__(self, monitor, mode, min_delta=0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor, self.mode = monitor, mode
        self.min_delta = abs(min_delta)
        self.monitor_op = None

    def _choose_direction(self):
        """Which way is better: as told, else as the metric says, else by its name."""
        mode = self.mode
        if mode == "auto":
            mode = self._metric_direction()
        self.monitor_op = operator.lt if mode == "min" else operator.gt

    def _metric_direction(self):
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return "min"
        found = []
        for metric in getattr(self.model, "metrics", ()):
            found += list(getattr(metric, "metrics", ())) or [metric]
        for metric in found:
            if metric.name == name and getattr(metric, "_direction", None) is not None:
                return "max" if metric._direction == "up" else "min"
        for mode, words in (("max", UP), ("min", DOWN)):
            if any(word in name for word in words):
                return mode
        raise ValueError(
            f"{type(self).__name__} callback received monitor={self.monitor}, but it is not known "
            "whether that metric should be maximized or minimized. Pass `mode='max'` or "
            "`mode='min'`."
        )

    def _is_better(self, value, best):
        if self.monitor_op is None:
            self._choose_direction()
        if best is None:
            return True
        delta = self.min_delta if self.monitor_op is operator.gt else -self.min_delta
        return bool(self.monitor_op(value - delta, best))

    def _watched(self, logs):
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                self._missing.format(name=type(self).__name__, monitor=self.monitor)
                + f" Available metrics are: {','.join(logs)}", stacklevel=3,
            )
        return value


