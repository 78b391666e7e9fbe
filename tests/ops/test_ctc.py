"""CTC against values of Keras (TensorFlow, JAX and PyTorch agree), impossible labels, errors."""

import numpy as np
import pytest

from minikeras import GradientTape, ops

_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(3, 6, 4)).astype("float32")
Y = (_RNG.normal(size=(3, 7, 4)) * 2).astype("float32")
TARGET = np.array([[1, 2, 0], [3, 3, 3], [1, 0, 0]])
LENGTHS = np.array([7, 5, 3])


def test_loss_as_keras():
    got = ops.ctc_loss(TARGET, X, [2, 3, 1], [6, 5, 4])
    np.testing.assert_allclose(got.numpy(), [6.590162, 9.628671, 3.151877], rtol=1e-6)
    other = np.array([[1, 2, 0], [2, 2, 2], [1, 0, 0]])
    got = ops.ctc_loss(other, X, [2, 3, 1], [6, 5, 4], mask_index=3)
    np.testing.assert_allclose(got.numpy(), [4.477872, 6.630784, 4.479672], rtol=1e-6)


@pytest.mark.parametrize(("width", "scores"), [
    (2, [[-2.287301, -2.466279], [-2.446200, -2.513005], [-0.963451, -1.442186]]),
    (5, [[-2.287301, -2.466279], [-2.313907, -2.513005], [-0.963451, -1.442186]]),
    (100, [[-2.282840, -2.383008], [-2.313907, -2.348791], [-0.963451, -1.427484]]),
])
def test_narrow_beams_as_keras(width, scores):
    labels, got = ops.ctc_decode(Y, LENGTHS, "beam_search", beam_width=width, top_paths=2)
    np.testing.assert_allclose(got.numpy(), scores, rtol=2e-6)
    want = [[2, 3, 3, 1, 3, -1, -1], [1, 1, 2, -1, -1, -1, -1], [3, 1, -1, -1, -1, -1, -1]]
    assert labels.numpy()[0].tolist() == want


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
