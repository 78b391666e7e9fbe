"""Layers of several inputs, each also as a function: Add and add, Dot and dot."""

import functools

from minikeras import ops, tree
from minikeras.api.registry import public
from minikeras.core.shape_rules import canonical_axis
from minikeras.kernels.registry import broadcast_shapes
from minikeras.layers.call_spec import mask_of
from minikeras.layers.layer import Layer


class Merge(Layer):
    """A layer of a list of inputs whose shapes broadcast (the last axes aligned, batch apart).

    The result's mask is the union of the inputs' masks, where all of them have one.
    """

    count = None  # how many inputs there must be, None: any number

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def merge(self, inputs):
        """The result for a list of tensors of one rank."""
        raise NotImplementedError

    def build(self, input_shape):
        shapes = _checked_shapes(self, input_shape, self.count)
        try:
            broadcast_shapes(*(s[1:] for s in shapes))
        except ValueError as e:
            raise ValueError(
                f'Layer "{self.name}": inputs have incompatible shapes. '
                f"Received: {', '.join(map(str, shapes))}"
            ) from e

    def _listed(self, inputs):
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f'Layer "{self.name}" ({type(self).__name__}) should be called on a list of '
                f"inputs. Received: inputs={inputs}"
            )
        return inputs

    def call(self, inputs):
        return self.merge(_same_rank(self._listed(inputs)))

    def compute_mask(self, inputs, mask=None):
        if mask is None or all(m is None for m in tree.flatten(mask)):
            return None
        if len(mask) != len(inputs):
            raise ValueError(
                f'Layer "{self.name}": the lists of inputs and masks must have one length. '
                f"Received: {len(inputs)} inputs and {len(mask)} masks"
            )
        if any(m is None for m in mask):
            return None
        merged = mask[0]
        for m in mask[1:]:
            merged = ops.logical_or(merged, m)
        return merged


def _checked_shapes(layer, shapes, count=None):
    if not isinstance(shapes, (list, tuple)) or tree.is_shape(shapes):
        raise ValueError(
            f'Layer "{layer.name}" ({type(layer).__name__}) should be called on a list of '
            f"inputs. Received: input_shape={shapes} (not a list of shapes)"
        )
    if not shapes:
        raise ValueError(
            f'Layer "{layer.name}" should be called on a list of at least 1 input. '
            "Received: no inputs"
        )
    if count is not None and len(shapes) != count:
        raise ValueError(
            f'A `{type(layer).__name__}` layer should be called on exactly {count} inputs. '
            f'Received by layer "{layer.name}": {len(shapes)} inputs of shapes {list(shapes)}'
        )
    batches = {s[0] for s in shapes if s} - {None}
    if len(batches - {1}) > 1:
        raise ValueError(
            f'Layer "{layer.name}" cannot merge tensors with different batch sizes. '
            f"Received: {list(shapes)}"
        )
    return [tuple(s) for s in shapes]


def _same_rank(inputs):
    rank = max(len(x.shape) for x in inputs)
    padded = []
    for x in inputs:
        for _ in range(rank - len(x.shape)):
            x = ops.expand_dims(x, 1)
        padded.append(x)
    return padded


class Fold(Merge):
    """A Merge by one operation of two tensors, from the first input to the last."""

    operation = None

    def merge(self, inputs):
        return functools.reduce(getattr(ops, self.operation), inputs)


class MaskedFold(Fold):
    """A Fold that leaves the masked steps of an input out, where its inputs carry masks.

    Subclasses have `merge_seen(inputs, masks)`: the result where the masks, each of the inputs'
    rank or None, say what counts.
    """

    def call(self, inputs):
        masks = [_mask_like(x) for x in self._listed(inputs)]
        if all(m is None for m in masks):
            return super().call(inputs)
        return self.merge_seen(_same_rank(inputs), masks)


def _mask_like(x):
    """The mask that a tensor carries, with axes of length 1 up to the tensor's rank; or None."""
    mask = mask_of(x)
    if mask is not None:
        mask = ops.cast(mask, "bool")
        for _ in range(len(x.shape) - len(mask.shape)):
            mask = ops.expand_dims(mask, -1)
    return mask


@public("layers.Add")
class Add(Fold):
    """Sum of a list of inputs.

    >>> import minikeras as keras
    >>> x, y = keras.ops.full((1, 2), 3.0), keras.ops.full((1, 2), 2.0)
    >>> Add()([x, y]).numpy().tolist()
    [[5.0, 5.0]]
    """

    operation = "add"


@public("layers.Subtract")
class Subtract(Fold):
    """The first of two inputs less the second.

    >>> import minikeras as keras
    >>> x, y = keras.ops.full((1, 2), 3.0), keras.ops.full((1, 2), 2.0)
    >>> Subtract()([x, y]).numpy().tolist()
    [[1.0, 1.0]]
    """

    operation, count = "subtract", 2


@public("layers.Multiply")
class Multiply(MaskedFold):
    """Product of a list of inputs, by element.

    Masked steps of an input count as 1; steps that all inputs mask are 0.

    >>> import minikeras as keras
    >>> x, y = keras.ops.full((1, 2), 3.0), keras.ops.full((1, 2), 2.0)
    >>> Multiply()([x, y]).numpy().tolist()
    [[6.0, 6.0]]
    """

    operation = "multiply"

    def merge_seen(self, inputs, masks):
        y = self.merge([
            x if m is None else ops.where(m, x, ops.ones_like(x)) for x, m in zip(inputs, masks)
        ])
        if any(m is None for m in masks):
            return y
        return ops.where(functools.reduce(ops.logical_or, masks), y, ops.zeros_like(y))


class Extreme(MaskedFold):
    """The extreme of the inputs that count."""

    def merge_seen(self, inputs, masks):
        choose = getattr(ops, self.operation)
        y, seen = inputs[0], masks[0]
        for x, mask in zip(inputs[1:], masks[1:]):
            best = choose(y, x)
            if seen is not None:
                best = ops.where(seen, best, x)
            if mask is not None:
                best = ops.where(mask, best, y)
                seen = None if seen is None else ops.logical_or(seen, mask)
            else:
                seen = None
            y = best
        return y


@public("layers.Maximum")
class Maximum(Extreme):
    """The largest of a list of inputs, by element.

    Masked steps of an input don't count; steps that all inputs mask are the first input's.

    >>> import minikeras as keras
    >>> x, y = keras.ops.full((1, 2), 3.0), keras.ops.full((1, 2), 2.0)
    >>> Maximum()([x, y]).numpy().tolist()
    [[3.0, 3.0]]
    """

    operation = "maximum"


@public("layers.Minimum")
class Minimum(Extreme):
    """The smallest of a list of inputs, by element.

    Masked steps of an input don't count; steps that all inputs mask are the first input's.

    >>> import minikeras as keras
    >>> x, y = keras.ops.full((1, 2), 3.0), keras.ops.full((1, 2), 2.0)
    >>> Minimum()([x, y]).numpy().tolist()
    [[2.0, 2.0]]
    """

    operation = "minimum"


@public("layers.Average")
class Average(Fold):
    """Mean of a list of inputs, by element.

    >>> import minikeras as keras
    >>> x, y = keras.ops.full((1, 2), 3.0), keras.ops.full((1, 2), 2.0)
    >>> Average()([x, y]).numpy().tolist()
    [[2.5, 2.5]]
    """

    operation = "add"

    def merge(self, inputs):
        return ops.divide(super().merge(inputs), len(inputs))


@public("layers.Concatenate")
class Concatenate(Merge):
    """A list of inputs joined along an axis (not the batch's).

    >>> import minikeras as keras
    >>> Concatenate()([keras.ops.ones((2, 3)), keras.ops.ones((2, 1))]).shape
    (2, 4)
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape):
        shapes = _checked_shapes(self, input_shape)
        ranks = {len(s) for s in shapes}
        if len(ranks) > 1:
            raise ValueError(
                f'Layer "{self.name}" (Concatenate) needs inputs of one rank. '
                f"Received: {', '.join(map(str, shapes))}"
            )
        axis = canonical_axis(self.axis, ranks.pop())
        for s in shapes[1:]:
            if any(i != axis and None not in (a, b) and a != b
                   for i, (a, b) in enumerate(zip(s, shapes[0]))):
                raise ValueError(
                    "A `Concatenate` layer requires inputs with matching shapes except for the "
                    f"concatenation axis. Received: input_shape={shapes}"
                )

    def call(self, inputs):
        return ops.concatenate(list(inputs), axis=self.axis)

    def compute_mask(self, inputs, mask=None):
        if mask is None or all(m is None for m in mask):
            return None
        parts = []
        for x, m in zip(inputs, mask):
            if m is None:
                m = ops.ones_like(x, dtype="bool")
            elif len(m.shape) < len(x.shape):
                for _ in range(len(x.shape) - len(m.shape)):
                    m = ops.expand_dims(m, -1)
                m = ops.logical_and(ops.ones_like(x, dtype="bool"), m)
            parts.append(m)
        return ops.any(ops.concatenate(parts, axis=self.axis), axis=-1, keepdims=False)


@public("layers.Dot")
class Dot(Merge):
    """Sum over one axis of products of two inputs, sample by sample.

    (batch, *m, k) and (batch, k, *n), with the axis of k anywhere, to (batch, *m, *n); where
    nothing is left but the batch, (batch, 1).

    Args:
        axes: the axis of each input, an int for both or two of them; not the batch's.
        normalize: whether the inputs first get length 1 along their axis: cosine similarity.

    >>> import minikeras as keras
    >>> x, y = keras.ops.full((1, 2), 3.0), keras.ops.full((1, 2), 2.0)
    >>> Dot(axes=1)([x, y]).numpy().tolist()
    [[12.0]]
    """

    count = 2

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        pair = (axes, axes) if isinstance(axes, int) else axes
        if not isinstance(pair, (list, tuple)):
            raise TypeError(
                "Invalid type for argument `axes` of Dot: it should be a list or an int. "
                f"Received: axes={axes}"
            )
        if len(pair) != 2 or not all(isinstance(a, int) for a in pair):
            raise ValueError(
                "`axes` of Dot must be an int, or a list or tuple of two of them. "
                f"Received: axes={axes}"
            )
        self.axes, self.normalize = axes, normalize

    def _axes(self, shapes):
        """The axis of each input, counted from the front."""
        pair = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        axes = [canonical_axis(a, len(s)) for a, s in zip(pair, shapes)]
        if 0 in axes:
            raise ValueError(
                f'Layer "{self.name}" (Dot) cannot sum over the batch axis, 0. '
                f"Received: axes={self.axes} for inputs of shapes {shapes}"
            )
        return axes

    def build(self, input_shape):
        shapes = _checked_shapes(self, input_shape, self.count)
        lengths = [s[a] for s, a in zip(shapes, self._axes(shapes))]
        if None not in lengths and lengths[0] != lengths[1]:
            raise ValueError(
                f'Layer "{self.name}" (Dot): incompatible input shapes: the axes to sum over have '
                f"lengths {lengths[0]} and {lengths[1]}. Received: shapes {shapes}, "
                f"axes={self.axes}"
            )

    def merge(self, inputs):
        axes = self._axes([tuple(x.shape) for x in inputs])
        if self.normalize:
            inputs = [ops.normalize(x, axis=a) for x, a in zip(inputs, axes)]
        letters = iter("cdefghijklmnopqrstuvwxyz")  # a: the batch, b: the axis summed over
        terms = [
            "a" + "".join("b" if i == axis else next(letters) for i in range(1, len(x.shape)))
            for x, axis in zip(inputs, axes)
        ]
        kept = "".join(t[1:].replace("b", "") for t in terms)
        result = ops.einsum(f"{','.join(terms)}->a{kept}", *inputs)
        return result if kept else ops.expand_dims(result, -1)

    def call(self, inputs):
        return self.merge(self._listed(inputs))

    def compute_mask(self, inputs, mask=None):
        return None


# ---------------------------------------------------------------- as functions
AS_FUNCTION = """`{layer}` as a function: {first}

    Args:
        inputs: list of tensors.
        kwargs: arguments of the layer, such as `name`.

    >>> import minikeras as keras
    >>> inputs = [keras.Input((3,)), keras.Input((3,))]
    >>> keras.layers.{name}(inputs).shape
    (None, 3)
    """


def _as_function(layer):
    name = layer.__name__.lower()

    def merge(inputs, **kwargs):
        return layer(**kwargs)(inputs)

    merge.__name__ = merge.__qualname__ = name
    merge.__doc__ = AS_FUNCTION.format(
        layer=layer.__name__, name=name, first=layer.__doc__.splitlines()[0])
    return public(f"layers.{name}")(merge)


add, subtract, multiply = map(_as_function, (Add, Subtract, Multiply))
maximum, minimum, average = map(_as_function, (Maximum, Minimum, Average))


@public("layers.concatenate")
def concatenate(inputs, axis=-1, **kwargs):
    """`Concatenate` as a function.

    >>> import minikeras as keras
    >>> keras.layers.concatenate([keras.ops.ones((2, 3)), keras.ops.ones((2, 1))]).shape
    (2, 4)
    """
    return Concatenate(axis=axis, **kwargs)(inputs)


@public("layers.dot")
def dot(inputs, axes=-1, **kwargs):
    """`Dot` as a function.

    >>> import minikeras as keras
    >>> keras.layers.dot([keras.ops.ones((2, 3)), keras.ops.ones((2, 3))]).shape
    (2, 1)
    """
    return Dot(axes=axes, **kwargs)(inputs)
