"""keras.activations: functions that layers take by name. Most are ops, published here as well."""

from minikeras import ops
from minikeras.api import namespaces
from minikeras.api.registry import paths_of, public
from minikeras.core.serialization import Family
from minikeras.ops import activation, elementwise

for _name in """celu elu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid
        log_softmax mish relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus
        sparse_sigmoid sparsemax squareplus tanh_shrink threshold""".split():
    globals()[_name] = public(f"activations.{_name}")(getattr(activation, _name))
tanh = public("activations.tanh")(elementwise.tanh)
public("activations.swish")(activation.silu)
public("activations.hard_swish")(activation.hard_silu)


@public("activations.linear")
def linear(x):
    """x itself.

    >>> linear(3.0)
    3.0
    """
    return x


@public("activations.exponential")
def exponential(x):
    """exp(x).

    >>> float(exponential(0.0))
    1.0
    """
    return ops.exp(x)


@public("activations.gelu")
def gelu(x, approximate=False):
    """x P(X <= x) for a standard normal X; by tanh if approximate.

    Reference: D. Hendrycks, K. Gimpel (2016), Gaussian Error Linear Units, arXiv:1606.08415.

    >>> round(float(gelu(1.0)), 4)
    0.8413
    """
    return ops.gelu(x, approximate=approximate)


@public("activations.relu")
def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """x above the threshold, negative_slope (x - threshold) elsewhere; at most max_value.

    >>> relu([-1.0, 2.0, 8.0], max_value=6.0).tolist()
    [0.0, 2.0, 6.0]
    """
    if not negative_slope and not threshold:
        y = ops.relu(x)
    else:
        x = ops.convert_to_tensor(x)
        y = ops.where(x > threshold, x, negative_slope * (x - threshold))
    return y if max_value is None else ops.minimum(y, max_value)


# ---------------------------------------------------------------- by name
_FAMILY = Family("activation function", "activations", functions=True, names_only=True)


@public("activations.serialize")
def serialize(activation):
    """The name of an activation function; a configuration for functions of one's own and layers.

    >>> serialize(relu)
    'relu'
    """
    config = _FAMILY.serialize(activation)
    if isinstance(config, dict) and config.get("module") == "builtins" and paths_of(activation):
        return config["config"]  # `ops.relu`, which is an activation too
    return config


@public("activations.deserialize")
def deserialize(config, custom_objects=None):
    """The activation function of a name or configuration.

    >>> deserialize("relu") is relu
    True
    """
    return _FAMILY.deserialize(config, custom_objects)


@public("activations.get")
def get(identifier):
    """An activation function from its name, configuration or itself; None is `linear`.

    >>> get(None) is linear
    True
    """
    return linear if identifier is None else _FAMILY.get(identifier)


__getattr__, __dir__, __all__ = namespaces.lazy("activations")
