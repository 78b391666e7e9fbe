"""`examples/mnist_cnn.py`, its data, and the README's program: run as a user runs them."""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "mnist_cnn.py"
SUBSET = ROOT / "examples" / "data" / "mnist_subset.npz"


@pytest.fixture(scope="module")
def digits():
    with np.load(SUBSET, allow_pickle=False) as data:
        return dict(data)


@pytest.fixture
def small(digits, tmp_path):
    """A file in the form of a whole mnist.npz, with the first 2,000 and 300 digits."""
    path = tmp_path / "small.npz"
    np.savez(path, **{k: v[: 2000 if "train" in k else 300] for k, v in digits.items()})
    return path


def run(*arguments, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("MINIKERAS_CHECK", None)
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def accuracy(output):
    return float(re.search(r"^Test accuracy: (0\.\d+)$", output, re.MULTILINE)[1])


def test_subset(digits):
    for part, n in (("train", 10_000), ("test", 2_000)):
        x, y = digits[f"x_{part}"], digits[f"y_{part}"]
        assert x.shape == (n, 28, 28) and x.dtype == y.dtype == "uint8"
        assert np.bincount(y).tolist() == [n // 10] * 10
        assert x.max() == 255
    assert SUBSET.stat().st_size < 3e6


def test_example(small, tmp_path):
    output = run(EXAMPLE, "--device", "cpu", "--full", small, "--epochs", 2, folder=tmp_path)
    assert "Epoch 2/2" in output
    assert accuracy(output) > 0.7  # about 0.9
    drawn = tmp_path / "mnist_predictions.png"
    if importlib.util.find_spec("matplotlib"):
        assert drawn.read_bytes().startswith(b"\x89PNG")
    else:
        assert "matplotlib is not installed" in output and not drawn.exists()


@pytest.mark.slow
def test_example_as_shipped(tmp_path):
    # Keras on TensorFlow: 0.961 to 0.976 in three runs.
    assert accuracy(run(EXAMPLE, folder=tmp_path)) > 0.955


def test_the_readme_has_the_same_program(small, tmp_path):
    snippet = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    program = tmp_path / "program.py"
    program.write_text(
        "from minikeras.datasets import loading\n"
        f"loading.fetch = lambda *args: {str(small)!r}\n"  # instead of a download
        f"{snippet.replace('epochs=5', 'epochs=2')}"
    )
    assert "Epoch 2/2" in run(program, folder=tmp_path)
    model = snippet[snippet.index("layers.Conv2D") : snippet.index("])")]
    assert [line.strip() for line in model.strip().splitlines()] == [
        line.strip() for line in EXAMPLE.read_text().splitlines() if "        layers." in line
    ]
