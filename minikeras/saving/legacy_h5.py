"""Whole models and weights in `.h5` files, as Keras 1 and 2, tf.keras and Keras 3 write them.

A file of a model has the attributes `model_config` and `training_config` (JSON) and the groups
`model_weights` and `optimizer_weights`; a file of weights is such a group. A group has a subgroup
for each layer, and attributes that list the layers and the names of their arrays.
"""

import json
import warnings

import h5py
import numpy as np

from minikeras import losses
from minikeras.core import serialization
from minikeras.errors import FileError
from minikeras.saving.archive import parse_json
from minikeras.saving.atomic import write_atomically
from minikeras.saving.h5 import H5Reader, write_array
from minikeras.saving.legacy_config import compile_arguments, legacy, modern, version_of
from minikeras.saving.legacy_layouts import converted, value_of
from minikeras.saving.legacy_optimizer import in_our_order
from minikeras.saving.state import Loading, explained, listed, restored_on_failure

ATTRIBUTE = 64_000  # bytes that HDF5 can keep in one attribute
LONGEST = 1 << 28  # bytes of a configuration


# ---------------------------------------------------------------- save
def save_model(model, filepath, version, include_optimizer=True):
    """Write a whole model to an `.h5` file."""
    config = legacy(serialization.serialize_keras_object(model))

    def write(path):
        with h5py.File(path, "w") as file:
            file.attrs["keras_version"], file.attrs["backend"] = version, "numpy"
            _write_text(file, "model_config", json.dumps(config))
            write_weights(file.create_group("model_weights"), model, version)
            optimizer = getattr(model, "optimizer", None)
            if include_optimizer and optimizer is not None:
                _write_text(file, "training_config", json.dumps(_training_config(model)))
                _write_arrays(file.create_group("optimizer_weights"), optimizer.variables)

    write_atomically(filepath, write)


def _training_config(model):
    found = dict(model.get_compile_config())
    found["loss"] = _full_name(found["loss"])
    optimizer = found.pop("optimizer")
    found["optimizer_config"] = {
        "class_name": optimizer.get("registered_name") or optimizer["class_name"],
        "config": optimizer["config"]}
    return found


def _full_name(loss):
    """Losses by their full names: Keras reads no short ones ("mse") from these files."""
    if isinstance(loss, str):
        return getattr(losses.get(loss), "__name__", loss)
    if isinstance(loss, dict) and "class_name" not in loss:
        return {k: _full_name(v) for k, v in loss.items()}
    return [_full_name(v) for v in loss] if isinstance(loss, (list, tuple)) else loss


def write_weights(group, model, version):
    """Write the weights of a model's layers."""
    group.attrs["backend"], group.attrs["keras_version"] = "numpy", version
    layers = _layers(model)
    _write_names(group, "layer_names", [layer.name for layer in layers])
    for layer in layers:
        _write_arrays(group.create_group(layer.name), layer_weights(layer))
    _write_arrays(group.create_group("top_level_model_weights"), _top_level(model))


def _write_arrays(group, variables):
    names = []
    for v in variables:
        name, number = v.path, 0
        while name in names:
            number += 1
            name = f"{v.path}_{number}"
        names.append(name)
        write_array(group, name, v)
    _write_names(group, "weight_names", names)


def _write_names(group, key, names):
    """A list of names as an attribute, or as several if it is long."""
    encoded = [n.encode("utf-8") for n in names]
    width = max(map(len, encoded), default=1)
    step = max(1, ATTRIBUTE // width)
    if len(encoded) <= step:
        group.attrs[key] = np.array(encoded, f"S{width}") if encoded else np.zeros(0, "S1")
        return
    for i in range(0, len(encoded), step):
        group.attrs[f"{key}{i // step}"] = np.array(encoded[i:i + step], f"S{width}")


def _write_text(file, key, text):
    """A string of any length: beyond what an attribute can hold, HDF5 keeps it aside."""
    file.attrs.create(key, text, dtype=h5py.string_dtype())


# ---------------------------------------------------------------- the order of weights
def _layers(model):
    """A model's layers as these files list them: with the inputs of a functional model."""
    return list(model.layers)


def layer_weights(layer):
    """A layer's weights: those that are trained first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _top_level(model):
    """Weights of the model itself, which no layer of it has."""
    inside = {id(v) for layer in model.layers for v in layer.weights}
    return [v for v in layer_weights(model) if id(v) not in inside]


# ---------------------------------------------------------------- load
class LegacyFile(H5Reader):
    """An H5Reader that also knows the lists of names."""

    def text(self, key):
        """A string attribute of the file; None if there is none."""
        value = self.attributes("").get(key)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if value is not None and (not isinstance(value, str) or len(value) > LONGEST):
            raise FileError(f"{self.name}: the attribute {key!r} is no configuration.")
        return value

    def version(self):
        """The first number of the version of Keras that has written the file."""
        return version_of(self.text("keras_version"))

    def names(self, path, key):
        """A list of names at a group; None if it has none."""
        attributes = self.attributes(path)
        if key in attributes:
            return [_decoded(n) for n in np.ravel(attributes[key])]
        found, i = [], 0
        while f"{key}{i}" in attributes:
            found += [_decoded(n) for n in np.ravel(attributes[f"{key}{i}"])]
            i += 1
        return found if i else None

    def arrays(self, path):
        """[(name, array)] of a group, in the order of its list; the arrays are not yet read."""
        names = self.names(path, "weight_names")
        if names is None:
            raise FileError(f"{self.name}: the group '{path}' has no list of its arrays.")
        return [(n, self.array(f"{path}/{n}")) for n in names]


def _decoded(name):
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def load_model(filepath, custom_objects, compile, make):
    """The model in an `.h5` file.

    Args:
        make: `make(configuration)`: the model of a configuration in today's form.
    """
    with LegacyFile(filepath, filepath) as file:
        text = file.text("model_config")
        if text is None:
            raise FileError(
                f"No model config found in the file at {filepath}: it has only weights. Make the "
                "model, then call model.load_weights."
            )
        config = parse_json(text, f"{filepath}: model_config")
        with serialization.CustomObjectScope(custom_objects):
            with Loading(file.stored_bytes(), filepath), explained(filepath):
                model = make(modern(config, file.version()))
                training = file.text("training_config")
                if compile and training is not None:
                    _compile(model, parse_json(training, f"{filepath}: training_config"))
            read_weights(model, file, "model_weights")
            if compile and training is not None:
                _read_optimizer(model, file)
    return model


def _compile(model, training):
    arguments = compile_arguments(training)
    model.compile(**serialization.deserialize_keras_object(arguments))
    if model.built and model.optimizer is not None:
        model.optimizer.build(model.trainable_variables)


def _weights_group(file):
    """Where the layers are: the file itself, or a group of it."""
    if file.names("", "layer_names") is not None:
        return ""
    if "model_weights" in file:
        return "model_weights"
    raise FileError(f"{file.name} has no list of layers: it holds no weights of a Keras model.")


def load_weights(model, filepath, by_name=False, skip_mismatch=False):
    """Set a model's weights from an `.h5` file; if anything does not fit, none is set."""
    with LegacyFile(filepath, filepath) as file:
        read_weights(model, file, _weights_group(file), by_name, skip_mismatch)


def read_weights(model, file, group, by_name=False, skip_mismatch=False):
    """Set a model's weights from a group of layers: in their order, or by their names."""
    names = file.names(group, "layer_names") or []
    prefix = f"{group}/" if group else ""
    stored = [(n, file.arrays(prefix + n)) for n in names]
    pairs, problems = (_by_name if by_name else _in_order)(model, stored)
    top = f"{prefix}top_level_model_weights"
    if top in file and _top_level(model) and not by_name:
        pairs.append((model, _top_level(model), file.arrays(top)))
    backend = _decoded(file.attributes(group).get("backend", ""))
    found = []
    for layer, variables, arrays in pairs:
        name = layer.name
        if backend == "theano" or _difference(variables, arrays):
            arrays = converted(layer, variables, arrays, backend)
        wrong = _difference(variables, arrays)
        if wrong is None:
            found += zip(*_matched(variables, arrays))
        else:
            problems.append(f"'{name}': {wrong}")
    if problems and not skip_mismatch:
        raise FileError(
            f"The weights in {file.name} do not fit the model '{model.name}'; nothing was loaded. "
            f"{listed(problems)}"
        )
    if problems:
        warnings.warn(f"Of {file.name}, this was left out: {listed(problems)}", stacklevel=4)
    with restored_on_failure(model):
        for variable, array in found:
            variable.assign(value_of(array))


def _in_order(model, stored):
    """[(layer, its weights, arrays)], problems: layers with weights, one after another."""
    layers = [layer for layer in _layers(model) if layer.weights]
    stored = [(n, arrays) for n, arrays in stored if arrays]
    if len(layers) != len(stored):
        raise FileError(
            f"Layer count mismatch when loading weights from file. Model expected {len(layers)} "
            f"layers, found {len(stored)} saved layers."
        )
    return [(x, layer_weights(x), arrays) for x, (_, arrays) in zip(layers, stored)], []


def _by_name(model, stored):
    by_name = {layer.name: layer for layer in _layers(model)}
    found = [(by_name[n], arrays) for n, arrays in stored if n in by_name]
    return [(layer, layer_weights(layer), arrays) for layer, arrays in found], []


def _difference(variables, arrays):
    if len(variables) != len(arrays):
        return f"expected {len(variables)} weight(s), found {len(arrays)}"
    for v, array in zip(*_matched(variables, arrays)):
        if tuple(v.shape) != tuple(array.shape):
            return f"{v.path} has the shape {tuple(v.shape)}, in the file {tuple(array.shape)}"
    return None


def _matched(variables, arrays):
    """Variables and arrays in pairs: by the ends of their paths, else in their order.

    The order depends on which layers were frozen when the file was written; names do not.
    """
    paths = [n.removesuffix(":0").split("/") for n, _ in arrays]
    own = [v.path.split("/") for v in variables]
    for length in range(1, max(map(len, own), default=0) + 1):
        theirs = {tuple(p[-length:]): array for p, (_, array) in zip(paths, arrays)}
        ours = [tuple(p[-length:]) for p in own]
        if len(theirs) == len(arrays) and set(ours) == set(theirs):
            return variables, [theirs[p] for p in ours]
    return variables, [array for _, array in arrays]


# ---------------------------------------------------------------- the optimizer's state
def _read_optimizer(model, file):
    optimizer = model.optimizer
    if optimizer is None or "optimizer_weights" not in file:
        return
    if file.names("optimizer_weights", "weight_names") is None:
        return
    arrays = file.arrays("optimizer_weights")
    if not arrays:
        return
    if len(arrays) < len(optimizer.variables):  # Keras 2 has nothing of one that scales the loss
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    values = in_our_order(optimizer, arrays, model.trainable_variables)
    if values is None:
        warnings.warn(
            f"The optimizer begins anew: its state in {file.name} is not that of "
            f"{type(optimizer).__name__}.", stacklevel=4)
        return
    for variable, value in values:
        variable.assign(value_of(value))
