"""model(x) outside of training, on few samples: mostly Python, unless a program takes over."""

from minikeras import tree
from minikeras.core.program.function import Compiled, signature_of_arrays
from minikeras.core.program.values import Untraceable
from minikeras.core.scopes import settings, state
from minikeras.core.tensor import Tensor
from minikeras.layers.calling import is_builtin
from minikeras.layers.layer import Layer

CALLS = 3  # of a signature, before it is traced: a trace costs as much as some calls
SMALL = 1 << 16  # elements of the inputs, above which Python is no longer what takes the time
KNOWN = 256  # signatures that are counted


class Serving:
    """Runs a model's calls by programs, where nothing but the outputs can be told from the
    difference: layers of this package alone, no losses or masks left behind.

    A call gives None where the model is to be called as ever.
    """

    def __init__(self, model):
        self.model, self.calls, self.touched, self.plain = model, {}, None, False
        self.compiled = Compiled(
            self._outputs, f"The call of model '{model.name}'", after_trace=model._clear_losses)
        self.compiled.warned = True  # op by op is what the user wrote

    def __call__(self, x):
        if self.touched != settings.touched:
            self.touched, self.plain = settings.touched, _plain(self.model)
        if not self.plain:
            return None
        arrays = []
        try:
            signature = signature_of_arrays(x, arrays)
        except TypeError:
            return None
        known = self.compiled.programs.get(signature)
        if known is None and not self._worth(signature, arrays):
            return None
        outputs = self.compiled.run(signature, (x,), arrays)
        if known and known[0].emissions > 4 + known[0].replays // 8:
            self.plain = False  # weights are replaced all the time: planning costs too much
        return outputs

    def _worth(self, signature, arrays):
        if sum(a.size for a in arrays) > SMALL or signature in self.compiled.eager:
            return False
        if len(self.calls) >= KNOWN:
            self.calls.clear()
        self.calls[signature] = count = self.calls.get(signature, 0) + 1
        return count > CALLS

    def _outputs(self, x):
        outputs = Layer.__call__(self.model, x)
        if state.tracer is not None and any(
                getattr(y, "_keras_mask", None) is not None for y in tree.flatten(outputs)):
            raise Untraceable("the outputs carry masks")
        return outputs


def served(model, args, kwargs):
    """The outputs by a program; None where they are to be made op by op."""
    if len(args) != 1 or (kwargs and not (len(kwargs) == 1 and kwargs.get("training") is False)):
        return None
    if state.call is not None or state.tracer is not None or state.depth or state.symbolic \
            or state.stateless is not None or state.autocast is not None:
        return None
    if not _arrays(args[0]):
        return None
    serving = model.__dict__.get("_serving")
    if serving is None:
        serving = model.__dict__["_serving"] = Serving(model)
    return serving(args[0])


def _arrays(x):
    kind = type(x)
    if kind is Tensor:
        return not hasattr(x, "_keras_mask")
    if kind in (list, tuple):
        return bool(x) and all(map(_arrays, x))
    if kind is dict:
        return bool(x) and all(map(_arrays, x.values()))
    return hasattr(x, "__array_interface__") and hasattr(x, "dtype") and x.shape != ()


def _plain(model):
    """Whether a replay of the call is all that can be noticed of it."""
    if model.run_eagerly or model.jit_compile is False or not model.built:
        return False
    operations = [op for op in getattr(model, "operations", ()) if not isinstance(op, Layer)]
    return all(is_builtin(type(op)) for op in operations) and all(
        (is_builtin(type(layer)) or layer is model) and type(layer).__name__ != "Lambda"
        and layer.activity_regularizer is None and "call" not in layer.__dict__
        and _is_ours(getattr(layer, "activation", None))
        for layer in model._flatten_layers())


def _is_ours(activation):
    return activation is None or is_builtin(activation) or is_builtin(type(activation))
