"""Activations as layers."""

from minikeras import activations, ops
from minikeras.api.registry import public
from minikeras.core.shape_rules import canonical_axes, canonical_axis
from minikeras.layers.dense import set_weight_options, weight
from minikeras.layers.input_spec import InputSpec
from minikeras.layers.layer import Layer


class ElementwiseLayer(Layer):
    """A layer whose output has the input's shape and mask."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape


@public("layers.Activation")
class Activation(ElementwiseLayer):
    """An activation function by name, or any function of one tensor.

    >>> Activation("relu")([-1.0, 2.0]).numpy().tolist()
    [0.0, 2.0]
    """

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs):
        return self.activation(inputs)


@public("layers.ReLU")
class ReLU(ElementwiseLayer):
    """max_value above it; x above `threshold`; negative_slope (x - threshold) below.

    Args:
        max_value: upper limit, not negative; None: none.
        negative_slope: slope below the threshold.
        threshold: not negative.

    >>> ReLU(max_value=1.0)([-1.0, 0.5, 3.0]).numpy().tolist()
    [0.0, 0.5, 1.0]
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        for name, value in (
            ("max_value", 0.0 if max_value is None else max_value),
            ("negative_slope", negative_slope), ("threshold", threshold),
        ):
            if value is None or value < 0:
                raise ValueError(
                    f"{name} of a ReLU layer cannot be negative or None. Received: {name}={value}"
                )
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold

    def call(self, inputs):
        return activations.relu(
            inputs, negative_slope=self.negative_slope, max_value=self.max_value,
            threshold=self.threshold,
        )


@public("layers.Softmax")
class Softmax(ElementwiseLayer):
    """exp(x) / sum(exp(x)) over `axis` (an int or a tuple).

    `mask` (bool, broadcastable to the inputs): False entries get probability 0, also where all
    are False.

    >>> Softmax()([1.0, 1.0]).numpy().tolist()
    [0.5, 0.5]
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis

    def call(self, inputs, mask=None):
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        if mask is not None:
            self._check_mask(tuple(mask.shape), tuple(inputs.shape))
            lowest = -3e4 if self.compute_dtype == "float16" else -1e9
            inputs = ops.where(mask, inputs, ops.add(inputs, lowest))
        y = ops.softmax(inputs, axis=canonical_axes(axis, len(inputs.shape)))
        return y if mask is None else ops.where(mask, y, 0.0)

    def _check_mask(self, mask, inputs):
        known = zip(mask[::-1], inputs[::-1])
        if len(mask) > len(inputs) or any(m not in (1, n, None) and n is not None
                                          for m, n in known):
            raise ValueError(
                f'Layer "{self.name}" (Softmax): the `mask` must be broadcastable to `inputs`: '
                "each of its dimensions 1 or that of the inputs, the last ones aligned. "
                f"Received: inputs.shape={inputs}, mask.shape={mask}"
            )


@public("layers.LeakyReLU")
class LeakyReLU(ElementwiseLayer):
    """x where positive, negative_slope * x elsewhere.

    >>> LeakyReLU(0.5)([-1.0, 2.0]).numpy().tolist()
    [-0.5, 2.0]
    """

    def __init__(self, negative_slope=0.3, **kwargs):
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(
                "The negative_slope value of a Leaky ReLU layer cannot be None or negative. "
                f"Received: negative_slope={negative_slope}"
            )
        self.negative_slope = negative_slope

    def call(self, inputs):
        return ops.leaky_relu(inputs, negative_slope=self.negative_slope)


@public("layers.ELU")
class ELU(ElementwiseLayer):
    """x where positive, alpha (exp(x) - 1) elsewhere.

    Reference: D.-A. Clevert et al. 2015, arXiv:1511.07289.

    >>> ELU()([0.0, 2.0]).numpy().tolist()
    [0.0, 2.0]
    """

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs):
        return ops.elu(inputs, alpha=self.alpha)


@public("layers.PReLU")
class PReLU(Layer):
    """x where positive, alpha x elsewhere, with alpha learned for each element.

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: of the slopes.
        shared_axes: axes along which one slope is shared, for instance the spatial ones.

    Reference: K. He et al. 2015, Delving deep into rectifiers, arXiv:1502.01852.

    >>> PReLU(alpha_initializer="ones")([[-1.0, 2.0]]).numpy().tolist()
    [[-1.0, 2.0]]
    """

    def __init__(
        self, alpha_initializer="Zeros", alpha_regularizer=None, alpha_constraint=None,
        shared_axes=None, **kwargs,
    ):
        super().__init__(**kwargs)
        set_weight_options(
            self, alpha_initializer=alpha_initializer, alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
        )
        if shared_axes is not None and not isinstance(shared_axes, (list, tuple)):
            shared_axes = [shared_axes]
        self.shared_axes = None if shared_axes is None else list(shared_axes)
        self.supports_masking = True
        self.alpha = None

    def build(self, input_shape):
        shared = {canonical_axis(a, len(input_shape), "shared axis") for a in
                  self.shared_axes or ()}
        sizes = {i: n for i, n in enumerate(input_shape) if i and i not in shared}
        if None in sizes.values():
            raise ValueError(
                f'Layer "{self.name}" (PReLU) needs to know the lengths of all axes but the '
                "batch's and the shared ones; put those of unknown length into `shared_axes`. "
                f"Received: input shape {tuple(input_shape)}, shared_axes={self.shared_axes}"
            )
        shape = tuple(sizes.get(i, 1) for i in range(1, len(input_shape)))
        self.alpha = weight(self, "alpha", shape)
        self.input_spec = InputSpec(ndim=len(input_shape), axes=sizes)

    def call(self, inputs):
        return ops.subtract(ops.relu(inputs), self.alpha * ops.relu(-inputs))

    def compute_output_shape(self, input_shape):
        return input_shape
