"""MultiOptimizer: different optimizers for different variables."""

import collections.abc
import re

from minikeras.api.registry import public
from minikeras.core.scopes import auto_name
from minikeras.core.serialization import (
    deserialize_keras_object,
    serialize_keras_object,
)
from minikeras.optimizers.optimizer import Optimizer


@public("optimizers.OptimizerMap")
class OptimizerMap(collections.abc.MutableMapping):
    """Optimizers by the path of a variable: regular expressions to optimizers, with a default.

    Args:
        default_optimizer: for paths that no pattern matches.
        optimizer_map: dictionary of patterns to optimizers; the first that matches counts.

    >>> from minikeras import optimizers
    >>> rates = OptimizerMap(optimizers.SGD())
    >>> rates["encoder/.*"] = optimizers.Adam(name="slow")
    >>> rates["encoder/kernel"].name
    'slow'
    """

    def __init__(self, default_optimizer, optimizer_map=None):
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(
                f"`default_optimizer` must be an Optimizer. Received: {default_optimizer!r}")
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"`optimizer_map` must be a dictionary. Received: {optimizer_map!r}")
        self._default_optimizer, self._map = default_optimizer, {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    @property
    def default_optimizer(self):
        """The optimizer of variables that no pattern matches."""
        return self._default_optimizer

    def __getitem__(self, key):
        if key in self._map:
            return self._map[key]
        for pattern, optimizer in self._map.items():
            if re.search(pattern, key):
                return optimizer
        return self._default_optimizer

    def __setitem__(self, key, optimizer):
        if key in self._map:
            raise ValueError(
                f"'{key}' already exists in the OptimizerMap with value {self._map[key]}. "
                "Delete it first."
            )
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"The value must be an Optimizer. Received: {optimizer!r}")
        self._map[key] = optimizer

    def __delitem__(self, key):
        del self._map[key]

    def __contains__(self, key):
        return key in self._map

    def __len__(self):
        return len(self._map)

    def __iter__(self):
        return iter(self._map)

    def get_config(self):
        """Constructor arguments that make the same map again."""
        return {
            "default_optimizer": serialize_keras_object(self._default_optimizer),
            "optimizer_map": {k: serialize_keras_object(v) for k, v in self._map.items()},
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A map from what `get_config` gave."""
        return cls(
            deserialize_keras_object(config["default_optimizer"], custom_objects),
            deserialize_keras_object(config["optimizer_map"], custom_objects),
        )


@public("optimizers.MultiOptimizer")
class MultiOptimizer(Optimizer):
    """Several optimizers as one, each for some of the variables.

    Args:
        optimizer_map: an OptimizerMap, or a function from a variable to its optimizer.
        loss_scale_factor: what the loss is multiplied by and gradients divided by.
        name: prefix of the variables' paths.

    >>> from minikeras import Variable, ops, optimizers
    >>> slow, fast = optimizers.SGD(0.5), optimizers.SGD(1.0)
    >>> w, b = Variable([2.0], name="kernel"), Variable([2.0], name="bias")
    >>> both = MultiOptimizer(OptimizerMap(slow, {"bias": fast}))
    >>> both.apply([ops.ones((1,)), ops.ones((1,))], [w, b])
    >>> float(w[0]), float(b[0])
    (1.5, 1.0)
    """

    def __init__(self, optimizer_map, loss_scale_factor=None, name=None):
        if not callable(optimizer_map) and not isinstance(optimizer_map, OptimizerMap):
            raise TypeError(
                "`optimizer_map` must be an OptimizerMap or a function from a variable to its "
                f"optimizer. Received: {optimizer_map!r}"
            )
        super().__init__(
            learning_rate=0.0, loss_scale_factor=loss_scale_factor,
            name=name or auto_name("multi_optimizer"),
        )
        self._optimizer_map = optimizer_map
        self._optimizers, self._rows = [], []

    def _optimizer_of(self, variable):
        if isinstance(self._optimizer_map, OptimizerMap):
            return self._optimizer_map[variable.path]
        return self._optimizer_map(variable)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        groups, mapped = {}, []
        if isinstance(self._optimizer_map, OptimizerMap):
            mapped = [*self._optimizer_map.values(), self._optimizer_map.default_optimizer]
        self._optimizers = list({id(o): o for o in mapped}.values())
        for i, v in enumerate(variables):
            optimizer = self._optimizer_of(v)
            if all(optimizer is not o for o in self._optimizers):
                self._optimizers.append(optimizer)
            groups.setdefault(id(optimizer), []).append(i)
        self._rows = [groups.get(id(o), []) for o in self._optimizers]
        for optimizer, rows in zip(self._optimizers, self._rows):
            optimizer.build([variables[i] for i in rows])

    @property
    def optimizers(self):
        """The optimizers, those of the map's patterns first."""
        return self._optimizers

    @property
    def variables(self):
        own = list(self._variables)
        return own + [v for o in self._optimizers for v in o.variables]

    @property
    def loss_scale_factor(self):
        """What the loss is multiplied by and the gradients divided by; None: nothing."""
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value):
        self._loss_scale_factor = value

    @property
    def learning_rate(self):
        """Not defined: each optimizer has its own."""
        raise AttributeError(
            "Learning rate cannot be accessed on a MultiOptimizer. Access the learning rate on "
            "the individual sub-optimizers instead."
        )

    @learning_rate.setter
    def learning_rate(self, value):
        raise AttributeError(
            "Learning rate cannot be set on a MultiOptimizer. Set the learning rate on the "
            "individual sub-optimizers instead."
        )

    def _step(self, grads, variables):
        found = {id(v): g for g, v in zip(grads, variables)}
        for optimizer in self._optimizers:
            own = [v for v in optimizer._trainable_variables if id(v) in found]
            if own:
                optimizer.apply([found[id(v)] for v in own], own)

    def _constrain(self, variables):
        pass  # each optimizer has done it

    def finalize_variable_values(self, var_list):
        for optimizer in self._optimizers:
            own = [v for v in var_list if id(v) in optimizer._index]
            optimizer.finalize_variable_values(own)

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        for optimizer in self._optimizers:
            optimizer.exclude_from_weight_decay(var_list, var_names)

    def get_config(self):
        if not isinstance(self._optimizer_map, OptimizerMap):
            raise NotImplementedError(
                "A MultiOptimizer made with a function has no config; use an OptimizerMap.")
        return {
            "optimizer_map": serialize_keras_object(self._optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        given = deserialize_keras_object(config["optimizer_map"], custom_objects)
        return cls(**{**config, "optimizer_map": given})
