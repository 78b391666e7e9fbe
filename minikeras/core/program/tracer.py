"""Tracer: the namespace under which an op's forward writes kernel calls down."""

from minikeras.arrays import NUMPY, ndarray
from minikeras.core.program import rewrites
from minikeras.core.program.values import Node, Untraceable, Value
from minikeras.core.tensor import Tensor
from minikeras.kernels.registry import HALF, KERNELS, NUMBERS, forward_of


def outline(value):
    """An array of the value's shape and strides over no memory: asks what a view of it can be."""
    if type(value) is not Value:
        return value
    node = value.node
    if node is not None and node.kernel.kind == "view":
        made = view_of(node, outline(node.inputs[0]), node.static)
        return made[value.index] if len(node.outs) > 1 else made
    strides, step = [], value.dtype.itemsize
    for n in reversed(value.shape):
        strides.append(step)
        step *= max(n, 1)
    return NUMPY.lib.stride_tricks.as_strided(
        NUMPY.empty(1, value.dtype), value.shape, strides[::-1])


def view_of(node, base, static):
    """The view that a node of kind "view" is of a base array; ValueError where it would copy."""
    if node.kernel.name == "reshape":
        return NUMPY.reshape(base, static["shape"], copy=False) if type(base) is ndarray else (
            node.kernel.compute(None, base, **static))
    return node.kernel.compute(node.outs[0].library, base, **static)


def _numbers_in_half(arrays):
    """Python numbers beside bfloat16 as bfloat16, as eager code has them (NumPy widens)."""
    if not any(getattr(a, "dtype", None) == HALF for a in arrays):
        return arrays
    return [HALF.type(a) if type(a) in NUMBERS else a for a in arrays]


class Tracer:
    """Stands as `xp` where one of the operands is a Value.

    Args:
        library: the array library that the program will run on.
        passes: names of the passes that are switched on.
    """

    def __init__(self, library, passes):
        self.library, self.passes = library, passes
        self.nodes, self.reads, self.current, self.origins = [], {}, {}, {}
        self.made_variables = False
        self.attributes, self.wrote = {}, set()  # of layers: what was read, what was set

    def __getattr__(self, name):
        if name in KERNELS:
            kernel = KERNELS[name]

            def method(*arrays, **static):
                return self.call(kernel, arrays, static)
        else:
            method = forward_of(name, self)
        setattr(self, name, method)
        return method

    def call(self, kernel, arrays, static):
        """Write a call down; its results as Values."""
        if "simplify" in self.passes and (same := rewrites.simpler(self, kernel, arrays, static)):
            return same
        if kernel.kind == "view":
            arrays = self._viewable(kernel, arrays, static)
        elif kernel.ufunc is not None:
            arrays = _numbers_in_half(arrays)
        specs = kernel.specs(*arrays, **static)
        node = Node(kernel, arrays, static)
        several = type(specs) is tuple
        node.outs = tuple(
            Value(s.shape, s.dtype, self.library, node, i)
            for i, s in enumerate(specs if several else (specs,))
        )
        if any(None in v.shape for v in node.outs):
            raise Untraceable(f"the shape of the result of {kernel.name!r} depends on numbers")
        self.nodes.append(node)
        return node.outs if several else node.outs[0]

    def _viewable(self, kernel, arrays, static):
        """The array, copied first where no view of it can have the new shape."""
        if kernel.name != "reshape" or type(arrays[0]) is not Value:
            return arrays
        try:
            NUMPY.reshape(outline(arrays[0]), static["shape"], copy=False)
        except ValueError:
            return (self.copy(arrays[0]), *arrays[1:])
        return arrays

    # ------------------------------------------------------------ variables
    def read(self, variable):
        """The variable's value at this point of the step."""
        held = self.current.get(id(variable))
        if held is None:
            array = variable._array
            value = Value(array.shape, array.dtype, self.library, variable=variable)
            self.reads[id(variable)] = variable, value
            held = self.current[id(variable)] = variable, self._tensor(variable, value)
        return held[1]

    def _tensor(self, variable, value):
        watched = variable._trainable or variable._watched
        return Tensor(value, variable.leaf if watched else None)

    def assign(self, variable, tensor):
        """From here on the variable has this value."""
        self.read(variable)
        value = tensor._value
        if type(value) is not Value:  # a constant
            value = self.call(KERNELS["copy"], (value,), {})
        self.current[id(variable)] = variable, self._tensor(variable, value)

    def assigned(self):
        """[(variable, its new value)] of the variables that the step changes."""
        found = []
        for key, (variable, tensor) in self.current.items():
            _, before = self.reads[key]
            if tensor._value is not before:
                found.append((variable, tensor._value))
        return found

    # ------------------------------------------------------------ ops
    def rewritten(self, op, tensors, static):
        """A tensor that is what the op would give, got in a better way; or None."""
        if "rewrite" in self.passes:
            return rewrites.better(self, op, tensors, static)
        return None

    def made(self, op, tensors, static, result):
        """Remember how a value was made, for rewrites of what is done with it."""
        if op.monotone and type(result._value) is Value:
            self.origins[id(result._value)] = op, tensors, static, result
