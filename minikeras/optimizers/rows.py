"""Steps on the rows of a table that a batch looked up, where a rule leaves the others alone."""

from minikeras.core.op import op
from minikeras.core.program.values import Value
from minikeras.core.tensor import Tensor
from minikeras.kernels import rows  # noqa: F401  (declares the kernels)


@op(vjp=False, tensors=4)
def sgd_rows(xp, w, rate, indices, g):
    """A step of gradient descent on the rows at `indices`."""
    return xp.sgd_rows(w, rate, indices, g)


@op(vjp=False, tensors=5, outs="many")
def adagrad_rows(xp, w, a, rate, indices, g, epsilon):
    """A step of Adagrad on the rows at `indices`: (table, sums of squares)."""
    return xp.adagrad_rows(w, a, rate, indices, g, epsilon=epsilon)


def looked_up(gradient):
    """(indices, rows) of a gradient that is zero but in few rows, as they are added up; or None.

    In a program the gradient of a look-up is known by the call that would make it, which is then
    not needed. Eager code has the whole gradient by the time a step is taken.
    """
    value = gradient._value
    node = value.node if type(value) is Value else None
    if node is None or node.kernel.name != "take_gradient" or node.static["axis"] != 0:
        return None
    g, indices = node.inputs
    few = value.library.kind == "cpu" and indices.size < value.shape[0]
    return (Tensor(indices, None), Tensor(g, None)) if few else None
