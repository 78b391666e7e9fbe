"""Probes of recurrent and attention layers: outputs, gradients, configuration."""

from tests.golden.formulas import integers, uniform, weight
from tests.golden.layers import held
from tests.golden.package import array, gradients, keras, layer_gradients
from tests.golden.sequence_cases import CASES, Mask
from tests.golden.store import config

ops = keras.ops


def masked(spec):
    """The boolean array of a `Mask`."""
    mask = integers(spec.shape, 3, 3) > 0
    if spec.first is not None:
        mask[:, 0] = spec.first
    return mask


def filled(args, floats):
    """A case's arguments with the float tensors from an iterator, in order."""
    def fill(value):
        if isinstance(value, tuple):
            return next(floats)
        if isinstance(value, Mask):
            return ops.convert_to_tensor(masked(value))
        return [fill(v) for v in value] if isinstance(value, list) else value

    return {name: fill(value) for name, value in args.items()}


def shapes(value):
    """The shapes of float tensors in a case's arguments, in order."""
    if isinstance(value, tuple):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [s for part in parts for s in shapes(part)]


def made(case):
    """The case's layer, built by a call, with its weights by formula; and its float inputs."""
    keras.utils.clear_session()
    layer = case.make(keras.layers)
    xs = [uniform(shape, 10 + i) for i, shape in enumerate(shapes(case.args))]
    called(case, layer, [ops.convert_to_tensor(x) for x in xs])
    for i, w in enumerate(layer.weights):
        w.assign(weight(w.name, tuple(w.shape), i))
    return layer, xs


def called(case, layer, xs):
    """The flat outputs of the call with these float tensors."""
    args = filled(case.args, iter(xs))
    first, *rest = args
    result = layer(args[first], **{name: args[name] for name in rest})
    return [y for y in keras.tree.flatten(result) if y is not None]


def projected(case, layer, xs):
    """sum(outputs * fixed), the scalar whose gradients are compared."""
    parts = [ops.sum(y * uniform(tuple(y.shape), 77 + i))
             for i, y in enumerate(called(case, layer, xs))]
    return sum(parts[1:], parts[0])


def values(case):
    """Outputs and gradients of a case."""
    layer, xs = made(case)
    tensors = [ops.convert_to_tensor(x) for x in xs]
    out = {f"y{i}": array(y) for i, y in enumerate(called(case, layer, tensors))}
    found = gradients(lambda *t: projected(case, layer, list(t)), *xs)
    out |= {f"dx{i}": g for i, g in enumerate(found)}
    _, *found = layer_gradients(
        layer, lambda layer, x: projected(case, layer, [x, *tensors[1:]]), xs[0])
    return out | {f"dw{i} {w.name}": g
                  for i, (w, g) in enumerate(zip(layer.trainable_weights, found, strict=True))}


def facts(case):
    """Configuration, weights, shapes."""
    layer, xs = made(case)
    inputs = [keras.KerasTensor((None, *x.shape[1:])) for x in xs]
    result = called(without_masks(case), layer, inputs)
    return {
        "config": config(layer.get_config()),
        "weights": [[w.name, w.path, list(w.shape), w.trainable] for w in layer.weights],
        "symbolic": [[list(y.shape), str(y.dtype)] for y in result],
        "supports_masking": layer.supports_masking,
    }


def without_masks(case):
    """The case without its masks."""
    def plain(value):
        if isinstance(value, Mask):
            return None
        return [plain(v) for v in value] if isinstance(value, list) else value

    return type(case)(case.make, {k: plain(v) for k, v in case.args.items()})


def handling(case):
    """How the weights begin and are held, and the losses of a call."""
    keras.utils.clear_session()
    layer = case.make(keras.layers)
    xs = [ops.convert_to_tensor(uniform(shape, 10 + i))
          for i, shape in enumerate(shapes(case.args))]
    called(case, layer, xs)
    found = held(layer)
    layer, xs = made(case)
    called(case, layer, [ops.convert_to_tensor(x) for x in xs])
    return found | {"losses": [float(array(loss)) for loss in layer.losses]}


def every(cases=CASES):
    """Values and facts of all cases, as stored."""
    arrays, data = {}, {}
    for name, case in cases.items():
        arrays |= {f"{name}: {k}": v for k, v in values(case).items()}
        data[name] = facts(case)
    return arrays, data
