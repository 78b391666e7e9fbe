"""Rows put together or written by an index: segment_sum ..., scatter, scatter_update.

An index that is out of range leaves its row out, on every device. Indices of `scatter` count from
the end where negative, segment ids do not.
"""

import math

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.dtypes import canonical
from minikeras.kernels import segment as _kernels
from minikeras.ops.creation import zeros_like
from minikeras.ops.cumulative import shifted
from minikeras.ops.elementwise import add, logical_and, multiply
from minikeras.ops.indexing import flat_index, get_item, where
from minikeras.ops.reduction import max as max_
from minikeras.ops.shaping import _tensor, reshape


# ---------------------------------------------------------------- kernels with gradients
def _extremum_vjp(xp, g, y, x, ids, n):
    # To the rows that are the extremum of theirs, ties sharing evenly.
    best = xp.cast(xp.equal(x, xp.take(y, ids, axis=0)), dtype=g.dtype)
    number = xp.take_gradient(best, ids, axis=0, shape=(n, *x.shape[1:]))
    share = xp.divide(g, xp.maximum(number, 1))
    return xp.multiply(best, xp.take(share, ids, axis=0))


@op(vjp=(_extremum_vjp, None))
def segment_top(xp, x, ids, n):
    """Largest row at each of n indices, by element."""
    return xp.segment_top(x, ids, n=n)


@op(vjp=(_extremum_vjp, None))
def segment_bottom(xp, x, ids, n):
    """Smallest row at each of n indices, by element."""
    return xp.segment_bottom(x, ids, n=n)


def _product_before(xp, x, ids):
    """For each row the product of the rows before it with its index; the indices are sorted."""
    n, ones = x.shape[0], (1,) * (len(x.shape) - 1)

    def of_the_same(step, rows):
        same = xp.equal(ids, shifted(xp, ids, step, 0, -2))
        return xp.blend(xp.reshape(same, shape=(n, *ones)), shifted(xp, rows, step, 0, 1), 1)

    step, product = 1, x
    while step < n:  # by doubling: of the last 1, 2, 4, ... rows
        product = xp.multiply(product, of_the_same(step, product))
        step *= 2
    return of_the_same(1, product) if n else x


def _product_vjp(xp, g, y, x, ids, n):
    # The product of the others: of those before times of those after, right at zeros.
    order = xp.argsort(ids, axis=0)
    rows, sorted_ids = xp.take(x, order, axis=0), xp.take(ids, order, axis=0)
    before = _product_before(xp, rows, sorted_ids)
    after = _product_before(xp, xp.flip(rows, axis=(0,)), xp.flip(sorted_ids, axis=(0,)))
    others = xp.multiply(before, xp.flip(after, axis=(0,)))
    others = xp.take(others, xp.argsort(order, axis=0), axis=0)
    return xp.multiply(xp.take(g, ids, axis=0), others)


@op(vjp=(_product_vjp, None))
def segment_product(xp, x, ids, n):
    """Product of the rows at each of n indices, by element."""
    return xp.segment_product(x, ids, n=n)


@op(False, tensors=1)
def last_of_each(xp, ids, n):
    """Whether each place is the last one that holds its index."""
    return xp.last_of_each(ids, n=n)


def _sums(x, ids, n):
    dtype = canonical(x.dtype)
    narrow = dtype.name in _kernels.SMALL  # CuPy adds none of these
    x = OPS["cast"](x, dtypes.INT32) if narrow else x
    y = OPS["take_gradient"](x, ids, axis=0, shape=(n, *x.shape[1:]))
    return OPS["cast"](y, dtype)


# ---------------------------------------------------------------- segments
def _segmented(name, reduce, doc):
    def function(data, segment_ids, num_segments=None, sorted=False):
        data, ids = _tensor(data), _tensor(segment_ids)
        if len(ids.shape) != 1 or not data.shape or (
                None not in (ids.shape[0], data.shape[0]) and ids.shape[0] != data.shape[0]):
            raise ValueError(
                f"ops.{name}: `segment_ids` must be a vector with an id for each row of `data`. "
                f"Received: data {tuple(data.shape)}, segment_ids {tuple(ids.shape)}"
            )
        n = num_segments
        if n is None:
            if isinstance(ids, KerasTensor):
                raise ValueError(
                    f"ops.{name}: give `num_segments` in a functional model; else it is known "
                    "from the values alone."
                )
            n = int(max_(ids).item()) + 1 if ids.shape[0] else 0
        inside = logical_and(OPS["greater_equal"](ids, 0), OPS["less"](ids, n))
        ids = where(inside, ids, n)  # rows that are left out go to one more segment
        return get_item(reduce(data, OPS["cast"](ids, "int32"), n + 1), slice(0, n))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc + """

    Args:
        data: tensor `(n, ...)`.
        segment_ids: integers `(n,)`, in any order; rows with others than 0 ... num_segments - 1
            are left out.
        num_segments: their number; max(segment_ids) + 1 by default, which is known in eager
            code alone.
        sorted: whether the ids are sorted; makes no difference here.
    """
    return public(f"ops.{name}")(function)


segment_sum = _segmented(
    "segment_sum", _sums, "Sum of the rows with each id; 0 where there are none.")
segment_max = _segmented(
    "segment_max", lambda x, ids, n: segment_top(x, ids, n=n),
    "Largest of the rows with each id, by element; -inf (the least integer) where there are none.")
segment_min = _segmented(
    "segment_min", lambda x, ids, n: segment_bottom(x, ids, n=n),
    "Smallest of the rows with each id, by element; inf (the largest integer) where there are "
    "none.")
segment_prod = _segmented(
    "segment_prod", lambda x, ids, n: segment_product(x, ids, n=n),
    "Product of the rows with each id, by element; 1 where there are none.")


# ---------------------------------------------------------------- scatter
def _rows(name, indices, values, shape):
    """(flat indices, values as rows, number of places)."""
    indices, values = _tensor(indices), _tensor(values)
    depth = indices.shape[-1] if indices.shape else None
    if depth is None or depth > len(shape) or not dtypes.is_int(indices.dtype):
        raise ValueError(
            f"ops.{name}: `indices` must be integers (..., d), with d at most {len(shape)}, the "
            f"axes of the result. Received: {indices.dtype}{tuple(indices.shape)}"
        )
    rest = tuple(shape[depth:])
    if tuple(values.shape[len(values.shape) - len(rest) :]) != rest:
        raise ValueError(
            f"ops.{name}: values must have the shape (*indices.shape[:-1], *{rest}). Received: "
            f"indices {tuple(indices.shape)}, values {tuple(values.shape)}"
        )
    places = math.prod(shape[:depth])
    flat = flat_index([get_item(indices, (..., j)) for j in range(depth)], shape[:depth])
    flat = reshape(OPS["cast"](flat, "int32"), (-1,))
    return flat, reshape(values, (-1, *rest)), places


@public("ops.scatter")
def scatter(indices, values, shape):
    """Zeros of `shape` with values added at indices.

    Args:
        indices: integers `(..., d)`: the last axis holds an index into the first d axes.
        values: `(..., *shape[d:])`.
        shape: shape of the result.

    >>> scatter([[0], [2], [0]], [1.0, 2.0, 3.0], (4,)).numpy().tolist()
    [4.0, 0.0, 2.0, 0.0]
    """
    shape = tuple(int(n) for n in shape)
    flat, rows, n = _rows("scatter", indices, values, shape)
    return reshape(get_item(_sums(rows, flat, n + 1), slice(0, n)), shape)


def _replace(x, rows, flat, n):
    last = last_of_each(flat, n=n)
    chosen = reshape(last, (-1, *(1,) * (len(rows.shape) - 1)))
    written = _sums(where(chosen, rows, zeros_like(rows)), flat, n)
    hit = _sums(OPS["cast"](last, "int32"), flat, n)
    hit = reshape(OPS["greater"](hit, 0), (-1, *(1,) * (len(rows.shape) - 1)))
    return where(get_item(hit, slice(0, n - 1)), get_item(written, slice(0, n - 1)), x)


REDUCTIONS = {
    "add": lambda x, rows, flat, n: add(x, get_item(_sums(rows, flat, n), slice(0, n - 1))),
    "max": lambda x, rows, flat, n: OPS["maximum"](
        x, get_item(segment_top(rows, flat, n=n), slice(0, n - 1))),
    "min": lambda x, rows, flat, n: OPS["minimum"](
        x, get_item(segment_bottom(rows, flat, n=n), slice(0, n - 1))),
    "mul": lambda x, rows, flat, n: multiply(
        x, get_item(segment_product(rows, flat, n=n), slice(0, n - 1))),
    None: _replace,
}


@public("ops.scatter_update")
def scatter_update(inputs, indices, updates, reduction=None):
    """`inputs` with the places at indices replaced by `updates`, or combined with them.

    Args:
        inputs: tensor.
        indices: integers `(..., d)`: the last axis holds an index into the first d axes.
        updates: `(..., *inputs.shape[d:])`.
        reduction: None (replace; of several updates of one place the last stays), "add", "max",
            "min" or "mul".

    >>> scatter_update([1, 2, 3], [[0], [2]], [8, 9]).numpy().tolist()
    [8, 2, 9]
    """
    inputs = _tensor(inputs)
    if reduction not in REDUCTIONS:
        raise ValueError(
            "ops.scatter_update: `reduction` must be None, 'add', 'max', 'min' or 'mul'. "
            f"Received: {reduction}"
        )
    shape = tuple(inputs.shape)
    if None in shape:
        raise ValueError(f"ops.scatter_update: the shape must be known. Received: {shape}")
    updates = OPS["cast"](_tensor(updates), inputs.dtype)
    flat, rows, n = _rows("scatter_update", indices, updates, shape)
    x = reshape(inputs, (n, *rows.shape[1:]))
    y = OPS["cast"](REDUCTIONS[reduction](x, rows, flat, n + 1), inputs.dtype)
    return reshape(y, shape)
