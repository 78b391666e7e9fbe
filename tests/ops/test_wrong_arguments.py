"""Wrong arguments: the error names the op, what it was given, and the rule that was broken.

Each call is made on tensors and, where it can be, on symbolic tensors: the same words.
"""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops


def t(*shape, dtype="float32"):
    """A tensor of zeros, to be made in the mode of the test."""
    return np.zeros(shape, dtype)


I3, INT = t(3, dtype="int32"), "int32"
# call, type of error, words that stand in the message
WRONG = [
    # ------------------------------------------------------------ shapes that do not go together
    (lambda c: ops.add(c(t(2, 3)), c(t(4))), ValueError, "ops.add", "(2, 3)", "(4,)",
     "broadcast"),
    (lambda c: ops.maximum(c(t(2, 3)), c(t(3, 2))), ValueError, "ops.maximum", "(2, 3)", "(3, 2)"),
    (lambda c: ops.where(c(t(2, dtype="bool")), c(t(3)), c(t(3))), ValueError, "(2,)", "(3,)"),
    (lambda c: ops.matmul(c(t(2, 3)), c(t(4, 5))), ValueError, "ops.matmul", "inner dimensions",
     "3 and 4"),
    (lambda c: ops.matmul(c(t()), c(t(2))), ValueError, "ops.matmul", "a number is no matrix"),
    (lambda c: ops.matmul(c(t(2, 3, 4)), c(t(3, 4, 5))), ValueError, "ops.matmul", "broadcast"),
    (lambda c: ops.dot(c(t(2, 3)), c(t(4))), ValueError, "(2, 3)", "(4,)"),
    (lambda c: ops.tensordot(c(t(2, 3)), c(t(4, 5)), 1), ValueError, "ops.tensordot", "(2, 3)"),
    (lambda c: ops.inner(c(t(2, 3)), c(t(4))), ValueError, "(2, 3)", "(4,)"),
    (lambda c: ops.einsum("ij,jk->ik", c(t(2, 3)), c(t(4, 5))), ValueError, "ops.einsum", "'j'",
     "3 and 4"),
    (lambda c: ops.einsum("ij->i", c(t(2))), ValueError, "ops.einsum", "'ij'", "(2,)"),
    (lambda c: ops.einsum("ij,jk", c(t(2, 2))), ValueError, "ops.einsum", "2 operands, 1 given"),
    (lambda c: ops.einsum("ij->k", c(t(2, 2))), ValueError, "ops.einsum", "output letter"),
    (lambda c: ops.concatenate([c(t(2, 3)), c(t(2, 4))], 0), ValueError, "ops.concatenate",
     "(2, 3)", "(2, 4)"),
    (lambda c: ops.concatenate([c(t(2, 3)), c(t(2))], 0), ValueError, "ops.concatenate", "(2,)"),
    (lambda c: ops.stack([c(t(2)), c(t(3))]), ValueError, "ops.stack", "(2,)", "(3,)"),
    (lambda c: ops.reshape(c(t(2, 3)), (4,)), ValueError, "ops.reshape", "(2, 3)", "6 elements"),
    (lambda c: ops.reshape(c(t(2, 3)), (4, -1)), ValueError, "ops.reshape", "(2, 3)", "(4, -1)"),
    (lambda c: ops.reshape(c(t(2, 3)), (-1, -1)), ValueError, "ops.reshape", "Only one"),
    (lambda c: ops.broadcast_to(c(t(2, 3)), (3, 3)), ValueError, "ops.broadcast_to", "(2, 3)",
     "(3, 3)"),
    (lambda c: ops.squeeze(c(t(2, 3)), 0), ValueError, "ops.squeeze", "axis 0 has length 2"),
    (lambda c: ops.split(c(t(5)), 2), ValueError, "ops.split", "length 5", "2 equal"),
    (lambda c: ops.slice_update(c(t(3)), (2,), c(t(2))), ValueError, "ops.slice_update", "(2,)"),
    (lambda c: ops.cross(c(t(4)), c(t(3))), ValueError, "ops.cross", "2 or 3 components"),
    (lambda c: ops.solve(c(t(2, 3)), c(t(2))), ValueError, "ops.solve", "(2, 3)"),
    (lambda c: ops.solve(c(t(2, 2)), c(t(3))), ValueError, "ops.solve", "(3,)"),
    (lambda c: ops.cholesky(c(t(2, 3))), ValueError, "ops.cholesky", "(2, 3)"),
    (lambda c: ops.det(c(t(2, 3))), ValueError, "ops.det", "(2, 3)"),
    (lambda c: ops.inv(c(t(3))), ValueError, "ops.inv", "(3,)"),
    (lambda c: ops.eigh(c(t(2, 3))), ValueError, "ops.eigh", "(2, 3)"),
    (lambda c: ops.svd(c(t(3))), ValueError, "ops.svd", "(3,)"),
    (lambda c: ops.qr(c(t(3))), ValueError, "ops.qr", "(3,)"),
    (lambda c: ops.lstsq(c(t(3, 2)), c(t(4))), ValueError,
     "ops.lstsq", "as many", "(3, 2)", "(4,)"),
    # ------------------------------------------------------------ axes
    (lambda c: ops.sum(c(t(2, 3)), axis=2), ValueError, "ops.sum", "axis 2", "from -2 to 1"),
    (lambda c: ops.mean(c(t(2, 3)), axis=(0, 0)), ValueError, "ops.mean", "names an axis twice"),
    (lambda c: ops.max(c(t(2, 3)), axis=-3), ValueError, "ops.max", "axis -3"),
    (lambda c: ops.argmax(c(t(2, 3)), axis=5), ValueError, "ops.argmax", "axis 5"),
    (lambda c: ops.softmax(c(t(2, 3)), axis=4), ValueError, "ops.softmax", "axis 4"),
    (lambda c: ops.cumsum(c(t(2, 3)), axis=2), ValueError, "ops.cumsum", "axis 2"),
    (lambda c: ops.sort(c(t(2, 3)), axis=2), ValueError, "ops.sort", "axis 2"),
    (lambda c: ops.expand_dims(c(t(2, 3)), 4), ValueError, "ops.expand_dims", "axis 4"),
    (lambda c: ops.transpose(c(t(2, 3)), (0, 0)), ValueError, "ops.transpose", "permutation"),
    (lambda c: ops.transpose(c(t(2, 3)), (0, 1, 2)), ValueError, "ops.transpose", "axis 2"),
    (lambda c: ops.swapaxes(c(t(2, 3)), 0, 2), ValueError, "ops.swapaxes", "axis 2"),
    (lambda c: ops.moveaxis(c(t(2, 3)), 0, 3), ValueError, "ops.moveaxis", "axis 3"),
    (lambda c: ops.flip(c(t(2, 3)), 2), ValueError, "ops.flip", "axis 2"),
    (lambda c: ops.take(c(t(2, 3)), c(I3), axis=2), ValueError, "ops.take", "axis 2"),
    (lambda c: ops.take_along_axis(c(t(2, 3)), c(t(2, 3, dtype=INT)), axis=2), ValueError,
     "ops.take_along_axis", "axis 2"),
    (lambda c: ops.repeat(c(t(2, 3)), 2, axis=2), ValueError, "ops.repeat", "axis 2"),
    (lambda c: ops.stack([c(t(2))], axis=3), ValueError, "ops.stack", "axis 3"),
    (lambda c: ops.unstack(c(t(2, 3)), axis=2), ValueError, "ops.unstack", "axis 2"),
    (lambda c: ops.one_hot(c(I3), 4, axis=3), ValueError, "ops.one_hot", "axis 3"),
    (lambda c: ops.median(c(t(2, 3)), axis=2), ValueError, "ops.median", "axis 2"),
    (lambda c: ops.diff(c(t(2, 3)), axis=2), ValueError, "ops.diff", "axis 2"),
    (lambda c: ops.norm(c(t(2, 3, 4)), axis=(0, 1, 2)), ValueError, "ops.norm"),
    (lambda c: ops.layer_normalization(c(t(2, 3)), axis=2), ValueError,
     "ops.layer_normalization", "axis 2"),
    (lambda c: ops.trace(c(t(3))), ValueError, "ops.trace"),
    # ------------------------------------------------------------ values of options
    (lambda c: ops.norm(c(t(3)), ord="nuc"), ValueError, "ops.norm", "nuc"),
    (lambda c: ops.top_k(c(t(3)), 4), ValueError, "ops.top_k", "4"),
    (lambda c: ops.pad(c(t(2, 3)), ((1, 1), (1, 1), (1, 1))), ValueError, "ops.pad", "2 axes"),
    (lambda c: ops.pad(c(t(2)), 1, mode="foo"), ValueError, "ops.pad", "'foo'"),
    (lambda c: ops.quantile(c(t(3)), 0.5, method="foo"), ValueError, "ops.quantile", "foo"),
    (lambda c: ops.diff(c(t(3)), n=-1), ValueError, "ops.diff", "n=-1"),
    (lambda c: ops.rot90(c(t(3))), ValueError, "ops.rot90"),
    (lambda c: ops.vander(c(t(2, 2))), ValueError, "ops.vander", "(2, 2)"),
    (lambda c: ops.correlate(c(t(2)), c(t(2)), "foo"), ValueError, "ops.correlate", "foo"),
    (lambda c: ops.meshgrid(c(t(2)), indexing="foo"), ValueError, "ops.meshgrid", "foo"),
    (lambda c: ops.one_hot(c(I3), 3, sparse=True), ValueError, "ops.one_hot", "sparse"),
    (lambda c: ops.cast(c(t(2)), "float31"), ValueError, "float31"),
    (lambda c: ops.searchsorted(c(t(2, 2)), c(t(2))), ValueError, "ops.searchsorted", "(2, 2)"),
    # ------------------------------------------------------------ networks
    (lambda c: ops.conv(c(t(1, 5, 2)), c(t(3, 3, 4))), ValueError, "ops.conv", "2 channels",
     "takes 3"),
    (lambda c: ops.conv(c(t(1, 5, 2)), c(t(9, 2, 4))), ValueError, "ops.conv", "does not fit"),
    (lambda c: ops.conv(c(t(1, 5, 2)), c(t(3, 2, 4)), padding="foo"), ValueError, "ops.conv",
     "`padding`", "'foo'"),
    (lambda c: ops.conv(c(t(1, 5, 2)), c(t(3, 2, 4)), strides=0), ValueError, "`strides`", "0"),
    (lambda c: ops.conv(c(t(5, 2)), c(t(3, 2, 4))), ValueError, "ops.conv", "dimensions"),
    (lambda c: ops.depthwise_conv(c(t(1, 5, 2)), c(t(3, 3, 4))), ValueError, "ops.depthwise_conv",
     "channels"),
    (lambda c: ops.conv_transpose(c(t(1, 5, 2)), c(t(3, 2, 4))), ValueError, "conv_transpose",
     "channels"),
    (lambda c: ops.max_pool(c(t(1, 3, 2)), 4), ValueError, "ops.max_pool", "does not fit"),
    (lambda c: ops.average_pool(c(t(3, 2)), 2), ValueError, "ops.average_pool", "dimensions"),
    (lambda c: ops.batch_normalization(c(t(2, 3)), c(t(2)), c(t(3)), -1), ValueError,
     "ops.batch_normalization", "`mean`", "(3,)"),
    (lambda c: ops.layer_normalization(c(t(2, 3)), gamma=c(t(2))), ValueError, "`gamma`", "(3,)"),
    (lambda c: ops.categorical_crossentropy(c(t(2, 3)), c(t(2, 4))), ValueError,
     "categorical_crossentropy", "(2, 3)", "(2, 4)"),
    (lambda c: ops.sparse_categorical_crossentropy(c(t(3, dtype=INT)), c(t(2, 4))), ValueError,
     "sparse_categorical_crossentropy", "(3,)", "(2, 4)"),
    (lambda c: ops.binary_crossentropy(c(t(2)), c(t(3))), ValueError, "binary_crossentropy"),
    (lambda c: ops.dot_product_attention(c(t(1, 2, 3)), c(t(1, 2, 3)), c(t(1, 2, 3))), ValueError,
     "ops.dot_product_attention"),
    (lambda c: ops.glu(c(t(2, 3))), ValueError, "ops.glu", "3"),
    (lambda c: ops.segment_sum(c(t(3)), c(t(2, dtype=INT)), 2), ValueError,
     "ops.segment_sum", "(2,)"),
    (lambda c: ops.depth_to_space(c(t(1, 2, 2, 3)), 2), ValueError, "ops.depth_to_space", "3"),
    (lambda c: ops.space_to_depth(c(t(1, 3, 2, 3)), 2), ValueError, "ops.space_to_depth", "3"),
    (lambda c: ops.fft((c(t(3)), c(t(4)))), ValueError, "ops.fft"),
    (lambda c: ops.psnr(c(t(3)), c(t(4)), 1.0), ValueError, "ops.psnr", "(3,)", "(4,)"),
    # ------------------------------------------------------------ names and numbers of arguments
    (lambda c: ops.sum(c(t(2)), axes=0), TypeError, "ops.sum", "axes", "keepdims"),
    (lambda c: ops.relu(c(t(2)), 1, 2), TypeError, "relu"),
    (lambda c: ops.transpose(), TypeError, "ops.transpose", "'x'"),
    (lambda c: ops.cumsum(c(t(2)), 0, axis=0), TypeError, "cumsum", "axis"),
]


@pytest.mark.parametrize("row", WRONG, ids=lambda row: " ".join(row[2:])[:50])
@pytest.mark.parametrize("mode", ["eager", "symbolic", "taped"])
def test_message(row, mode):
    call, error, *words = row
    if mode == "symbolic":
        def convert(a):
            return keras.KerasTensor(a.shape, str(a.dtype))
    else:
        convert = ops.convert_to_tensor
    with keras.GradientTape() as tape:
        def watched(a):
            x = convert(a)
            if mode == "taped" and a.dtype.kind == "f":
                tape.watch(x)
            return x
        with pytest.raises(error) as caught:
            call(watched)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "ops._" not in message  # what the op is made of


@pytest.mark.parametrize("row", WRONG, ids=lambda row: " ".join(row[2:])[:50])
def test_eager_and_symbolic_calls_use_the_same_words(row):
    def message(convert):
        with pytest.raises(row[1]) as caught:
            row[0](convert)
        return str(caught.value)

    symbolic = message(lambda a: keras.KerasTensor(a.shape, str(a.dtype)))
    assert message(ops.convert_to_tensor) == symbolic


# Values that only eager calls know.
EAGER = [
    (lambda: ops.bincount(np.array([-1, 2])), ValueError, "ops.bincount", "not negative"),
    (lambda: ops.linspace(0, 1, num=-1), ValueError, "ops.linspace", "num=-1"),
    (lambda: ops.arange(0, 1, 0), ValueError, "ops.arange", "step"),
    (lambda: ops.eye(-1), ValueError, "ops.eye"),
    (lambda: ops.zeros((2, -1)), ValueError, "ops.zeros", "(2, -1)"),
    (lambda: ops.full((-2,), 1.0), ValueError, "ops.full", "(-2,)"),
    (lambda: ops.convert_to_tensor([[1, 2], [3]]), ValueError, "shape"),
    (lambda: ops.convert_to_tensor("text", "float32"), ValueError, "text"),
    (lambda: ops.ones(2)[3], IndexError, "3", "length 2"),
    (lambda: ops.ones((2, 2))[0, 0, 0], IndexError, "3", "2 dimension"),
    (lambda: ops.cholesky(-np.eye(2, dtype="float32")), ValueError, "ops.cholesky", "positive"),
    (lambda: ops.inv(np.zeros((2, 2), "float32")), ValueError, "ops.inv", "ingular"),
    (lambda: ops.solve(np.zeros((2, 2), "float32"), np.ones(2, "float32")), ValueError,
     "ops.solve", "ingular"),
    (lambda: ops.add(np.ones(2), "text"), (TypeError, ValueError), "text"),
    (lambda: ops.add(np.ones(2), None), (TypeError, ValueError), "ops.add", "None"),
]


@pytest.mark.parametrize("row", EAGER, ids=lambda row: " ".join(row[2:])[:50])
def test_message_about_values(row):
    call, error, *words = row
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert all(word in message for word in words), message
