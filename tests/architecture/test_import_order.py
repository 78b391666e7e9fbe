"""The floors: which module may import which, held against the imports in the source."""

import ast
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2] / "minikeras"

# From the bottom. A module imports from lower floors and from its own package; of its own floor
# only what stands before it in a chain (A -> B: B may import A); a unit may be in several chains.
FLOORS = """
api -> console errors tree version -> config -> dtypes
arrays
kernels
core
random -> ops
dtype_policies -> initializers regularizers constraints activations quantizers -> losses -> metrics;
    initializers constraints -> optimizers; data; distribution
layers; saving
callbacks -> training -> models
applications; datasets; preprocessing; wrappers; distillation; export; visualization
programs.constants
legacy; programs parity -> __init__ -> api.generate __main__
"""

REQUIRED = {"numpy", "h5py", "ml_dtypes", "tqdm"}  # the package's dependencies

# Imported in the one function that needs them, so that they may be absent.
OPTIONAL = {"IPython", "PIL", "cupy", "cupyx", "matplotlib", "numba", "pandas", "pydot", "scipy"}
OPTIONAL |= {"tensorboard"}

# Modules that use NumPy by name, and why: never to compute what a tensor's gradient, a traced step
# or a GPU would have to know of.
HOST = {
    "arrays": "NumPy is one of the two array libraries",
    "dtypes": "dtype objects",
    "core.serialization": "arrays in configurations become lists and back",
    "initializers": "windows, orthogonal and Fourier matrices are constants, made once",
    "kernels.cpu": "versions for the CPU alone",
    "data": "samples are prepared on the host",
    "datasets": "files are read on the host",
    "saving": "files hold NumPy arrays",
    "training": "predictions are joined on the host",
    "callbacks": "logs are numbers on the host",
    "layers.preprocessing": "adapt() and vocabularies work on the host",
    "applications": "weights and class names are read on the host",
    "preprocessing": "images and texts are prepared on the host",
    "visualization": "pictures are drawn on the host",
    "parity": "the numbers of two libraries are compared on the host",
    "legacy": "the old readers of images and texts work on the host",
}

# First-party imports inside functions, and why.
LATE = {
    ("arrays.library", "arrays.cupy_overrides"): "imports CuPy, which may be absent",
}


def floors():
    """{unit: its floor}, {unit: the units of its own floor that it may import}."""
    floor, before = {}, {}
    lines = FLOORS.strip().replace("\n    ", " ").splitlines()
    for number, line in enumerate(lines):
        for chain in line.split(";"):
            lower = set()
            for units in map(str.split, chain.split("->")):
                for unit in units:
                    floor[unit] = number
                    before.setdefault(unit, set()).update(lower)
                lower.update(units)
    return floor, before


FLOOR, BEFORE = floors()


def sources():
    """{module name below minikeras: its source}; `__init__` for minikeras itself."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if len(parts) > 1 and parts[-1] == "__init__":
            parts = parts[:-1]
        found[".".join(parts)] = path.read_text(encoding="utf-8")
    return found


MODULES = sources()


def unit(module):
    return module if module in FLOOR else module.split(".")[0]


def imports(source):
    """(line, imported name, whether inside a function) of each import."""

    def visit(node, inside):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((child.lineno, alias.name, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = "." * child.level + (child.module or "")
                yield from ((child.lineno, f"{base}.{a.name}", inside) for a in child.names)
            within = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from visit(child, inside or within)

    return visit(ast.parse(source), False)


def first_party(name, modules):
    """The module below minikeras that an import loads; None if it is of another package."""
    if name.split(".")[0] != "minikeras":
        return None
    parts = name.split(".")[1:]
    while parts and ".".join(parts) not in modules:
        parts.pop()
    return ".".join(parts) or "__init__"


def under(module, prefixes):
    return any(module == p or module.startswith(f"{p}.") for p in prefixes)


def upward(module, target):
    """Whether this import is against the order."""
    here, there = unit(module), unit(target)
    if here == there or there in BEFORE[here]:
        return False
    return FLOOR[there] >= FLOOR[here]


def problems(module, source, modules):
    """What is wrong with a module's imports, a line each."""
    for line, name, inside in imports(source):
        where, package = f"{module}:{line}: {name}", name.split(".")[0]
        target = first_party(name, modules)
        if target is not None:
            if upward(module, target):
                yield f"{where}: {unit(module)} may not import {unit(target)}"
            if inside and (module, target) not in LATE:
                yield f"{where}: a module of this package is imported inside a function"
        elif name.startswith("."):
            yield f"{where}: a relative import"
        elif package in OPTIONAL:
            if package in ("cupy", "cupyx"):
                if not under(module, ["arrays"]):
                    yield f"{where}: only arrays/ may import CuPy"
            elif not inside:
                yield f"{where}: an optional package is imported at the top"
        elif package not in REQUIRED and package not in sys.stdlib_module_names:
            yield f"{where}: not a package that minikeras depends on"
        elif inside:
            yield f"{where}: imported inside a function"
        elif package in ("numpy", "ml_dtypes") and not under(module, HOST):
            yield f"{where}: uses NumPy by name; compute through ops, or give a reason in HOST"


def test_every_module_has_a_floor():
    assert [m for m in MODULES if unit(m) not in FLOOR] == []


def test_imports_keep_the_order():
    found = [p for m, source in MODULES.items() for p in problems(m, source, MODULES)]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("core.tensor", "from minikeras.ops import casting", "may not import ops"),
        ("core.tensor", "from minikeras import ops", "may not import ops"),
        ("core.tensor", "import minikeras", "may not import __init__"),
        ("losses.loss", "from minikeras.metrics.metric import Metric", "may not import metrics"),
        ("optimizers.adam", "from minikeras.losses.loss import Loss", "may not import losses"),
        ("training.trainer", "from minikeras.models import model", "may not import models"),
        ("errors", "from minikeras import tree", "may not import tree"),
        ("ops.conv", "def f():\n    from minikeras.core import op", "inside a function"),
        ("ops.conv", "class A:\n    def f(self):\n        import math", "inside a function"),
        ("ops.conv", "import cupy", "only arrays/"),
        ("ops.conv", "def f():\n    from cupyx.scipy import special", "only arrays/"),
        ("ops.conv", "import numpy as np", "uses NumPy"),
        ("ops.conv", "from numpy.lib import stride_tricks", "uses NumPy"),
        ("data.images", "from PIL import Image", "at the top"),
        ("data.images", "def f():\n    import tensorflow", "not a package"),
        ("data.images", "from . import files", "relative"),
        ("kernels.conv", "import numpy", "uses NumPy"),
    ],
)
def test_what_is_refused(module, source, expected):
    modules = {*MODULES, module, "ops", "ops.casting", "metrics.metric", "losses.loss", "models"}
    modules |= {"core.op", "models.model"}
    (found,) = problems(module, source, modules)
    assert expected in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("metrics.metric", "from minikeras.losses.loss import Loss"),
        ("models.model", "from minikeras.training.trainer import Trainer"),
        ("models.model", "from minikeras.callbacks import History"),
        ("optimizers.adam", "from minikeras import initializers"),
        ("ops.conv", "from minikeras.ops import casting"),
        ("data.images", "def f():\n    from PIL import Image"),
        ("data.images", "import numpy as np"),
        ("kernels.cpu.conv", "import numpy as np"),
        ("arrays.library", "def f():\n    import cupy"),
    ],
)
def test_what_is_allowed(module, source):
    assert list(problems(module, source, {*MODULES, module})) == []
