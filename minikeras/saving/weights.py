"""Weights files: `.weights.h5`, or several of them with an index, `.weights.json`."""

import os

import h5py

from minikeras.api.registry import public
from minikeras.errors import FileError
from minikeras.saving import legacy_h5
from minikeras.saving.archive import WEIGHTS, ZippedArchive
from minikeras.saving.atomic import write_atomically
from minikeras.saving.h5 import H5Reader
from minikeras.saving.sharding import INDEX, ShardedReader, save_sharded
from minikeras.saving.state import read_state, write_state

ENDING = ".weights.h5"
LEGACY = (".h5", ".hdf5")


@public("saving.save_weights")
def save_weights(model, filepath, overwrite=True, max_shard_size=None, **kwargs):
    """Save a model's weights, and its optimizer's state, to a file.

    The file is written beside the target and moved there when it is whole.

    Args:
        filepath: path that ends in `.weights.h5`.
        overwrite: whether a file of that name may be replaced.
        max_shard_size: gigabytes of arrays in one file at most; the weights then go into several,
            with an index whose name ends in `.weights.json`, which is what to load.
    """
    filepath = os.fspath(filepath)
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    endings = (ENDING,) if max_shard_size is None else (ENDING, INDEX)
    if not filepath.endswith(endings):
        raise ValueError(
            f"The filename must end in `.weights.h5`. Received: filepath={filepath}")
    if max_shard_size is not None:
        filepath = filepath.removesuffix(ENDING).removesuffix(INDEX) + INDEX
    refuse_to_overwrite(filepath, overwrite)
    if max_shard_size is not None:
        save_sharded(model, filepath, max_shard_size)
        return

    def write(path):
        with h5py.File(path, "w") as file:
            write_state(file, model)

    write_atomically(filepath, write)


def refuse_to_overwrite(filepath, overwrite):
    """FileExistsError for a file that is there, unless it may be replaced."""
    if not overwrite and os.path.exists(filepath):
        raise FileExistsError(f"{filepath} exists; pass overwrite=True to replace it.")


@public("saving.load_weights")
def load_weights(model, filepath, skip_mismatch=False, **kwargs):
    """Set a model's weights from a file; if anything in it is wrong, none is set.

    Args:
        filepath: path that ends in `.weights.h5`; or of a whole model's `.keras` or `.h5` file, or
            of a legacy `.h5` file of weights.
        skip_mismatch: leave layers that do not fit as they are, with a warning.
        by_name: of a legacy file, load the layers whose names are the model's; else in order.
    """
    filepath = os.fspath(filepath)
    by_name = kwargs.pop("by_name", False)
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    if not filepath.endswith((ENDING, INDEX, ".keras", *LEGACY)):
        raise ValueError(
            "The filename must end in `.weights.h5`, or in `.keras` or `.h5` for the weights of a "
            f"whole model. Received: filepath={filepath}"
        )
    require_file(filepath)
    if filepath.endswith(".keras"):
        with ZippedArchive(filepath) as archive, archive.file(WEIGHTS) as source:
            with H5Reader(source, filepath) as reader:
                read_state(model, reader, filepath, skip_mismatch)
        return
    if filepath.endswith(INDEX):
        with ShardedReader(filepath) as reader:
            read_state(model, reader, filepath, skip_mismatch)
        return
    if not filepath.endswith(ENDING):
        legacy_h5.load_weights(model, filepath, by_name, skip_mismatch)
        return
    if by_name:
        raise ValueError(f"`by_name` is for legacy `.h5` files. Received: filepath={filepath}")
    with H5Reader(filepath, filepath) as reader:
        read_state(model, reader, filepath, skip_mismatch)


def require_file(filepath):
    """FileNotFoundError, which says so, if there is no such file."""
    if not os.path.exists(filepath):
        raise FileNotFoundError(f"File not found: filepath={filepath}. Check the path.")
    if os.path.isdir(filepath):
        raise FileError(f"{filepath} is a folder where a file is expected.")
    if not os.path.isfile(filepath):  # a pipe or device, which may have no end
        raise FileError(f"{filepath} is a pipe or a device where a file is expected.")
