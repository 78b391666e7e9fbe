"""Intersection over union of classes, from a confusion matrix."""

import warnings

from minikeras import config as settings
from minikeras import dtypes, ops
from minikeras.api.registry import public
from minikeras.metrics.metric import Metric
from minikeras.ops.indexing import take_gradient


def confusion_matrix(y_true, y_pred, num_classes, weights):
    """(targets, predictions): sums of the weights of each pair of classes.

    Args:
        y_true: int32 labels, (samples,).
        y_pred: int32 predicted labels, (samples,).
        num_classes: pairs with a label outside [0, num_classes) are left out.
        weights: (samples,).
    """
    inside = ops.logical_and(_known(y_true, num_classes), _known(y_pred, num_classes))
    weights = weights * ops.cast(inside, weights.dtype)
    pair = ops.where(inside, y_true * num_classes + y_pred, ops.zeros_like(y_true))
    sums = take_gradient(weights, pair, 0, (num_classes * num_classes,))
    return ops.reshape(sums, (num_classes, num_classes))


def _known(labels, num_classes):
    return ops.logical_and(ops.greater_equal(labels, 0), ops.less(labels, num_classes))


class _IoUBase(Metric):
    """Keeps the confusion matrix; `result` is for subclasses."""

    _direction = "up"

    def __init__(
        self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_true=True,
        sparse_y_pred=True, axis=-1,
    ):
        super().__init__(name=name, dtype=dtype or "int32")
        self.num_classes, self.ignore_class, self.axis = num_classes, ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.add_variable(
            (num_classes, num_classes), "zeros", name="total_confusion_matrix")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch of labels, or of scores of classes along `axis` where these are not sparse.

        Args:
            y_true: labels, or one-hot.
            y_pred: labels, or scores.
            sample_weight: weight of each label; whole numbers, if the metric's dtype is an integer.
        """
        labels = self._labels(y_true, self.sparse_y_true)
        guesses = self._labels(y_pred, self.sparse_y_pred)
        weights = ops.ones_like(labels, dtype=self.dtype)
        if sample_weight is not None:
            weights = weights * self._weights(sample_weight, y_true)
        if self.ignore_class is not None:
            counts = ops.not_equal(labels, self.ignore_class)
            weights = weights * ops.cast(counts, self.dtype)
            labels = ops.where(counts, labels, ops.zeros_like(labels))
            guesses = ops.where(counts, guesses, ops.zeros_like(guesses))
        matrix = confusion_matrix(labels, guesses, self.num_classes, weights)
        self.total_cm.assign(self.total_cm + matrix)

    def _labels(self, y, sparse):
        y = ops.convert_to_tensor(y)
        if not sparse:
            y = ops.argmax(y, axis=self.axis)
        return ops.reshape(ops.cast(y, "int32"), (-1,))

    def _weights(self, sample_weight, y_true):
        sample_weight = ops.convert_to_tensor(sample_weight)
        if dtypes.is_float(sample_weight.dtype) and not dtypes.is_float(self.dtype):
            warnings.warn(
                "You are passing weight as `float`, but dtype is `int`. This may result in an "
                "incorrect weight due to type casting. Consider using integer weights, or "
                "dtype='float32'.",
                stacklevel=3,
            )
        sample_weight = ops.cast(sample_weight, self.dtype)
        shape = list(ops.shape(y_true))
        if not self.sparse_y_true:
            del shape[self.axis]
        while 0 < len(sample_weight.shape) < len(shape):
            sample_weight = ops.expand_dims(sample_weight, -1)
        while len(sample_weight.shape) > len(shape) and sample_weight.shape[-1] == 1:
            sample_weight = ops.squeeze(sample_weight, -1)
        return ops.reshape(ops.broadcast_to(sample_weight, tuple(shape)), (-1,))

    def _score(self, class_ids):
        """Mean over the classes that occur of TP / (TP + FP + FN)."""
        matrix = ops.cast(self.total_cm.value, settings.floatx())
        hits = ops.diagonal(matrix)
        union = ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1) - hits
        if class_ids is not None:
            chosen = ops.convert_to_tensor(list(class_ids), dtype="int32")
            hits, union = ops.take(hits, chosen), ops.take(union, chosen)
        occur = ops.sum(ops.cast(ops.greater(union, 0), settings.floatx()))
        return ops.divide_no_nan(ops.sum(ops.divide_no_nan(hits, union)), occur)

    def reset_state(self):
        """Forget all batches."""
        self.total_cm.assign(ops.zeros(self.total_cm.shape, dtype=self.total_cm.dtype))


@public("metrics.IoU")
class IoU(_IoUBase):
    """Mean of TP / (TP + FP + FN) over some classes; those that never occur are left out.

    Args:
        num_classes: number of classes.
        target_class_ids: the classes that count.
        name: name of the metric.
        dtype: dtype of the counts; default int32, floating for weights that are not whole.
        ignore_class: label of samples that do not count.
        sparse_y_true: whether targets are labels, or one-hot along `axis`.
        sparse_y_pred: whether predictions are labels, or scores along `axis`.
        axis: axis of the classes.

    >>> metric = IoU(num_classes=2, target_class_ids=[0])
    >>> round(float(metric([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    def __init__(
        self, num_classes, target_class_ids, name=None, dtype=None, ignore_class=None,
        sparse_y_true=True, sparse_y_pred=True, axis=-1,
    ):
        super().__init__(
            num_classes, name=name, dtype=dtype, ignore_class=ignore_class,
            sparse_y_true=sparse_y_true, sparse_y_pred=sparse_y_pred, axis=axis)
        for class_id in target_class_ids:
            if not 0 <= class_id < num_classes:
                raise ValueError(
                    f"Target class id {class_id} is out of range, which is [0, {num_classes}). "
                    f"Received: target_class_ids={list(target_class_ids)}"
                )
        self.target_class_ids = list(target_class_ids)

    def result(self):
        """The mean over the target classes that occur; 0 if none does."""
        return self._score(self.target_class_ids)

    def get_config(self):
        """Constructor arguments that make the same metric again."""
        return {
            **super().get_config(), "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids, "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true, "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }


@public("metrics.MeanIoU")
class MeanIoU(IoU):
    """Mean of TP / (TP + FP + FN) over all classes that occur.

    Args:
        num_classes: number of classes.
        name: name of the metric.
        dtype: dtype of the counts; default int32, floating for weights that are not whole.
        ignore_class: label of samples that do not count.
        sparse_y_true: whether targets are labels, or one-hot along `axis`.
        sparse_y_pred: whether predictions are labels, or scores along `axis`.
        axis: axis of the classes.

    >>> round(float(MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    def __init__(
        self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_true=True,
        sparse_y_pred=True, axis=-1,
    ):
        super().__init__(
            num_classes, range(num_classes), name=name, dtype=dtype, ignore_class=ignore_class,
            sparse_y_true=sparse_y_true, sparse_y_pred=sparse_y_pred, axis=axis)

    def get_config(self):
        """Constructor arguments that make the same metric again."""
        config = super().get_config()
        del config["target_class_ids"]
        return config


@public("metrics.BinaryIoU")
class BinaryIoU(IoU):
    """IoU of two classes, 1 where the score reaches a threshold.

    Args:
        target_class_ids: the classes that count: (0, 1), (0,) or (1,).
        threshold: scores from it on are class 1; None: predictions are 0 or 1.
        name: name of the metric.
        dtype: dtype of the counts; default int32, floating for weights that are not whole.

    >>> metric = BinaryIoU(threshold=0.3)
    >>> round(float(metric([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
    0.3333
    """

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(2, target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch of targets 0 or 1 and scores."""
        y_pred = ops.convert_to_tensor(y_pred)
        if self.threshold is not None:
            y_pred = ops.greater_equal(y_pred, ops.cast(self.threshold, y_pred.dtype))
        super().update_state(y_true, y_pred, sample_weight)

    def get_config(self):
        """Constructor arguments that make the same metric again."""
        return {
            "target_class_ids": self.target_class_ids, "threshold": self.threshold,
            "name": self.name, "dtype": self.dtype,
        }


@public("metrics.OneHotIoU")
class OneHotIoU(IoU):
    """IoU of one-hot targets with scores.

    Args:
        num_classes: number of classes.
        target_class_ids: the classes that count.
        name: name of the metric.
        dtype: dtype of the counts; default int32, floating for weights that are not whole.
        ignore_class: label of samples that do not count.
        sparse_y_pred: whether predictions are labels, or scores along `axis`.
        axis: axis of the classes.

    >>> metric = OneHotIoU(num_classes=2, target_class_ids=[0])
    >>> round(float(metric([[1, 0], [0, 1]], [[0.8, 0.2], [0.7, 0.3]])), 4)
    0.5
    """

    def __init__(
        self, num_classes, target_class_ids, name=None, dtype=None, ignore_class=None,
        sparse_y_pred=False, axis=-1,
    ):
        super().__init__(
            num_classes, target_class_ids, name=name, dtype=dtype, ignore_class=ignore_class,
            sparse_y_true=False, sparse_y_pred=sparse_y_pred, axis=axis)

    def get_config(self):
        """Constructor arguments that make the same metric again."""
        config = super().get_config()
        del config["sparse_y_true"]
        return config


@public("metrics.OneHotMeanIoU")
class OneHotMeanIoU(MeanIoU):
    """Mean IoU of one-hot targets with scores.

    Args:
        num_classes: number of classes.
        name: name of the metric.
        dtype: dtype of the counts; default int32, floating for weights that are not whole.
        ignore_class: label of samples that do not count.
        sparse_y_pred: whether predictions are labels, or scores along `axis`.
        axis: axis of the classes.

    >>> metric = OneHotMeanIoU(num_classes=2)
    >>> round(float(metric([[1, 0], [0, 1]], [[0.8, 0.2], [0.7, 0.3]])), 4)
    0.25
    """

    def __init__(
        self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1
    ):
        super().__init__(
            num_classes, name=name, dtype=dtype, ignore_class=ignore_class, sparse_y_true=False,
            sparse_y_pred=sparse_y_pred, axis=axis)

    def get_config(self):
        """Constructor arguments that make the same metric again."""
        config = super().get_config()
        del config["sparse_y_true"]
        return config
