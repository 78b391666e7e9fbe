"""What a fresh process costs: imports, time to the first finished step, peak memory.

    python -m benchmarks.fresh PACKAGE STARTED

STARTED is `time.time()` of the parent when it started this process. Prints one JSON object.
Imports are made by name and in this order because they are what is measured.
"""

import importlib
import json
import os
import resource
import sys
import time


def timed_import(name):
    """Imports a module; returns it and the milliseconds that took."""
    begin = time.perf_counter()
    module = importlib.import_module(name)
    return module, 1e3 * (time.perf_counter() - begin)


def peak_megabytes():
    """Largest resident size of this process so far, in MB (10**6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def measure(package, started):
    """Imports, builds the article's model, trains one batch, then two epochs of 30 steps.

    Returns a dict: `numpy` and `import` (ms; the second over NumPy's), `first` (s), `peak` (MB).
    """
    np, numpy_ms = timed_import("numpy")
    keras, import_ms = timed_import(package)
    cases = importlib.import_module("benchmarks.cases")
    case = cases.CASES["article32"]
    model = cases.compiled(keras, case)
    x, y = case.data(np.random.default_rng(0), 30 * case.batch)
    model.train_on_batch(x[: case.batch], y[: case.batch])
    first = time.time() - started
    model.fit(x, y, batch_size=case.batch, epochs=2, verbose=0)
    return {"numpy": numpy_ms, "import": import_ms, "first": first, "peak": peak_megabytes()}


def main():
    """Prints the measurements, or why there are none."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print on stdout too
    try:
        answer = measure(sys.argv[1], float(sys.argv[2]))
    except (AttributeError, ImportError, NotImplementedError) as error:
        answer = {"missing": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
