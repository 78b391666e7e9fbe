"""A process that holds one case under one library and runs timed slices of it on demand.

Started by `compare`; reads one word a line on stdin (`build`, `warm`, or a measure: `train`,
`predict`, `call`, `one`) and answers one JSON object a line on stdout.

    python -m benchmarks.worker --package minikeras --case article32 [--eager]
"""

import argparse
import ctypes
import importlib
import json
import os
import signal
import sys
import time
import traceback

import numpy as np

from benchmarks.cases import CASES, compiled

TRAIN_SECONDS = 0.4    # what a slice aims at; never less than an epoch or a call of predict
PREDICT_SECONDS = 0.3
MISSING = (AttributeError, ImportError, NotImplementedError)


def epoch_timer(keras):
    """Returns a callback whose `.seconds` lists the length of each epoch.

    It has hooks for epochs alone: a hook for batches would make asynchronous backends wait.
    """

    class EpochTimer(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seconds = []

        def on_epoch_begin(self, epoch, logs=None):
            self.begin = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds.append(time.perf_counter() - self.begin)

    return EpochTimer()


class Session:
    """One case under one package: `build`, then `warm`, then slices of the measures."""

    def __init__(self, package, case, eager):
        self.package, self.case, self.eager = package, CASES[case], eager

    def build(self):
        """Imports the package, builds the model and its data; or says what is missing."""
        try:
            self.keras = keras = importlib.import_module(self.package)
            self.model = compiled(keras, self.case, self.eager)
            self.timer = epoch_timer(keras)
        except MISSING as error:
            return {"missing": describe(error)}
        self.x, self.y, self.inputs = self.case.arrays()
        return {"version": getattr(keras, "__version__", "?")}

    def warm(self):
        """Compiles both steps on a few batches; each slice warms up further by itself."""
        few = min(4, self.case.steps)
        seconds = self.fit(2, few)[-1]  # the first epoch has the compilation
        self.epoch_seconds = seconds * self.case.steps / few
        self.predict_few()
        return {"seconds": self.epoch_seconds}

    def fit(self, epochs, steps=None):
        """Trains on all or the first `steps` batches; returns the seconds of each epoch."""
        end = steps and steps * self.case.batch
        self.timer.seconds.clear()
        self.model.fit(self.x[:end], self.y[:end], batch_size=self.case.batch, epochs=epochs,
                       verbose=0, callbacks=[self.timer])
        return list(self.timer.seconds)

    def predict_few(self):
        """Predicts two batches."""
        batch = self.case.batch
        self.model.predict(self.inputs[: 2 * batch], batch_size=batch, verbose=0)

    def train(self):
        """Milliseconds a step. The first epoch is not counted: the caches hold others' data."""
        epochs = min(50, max(1, round(TRAIN_SECONDS / self.epoch_seconds)))
        seconds = self.fit(1 + epochs)[1:]
        self.epoch_seconds = sum(seconds) / epochs
        return {"value": 1e3 * self.epoch_seconds / self.case.steps,
                "steps": epochs * self.case.steps}

    def predict(self):
        """Microseconds a sample, whole calls of `predict`, after a short one that is not timed."""
        self.predict_few()
        begin, samples = time.perf_counter(), 0
        while not samples or time.perf_counter() - begin < PREDICT_SECONDS:
            self.model.predict(self.inputs, batch_size=self.case.batch, verbose=0)
            samples += len(self.inputs)
        return {"value": 1e6 * (time.perf_counter() - begin) / samples, "samples": samples}


    def call(self):
        """Microseconds a call of the model with one sample, until the numbers are there."""
        return self._calls(lambda x: np.asarray(self.keras.ops.convert_to_numpy(self.model(x))))

    def one(self):
        """Microseconds a call of `predict` with one sample."""
        return self._calls(lambda x: self.model.predict(x, verbose=0))

    def _calls(self, run):
        x = self.inputs[:1]
        for _ in range(5):
            run(x)
        begin, calls = time.perf_counter(), 0
        while time.perf_counter() - begin < PREDICT_SECONDS:
            run(x)
            calls += 1
        return {"value": 1e6 * (time.perf_counter() - begin) / calls, "calls": calls}


def describe(error):
    """Returns `Type: first line` of an exception."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def claim_stdout():
    """Returns the answer stream; sends everything else written to stdout to stderr.

    Libraries print on stdout, from C too, and would mix with the answers.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return answers


def end_with_parent():
    """Asks Linux to kill this process when its parent dies, even while it is stopped.

    A stopped process does not see its stdin end, and would stay for ever.
    """
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def main():
    """Answers commands until stdin ends."""
    end_with_parent()
    parser = argparse.ArgumentParser()
    parser.add_argument("--package", required=True)
    parser.add_argument("--case", required=True, choices=CASES)
    parser.add_argument("--eager", action="store_true")
    options = parser.parse_args()
    answers = claim_stdout()
    session = Session(options.package, options.case, options.eager)
    for line in sys.stdin:
        try:
            answer = getattr(session, line.strip())()
        except Exception as error:  # whatever the library raises is this command's answer
            traceback.print_exc()
            answer = {"failed": describe(error)}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
