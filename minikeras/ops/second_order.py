"""Gradients of ops with fused kernels, once more through plain ops, for an outer tape."""

from minikeras.core import op as core_op
from minikeras.core.gradient import gradient, same_tensor
from minikeras.core.scopes import state
from minikeras.core.tensor import Tensor

DECLARES_FOR_ITS_CALLERS = True


def recorded(xp):
    """Whether a namespace is that of Tensors, on which every kernel is an op."""
    return xp is core_op.RECORDING


def gradient_by_ops(function, tensors, g):
    """Gradients of sum(g * function(*tensors)) to the tensors, recorded op by op.

    Args:
        function: gives a tuple of tensors, by recorded ops.
        tensors: its arguments; None for those that are None or booleans is the gradient's place.
        g: for each result its gradient, or None.
    """
    outer, state.deep = state.deep, True  # what is recorded here is differentiated twice
    try:
        floats = [i for i, t in enumerate(tensors) if type(t) is Tensor and t.dtype.kind in "fV"]
        own = list(tensors)
        for i in floats:  # as tensors of their own, so that paths between them do not count
            own[i] = same_tensor(tensors[i])
        pairs = [(y, d) for y, d in zip(function(*own), g) if d is not None]
        found = gradient([y for y, _ in pairs], [own[i] for i in floats], [d for _, d in pairs])
    finally:
        state.deep = outer
    grads = [None] * len(tensors)
    for i, d in zip(floats, found):
        grads[i] = d
    return grads
