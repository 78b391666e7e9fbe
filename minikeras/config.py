"""Global settings: floatx, epsilon, image data format. Read by dtypes, layers and ops."""

import os
import warnings

from minikeras.api import namespaces
from minikeras.api.registry import public

_FLOATX = "float32"
_EPSILON = 1e-7
_DATA_FORMAT = "channels_last"
_MAX_EPOCHS = _MAX_STEPS_PER_EPOCH = None
_FLASH_ATTENTION = None  # True, False, or by itself
_TRACEBACK_FILTERING = True
_THREADS = None  # as the machine has them
_LISTENERS = []  # called when floatx or epsilon changes


@public("config.floatx", "backend.floatx")
def floatx():
    """Name of the default floating dtype: 'float32' unless set otherwise."""
    return _FLOATX


@public("config.set_floatx", "backend.set_floatx")
def set_floatx(value):
    """Set the default floating dtype: 'float16', 'bfloat16', 'float32' or 'float64'."""
    global _FLOATX
    allowed = ("bfloat16", "float16", "float32", "float64")
    if value not in allowed:
        raise ValueError(f"Unknown `floatx` value: {value}. Expected one of {allowed}.")
    if value == _FLOATX:
        return
    _FLOATX = str(value)
    for listener in _LISTENERS:
        listener()


@public("config.epsilon", "backend.epsilon")
def epsilon():
    """The small number that guards divisions and logarithms: 1e-7 unless set otherwise."""
    return _EPSILON


@public("config.set_epsilon", "backend.set_epsilon")
def set_epsilon(value):
    """Set the fuzz factor that `epsilon()` returns."""
    global _EPSILON
    if value == _EPSILON:
        return
    _EPSILON = value
    for listener in _LISTENERS:
        listener()


@public("config.image_data_format", "backend.image_data_format")
def image_data_format():
    """'channels_last' or 'channels_first'."""
    return _DATA_FORMAT


@public("config.set_image_data_format", "backend.set_image_data_format")
def set_image_data_format(data_format):
    """Set the default order of image axes."""
    global _DATA_FORMAT
    _DATA_FORMAT = standardize_data_format(data_format)


# ---------------------------------------------------------------- limits of training
@public("config.max_epochs")
def max_epochs():
    """The most epochs that any `fit` trains up to, None without a limit."""
    return _MAX_EPOCHS


@public("config.set_max_epochs")
def set_max_epochs(max_epochs):
    """Limit the epochs of every `fit`, as for a quick trial of a whole program; None: no limit."""
    global _MAX_EPOCHS
    _MAX_EPOCHS = max_epochs


@public("config.max_steps_per_epoch")
def max_steps_per_epoch():
    """The most batches an epoch of any `fit`, `evaluate` or `predict`, None without a limit."""
    return _MAX_STEPS_PER_EPOCH


@public("config.set_max_steps_per_epoch")
def set_max_steps_per_epoch(max_steps_per_epoch):
    """Limit the batches of every `fit` (an epoch), `evaluate` and `predict`; None: no limit."""
    global _MAX_STEPS_PER_EPOCH
    _MAX_STEPS_PER_EPOCH = max_steps_per_epoch


def limited(name, value, limit):
    """`value` (None: no bound of its own) within the limit (None, 0: none); warns if it cuts."""
    if not limit or (value is not None and value <= limit):
        return value
    warnings.warn(f"Limiting {name} to {limit}", stacklevel=3)
    return limit


# ---------------------------------------------------------------- switches
@public("config.set_threads")
def set_threads(threads):
    """Set how many threads compiled steps may use; None: as `threads` finds it by itself.

    Programs that are traced already keep what they have.

    >>> set_threads(2)
    >>> threads()
    2
    >>> set_threads(None)
    """
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise ValueError(
            f"`threads` must be a whole number, at least 1, or None. Received: threads={threads}")
    global _THREADS
    _THREADS = threads


@public("config.threads")
def threads():
    """Threads that compiled steps use: `set_threads`, else OMP_NUM_THREADS, else the cores that
    this process may run on."""
    if _THREADS:
        return _THREADS
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return max(1, min(int(given), cores or 1) if given.isdigit() else cores or 1)


@public("config.enable_flash_attention")
def enable_flash_attention():
    """Let attention choose its kernel by itself (the default)."""
    global _FLASH_ATTENTION
    _FLASH_ATTENTION = None


@public("config.disable_flash_attention")
def disable_flash_attention():
    """Ask for attention without flash kernels; results do not depend on it."""
    global _FLASH_ATTENTION
    _FLASH_ATTENTION = False


@public("config.is_flash_attention_enabled")
def is_flash_attention_enabled():
    """False after `disable_flash_attention()`; None: attention chooses by itself."""
    return _FLASH_ATTENTION


@public("config.enable_traceback_filtering")
def enable_traceback_filtering():
    """Say that tracebacks may leave out the library's own frames (the default)."""
    global _TRACEBACK_FILTERING
    _TRACEBACK_FILTERING = True


@public("config.disable_traceback_filtering")
def disable_traceback_filtering():
    """Say that tracebacks must show every frame. They always do: errors are raised as they are."""
    global _TRACEBACK_FILTERING
    _TRACEBACK_FILTERING = False


@public("config.is_traceback_filtering_enabled")
def is_traceback_filtering_enabled():
    """Whether `enable_traceback_filtering` or its opposite was called last; True at first."""
    return _TRACEBACK_FILTERING


def standardize_data_format(data_format):
    """The data format in lower case, the default if None; ValueError for anything else."""
    if data_format is None:
        return _DATA_FORMAT
    text = str(data_format).lower()
    if text not in ("channels_first", "channels_last"):
        raise ValueError(
            "The `data_format` argument must be one of 'channels_first', 'channels_last'. "
            f"Received: data_format={data_format}"
        )
    return text


__getattr__, __dir__, __all__ = namespaces.lazy("config")
