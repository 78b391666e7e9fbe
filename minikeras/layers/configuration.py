"""A layer's configuration: from its constructor's arguments, and back."""

import functools
import inspect

from minikeras import activations, dtype_policies, regularizers, tree
from minikeras.core import serialization
from minikeras.core.keras_tensor import KerasTensor
from minikeras.layers.building import tuples
from minikeras.layers.calling import Calling, is_builtin

BASE = ("self", "name", "trainable", "dtype", "activity_regularizer", "autocast")


class Configured:
    """Mixin: `get_config`, `from_config` and their counterparts for `build`."""

    def get_config(self):
        """Constructor arguments as plain values; `from_config` makes the same layer again."""
        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        classes = type(self).__mro__
        known = next(cls for cls in classes if is_builtin(cls))
        own = classes[: classes.index(known)]
        if "_open_ended" not in vars(known):
            return {**config, **self._arguments_config(known)}
        if any("get_config" in vars(cls) for cls in own):  # it adds the arguments itself
            return config
        if set(_extra_parameters(type(self))) - set(BASE):
            given = self._init_arguments
            if given is None:
                raise NotImplementedError(
                    f"Layer {type(self).__name__} was created by passing non-serializable "
                    "argument values in `__init__()`, and therefore the layer must override "
                    "`get_config()` in order to be serializable."
                )
            return {**given, **config}
        return config

    def _arguments_config(self, cls):
        """The parameters of a class's constructor, read from the attributes of the same names."""
        config = {}
        for name in _extra_parameters(cls):
            if name == "weights":  # initial values are no part of a configuration
                continue
            if not hasattr(self, name):
                raise AttributeError(
                    f"{type(self).__name__} does not keep its argument `{name}`."
                )
            config[name] = _plain_config(name, getattr(self, name))
        return config

    @classmethod
    def from_config(cls, config):
        """A layer from what `get_config` gave."""
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = dtype_policies.deserialize(config["dtype"])
        return super().from_config(config)

    def get_build_config(self):
        """What `build` was given; the weights are made from it when a file is loaded."""
        shapes = self._build_shapes
        if not shapes:
            return None
        if len(shapes) == 1:
            return {"input_shape": next(iter(shapes.values()))}
        return {"shapes_dict": shapes}

    def build_from_config(self, config):
        """Build from what `get_build_config` gave."""
        if not config:
            return
        if type(self).build is Calling.build and not all(x.built for x in self._layers):
            self._build_by_call(config)
        elif config.get("input_shape") is not None:
            self.build(tuples(config["input_shape"]))
        elif "shapes_dict" in config:
            self.build(**{k: tuples(v) for k, v in config["shapes_dict"].items()})


    def _build_by_call(self, config):
        """Build the sublayers of a layer without a `build` by running it on KerasTensors."""
        shapes = config.get("shapes_dict") or {"": config.get("input_shape")}
        inputs = [
            tree.map_shape_structure(lambda s: KerasTensor(s, self.compute_dtype), tuples(shape))
            for shape in shapes.values() if shape is not None
        ]
        names = [name.removesuffix("_shape") for name in shapes]
        args, kwargs = (inputs, {}) if names == [""] else ([], dict(zip(names, inputs)))
        self._build_inside(args, kwargs)
        self.built = True


@functools.lru_cache(1024)
def _extra_parameters(cls):
    """Constructor parameters that are not the base Layer's."""
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(cls.__init__).parameters.values()
    names = [p.name for p in parameters if p.name not in BASE and p.kind not in kinds]
    if "activity_regularizer" in inspect.signature(cls.__init__).parameters:
        names.append("activity_regularizer")
    return names


def _plain_config(name, value):
    if name.endswith("activation") and callable(value):
        return activations.serialize(value)
    return serialization.serialize_keras_object(value)


def input_shape_argument(layer, kwargs):
    """The legacy input_shape=, input_dim=, batch_size= arguments as a shape without the batch."""
    shape = None
    if "input_dim" in kwargs:
        shape = (kwargs.pop("input_dim"),)
    if "input_shape" in kwargs:
        shape = kwargs.pop("input_shape")
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if "batch_input_shape" in kwargs:
        shape = tuple(kwargs.pop("batch_input_shape"))[1:]
    if "input_length" in kwargs:
        kwargs.pop("input_length")
    if kwargs:
        raise ValueError(
            f"Unrecognized keyword arguments passed to {layer}: {kwargs}"
        )
    return shape
