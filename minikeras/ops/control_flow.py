"""Control flow: cond, switch, loops, scans, map, vectorize; and jvp.

Eager code runs the functions as they are, so a tape records and differentiates what they do. In a
functional model both branches of `cond` are computed and one is chosen, and a loop is one
operation, which is run when the model is.
"""

import math

from minikeras import tree
from minikeras.api.registry import public
from minikeras.core.gradient import GradientTape
from minikeras.core.keras_tensor import KerasTensor, any_symbolic
from minikeras.core.operation import Operation
from minikeras.core.operators import OPS
from minikeras.core.scopes import state
from minikeras.core.shape_rules import canonical_axis
from minikeras.core.tensor import Convertible, Tensor, to_tensor
from minikeras.kernels.registry import broadcast_shapes
from minikeras.ops.creation import zeros, zeros_like
from minikeras.ops.indexing import get_item, where
from minikeras.ops.shaping import _tensor, broadcast_to, concatenate, flip, reshape, stack


class ControlFlow(Operation):
    """A function as one operation of a functional model.

    Args:
        function: what is run on values.
        spec: function of the KerasTensors that gives KerasTensors like the results.
    """

    def __init__(self, function, spec, name=None):
        super().__init__(name=name)
        self.function, self.spec = function, spec

    def call(self, *args):
        return self.function(*args)

    def compute_output_spec(self, *args):
        return self.spec(*args)


def _symbolic_result(function, *args):
    """What a function gives on KerasTensors, without history."""
    state.symbolic += 1
    try:
        return tree.map_structure(
            lambda t: None if t is None else t if isinstance(t, KerasTensor) else _like(t),
            function(*args))
    finally:
        state.symbolic -= 1


def _like(t):
    t = _tensor(t)
    return KerasTensor(t.shape, t.dtype)


# ---------------------------------------------------------------- branches
def _choose(condition, a, b):
    """Tree of `a` where a scalar condition holds, else of `b`."""
    tree.assert_same_structure(a, b)
    return tree.map_structure(
        lambda x, y: None if x is None else where(condition, x, y), a, b)


def _tensors(result):
    """A branch's result with numbers and arrays as tensors."""
    return tree.map_structure(lambda t: None if t is None else _tensor(t), result)


@public("ops.cond")
def cond(pred, true_fn, false_fn):
    """true_fn() if a scalar holds, else false_fn(); both must give the same structure.

    >>> cond(True, lambda: 1, lambda: 2).item()
    1
    """
    if isinstance(pred, KerasTensor):
        return _choose(OPS["cast"](pred, "bool"), true_fn(), false_fn())
    return _tensors(true_fn() if bool(pred) else false_fn())


@public("ops.switch")
def switch(index, branches, *operands):
    """branches[index](*operands); an index out of range counts as the nearest.

    >>> switch(1, [lambda x: x, lambda x: -x], 3).item()
    -3
    """
    branches = list(branches)
    if not branches:
        raise ValueError("ops.switch: needs at least one branch.")
    if isinstance(index, KerasTensor):
        y = branches[-1](*operands)
        for i in reversed(range(len(branches) - 1)):
            y = _choose(OPS["less_equal"](index, i), branches[i](*operands), y)
        return y
    return _tensors(branches[min(max(int(index), 0), len(branches) - 1)](*operands))


# ---------------------------------------------------------------- loops
@public("ops.while_loop")
def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """Repeat `loop_vars = body(*loop_vars)` while `cond(*loop_vars)` holds.

    Args:
        cond: function of the loop variables that gives a scalar.
        body: function of them that gives new ones, of the same shapes and dtypes.
        loop_vars: a tensor, or a tuple or list of (structures of) tensors.
        maximum_iterations: after which the loop ends in any case.

    Returns the last loop variables: a tuple, or one tensor if `loop_vars` is one.

    >>> while_loop(lambda i: i < 10, lambda i: i + 3, 1).item()
    10
    """
    single = not isinstance(loop_vars, (tuple, list))
    first = (loop_vars,) if single else tuple(loop_vars)
    if any_symbolic(first):
        made = ControlFlow(
            lambda *v: tuple(while_loop(cond, body, v, maximum_iterations)),
            lambda *v: tree.map_structure(_like, v), name="while_loop")(*first)
        return made[0] if single else made
    variables = tree.map_structure(to_tensor, first)
    done = 0
    while (maximum_iterations is None or done < maximum_iterations) and bool(cond(*variables)):
        new = body(*variables)
        variables = tuple(new) if isinstance(new, (tuple, list)) and not (
            single and isinstance(variables[0], (tuple, list))) else (new,)
        if len(variables) != len(first):
            raise ValueError(
                f"ops.while_loop: `body` must give {len(first)} loop variables, it gave "
                f"{len(variables)}."
            )
        variables = tree.map_structure(to_tensor, variables)
        done += 1
    return variables[0] if single else variables


@public("ops.fori_loop")
def fori_loop(lower, upper, body_fun, init_val):
    """`val = body_fun(i, val)` for i from lower to upper - 1, from init_val.

    >>> fori_loop(0, 4, lambda i, total: total + i, 0).item()
    6
    """
    if any_symbolic((lower, upper, init_val)):
        return ControlFlow(
            lambda a, b, v: fori_loop(a, b, body_fun, v),
            lambda a, b, v: tree.map_structure(_like, v), name="fori_loop",
        )(lower, upper, init_val)
    value = tree.map_structure(to_tensor, init_val)
    for i in range(int(lower), int(upper)):
        value = body_fun(to_tensor(i), value)
    return value


# ---------------------------------------------------------------- scans and maps
def _slices(xs, i):
    return tree.map_structure(lambda x: get_item(x, i), xs)


def _length(name, xs):
    """Common length of axis 0 of a tree of tensors; None where it is not known."""
    lengths = {x.shape[0] if x.shape else -1 for x in tree.flatten(xs)}
    if -1 in lengths or len(lengths - {None}) > 1:
        raise ValueError(
            f"ops.{name}: all tensors need a first axis, of one length. Received: shapes "
            f"{[tuple(x.shape) for x in tree.flatten(xs)]}"
        )
    return lengths.pop() if len(lengths) == 1 else next(n for n in lengths if n is not None)


def _stacked(ys):
    """List of trees as a tree of stacked tensors; None stays."""
    return tree.map_structure(
        lambda *y: None if y[0] is None else stack([_tensor(t) for t in y]), *ys)


def _of_length(n, y):
    """KerasTensors with one more axis in front."""
    return tree.map_structure(
        lambda t: None if t is None else KerasTensor((n, *t.shape), t.dtype), y)


def _empty(y):
    return tree.map_structure(
        lambda t: None if t is None else zeros((0, *t.shape), dtype=t.dtype), y)


def _first_of(xs):
    """KerasTensors like the slices of axis 0."""
    return tree.map_structure(lambda x: KerasTensor(x.shape[1:], x.dtype), xs)


@public("ops.scan")
def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """`carry, y = f(carry, x)` for each x along axis 0 of xs: (last carry, stacked ys).

    Args:
        f: function of the carry and a slice of xs that gives the new carry and a result.
        init: the first carry, a structure of tensors.
        xs: structure of tensors with one length of axis 0, or None: then `length` steps.
        length: number of steps.
        reverse: whether to go from the last to the first; ys stay in the order of xs.
        unroll: accepted for Keras's sake.

    >>> carry, ys = scan(lambda c, x: (c + x, c * x), 0, [1, 2, 3])
    >>> carry.item(), ys.numpy().tolist()
    (6, [0, 2, 9])
    """
    if not callable(f):
        raise TypeError(f"ops.scan: `f` must be callable. Received: {type(f).__name__}")
    if xs is None and length is None:
        raise ValueError("ops.scan: give `xs` or `length`.")
    if xs is not None and not any_symbolic(xs):
        xs = to_tensor(xs) if _plain_list(xs) else tree.map_structure(_tensor, xs)
    n = length if xs is None else _length("scan", xs)
    if length is not None and n is not None and int(length) != n:
        raise ValueError(f"ops.scan: `length` is {length}, but axis 0 of `xs` has length {n}.")
    if any_symbolic((init, xs)):
        def spec(init, xs):
            carry, y = _symbolic_result(
                f, tree.map_structure(_like, init), None if xs is None else _first_of(xs))
            return carry, _of_length(n, y)

        return ControlFlow(lambda i, x: scan(f, i, x, length, reverse), spec, name="scan")(init, xs)
    carry = tree.map_structure(lambda t: None if t is None else to_tensor(t), init)
    ys = []
    for i in reversed(range(n)) if reverse else range(n):
        carry, y = f(carry, None if xs is None else _slices(xs, i))
        ys.append(y)
    if not ys:
        _, y = _symbolic_result(f, tree.map_structure(_like, carry),
                                None if xs is None else _first_of(xs))
        return carry, _empty(y)
    return carry, _stacked(ys[::-1] if reverse else ys)


def _plain_list(xs):
    """Whether xs is a nested list of numbers: one tensor, not a structure of them."""
    return isinstance(xs, (list, tuple)) and all(
        isinstance(x, (bool, int, float)) for x in tree.flatten(xs))


@public("ops.map")
def map(f, xs):
    """f of each slice along axis 0 of xs (a tensor or a structure of them), stacked.

    >>> map(lambda x: x * 2, [1, 2]).numpy().tolist()
    [2, 4]
    """
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


@public("ops.vectorized_map")
def vectorized_map(function, elements):
    """`map` by another name: function of each slice along axis 0 of elements, stacked."""
    return map(function, elements)


def _part(x, axis, start, stop=None, step=1):
    return get_item(x, (slice(None),) * axis + (slice(start, stop, step),))


def _interleaved(a, b, axis, n):
    """a and b in turn along an axis, n in all."""
    order = [k // 2 + k % 2 * a.shape[axis] for k in range(n)]
    return OPS["take"](concatenate([a, b], axis), order, axis=axis)


@public("ops.associative_scan")
def associative_scan(f, elems, reverse=False, axis=0):
    """Running combination of slices along an axis by an associative f, in log2(n) rounds.

    Args:
        f: function of two structures like `elems` that combines them slice by slice; associative.
        elems: tensor or structure of tensors with one length of the axis.
        reverse: whether to combine from the end.
        axis: the axis.

    Reference: G. Blelloch 1990, Prefix sums and their applications.

    >>> associative_scan(lambda a, b: a + b, [1, 2, 3, 4]).numpy().tolist()
    [1, 3, 6, 10]
    """
    if not callable(f):
        raise TypeError(
            f"ops.associative_scan: `f` must be callable. Received: {type(f).__name__}")
    elems = to_tensor(elems) if _plain_list(elems) else tree.map_structure(_tensor, elems)
    shapes = [tuple(x.shape) for x in tree.flatten(elems)]
    axis = canonical_axis(axis, min(len(s) for s in shapes), "ops.associative_scan: axis")
    n = shapes[0][axis]
    if n is None or any(s[axis] != n for s in shapes):
        raise ValueError(
            f"ops.associative_scan: axis {axis} must have one known length. Received: {shapes}")

    def mirrored(x):
        return tree.map_structure(lambda t: flip(t, axis), x)

    y = _prefixes(f, mirrored(elems) if reverse else elems, n, axis)
    return mirrored(y) if reverse else y


def _prefixes(f, elems, n, axis):
    if n < 2:
        return elems

    def part(x, *key):
        return tree.map_structure(lambda t: _part(t, axis, *key), x)

    pairs = f(part(elems, 0, n // 2 * 2, 2), part(elems, 1, None, 2))
    odd = _prefixes(f, pairs, n // 2, axis)  # results at 1, 3, 5 ...
    first = part(elems, 0, 1)
    if n == 2:
        even = first
    else:
        before = part(odd, 0, (n - 1) // 2)
        even = tree.map_structure(lambda a, b: concatenate([a, b], axis), first,
                                  f(before, part(elems, 2, None, 2)))
    return tree.map_structure(lambda a, b: _interleaved(a, b, axis, n), even, odd)


# ---------------------------------------------------------------- vectorize
def _core_shapes(signature):
    """[[names] an argument] of '(m,n),(n)->(m)'; None without a signature."""
    if signature is None:
        return None
    left = signature.replace(" ", "").split("->")[0]
    if not left.startswith("(") or "->" not in signature:
        raise ValueError(f"ops.vectorize: not a signature: {signature!r}; such as '(n),()->(n)'.")
    return [[d for d in part.strip("()").split(",") if d] for part in left.split("),(")]


@public("ops.vectorize", "ops.numpy.vectorize")
def vectorize(pyfunc, *, excluded=None, signature=None):
    """A function of tensors that runs `pyfunc` over their leading axes, broadcast.

    Args:
        pyfunc: function of tensors.
        excluded: positions and names of arguments that are handed on as they are.
        signature: the axes that `pyfunc` takes and gives, such as "(m,n),(n)->(m)"; numbers
            without one.

    >>> add_one = vectorize(lambda x, y: x + y)
    >>> add_one([1, 2, 3], 10).numpy().tolist()
    [11, 12, 13]
    """
    if not callable(pyfunc):
        raise TypeError(f"ops.vectorize: needs a function. Received: {type(pyfunc).__name__}")
    excluded = set() if excluded is None else set(excluded)
    core = _core_shapes(signature)

    def vectorized(*args, **kwargs):
        at = [i for i in range(len(args)) if i not in excluded]
        names = [k for k in kwargs if k not in excluded]
        tensors = [_tensor(args[i]) for i in at] + [_tensor(kwargs[k]) for k in names]
        depth = [0] * len(tensors) if core is None else [len(c) for c in core]
        if len(depth) != len(tensors):
            raise ValueError(
                f"ops.vectorize: the signature {signature!r} is of {len(depth)} arguments. "
                f"Received: {len(tensors)}"
            )
        lead = [t.shape[: len(t.shape) - d] for t, d in zip(tensors, depth)]
        loop = broadcast_shapes(*(tuple(s) for s in lead))
        size = math.prod(loop)
        flat = []
        for t, d in zip(tensors, depth):
            inner = tuple(t.shape[len(t.shape) - d :])
            flat.append(reshape(broadcast_to(t, (*loop, *inner)), (size, *inner)))

        def one(values):
            new, named = list(args), dict(kwargs)
            for i, v in zip(at, values):
                new[i] = v
            named.update(zip(names, values[len(at) :]))
            return pyfunc(*new, **named)

        y = map(one, tuple(flat))
        return tree.map_structure(lambda t: reshape(t, (*loop, *t.shape[1:])), y)

    return vectorized


# ---------------------------------------------------------------- forward derivatives
@public("ops.jvp", "ops.linalg.jvp")
def jvp(fun, primals, tangents, has_aux=False):
    """(fun(*primals), derivative of fun along the tangents), and aux with `has_aux`.

    The gradient g(u) of <u, fun> is linear in u, so the derivative of <g(u), tangents> by u is the
    one along the tangents: two backward passes.

    Args:
        fun: function of (structures of) tensors that gives tensors, or (tensors, aux).
        primals: tuple of arguments.
        tangents: tuple like it.

    >>> y, dy = jvp(lambda x: x * x, (3.0,), (1.0,))
    >>> y.item(), dy.item()
    (9.0, 6.0)
    """
    primals = tree.map_structure(_leaf, tuple(primals))
    tangents = tree.map_structure(to_tensor, tuple(tangents))
    xs = tree.flatten(primals)
    with GradientTape() as outer:
        with GradientTape() as inner:
            inner.watch(xs)
            result = fun(*primals)
            outputs = tree.map_structure(to_tensor, result[0] if has_aux else result)
        us = [Tensor(zeros_like(o)._value) for o in tree.flatten(outputs)]
        outer.watch(us)
        g = inner.gradient(tree.flatten(outputs), xs, us, unconnected_gradients="zero")
        total = 0.0
        for d, t in zip(g, tree.flatten(tangents)):
            total = total + OPS["sum"](OPS["multiply"](d, OPS["cast"](t, d.dtype)))
    dy = outer.gradient(total, us, unconnected_gradients="zero")
    dy = tree.pack_sequence_as(outputs, dy)
    return (outputs, dy, result[1]) if has_aux else (outputs, dy)


def _leaf(x):
    """A tensor of its own, to be watched."""
    return Tensor((x.tensor() if isinstance(x, Convertible) else to_tensor(x))._value)
