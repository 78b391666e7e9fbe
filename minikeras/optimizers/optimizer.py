"""Optimizer: what all rules share: clipping, weight decay, averaging, accumulation, state."""

import functools
import inspect
import re
import warnings

from minikeras import initializers, ops
from minikeras.api.registry import public
from minikeras.core.operation import to_snake_case
from minikeras.core.scopes import StatelessScope, auto_name, changed, name_scope, state
from minikeras.core.serialization import deserialize_keras_object, serialize_keras_object
from minikeras.core.variable import Variable
from minikeras.optimizers.fused import SideBySide
from minikeras.optimizers.schedules import LearningRateSchedule


@public("Optimizer", "optimizers.Optimizer")
class Optimizer:
    """Base of optimizers: they change variables by their gradients.

    A subclass makes its slots in `build` and defines `update_step(gradient, variable,
    learning_rate)`.

    Args:
        learning_rate: number, LearningRateSchedule, or a function without arguments.
        weight_decay: after each step w is w - learning_rate weight_decay w, for all variables
            but those of `exclude_from_weight_decay`.
        clipnorm: a gradient longer than this is shortened to it, each by itself.
        clipvalue: gradients are limited to [-clipvalue, clipvalue].
        global_clipnorm: as clipnorm, of the length of all gradients together.
        use_ema: keep a moving average of the variables, which `finalize_variable_values`, and
            `fit` at its end, puts in their place.
        ema_momentum: average = ema_momentum average + (1 - ema_momentum) variable.
        ema_overwrite_frequency: steps after which the averages replace the variables in training.
        loss_scale_factor: the loss is multiplied by it and the gradients divided: for float16.
        gradient_accumulation_steps: apply the mean gradient of so many steps at once.
        name: prefix of the variables' paths.

    >>> class Descent(Optimizer):
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         self.assign_sub(variable, gradient * learning_rate)
    >>> w = Variable([1.0, 2.0])
    >>> Descent(0.5).apply([ops.ones((2,))], [w])
    >>> w.numpy().tolist()
    [0.5, 1.5]
    """

    OWN = ()  # names of a rule's own arguments, which are attributes and go into the config

    def __init__(
        self, learning_rate, weight_decay=None, clipnorm=None, clipvalue=None,
        global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None,
        loss_scale_factor=None, gradient_accumulation_steps=None, name=None, **kwargs,
    ):
        if kwargs.pop("decay", None) is not None:
            warnings.warn(
                "Argument `decay` is no longer supported and will be ignored; use a schedule.",
                stacklevel=2,
            )
        if kwargs:
            raise ValueError(f"Argument(s) not recognized: {kwargs}")
        self.name = name or auto_name(to_snake_case(type(self).__name__))
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency if use_ema else None
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._check_arguments(ema_overwrite_frequency)
        self.built = False
        self._variables, self._trainable_variables, self._index = [], [], {}
        self._excluded, self._excluded_names = [], []
        self._side_by_side = SideBySide()
        self._averages = self._accumulators = None
        self._iterations = self._counter("iteration", 0, "int")
        self._track(self._iterations)
        self._set_learning_rate(learning_rate)

    def __setattr__(self, name, value):
        own = not name.startswith("_") and self.__dict__.get("built")
        if own and state.tracer is None:
            changed()  # compiled steps hold the old value
        super().__setattr__(name, value)

    def _check_arguments(self, frequency):
        clips = (self.clipnorm, self.clipvalue, self.global_clipnorm)
        if sum(c is not None for c in clips) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
                f"clipnorm={self.clipnorm}, clipvalue={self.clipvalue}, "
                f"global_clipnorm={self.global_clipnorm}"
            )
        if self.use_ema and not 0 <= self.ema_momentum <= 1:
            raise ValueError(
                f"`ema_momentum` must be in [0, 1]. Received: ema_momentum={self.ema_momentum}"
            )
        if self.use_ema and frequency is not None and (not isinstance(frequency, int)
                                                       or frequency < 1):
            raise ValueError(
                "`ema_overwrite_frequency` must be an integer >= 1 or None. Received: "
                f"ema_overwrite_frequency={frequency}"
            )
        steps = self.gradient_accumulation_steps
        if steps is not None and (not isinstance(steps, int) or steps < 2):
            raise ValueError(
                "`gradient_accumulation_steps` must be an integer >= 2. Received: "
                f"gradient_accumulation_steps={steps}"
            )

    # ------------------------------------------------------------ learning rate, counters
    def _counter(self, name, value, dtype):
        with name_scope(self.name, caller=self):
            return Variable(
                value, dtype=dtype, trainable=False, aggregation="only_first_replica", name=name)

    def _set_learning_rate(self, value):
        self._learning_rate_variable = None
        if isinstance(value, LearningRateSchedule) or callable(value):
            self._learning_rate = value
        elif isinstance(value, (int, float)) or hasattr(value, "dtype"):
            self._learning_rate = self._learning_rate_variable = self._counter(
                "learning_rate", value, "float")
            self._track(self._learning_rate)
        else:
            raise ValueError(
                "Argument `learning_rate` must be a number, a LearningRateSchedule, or a function "
                f"that returns the learning rate. Received: learning_rate={value!r}"
            )

    @property
    def learning_rate(self):
        """The current learning rate: a Variable that can be assigned to, or a schedule's value."""
        if self._learning_rate is self._learning_rate_variable:
            return self._learning_rate
        return self._current_learning_rate()

    @learning_rate.setter
    def learning_rate(self, value):
        scheduled = isinstance(value, LearningRateSchedule) or callable(value)
        if self._learning_rate_variable is not None and not scheduled:
            self._learning_rate_variable.assign(value)
        elif scheduled:
            self._variables = [v for v in self._variables if v is not self._learning_rate_variable]
            self._set_learning_rate(value)
        else:
            raise TypeError(
                "The learning rate of this optimizer comes from a schedule or function and cannot "
                "be set to a number. Create the optimizer with a number as `learning_rate` for it "
                "to be settable."
            )

    def _current_learning_rate(self):
        """The learning rate of this step, a 0-d tensor."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            return ops.convert_to_tensor(self._learning_rate(self._iterations.value))
        if self._learning_rate_variable is None:
            return ops.convert_to_tensor(self._learning_rate(), dtype="float")
        return self._learning_rate.value

    @property
    def iterations(self):
        """Number of updates so far: with accumulation, calls // gradient_accumulation_steps."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    # ------------------------------------------------------------ variables
    @property
    def variables(self):
        """Iteration counter, learning rate, then slots in the order they were made."""
        return list(self._variables)

    def _track(self, variable):
        self._variables.append(variable)

    def build(self, variables):
        """Make the slots for a list of variables; subclasses call this and then add theirs."""
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulators = self.add_optimizer_variables(variables, "gradient_accumulator")
        self._trainable_variables = list(variables)
        self._index = {id(v): i for i, v in enumerate(variables)}
        self.built = True

    def add_variable(
        self, shape, initializer="zeros", dtype=None, aggregation="none", layout=None, name=None,
    ):
        """Make a variable of the optimizer's state."""
        with name_scope(self.name, caller=self):
            variable = Variable(
                initializers.get(initializer), shape=shape, dtype=dtype, trainable=False,
                aggregation=aggregation, name=name,
            )
        self._track(variable)
        return variable

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros"):
        """Make a slot: a variable of the shape and dtype of another, named after it."""
        path = getattr(reference_variable, "path", None) or reference_variable.name
        return self.add_variable(
            shape=reference_variable.shape, initializer=initializer,
            dtype=_own_dtype(reference_variable),
            name=f"{path.replace('/', '_')}_{name or 'var'}",
        )

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """A slot for each variable: a list; for a list of names a tuple of such lists.

        None in place of a variable that has `overwrite_with_gradient`.
        """
        if isinstance(name, str):
            return self._slots(trainable_variables, (name,), (initializer,))[0]
        same = isinstance(initializer, str) or callable(initializer)
        initial = [initializer] * len(name) if same else list(initializer)
        if len(initial) != len(name):
            raise ValueError(
                f"{len(name)} names need as many initializers. Received: {initializer}"
            )
        return tuple(self._slots(trainable_variables, tuple(name), initial))

    def _slots(self, variables, names, initial):
        made = [[] for _ in names]
        for v in variables:
            for slots, name, initializer in zip(made, names, initial):
                slots.append(
                    None if getattr(v, "overwrite_with_gradient", False)
                    else self.add_variable_from_reference(v, name, initializer)
                )
        return made

    def _get_variable_index(self, variable):
        """Where a variable is in the list that the optimizer was built with."""
        return self._index[id(variable)]

    # ------------------------------------------------------------ a step
    def apply_gradients(self, grads_and_vars):
        """Update variables by pairs (gradient, variable); returns the iteration counter."""
        grads, variables = zip(*grads_and_vars)
        self.apply(grads, variables)
        return self._iterations

    def apply(self, grads, trainable_variables=None):
        """Update variables by their gradients, a list in their order (None: no gradient)."""
        grads = list(grads)
        if not grads:
            return
        variables = self._variables_for(grads, trainable_variables)
        pairs = self._with_gradients(grads, variables)
        if pairs:
            grads, variables = map(list, zip(*pairs))
            if self.loss_scale_factor:
                grads = [g / self.loss_scale_factor for g in grads]
            if self.gradient_accumulation_steps:
                self._accumulate(grads, variables)
            else:
                self._step(grads, variables)
            if self.use_ema:
                self._average()
            self._constrain(variables)
        self._iterations.assign_add(1)

    def _constrain(self, variables):
        for v in variables:
            if v.constraint is not None:
                v.assign(v.constraint(v.value))

    def _variables_for(self, grads, variables):
        if variables is None:
            if not self.built:
                raise ValueError(
                    "When passing `grads` without `variables`, the optimizer must already be built "
                    "on a list of variables. Call `optimizer.build(trainable_variables)` first."
                )
            variables = self._trainable_variables
            if len(grads) != len(variables):
                raise ValueError(
                    "There must be a gradient for each variable that the optimizer was built "
                    f"with. Received {len(grads)} gradients, but the optimizer is tracking "
                    f"{len(variables)} trainable variables."
                )
            return variables
        variables = list(variables)
        if not self.built:
            self.build(variables)
            self.built = True
        for v in variables:
            if id(v) not in self._index:
                raise ValueError(
                    f"Unknown variable: {v}. This optimizer can only be called for the variables "
                    "it was originally built with. When working with a new set of variables, you "
                    "should recreate a new optimizer instance."
                )
        return variables

    def _with_gradients(self, grads, variables):
        """Pairs without those that have no gradient or are overwritten with it."""
        pairs, missing, overwritten = [], [], False
        for g, v in zip(grads, variables):
            if g is None:
                missing.append(v)
            elif v.overwrite_with_gradient:
                v.assign(g)
                overwritten = True
            else:
                pairs.append((g, v))
        if not pairs and not overwritten:
            raise ValueError("No gradients provided for any variable.")
        if missing:
            warnings.warn(
                "Gradients do not exist for variables "
                f"{[v.path for v in missing]} when minimizing the loss. If they are used by the "
                "loss, check for operations without a gradient.",
                stacklevel=4,
            )
        return pairs

    def _step(self, grads, variables):
        grads = self._clip(grads)
        self._apply_weight_decay(variables)
        rate = self._current_learning_rate()
        at_once = getattr(type(self).update_step, "at_once", None)
        if at_once is not None:
            at_once(self, grads, variables, rate)
            return
        for g, v in zip(grads, variables):
            self.update_step(g, v, rate)

    def update_step(self, gradient, variable, learning_rate):
        """Change one variable by its gradient."""
        raise NotImplementedError(f"{type(self).__name__} must define `update_step`.")

    def _clip(self, grads):
        if self.clipnorm and self.clipnorm > 0:
            return [g * _shrink(_norm([g]), self.clipnorm, g) for g in grads]
        if self.global_clipnorm and self.global_clipnorm > 0:
            norm = _norm(grads)
            return [g * _shrink(norm, self.global_clipnorm, g) for g in grads]
        if self.clipvalue and self.clipvalue > 0:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        return grads

    def _accumulate(self, grads, variables):
        """Add up gradients; at the last call of a round take a step with their mean.

        The step is computed at every call and kept or dropped by value, so that it can be traced.
        """
        steps = self.gradient_accumulation_steps
        last = ops.equal(ops.mod(self._iterations.value + 1, steps), 0)
        slots = [self._accumulators[self._get_variable_index(v)] for v in variables]
        sums = [slot + g for slot, g in zip(slots, grads)]
        with Tentative() as tentative:
            self._step([total / steps for total in sums], variables)
        tentative.commit(last)
        for slot, total in zip(slots, sums):
            slot.assign(ops.where(last, ops.zeros_like(total), total))

    def _average(self):
        """Move the averages; at every ema_overwrite_frequency-th step put them in place."""
        count = self.iterations
        count = count.value if isinstance(count, Variable) else count
        first = ops.equal(count, 0)
        frequency = self.ema_overwrite_frequency
        due = None if frequency is None else ops.equal(ops.mod(count + 1, frequency), 0)
        for v, average in zip(self._trainable_variables, self._averages):
            if average is None:
                continue
            value = v.value
            momentum = ops.cast(ops.where(first, 0.0, self.ema_momentum), value.dtype)
            average.assign(momentum * average + (1 - momentum) * value)
            if due is not None:
                v.assign(ops.where(due, average.value, value))

    def finalize_variable_values(self, var_list):
        """Replace the variables by their moving averages, if they are kept."""
        if self.use_ema:
            for v in var_list:
                average = self._averages[self._get_variable_index(v)]
                if average is not None:
                    v.assign(average.value)

    # ------------------------------------------------------------ weight decay
    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Leave variables out of weight decay: by themselves, or by a part of their names."""
        self._excluded += list(var_list or ())
        self._excluded_names += list(var_names or ())

    def _use_weight_decay(self, variable):
        if any(v is variable for v in self._excluded):
            return False
        return not any(re.search(n, variable.name) for n in self._excluded_names)

    def _apply_weight_decay(self, variables):
        if self.weight_decay is not None:
            self._decay([v for v in variables if self._use_weight_decay(v)], self.weight_decay)

    def _decay(self, variables, weight_decay):
        factor = 1 - self._current_learning_rate() * weight_decay
        for v in variables:
            value = v.value
            v.assign(value * ops.cast(factor, value.dtype))

    # ------------------------------------------------------------ helpers of rules
    def assign(self, variable, value):
        """Set a variable's value."""
        variable.assign(value)

    def assign_add(self, variable, value):
        """Add to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable, value):
        """Subtract from a variable."""
        variable.assign_sub(value)

    def scale_loss(self, loss):
        """The loss times the loss scale factor, if there is one."""
        return loss * self.loss_scale_factor if self.loss_scale_factor else loss

    # ------------------------------------------------------------ without side effects
    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        """`apply` on given values: returns (new trainable values, new optimizer values)."""
        if not self.built:
            raise ValueError(
                "To call `stateless_apply`, the optimizer must be built: call "
                "`optimizer.build(trainable_variables)` first."
            )
        for what, own, given in (
            ("optimizer_variables", self.variables, optimizer_variables),
            ("trainable_variables", self._trainable_variables, trainable_variables),
        ):
            if len(own) != len(given):
                raise ValueError(
                    f"Argument `{what}` must be a list of tensors corresponding 1:1 to the "
                    f"optimizer's. Received {len(given)} values where it has {len(own)}."
                )
        pairs = list(zip(self._trainable_variables, trainable_variables))
        pairs += list(zip(self.variables, optimizer_variables))
        with StatelessScope(pairs) as scope:
            self.apply(grads)
        n = len(trainable_variables)
        values = [scope.get_current_value(v) for v, _ in pairs]
        return values[:n], values[n:]

    # ------------------------------------------------------------ saving
    def save_own_variables(self, store):
        """Put the state into a dictionary: "0", "1", ... to variables."""
        for i, v in enumerate(self.variables):
            store[str(i)] = v

    def load_own_variables(self, store):
        """Take the state from what `save_own_variables` filled."""
        if len(store) != len(self.variables):
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has "
                f"{len(self.variables)} variables whereas the saved optimizer has {len(store)} "
                "variables.",
                stacklevel=2,
            )
            return
        for i, v in enumerate(self.variables):
            v.assign(store[str(i)])

    def set_weights(self, weights):
        """Set the state from a list of arrays in the order of `variables`."""
        if not self.built:
            raise ValueError(
                "You are calling `set_weights()` on an optimizer that has not yet been built. "
                "Please call `optimizer.build(trainable_variables)` first."
            )
        if len(weights) != len(self.variables):
            raise ValueError(
                f"The optimizer has {len(self.variables)} variables. "
                f"Received: {len(weights)} weights."
            )
        for v, weight in zip(self.variables, weights):
            if tuple(getattr(weight, "shape", ())) != v.shape:
                raise ValueError(
                    f"Optimizer variable {v.path} has the shape {v.shape}, not compatible with "
                    f"provided weight shape {tuple(getattr(weight, 'shape', ()))}."
                )
            v.assign(weight)

    def get_config(self):
        """Constructor arguments that make the same optimizer again."""
        rate = self._learning_rate
        if self._learning_rate_variable is not None:
            rate = float(self._learning_rate_variable.numpy())
        config = {"name": self.name, "learning_rate": serialize_keras_object(rate)}
        return {**config, **{name: getattr(self, name) for name in (*BASE[1:-1], *self.OWN)}}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """An optimizer from what `get_config` gave."""
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            config = {**config, "learning_rate": deserialize_keras_object(rate, custom_objects)}
        return cls(**config)


    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"

    def __getstate__(self):
        return {**self.__dict__, "_index": {}, "_side_by_side": SideBySide()}

    def __setstate__(self, held):
        self.__dict__.update(held)
        self._index = {id(v): i for i, v in enumerate(self._trainable_variables)}


BASE = tuple(inspect.signature(Optimizer).parameters)[:-1]


def _own_dtype(variable):
    """The dtype that a variable is kept in, whatever it reads as."""
    outer, state.autocast = state.autocast, None
    try:
        return variable.dtype
    finally:
        state.autocast = outer


def _norm(grads):
    squares = [ops.sum(ops.square(ops.cast(g, "float32") if g.dtype.itemsize < 4 else g))
               for g in grads]
    return ops.sqrt(functools.reduce(ops.add, squares))


def _shrink(norm, limit, gradient):
    """The factor that makes a vector of this norm at most `limit` long."""
    return ops.cast(limit / ops.maximum(norm, limit), gradient.dtype)


class Tentative(StatelessScope):
    """Context manager: assignments inside are held back until `commit`."""

    def __enter__(self):
        outer = state.stateless
        if outer is not None:
            self.values = dict(outer.values)
        self.given = {key: value for key, (_, value) in self.values.items()}
        return super().__enter__()

    def commit(self, accept):
        """Carry out the assignments where the 0-d tensor `accept` is true."""
        for key, (variable, value) in self.values.items():
            if self.given.get(key) is not value:
                variable.assign(ops.where(accept, value, variable.value))


# ---------------------------------------------------------------- how rules are declared
def base_arguments(cls):
    """Class decorator: the constructor also takes Optimizer's arguments, after its own.

    What is keyword-only in the class's own signature comes after Optimizer's. All are passed by
    position or name, as usual, and the class's own go into its config.
    """
    own_init = cls.__init__
    own = list(inspect.signature(own_init).parameters.values())
    own = [p for p in own if p.kind is not p.VAR_KEYWORD]
    base = list(inspect.signature(Optimizer.__init__).parameters.values())
    names = {p.name for p in own}
    first = [p for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
    last = [p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in own if p.kind is p.KEYWORD_ONLY]
    shared = [p for p in base[1:-1] if p.name not in names]
    signature = inspect.Signature([*first, *shared, *last, base[-1]])

    @functools.wraps(own_init)
    def __init__(self, *args, **kwargs):
        bound = signature.bind(self, *args, **kwargs).arguments
        extra = bound.pop("kwargs", {})
        own_init(**bound, **extra)

    __init__.__signature__ = signature
    cls.__init__ = __init__
    cls.OWN = tuple(p.name for p in own if p.name not in (*BASE, "self"))
    return cls
