"""Functional: a model that is a graph of layers and ops between Inputs and outputs."""

import math

from minikeras import tree
from minikeras.core import serialization
from minikeras.core.function import Function, node_of
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.operators import OPS
from minikeras.core.tensor import Tensor, to_tensor
from minikeras.dtypes import canonical
from minikeras.layers.call_spec import signature_of
from minikeras.layers.input_layer import InputLayer
from minikeras.layers.layer import Layer
from minikeras.models import graph_config
from minikeras.models.model import Model, Trainer


@serialization.known_as("keras.src.models.functional", "Functional")
class Functional(Function, Model):
    """See Model. Inputs and outputs may be nested structures."""

    _locks, _open_ended = False, True

    def __new__(cls, *args, **kwargs):
        return Layer.__new__(cls, *args, **kwargs)

    def __init__(self, inputs, outputs, name=None, **kwargs):
        trainable = kwargs.pop("trainable", None)
        self._check(inputs, outputs)
        Layer.__init__(self, name=name, **kwargs)
        Trainer.__init__(self)
        object.__setattr__(self, "_inputs_struct", inputs)
        object.__setattr__(self, "_outputs_struct", outputs)
        self.__dict__["_inputs"] = tree.flatten(inputs)
        self.__dict__["_outputs"] = tree.flatten(outputs)
        if not all(_is_input(x) for x in self._inputs):
            self._from_intermediate()
        self._plan_graph()
        self.built = True
        if trainable is not None:
            self.trainable = trainable

    def _check(self, inputs, outputs):
        for what, structure in (("inputs", inputs), ("outputs", outputs)):
            if not tree.flatten(structure):
                raise ValueError(
                    f"`{what}` argument cannot be empty. Received: inputs={inputs}, "
                    f"outputs={outputs}"
                )
            for x in tree.flatten(structure):
                if not isinstance(x, KerasTensor):
                    raise ValueError(
                        f"All `{what}` values must be KerasTensors. Received: {what}={structure} "
                        f"including invalid value {x!r} of type {type(x)}"
                    )

    def _from_intermediate(self):
        """Inputs from the middle of a graph: the part behind them on new Inputs."""
        fresh = [
            x if _is_input(x) else InputLayer(batch_shape=x.shape, dtype=x.dtype).output
            for x in self._inputs
        ]
        part = Function(self._inputs_struct, self._outputs_struct, name=self.name)
        outputs = part._run(tree.pack_sequence_as(self._inputs_struct, fresh))
        self.__dict__["_inputs"], self.__dict__["_outputs"] = fresh, tree.flatten(outputs)
        object.__setattr__(
            self, "_inputs_struct", tree.pack_sequence_as(self._inputs_struct, fresh))
        object.__setattr__(self, "_outputs_struct", outputs)

    def _plan_graph(self):
        self.__dict__["_order"] = []
        self.__dict__["_operations"] = []
        Function._plan(self)
        self._sort_by_depth()
        self.__dict__["_told_training"] = [
            isinstance(n.operation, Layer) and signature_of(type(n.operation).call).has_training
            for n in self._order
        ]
        self.__dict__["_graph_layers"] = [o for o in self._operations if isinstance(o, Layer)]
        names = [o.name for o in self._graph_layers]
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise ValueError(
                f'The name "{sorted(twice)[0]}" is used {names.count(sorted(twice)[0])} times in '
                "the model. All operation names should be unique."
            )

    def _sort_by_depth(self):
        """Operations from the inputs on: farthest from the outputs first, as Keras lists them."""
        depth = {}
        for node in reversed(self._order):
            own = depth.setdefault(id(node), 0)
            for parent in node.parent_nodes:
                depth[id(parent)] = max(depth.get(id(parent), 0), own + 1)
        first = {id(o): i for i, o in enumerate(self._operations)}
        deepest = {}
        nodes = [*self._order, *(node_of(x) for x in self._inputs if hasattr(x, "_keras_history"))]
        for node in nodes:
            o = id(node.operation)
            deepest[o] = max(deepest.get(o, 0), depth.get(id(node), 0))
        self._operations.sort(key=lambda o: (-deepest[id(o)], first[id(o)]))

    # ------------------------------------------------------------ layers and names
    @property
    def _layers(self):
        own = self.__dict__.get("_graph_layers", [])
        held = [x for x in self._found((Layer,)) if x is not self]
        return own + [x for x in held if not any(x is o for o in own)]

    @property
    def layers(self):
        """The layers of the graph, InputLayers included."""
        return list(self._graph_layers)

    layers = layers.setter(Model.layers.fset)

    @property
    def input_names(self):
        """Names of the inputs, in flat order."""
        return [x._keras_history.operation.name for x in self._inputs]

    @property
    def output_names(self):
        """Names of the outputs: of the layers that make them."""
        return [x._keras_history.operation.name for x in self._outputs]

    @property
    def input(self):
        return self._inputs_struct

    @property
    def output(self):
        return self._outputs_struct

    @property
    def input_shape(self):
        """Shape of the input, or a flat list of the inputs' shapes."""
        return _one_or_all([x.shape for x in self._inputs])

    @property
    def output_shape(self):
        """Shape of the output, or a flat list of the outputs' shapes."""
        return _one_or_all([x.shape for x in self._outputs])

    @property
    def input_spec(self):
        return None

    @input_spec.setter
    def input_spec(self, value):
        if value is not None:
            raise AttributeError("The input_spec of a functional model follows from its inputs.")

    @property
    def trainable(self):
        return self._trainable

    trainable = trainable.setter(Layer.trainable.fset)

    # ------------------------------------------------------------ calling
    def call(self, inputs, training=None, mask=None):
        """Outputs for inputs in the structure of the model's."""
        flat = self._standard(inputs)
        if mask is not None:
            for x, m in zip(flat, tree.flatten(mask)):
                if m is not None:
                    x._keras_mask = m
        return self._run_flat(flat, training)

    _graph_call = call

    def _run_flat(self, flat, training=None):
        """The outputs; `training`, if it is set, is told to all layers, whatever they were told
        when the graph was made."""
        values = {id(k): v for k, v in zip(self._inputs, flat)}
        for node, told in zip(self._order, self._told_training):
            args, kwargs = node.fill(values)
            if training is not None and told:
                kwargs = {**kwargs, "training": training}
            result = node.operation(*args, **kwargs)
            if type(result) in (Tensor, KerasTensor):
                values[id(node.outputs[0])] = result
                continue
            for k, v in zip(node.outputs, tree.flatten(result)):
                values[id(k)] = v
        return tree.map_structure(lambda k: values[id(k)], self._outputs_struct)

    def _run(self, inputs, call_operation=None):
        if call_operation is None:
            return self._run_flat(self._standard(inputs))
        return Function._run(self, inputs, call_operation)

    def _standard(self, inputs):
        """The flat list of inputs, each in its Input's dtype and rank."""
        if isinstance(inputs, dict) and not isinstance(self._inputs_struct, dict):
            missing = [n for n in self.input_names if n not in inputs]
            if missing:
                raise ValueError(
                    f"Missing data for input(s) {missing} of model '{self.name}'. You passed a "
                    f"data dictionary with keys {sorted(inputs)}. Expected the following keys: "
                    f"{self.input_names}"
                )
            flat = [inputs[n] for n in self.input_names]
        elif isinstance(self._inputs_struct, dict) and isinstance(inputs, dict):
            missing = [k for k in self._inputs_struct if k not in inputs]
            if missing:
                raise ValueError(
                    f"Missing data for input(s) {missing} of model '{self.name}'. "
                    f"Received: keys {sorted(inputs)}"
                )
            flat = tree.flatten({k: inputs[k] for k in self._inputs_struct})
        else:
            flat = tree.flatten(inputs)
        if len(flat) != len(self._inputs):
            raise ValueError(
                f"Layer '{self.name}' expected {len(self._inputs)} input(s). Received "
                f"{len(flat)} instead."
            )
        return [self._adjusted(x, k) for x, k in zip(flat, self._inputs)]

    def _adjusted(self, x, k):
        if x is None:
            if getattr(k._keras_history.operation, "optional", False):
                return None
            raise ValueError(
                f"Input '{k.name}' of model '{self.name}' is None, but it is not optional."
            )
        mask = getattr(x, "_keras_mask", None)
        before = x
        if not isinstance(x, (Tensor, KerasTensor)):
            x = to_tensor(x)
        if str(getattr(x.dtype, "name", x.dtype)) != k.dtype:
            x = OPS["cast"](x, canonical(k.dtype))
        shape, wanted = tuple(x.shape), k.shape
        if len(shape) == len(wanted) + 1 and shape[-1] == 1:
            x = OPS["squeeze"](x, axis=-1)
        elif len(shape) == len(wanted) - 1 and wanted[-1] == 1:
            x = OPS["expand_dims"](x, -1)
        if not _matches(x.shape[1:], wanted[1:]):  # the batch may have another size
            name = k._keras_history.operation.name
            raise ValueError(
                f"Invalid input shape for input '{name}' of model '{self.name}': expected shape "
                f"{wanted}, but input has incompatible shape {shape}{_advice(shape, wanted)}"
            )
        if mask is not None and x is not before:
            x._keras_mask = mask
        return x

    def compute_output_spec(self, inputs, training=None, mask=None):
        return Function.compute_output_spec(self, inputs)

    def compute_output_shape(self, input_shape):
        return Function.compute_output_shape(self, input_shape)

    def _maybe_build(self, arguments):
        self.built = True

    def build(self, input_shape=None):
        """Built since it was made."""
        self.built = True

    # ------------------------------------------------------------ configuration
    def get_config(self):
        """The graph as plain values: layers, their connections, inputs and outputs."""
        if type(self) not in (Functional, Model) and _overrides_init(type(self)):
            return Model.get_config(self)
        return graph_config.config_of(self)

    @staticmethod
    def from_graph_config(cls, config, custom_objects=None):
        """A functional model from its configuration."""
        with serialization.CustomObjectScope(custom_objects or {}):
            inputs, outputs = graph_config.tensors_of(config)
        return cls(inputs=inputs, outputs=outputs, name=config.get("name"),
                   trainable=config.get("trainable"))


def _overrides_init(cls):
    return cls.__init__ is not Functional.__init__


def _advice(shape, wanted):
    """What to do about an input of the wrong shape, where that can be guessed."""
    sample = wanted[1:]
    if _matches(shape, sample):
        return ". A single sample needs an axis of samples in front: x[None]."
    if len(shape) == len(wanted) > 2 and _matches((*shape[2:], shape[1]), sample):
        return ". The channels come first: move them to the last axis, np.moveaxis(x, 1, -1)."
    if None not in (*shape[1:], *sample) and math.prod(shape[1:]) == math.prod(sample):
        return f". Reshape the samples: x.reshape({(-1, *sample)})."
    return ""


def _one_or_all(values):
    return values[0] if len(values) == 1 else values


def _matches(shape, wanted):
    return len(shape) == len(wanted) and all(
        a is None or b is None or a == b for a, b in zip(shape, wanted))


def _is_input(x):
    return hasattr(x, "_keras_history") and isinstance(x._keras_history.operation, InputLayer)

