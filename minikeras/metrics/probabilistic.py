"""Means of losses of predicted probabilities and counts."""

from minikeras.api.registry import public
from minikeras.losses.probabilistic import (
    binary_crossentropy,
    categorical_crossentropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from minikeras.metrics.reduction import MeanMetricWrapper


@public("metrics.KLDivergence")
class KLDivergence(MeanMetricWrapper):
    """sum(t log(t / p)), of distributions.

    Args:
        {common}

    >>> round(float(KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    _direction = "down"

    def __init__(self, name="kl_divergence", dtype=None):
        super().__init__(kl_divergence, name=name, dtype=dtype)


@public("metrics.Poisson")
class Poisson(MeanMetricWrapper):
    """y_pred - y_true log(y_pred), of counts.

    Args:
        {common}

    >>> round(float(Poisson()([[2.0]], [[2.0]])), 4)
    0.6137
    """

    _direction = "down"

    def __init__(self, name="poisson", dtype=None):
        super().__init__(poisson, name=name, dtype=dtype)


@public("metrics.BinaryCrossentropy")
class BinaryCrossentropy(MeanMetricWrapper):
    """-(t log p + (1 - t) log(1 - p)).

    Args:
        {common}
        from_logits: whether predictions are logits or probabilities.
        label_smoothing: s in [0, 1): 0 and 1 become s / 2 and 1 - s / 2.

    >>> round(float(BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    _direction = "down"

    def __init__(
        self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0
    ):
        super().__init__(
            binary_crossentropy, name=name, dtype=dtype, from_logits=from_logits,
            label_smoothing=label_smoothing)


@public("metrics.CategoricalCrossentropy")
class CategoricalCrossentropy(MeanMetricWrapper):
    """-sum(t log p), of one-hot targets.

    Args:
        {common}
        from_logits: whether predictions are logits or probabilities.
        label_smoothing: s in [0, 1): 0 becomes s / classes, 1 becomes 1 - s + s / classes.
        axis: axis of the classes.

    >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    _direction = "down"

    def __init__(
        self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0,
        axis=-1,
    ):
        super().__init__(
            categorical_crossentropy, name=name, dtype=dtype, from_logits=from_logits,
            label_smoothing=label_smoothing, axis=axis)


@public("metrics.SparseCategoricalCrossentropy")
class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """-log p[label], of integer labels.

    Args:
        {common}
        from_logits: whether predictions are logits or probabilities.
        ignore_class: label of samples that do not count.
        axis: axis of the classes.

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    _direction = "down"

    def __init__(
        self, name="sparse_categorical_crossentropy", dtype=None, from_logits=False,
        ignore_class=None, axis=-1,
    ):
        super().__init__(
            sparse_categorical_crossentropy, name=name, dtype=dtype, from_logits=from_logits,
            ignore_class=ignore_class, axis=axis)
