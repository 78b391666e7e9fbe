"""Configurations of older versions: Keras 1, Keras 2 and tf.keras, and those of Keras 3's `.h5`.

`modern` rewrites them in the form of today, which `deserialize_keras_object` reads. Nothing is
looked up outside the public names and registered objects.
"""

from minikeras.api import namespaces
from minikeras.core import graph_ops
from minikeras.core.serialization import PREFIX, get_registered_object

PLACES = ("", "layers", "optimizers", "losses", "metrics", "initializers", "regularizers",
          "constraints", "optimizers.schedules")
MODELS = {"Model": "Functional", "Functional": "Functional", "Sequential": "Sequential"}
CLASSES = {  # names that have gone
    "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D", "AtrousConvolution2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose", "SeparableConvolution2D": "SeparableConv2D",
    "BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization", "GRUV2": "GRU", "LSTMV2": "LSTM",
    "NormalV2": "RandomNormal", "Normal": "RandomNormal", "Uniform": "RandomUniform",
}
# Arguments that no longer exist; what they meant is the default or of no effect on the values.
GONE = {"implementation", "time_major", "ragged", "sparse", "input_length", "consume_less",
        "unit_forget_gate", "batch_input_shape", "input_dtype", "partitioner",
        "zero_output_for_mask", "experimental_autocast", "virtual_batch_size", "adjustment",
        "fused"}
RENAMED = {  # Keras 1
    "output_dim": "units", "init": "kernel_initializer", "inner_init": "recurrent_initializer",
    "W_regularizer": "kernel_regularizer", "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint", "b_constraint": "bias_constraint", "bias": "use_bias",
    "U_regularizer": "recurrent_regularizer", "inner_activation": "recurrent_activation",
    "dropout_W": "dropout", "dropout_U": "recurrent_dropout", "nb_filter": "filters",
    "border_mode": "padding", "subsample": "strides", "subsample_length": "strides",
    "filter_length": "kernel_size", "p": "rate", "pool_length": "pool_size", "stride": "strides",
    "gamma_init": "gamma_initializer", "beta_init": "beta_initializer", "mode": None,
    "atrous_rate": "dilation_rate",
}
ORDERS = {"tf": "channels_last", "th": "channels_first", "default": None}
WRAPPERS = ("MeanMetricWrapper", "LossFunctionWrapper")
INSIDE = ("layer", "layers", "cell", "cells", "forward_layer", "backward_layer")


# ---------------------------------------------------------------- objects
def modern(config, key=""):
    """A configuration with every object in today's form.

    Args:
        config: anything JSON can hold.
        key: the name of the argument that it is of.
    """
    if isinstance(config, list):
        return [modern(x, key) for x in config]
    if not isinstance(config, dict):
        return config
    if "class_name" in config and isinstance(config.get("config"), (dict, list)):
        if config["class_name"] in MODELS:
            return _model(config)
        if _is_layer(config, key):
            return _layer(config)
        return _object(config)
    return {k: modern(v, k) for k, v in config.items()}


def _is_layer(config, key):
    name, module = config["class_name"], config.get("module")
    if module is not None:
        return module.endswith(".layers")
    return key in INSIDE or f"layers.{CLASSES.get(name, name)}" in namespaces.INDEX and (
        isinstance(config["config"], dict) and "trainable" in config["config"])


def _object(config):
    """An initializer, optimizer, metric and the like."""
    name = CLASSES.get(config["class_name"], config["class_name"])
    inner = config["config"]
    if config["class_name"] == "Policy":
        name = "DTypePolicy"
    if isinstance(inner, dict):
        inner = {k: modern(v, k) for k, v in inner.items()}
        if name in WRAPPERS and isinstance(inner.get("fn"), str):
            inner["fn"] = _function(inner["fn"])
    if isinstance(name, str) and name.startswith("__") or "module" in config and (
            name == config["class_name"]):
        return {**config, "config": inner}
    return {**_named(name), "config": inner}


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
    name = CLASSES.get(old, old)
    names = _named(name, ("layers", ""))
    if _is_op(config):
        return _op(config)
    if "module" in names and names["module"] is not None:
        inner = _arguments(old, name, inner)
    else:
        inner = {k: modern(v, k) for k, v in inner.items()}
    return {**names, "config": inner}


def _arguments(old, name, inner):
    if old != name or _is_first_version(name, inner):
        inner = _renamed(name, inner)
    shape = inner.pop("batch_input_shape", None)
    if shape is not None:
        inner["batch_shape" if name == "InputLayer" else "batch_input_shape"] = shape
    kept = {"batch_input_shape"} if name != "InputLayer" else {"ragged", "sparse"}
    inner = {k: modern(v, k) for k, v in inner.items() if k not in GONE - kept}
    if isinstance(inner.get("dtype"), dict) and inner["dtype"].get("class_name") == "Policy":
        inner["dtype"] = inner["dtype"]["config"]["name"]
    if name in ("BatchNormalization", "LayerNormalization") and isinstance(inner.get("axis"), list):
        if len(inner["axis"]) == 1:
            inner["axis"] = inner["axis"][0]
    if name == "LeakyReLU" and "alpha" in inner:
        inner["negative_slope"] = inner.pop("alpha")
    if name == "Lambda":
        inner = _lambda(inner)
    return inner


def _is_first_version(name, inner):
    return bool({"output_dim", "nb_filter", "border_mode", "p", "gamma_init"} & set(inner)) and (
        name != "Embedding" or "init" in inner)


def _renamed(name, inner):
    """Arguments of Keras 1 by today's names."""
    inner = dict(inner)
    sizes = [inner.pop(k) for k in ("nb_row", "nb_col") if k in inner]
    if sizes:
        inner["kernel_size"] = sizes
    order = ORDERS.get(inner.pop("dim_ordering", "default"))
    if order:
        inner["data_format"] = order
    renamed = {}
    for key, value in inner.items():
        new = RENAMED.get(key, key)
        if name == "Embedding":
            new = {"output_dim": "output_dim", "init": "embeddings_initializer",
                   "W_regularizer": "embeddings_regularizer",
                   "W_constraint": "embeddings_constraint"}.get(key, new)
            if key == "dropout":
                continue
        if name == "BatchNormalization" and key in ("init", "mode"):
            continue
        if new is not None:
            renamed[new] = value
    if name != "Embedding":
        renamed.pop("input_dim", None)
    return {k: v for k, v in renamed.items() if v is not None}


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
    if name == "Sequential":
        return {"module": PREFIX, "class_name": name, "registered_name": None,
                "config": _sequential(inner)}
    return {"module": f"{PREFIX}.src.models.functional", "class_name": name,
            "registered_name": name, "config": _functional(inner)}


def _sequential(inner):
    if isinstance(inner, list):
        inner = {"name": None, "layers": inner}
    inner = {**inner, "layers": [_member(x) for x in inner["layers"]]}
    if isinstance(inner.get("dtype"), dict):
        inner["dtype"] = modern(inner["dtype"], "dtype")
    return inner


def _member(config):
    """A layer or model in the list of a model's layers."""
    if config.get("class_name") in MODELS:
        return {**config, **_model(config)}
    return _layer(config)


def _functional(inner):
    layers, order = [], {}
    for layer in inner["layers"]:
        name = layer.get("name") or layer["config"]["name"]
        made = _member(layer)
        order[name] = len(order)
        layers.append({**made, "name": name, "inbound_nodes": [
            _node(n) for n in layer.get("inbound_nodes", [])]})
    return {**inner, "layers": layers}


def _node(node):
    """A call: of today, or of Keras 2 [[layer, node, tensor, options], ...]."""
    if isinstance(node, dict):
        return node
    if node and isinstance(node[0], str):
        node = [node]
    tensors = [_tensor(x) for x in node]
    options = {}
    for x in node:
        options.update(x[3] if len(x) > 3 and x[3] else {})
    options = {k: _option(v) for k, v in options.items()}
    args = [tensors[0] if len(tensors) == 1 else tensors] if tensors else []
    return {"args": args, "kwargs": options}


def _option(value):
    if isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str) and (
            isinstance(value[1], int) and isinstance(value[2], int)):
        return _tensor(value)
    return value


def _tensor(place):
    if isinstance(place[0], dict):
        raise ValueError("A shared structure of Keras 2's inbound nodes is not supported.")
    return {"class_name": "__keras_tensor__",
            "config": {"shape": [], "dtype": "float32", "keras_history": list(place[:3])}}


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
        found["loss"] = modern(found["loss"])
    return found


def _optimizer(config):
    inner = dict(config["config"])
    if "lr" in inner:
        inner["learning_rate"] = inner.pop("lr")
    for key in ("decay", "is_legacy_optimizer", "jit_compile", "schedule_decay"):
        inner.pop(key, None)
    inner = {k: modern(v, k) for k, v in inner.items()}
    name = config["class_name"]
    if get_registered_object(name) is None and f"optimizers.{name}" not in namespaces.INDEX:
        name = {"rmsprop": "RMSprop", "sgd": "SGD"}.get(name.lower(), name.capitalize())
    return {**_named(name, ("optimizers",)), "config": inner}


def _metrics(metrics):
    if isinstance(metrics, dict) and "class_name" not in metrics:
        return {k: _metrics(v) for k, v in metrics.items()}
    if isinstance(metrics, list):
        if len(metrics) == 1 and isinstance(metrics[0], list):
            metrics = metrics[0]
        return [_metrics(m) for m in metrics]
    return modern(metrics)
