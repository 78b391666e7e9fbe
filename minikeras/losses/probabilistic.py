"""Losses of predicted probabilities and counts: crossentropies, focal, divergence, Poisson, CTC."""

from minikeras import config, ops
from minikeras.api.registry import public
from minikeras.core.shape_rules import canonical_axis
from minikeras.losses.loss import LossFunctionWrapper, operands


def _smoothed(y_true, label_smoothing, classes):
    """Targets mixed with the uniform distribution over `classes`."""
    if not label_smoothing:
        return y_true
    return y_true * (1.0 - label_smoothing) + label_smoothing / classes


def _one_axis(axis, y_pred, name):
    """A class axis that is one integer, not negative."""
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise ValueError(
            f"`axis` of {name} must be one integer, the axis of the classes. Received: axis={axis}"
        )
    return canonical_axis(axis, len(y_pred.shape))


# ---------------------------------------------------------------- two classes
@public("losses.binary_crossentropy", "metrics.binary_crossentropy")
def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """mean(-(t log p + (1 - t) log(1 - p))) over `axis`.

    Args:
        y_true: 0 or 1, or probabilities, (batch, d0, ..., dN).
        y_pred: predicted probabilities or logits of the same shape.
        from_logits: whether `y_pred` holds logits; p is then sigmoid(y_pred), without overflow.
        label_smoothing: s in [0, 1): 0 and 1 become s / 2 and 1 - s / 2.
        axis: axis of the mean.

    Returns:
        The shape without `axis`.

    >>> [round(v, 4) for v in binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).tolist()]
    [0.6931]
    """
    y_true, y_pred = operands(y_true, y_pred)
    y_true = _smoothed(y_true, label_smoothing, 2)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


@public("losses.BinaryCrossentropy")
class BinaryCrossentropy(LossFunctionWrapper):
    """-(t log p + (1 - t) log(1 - p)): for two classes, or several that don't exclude each other.

    Args:
        from_logits: whether predictions are logits (any numbers) or probabilities.
        label_smoothing: s in [0, 1): 0 and 1 become s / 2 and 1 - s / 2.
        axis: axis of the mean.
        {common}

    >>> round(float(BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self, from_logits=False, label_smoothing=0.0, axis=-1, reduction="sum_over_batch_size",
        name="binary_crossentropy", dtype=None,
    ):
        super().__init__(
            binary_crossentropy, name=name, reduction=reduction, dtype=dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


@public("losses.binary_focal_crossentropy", "metrics.binary_focal_crossentropy")
def binary_focal_crossentropy(
    y_true, y_pred, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False,
    label_smoothing=0.0, axis=-1,
):
    """mean(w (1 - q)**gamma crossentropy) over `axis`, q the probability of the right class.

    Args:
        y_true: 0 or 1, (batch, d0, ..., dN).
        y_pred: predicted probabilities or logits of the same shape.
        apply_class_balancing: w is alpha for class 1 and 1 - alpha for class 0, else 1.
        alpha: weight of class 1.
        gamma: how strongly easy samples are played down.
        from_logits: whether `y_pred` holds logits.
        label_smoothing: s in [0, 1): 0 and 1 become s / 2 and 1 - s / 2.
        axis: axis of the mean.

    Returns:
        The shape without `axis`.

    Reference:
        Lin et al. 2017, Focal loss for dense object detection, arXiv:1708.02002.

    >>> round(binary_focal_crossentropy([[1.0]], [[0.5]]).tolist()[0], 4)
    0.1733
    """
    y_true, y_pred = operands(y_true, y_pred)
    y_true = _smoothed(y_true, label_smoothing, 2)
    if from_logits:
        y_pred = ops.sigmoid(y_pred)
    loss = ops.binary_crossentropy(y_true, y_pred)
    wrong = 1.0 - (y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred))
    loss = ops.power(wrong, gamma) * loss
    if apply_class_balancing:
        loss = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * loss
    return ops.mean(loss, axis=axis)


@public("losses.BinaryFocalCrossentropy")
class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Binary crossentropy times (1 - q)**gamma: samples that are right already count little.

    Args:
        apply_class_balancing: whether class 1 is weighted by alpha, class 0 by 1 - alpha.
        alpha: weight of class 1.
        gamma: how strongly easy samples are played down; 0: not at all.
        from_logits: whether predictions are logits (any numbers) or probabilities.
        label_smoothing: s in [0, 1): 0 and 1 become s / 2 and 1 - s / 2.
        axis: axis of the mean.
        {common}

    Reference:
        Lin et al. 2017, Focal loss for dense object detection, arXiv:1708.02002.

    >>> round(float(BinaryFocalCrossentropy()([[1.0]], [[0.5]])), 4)
    0.1733
    """

    def __init__(
        self, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False,
        label_smoothing=0.0, axis=-1, reduction="sum_over_batch_size",
        name="binary_focal_crossentropy", dtype=None,
    ):
        super().__init__(
            binary_focal_crossentropy, name=name, reduction=reduction, dtype=dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
            apply_class_balancing=apply_class_balancing, alpha=alpha, gamma=gamma)


# ---------------------------------------------------------------- many classes
@public("losses.categorical_crossentropy", "metrics.categorical_crossentropy")
def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-sum(t log p) over the classes, for one-hot targets.

    Args:
        y_true: one-hot rows or distributions, (batch, ..., classes).
        y_pred: predicted probabilities (made to sum to 1) or logits of the same shape.
        from_logits: whether `y_pred` holds logits; p is then their softmax, without overflow.
        label_smoothing: s in [0, 1): 0 becomes s / classes, 1 becomes 1 - s + s / classes.
        axis: axis of the classes.

    Returns:
        The shape without `axis`.

    Raises:
        ValueError: if the shapes differ, as with integer labels.

    >>> round(categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).tolist()[0], 4)
    0.6931
    """
    y_true, y_pred = operands(y_true, y_pred)
    axis = _one_axis(axis, y_pred, "categorical_crossentropy")
    y_true = _smoothed(y_true, label_smoothing, y_pred.shape[axis])
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


@public("losses.CategoricalCrossentropy")
class CategoricalCrossentropy(LossFunctionWrapper):
    """-sum(t log p) over classes that exclude each other, for one-hot targets.

    Args:
        from_logits: whether predictions are logits (any numbers) or probabilities.
        label_smoothing: s in [0, 1): 0 becomes s / classes, 1 becomes 1 - s + s / classes.
        axis: axis of the classes.
        {common}

    >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self, from_logits=False, label_smoothing=0.0, axis=-1, reduction="sum_over_batch_size",
        name="categorical_crossentropy", dtype=None,
    ):
        super().__init__(
            categorical_crossentropy, name=name, reduction=reduction, dtype=dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


@public("losses.sparse_categorical_crossentropy", "metrics.sparse_categorical_crossentropy")
def sparse_categorical_crossentropy(
    y_true, y_pred, from_logits=False, ignore_class=None, axis=-1
):
    """-log p[y_true], for integer labels.

    Args:
        y_true: labels, of the shape of `y_pred` without its class axis, or with a last axis of
            length 1 instead.
        y_pred: predicted probabilities (made to sum to 1) or logits, (batch, ..., classes).
        from_logits: whether `y_pred` holds logits; p is then their softmax, without overflow.
        ignore_class: label of samples that do not count: their loss is 0, and means leave them out.
        axis: axis of the classes.

    Returns:
        The shape of `y_pred` without `axis`.

    Raises:
        ValueError: if the shapes don't fit, as with one-hot targets.

    >>> round(sparse_categorical_crossentropy([1], [[0.5, 0.5]]).tolist()[0], 4)
    0.6931
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true)
    axis = _one_axis(axis, y_pred, "sparse_categorical_crossentropy")
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(
            y_true, y_pred, from_logits=from_logits, axis=axis)
    counts = ops.not_equal(y_true, ops.cast(ignore_class, y_true.dtype))
    y_true = ops.where(counts, y_true, ops.zeros_like(y_true))
    loss = ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    loss = ops.where(counts, loss, ops.zeros_like(loss))
    loss._keras_mask = counts
    return loss


@public("losses.SparseCategoricalCrossentropy")
class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """-log p[label], over classes that exclude each other, for integer labels.

    Args:
        from_logits: whether predictions are logits (any numbers) or probabilities.
        ignore_class: label of samples that do not count, such as 255 or -1 in segmentation maps.
        reduction: see below.
        axis: axis of the classes.
        name: name of the loss.
        dtype: dtype that it computes in; default floatx.

    `reduction` is "sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", None or "none".

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    casts_targets = False  # labels stay whole numbers
    unsaved_defaults = ("axis",)

    def __init__(
        self, from_logits=False, ignore_class=None, reduction="sum_over_batch_size", axis=-1,
        name="sparse_categorical_crossentropy", dtype=None,
    ):
        super().__init__(
            sparse_categorical_crossentropy, name=name, reduction=reduction, dtype=dtype,
            from_logits=from_logits, ignore_class=ignore_class, axis=axis)


@public("losses.categorical_focal_crossentropy", "metrics.categorical_focal_crossentropy")
def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """-sum(alpha (1 - p)**gamma t log p) over the classes, for one-hot targets.

    Args:
        y_true: one-hot rows, (batch, ..., classes).
        y_pred: predicted probabilities or logits of the same shape.
        alpha: weight of the classes: a number, or one a class.
        gamma: how strongly easy samples are played down.
        from_logits: whether `y_pred` holds logits.
        label_smoothing: s in [0, 1): 0 becomes s / classes, 1 becomes 1 - s + s / classes.
        axis: axis of the classes.

    Returns:
        The shape without `axis`.

    Reference:
        Lin et al. 2017, Focal loss for dense object detection, arXiv:1708.02002.

    >>> round(categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).tolist()[0], 4)
    0.0433
    """
    y_true, y_pred = operands(y_true, y_pred)
    axis = _one_axis(axis, y_pred, "categorical_focal_crossentropy")
    y_true = _smoothed(y_true, label_smoothing, y_pred.shape[axis])
    if from_logits:
        y_pred = ops.softmax(y_pred, axis=axis)
    p = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    p = ops.clip(p, config.epsilon(), 1.0 - config.epsilon())
    weight = ops.power(1.0 - p, gamma) * ops.convert_to_tensor(alpha, dtype=p.dtype)
    return -ops.sum(weight * y_true * ops.log(p), axis=axis)


@public("losses.CategoricalFocalCrossentropy")
class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Categorical crossentropy times alpha (1 - p)**gamma: easy samples count little.

    Args:
        alpha: weight of the classes: a number, or one a class.
        gamma: how strongly easy samples are played down; 0: not at all.
        from_logits: whether predictions are logits (any numbers) or probabilities.
        label_smoothing: s in [0, 1): 0 becomes s / classes, 1 becomes 1 - s + s / classes.
        axis: axis of the classes.
        {common}

    Reference:
        Lin et al. 2017, Focal loss for dense object detection, arXiv:1708.02002.

    >>> round(float(CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.0433
    """

    def __init__(
        self, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1,
        reduction="sum_over_batch_size", name="categorical_focal_crossentropy", dtype=None,
    ):
        super().__init__(
            categorical_focal_crossentropy, name=name, reduction=reduction, dtype=dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
            alpha=alpha, gamma=gamma)


@public("losses.categorical_generalized_cross_entropy")
def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """(1 - p[y_true]**q) / q: between crossentropy (q near 0) and absolute error (q = 1).

    Args:
        y_true: integer labels, (batch, ...) or (batch, ..., 1).
        y_pred: predicted probabilities, (batch, ..., classes).
        q: exponent, in (0, 1].

    Returns:
        (batch, ...). At 0 the gradient, which would be infinite, is 0.

    Reference:
        Zhang and Sabuncu 2018, Generalized cross entropy loss for training deep neural networks
        with noisy labels, arXiv:1805.07836.

    >>> categorical_generalized_cross_entropy([1], [[0.75, 0.25]], 0.5).tolist()
    [1.0]
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(ops.convert_to_tensor(y_true), "int32")
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    one_hot = ops.one_hot(y_true, y_pred.shape[-1], dtype=y_pred.dtype)
    p = ops.sum(one_hot * y_pred, axis=-1)
    positive = ops.greater(p, 0)
    powers = ops.power(ops.where(positive, p, ops.ones_like(p)), q)
    powers = ops.where(positive, powers, ops.zeros_like(p))
    return (1.0 - powers) / q


@public("losses.CategoricalGeneralizedCrossEntropy")
class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """(1 - p[label]**q) / q: crossentropy that wrong labels disturb less.

    Args:
        q: in (0, 1): near 0 it is the crossentropy, near 1 the absolute error.
        {common}

    Reference:
        Zhang and Sabuncu 2018, Generalized cross entropy loss for training deep neural networks
        with noisy labels, arXiv:1805.07836.

    >>> float(CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]]))
    1.0
    """

    casts_targets = False

    def __init__(
        self, q=0.5, reduction="sum_over_batch_size",
        name="categorical_generalized_cross_entropy", dtype=None,
    ):
        if not 0 < q < 1:
            raise ValueError(f"q must be in the interval (0, 1). Received: q={q}")
        super().__init__(
            categorical_generalized_cross_entropy, name=name, reduction=reduction, dtype=dtype,
            q=q)


# ---------------------------------------------------------------- divergence, counts
@public("losses.kl_divergence", "metrics.kl_divergence")
def kl_divergence(y_true, y_pred):
    """sum(t log(t / p)) over the last axis, t and p held to [epsilon, 1].

    Args:
        y_true: target distributions, (batch, ..., classes).
        y_pred: predicted distributions of the same shape.

    Returns:
        (batch, ...).

    >>> round(kl_divergence([[0.0, 1.0]], [[0.5, 0.5]]).tolist()[0], 4)
    0.6931
    """
    y_true, y_pred = operands(y_true, y_pred)
    y_true = ops.clip(y_true, config.epsilon(), 1.0)
    y_pred = ops.clip(y_pred, config.epsilon(), 1.0)
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


@public("losses.KLDivergence")
class KLDivergence(LossFunctionWrapper):
    """sum(t log(t / p)): how far predicted distributions are from target ones.

    Args:
        {common}

    >>> round(float(KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(self, reduction="sum_over_batch_size", name="kl_divergence", dtype=None):
        super().__init__(kl_divergence, name=name, reduction=reduction, dtype=dtype)


@public("losses.poisson", "metrics.poisson")
def poisson(y_true, y_pred):
    """mean(y_pred - y_true log(y_pred + epsilon)) over the last axis: of counts.

    Args:
        y_true: counts, (batch, d0, ..., dN).
        y_pred: predicted rates, positive, of the same shape.

    Returns:
        (batch, d0, ..., dN-1).

    >>> round(poisson([[2.0]], [[2.0]]).tolist()[0], 4)
    0.6137
    """
    y_true, y_pred = operands(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), axis=-1)


@public("losses.Poisson")
class Poisson(LossFunctionWrapper):
    """mean(y_pred - y_true log(y_pred)): negative log-likelihood of counts, up to a constant.

    Args:
        {common}

    >>> round(float(Poisson()([[2.0]], [[2.0]])), 4)
    0.6137
    """

    def __init__(self, reduction="sum_over_batch_size", name="poisson", dtype=None):
        super().__init__(poisson, name=name, reduction=reduction, dtype=dtype)


# ---------------------------------------------------------------- sequences
@public("losses.ctc")
def ctc(y_true, y_pred):
    """Connectionist temporal classification loss of label sequences against logits over time.

    Args:
        y_true: labels, (batch, max_length); 0 is the blank and pads the end.
        y_pred: logits, (batch, time, classes).

    Returns:
        (batch,).

    Raises:
        ValueError: if the shapes are others.

    Reference:
        Graves et al. 2006, Connectionist temporal classification.
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) != 2:
        raise ValueError(
            "Targets `y_true` are expected to be a tensor of shape `(batch_size, max_length)` in "
            f"integer format. Received: y_true.shape={tuple(y_true.shape)}"
        )
    if len(y_pred.shape) != 3:
        raise ValueError(
            "Logits `y_pred` are expected to be a tensor of shape `(batch_size, time, classes)`. "
            f"Received: y_pred.shape={tuple(y_pred.shape)}"
        )
    y_true = ops.cast(y_true, "int32")
    lengths = ops.sum(ops.cast(ops.not_equal(y_true, 0), "int32"), axis=-1)
    times = ops.zeros_like(lengths) + y_pred.shape[1]
    return ops.ctc_loss(y_true, y_pred, lengths, times, mask_index=0)


@public("losses.CTC")
class CTC(LossFunctionWrapper):
    """Connectionist temporal classification: label sequences of unknown place in time.

    Args:
        {common}

    Reference:
        Graves et al. 2006, Connectionist temporal classification.
    """

    casts_targets = False

    def __init__(self, reduction="sum_over_batch_size", name="ctc", dtype=None):
        super().__init__(ctc, name=name, reduction=reduction, dtype=dtype)
