"""Write `examples/data/mnist_subset.npz`, a part of MNIST small enough for the repository.

    python tools/make_mnist_subset.py mnist.npz

Of each digit 1,000 images for training and 200 for testing, drawn with a fixed seed.
"""

import argparse
import pathlib

import numpy as np

TARGET = pathlib.Path(__file__).parents[1] / "examples" / "data" / "mnist_subset.npz"
SEED = 0


def balanced(rng, labels, each):
    """Positions of `each` samples of every class, in random order."""
    chosen = [rng.permutation(np.flatnonzero(labels == c))[:each] for c in range(10)]
    return rng.permutation(np.concatenate(chosen))


def main():
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("full", help="the whole mnist.npz")
    cli.add_argument("--out", default=TARGET)
    args = cli.parse_args()
    rng = np.random.default_rng(SEED)
    arrays = {}
    with np.load(args.full, allow_pickle=False) as full:
        for part, each in (("train", 1000), ("test", 200)):
            x, y = full[f"x_{part}"], full[f"y_{part}"]
            kept = balanced(rng, y, each)
            arrays[f"x_{part}"], arrays[f"y_{part}"] = x[kept], y[kept]
    np.savez_compressed(args.out, **arrays)
    print(f"{args.out}: {pathlib.Path(args.out).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
