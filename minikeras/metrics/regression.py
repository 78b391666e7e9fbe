"""Errors of real-valued predictions, R2."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.losses.loss import operands
from minikeras.losses.regression import (
    cosine_similarity,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from minikeras.metrics.metric import Metric
from minikeras.metrics.reduction import Mean, MeanMetricWrapper


@public("metrics.MeanSquaredError")
class MeanSquaredError(MeanMetricWrapper):
    """mean((y_true - y_pred)**2).

    Args:
        {common}

    >>> float(MeanSquaredError()([[0.0, 1.0]], [[1.0, 3.0]]))
    2.5
    """

    _direction = "down"

    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(mean_squared_error, name=name, dtype=dtype)


@public("metrics.MeanAbsoluteError")
class MeanAbsoluteError(MeanMetricWrapper):
    """mean(|y_true - y_pred|).

    Args:
        {common}

    >>> float(MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 3.0]]))
    1.5
    """

    _direction = "down"

    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(mean_absolute_error, name=name, dtype=dtype)


@public("metrics.MeanAbsolutePercentageError")
class MeanAbsolutePercentageError(MeanMetricWrapper):
    """100 mean(|y_true - y_pred| / |y_true|).

    Args:
        {common}

    >>> float(MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]]))
    25.0
    """

    _direction = "down"

    def __init__(self, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(mean_absolute_percentage_error, name=name, dtype=dtype)


@public("metrics.MeanSquaredLogarithmicError")
class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """mean((log(y_true + 1) - log(y_pred + 1))**2).

    Args:
        {common}

    >>> round(float(MeanSquaredLogarithmicError()([[0.0]], [[1.0]])), 4)
    0.4805
    """

    _direction = "down"

    def __init__(self, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(mean_squared_logarithmic_error, name=name, dtype=dtype)


@public("metrics.RootMeanSquaredError")
class RootMeanSquaredError(Mean):
    """sqrt(mean((y_true - y_pred)**2)), the root of the mean over all batches.

    Args:
        {common}

    >>> float(RootMeanSquaredError()([[0.0, 0.0]], [[1.0, 7.0]]))
    5.0
    """

    _direction = "down"

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        y_true, y_pred = operands(y_true, y_pred)
        return super().update_state(ops.square(y_true - y_pred), sample_weight)

    def result(self):
        """The root of the mean so far."""
        return ops.sqrt(super().result())


def _cosine(y_true, y_pred, axis=-1):
    return -cosine_similarity(y_true, y_pred, axis=axis)


@public("metrics.CosineSimilarity")
class CosineSimilarity(MeanMetricWrapper):
    """Cosine of the angle between targets and predictions: from 1, alike, to -1, opposite.

    Args:
        {common}
        axis: axis of the vectors.

    >>> round(float(CosineSimilarity()([[0.0, 1.0]], [[0.0, 2.0]])), 4)
    1.0
    """

    _direction = "up"
    unsaved_defaults = ("axis",)

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(_cosine, name=name, dtype=dtype, axis=axis)


@public("metrics.LogCoshError")
class LogCoshError(MeanMetricWrapper):
    """mean(log(cosh(y_pred - y_true))).

    Args:
        {common}

    >>> round(float(LogCoshError()([[0.0]], [[1.0]])), 4)
    0.4338
    """

    _direction = "down"

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(log_cosh, name=name, dtype=dtype)


@public("metrics.R2Score")
class R2Score(Metric):
    """1 - (squared residuals) / (squared distances of targets from their mean), over all batches.

    Args:
        class_aggregation: how the scores of several outputs become one: "uniform_average",
            "variance_weighted_average", or None (they stay).
        num_regressors: number p of variables that the prediction was made from, for the adjusted
            score 1 - (1 - R2) (n - 1) / (n - p - 1); n counts targets, outputs times samples.
        {common}

    >>> metric = R2Score()
    >>> metric.update_state([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
    >>> round(float(metric.result()), 4)
    0.5714
    """

    _direction = "up"

    def __init__(
        self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None
    ):
        super().__init__(name=name, dtype=dtype)
        allowed = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in allowed:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`. Expected one of {allowed}. "
                f"Received: class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. "
                f"Received: num_regressors={num_regressors}"
            )
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self._built = False

    def _build(self, y_true_shape, y_pred_shape):
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ValueError(
                "R2Score expects 2D inputs with shape (batch_size, output_dim). Received input "
                f"shapes: y_pred.shape={tuple(y_pred_shape)} and y_true.shape={tuple(y_true_shape)}"
            )
        if None in (y_pred_shape[-1], y_true_shape[-1]):
            raise ValueError(
                "R2Score needs to know the number of outputs. Received input shapes: "
                f"y_pred.shape={tuple(y_pred_shape)} and y_true.shape={tuple(y_true_shape)}"
            )
        shape = (y_pred_shape[-1],)
        self.squared_sum = self.add_variable(shape, "zeros", name="squared_sum")
        self.sum = self.add_variable(shape, "zeros", name="sum")
        self.total_mse = self.add_variable(shape, "zeros", name="residual")
        self.count = self.add_variable(shape, "zeros", name="count")
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch of (batch, outputs)."""
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        if {len(y_true.shape), len(y_pred.shape)} == {1, 2}:  # (batch,) beside (batch, 1)
            y_true, y_pred = (
                ops.expand_dims(a, -1) if len(a.shape) == 1 else a for a in (y_true, y_pred))
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        weight = 1.0 if sample_weight is None else sample_weight
        weight = ops.convert_to_tensor(weight, dtype=self.dtype)
        if len(weight.shape) == 1:
            weight = ops.expand_dims(weight, 1)
        weight = ops.broadcast_to(weight, y_true.shape)
        weighted = y_true * weight
        self.sum.assign(self.sum + ops.sum(weighted, axis=0))
        self.squared_sum.assign(self.squared_sum + ops.sum(y_true * weighted, axis=0))
        residual = ops.square(y_true - y_pred) * weight
        self.total_mse.assign(self.total_mse + ops.sum(residual, axis=0))
        self.count.assign(self.count + ops.sum(weight, axis=0))
        self.num_samples.assign(self.num_samples + ops.size(y_true))

    def result(self):
        """The score so far; NaN where targets and predictions are one constant."""
        total = self.squared_sum - self.sum * (self.sum / self.count)
        scores = 1.0 - self.total_mse / total
        scores = ops.where(ops.isinf(scores), ops.zeros_like(scores), scores)
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ops.sum(scores * (total / ops.sum(total)))
        if not self.num_regressors:
            return scores
        freedom = self.num_samples - self.num_regressors - 1.0
        enough = ops.greater(freedom, 0)
        scale = (self.num_samples - 1.0) / ops.where(enough, freedom, ops.ones_like(freedom))
        return ops.where(enough, 1.0 - (1.0 - scores) * scale, scores)

    def get_config(self):
        """Constructor arguments that make the same metric again."""
        return {
            **super().get_config(), "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
