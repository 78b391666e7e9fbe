"""Probes of one layer: output, gradients, state, configuration, shapes."""

import numpy as np

from tests.golden.formulas import integers, uniform, weight
from tests.golden.layer_cases import Part
from tests.golden.package import array, gradients, keras, layer_gradients
from tests.golden.store import config

ops = keras.ops


def inputs(case):
    """The input arrays of a case, one a shape."""
    shapes = case.shape if isinstance(case.shape, list) else [case.shape]
    if case.values == "ties":
        return [(integers(shapes[0], 5, 4) - 1).astype("float32")]
    if case.values != "uniform":
        return [integers(shapes[0], 5, int(case.values))]
    scale = 3.0 if case.layer in ("Activation", "Softmax") else 1.0
    return [uniform(shape, 10 + i, -scale, scale) for i, shape in enumerate(shapes)]


def arguments(case):
    """A case's arguments, with the layers among them made."""
    return {name: getattr(keras.layers, v.layer)(name="part", **v.arguments)
            if isinstance(v, Part) else v for name, v in case.arguments.items()}


def made(case):
    """The case's layer, built, with its weights by formula."""
    layer = getattr(keras.layers, case.layer)(name="layer", **arguments(case))
    layer.build(case.shape)
    for i, w in enumerate(layer.weights):
        if np.issubdtype(array(w).dtype, np.floating):  # not a seed
            w.assign(weight(w.name, tuple(w.shape), i))
    return layer


def result(case, layer, x):
    """The layer's output on a tensor, or a list of them."""
    extra = {"mask": integers(case.mask, 3, 3) > 0} if case.mask else {}
    extra = {k: ops.convert_to_tensor(v) for k, v in extra.items()}
    return layer(x, **case.call, **extra)


def projected(case, layer, x):
    """sum(output * fixed), the scalar whose gradients are compared."""
    y = result(case, layer, x)
    return ops.sum(y * uniform(tuple(y.shape), 77))


def values(case):
    """Arrays of a case: y, state after the call, gradients to inputs and weights."""
    layer, xs = made(case), inputs(case)
    tensors = [ops.convert_to_tensor(x) for x in xs]
    several = isinstance(case.shape, list)
    out = {"y": array(result(case, layer, tensors if several else tensors[0]))}
    for w in layer.non_trainable_weights:
        out[f"state {w.name}"] = array(w)
    if several:
        found = gradients(lambda *x: projected(case, layer, list(x)), *xs)
        out |= {f"d{i}": g for i, g in enumerate(found)}
    elif case.gradient:
        dx, *rest = layer_gradients(layer, lambda layer, x: projected(case, layer, x), xs[0])
        out |= {"dx": dx} if np.issubdtype(xs[0].dtype, np.floating) else {}
        out |= {f"d {w.name}": g for w, g in zip(layer.trainable_weights, rest, strict=True)}
    return {k: v.astype("float32") if v.dtype.name == "bfloat16" else v for k, v in out.items()}


def facts(case):
    """What JSON can hold of a case: configuration, shapes, weights, parameter count."""
    layer = made(case)
    mask = layer.compute_mask(ops.convert_to_tensor(inputs(case)[0]), None) if (
        not isinstance(case.shape, list)) else None
    return {
        "config": config(layer.get_config()),
        "build_config": config(layer.get_build_config()),
        "output_shape": shape_of(layer, case.shape, slice(0, 1)),
        "unknown": shape_of(layer, case.shape, slice(0, -1)),
        "params": layer.count_params(),
        "weights": [[w.name, w.path, list(w.shape), w.trainable] for w in layer.weights],
        "supports_masking": layer.supports_masking,
        "mask": None if mask is None else array(mask).tolist(),
    }


def held(layer):
    """By weight that starts with one value: it; by weight: its regularizer and constraint."""
    initial = {w.path: array(w).ravel() for w in layer.weights}
    return {
        "initial": {k: float(v[0]) for k, v in initial.items() if v.size > 1 and np.ptp(v) == 0},
        "held": [[type(w.regularizer).__name__, type(w.constraint).__name__]
                 for w in layer.weights],
    }


def handling(case):
    """How the weights begin and are held, and the losses of a call."""
    layer = getattr(keras.layers, case.layer)(name="layer", **arguments(case))
    layer.build(case.shape)
    found, layer = held(layer), made(case)
    result(case, layer, ops.convert_to_tensor(inputs(case)[0]))
    return found | {"losses": [float(array(loss)) for loss in layer.losses]}


def shape_of(layer, shape, hidden):
    """`compute_output_shape` with the axes `hidden` unknown; the error's type if it has none."""
    def hide(shape):
        sizes = list(shape)
        sizes[hidden] = [None] * len(sizes[hidden])
        return tuple(sizes)

    try:
        found = layer.compute_output_shape(
            [hide(s) for s in shape] if isinstance(shape, list) else hide(shape))
    except Exception as error:
        return type(error).__name__
    return list(found)


def every(cases):
    """Values and facts of all cases of a table, as stored."""
    arrays, data = {}, {}
    for name, case in cases.items():
        arrays |= {f"{name}: {k}": v for k, v in values(case).items()}
        data[name] = facts(case)
    return arrays, data
