"""The comparison: both libraries in processes of their own, their results side by side."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from minikeras.api import namespaces
from minikeras.api.registry import public
from minikeras.parity import probe

SAMPLES = 8
TOLERANCES = {"output": 1e-5, "gradient": 1e-4, "loss": 1e-4, "weight": 1e-3, "mask": 0.0}


class Row:
    """One place: what it is, the largest difference there, and how large the values are."""

    def __init__(self, place, ours, theirs):
        self.kind, _, self.name = place.partition(": ")
        self.problem, self.difference, self.scale = None, 0.0, 1.0
        if ours is None or theirs is None:
            self.problem = "only in Keras" if ours is None else "only in minikeras"
        elif ours.shape != theirs.shape:
            self.problem = f"shape {ours.shape}, in Keras {theirs.shape}"
        else:
            self._measure(ours, theirs)

    def _measure(self, ours, theirs):
        if ours.dtype.kind not in "f":
            self.difference = float((ours != theirs).sum())
            return
        same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
        gaps = np.where(same, 0.0, np.abs(ours - np.where(same, ours, theirs)))
        self.difference = float(np.max(gaps, initial=0.0))
        finite = np.abs(theirs[np.isfinite(theirs)])
        self.scale = max(1.0, float(np.max(finite, initial=0.0)))

    def departs(self, tolerance):
        """Whether the libraries differ here by more than a share of the values' size."""
        limit = TOLERANCES[self.kind] if tolerance is None else tolerance
        return self.problem is not None or not self.difference <= limit * self.scale


class Comparison:
    """What `compare` found: `rows`, `first` (the first place that departs), `same`."""

    def __init__(self, rows, tolerance=None):
        self.rows, self.tolerance = rows, tolerance
        self.first = next((r for r in rows if r.departs(tolerance)), None)

    @property
    def same(self):
        """Whether nothing departs."""
        return self.first is None

    def __str__(self):
        width = max((len(r.name) for r in self.rows), default=0)
        lines = [f"{'':8} {'':{width}}  difference  size"]
        for r in self.rows:
            mark = "  <--" if r.departs(self.tolerance) else ""
            size = r.problem or f"{r.difference:10.3g}  {r.scale:.3g}"
            lines.append(f"{r.kind:8} {r.name:{width}}  {size}{mark}")
        lines.append("The same." if self.same else (
            f"First to depart: {self.first.kind} of {self.first.name}."))
        return "\n".join(lines)


@public("parity.compare")
def compare(model, data=None, steps=3, python=None, code=None, tolerance=None):
    """Load a model file here and in the real Keras, feed both the same data, and compare.

    Args:
        model: path of the file.
        data: path of an `.npz` file with `x` and `y` (or `x_0`, `x_1`, or by the names of inputs
            and outputs: `x_NAME`, `y_NAME`); made up from the model's inputs if None.
        steps: training steps to compare, if the model is compiled and there are targets.
        python: path of a Python that has Keras; default the environment variable
            MINIKERAS_REFERENCE_PYTHON, or this Python. KERAS_BACKEND chooses its backend.
        code: path of a Python file that registers the model's custom objects (it says
            `import keras`); it is run in both processes.
        tolerance: share of the values' size by which they may differ; default 1e-5 for outputs,
            1e-4 for gradients and losses, 1e-3 for weights after training.

    Returns:
        Comparison: prints as a table of the largest differences, in the order of the forward pass.

    Raises:
        RuntimeError: if one of the processes fails; with what it said.
    """
    python = python or os.environ.get("MINIKERAS_REFERENCE_PYTHON") or sys.executable
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if data is None:
            data = folder / "data.npz"
            made_up(model, data, code)
        arguments = [os.fspath(model), os.fspath(data)]
        tail = [str(steps), *([os.fspath(code)] if code else [])]
        results = []
        for package, executable in ((namespaces.ROOT, sys.executable), ("keras", python)):
            result = folder / f"{package}.npz"
            _run([executable, probe.__file__, package, *arguments, str(result), *tail])
            results.append(_read(result))
    ours, theirs = results
    places = [*theirs, *(p for p in ours if p not in theirs)]
    return Comparison([Row(p, ours.get(p), theirs.get(p)) for p in places], tolerance)


def _run(command):
    root = str(Path(__file__).parents[2])
    environment = dict(os.environ)
    if command[2] == namespaces.ROOT:
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, (root, environment.get("PYTHONPATH"))))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[2]} failed on {command[3]}:\n{done.stderr[-4000:]}")


def _read(path):
    with np.load(path) as file:
        return {key.split(" ", 1)[1]: file[key] for key in sorted(file.files)}


# ---------------------------------------------------------------- data
def made_up(model, path, code=None):
    """Write samples that fit a model's inputs, and targets that fit its outputs and loss."""
    root = namespaces.ROOT
    own = probe.Probe.__new__(probe.Probe)
    if code:
        namespaces.lookup("activate")()
        probe.runpy.run_path(os.fspath(code))
    own.keras = sys.modules[root]
    loaded = own.keras.models.load_model(model)
    rng = np.random.default_rng(0)
    inputs = _shapes(loaded)
    arrays = {f"x_{i}" if len(inputs) > 1 else "x": _values(rng, shape, dtype)
              for i, (shape, dtype) in enumerate(inputs)}
    x = [arrays[k] for k in arrays]
    outputs = own.keras.tree.flatten(loaded(x if len(x) > 1 else x[0], training=False))
    if loaded.compiled:
        names = [f"y_{i}" if len(outputs) > 1 else "y" for i in range(len(outputs))]
        for name, y in zip(names, outputs):
            arrays[name] = _targets(rng, own.array(y), loaded.loss)
    np.savez(path, **arrays)


def _shapes(model):
    """[(shape of a batch, dtype)] of a model's inputs."""
    try:
        return [((SAMPLES, *(d or 5 for d in x.shape[1:])), x.dtype) for x in model.inputs]
    except AttributeError:
        pass
    shapes = (model.get_build_config() or {}).get("input_shape")
    if shapes is None:
        raise ValueError("The model's inputs are not known: pass `data`.")
    shapes = shapes if isinstance(shapes[0], (list, tuple)) else [shapes]
    return [((SAMPLES, *(d or 5 for d in s[1:])), "float32") for s in shapes]


def _values(rng, shape, dtype):
    if np.dtype(dtype).kind in "iu":
        return rng.integers(0, 2, shape).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


def _targets(rng, y, loss):
    text = str(loss if isinstance(loss, (str, dict, list)) else type(loss).__name__).lower()
    if "sparse" in text:
        return rng.integers(0, y.shape[-1], y.shape[:-1])
    if "categorical" in text:
        return np.eye(y.shape[-1], dtype="float32")[rng.integers(0, y.shape[-1], y.shape[:-1])]
    if "binary" in text or "hinge" in text:
        return rng.integers(0, 2, y.shape).astype("float32")
    return rng.normal(size=y.shape).astype("float32")
