"""Metrics against their definitions in float64: accuracies, errors, counts, areas, overlaps."""

import itertools

import numpy as np
import pytest

from minikeras import metrics


def run(metric, *arrays, **weights):
    metric.update_state(*arrays, **weights)
    return metric.result().numpy()


@pytest.fixture
def scores(rng):
    """(one-hot targets, labels, scores) of 12 samples and 5 classes."""
    labels = rng.integers(0, 5, 12)
    return np.eye(5)[labels], labels, rng.uniform(size=(12, 5)).astype("float32")


# ---------------------------------------------------------------- accuracies
def test_accuracies(scores, device):
    one_hot, labels, p = scores
    right = p.argmax(-1) == labels
    np.testing.assert_array_equal(metrics.categorical_accuracy(one_hot, p).numpy(), right)
    np.testing.assert_array_equal(metrics.sparse_categorical_accuracy(labels, p).numpy(), right)
    np.testing.assert_array_equal(
        metrics.sparse_categorical_accuracy(labels[:, None], p).numpy(), right)
    for threshold in (0.5, 0.3):
        np.testing.assert_array_equal(
            metrics.binary_accuracy(one_hot, p, threshold).numpy(), (p > threshold) == one_hot)
    for k in (1, 2, 4, 5, 9):
        first = np.any(np.argsort(-p, -1)[:, :k] == labels[:, None], -1)
        np.testing.assert_array_equal(
            metrics.top_k_categorical_accuracy(one_hot, p, k).numpy(), first)
        np.testing.assert_array_equal(
            metrics.sparse_top_k_categorical_accuracy(labels, p, k).numpy(), first)
        np.testing.assert_array_equal(metrics.sparse_top_k_categorical_accuracy(
            labels, np.argsort(-p, -1), k, from_sorted_ids=True).numpy(), first)


@pytest.mark.parametrize("columns", [(), (1,), (3,)], ids=str)
@pytest.mark.parametrize("by_element", [False, True])
def test_accuracy_of_labels_with_weights(rng, columns, by_element):
    t, p = (rng.integers(0, 3, (8, *columns)) for _ in range(2))
    w = rng.random(t.shape if by_element else 8)
    each = w if by_element or not columns else np.broadcast_to(w[:, None], t.shape)
    got = run(metrics.Accuracy(), t, p, sample_weight=w)
    np.testing.assert_allclose(got, (each * (t == p)).sum() / each.sum(), 1e-6)


def test_accuracies_of_sequences(rng):
    labels = rng.integers(0, 3, (2, 4))
    p = rng.uniform(size=(2, 4, 3))
    right = p.argmax(-1) == labels
    for y in (labels, labels[..., None]):
        np.testing.assert_array_equal(metrics.sparse_categorical_accuracy(y, p).numpy(), right)
        assert run(metrics.SparseCategoricalAccuracy(), y, p) == right.mean()
        assert metrics.sparse_top_k_categorical_accuracy(y, p, 2).shape == (2, 4)
    assert run(metrics.CategoricalAccuracy(), np.eye(3)[labels], p) == right.mean()


def test_top_k_counts_ties_and_not_nan():
    tied = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(
        metrics.sparse_top_k_categorical_accuracy([0, 3], tied, 2).numpy(), [1, 1])
    tied[0, 0] = np.nan
    np.testing.assert_array_equal(
        metrics.sparse_top_k_categorical_accuracy([0, 3], tied, 2).numpy(), [0, 1])


def test_one_hot_targets_of_a_sparse_accuracy_are_told(scores):
    one_hot, labels, p = scores
    with pytest.raises(ValueError, match="one integer label"):
        metrics.sparse_categorical_accuracy(one_hot, p)
    with pytest.raises(ValueError, match="threshold"):
        metrics.BinaryAccuracy(threshold=1.5)


# ---------------------------------------------------------------- errors
def test_root_mean_squared_error_is_the_root_of_the_mean_of_all():
    metric = metrics.RootMeanSquaredError()
    metric.update_state([[0.0], [0.0]], [[3.0], [4.0]])
    metric.update_state([[0.0]], [[1.0]], sample_weight=[2.0])
    np.testing.assert_allclose(float(metric.result()), np.sqrt((9 + 16 + 2) / 4), 1e-6)


@pytest.mark.parametrize("weights", [None, [1.0, 0.5, 2.0, 0.0, 1.0, 3.0]])
@pytest.mark.parametrize("aggregation", [None, "uniform_average", "variance_weighted_average"])
def test_r2(rng, weights, aggregation):
    t, p = rng.normal(size=(2, 6, 3))
    w = np.ones(6) if weights is None else np.array(weights)
    center = (t * w[:, None]).sum(0) / w.sum()
    spread = ((t - center) ** 2 * w[:, None]).sum(0)
    want = 1 - ((t - p) ** 2 * w[:, None]).sum(0) / spread
    if aggregation == "uniform_average":
        want = want.mean()
    elif aggregation:
        want = (want * spread).sum() / spread.sum()
    metric = metrics.R2Score(class_aggregation=aggregation)
    np.testing.assert_allclose(run(metric, t, p, sample_weight=weights), want, 1e-5)
    adjusted = metrics.R2Score(class_aggregation=aggregation, num_regressors=2)
    n = t.size
    np.testing.assert_allclose(
        run(adjusted, t, p, sample_weight=weights), 1 - (1 - want) * (n - 1) / (n - 3), 1e-5)


def test_r2_of_a_vector_beside_a_column(rng):
    t, p = rng.normal(size=8), rng.normal(size=8)
    want = 1 - ((t - p)**2).sum() / ((t - t.mean())**2).sum()
    for a, b in ((t, p[:, None]), (t[:, None], p)):
        np.testing.assert_allclose(run(metrics.R2Score(), a, b), want, 1e-5)


def test_r2_refuses():
    for arguments in ({"class_aggregation": "sum"}, {"num_regressors": -1}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            metrics.R2Score(**arguments)
    with pytest.raises(ValueError, match="2D inputs"):
        metrics.R2Score().update_state([1.0], [1.0])


@pytest.mark.parametrize("axis", [0, -1])
def test_correlations(rng, axis):
    t, p = rng.normal(size=(2, 5, 7))
    lines = [(a, b) for a, b in zip(*(np.moveaxis(x, axis, -1) for x in (t, p)))]
    np.testing.assert_allclose(
        metrics.pearson_correlation(t, p, axis=axis).numpy(),
        [np.corrcoef(a, b)[0, 1] for a, b in lines])
    np.testing.assert_allclose(
        metrics.concordance_correlation(t, p, axis=axis).numpy(),
        [2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
         for a, b in lines], 1e-6)
    assert np.isnan(metrics.pearson_correlation(t * 0, p).numpy()).all()


# ---------------------------------------------------------------- counts
def counts(t, p, threshold, w):
    """(tp, fn, fp, tn), by definition."""
    t, above = t != 0, p > np.float32(threshold)
    return [(w * hit).sum(0) for hit in (t & above, t & ~above, ~t & above, ~t & ~above)]


WEIGHTS = [None, np.array([0.5, 2, 0, 1, 3, 1, 1, 0.25])]


@pytest.fixture
def flags(rng):
    """(targets, scores) of 8 samples and 3 labels; some scores lie on thresholds."""
    p = rng.uniform(size=(8, 3)).astype("float32")
    p[0], p[1] = 0.5, (0.0, 1.0, 0.25)
    return (rng.uniform(size=(8, 3)) > 0.5).astype("float32"), p


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("thresholds", [None, 0.3, [0.2, 0.9, 0.5], [0.0, 1.0]])
def test_the_four_counts(flags, device, weights, thresholds):
    t, p = flags
    w = np.ones((8, 1)) if weights is None else weights[:, None]
    levels = [0.5] if thresholds is None else np.atleast_1d(thresholds)
    want = np.array([np.sum(counts(t, p, level, w), -1) for level in levels]).T
    for row, name in zip(want, ("TruePositives", "FalseNegatives", "FalsePositives",
                                "TrueNegatives")):
        got = run(getattr(metrics, name)(thresholds=thresholds), t, p, sample_weight=weights)
        np.testing.assert_allclose(got, row if len(levels) > 1 else row[0], 1e-6, err_msg=name)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_precision_and_recall(flags, weights):
    t, p = flags
    w = np.ones((8, 1)) if weights is None else weights[:, None]
    for arguments, columns, level in (
        ({}, slice(None), 0.5), ({"class_id": 1}, [1], 0.5), ({"thresholds": 0.2}, slice(None), 0.2)
    ):
        tp, fn, fp, _ = np.sum(counts(t[:, columns], p[:, columns], level, w), -1)
        for metric, other in ((metrics.Precision, fp), (metrics.Recall, fn)):
            got = run(metric(**arguments), t, p, sample_weight=weights)
            np.testing.assert_allclose(got, tp / (tp + other), 1e-6)


def test_precision_and_recall_of_nothing_are_0():
    assert float(metrics.Precision().result()) == float(metrics.Recall().result()) == 0
    assert run(metrics.Precision(), [1, 0], [0.0, 0.0]) == 0


def test_precision_and_recall_of_the_k_largest(flags):
    t, p = flags
    p = p + np.arange(3) * 1e-3  # no ties
    chosen = np.zeros_like(p)
    np.put_along_axis(chosen, np.argsort(-p, -1)[:, :2], 1, -1)
    tp = (t * chosen).sum()
    np.testing.assert_allclose(run(metrics.Precision(top_k=2), t, p), tp / chosen.sum(), 1e-6)
    np.testing.assert_allclose(run(metrics.Recall(top_k=2), t, p), tp / t.sum(), 1e-6)
    both = chosen[:, 1] * (p[:, 1] > 0.3)
    np.testing.assert_allclose(
        run(metrics.Precision(top_k=2, class_id=1, thresholds=0.3), t, p),
        (t[:, 1] * both).sum() / both.sum(), 1e-6)


def test_confusion_refuses():
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        metrics.TruePositives(thresholds=[-0.5])
    with pytest.raises(ValueError, match="class_id"):
        run(metrics.Precision(class_id=3), np.eye(3), np.eye(3))
    with pytest.raises(ValueError, match="same shape"):
        run(metrics.Recall(), np.eye(3), np.eye(3)[:, :2])
    for name, argument in (("PrecisionAtRecall", "recall"), ("RecallAtPrecision", "precision"),
                           ("SensitivityAtSpecificity", "specificity"),
                           ("SpecificityAtSensitivity", "sensitivity")):
        with pytest.raises(ValueError, match=f"`{argument}` must be in the range"):
            getattr(metrics, name)(1.5)
        with pytest.raises(ValueError, match="num_thresholds"):
            getattr(metrics, name)(0.5, num_thresholds=0)


RATES = {  # best of the first where the second is reached
    "SensitivityAtSpecificity": (lambda tp, fn, fp, tn: tp / (tp + fn),
                                 lambda tp, fn, fp, tn: tn / (tn + fp)),
    "SpecificityAtSensitivity": (lambda tp, fn, fp, tn: tn / (tn + fp),
                                 lambda tp, fn, fp, tn: tp / (tp + fn)),
    "PrecisionAtRecall": (lambda tp, fn, fp, tn: tp / (tp + fp) if tp else 0.0,
                          lambda tp, fn, fp, tn: tp / (tp + fn)),
    "RecallAtPrecision": (lambda tp, fn, fp, tn: tp / (tp + fn),
                          lambda tp, fn, fp, tn: tp / (tp + fp) if tp else 0.0),
}


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", RATES)
def test_best_rate_under_a_constraint(rng, name, weights):
    """Against every threshold between the scores, which is what many thresholds approach."""
    t = (rng.uniform(size=8) > 0.5).astype("float32")
    t[:2] = 0, 1
    p = np.round(rng.uniform(0.02, 0.98, 8), 2).astype("float32")
    w = np.ones(8) if weights is None else weights
    best, bound = RATES[name]
    cuts = [-0.001, *(p + 1e-4)]
    for value in (0.2, 0.5, 0.8):
        reached = [best(*counts(t, p, c, w)) for c in cuts if bound(*counts(t, p, c, w)) >= value]
        metric = getattr(metrics, name)(value, num_thresholds=1001)
        np.testing.assert_allclose(
            run(metric, t, p, sample_weight=weights), max(reached, default=0.0), 1e-6)


@pytest.mark.parametrize("count", [2, 3, 5, 200])
def test_a_score_of_0_is_never_positive_in_a_best_rate(count):
    t, p = np.array([0, 1, 1, 0, 1.0]), np.array([0, 1, 0, 1, 0.25])
    metric = metrics.RecallAtPrecision(0.5, num_thresholds=count)
    np.testing.assert_allclose(run(metric, t, p), 2 / 3, 1e-6)
    np.testing.assert_allclose(metric.thresholds, np.linspace(0, 1, count))


# ---------------------------------------------------------------- areas
def pairs_in_order(t, p, w):
    """Area under ROC: the weighted share of (negative, positive) pairs in the right order."""
    share = total = 0.0
    for i, j in itertools.product(np.flatnonzero(t), np.flatnonzero(t == 0)):
        total += w[i] * w[j]
        share += w[i] * w[j] * ((p[i] > p[j]) + 0.5 * (p[i] == p[j]))
    return share / total


@pytest.mark.parametrize("weights", WEIGHTS)
def test_auc_is_the_share_of_pairs_in_order(rng, device, weights):
    t = np.array([0, 1, 1, 0, 1, 0, 0, 1], "float32")
    p = np.round(rng.uniform(0.01, 0.99, 8), 2).astype("float32")
    p[3] = p[4]
    w = np.ones(8) if weights is None else weights
    got = run(metrics.AUC(num_thresholds=1001), t, p, sample_weight=weights)
    np.testing.assert_allclose(got, pairs_in_order(t, p, w), 1e-5)


def area(x, y, how):
    heights = {"interpolation": (y[:-1] + y[1:]) / 2, "minoring": np.minimum(y[:-1], y[1:]),
               "majoring": np.maximum(y[:-1], y[1:])}[how]
    return ((x[:-1] - x[1:]) * heights).sum()


def divided(a, b):
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)


@pytest.mark.parametrize("thresholds", [None, [0.2, 0.5, 0.55, 0.7]])
@pytest.mark.parametrize("how", ["interpolation", "minoring", "majoring"])
@pytest.mark.parametrize("curve", ["ROC", "PR", "PRGAIN"])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_areas(flags, curve, how, weights, thresholds):
    """Riemann sums over the thresholds, for each label by itself and for all together."""
    t, p = flags
    w = np.ones((8, 1)) if weights is None else weights[:, None]
    inner = thresholds or [i / 20 for i in range(1, 20)]
    levels = [-1e-7, *inner, 1 + 1e-7]
    columns = [t[:, [i]] for i in range(3)], [p[:, [i]] for i in range(3)]
    found = []
    for ti, pi in [(t, p), *zip(*columns)]:
        tp, fn, fp, tn = np.array([np.sum(counts(ti, pi, v, w), -1) for v in levels]).T
        recall, precision = divided(tp, tp + fn), divided(tp, tp + fp)
        if curve == "ROC":
            found.append(area(divided(fp, fp + tn), recall, how))
        elif curve == "PR" and how == "interpolation":
            found.append(interpolated(tp, fp, tp[0] + fn[0]))
        elif curve == "PR":
            found.append(area(recall, precision, how))
        else:
            odds = (tp + fn)[0] / (fp + tn)[0]
            gain = np.where(tp > 0, np.maximum(1 - odds * divided(fn, tp), 0), 0)
            found.append(area(gain, 1 - odds * divided(fp, tp), how))
    arguments = {"curve": curve, "summation_method": how, "num_thresholds": 21,
                 "thresholds": thresholds}
    whole = run(metrics.AUC(**arguments), t, p, sample_weight=weights)
    np.testing.assert_allclose(whole, found[0], 1e-5, 1e-6)
    for label_weights in (None, [0.5, 1.0, 2.5]):
        apart = metrics.AUC(**arguments, multi_label=True, label_weights=label_weights)
        np.testing.assert_allclose(
            run(apart, t, p, sample_weight=weights),
            np.average(found[1:], weights=label_weights), 1e-5, 1e-6)


def interpolated(tp, fp, positives):
    """Integral of precision over recall, numerically, with TP linear in TP + FP."""
    total = 0.0
    for i in range(len(tp) - 1):
        steps = np.linspace(0, 1, 20001)
        hits = tp[i + 1] + (tp[i] - tp[i + 1]) * steps
        flagged = hits + fp[i + 1] + (fp[i] - fp[i + 1]) * steps
        precision = np.divide(hits, flagged, out=np.zeros_like(hits), where=flagged > 0)
        if flagged[0] == 0 and flagged[-1] > 0:
            precision[:] = hits[-1] / flagged[-1]
        total += np.trapezoid(precision, hits / positives)
    return total


def test_auc_of_logits(rng):
    t, z = np.array([0, 1, 1, 0]), np.array([-3.0, 0.2, 4.0, 1.0])
    assert run(metrics.AUC(from_logits=True), t, z) == 0.75


def test_auc_with_weights_of_labels_in_one_curve(flags):
    t, p = flags
    got = run(metrics.AUC(label_weights=[1.0, 0.0, 0.0]), t, p)
    np.testing.assert_allclose(got, run(metrics.AUC(), t[:, 0], p[:, 0]), 1e-6)


def test_scores_outside_0_and_1_and_nan_go_to_the_ends():
    t = np.array([0, 1, 0, 1], "float32")
    got = run(metrics.AUC(), t, np.array([-5.0, 7.0, np.nan, 0.5], "float32"))
    assert got == 1.0


def test_auc_refuses():
    for arguments in ({"curve": "x"}, {"summation_method": "x"}, {"num_thresholds": 1}):
        with pytest.raises(ValueError):
            metrics.AUC(**arguments)
    with pytest.raises(ValueError, match="2 labels"):
        run(metrics.AUC(multi_label=True, num_labels=2), np.eye(3), np.eye(3))


# ---------------------------------------------------------------- F-scores
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("threshold", [None, 0.4])
@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_f_scores(rng, average, threshold, weights, beta):
    t = np.eye(3)[rng.integers(0, 3, 8)]
    p = rng.uniform(size=(8, 3)).astype("float32")
    w = np.ones((8, 1)) if weights is None else weights[:, None]
    guess = p > threshold if threshold else p == p.max(-1, keepdims=True)
    axis = None if average == "micro" else 0
    tp, fp, fn = ((w * x).sum(axis) for x in (t * guess, (1 - t) * guess, t * (1 - guess)))
    want = (1 + beta**2) * tp / ((1 + beta**2) * tp + beta**2 * fn + fp)
    if average == "macro":
        want = want.mean()
    elif average == "weighted":
        want = np.average(want, weights=(t * w).sum(0))
    metric = metrics.FBetaScore(average=average, beta=beta, threshold=threshold)
    np.testing.assert_allclose(run(metric, t, p, sample_weight=weights), want, 1e-5, 1e-6)
    if beta == 1.0:
        metric = metrics.F1Score(average=average, threshold=threshold)
        np.testing.assert_allclose(run(metric, t, p, sample_weight=weights), want, 1e-5, 1e-6)


def test_a_row_of_zeros_predicts_nothing():
    got = run(metrics.F1Score(), np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0], [0, 0]]))
    np.testing.assert_allclose(got, [1.0, 0.0], 1e-5)


@pytest.mark.parametrize("arguments", [{"average": "x"}, {"beta": -1.0}, {"beta": 1},
                                       {"threshold": 2}, {"threshold": 1.5}])
def test_f_scores_refuse(arguments):
    with pytest.raises(ValueError, match=f"Invalid `{next(iter(arguments))}`"):
        metrics.FBetaScore(**arguments)


def test_f_scores_take_matrices():
    with pytest.raises(ValueError, match="2D inputs"):
        metrics.F1Score().update_state([1.0, 0.0], [1.0, 0.0])


# ---------------------------------------------------------------- overlaps
def overlaps(t, p, classes, w):
    """Intersection over union of each class that occurs; NaN for the others."""
    found = []
    for c in range(classes):
        union = (w * ((t == c) | (p == c))).sum()
        found.append((w * ((t == c) & (p == c))).sum() / union if union else np.nan)
    return np.array(found)


@pytest.mark.parametrize("weighted", [False, True])
def test_iou(rng, device, weighted):
    t, p = rng.integers(0, 3, (2, 4, 6))
    w = rng.uniform(size=(4, 6)) if weighted else np.ones((4, 6))
    want = overlaps(t, p, 5, w)
    given = {"sample_weight": w} if weighted else {}
    chosen = metrics.IoU(5, [0, 2], dtype="float32")
    np.testing.assert_allclose(run(chosen, t, p, **given), want[[0, 2]].mean(), 1e-5)
    mean = metrics.MeanIoU(5, dtype="float32")
    np.testing.assert_allclose(run(mean, t, p, **given), np.nanmean(want), 1e-5)
    one_hot = metrics.OneHotMeanIoU(5, dtype="float32")
    np.testing.assert_allclose(
        run(one_hot, np.eye(5)[t], np.eye(5)[p], **given), np.nanmean(want), 1e-5)
    some = metrics.OneHotIoU(5, [1], sparse_y_pred=True, dtype="float32")
    np.testing.assert_allclose(run(some, np.eye(5)[t], p, **given), want[1], 1e-5)


@pytest.mark.parametrize("ignored", [-1, 1, 255])
def test_iou_with_an_ignored_class(rng, ignored):
    t, p = rng.integers(0, 3, (2, 30))
    t[:5] = ignored
    keep = t != ignored
    want = overlaps(t[keep], p[keep], 3, np.ones(keep.sum()))
    np.testing.assert_allclose(
        run(metrics.MeanIoU(3, ignore_class=ignored), t, p), np.nanmean(want), 1e-5)


def test_iou_axis(rng):
    t = rng.integers(0, 3, (2, 4))
    p = rng.uniform(size=(2, 4, 3))
    want = np.nanmean(overlaps(t, p.argmax(-1), 3, np.ones((2, 4))))
    first = metrics.MeanIoU(3, sparse_y_pred=False, axis=1)
    np.testing.assert_allclose(run(first, t, np.moveaxis(p, -1, 1)), want, 1e-6)
    one_hot = metrics.OneHotMeanIoU(3, axis=1)
    np.testing.assert_allclose(
        run(one_hot, np.moveaxis(np.eye(3)[t], -1, 1), np.moveaxis(p, -1, 1)), want, 1e-6)


def test_iou_of_a_weight_a_sample(rng):
    t, p = rng.integers(0, 3, (2, 4, 6))
    w = np.array([1, 0, 3, 2])
    want = np.nanmean(overlaps(t, p, 3, w[:, None]))
    np.testing.assert_allclose(run(metrics.MeanIoU(3), t, p, sample_weight=w), want, 1e-6)


def test_binary_iou(rng):
    t = (rng.uniform(size=20) > 0.5).astype(int)
    p = rng.uniform(size=20).astype("float32")
    p[0] = 0.5
    want = overlaps(t, (p >= 0.5).astype(int), 2, np.ones(20))
    np.testing.assert_allclose(run(metrics.BinaryIoU(), t, p), want.mean(), 1e-6)
    np.testing.assert_allclose(run(metrics.BinaryIoU([1], 0.5), t, p), want[1], 1e-6)
    np.testing.assert_allclose(
        run(metrics.BinaryIoU(threshold=None), t, (p >= 0.5).astype(int)), want.mean(), 1e-6)


def test_iou_of_nothing_and_labels_out_of_range():
    assert float(metrics.MeanIoU(3).result()) == 0
    got = run(metrics.MeanIoU(2), [0, 1, 2, 1], [0, 1, 1, 5])
    assert got == 1.0
    with pytest.raises(ValueError, match="out of range"):
        metrics.IoU(2, [2])


def test_iou_tells_that_fractions_of_weights_are_lost():
    with pytest.warns(UserWarning, match="incorrect weight"):
        run(metrics.MeanIoU(2), [0, 1], [0, 1], sample_weight=[0.5, 1.0])
