"""What all tests share: strict checks, one BLAS thread, seeds, settings put back, devices."""

import os

os.environ["MINIKERAS_CHECK"] = "1"  # eager calls are held against the ops' shape and dtype rules
os.environ["MINIKERAS_DEVICE"] = "cpu"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import random

import numpy as np
import pytest

from minikeras import config, dtype_policies
from minikeras.api.namespaces import INDEX, lookup
from minikeras.arrays import device as devices
from minikeras.arrays import library


def has_card():
    """Whether CuPy and an NVIDIA GPU are there."""
    try:
        return library.cupy() is not None
    except RuntimeError:
        return False
    finally:
        library.cupy.cache_clear()


CARD = has_card()


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu") and not CARD:  # keywords hold the parameters' ids too
        pytest.skip("needs CuPy and an NVIDIA GPU")


@pytest.fixture(autouse=True)
def fresh_state():
    """Seeds before each test; the global settings as they were after it."""
    random.seed(0)
    np.random.seed(0)
    if "utils.set_random_seed" in INDEX:
        lookup("utils.set_random_seed")(0)
    before = config.floatx(), config.epsilon(), config.image_data_format()
    policy = dtype_policies._global
    yield
    dtype_policies._global = policy
    config.set_floatx(before[0])
    config.set_epsilon(before[1])
    config.set_image_data_format(before[2])
    devices.set_default_device(None)


@pytest.fixture
def rng():
    """A NumPy generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture(params=["cpu", pytest.param("gpu", marks=[pytest.mark.gpu] if CARD else [])])
def device(request):
    """Name of a device, on which the test runs; "gpu" is the stand-in for CuPy without a card."""
    if request.param == "gpu" and not CARD:
        request.getfixturevalue("fakecupy")
    with devices.device_scope(request.param):
        yield request.param


@pytest.fixture
def fakecupy():
    """The stand-in for CuPy, installed as `cupy` during the test."""
    from tests.helpers import fakecupy as standin

    library.cupy.cache_clear()
    standin.install()
    try:
        yield standin
    finally:
        standin.uninstall()
        library.cupy.cache_clear()
