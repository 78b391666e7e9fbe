"""Shapes of samples: flattened, permuted, repeated, cropped, padded, enlarged."""

import math

from minikeras import config, ops
from minikeras.api.registry import public
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.shape_rules import resolve_reshape
from minikeras.layers.input_spec import InputSpec
from minikeras.layers.layer import Layer
from minikeras.layers.spatial import Spatial, numbers, of_rank, pairs, whole


def _symbolic(inputs, shape):
    """A KerasTensor of a shape with the batch (and perhaps more) unknown."""
    return KerasTensor(shape, dtype=inputs.dtype)


@public("layers.Flatten")
class Flatten(Layer):
    """(batch, ...) -> (batch, product of the rest); a batch of numbers becomes a column.

    >>> import minikeras as keras
    >>> Flatten()(keras.ops.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self.built = True

    def call(self, inputs):
        ndim = len(inputs.shape)
        if self.data_format == "channels_first" and ndim > 1:
            inputs = ops.transpose(inputs, (0, *range(2, ndim), 1))
        rest = inputs.shape[1:]
        if inputs.shape[0] is None:
            return _symbolic(inputs, (None, None if None in rest else math.prod(rest)))
        if None in rest:
            return ops.reshape(inputs, (inputs.shape[0], -1))
        return ops.reshape(inputs, (inputs.shape[0], math.prod(rest)))

    def compute_output_shape(self, input_shape):
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))


@public("layers.Reshape")
class Reshape(Layer):
    """Each sample in another shape; one dimension may be -1.

    >>> import minikeras as keras
    >>> Reshape((2, -1))(keras.ops.ones((5, 6))).shape
    (5, 2, 3)
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        if isinstance(target_shape, int):
            target_shape = (target_shape,)
        self.target_shape = tuple(target_shape)
        self.built = True

    def call(self, inputs):
        sample = resolve_reshape(tuple(inputs.shape[1:]), self.target_shape)
        if inputs.shape[0] is None:
            return _symbolic(inputs, (None, *sample))
        sample = tuple(-1 if d is None else d for d in sample)
        return ops.reshape(inputs, (inputs.shape[0], *sample))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *resolve_reshape(tuple(input_shape[1:]), self.target_shape))


@public("layers.Permute")
class Permute(Layer):
    """The axes of each sample in another order.

    Args:
        dims: the axes, counted from 1 (0 is the batch), in their new order.

    >>> import minikeras as keras
    >>> Permute((2, 1))(keras.ops.ones((5, 3, 4))).shape
    (5, 4, 3)
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        dims = (dims,) if isinstance(dims, int) else tuple(dims)
        if sorted(dims) != list(range(1, len(dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` of Permute: it must hold each of 1 to "
                f"{len(dims)} once; 0, the batch, stays in place. Received: dims={dims}"
            )
        self.dims = dims
        self.input_spec = InputSpec(ndim=len(dims) + 1)
        self.built = True

    def call(self, inputs):
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[d] for d in self.dims))


@public("layers.RepeatVector")
class RepeatVector(Layer):
    """Each sample, a vector, n times: (batch, features) to (batch, n, features).

    >>> RepeatVector(2)([[1.0, 2.0]]).numpy().tolist()
    [[[1.0, 2.0], [1.0, 2.0]]]
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        if not whole(n, 0):
            raise TypeError(f"Expected an integer value for `n`, got {type(n)}: n={n}")
        self.n = n
        self.input_spec = InputSpec(ndim=2)
        self.built = True

    def call(self, inputs):
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])


# ---------------------------------------------------------------- spatial axes
class Bordered(Spatial):
    """Base of layers that add or take positions before and after each spatial axis."""

    argument, sign = None, 0

    def _set_pairs(self, value, data_format):
        self._set_format(data_format)
        self._pairs = pairs(self, self.argument, value)
        setattr(self, self.argument, self._pairs[0] if self.rank == 1 else self._pairs)
        self.built = True

    def compute_output_shape(self, input_shape):
        sizes = tuple(
            None if n is None else n + self.sign * (a + b)
            for n, (a, b) in zip(self._sizes(input_shape), self._pairs)
        )
        if any(n is not None and n < 1 for n in sizes):
            raise ValueError(
                f'Layer "{self.name}" ({type(self).__name__}): `cropping` leaves nothing of an '
                f"axis. Received: input shape {tuple(input_shape)}, cropping={self.cropping}"
            )
        return self._resized(input_shape, sizes)


class Cropping(Bordered):
    """Less of the spatial axes: positions are left out at both ends.

    Args:
        cropping: positions to leave out: {forms}.
        data_format: "channels_last" (batch, *spatial, channels) or "channels_first".

    {>>>} import minikeras as keras
    {>>>} keras.layers.{name}(1)(keras.ops.ones((2, {dims 4}, 3))).shape
    (2, {dims 2}, 3)
    """

    argument, sign = "cropping", -1

    def __init__(self, cropping, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set_pairs(cropping, data_format)

    def call(self, inputs):
        self.compute_output_shape(inputs.shape)
        key = [slice(None)] * len(inputs.shape)
        for axis, (before, after) in zip(self._axes, self._pairs):
            key[axis] = slice(before, -after or None)
        return inputs[tuple(key)]


class ZeroPadding(Bordered):
    """Zeros around the spatial axes.

    Args:
        padding: zeros to add: {forms}.
        data_format: "channels_last" (batch, *spatial, channels) or "channels_first".

    {>>>} import minikeras as keras
    {>>>} keras.layers.{name}(1)(keras.ops.ones((2, {dims 4}, 3))).shape
    (2, {dims 6}, 3)
    """

    argument, sign = "padding", 1

    def __init__(self, padding, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set_pairs(padding, data_format)

    def call(self, inputs):
        widths = [(0, 0)] * len(inputs.shape)
        for axis, pair in zip(self._axes, self._pairs):
            widths[axis] = pair
        return ops.pad(inputs, tuple(widths))


class UpSampling(Spatial):
    """Each position several times along each spatial axis.

    Args:
        size: how often; a number or one an axis.
        data_format: "channels_last" (batch, *spatial, channels) or "channels_first".

    {>>>} import minikeras as keras
    {>>>} keras.layers.{name}(2)(keras.ops.ones((2, {dims 4}, 3))).shape
    (2, {dims 8}, 3)
    """

    def __init__(self, size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set_format(data_format)
        self._counts = self.size = numbers(self, "size", size, self.rank)
        self.built = True

    def call(self, inputs):
        for axis, n in zip(self._axes, self._counts):
            inputs = ops.repeat(inputs, n, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape):
        sizes = tuple(
            None if n is None else n * k for n, k in zip(self._sizes(input_shape), self._counts)
        )
        return self._resized(input_shape, sizes)


# ---------------------------------------------------------------- by rank
ONE = {"forms": "a number or a pair (before, after)"}
SEVERAL = {"forms": "a number, one an axis, or a pair (before, after) an axis"}


@public("layers.Cropping1D")
@of_rank(1)
class Cropping1D(Cropping):
    words = ONE

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(cropping, "channels_last", **kwargs)


@public("layers.Cropping2D")
@of_rank(2, cropping=((0, 0), (0, 0)))
class Cropping2D(Cropping):
    words = SEVERAL


@public("layers.Cropping3D")
@of_rank(3, cropping=((1, 1), (1, 1), (1, 1)))
class Cropping3D(Cropping):
    words = SEVERAL


@public("layers.ZeroPadding1D")
@of_rank(1, padding=1)
class ZeroPadding1D(ZeroPadding):
    words = ONE


@public("layers.ZeroPadding2D")
@of_rank(2, padding=(1, 1))
class ZeroPadding2D(ZeroPadding):
    words = SEVERAL


@public("layers.ZeroPadding3D")
@of_rank(3, padding=((1, 1), (1, 1), (1, 1)))
class ZeroPadding3D(ZeroPadding):
    words = SEVERAL


@public("layers.UpSampling1D")
@of_rank(1)
class UpSampling1D(UpSampling):
    def __init__(self, size=2, **kwargs):
        super().__init__(size, "channels_last", **kwargs)
        self.size = self._counts[0]


@public("layers.UpSampling2D")
@of_rank(2)
class UpSampling2D(UpSampling):
    """Images enlarged by whole numbers: pixels repeated, or values between them.

    Args:
        size: how many times height and width; a number or a pair.
        data_format: "channels_last" (batch, height, width, channels) or "channels_first".
        interpolation: "nearest" (pixels repeated), "bilinear", "bicubic", "lanczos3", "lanczos5".

    >>> import minikeras as keras
    >>> UpSampling2D(2, interpolation="bilinear")(keras.ops.ones((2, 4, 4, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(size, data_format, **kwargs)
        known = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
        text = interpolation.lower() if isinstance(interpolation, str) else interpolation
        if text not in known:
            raise ValueError(
                f"The `interpolation` argument of UpSampling2D must be one of {known}. "
                f"Received: interpolation={interpolation}"
            )
        self.interpolation = text

    def call(self, inputs):
        if self.interpolation == "nearest":
            return super().call(inputs)
        sizes = self._sizes(self.compute_output_shape(inputs.shape))
        return ops.image.resize(
            inputs, sizes, interpolation=self.interpolation, data_format=self.data_format)

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=inputs.dtype)


@public("layers.UpSampling3D")
@of_rank(3, size=(2, 2, 2))
class UpSampling3D(UpSampling):
    pass
