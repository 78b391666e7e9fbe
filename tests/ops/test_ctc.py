"""CTC against stored values of Keras, impossible labels, errors."""

import numpy as np
import pytest

from minikeras import GradientTape, ops
from tests.golden import ctc, store

GOLDEN = store.load_arrays("ctc")
X, Y, TARGET = ctc.X, ctc.Y, ctc.TARGET


def test_as_keras():
    got = ctc.every()
    assert got.keys() == GOLDEN.keys()
    for name, want in GOLDEN.items():
        assert got[name].dtype == want.dtype, name
        np.testing.assert_allclose(got[name], want, rtol=2e-6, atol=1e-6, err_msg=name)


def test_missing_paths():
    labels, scores = ops.ctc_decode(Y[:, :1, :2], [1, 1, 1], "beam_search", top_paths=4)
    assert np.isneginf(scores.numpy()[:, 2:]).all()
    assert (labels.numpy()[2:] == -1).all()


def test_too_few_frames():
    x = ops.convert_to_tensor(X)
    with GradientTape() as tape:
        tape.watch(x)
        loss = ops.ctc_loss(TARGET, x, [2, 3, 1], [6, 4, 0])
    assert np.isinf(loss.numpy()).tolist() == [False, True, True]
    g = tape.gradient(loss, x).numpy()
    assert np.abs(g[0]).max() > 0.1
    assert not g[1:].any()


@pytest.mark.parametrize(("call", "words"), [
    (lambda: ops.ctc_loss(TARGET[0], X, [2, 3, 1], [6, 5, 4]), r"`target` must have .*\(3,\)"),
    (lambda: ops.ctc_loss(TARGET[:2], X, [2, 3, 1], [6, 5, 4]), "same batch size.*(2, 3)"),
    (lambda: ops.ctc_loss(TARGET, X, [2, 3, 1], [6, 5, 4], mask_index=4), "4 classes"),
    (lambda: ops.ctc_decode(X, [6, 6, 6], "best"), "'greedy' or 'beam_search'.*best"),
    (lambda: ops.ctc_decode(X, [6, 6, 6], "beam_search", 2, 3), "beam_width=2"),
])
def test_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call()
