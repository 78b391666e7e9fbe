"""Regularizers: penalties on weights or outputs that are added to the loss. `r(x)` is a scalar."""

import math

from minikeras import ops
from minikeras.api import namespaces
from minikeras.api.registry import public
from minikeras.core.serialization import Family


@public("regularizers.Regularizer", "Regularizer")
class Regularizer:
    """Base of regularizers: define `__call__(x)`, and `get_config` if it has arguments.

    >>> class Cubes(Regularizer):
    ...     def __call__(self, x):
    ...         return ops.sum(ops.absolute(x) ** 3)
    >>> float(Cubes()([1.0, -2.0]))
    9.0
    """

    def __call__(self, x):
        """The penalty on x, a scalar tensor; 0 unless a subclass defines it."""
        return 0.0

    def get_config(self):
        """Constructor arguments that make the same regularizer again."""
        raise NotImplementedError(f"{type(self).__name__} does not define `get_config()`.")

    @classmethod
    def from_config(cls, config):
        """A regularizer from what `get_config` gave."""
        return cls(**config)


@public("regularizers.L1L2", "regularizers.l1_l2")
class L1L2(Regularizer):
    """l1 sum |x| + l2 sum x**2.

    >>> float(L1L2(l1=1.0, l2=0.5)([3.0, -4.0]))
    19.5
    """

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = _penalty("l1", 0.0 if l1 is None else l1)
        self.l2 = _penalty("l2", 0.0 if l2 is None else l2)

    def __call__(self, x):
        total = 0.0
        if self.l1:
            total = total + self.l1 * ops.sum(ops.absolute(x))
        if self.l2:
            total = total + self.l2 * ops.sum(ops.square(x))
        return ops.convert_to_tensor(total)

    def get_config(self):
        return {"l1": self.l1, "l2": self.l2}


@public("regularizers.L1", "regularizers.l1")
class L1(Regularizer):
    """l1 sum |x|: drives weights to 0.

    >>> float(L1(0.5)([3.0, -4.0]))
    3.5
    """

    def __init__(self, l1=0.01):
        self.l1 = _penalty("l1", 0.01 if l1 is None else l1)

    def __call__(self, x):
        return self.l1 * ops.sum(ops.absolute(x))

    def get_config(self):
        return {"l1": self.l1}


@public("regularizers.L2", "regularizers.l2")
class L2(Regularizer):
    """l2 sum x**2: keeps weights small.

    >>> float(L2(0.5)([3.0, -4.0]))
    12.5
    """

    def __init__(self, l2=0.01):
        self.l2 = _penalty("l2", 0.01 if l2 is None else l2)

    def __call__(self, x):
        return self.l2 * ops.sum(ops.square(x))

    def get_config(self):
        return {"l2": self.l2}


@public("regularizers.OrthogonalRegularizer", "regularizers.orthogonal_regularizer")
class OrthogonalRegularizer(Regularizer):
    """factor times the mean |cosine| of the angles between rows, or columns, of a matrix.

    >>> float(OrthogonalRegularizer(1.0)([[1.0, 0.0], [0.0, 2.0]]))
    0.0
    """

    def __init__(self, factor=0.01, mode="rows"):
        if mode not in ("rows", "columns"):
            raise ValueError(f"`mode` must be 'rows' or 'columns'. Received: mode={mode!r}")
        self.factor, self.mode = _penalty("factor", factor), mode

    def __call__(self, inputs):
        inputs = ops.convert_to_tensor(inputs)
        if len(inputs.shape) != 2:
            raise ValueError(
                "Inputs to OrthogonalRegularizer must have rank 2. "
                f"Received: inputs.shape={tuple(inputs.shape)}"
            )
        rows = inputs if self.mode == "rows" else ops.transpose(inputs)
        n = rows.shape[0]
        squared = ops.sum(ops.square(rows), axis=1, keepdims=True)
        unit = rows / ops.sqrt(ops.maximum(squared, 1e-12))  # a row of zeros stays, gradient 0
        cosines = ops.matmul(unit, ops.transpose(unit))
        others = ops.absolute(cosines) * (1.0 - ops.eye(n, dtype=unit.dtype))
        pairs = max(n * (n - 1) / 2, 1)
        return self.factor * 0.5 * ops.sum(others) / pairs

    def get_config(self):
        return {"factor": self.factor, "mode": self.mode}


def _penalty(name, value):
    """A penalty's factor: finite and not negative."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:
        raise ValueError(
            f"`{name}` of a regularizer must be a non-negative number. Received: {name}={value}"
        )
    return float(value)


# ---------------------------------------------------------------- by name
_FAMILY = Family("regularizer", "regularizers")


@public("regularizers.serialize")
def serialize(regularizer):
    """The configuration of a regularizer.

    >>> serialize(L2(0.5))["config"]
    {'l2': 0.5}
    """
    return _FAMILY.serialize(regularizer)


@public("regularizers.deserialize")
def deserialize(config, custom_objects=None):
    """The regularizer of a configuration.

    >>> deserialize(serialize(L2(0.5))).l2
    0.5
    """
    return _FAMILY.deserialize(config, custom_objects)


@public("regularizers.get")
def get(identifier):
    """A regularizer from its name, configuration, class or itself.

    >>> get("l2").l2
    0.01
    """
    return _FAMILY.get(identifier)


__getattr__, __dir__, __all__ = namespaces.lazy("regularizers")
