"""`python -m minikeras`: reports of files, parity with another process."""

import os
import stat
import sys

import numpy as np
import pytest

import minikeras as keras
from minikeras.__main__ import main
from minikeras.parity.comparison import compare

L = keras.layers


@keras.saving.register_keras_serializable("tests")
class Shift(L.Layer):
    def call(self, x):
        return x + 1


def model():
    m = keras.Sequential([keras.Input((4,)), L.Dense(3, activation="relu", name="first"), Shift(),
                          L.Dense(2, name="last")], name="net")
    m.compile("adam", "mse")
    m.train_on_batch(np.ones((2, 4)), np.ones((2, 2)))
    return m


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_report_of_a_model(tmp_path, capsys, name):
    model().save(tmp_path / name)
    assert main([str(tmp_path / name)]) == 0
    out = capsys.readouterr().out
    assert "Sequential 'net'" in out and "saved by Keras 3.15.1" in out
    assert any(line.split()[:2] == ["first", "(Dense)"] and line.split()[-1] == "15"
               for line in out.splitlines())
    assert any(line.split()[:2] == ["last", "(Dense)"] and line.split()[-1] == "8"
               for line in out.splitlines())
    assert "Custom objects" in out and "tests>Shift" in out
    assert "Weights: 4 arrays, 23 numbers (float32), 0.00 MB" in out
    assert "Optimizer state: 10 arrays" in out


def test_report_of_weights_and_of_what_is_none(tmp_path, capsys):
    model().save_weights(tmp_path / "m.weights.h5")
    assert main([str(tmp_path / "m.weights.h5")]) == 0
    assert "23 numbers" in capsys.readouterr().out
    (tmp_path / "x.keras").write_bytes(b"PK")
    assert main([str(tmp_path / "x.keras")]) == 1
    assert "damaged" in capsys.readouterr().err
    assert main([str(tmp_path / "none.keras")]) == 1
    assert main([]) == 2


def test_the_report_runs_nothing(tmp_path, capsys):
    x = keras.Input((2,))
    keras.Model(x, L.Lambda(lambda t: t * 3.0, output_shape=(2,))(x)).save(tmp_path / "m.keras")
    assert main([str(tmp_path / "m.keras")]) == 0
    assert "Python code (lambdas)" in capsys.readouterr().out


# ---------------------------------------------------------------- parity
@pytest.fixture
def standin(tmp_path):
    """A "Python" in which `import keras` gives minikeras."""
    path = tmp_path / "standin"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m minikeras run "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


CODE = """
import sys
import keras

@keras.saving.register_keras_serializable("tests")
class Shift(keras.layers.Layer):
    def call(self, x):
        return x + SHIFT
"""


def test_parity(tmp_path, standin, capsys, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    m = model()
    m.save(tmp_path / "m.keras")
    code = tmp_path / "code.py"
    code.write_text(CODE.replace("SHIFT", "1"))
    found = compare(tmp_path / "m.keras", python=str(standin), code=str(code), steps=2)
    assert found.same and found.first is None
    kinds = {r.kind for r in found.rows}
    assert kinds == {"output", "gradient", "loss", "weight"}
    assert [r.name for r in found.rows if r.kind == "output"] == [
        "first", m.layers[1].name, "last", "net"]
    code.write_text(CODE.replace("SHIFT", "(1.5 if sys.argv[1] == 'keras' else 1)"))
    np.savez(tmp_path / "d.npz", x=np.ones((3, 4), "float32"), y=np.zeros((3, 2), "float32"))
    status = main(["parity", str(tmp_path / "m.keras"), "--python", str(standin), "--code",
                   str(code), "--data", str(tmp_path / "d.npz"), "--steps", "1"])
    out = capsys.readouterr().out
    assert status == 1
    assert out.splitlines()[-1] == f"First to depart: output of {m.layers[1].name}."


def test_parity_says_what_failed(tmp_path, standin):
    model().save(tmp_path / "m.keras")
    np.savez(tmp_path / "d.npz", x=np.ones((3, 4), "float32"))
    with pytest.raises(RuntimeError, match="Could not locate class"):
        compare(tmp_path / "m.keras", tmp_path / "d.npz", python=str(standin))
