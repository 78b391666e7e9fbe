"""keras.legacy.saving: objects to and from configurations without a module, as Keras 2 had them."""

import inspect

from minikeras.api.registry import public
from minikeras.core.serialization import (
    CustomObjectScope,
    deserialize_keras_object,
    get_registered_name,
    get_registered_object,
)
from minikeras.saving.legacy_config import modern


@public("legacy.saving.serialize_keras_object")
def legacy_serialize_keras_object(instance):
    """An object as {"class_name", "config"}; a function as its name.

    >>> from minikeras import initializers
    >>> legacy_serialize_keras_object(initializers.Constant(2.0))
    {'class_name': 'Constant', 'config': {'value': 2.0}}
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        return {"class_name": get_registered_name(type(instance)), "config": instance.get_config()}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance)
    raise ValueError(
        f"Cannot serialize {instance!r}: it is no function and has no get_config() method.")


@public("legacy.saving.deserialize_keras_object")
def legacy_deserialize_keras_object(
    identifier, module_objects=None, custom_objects=None, printable_module_name="object",
):
    """The object of a name or of {"class_name", "config"}.

    Args:
        module_objects, custom_objects: dictionaries of names to classes and functions.
        printable_module_name: what one is called in messages.

    >>> config = {"class_name": "Constant", "config": {"value": 2.0}}
    >>> legacy_deserialize_keras_object(config).value
    2.0
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        found = get_registered_object(identifier, custom_objects, module_objects)
        if found is None:
            raise ValueError(
                f"Unknown {printable_module_name}: '{identifier}'. Register it, or pass it in "
                "`custom_objects`."
            )
        return found() if inspect.isclass(found) else found
    if not isinstance(identifier, dict):
        if callable(identifier):
            return identifier
        raise ValueError(
            f"Could not interpret serialized {printable_module_name}: {identifier}")
    if "class_name" not in identifier or "config" not in identifier:
        raise ValueError(f"Improper config format, without class_name or config: {identifier}")
    with CustomObjectScope({**(module_objects or {}), **(custom_objects or {})}):
        return deserialize_keras_object(modern(identifier))
