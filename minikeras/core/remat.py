"""Rematerialization: intermediate values made again in the backward pass instead of kept."""

import copy
import functools

from minikeras import tree
from minikeras.api.registry import public
from minikeras.core.gradient import GradientTape, _fresh, custom_gradient
from minikeras.core.keras_tensor import any_symbolic
from minikeras.core.scopes import StatelessScope, autocast_scope, state
from minikeras.core.tensor import Tensor

MODES = ("full", "activations", "larger_than", "list_of_layers", None)


@public("RematScope")
class RematScope:
    """Context manager: layers made inside keep less for the backward pass, which takes longer.

    Args:
        mode: "full" (all layers), "activations" (activation functions alone), "larger_than"
            (layers whose outputs have more elements than a threshold), "list_of_layers", None.
        output_size_threshold: number of elements, for "larger_than".
        layer_names: names of layers, for "list_of_layers".

    Reference: T. Chen et al. (2016), Training Deep Nets with Sublinear Memory Cost,
    arXiv:1604.06174.

    >>> import minikeras as keras
    >>> with RematScope(mode="full"):
    ...     layer = keras.layers.Dense(2)
    """

    def __init__(self, mode="full", output_size_threshold=1024, layer_names=None):
        if mode not in MODES:
            raise ValueError(f"Invalid mode '{mode}'. Supported modes are: {MODES}.")
        self.mode, self.output_size_threshold = mode, output_size_threshold
        self.layer_names = layer_names or []

    def __enter__(self):
        self.outer, state.remat = state.remat, self
        return self

    def __exit__(self, *error):
        state.remat = self.outer

    def wrap(self, f):
        """See `remat`."""
        return remat(f)


@public("remat")
def remat(f):
    """`f`, but only its arguments and results are kept: the backward pass runs it again.

    Variables that it changes (random seeds, moving averages) are changed once, and have their
    former values when it runs again.

    >>> import minikeras as keras
    >>> float(keras.grad(remat(lambda x: keras.ops.exp(x) * 0.0 + x))(3.0))
    1.0
    """

    @functools.wraps(f)
    def wrapped(*args, **kwargs):
        if not state.depth or state.tracer is not None or any_symbolic(args, kwargs):
            return f(*args, **kwargs)
        return _Call(f, args, kwargs).run()

    return wrapped


class _Call:
    """One call: what is needed to make it again."""

    def __init__(self, f, args, kwargs):
        self.f, self.structure = f, (args, kwargs)
        self.flat = tree.flatten(self.structure)
        self.places = [i for i, x in enumerate(self.flat) if isinstance(x, Tensor)]
        self.autocast, self.context = state.autocast, copy.copy(state.call)

    def run(self):
        """The result, whose gradients come from a second run."""
        result = self._forward()
        outputs = tree.flatten(result)
        self.kept = [i for i, x in enumerate(outputs) if isinstance(x, Tensor)]

        def forward(*_):
            return [Tensor(outputs[i]._value) for i in self.kept], self._backward

        inputs = [self.flat[i] for i in self.places]
        for i, value in zip(self.kept, custom_gradient(forward)(*inputs, *self.weights)):
            outputs[i] = value
        return tree.pack_sequence_as(result, outputs)

    def _forward(self):
        """The first run; notes the variables that it reads and those that it changes."""
        given = {} if state.stateless is None else dict(state.stateless.values)
        with _Apart(), GradientTape() as tape, StatelessScope(given.values()) as scope:
            args, kwargs = self.structure
            result = self.f(*args, **kwargs)
        self.variables = [v for v in tape.watched_variables() if v.trainable]
        self.values = list(given.values())
        with autocast_scope(None):
            self.weights = [v.tensor() for v in self.variables]
            for key, (variable, value) in scope.values.items():
                if key in given and given[key][1] is value:
                    continue
                self.values.append((variable, variable.tensor()))
                variable.assign(value)
        return result

    def _backward(self, *upstream):
        outer = state.autocast, state.call
        state.autocast, state.call = self.autocast, self.context
        try:
            with GradientTape() as tape:
                inputs = [_fresh(tape, self.flat[i]) for i in self.places]
                weights = [_fresh(tape, w) for w in self.weights]
                outputs = self._again(inputs, weights)
            return tape.gradient(outputs, [*inputs, *weights], list(upstream))
        finally:
            state.autocast, state.call = outer

    def _again(self, inputs, weights):
        """The tensors of the result, run with the values of before."""
        flat = list(self.flat)
        for i, x in zip(self.places, inputs):
            flat[i] = x
        args, kwargs = tree.pack_sequence_as(self.structure, flat)
        with StatelessScope([*self.values, *zip(self.variables, weights)]) as scope:
            scope.repeats = True
            outputs = tree.flatten(self.f(*args, **kwargs))
        return [outputs[i] for i in self.kept]


class _Apart:
    """Context manager: the tapes outside do not record."""

    def __enter__(self):
        self.outer = state.tapes, state.depth, state.deep
        state.tapes, state.depth, state.deep = (), 0, False

    def __exit__(self, *error):
        state.tapes, state.depth, state.deep = self.outer
