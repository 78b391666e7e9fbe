"""F-scores: means of precision and recall."""

from minikeras import config, ops
from minikeras.api.registry import public
from minikeras.metrics.metric import Metric


@public("metrics.FBetaScore")
class FBetaScore(Metric):
    """(1 + beta**2) precision recall / (beta**2 precision + recall).

    Args:
        average: how the scores of classes become one: None (one a class), "micro" (all counted
            together), "macro" (their mean) or "weighted" (by the number of targets of a class).
        beta: weight of recall against precision, positive.
        threshold: scores above it are positive; None: the largest of each sample.
        {common}

    >>> metric = FBetaScore(beta=2.0, threshold=0.5)
    >>> scores = metric([[1, 1, 1], [1, 0, 0], [1, 1, 0]],
    ...                 [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]])
    >>> [round(s, 4) for s in scores.tolist()]
    [0.3846, 0.9091, 0.8333]
    """

    _direction = "up"

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        allowed = (None, "micro", "macro", "weighted")
        if average not in allowed:
            raise ValueError(
                f"Invalid `average` argument value. Expected one of: {allowed}. "
                f"Received: average={average}"
            )
        if not isinstance(beta, float):
            raise ValueError(
                "Invalid `beta` argument value. It should be a Python float. "
                f"Received: beta={beta} of type '{type(beta)}'"
            )
        if beta <= 0:
            raise ValueError(
                f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}")
        if threshold is not None:
            if not isinstance(threshold, float):
                raise ValueError(
                    "Invalid `threshold` argument value. It should be a Python float. "
                    f"Received: threshold={threshold} of type '{type(threshold)}'"
                )
            if not 0 < threshold <= 1:
                raise ValueError(
                    "Invalid `threshold` argument value. It should verify 0 < threshold <= 1. "
                    f"Received: threshold={threshold}"
                )
        self.average, self.beta, self.threshold = average, beta, threshold
        self.axis = None if average == "micro" else 0
        self._built = False

    def _build(self, y_true_shape, y_pred_shape):
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ValueError(
                "FBetaScore expects 2D inputs with shape (batch_size, output_dim). Received input "
                f"shapes: y_pred.shape={tuple(y_pred_shape)}, y_true.shape={tuple(y_true_shape)}"
            )
        if None in (y_pred_shape[-1], y_true_shape[-1]):
            raise ValueError(
                "FBetaScore needs to know the number of classes. Received input shapes: "
                f"y_pred.shape={tuple(y_pred_shape)} and y_true.shape={tuple(y_true_shape)}."
            )
        shape = () if self.average == "micro" else (y_pred_shape[-1],)
        for name in ("true_positives", "false_positives", "false_negatives",
                     "intermediate_weights"):
            setattr(self, name, self.add_variable(shape, "zeros", name=name))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch: targets 0 or 1 and scores, (batch, classes)."""
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        if self.threshold is None:
            largest = ops.greater_equal(y_pred, ops.max(y_pred, axis=-1, keepdims=True))
            # A row of zeros predicts nothing, though all of it is the largest.
            positive = ops.logical_and(largest, ops.greater(ops.abs(y_pred), 1e-12))
        else:
            positive = ops.greater(y_pred, self.threshold)
        y_pred = ops.cast(positive, self.dtype)
        weight = None
        if sample_weight is not None:
            weight = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
            weight = ops.expand_dims(weight, 1) if len(weight.shape) == 1 else weight
        self._add("true_positives", y_pred * y_true, weight)
        self._add("false_positives", y_pred * (1.0 - y_true), weight)
        self._add("false_negatives", (1.0 - y_pred) * y_true, weight)
        self._add("intermediate_weights", y_true, weight)

    def _add(self, name, values, weight):
        variable = getattr(self, name)
        values = values if weight is None else values * weight
        variable.assign(variable + ops.sum(values, axis=self.axis))

    def result(self):
        """The score: one a class, or their average."""
        small = config.epsilon()
        hits = self.true_positives.value
        precision = hits / (hits + self.false_positives + small)
        recall = hits / (hits + self.false_negatives + small)
        weighted = precision * self.beta**2 + recall
        score = (1.0 + self.beta**2) * precision * recall / (weighted + small)
        if self.average == "macro":
            return ops.mean(score)
        if self.average == "weighted":
            targets = self.intermediate_weights.value
            return ops.sum(score * (targets / (ops.sum(targets) + small)))
        return score

    def reset_state(self):
        """Forget all batches."""
        if self._built:
            super().reset_state()

    def get_config(self):
        """Constructor arguments that make the same metric again."""
        return {
            **super().get_config(), "average": self.average, "beta": self.beta,
            "threshold": self.threshold,
        }


@public("metrics.F1Score")
class F1Score(FBetaScore):
    """2 precision recall / (precision + recall).

    Args:
        average: how the scores of classes become one: None (one a class), "micro" (all counted
            together), "macro" (their mean) or "weighted" (by the number of targets of a class).
        threshold: scores above it are positive; None: the largest of each sample.
        {common}

    >>> metric = F1Score(threshold=0.5)
    >>> scores = metric([[1, 1, 1], [1, 0, 0], [1, 1, 0]],
    ...                 [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]])
    >>> [round(s, 4) for s in scores.tolist()]
    [0.5, 0.8, 0.6667]
    """

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self):
        """Constructor arguments that make the same metric again."""
        config = super().get_config()
        del config["beta"]
        return config
