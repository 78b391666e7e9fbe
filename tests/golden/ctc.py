"""Probes of `ctc_loss` and `ctc_decode`."""

import numpy as np

from tests.golden.formulas import uniform
from tests.golden.package import array, gradients, keras

ops = keras.ops
X = uniform((3, 6, 4), 1) * 2
Y = uniform((3, 7, 4), 2) * 4
TARGET = np.array([[1, 2, 0], [3, 3, 3], [1, 0, 0]], "int32")
OTHER = np.array([[1, 2, 0], [2, 2, 2], [1, 0, 0]], "int32")
LENGTHS = np.array([2, 3, 1], "int32"), np.array([6, 5, 4], "int32")
FRAMES = np.array([7, 5, 3], "int32")

LOSSES = {
    "loss": lambda x: ops.ctc_loss(TARGET, x, *LENGTHS),
    "loss, last class blank": lambda x: ops.ctc_loss(OTHER, x, *LENGTHS, mask_index=3),
}
DECODED = {
    f"beams of {width}": {"strategy": "beam_search", "beam_width": width, "top_paths": 2}
    for width in (2, 5, 100)
}
DECODED |= {
    "greedy": {"strategy": "greedy"},
    "greedy, repeated": {"strategy": "greedy", "merge_repeated": False},
    "greedy, last class blank": {"strategy": "greedy", "mask_index": 3},
}


def every():
    """All results by name."""
    found = {name: array(loss(X)) for name, loss in LOSSES.items()}
    for name, loss in LOSSES.items():
        found[f"gradient of {name}"] = gradients(lambda x, f=loss: ops.sum(f(x)), X)[0]
    for name, options in DECODED.items():
        labels, scores = ops.ctc_decode(Y, FRAMES, **options)
        found |= {f"{name}: labels": array(labels), f"{name}: scores": array(scores)}
    return found
