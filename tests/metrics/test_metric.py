"""Metric and the means: state, batches of unequal size, weights, masks, configurations, get."""

import inspect

import numpy as np
import pytest

import minikeras as keras
from minikeras import metrics, ops


def names():
    helpers = {"Metric", "MeanMetricWrapper"}
    return [n for n in dir(metrics) if n[0].isupper() and n not in helpers]


NEEDED = {
    "num_classes": 3, "target_class_ids": [0, 2], "recall": 0.5, "precision": 0.5,
    "sensitivity": 0.5, "specificity": 0.5,
}


def make(name, **arguments):
    """A metric of that class, with the arguments it cannot be without."""
    cls = getattr(metrics, name)
    required = [p.name for p in inspect.signature(cls).parameters.values()
                if p.default is inspect.Parameter.empty]
    return cls(**{n: NEEDED[n] for n in required}, **arguments)


def batch(name, rng, samples):
    """Targets and predictions that the metric takes."""
    p = rng.uniform(0.05, 0.95, (samples, 3)).astype("float32")
    labels = rng.integers(0, 3, samples)
    one_hot = np.eye(3, dtype="float32")[labels]
    if name in ("Mean", "Sum"):
        return (p,)
    if name in ("IoU", "MeanIoU"):
        return labels, p.argmax(-1)
    if name == "Accuracy":
        return np.round(p * 2), np.round(p[::-1] * 2)
    return (labels if name.startswith("Sparse") else one_hot), p


@pytest.mark.parametrize("name", names())
def test_batches_add_up_and_resets_empty(name, rng):
    """Three unequal batches give what one big batch gives; after a reset nothing is left."""
    parts = [batch(name, rng, n) for n in (4, 1, 7)]
    whole = [np.concatenate(arrays) for arrays in zip(*parts)]
    metric, once = make(name), make(name)
    for part in parts:
        metric.update_state(*part)
    once.update_state(*whole)
    np.testing.assert_allclose(metric.result().numpy(), once.result().numpy(), 1e-5, 1e-6)
    for variable in metric.variables:
        assert not variable.trainable
    metric.reset_state()
    assert all(np.all(v.numpy() == 0) for v in metric.variables)
    again = metric(*whole)
    np.testing.assert_allclose(again.numpy(), once.result().numpy(), 1e-5, 1e-6)


@pytest.mark.parametrize("name", names())
def test_weights_are_repetitions(name, rng):
    """A sample of weight 2 counts as two, one of weight 0 not at all."""
    arrays = batch(name, rng, 6)
    weights = np.array([1, 2, 0, 1, 2, 1])
    weighted, repeated = make(name), make(name)
    if name == "R2Score":
        weighted = make(name, class_aggregation=None)
        repeated = make(name, class_aggregation=None)
    weighted.update_state(*arrays, sample_weight=weights)
    repeated.update_state(*(np.repeat(a, weights, axis=0) for a in arrays))
    np.testing.assert_allclose(weighted.result().numpy(), repeated.result().numpy(), 1e-5, 1e-6)


@pytest.mark.parametrize("name", names())
def test_stateless(name, rng):
    """The stateless methods compute the same and leave the state alone."""
    arrays = batch(name, rng, 5)
    metric, other = make(name), make(name)
    metric.update_state(*arrays)
    metric.reset_state()
    other.update_state(*arrays)
    values = metric.stateless_reset_state()
    values = metric.stateless_update_state(values, *arrays)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(metric.stateless_result(values)), other.result().numpy())
    assert all(np.all(v.numpy() == 0) for v in metric.variables)
    got = metric.stateless_update_state(metric.variables, *arrays)  # variables as their values
    for a, b in zip(got, values):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    with pytest.raises(ValueError, match="metric_variables"):
        metric.stateless_result([*values, values[0]])


@pytest.mark.parametrize("name", names())
def test_configuration(name):
    changed = {
        "name": "other", "dtype": "float64", "threshold": 0.25, "from_logits": True, "k": 2,
        "label_smoothing": 0.1, "axis": 1, "ignore_class": 2, "average": "macro", "beta": 2.0,
        "class_aggregation": None, "num_regressors": 2, "thresholds": [0.25, 0.5], "top_k": 2,
        "class_id": 1, "num_thresholds": 20, "curve": "PR", "summation_method": "minoring",
        "multi_label": True, "num_labels": 3, "label_weights": [0.5, 1.0, 2.0],
        "sparse_y_true": False, "sparse_y_pred": False, "from_sorted_ids": True, **NEEDED,
        "target_class_ids": [1],
    }
    cls = getattr(metrics, name)
    arguments = {n: changed[n] for n in inspect.signature(cls).parameters}
    metric = cls(**arguments)
    config = metric.get_config()
    if name == "AUC":
        arguments["num_thresholds"] = 4  # the given ones and the ends
    assert config == arguments
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is cls and again.get_config() == config
    assert [v.shape for v in again.variables] == [v.shape for v in metric.variables]


# ---------------------------------------------------------------- base
class Latest(keras.Metric):
    """The last value, and a metric inside."""

    def __init__(self, name=None):
        super().__init__(name=name)
        self.value = self.add_weight((), "zeros", name="value")
        self.inner = metrics.Mean(name="inner")

    def update_state(self, x):
        self.value.assign(x)
        self.inner.update_state(x)

    def result(self):
        return {"value": self.value, "mean": self.inner.result()}


def test_metrics_in_metrics():
    metric = Latest(name="latest")
    assert [v.path for v in metric.variables] == ["latest/value", "inner/total", "inner/count"]
    metric.update_state(3.0)
    result = metric(5.0)
    assert (float(result["value"]), float(result["mean"])) == (5.0, 4.0)
    metric.reset_state()
    assert float(metric.result()["mean"]) == 0


def test_variables_of_one_metric_are_listed_once():
    metric = Latest()
    metric.alias = metric.value
    metric.both = [metric.value, metric.inner]
    assert len(metric.variables) == 3


def test_base_must_be_completed():
    with pytest.raises(NotImplementedError, match="update_state"):
        keras.Metric().update_state()
    with pytest.raises(NotImplementedError, match="result"):
        keras.Metric().result()


def test_dtypes():
    assert metrics.Mean().dtype == "float32"
    metric = metrics.Mean(dtype="mixed_float16")
    assert metric.dtype == "float16"
    assert [v.dtype for v in metric.variables] == ["float16", "float16"]
    keras.config.set_floatx("float64")
    metric = metrics.MeanSquaredError()
    assert metric([[1.0]], [[2.0]]).dtype == "float64"


def test_default_names():
    first, second = metrics.Precision(), metrics.Precision()
    assert first.name != second.name and second.name.startswith("precision")
    assert [v.path for v in metrics.Sum(name="a/b").variables] == ["a_b/total"]


# ---------------------------------------------------------------- means
@pytest.mark.parametrize("shape, weights", [
    ((4,), (4,)), ((4,), (4, 1)), ((4, 3), (4,)), ((4, 3), (4, 1)), ((4, 3), (4, 3)),
    ((2, 3, 2), (2, 3)), ((4, 3), ()), ((4,), (1,)),
])
def test_mean_and_sum(rng, device, shape, weights):
    x, w = rng.normal(size=shape), rng.uniform(size=weights)
    lined = w.reshape(weights[: len(shape)] + (1,) * (len(shape) - len(weights)))
    wide = np.broadcast_to(lined, shape)
    mean, total = metrics.Mean(), metrics.Sum()
    mean.update_state(x, sample_weight=w)
    total.update_state(x, sample_weight=w)
    np.testing.assert_allclose(float(mean.result()), (x * wide).sum() / wide.sum(), 1e-5)
    np.testing.assert_allclose(float(total.result()), (x * wide).sum(), 1e-5)


def test_mean_of_nothing_is_0():
    assert float(metrics.Mean().result()) == 0
    metric = metrics.Mean()
    metric.update_state([1.0, 2.0], sample_weight=[0.0, 0.0])
    assert float(metric.result()) == 0


def test_mean_of_scalars():
    metric = metrics.Mean()
    metric.update_state(1.0)
    metric.update_state(5.0, sample_weight=3.0)
    assert float(metric.result()) == 4.0


@pytest.mark.parametrize("weights", [None, [2.0, 3.0, 5.0]])
def test_masks_leave_samples_out(weights):
    p = ops.convert_to_tensor([[1.0], [2.0], [4.0]])
    p._keras_mask = ops.convert_to_tensor([True, False, True])
    metric = metrics.MeanAbsoluteError()
    metric.update_state(np.zeros((3, 1)), p, sample_weight=weights)
    want = 2.5 if weights is None else (2 * 1 + 5 * 4) / 7
    np.testing.assert_allclose(float(metric.result()), want, 1e-6)


def test_ignored_classes_do_not_count():
    p = np.full((4, 3), 1 / 3, "float32")
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=1)
    metric.update_state([0, 1, 1, 2], p)
    np.testing.assert_allclose(float(metric.result()), np.log(3), 1e-6)


def test_wrapper():
    def gap(y_true, y_pred, power):
        return ops.abs(y_true - y_pred) ** power

    metric = metrics.MeanMetricWrapper(gap, name="gap", power=2)
    metric.update_state(ops.convert_to_tensor([1.0, 2.0]), ops.convert_to_tensor([1.0, 5.0]))
    assert float(metric.result()) == 4.5
    config = metrics.serialize(metric)
    assert config["config"]["power"] == 2
    again = metrics.deserialize(config, custom_objects={"gap": gap})
    assert again.get_config() == metric.get_config()


def test_functions_of_symbolic_tensors():
    labels, p = keras.KerasTensor((None,), "int32"), keras.KerasTensor((None, 3))
    assert metrics.sparse_categorical_accuracy(labels, p).shape == (None,)
    assert metrics.sparse_top_k_categorical_accuracy(labels, p, 2).shape == (None,)
    assert metrics.categorical_accuracy(p, p).shape == (None,)
    assert metrics.binary_accuracy(p, p).shape == (None, 3)


# ---------------------------------------------------------------- get
def test_get():
    assert metrics.get(None) is None
    for name, cls in (("mse", metrics.MeanSquaredError), ("MAE", metrics.MeanAbsoluteError),
                      ("bce", metrics.BinaryCrossentropy), ("accuracy", metrics.Accuracy),
                      ("binary_accuracy", metrics.BinaryAccuracy), ("auc", metrics.AUC),
                      ("AUC", metrics.AUC), ("f1_score", metrics.F1Score),
                      ("mean_io_u", None), ("top_k_categorical_accuracy", None)):
        if name == "mean_io_u":
            with pytest.raises(TypeError, match="num_classes"):
                metrics.get(name)
        else:
            assert isinstance(metrics.get(name), cls or metrics.TopKCategoricalAccuracy)
    assert isinstance(metrics.get(metrics.Mean), metrics.Mean)
    assert metrics.get({"class_name": "Mean", "config": {"name": "m"}}).name == "m"


@pytest.mark.parametrize("identifier", ["nothing", "rmse", 3, {"class_name": "Nothing"}])
def test_get_of_what_is_none(identifier):
    with pytest.raises(ValueError, match="metric identifier"):
        metrics.get(identifier)
