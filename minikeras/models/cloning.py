"""clone_model: a model of the same structure with weights of its own."""

from minikeras import tree
from minikeras.api.registry import public
from minikeras.core.function import Function
from minikeras.core.keras_tensor import KerasTensor
from minikeras.layers.input_layer import InputLayer
from minikeras.layers.layer import Layer
from minikeras.models.functional import Functional
from minikeras.models.model import own_arguments
from minikeras.models.sequential import Sequential


@public("models.clone_model")
def clone_model(
    model, input_tensors=None, clone_function=None, call_function=None, recursive=False, **kwargs
):
    """A model of the same structure, whose layers are new and have initial weights.

    Args:
        model: Sequential, functional or (without the options below) subclassed model.
        input_tensors: KerasTensors to build the clone on, in the structure of `model.input`.
        clone_function: `clone_function(layer)` gives the clone of a layer; by default the layer
            is made again from its configuration. InputLayers and ops are not asked for.
        call_function: `call_function(layer, *args, **kwargs)` calls a layer of a functional
            clone; by default `layer(*args, **kwargs)`.
        recursive: whether `clone_function` gets the layers of models inside the model, rather
            than these models as wholes.

    Raises:
        ValueError: for options that this kind of model does not take.

    >>> import minikeras as keras
    >>> x = keras.Input((3,))
    >>> model = keras.Model(x, keras.layers.Dense(2)(x))
    >>> frozen = clone_model(model, clone_function=lambda layer: keras.layers.Dense(
    ...     2, trainable=False))
    >>> len(frozen.trainable_weights)
    0
    """
    if kwargs:
        raise TypeError(f"clone_model: unknown arguments {sorted(kwargs)}.")
    if not isinstance(model, Layer):
        raise ValueError(f"`model` must be a model. Received: {model!r}")
    for name, function in (("clone_function", clone_function), ("call_function", call_function)):
        if function is not None and not callable(function):
            raise ValueError(f"`{name}` must be a function. Received: {function!r}")
    if isinstance(model, Sequential):
        clone = _sequential(model, input_tensors, clone_function, call_function, recursive)
    elif isinstance(model, Functional):
        clone = _functional(model, input_tensors, clone_function, call_function, recursive)
    else:
        return _by_config(model, input_tensors, clone_function, call_function)
    if model.compiled:
        clone.compile_from_config(model.get_compile_config())
    return clone


def _by_config(model, input_tensors, clone_function, call_function):
    if input_tensors is not None or clone_function or call_function:
        raise ValueError(
            "Arguments `input_tensors`, `clone_function` and `call_function` are only supported "
            f"for Sequential and functional models. Received: a model of type "
            f"'{type(model).__name__}'"
        )
    return _again(model)


def _again(layer):
    return type(layer).from_config(layer.get_config())


def _cloner(clone_function, recursive):
    """What clones a layer of the model."""

    def clone(layer):
        if recursive and isinstance(layer, (Sequential, Functional)):
            return clone_model(layer, clone_function=clone_function, recursive=True)
        if isinstance(layer, InputLayer) or clone_function is None:
            return _again(layer)
        return clone_function(layer)

    return clone


def _sequential(model, input_tensors, clone_function, call_function, recursive):
    if call_function is not None:
        raise ValueError(
            "`call_function` argument is not supported with Sequential models: their layers are "
            f"listed, not called. Received: model '{model.name}'"
        )
    clone = _cloner(clone_function, recursive)
    layers = [clone(layer) for layer in model.layers]
    if input_tensors is not None:
        flat = tree.flatten(input_tensors)
        if len(flat) != 1:
            raise ValueError("Argument `input_tensors` must contain a single tensor.")
        entry = _entry(flat[0])
    elif model._stack and isinstance(model._stack[0], InputLayer):
        entry = _again(model._stack[0])
    else:
        entry = None
    made = Sequential([entry, *layers] if entry is not None else layers, name=model.name)
    made.trainable = made.trainable and model._trainable
    return made


def _entry(x):
    """The InputLayer behind a KerasTensor, or a new one like it."""
    if not isinstance(x, KerasTensor):
        raise ValueError(f"All entries in `input_tensors` must be KerasTensors. Received: {x!r}")
    operation = x._keras_history.operation if hasattr(x, "_keras_history") else None
    if isinstance(operation, InputLayer):
        return operation
    return InputLayer(batch_shape=x.shape, dtype=x.dtype, name=f"{x.name}_clone")


def _functional(model, input_tensors, clone_function, call_function, recursive):
    inputs = _new_inputs(model, input_tensors)
    clone, made = _cloner(clone_function, recursive), {}

    def call(operation, args, kwargs):
        if not isinstance(operation, Layer):
            return operation.call(*args, **kwargs)
        if id(operation) not in made:
            made[id(operation)] = clone(operation)
        layer = made[id(operation)]
        if call_function is not None:
            return call_function(layer, *args, **kwargs)
        return layer(*args, **kwargs)

    outputs = Function._run(model, tree.flatten(inputs), call)
    kind = type(model) if not own_arguments(type(model)) else Functional
    return kind(inputs, outputs, name=model.name)


def _new_inputs(model, input_tensors):
    if input_tensors is None:
        layers = [x._keras_history.operation for x in model._inputs]
        fresh = {id(layer): _again(layer) for layer in layers}
        return tree.pack_sequence_as(model._inputs_struct, [fresh[id(x)].output for x in layers])
    flat = [_entry(x).output for x in tree.flatten(input_tensors)]
    try:
        tree.assert_same_structure(input_tensors, model._inputs_struct)
    except (ValueError, TypeError) as e:
        raise ValueError(
            "`input_tensors` must have the same structure as `model.input`, "
            f"{model._inputs_struct}. Received: {input_tensors}"
        ) from e
    return tree.pack_sequence_as(model._inputs_struct, flat)
