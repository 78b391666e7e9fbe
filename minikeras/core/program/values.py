"""What a trace is made of: values that stand for arrays, and the calls of kernels between them."""

import math

from minikeras.arrays import Placeholder


class Untraceable(Exception):
    """The step asked for numbers, or changed something that a replay would not change again."""


class Again(Exception):
    """Variables were made while tracing: once it has run eagerly, the step can be traced."""


class Value(Placeholder):
    """An array of a program: its shape and dtype, and where it comes from.

    `node` made it as its `index`-th result; or it is the value of a `variable`; or an input.
    `state`, by the pass `batch`: "S" shared, the whole of it is in one place; "P" partial, each
    tile has a sum of its own and the value is their sum; `("B", axis, rows)` sliced by sample,
    each tile has `rows` entries a sample along `axis`.
    """

    __slots__ = ("alias", "array", "dtype", "index", "library", "node", "shape", "state",
                 "variable")

    def __init__(self, shape, dtype, library, node=None, index=0, variable=None, array=None):
        self.shape, self.dtype, self.library = tuple(shape), dtype, library
        self.node, self.index, self.variable, self.array = node, index, variable, array
        self.alias, self.state = None, "S"

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        return math.prod(self.shape)

    @property
    def nbytes(self):
        return self.size * self.dtype.itemsize

    @property
    def itemsize(self):
        return self.dtype.itemsize

    def get(self):
        raise Untraceable(
            "the numbers of a tensor were asked for (float(), bool(), .numpy(), np.asarray(), "
            "`if tensor:` ...)"
        )

    def __repr__(self):
        made = f" of {self.node.kernel.name}" if self.node else ""
        return f"<Value {self.dtype}{self.shape}{made}>"


class Node:
    """A call of a kernel in a program."""

    __slots__ = ("by_rows", "inputs", "kernel", "level", "outs", "position", "static", "tiled")

    def __init__(self, kernel, inputs, static):
        self.kernel, self.inputs, self.static = kernel, list(inputs), static
        self.outs, self.level, self.position, self.tiled = (), 0, 0, False
        self.by_rows = False  # a shared matrix product, whose rows threads share out

    def values(self):
        """The inputs that are values: not constants, not numbers."""
        return [v for v in self.inputs if type(v) is Value]

    def __repr__(self):
        return f"<{self.kernel.name} {self.position}>"


def real(value):
    """The value that stands for another after rewrites."""
    while type(value) is Value and value.alias is not None:
        value = value.alias
    return value
