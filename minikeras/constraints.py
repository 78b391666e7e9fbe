"""Constraints: what weights are put back to after every update. `constraint(w)` is the new w.

The norm is taken along `axis`: 0 for (inputs, units), one weight vector a unit; (0, 1, 2) for the
filters of a (height, width, channels, filters) convolution.
"""

from minikeras import config, ops
from minikeras.api import namespaces
from minikeras.api.registry import public
from minikeras.core.serialization import Family


@public("constraints.Constraint")
class Constraint:
    """Base of constraints: define `__call__(w)`, and `get_config` if it has arguments.

    >>> class AtMostOne(Constraint):
    ...     def __call__(self, w):
    ...         return ops.minimum(w, 1.0)
    >>> AtMostOne()([0.5, 3.0]).tolist()
    [0.5, 1.0]
    """

    def __call__(self, w):
        """The weights, projected; as they are unless a subclass defines it."""
        return ops.convert_to_tensor(w)

    def get_config(self):
        """Constructor arguments that make the same constraint again."""
        return {}

    @classmethod
    def from_config(cls, config):
        """A constraint from what `get_config` gave."""
        return cls(**config)


def _norm(w, axis):
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


@public("constraints.MaxNorm", "constraints.max_norm")
class MaxNorm(Constraint):
    """Vectors longer than `max_value` are shortened to it.

    Reference: N. Srivastava et al. (2014), Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting.

    >>> [round(float(x), 3) for x in MaxNorm(1.0)([[3.0], [4.0]])[:, 0]]
    [0.6, 0.8]
    """

    def __init__(self, max_value=2, axis=0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        norm = _norm(w, self.axis)
        return w * (ops.clip(norm, 0, self.max_value) / (norm + config.epsilon()))

    def get_config(self):
        return {"max_value": self.max_value, "axis": self.axis}


@public("constraints.NonNeg", "constraints.non_neg")
class NonNeg(Constraint):
    """Negative weights become 0.

    >>> NonNeg()([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        return ops.where(w >= 0, w, ops.zeros_like(w))


@public("constraints.UnitNorm", "constraints.unit_norm")
class UnitNorm(Constraint):
    """Vectors get length 1.

    >>> [round(float(x), 3) for x in UnitNorm()([[3.0], [4.0]])[:, 0]]
    [0.6, 0.8]
    """

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        return w / (_norm(w, self.axis) + config.epsilon())

    def get_config(self):
        return {"axis": self.axis}


@public("constraints.MinMaxNorm", "constraints.min_max_norm")
class MinMaxNorm(Constraint):
    """Lengths are moved into [min_value, max_value], by a fraction `rate` of the way.

    >>> [round(float(x), 3) for x in MinMaxNorm(0.0, 1.0)([[3.0], [4.0]])[:, 0]]
    [0.6, 0.8]
    """

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        norm = _norm(w, self.axis)
        inside = ops.clip(norm, self.min_value, self.max_value)
        desired = self.rate * inside + (1 - self.rate) * norm
        return w * (desired / (norm + config.epsilon()))

    def get_config(self):
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


# ---------------------------------------------------------------- by name
_FAMILY = Family("constraint", "constraints")


@public("constraints.serialize")
def serialize(constraint):
    """The configuration of a constraint.

    >>> serialize(UnitNorm(1))["config"]
    {'axis': 1}
    """
    return _FAMILY.serialize(constraint)


@public("constraints.deserialize")
def deserialize(config, custom_objects=None):
    """The constraint of a configuration.

    >>> deserialize(serialize(UnitNorm(1))).axis
    1
    """
    return _FAMILY.deserialize(config, custom_objects)


@public("constraints.get")
def get(identifier):
    """A constraint from its name, configuration, class or itself.

    >>> type(get("non_neg")).__name__
    'NonNeg'
    """
    return _FAMILY.get(identifier)


__getattr__, __dir__, __all__ = namespaces.lazy("constraints")
