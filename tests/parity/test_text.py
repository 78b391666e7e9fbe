"""Summaries, progress lines, logs and callback calls against Keras's."""

import re

import numpy as np
import pytest

from tests.golden import store, text

GOLDEN = store.load_json("text")
NUMBER = re.compile(r"(?<=: )-?\d+\.\d+(e-?\d+)?")


@pytest.mark.parametrize("name", text.SUMMARIES)
def test_summary(name):
    got, want = text.summary(name), GOLDEN[f"summary {name}"]
    assert got.split("\n") == want.split("\n")


@pytest.mark.parametrize("name", text.PROGRESS)
def test_progress(name):
    model = text.small()
    got, want = text.printed(lambda: text.PROGRESS[name](model)), GOLDEN[f"progress {name}"]
    assert [NUMBER.sub("#", line) for line in got] == [NUMBER.sub("#", line) for line in want]
    for line, wanted in zip(got, want):
        np.testing.assert_allclose(
            [float(m[0]) for m in NUMBER.finditer(line)],
            [float(m[0]) for m in NUMBER.finditer(wanted)], atol=2e-4)  # four places are printed


@pytest.mark.parametrize("name", text.CALLS)
def test_callback_calls(name):
    assert text.calls(name) == GOLDEN[f"calls {name}"]


def test_results():
    got, want = text.results(), GOLDEN["results"]
    for key, value in want.items():
        if key == "History.history":
            assert list(got[key]) == list(value)
            for metric in value:
                np.testing.assert_allclose(got[key][metric], value[metric], rtol=1e-4)
        elif key in ("evaluate", "train_on_batch", "evaluate, loss only"):
            np.testing.assert_allclose(got[key], value, rtol=1e-4)
        else:
            assert got[key] == value, key
