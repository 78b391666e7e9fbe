"""Attention by blocks against the formula: blocks of any size, masks, gradients of two orders."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops
from minikeras.kernels import attention as kernels

SHAPES = ((3, 4, 2, 3), (3, 5, 2, 3), (3, 5, 2, 4))  # query, key, value
MASKS = {
    "none": None, "full": (3, 2, 4, 5), "one head": (3, 1, 4, 5), "keys": (3, 1, 1, 5),
    "one sample": (1, 1, 4, 5), "two axes": (4, 5),
}


def by_definition(q, k, v, mask, scale):
    logits = np.einsum("btnd,bsnd->bnts", q, k) * scale
    if mask is not None:
        logits = np.where(mask, logits, -1e30)
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return np.einsum("bnts,bsnd->btnd", e / e.sum(-1, keepdims=True), v)


def mask_of(name, rng, blind=False):
    shape = MASKS[name]
    if shape is None:
        return None
    mask = rng.random(shape) > 0.4
    mask[..., 0] = True
    if blind:
        mask[(0,) * (mask.ndim - 2)][0] = False  # a query that sees nothing
    return mask


@pytest.fixture(params=[(1, 0), (7, 0), (25, 0), (1 << 17, 0), (1 << 17, 1 << 24)],
                ids=["a row", "rows", "a sample", "all", "kept"])
def blocks(request, monkeypatch):
    """Sizes of blocks, and whether the exponentials are kept."""
    monkeypatch.setattr(kernels, "BLOCK", request.param[0])
    monkeypatch.setattr(kernels, "KEEP", request.param[1])


def run(q, k, v, mask, scale=0.5):
    return ops.dot_product_attention(q, k, v, mask=mask, scale=scale)


@pytest.mark.parametrize("blind", [False, True])
@pytest.mark.parametrize("name", MASKS)
def test_values(name, blind, blocks, rng, device):
    arrays = [rng.normal(size=s) for s in SHAPES]
    mask = mask_of(name, rng, blind)
    got = run(*map(ops.convert_to_tensor, arrays), mask)
    np.testing.assert_allclose(got.numpy(), by_definition(*arrays, mask, 0.5), rtol=1e-10)


def test_a_query_without_keys_takes_the_mean_and_has_no_gradient(blocks, rng):
    q, k, v = (ops.convert_to_tensor(rng.normal(size=s)) for s in SHAPES)
    mask = np.ones((3, 1, 4, 5), bool)
    mask[0, 0, 1] = False
    with keras.GradientTape() as tape:
        tape.watch([q, k, v])
        y = run(q, k, v, mask)
        value = ops.sum(y[0, 1] * ops.convert_to_tensor(rng.normal(size=(2, 4))))
    dq, dk, dv = tape.gradient(value, [q, k, v])
    np.testing.assert_allclose(y.numpy()[0, 1], v.numpy()[0].mean(0))
    assert not dq.numpy().any() and not dk.numpy().any()
    assert dv.numpy()[0].any()


@pytest.mark.parametrize("name", MASKS)
def test_gradient_against_differences(name, blocks, rng):
    arrays, mask = [rng.normal(size=s) for s in SHAPES], mask_of(name, rng)
    w, directions = rng.normal(size=(3, 4, 2, 4)), [rng.normal(size=s) for s in SHAPES]

    def f(step):
        moved = [ops.convert_to_tensor(a + step * d) for a, d in zip(arrays, directions)]
        return float(ops.sum(run(*moved, mask) * w))

    tensors = [ops.convert_to_tensor(a) for a in arrays]
    with keras.GradientTape() as tape:
        tape.watch(tensors)
        value = ops.sum(run(*tensors, mask) * w)
    grads = tape.gradient(value, tensors)
    got = sum(np.sum(g.numpy() * d) for g, d in zip(grads, directions))
    np.testing.assert_allclose(got, (f(1e-6) - f(-1e-6)) / 2e-6, rtol=1e-6)


def test_long_sequences_need_no_room_for_all_scores(monkeypatch):
    """64 times the scores that are kept: the blocks are small."""
    monkeypatch.setattr(kernels, "KEEP", 1 << 10)
    monkeypatch.setattr(kernels, "BLOCK", 1 << 10)
    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(1, 256, 1, 4)))
    y, _, _, kept = kernels._spec(*[x._value] * 3, scale=0.5)
    assert kept.size == 0 and y.shape == (1, 256, 1, 4)
    sizes = [(s.stop - s.start) * (r.stop - r.start) * 256
             for s, r in kernels._blocks(1, 1, 256, 256)]
    assert max(sizes) <= 1 << 10 and sum(sizes) == 256 * 256
    np.testing.assert_allclose(
        run(x, x, x, None).numpy(), by_definition(*[x.numpy()] * 3, None, 0.5), rtol=1e-10)
