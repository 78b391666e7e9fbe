"""Op: one definition of a computation, and the one path that every use of it takes.

An op is a function `forward(xp, *tensors, **static)` over a namespace `xp` of kernels, with a
dtype rule and a vjp (vector-Jacobian product) for each tensor argument. `xp` is

- eager: the kernels run at once on raw arrays;
- symbolic: their shape and dtype rules run on Specs (KerasTensors, unknown dimensions);
- recording: each kernel is an op again, on Tensors: gradients of gradients, and composites.

This is the hot path of eager code: it is written for speed where the rest is not.
"""

import functools
import inspect
import itertools

from minikeras import dtypes, errors
from minikeras.arrays import Placeholder, ndarray
from minikeras.arrays.library import NUMPY, library_of
from minikeras.arrays.quiet import quiet, restore
from minikeras.core.keras_tensor import GraphNode, KerasTensor, keras_tensors
from minikeras.core.operation import Operation
from minikeras.core.operators import OPS
from minikeras.core.scopes import auto_name, state
from minikeras.core.tensor import Convertible, Tensor, to_tensor
from minikeras.dtypes import Spec
from minikeras.kernels import contraction, elementwise, reduction, registry, scalar, shaping

TABLES = (contraction, elementwise, reduction, scalar, shaping)  # families load their own kernels
NUMBERS = (bool, int, float, complex)
_HOST = registry.eager(NUMPY)
_counter = itertools.count().__next__


class Node:
    """One recorded call: what the backward pass needs of it."""

    __slots__ = ("id", "inputs", "op", "outs", "parents", "static", "y")

    def __init__(self, op, parents, inputs, y, static, outs=1):
        self.op, self.parents, self.inputs = op, parents, inputs
        self.y, self.static, self.outs = y, static, outs
        self.id = _counter()


def leaf():
    """A node for a tensor that gradients are taken with respect to."""
    return Node(None, (), (), None, None)


class Op:
    """See the module's docstring.

    Args:
        forward: `forward(xp, *tensors, **static)`; returns the result, or `(result, *kept)` where
            `keeps`, or a tuple of results where `outs` is not 1.
        vjp: for each tensor argument a function `vjp(xp, g, y, *tensors, **static)` or None (no
            gradient); one function for ops of one tensor; with `joint`, one function that returns
            the gradients of all. None: a composite, differentiated kernel by kernel. False: the
            result has no gradient. A parameter named with a leading `_` gets a Spec, and its array
            is not kept.
        dtype: rule for the dtype that the tensor arguments are cast to; None leaves them.
        tensors: number of leading tensor arguments; 0 with `variadic`: the first argument is a
            list of tensors.
        spec: `spec(*specs, **static)`: a shape rule of its own, where running `forward` on Specs
            will not do.
        outs: number of results, or "many".
        holomorphic: whether the vjp is the holomorphic one, g f'(x): for complex numbers the
            engine then conjugates. False: the vjp itself gives dL/dRe + i dL/dIm.
    """

    def __init__(
        self, forward, vjp=None, dtype=None, tensors=None, variadic=False, spec=None, outs=1,
        keeps=False, joint=False, monotone=False, numbers=False, holomorphic=True,
    ):
        self.forward, self.name, self.dtype = forward, forward.__name__, dtype
        self.spec_rule, self.outs, self.keeps, self.joint = spec, outs, keeps, joint
        self.monotone, self.numbers, self.variadic = monotone, numbers, variadic
        self.holomorphic = holomorphic
        parameters = list(inspect.signature(forward).parameters.values())[1:]
        self.parameters = [p.name for p in parameters]
        self.signature = inspect.Signature(parameters)
        self.composite = vjp is None
        self.vjp = (vjp,) if callable(vjp) and not joint else vjp or ()
        if tensors is None:
            tensors = len(self.vjp) if isinstance(self.vjp, tuple) and self.vjp else 1
        self.tensors = 1 if variadic else tensors
        self.defaults = {
            p.name: p.default
            for p in parameters[self.tensors :]
            if p.default is not inspect.Parameter.empty
        }
        self.required = len(parameters) - self.tensors - len(self.defaults)
        self._what_is_kept(vjp)
        OPS[self.name] = self
        registry.FORWARDS[self.name] = forward, keeps

    def _what_is_kept(self, vjp):
        """Which inputs, and whether the result, the backward pass needs the values of."""
        functions = [f for f in (self.vjp if isinstance(self.vjp, tuple) else (self.vjp,)) if f]
        names = [list(inspect.signature(f).parameters) for f in functions]
        self.keep_y = not all(n[2].startswith("_") for n in names if len(n) > 2)
        if self.variadic:
            self.keep = not all(n[3].startswith("_") for n in names if len(n) > 3)
        else:
            self.keep = [
                not all(n[3 + i].startswith("_") for n in names if len(n) > 3 + i)
                and bool(names)
                for i in range(self.tensors)
            ]

    # ------------------------------------------------------------ calling
    def __call__(self, *args, **kwargs):
        n = self.tensors
        if kwargs or len(args) != n or self.required:
            args, static = self.bind(args, kwargs)
        else:
            static = self.defaults
        if self.variadic:
            args = args[0]
            if not isinstance(args, (list, tuple)):
                args = list(args)
        return self.apply(args, static)

    def bind(self, args, kwargs):
        """(tensor arguments, static arguments by name)."""
        n = self.tensors
        if len(args) < n:
            bound = self._bound(args, kwargs)
            values = list(bound.values())
            return values[:n], dict(list(bound.items())[n:])
        static = dict(self.defaults)
        names = self.parameters
        if len(args) > len(names):
            self._bound(args, kwargs)  # raises
        static.update(zip(names[n:], args[n:]))
        for name, value in kwargs.items():
            if name not in names or names.index(name) < len(args):
                self._bound(args, kwargs)  # raises
            static[name] = value
        if len(static) < len(names) - n:
            self._bound(args, kwargs)  # raises
        return args[:n], static

    def _bound(self, args, kwargs):
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as e:
            raise TypeError(f"ops.{self.name}: {e}. It takes {self.signature}") from None
        bound.apply_defaults()
        return bound.arguments

    def apply(self, tensors, static):
        """Run the op on tensors (of any kind) with static arguments by name."""
        for t in tensors:
            if type(t) is not Tensor:
                if any(isinstance(t, KerasTensor) for t in tensors):
                    return self.symbolic(tensors, static)
                tensors = self.convert(tensors)
                break
        if self.dtype is not None:
            tensors = self.cast(tensors)
        record = False
        if state.depth:
            for t in tensors:
                if type(t) is Tensor and t._node is not None:
                    record = True
                    break
        if record and self.composite:
            try:
                return self.recording(tensors, static)
            except Exception as e:
                self.explain(e, tensors, static)
                raise
        tracer = state.tracer
        if tracer is not None:
            better = tracer.rewritten(self, tensors, static)
            if better is not None:
                return better
        raws = [t._value if type(t) is Tensor else t for t in tensors]
        token = quiet()
        try:
            xp = namespace(raws)
            if self.variadic:
                y = self.forward(xp, raws, **static)
            else:
                y = self.forward(xp, *raws, **static)
        except Exception as e:
            self.explain(e, tensors, static)
            raise
        finally:
            restore(token)
        if record and self.vjp:
            result = self.record(tensors, y, static)
        elif self.outs == 1:
            result = Tensor(y[0] if self.keeps else y)
        else:
            result = tuple(map(Tensor, y[: self.outs] if self.keeps else y))
        if tracer is not None and self.monotone:
            tracer.made(self, tensors, static, result)
        return result

    def convert(self, tensors):
        """Tensors, numbers (where the op takes them) and None from whatever was given."""
        library = None
        for t in tensors:
            if type(t) is Tensor:
                library = library_of(t._value)
                break
        single = len(tensors) == 1 or not self.numbers
        plain = []
        for t in tensors:
            if isinstance(t, Convertible):
                t = t.tensor()
            if type(t) is not Tensor and t is not None and (single or type(t) not in NUMBERS):
                t = to_tensor(t, None, library)
            plain.append(t)
        if not single and all(type(t) in NUMBERS for t in plain):
            plain = [to_tensor(t) for t in plain]
        return plain

    def cast(self, tensors):
        """The tensors in the dtype that the rule gives for theirs."""
        first = tensors[0]
        if type(first) is Tensor:
            d = first._value.dtype
            for t in tensors:
                if type(t) is not Tensor or t._value.dtype is not d:
                    break
            else:
                if self.dtype is dtypes.promote or self.dtype(d) is d:
                    return tensors
        given = tuple(
            t._value.dtype if type(t) is Tensor else type(t) for t in tensors if t is not None
        )
        target = self.dtype(*given)
        return [
            OPS["cast"](t, target) if type(t) is Tensor and t._value.dtype != target else t
            for t in tensors
        ]

    def recording(self, tensors, static):
        """A composite: every kernel it calls is recorded by itself."""
        if self.variadic:
            return self.forward(RECORDING, list(tensors), **static)
        return self.forward(RECORDING, *tensors, **static)

    def record(self, tensors, y, static):
        """Results as Tensors with a Node."""
        parents = tuple([t._node if type(t) is Tensor else None for t in tensors])
        if state.deep:
            inputs, kept = tuple(tensors), y
        else:
            keep = self.keep
            if self.variadic:
                keep = itertools.repeat(keep)
            inputs = tuple([
                t if k or type(t) is not Tensor else Spec(t._value.shape, t._value.dtype)
                for t, k in zip(tensors, keep)
            ])
            kept = y if self.keep_y else None
        parents = tuple([p and (p, t._index) for p, t in zip(parents, tensors)])
        if self.outs == 1:
            node = Node(self, parents, inputs, kept, static)
            return Tensor(y[0] if self.keeps else y, node)
        results = y[: self.outs] if self.keeps else y
        node = Node(self, parents, inputs, y, static, len(results))
        return tuple(Tensor(r, node, i) for i, r in enumerate(results))

    # ------------------------------------------------------------ symbolic
    def specs(self, tensors, static):
        """Shape and dtype of the results (a Spec or a tuple) for tensors of any kind."""
        specs = [_spec(t, self.numbers) for t in tensors]
        if self.dtype is not None:
            given = (s.dtype if type(s) is Spec else type(s) for s in specs if s is not None)
            target = self.dtype(*given)
            specs = [Spec(s.shape, target) if type(s) is Spec else s for s in specs]
        if self.spec_rule is not None:
            return self.spec_rule(*([specs] if self.variadic else specs), **static)
        y = self.forward(registry.SYMBOLIC, *([specs] if self.variadic else specs), **static)
        if self.outs == 1:
            return y[0] if self.keeps else y
        return y[: self.outs] if self.keeps else y

    def symbolic(self, tensors, static):
        """KerasTensors for KerasTensors; a node in the graph unless shapes are being inferred."""
        try:
            out = keras_tensors(self.specs(tensors, static))
        except Exception as e:
            self.explain(e, tensors, static)
            raise
        if not state.symbolic:
            args = (list(tensors),) if self.variadic else tuple(tensors)
            call = OpCall(self)
            GraphNode(call, args, static, out)
        return out

    def explain(self, error, tensors, static):
        """Put the op's name, the shapes and the arguments into an error's message."""
        if getattr(error, "_explained", False) or not error.args:
            return
        if not isinstance(error, (ValueError, TypeError, IndexError)):
            return
        self._in_the_rules_words(error, tensors, static)
        described = ", ".join(_describe(t) for t in tensors)
        where = sorted({t.device for t in tensors if type(t) is Tensor})
        if len(where) > 1:
            described += (
                f". The tensors are on {' and '.join(where)}: move them to one device with "
                "`.to(device)`"
            )
        if static:
            described += "".join(f", {k}={errors.plain(v)}" for k, v in static.items())
        error.args = (f"ops.{self.name}: {error.args[0]} Received: {described}", *error.args[1:])
        error._explained = True


    def _in_the_rules_words(self, error, tensors, static):
        """Where the shapes are at fault, what the shape rule says instead of what a kernel said."""
        if any(isinstance(t, KerasTensor) for t in tensors):
            return  # the rule is what failed
        try:
            self.specs(tensors, static)
        except (ValueError, TypeError, IndexError) as e:
            if e.args:
                error.args = e.args
        except Exception:  # the rule needs what these arguments lack: the kernel's words stand
            return


def _describe(t):
    if isinstance(t, (Tensor, KerasTensor, Convertible, ndarray)):
        return f"{t.dtype}{tuple(t.shape)}"
    return errors.plain(t)[:200]


def _spec(t, numbers):
    if type(t) in (KerasTensor,) or isinstance(t, KerasTensor):
        return t.spec()
    if t is None or (numbers and type(t) in NUMBERS):
        return t
    t = to_tensor(t)
    return Spec(t.shape, t.dtype)


def namespace(raws):
    """The namespace for raw values: eager on their library, symbolic on Specs, or the tracer."""
    if state.tracer is not None and any(isinstance(a, Placeholder) for a in raws):
        return state.tracer
    for a in raws:
        kind = type(a)
        if kind is ndarray:
            return _HOST
        if kind is Spec:
            return registry.SYMBOLIC
        if a is not None and kind not in NUMBERS:
            return registry.eager(library_of(a))
    return _HOST


class _Recording:
    """`xp` on Tensors: every kernel is the op of the same name."""

    def __getattr__(self, name):
        try:
            op = OPS[name]
        except KeyError:
            if name.startswith("__"):  # Python asks objects for these
                raise AttributeError(name) from None
            raise NotImplementedError(
                f"kernel {name!r} has no op of its name, so it has no gradient of its own."
            ) from None
        if getattr(op, "variadic", False):
            return lambda *tensors, **static: op.apply(tensors, {**op.defaults, **static})
        return op


RECORDING = _Recording()


class OpCall(Operation):
    """An op in a functional graph; called with the arguments of that place."""

    def __init__(self, op, name=None):
        super().__init__(name=name or auto_name(op.name.removeprefix("_")))
        self.op = op

    def call(self, *args, **kwargs):
        return self.op(*args, **kwargs)

    def compute_output_spec(self, *args, **kwargs):
        tensors, static = self.op.bind(args, kwargs)
        return keras_tensors(self.op.specs(tensors, static))


def _quick_unary(made, kernel):
    """The public function of an op of one tensor that is one kernel: see `_quick_binary`."""
    ready, run, general, static, keep = set(), getattr(_HOST, kernel), made.apply, {}, made.keep[0]
    keep_y = made.keep_y

    def public_function(x):
        if type(x) is not Tensor:
            return general((x,), static)
        a = x._value
        if type(a) is not ndarray or a.dtype not in ready:
            if type(a) is ndarray and (made.dtype is None or made.dtype(a.dtype) is a.dtype):
                ready.add(a.dtype)
            return general((x,), static)
        token = quiet()
        try:
            y = run(a)
        except Exception as e:
            made.explain(e, (x,), static)
            raise
        finally:
            restore(token)
        parent = x._node
        if parent is None or not state.depth or not made.vjp:
            return Tensor(y)
        if state.deep:
            return made.record((x,), y, static)
        inputs = (x if keep else Spec(a.shape, a.dtype),)
        node = Node(made, ((parent, x._index),), inputs, y if keep_y else None, static)
        return Tensor(y, node)

    return public_function


def _quick_binary(made, kernel):
    """The public function of an op of two tensors that is one kernel, by element.

    What every call does, done by hand for the common case: two host tensors of one dtype, or a
    tensor and a number that does not change its dtype. All else takes the general path.
    """
    ready, run, general, static = set(), getattr(_HOST, kernel), made.apply, {}
    keep_1, keep_2, keep_y = *made.keep, made.keep_y

    def learn(a, b):
        given = [v.dtype if type(v) is ndarray else type(v) for v in (a, b)]
        if type(a) is ndarray and (given[0] is given[1] or type(b) in NUMBERS):
            if made.dtype is None or made.dtype(*given) is a.dtype:
                ready.add(tuple(given))

    def public_function(x1, x2):
        a = x1._value if type(x1) is Tensor else None
        b = x2._value if type(x2) is Tensor else x2
        if type(a) is not ndarray:
            return general((x1, x2), static)
        if (a.dtype, b.dtype if type(b) is ndarray else type(b)) not in ready:
            learn(a, b)
            return general((x1, x2), static)
        token = quiet()
        try:
            y = run(a, b)
        except Exception as e:
            made.explain(e, (x1, x2), static)
            raise
        finally:
            restore(token)
        if not state.depth or not made.vjp:
            return Tensor(y)
        n1 = x1._node
        n2 = x2._node if b is not x2 else None
        if n1 is None and n2 is None:
            return Tensor(y)
        if state.deep:
            return made.record((x1, x2), y, static)
        spec = Spec(a.shape, a.dtype)
        one = x1 if keep_1 else spec
        if keep_2 or b is x2:
            two = x2
        else:
            two = spec if b.shape == a.shape else Spec(b.shape, b.dtype)
        parents = (n1 and (n1, x1._index), n2 and (n2, x2._index))
        return Tensor(y, Node(made, parents, (one, two), y if keep_y else None, static))

    return public_function


_QUICK = {1: _quick_unary, 2: _quick_binary}


def op(vjp=None, quick=None, **options):
    """Decorator: an Op of the function's name; the result is a plain function with `.op`.

    The function's signature without `xp` is the public one. `quick`: the name of the one kernel
    that the op is, if it takes tensors alone; then calls on host tensors take a short cut.
    """

    def declare(forward):
        made = Op(forward, vjp, **options)

        if quick is None or made.composite:

            def public_function(*args, **kwargs):
                return made(*args, **kwargs)
        else:
            public_function = _QUICK[made.tensors](made, quick)

        functools.update_wrapper(public_function, forward)
        public_function.__signature__ = made.signature
        public_function.op, made.function = made, public_function
        return public_function

    return declare
