"""Means of hinge losses. Targets are -1 or 1, or 0 or 1."""

from minikeras.api.registry import public
from minikeras.losses.margins import categorical_hinge, hinge, squared_hinge
from minikeras.metrics.reduction import MeanMetricWrapper


@public("metrics.Hinge")
class Hinge(MeanMetricWrapper):
    """max(1 - y_true y_pred, 0).

    Args:
        {common}

    >>> float(Hinge()([[0.0, 1.0]], [[0.5, 2.0]]))
    0.75
    """

    _direction = "down"

    def __init__(self, name="hinge", dtype=None):
        super().__init__(hinge, name=name, dtype=dtype)


@public("metrics.SquaredHinge")
class SquaredHinge(MeanMetricWrapper):
    """max(1 - y_true y_pred, 0)**2.

    Args:
        {common}

    >>> float(SquaredHinge()([[0.0, 1.0]], [[0.5, 2.0]]))
    1.125
    """

    _direction = "down"

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(squared_hinge, name=name, dtype=dtype)


@public("metrics.CategoricalHinge")
class CategoricalHinge(MeanMetricWrapper):
    """max(best wrong score - right score + 1, 0), of one-hot targets.

    Args:
        {common}

    >>> float(CategoricalHinge()([[0.0, 1.0]], [[1.0, 0.5]]))
    1.5
    """

    _direction = "down"

    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(categorical_hinge, name=name, dtype=dtype)
