"""Whether training in half precision reaches the accuracy of float32, and what it costs.

    python -m benchmarks.mixed_precision mnist.npz [--epochs 5] [--seeds 1 2 3] [--digits 60000]

Trains the article's network under `float32`, `mixed_float16` (whose loss is scaled automatically)
and `mixed_bfloat16` from the same weights and prints, for each policy, the test accuracy of each
seed in %, their mean, its difference from float32's, and the time of an epoch.
"""

import argparse
import time

import numpy as np

import minikeras as keras
from benchmarks.cases import article

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")


def network():
    """The article's network; its probabilities and loss are float32 under every policy."""
    model = article(keras, dtype="float32")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(policy, seed, data, epochs):
    """(test accuracy in %, seconds an epoch)."""
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(seed)
    model = network()
    begin = time.perf_counter()
    model.fit(*data[0], epochs=epochs, verbose=0)
    seconds = (time.perf_counter() - begin) / epochs
    return 100 * model.evaluate(*data[1], verbose=0)[1], seconds


def load(path, digits):
    """((x_train, y_train), (x_test, y_test)) of an mnist.npz, pixels from 0 to 1."""
    with np.load(path, allow_pickle=False) as file:
        train, test = ((file[f"x_{part}"][..., None] / np.float32(255), file[f"y_{part}"])
                       for part in ("train", "test"))
    return tuple(a[:digits] for a in train), test


def main():
    """Prints a row a policy."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("path")
    cli.add_argument("--epochs", type=int, default=5)
    cli.add_argument("--seeds", type=int, nargs="+", default=[1])
    cli.add_argument("--digits", type=int, default=60_000)
    args = cli.parse_args()
    data, whole = load(args.path, args.digits), None
    for policy in POLICIES:
        rows = [train(policy, seed, data, args.epochs) for seed in args.seeds]
        accuracies, seconds = zip(*rows)
        mean = sum(accuracies) / len(rows)
        whole = mean if whole is None else whole
        each = ", ".join(f"{a:.2f}" for a in accuracies)
        print(f"{policy:15} {each}; mean {mean:.2f} ({mean - whole:+.2f}), "
              f"{min(seconds):.1f} s an epoch", flush=True)


if __name__ == "__main__":
    main()
