"""`cupy.random`: NumPy's legacy generator behind CuPy's parameters. Never in a capture."""

import numpy as np

from tests.helpers.fakecupy.core import arrays_in, cast, execute, host_of, ndarray, register
from tests.helpers.fakecupy.generic import mapped_host
from tests.helpers.fakecupy.state import library, synchronize
from tests.helpers.fakecupy.surface import CLASSES, MODULES, bind, complete, parse, signature

STATE = [np.random.RandomState(0)]
CHECKS_RANGES = frozenset("""exponential logseries negative_binomial noncentral_chisquare
    noncentral_f pareto rayleigh triangular weibull zipf""".split())
UNIFORM = frozenset({"random", "random_sample", "ranf", "sample"})


def draw(name, source, given):
    """One draw from NumPy's method of the same name, as a device array."""
    library(f"cuRAND ({name})")
    dtype = given.pop("dtype", None)
    if name in CHECKS_RANGES and arrays_in(given.values()):
        synchronize(f"random.{name} checks its parameters")
    positional = [*given.pop("size", ())] if name in ("rand", "randn") else []
    keywords = {**given.pop("kwarg", {}), **given}
    dtype = keywords.pop("dtype", dtype)
    if dtype is not None and np.dtype(dtype) not in (np.float32, np.float64, np.int32, np.int64):
        raise TypeError(f"cupy.random does not draw {np.dtype(dtype)}")
    method = getattr(source, "random_sample" if name in UNIFORM else name)

    def compute():
        result = np.asarray(method(*positional, **mapped_host(keywords)))
        return result if dtype is None else cast(result, dtype)

    return execute(f"random.{name}", compute, arrays_in(keywords.values()))


def drawing(name, sig, source):
    """A function or method that draws; `source` gives its generator."""

    def function(*args, **kwargs):
        return draw(name, source(), bind(name, sig, args, kwargs))

    function.__name__, function.__signature__ = name, sig
    return function


def randint(low, high=None, size=None, dtype="l"):
    span = low if high is None else high - low
    if not isinstance(span, ndarray) and span & (span - 1):
        synchronize("random.randint of a range that is no power of two")
    return draw("randint", STATE[0], {"low": low, "high": high, "size": size, "dtype": dtype})


def permutation(a):
    if isinstance(a, int):
        return draw("permutation", STATE[0], {"x": a})
    library("cuRAND (permutation)")
    return execute("random.permutation", lambda: STATE[0].permutation(a._host), [a])


def shuffle(a):
    library("cuRAND (shuffle)")
    execute("random.shuffle", lambda: STATE[0].shuffle(a._host), [], [a])


def choice(a, size=None, replace=True, p=None):
    library("cuRAND (choice)")
    if p is not None:
        synchronize("random.choice(p=)")
    return execute("random.choice", lambda: np.asarray(STATE[0].choice(
        host_of(a), size, replace, host_of(p))), arrays_in([a, p]))


def seed(seed=None):
    STATE[0] = np.random.RandomState(seed)


@complete("cupy.random.Generator")
class Generator:
    """Draws with a source of its own; float64 unless told otherwise."""

    def __init__(self, bit_generator):
        self._source = np.random.RandomState(bit_generator)

    def integers(self, low, high=None, size=None, dtype=np.int64, endpoint=False):
        low, high = (0, low) if high is None else (low, high)
        return draw("randint", self._source, {"low": low, "high": high + bool(endpoint),
                                              "size": size, "dtype": dtype})


def generator_method(name, sig):
    def function(self, *args, **kwargs):
        given = bind(name, sig, args, kwargs)
        out = given.pop("out", None)
        given.pop("method", None)
        result = draw(name, self._source, given)
        if out is None:
            return result
        out[...] = result
        return out

    function.__name__, function.__signature__ = name, sig
    return function


def default_rng(seed=None):
    return Generator(seed)


for _function in (randint, permutation, shuffle, choice, seed, default_rng):
    register(f"cupy.random.{_function.__name__}", _function)
register("cupy.random.Generator", Generator)
for _name, _text in MODULES["cupy.random"]["function"].items():
    if hasattr(STATE[0], "random_sample" if _name in UNIFORM else _name) and \
            _name not in ("randint", "permutation", "shuffle", "choice", "seed", "bytes"):
        register(f"cupy.random.{_name}", drawing(_name, signature("cupy.random", _name),
                                                 lambda: STATE[0]))
for _name, _text in CLASSES["cupy.random.Generator"]["methods"].items():
    if _name != "integers" and hasattr(STATE[0], "random_sample" if _name in UNIFORM else _name):
        setattr(Generator, _name, generator_method(_name, parse(_text)))
