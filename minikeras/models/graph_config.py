"""The graph of a functional model to and from its configuration, in Keras's form.

A layer of the configuration has its inbound nodes, one for each call; in their arguments, a tensor
is named by where it comes from: [name of the operation, number of its node, index of the output].
"""

from minikeras import tree
from minikeras.core import graph_ops, serialization
from minikeras.core.function import node_of
from minikeras.core.keras_tensor import KerasTensor


# ---------------------------------------------------------------- to a configuration
def config_of(model):
    """The configuration of a functional model."""
    return _Writer(model).config()


class _Writer:
    def __init__(self, model):
        self.model = model
        self.numbers = _node_numbers(model)
        self.names = _unique_names(model._operations)

    def config(self):
        model = self.model
        return {
            "name": model.name,
            "trainable": model.trainable,
            "layers": [self._operation(o) for o in model._operations],
            "input_layers": tree.map_structure(self._place, model._inputs_struct),
            "output_layers": tree.map_structure(self._place, model._outputs_struct),
        }

    def _operation(self, operation):
        name = self.names[id(operation)]
        nodes = [n for n in operation._inbound_nodes
                 if (id(operation), id(n)) in self.numbers and n.inputs]
        if graph_ops.is_op(operation):
            config, args, kwargs = graph_ops.config_of(operation, nodes[0], name)
            inbound = [self._call(args, kwargs)]
        else:
            config = serialization.serialize_keras_object(operation)
            inbound = [self._call(n.args, n.kwargs) for n in nodes]
        return {**config, "name": name, "inbound_nodes": inbound}

    def _call(self, args, kwargs):
        return {"args": [self._value(a) for a in args],
                "kwargs": {k: self._value(v) for k, v in kwargs.items()}}

    def _value(self, x):
        if isinstance(x, KerasTensor):
            return {"class_name": "__keras_tensor__", "config": {
                "shape": list(x.shape), "dtype": x.dtype, "keras_history": self._place(x)}}
        if isinstance(x, (list, tuple)):
            return [self._value(v) for v in x]
        if isinstance(x, dict):
            return {k: self._value(v) for k, v in x.items()}
        return serialization.serialize_keras_object(x)

    def _place(self, x):
        operation = x._keras_history.operation
        number = self.numbers[id(operation), id(node_of(x))]
        return [self.names[id(operation)], number, x._keras_history.tensor_index]


def _node_numbers(model):
    """(operation, node) -> the node's number among the operation's nodes of this model."""
    keys = {}
    inside = {id(n) for n in model._order}
    inside |= {id(node_of(x)) for x in model._inputs if hasattr(x, "_keras_history")}
    for operation in model._operations:
        number = 0
        for node in operation._inbound_nodes:
            if id(node) in inside:
                keys[id(operation), id(node)] = number
                number += 1
    return keys


def _unique_names(operations):
    """{id(operation): name}; ops of one name are numbered, layers keep theirs."""
    names = {id(o): o.name for o in operations if not graph_ops.is_op(o)}
    taken = set(names.values())
    for operation in operations:
        if graph_ops.is_op(operation):
            name, number = operation.name, 0
            while name in taken:
                number += 1
                name = f"{operation.name}_{number}"
            taken.add(name)
            names[id(operation)] = name
    return names


# ---------------------------------------------------------------- from a configuration
def tensors_of(config):
    """(inputs, outputs) of a functional model's configuration: structures of KerasTensors."""
    made, waiting = {}, []
    for layer_config in config["layers"]:
        layer = serialization.deserialize_keras_object(layer_config)
        if layer_config["name"] in made:
            raise ValueError(f"The name '{layer_config['name']}' is used twice in the model.")
        made[layer_config["name"]] = layer
        waiting += [(layer, node) for node in layer_config["inbound_nodes"]]
    _connect(made, waiting)

    def tensors(structure):
        if _is_place(structure):
            return _output(made, structure)
        if isinstance(structure, dict):
            return {k: tensors(v) for k, v in structure.items()}
        return [tensors(v) for v in structure]

    def single(structure):
        value = tensors(structure)
        return value[0] if isinstance(value, list) and len(value) == 1 else value

    return single(config["input_layers"]), single(config["output_layers"])


def _output(made, place):
    name, node, index = place
    if name not in made:
        raise ValueError(f"The graph's configuration names a layer '{name}' that it has not.")
    return made[name]._inbound_nodes[node].outputs[index]


def _is_place(x):
    return isinstance(x, (list, tuple)) and len(x) == 3 and isinstance(x[0], str) and isinstance(
        x[1], int)


def _connect(made, waiting):
    """Call the layers as their nodes say, as soon as what they need is there."""
    while waiting:
        later, blocked = [], set()
        for layer, node in waiting:
            try:
                if id(layer) in blocked:  # the nodes of a layer are numbered in their order
                    raise _NotYet
                args, kwargs = _arguments(node, made)
            except _NotYet:
                blocked.add(id(layer))
                later.append((layer, node))
                continue
            layer(*args, **kwargs)
        if len(later) == len(waiting):
            names = sorted({layer.name for layer, _ in later})
            raise ValueError(f"The graph's configuration cannot be connected: {names} wait.")
        waiting = later


class _NotYet(Exception):
    pass


def _arguments(node, made):
    if not isinstance(node, dict):
        raise ValueError(
            "This configuration is of Keras 2; load it with models.load_model from its file."
        )

    def value(x):
        if isinstance(x, dict) and x.get("class_name") == "__keras_tensor__":
            name, index, output = x["config"]["keras_history"]
            nodes = made[name]._inbound_nodes
            if index >= len(nodes):
                raise _NotYet
            return nodes[index].outputs[output]
        if isinstance(x, dict) and "class_name" not in x:
            return {k: value(v) for k, v in x.items()}
        if isinstance(x, list):
            return [value(v) for v in x]
        return serialization.deserialize_keras_object(x)

    return [value(a) for a in node["args"]], {k: value(v) for k, v in node["kwargs"].items()}
