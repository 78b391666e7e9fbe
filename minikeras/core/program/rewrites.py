"""Better forms of ops, looked for while the forward pass is traced, before it is differentiated:
the gradients of the better form then come for free. And of a whole trace: `crop`."""

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


# ---------------------------------------------------------------- over a whole trace
GRADIENTS = {"conv_input_gradient": 0, "conv_kernel_gradient": 1}  # the place of y's gradient


def crop(order, roots):
    """Have convolutions leave out the last rows and columns where pooling passes them over.

    An 11 x 11 result of which pooling by 2 reads 10 x 10 is one sixth of the work for nothing,
    forward and backward. Changes nodes in place; `roots` are values that are wanted whole.
    """
    uses = {}
    for node in order:
        for place, v in enumerate(node.inputs):
            if type(v) is Value:
                uses.setdefault(id(v), []).append((node, place))
    wanted = {id(v) for v in roots}
    for node in order:
        name = node.kernel.name
        if name not in ("pool_max", "pool_mean", "pool_mean_gradient"):
            continue
        window = node.static["window"]
        read = tuple(map(min, window.span, window.inputs))
        if window.padded or read == window.inputs:
            continue
        if name == "pool_mean_gradient":
            found = _gradients_of(node, uses, wanted)
            if found is not None:
                _narrow(found, [node], [node.outs[0]], read)
        else:
            _crop(node, uses, wanted, read)


def _crop(pool, uses, wanted, read):
    (y,) = pool.inputs
    if y.node is None or y.node.kernel.name != "conv_forward" or id(y) in wanted:
        return
    convolutions, pools, values = [y.node], [pool], [y]
    for n, _ in uses[id(y)]:
        if n is pool:
            continue
        found = _gradients_of(n, uses, wanted) if n.kernel.name == "pool_max_gradient" else None
        if found is None or n.static != pool.static:
            return
        pools.append(n)
        values.append(n.outs[0])
        convolutions += found
    _narrow(convolutions, pools, values, read)


def _gradients_of(node, uses, wanted):
    """The gradients of convolutions that alone read a node's result; None if they are not alone."""
    found = uses.get(id(node.outs[0]), ())
    if id(node.outs[0]) in wanted or any(GRADIENTS.get(n.kernel.name) != i for n, i in found):
        return None
    windows = {n.static["window"] for n, _ in found}
    if any(w.inputs == w.outputs for w in windows):  # these are faster as they are
        return None
    return [n for n, _ in found]


def _narrow(convolutions, pools, values, read):
    for n in convolutions:
        n.static = {**n.static, "window": n.static["window"]._replace(outputs=read)}
    for n in pools:
        n.static = {**n.static, "window": n.static["window"]._replace(inputs=read)}
    for v in values:
        v.shape = (v.shape[0], *read, v.shape[-1])
