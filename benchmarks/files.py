"""What it takes to save and to load a whole model.

    python -m benchmarks.files [PACKAGE]

Prints for each model the median milliseconds of `save` and `load_model`, of processor time and on
the clock, after the package is imported and has loaded the model once. The aim for the article's
model: 20 ms to load.
"""

import importlib
import os
import statistics
import sys
import tempfile
import time

from benchmarks.cases import CASES, compiled

MODELS = ("article32", "mlp", "resnet", "transformer")
REPEATS = 20


def milliseconds(function):
    """Median processor time and time on the clock of a call, after one that is not counted."""
    function()
    times = []
    for _ in range(REPEATS):
        begin, clock = time.process_time(), time.perf_counter()
        function()
        times.append((1e3 * (time.process_time() - begin), 1e3 * (time.perf_counter() - clock)))
    return [statistics.median(column) for column in zip(*times)]


def row(keras, name):
    """(kilobytes, ms to save, ms to load) of a trained model; each ms twice."""
    case = CASES[name]
    model = compiled(keras, case)
    x, y, _ = case.arrays()
    model.train_on_batch(x[: case.batch], y[: case.batch])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        saving = milliseconds(lambda: model.save(path))
        loading = milliseconds(lambda: keras.models.load_model(path))
        return os.path.getsize(path) / 1e3, *saving, *loading


def main():
    """Prints the rows."""
    keras = importlib.import_module(sys.argv[1] if len(sys.argv) > 1 else "minikeras")
    print(f"{'model':14}{'kB':>8}{'save, ms':>10}{'clock':>8}{'load, ms':>10}{'clock':>8}")
    for name in MODELS:
        print(f"{name:14}" + "{:8.0f}{:10.1f}{:8.1f}{:10.1f}{:8.1f}".format(*row(keras, name)))


if __name__ == "__main__":
    main()
