"""Grids and products: meshgrid, logspace, powers, kron, cross, correlate, window functions."""

import math

from minikeras.api.registry import public
from minikeras.core.operators import OPS
from minikeras.core.shape_rules import canonical_axis
from minikeras.core.tensor import Tensor
from minikeras.dtypes import canonical, to_float
from minikeras.ops.contraction import matmul
from minikeras.ops.creation import arange, linspace, ones, zeros, zeros_like
from minikeras.ops.elementwise import divide, multiply, subtract
from minikeras.ops.indexing import get_item, take
from minikeras.ops.shaping import _tensor, broadcast_to, flip, moveaxis, pad, ravel, reshape, stack


def _dtype_of(*values):
    return to_float(*(canonical(v.dtype) if hasattr(v, "dtype") else type(v) for v in values))


# ---------------------------------------------------------------- grids
@public("ops.meshgrid", "ops.numpy.meshgrid")
def meshgrid(*x, indexing="xy"):
    """List of tensors that hold the coordinates of a grid; axes exchanged for "xy", not for "ij".

    >>> [g.numpy().tolist() for g in meshgrid([0, 1], [5, 6, 7], indexing="ij")]
    [[[0, 0, 0], [1, 1, 1]], [[5, 6, 7], [5, 6, 7]]]
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"ops.meshgrid: `indexing` must be 'xy' or 'ij'. Received: {indexing}")
    vectors = [ravel(v) for v in x]
    n = len(vectors)
    shape = [v.shape[0] for v in vectors]
    grids = [reshape(v, (*(1,) * i, -1, *(1,) * (n - i - 1))) for i, v in enumerate(vectors)]
    grids = [broadcast_to(g, tuple(shape)) for g in grids]
    if indexing == "xy" and n > 1:
        grids = [OPS["swapaxes"](g, 0, 1) for g in grids]
    return grids


@public("ops.logspace", "ops.numpy.logspace")
def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """`num` values from base**start to base**stop, their logarithms evenly spaced."""
    target = _dtype_of(start, stop, base)
    exponents = linspace(start, stop, num, endpoint=endpoint, dtype=target, axis=axis)
    base = OPS["cast"](_tensor(base), target) if hasattr(base, "dtype") else float(base)
    values = OPS["power"](base, exponents)
    if dtype is None:
        return values
    whole = canonical(dtype).kind in "iu"
    return OPS["cast"](OPS["round"](values, 3) if whole else values, canonical(dtype))


@public("ops.geomspace", "ops.numpy.geomspace")
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """`num` values from start to stop, each the same multiple of the one before.

    Both ends must have one sign and not be 0.
    """
    target = _dtype_of(start, stop)
    a, b = OPS["cast"](_tensor(start), target), OPS["cast"](_tensor(stop), target)
    sign = OPS["sign"](a)
    logs = linspace(OPS["log"](OPS["absolute"](a)), OPS["log"](OPS["absolute"](b)), num,
                    endpoint=endpoint, dtype=target)
    values = multiply(OPS["exp"](logs), sign)
    if num > 1 and endpoint:  # the ends as they were given
        last = reshape(OPS["equal"](arange(num), num - 1), (-1, *(1,) * len(a.shape)))
        values = OPS["blend"](last, broadcast_to(b, tuple(values.shape)), values)
    if axis:
        values = moveaxis(values, 0, axis)
    return values if dtype is None else OPS["cast"](values, canonical(dtype))


@public("ops.vander", "ops.numpy.vander")
def vander(x, N=None, increasing=False):
    """Matrix whose columns are powers of a vector: x**(N-1) ... x**0; the other way if increasing.

    >>> vander([1, 2, 3], 2).numpy().tolist()
    [[1, 1], [2, 1], [3, 1]]
    """
    x = _tensor(x)
    if len(x.shape) != 1:
        raise ValueError(f"ops.vander: `x` must be a vector. Received: shape {tuple(x.shape)}")
    n = x.shape[0] if N is None else int(N)
    powers = arange(n, dtype=canonical(x.dtype))
    if not increasing:
        powers = flip(powers)
    y = OPS["power"](reshape(x, (-1, 1)), reshape(powers, (1, -1)))
    return OPS["cast"](y, x.dtype)


@public("ops.unravel_index", "ops.numpy.unravel_index")
def unravel_index(indices, shape):
    """Tuple of an axis's indices each, for indices into the flattened shape.

    >>> [i.numpy().tolist() for i in unravel_index([3, 5], (2, 3))]
    [[1, 1], [0, 2]]
    """
    indices = _tensor(indices)
    size = math.prod(shape)
    rest = OPS["blend"](OPS["less"](indices, 0), OPS["add"](indices, size), indices)
    found = []
    for n in reversed(tuple(shape)):
        found.append(OPS["mod"](rest, n))
        rest = OPS["floor_divide"](rest, n)
    return tuple(OPS["cast"](i, indices.dtype) for i in reversed(found))


# ---------------------------------------------------------------- products
@public("ops.kron", "ops.numpy.kron")
def kron(x1, x2):
    """Kronecker product: each element of x1 times all of x2, block by block."""
    a, b = _tensor(x1), _tensor(x2)
    ndim = max(len(a.shape), len(b.shape))
    first = (1,) * (ndim - len(a.shape)) + tuple(a.shape)
    second = (1,) * (ndim - len(b.shape)) + tuple(b.shape)
    if None in first + second:
        raise ValueError(
            "ops.kron: the shapes must be known. Received: "
            f"{tuple(a.shape)} and {tuple(b.shape)}"
        )
    a = reshape(a, tuple(n for m in first for n in (m, 1)))
    b = reshape(b, tuple(n for m in second for n in (1, m)))
    return reshape(multiply(a, b), tuple(m * n for m, n in zip(first, second)))


@public("ops.cross", "ops.numpy.cross")
def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """Cross product of vectors of 3 (or 2: the third component is 0) along an axis.

    Two vectors of 2 give the third component alone. `axis` stands for all three axes.

    >>> cross([1, 0, 0], [0, 1, 0]).numpy().tolist()
    [0, 0, 1]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    m, n = a.shape[-1], b.shape[-1]
    if m not in (2, 3) or n not in (2, 3):
        raise ValueError(
            "ops.cross: the vectors must have 2 or 3 components. Received: shapes "
            f"{tuple(a.shape)} and {tuple(b.shape)}, vectors last"
        )
    a0, a1 = (get_item(a, (..., i)) for i in range(2))
    b0, b1 = (get_item(b, (..., i)) for i in range(2))
    third = subtract(multiply(a0, b1), multiply(a1, b0))
    if m == n == 2:
        return third
    a2 = get_item(a, (..., 2)) if m == 3 else zeros_like(a0)
    b2 = get_item(b, (..., 2)) if n == 3 else zeros_like(b0)
    y = stack([subtract(multiply(a1, b2), multiply(a2, b1)),
               subtract(multiply(a2, b0), multiply(a0, b2)), third], -1)
    return moveaxis(y, -1, canonical_axis(axisc, len(y.shape)))


@public("ops.correlate", "ops.numpy.correlate")
def correlate(x1, x2, mode="valid"):
    """Sums of products of two vectors at each shift: y[k] = sum over n of x1[n + k] x2[n].

    `mode`: "full" (all shifts where they overlap), "same" (as many as the longer has elements) or
    "valid" (where the shorter lies inside the longer).
    """
    a, b = _tensor(x1), _tensor(x2)
    if mode not in ("valid", "same", "full"):
        raise ValueError(
            f"ops.correlate: `mode` must be 'valid', 'same' or 'full'. Received: {mode}")
    if len(a.shape) != 1 or len(b.shape) != 1:
        raise ValueError(
            "ops.correlate: both must be vectors. Received: shapes "
            f"{tuple(a.shape)} and {tuple(b.shape)}"
        )
    dtype = to_float(canonical(a.dtype), canonical(b.dtype))
    a, b = OPS["cast"](a, dtype), OPS["cast"](b, dtype)
    n, m = a.shape[0], b.shape[0]
    short, long = min(n, m), max(n, m)
    padded = pad(a, ((m - 1, m - 1),))
    at = OPS["add"](reshape(arange(n + m - 1), (-1, 1)), reshape(arange(m), (1, -1)))
    y = matmul(take(padded, at), b)  # all shifts, (n + m - 1,)
    if mode == "full":
        return y
    start = short - 1 if mode == "valid" else (short - 1) // 2
    size = long - short + 1 if mode == "valid" else long
    if mode == "same" and n < m:
        start = short // 2
    return get_item(y, slice(start, start + size))


# ---------------------------------------------------------------- window functions
def _ramp(x):
    """(0 ... M-1 as floats, M); None for windows of no or one element."""
    m = int(x) if not isinstance(x, Tensor) else int(x.item())
    return (None if m <= 1 else arange(m, dtype=canonical(None))), m


def _trivial(m):
    return ones((1,)) if m == 1 else zeros((0,))


def _cosine_window(name, weights, doc):
    def function(x):
        ramp, m = _ramp(x)
        if ramp is None:
            return _trivial(m)
        y = float(weights[0])
        for k, w in enumerate(weights[1:], 1):
            y = OPS["add"](multiply(OPS["cos"](multiply(ramp, 2 * math.pi * k / (m - 1))), w), y)
        return y

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return public(f"ops.{name}", f"ops.numpy.{name}")(function)


hanning = _cosine_window(
    "hanning", (0.5, -0.5), "Hann window of x elements: (1 - cos(2 pi n / (x - 1))) / 2.")
hamming = _cosine_window(
    "hamming", (0.54, -0.46), "Hamming window of x elements: 0.54 - 0.46 cos(2 pi n / (x - 1)).")
blackman = _cosine_window(
    "blackman", (0.42, -0.5, 0.08),
    "Blackman window of x elements: 0.42 - 0.5 cos(t) + 0.08 cos(2 t), t = 2 pi n / (x - 1).")


@public("ops.bartlett", "ops.numpy.bartlett")
def bartlett(x):
    """Bartlett window of x elements: a triangle, 0 at both ends.

    >>> bartlett(5).numpy().tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    ramp, m = _ramp(x)
    if ramp is None:
        return _trivial(m)
    return subtract(1.0, OPS["absolute"](subtract(multiply(ramp, 2 / (m - 1)), 1.0)))


@public("ops.kaiser", "ops.numpy.kaiser")
def kaiser(x, beta):
    """Kaiser window of x elements: I0(beta sqrt(1 - t**2)) / I0(beta), t from -1 to 1."""
    ramp, m = _ramp(x)
    if ramp is None:
        return _trivial(m)
    beta = OPS["cast"](_tensor(beta), ramp.dtype)
    t = subtract(multiply(ramp, 2 / (m - 1)), 1.0)
    root = OPS["sqrt"](OPS["maximum"](subtract(1.0, OPS["square"](t)), 0.0))
    return divide(OPS["i0"](multiply(root, beta)), OPS["i0"](beta))

