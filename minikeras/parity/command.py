"""`python -m minikeras parity FILE.keras`."""

import argparse

from minikeras.parity.comparison import compare


def main(arguments):
    """Print the comparison; 0 if nothing departs, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m minikeras parity",
        description="Load a model file here and in Keras, and compare layer by layer.")
    parser.add_argument("model", help="a .keras or .h5 file")
    parser.add_argument("--data", help="an .npz file with x and y")
    parser.add_argument("--steps", type=int, default=3, help="training steps")
    parser.add_argument("--python", help="a Python that has Keras")
    parser.add_argument("--code", help="a Python file that registers custom objects")
    parser.add_argument("--tolerance", type=float, help="share of the values' size")
    given = parser.parse_args(arguments)
    found = compare(**vars(given))
    print(found)
    return 0 if found.same else 1
