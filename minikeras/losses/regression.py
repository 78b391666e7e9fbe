"""Losses of real-valued predictions: squared, absolute, relative, logarithmic, robust, cosine."""

import math

from minikeras import config, dtypes, ops
from minikeras.api.registry import public
from minikeras.losses.loss import LossFunctionWrapper, operands


@public("losses.mean_squared_error", "metrics.mean_squared_error")
def mean_squared_error(y_true, y_pred):
    """mean((y_true - y_pred)**2) over the last axis.

    Args:
        y_true: targets, (batch, d0, ..., dN).
        y_pred: predictions of the same shape.

    Returns:
        (batch, d0, ..., dN-1).

    >>> mean_squared_error([[0.0, 1.0]], [[1.0, 3.0]]).tolist()
    [2.5]
    """
    y_true, y_pred = operands(y_true, y_pred)
    return ops.mean(ops.square(y_pred - y_true), axis=-1)


@public("losses.MeanSquaredError")
class MeanSquaredError(LossFunctionWrapper):
    """mean((y_true - y_pred)**2).

    Args:
        {common}

    >>> float(MeanSquaredError()([[0.0, 1.0]], [[1.0, 3.0]]))
    2.5
    """

    def __init__(
        self, reduction="sum_over_batch_size", name="mean_squared_error", dtype=None
    ):
        super().__init__(mean_squared_error, name=name, reduction=reduction, dtype=dtype)


@public("losses.mean_absolute_error", "metrics.mean_absolute_error")
def mean_absolute_error(y_true, y_pred):
    """mean(|y_true - y_pred|) over the last axis.

    Args:
        y_true: targets, (batch, d0, ..., dN).
        y_pred: predictions of the same shape.

    Returns:
        (batch, d0, ..., dN-1).

    >>> mean_absolute_error([[0.0, 1.0]], [[1.0, 3.0]]).tolist()
    [1.5]
    """
    y_true, y_pred = operands(y_true, y_pred)
    return ops.mean(ops.abs(y_pred - y_true), axis=-1)


@public("losses.MeanAbsoluteError")
class MeanAbsoluteError(LossFunctionWrapper):
    """mean(|y_true - y_pred|).

    Args:
        {common}

    >>> float(MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 3.0]]))
    1.5
    """

    def __init__(
        self, reduction="sum_over_batch_size", name="mean_absolute_error", dtype=None
    ):
        super().__init__(mean_absolute_error, name=name, reduction=reduction, dtype=dtype)


@public("losses.mean_absolute_percentage_error", "metrics.mean_absolute_percentage_error")
def mean_absolute_percentage_error(y_true, y_pred):
    """100 mean(|y_true - y_pred| / max(|y_true|, epsilon)) over the last axis.

    Args:
        y_true: targets, (batch, d0, ..., dN).
        y_pred: predictions of the same shape.

    Returns:
        Percentages, (batch, d0, ..., dN-1).

    >>> mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]]).tolist()
    [25.0]
    """
    y_true, y_pred = operands(y_true, y_pred)
    scale = ops.maximum(ops.abs(y_true), config.epsilon())
    return 100.0 * ops.mean(ops.abs((y_true - y_pred) / scale), axis=-1)


@public("losses.MeanAbsolutePercentageError")
class MeanAbsolutePercentageError(LossFunctionWrapper):
    """100 mean(|y_true - y_pred| / max(|y_true|, epsilon)).

    Args:
        {common}

    >>> float(MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]]))
    25.0
    """

    def __init__(
        self, reduction="sum_over_batch_size", name="mean_absolute_percentage_error", dtype=None
    ):
        super().__init__(
            mean_absolute_percentage_error, name=name, reduction=reduction, dtype=dtype)


@public("losses.mean_squared_logarithmic_error", "metrics.mean_squared_logarithmic_error")
def mean_squared_logarithmic_error(y_true, y_pred):
    """mean((log(y_true + 1) - log(y_pred + 1))**2) over the last axis, below epsilon as epsilon.

    Args:
        y_true: targets, (batch, d0, ..., dN), not negative.
        y_pred: predictions of the same shape.

    Returns:
        (batch, d0, ..., dN-1).

    >>> round(mean_squared_logarithmic_error([[0.0]], [[1.0]]).tolist()[0], 4)
    0.4805
    """
    y_true, y_pred = operands(y_true, y_pred)
    low = config.epsilon()
    difference = ops.log(ops.maximum(y_pred, low) + 1.0) - ops.log(ops.maximum(y_true, low) + 1.0)
    return ops.mean(ops.square(difference), axis=-1)


@public("losses.MeanSquaredLogarithmicError")
class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """mean((log(y_true + 1) - log(y_pred + 1))**2): squares of relative errors.

    Args:
        {common}

    >>> round(float(MeanSquaredLogarithmicError()([[0.0]], [[1.0]])), 4)
    0.4805
    """

    def __init__(
        self, reduction="sum_over_batch_size", name="mean_squared_logarithmic_error", dtype=None
    ):
        super().__init__(
            mean_squared_logarithmic_error, name=name, reduction=reduction, dtype=dtype)


@public("losses.huber", "metrics.huber")
def huber(y_true, y_pred, delta=1.0):
    """e**2 / 2 for |e| <= delta, delta |e| - delta**2 / 2 beyond; mean over the last axis.

    Args:
        y_true: targets, (batch, d0, ..., dN).
        y_pred: predictions of the same shape.
        delta: where the square becomes a line.

    Returns:
        (batch, d0, ..., dN-1).

    Reference:
        Huber 1964, Robust estimation of a location parameter.

    >>> huber([[0.0, 0.0]], [[1.0, 3.0]]).tolist()
    [1.5]
    """
    y_true, y_pred = operands(y_true, y_pred)
    size = ops.abs(y_pred - y_true)
    # With m = min(|e|, delta), m (|e| - m / 2) is both pieces.
    inner = ops.minimum(size, delta)
    return ops.mean(inner * (size - 0.5 * inner), axis=-1)


@public("losses.Huber")
class Huber(LossFunctionWrapper):
    """e**2 / 2 for |e| <= delta, delta |e| - delta**2 / 2 beyond: squares that outliers don't rule.

    Args:
        delta: where the square becomes a line.
        {common}

    >>> float(Huber()([[0.0, 0.0]], [[1.0, 3.0]]))
    1.5
    """

    unsaved_defaults = ("delta",)

    def __init__(
        self, delta=1.0, reduction="sum_over_batch_size", name="huber_loss", dtype=None
    ):
        super().__init__(huber, name=name, reduction=reduction, dtype=dtype, delta=delta)


@public("losses.log_cosh", "metrics.log_cosh")
def log_cosh(y_true, y_pred):
    """mean(log(cosh(y_pred - y_true))) over the last axis, without overflow.

    Args:
        y_true: targets, (batch, d0, ..., dN).
        y_pred: predictions of the same shape.

    Returns:
        (batch, d0, ..., dN-1).

    >>> round(log_cosh([[0.0]], [[1.0]]).tolist()[0], 4)
    0.4338
    """
    y_true, y_pred = operands(y_true, y_pred)
    size = ops.abs(y_pred - y_true)
    # cosh e = exp|e| (1 + exp(-2|e|)) / 2
    return ops.mean(size + ops.log1p(ops.exp(-2.0 * size)) - math.log(2.0), axis=-1)


@public("losses.LogCosh")
class LogCosh(LossFunctionWrapper):
    """mean(log(cosh(y_pred - y_true))): about e**2 / 2 near 0, |e| - log 2 far away.

    Args:
        {common}

    >>> round(float(LogCosh()([[0.0]], [[1.0]])), 4)
    0.4338
    """

    def __init__(self, reduction="sum_over_batch_size", name="log_cosh", dtype=None):
        super().__init__(log_cosh, name=name, reduction=reduction, dtype=dtype)


def unit_vectors(x, axis):
    """x / max(|x|, epsilon) along an axis; 0 stays 0."""
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    least = config.epsilon() ** 2
    if dtypes.name_of(x.dtype) == "float16":  # epsilon**2 would be 0
        least = config.epsilon()
    return x * ops.rsqrt(ops.maximum(squares, least))


@public("losses.cosine_similarity")
def cosine_similarity(y_true, y_pred, axis=-1):
    """-sum(y_true / |y_true| * y_pred / |y_pred|) along `axis`: from -1, alike, to 1, opposite.

    Args:
        y_true: targets, (batch, d0, ..., dN).
        y_pred: predictions of the same shape.
        axis: axis of the vectors.

    Returns:
        The shape without `axis`; 0 where a vector is 0.

    >>> round(cosine_similarity([[0.0, 1.0]], [[0.0, 2.0]]).tolist()[0], 4)
    -1.0
    """
    y_true, y_pred = operands(y_true, y_pred)
    return -ops.sum(unit_vectors(y_true, axis) * unit_vectors(y_pred, axis), axis=axis)


@public("losses.CosineSimilarity")
class CosineSimilarity(LossFunctionWrapper):
    """-(cosine of the angle between targets and predictions).

    Args:
        axis: axis of the vectors.
        {common}

    >>> round(float(CosineSimilarity()([[0.0, 1.0]], [[0.0, 2.0]])), 4)
    -1.0
    """

    unsaved_defaults = ("axis",)

    def __init__(
        self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None
    ):
        super().__init__(cosine_similarity, name=name, reduction=reduction, dtype=dtype, axis=axis)
