"""Functions with a NumPy (or SciPy) twin, generated from the surface: checked, then forwarded."""

import importlib

import numpy as np

from tests.helpers.fakecupy.core import (
    REGISTRY,
    arrays_in,
    cast,
    execute,
    host_of,
    ndarray,
    register,
    run,
)
from tests.helpers.fakecupy.state import HALVES, MACHINE, synchronize
from tests.helpers.fakecupy.surface import API, MODULES, SYNCHRONIZES, bind, signature, stub

# Parameters that need host values: a device array there has no __index__.
STATIC = frozenset("""axis axis1 axis2 axes axisa axisb axisc shape newshape new_shape reps
    pad_width decimals keepdims dtype minlength ddof deg indices_or_sections source destination
    num N M k n s ndim window_shape dimensions dims start stop step order""".split())
STATIC_EXCEPT = frozenset({"linspace", "logspace"})

# Functions whose first argument need not be a device array.
HOST_FIRST = frozenset("""arange bartlett base_repr binary_repr blackman broadcast_shapes can_cast
    common_type diag_indices eye fftfreq format_float_positional format_float_scientific full
    hamming hanning identity indices iscomplexobj isrealobj isscalar ix_ kaiser linspace logspace
    min_scalar_type ndim next_fast_len ones result_type rfftfreq select shape size tri tril_indices
    triu_indices where zeros hadamard hilbert helmert dft polygamma einsum sph_harm_y lpmv
    broadcast_arrays meshgrid atleast_1d atleast_2d atleast_3d block_diag spherical_yn
    generate_binary_structure lu_solve""".split())

# Functions that answer on the host.
HOST_RESULT = frozenset("""base_repr binary_repr can_cast common_type format_float_positional
    format_float_scientific iscomplexobj isfortran isrealobj isscalar may_share_memory
    min_scalar_type ndim next_fast_len result_type shape shares_memory size""".split())

SEQUENCES = frozenset("""concat concatenate stack vstack hstack dstack column_stack""".split())

# Sums of float16 and bfloat16 go through float32 and are rounded once.
ACCUMULATE = frozenset("""sum mean var std prod nansum nanmean nanprod nanvar nanstd average trace
    cumsum cumprod nancumsum nancumprod cumulative_sum cumulative_prod trapezoid""".split())

STABLE = frozenset({"sort", "argsort"})
KEEP_ORDER = frozenset({"copy", "zeros_like", "ones_like", "full_like", "asfortranarray"})
INDEX_RESULT = frozenset({"argmax", "argmin", "nanargmax", "nanargmin"})
NO_BFLOAT16 = frozenset({"round", "around", "median", "percentile", "quantile"})

# They call back into Python with arrays, touch files, go on NumPy-1 names, or have no NumPy twin.
NO_TWIN = frozenset("""apply_along_axis apply_over_axes asarray_chkfinite byte_bounds choose
    compress extract disp fill_diagonal frombuffer fromfile fromfunction fromiter fromstring
    genfromtxt from_dlpack load loadtxt mask_indices piecewise place put putmask put_along_axis
    save savetxt savez savez_compressed show_config who in1d trapz row_stack
    labeled_comprehension generic_filter generic_filter1d generic_gradient_magnitude
    generic_laplace""".split())

TWIN_MODULES = {
    "cupy": "numpy", "cupy.linalg": "numpy.linalg", "cupy.fft": "numpy.fft",
    "cupy.lib.stride_tricks": "numpy.lib.stride_tricks",
    "cupyx.scipy.special": "scipy.special", "cupyx.scipy.linalg": "scipy.linalg",
    "cupyx.scipy.ndimage": "scipy.ndimage", "cupyx.scipy.fft": "scipy.fft",
}


def twin_of(module, name):
    """NumPy's or SciPy's function of the same name, or None."""
    if module not in TWIN_MODULES or name in NO_TWIN:
        return None
    try:
        return getattr(importlib.import_module(TWIN_MODULES[module]), name, None)
    except ImportError:
        return None


def sometimes_synchronizes(name, given):
    """Calls that wait for the device with some arguments only."""
    device = {key for key, value in given.items() if isinstance(value, ndarray)}
    return {
        "repeat": "repeats" in device,
        "average": "weights" in device,
        "percentile": "q" in device,
        "quantile": "q" in device,
        "ravel_multi_index": given.get("mode") == "raise",
        "delete": "indices" in device,
        "interp": bool(device & {"left", "right"}),
        "gradient": bool(arrays_in(given.get("varargs", ()))),
        "histogram": "bins" in device,
        "histogram2d": "bins" in device,
        "histogramdd": "bins" in device,
        "array_equal": bool(given.get("equal_nan")),
    }.get(name, False)


def check(path, given):
    """CuPy's demands on the arguments: device arrays for data, host values for shapes."""
    name = path.rpartition(".")[2]
    first = next(iter(given.values()), None)
    for key, value in given.items():
        static = key in STATIC and (value is not first or name in HOST_FIRST)
        if static and name not in STATIC_EXCEPT and arrays_in([value]):
            raise TypeError(f"{name}() got a device array as {key}; it needs a host value")
    if name in SEQUENCES:
        if isinstance(first, ndarray):
            return
        if not all(isinstance(item, ndarray) for item in first):
            raise TypeError("Only cupy arrays can be concatenated")
    elif name not in HOST_FIRST and not isinstance(first, ndarray):
        raise TypeError(f"{path}: expected a cupy.ndarray, got {type(first)}")
    if name in STABLE and given.get("kind") not in (None, "stable"):
        raise ValueError(f"{name}() takes kind=None or 'stable', not {given['kind']!r}")
    if name in NO_BFLOAT16 and HALVES[1] in [array.dtype for array in arrays_in(given.values())]:
        raise TypeError(f"{path} does not support bfloat16")


def arguments(sig, given, renamed):
    """NumPy's positional and keyword arguments: required ones by position, the rest by name."""
    positional, keywords = [], {}
    for name, parameter in sig.parameters.items():
        if name not in given:
            continue
        value = given[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += value
        elif parameter.kind is parameter.VAR_KEYWORD:
            keywords.update(value)
        elif parameter.default is parameter.empty and parameter.kind is not parameter.KEYWORD_ONLY:
            positional.append(value)
        elif value is not None:
            keywords[renamed.get(name, name)] = value
    return positional, keywords


def through_float32(twin, positional, keywords):
    """A reduction of half-precision numbers, accumulated in float32 and rounded once."""
    first, *rest = positional
    dtype = keywords.pop("dtype", None) or first.dtype
    return cast(twin(first.astype(np.float32), *rest, **keywords), dtype)


def generated(path, sig, twin, library=None, refuse=None):
    """A function with CuPy's signature that computes with `twin`.

    Args:
        path: its dotted path.
        sig: CuPy's signature.
        twin: the host function.
        library: called first, to refuse in a capture; for cuBLAS, cuSOLVER and cuRAND.
        refuse: called with the arrays, to refuse their dtypes.
    """
    module, _, name = path.rpartition(".")
    renamed = API["renamed"].get(module, {}).get(name, {})

    def function(*args, **kwargs):
        given = bind(name, sig, args, kwargs)
        check(path, given)
        out = given.pop("out", None)
        dtype = given.pop("dtype", None) if name in INDEX_RESULT else None
        positional, keywords = arguments(sig, given, renamed)
        arrays = arrays_in([*positional, *keywords.values()])
        host_of([*positional, *keywords.values()])  # refuses numpy.ndarray
        if refuse:
            refuse(name, arrays)
        if library:
            library(path)
        if path[5:] in SYNCHRONIZES or sometimes_synchronizes(name, given):
            synchronize(path)
        if name in STABLE:
            keywords["kind"] = "stable"
        accumulates = name in ACCUMULATE and positional[0].dtype in HALVES

        def compute():
            if accumulates:
                return through_float32(twin, host_of(positional), mapped_host(keywords))
            result = twin(*host_of(positional), **mapped_host(keywords))
            return result if dtype is None else cast(result, dtype)

        if name in HOST_RESULT:
            return compute()
        result = run(name, compute, arrays, out, keep_order=name in KEEP_ORDER)
        if name == "diagonal":
            result._host.flags.writeable = True  # CuPy's view can be written
        return result

    function.__name__ = function.__qualname__ = name
    function.__module__, function.__signature__ = module, sig
    return function


def mapped_host(keywords):
    return {key: host_of(value) for key, value in keywords.items()}


def register_twins(module, library=None, refuse=None):
    """Registers every function of a module that has a twin and no body of its own."""
    for name in MODULES[module].get("function", {}):
        path, twin = f"{module}.{name}", twin_of(module, name)
        if path not in REGISTRY and twin is not None:
            register(path, generated(path, signature(module, name), twin, library, refuse))


def without_body(path):
    """A name nobody wrote: its registered twin gets the arguments as they are, else it refuses."""

    def function(*args, **kwargs):
        if path in MACHINE.twins:
            return execute(path, lambda: MACHINE.twins[path](*host_of(args), **mapped_host(kwargs)),
                           arrays_in([*args, *kwargs.values()]))
        return stub(path)()

    function.__name__ = path.rpartition(".")[2]
    return function
