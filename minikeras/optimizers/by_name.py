"""optimizers.get, serialize and deserialize."""

from minikeras.api.registry import public
from minikeras.core.serialization import Family

_FAMILY = Family("optimizer", "optimizers")


@public("optimizers.serialize")
def serialize(optimizer):
    """The configuration of an optimizer.

    >>> from minikeras import optimizers
    >>> serialize(optimizers.SGD(0.5))["config"]["learning_rate"]
    0.5
    """
    return _FAMILY.serialize(optimizer)


@public("optimizers.deserialize")
def deserialize(config, custom_objects=None):
    """The optimizer of a configuration.

    >>> from minikeras import optimizers
    >>> float(deserialize(serialize(optimizers.SGD(0.5))).learning_rate)
    0.5
    """
    return _FAMILY.deserialize(config, custom_objects)


@public("optimizers.get")
def get(identifier):
    """An optimizer from its name, configuration, class or itself.

    >>> get("rmsprop")
    <RMSprop name=rm_sprop>
    """
    return _FAMILY.get(identifier)
