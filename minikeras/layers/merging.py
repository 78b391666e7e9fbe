"""Layers of several inputs."""

from minikeras import ops, tree
from minikeras.api.registry import public
from minikeras.core.shape_rules import canonical_axis
from minikeras.kernels.registry import broadcast_shapes
from minikeras.layers.layer import Layer


class Merge(Layer):
    """A layer of a list of inputs whose shapes broadcast (the last axes aligned, batch apart)."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def merge(self, inputs):
        """The result for a list of tensors of one rank."""
        raise NotImplementedError

    def build(self, input_shape):
        shapes = _checked_shapes(self, input_shape)
        try:
            broadcast_shapes(*(s[1:] for s in shapes))
        except ValueError as e:
            raise ValueError(
                f'Layer "{self.name}": inputs have incompatible shapes. '
                f"Received: {', '.join(map(str, shapes))}"
            ) from e

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f'Layer "{self.name}" should be called on a list of inputs. '
                f"Received: inputs={inputs}"
            )
        return self.merge(_same_rank(inputs))

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


def _checked_shapes(layer, shapes):
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


@public("layers.Add")
class Add(Merge):
    """Sum of a list of inputs.

    >>> Add()([[[1.0]], [[2.0]]]).numpy().tolist()
    [[3.0]]
    """

    def merge(self, inputs):
        total = inputs[0]
        for x in inputs[1:]:
            total = ops.add(total, x)
        return total


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


@public("layers.add")
def add(inputs, **kwargs):
    """`Add` as a function."""
    return Add(**kwargs)(inputs)


@public("layers.concatenate")
def concatenate(inputs, axis=-1, **kwargs):
    """`Concatenate` as a function."""
    return Concatenate(axis=axis, **kwargs)(inputs)
