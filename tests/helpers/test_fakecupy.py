"""The stand-in for CuPy: how it is installed, and the surface it offers.

Its behaviour is tested in fakecupy/tests.
"""

import importlib
import inspect
import sys

import numpy as np
import pytest

from tests.helpers import fakecupy
from tests.helpers.fakecupy import surface
from tests.helpers.fakecupy.core import REGISTRY
from tests.helpers.fakecupy.counters import COUNT
from tests.helpers.fakecupy.tests.data import bfloat16


@pytest.fixture
def cupy():
    yield fakecupy.install()
    fakecupy.uninstall()


def test_install_answers_every_import_and_uninstall_takes_it_back(cupy):
    from cupyx.scipy import special as cupyx_special

    for name in [*surface.MODULES, "cupy.cuda.cublas", "cupy.cuda.memory", "cupyx.scipy"]:
        assert importlib.import_module(name) is sys.modules[name]
    assert sys.modules["cupy"] is cupy and cupyx_special.erf is not None
    assert cupy.__version__ == surface.API["cupy_version"]
    assert importlib.util.find_spec("cupy") is not None
    fakecupy.uninstall()
    assert sys.modules.get("cupy") is not cupy and sys.modules.get("cupyx.scipy") is None


def test_uninstall_puts_back_what_was_imported_before(cupy, monkeypatch):
    fakecupy.uninstall()
    real = type(sys)("cupy")
    monkeypatch.setitem(sys.modules, "cupy", real)
    fakecupy.install()
    assert sys.modules["cupy"] is cupy
    fakecupy.uninstall()
    assert sys.modules["cupy"] is real


def test_install_twice_gives_the_same_modules_and_a_fresh_machine(cupy):
    fakecupy.twin("k", abs)
    cupy.asarray([1])
    assert COUNT.h2d == 1
    assert fakecupy.install() is cupy
    assert COUNT.h2d == 0
    with pytest.raises(NotImplementedError, match="twin"):
        cupy.RawKernel("", "k")((1,), (1,), ())


def test_number_of_devices(cupy):
    assert cupy.cuda.runtime.getDeviceCount() == 1 and cupy.is_available()
    fakecupy.install(devices=2)
    assert cupy.cuda.runtime.getDeviceCount() == 2
    fakecupy.install(devices=0)
    assert not cupy.is_available() and not cupy.cuda.is_available()
    error = cupy.cuda.runtime.CUDARuntimeError
    for use in (cupy.cuda.runtime.getDeviceCount, lambda: cupy.zeros(3), lambda: cupy.array(1),
                cupy.cuda.Stream, cupy.cuda.Event):
        with pytest.raises(error, match="no CUDA-capable device"):
            use()


def public(owner):
    return {name for name in vars(owner) if not name.startswith("_")}


def submodules(name):
    return {other.removeprefix(name + ".").split(".")[0] for other in sys.modules
            if other.startswith(name + ".")}


@pytest.mark.parametrize("name", surface.MODULES)
def test_module_has_the_listed_names_and_no_others(cupy, name):
    module, listed = importlib.import_module(name), surface.names(name)
    unknown = set()
    for attribute in listed:
        try:
            getattr(module, attribute)
        except NotImplementedError:
            unknown.add(attribute)
    assert {listed[attribute] for attribute in unknown} <= {"constant"}
    extra = surface.EXTRA.get(name, set())
    assert public(module) - submodules(name) == set(listed) - unknown | {
        e for e in extra if not e.startswith("_")}
    with pytest.raises(AttributeError):
        module.no_such_name


def described(parameter):
    """Name, kind and default; the data writes default dtypes as text."""
    default = None if parameter.name == "dtype" else parameter.default
    return parameter.name, parameter.kind, default


@pytest.mark.parametrize("name", surface.MODULES)
def test_functions_take_the_listed_parameters(cupy, name):
    module = importlib.import_module(name)
    for attribute in surface.MODULES[name].get("function", {}):
        function = getattr(module, attribute)
        wanted = surface.signature(name, attribute).parameters.values()
        if attribute in ("einsum", "matmul"):
            continue  # compiled: listed as *args, **kwargs
        given = inspect.signature(function).parameters.values()
        assert list(map(described, given)) == list(map(described, wanted)), attribute


@pytest.mark.parametrize("name", surface.MODULES)
def test_what_has_no_body_says_so_when_called(cupy, name):
    module = importlib.import_module(name)
    for attribute, kind in surface.names(name).items():
        if f"{name}.{attribute}" not in REGISTRY and kind in ("class", "ufunc", "function"):
            with pytest.raises(NotImplementedError, match=attribute):
                getattr(module, attribute)()


@pytest.mark.parametrize("path", surface.CLASSES)
def test_class_has_the_listed_members_and_no_others(cupy, path):
    module, _, name = path.rpartition(".")
    cls = getattr(importlib.import_module(module), name)
    if path not in REGISTRY:
        with pytest.raises(NotImplementedError):
            cls()
        return
    members = surface.CLASSES[path]
    assert public(cls) <= {*members["methods"], *members["attributes"].split(),
                           *surface.EXTRA.get(path, ())}
    for method, parameters in members["methods"].items():
        given = list(inspect.signature(getattr(cls, method)).parameters)
        if given == ["args", "kwargs"]:
            continue  # a stub, or checked when called
        assert [p for p in given if p != "self"] == list(surface.parse(parameters).parameters)
    for attribute in members["attributes"].split():
        assert hasattr(cls, attribute), attribute


def test_array_has_the_listed_operators_only(cupy):
    listed = surface.CLASSES["cupy.ndarray"]["dunders"].split()
    operators = {name for name in listed if name.strip("_") not in (
        "array_finalize div idiv hex oct class_getitem bytes delitem dlpack dlpack_device module "
        "slots".split())}
    assert {name for name in operators if not hasattr(cupy.ndarray, name)} == set()
    for name in ("index", "contains", "imatmul", "array_interface", "array_struct", "buffer"):
        assert f"__{name}__" not in vars(cupy.ndarray)


def ufunc_loops():
    for module in ("cupy", "cupyx.scipy.special", "cupyx"):
        for name, types in surface.ufunc_types(module).items():
            if f"{module}.{name}" in REGISTRY:
                yield from ((module, name, text) for text in types)


# Loops that NumPy or SciPy do not compute; the stand-in raises TypeError there.
NO_HOST_LOOP = {"arctan2", "atan2", "copysign", "hypot", "nextafter", "i0", "gcd", "lcm", "exprel"}
WARNS_IN_SCIPY = {"bdtr", "bdtrc", "bdtri"}  # for non-integers, which these three truncate


def test_every_listed_ufunc_loop_gives_the_listed_dtypes(cupy):
    checked = 0
    for module, name, text in ufunc_loops():
        inputs, outputs = text.split("->")
        if "V" in text or name in WARNS_IN_SCIPY:
            continue
        if name in NO_HOST_LOOP and set(inputs) & set("FD?"):
            continue
        if (name, text) in [("subtract", "??->?"), ("negative", "?->?")]:
            continue  # listed, and refused by CuPy as by NumPy
        letters = [bfloat16 if c == "E" else np.dtype(c) for c in inputs]
        result = getattr(importlib.import_module(module), name)(
            *(cupy.asarray(np.array([1, 1, 0], c)) for c in letters))
        results = result if isinstance(result, tuple) else (result,)
        wanted = [bfloat16 if c == "E" else np.dtype(c) for c in outputs]
        assert [r.dtype for r in results] == wanted, (name, text)
        checked += 1
    assert checked > 1000
