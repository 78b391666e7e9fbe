"""Hinge losses: of margins between classes. Targets are -1 or 1, or 0 or 1 (taken as -1 and 1)."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.losses.loss import LossFunctionWrapper, operands


def _signed(y_true):
    """Targets of 0 and 1 as -1 and 1; others as they are."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0), ops.equal(y_true, 1)))
    return ops.where(binary, 2.0 * y_true - 1.0, y_true)


def _margins(y_true, y_pred):
    """max(1 - y_true y_pred, 0)."""
    y_true, y_pred = operands(y_true, y_pred)
    return ops.maximum(1.0 - _signed(y_true) * y_pred, 0.0)


@public("losses.hinge", "metrics.hinge")
def hinge(y_true, y_pred):
    """mean(max(1 - y_true y_pred, 0)) over the last axis.

    Args:
        y_true: -1 or 1 (0 and 1 become -1 and 1), (batch, d0, ..., dN).
        y_pred: scores of the same shape.

    Returns:
        (batch, d0, ..., dN-1).

    >>> hinge([[0.0, 1.0]], [[0.5, 2.0]]).tolist()
    [0.75]
    """
    return ops.mean(_margins(y_true, y_pred), axis=-1)


@public("losses.Hinge")
class Hinge(LossFunctionWrapper):
    """mean(max(1 - y_true y_pred, 0)), of targets -1 and 1 (0 and 1 become these).

    Args:
        {common}

    >>> float(Hinge()([[0.0, 1.0]], [[0.5, 2.0]]))
    0.75
    """

    def __init__(self, reduction="sum_over_batch_size", name="hinge", dtype=None):
        super().__init__(hinge, name=name, reduction=reduction, dtype=dtype)


@public("losses.squared_hinge", "metrics.squared_hinge")
def squared_hinge(y_true, y_pred):
    """mean(max(1 - y_true y_pred, 0)**2) over the last axis.

    Args:
        y_true: -1 or 1 (0 and 1 become -1 and 1), (batch, d0, ..., dN).
        y_pred: scores of the same shape.

    Returns:
        (batch, d0, ..., dN-1).

    >>> squared_hinge([[0.0, 1.0]], [[0.5, 2.0]]).tolist()
    [1.125]
    """
    return ops.mean(ops.square(_margins(y_true, y_pred)), axis=-1)


@public("losses.SquaredHinge")
class SquaredHinge(LossFunctionWrapper):
    """mean(max(1 - y_true y_pred, 0)**2), of targets -1 and 1 (0 and 1 become these).

    Args:
        {common}

    >>> float(SquaredHinge()([[0.0, 1.0]], [[0.5, 2.0]]))
    1.125
    """

    def __init__(self, reduction="sum_over_batch_size", name="squared_hinge", dtype=None):
        super().__init__(squared_hinge, name=name, reduction=reduction, dtype=dtype)


@public("losses.categorical_hinge", "metrics.categorical_hinge")
def categorical_hinge(y_true, y_pred):
    """max(best wrong score - right score + 1, 0) over the last axis.

    Args:
        y_true: one-hot rows, (batch, ..., classes).
        y_pred: scores of the same shape.

    Returns:
        (batch, ...).

    >>> categorical_hinge([[0.0, 1.0]], [[1.0, 0.5]]).tolist()
    [1.5]
    """
    y_true, y_pred = operands(y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


@public("losses.CategoricalHinge")
class CategoricalHinge(LossFunctionWrapper):
    """max(best wrong score - right score + 1, 0), of one-hot targets.

    Args:
        {common}

    >>> float(CategoricalHinge()([[0.0, 1.0]], [[1.0, 0.5]]))
    1.5
    """

    def __init__(self, reduction="sum_over_batch_size", name="categorical_hinge", dtype=None):
        super().__init__(categorical_hinge, name=name, reduction=reduction, dtype=dtype)
