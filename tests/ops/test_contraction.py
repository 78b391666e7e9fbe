"""einsum on tensors of unknown lengths: what the contract's rows do not say."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops

UNKNOWN = [
    ("abc,cd->abd", [(2, 3, 4), (4, 5)]), ("...x,xy->...y", [(2, 3, 4), (4, 5)]),
    ("bqhd,bkhd->bhqk", [(2, 3, 2, 4), (2, 5, 2, 4)]), ("ab,bc,cd->ad", [(2, 3), (3, 4), (4, 5)]),
    ("ij,ij->ij", [(2, 3), (2, 1)]), ("ij,jk", [(2, 3), (3, 4)]),
]


@pytest.mark.parametrize("subscripts, shapes", UNKNOWN)
def test_einsum_of_unknown_lengths(subscripts, shapes):
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(-1, 1, s).astype("float32") for s in shapes]
    want = np.einsum(subscripts, *arrays)
    for hidden in (0, slice(0, 2), slice(None)):
        inputs = []
        for s in shapes:
            sizes = np.array(s, object)
            sizes[hidden] = None
            inputs.append(keras.Input(batch_shape=tuple(sizes)))
        out = ops.einsum(subscripts, *inputs)
        assert len(out.shape) == want.ndim
        assert all(d in (None, n) for d, n in zip(out.shape, want.shape))
        got = keras.Model(inputs, out)(arrays)
        np.testing.assert_allclose(ops.convert_to_numpy(got), want, rtol=1e-5, atol=1e-6)


def test_einsum_of_lengths_that_differ():
    for tensor in (ops.ones, keras.KerasTensor):
        with pytest.raises(ValueError, match="letter 'b' has lengths 3 and 4"):
            ops.einsum("ab,bc->ac", tensor((2, 3)), tensor((4, 5)))
