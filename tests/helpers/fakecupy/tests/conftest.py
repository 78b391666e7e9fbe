"""The stand-in, an array on it, a stream; and the real CuPy."""

import sys

import pytest

from tests.helpers import fakecupy
from tests.helpers.fakecupy import surface
from tests.helpers.fakecupy.tests.data import DATA


@pytest.fixture
def cupy():
    yield fakecupy.install()
    fakecupy.uninstall()


@pytest.fixture
def x(cupy):
    return cupy.asarray(DATA)


@pytest.fixture
def stream(cupy):
    with cupy.cuda.Stream(non_blocking=True) as entered:
        yield entered
        if entered.is_capturing():
            entered.end_capture()


@pytest.fixture
def real():
    """The real CuPy with a card; the tests below are skipped where it is not there."""
    if sys.modules.get("cupy") is not None and "stand-in" in (sys.modules["cupy"].__doc__ or ""):
        pytest.skip("the stand-in is installed as cupy")
    module = pytest.importorskip("cupy", reason="CuPy is not installed")
    try:
        module.cuda.runtime.getDeviceCount()
    except Exception as error:
        pytest.skip(f"CuPy finds no card: {error}")
    if module.__version__ != surface.API["cupy_version"]:
        pytest.skip(f"the surface is CuPy {surface.API['cupy_version']}'s, this is "
                    f"{module.__version__}")
    return module
