"""Accuracies: how often predictions are right."""

from minikeras import config as settings
from minikeras import ops
from minikeras.api.registry import public
from minikeras.losses.loss import squeeze_or_expand_to_same_rank
from minikeras.metrics.reduction import MeanMetricWrapper


def _right(a, b):
    return ops.cast(ops.equal(a, b), settings.floatx())


def accuracy(y_true, y_pred):
    """Whether y_true equals y_pred, by element: 1 or 0."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    return _right(y_true, y_pred)


@public("metrics.Accuracy")
class Accuracy(MeanMetricWrapper):
    """How often predictions equal targets.

    Args:
        {common}

    >>> metric = Accuracy()
    >>> metric.update_state([[1], [2], [3], [4]], [[0], [2], [3], [4]])
    >>> float(metric.result())
    0.75
    """

    _direction = "up"

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name=name, dtype=dtype)


@public("metrics.binary_accuracy")
def binary_accuracy(y_true, y_pred, threshold=0.5):
    """Whether (y_pred > threshold) equals y_true, by element: 1 or 0.

    Args:
        y_true: 0 or 1.
        y_pred: predicted probabilities of the same shape.
        threshold: above it a prediction counts as 1.

    >>> binary_accuracy([[1.0], [0.0]], [[0.7], [0.6]]).tolist()
    [[1.0], [0.0]]
    """
    y_pred, y_true = ops.convert_to_tensor(y_pred), ops.convert_to_tensor(y_true)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    positive = ops.greater(y_pred, ops.cast(threshold, y_pred.dtype))
    return _right(y_true, ops.cast(positive, y_true.dtype))


@public("metrics.BinaryAccuracy")
class BinaryAccuracy(MeanMetricWrapper):
    """How often (y_pred > threshold) equals y_true, 0 or 1.

    Args:
        {common}
        threshold: above it a prediction counts as 1; in [0, 1].

    >>> metric = BinaryAccuracy()
    >>> metric.update_state([[1.0], [0.0]], [[0.7], [0.6]])
    >>> float(metric.result())
    0.5
    """

    _direction = "up"

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(
                "Invalid value for argument `threshold`. Expected a value in interval [0, 1]. "
                f"Received: threshold={threshold}"
            )
        super().__init__(binary_accuracy, name=name, dtype=dtype, threshold=threshold)


@public("metrics.categorical_accuracy")
def categorical_accuracy(y_true, y_pred):
    """Whether the largest prediction is at the target's largest entry: 1 or 0 for each sample.

    Args:
        y_true: one-hot rows, (batch, ..., classes).
        y_pred: predictions of the same shape, probabilities or logits.

    Returns:
        (batch, ...).

    >>> categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.1, 0.9, 0.0]]).tolist()
    [0.0, 1.0]
    """
    return _right(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))


@public("metrics.CategoricalAccuracy")
class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is at the one-hot target's class.

    Args:
        {common}

    >>> metric = CategoricalAccuracy()
    >>> metric.update_state([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.1, 0.9, 0.0]])
    >>> float(metric.result())
    0.5
    """

    _direction = "up"

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name=name, dtype=dtype)


def _labels(y_true, y_pred):
    """Integer labels in the shape of `y_pred` without its last axis."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    if len(y_true.shape) != len(y_pred.shape) - 1:
        raise ValueError(
            "Sparse accuracies take one integer label for each row of predictions. Received: "
            f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    return ops.cast(y_true, "int32"), y_pred


@public("metrics.sparse_categorical_accuracy")
def sparse_categorical_accuracy(y_true, y_pred):
    """Whether the largest prediction is at the target's class: 1 or 0 for each sample.

    Args:
        y_true: integer labels, (batch, ...) or (batch, ..., 1).
        y_pred: predictions, (batch, ..., classes), probabilities or logits.

    Returns:
        (batch, ...).

    >>> sparse_categorical_accuracy([2, 1], [[0.1, 0.9, 0.8], [0.1, 0.9, 0.0]]).tolist()
    [0.0, 1.0]
    """
    y_true, y_pred = _labels(y_true, y_pred)
    return _right(y_true, ops.argmax(y_pred, axis=-1))


@public("metrics.SparseCategoricalAccuracy")
class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is at the class that the integer target names.

    Args:
        {common}

    >>> metric = SparseCategoricalAccuracy()
    >>> metric.update_state([[2], [1]], [[0.1, 0.9, 0.8], [0.1, 0.9, 0.0]])
    >>> float(metric.result())
    0.5
    """

    _direction = "up"

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name=name, dtype=dtype)


@public("metrics.top_k_categorical_accuracy")
def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """Whether the target's class is among the k largest predictions: 1 or 0 for each sample.

    Args:
        y_true: one-hot rows, (batch, ..., classes).
        y_pred: predictions of the same shape.
        k: how many predictions count.

    Returns:
        (batch, ...). A class tied with the k-th counts.

    >>> top_k_categorical_accuracy([[0, 0, 1]], [[0.1, 0.9, 0.8]], k=2).tolist()
    [1.0]
    """
    return sparse_top_k_categorical_accuracy(ops.argmax(y_true, axis=-1), y_pred, k)


@public("metrics.TopKCategoricalAccuracy")
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the one-hot target's class is among the k largest predictions.

    Args:
        k: how many predictions count.
        {common}

    >>> metric = TopKCategoricalAccuracy(k=1)
    >>> metric.update_state([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
    >>> float(metric.result())
    0.5
    """

    _direction = "up"

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(top_k_categorical_accuracy, name=name, dtype=dtype, k=k)


@public("metrics.sparse_top_k_categorical_accuracy")
def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """Whether the target's class is among the k largest predictions: 1 or 0 for each sample.

    Args:
        y_true: integer labels, (batch, ...) or (batch, ..., 1).
        y_pred: predictions, (batch, ..., classes); with `from_sorted_ids` the classes themselves,
            the likeliest first.
        k: how many predictions count.
        from_sorted_ids: see `y_pred`.

    Returns:
        (batch, ...). A class tied with the k-th counts.

    >>> sparse_top_k_categorical_accuracy([2, 1], [[0.1, 0.9, 0.8], [0.9, 0.05, 0.06]], 2).tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = _labels(y_true, y_pred)
    column = ops.expand_dims(y_true, -1)
    if from_sorted_ids:
        hits = ops.any(ops.equal(ops.cast(y_pred[..., :k], "int32"), column), axis=-1)
        return ops.cast(hits, settings.floatx())
    # No sorting: a class is among the k largest if fewer than k are larger.
    own = ops.take_along_axis(y_pred, column, axis=-1)
    larger = ops.sum(ops.cast(ops.greater(y_pred, own), "int32"), axis=-1)
    hits = ops.logical_and(ops.less(larger, k), ops.isfinite(ops.squeeze(own, -1)))
    return ops.cast(hits, settings.floatx())


@public("metrics.SparseTopKCategoricalAccuracy")
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class that the integer target names is among the k largest predictions.

    Args:
        k: how many predictions count.
        {common}
        from_sorted_ids: whether predictions are classes, the likeliest first, and not scores.

    >>> metric = SparseTopKCategoricalAccuracy(k=1)
    >>> metric.update_state([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
    >>> float(metric.result())
    0.5
    """

    _direction = "up"
    unsaved_defaults = ("from_sorted_ids",)

    def __init__(
        self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False
    ):
        super().__init__(
            sparse_top_k_categorical_accuracy, name=name, dtype=dtype, k=k,
            from_sorted_ids=from_sorted_ids)
