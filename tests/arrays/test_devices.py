"""Devices: their names, the default, the scope, the errors about what is missing."""

import subprocess
import sys
import threading

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops
from minikeras.arrays import library
from tests.conftest import CARD


@pytest.mark.parametrize("name", ["cpu", "cpu:0", "CPU:0", "/device:CPU:0", "/cpu:0"])
def test_names_of_the_cpu(name):
    with keras.device(name):
        assert ops.ones(2).device == "cpu:0"


@pytest.mark.parametrize("name", ["gpu", "gpu:0", "cuda", "cuda:0", "GPU:0", "/device:GPU:0"])
def test_names_of_a_gpu(fakecupy, name):
    with keras.device(name):
        assert ops.ones(2).device == "gpu:0"
        assert keras.config.backend() == "cupy"
    assert ops.ones(2).device == "cpu:0" and keras.config.backend() == "numpy"


@pytest.mark.parametrize("name", ["", "tpu", "cpu:x", "gpu:-1", "cpu 0", None, 0, "cpux"])
def test_wrong_names(name):
    with pytest.raises(ValueError, match="A device is named 'cpu', 'gpu', 'cuda'"):
        keras.device(name)


def test_device_number_out_of_range(fakecupy):
    with pytest.raises(ValueError, match="There is no device 'cpu:1': this machine has 1 cpu"):
        keras.device("cpu:1")
    with pytest.raises(ValueError, match="There is no device 'gpu:3': this machine has 1 gpu"):
        keras.device("gpu:3")


def test_scopes_nest_and_end_with_an_exception(fakecupy):
    with pytest.raises(ZeroDivisionError):
        with keras.device("gpu"):
            with keras.device("cpu"):
                assert keras.Variable(1.0).device == "cpu:0"
            assert keras.Variable(1.0).device == "gpu:0"
            raise ZeroDivisionError
    assert keras.Variable(1.0).device == "cpu:0"


def test_scope_belongs_to_its_thread(fakecupy):
    seen = []
    with keras.device("gpu"):
        thread = threading.Thread(target=lambda: seen.append(ops.ones(1).device))
        thread.start()
        thread.join()
    assert seen == ["cpu:0"]


def test_set_device_and_set_backend(fakecupy):
    keras.config.set_device("gpu:0")
    assert keras.config.backend() == "cupy" and ops.zeros(1).device == "gpu:0"
    keras.config.set_backend("numpy")
    assert ops.zeros(1).device == "cpu:0"
    keras.config.set_backend("cupy")
    assert ops.zeros(1).device == "gpu:0"
    with pytest.raises(ValueError, match="must be 'numpy' or 'cupy'. Received: backend='jax'"):
        keras.config.set_backend("jax")


@pytest.mark.parametrize(("variable", "expected"), [
    ("gpu", "gpu:0"), ("auto", "gpu:0"), ("cpu", "cpu:0"), ("", "cpu:0")])
def test_environment_variable(fakecupy, monkeypatch, variable, expected):
    monkeypatch.setenv("MINIKERAS_DEVICE", variable)
    keras.config.set_device(None)
    assert ops.ones(1).device == expected


@pytest.mark.skipif(CARD, reason="this machine has an NVIDIA GPU")
def test_auto_without_a_gpu_is_the_cpu():
    keras.config.set_device("auto")
    assert ops.ones(1).device == "cpu:0"


def test_missing_cupy_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    library.cupy.cache_clear()
    with pytest.raises(RuntimeError, match=r"CuPy is not installed. .*'minikeras\[cuda12\]'"):
        keras.device("gpu")


def test_missing_card_is_named(fakecupy):
    fakecupy.install(devices=0)
    library.cupy.cache_clear()
    with pytest.raises(RuntimeError, match=r"is installed, but .*no|NVIDIA GPU"):
        keras.device("gpu")


def test_wrong_environment_variable_is_named():
    done = subprocess.run(
        [sys.executable, "-c", "import minikeras as k; k.ops.ones(1)"],
        env={"MINIKERAS_DEVICE": "tpu", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "A device is named 'cpu', 'gpu', 'cuda'" in done.stderr and "'tpu'" in done.stderr


def test_moving_tensors(fakecupy):
    t = ops.convert_to_tensor([1.0, 2.0])
    moved = t.to("gpu")
    assert (moved.device, moved.tolist()) == ("gpu:0", [1.0, 2.0])
    assert t.to("cpu") is t and moved.to("cpu").device == "cpu:0"
    v = keras.Variable([1.0, 2.0])
    v.to("gpu:0")
    assert v.device == "gpu:0" and v.numpy().tolist() == [1.0, 2.0]
    with keras.GradientTape() as tape:
        y = ops.sum(v * v)
    assert tape.gradient(y, v).device == "gpu:0"


def test_results_stay_where_their_operands_are(fakecupy):
    t = ops.ones((2, 2)).to("gpu")
    assert (t @ t + 1.0).device == "gpu:0"
    assert ops.add(t, np.ones((2, 2), "float32")).device == "gpu:0"


def test_gpu_tensor_shows_its_device_and_copies_only_when_read(fakecupy):
    with keras.device("gpu"):
        t = ops.ones(2)
        with fakecupy.counting() as seen, fakecupy.no_sync():
            y = t * 2.0 + 1.0
        assert seen.d2h == 0 and "device=gpu:0" in repr(y)
        with fakecupy.counting() as seen:
            y.numpy()
        assert (seen.d2h, seen.sync) == (1, 1)
