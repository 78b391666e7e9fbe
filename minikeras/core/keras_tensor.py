"""KerasTensor: a tensor without values, and the graph of operations between such tensors."""

from minikeras import tree
from minikeras.api.registry import public
from minikeras.core.operators import OPS, Operators
from minikeras.core.scopes import auto_name, state
from minikeras.dtypes import Spec, canonical, name_of


@public("KerasTensor")
class KerasTensor(Operators):
    """Stand-in for a tensor in a functional model: shape (None: unknown) and dtype.

    >>> import minikeras as keras
    >>> x = keras.KerasTensor((None, 3))
    >>> (x + 1).shape
    (None, 3)
    """

    shape = dtype = ragged_rank = row_splits_dtype = None
    sparse = ragged = False

    def __init__(
        self, shape, dtype="float32", sparse=False, ragged=False, record_history=True, name=None,
        **kwargs,
    ):
        if sparse or ragged:
            raise ValueError("Sparse and ragged tensors are not supported; use dense ones.")
        if kwargs:
            raise TypeError(f"KerasTensor takes no arguments {sorted(kwargs)}.")
        self.shape = tuple(d if d is None else int(d) for d in shape)
        self.dtype = name_of(dtype)
        self.name = name or auto_name("keras_tensor")
        self.record_history = record_history

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def T(self):
        return OPS["transpose"](self)

    def reshape(self, newshape):
        """The same elements in another shape."""
        return OPS["reshape"](self, newshape)

    def squeeze(self, axis=None):
        """Without axes of length 1."""
        return OPS["squeeze"](self, axis)

    def get_shape(self):
        """The shape; TensorFlow's spelling."""
        return self.shape

    def spec(self):
        """Shape and dtype as kernels' rules take them."""
        return Spec(self.shape, canonical(self.dtype))

    def __array__(self, *args, **kwargs):
        raise ValueError(
            "A KerasTensor has no values: it stands for the output of a layer in a functional "
            "model. NumPy functions cannot take it; use layers and keras.ops, inside a custom "
            "layer if needed."
        )

    def _no_value(self, *args):
        raise TypeError(
            "A KerasTensor has no values, so it cannot be used where Python needs one (if, "
            "while, float(), int(), len(), iteration). Use keras.ops (where, cond, while_loop) "
            "instead."
        )

    __bool__ = __float__ = __int__ = __index__ = __iter__ = _no_value

    def __len__(self):
        if not self.shape or self.shape[0] is None:
            self._no_value()
        return self.shape[0]

    def __repr__(self):
        return (
            f"<KerasTensor shape={self.shape}, dtype={self.dtype}, sparse={self.sparse}, "
            f"ragged={self.ragged}, name={self.name}>"
        )


@public("utils.is_keras_tensor", "backend.is_keras_tensor")
def is_keras_tensor(x):
    """Whether x is a KerasTensor, the symbolic kind of tensor."""
    return isinstance(x, KerasTensor)


def any_symbolic(args=None, kwargs=None):
    """Whether a KerasTensor is anywhere in the arguments."""
    return any(isinstance(x, KerasTensor) for x in tree.flatten((args, kwargs)))


class History(tuple):
    """(operation, node_index, tensor_index) of a KerasTensor."""

    __slots__ = ()
    operation = property(lambda s: s[0])
    node_index = property(lambda s: s[1])
    tensor_index = property(lambda s: s[2])


class GraphNode:
    """One symbolic call of an operation: its arguments and its outputs."""

    def __init__(self, operation, args=(), kwargs=None, outputs=None):
        self.operation = operation
        self.args, self.kwargs = tuple(args), kwargs or {}
        self.outputs = tree.flatten(outputs)
        self.inputs = [x for x in tree.flatten((self.args, self.kwargs))
                       if isinstance(x, KerasTensor)]
        for x in self.inputs:
            if hasattr(x, "_keras_history"):  # else made by hand: an input without a layer
                x._keras_history.operation._outbound_nodes.append(self)
        index = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        for i, x in enumerate(self.outputs):
            x._keras_history = History((operation, index, i))

    @property
    def is_input(self):
        return not self.inputs

    @property
    def parent_nodes(self):
        """Nodes that make this one's inputs."""
        found = []
        for x in self.inputs:
            if not hasattr(x, "_keras_history"):
                continue
            node = x._keras_history.operation._inbound_nodes[x._keras_history.node_index]
            if node not in found:
                found.append(node)
        return found

    def fill(self, values):
        """(args, kwargs) with each KerasTensor replaced by `values[id(it)]`."""

        def value(x):
            return values[id(x)] if isinstance(x, KerasTensor) else x

        return tree.map_structure(value, self.args), tree.map_structure(value, self.kwargs)


def keras_tensors(specs, record_history=True):
    """KerasTensors like a structure of Specs."""

    def make(spec):
        return KerasTensor(spec.shape, spec.dtype) if isinstance(spec, Spec) else spec

    return tree.map_structure(make, specs)


def recording():
    """Whether symbolic calls make graph nodes now."""
    return not state.symbolic

