"""Layers to and from configurations."""

from minikeras.api.registry import public
from minikeras.core.serialization import Family
from minikeras.layers.layer import Layer

_FAMILY = Family("layer", "layers")


@public("layers.serialize")
def serialize(layer):
    """A layer's configuration as plain values.

    >>> import minikeras as keras
    >>> serialize(keras.layers.ReLU(name="relu"))["class_name"]
    'ReLU'
    """
    return _FAMILY.serialize(layer)


@public("layers.deserialize")
def deserialize(config, custom_objects=None):
    """The layer of a configuration.

    Args:
        config: what `serialize` gave: {"class_name": ..., "config": ...}.
        custom_objects: dictionary of names to classes that are not minikeras's.

    Raises:
        ValueError: if the configuration is that of something else.

    >>> import minikeras as keras
    >>> deserialize(serialize(keras.layers.Dense(3))).units
    3
    """
    layer = _FAMILY.deserialize(config, custom_objects) if isinstance(config, dict) else None
    if not isinstance(layer, Layer):
        raise ValueError(
            "`keras.layers.deserialize` was passed a `config` object that is not that of a "
            f"`keras.layers.Layer`. Received: {config}"
        )
    return layer
