"""The progress bar of fit, evaluate and predict."""

import sys
import time

from tqdm import tqdm

from minikeras import console
from minikeras.api.registry import public
from minikeras.core.tensor import Tensor

FULL, EMPTY = "━", "━"


def _duration(seconds):
    """'2s', '1:05', '1:02:03': the time of an epoch."""
    if seconds > 3600:
        return f"{int(seconds) // 3600}:{int(seconds) % 3600 // 60:02d}:{int(seconds) % 60:02d}"
    if seconds > 60:
        return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
    return f"{int(seconds)}s"


def _per_unit(seconds, unit):
    """'5ms/step' and the like."""
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s/{unit}"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms/{unit}"
    return f"{seconds * 1e6:.0f}us/{unit}"


def _value(value):
    """A metric to four digits; in scientific notation where that would hide it."""
    if isinstance(value, Tensor):
        value = value.numpy()
    if hasattr(value, "shape") and getattr(value, "shape", ()) != ():
        value = value.mean()
    value = float(value)
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"


@public("utils.Progbar")
class Progbar:
    """A bar with the number of steps, the time and the metrics.

    On a terminal or in a notebook it redraws its line; elsewhere it prints one line at the end,
    without control characters.

    Args:
        target: number of steps, None if unknown.
        width: of the bar, in characters.
        verbose: 0 silent, 1 a bar, 2 a line at the end.
        interval: least seconds between two drawings.
        stateful_metrics: names whose values are shown as they are, not averaged.
        stateless_metrics: the opposite of `stateful_metrics`: names that are averaged.
        unit_name: "step" or another word.
    """

    def __init__(self, target, width=20, verbose=1, interval=0.05, stateful_metrics=None,
                 stateless_metrics=None, unit_name="step"):
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Give `stateful_metrics` or `stateless_metrics`, not both.")
        self.target, self.width, self.verbose, self.interval = target, width, verbose, interval
        self.unit_name = unit_name
        self.stateful_metrics = None if stateful_metrics is None else set(stateful_metrics)
        self.stateless_metrics = set(stateless_metrics or ())
        self._values, self._order = {}, []
        self._seen = 0
        self._start = self._last = time.time()
        self._first = None
        self._redraws = verbose == 1 and console.can_redraw()
        self._bar, self._finished = None, False

    def _averaged(self, name):
        if self.stateful_metrics is not None:
            return name not in self.stateful_metrics
        return name in self.stateless_metrics

    def add(self, n, values=None):
        """Move on by n steps."""
        self.update(self._seen + n, values)

    def update(self, current, values=None, finalize=None):
        """Show `current` steps and the values, pairs (name, value)."""
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            if self._averaged(name):
                n = max(current - self._seen, 1)
                total, count = self._values.get(name, (0.0, 0))
                self._values[name] = (total + float(value) * n, count + n)
            else:
                self._values[name] = (value, None)
        now = time.time()
        if self._first is None and current:
            self._first = now
        self._seen = current
        if not self.verbose or self._finished:
            return
        if finalize:
            self._finished = True
            self._finish(now)
        elif self._redraws and now - self._last >= self.interval:
            self._last = now
            self._redraw(self._line(now))

    def _mean_time(self, now):
        """Seconds a step, the first one (which builds things) apart if there are more."""
        if not self._seen:
            return 0.0
        if self._seen > 1 and self._first is not None:
            return (now - self._first) / (self._seen - 1)
        return (now - self._start) / self._seen

    def _metrics(self):
        parts = []
        for name, (total, count) in self._values.items():
            value = total if count is None else total / max(count, 1)
            parts.append(f" - {name}: {_value(value)}")
        return "".join(parts)

    def _line(self, now):
        """Steps, bar, time and metrics while running."""
        per_unit = self._mean_time(now)
        if self.target is None:
            head = f"{self._seen:>7}/Unknown"
            when = _duration(now - self._start)
        else:
            digits = len(str(self.target))
            done = min(int(self.width * self._seen / max(self.target, 1)), self.width)
            head = f"{self._seen:>{digits}}/{self.target} {_bar(done, self.width)}"
            when = _duration(per_unit * (self.target - self._seen))
        return f"{head} {when} {_per_unit(per_unit, self.unit_name)}{self._metrics()}"

    def _final(self, now):
        per_unit = self._mean_time(now)
        target = self._seen if self.target is None else self.target
        total = _duration(now - self._start)
        rest = f"{_per_unit(per_unit, self.unit_name)}{self._metrics()}"
        if self.verbose == 2:
            return f"{self._seen}/{target} - {total} - {rest}"
        bar = FULL * self.width if not self._redraws else _bar(self.width, self.width)
        return f"{self._seen}/{target} {bar} {total} {rest}"

    def _redraw(self, line):
        if self._bar is None:
            self._bar = tqdm(bar_format="{desc}", leave=True, file=sys.stdout, dynamic_ncols=True)
        self._bar.set_description_str(line, refresh=True)

    def _finish(self, now):
        line = self._final(now)
        if self._redraws and console.is_interactive_logging_enabled():
            self._redraw(line)
            self._bar.close()
        else:
            console.print_msg(line)


def _bar(done, width):
    """The bar; on a terminal the part that is done is green."""
    if not getattr(sys.stdout, "isatty", lambda: False)():
        return FULL * width
    return f"\x1b[32m{FULL * done}\x1b[0m\x1b[37m{EMPTY * (width - done)}\x1b[0m"
