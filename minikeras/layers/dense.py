"""Dense: a matrix product, a bias, an activation."""

from minikeras import activations, constraints, initializers, ops, regularizers
from minikeras.api.registry import public
from minikeras.layers.input_spec import InputSpec
from minikeras.layers.layer import NO_QUANTIZATION, Layer
from minikeras.layers.low_rank import Adapted, LowRank


def set_weight_options(layer, **options):
    """Keep initializer, regularizer and constraint arguments as the objects they name."""
    families = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}
    for name, value in options.items():
        setattr(layer, name, families[name.rsplit("_", 1)[-1]].get(value))


def weight(layer, name, shape, options=None, **kwargs):
    """Make the layer's weight `name` with the arguments `options`_initializer, _regularizer ..."""
    options = options or name
    return layer.add_weight(
        name=name, shape=shape,
        initializer=getattr(layer, f"{options}_initializer"),
        regularizer=getattr(layer, f"{options}_regularizer", None),
        constraint=getattr(layer, f"{options}_constraint", None),
        **kwargs,
    )


def positive_int(layer, name, value, least=1):
    """The value if it is a whole number that is large enough; else ValueError."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < least:
        raise ValueError(
            f"Argument `{name}` of {type(layer).__name__} must be a whole number, at least "
            f"{least}. Received: {name}={value}"
        )
    return value.__index__()


@public("layers.Dense")
class Dense(LowRank, Layer):
    """activation(inputs @ kernel + bias) over the last axis.

    Args:
        units: length of the output's last axis.
        activation: name or function; None is linear.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            activity_regularizer, kernel_constraint, bias_constraint: names, configs or objects.
        lora_rank, lora_alpha: train an addition of low rank to the kernel, as `enable_lora` does.
        quantization_config: not supported.

    Shapes: (batch, ..., input_dim) -> (batch, ..., units); kernel (input_dim, units).

    >>> import minikeras as keras
    >>> Dense(4, activation="relu")(keras.ops.ones((2, 3))).shape
    (2, 4)
    """

    kernel = Adapted()
    variable_serialization_spec = {None: ["kernel", "bias"]}

    def __init__(
        self, units, activation=None, use_bias=True, kernel_initializer="glorot_uniform",
        bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None,
        activity_regularizer=None, kernel_constraint=None, bias_constraint=None, lora_rank=None,
        lora_alpha=None, quantization_config=None, **kwargs,
    ):
        if quantization_config:
            raise NotImplementedError(NO_QUANTIZATION)
        super().__init__(
            activity_regularizer=activity_regularizer, lora_rank=lora_rank,
            lora_alpha=lora_alpha, **kwargs)
        self.units = positive_int(self, "units", units)
        self.activation, self.use_bias = activations.get(activation), use_bias
        set_weight_options(
            self, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )
        self.quantization_config = None
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True
        self.bias = None

    def build(self, input_shape):
        input_dim = input_shape[-1]
        if input_dim is None:
            raise ValueError(
                f'Layer "{self.name}" (Dense) needs to know the length of the last axis of its '
                f"input. Received: input shape {tuple(input_shape)}"
            )
        self.kernel = weight(self, "kernel", (input_dim, self.units))
        self.bias = weight(self, "bias", (self.units,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_dim})
        self._adapt()

    def call(self, inputs, training=None):
        x = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            x = ops.add(x, self.bias)
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        config = super().get_config()
        if self.activity_regularizer is None:
            del config["activity_regularizer"]
        return config
