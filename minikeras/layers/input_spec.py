"""InputSpec: what a layer demands of its inputs, and the check."""

from minikeras import tree
from minikeras.api.registry import public


@public("layers.InputSpec", "InputSpec")
class InputSpec:
    """Dtype, rank and dimensions that a layer demands of an input.

    Args:
        dtype: name of the dtype.
        shape: shape; None matches any length.
        ndim, max_ndim, min_ndim: number of dimensions.
        axes: {axis: length}.
        allow_last_axis_squeeze: also accept inputs without, or with an extra, last axis of 1.
        name: key of the input where inputs are a dict.
        optional: whether the input may be None.
    """

    def __init__(
        self, dtype=None, shape=None, ndim=None, max_ndim=None, min_ndim=None, axes=None,
        allow_last_axis_squeeze=False, name=None, optional=False,
    ):
        self.dtype, self.name, self.optional = dtype, name, optional
        self.shape = None if shape is None else _sizes(shape)
        self.ndim = len(self.shape) if shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        try:
            self.axes = {int(k): v for k, v in (axes or {}).items()}
        except (AttributeError, TypeError, ValueError) as e:
            raise TypeError(
                f"Argument `axes` must be a dict with integer keys. Received: axes={axes}"
            ) from e
        limit = self.ndim if self.ndim is not None else max_ndim
        if self.axes and limit is not None and max(self.axes) >= limit:
            raise ValueError(f"Axis {max(self.axes)} is greater than the maximum {limit - 1}.")

    def __repr__(self):
        facts = {
            "dtype": self.dtype, "shape": self.shape, "ndim": self.ndim,
            "max_ndim": self.max_ndim, "min_ndim": self.min_ndim, "axes": self.axes or None,
        }
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in facts.items() if v is not None)})"

    def get_config(self):
        """Constructor arguments."""
        names = "dtype shape ndim max_ndim min_ndim axes optional".split()
        return {k: getattr(self, k) for k in names}

    @classmethod
    def from_config(cls, config):
        """A spec from what `get_config` gave."""
        return cls(**config)


def _sizes(shape):
    try:
        return tuple(None if d is None else d.__index__() for d in shape)
    except (AttributeError, TypeError):
        raise ValueError(
            "InputSpec: `shape` must be a tuple of whole numbers and None. "
            f"Received: shape={shape}"
        ) from None


def assert_input_compatibility(input_spec, inputs, layer_name):
    """Raise ValueError if inputs do not meet the layer's specs."""
    if not input_spec:
        return
    specs = tree.flatten(input_spec)
    if isinstance(inputs, dict):
        named = [s.name for s in specs]
        if all(named):
            missing = [s.name for s in specs if inputs.get(s.name) is None and not s.optional]
            if missing:
                raise ValueError(
                    f'Layer "{layer_name}": missing data for input "{missing[0]}". Received: a '
                    f"dictionary with keys {list(inputs)}. Expected: the keys {named}"
                )
            inputs = [inputs.get(n) for n in named]
    flat = tree.flatten(inputs)
    if len(flat) != len(specs):
        raise ValueError(
            f'Layer "{layer_name}" expects {len(specs)} input(s), but it received {len(flat)} '
            f"input tensors. Inputs received: {inputs}"
        )
    for i, (x, spec) in enumerate(zip(flat, specs)):
        if spec is None or (x is None and spec.optional):
            continue
        if x is None or not hasattr(x, "shape"):
            raise ValueError(
                f'Layer "{layer_name}" expects a tensor as input {i}. Received: {x!r} '
                f"(of type {type(x).__name__})"
            )
        _check(spec, tuple(x.shape), f'Input {i} of layer "{layer_name}"')
        if spec.dtype is not None and str(getattr(x.dtype, "name", x.dtype)) != spec.dtype:
            raise ValueError(
                f'Input {i} of layer "{layer_name}" is incompatible with the layer: expected '
                f"dtype={spec.dtype}, found dtype={x.dtype}"
            )


def _check(spec, shape, who):
    ndim = len(shape)
    wrong = f"{who} is incompatible with the layer: expected "
    if spec.ndim is not None and ndim != spec.ndim and not spec.allow_last_axis_squeeze:
        raise ValueError(
            f"{wrong}ndim={spec.ndim}, found ndim={ndim}. Full shape received: {shape}"
        )
    if spec.max_ndim is not None and ndim > spec.max_ndim:
        raise ValueError(f"{wrong}max_ndim={spec.max_ndim}, found ndim={ndim}")
    if spec.min_ndim is not None and ndim < spec.min_ndim:
        raise ValueError(
            f"{wrong}min_ndim={spec.min_ndim}, found ndim={ndim}. Full shape received: {shape}"
        )
    for axis, length in spec.axes.items():
        if length is not None and shape[axis] not in (length, None):
            raise ValueError(
                f"{wrong}axis {axis} of input shape to have value {length}, but received input "
                f"with shape {shape}"
            )
    if spec.shape is not None:
        expected = spec.shape
        if spec.allow_last_axis_squeeze:
            if shape and shape[-1] == 1:
                shape = shape[:-1]
            if expected and expected[-1] == 1:
                expected = expected[:-1]
        same = len(shape) == len(expected) and all(
            e is None or d is None or e == d for e, d in zip(expected, shape)
        )
        if not same:
            raise ValueError(f"{wrong}shape={spec.shape}, found shape={shape}")
