"""Kernels of optimizer steps: all variables of a dtype in one call.

Arrays: scalars of the step (0-d), then the n variables, n of each slot and n gradients,
`(*scalars, w1 .. wn, m1 .. mn, g1 .. gn)`; the results are the new variables and slots, in that
order. Each rule works by element and reads an element before it writes it. So a planner may let a
result have the memory of its argument, and may lay the variables of a call side by side in one
buffer and call with n = 1.

In a rule the paper's letters: w variable, g gradient, m and v moments; `_` marks the new value.
"""

import math

from minikeras.dtypes import FLOAT32, FLOAT64, Spec
from minikeras.kernels.registry import Kernel, function, kernel

PIECE = 1 << 17  # elements of which a CPU keeps all arrays in its cache


def update(scalars, slots, prepare=None):
    """Decorator: a kernel over lists from `rule(k, new, w, *slots, g, *prepared, **static)`.

    `prepare(k, dtype, *scalars, **static)` makes what is the same for all variables: 0-d arrays
    and numbers. `slots(**static)` is the number of slots.
    """

    def declare(rule):
        def specs(*arrays, **static):
            return tuple(Spec(tuple(a.shape), a.dtype) for a in _parts(arrays, static)[1])

        def _parts(arrays, static):
            rest = arrays[scalars:]
            n = len(rest) // (slots(**static) + 2)
            return n, rest[: len(rest) - n]

        def run(k, out, *arrays, **static):
            n, _ = _parts(arrays, static)
            rest = arrays[scalars:]
            dtype = rest[0].dtype
            common = prepare(k, dtype, *arrays[:scalars], **static)
            for i in range(n):
                for new, old in _pieces(k, out[i::n], rest[i::n]):
                    rule(k, new, *old, *common, **static)

        kern = Kernel(rule.__name__, "opaque", specs, run=run)
        kern.updates = scalars
        return kern

    return declare


def _pieces(k, new, old):
    """(new, old) for one variable; a large one on a CPU in pieces that stay in its cache."""
    size = old[0].size
    if size <= 2 * PIECE or k.xp.kind != "cpu" or not all(a.flags.c_contiguous for a in old):
        return [(new, old)]
    new, old = ([k.view(a, (size,)) for a in arrays] for arrays in (new, old))
    cuts = [slice(i, i + PIECE) for i in range(0, size, PIECE)]
    return [([a[c] for a in new], [a[c] for a in old]) for c in cuts]


def _scalar_dtype(dtype):
    """Scalars of a step are computed in single precision for halves, too."""
    return FLOAT64 if dtype == FLOAT64 else FLOAT32


def _in_dtype(k, value, dtype):
    """A 0-d array in the variables' dtype."""
    if value.dtype == dtype:
        return value
    cast = k.scratch((), dtype)
    k(k.xp.copyto, cast, value, casting="unsafe")
    return cast


# ---------------------------------------------------------------- side by side
def _pack_spec(*arrays, dtype):
    return Spec((sum(math.prod(a.shape) for a in arrays),), dtype)


@kernel("opaque", _pack_spec)
def pack(k, out, *arrays, dtype):
    """The elements of all arrays, one array after the other, in one dtype."""
    at = 0
    for a in arrays:
        n = math.prod(a.shape)
        part = out[at : at + n].reshape(a.shape)  # contiguous: a view
        k(k.xp.copyto, part, a, casting="unsafe")
        at += n


@pack.on("cpu")
def _(k, out, *arrays, dtype):
    k(k.xp.concatenate, arrays, axis=None, out=out, casting="unsafe")  # a call for all


@function(lambda a, shapes: tuple(Spec(s, a.dtype) for s in shapes), kind="view")
def unpack(xp, a, shapes):
    """Views of what was packed."""
    views, at = [], 0
    for shape in shapes:
        n = math.prod(shape)
        views.append(a[at : at + n].reshape(shape))
        at += n
    return tuple(views)


# ---------------------------------------------------------------- gradient descent
def _descent(k, dtype, rate, momentum, nesterov):
    return _in_dtype(k, rate, dtype), dtype.type(momentum)


@update(1, lambda momentum, nesterov: 1 if momentum else 0, _descent)
def sgd_update(k, new, w, *rest, momentum, nesterov):
    """w_ = w - rate g; with momentum v_ = momentum v - rate g, w_ = w + v_ (Nesterov: below)."""
    xp, w_ = k.xp, new[0]
    if not momentum:
        g, rate, _ = rest
        step = k.scratch(w.shape, w.dtype)
        k(xp.multiply, g, rate, out=step)
        k(xp.subtract, w, step, out=w_)
        return
    v, g, rate, momentum = rest
    v_, step = new[1], k.scratch(w.shape, w.dtype)
    k(xp.multiply, g, rate, out=step)
    k(xp.multiply, v, momentum, out=v_)
    k(xp.subtract, v_, step, out=v_)
    if not nesterov:
        k(xp.add, w, v_, out=w_)
        return
    k(xp.subtract, w, step, out=w_)  # w_ = w + momentum v_ - rate g
    k(xp.multiply, v_, momentum, out=step)
    k(xp.add, w_, step, out=w_)


# ---------------------------------------------------------------- Adam
def _adam(k, dtype, rate, iterations, beta_1, beta_2, epsilon, amsgrad):
    """alpha = rate sqrt(1 - beta_2**t) / (1 - beta_1**t) for step t = iterations + 1."""
    wide = _scalar_dtype(dtype)
    t, alpha, power = (k.scratch((), wide) for _ in range(3))
    k(k.xp.add, iterations, 1, out=t, casting="unsafe")
    k(k.xp.power, wide.type(beta_2), t, out=power)
    k(k.xp.subtract, 1, power, out=power)
    k(k.xp.sqrt, power, out=alpha)
    k(k.xp.multiply, alpha, rate, out=alpha)
    k(k.xp.power, wide.type(beta_1), t, out=power)
    k(k.xp.subtract, 1, power, out=power)
    k(k.xp.divide, alpha, power, out=alpha)
    constants = (beta_1, 1 - beta_1, beta_2, 1 - beta_2, epsilon)
    return _in_dtype(k, alpha, dtype), *map(dtype.type, constants)


@update(2, lambda amsgrad, **_: 3 if amsgrad else 2, _adam)
def adam_update(k, new, w, m, v, *rest, amsgrad, beta_1, beta_2, epsilon):
    """m_ = b1 m + (1 - b1) g; v_ = b2 v + (1 - b2) g**2; w_ = w - alpha m_ / (sqrt(v_) + epsilon).

    With amsgrad the root is of the largest v so far, which is one slot more.
    """
    g, alpha, b1, c1, b2, c2, epsilon = rest[-7:]
    xp, (w_, m_, v_) = k.xp, new[:3]
    t = k.scratch(w.shape, w.dtype)
    k(xp.multiply, g, c1, out=t)
    k(xp.multiply, m, b1, out=m_)
    k(xp.add, m_, t, out=m_)
    k(xp.multiply, g, g, out=t)
    k(xp.multiply, t, c2, out=t)
    k(xp.multiply, v, b2, out=v_)
    k(xp.add, v_, t, out=v_)
    if amsgrad:
        k(xp.maximum, rest[0], v_, out=new[3])
        v_ = new[3]
    k(xp.sqrt, v_, out=t)
    k(xp.add, t, epsilon, out=t)
    k(xp.divide, m_, t, out=t)
    k(xp.multiply, t, alpha, out=t)
    k(xp.subtract, w, t, out=w_)


# ---------------------------------------------------------------- RMSprop
def _rmsprop(k, dtype, rate, rho, momentum, epsilon, centered):
    constants = (rho, 1 - rho, momentum, epsilon)
    return _in_dtype(k, rate, dtype), *map(dtype.type, constants)


@update(1, lambda momentum, centered, **_: 1 + bool(momentum) + bool(centered), _rmsprop)
def rmsprop_update(k, new, w, v, *rest, rho, momentum, epsilon, centered):
    """v_ = rho v + (1 - rho) g**2; w_ = w - rate g / sqrt(v_ + epsilon).

    With momentum the step is m_ = momentum m + that. Centered: v_ less the square of a, the
    average gradient. Slots: v, m if momentum, a if centered.
    """
    g, rate, rho, part, momentum_, epsilon = rest[-6:]
    xp, w_, v_ = k.xp, new[0], new[1]
    t, root = k.scratch(w.shape, w.dtype), k.scratch(w.shape, w.dtype)
    k(xp.multiply, g, g, out=t)
    k(xp.multiply, t, part, out=t)
    k(xp.multiply, v, rho, out=v_)
    k(xp.add, v_, t, out=v_)
    k(xp.multiply, g, rate, out=t)
    if centered:
        a, a_ = rest[-7], new[-1]
        k(xp.multiply, g, part, out=root)
        k(xp.multiply, a, rho, out=a_)
        k(xp.add, a_, root, out=a_)
        k(xp.multiply, a_, a_, out=root)
        k(xp.subtract, v_, root, out=root)
        k(xp.add, root, epsilon, out=root)
    else:
        k(xp.add, v_, epsilon, out=root)
    k(xp.sqrt, root, out=root)
    k(xp.divide, t, root, out=t)
    if momentum:
        m, m_ = rest[0], new[2]
        k(xp.multiply, m, momentum_, out=m_)
        k(xp.add, m_, t, out=m_)
        t = m_
    k(xp.subtract, w, t, out=w_)
