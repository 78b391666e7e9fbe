"""Metric: state that batches add to, and the result made of it."""

from minikeras import config as settings
from minikeras import dtype_policies, initializers, ops
from minikeras.api.registry import public
from minikeras.core.operation import to_snake_case
from minikeras.core.scopes import StatelessScope, auto_name, name_scope
from minikeras.core.serialization import Family
from minikeras.core.variable import Variable

FAMILY = Family("metric", "metrics", aliases={
    "mse": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "bce": "BinaryCrossentropy",
    "MSE": "MeanSquaredError",
    "MAE": "MeanAbsoluteError",
    "MAPE": "MeanAbsolutePercentageError",
    "MSLE": "MeanSquaredLogarithmicError",
    "BCE": "BinaryCrossentropy",
})
COMMON = """name: name of the metric.
        dtype: dtype, or policy, of its state and computation; default floatx."""


@public("Metric", "metrics.Metric")
class Metric:
    """Base of metrics.

    A subclass makes its state with `add_variable` in its constructor, adds a batch to it in
    `update_state(y_true, y_pred, sample_weight=None)` and computes the value in `result()`.
    `reset_state()` empties it, at the start of each epoch. Calling a metric updates it and gives
    the result.

    Args:
        dtype: dtype, or policy, of its state and computation; default floatx.
        name: name of the metric.

    >>> class Largest(Metric):
    ...     def __init__(self, name="largest"):
    ...         super().__init__(name=name)
    ...         self.value = self.add_variable((), "zeros", name="value")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.value.assign(ops.maximum(self.value, ops.max(y_pred)))
    ...     def result(self):
    ...         return self.value
    >>> metric = Largest()
    >>> metric.update_state(None, ops.array([3.0, 1.0]))
    >>> float(metric.result())
    3.0
    """

    _direction = None  # "up" or "down": which way is better, for callbacks that stop or save

    def __init__(self, dtype=None, name=None):
        self.name = name or auto_name(to_snake_case(type(self).__name__))
        self._dtype_policy = dtype_policies.get(dtype or settings.floatx())
        self._dtype = self._dtype_policy.compute_dtype

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.__doc__ and "{common}" in cls.__doc__:
            cls.__doc__ = cls.__doc__.replace("{common}", COMMON)

    def __setattr__(self, name, value):
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, Variable):
                self._track(item, "_variables")
            elif isinstance(item, Metric):
                self._track(item, "_metrics")
        object.__setattr__(self, name, value)

    def _track(self, item, where):
        held = self.__dict__.setdefault(where, [])
        if not any(item is h for h in held):
            held.append(item)

    @property
    def dtype(self):
        """Name of the dtype of its state and computation."""
        return self._dtype

    @property
    def variables(self):
        """Its state, with that of metrics inside it."""
        own = list(self.__dict__.get("_variables", ()))
        for metric in self.__dict__.get("_metrics", ()):
            own += metric.variables
        return own

    def add_variable(self, shape, initializer, dtype=None, aggregation="sum", name=None):
        """A new state variable.

        Args:
            shape: its shape.
            initializer: name, or `initializer(shape, dtype)`.
            dtype: default the metric's.
            aggregation: how replicas would combine.
            name: its name, below the metric's.
        """
        with name_scope(self.name.replace("/", "_"), caller=self):
            variable = Variable(
                initializers.get(initializer), shape=shape, dtype=dtype or self.dtype,
                trainable=False, aggregation=aggregation, name=name)
        self._track(variable, "_variables")
        return variable

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None):
        """`add_variable`, by its older name."""
        return self.add_variable(shape, initializer or "zeros", dtype=dtype, name=name)

    def update_state(self, *args, **kwargs):
        """Add a batch to the state."""
        raise NotImplementedError(f"{type(self).__name__} must define `update_state`.")

    def result(self):
        """The value of the batches since the last reset: a tensor, or a dictionary of them."""
        raise NotImplementedError(f"{type(self).__name__} must define `result`.")

    def reset_state(self):
        """Set every state variable to 0."""
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))

    def __call__(self, *args, **kwargs):
        self.update_state(*args, **kwargs)
        return self.result()

    # ------------------------------------------------------------ without side effects
    def stateless_update_state(self, metric_variables, *args, **kwargs):
        """The values that `update_state` would give the state, from the values given.

        Args:
            metric_variables: values of `variables`, in their order.

        Returns:
            List of the new values.
        """
        with StatelessScope(self._mapping(metric_variables)) as scope:
            self.update_state(*args, **kwargs)
        return [scope.get_current_value(v) for v in self.variables]

    def stateless_result(self, metric_variables):
        """The result for the values of `variables` given."""
        with StatelessScope(self._mapping(metric_variables)):
            return ops_value(self.result())

    def stateless_reset_state(self):
        """The values of `variables` after a reset."""
        with StatelessScope() as scope:
            self.reset_state()
        return [scope.get_current_value(v) if scope.get_current_value(v) is not None else v.value
                for v in self.variables]

    def _mapping(self, values):
        variables, values = self.variables, list(values)
        if len(values) != len(variables):
            raise ValueError(
                f"Argument `metric_variables` must be a list with one value for each of the "
                f"variables of {type(self).__name__} {self.name!r}, in the order of "
                f"`metric.variables`. Expected {len(variables)}. Received: {len(values)}"
            )
        return [(v, ops.convert_to_tensor(value)) for v, value in zip(variables, values)]

    # ------------------------------------------------------------ configuration
    def get_config(self):
        """Constructor arguments that make the same metric again."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config):
        """A metric from what `get_config` gave."""
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


def ops_value(result):
    """A result that may be a Variable, as a tensor read now."""
    return result.value if isinstance(result, Variable) else result


# ---------------------------------------------------------------- the family
@public("metrics.serialize")
def serialize(metric):
    """The configuration of a metric or metric function.

    >>> serialize("mse")
    'mse'
    """
    return FAMILY.serialize(metric)


@public("metrics.deserialize")
def deserialize(config, custom_objects=None):
    """The metric of a configuration or name.

    >>> deserialize("mse").name
    'mean_squared_error'
    """
    return FAMILY.deserialize(config, custom_objects)


@public("metrics.get")
def get(identifier):
    """A metric from its name ("mse", "MeanSquaredError"), class, configuration, or itself.

    Raises:
        ValueError: if nothing is known by that name.

    >>> get("AUC").curve
    'ROC'
    """
    return FAMILY.get(identifier)
