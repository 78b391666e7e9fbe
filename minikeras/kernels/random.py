"""Random numbers: Philox 4x64-10, a counter-based generator, keyed by (seed, count of draws).

The bits depend on the key and on an element's place alone, so they are the same on every device,
however the work is cut up. NumPy has this generator in C; on a GPU it is computed by the array
library. J. K. Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
"""

import math

from minikeras import dtypes
from minikeras.arrays import NUMPY
from minikeras.dtypes import Spec
from minikeras.kernels.registry import function

MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
WEYL = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
LOW = 0xFFFFFFFF


def words(xp, seed, n, block=0):
    """n random 64-bit words for a key (seed, count), from the block of four words `block` on."""
    if xp is NUMPY:
        key = NUMPY.array([int(seed[0]), int(seed[1])], "uint64")
        generator = NUMPY.random.Philox(key=key)
        return (generator.advance(block) if block else generator).random_raw(n)
    return portable_words(xp, seed, n, block)


def portable_words(xp, seed, n, block=0):
    """The same words by array operations: ten rounds on four columns of counters."""
    blocks = -(-n // 4)
    u64 = xp.uint64
    k0, k1 = seed[0:1].astype(u64), seed[1:2].astype(u64)
    c0 = xp.arange(block + 1, block + blocks + 1, dtype=u64)  # NumPy counts before it draws
    c1, c2, c3 = xp.zeros(blocks, u64), xp.zeros(blocks, u64), xp.zeros(blocks, u64)
    for i in range(10):
        if i:
            k0, k1 = k0 + u64(WEYL[0]), k1 + u64(WEYL[1])
        high0, low0 = _multiply(xp, c0, MULTIPLIERS[0])
        high1, low1 = _multiply(xp, c2, MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
    return xp.stack([c0, c1, c2, c3], 1).reshape(-1)[:n]


def _multiply(xp, a, b):
    """(high, low) 64 bits of the 128-bit products of an array and a constant."""
    u64 = xp.uint64
    mask, half = u64(LOW), u64(32)
    a0, a1, b0, b1 = a & mask, a >> half, u64(b & LOW), u64(b >> 32)
    low, mid, other = a0 * b0, a1 * b0, a0 * b1
    carry = ((low >> half) + (mid & mask) + (other & mask)) >> half
    return a1 * b1 + (mid >> half) + (other >> half) + carry, a * u64(b)


def _bits(xp, seed, count, width, first=0):
    """`count` unsigned integers of 16, 32 or 64 bits, from the `first`-th on."""
    block, skip = divmod(first, 256 // width)
    n = -(-(skip + count) * width // 64)
    return words(xp, seed, n, block).view(f"uint{width}")[skip : skip + count]


def unit(xp, seed, count, dtype, first=0):
    """Uniform in [0, 1): 24 bits as float32, 53 as float64."""
    if dtype == dtypes.FLOAT64:
        return (_bits(xp, seed, count, 64, first) >> xp.uint64(11)) * 2.0**-53
    wide = (_bits(xp, seed, count, 32, first) >> xp.uint32(8)).astype(xp.float32)
    return wide * xp.float32(2.0**-24)


def _open_unit(xp, seed, count, dtype, first=0):
    """Uniform in (0, 1), never 0 or 1."""
    if dtype == dtypes.FLOAT64:
        return unit(xp, seed, count, dtype, first) + 2.0**-54
    wide = (_bits(xp, seed, count, 32, first) >> xp.uint32(9)).astype(xp.float32)
    return (wide + xp.float32(0.5)) * xp.float32(2.0**-23)


def _shaped(seed, shape, dtype, **_):
    return Spec(tuple(shape), dtype)


@function(lambda seed: seed)
def next_seed(xp, seed):
    """The seed of the next draw: its count one higher."""
    seed = seed.copy()
    seed[1:] += 1
    return seed


def by_place(kernel):
    """Decorator: elements follow from their places, so a part can be drawn: from `first` on."""
    kernel.by_place = True
    return kernel


@by_place
@function(_shaped)
def random_uniform(xp, seed, shape, dtype, low=0.0, high=1.0, first=0):
    """Uniform in [low, high)."""
    u = unit(xp, seed, math.prod(shape), dtype, first)
    if (low, high) != (0.0, 1.0):
        u = u * u.dtype.type(high - low) + u.dtype.type(low)
        u = xp.minimum(u, xp.nextafter(u.dtype.type(high), u.dtype.type(low)))
    return u.reshape(shape).astype(dtype)


def ndtri(xp, p):
    """The standard normal's quantile function: sqrt(2) erfinv(2p - 1).

    Rational approximations of P. J. Acklam's form (relative error 1.2e-9), in float64.
    """
    p = p.astype(xp.float64)
    a = (-3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2,
         1.383577518672690e2, -3.066479806614716e1, 2.506628277459239)
    b = (-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2,
         6.680131188771972e1, -1.328068155288572e1, 1.0)
    c = (-7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838,
         -2.549732539343734, 4.374664141464968, 2.938163982698783)
    d = (7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0)
    tail = xp.minimum(p, 1.0 - p)
    q = p - 0.5
    r = q * q
    middle = q * _horner(a, r) / _horner(b, r)
    t = xp.sqrt(-2.0 * xp.log(xp.maximum(tail, 1e-300)))
    outer = _horner(c, t) / _horner(d, t)
    return xp.where(tail < 0.02425, xp.where(q < 0, outer, -outer), middle)


def _horner(coefficients, x):
    total = coefficients[0]
    for c in coefficients[1:]:
        total = total * x + c
    return total


@by_place
@function(_shaped)
def random_normal(xp, seed, shape, dtype, mean=0.0, stddev=1.0, first=0):
    """Normal, by the quantile function of a uniform number."""
    z = ndtri(xp, _open_unit(xp, seed, math.prod(shape), dtype, first))
    return (z * stddev + mean).reshape(shape).astype(dtype)


BELOW_2 = 0.022750131948179195  # the normal's share below -2


@function(_shaped)
def random_truncated_normal(xp, seed, shape, dtype, mean=0.0, stddev=1.0):
    """Normal, within two standard deviations of the mean."""
    u = _open_unit(xp, seed, math.prod(shape), dtype).astype(xp.float64)
    z = ndtri(xp, BELOW_2 + u * (1.0 - 2.0 * BELOW_2))
    return (xp.clip(z, -2.0, 2.0) * stddev + mean).reshape(shape).astype(dtype)


@function(_shaped)
def random_integers(xp, seed, shape, dtype, low=0, high=1):
    """Whole numbers in [low, high)."""
    u = unit(xp, seed, math.prod(shape), dtypes.FLOAT64)
    return (xp.floor(u * float(high - low)).astype(xp.int64) + low).reshape(shape).astype(dtype)


@function(lambda seed, n: Spec((n,), dtypes.INT32))
def random_permutation(xp, seed, n):
    """0 ... n - 1 in random order."""
    return xp.argsort(_bits(xp, seed, n, 64)).astype(xp.int32)


@by_place
@function(lambda seed, shape, rate: Spec(tuple(shape), dtypes.BOOL))
def random_keep(xp, seed, shape, rate, first=0):
    """True with probability 1 - rate (to 2**-16)."""
    threshold = xp.uint16(min(round(rate * 65536), 65535))
    return (_bits(xp, seed, math.prod(shape), 16, first) >= threshold).reshape(shape)


def host_generator(seed):
    """A NumPy Generator for draws that need rejection: on the host, whatever the device."""
    seed = seed if isinstance(seed, NUMPY.ndarray) else seed.get()
    key = NUMPY.array([int(seed[0]), int(seed[1])], "uint64")
    return NUMPY.random.Generator(NUMPY.random.Philox(key=key))


@function(lambda seed, *parameters, law, shape, dtype: Spec(tuple(shape), dtype))
def random_host(xp, seed, *parameters, law, shape, dtype):
    """Draws of a named law of NumPy's Generator (gamma, beta, binomial)."""
    parameters = [p if isinstance(p, NUMPY.ndarray) else p.get() for p in parameters]
    drawn = getattr(host_generator(seed), law)(*parameters, size=tuple(shape))
    return xp.asarray(NUMPY.asarray(drawn), dtype)
