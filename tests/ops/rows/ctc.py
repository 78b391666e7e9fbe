"""Rows of connectionist temporal classification, against sums over all paths."""

import itertools

import numpy as np
import scipy.special

from tests.ops.samples import i, r, row, whole

LOW = {"dtypes_": ("float32", "float16", "bfloat16"), "unknown_": (0,)}


def collapsed(path, blank):
    return tuple(k for k, _ in itertools.groupby(path) if k != blank)


def labellings(logits, length, blank):
    """Probability of each labelling of one sequence, by the definition: the sum of its paths."""
    p = scipy.special.softmax(np.asarray(logits, "float64"), -1)[:length]
    total = {}
    for path in itertools.product(range(p.shape[-1]), repeat=len(p)):
        key = collapsed(path, blank)
        total[key] = total.get(key, 0) + np.prod([p[t, c] for t, c in enumerate(path)])
    return total


def ctc_loss(target, output, target_length, output_length, mask_index=0):
    blank = mask_index % output.shape[-1]
    return np.array([
        -np.log(labellings(x, n, blank).get(tuple(t[:m].tolist()), 0.0))
        for t, x, m, n in zip(target, output, target_length, output_length)])


TARGET = np.array([[1, 2, 0], [3, 3, 1], [1, 0, 0], [2, 1, 2]], "int32")
for lengths in ((2, 2, 1, 3), (0, 3, 1, 2)):
    row("ctc_loss", ctc_loss, TARGET, r(4, 5, 4), np.array(lengths, "int32"),
        np.array([5, 4, 3, 5], "int32"), tol_=1e-12, **LOW)
row("ctc_loss", ctc_loss, TARGET % 3, r(4, 5, 4), np.array([2, 2, 1, 3], "int32"),
    np.array([5, 4, 3, 5], "int32"), mask_index=-1, dtypes_=("float32",))
row("ctc_loss", ctc_loss, TARGET, r(4, 5, 4), np.array([2, 3, 0, 0], "int64"),
    np.array([3, 3, 0, 2], "int64"), dtypes_=(), grad_=False)
row("ctc_loss", ctc_loss, TARGET[:2], 30 * r(2, 5, 4), np.array([2, 3], "int32"),
    np.array([5, 5], "int32"), dtypes_=("float32",))


def greedy(inputs, lengths, strategy="greedy", merge_repeated=True, mask_index=0):
    blank = inputs.shape[-1] - 1 if mask_index is None else mask_index
    labels = np.full((1, *inputs.shape[:2]), -1)
    for k, (x, n) in enumerate(zip(inputs, lengths)):
        best = x[:n].argmax(-1)
        merged = [c for c, _ in itertools.groupby(best)] if merge_repeated else best
        kept = [c for c in merged if c != blank]
        labels[0, k, : len(kept)] = kept
    score = [-x[:n].max(-1).sum() for x, n in zip(inputs, lengths)]
    return labels, np.array(score)[:, None]


LENGTHS = np.array([7, 4, 0], "int32")
for mask in (0, 2, None):
    whole("ctc_decode", greedy, r(3, 7, 3), LENGTHS, mask_index=mask, dtypes_=("float32",))
whole("ctc_decode", greedy, r(3, 7, 3), LENGTHS, merge_repeated=False, dtypes_=())


def beam(inputs, lengths, strategy, top_paths=1, mask_index=0, **_):
    """The most probable of all labellings: what a beam wide enough finds."""
    batch, time, classes = inputs.shape
    labels, scores = np.full((top_paths, batch, time), -1), np.full((batch, top_paths), -np.inf)
    for k, (x, n) in enumerate(zip(inputs, lengths)):
        found = labellings(x, n, mask_index)
        for j, key in enumerate(sorted(found, key=found.get, reverse=True)[:top_paths]):
            labels[j, k, : len(key)], scores[k, j] = key, np.log(found[key])
    return labels, scores


for mask in (0, 2):
    whole("ctc_decode", beam, r(3, 5, 3), np.array([5, 3, 0], "int32"), strategy="beam_search",
          top_paths=4, mask_index=mask, dtypes_=("float32",))
whole("ctc_decode", beam, i(2, 4, 3, high=4), np.array([4, 2], "int64"), strategy="beam_search",
      beam_width=40, dtypes_=(), tol_=1e-5)
