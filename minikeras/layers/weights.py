"""A layer's weights: made, collected with those of sublayers, read, set, moved, saved."""

from minikeras import constraints, dtypes, initializers, regularizers
from minikeras.core.scopes import changed, name_scope, settings
from minikeras.core.variable import Variable
from minikeras.layers.building import clean_state
from minikeras.layers.tracking import ALREADY_BUILT


class Unbuilt:
    """Stands in a class for a weight that `build` makes: to read it earlier is an error."""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, layer, owner=None):
        if layer is None:
            return self
        raise AttributeError(
            f"You must build the layer before accessing `{self.name}`: call layer "
            f"'{layer.name}' on data, or its `build(input_shape)`."
        )


class Weights:
    """Mixin: what a layer does with variables, its own and its sublayers'."""

    def _variables_here(self):
        """Variables of the layer itself: trainable ones first, then the others."""
        own = list(self._own_variables)
        for v in self._found((Variable,)):
            if not any(v is o for o in own):
                own.append(v)
        first = [v for v in own if v._born_trainable]
        return first + [v for v in own if not v._born_trainable]

    def add_weight(
        self, shape=None, initializer=None, dtype=None, trainable=True, autocast=True,
        regularizer=None, constraint=None, aggregation="none", overwrite_with_gradient=False,
        name=None,
    ):
        """Make a weight and add it to the layer.

        Args:
            shape: default (), a number.
            initializer: default "glorot_uniform" for floats, "zeros" for integers and bool.
            dtype: default: the policy's variable dtype.
            trainable: whether it is trained.
            autocast: whether it reads in the compute dtype.
            regularizer, constraint: applied in training.
            aggregation, overwrite_with_gradient: as in Variable.
            name: of the variable.
        """
        if self._locked:
            raise ValueError(ALREADY_BUILT.format(name=self.name))
        if shape is None:
            shape = ()
        dtype = self.variable_dtype if dtype is None else dtypes.name_of(dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        initializer = initializers.get(initializer)
        with clean_state(), name_scope(self.name, caller=self):
            variable = Variable(
                initializer, shape=shape, dtype=dtype, trainable=trainable, autocast=autocast,
                aggregation=aggregation, name=name,
            )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._own_variables.append(variable)
        if not self._trainable:
            variable.trainable = False
        return variable

    @property
    def variables(self):
        """All variables: weights and the state of random generators, sublayers' included."""
        return self._collect(lambda layer: layer._variables_here(), seeds=True)

    @property
    def weights(self):
        """All weights, sublayers' included: what is saved."""
        return self._collect(lambda layer: layer._variables_here())

    def _collect(self, own, seeds=False):
        found, seen = [], set()

        def add(variables):
            for v in variables:
                if id(v) not in seen:
                    seen.add(id(v))
                    found.append(v)

        def visit(layer):
            if id(layer) in seen:
                return
            seen.add(id(layer))
            add(own(layer))
            if seeds:
                for generator in layer._seed_generators:
                    add([generator.state])
            for sublayer in layer._layers:
                visit(sublayer)

        visit(self)
        return found

    @property
    def trainable_variables(self):
        """Variables to be trained; none while `trainable` is False."""
        return [v for v in self.variables if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self):
        """The other variables."""
        return [v for v in self.variables if not (self.trainable and v.trainable)]

    @property
    def trainable_weights(self):
        """Weights to be trained; none while `trainable` is False."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self):
        """The other weights."""
        return [v for v in self.weights if not (self.trainable and v.trainable)]

    @property
    def metrics(self):
        """Metrics of the layer and its sublayers."""
        found = []
        for layer in self._flatten_layers():
            found += [m for m in layer._metrics if not any(m is f for f in found)]
        return found

    @property
    def metrics_variables(self):
        """State variables of the metrics."""
        return [v for m in self.metrics for v in m.variables]

    def get_weights(self):
        """The weights as a list of NumPy arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights):
        """Set the weights from a list of arrays, in the order of `weights`."""
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of "
                f"length {len(weights)}, but the layer was expecting {len(own)} weights."
            )
        for variable, value in zip(own, weights):
            if tuple(variable.shape) != tuple(getattr(value, "shape", ())):
                raise ValueError(
                    f"Layer {self.name} weight shape {tuple(variable.shape)} is not compatible "
                    f"with provided weight shape {tuple(getattr(value, 'shape', ()))}."
                )
        for variable, value in zip(own, weights):
            variable.assign(value)

    def count_params(self):
        """Number of elements of all weights."""
        if not self.built and not self.weights:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't "
                "built. Build it with `build(input_shape)` or by calling it."
            )
        return sum(v.size for v in self.weights)

    @property
    def trainable(self):
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        flags, other = settings.flags, self._trainable != bool(value)
        self._trainable = bool(value)
        for v in self._variables_here():
            v.trainable = bool(value) and v._born_trainable
        if other and flags == settings.flags:  # no variable tells compiled steps of it
            changed()
        for layer in self._layers:
            layer.trainable = value

    def save_own_variables(self, store):
        """Put the layer's own weights into a dict, under "0", "1", ..."""
        for i, v in enumerate(self._saved_variables()):
            store[str(i)] = v

    def _saved_variables(self):
        return self._variables_here()

    def load_own_variables(self, store):
        """Set the layer's own weights from such a dict."""
        own = self._saved_variables()
        if len(store.keys()) != len(own):
            if not own and not self.built:
                raise ValueError(
                    f"Layer '{self.name}' was never built and thus it doesn't have any variables. "
                    f"However the weights file lists {len(store.keys())} variables for this layer."
                )
            raise ValueError(
                f"Layer '{self.name}' expected {len(own)} variables, but received "
                f"{len(store.keys())} variables during loading. "
                f"Expected: {[v.name for v in own]}"
            )
        for i, v in enumerate(own):
            v.assign(store[str(i)])

    def to(self, device):
        """Move all variables to a device, in place; returns the layer."""
        for v in [*self.variables, *self.metrics_variables]:
            v.to(device)
        return self

    def add_variable(self, shape, initializer, dtype=None, trainable=True, autocast=True,
                     regularizer=None, constraint=None, name=None):
        """`add_weight` by an older name."""
        return self.add_weight(shape, initializer, dtype, trainable, autocast, regularizer,
                               constraint, name=name)
