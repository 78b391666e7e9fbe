"""Kernels in CUDA C: their arguments are checked against the source, a NumPy twin computes.

`twin(name, function)` registers the twin by the kernel's name:
- RawKernel, RawModule: `function(*args)` writes into the host arrays it gets;
- ElementwiseKernel: `function(*inputs)` returns the outputs; with a `raw` output it gets the
  outputs too and writes into them;
- ReductionKernel: `function(*inputs, axis=, keepdims=)` returns the output.
"""

import re

import numpy as np

from tests.helpers.fakecupy.core import (
    SCALARS,
    arrays_in,
    cast,
    execute,
    host_of,
    ndarray,
    operand,
    register,
    run,
)
from tests.helpers.fakecupy.state import BFLOAT16, MACHINE, require_device, warm_up
from tests.helpers.fakecupy.surface import complete

C_TYPES = {
    "float": "f4", "double": "f8", "half": "f2", "__half": "f2", "bool": "?", "char": "i1",
    "signed char": "i1", "unsigned char": "u1", "short": "i2", "unsigned short": "u2",
    "int": "i4", "unsigned int": "u4", "unsigned": "u4", "long": "i8", "unsigned long": "u8",
    "long long": "i8", "unsigned long long": "u8", "size_t": "u8", "int8_t": "i1", "uint8_t": "u1",
    "int16_t": "i2", "uint16_t": "u2", "int32_t": "i4", "uint32_t": "u4", "int64_t": "i8",
    "uint64_t": "u8",
}
QUALIFIERS = re.compile(r"\b(const|volatile|__restrict__|__restrict|restrict)\b")


def twin_for(name):
    if name not in MACHINE.twins:
        raise NotImplementedError(f"fakecupy: kernel {name} has no NumPy twin; register one with "
                                  "fakecupy.twin()")
    return MACHINE.twins[name]


def c_dtype(text):
    """The dtype of a C type, or None where it is not a plain one (a template's, a struct)."""
    if text in ("__nv_bfloat16", "nv_bfloat16"):
        return BFLOAT16
    return np.dtype(C_TYPES[text]) if text in C_TYPES else None


def c_parameters(code, name):
    """(dtype, is pointer, text) of each parameter of a __global__ function, None if not found."""
    code = re.sub(r"//[^\n]*|/\*.*?\*/", " ", code, flags=re.S)
    found = re.search(rf"__global__[^;{{]*?\b{re.escape(name)}\s*\(([^)]*)\)", code)
    if not found:
        return None
    parameters = []
    for text in filter(None, (part.strip() for part in found[1].split(","))):
        plain = QUALIFIERS.sub(" ", text)
        words = re.sub(r"\w+\s*(\[\s*\])?$", "", plain.strip())  # without the parameter's name
        pointer = "*" in words or plain.rstrip().endswith("]")
        parameters.append((c_dtype(" ".join(words.replace("*", " ").split())), pointer, text))
    return parameters


def check_argument(name, argument, dtype, pointer, text):
    """Refuses what the device would misread: wrong widths, other dtypes, strided arrays."""
    if pointer != isinstance(argument, ndarray):
        raise TypeError(f"{name}: parameter `{text}` got {type(argument)}")
    if dtype is None:
        return
    if not pointer and not isinstance(argument, (*SCALARS, np.generic)):
        raise TypeError(f"Unsupported type {type(argument)}")
    given = argument.dtype if pointer else np.asarray(argument).dtype
    if given != dtype:
        raise TypeError(f"{name}: parameter `{text}` is {dtype}, the argument is {given} and would "
                        f"be passed as it is; convert it")
    if pointer and not argument.flags.c_contiguous:
        raise ValueError(f"{name}: parameter `{text}` got a strided array, which the kernel would "
                         "read as a contiguous one")


@complete("cupy.RawKernel")
class RawKernel:
    """A kernel in C; called with grid, block and arguments."""

    max_dynamic_shared_size_bytes = 49152

    def __init__(self, code, name, options=(), backend="nvrtc", *, translate_cucomplex=False,
                 enable_cooperative_groups=False, jitify=None):
        self.code, self.name, self.options, self.backend = code, name, options, backend
        self.enable_cooperative_groups, self.file_path = enable_cooperative_groups, None

    def compile(self, log_stream=None):
        warm_up(("raw", self.name))

    def __call__(self, grid, block, args, *, shared_mem=0, stream=None):
        require_device()
        sizes = (*grid, *block)
        if not all(isinstance(size, (int, np.integer)) and size > 0 for size in sizes):
            raise ValueError(f"{self.name}: grid {grid} and block {block} must be positive "
                             "integers")
        if np.prod(block) > 1024 or len(block) > 2 and block[2] > 64:
            raise ValueError(f"{self.name}: a block of {block} has more than 1024 threads")
        if shared_mem > self.max_dynamic_shared_size_bytes:
            raise ValueError(f"{self.name}: {shared_mem} bytes of shared memory, above the limit "
                             f"{self.max_dynamic_shared_size_bytes}")
        parameters = c_parameters(self.code or "", self.name)
        if parameters is not None:
            if len(parameters) != len(args):
                raise TypeError(f"{self.name} takes {len(parameters)} arguments, got {len(args)}")
            for argument, parameter in zip(args, parameters):
                check_argument(self.name, argument, *parameter)
        function = twin_for(self.name)
        execute(self.name, lambda: function(*host_of(args)) and None, [], arrays_in(args),
                key=("raw", self.name))


@complete("cupy.RawModule")
class RawModule:
    """Several kernels of one source."""

    def __init__(self, *, code=None, path=None, options=(), backend="nvrtc",
                 translate_cucomplex=False, enable_cooperative_groups=False, name_expressions=None,
                 jitify=None):
        if (code is None) == (path is None):
            raise TypeError("Exactly one of `code` and `path` keyword arguments must be given.")
        if path is not None:
            raise NotImplementedError("fakecupy: RawModule(path=) of a compiled module")
        self.code, self.options, self.backend, self.file_path = code, options, backend, path
        self.name_expressions, self.enable_cooperative_groups = name_expressions, False

    def compile(self, log_stream=None):
        require_device()

    def get_function(self, name):
        if name not in self.code and name not in (self.name_expressions or ()):
            raise RuntimeError(f"cudaErrorNotFound: named symbol not found: {name}")
        return RawKernel(self.code, name, self.options, self.backend)


class Parameter:
    """One parameter of an ElementwiseKernel: "raw T x"."""

    def __init__(self, text):
        *qualifiers, self.type, self.name = text.split()
        self.raw = "raw" in qualifiers

    def dtype(self, letters):
        """The dtype of an output; a single letter was bound by an input."""
        if len(self.type) == 1:
            if self.type not in letters:
                raise TypeError(f"the type {self.type} of {self.name} is bound by no input array")
            return letters[self.type]
        return np.dtype(self.type)


def parameters_of(text):
    return [Parameter(part) for part in text.split(",") if part.strip()]


def bind_letters(parameters, values):
    """dtype of each type letter, from the arrays given; fixed types are checked."""
    letters = {}
    for parameter, value in zip(parameters, values):
        if not isinstance(value, ndarray):
            continue
        wanted = (letters.setdefault(parameter.type, value.dtype) if len(parameter.type) == 1
                  else np.dtype(parameter.type))
        if wanted != value.dtype:
            raise TypeError(f"Type is mismatched. {parameter.name} {value.dtype} {wanted}")
    for parameter, value in zip(parameters, values):
        if not isinstance(value, ndarray) and len(parameter.type) == 1:
            letters.setdefault(parameter.type, np.asarray(value).dtype)
    return letters


@complete("cupy.ElementwiseKernel")
class ElementwiseKernel:
    """A kernel by element, with broadcasting."""

    def __init__(self, in_params, out_params, operation, name="kernel", reduce_dims=True,
                 preamble="", no_return=False, return_tuple=False, **kwargs):
        self.in_params, self.out_params = parameters_of(in_params), parameters_of(out_params)
        self.params = self.in_params + self.out_params
        self.nin, self.nout, self.nargs = (len(self.in_params), len(self.out_params),
                                           len(self.params))
        self.operation, self.name, self.__name__, self.preamble = operation, name, name, preamble
        self.no_return, self.return_tuple, self.kwargs = no_return, return_tuple, kwargs
        self.reduce_dims = reduce_dims

    def __call__(self, *args, size=None, stream=None, block_size=128, **kwargs):
        if kwargs:
            raise TypeError(f"Wrong arguments {kwargs}")
        if len(args) not in (self.nin, self.nargs):
            raise TypeError(f"Wrong number of arguments for {self.name!r}. It must be either "
                            f"{self.nin} or {self.nargs} (with outputs), but given {len(args)}.")
        values = [operand(value) for value in args]
        letters = bind_letters(self.params, values)
        outs = values[self.nin:] or self._new_outputs(values, letters, size)
        function, inputs = twin_for(self.name), values[: self.nin]
        in_place = any(parameter.raw for parameter in self.out_params)

        def compute():
            hosts = [cast(host_of(value), parameter.dtype(letters))
                     for parameter, value in zip(self.in_params, inputs)]
            if in_place:
                function(*hosts, *host_of(outs))
                return
            results = function(*hosts)
            results = results if isinstance(results, tuple) else (results,)
            for out, result in zip(outs, results, strict=True):
                out._host[...] = cast(np.broadcast_to(result, out.shape), out.dtype)

        execute(self.name, compute, arrays_in(inputs), outs)
        if self.no_return:
            return None
        return tuple(outs) if self.nout > 1 or self.return_tuple else outs[0]

    def _new_outputs(self, values, letters, size):
        if any(parameter.raw for parameter in self.out_params):
            raise ValueError("Output array size is Undecided")
        shapes = [np.shape(host_of(value)) for parameter, value in zip(self.in_params, values)
                  if not parameter.raw]
        arrays = [value for parameter, value in zip(self.in_params, values)
                  if not parameter.raw and isinstance(value, ndarray)]
        if (size is None) == (not arrays):
            raise ValueError("Loop size is Undecided" if size is None else
                             "Specified 'size' can be used only if all of the ndarray are 'raw'")
        shape = (size,) if size is not None else np.broadcast_shapes(*shapes)
        return [ndarray(shape, parameter.dtype(letters)) for parameter in self.out_params]


@complete("cupy.ReductionKernel")
class ReductionKernel:
    """A reduction given by its map, reduce and post-map expressions."""

    def __init__(self, in_params, out_params, map_expr, reduce_expr, post_map_expr, identity,
                 name="reduce_kernel", reduce_type=None, reduce_dims=True, preamble="", options=()):
        self.in_params, self.out_params = parameters_of(in_params), parameters_of(out_params)
        self.nin, self.nout = len(self.in_params), len(self.out_params)
        self.name, self.__name__, self.identity = name, name, identity

    def __call__(self, *args, axis=None, keepdims=False, out=None, stream=None):
        if len(args) != self.nin:
            raise TypeError(f"Wrong number of arguments for {self.name!r}: {self.nin} expected, "
                            f"{len(args)} given.")
        values = [operand(value) for value in args]
        letters, function = bind_letters(self.in_params, values), twin_for(self.name)
        return run(self.name, lambda: cast(
            function(*host_of(values), axis=axis, keepdims=keepdims),
            self.out_params[0].dtype(letters)), arrays_in(values), out)


for _class in (RawKernel, RawModule, ElementwiseKernel, ReductionKernel):
    register(f"cupy.{_class.__name__}", _class)
