"""Products of matrices and tensors."""

import builtins
import math

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.core.shape_rules import canonical_axis
from minikeras.dtypes import canonical
from minikeras.ops.families import publish
from minikeras.ops.shaping import _tensor, is_symbolic, reshape, transpose


def _swapped(xp, x):
    n = len(x.shape)
    return xp.transpose(x, axes=(*range(n - 2), n - 1, n - 2))


def _as_matrices(xp, a, b):
    """1-D operands as a row and a column."""
    if len(a.shape) == 1:
        a = xp.reshape(a, shape=(1, a.shape[0]))
    if len(b.shape) == 1:
        b = xp.reshape(b, shape=(b.shape[0], 1))
    return a, b


def _as_product(xp, g, a, b):
    """g with the axes that 1-D operands had taken away."""
    shape = list(g.shape)
    if len(b.shape) == 1:
        shape.append(1)
    if len(a.shape) == 1:
        shape.insert(len(shape) - 1, 1)
    return g if len(shape) == len(g.shape) else xp.reshape(g, shape=tuple(shape))


def _matmul_da(xp, g, _y, _a, b):  # dL/da = g b^T
    g, (_, b2) = _as_product(xp, g, _a, b), _as_matrices(xp, _Shaped(_a), b)
    d = xp.matmul(g, _swapped(xp, b2))
    return xp.reshape(d, shape=(*d.shape[:-2], d.shape[-1])) if len(_a.shape) == 1 else d


def _matmul_db(xp, g, _y, a, _b):  # dL/db = a^T g
    g = _as_product(xp, g, a, _b)
    if len(a.shape) == 1:
        a = xp.reshape(a, shape=(1, a.shape[0]))
    if len(a.shape) > 2 and len(_b.shape) == 2:  # one product over all leading axes
        rows = math.prod(a.shape[:-1])
        flat = xp.reshape(a, shape=(rows, a.shape[-1]))
        return xp.matmul(_swapped(xp, flat), xp.reshape(g, shape=(rows, g.shape[-1])))
    d = xp.matmul(_swapped(xp, a), g)
    return xp.reshape(d, shape=d.shape[:-1]) if len(_b.shape) == 1 else d


class _Shaped:
    """A shape where only the shape is asked for."""

    def __init__(self, spec):
        self.shape = spec.shape if len(spec.shape) > 1 else (1, *spec.shape)


def _products(*given):
    """dtype rule: the common dtype; int8 adds up in int32."""
    if all(d == dtypes.INT8 for d in given):
        return dtypes.INT32
    return dtypes.promote(*given)


@publish
@op(vjp=(_matmul_da, _matmul_db), dtype=_products)
def matmul(xp, x1, x2):
    """Matrix product over the last two axes; leading axes broadcast.

    A 1-D x1 counts as a row, a 1-D x2 as a column; that axis is dropped from the result. Of
    booleans: whether any product is true.

    >>> import minikeras as keras
    >>> keras.ops.matmul([[1.0, 2.0]], [[3.0], [4.0]]).numpy().tolist()
    [[11.0]]
    """
    if not x1.shape or not x2.shape:
        raise ValueError("a number is no matrix; use multiply.")
    if x1.dtype == dtypes.BOOL:
        count = matmul.op.forward(xp, *(xp.cast(x, dtype=dtypes.INT32) for x in (x1, x2)))
        return xp.not_equal(count, 0)
    a, b = _as_matrices(xp, x1, x2)
    if len(a.shape) > 2 and len(b.shape) == 2 and None not in a.shape[:-1]:
        if a.shape[-1] != b.shape[0]:
            raise ValueError(
                f"the inner dimensions {a.shape[-1]} and {b.shape[0]} of shapes "
                f"{tuple(x1.shape)} and {tuple(x2.shape)} differ."
            )
        rows = xp.reshape(a, shape=(math.prod(a.shape[:-1]), a.shape[-1]))
        y = xp.reshape(xp.matmul(rows, b), shape=(*a.shape[:-1], b.shape[-1]))
    else:
        y = xp.matmul(a, b)
    shape = list(y.shape)
    if len(x2.shape) == 1:
        shape.pop()
    if len(x1.shape) == 1:
        shape.pop(len(y.shape) - 2)
    return y if len(shape) == len(y.shape) else xp.reshape(y, shape=tuple(shape))



@public("ops.tensordot", "ops.numpy.tensordot")
def tensordot(x1, x2, axes=2):
    """Sum of products over axes of both: the last `axes` of x1 with the first of x2, or pairs."""
    a, b = _tensor(x1), _tensor(x2)
    if isinstance(axes, int):
        first = tuple(range(len(a.shape) - axes, len(a.shape)))
        second = tuple(range(axes))
    else:
        first, second = ((s,) if isinstance(s, int) else tuple(s) for s in axes)
    first = tuple(canonical_axis(i, len(a.shape)) for i in first)
    second = tuple(canonical_axis(i, len(b.shape)) for i in second)
    for i, j in zip(first, second):
        if None not in (a.shape[i], b.shape[j]) and a.shape[i] != b.shape[j]:
            raise ValueError(
                f"ops.tensordot: axis {i} of {tuple(a.shape)} and axis {j} of {tuple(b.shape)} "
                "have different lengths."
            )
    rest_a = [i for i in range(len(a.shape)) if i not in first]
    rest_b = [i for i in range(len(b.shape)) if i not in second]
    inner = math.prod(b.shape[j] for j in second)
    shape = [a.shape[i] for i in rest_a] + [b.shape[i] for i in rest_b]
    left = reshape(transpose(a, (*rest_a, *first)), (_merged(a.shape, rest_a), inner))
    right = reshape(transpose(b, (*second, *rest_b)), (inner, _merged(b.shape, rest_b)))
    unknown = [i for i, d in enumerate(shape) if d is None]
    target = tuple(-1 if d is None else d for d in shape)
    y = OPS["cast"](matmul(left, right), dtypes.promote(a.dtype, b.dtype))
    return reshape(y, target) if len(unknown) <= 1 else y


def _merged(shape, axes):
    """Number of elements over the axes, or -1 where it is not known."""
    sizes = [shape[i] for i in axes]
    return -1 if None in sizes else math.prod(sizes)


@public("ops.dot", "ops.numpy.dot")
def dot(x1, x2):
    """Dot product: x1's last axis with x2's second-last one, or with its only one."""
    a, b = _tensor(x1), _tensor(x2)
    if not a.shape or not b.shape:
        return OPS["multiply"](a, b)
    if len(b.shape) == 1:
        return tensordot(a, b, ((len(a.shape) - 1,), (0,)))
    return tensordot(a, b, ((len(a.shape) - 1,), (len(b.shape) - 2,)))


@public("ops.inner", "ops.numpy.inner")
def inner(x1, x2):
    """Sum of products over the last axes of both."""
    a, b = _tensor(x1), _tensor(x2)
    if not a.shape or not b.shape:
        return OPS["multiply"](a, b)
    return tensordot(a, b, ((len(a.shape) - 1,), (len(b.shape) - 1,)))


@public("ops.outer", "ops.numpy.outer")
def outer(x1, x2):
    """All products x1[i] * x2[j] of the flattened tensors."""
    return OPS["multiply"](reshape(x1, (-1, 1)), reshape(x2, (1, -1)))


@public("ops.vdot", "ops.numpy.vdot")
def vdot(x1, x2):
    """Sum of products of all elements; x1 is conjugated if complex."""
    a, b = reshape(x1, (-1,)), reshape(x2, (-1,))
    if _tensor(a).dtype in (dtypes.COMPLEX64, dtypes.COMPLEX128):
        a = OPS["conjugate"](a)
    return OPS["cast"](OPS["sum"](OPS["multiply"](a, b)), dtypes.promote(a.dtype, b.dtype))


# ---------------------------------------------------------------- einsum
def _parse(subscripts, operands):
    """([input labels], output labels) with ellipses written out as capital-free labels."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(
            f"ops.einsum: {subscripts!r} names {len(terms)} operands, {len(operands)} given."
        )
    spare = [c for c in map(chr, range(0x3B1, 0x3B1 + 64))]
    widest = builtins.max(
        (len(o.shape) - len(t.replace("...", "")) for t, o in zip(terms, operands) if "..." in t),
        default=0,
    )
    full = []
    for t, o in zip(terms, operands):
        if "..." in t:
            n = len(o.shape) - len(t.replace("...", ""))
            t = t.replace("...", "".join(spare[widest - n : widest]))
        if len(t) != len(o.shape):
            raise ValueError(
                f"ops.einsum: term {t!r} of {subscripts!r} does not fit shape {tuple(o.shape)}."
            )
        full.append(t)
    if arrow:
        out = right.replace("...", "".join(spare[:widest]))
    else:
        joined = "".join(full)
        out = "".join(spare[:widest]) + "".join(
            sorted(c for c in set(joined) if joined.count(c) == 1 and c not in spare)
        )
    return full, out


@public("ops.einsum", "ops.numpy.einsum")
def einsum(subscripts, *operands, **kwargs):
    """Sum of products by index letters, such as "bij,bjk->bik"; "..." stands for leading axes.

    Two operands at a time, each pair as one matrix product.

    >>> einsum("ij,j->i", [[1.0, 2.0]], [3.0, 4.0]).numpy().tolist()
    [11.0]
    """
    if set(kwargs) - {"optimize"}:
        raise TypeError(f"ops.einsum: unknown arguments {sorted(kwargs)}.")
    operands = [_tensor(o) for o in operands]
    terms, out = _parse(subscripts, operands)
    target = _products(*(canonical(o.dtype) for o in operands))
    if target == dtypes.BOOL:
        operands = [OPS["cast"](o, "int32") for o in operands]
    if not set(out) <= set("".join(terms)):
        raise ValueError(f"ops.einsum: {subscripts!r} has an output letter of no operand.")
    sizes = _sizes(terms, operands)
    if len(operands) > 1 and any(map(is_symbolic, operands)):
        return KerasTensor(tuple(sizes[c] for c in out), target)
    operands = [_traces(o, t) for o, t in zip(operands, terms)]
    pairs = list(zip(operands, ("".join(dict.fromkeys(t)) for t in terms)))
    while len(pairs) > 1:
        (a, la), (b, lb) = pairs.pop(0), pairs.pop(0)
        later = set(out).union(*(label for _, label in pairs)) if pairs else set(out)
        pairs.insert(0, _contract(a, la, b, lb, later))
    x, label = pairs[0]
    drop = tuple(i for i, c in enumerate(label) if c not in out)
    if drop:
        x = OPS["sum"](x, axis=drop)
        label = "".join(c for c in label if c in out)
    x = OPS["cast"](x, target)
    return x if label == out else transpose(x, tuple(label.index(c) for c in out))


def _sizes(terms, operands):
    """{letter: length}, None where unknown; 1 gives way to others. ValueError where they differ."""
    sizes = {}
    for term, operand in zip(terms, operands):
        for c, n in zip(term, operand.shape):
            known = sizes.get(c, 1)
            if known in (1, None):
                sizes[c] = n if known == 1 or n not in (1, None) else known
            elif n not in (1, None, known):
                raise ValueError(f"ops.einsum: letter {c!r} has lengths {known} and {n}.")
    return sizes


def _traces(x, label):
    """Repeated letters in one term: the diagonal over those axes, at the last of them."""
    for c in dict.fromkeys(label):
        while label.count(c) > 1:
            i, j = label.index(c), label.rindex(c)
            x = OPS["diagonal"](x, 0, i, j)
            label = label[:i] + label[i + 1 : j] + label[j + 1 :] + c
    first = list(dict.fromkeys(label))
    return x if list(label) == first else transpose(x, tuple(label.index(c) for c in first))


def _contract(a, la, b, lb, later):
    """One matrix product of two operands: (result, its letters)."""
    only_a = tuple(i for i, c in enumerate(la) if c not in lb and c not in later)
    only_b = tuple(i for i, c in enumerate(lb) if c not in la and c not in later)
    if only_a:
        a, la = OPS["sum"](a, axis=only_a), "".join(c for c in la if c in lb or c in later)
    if only_b:
        b, lb = OPS["sum"](b, axis=only_b), "".join(c for c in lb if c in la or c in later)
    batch = [c for c in la if c in lb and c in later]
    summed = [c for c in la if c in lb and c not in later]
    left = [c for c in la if c not in lb]
    right = [c for c in lb if c not in la]
    size = _sizes((la, lb), (a, b))
    x = _grouped(a, la, batch, left, summed)
    y = _grouped(b, lb, batch, summed, right)
    z = matmul(x, y)
    letters = batch + left + right
    return reshape(z, tuple(size[c] for c in letters)), "".join(letters)


def _grouped(x, label, batch, rows, columns):
    """x as (*batch, rows, columns) with rows and columns each one axis."""
    order = [label.index(c) for c in batch + rows + columns]
    if order != list(range(len(order))):
        x = transpose(x, tuple(order))
    shape = tuple(x.shape)
    n, m = len(batch), len(batch) + len(rows)
    if len(rows) == len(columns) == 1:
        return x
    return reshape(x, (*shape[:n], math.prod(shape[n:m]), math.prod(shape[m:])))
