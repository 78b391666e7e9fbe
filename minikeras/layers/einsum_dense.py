"""EinsumDense: a Dense layer over any axes, named by an einsum equation."""

import re

from minikeras import activations, ops
from minikeras.api.registry import public
from minikeras.layers.dense import set_weight_options, weight
from minikeras.layers.input_spec import InputSpec
from minikeras.layers.layer import NO_QUANTIZATION, Layer
from minikeras.layers.low_rank import Adapted, LowRank

FORM = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


def parse(equation):
    """(input letters, kernel letters, output letters, "left", "right" or None: the ellipsis)."""
    found = FORM.fullmatch(equation.replace(" ", ""))
    if found:
        left, x, right, w, out_left, out, out_right = found.groups()
        if (left, right) == (out_left, out_right) and not (left and right):
            return x, w, out, "left" if left else "right" if right else None
    raise ValueError(
        f"Invalid einsum equation {equation!r}. It must be of the form 'ab,bc->ac', "
        "'...ab,bc->...ac' or 'ab...,bc->ac...': two operands, and the ellipsis at the same side "
        "of input and output."
    )


def analyze(equation, input_shape, output_shape):
    """(lengths by letter in the input, and in the output, the output's full shape).

    `output_shape` is without the batch, and without the axes that an ellipsis stands for.
    """
    x, w, out, side = parse(equation)
    elided = len(input_shape) - len(x)
    if elided < 0 or (side is None and elided):
        raise ValueError(
            f"The equation {equation!r} does not fit inputs of {len(input_shape)} axes. "
            f"Received: input shape {tuple(input_shape)}"
        )
    if side == "left":  # the ellipsis includes the batch, unless it stands for nothing
        full = (*input_shape[: max(elided, 1)], *output_shape)
        letters, own = input_shape[elided:], full[elided:]
    else:
        full = (input_shape[0], *output_shape, *input_shape[len(x) :])
        letters, own = input_shape[: len(x)], full[: len(full) - elided]
    if len(own) != len(out):
        raise ValueError(
            f"`output_shape` {tuple(output_shape)} does not fit the output of the equation "
            f"{equation!r} for inputs of shape {tuple(input_shape)}: it holds the lengths of the "
            "output's axes, but the batch and the axes of an ellipsis."
        )
    ins, outs = dict(zip(x, letters)), dict(zip(out, own))
    for letter in ins.keys() & outs.keys():
        if None not in (ins[letter], outs[letter]) and ins[letter] != outs[letter]:
            raise ValueError(
                f"Input shape {tuple(input_shape)} and output shape {tuple(output_shape)} do not "
                f"match at letter {letter!r} of {equation!r}: {ins[letter]} and {outs[letter]}."
            )
    loose = [letter for letter in out if letter not in ins and letter not in w]
    if loose:
        raise ValueError(
            f"Letter {loose[0]!r} of the output is neither in the input nor in the kernel of "
            f"{equation!r}."
        )
    return ins, outs, full


def weight_shapes(equation, bias_axes, input_shape, output_shape):
    """(shape of the kernel, shape of the bias or None)."""
    x, w, out, side = parse(equation)
    ins, outs, _ = analyze(equation, input_shape, output_shape)
    kernel = _kernel_shape(equation, w, ins, outs, input_shape)
    trailing = len(input_shape) - len(x) if side == "right" else 0
    return kernel, _bias_shape(equation, bias_axes, out, ins | outs, trailing)


def _kernel_shape(equation, letters, ins, outs, input_shape):
    unknown = [c for c in letters if c not in ins and c not in outs]
    if unknown:
        raise ValueError(
            f"Letter {unknown[0]!r} of the kernel is neither in the input nor in the output of "
            f"{equation!r}."
        )
    shape = tuple(ins[c] if ins.get(c) is not None else outs.get(c) for c in letters)
    if None in shape:
        raise ValueError(
            f"The length of axis {letters[shape.index(None)]!r} of the kernel in {equation!r} is "
            "unknown; give it in `output_shape` or in the inputs' shape. Received: input shape "
            f"{tuple(input_shape)}"
        )
    return shape


def _bias_shape(equation, axes, out, sizes, trailing):
    if not axes:
        return None
    for letter in axes:
        if letter not in out:
            raise ValueError(
                f"Bias dimension {letter!r} was requested, but the output of {equation!r} has no "
                "such axis."
            )
    first = min(out.index(letter) for letter in axes)
    shape = tuple(sizes[c] if c in axes else 1 for c in out[first:])
    if None in shape:
        raise ValueError(
            f"The lengths of the bias's axes {axes!r} must be known. Received: {shape}"
        )
    return shape + (1,) * trailing


@public("layers.EinsumDense")
class EinsumDense(LowRank, Layer):
    """activation(einsum(equation, inputs, kernel) + bias).

    Args:
        equation: such as "abc,cd->abd"; "..." at the start or the end of input and output
            stands for any further axes.
        output_shape: of the output without the batch (and without the axes of "..."); None where
            the length is the input's.
        activation: name or function; None is linear.
        bias_axes: letters of the output that the bias has; None: no bias.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            kernel_constraint, bias_constraint: names, configs or objects.
        lora_rank, lora_alpha: train an addition of low rank to the kernel, as `enable_lora` does.
        gptq_unpacked_column_size, quantization_config: not supported.

    >>> import minikeras as keras
    >>> layer = EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d")
    >>> layer(keras.ops.ones((2, 3, 4))).shape
    (2, 3, 5)
    """

    kernel, bias = Adapted(), None
    variable_serialization_spec = {None: ["kernel", "bias"]}

    def __init__(
        self, equation, output_shape, activation=None, bias_axes=None,
        kernel_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer=None,
        bias_regularizer=None, kernel_constraint=None, bias_constraint=None, lora_rank=None,
        lora_alpha=None, gptq_unpacked_column_size=None, quantization_config=None, **kwargs,
    ):
        if gptq_unpacked_column_size or quantization_config:
            raise NotImplementedError(NO_QUANTIZATION)
        super().__init__(lora_rank=lora_rank, lora_alpha=lora_alpha, **kwargs)
        parse(equation)
        self.equation, self.bias_axes = equation, bias_axes
        self.partial_output_shape = (
            (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        )
        self.activation = activations.get(activation)
        set_weight_options(
            self, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )

    def build(self, input_shape):
        kernel, bias = weight_shapes(
            self.equation, self.bias_axes, input_shape, self.partial_output_shape)
        self.full_output_shape = self.compute_output_shape(input_shape)
        self.input_spec = InputSpec(ndim=len(input_shape))
        self.kernel = weight(self, "kernel", kernel)
        self.bias = None if bias is None else weight(self, "bias", bias)
        self._adapt()

    def call(self, inputs, training=None):
        x = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            x = ops.add(x, self.bias)
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape):
        return analyze(self.equation, input_shape, self.partial_output_shape)[2]

    # What the constructor was given, by the names of its parameters, for the configuration.
    output_shape = property(lambda self: self.partial_output_shape)
    gptq_unpacked_column_size = quantization_config = None

    def get_config(self):
        config = super().get_config()
        config.pop("gptq_unpacked_column_size", None)
        config.setdefault("activity_regularizer", None)
        return config
