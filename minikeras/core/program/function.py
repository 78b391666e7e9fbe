"""Functions that run as programs: one for each signature of the arguments, traced when new."""

import collections
import contextlib
import functools
import os
import threading
import traceback
import warnings

from minikeras import config
from minikeras.api.registry import public
from minikeras.arrays import NUMPY, current_device, ndarray, one_blas_thread
from minikeras.core.program.program import Program
from minikeras.core.program.values import Again, Untraceable
from minikeras.core.scopes import StatelessScope, state
from minikeras.core.tensor import Convertible, Tensor

PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KEPT = 32  # programs of a function; the least recently used goes
RETRACES = 50  # of one signature, after which it is left to eager code


class Compiled:
    """A function of nested structures of arrays, run by programs where it can be.

    Args:
        function: what to run.
        name: what warnings call it.
        strict: whether what cannot be traced is an error instead of a warning.
        after_trace: called when a trace is over, whatever its end.
        blas: context manager in which programs run.
    """

    def __init__(self, function, name, strict=False, after_trace=None, blas=None):
        self.function, self.name, self.strict = function, name, strict
        self.after_trace, self.blas = after_trace, blas or one_blas_thread()
        self.programs = collections.OrderedDict()  # signature -> programs, last used first
        self.eager, self.traces = set(), collections.Counter()
        self.warned = False
        self.lock = threading.Lock()

    def __call__(self, *args):
        if state.tracer is not None or state.depth:  # a part of what is traced or taped
            return self.function(*args)
        if current_device().library is not NUMPY:
            return self.function(*args)
        arrays = []
        try:
            signature = signature_of_arrays(args, arrays)
        except TypeError:  # an argument that cannot be hashed, an array on a GPU
            return self.function(*args)
        return self.run(signature, args, arrays)

    def run(self, signature, args, arrays):
        """The function's result for arguments of a signature that hold these arrays."""
        program = self._find(signature)
        if program is not None:
            return self._replay(program, args, arrays)
        if signature in self.eager:
            return self.function(*args)
        program, error = self._trace(signature, args, arrays)
        if program is not None:
            return self._replay(program, args, arrays)
        result = self.function(*args)  # an error of the function itself ends here
        if error is not None:
            self._give_up(signature, error)
        return result

    def _replay(self, program, args, arrays):
        try:
            with self.blas:
                return program(*arrays)
        except (ValueError, TypeError, IndexError, ArithmeticError) as e:
            with StatelessScope():  # op by op, the error names the layer and leaves no traces
                self.function(*args)
            raise e

    # ------------------------------------------------------------ the cache
    def _find(self, signature):
        known = self.programs.get(signature)
        if known is None:
            return None
        for i, program in enumerate(known):
            if program.current():
                if i:
                    known.insert(0, known.pop(i))
                with contextlib.suppress(KeyError):  # another thread may just have let it go
                    self.programs.move_to_end(signature)
                return program
        return None

    def _keep(self, signature, program):
        known = self.programs.setdefault(signature, [])
        known[:] = [p for p in known if not p.outdated()][:3]
        known.insert(0, program)
        self.programs.move_to_end(signature)
        while len(self.programs) > KEPT:
            self.programs.popitem(last=False)

    # ------------------------------------------------------------ tracing
    def _trace(self, signature, args, arrays):
        """(a new program or None: run eagerly this time, why it can never be traced or None)."""
        with self.lock:
            program = self._find(signature)
            if program is not None:
                return program, None
            self.traces[signature] += 1
            if self.traces[signature] > RETRACES:
                return None, Untraceable(
                    f"it was traced {RETRACES} times, since attributes that it reads are changed "
                    "again and again.")
            try:
                program = Program(
                    lambda *tensors: self.function(*_filled(args, iter(tensors))), arrays,
                    threads=config.threads())
            except Again:
                return None, None
            except Exception as e:
                if self.strict and isinstance(e, Untraceable):
                    self._give_up(signature, e)
                return None, e
            finally:
                if self.after_trace is not None:
                    self.after_trace()
            self._keep(signature, program)
            return program, None

    def _give_up(self, signature, error):
        """Leave the signature to eager code, and say why, once; an error where `strict`."""
        reason = error if isinstance(error, Untraceable) else f"{type(error).__name__}: {error}"
        text = f"{self.name} cannot be compiled: {reason} At {_line(error)}."
        advice = (
            "Use keras.ops in place of Python control flow and NumPy there, or compile with "
            "jit_compile=False"
        )
        if self.strict:
            raise RuntimeError(f"{text} {advice}.") from error
        self.eager.add(signature)
        if not self.warned:
            self.warned = True
            warnings.warn(
                f"{text} It runs op by op instead, which is slower. {advice} to do without this "
                "warning.", stacklevel=4)

    def report(self):
        """The programs, as a list of tables (see Program.report)."""
        return [p.report() for known in self.programs.values() for p in known]


def signature_of_arrays(x, arrays):
    """A hashable key for a structure; its arrays are appended to `arrays`."""
    kind = type(x)
    if kind is Tensor:
        x = x._value
        kind = type(x)
        if kind is not ndarray:
            raise TypeError("an array of another device")
    if kind is ndarray or isinstance(x, ndarray):
        if x.dtype.kind in "OUSTMm":
            raise TypeError("no array of numbers")
        arrays.append(x)
        return x.shape, x.dtype
    if kind is tuple or kind is list:
        return kind, *[signature_of_arrays(v, arrays) for v in x]
    if kind is dict:
        return kind, *[(k, signature_of_arrays(x[k], arrays)) for k in x]
    if isinstance(x, Convertible):
        return id(x)
    if hasattr(x, "_fields") and isinstance(x, tuple):
        return kind, *[signature_of_arrays(v, arrays) for v in x]
    hash(x)
    return kind, x


def _filled(x, tensors):
    """The structure with the next tensors in place of its arrays."""
    kind = type(x)
    if kind is Tensor or isinstance(x, ndarray):
        return next(tensors)
    if kind is tuple or kind is list:
        return kind(_filled(v, tensors) for v in x)
    if kind is dict:
        return {k: _filled(v, tensors) for k, v in x.items()}
    if hasattr(x, "_fields") and isinstance(x, tuple):
        return kind(*[_filled(v, tensors) for v in x])
    return x


def _line(error):
    """The line of the user's code, or else the innermost one, at which tracing ended."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "an unknown line"
    own = [f for f in frames if not os.path.abspath(f.filename).startswith(PACKAGE)]
    frame = own[-1] if own else frames[-1]
    return f"{frame.filename}:{frame.lineno}, in {frame.name}: {frame.line}"


@public("function")
def function(func=None, jit_compile="auto", **kwargs):
    """A function compiled like a training step: traced at its first call, then replayed.

    The trace depends on shapes and dtypes of tensors and arrays, and on the values of all other
    arguments; a call with new ones is traced anew. What Python does inside (printing, counting,
    `if` over plain numbers) is done while tracing alone. What cannot be traced runs op by op,
    with a warning.

    Args:
        func: function of nested structures of tensors; without it a decorator is returned.
        jit_compile: True: what cannot be traced is an error. False: nothing is traced.
        **kwargs: other arguments of TensorFlow's `tf.function`, which have no effect.

    >>> import minikeras as keras
    >>> w = keras.Variable(2.0)
    >>> @keras.function
    ... def step(x):
    ...     with keras.GradientTape() as tape:
    ...         loss = keras.ops.sum((w * x - 1.0) ** 2)
    ...     w.assign_sub(0.1 * tape.gradient(loss, w))
    ...     return loss
    >>> [float(step(keras.ops.ones((1,)))) for _ in range(3)]
    [1.0, 0.64000004529953, 0.409600019454956]
    """
    del kwargs
    if func is None:
        return functools.partial(function, jit_compile=jit_compile)
    if jit_compile is False:
        return func
    name = f"The function '{getattr(func, '__name__', func)}'"
    compiled = Compiled(lambda args, kw: func(*args, **kw), name, strict=jit_compile is True)

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        return compiled(args, kwargs)

    wrapped.python_function, wrapped.compiled = func, compiled
    return wrapped
