"""Variable: a tensor that can be assigned to, with a name and a place in a model."""

import math

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.arrays import (
    Device,
    asarray,
    current_device,
    device_of,
    library_of,
    to_host,
    transfer,
)
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.op import leaf
from minikeras.core.operators import OPS, Operators
from minikeras.core.scopes import auto_name, current_path, homes, settings, state
from minikeras.core.tensor import Convertible, Tensor, default_dtype, to_tensor

AGGREGATIONS = (None, "none", "mean", "sum", "only_first_replica")
SYNCHRONIZATIONS = (None, "none", "on_read", "on_write", "auto")


@public("Variable", "backend.Variable")
class Variable(Convertible, Operators):
    """State: weights, moving averages, counters, seeds.

    Args:
        initializer: an array, or a function `initializer(shape, dtype=...)`.
        shape: needed with a function.
        dtype: floatx unless given, or the array's.
        trainable: whether gradients are taken for it by default.
        autocast: whether it reads in a layer's compute dtype while the layer runs.
        aggregation: how replicas combine; kept for configs only.
        synchronization: as aggregation.
        name: default "variable", "variable_1", ...

    >>> v = Variable([1.0, 2.0])
    >>> v.assign_add([1.0, 1.0]).numpy().tolist()
    [2.0, 3.0]
    """

    aggregation = synchronization = "none"
    overwrite_with_gradient = False

    def __init__(
        self, initializer, shape=None, dtype=None, trainable=True, autocast=True,
        aggregation="none", synchronization="auto", name=None, layout=None, **kwargs,
    ):
        del kwargs, layout
        name = name or auto_name(type(self).__name__.lower())
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                "Argument `name` must be a string and cannot contain character `/`. "
                f"Received: name={name}"
            )
        for value, known, argument in (
            (aggregation, AGGREGATIONS, "aggregation"),
            (synchronization, SYNCHRONIZATIONS, "synchronization"),
        ):
            if value not in known:
                raise ValueError(
                    f"Invalid value for argument `{argument}`. Expected one of {known}. "
                    f"Received: {argument}={value}"
                )
        self._name, self._trainable = name, bool(trainable)
        self._born_trainable = self._trainable  # what thawing a frozen layer gives back
        parent = current_path()
        self._path = f"{parent}/{name}" if parent else name
        self.autocast, self.aggregation, self.synchronization = (
            bool(autocast), aggregation or "none", synchronization or "none",
        )
        self._regularizer = self._constraint = None
        self._watched = False
        self.leaf = leaf()
        tracer, state.tracer = state.tracer, None  # a variable made in a traced step has its value
        if tracer is not None:
            tracer.made_variables = True
        try:
            self._set(_initial(initializer, shape, dtype))
        finally:
            state.tracer = tracer

    def _set(self, array):
        self._array, self._home = array, None
        self._connect()

    def _connect(self):
        """A new tensor for reading; one that gradients are taken for, where that is wanted."""
        self._tensor = Tensor(
            self._array, self.leaf if self._trainable or self._watched else None)

    def _settle(self, home):
        """From here on the values are in memory that programs write to in place (see homes)."""
        self._array = self._home = home
        self._shown = -1

    def _reconnect(self):
        if self._home is None:
            self._connect()
        else:
            self._shown = -1

    def _snapshot(self):
        """The value as a tensor that stays as it is when a program writes to the home."""
        if self._shown != homes.writes:
            self._tensor = Tensor(
                self._home.copy(), self.leaf if self._trainable or self._watched else None)
            self._shown = homes.writes
        return self._tensor

    # ------------------------------------------------------------ reading
    def tensor(self):
        """The value as a Tensor, in the dtype of the running layer (see `autocast`)."""
        if state.depth:
            for tape in state.tapes:
                if tape.watch_accessed_variables and self._trainable:
                    tape._accessed[id(self)] = self
        if state.tracer is not None:
            value = state.tracer.read(self)
        else:
            value = self._tensor if self._home is None else self._snapshot()
        if state.stateless is not None:
            own = state.stateless.get_current_value(self)
            if own is not None:
                value = own if isinstance(own, Tensor) else to_tensor(own)
        if self.autocast and state.autocast is not None and state.autocast != value.dtype:
            if dtypes.is_float(value.dtype):
                return OPS["cast"](value, state.autocast)
        if state.depth and not state.tapes[-1].watch_accessed_variables and not self._watched:
            return Tensor(value._value)
        return value

    value = property(tensor)

    def watch(self):
        """Take gradients with respect to it though it is not trainable."""
        self._watched = True
        self._reconnect()

    def numpy(self):
        """A copy of the value as a NumPy array."""
        return self.tensor().numpy()

    def __array__(self, dtype=None, copy=None):
        value = to_host(self.tensor()._value)
        return value.astype(dtype or value.dtype, copy=True)

    # ------------------------------------------------------------ writing
    def assign(self, value):
        """Set the value; shapes must agree. Returns the variable."""
        value = self._converted(value)
        if tuple(value.shape) != self.shape:
            raise ValueError(
                "The shape of the target variable and the shape of the target value in "
                f"`variable.assign(value)` must match. variable.shape={self.shape}, "
                f"Received: value.shape={tuple(value.shape)}. Target variable: {self.path}"
            )
        if isinstance(value, KerasTensor):
            return self  # the shapes of a layer's call are being inferred
        if state.stateless is not None:
            state.stateless.add_update((self, value))
        elif state.tracer is not None:
            state.tracer.assign(self, value)
        elif self._home is not None:
            self._home[...] = value._value
            self._shown = -1
        else:
            self._set(value._value)
        return self

    def _converted(self, value):
        if isinstance(value, KerasTensor) and state.symbolic:
            return value
        own = not isinstance(value, (Tensor, Variable))
        value = to_tensor(value, self._array.dtype, library_of(self._array))
        return Tensor(value._value.copy()) if own else value  # the caller may write to its array

    def assign_add(self, value):
        """Add to the value."""
        return self.assign(self._uncast() + self._converted(value))

    def assign_sub(self, value):
        """Subtract from the value."""
        return self.assign(self._uncast() - self._converted(value))

    def _uncast(self):
        outer, state.autocast = state.autocast, None
        try:
            return self.tensor()
        finally:
            state.autocast = outer

    def to(self, device):
        """Move the value to another device, in place."""
        self._set(transfer(self._array, Device.parse(device)))

    # ------------------------------------------------------------ facts
    @property
    def shape(self):
        return tuple(self._array.shape)

    @property
    def ndim(self):
        return self._array.ndim

    @property
    def size(self):
        return self._array.size

    @property
    def dtype(self):
        """Name of the dtype it reads as: its own, or the running layer's compute dtype."""
        own = self._array.dtype
        if self.autocast and state.autocast is not None and dtypes.is_float(own):
            return dtypes.name_of(state.autocast)
        return dtypes.name_of(own)

    @property
    def device(self):
        return str(device_of(self._array))

    @property
    def name(self):
        return self._name

    @property
    def path(self):
        """The name with those of the layers it belongs to, joined by '/'."""
        return self._path

    @property
    def trainable(self):
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        if self._trainable != bool(value):
            settings.flags += 1
        self._trainable = bool(value)
        self._reconnect()

    @property
    def regularizer(self):
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value):
        self._regularizer = _callable_or_none(value, "regularizer")

    @property
    def constraint(self):
        return self._constraint

    @constraint.setter
    def constraint(self, value):
        self._constraint = _callable_or_none(value, "constraint")

    def __repr__(self):
        return (
            f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, "
            f"value={to_host(self._array)}>"
        )

    def __len__(self):
        return len(self.tensor())

    def __iter__(self):
        return iter(self.tensor())

    def __bool__(self):
        return bool(self.tensor())

    def __float__(self):
        return float(self.tensor())

    def __int__(self):
        return int(self.tensor())

    def __index__(self):
        return self.tensor().__index__()

    def __format__(self, spec):
        return format(self.tensor() if not self.shape else repr(self), spec)

    def __getstate__(self):
        held = dict(self.__dict__)
        held["_array"] = to_host(self._array).copy()
        for name in ("leaf", "_tensor", "_home", "_shown"):
            held.pop(name, None)
        return held

    def __setstate__(self, held):
        self.__dict__.update(held)
        self.leaf = leaf()
        self._set(asarray(held["_array"], held["_array"].dtype, current_device().library))


def _callable_or_none(value, what):
    if value is not None and not callable(value):
        raise ValueError(f"Invalid value for attribute `{what}`. Received: {value}")
    return value


def _initial(initializer, shape, dtype):
    """A new array for a variable."""
    library = current_device().library
    if callable(initializer):
        if shape is None:
            raise ValueError(
                "When creating a Variable from an initializer, the `shape` argument should be "
                f"specified. Received: initializer={initializer} and shape={shape}"
            )
        shape = tuple(shape) if hasattr(shape, "__iter__") else (shape,)
        dtype = dtypes.canonical(dtype)
        if state.loading is not None:
            state.loading.take(math.prod(shape) * dtype.itemsize)
            if getattr(initializer, "draws", False):  # the file's values will replace them
                return library.zeros(shape, dtype)
        value = to_tensor(initializer(shape, dtype=dtype.name), dtype)
        if tuple(value.shape) != shape:
            raise ValueError(
                f"The initializer gave a value of shape {tuple(value.shape)} for a variable of "
                f"shape {shape}."
            )
    else:
        dtype = default_dtype(initializer) if dtype is None else dtypes.canonical(dtype)
        value = to_tensor(initializer, dtype, library)
        if shape is not None and tuple(shape) != tuple(value.shape):
            raise ValueError(
                f"`shape` {tuple(shape)} is not that of the value, {tuple(value.shape)}."
            )
    array = value._value
    return array.copy() if array.base is not None or not callable(initializer) else array
