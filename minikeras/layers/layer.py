"""Layer: the base of all layers and models."""

import functools
import inspect
import warnings

from minikeras import (
    activations,
    constraints,
    dtype_policies,
    dtypes,
    initializers,
    regularizers,
    tree,
)
from minikeras.api.registry import public
from minikeras.arrays import is_array
from minikeras.core import serialization
from minikeras.core.keras_tensor import GraphNode, KerasTensor, any_symbolic, keras_tensors
from minikeras.core.operation import Operation
from minikeras.core.operators import OPS
from minikeras.core.scopes import StatelessScope, autocast_scope, current_path, name_scope, state
from minikeras.core.tensor import Convertible, Tensor, to_tensor
from minikeras.core.variable import Variable
from minikeras.layers.call_spec import (
    mask_of,
    set_mask,
    shapes_of,
    signature_of,
    tensor_arguments,
)
from minikeras.layers.input_spec import assert_input_compatibility
from minikeras.layers.tracking import STATE_KINDS, Tracker
from minikeras.metrics.metric import Metric
from minikeras.random.seed import SeedGenerator

NO_QUANTIZATION = "Quantization is not supported by minikeras; layers compute in floating point."


class CallContext:
    """The outermost layer call that is running, and its training flag."""

    __slots__ = ("entry", "training")

    def __init__(self, entry):
        self.entry, self.training = entry, None


class clean_state:
    """Context manager: build for real, whatever is being traced, recorded or inferred."""

    NAMES = ("depth", "tapes", "deep", "autocast", "stateless", "symbolic", "tracer")
    VALUES = (0, (), False, None, None, 0, None)

    def __enter__(self):
        self.outer = [getattr(state, n) for n in self.NAMES]
        for name, value in zip(self.NAMES, self.VALUES):
            setattr(state, name, value)

    def __exit__(self, *error):
        for name, value in zip(self.NAMES, self.outer):
            setattr(state, name, value)


@public("layers.Layer", "Layer")
class Layer(Tracker, Operation):
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

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _wrapped_build(cls.__dict__["build"])

    def __init__(
        self, *, activity_regularizer=None, trainable=True, dtype=None, autocast=True, name=None,
        **kwargs,
    ):
        self._own_variables, self._losses, self._tracked = [], [], {}
        self._input_shape_argument = _input_shape_argument(type(self).__name__, kwargs)
        super().__init__(name=name)
        self._trainable, self.autocast, self.built = bool(trainable), autocast, False
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._dtype_policy = dtype_policies.get(dtype)
        self._supports_masking = False
        self.input_spec = None
        self._build_shapes = None
        self._parent_path = current_path()

    # ------------------------------------------------------------ attributes
    def _kinds(self):
        return (Layer, *STATE_KINDS)

    def __setattr__(self, name, value):
        if not (value is None or type(value) in (bool, int, float, str)) or name in self.__dict__:
            if "_own_variables" not in self.__dict__ and isinstance(value, (Layer, Variable)):
                raise RuntimeError(
                    f"In layer {type(self).__name__}, call `super().__init__()` at the beginning "
                    "of the constructor, before setting layers or variables as attributes."
                )
            self._note(name, value)
            if isinstance(value, Variable) and not any(v is value for v in self._own_variables):
                self._own_variables.append(value)
        object.__setattr__(self, name, value)

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

    def _variables_here(self):
        """Variables of the layer itself: trainable ones first, then the others."""
        own = list(self._own_variables)
        for v in self._found((Variable,)):
            if not any(v is o for o in own):
                own.append(v)
        first = [v for v in own if v._born_trainable]
        return first + [v for v in own if not v._born_trainable]

    @property
    def path(self):
        """The name, with those of the layers around it."""
        return f"{self._parent_path}/{self.name}" if self._parent_path else self.name

    # ------------------------------------------------------------ weights
    def add_weight(
        self, shape=None, initializer=None, dtype=None, trainable=True, autocast=True,
        regularizer=None, constraint=None, aggregation="none", overwrite_with_gradient=False,
        name=None,
    ):
        """Make a weight and add it to the layer.

        Args:
            shape: default (), a number.
            initializer: default "glorot_uniform" for floats, "zeros" for integers and bool.
            dtype: default: the policy's variable dtype.
            trainable: whether it is trained.
            autocast: whether it reads in the compute dtype.
            regularizer, constraint: applied in training.
            aggregation, overwrite_with_gradient: as in Variable.
            name: of the variable.
        """
        if shape is None:
            shape = ()
        dtype = self.variable_dtype if dtype is None else dtypes.name_of(dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        initializer = initializers.get(initializer)
        with clean_state(), name_scope(self.name, caller=self):
            variable = Variable(
                initializer, shape=shape, dtype=dtype, trainable=trainable, autocast=autocast,
                aggregation=aggregation, name=name,
            )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._own_variables.append(variable)
        if not self._trainable:
            variable.trainable = False
        return variable

    @property
    def variables(self):
        """All variables: weights and the state of random generators, sublayers' included."""
        return self._collect(lambda layer: layer._variables_here(), seeds=True)

    @property
    def weights(self):
        """All weights, sublayers' included: what is saved."""
        return self._collect(lambda layer: layer._variables_here())

    def _collect(self, own, seeds=False):
        found, seen = [], set()

        def add(variables):
            for v in variables:
                if id(v) not in seen:
                    seen.add(id(v))
                    found.append(v)

        def visit(layer):
            if id(layer) in seen:
                return
            seen.add(id(layer))
            add(own(layer))
            if seeds:
                for generator in layer._seed_generators:
                    add([generator.state])
            for sublayer in layer._layers:
                visit(sublayer)

        visit(self)
        return found

    @property
    def trainable_variables(self):
        """Variables to be trained; none while `trainable` is False."""
        return [v for v in self.variables if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self):
        """The other variables."""
        return [v for v in self.variables if not (self.trainable and v.trainable)]

    @property
    def trainable_weights(self):
        """Weights to be trained; none while `trainable` is False."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self):
        """The other weights."""
        return [v for v in self.weights if not (self.trainable and v.trainable)]

    @property
    def metrics(self):
        """Metrics of the layer and its sublayers."""
        found = []
        for layer in self._flatten_layers():
            found += [m for m in layer._metrics if not any(m is f for f in found)]
        return found

    @property
    def metrics_variables(self):
        """State variables of the metrics."""
        return [v for m in self.metrics for v in m.variables]

    def get_weights(self):
        """The weights as a list of NumPy arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights):
        """Set the weights from a list of arrays, in the order of `weights`."""
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of "
                f"length {len(weights)}, but the layer was expecting {len(own)} weights."
            )
        for variable, value in zip(own, weights):
            if tuple(variable.shape) != tuple(getattr(value, "shape", ())):
                raise ValueError(
                    f"Layer {self.name} weight shape {tuple(variable.shape)} is not compatible "
                    f"with provided weight shape {tuple(getattr(value, 'shape', ()))}."
                )
        for variable, value in zip(own, weights):
            variable.assign(value)

    def count_params(self):
        """Number of elements of all weights."""
        if not self.built and not self.weights:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't "
                "built. Build it with `build(input_shape)` or by calling it."
            )
        return sum(v.size for v in self.weights)

    @property
    def trainable(self):
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = bool(value)
        for v in self._variables_here():
            v.trainable = bool(value) and v._born_trainable
        for layer in self._layers:
            layer.trainable = value

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

    # ------------------------------------------------------------ calling
    def build(self, input_shape):
        """Make the weights; the default makes none."""
        self.built = True

    def call(self, *args, **kwargs):
        """Compute outputs from inputs."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `call()` method implemented."
        )

    def __call__(self, *args, **kwargs):
        if "_tracked" not in self.__dict__ or not hasattr(self, "_losses"):
            raise RuntimeError(
                f"In layer {type(self).__name__}, you forgot to call `super().__init__()` in the "
                "constructor."
            )
        signature = signature_of(type(self).call)
        args, kwargs = self._converted(args, kwargs)
        self._check_positional(args)
        symbolic = any_symbolic(args, kwargs)
        if args and self.input_spec is not None:
            assert_input_compatibility(self.input_spec, args[0], self.name)
        outer = state.call
        context = outer
        if context is None:
            context = state.call = CallContext(self)
        try:
            with name_scope(self.name, caller=self):
                return self._call_in(context, outer is None, signature, args, kwargs, symbolic)
        except Exception as e:
            _explain(e, self, args)
            raise
        finally:
            state.call = outer

    def _call_in(self, context, entry, signature, args, kwargs, symbolic):
        arguments = signature.bind(args, kwargs, f'Layer "{self.name}"')
        if not self.built:
            self._maybe_build(arguments)
        training = self._resolve_training(signature, arguments, kwargs, context)
        outer_training, context.training = context.training, training
        kwargs = self._masks_for(signature, arguments, kwargs)
        if entry:
            self._clear_losses()
        try:
            if symbolic:
                outputs = self.symbolic_call(*args, **kwargs)
            else:
                with autocast_scope(_autocast_dtype(self)):
                    outputs = self.call(*args, **kwargs)
        finally:
            context.training = outer_training
        if self.activity_regularizer is not None and not symbolic:
            self._regularize(outputs)
        self._carry_masks(signature, arguments, args, outputs)
        return outputs

    def _converted(self, args, kwargs):
        """Arrays as tensors, floating ones in the compute dtype."""
        dtype = dtypes.canonical(self.input_dtype) if self.autocast else None

        def convert(x):
            kind = type(x)
            if kind is Tensor:
                if dtype is not None and x._value.dtype != dtype and dtypes.is_float(x.dtype):
                    mask = getattr(x, "_keras_mask", None)
                    x = OPS["cast"](x, dtype)
                    if mask is not None:
                        set_mask(x, mask)
                return x
            if x is None or kind in (bool, str):
                return x
            if isinstance(x, KerasTensor):
                if dtype is not None and dtypes.is_float(x.dtype) and x.dtype != dtype.name:
                    mask = getattr(x, "_keras_mask", None)
                    x = OPS["cast"](x, dtype)
                    if mask is not None:
                        set_mask(x, mask)
                return x
            if isinstance(x, Convertible) or is_array(x) or hasattr(x, "__array__"):
                if _is_text(x):
                    return x  # layers for text take such arrays
                return convert(to_tensor(x))
            return x

        if len(args) == 1 and not kwargs and not tree.is_nested(args[0]):
            x = convert(args[0])
            if type(x) in (int, float):
                x = convert(to_tensor(x))
            return (x,), kwargs
        args = tree.map_structure(convert, args)
        if kwargs:
            kwargs = tree.map_structure(convert, kwargs)
        if args and tree.is_nested(args[0]) and _is_numbers(args[0]):
            args = (convert(to_tensor(args[0])), *args[1:])
        return args, kwargs

    def _check_positional(self, args):
        for x in tree.flatten(args):
            if isinstance(x, (Tensor, KerasTensor)) or x is None or not isinstance(x, str):
                continue
            if self._takes_text:
                continue
            raise ValueError(
                f'Only input tensors may be passed as positional arguments. Layer "{self.name}" '
                f"received the string {x!r}. Strings must be made numbers first, for instance by "
                "TextVectorization or StringLookup."
            )

    _takes_text = False

    def _resolve_training(self, signature, arguments, kwargs, context):
        """The training flag: given, or of the layer around, or the default; also put in kwargs."""
        training = arguments.get("training")
        if training is None:
            training = context.training
        if training is None:
            training = signature.training_default
        if signature.has_training and training is not None:
            kwargs["training"] = training
        return training

    def _masks_for(self, signature, arguments, kwargs):
        """kwargs with the masks that the input tensors carry, where `call` takes masks."""
        if not signature.has_mask:
            return kwargs
        tensors = tensor_arguments(arguments)
        for i, (name, value) in enumerate(tensors.items()):
            names = (f"{name}_mask", "mask") if i == 0 else (f"{name}_mask",)
            if len(tensors) == 1:
                names = ("mask", f"{name}_mask")
            for target in names:
                if target in signature.names and arguments.get(target) is None:
                    mask = mask_of(value)
                    if mask is not None:
                        kwargs[target] = mask
                    break
        return kwargs

    def _carry_masks(self, signature, arguments, args, outputs):
        if not args:
            return
        previous = mask_of(args[0])
        if not self.supports_masking:
            if previous is not None and type(self).compute_mask is Layer.compute_mask \
                    and not signature.has_mask:
                warnings.warn(
                    f"Layer '{self.name}' (of type {type(self).__name__}) was passed an input "
                    "with a mask attached to it. However, this layer does not support masking "
                    "and will therefore destroy the mask information. Downstream layers will "
                    "not see the mask.",
                    stacklevel=4,
                )
            return
        given = arguments.get("mask")
        masks = self.compute_mask(args[0], given if given is not None else previous)
        if masks is None:
            return
        flat = tree.flatten(masks)
        tensors = tree.flatten(outputs)
        if len(flat) == 1 and len(tensors) > 1:
            flat = flat * len(tensors)
        for x, mask in zip(tensors, flat):
            if mask is not None and getattr(x, "_keras_mask", None) is None:
                set_mask(x, mask)

    def compute_mask(self, inputs, previous_mask):
        """Mask of the outputs: by default the inputs' where masking is supported."""
        return previous_mask

    def symbolic_call(self, *args, **kwargs):
        """KerasTensors for KerasTensors, and a node in the graph."""
        outputs = self.compute_output_spec(*args, **kwargs)
        if not state.symbolic:
            outputs = _own_outputs(outputs, args, kwargs)
            GraphNode(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args, **kwargs):
        """KerasTensors like the outputs."""
        overridden = type(self).compute_output_shape
        if overridden is not Layer.compute_output_shape and not _is_builtin(type(self)):
            shapes = self._shapes_from(args, kwargs)
            return tree.map_shape_structure(
                lambda s: KerasTensor(s, dtype=self.compute_dtype), shapes
            )
        with autocast_scope(_autocast_dtype(self)), StatelessScope():
            return super().compute_output_spec(*args, **kwargs)

    def _shapes_from(self, args, kwargs):
        arguments = signature_of(type(self).call).bind(args, kwargs, self.name)
        tensors = tensor_arguments(arguments)
        parameters = list(inspect.signature(self.compute_output_shape).parameters)
        if len(parameters) > 1:
            shapes = {f"{n}_shape": shapes_of(v) for n, v in tensors.items()}
            known = {n: s for n, s in shapes.items() if n in parameters}
            if known:
                return self.compute_output_shape(**known)
        first = next(iter(tensors.values()))
        return self.compute_output_shape(shapes_of(first))

    def compute_output_shape(self, *args, **kwargs):
        """Shape(s) of the outputs for the inputs' shape(s)."""
        if not self.built:
            self._build_from_shapes(*args, **kwargs)

        def tensor(shape):
            return KerasTensor(shape, dtype=self.compute_dtype)

        inputs = [tree.map_shape_structure(tensor, a) for a in args]
        named = {
            k.removesuffix("_shape"): tree.map_shape_structure(tensor, v)
            for k, v in kwargs.items() if v is not None
        }
        if "input" in named:
            inputs.append(named.pop("input"))
        out = self.compute_output_spec(*inputs, **named)
        return tree.map_structure(lambda x: tuple(x.shape), out)

    def _build_from_shapes(self, *args, **kwargs):
        if args and type(self).build is not Layer.build:
            self.build(*args, **kwargs)

    # ------------------------------------------------------------ building
    def _maybe_build(self, arguments):
        tensors = tensor_arguments(arguments)
        shapes = {f"{name}_shape": shapes_of(value) for name, value in tensors.items()}
        self._default_dtype_from(tensors)
        build = type(self).build
        if build is Layer.build:
            self.built = True
            self._build_shapes = {"input_shape": next(iter(shapes.values()), None)}
            return
        parameters = _build_parameters(build)
        if len(parameters) <= 1 or not set(parameters) & set(shapes):
            first = next(iter(shapes.values()), None)
            shapes = {parameters[0]: first} if parameters else {}
        else:
            shapes = {n: s for n, s in shapes.items() if n in parameters}
        self.build(**shapes)

    def _default_dtype_from(self, tensors):
        """Nothing by default; layers may take their dtype from the inputs."""

    # ------------------------------------------------------------ losses
    def add_loss(self, loss):
        """Add a scalar, or a list of them, to the losses of this forward pass."""
        for x in tree.flatten(loss):
            if callable(x) and not isinstance(x, (Tensor, Variable)):
                raise ValueError(
                    "`add_loss` takes a tensor, not a function. "
                    f"Received: {x!r} in layer '{self.name}'"
                )
            if isinstance(x, KerasTensor):
                continue
            if state.stateless is not None and state.stateless.collect_losses:
                state.stateless.add_loss(x)
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

    # ------------------------------------------------------------ configuration
    def get_config(self):
        """Constructor arguments as plain values; `from_config` makes the same layer again."""
        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if _is_builtin(type(self)):
            return {**config, **self._arguments_config()}
        if type(self).__init__ is not Layer.__init__ and _extra_parameters(type(self)):
            given = self._init_arguments
            if given is None:
                raise NotImplementedError(
                    f"Layer {type(self).__name__} was created by passing non-serializable "
                    "argument values in `__init__()`, and therefore the layer must override "
                    "`get_config()` in order to be serializable."
                )
            return {**given, **config}
        return config

    def _arguments_config(self):
        """The constructor's own parameters, read from the attributes of the same names."""
        config = {}
        for name in _extra_parameters(type(self)):
            if name == "weights":  # initial values are no part of a configuration
                continue
            if not hasattr(self, name):
                raise AttributeError(
                    f"{type(self).__name__} does not keep its argument `{name}`."
                )
            config[name] = _plain_config(name, getattr(self, name))
        return config

    @classmethod
    def from_config(cls, config):
        """A layer from what `get_config` gave."""
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = dtype_policies.deserialize(config["dtype"])
        return super().from_config(config)

    def get_build_config(self):
        """What `build` was given; the weights are made from it when a file is loaded."""
        shapes = self._build_shapes
        if not shapes:
            return None
        if len(shapes) == 1:
            return {"input_shape": next(iter(shapes.values()))}
        return {"shapes_dict": shapes}

    def build_from_config(self, config):
        """Build from what `get_build_config` gave."""
        if not config:
            return
        if config.get("input_shape") is not None:
            self.build(_tuples(config["input_shape"]))
        elif "shapes_dict" in config:
            self.build(**{k: _tuples(v) for k, v in config["shapes_dict"].items()})

    def save_own_variables(self, store):
        """Put the layer's own weights into a dict of arrays, under "0", "1", ..."""
        for i, v in enumerate(self._variables_here()):
            store[str(i)] = v.numpy()

    def load_own_variables(self, store):
        """Set the layer's own weights from such a dict."""
        own = self._variables_here()
        if len(store.keys()) != len(own):
            if not own and not self.built:
                raise ValueError(
                    f"Layer '{self.name}' was never built and thus it doesn't have any variables. "
                    f"However the weights file lists {len(store.keys())} variables for this layer."
                )
            raise ValueError(
                f"Layer '{self.name}' expected {len(own)} variables, but received "
                f"{len(store.keys())} variables during loading. "
                f"Expected: {[v.name for v in own]}"
            )
        for i, v in enumerate(own):
            v.assign(store[str(i)])

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

    def rematerialized_call(self, layer_call, *args, **kwargs):
        """Call a function whose intermediate values are computed again in the backward pass."""
        return OPS["remat"](layer_call)(*args, **kwargs)

    def to(self, device):
        """Move all variables to a device, in place; returns the layer."""
        for v in [*self.variables, *self.metrics_variables]:
            v.to(device)
        return self

    def add_metric(self, *args, **kwargs):
        """Not in Keras 3."""
        raise NotImplementedError(
            "Layer `add_metric()` method is deprecated. Keep a metric as an attribute instead: "
            "`self.metric_1 = keras.metrics.Mean()`, and update it in `call`."
        )

    def add_variable(self, shape, initializer, dtype=None, trainable=True, autocast=True,
                     regularizer=None, constraint=None, name=None):
        """`add_weight` by an older name."""
        return self.add_weight(shape, initializer, dtype, trainable, autocast, regularizer,
                               constraint, name=name)

    def quantize(self, *args, **kwargs):
        """Not supported."""
        raise NotImplementedError(NO_QUANTIZATION)

    quantized_build = quantized_call = enable_lora = quantize
    quantization_mode = None

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


# ---------------------------------------------------------------- helpers
def _wrapped_build(build):
    """`build` that runs for real, once, within the layer's name, and notes what it was given."""
    if getattr(build, "_wrapped_by_layer", False):
        return build

    @functools.wraps(build)
    def wrapped(self, *args, **kwargs):
        if self._build_shapes is None:
            names = _build_parameters(build)
            shapes = {**dict(zip(names, args)), **kwargs}
            self._build_shapes = {k: _tuples(v) for k, v in shapes.items()}
        with clean_state(), name_scope(self.name, caller=self):
            result = build(self, *args, **kwargs)
        self.built = True
        return result

    wrapped._wrapped_by_layer = True
    return wrapped


@functools.lru_cache(1024)
def _build_parameters(build):
    names = list(inspect.signature(build).parameters.values())[1:]
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [p.name for p in names if p.kind not in kinds]


Layer.build = _wrapped_build(Layer.build)


def _autocast_dtype(layer):
    policy = layer._policy
    return dtypes.canonical(policy.compute_dtype) if layer.autocast and dtypes.is_float(
        policy.compute_dtype) else None


def _tuples(shape):
    if isinstance(shape, (list, tuple)):
        if tree.is_shape(shape):
            return tuple(shape)
        parts = [_tuples(s) for s in shape]
        return type(shape)(*parts) if hasattr(shape, "_fields") else type(shape)(parts)
    if isinstance(shape, dict):
        return {k: _tuples(v) for k, v in shape.items()}
    return shape


def _is_builtin(cls):
    return cls.__module__.split(".")[0] == __name__.split(".")[0]


@functools.lru_cache(1024)
def _extra_parameters(cls):
    """Constructor parameters that are not the base Layer's."""
    base = ("self", "name", "trainable", "dtype", "activity_regularizer", "autocast")
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(cls.__init__).parameters.values()
    names = [p.name for p in parameters if p.name not in base and p.kind not in kinds]
    if "activity_regularizer" in inspect.signature(cls.__init__).parameters:
        names.append("activity_regularizer")
    return names


def _plain_config(name, value):
    if name.endswith("activation") and callable(value):
        return activations.serialize(value)
    return serialization.serialize_keras_object(value)


def _input_shape_argument(layer, kwargs):
    """The legacy input_shape=, input_dim=, batch_size= arguments as a shape without the batch."""
    shape = None
    if "input_dim" in kwargs:
        shape = (kwargs.pop("input_dim"),)
    if "input_shape" in kwargs:
        shape = kwargs.pop("input_shape")
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if "batch_input_shape" in kwargs:
        shape = tuple(kwargs.pop("batch_input_shape"))[1:]
    if "input_length" in kwargs:
        kwargs.pop("input_length")
    if kwargs:
        raise ValueError(
            f"Unrecognized keyword arguments passed to {layer}: {kwargs}"
        )
    return shape


def _own_outputs(outputs, args, kwargs):
    """Outputs as KerasTensors of their own: a layer may hand its input on."""
    given = {id(x) for x in tree.flatten((args, kwargs))}

    def own(x):
        if isinstance(x, Tensor):  # a result that does not depend on the inputs
            return KerasTensor(x.shape, x.dtype)
        if not isinstance(x, KerasTensor):
            return x
        if id(x) in given or hasattr(x, "_keras_history"):
            return keras_tensors(x.spec())
        return x

    return tree.map_structure(own, outputs)


def _is_text(x):
    kind = getattr(getattr(x, "dtype", None), "kind", None)
    return kind in ("U", "S", "O", "T")


def _is_numbers(x):
    flat = tree.flatten(x)
    return bool(flat) and all(type(v) in (int, float, bool) for v in flat)


def _explain(error, layer, args):
    """Say, once, in which layer an error arose."""
    if getattr(error, "_layer_named", False) or not error.args:
        return
    if not isinstance(error, (ValueError, TypeError, IndexError)):
        return
    if f'"{layer.name}"' in str(error) or f"'{layer.name}'" in str(error):
        error._layer_named = True
        return
    shapes = tree.map_structure(
        lambda x: tuple(x.shape) if hasattr(x, "shape") else x, list(args)
    )
    error.args = (
        f"Exception encountered when calling layer '{layer.name}' (type "
        f"{type(layer).__name__}).\n\n{error.args[0]}\n\nInput shapes: {shapes}",
        *error.args[1:],
    )
    error._layer_named = True
