"""How the tables of ops are made: one row an op."""

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.op import op

DECLARES_FOR_ITS_CALLERS = True


def same(*given):
    """dtype rule: the operands' common dtype."""
    return dtypes.promote(*given)


def numeric(*given):
    """dtype rule: the common dtype, with bool counting as int32."""
    dtype = dtypes.promote(*given)
    return dtypes.INT32 if dtype == dtypes.BOOL else dtype


def own(dtype):
    """dtype rule of one operand: its own, with bool counting as int32."""
    return dtypes.INT32 if dtype == dtypes.BOOL else dtype


def sized(*given):
    """The dtypes with Python's numbers counting as int32 and floatx, not as weak ones."""
    known = {int: dtypes.INT32, float: dtypes.canonical(None)}
    return tuple(known.get(d, d) for d in given)


def boolean(*given):
    """dtype rule: bool, whatever was given."""
    return dtypes.BOOL


def publish(function, namespaces=("ops.numpy",), also=()):
    """Put an op at ops.NAME and under further namespaces."""
    name = function.__name__
    return public(f"ops.{name}", *(f"{n}.{name}" for n in namespaces), also=also)(function)


def unary(name, rule, vjp, doc, kernel=None, namespaces=("ops.numpy",), also=(), **options):
    """An op of one tensor `x` that is one kernel."""
    kernel = kernel or name

    def forward(xp, x):
        return getattr(xp, kernel)(x)

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = doc
    return publish(
        op(vjp, quick=kernel, dtype=rule, tensors=1, **options)(forward), namespaces, also
    )


def binary(name, rule, dx1, dx2, doc, kernel=None, namespaces=("ops.numpy",), also=(), **options):
    """An op of two tensors `x1`, `x2` that is one kernel, by element."""
    kernel = kernel or name

    def forward(xp, x1, x2):
        return getattr(xp, kernel)(x1, x2)

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = doc
    vjp = False if dx1 is None and dx2 is None else (dx1, dx2)
    made = op(vjp, quick=kernel, dtype=rule, tensors=2, numbers=True, **options)(forward)
    return publish(made, namespaces, also)
