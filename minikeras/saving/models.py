"""Whole models in files: configuration, weights, how they were compiled, the optimizer's state."""

import datetime
import json
import os
import shutil
import tempfile
import zipfile

import h5py

from minikeras.api import namespaces
from minikeras.api.registry import public
from minikeras.core import serialization
from minikeras.errors import FileError
from minikeras.saving import legacy_h5
from minikeras.saving.archive import (
    ASSETS,
    CONFIG,
    METADATA,
    WEIGHTS,
    FolderArchive,
    ZippedArchive,
    read_json,
)
from minikeras.saving.atomic import temporary_beside, write_atomically
from minikeras.saving.h5 import H5Reader
from minikeras.saving.legacy_config import modern, version_of
from minikeras.saving.state import Loading, explained, read_state, write_state
from minikeras.saving.walk import walk
from minikeras.saving.weights import refuse_to_overwrite, require_file

KERAS_VERSION = "3.15.1"  # the version whose format this is
H5_ENDINGS = (".h5", ".hdf5")


# ---------------------------------------------------------------- save
@public("saving.save_model", "models.save_model")
def save_model(model, filepath, overwrite=True, zipped=None, **kwargs):
    """Save a model: its configuration, weights, compile arguments and optimizer's state.

    The file is written beside the target and moved there when it is whole.

    Args:
        filepath: path that ends in `.keras`, or in `.h5` for the format of Keras 2.
        overwrite: whether a file of that name may be replaced.
        zipped: False writes a folder instead of a zip file.

    >>> import os, tempfile
    >>> import minikeras as keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.keras")
    ...     save_model(model, path)
    ...     load_model(path).count_params()
    3
    """
    filepath = os.fspath(filepath)
    include_optimizer = kwargs.pop("include_optimizer", True)
    save_format = kwargs.pop("save_format", None)
    if kwargs:
        raise ValueError(f"The following argument(s) are not supported: {sorted(kwargs)}")
    if save_format == "tf":
        raise ValueError("SavedModel is not supported; save to a `.keras` file.")
    if filepath.endswith(".keras") and zipped is not False:
        refuse_to_overwrite(filepath, overwrite)
        _write_zip(model, filepath)
    elif zipped is False:
        refuse_to_overwrite(filepath, overwrite)
        _write_folder(model, filepath)
    elif filepath.endswith(H5_ENDINGS):
        refuse_to_overwrite(filepath, overwrite)
        legacy_h5.save_model(model, filepath, KERAS_VERSION, include_optimizer)
    else:
        raise ValueError(
            "Invalid filepath extension for saving. Please add either a `.keras` extension for "
            "the native Keras format (recommended) or a `.h5` extension. "
            f"Received: filepath={filepath}"
        )


def config_json(model):
    """(config.json, metadata.json) of a model as strings."""
    with serialization.ObjectSharingScope():
        config = serialization.serialize_keras_object(model)
    saved = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = {"keras_version": KERAS_VERSION, "date_saved": saved}
    return json.dumps(config), json.dumps(metadata)


def _write_zip(model, filepath):
    config, metadata = config_json(model)

    def write(path):
        with (temporary_beside(path) as weights, tempfile.TemporaryDirectory() as assets,
              zipfile.ZipFile(path, "w") as archive):
            archive.writestr(METADATA, metadata)
            archive.writestr(CONFIG, config)
            _write_weights(model, weights)
            archive.write(weights, WEIGHTS)
            for name in save_assets(model, assets):
                archive.write(os.path.join(assets, *name.split("/")), f"{ASSETS}/{name}")

    write_atomically(filepath, write)


def _write_folder(model, filepath):
    config, metadata = config_json(model)
    os.makedirs(filepath, exist_ok=True)

    def write_text(text):
        def write(path):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

        return write

    with tempfile.TemporaryDirectory(dir=filepath) as assets:
        save_assets(model, assets)
        write_atomically(os.path.join(filepath, WEIGHTS), lambda path: _write_weights(model, path))
        write_atomically(os.path.join(filepath, CONFIG), write_text(config))
        write_atomically(os.path.join(filepath, METADATA), write_text(metadata))
        shutil.copytree(assets, os.path.join(filepath, ASSETS), dirs_exist_ok=True)


def _write_weights(model, path):
    with h5py.File(path, "w") as file:
        write_state(file, model)


def save_assets(model, folder):
    """Let what has files of its own (vocabularies) write them; their names below the folder."""
    for path, saveable in walk(model):
        if hasattr(saveable, "save_assets"):
            own = os.path.join(folder, *path.split("/"))
            os.makedirs(own, exist_ok=True)
            saveable.save_assets(own)
    return [os.path.relpath(os.path.join(where, name), folder).replace(os.sep, "/")
            for where, _, names in os.walk(folder) for name in sorted(names)]


# ---------------------------------------------------------------- load
@public("saving.load_model", "models.load_model")
def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """The model in a file: with its weights and, if it was compiled, ready to train on.

    Args:
        filepath: path of a `.keras` file or folder, or of an `.h5` file of Keras 2 or 3.
        custom_objects: dictionary of names to classes and functions that are not built in and
            not registered.
        compile: whether to compile the model as it was when it was saved.
        safe_mode: refuse Python code (lambdas) in the file, which could do anything.

    Raises:
        FileError: (a ValueError) for damaged files and files that are refused.
        TypeError: for classes that are unknown.
    """
    filepath = os.fspath(filepath)
    if is_folder_archive(filepath):
        return _from_archive(FolderArchive(filepath), custom_objects, compile, safe_mode)
    if filepath.endswith(".keras"):
        if not os.path.exists(filepath):
            raise FileError(
                f"File not found: filepath={filepath}. Please ensure the file is an accessible "
                "`.keras` zip file."
            )
        require_file(filepath)
        if not h5py.is_hdf5(filepath):
            return _from_archive(ZippedArchive(filepath), custom_objects, compile, safe_mode)
    if filepath.endswith((*H5_ENDINGS, ".keras")):
        require_file(filepath)
        return legacy_h5.load_model(
            filepath, custom_objects, compile,
            lambda config: model_of(config, filepath, custom_objects, compile, safe_mode))
    raise FileError(
        f"File format not supported: filepath={filepath}. `load_model` reads `.keras` files and "
        "legacy `.h5` files."
    )


def is_folder_archive(filepath):
    """Whether a path is that of a folder that `save(..., zipped=False)` wrote."""
    return all(os.path.isfile(os.path.join(filepath, n)) for n in (CONFIG, METADATA, WEIGHTS))


def _from_archive(archive, custom_objects, compile, safe_mode):
    with archive:
        config, version = read_json(archive, CONFIG), 3
        if METADATA in archive:
            metadata = read_json(archive, METADATA)
            if not isinstance(metadata, dict):
                raise FileError(f"{archive.name}: {METADATA} is no dictionary.")
            version = version_of(metadata.get("keras_version", 3))
        if version < 3:
            with explained(archive.name):
                config = modern(config, version)
        if WEIGHTS not in archive:
            raise FileError(f"{archive.name} has no {WEIGHTS}: it is incomplete.")
        with archive.file(WEIGHTS) as source, H5Reader(source, archive.name) as reader:
            with Loading(reader.stored_bytes(), archive.name):
                model = model_of(config, archive.name, custom_objects, compile, safe_mode)
                restore_loss_scale(model, reader)
            with archive.assets() as folder:
                load_assets(model, folder)
            read_state(model, reader, archive.name)
    return model


def model_of(config, name, custom_objects, compile, safe_mode):
    """The model of a configuration, as yet without its weights."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise FileError(f"The configuration in {name} is not that of a model.")
    if not compile:
        config = {**config, "compile_config": None}
    with serialization.SafeModeScope(safe_mode), serialization.ObjectSharingScope():
        with explained(name):
            model = serialization.deserialize_keras_object(config, custom_objects, safe_mode)
    if not hasattr(model, "load_weights"):
        raise FileError(
            f"The configuration in {name} is that of {type(model).__name__}, which is no model.")
    return model


def restore_loss_scale(model, reader):
    """Scale the loss as the saved model did, if its optimizer's state says so.

    Keras writes the optimizer without the scaling that `compile` put around it for mixed_float16.
    """
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None or hasattr(optimizer, "inner_optimizer"):
        return
    if "optimizer/inner_optimizer" in reader:
        scaled = namespaces.lookup("optimizers.LossScaleOptimizer")(optimizer)
        scaled.build(model.trainable_variables)
        model.optimizer = model._compile_config["optimizer"] = scaled


def load_assets(model, folder):
    """Let what has files of its own read them."""
    for path, saveable in walk(model):
        own = folder and os.path.join(folder, *path.split("/"))
        if hasattr(saveable, "load_assets") and own and os.path.isdir(own):
            saveable.load_assets(own)
