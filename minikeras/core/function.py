"""Function: a graph of operations between KerasTensors, to be run on values."""

from minikeras import tree
from minikeras.api.registry import public
from minikeras.core.keras_tensor import KerasTensor, keras_tensors
from minikeras.core.operation import Operation
from minikeras.core.scopes import state
from minikeras.dtypes import Spec, canonical


def node_of(x):
    """The graph node that made a KerasTensor."""
    history = x._keras_history
    return history.operation._inbound_nodes[history.node_index]


def map_graph(inputs, outputs):
    """Nodes between inputs and outputs in the order to run them.

    Raises ValueError where an output depends on something that is not among the inputs.
    """
    given = {id(x) for x in inputs}
    order, done, active = [], set(), set()
    stack = [(x, False) for x in reversed(outputs)]
    while stack:
        x, finished = stack.pop()
        if id(x) in given:
            continue
        if not hasattr(x, "_keras_history"):
            raise ValueError(
                "The graph is disconnected: an output depends on a KerasTensor that is not one "
                f"of the inputs and was made by no operation: {x}"
            )
        node = node_of(x)
        if id(node) in done:
            continue
        if finished:
            active.discard(id(node))
            done.add(id(node))
            order.append(node)
            continue
        if node.is_input:
            raise ValueError(
                f"The graph is disconnected: the output depends on the input "
                f"'{node.operation.name}' {x}, which is not among the model's inputs."
            )
        active.add(id(node))
        stack.append((x, True))
        stack += [(parent, False) for parent in reversed(node.inputs)]
    return order


@public("utils.get_source_inputs")
def get_source_inputs(tensor):
    """The inputs that a KerasTensor was computed from, each once; an input, or anything else,
    stands for itself.

    >>> import minikeras as keras
    >>> x = keras.Input((2,), name="x")
    >>> [t.name for t in get_source_inputs(keras.layers.Dense(1)(x + 1))]
    ['x']
    """
    if not hasattr(tensor, "_keras_history"):
        return tensor
    found, stack, seen = [], [tensor], set()
    while stack:
        x = stack.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        node = node_of(x) if hasattr(x, "_keras_history") else None
        if node is None or node.is_input:
            found.append(x)
        else:
            stack += reversed(node.inputs)
    return found


@public("Function")
class Function(Operation):
    """The operations that lead from some KerasTensors to others, as one operation.

    Args:
        inputs, outputs: KerasTensors, or nested structures of them.
        name: name of the operation.

    >>> import minikeras as keras
    >>> x = keras.Input((2,))
    >>> f = keras.Function(x, keras.ops.sum(x * 2, axis=-1))
    >>> f(keras.ops.ones((1, 2))).numpy().tolist()
    [4.0]
    """

    def __init__(self, inputs, outputs, name=None):
        super().__init__(name=name)
        for what, structure in (("inputs", inputs), ("outputs", outputs)):
            for x in tree.flatten(structure):
                if not isinstance(x, KerasTensor):
                    raise ValueError(
                        f"All `{what}` of a Function must be KerasTensors. Received: {x!r} of "
                        f"type {type(x).__name__}"
                    )
        self._inputs_struct, self._outputs_struct = inputs, outputs
        self._inputs, self._outputs = tree.flatten(inputs), tree.flatten(outputs)
        if not self._inputs:
            raise ValueError("A Function needs at least one input.")
        if not self._outputs:
            raise ValueError("A Function needs at least one output.")
        self._plan()

    def _plan(self):
        self._order = map_graph(self._inputs, self._outputs)
        self._operations, seen = [], set()
        given = {id(x): x for x in self._inputs if hasattr(x, "_keras_history")}
        walked = []
        for node in self._order:  # an input stands just before what first uses it
            walked += [node_of(x) for x in node.inputs if id(x) in given] + [node]
        for operation in (n.operation for n in [*walked, *map(node_of, given.values())]):
            if id(operation) not in seen:
                seen.add(id(operation))
                self._operations.append(operation)

    @property
    def operations(self):
        """The operations, inputs first, in the order to run them."""
        return self._operations[:]

    @property
    def inputs(self):
        """Flat list of the input KerasTensors."""
        return self._inputs

    @property
    def outputs(self):
        """Flat list of the output KerasTensors."""
        return self._outputs

    def call(self, inputs):
        """The outputs' values for the inputs' values."""
        return self._run(inputs)

    def _run(self, inputs, call_operation=None):
        flat = tree.flatten(inputs) if not isinstance(inputs, dict) else self._by_name(inputs)
        if len(flat) != len(self._inputs):
            raise ValueError(
                f"'{self.name}' takes {len(self._inputs)} input tensor(s). "
                f"Received: {len(flat)}"
            )
        values = {id(k): v for k, v in zip(self._inputs, flat)}
        for node in self._order:
            if all(id(x) in values for x in node.outputs):
                continue
            args, kwargs = node.fill(values)
            operation = node.operation
            if call_operation is None:
                result = operation(*args, **kwargs)
            else:
                result = call_operation(operation, args, kwargs)
            for k, v in zip(node.outputs, tree.flatten(result)):
                values[id(k)] = v
        return tree.map_structure(lambda k: values[id(k)], self._outputs_struct)

    def _by_name(self, inputs):
        return tree.flatten(inputs)

    def compute_output_spec(self, inputs):
        """KerasTensors like the outputs for KerasTensors (or Specs) as inputs."""
        same = all(
            tuple(a.shape) == tuple(b.shape) for a, b in zip(tree.flatten(inputs), self._inputs)
        )
        if same:
            return tree.map_structure(
                lambda x: keras_tensors(Spec(x.shape, canonical(x.dtype))), self._outputs_struct
            )
        state.symbolic += 1
        try:
            return self._run(
                inputs, lambda operation, args, kwargs: operation.compute_output_spec(
                    *args, **kwargs)
            )
        finally:
            state.symbolic -= 1

    def compute_output_shape(self, input_shape):
        """Shapes of the outputs for shapes of the inputs."""
        shapes = _flat_shapes(input_shape)
        inputs = [KerasTensor(s, x.dtype) for s, x in zip(shapes, self._inputs)]
        out = self.compute_output_spec(tree.pack_sequence_as(self._inputs_struct, inputs))
        return tree.map_structure(lambda x: x.shape, out)


def _flat_shapes(structure):
    if tree.is_shape(structure):
        return [tuple(structure)]
    values = structure.values() if isinstance(structure, dict) else structure
    if isinstance(structure, dict):
        values = [structure[k] for k in sorted(structure)]
    return [s for v in values for s in _flat_shapes(v)]
