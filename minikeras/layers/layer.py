"""Layer: the base of all layers and models."""

from minikeras import dtype_policies, regularizers, tree
from minikeras.api.registry import public
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.operation import Operation
from minikeras.core.program.attributes import was_set, watched
from minikeras.core.scopes import StatelessScope, current_path, state
from minikeras.core.tensor import Tensor, to_tensor
from minikeras.core.variable import Variable
from minikeras.layers.building import wrapped_build
from minikeras.layers.calling import Calling
from minikeras.layers.configuration import Configured, input_shape_argument
from minikeras.layers.tracking import NEVER, STATE_KINDS, Tracker
from minikeras.layers.weights import Weights
from minikeras.metrics.metric import Metric
from minikeras.random.seed import SeedGenerator

_ABSENT = object()
NO_QUANTIZATION = "Quantization is not supported by minikeras; layers compute in floating point."


@public("layers.Layer", "Layer")
@watched
class Layer(Calling, Weights, Configured, Tracker, Operation):
    """State and computation: weights made in `build`, used in `call`.

    Subclasses define `__init__` (store arguments), `build(input_shape)` (make weights with
    `add_weight`) and `call(inputs)` (compute, with keras.ops).

    Args:
        activity_regularizer: regularizer of the outputs; its penalty over the batch size is a loss.
        trainable: whether the weights are to be trained.
        dtype: name of a dtype or a DTypePolicy.
        autocast: whether floating inputs are cast to the compute dtype.
        name: default: the class's name in snake case, numbered.

    >>> import minikeras as keras
    >>> class Scale(keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale()(keras.ops.ones((2, 3))).shape
    (2, 3)
    """

    input_spec = None
    _open_ended = True  # not inherited: subclasses of users have arguments of their own
    _locks = True  # whether the layer takes no more weights and sublayers once it is built

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = wrapped_build(cls.__dict__["build"])

    def __init__(
        self, *, activity_regularizer=None, trainable=True, dtype=None, autocast=True, name=None,
        **kwargs,
    ):
        self._own_variables, self._losses, self._tracked = [], [], {}
        self._input_shape_argument = input_shape_argument(type(self).__name__, kwargs)
        super().__init__(name=name)
        self._trainable, self.autocast, self.built = bool(trainable), autocast, False
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._dtype_policy = dtype_policies.get(dtype)
        self._supports_masking = False
        self._build_shapes = None
        self._parent_path = current_path()

    # ------------------------------------------------------------ attributes
    def _kinds(self):
        return (Layer, *STATE_KINDS)

    def __setattr__(self, name, value):
        before = self.__dict__.get(name, _ABSENT)
        if not (value is None or type(value) in (bool, int, float, str)) or name in self.__dict__:
            if "_own_variables" not in self.__dict__ and isinstance(value, (Layer, Variable)):
                raise RuntimeError(
                    f"In layer {type(self).__name__}, call `super().__init__()` at the beginning "
                    "of the constructor, before setting layers or variables as attributes."
                )
            if self._locked and name not in NEVER:
                self._refuse_state(value)
            self._note(name, value)
            if isinstance(value, Variable) and not any(v is value for v in self._own_variables):
                self._own_variables.append(value)
        object.__setattr__(self, name, value)
        was_set(self, name, before, value)

    def __delattr__(self, name):
        value = self.__dict__.get(name)
        self._own_variables[:] = [v for v in self._own_variables if v is not value]
        super().__delattr__(name)

    @property
    def _layers(self):
        """Direct sublayers, those in lists and dicts included."""
        return [x for x in self._found((Layer,)) if x is not self]

    def _flatten_layers(self, include_self=True, recursive=True):
        layers, seen = [], set()
        stack = [self] if include_self else list(self._layers)[::-1]
        while stack:
            layer = stack.pop()
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            layers.append(layer)
            if recursive or layer is self:
                stack += [x for x in reversed(layer._layers) if id(x) not in seen]
        return layers

    @property
    def _seed_generators(self):
        return self._found((SeedGenerator,))

    @property
    def _metrics(self):
        return self._found((Metric,))

    @property
    def path(self):
        """The name, with those of the layers around it."""
        return f"{self._parent_path}/{self.name}" if self._parent_path else self.name

    # ------------------------------------------------------------ dtypes
    @property
    def dtype_policy(self):
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value):
        self._dtype_policy = dtype_policies.get(value)

    @property
    def dtype(self):
        """Dtype of the weights."""
        return self.variable_dtype

    @property
    def compute_dtype(self):
        """Dtype the layer computes in."""
        return self._policy.compute_dtype

    @property
    def variable_dtype(self):
        """Dtype of the weights."""
        return self._policy.variable_dtype

    @property
    def input_dtype(self):
        """Dtype that floating inputs are cast to."""
        return self.compute_dtype

    @property
    def _policy(self):
        policy = self._dtype_policy
        if isinstance(policy, dtype_policies.DTypePolicyMap):
            return policy[self.path]
        return policy

    @property
    def supports_masking(self):
        """Whether masks are meant to go through the layer."""
        return self._supports_masking

    @supports_masking.setter
    def supports_masking(self, value):
        self._supports_masking = value

    # ------------------------------------------------------------ losses
    def add_loss(self, loss):
        """Add a scalar, or a list of them, to the losses of this forward pass."""
        for x in tree.flatten(loss):
            if isinstance(x, KerasTensor):
                continue
            if not isinstance(x, (Tensor, Variable)):
                raise ValueError(
                    "`add_loss()` takes a tensor or a list of them, in `build()` or `call()` of a "
                    f"layer. Received in layer '{self.name}': {x!r} of type "
                    f"{type(x).__name__}"
                )
            scope = state.stateless
            if scope is not None and scope.repeats:
                return
            if scope is not None and scope.collect_losses:
                scope.add_loss(x)
            self._losses.append(x)

    def _clear_losses(self):
        for layer in self._flatten_layers():
            if layer._losses:
                layer._losses.clear()

    @property
    def losses(self):
        """Losses of the last forward pass, and the regularizers' penalties."""
        found = []
        for layer in self._flatten_layers():
            found += layer._losses
        for v in self.trainable_weights:
            if v.regularizer is not None:
                found.append(v.regularizer(v))
        return found

    def _regularize(self, outputs):
        for y in tree.flatten(outputs):
            if isinstance(y, Tensor):
                batch = max(y.shape[0], 1) if y.shape else 1
                self.add_loss(self.activity_regularizer(y) / float(batch))

    # ------------------------------------------------------------ other members
    def stateless_call(
        self, trainable_variables, non_trainable_variables, *args, return_losses=False, **kwargs
    ):
        """Call with the given variables' values; the layer's own stay.

        Returns: (outputs, new non-trainable values), and the losses with `return_losses`.
        """
        self._require_built("stateless_call")
        from_given = list(zip(self.trainable_variables, trainable_variables))
        from_given += list(zip(self.non_trainable_variables, non_trainable_variables))
        expected = len(self.trainable_variables), len(self.non_trainable_variables)
        if (len(trainable_variables), len(non_trainable_variables)) != expected:
            raise ValueError(
                f"`stateless_call` of '{self.name}' needs {expected[0]} trainable and "
                f"{expected[1]} non-trainable values. Received: {len(trainable_variables)} and "
                f"{len(non_trainable_variables)}"
            )
        with StatelessScope(from_given, collect_losses=return_losses) as scope:
            outputs = self(*args, **kwargs)
            losses = self.losses if return_losses else None
        new = [
            v.value if scope.get_current_value(v) is None else to_tensor(scope.get_current_value(v))
            for v in self.non_trainable_variables
        ]
        return (outputs, new, losses) if return_losses else (outputs, new)

    def _require_built(self, what):
        if not self.built:
            raise ValueError(
                f"To use `{what}`, {type(self).__name__} '{self.name}' must be built (i.e. its "
                "variables must have been already created). Call it on data, or `build` it."
            )

    def add_metric(self, *args, **kwargs):
        """Not in Keras 3."""
        raise NotImplementedError(
            "Layer `add_metric()` method is deprecated. Keep a metric as an attribute instead: "
            "`self.metric_1 = keras.metrics.Mean()`, and update it in `call`."
        )

    def quantize(self, *args, **kwargs):
        """Not supported."""
        raise NotImplementedError(NO_QUANTIZATION)

    quantized_build = quantized_call = enable_lora = quantize
    quantization_mode = None

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"
