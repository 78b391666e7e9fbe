"""What one library makes of a model file; run as a script, in a process of its own.

    python probe.py PACKAGE MODEL DATA.npz RESULT.npz STEPS [CODE.py]

It needs nothing but the package (keras or minikeras) and NumPy, so that it runs where only the
real Keras is installed. RESULT has an array for each place, named "output: LAYER", "mask: LAYER",
"gradient: WEIGHT", "loss: STEP" and "weight: WEIGHT", in the order in which they were met.
"""

import importlib
import runpy
import sys

import numpy as np

RANDOM = ("rate", "dropout", "recurrent_dropout", "stddev")  # shares of what is random


class Probe:
    """A package, a model and data."""

    def __init__(self, package, model, data, code=None):
        self.keras = importlib.import_module(package)
        if package != "keras" and code:
            self.keras.activate()
        if code:
            runpy.run_path(code)
        self.model = self.keras.models.load_model(model, safe_mode=True)
        with np.load(data) as file:
            arrays = {key: file[key] for key in file.files}
        self.x = structure(arrays, "x", getattr(self.model, "input_names", None))
        self.y = structure(arrays, "y", getattr(self.model, "output_names", None))
        self.found = {}

    def array(self, tensor):
        return np.asarray(self.keras.ops.convert_to_numpy(tensor))

    def keep(self, kind, name, value):
        """Note a value; a place that is met again is numbered."""
        key, number = f"{kind}: {name}", 1
        while key in self.found:
            number += 1
            key = f"{kind}: {name} ({number})"
        value = np.asarray(value)
        self.found[key] = value.astype("float64") if value.dtype.kind in "fV" else value

    # -------------------------------------------------------- outputs and masks
    def outputs(self):
        """The outputs and masks of all layers in one forward pass."""
        layer_type = self.keras.layers.Layer
        original = layer_type.__call__
        probe = self

        def call(layer, *args, **kwargs):
            result = original(layer, *args, **kwargs)
            for i, x in enumerate(probe.keras.tree.flatten(result)):
                if not hasattr(x, "shape") or isinstance(x, probe.keras.KerasTensor):
                    continue
                name = f"{layer.name}[{i}]" if i else layer.name
                probe.keep("output", name, probe.array(x))
                mask = getattr(x, "_keras_mask", None)
                if mask is not None:
                    probe.keep("mask", name, probe.array(mask))
            return result

        layer_type.__call__ = call
        try:
            return self.model(self.tensors(self.x), training=False)
        finally:
            layer_type.__call__ = original

    def tensors(self, data):
        return self.keras.tree.map_structure(self.keras.ops.convert_to_tensor, data)

    # -------------------------------------------------------- gradients
    def loss(self, y_pred):
        """The compiled loss, or a fixed weighted sum of the outputs."""
        if self.y is not None and self.model.compiled:
            return self.model.compute_loss(x=None, y=self.tensors(self.y), y_pred=y_pred)
        total = 0.0
        for y in self.keras.tree.flatten(y_pred):
            weights = np.cos(np.arange(int(np.prod(y.shape)))).reshape(y.shape)
            y = self.keras.ops.cast(y, "float32")
            total = total + self.keras.ops.sum(y * weights.astype("float32"))
        return total

    def gradients(self):
        """Gradients of the loss, without dropout, to the trained weights."""
        names = [v.path for v in self.model.trainable_variables]
        backend = self.keras.config.backend() if self.keras.__name__ == "keras" else "tape"
        for name, value in zip(names, getattr(self, f"_{backend}")()):
            if value is not None:
                self.keep("gradient", name, value)

    def _tape(self, tape_type=None):
        variables = self.model.trainable_variables
        with (tape_type or self.keras.GradientTape)() as tape:
            loss = self.loss(self.model(self.tensors(self.x), training=False))
        found = tape.gradient(loss, [getattr(v, "value", v) for v in variables]
                              if tape_type else variables)
        return [None if g is None else self.array(self._dense(g)) for g in found]

    def _dense(self, gradient):
        if hasattr(gradient, "indices") and hasattr(gradient, "values"):
            return importlib.import_module("tensorflow").convert_to_tensor(gradient)
        return gradient

    def _tensorflow(self):
        return self._tape(importlib.import_module("tensorflow").GradientTape)

    def _torch(self):
        loss = self.loss(self.model(self.tensors(self.x), training=False))
        self.model.zero_grad()
        loss.backward()
        return [None if v.value.grad is None else v.value.grad.detach().cpu().numpy()
                for v in self.model.trainable_variables]

    def _jax(self):
        jax = importlib.import_module("jax")
        model, rest = self.model, [v.value for v in self.model.non_trainable_variables]

        def loss(weights):
            y, *_ = model.stateless_call(weights, rest, self.tensors(self.x), training=False)
            with self.keras.StatelessScope(
                    state_mapping=list(zip(model.trainable_variables, weights))):
                return self.loss(y)

        return [np.asarray(g) for g in jax.grad(loss)([v.value for v in model.trainable_variables])]

    # -------------------------------------------------------- training
    def train(self, steps):
        """Losses of some steps without dropout and noise, and the weights after them."""
        if self.y is None or not self.model.compiled:
            return
        for layer in self.model._flatten_layers():
            for name in RANDOM:  # the libraries draw different numbers
                if isinstance(getattr(layer, name, None), float):
                    setattr(layer, name, 0.0)
        for step in range(steps):
            self.model.reset_metrics()
            logs = self.model.train_on_batch(self.x, self.y, return_dict=True)
            self.keep("loss", f"step {step + 1}", float(logs["loss"]))
        for v in self.model.weights:
            self.keep("weight", v.path, self.array(v))


def structure(arrays, prefix, names):
    """Data of one array, or of several: {prefix, prefix_NAME or prefix_0, ...}."""
    if prefix in arrays:
        return arrays[prefix]
    found = {k.removeprefix(f"{prefix}_"): v for k, v in arrays.items()
             if k.startswith(f"{prefix}_")}
    if not found:
        return None
    if set(found) == {str(i) for i in range(len(found))}:
        return [found[str(i)] for i in range(len(found))]
    return {n: found[n] for n in names or found if n in found} or found


def main(package, model, data, result, steps="0", code=None):
    """See the module's docstring."""
    probe = Probe(package, model, data, code)
    probe.outputs()
    probe.gradients()
    probe.train(int(steps))
    np.savez(result, **{f"{i:06d} {k}": v for i, (k, v) in enumerate(probe.found.items())})


if __name__ == "__main__":
    main(*sys.argv[1:])
