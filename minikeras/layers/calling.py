"""A layer's call: conversions, the training flag, masks, building, shapes."""

import inspect
import math
import warnings

from minikeras import dtypes, tree
from minikeras.arrays import is_array
from minikeras.core.keras_tensor import GraphNode, KerasTensor, any_symbolic, keras_tensors
from minikeras.core.operators import OPS
from minikeras.core.scopes import StatelessScope, autocast_scope, name_scope, state
from minikeras.core.tensor import Convertible, Tensor, to_tensor
from minikeras.layers.building import build_parameters, clean_state, lock, wrapped_build
from minikeras.layers.call_spec import (
    TENSORS,
    mask_of,
    masks_in,
    set_mask,
    shapes_of,
    signature_of,
    tensor_arguments,
)
from minikeras.layers.input_spec import assert_input_compatibility


class CallContext:
    """The outermost layer call that is running, and its training flag."""

    __slots__ = ("entry", "training")

    def __init__(self, entry):
        self.entry, self.training = entry, None


class Calling:
    """Mixin: what happens when a layer is called."""

    _takes_text = False

    @wrapped_build
    def build(self, input_shape):
        """Make the weights; the default makes none."""
        if type(self).build is Calling.build and not all(x.built for x in self._layers):
            warnings.warn(
                f"`build()` was called on layer '{self.name}', however the layer does not have a "
                "`build()` method implemented and it looks like it has unbuilt state. This will "
                "cause the layer to be marked as built, despite not being actually built, which "
                "may cause failures down the line. Make sure to implement a proper `build()` "
                "method.", stacklevel=3,
            )
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
        told = None
        if "training" in kwargs and not signature.has_training:  # meant for the layers inside
            told = kwargs.pop("training")
        arguments = signature.bind(args, kwargs, f'Layer "{self.name}"')
        if not self.built:
            self._maybe_build(arguments)
        if told is not None:
            arguments = {**arguments, "training": told}
        training = self._resolve_training(signature, arguments, kwargs, context)
        outer_training, context.training = context.training, training
        kwargs = self._masks_for(signature, arguments, kwargs)
        if entry:
            self._clear_losses()
        try:
            if symbolic:
                outputs = self._in_graph(args, kwargs)
            else:
                with autocast_scope(_autocast_dtype(self)):
                    call = self.call
                    if self._remat is not None:
                        call = self.rematerialized_call(call, *args, **kwargs)
                    outputs = call(*args, **kwargs)
        finally:
            context.training = outer_training
        if self.activity_regularizer is not None and not symbolic:
            self._regularize(outputs)
        self._carry_masks(arguments, kwargs, outputs)
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
            if x is None or isinstance(x, TENSORS) or hasattr(x, "shape"):
                continue
            if type(x) in (int, float):
                continue
            if isinstance(x, str):
                if self._takes_text:
                    continue
                what = "Strings must be made numbers first, for instance by StringLookup."
            else:
                what = "Pass it by its name."
            raise ValueError(
                "Only input tensors may be passed as positional arguments. The following argument "
                f"of layer '{self.name}' is none: {x!r} (of type {type(x).__name__}). {what}"
            )

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
        """kwargs with the masks that the input tensors carry, where `call` takes masks.

        `mask` is that of the one argument that holds tensors; where there are several, each has
        its own by its name.
        """
        if not signature.has_mask:
            return kwargs
        tensors = tensor_arguments(arguments)
        for name, value in tensors.items():
            target = "mask" if len(tensors) == 1 else f"{name}_mask"
            if arguments.get(target) is None and signature.takes_mask(target):
                mask = masks_in(value)
                if mask is not None:
                    kwargs[target] = mask
        return kwargs

    def _carry_masks(self, arguments, kwargs, outputs):
        """The first argument's mask, or the one given by name, on the outputs."""
        if not arguments:
            return
        first = next(iter(arguments.values()))
        previous = kwargs.get("mask")
        if previous is None:
            previous = masks_in(first)
        if not self.supports_masking:
            if previous is not None and any(m is not None for m in tree.flatten(previous)):
                warnings.warn(
                    f"Layer '{self.name}' (of type {type(self).__name__}) was passed an input "
                    "with a mask attached to it. However, this layer does not support masking "
                    "and will therefore destroy the mask information. Downstream layers will "
                    "not see the mask.",
                    stacklevel=4,
                )
            return
        masks = self.compute_mask(first, previous)
        if masks is None:
            return
        for x, mask in zip(tree.flatten(outputs), tree.flatten(masks)):
            if mask is not None and isinstance(x, TENSORS) and mask_of(x) is None:
                set_mask(x, mask)

    def compute_mask(self, inputs, previous_mask):
        """Mask of the outputs: by default the inputs' where masking is supported."""
        return previous_mask

    def symbolic_call(self, *args, **kwargs):
        """KerasTensors for KerasTensors."""
        return self.compute_output_spec(*args, **kwargs)

    def rematerialized_call(self, layer_call, *args, **kwargs):
        """`layer_call`, or as the RematScope the layer was made in says a version of it that keeps
        less for the backward pass."""
        scope = self._remat
        if scope is None or scope.mode is None:
            return layer_call
        if scope.mode == "activations":
            return self._with_cheap_activation(layer_call)
        if scope.mode == "larger_than":
            sizes = [
                math.prod(d or 0 for d in x.shape)
                for x in tree.flatten(self.compute_output_spec(*args, **kwargs))
            ]
            wanted = any(n > scope.output_size_threshold for n in sizes)
        else:
            wanted = scope.mode == "full" or self.name in scope.layer_names
        return scope.wrap(layer_call) if wanted else layer_call

    def _with_cheap_activation(self, layer_call):
        if getattr(self, "activation", None) is None:
            return layer_call

        def call(*args, **kwargs):
            activation = self.activation
            object.__setattr__(self, "activation", self._remat.wrap(activation))
            try:
                return layer_call(*args, **kwargs)
            finally:
                object.__setattr__(self, "activation", activation)

        return call

    def _in_graph(self, args, kwargs):
        """The outputs for KerasTensors, and a node in the graph."""
        outputs = self.symbolic_call(*args, **kwargs)
        if not all(x.built for x in self._layers):
            self._build_inside(args, kwargs)
        if not state.symbolic:
            outputs = _own_outputs(outputs, args, kwargs)
            GraphNode(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args, **kwargs):
        """KerasTensors like the outputs."""
        overridden = type(self).compute_output_shape
        if overridden is not Calling.compute_output_shape and not is_builtin(type(self)):
            shapes = self._shapes_from(args, kwargs)
            return tree.map_shape_structure(
                lambda s: KerasTensor(s, dtype=self.compute_dtype), shapes
            )
        return self._spec_by_call(*args, **kwargs)

    def _spec_by_call(self, *args, **kwargs):
        with autocast_scope(_autocast_dtype(self)), StatelessScope():
            return super().compute_output_spec(*args, **kwargs)

    def _build_inside(self, args, kwargs):
        """Build the sublayers that only `call` can build, without a value."""
        try:
            with clean_state(), name_scope(self.name, caller=self):
                self._spec_by_call(*args, **kwargs)
        except (TypeError, ValueError):
            return  # what it takes is not known: its first call will build it

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
        if args and type(self).build is not Calling.build:
            self.build(*args, **kwargs)

    def _maybe_build(self, arguments):
        tensors = tensor_arguments(arguments)
        shapes = {f"{name}_shape": shapes_of(value) for name, value in tensors.items()}
        self._default_dtype_from(tensors)
        build = type(self).build
        if build is Calling.build:
            self.built = True
            self._build_shapes = {"input_shape": next(iter(shapes.values()), None)}
            lock(self)
            return
        parameters = build_parameters(build)
        if len(parameters) > 1 and not set(parameters) & set(shapes):
            raise ValueError(
                "For a `build()` method with more than one argument, all arguments should have a "
                "`_shape` suffix and match an argument from `call()`. E.g. `build(self, "
                "foo_shape, bar_shape)` for `call(self, foo, bar)`. Received: build arguments "
                f"{parameters}, call arguments {list(arguments)}, in layer '{self.name}'."
            )
        if len(parameters) <= 1:
            first = next(iter(shapes.values()), None)
            shapes = {parameters[0]: first} if parameters else {}
        else:
            shapes = {n: s for n, s in shapes.items() if n in parameters}
        self.build(**shapes)

    def _default_dtype_from(self, tensors):
        """Nothing by default; layers may take their dtype from the inputs."""


def _autocast_dtype(layer):
    policy = layer._policy
    return dtypes.canonical(policy.compute_dtype) if layer.autocast and dtypes.is_float(
        policy.compute_dtype) else None


def is_builtin(cls):
    """Whether a class is of this package."""
    return cls.__module__.split(".")[0] == __name__.split(".")[0]


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
