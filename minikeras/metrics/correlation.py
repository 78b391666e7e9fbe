"""Correlations of targets with predictions."""

from minikeras import config, ops
from minikeras.api.registry import public
from minikeras.losses.loss import operands
from minikeras.metrics.reduction import MeanMetricWrapper


def _centered(x, axis):
    return x - ops.mean(x, axis=axis, keepdims=True)


@public("metrics.pearson_correlation")
def pearson_correlation(y_true, y_pred, axis=-1):
    """cov(y_true, y_pred) / (std(y_true) std(y_pred)) along `axis`.

    Args:
        y_true: targets.
        y_pred: predictions of the same shape.
        axis: axis that the correlation is taken along.

    Returns:
        The shape without `axis`: from -1 to 1; NaN where one of them is constant.

    >>> round(pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]]).tolist()[0], 4)
    1.0
    """
    y_true, y_pred = operands(y_true, y_pred)
    t, p = _centered(y_true, axis), _centered(y_pred, axis)
    squares = ops.sum(ops.square(t), axis=axis) * ops.sum(ops.square(p), axis=axis)
    return ops.sum(t * p, axis=axis) / ops.sqrt(squares)


@public("metrics.concordance_correlation")
def concordance_correlation(y_true, y_pred, axis=-1):
    """2 cov / (var(y_true) + var(y_pred) + (mean difference)**2) along `axis`.

    Args:
        y_true: targets.
        y_pred: predictions of the same shape.
        axis: axis that the correlation is taken along.

    Returns:
        The shape without `axis`: from -1 to 1, and 1 only where the two are equal.

    Reference:
        Lin 1989, A concordance correlation coefficient to evaluate reproducibility.

    >>> round(concordance_correlation([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]]).tolist()[0], 4)
    1.0
    """
    y_true, y_pred = operands(y_true, y_pred)
    gap = ops.mean(y_true, axis=axis) - ops.mean(y_pred, axis=axis)
    t, p = _centered(y_true, axis), _centered(y_pred, axis)
    spread = ops.mean(ops.square(t), axis=axis) + ops.mean(ops.square(p), axis=axis)
    covariance = ops.mean(t * p, axis=axis)
    return 2.0 * covariance / (spread + ops.square(gap) + config.epsilon())


@public("metrics.PearsonCorrelation")
class PearsonCorrelation(MeanMetricWrapper):
    """Mean of the Pearson correlations of samples.

    Args:
        {common}
        axis: axis that correlations are taken along.

    >>> round(float(PearsonCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]])), 4)
    1.0
    """

    _direction = "up"

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(pearson_correlation, name=name, dtype=dtype, axis=axis)


@public("metrics.ConcordanceCorrelation")
class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean of the concordance correlations of samples: 1 only where predictions equal targets.

    Args:
        {common}
        axis: axis that correlations are taken along.

    Reference:
        Lin 1989, A concordance correlation coefficient to evaluate reproducibility.

    >>> round(float(ConcordanceCorrelation()([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]])), 4)
    1.0
    """

    _direction = "up"

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(concordance_correlation, name=name, dtype=dtype, axis=axis)
