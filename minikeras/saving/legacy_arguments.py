"""Names of classes and arguments that have gone since Keras 1 and 2, and what they are today."""

import inspect

from minikeras import ops
from minikeras.api import namespaces
from minikeras.core.serialization import PREFIX, register_keras_serializable

CLASSES = {  # names that have gone
    "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D", "AtrousConvolution2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose", "SeparableConvolution2D": "SeparableConv2D",
    "BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization", "GRUV2": "GRU", "LSTMV2": "LSTM",
    "CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU", "ThresholdedReLU": "ReLU",
    "LSTMCellV2": "LSTMCell", "GRUCellV2": "GRUCell", "LossScaleOptimizerV3": "LossScaleOptimizer",
    "NormalV2": "RandomNormal", "Normal": "RandomNormal", "Uniform": "RandomUniform",
}
# Arguments that no longer exist; what they meant is the default or of no effect on the values.
GONE = {"implementation", "time_major", "ragged", "sparse", "input_length", "consume_less",
        "batch_input_shape", "input_dtype", "partitioner", "zero_output_for_mask",
        "experimental_autocast", "virtual_batch_size", "adjustment", "fused"}
KERNEL = {"kernel_initializer", "kernel_regularizer", "kernel_constraint"}
UNUSED = {  # what Keras 2 wrote for these layers, and never used
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D"),
                    KERNEL),
    "DepthwiseConv2D": KERNEL | {"filters"}, "DepthwiseConv1D": KERNEL | {"filters"},
    "MultiHeadAttention": {"query_shape", "key_shape", "value_shape"},
}
NEUTRAL = (None, False, True, 1, 0, "auto")  # values of unknown arguments that mean nothing
OF_ALL = {"name", "dtype", "trainable", "activity_regularizer", "batch_input_shape", "autocast"}
RENAMED = {  # Keras 1
    "output_dim": "units", "init": "kernel_initializer", "inner_init": "recurrent_initializer",
    "W_regularizer": "kernel_regularizer", "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint", "b_constraint": "bias_constraint", "bias": "use_bias",
    "U_regularizer": "recurrent_regularizer", "inner_activation": "recurrent_activation",
    "dropout_W": "dropout", "dropout_U": "recurrent_dropout", "nb_filter": "filters",
    "border_mode": "padding", "subsample": "strides", "subsample_length": "strides",
    "filter_length": "kernel_size", "p": "rate", "pool_length": "pool_size", "stride": "strides",
    "gamma_init": "gamma_initializer", "beta_init": "beta_initializer", "mode": None,
    "atrous_rate": "dilation_rate", "forget_bias_init": None,
}
RENAMED_OF = {
    "Embedding": {"output_dim": "output_dim", "init": "embeddings_initializer", "dropout": None,
                  "W_regularizer": "embeddings_regularizer", "input_dim": "input_dim",
                  "W_constraint": "embeddings_constraint"},
    "BatchNormalization": {"init": None, "mode": None},
}
ORDERS = {"tf": "channels_last", "th": "channels_first", "default": None}
FIRST_VERSION = {"output_dim", "nb_filter", "border_mode", "p", "gamma_init"}


# ---------------------------------------------------------------- layers
def renamed(old, inner):
    """A layer's arguments by today's names.

    Args:
        old: its class's name in the file.
        inner: its configuration.
    """
    name = CLASSES.get(old, old)
    first = FIRST_VERSION & set(inner) and (name != "Embedding" or "init" in inner)
    inner = _of_first_version(name, inner) if first else dict(inner)
    if name == "GRU":
        inner.setdefault("reset_after", old == "CuDNNGRU")
    if name == "LeakyReLU" and "alpha" in inner:
        inner["negative_slope"] = inner.pop("alpha")
    if old == "ThresholdedReLU":
        inner["threshold"] = inner.pop("theta", 1.0)
    return inner


def _of_first_version(name, inner):
    inner = dict(inner)
    sizes = [inner.pop(k) for k in ("nb_row", "nb_col") if k in inner]
    if sizes:
        inner["kernel_size"] = sizes
    order = ORDERS.get(inner.pop("dim_ordering", "default"))
    if order:
        inner["data_format"] = order
    table = {**RENAMED, "input_dim": None, **RENAMED_OF.get(name, {})}
    found = {table.get(key, key): value for key, value in inner.items() if value is not None}
    found.pop(None, None)
    return found


def of_layer(name, inner):
    """The arguments that a built-in layer takes today."""
    shape = inner.pop("batch_input_shape", None)
    if shape is not None:
        inner["batch_shape" if name == "InputLayer" else "batch_input_shape"] = shape
    kept = {"batch_input_shape"} if name != "InputLayer" else {"ragged", "sparse"}
    gone = (GONE - kept) | UNUSED.get(name, set())
    inner = {k: v for k, v in inner.items() if k not in gone}
    if isinstance(inner.get("dtype"), dict) and inner["dtype"].get("class_name") == "DTypePolicy":
        inner["dtype"] = inner["dtype"]["config"]["name"]
    if name in ("BatchNormalization", "LayerNormalization") and isinstance(inner.get("axis"), list):
        if len(inner["axis"]) == 1:
            inner["axis"] = inner["axis"][0]
    return {k: v for k, v in inner.items() if _taken(f"layers.{name}", k) or not _is_neutral(v)}


def _is_neutral(value):
    return any(value is x or (value == x and type(value) is type(x)) for x in NEUTRAL)


def _taken(path, key):
    """Whether the constructor of a public class has an argument."""
    if path not in namespaces.INDEX:
        return True
    found = inspect.signature(namespaces.lookup(path)).parameters
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in found.values())
    return key in found or open_ended and key in OF_ALL


# ---------------------------------------------------------------- optimizers, losses, metrics
def fitting(names, inner):
    """The arguments of an optimizer, loss or other built-in object, as it takes them today.

    Args:
        names: its module and names of today.
        inner: its configuration.
    """
    module, name = names.get("module"), names["class_name"]
    if module == f"{PREFIX}.optimizers":
        return _of_optimizer(name, dict(inner))
    if module == f"{PREFIX}.losses":
        inner = {k: v for k, v in inner.items() if k != "fn" or name == "LossFunctionWrapper"}
        if inner.get("reduction") == "auto":
            inner["reduction"] = "sum_over_batch_size"
    return inner


def _of_optimizer(name, inner):
    if "lr" in inner:
        inner["learning_rate"] = inner.pop("lr")
    decay = inner.pop("decay", 0)
    if decay and name != "Nadam" and isinstance(inner.get("learning_rate"), float):
        inner["learning_rate"] = {
            "module": f"{PREFIX}.optimizers.schedules", "class_name": "InverseTimeDecay",
            "registered_name": None, "config": {
                "initial_learning_rate": inner["learning_rate"], "decay_steps": 1,
                "decay_rate": decay}}
    for key in ("is_legacy_optimizer", "jit_compile", "schedule_decay", "dynamic"):
        inner.pop(key, None)
    return inner


# ---------------------------------------------------------------- functions
@register_keras_serializable("keras_2")
def hard_sigmoid(x):
    """Keras 2's: 0.2 x + 0.5, from 0 to 1. Today's has the slope 1/6.

    >>> import numpy as np
    >>> hard_sigmoid(np.array([-3.0, 0.0, 1.0])).numpy().round(3).tolist()
    [0.0, 0.5, 0.7]
    """
    return ops.clip(ops.add(ops.multiply(x, 0.2), 0.5), 0.0, 1.0)


OLD_FUNCTIONS = {"hard_sigmoid": {"module": "builtins", "class_name": "function",
                                  "config": "keras_2>hard_sigmoid", "registered_name": "function"}}


def old_functions(config, key=""):
    """A configuration in which functions that have changed since Keras 2 are the old ones."""
    if isinstance(config, dict):
        return {k: old_functions(v, k) for k, v in config.items()}
    if isinstance(config, list):
        return [old_functions(v) for v in config]
    if key.endswith("activation") and isinstance(config, str):
        return OLD_FUNCTIONS.get(config, config)
    return config
