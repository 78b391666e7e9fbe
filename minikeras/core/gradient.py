"""Reverse-mode differentiation: the backward pass, GradientTape, grad and value_and_grad."""

import functools

from minikeras import tree
from minikeras.api.registry import public
from minikeras.arrays import library_of
from minikeras.arrays.quiet import quiet, restore
from minikeras.core.op import RECORDING, Node, leaf, namespace, op
from minikeras.core.operators import OPS
from minikeras.core.scopes import state
from minikeras.core.tensor import Convertible, Tensor, to_tensor
from minikeras.dtypes import is_float


# ---------------------------------------------------------------- the backward pass
def backward(outputs, seeds, targets, recording):
    """Sum over outputs of seed * d output / d target, for each target node; None if unconnected.

    Nodes are visited from the latest made to the earliest: whatever uses a value was made after
    it. `recording`: work on Tensors with ops, so that an outer tape sees it.
    """
    grads = {}
    for out, seed in zip(outputs, seeds):
        if out._node is not None:
            _add(grads, out._node, out._index, seed, recording)
    order, needed = _order([o._node for o in outputs if o._node is not None], targets)
    wanted = {id(t) for t in targets}
    found = {}
    for node in order:
        g = grads.pop(id(node), None)
        if g is None:
            continue
        if id(node) in wanted:
            found[id(node)] = g[0] if len(g) == 1 else g
            if not any(p is not None and id(p[0]) in needed for p in node.parents):
                continue  # nothing before it is asked for
        if node.op is not None:
            _propagate(node, g, grads, needed, recording)
    return [found.get(id(t)) for t in targets]


def _order(outputs, targets):
    """Nodes between the targets and the outputs, latest first."""
    seen, stack = {}, list(outputs)
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            stack += [p[0] for p in node.parents if p is not None]
    needed = {id(t) for t in targets}
    order = sorted(seen.values(), key=lambda n: n.id)
    kept = []
    for node in order:  # earliest first: parents are decided before what uses them
        if id(node) in needed:
            kept.append(node)
        elif any(p is not None and id(p[0]) in needed for p in node.parents):
            needed.add(id(node))
            kept.append(node)
    kept.reverse()
    return kept, needed


def _add(grads, node, index, g, recording):
    held = grads.setdefault(id(node), [None] * max(node.outs, 1))
    if held[index] is None:
        held[index] = g
    else:
        xp = RECORDING if recording else namespace((g, held[index]))
        held[index] = xp.add(held[index], g)


def _propagate(node, g, grads, needed, recording):
    op_, inputs = node.op, node.inputs
    if recording:
        xp = RECORDING
        y, tensors = _reconnected(node)
    else:
        y = node.y
        tensors = [t._value if type(t) is Tensor else t for t in inputs]
        xp = namespace([*g, *tensors, *(y if isinstance(y, (tuple, list)) else (y,))])
    if node.outs == 1:
        g = g[0]
    elif not op_.joint:  # a joint vjp is told which outputs have no gradient
        g = [_zeros_like(xp, y, i) if x is None else x for i, x in enumerate(g)]
    parents = [p if p is not None and id(p[0]) in needed else None for p in node.parents]
    # A gradient is dL/dRe + i dL/dIm: through a holomorphic f it is g times conj(f'(x)).
    conjugated = node.outs == 1 and op_.holomorphic and g.dtype.kind == "c"
    if conjugated:
        g = xp.conjugate(g)
    for i, d in _vjps(op_, xp, g, y, tensors, node.static, parents):
        like = inputs[i]
        if conjugated and d.dtype.kind == "c":
            d = xp.conjugate(d)
        d = fit(xp, d, like.shape, like.dtype)
        _add(grads, *parents[i], d, recording)


def _vjps(op_, xp, g, y, tensors, static, parents):
    """[(argument, its gradient)] for the arguments that need one."""
    wanted = [i for i, p in enumerate(parents) if p is not None]
    if op_.joint:
        args = (tensors,) if op_.variadic else tensors
        all_ = op_.vjp(xp, g, y, *args, **static)
        return [(i, all_[i]) for i in wanted if all_[i] is not None]
    if op_.variadic:
        return [(i, op_.vjp[0](xp, g, y, tensors, i, **static)) for i in wanted]
    found = []
    for i in wanted:
        vjp = op_.vjp[i]
        if vjp is not None:
            found.append((i, vjp(xp, g, y, *tensors, **static)))
    return found


def _zeros_like(xp, y, i):
    return xp.filled(y[i], value=0, dtype=y[i].dtype)


def _reconnected(node):
    """(y, inputs) as Tensors that an outer tape can differentiate through."""
    op_, inputs = node.op, list(node.inputs)
    if any(p is not None and type(t) is not Tensor for t, p in zip(inputs, node.parents)):
        raise RuntimeError(
            "A gradient of a gradient was asked for, but the inner tape was neither persistent "
            "nor inside the outer tape when it recorded. Open the outer tape first."
        )
    if op_.keeps:  # what the forward pass kept is made again, connected to the inputs
        made = op_.forward(RECORDING, *([inputs] if op_.variadic else inputs), **node.static)
        return made, inputs
    if node.outs == 1:
        return Tensor(node.y, node), inputs
    return tuple(Tensor(v, node, i) for i, v in enumerate(node.y)), inputs


def fit(xp, d, shape, dtype):
    """A gradient summed over the axes that broadcasting added, in its operand's dtype."""
    if d.shape != shape:
        extra = len(d.shape) - len(shape)
        axis = tuple(
            i for i, n in enumerate(d.shape) if i < extra or (shape[i - extra] == 1 and n != 1)
        )
        if axis:
            d = xp.sum(d, axis=axis)
        if d.shape != shape:
            d = xp.reshape(d, shape=tuple(shape))
    if d.dtype != dtype:
        if d.dtype.kind == "c" and dtype.kind != "c":
            d = xp.real(d)
        d = xp.cast(d, dtype=dtype)
    return d


# ---------------------------------------------------------------- GradientTape
@public("GradientTape")
class GradientTape:
    """Records ops, to differentiate them; TensorFlow's interface.

    Trainable variables are watched by themselves, other tensors with `watch`. Tapes may stand
    inside tapes: the outer one differentiates the inner one's gradients.

    Args:
        persistent: whether `gradient` may be called more than once.
        watch_accessed_variables: whether trainable variables are watched by themselves.

    >>> import minikeras as keras
    >>> x = keras.ops.convert_to_tensor(3.0)
    >>> with keras.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> float(tape.gradient(y, x))
    6.0
    """

    def __init__(self, persistent=False, watch_accessed_variables=True):
        self.persistent, self.watch_accessed_variables = persistent, watch_accessed_variables
        self._used = self._recording = False
        self._accessed = {}

    def __enter__(self):
        if self._recording:
            raise ValueError("This GradientTape is recording already.")
        self._start()
        return self

    def __exit__(self, *error):
        if self._recording:
            self._stop()

    def _start(self):
        self._recording, self._outer = True, (state.tapes, state.deep)
        state.tapes = (*state.tapes, self)
        state.depth = len(state.tapes)
        state.deep = state.deep or self.persistent or state.depth > 1

    def _stop(self):
        self._recording = False
        state.tapes = tuple(t for t in state.tapes if t is not self)
        state.depth, state.deep = len(state.tapes), self._outer[1]

    def watch(self, tensor):
        """Record what is done with a tensor, or with each of a structure."""
        for t in tree.flatten(tensor):
            if isinstance(t, Convertible):
                self._accessed[id(t)] = t
                t.watch()
                continue
            if not isinstance(t, Tensor):
                raise ValueError(
                    f"Only tensors and variables can be watched. Received: {type(t).__name__}; "
                    "use ops.convert_to_tensor first."
                )
            if not is_float(t.dtype) and t.dtype.kind != "c":
                continue  # integers have no gradient
            if t._node is None:
                t._node, t._index = leaf(), 0

    def watched_variables(self):
        """The variables that were read while the tape recorded."""
        return tuple(self._accessed.values())

    def stop_recording(self):
        """Context manager: nothing inside is recorded."""
        return _Paused(self)

    def reset(self):
        """Forget what was recorded."""
        self._used = False
        self._accessed = {}

    def gradient(
        self, target, sources, output_gradients=None, unconnected_gradients="none"
    ):
        """d sum(target) / d source, in the structure of `sources`.

        Args:
            target: tensor or structure of tensors.
            sources: tensor, variable or structure of them.
            output_gradients: what to multiply each target by, instead of ones.
            unconnected_gradients: "none" or "zero": for sources that no target depends on.
        """
        if self._used and not self.persistent:
            raise RuntimeError(
                "GradientTape.gradient can be called once only; make the tape with "
                "persistent=True to call it again."
            )
        unconnected = str(getattr(unconnected_gradients, "value", unconnected_gradients)).lower()
        if unconnected not in ("none", "zero"):
            raise ValueError(
                "`unconnected_gradients` must be 'none' or 'zero'. "
                f"Received: {unconnected_gradients}"
            )
        if self._recording and not self.persistent:
            self._stop()
        self._used = True
        outputs = [to_tensor(t) for t in tree.flatten(target) if t is not None]
        given = None if output_gradients is None else tree.flatten(output_gradients)
        flat = tree.flatten(sources)
        grads = gradient(outputs, flat, given)
        if unconnected == "zero":
            grads = [
                OPS["zeros_like"](to_tensor(s)) if g is None else g for g, s in zip(grads, flat)
            ]
        return tree.pack_sequence_as(sources, grads)

    def jacobian(self, target, sources, unconnected_gradients="none", **_):
        """d target[i] / d source for each element i: shape (*target.shape, *source.shape)."""
        if not self.persistent:
            raise RuntimeError("GradientTape.jacobian needs a tape made with persistent=True.")
        flat_target = OPS["reshape"](target, (-1,))
        size = flat_target.shape[0]
        identity = OPS["eye"](size, dtype=target.dtype)
        rows = [
            tree.flatten(
                self.gradient(
                    target,
                    sources,
                    OPS["reshape"](identity[i], target.shape),
                    unconnected_gradients,
                )
            )
            for i in range(size)
        ]
        columns = []
        for column in zip(*rows):
            if column[0] is None:
                columns.append(None)
                continue
            stacked = OPS["stack"](list(column))
            columns.append(OPS["reshape"](stacked, (*target.shape, *column[0].shape)))
        return tree.pack_sequence_as(sources, columns)


class _Paused:
    def __init__(self, tape):
        self.tape = tape

    def __enter__(self):
        self.tape._stop()

    def __exit__(self, *error):
        self.tape._start()


def gradient(outputs, sources, seeds=None):
    """Gradients of the sum of outputs with respect to sources; None where unconnected."""
    recording = state.depth > 0
    nodes = [s.leaf if isinstance(s, Convertible) else to_tensor(s)._node for s in sources]
    if seeds is None:
        seeds = [_ones_like(o, recording) for o in outputs]
    else:
        seeds = [to_tensor(s, o.dtype) for s, o in zip(seeds, outputs)]
        if not recording:
            seeds = [s._value for s in seeds]
    token = quiet()
    try:
        found = iter(
            backward(outputs, seeds, [n for n in nodes if n is not None], recording)
        )
    finally:
        restore(token)
    grads = [None if n is None else next(found) for n in nodes]
    if not recording:
        grads = [None if g is None else Tensor(g) for g in grads]
    return grads


def _ones_like(o, recording):
    value = library_of(o._value).ones(o.shape, o.dtype)
    return Tensor(value) if recording else value


# ---------------------------------------------------------------- grad, value_and_grad
@public("value_and_grad")
def value_and_grad(fun, argnums=0, has_aux=False):
    """A function that gives `(fun(*args), d fun / d args[argnums])`; JAX's interface.

    Args:
        fun: function of trees of tensors that returns a scalar tensor, or with `has_aux` a pair
            (scalar, anything).
        argnums: index of the argument to differentiate by, or a tuple of them.

    >>> import minikeras as keras
    >>> value, g = keras.value_and_grad(lambda x: keras.ops.sum(x * x))([1.0, 2.0])
    >>> float(value), [float(v) for v in g]
    (5.0, [2.0, 4.0])
    """

    @functools.wraps(fun)
    def wrapped(*args, **kwargs):
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        args = list(args)
        with GradientTape() as tape:
            for n in numbers:
                args[n] = tree.map_structure(lambda x: _fresh(tape, x), args[n])
            result = fun(*args, **kwargs)
        value = result[0] if has_aux else result
        if getattr(value, "shape", None) != ():
            raise ValueError(
                "The function to differentiate must return a scalar tensor. "
                f"Received: {getattr(value, 'shape', type(value))}"
            )
        sources = [args[n] for n in numbers]
        grads = tape.gradient(value, sources, unconnected_gradients="zero")
        return result, grads[0] if isinstance(argnums, int) else tuple(grads)

    return wrapped


@public("grad")
def grad(fun, argnums=0, has_aux=False):
    """A function that gives d fun / d args[argnums]; `(gradient, aux)` with `has_aux`.

    >>> import minikeras as keras
    >>> cube = lambda x: x * x * x
    >>> float(keras.grad(keras.grad(cube))(2.0))
    12.0
    """

    @functools.wraps(fun)
    def wrapped(*args, **kwargs):
        result, grads = value_and_grad(fun, argnums, has_aux)(*args, **kwargs)
        return (grads, result[1]) if has_aux else grads

    return wrapped


def _fresh(tape, x):
    """A tensor of its own to differentiate by, still connected to what x came from."""
    if isinstance(x, Convertible):
        return x
    t = to_tensor(x)
    if t._node is not None and state.depth > 1:
        return same_tensor(t)
    t = Tensor(t._value)
    tape.watch(t)
    return t


@op(vjp=lambda xp, g, _y, _x: g)
def same_tensor(xp, x):
    """x itself, as another tensor."""
    return x


# ---------------------------------------------------------------- gradients by hand
@public("ops.stop_gradient", "ops.core.stop_gradient")
def stop_gradient(variable):
    """The same values, taken as constant by gradients.

    >>> import minikeras as keras
    >>> float(keras.grad(lambda x: x * keras.ops.stop_gradient(x))(3.0))
    3.0
    """
    return _stop_gradient(variable)


@op(vjp=False)
def _stop_gradient(xp, variable):
    return variable


@public("ops.custom_gradient")
class custom_gradient:
    """Decorator: a function that returns `(result, gradient_function)`.

    `gradient_function(*args, upstream=g)` or `gradient_function(g)` gives the gradients with
    respect to the function's arguments.

    >>> import minikeras as keras
    >>> @keras.ops.custom_gradient
    ... def clipped(x):
    ...     return x * 2.0, lambda g: keras.ops.clip(g, -1.0, 1.0)
    >>> float(keras.grad(lambda x: 100.0 * clipped(x))(1.0))
    1.0
    """

    def __init__(self, f):
        self.fun = f
        functools.update_wrapper(self, f)

    def __call__(self, *args, **kwargs):
        paused, state.depth = state.depth, 0
        try:
            result, pullback = self.fun(*args, **kwargs)
        finally:
            state.depth = paused
        flat = [a.tensor() if isinstance(a, Convertible) else a for a in tree.flatten(args)]
        tracked = [isinstance(t, Tensor) and t._node is not None for t in flat]
        if not state.depth or not any(tracked):
            return result
        outputs = tree.flatten(result)
        parents = tuple((t._node, t._index) if k else None for t, k in zip(flat, tracked))
        inputs = tuple(to_tensor(t) if not isinstance(t, Tensor) else t for t in flat)
        y = tuple(o._value for o in outputs)
        node = Node(
            _Pullback(pullback, len(outputs)), parents, inputs,
            y[0] if len(y) == 1 else y, {}, len(outputs),
        )
        tensors = [Tensor(v, node, i) for i, v in enumerate(y)]
        return tree.pack_sequence_as(result, tensors)


class _Pullback:
    """Stands where an Op stands in a Node: the user's gradient function."""

    joint, variadic, keeps, composite, holomorphic = True, True, False, False, False

    def __init__(self, pullback, outs):
        self.pullback, self.outs = pullback, outs

    def vjp(self, xp, g, y, tensors):
        g = g if isinstance(g, (list, tuple)) else [g]
        values = y if isinstance(y, tuple) else (y,)
        g = [OPS["zeros_like"](v) if d is None else d for d, v in zip(g, values)]
        upstream = [x if isinstance(x, Tensor) else Tensor(x) for x in g]
        try:
            grads = self.pullback(*upstream)
        except TypeError:
            grads = self.pullback(upstream=upstream[0] if len(upstream) == 1 else upstream)
        grads = list(grads) if isinstance(grads, (list, tuple)) else [grads]
        grads += [None] * (len(tensors) - len(grads))
        if xp is RECORDING:
            return grads
        return [None if d is None else to_tensor(d)._value for d in grads]

