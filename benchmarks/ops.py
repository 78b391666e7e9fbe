"""What one call of an op costs over NumPy's own call, unrecorded and recorded for a gradient.

    python -m benchmarks.ops [--size 8] [--json FILE]

The arrays are so small that what is timed is the Python around the kernel. The dropout mask, which
draws a random number an element, is timed at a size where the drawing matters.
"""

import argparse
import importlib
import json
import os
import statistics
import timeit
from pathlib import Path

import numpy as np

from benchmarks.processes import SLOWING

BATCH = 500    # calls a timing; one tape records so many, about as many as a training step
REPEATS = 15
MISSING = (AttributeError, ImportError, NotImplementedError)

# NumPy's function of the same name is the yardstick.
OPS = {"add": 2, "multiply": 2, "matmul": 2, "sum": 1, "exp": 1}


def loop_seconds():
    """Seconds an empty loop of BATCH calls takes, the best of all repeats."""
    return min(timeit.repeat("pass", number=BATCH, repeat=REPEATS))


def microseconds(function, arguments, around=None, repeats=REPEATS):
    """Microseconds a call: the best of the repeats, less the loop around the calls.

    The best and not the mean, because everything else on the machine only ever adds.

    Args:
        function: what is called.
        arguments: its positional arguments, one or two.
        around: makes a context for each repeat, entered and left outside the timing.
    """
    names = ["a", "b"][: len(arguments)]
    space = {"f": function, **dict(zip(names, arguments, strict=True))}
    timer = timeit.Timer(f"f({', '.join(names)})", globals=space)
    best = float("inf")
    for _ in range(repeats + 1):  # the first one warms up: never the best
        if around is None:
            seconds = timer.timeit(BATCH)
        else:
            with around():
                seconds = timer.timeit(BATCH)
        best = min(best, seconds)
    return 1e6 * max(best - loop_seconds(), 0.0) / BATCH


def recording(keras, tensor):
    """Returns a maker of tapes that watch the tensor from the start."""

    class Watching:
        def __enter__(self):
            self.tape = keras.GradientTape()
            self.tape.__enter__().watch(tensor)

        def __exit__(self, *error):
            return self.tape.__exit__(*error)

    return Watching


def attempt(timing):
    """Returns microseconds, or why there are none."""
    try:
        return timing()
    except MISSING as error:
        return f"missing: {type(error).__name__}: {error}"


def op_rows(keras, size):
    """Rows (name, NumPy, unrecorded, recorded) of the ops, microseconds a call.

    Args:
        keras: the package under test.
        size: arrays are (size, size) float32.
    """
    rng = np.random.default_rng(0)
    arrays = [rng.random((size, size), dtype=np.float32) for _ in range(2)]
    tensors = [keras.ops.convert_to_tensor(a) for a in arrays]
    for name, count in OPS.items():
        yield (name, microseconds(getattr(np, name), arrays[:count]),
               attempt(lambda n=name, c=count: microseconds(getattr(keras.ops, n), tensors[:c])),
               attempt(lambda n=name, c=count: microseconds(
                   getattr(keras.ops, n), tensors[:c], recording(keras, tensors[0]))))


def dropout_row(keras, shape=(128, 512), rate=0.2):
    """The same row for dropout: a random mask and the product with it.

    NumPy's side draws float32, compares, and multiplies twice, as a dropout by hand would.
    """
    x = np.ones(shape, np.float32)
    generator = np.random.default_rng(0)

    def by_hand(a):
        kept = generator.random(a.shape, dtype=np.float32) >= rate
        return a * kept * np.float32(1 / (1 - rate))

    def timed(around=False):
        tensor = keras.ops.convert_to_tensor(x)
        seed = keras.random.SeedGenerator(0)
        return microseconds(lambda a: keras.random.dropout(a, rate, seed=seed), [tensor],
                            recording(keras, tensor) if around else None, repeats=3)

    name = "dropout " + "x".join(map(str, shape))
    return (name, microseconds(by_hand, [x], repeats=3), attempt(timed),
            attempt(lambda: timed(True)))


def lines(rows):
    """The table as lines of text; `over` is the cost less NumPy's."""
    yield f"{'op':16} {'NumPy':>8} {'unrecorded':>11} {'over':>8} {'recorded':>9} {'over':>8}   us"
    for name, base, *costs in rows:
        cells, notes = [], []
        for cost, width in zip(costs, (11, 9), strict=True):
            if isinstance(cost, str):
                cells.append(f"{'-':>{width}} {'-':>8}")
                notes.append(cost)
            else:
                cells.append(f"{cost:{width}.2f} {cost - base:8.2f}")
        note = "; ".join(dict.fromkeys(notes))
        yield f"{name:16} {base:8.2f} {' '.join(cells)}   {note}".rstrip()


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=8, help="arrays are SIZE x SIZE")
    parser.add_argument("--json", metavar="FILE", help="write the rows here too")
    parser.add_argument("--self", default="minikeras", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if slowing := [name for name in SLOWING if name in os.environ]:
        parser.error(f"unset {', '.join(slowing)} first: NumPy or the package is slower with it")
    keras = importlib.import_module(options.self)
    try:
        rows = [*op_rows(keras, options.size), dropout_row(keras)]
    except MISSING as error:
        raise SystemExit(f"missing: {type(error).__name__}: {error}") from error
    print("\n".join(lines(rows)))
    over = [cost - base for _, base, *costs in rows[:-1] for cost in costs[-1:]
            if not isinstance(cost, str)]
    if over:
        print(f"\nA recorded op costs {statistics.median(over):.2f} us over NumPy's (median).")
    if options.json:
        keys = ("op", "numpy", "unrecorded", "recorded")
        table = [dict(zip(keys, row, strict=True)) for row in rows]
        Path(options.json).write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
