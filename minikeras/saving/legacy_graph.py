"""The graphs of functional models of Keras 2, whose nodes are lists, in today's form."""

from minikeras.core.serialization import PREFIX
from minikeras.saving import tensorflow_ops  # noqa: F401  (finds the class below)

TENSORFLOW = ("TFOpLambda", "SlicingOpLambda")
TENSORFLOW_OP = {"module": f"{PREFIX}.layers", "class_name": "TFOpLambda", "registered_name": None}
RECURRENT = ("RNN", "LSTM", "GRU", "SimpleRNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D",
             "ConvLSTM3D")
MODELS = ("Functional", "Sequential")
CONSTANT = "_CONSTANT_VALUE"


def connected(config):
    """A functional model's configuration with the nodes of its layers in today's form."""
    old = any(isinstance(node, list) for x in config["layers"] for node in x["inbound_nodes"])
    if not old and len(config["layers"]) > 1:
        return config
    graph = _Graph({x["name"] for x in config["layers"] if x["class_name"] in MODELS})
    layers = [{**x, "inbound_nodes": [graph.node(n, x) for n in x["inbound_nodes"]]}
              for x in config["layers"]]
    ends = {k: graph.ends(config[k]) for k in ("input_layers", "output_layers") if k in config}
    return {**config, "layers": layers, **ends}


class _Graph:
    """Nodes of Keras 2: [[layer, number of its node, number of the output, options], ...].

    Args:
        models: names of the layers that are models: they had a node before their first call.
    """

    def __init__(self, models):
        self.models = models

    def place(self, place):
        """[layer, node, output] as numbers of today."""
        name, node, output = place[:3]
        return [name, node - (name in self.models and node > 0), output]

    def ends(self, places):
        """The inputs or outputs of a model, in their structure."""
        if _is_place(places):
            return self.place(places)
        if isinstance(places, dict):
            return {k: self.ends(v) for k, v in places.items()}
        return [self.ends(x) for x in places]

    def node(self, node, layer):
        """A call as its arguments."""
        if isinstance(node, dict):
            return node
        options = {}
        args = [self._first(node, options)] if node else []
        kwargs = {k: self._option(v) for k, v in options.items()}
        if layer["class_name"] in RECURRENT and args and isinstance(args[0], list):
            first, states = args[0][0], args[0][1:]
            count = layer["config"].get("num_constants") or 0
            if count:
                states, kwargs["constants"] = states[:-count], states[-count:]
            args, kwargs["initial_state"] = [first], states or None
        return {"args": args, "kwargs": kwargs}

    def _first(self, node, options):
        """The first argument of a call, in its structure; the options are collected."""
        if isinstance(node, dict):
            return {k: self._first(v, options) for k, v in node.items()}
        if node and isinstance(node[0], str) and len(node) in (3, 4):
            options.update(node[3] if len(node) > 3 and node[3] else {})
            return node[2] if node[0] == CONSTANT else self._tensor(node)
        found = [self._first(x, options) for x in node]
        return found[0] if len(found) == 1 else found

    def _option(self, value):
        if _is_place(value):
            return self._tensor(value)
        if isinstance(value, list):
            return [self._option(x) for x in value]
        if isinstance(value, dict) and "class_name" not in value:
            return {k: self._option(v) for k, v in value.items()}
        return value

    def _tensor(self, place):
        return {"class_name": "__keras_tensor__", "config": {
            "shape": [], "dtype": "float32", "keras_history": self.place(place)}}


def _is_place(value):
    return isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str) and (
        all(type(x) is int for x in value[1:3]))
