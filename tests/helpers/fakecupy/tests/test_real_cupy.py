"""The surface and the shared calls, held against the real CuPy on a card."""

import importlib
import inspect

import numpy as np
import pytest

from tests.helpers.fakecupy import surface
from tests.helpers.fakecupy.tests.data import DATA, LIBRARY_CALLS, PARITY, same


@pytest.mark.gpu
@pytest.mark.parametrize("name", surface.MODULES)
def test_real_module_has_the_listed_names(real, name):
    module = importlib.import_module(name)
    missing = [attribute for attribute in surface.names(name) if not hasattr(module, attribute)]
    missing += [extra for extra in surface.EXTRA.get(name, ()) if not hasattr(module, extra)]
    assert missing == []


@pytest.mark.gpu
@pytest.mark.parametrize("name", surface.MODULES)
def test_real_functions_take_the_listed_parameters(real, name):
    module = importlib.import_module(name)
    for attribute in surface.MODULES[name].get("function", {}):
        try:
            given = list(inspect.signature(getattr(module, attribute)).parameters)
        except (TypeError, ValueError):
            continue  # compiled without a signature
        assert given == list(surface.signature(name, attribute).parameters), attribute


@pytest.mark.gpu
@pytest.mark.parametrize("path", surface.CLASSES)
def test_real_class_has_the_listed_members(real, path):
    module, _, name = path.rpartition(".")
    cls, members = getattr(importlib.import_module(module), name), surface.CLASSES[path]
    listed = [*members["methods"], *members["attributes"].split(),
              *members.get("dunders", "").split()]
    assert [member for member in listed if not hasattr(cls, member)] == []


@pytest.mark.gpu
def test_real_ufunc_types(real):
    for module in ("cupy", "cupyx", "cupyx.scipy.special"):
        for name, types in surface.ufunc_types(module).items():
            assert list(getattr(importlib.import_module(module), name).types) == types, name


@pytest.mark.gpu
@pytest.mark.parametrize("name", PARITY)
def test_real_values_are_the_stand_ins(real, name):
    x = real.asarray(DATA)
    with np.errstate(all="ignore"):
        wanted = PARITY[name](np, DATA)
    same(PARITY[name](real, x), wanted, rtol=1e-4)


@pytest.mark.gpu
@pytest.mark.parametrize("name", LIBRARY_CALLS)
def test_real_library_calls_break_a_capture(real, name):
    x = real.asarray(DATA)
    if name in ("solve", "cholesky"):
        x = real.asarray(DATA + 5 * np.eye(2, 3, dtype=np.float32))
    LIBRARY_CALLS[name](real, x)
    stream = real.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        try:
            with pytest.raises((NotImplementedError, RuntimeError)):
                LIBRARY_CALLS[name](real, x)
        finally:
            try:
                stream.end_capture()
            except Exception as error:  # an invalidated capture ends with an error
                assert "capture" in str(error).lower()
