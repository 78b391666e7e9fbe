"""Configurations of older versions: Keras 1, Keras 2 and tf.keras, and those of Keras 3's `.h5`.

`modern` rewrites them in the form of today, which `deserialize_keras_object` reads. Nothing is
looked up outside the public names and registered objects.
"""

from minikeras.api import namespaces
from minikeras.core import graph_ops
from minikeras.core.serialization import PREFIX, get_registered_object
from minikeras.saving import legacy_arguments, legacy_graph
from minikeras.saving.legacy_arguments import CLASSES

PLACES = ("", "layers", "optimizers", "losses", "metrics", "initializers", "regularizers",
          "constraints", "optimizers.schedules")
MODELS = {"Model": "Functional", "Functional": "Functional", "Sequential": "Sequential"}
WRAPPERS = ("MeanMetricWrapper", "LossFunctionWrapper")
INSIDE = ("layer", "layers", "cell", "cells", "forward_layer", "backward_layer")


# ---------------------------------------------------------------- objects
def modern(config, version=3):
    """A configuration with every object in today's form.

    Args:
        config: anything JSON can hold.
        version: of the Keras that has written it.
    """
    found = _modern(config)
    return legacy_arguments.old_functions(found) if version < 3 else found


def version_of(text):
    """The first number of a version "2.15.0"; 2 if there is none, as in older files."""
    first = str(text or "").split(".")[0]
    return int(first) if first.isdigit() else 2


def _modern(config, key=""):
    if isinstance(config, list):
        return [_modern(x, key) for x in config]
    if not isinstance(config, dict):
        return config
    if "class_name" in config and isinstance(config.get("config"), (dict, list)):
        if config["class_name"] in MODELS:
            return _model(config)
        if _is_layer(config, key):
            return _layer(config)
        return _object(config)
    return {k: _modern(v, k) for k, v in config.items()}


def _is_layer(config, key):
    name, module = config["class_name"], config.get("module")
    if module is not None:
        return module.endswith(".layers")
    return key in INSIDE or f"layers.{CLASSES.get(name, name)}" in namespaces.INDEX and (
        isinstance(config["config"], dict) and "trainable" in config["config"])


def _object(config):
    """An initializer, optimizer, metric, a class of one's own and the like."""
    name, inner = _name(config["class_name"]), config["config"]
    if isinstance(inner, dict):
        inner = {k: _modern(v, k) for k, v in inner.items()}
        if name in WRAPPERS and isinstance(inner.get("fn"), str):
            inner["fn"] = _function(inner["fn"])
    if not isinstance(name, str) or name.startswith("__"):
        return {**config, "config": inner}
    ours = str(config.get("module", "keras")).startswith(PREFIX)
    found = {**config, **(_named(name) if ours or name != config["class_name"] else {})}
    if isinstance(inner, dict):
        inner = legacy_arguments.fitting(found, inner)
    return {**_with_compile_config(found), "config": inner}


def _with_compile_config(config):
    """The configuration with its arguments of `compile` in today's form."""
    found = config.get("compile_config")
    if not isinstance(found, dict):
        return config
    return {**config, "compile_config": {
        k: _modern(v, k) for k, v in found.items() if v is not None}}


def _name(name):
    """A class's name of today."""
    if isinstance(name, str) and name.startswith("Custom>") and get_registered_object(name) is None:
        name = name.removeprefix("Custom>")  # an optimizer of Keras 2.11 or later
    return {"Policy": "DTypePolicy", **CLASSES}.get(name, name)


def _function(name):
    return {"module": "builtins", "class_name": "function", "config": name,
            "registered_name": "function"}


def _named(name, places=PLACES):
    """Module and names of a class by its bare name."""
    if get_registered_object(name) is not None:
        return {"module": None, "class_name": name, "registered_name": name}
    for place in places:
        if f"{place}.{name}".lstrip(".") in namespaces.INDEX:
            module = f"{PREFIX}.{place}".rstrip(".")
            return {"module": module, "class_name": name, "registered_name": None}
    return {"module": None, "class_name": name, "registered_name": name}


# ---------------------------------------------------------------- layers
def _layer(config):
    """A layer's configuration."""
    old, inner = config["class_name"], dict(config["config"])
    if _is_op(config):
        return _op(config)
    if old in legacy_graph.TENSORFLOW:
        return {**config, **legacy_graph.TENSORFLOW_OP}
    names = _named(CLASSES.get(old, old), ("layers", ""))
    inner = legacy_arguments.renamed(old, inner)
    inner = {k: _modern(v, k) for k, v in inner.items()}
    if names["module"] is not None:
        inner = legacy_arguments.of_layer(names["class_name"], inner)
        if names["class_name"] == "Lambda":
            inner = _lambda(inner)
        config = {k: v for k, v in config.items() if k != "build_config"}  # its graph builds it
    elif str(config.get("module", PREFIX)).split(".")[0] != PREFIX:
        names = {}  # of a package of one's own
    return {**config, **names, "config": inner}


def _lambda(inner):
    """A Lambda of Keras 2, whose code is in the file, or of today."""
    kind = inner.pop("function_type", None)
    inner.pop("module", None)
    for key in ("output_shape_type", "output_shape_module"):
        inner.pop(key, None)
    if kind == "lambda":
        inner["function"] = {"class_name": "__lambda__", "config": {"value": inner["function"]}}
    elif kind == "function":
        inner["function"] = _function(inner["function"])
    return {k: v for k, v in inner.items() if v is not None}


# ---------------------------------------------------------------- ops in a graph
def _is_op(config):
    """Whether what looks like a layer is an op: Keras 3 writes both by their bare names."""
    inner = config["config"]
    layer = {"trainable", "batch_shape", "batch_input_shape"} & set(inner)
    return not layer and graph_ops.module_of(config["class_name"]) is not None


def _op(config):
    name = config["class_name"]
    return {"module": graph_ops.module_of(name), "class_name": name, "registered_name": name,
            "config": config["config"]}


# ---------------------------------------------------------------- models
def _model(config):
    name = MODELS[config["class_name"]]
    inner = config["config"]
    apart = ("name", "inbound_nodes", *(() if name == "Sequential" else ("build_config",)))
    rest = _with_compile_config({k: v for k, v in config.items() if k not in apart})
    if name == "Sequential":
        return {**rest, "module": PREFIX, "class_name": name, "registered_name": None,
                "config": _sequential(inner)}
    return {**rest, "module": f"{PREFIX}.src.models.functional", "class_name": name,
            "registered_name": name, "config": _functional(inner)}


def _sequential(inner):
    if isinstance(inner, list):
        inner = {"name": None, "layers": inner}
    inner = {**inner, "layers": [_member(x) for x in inner["layers"]]}
    if isinstance(inner.get("dtype"), dict):
        inner["dtype"] = _modern(inner["dtype"], "dtype")
    return inner


def _member(config):
    """A layer or model in the list of a model's layers."""
    if config.get("class_name") in MODELS:
        return {**config, **_model(config)}
    return _layer(config)


def _functional(inner):
    layers = []
    for layer in inner["layers"]:
        name = layer.get("name") or layer["config"]["name"]
        layers.append({**_member(layer), "name": name,
                       "inbound_nodes": layer.get("inbound_nodes", [])})
    return legacy_graph.connected({**inner, "layers": layers})


# ---------------------------------------------------------------- to the old form
def legacy(config):
    """A model's configuration as Keras 3 writes it into `.h5` files."""
    name = config["class_name"]
    inner = config["config"]
    if name in ("Sequential", "Functional") and isinstance(inner, dict) and "layers" in inner:
        inner = {**inner, "layers": [
            {**legacy(x), **{k: x[k] for k in ("name", "inbound_nodes") if k in x}}
            for x in inner["layers"]]}
    registered = config.get("registered_name")
    keep = registered and get_registered_object(registered) is not None
    return {"class_name": registered if keep else name, "config": inner}


# ---------------------------------------------------------------- how it was compiled
def compile_arguments(training):
    """Arguments of `compile` from the training configuration of an `.h5` file."""
    known = ("loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly",
             "steps_per_execution", "jit_compile")
    found = {k: training[k] for k in known if training.get(k) is not None}
    found["optimizer"] = _optimizer(training["optimizer_config"])
    for key in ("metrics", "weighted_metrics"):
        if key in found:
            found[key] = _metrics(found[key])
    if "loss" in found:
        found["loss"] = _modern(found["loss"])
    return found


def _optimizer(config):
    name = _name(config["class_name"])
    if get_registered_object(name) is None and f"optimizers.{name}" not in namespaces.INDEX:
        name = {"rmsprop": "RMSprop", "sgd": "SGD"}.get(name.lower(), name.capitalize())
    return _object({"class_name": name, "config": config["config"]})


def _metrics(metrics):
    if isinstance(metrics, dict) and "class_name" not in metrics:
        return {k: _metrics(v) for k, v in metrics.items()}
    if isinstance(metrics, list):
        if len(metrics) == 1 and isinstance(metrics[0], list):
            metrics = metrics[0]
        return [_metrics(m) for m in metrics]
    return _modern(metrics)
