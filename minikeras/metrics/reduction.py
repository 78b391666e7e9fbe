"""Sum and mean over samples, and metrics that are the mean of a function."""

import inspect

from minikeras import ops
from minikeras.api.registry import public
from minikeras.core.serialization import deserialize_keras_object, serialize_keras_object
from minikeras.losses.loss import apply_mask, mask_of, squeeze_or_expand_to_same_rank
from minikeras.metrics.metric import Metric


def reduce_to_samplewise_values(values, sample_weight, reduce, dtype):
    """(values, weights), one of each a sample; weights are None, or multiplied in already."""
    mask = mask_of(values)
    values = ops.convert_to_tensor(values, dtype=dtype)
    if sample_weight is not None:
        sample_weight = ops.convert_to_tensor(sample_weight, dtype=dtype)
    if mask is not None:
        sample_weight = apply_mask(sample_weight, mask, dtype, "sum")
    if sample_weight is not None:
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        ndim = len(sample_weight.shape)
        values = _over(values, range(ndim, len(values.shape)), reduce)
        if sample_weight.shape != values.shape:
            sample_weight = ops.broadcast_to(sample_weight, values.shape)
        values = values * sample_weight
        sample_weight = _over(sample_weight, range(1, ndim), reduce)
    return _over(values, range(1, len(values.shape)), reduce), sample_weight


def _over(x, axes, reduce):
    return reduce(x, axis=tuple(axes)) if len(axes) else x


@public("metrics.Sum")
class Sum(Metric):
    """The (weighted) sum of values.

    Args:
        {common}

    >>> metric = Sum()
    >>> metric.update_state([1.0, 3.0, 5.0])
    >>> float(metric.result())
    9.0
    """

    def __init__(self, name="sum", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values, sample_weight=None):
        """Add `values`, of any shape, times `sample_weight`."""
        values, _ = reduce_to_samplewise_values(values, sample_weight, ops.sum, self.dtype)
        self.total.assign(self.total + ops.sum(values))

    def result(self):
        """The sum so far."""
        return ops.cast(self.total, self.dtype)


@public("metrics.Mean")
class Mean(Metric):
    """The (weighted) mean of values.

    Args:
        {common}

    >>> metric = Mean()
    >>> metric.update_state([1.0, 3.0], sample_weight=[1.0, 3.0])
    >>> float(metric.result())
    2.5
    """

    def __init__(self, name="mean", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values, sample_weight=None):
        """Add `values`, of any shape, weighted by `sample_weight`: each sample's mean counts."""
        values, sample_weight = reduce_to_samplewise_values(
            values, sample_weight, ops.mean, self.dtype)
        self.total.assign(self.total + ops.sum(values))
        if sample_weight is not None:
            samples = ops.sum(sample_weight)
        else:
            samples = values.shape[0] if values.shape else 1
        self.count.assign(self.count + samples)

    def reset_state(self):
        """Forget all values."""
        self.total.assign(0)
        self.count.assign(0)

    def result(self):
        """The mean so far; 0 if there were no values."""
        return ops.divide_no_nan(self.total, self.count)


@public("metrics.MeanMetricWrapper")
class MeanMetricWrapper(Mean):
    """The mean of a function of targets and predictions.

    Args:
        fn: `fn(y_true, y_pred, **kwargs)`, a value for each sample.
        {common}
        **kwargs: further arguments of `fn`.

    >>> metric = MeanMetricWrapper(lambda y_true, y_pred: ops.abs(y_true - y_pred), name="gap")
    >>> metric.update_state(ops.array([1.0, 2.0]), ops.array([1.0, 4.0]))
    >>> float(metric.result())
    1.0
    """

    # Parameters that Keras leaves out of the configuration: here only while they have the default.
    unsaved_defaults = ()

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype)
        self._fn, self._fn_kwargs = fn, kwargs

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch; a mask on `y_pred` leaves samples out."""
        mask = mask_of(y_pred)
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        if mask is not None:
            sample_weight = apply_mask(sample_weight, mask, self.dtype, "sum")
        return super().update_state(values, sample_weight)

    def get_config(self):
        """Constructor arguments that make the same metric again."""
        config = super().get_config()
        parameters = inspect.signature(type(self).__init__).parameters
        if "fn" in parameters:
            config["fn"] = serialize_keras_object(self._fn)
        for name, value in self._fn_kwargs.items():
            default = parameters[name].default if name in parameters else inspect.Parameter.empty
            if name not in self.unsaved_defaults or value != default:
                config[name] = serialize_keras_object(value)
        return config

    @classmethod
    def from_config(cls, config):
        """A metric from what `get_config` gave."""
        if "fn" in config:
            config = {**config, "fn": deserialize_keras_object(config["fn"])}
        return cls(**config)
