"""Loss: values per sample, weighted, masked and reduced to one number."""

import inspect

from minikeras import config as settings
from minikeras import dtype_policies, dtypes, ops, tree
from minikeras.api.registry import public
from minikeras.core.operation import to_snake_case
from minikeras.core.scopes import auto_name, name_scope
from minikeras.core.serialization import Family, deserialize_keras_object, serialize_keras_object
from minikeras.core.shape_rules import count

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)
COMMON = """reduction: how the values become one number: "sum_over_batch_size" or "mean" (their
            sum divided by their count), "sum", "mean_with_sample_weight" (their sum divided by
            that of the weights), None or "none" (left as they are).
        name: name of the loss.
        dtype: dtype, or policy, that it computes in; default floatx."""

FAMILY = Family("loss", "losses", functions=True, aliases={
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "MSE": "mean_squared_error",
    "MAE": "mean_absolute_error",
    "MAPE": "mean_absolute_percentage_error",
    "MSLE": "mean_squared_logarithmic_error",
    "BCE": "binary_crossentropy",
    "KLD": "kl_divergence",
})


@public("Loss", "losses.Loss")
class Loss:
    """Base of losses: subclasses define `call(y_true, y_pred)`, a value for each sample.

    Calling it with `y_true`, `y_pred` and, optionally, `sample_weight` (a factor for each value of
    `call`, or for each sample) gives the reduced loss. A mask on `y_pred` leaves values out: they
    count neither in the sum nor in what it is divided by.

    Args:
        name: name of the loss.
        reduction: see below.
        dtype: dtype that it computes in; default floatx.

    `reduction` is "sum_over_batch_size" or "mean" (the sum of the values divided by their count),
    "sum", "mean_with_sample_weight" (divided by the sum of the weights), None or "none".

    >>> class Cubed(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return ops.mean(ops.abs(y_true - y_pred) ** 3, axis=-1)
    >>> float(Cubed()([[0.0], [0.0]], [[1.0], [2.0]]))
    4.5
    """

    casts_targets = True  # whether y_true is brought to the loss's dtype

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"Invalid value for argument `reduction` of {type(self).__name__}. Expected one of "
                f"{REDUCTIONS}. Received: reduction={reduction}"
            )
        self.name = name or auto_name(to_snake_case(type(self).__name__))
        self.reduction = reduction
        self._given_dtype = dtype
        self._dtype_policy = dtype_policies.get(dtype or settings.floatx())
        self._dtype = self._dtype_policy.compute_dtype

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.__doc__ and "{common}" in cls.__doc__:
            cls.__doc__ = cls.__doc__.replace("{common}", COMMON)

    @property
    def dtype(self):
        """Name of the dtype that it computes in."""
        return self._dtype

    def call(self, y_true, y_pred):
        """Values of the loss, one a sample; to be defined."""
        raise NotImplementedError(f"{type(self).__name__} must define `call(y_true, y_pred)`.")

    def __call__(self, y_true, y_pred, sample_weight=None):
        mask = mask_of(y_pred)
        with name_scope(self.name.replace("/", "_")):
            y_pred = as_tensors(y_pred, self._dtype)
            y_true = as_tensors(y_true, self._dtype if self.casts_targets else None)
            values = self.call(y_true, y_pred)
            own = mask_of(values)
            if own is not None:
                mask = own if mask is None else ops.logical_and(own, mask)
            return reduce_weighted_values(
                values, sample_weight, mask, self.reduction, dtype=self._dtype)

    def get_config(self):
        """Constructor arguments that make the same loss again."""
        config = {"name": self.name, "reduction": self.reduction}
        if self._given_dtype is not None and self._dtype != settings.floatx():
            config["dtype"] = self._dtype
        return config

    @classmethod
    def from_config(cls, config):
        """A loss from what `get_config` gave."""
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, reduction={self.reduction}>"


class LossFunctionWrapper(Loss):
    """A loss of a function `fn(y_true, y_pred, **kwargs)` that gives a value for each sample."""

    # Parameters that Keras leaves out of the configuration: here only while they have the default.
    unsaved_defaults = ()

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn, self._fn_kwargs = fn, kwargs

    def call(self, y_true, y_pred):
        """`fn` of targets and predictions that were brought to the same rank."""
        if tree.is_nested(y_pred):
            pairs = [squeeze_or_expand_to_same_rank(t, p)
                     for t, p in zip(tree.flatten(y_true), tree.flatten(y_pred))]
            y_true = tree.pack_sequence_as(y_true, [t for t, _ in pairs])
            y_pred = tree.pack_sequence_as(y_pred, [p for _, p in pairs])
        else:
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self):
        """Constructor arguments that make the same loss again."""
        config = super().get_config()
        parameters = inspect.signature(type(self).__init__).parameters
        if "fn" in parameters:
            config["fn"] = serialize_keras_object(self.fn)
        for name, value in self._fn_kwargs.items():
            default = parameters[name].default if name in parameters else inspect.Parameter.empty
            if name not in self.unsaved_defaults or value != default:
                config[name] = value
        return config

    @classmethod
    def from_config(cls, config):
        """A loss from what `get_config` gave."""
        if "fn" in config:
            config = {**config, "fn": deserialize_keras_object(config["fn"])}
        return cls(**config)


def as_tensors(x, dtype=None):
    """A structure with tensors as its leaves; a list of numbers is one tensor."""
    if isinstance(x, dict):
        return {key: as_tensors(value, dtype) for key, value in x.items()}
    if isinstance(x, (list, tuple)) and any(isinstance(v, dict) or hasattr(v, "shape") for v in x):
        parts = [as_tensors(value, dtype) for value in x]
        return tuple(parts) if isinstance(x, tuple) else parts
    return ops.convert_to_tensor(x, dtype=dtype)


# ---------------------------------------------------------------- shapes
def mask_of(x):
    """The mask that a layer left on a tensor; None if there is none."""
    return getattr(x, "_keras_mask", None)


def squeeze_or_expand_to_same_rank(x1, x2, expand_rank_1=True):
    """(N,) beside (N, 1), or (..., 1) beside (...), in one rank; others unchanged.

    Broadcasting (N,) against (N, 1) would silently give (N, N).
    """
    rank1, rank2 = len(x1.shape), len(x2.shape)
    if rank1 == rank2 + 1 and x1.shape[-1] == 1:
        if rank2 == 1 and expand_rank_1:
            x2 = ops.expand_dims(x2, -1)
        else:
            x1 = ops.squeeze(x1, -1)
    elif rank2 == rank1 + 1 and x2.shape[-1] == 1:
        if rank1 == 1 and expand_rank_1:
            x1 = ops.expand_dims(x1, -1)
        else:
            x2 = ops.squeeze(x2, -1)
    return x1, x2


def operands(y_true, y_pred):
    """Both as floating tensors of the predictions' dtype and of one rank."""
    y_pred = ops.convert_to_tensor(y_pred)
    if y_pred.dtype != "bool" and not dtypes.is_float(y_pred.dtype):
        y_pred = ops.cast(y_pred, settings.floatx())
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    return squeeze_or_expand_to_same_rank(y_true, y_pred)


# ---------------------------------------------------------------- reduction
def _count(x):
    """Number of elements, as a float."""
    return float(count(x.shape, range(len(x.shape))))


def apply_mask(sample_weight, mask, dtype, reduction):
    """Weights that are 0 where the mask is False.

    For means they are scaled by count / unmasked count, so that dividing by the count divides by
    that of the values that are left.
    """
    if mask is None:
        return sample_weight
    mask = ops.cast(mask, dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        left = ops.sum(mask)
        mask = mask * (_count(mask) / (left + ops.cast(ops.equal(left, 0), dtype)))
    if sample_weight is None:
        return mask
    mask, sample_weight = squeeze_or_expand_to_same_rank(mask, ops.cast(sample_weight, dtype))
    return sample_weight * mask


def reduce_weighted_values(
    values, sample_weight=None, mask=None, reduction="sum_over_batch_size", dtype=None
):
    """Weighted values reduced to one number; what `mask` leaves out counts nowhere."""
    values = ops.convert_to_tensor(values, dtype=dtype)
    if sample_weight is not None:
        sample_weight = ops.convert_to_tensor(sample_weight, dtype=dtype)
    sample_weight = apply_mask(sample_weight, mask, values.dtype, reduction)
    if sample_weight is not None:
        sample_weight = ops.cast(sample_weight, values.dtype)
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        values = values * sample_weight
    if reduction in (None, "none") or not len(values.shape):
        return values
    if reduction == "sum" or not _count(values):  # the mean of no values is 0
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        return divide_or_zero(ops.sum(values), ops.sum(sample_weight))
    return ops.mean(values)


def divide_or_zero(total, divisor):
    """total / divisor, and 0 where the divisor is 0: a batch whose weights are all 0."""
    none = ops.equal(divisor, 0)
    return ops.where(none, 0.0, total / ops.where(none, 1.0, divisor))


# ---------------------------------------------------------------- the family
@public("losses.serialize")
def serialize(loss):
    """The configuration of a loss or of a loss function.

    >>> serialize("mse")
    'mse'
    """
    return FAMILY.serialize(loss)


@public("losses.deserialize")
def deserialize(name, custom_objects=None):
    """The loss of a configuration or name.

    >>> deserialize("mse").__name__
    'mean_squared_error'
    """
    return FAMILY.deserialize(name, custom_objects)


@public("losses.get")
def get(identifier):
    """A loss from its name ("mse", "MeanSquaredError"), class, configuration, or itself.

    Raises:
        ValueError: if nothing is known by that name.

    >>> get("MeanSquaredError").name
    'mean_squared_error'
    """
    return FAMILY.get(identifier)
