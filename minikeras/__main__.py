"""`python -m minikeras`: look into a file, run a program, compare with Keras.

    python -m minikeras FILE.keras                 what is in a file; nothing of it is run
    python -m minikeras run SCRIPT.py [arguments]  a program that imports keras or tensorflow
    python -m minikeras parity FILE.keras [...]    the same model here and in Keras, layer by layer
"""

import sys

from minikeras.errors import FileError
from minikeras.parity import command
from minikeras.programs.activation import run
from minikeras.saving.report import report


def main(arguments):
    """Exit status of a command."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    if arguments[0] == "run":
        run(arguments[1:])
        return 0
    if arguments[0] == "parity":
        return command.main(arguments[1:])
    try:
        print(report(arguments[0]))
    except (FileError, OSError) as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
