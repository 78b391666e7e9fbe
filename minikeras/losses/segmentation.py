"""Losses of overlap (Dice, Tversky) and of embeddings (circle)."""

from minikeras import config, ops
from minikeras.api.registry import public
from minikeras.losses.loss import LossFunctionWrapper, operands


@public("losses.dice")
def dice(y_true, y_pred, axis=None):
    """1 - 2 sum(t p) / (sum(t) + sum(p)) over `axis`.

    Args:
        y_true: 0 or 1, any shape.
        y_pred: predicted probabilities of the same shape.
        axis: axis, or axes, of the sums; None: all of them, the batch's too.

    Returns:
        The shape without `axis`. Where both are empty, 1.

    Reference:
        Milletari et al. 2016, V-Net, arXiv:1606.04797.

    >>> round(float(dice([[1.0, 0.0]], [[0.5, 0.5]])), 4)
    0.5
    """
    y_true, y_pred = operands(y_true, y_pred)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    total = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - 2.0 * overlap / (total + config.epsilon())


@public("losses.Dice")
class Dice(LossFunctionWrapper):
    """1 - 2 sum(t p) / (sum(t) + sum(p)): overlap of two regions, whatever their size.

    Args:
        reduction: "sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", None, "none".
        name: name of the loss.
        axis: axis, or axes, of the sums; None: all of them, the batch's too.
        dtype: dtype that it computes in; default floatx.

    Reference:
        Milletari et al. 2016, V-Net, arXiv:1606.04797.

    >>> round(float(Dice()([[1.0, 0.0]], [[0.5, 0.5]])), 4)
    0.5
    """

    def __init__(
        self, reduction="sum_over_batch_size", name="dice", axis=None, dtype=None
    ):
        super().__init__(dice, name=name, reduction=reduction, dtype=dtype, axis=axis)


@public("losses.tversky")
def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """1 - TP / (TP + alpha FP + beta FN) over `axis`, TP = sum(t p).

    Args:
        y_true: 0 or 1, any shape.
        y_pred: predicted probabilities of the same shape.
        alpha: weight of false positives.
        beta: weight of false negatives.
        axis: axis, or axes, of the sums; None: all of them, the batch's too.

    Returns:
        The shape without `axis`. Where both are empty, 1.

    Reference:
        Salehi et al. 2017, Tversky loss function for image segmentation, arXiv:1706.05721.

    >>> round(float(tversky([[1.0, 0.0]], [[0.5, 0.5]])), 4)
    0.5
    """
    y_true, y_pred = operands(y_true, y_pred)
    hits = ops.sum(y_true * y_pred, axis=axis)
    false_positives = ops.sum((1.0 - y_true) * y_pred, axis=axis)
    false_negatives = ops.sum(y_true * (1.0 - y_pred), axis=axis)
    union = hits + false_positives * alpha + false_negatives * beta
    return 1.0 - hits / (union + config.epsilon())


@public("losses.Tversky")
class Tversky(LossFunctionWrapper):
    """1 - TP / (TP + alpha FP + beta FN): Dice (alpha = beta = 0.5) with the two errors weighted.

    Args:
        alpha: weight of false positives.
        beta: weight of false negatives.
        reduction: "sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", None, "none".
        name: name of the loss.
        axis: axis, or axes, of the sums; None: all of them, the batch's too.
        dtype: dtype that it computes in; default floatx.

    Reference:
        Salehi et al. 2017, Tversky loss function for image segmentation, arXiv:1706.05721.

    >>> round(float(Tversky()([[1.0, 0.0]], [[0.5, 0.5]])), 4)
    0.5
    """

    def __init__(
        self, alpha=0.5, beta=0.5, reduction="sum_over_batch_size", name="tversky", axis=None,
        dtype=None,
    ):
        super().__init__(
            tversky, name=name, reduction=reduction, dtype=dtype, alpha=alpha, beta=beta,
            axis=axis)


@public("losses.circle")
def circle(
    y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80,
    margin=0.4,
):
    """log(1 + sum_n exp(gamma a_n (s_n - m)) sum_p exp(-gamma a_p (s_p - 1 + m))) of each sample.

    s are cosines between a sample's embedding and the references', of the same label (p) or
    another (n); a_p = max(1 + m - s_p, 0), a_n = max(s_n + m, 0), m the margin.

    Args:
        y_true: integer labels, (batch,) or (batch, 1).
        y_pred: embeddings of length 1, (batch, size).
        ref_labels: labels of the references; default `y_true`.
        ref_embeddings: embeddings of the references; default `y_pred`.
        remove_diagonal: whether sample i is left out of its own references' labels at i.
        gamma: scale of the exponents.
        margin: relaxation m.

    Returns:
        (batch,). Samples without a loss (no reference of their label, say) are masked out of means.

    Reference:
        Sun et al. 2020, Circle loss, arXiv:2002.10857.

    >>> loss = circle([0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], gamma=2.0)
    >>> loss.shape
    (3,)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    labels = ops.reshape(ops.cast(ops.convert_to_tensor(y_true), "int32"), (-1, 1))
    others = labels if ref_labels is None else ref_labels
    others = ops.reshape(ops.cast(ops.convert_to_tensor(others), "int32"), (1, -1))
    references = y_pred if ref_embeddings is None else ref_embeddings
    references = ops.convert_to_tensor(references, dtype=y_pred.dtype)

    same = ops.equal(labels, others)
    different = ops.logical_not(same)
    if remove_diagonal:
        rows = ops.reshape(ops.arange(labels.shape[0]), (-1, 1))
        columns = ops.reshape(ops.arange(others.shape[1]), (1, -1))
        same = ops.logical_and(same, ops.not_equal(rows, columns))
    cosine = ops.minimum(ops.matmul(y_pred, ops.transpose(references)), 1.0)
    positive = gamma * ops.maximum(1.0 + margin - cosine, 0.0) * (1.0 - margin - cosine)
    negative = gamma * ops.maximum(cosine + margin, 0.0) * (cosine - margin)
    nothing = ops.zeros_like(cosine) - 1e9  # a finite stand-in for log 0
    loss = ops.softplus(
        ops.logsumexp(ops.where(same, positive, nothing), axis=1)
        + ops.logsumexp(ops.where(different, negative, nothing), axis=1)
    )
    loss._keras_mask = ops.greater(loss, 0)
    return loss


@public("losses.Circle")
class Circle(LossFunctionWrapper):
    """Circle loss: embeddings of one label near each other, of different labels apart.

    Predictions are embeddings of length 1, targets integer labels; see `losses.circle`.

    Args:
        gamma: scale of the exponents.
        margin: relaxation of the ideal cosines 1 and 0.
        remove_diagonal: whether a sample is left out of its own references.
        {common}

    Reference:
        Sun et al. 2020, Circle loss, arXiv:2002.10857.

    >>> loss = Circle()([0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    >>> loss.shape
    ()
    """

    casts_targets = False

    def __init__(
        self, gamma=80.0, margin=0.4, remove_diagonal=True, reduction="sum_over_batch_size",
        name="circle", dtype=None,
    ):
        super().__init__(
            circle, name=name, reduction=reduction, dtype=dtype, gamma=gamma, margin=margin,
            remove_diagonal=remove_diagonal)
