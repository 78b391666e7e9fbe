"""Layers around a layer, along the time axis: TimeDistributed and Bidirectional."""

from minikeras import ops, tree
from minikeras.api.registry import public
from minikeras.core import serialization
from minikeras.core.keras_tensor import KerasTensor
from minikeras.layers.core import Lambda, Wrapper
from minikeras.layers.layer import Layer
from minikeras.layers.normalization import BatchNormalization
from minikeras.layers.recurrent import accepts, as_list
from minikeras.ops.recurrent import time_steps


# ---------------------------------------------------------------- TimeDistributed
@public("layers.TimeDistributed")
class TimeDistributed(Wrapper):
    """A layer applied to every step of a sequence by itself, with the same weights.

    Args:
        layer: a layer of (batch, ...).

    Shapes: (batch, steps, ...) -> (batch, steps, ...). A mask (batch, steps) reaches layers whose
    `call` takes one.

    >>> import minikeras as keras
    >>> frames = keras.layers.TimeDistributed(keras.layers.Conv2D(4, 3))
    >>> frames(keras.ops.ones((2, 5, 8, 8, 3))).shape
    (2, 5, 6, 6, 4)
    """

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _step_shape(self, input_shape):
        if not tree.is_shape(input_shape) or len(input_shape) < 3:
            raise ValueError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 "
                f"dimensions, (batch, steps, ...). Received: {input_shape}"
            )
        return (input_shape[0], *input_shape[2:])

    def build(self, input_shape):
        step = self._step_shape(tuple(input_shape))
        if not self.layer.built:
            self.layer.build(step)
            self.layer.built = True

    def compute_output_shape(self, input_shape):
        shape = self.layer.compute_output_shape(self._step_shape(tuple(input_shape)))
        return tree.map_shape_structure(lambda s: (s[0], input_shape[1], *s[1:]), shape)

    def compute_output_spec(self, inputs, training=None, mask=None):
        batch, time = inputs.shape[:2]
        self._step_shape(tuple(inputs.shape))
        step = KerasTensor((batch, *inputs.shape[2:]), inputs.dtype)
        more = {"training": training} if accepts(self.layer, "training") else {}
        spec = self.layer.compute_output_spec(step, **more)
        return tree.map_structure(lambda y: KerasTensor((batch, time, *y.shape[1:]), y.dtype), spec)

    def call(self, inputs, training=None, mask=None):
        shape = tuple(inputs.shape)
        batch, time = shape[:2]
        if mask is not None and tuple(mask.shape[:2]) != (batch, time):
            raise ValueError(
                f"The `mask` passed to the `TimeDistributed` layer has a shape {tuple(mask.shape)} "
                f"that is incompatible with the input shape {shape}. The first two dimensions of "
                "the mask (batch size and timesteps) must match the input's first two dimensions. "
                f"Expected mask shape prefix: {(batch, time)}."
            )
        more = {"training": training} if accepts(self.layer, "training") else {}
        masked = mask is not None and accepts(self.layer, "mask")
        if self._by_sample():
            flat = ops.reshape(inputs, (batch * time, *shape[2:]))
            if masked:
                more["mask"] = ops.reshape(mask, (batch * time, *mask.shape[2:]))
            return tree.map_structure(
                lambda y: ops.reshape(y, (batch, time, *y.shape[1:])), self.layer(flat, **more))
        masks = time_steps(mask) if masked else [None] * time
        steps = [
            self.layer(x, **more, **({} if m is None else {"mask": m}))
            for x, m in zip(time_steps(inputs), masks)
        ]
        return tree.map_structure(lambda *y: ops.stack(y, axis=1), *steps)

    def _by_sample(self):
        """Whether the layer treats each sample by itself, so that steps may pass as samples."""
        package = __name__.split(".")[0]
        for layer in self.layer._flatten_layers():
            known = type(layer).__module__.split(".")[0] == package
            if not known or isinstance(layer, (BatchNormalization, Lambda)):
                return False
            if layer.activity_regularizer is not None or getattr(layer, "stateful", False):
                return False
        return True


# ---------------------------------------------------------------- Bidirectional
def _copy(layer, prefix, **changes):
    """A layer like another, of the name with a prefix, and with changes in its configuration."""
    name = layer.name.removeprefix("forward_").removeprefix("backward_")
    config = {**layer.get_config(), "name": f"{prefix}_{name}", **changes}
    cells = [getattr(layer, "cell", layer), *getattr(getattr(layer, "cell", None), "cells", ())]
    known = {type(c).__name__: type(c) for c in cells if not _builtin(type(c))}
    with serialization.CustomObjectScope(known):
        return type(layer).from_config(config)


def _builtin(cls):
    return cls.__module__.split(".")[0] == __name__.split(".")[0]


MERGES = {
    "sum": ops.add,
    "ave": lambda a, b: ops.add(a, b) / 2,
    "mul": ops.multiply,
    "concat": lambda a, b: ops.concatenate([a, b], axis=-1),
}


@public("layers.Bidirectional")
class Bidirectional(Layer):
    """A recurrent layer, and one like it that goes through the sequence from its end.

    Args:
        layer: an RNN layer, which is copied: or any layer with `go_backwards`, `return_sequences`
            and `return_state`.
        merge_mode: "concat", "sum", "mul" or "ave": what becomes of the two outputs; None: both
            are returned.
        weights: initial weights.
        backward_layer: the layer that goes backwards; by default like `layer`.

    Call: `layer(sequences, initial_state=None, mask=None, training=None)`; the initial states are
    those of the forward layer and then those of the backward layer, and so are the states that
    `return_state` gives. Backward sequences are put in the order of the input. Masked steps of
    sequences give 0.

    M. Schuster, K. K. Paliwal 1997, Bidirectional recurrent neural networks.

    >>> import minikeras as keras
    >>> Bidirectional(keras.layers.GRU(4))(keras.ops.ones((2, 5, 3))).shape
    (2, 8)
    """

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        for given in (layer, *(() if backward_layer is None else (backward_layer,))):
            if not isinstance(given, Layer):
                raise ValueError(
                    "Please initialize `Bidirectional` layer with a `keras.layers.Layer` "
                    f"instance. Received: {given}"
                )
            if not hasattr(given, "go_backwards") or not hasattr(given, "return_sequences"):
                raise ValueError(
                    "Bidirectional takes a recurrent layer, with attributes `go_backwards`, "
                    f"`return_sequences` and `return_state`. Received: {given}"
                )
        if merge_mode not in (*MERGES, None):
            raise ValueError(
                f"Invalid merge mode. Received: {merge_mode}. Merge mode should be one of "
                f"{(*MERGES, None)}"
            )
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(**kwargs)
        self.forward_layer = _copy(layer, "forward")
        self.backward_layer = backward_layer or _copy(
            layer, "backward", go_backwards=not layer.go_backwards)
        self._check_layers()
        if layer.return_sequences:  # masked steps of both directions give 0
            self.forward_layer.zero_output_for_mask = True
            self.backward_layer.zero_output_for_mask = True
        self.merge_mode, self.input_spec = merge_mode, layer.input_spec
        self.stateful, self.return_state = layer.stateful, layer.return_state
        self.return_sequences, self.supports_masking = layer.return_sequences, True
        self._initial_weights = weights

    def _check_layers(self):
        a, b = self.forward_layer, self.backward_layer
        if a.go_backwards == b.go_backwards:
            raise ValueError(
                "Forward layer and backward layer should have different `go_backwards` value. "
                f"Received: forward_layer.go_backwards={a.go_backwards}, "
                f"backward_layer.go_backwards={b.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            ours, theirs = getattr(a, name), getattr(b, name)
            if ours != theirs:
                raise ValueError(
                    "Forward layer and backward layer are expected to have the same value for "
                    f'attribute "{name}", got "{ours}" for forward layer and "{theirs}" for '
                    "backward layer"
                )

    def build(self, sequences_shape, initial_state_shape=None):
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
                layer.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self._initial_weights = None

    def call(self, sequences, initial_state=None, mask=None, training=None):
        states = (None, None) if initial_state is None else self._halves(initial_state)
        results = []
        for layer, own in zip((self.forward_layer, self.backward_layer), states):
            more = {} if own is None else {"initial_state": own}
            if accepts(layer, "mask"):
                more["mask"] = mask
            results.append(layer(sequences, training=training, **more))
        if self.return_state:
            (a, *after), (b, *more_after) = results
            after = (*after, *more_after)
        else:
            (a, b), after = results, ()
        if self.return_sequences:
            b = ops.flip(b, axis=1)
        y = (a, b) if self.merge_mode is None else (MERGES[self.merge_mode](a, b),)
        return (*y, *after) if len(y) + len(after) > 1 else y[0]

    def _halves(self, states):
        states = as_list(states)
        if len(states) % 2:
            raise ValueError(
                f'Layer "{self.name}" (Bidirectional): `initial_state` must hold the states of '
                "the forward layer and those of the backward layer, an even number of tensors. "
                f"Received: {len(states)}"
            )
        half = len(states) // 2
        return states[:half], states[half:]

    @property
    def states(self):
        """The kept states of both layers, None if they are not stateful."""
        own = [layer.states for layer in (self.forward_layer, self.backward_layer)]
        if None in own:
            return None
        return tuple(tree.flatten(own))

    def reset_state(self):
        """Set the kept states of stateful layers to 0."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def compute_mask(self, inputs, mask=None):
        own = tree.flatten(mask)[0] if mask is not None and self.return_sequences else None
        masks = (own,) if self.merge_mode is not None else (own, own)
        if self.return_state:
            return [*masks, *[None] * (2 * len(as_list(self.forward_layer.state_size)))]
        return masks if len(masks) > 1 else own

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        a = self.forward_layer.compute_output_shape(sequences_shape)
        b = self.backward_layer.compute_output_shape(sequences_shape)
        (a, *after), (b, *more_after) = (a, b) if self.return_state else ((a,), (b,))
        if self.merge_mode is None:
            y = (tuple(a), tuple(b))
        elif self.merge_mode == "concat":
            y = ((*a[:-1], a[-1] + b[-1]),)
        else:
            y = (tuple(a),)
        whole = (*y, *after, *more_after)
        return whole if len(whole) > 1 else whole[0]

    def _arguments_config(self, cls):
        serialize = serialization.serialize_keras_object
        return {
            "merge_mode": self.merge_mode, "layer": serialize(self.forward_layer),
            "backward_layer": serialize(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A layer from what `get_config` gave."""
        config = dict(config)
        for name in ("layer", "backward_layer"):
            if config.get(name) is not None:
                config[name] = serialization.deserialize_keras_object(
                    config[name], custom_objects=custom_objects)
        return super().from_config(config)
