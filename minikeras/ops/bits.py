"""Integers: bitwise operations, shifts, common divisors and multiples."""

from minikeras.core.op import op
from minikeras.dtypes import BOOL, INT32, UINT64, promote
from minikeras.ops.families import binary, own, publish, sized


def integers(*given):
    """dtype rule: the common dtype, with Python's integers counting as int32."""
    if int in given and UINT64 in given:  # which has no common dtype with int32
        return UINT64
    return promote(*sized(*given))


def shifted(x, *by):
    """dtype rule: the common dtype, or x's own where it is shifted by a Python integer."""
    if by and isinstance(by[0], type):
        return own(x)
    dtype = integers(x, *by)
    return INT32 if dtype == BOOL else dtype


def bitwise(name, kernel, doc, also=(), rule=integers):
    """An op of two integer tensors `x`, `y` that is one kernel, by element."""

    def forward(xp, x, y):
        return getattr(xp, kernel)(x, y)

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = doc
    return publish(op(False, dtype=rule, tensors=2, numbers=True)(forward), also=also)


def paths(name):
    """The two public paths of a second name."""
    return (f"ops.{name}", f"ops.numpy.{name}")


bitwise_and = bitwise("bitwise_and", "bitwise_and", "Bits set in both x and y.")
bitwise_or = bitwise("bitwise_or", "bitwise_or", "Bits set in x or y.")
bitwise_xor = bitwise("bitwise_xor", "bitwise_xor", "Bits set in just one of x and y.")
left_shift = bitwise(
    "left_shift", "left_shift", "The bits of x moved up by y places: x * 2**y.",
    also=paths("bitwise_left_shift"), rule=shifted)
right_shift = bitwise(
    "right_shift", "right_shift", "The bits of x moved down by y places: floor(x / 2**y).",
    also=paths("bitwise_right_shift"), rule=shifted)


@op(False, tensors=1)
def bitwise_not(xp, x):
    """All bits of x turned: -x - 1 for signed integers, not x for booleans."""
    return xp.bitwise_not(x)


publish(bitwise_not, also=paths("bitwise_invert"))
gcd = binary("gcd", integers, None, None, "Greatest common divisor of integers by element.")
lcm = binary("lcm", integers, None, None, "Least common multiple of integers by element.")
