"""What layers over one to three spatial axes share: ranks, arguments an axis, data formats."""

import functools
import inspect
import re

from minikeras import config
from minikeras.layers.input_spec import InputSpec
from minikeras.layers.layer import Layer

OVER = {1: "over one axis", 2: "over images", 3: "over volumes"}


def of_rank(rank, order=None, **defaults):
    """Class decorator: the number of spatial axes, and defaults of the inherited constructor.

    The class has the base's docstring, with {name}, {over}, {dims 8} ("8, 8" for images), {>>>}
    (which the base's own examples are not to be run with) and its `words` put in.

    Args:
        rank: 1, 2 or 3.
        order: names of parameters, the first ones, in another order than the base's.
        defaults: by parameter's name.
    """

    def declare(cls):
        inherited = cls.__init__
        signature = inspect.signature(inherited)
        parameters = {
            name: p.replace(default=defaults.get(name, p.default))
            for name, p in signature.parameters.items()
        }
        first = [parameters.pop(name) for name in ("self", *(order or ()))]
        signature = signature.replace(parameters=[*first, *parameters.values()])

        @functools.wraps(inherited)
        def __init__(self, *args, **kwargs):
            try:
                given = signature.bind(self, *args, **kwargs).arguments
            except TypeError as e:
                raise TypeError(f"{type(self).__name__}: {e}") from None
            more = given.pop("kwargs", {})
            inherited(**{**defaults, **given}, **more)

        __init__.__signature__, __init__.__qualname__ = signature, f"{cls.__qualname__}.__init__"
        cls.__init__, cls.rank = __init__, rank
        cls.__doc__ = cls.__doc__ or _filled(cls)
        return cls

    return declare


def _filled(cls):
    text = next(base.__doc__ for base in cls.__mro__ if base.__doc__)
    words = {"name": cls.__name__, "over": OVER[cls.rank], ">>>": ">>>", **cls.words}
    for key, word in words.items():
        text = text.replace(f"{{{key}}}", word)
    return re.sub(r"\{dims (\d+)\}", lambda m: ", ".join([m[1]] * cls.rank), text)


def whole(value, least=1):
    """Whether a value is a whole number, at least `least`."""
    return hasattr(value, "__index__") and not isinstance(value, bool) and (
        value.__index__() >= least)


def numbers(layer, name, value, n, least=1):
    """A tuple of n whole numbers from one number or a sequence."""
    values = value if isinstance(value, (list, tuple)) else (value,) * n
    if len(values) != n or not all(whole(v, least) for v in values):
        raise ValueError(
            f"The `{name}` argument of {type(layer).__name__} must be a whole number, or a tuple "
            f"of {n} of them, each at least {least}. Received: {name}={value}"
        )
    return tuple(v.__index__() for v in values)


def pairs(layer, name, value):
    """((before, after), ...) an axis, from a number, one an axis, or a pair an axis."""
    n = layer.rank
    values = value if isinstance(value, (list, tuple)) else (value,) * n
    if n == 1 and len(values) == 2:
        values = (values,)
    values = [v if isinstance(v, (list, tuple)) else (v, v) for v in values]
    if len(values) != n or not all(len(v) == 2 and whole(v[0], 0) and whole(v[1], 0)
                                   for v in values):
        forms = "a number or a pair of numbers" if n == 1 else (
            f"a number, a tuple of {n} numbers, or a tuple of {n} pairs of numbers")
        raise ValueError(
            f"The `{name}` argument of {type(layer).__name__} must be {forms}, none of them "
            f"negative. Received: {name}={value}"
        )
    return tuple((a.__index__(), b.__index__()) for a, b in values)


class Spatial(Layer):
    """A layer of inputs (batch, *spatial, channels) or (batch, channels, *spatial)."""

    rank, words = None, {}

    def _set_format(self, data_format):
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _channel_axis(self):
        return -1 if self.data_format == "channels_last" else 1

    @property
    def _axes(self):
        """The spatial axes."""
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def _sizes(self, shape):
        """The lengths of the spatial axes of a shape of inputs."""
        return tuple(shape[a] for a in self._axes)

    def _shape(self, batch, sizes, channels):
        """The shape of these parts in the layer's data format."""
        if self.data_format == "channels_last":
            return (batch, *sizes, channels)
        return (batch, channels, *sizes)

    def _resized(self, shape, sizes):
        """A shape of inputs with other lengths of the spatial axes."""
        return self._shape(shape[0], sizes, shape[self._channel_axis])
