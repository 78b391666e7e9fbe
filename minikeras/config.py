"""Global settings: floatx, epsilon, image data format. Read by dtypes, layers and ops."""

from minikeras.api import namespaces
from minikeras.api.registry import public

_FLOATX = "float32"
_EPSILON = 1e-7
_DATA_FORMAT = "channels_last"
_LISTENERS = []  # called when floatx changes


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
    _EPSILON = value


@public("config.image_data_format", "backend.image_data_format")
def image_data_format():
    """'channels_last' or 'channels_first'."""
    return _DATA_FORMAT


@public("config.set_image_data_format", "backend.set_image_data_format")
def set_image_data_format(data_format):
    """Set the default order of image axes."""
    global _DATA_FORMAT
    _DATA_FORMAT = standardize_data_format(data_format)


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
