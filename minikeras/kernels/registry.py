"""Kernels: raw arrays in, raw arrays out. The table that eager code and the program share.

**Contract.** A kernel is ordinary code whose every effect on memory goes through
`k(fn, *args, **kwargs)`: eager code calls at once; the planner writes the call down, with its
views already made, and replays it. So in `run(k, out, *arrays, **static)`

1. control flow depends on shapes, dtypes and static arguments, never on values;
2. `out` is written, nothing else; inputs are never written;
3. temporary memory comes from `k.scratch(shape, dtype)` and dies with the call;
4. `k.view(a, shape)` reshapes without copying (it refuses where a copy would be needed);
5. `k.side_by_side([piece, ...])`, each a function of k, lets threads share out the pieces;
6. the array library is `k.xp` (NumPy or CuPy).

A *function* kernel, `compute(xp, *arrays, **static) -> array`, is for the long tail: it returns a
new array (or, of kind "view", a view of its input) and must not write its inputs.

Each kernel states its kind and roles, the only thing the passes of the program look at:
kind  ew | view | reduce | matmul | concat | sample | opaque   (opaque is always right)
roles "bs>b": per array argument b(atch along axis 0) or s(hared); result b(atch), p(artial sum).
An operand may be a Python number where a ufunc takes one.
"""

import functools
import os

from minikeras import dtypes
from minikeras.dtypes import Spec

KERNELS = {}
FORWARDS = {}  # ops' forwards by name, which others may call like kernels: xp.softplus(x)
CHECK = os.environ.get("MINIKERAS_CHECK") == "1"
PORTABLE = os.environ.get("MINIKERAS_KERNELS") == "portable"
NUMBERS = (int, float, bool, complex)
HALF = dtypes.BFLOAT16


class Kernel:
    """One kernel: name, kind, rule, portable version, versions for a device."""

    def __init__(self, name, kind, rule, run=None, compute=None, roles=None, batch_out=0):
        self.name, self.kind, self.rule = name, kind, rule
        self.run, self.compute, self.roles, self.batch_out = run, compute, roles, batch_out
        self.variants = []
        self.ufunc = None
        self.inplace = False  # whether the result may lie where an operand of its shape lies
        self.sliced = None  # of the operands: whether the batch is worth slicing; None: it is
        self.axes = None  # (of arguments, of results): the batch's axis, None, "P" partial sum
        self.by_place = False  # random: takes `first`, the place of its first element
        self.updates = None  # kernels of optimizers: number of arguments before the variables
        if name in KERNELS and KERNELS[name].rule.__module__ != rule.__module__:
            raise ValueError(f"Two kernels are named {name!r}.")
        KERNELS[name] = self

    def on(self, device, when=None):
        """Register a faster version for "cpu" or "gpu"; `when(*arrays, **static)` accepts."""

        def add(run):
            self.variants.append((device, when, run))
            return run

        return add

    def choose(self, device, arrays, static):
        """The `run` for these arguments on a kind of device."""
        if not PORTABLE:
            for kind, when, run in self.variants:
                if kind == device and (when is None or when(*arrays, **static)):
                    return run
        return self.run

    def specs(self, *arrays, **static):
        """The rule's answer: a Spec, or a tuple of them."""
        return self.rule(*arrays, **static)

    def __repr__(self):
        return f"<kernel {self.name} ({self.kind})>"


def kernel(kind, rule, roles=None, batch_out=0, name=None):
    """Decorator for `run(k, out, *arrays, **static)`."""

    def declare(run):
        return Kernel(name or run.__name__, kind, rule, run=run, roles=roles, batch_out=batch_out)

    return declare


def function(rule, kind="opaque", roles=None, name=None):
    """Decorator for `compute(xp, *arrays, **static) -> array`."""

    def declare(compute):
        return Kernel(name or compute.__name__, kind, rule, compute=compute, roles=roles)

    return declare


def in_single(compute):
    """A `compute` in which half precision is widened to float32, and its results rounded once."""

    @functools.wraps(compute)
    def widened(xp, *arrays, **static):
        dtype = arrays[0].dtype
        if dtype not in dtypes.HALVES:
            return compute(xp, *arrays, **static)
        y = compute(xp, *(a.astype(dtypes.FLOAT32) for a in arrays), **static)
        if isinstance(y, tuple):
            return tuple(v.astype(dtype) if v.dtype.kind == "f" else v for v in y)
        return y.astype(dtype)

    return widened


# ---------------------------------------------------------------- rules shared by kernels
def broadcast_shapes(*shapes):
    """NumPy's broadcast of shapes that may hold None; ValueError where they do not match."""
    if len(shapes) == 2 and shapes[0] == shapes[1]:
        return shapes[0]
    ndim = max(map(len, shapes))
    result = []
    for dims in zip(*((1,) * (ndim - len(s)) + tuple(s) for s in shapes)):
        known = {d for d in dims if d is not None and d != 1}
        if len(known) > 1:
            plain = " and ".join(str(tuple(s)) for s in shapes)
            raise ValueError(f"shapes {plain} do not broadcast.")
        result.append(known.pop() if known else (None if None in dims else 1))
    return tuple(result)


def elementwise_spec(*args, dtype=None):
    """Broadcast shape; the operands' dtype, bool giving way to numbers."""
    arrays = [a for a in args if not isinstance(a, NUMBERS)]
    shape = broadcast_shapes(*(tuple(a.shape) for a in arrays))
    if dtype is None:
        kinds = {a.dtype for a in arrays}
        dtype = kinds.pop() if len(kinds) == 1 else dtypes.promote(*(a.dtype for a in arrays))
    return Spec(shape, dtype)


def same_spec(a, *_, **__):
    """The result is like the first operand."""
    return Spec(tuple(a.shape), a.dtype)


def predicate_spec(*args, **_):
    """Elementwise to bool."""
    return elementwise_spec(*args, dtype=dtypes.BOOL)


# ---------------------------------------------------------------- eager execution
class Emitter:
    """`k` of eager code: calls at once."""

    def __init__(self, library):
        self.xp = library
        self.scratch = library.empty

    def __call__(self, fn, *args, **kwargs):
        fn(*args, **kwargs)

    def side_by_side(self, pieces):
        """Work that threads may share out: functions of k, none of which takes scratch or
        touches what another one writes."""
        for piece in pieces:
            piece(self)

    def view(self, a, shape):
        """`a` in another shape, over the same memory."""
        v = a.reshape(shape)
        if CHECK and v.size and not self.xp.may_share_memory(v, a):
            raise AssertionError(f"a view of {a.shape} as {shape} would copy")
        return v


class Eager:
    """`xp` of an op's forward and vjp in eager code: a method a kernel, on raw arrays."""

    def __init__(self, library):
        self.library, self.emitter = library, Emitter(library)

    def __getattr__(self, name):
        if name in KERNELS:
            method = bind(KERNELS[name], self.library, self.emitter)
        else:
            method = forward_of(name, self)
        setattr(self, name, method)
        return method


def forward_of(name, xp):
    """The forward of the op `name` over a namespace, as a function like a kernel's."""
    if name not in FORWARDS:
        raise AttributeError(f"there is no kernel {name!r}")
    forward, keeps = FORWARDS[name]
    if keeps:
        return lambda *args, **static: forward(xp, *args, **static)[0]
    return functools.partial(forward, xp)


def bind(kern, library, emitter):
    """A kernel as a function of raw arrays on one library."""
    if kern.compute is not None:
        method = _bind_function(kern, library)
    elif kern.ufunc is not None:
        method = _bind_ufunc(kern, library, emitter)
    else:
        method = _bind_run(kern, library, emitter)
    return _checked(kern, method) if CHECK else method


def _bind_function(kern, library):
    compute, ndarray = kern.compute, library.ndarray

    def method(*arrays, **static):
        y = compute(library, *arrays, **static)
        if isinstance(y, (ndarray, tuple)):
            return y
        return library.asarray(y)  # NumPy gives scalars for 0-d results

    return method


def _bind_run(kern, library, emitter):
    rule, empty, run, device = kern.rule, library.empty, kern.run, library.kind
    candidates = any(kind == device for kind, _, _ in kern.variants)

    def method(*arrays, **static):
        spec = rule(*arrays, **static)
        if type(spec) is tuple:
            out = tuple(empty(s.shape, s.dtype) for s in spec)
        else:
            out = empty(spec.shape, spec.dtype)
        chosen = kern.choose(device, arrays, static) if candidates else run
        chosen(emitter, out, *arrays, **static)
        return out

    return method


def _bind_ufunc(kern, library, emitter):
    ufunc, ndarray = getattr(library, kern.ufunc), library.ndarray
    general = _bind_run(kern, library, emitter)
    if getattr(ufunc, "nin", 2) == 1:

        def method(a):
            y = ufunc(a)
            return y if type(y) is ndarray else library.asarray(y)

        return method

    def method(a, b):
        if type(a) is ndarray and type(b) is ndarray and a.shape != b.shape and a.size > 8192:
            return general(a, b)
        if type(b) in NUMBERS:  # NumPy makes float32 of bfloat16 with a number
            if a.dtype == HALF:
                return general(a, HALF.type(b))
        elif type(a) in NUMBERS and b.dtype == HALF:
            return general(HALF.type(a), b)
        y = ufunc(a, b)
        return y if type(y) is ndarray else library.asarray(y)

    return method


def _checked(kern, method):
    """Hold every result against the rule (MINIKERAS_CHECK=1, set in tests)."""

    def check(*arrays, **static):
        y = method(*arrays, **static)
        specs = kern.specs(*arrays, **static)
        pairs = zip(y, specs) if type(specs) is tuple else [(y, specs)]
        for array, spec in pairs:
            wrong = len(array.shape) != len(spec.shape) or any(
                d is not None and d != n for d, n in zip(spec.shape, array.shape)
            )
            if wrong or array.dtype != spec.dtype:
                raise AssertionError(
                    f"kernel {kern.name}: {array.dtype}{array.shape}, the rule says {spec}; "
                    f"static {static}"
                )
        return y

    return check


class Symbolic:
    """`xp` on Specs: applies the rules; values are never looked at."""

    def __getattr__(self, name):
        method = KERNELS[name].specs if name in KERNELS else forward_of(name, self)
        setattr(self, name, method)
        return method


SYMBOLIC = Symbolic()
_EAGER = {}


def eager(library):
    """The eager namespace of a library."""
    if library not in _EAGER:
        _EAGER[library] = Eager(library)
    return _EAGER[library]
