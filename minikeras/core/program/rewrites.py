"""Better forms of ops, looked for while the forward pass is traced, before it is differentiated:
the gradients of the better form then come for free."""

from minikeras.config import standardize_data_format
from minikeras.core.program.values import Value
from minikeras.core.tensor import Tensor


def pool_before_monotone(tracer, op, tensors, static):
    """max_pool(f(x)) = f(max_pool(x)) for f that never decreases: f on fewer elements.

    f is by element, and its other operands are the same for all elements of a window. Equal
    maxima may be at different places of x and f(x) where f is flat, as relu is below 0; the
    gradient of the window is 0 there, or goes to one of the elements that share the maximum.
    """
    if op.name != "max_pool":
        return None
    x = tensors[0]
    made = tracer.origins.get(id(x._value))
    layout = standardize_data_format(static.get("data_format"))
    if made is None or layout != "channels_last":
        return None
    f, operands, f_static, _ = made
    first, *others = operands
    if type(first) is not Tensor or first.shape != x.shape or first.dtype != x.dtype:
        return None
    if any(len(getattr(o, "shape", ())) > 1 for o in others):
        return None
    return f.apply([op.apply([first], static), *others], f_static)


def simpler(tracer, kernel, arrays, static):
    """A value that is the call's result without the call, or None: x * 1, x / 1, a sum of one."""
    if kernel.name in ("multiply", "divide"):
        for a, other in (arrays, arrays[::-1])[: 1 + (kernel.name == "multiply")]:
            number = type(other) in (int, float) and other == 1
            if number and type(a) is Value and a.dtype.kind == "f":
                return a
    if kernel.name == "sum" and type(arrays[0]) is Value and arrays[0].dtype.kind == "f":
        if all(arrays[0].shape[i] == 1 for i in static["axis"]):
            shape = kernel.specs(*arrays, **static).shape
            return tracer.reshape(arrays[0], shape=shape)
    return None


RULES = (pool_before_monotone,)


def better(tracer, op, tensors, static):
    """The result of the first rule that applies, or None."""
    for rule in RULES:
        found = rule(tracer, op, tensors, static)
        if found is not None:
            return found
    return None
