"""True and false positives and negatives at thresholds, and what is made of them.

Every function here takes the four counts as arrays over thresholds (and labels, where these are
counted apart). A prediction is positive if it is greater than the threshold; a target is positive
if it is not 0.
"""

from minikeras import config, ops
from minikeras.api.registry import public
from minikeras.losses.loss import squeeze_or_expand_to_same_rank
from minikeras.metrics.metric import Metric
from minikeras.ops.indexing import take_gradient

NEVER = -1e10  # scores that top_k leaves out are put below every threshold


# ---------------------------------------------------------------- thresholds
def grid(count):
    """`count` thresholds evenly over [0, 1], the ends moved out so that no score is on them."""
    if count == 1:
        return [0.5]
    inner = [i / (count - 1) for i in range(1, count - 1)]
    return [0.0 - config.epsilon(), *inner, 1.0 + config.epsilon()]


def checked_thresholds(thresholds, default):
    """List of thresholds in [0, 1]."""
    if thresholds is None:
        return [default]
    given = [float(t) for t in thresholds] if hasattr(thresholds, "__iter__") else [thresholds]
    wrong = [t for t in given if t is None or not 0 <= t <= 1]
    if wrong:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {wrong}")
    return given


def is_grid(thresholds):
    """Whether the thresholds are as `grid` gives them."""
    even = grid(len(thresholds))
    return len(even) > 2 and all(
        abs(a - b) <= config.epsilon() for a, b in zip(thresholds, even))


# ---------------------------------------------------------------- counting
def _rows(y_true, y_pred, sample_weight, dtype, top_k, class_id, label_weights):
    """Targets (0 or 1), scores and weights, each of the shape of the scores."""
    y_true = ops.convert_to_tensor(y_true)
    y_pred = ops.convert_to_tensor(y_pred, dtype=dtype)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    if len(y_true.shape) != len(y_pred.shape) or any(
        None not in (m, n) and m != n for m, n in zip(y_true.shape, y_pred.shape)
    ):
        raise ValueError(
            "Targets and predictions must have the same shape. Received: "
            f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    if top_k is not None:
        y_pred = _largest_only(y_pred, top_k)
    if class_id is not None:
        if not -y_pred.shape[-1] <= class_id < y_pred.shape[-1]:
            raise ValueError(
                f"`class_id` {class_id} is not one of the {y_pred.shape[-1]} classes of "
                f"predictions of shape {tuple(y_pred.shape)}."
            )
        y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
    y_true = ops.cast(ops.not_equal(y_true, 0), dtype)
    return y_true, y_pred, _weights(y_pred, sample_weight, label_weights, dtype)


def _largest_only(y_pred, top_k):
    """The k largest scores of each row; the others below every threshold."""
    _, places = ops.top_k(y_pred, top_k)
    largest = ops.sum(ops.one_hot(places, y_pred.shape[-1], dtype=y_pred.dtype), axis=-2)
    return ops.where(ops.greater(largest, 0), y_pred, NEVER)


def _weights(y_pred, sample_weight, label_weights, dtype):
    weights = ops.ones_like(y_pred)
    if sample_weight is not None:
        sample_weight = ops.convert_to_tensor(sample_weight, dtype=dtype)
        while len(sample_weight.shape) > len(y_pred.shape) and sample_weight.shape[-1] == 1:
            sample_weight = ops.squeeze(sample_weight, -1)
        while len(sample_weight.shape) < len(y_pred.shape):
            sample_weight = ops.expand_dims(sample_weight, -1)
        weights = weights * sample_weight
    return weights if label_weights is None else weights * label_weights


def _compared(scores, thresholds, positive, negative):
    """Sums of both kinds of weights above and below each threshold, (thresholds, labels)."""
    levels = ops.reshape(ops.convert_to_tensor(thresholds, dtype=scores.dtype), (-1, 1, 1))
    above = ops.cast(ops.greater(ops.expand_dims(scores, 0), levels), scores.dtype)
    below = 1.0 - above
    return [ops.sum(side * kind, axis=1)
            for kind in (positive, negative) for side in (above, below)]


def _bucketed(scores, count, positive, negative):
    """As `_compared`, for a grid: scores go to the bucket between two thresholds, then add up.

    The cost does not grow with the number of thresholds.
    """
    labels = scores.shape[-1]
    scaled = ops.ceil(ops.clip(scores, 0.0, 1.0) * float(count - 1)) - 1.0
    # (samples, labels): how many thresholds lie below; the clip catches NaN, which no cast keeps.
    bucket = ops.clip(ops.cast(scaled, "int32"), 0, count - 2)
    places = ops.reshape(bucket * labels + ops.arange(labels, dtype="int32"), (-1,))
    sums = []
    for kind in (positive, negative):
        held = take_gradient(ops.reshape(kind, (-1,)), places, 0, ((count - 1) * labels,))
        held = ops.reshape(held, (count - 1, labels))
        none = ops.zeros((1, labels), dtype=held.dtype)
        below = ops.concatenate([none, ops.cumsum(held, axis=0)], axis=0)
        above = ops.flip(ops.cumsum(ops.flip(held, axis=0), axis=0), axis=0)
        sums += [ops.concatenate([above, none], axis=0), below]
    return sums


def confusion(
    y_true, y_pred, thresholds, sample_weight=None, even=False, multi_label=False, top_k=None,
    class_id=None, label_weights=None, dtype=None,
):
    """(true positives, false negatives, false positives, true negatives) at each threshold.

    Args:
        y_true: targets, 0 or not, of the shape of `y_pred`.
        y_pred: scores.
        thresholds: list of numbers.
        sample_weight: weights of samples, or of elements.
        even: whether the thresholds are a `grid`.
        multi_label: whether the labels of the last axis are counted apart.
        top_k: only the k largest scores of a sample can be positive.
        class_id: the one class that is counted.
        label_weights: weights of the labels.
        dtype: dtype of the counts.

    Returns:
        Four tensors (thresholds,), with `multi_label` (thresholds, labels).
    """
    y_true, y_pred, weights = _rows(
        y_true, y_pred, sample_weight, dtype, top_k, class_id, label_weights)
    shape = (-1, y_pred.shape[-1] if multi_label else 1)
    y_true, scores, weights = (ops.reshape(x, shape) for x in (y_true, y_pred, weights))
    positive, negative = weights * y_true, weights * (1.0 - y_true)
    if even:
        sums = _bucketed(scores, len(thresholds), positive, negative)
    else:
        sums = _compared(scores, thresholds, positive, negative)
    return sums if multi_label else [ops.squeeze(s, -1) for s in sums]


# ---------------------------------------------------------------- one count
class _Count(Metric):
    """One of the four counts; `which` is its place in what `confusion` returns."""

    which = None

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = checked_thresholds(thresholds, 0.5)
        self._even = is_grid(self.thresholds)
        self.accumulator = self.add_variable(
            (len(self.thresholds),), "zeros", name="accumulator")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch: targets 0 or 1, scores of the same shape in [0, 1]."""
        counts = confusion(
            y_true, y_pred, self.thresholds, sample_weight, self._even, dtype=self.dtype)
        self.accumulator.assign(self.accumulator + counts[self.which])

    def result(self):
        """The (weighted) count: a number for one threshold, else one a threshold."""
        return _only(self.accumulator.value, self.thresholds)

    def get_config(self):
        """Constructor arguments that make the same metric again."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


def _only(values, thresholds):
    return values[0] if len(thresholds) == 1 else values


@public("metrics.TruePositives")
class TruePositives(_Count):
    """Number of positive targets with a score above the threshold.

    Args:
        thresholds: number or list of numbers in [0, 1]; default 0.5.
        {common}

    >>> float(TruePositives()([0, 1, 1, 1], [0.0, 1.0, 0.0, 1.0]))
    2.0
    """

    which = 0


@public("metrics.FalseNegatives")
class FalseNegatives(_Count):
    """Number of positive targets with a score not above the threshold.

    Args:
        thresholds: number or list of numbers in [0, 1]; default 0.5.
        {common}

    >>> float(FalseNegatives()([0, 1, 1, 1], [0.0, 1.0, 0.0, 1.0]))
    1.0
    """

    which = 1


@public("metrics.FalsePositives")
class FalsePositives(_Count):
    """Number of negative targets with a score above the threshold.

    Args:
        thresholds: number or list of numbers in [0, 1]; default 0.5.
        {common}

    >>> float(FalsePositives()([0, 1, 0, 0], [0.0, 0.0, 1.0, 1.0]))
    2.0
    """

    which = 2


@public("metrics.TrueNegatives")
class TrueNegatives(_Count):
    """Number of negative targets with a score not above the threshold.

    Args:
        thresholds: number or list of numbers in [0, 1]; default 0.5.
        {common}

    >>> float(TrueNegatives()([0, 1, 0, 0], [0.0, 0.0, 1.0, 0.0]))
    2.0
    """

    which = 3


# ---------------------------------------------------------------- precision, recall
class _Ratio(Metric):
    """true positives / (true positives + the other count)."""

    _direction = "up"
    other = None  # name of the other count, and its place in what `confusion` returns

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = checked_thresholds(thresholds, 0.5 if top_k is None else NEVER)
        self._even = is_grid(self.thresholds)
        shape = (len(self.thresholds),)
        self.true_positives = self.add_variable(shape, "zeros", name="true_positives")
        setattr(self, self.other[0], self.add_variable(shape, "zeros", name=self.other[0]))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch: targets 0 or 1, scores of the same shape in [0, 1]."""
        counts = confusion(
            y_true, y_pred, self.thresholds, sample_weight, self._even, top_k=self.top_k,
            class_id=self.class_id, dtype=self.dtype)
        other = getattr(self, self.other[0])
        self.true_positives.assign(self.true_positives + counts[0])
        other.assign(other + counts[self.other[1]])

    def result(self):
        """The ratio, 0 where it would be 0 / 0: a number for one threshold, else one each."""
        hits = self.true_positives.value
        ratio = ops.divide_no_nan(hits, hits + getattr(self, self.other[0]))
        return _only(ratio, self.thresholds)

    def get_config(self):
        """Constructor arguments that make the same metric again."""
        return {
            **super().get_config(), "thresholds": self.init_thresholds, "top_k": self.top_k,
            "class_id": self.class_id,
        }


@public("metrics.Precision")
class Precision(_Ratio):
    """True positives among all that was predicted positive.

    Args:
        thresholds: number or list of numbers in [0, 1]; default 0.5, and none with `top_k`.
        top_k: if given, a class is predicted if its score is among the k largest of the sample.
        class_id: the one class that counts; default all.
        {common}

    >>> round(float(Precision()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0])), 4)
    0.6667
    """

    other = ("false_positives", 2)


@public("metrics.Recall")
class Recall(_Ratio):
    """True positives among all positive targets.

    Args:
        thresholds: number or list of numbers in [0, 1]; default 0.5, and none with `top_k`.
        top_k: if given, a class is predicted if its score is among the k largest of the sample.
        class_id: the one class that counts; default all.
        {common}

    >>> round(float(Recall()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0])), 4)
    0.6667
    """

    other = ("false_negatives", 1)


# ---------------------------------------------------------------- all four
NAMES = ("true_positives", "false_negatives", "false_positives", "true_negatives")


class _Curve(Metric):
    """All four counts at many thresholds."""

    _direction = "up"

    def _add_counts(self, shape):
        for name in ("true_positives", "false_positives", "true_negatives", "false_negatives"):
            setattr(self, name, self.add_variable(shape, "zeros", name=name))

    def _add(self, counts):
        for name, count in zip(NAMES, counts):
            variable = getattr(self, name)
            variable.assign(variable + count)

    def _recall(self):
        hits = self.true_positives.value
        return ops.divide_no_nan(hits, hits + self.false_negatives)

    def _precision(self):
        hits = self.true_positives.value
        return ops.divide_no_nan(hits, hits + self.false_positives)

    def _specificity(self):
        right = self.true_negatives.value
        return ops.divide_no_nan(right, right + self.false_positives)


class _AtConstraint(_Curve):
    """The best of one rate where another reaches a value, over a grid of thresholds."""

    constraint = None  # name of the constructor's argument
    rates = None  # methods: what is maximised, what must reach the value

    def __init__(self, value, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        if not 0 <= value <= 1:
            raise ValueError(
                f"Argument `{self.constraint}` must be in the range [0, 1]. "
                f"Received: {self.constraint}={value}"
            )
        if num_thresholds <= 0:
            raise ValueError(
                "Argument `num_thresholds` must be an integer > 0. "
                f"Received: num_thresholds={num_thresholds}"
            )
        setattr(self, self.constraint, value)
        self.value, self.class_id, self.num_thresholds = value, class_id, num_thresholds
        last = num_thresholds - 1
        self.thresholds = [i / last for i in range(num_thresholds)] if last else [0.5]
        self._add_counts((num_thresholds,))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch: targets 0 or 1, scores of the same shape in [0, 1]; 0 is never positive."""
        self._add(confusion(
            y_true, y_pred, self.thresholds, sample_weight, class_id=self.class_id,
            dtype=self.dtype))

    def result(self):
        """The largest value of the one rate where the other is large enough; 0 if nowhere."""
        best, bound = (getattr(self, rate)() for rate in self.rates)
        enough = ops.greater_equal(bound, self.value)
        return ops.max(ops.where(enough, best, ops.zeros_like(best)))

    def get_config(self):
        """Constructor arguments that make the same metric again."""
        return {
            **super().get_config(), "class_id": self.class_id,
            "num_thresholds": self.num_thresholds, self.constraint: self.value,
        }


@public("metrics.SensitivityAtSpecificity")
class SensitivityAtSpecificity(_AtConstraint):
    """Best sensitivity, TP / (TP + FN), where the specificity, TN / (TN + FP), is reached.

    Args:
        specificity: the specificity to reach, in [0, 1].
        num_thresholds: number of thresholds that are tried.
        class_id: the one class that counts; default all.
        {common}

    >>> metric = SensitivityAtSpecificity(0.5)
    >>> round(float(metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])), 4)
    0.5
    """

    constraint, rates = "specificity", ("_recall", "_specificity")

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


@public("metrics.SpecificityAtSensitivity")
class SpecificityAtSensitivity(_AtConstraint):
    """Best specificity, TN / (TN + FP), where the sensitivity, TP / (TP + FN), is reached.

    Args:
        sensitivity: the sensitivity to reach, in [0, 1].
        num_thresholds: number of thresholds that are tried.
        class_id: the one class that counts; default all.
        {common}

    >>> metric = SpecificityAtSensitivity(0.5)
    >>> round(float(metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])), 4)
    0.6667
    """

    constraint, rates = "sensitivity", ("_specificity", "_recall")

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


@public("metrics.PrecisionAtRecall")
class PrecisionAtRecall(_AtConstraint):
    """Best precision, TP / (TP + FP), where the recall, TP / (TP + FN), is reached.

    Args:
        recall: the recall to reach, in [0, 1].
        num_thresholds: number of thresholds that are tried.
        class_id: the one class that counts; default all.
        {common}

    >>> metric = PrecisionAtRecall(0.5)
    >>> round(float(metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])), 4)
    0.5
    """

    constraint, rates = "recall", ("_precision", "_recall")

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, num_thresholds, class_id, name, dtype)


@public("metrics.RecallAtPrecision")
class RecallAtPrecision(_AtConstraint):
    """Best recall, TP / (TP + FN), where the precision, TP / (TP + FP), is reached.

    Args:
        precision: the precision to reach, in [0, 1].
        num_thresholds: number of thresholds that are tried.
        class_id: the one class that counts; default all.
        {common}

    >>> metric = RecallAtPrecision(0.8)
    >>> round(float(metric([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])), 4)
    0.5
    """

    constraint, rates = "precision", ("_recall", "_precision")

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, num_thresholds, class_id, name, dtype)


@public("metrics.AUC")
class AUC(_Curve):
    """Area under a curve of two rates over thresholds, as a Riemann sum.

    Args:
        num_thresholds: number of thresholds, from 0 to 1; more are more exact.
        curve: "ROC" (sensitivity over 1 - specificity), "PR" (precision over recall) or "PRGAIN"
            (their gains over a classifier that always says yes).
        summation_method: "interpolation" (trapezoids; for "PR" of the counts, not the rates),
            "minoring" or "majoring" (the lower or the higher end of each interval).
        {common}
        thresholds: the inner thresholds, in place of `num_thresholds`.
        multi_label: whether the areas of the labels (last axis) are computed apart and averaged.
        num_labels: their number, if known now.
        label_weights: weights of labels: in the average, or without `multi_label` of their
            predictions.
        from_logits: whether predictions are logits or probabilities.

    Reference:
        Davis and Goadrich 2006, The relationship between precision-recall and ROC curves.
        Flach and Kull 2015, Precision-recall-gain curves.

    >>> float(AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
    0.75
    """

    def __init__(
        self, num_thresholds=200, curve="ROC", summation_method="interpolation", name=None,
        dtype=None, thresholds=None, multi_label=False, num_labels=None, label_weights=None,
        from_logits=False,
    ):
        super().__init__(name=name, dtype=dtype)
        self.curve = _one_of("AUC curve", curve, ("PR", "ROC", "PRGAIN"))
        self.summation_method = _one_of(
            "AUC summation method", summation_method, ("interpolation", "majoring", "minoring"))
        if thresholds is None and num_thresholds <= 1:
            raise ValueError(
                "Argument `num_thresholds` must be an integer > 1. "
                f"Received: num_thresholds={num_thresholds}"
            )
        self._init_from_thresholds = thresholds is not None
        if thresholds is None:
            self._thresholds = grid(num_thresholds)
        else:
            inner = sorted(float(t) for t in thresholds)
            self._thresholds = [0.0 - config.epsilon(), *inner, 1.0 + config.epsilon()]
        self.num_thresholds = len(self.thresholds)
        self._even = is_grid(self.thresholds)
        self.multi_label, self.num_labels = multi_label, num_labels
        self._init_label_weights = None if label_weights is None else list(label_weights)
        self.label_weights = None
        if label_weights is not None:
            self.label_weights = ops.convert_to_tensor(label_weights, dtype=self.dtype)
        self._from_logits = from_logits
        self._built = False
        if not multi_label or num_labels:
            self._build(num_labels)

    @property
    def thresholds(self):
        """List of all thresholds, in rising order; the first and the last lie outside [0, 1]."""
        return list(self._thresholds)

    def _build(self, num_labels):
        shape = (self.num_thresholds,)
        if self.multi_label:
            if not num_labels:
                raise ValueError(
                    "`multi_label=True` needs predictions of shape (batch, labels) with a known "
                    "number of labels."
                )
            shape, self._labels = (*shape, num_labels), num_labels
        self._add_counts(shape)
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch: targets 0 or 1, scores of the same shape."""
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        if not self._built:
            self._build(y_pred.shape[-1] if len(y_pred.shape) > 1 else None)
        if self.multi_label and y_pred.shape[-1] not in (None, self._labels):
            raise ValueError(
                f"AUC {self.name!r} was made for {self._labels} labels. Received: "
                f"y_pred.shape={tuple(y_pred.shape)}"
            )
        if self._from_logits:
            y_pred = ops.sigmoid(y_pred)
        self._add(confusion(
            y_true, y_pred, self.thresholds, sample_weight, self._even, self.multi_label,
            label_weights=None if self.multi_label else self.label_weights, dtype=self.dtype))

    def result(self):
        """The area; of several labels, their (weighted) mean."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        x, y = self._axes()
        heights = {
            "interpolation": lambda a, b: (a + b) / 2.0,
            "minoring": ops.minimum,
            "majoring": ops.maximum,
        }[self.summation_method](y[:-1], y[1:])
        return self._total((x[:-1] - x[1:]) * heights)

    def _total(self, terms):
        """The sum over intervals between thresholds, and the mean over labels."""
        if not self.multi_label:
            return ops.sum(terms)
        areas = ops.sum(terms, axis=0)
        if self.label_weights is None:
            return ops.mean(areas)
        return ops.divide_no_nan(ops.sum(areas * self.label_weights), ops.sum(self.label_weights))

    def _axes(self):
        """The curve's x and y at each threshold; x falls as thresholds rise."""
        if self.curve == "ROC":
            wrong = self.false_positives.value
            return ops.divide_no_nan(wrong, wrong + self.true_negatives), self._recall()
        if self.curve == "PR":
            return self._recall(), self._precision()
        hits, missed = self.true_positives.value, self.false_negatives.value
        wrong = self.false_positives.value
        odds = ops.divide_no_nan(hits + missed, wrong + self.true_negatives)
        some = ops.cast(ops.greater(hits, 0), hits.dtype)  # without true positives: recall gain 0
        recall_gain = ops.maximum(some - odds * ops.divide_no_nan(missed, hits), 0.0)
        return recall_gain, 1.0 - odds * ops.divide_no_nan(wrong, hits)

    def interpolate_pr_auc(self):
        """Area under precision over recall, true positives linear in the number of positives.

        From B to A, TP = TP_B + s (P - P_B) with the slope s = dTP / dP, and the integral of
        precision TP / P over recall TP / (TP + FN) is s (dTP + (TP_B - s P_B) log(P_A / P_B)) /
        (TP + FN).
        """
        hits = self.true_positives.value
        flagged = hits + self.false_positives
        d_hits, d_flagged = hits[:-1] - hits[1:], flagged[:-1] - flagged[1:]
        slope = ops.divide_no_nan(d_hits, ops.maximum(d_flagged, 0.0))
        intercept = hits[1:] - slope * flagged[1:]
        both = ops.logical_and(ops.greater(flagged[:-1], 0), ops.greater(flagged[1:], 0))
        one = ops.ones_like(slope)
        ratio = ops.where(both, flagged[:-1] / ops.where(both, flagged[1:], one), one)
        area = slope * (d_hits + intercept * ops.log(ratio))
        positives = ops.maximum(hits[1:] + self.false_negatives[1:], 0.0)
        return self._total(ops.divide_no_nan(area, positives))

    def get_config(self):
        """Constructor arguments that make the same metric again."""
        config = {
            **super().get_config(), "num_thresholds": self.num_thresholds, "curve": self.curve,
            "summation_method": self.summation_method, "multi_label": self.multi_label,
            "num_labels": self.num_labels, "label_weights": self._init_label_weights,
            "from_logits": self._from_logits,
        }
        if self._init_from_thresholds:
            config["thresholds"] = self.thresholds[1:-1]
        return config


def _one_of(what, value, allowed):
    if value not in allowed:
        raise ValueError(f'Invalid {what} value: "{value}". Expected values are {list(allowed)}')
    return value
