"""The package a probe runs on: minikeras, or the one named by MINIKERAS_TEST_PACKAGE.

With MINIKERAS_TEST_PACKAGE=keras the parity tests run on Keras itself (JAX or TensorFlow as
KERAS_BACKEND says), which shows that the stored values and the tests are right.
"""

import importlib
import os

import numpy as np

NAME = os.environ.get("MINIKERAS_TEST_PACKAGE", "minikeras")
keras = importlib.import_module(NAME)


def array(tensor):
    """A tensor or variable of the package as a NumPy array."""
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def gradients(loss, *at):
    """Gradients of the scalar `loss(*tensors)` at the NumPy arrays `at`, as NumPy arrays."""
    if NAME == "keras" and keras.backend.backend() == "jax":
        jax = importlib.import_module("jax")
        return [np.asarray(g) for g in jax.grad(loss, tuple(range(len(at))))(*at)]
    tape_type = importlib.import_module("tensorflow" if NAME == "keras" else NAME).GradientTape
    tensors = [keras.ops.convert_to_tensor(x) for x in at]
    with tape_type() as tape:
        for tensor in tensors:
            tape.watch(tensor)
        value = loss(*tensors)
    return [dense(g, x) for g, x in zip(tape.gradient(value, tensors), at)]


def layer_gradients(layer, call, x):
    """Gradients of `call(layer, x)` to x and to each trainable weight: [dx, dw0, dw1, ...]."""
    floats = np.issubdtype(x.dtype, np.floating)  # indices have no gradient
    start = [array(v) for v in layer.trainable_variables]
    if NAME == "keras" and keras.backend.backend() == "jax":
        rest = [v.value for v in layer.non_trainable_variables]

        def stateless(x, *weights):
            pairs = zip(layer.variables, ordered(layer, weights, rest))
            with keras.StatelessScope(state_mapping=list(pairs)):
                return call(layer, x)

        if not floats:
            return [None, *gradients(lambda *w: stateless(x, *w), *start)]
        return gradients(stateless, x, *start)
    tape_type = importlib.import_module("tensorflow" if NAME == "keras" else NAME).GradientTape
    tensor = keras.ops.convert_to_tensor(x)
    values = [v.value for v in layer.trainable_variables] if NAME == "keras" else (
        layer.trainable_variables)
    with tape_type() as tape:
        if floats:
            tape.watch(tensor)
        value = call(layer, tensor)
    dx, *rest = tape.gradient(value, [tensor, *values]) if floats else (
        None, *tape.gradient(value, values))
    return [dense(dx, x) if floats else None, *map(dense, rest, start)]


def ordered(layer, trainable, rest):
    """The values of the two lists in the order of `layer.variables`."""
    values = {id(v): value for v, value in zip(layer.trainable_variables, trainable)}
    values |= {id(v): value for v, value in zip(layer.non_trainable_variables, rest)}
    return [values[id(v)] for v in layer.variables]


def dense(gradient, like):
    """A gradient as an array of `like`'s shape; zero where the tape found no path."""
    if gradient is None:
        return np.zeros_like(like)
    if hasattr(gradient, "indices") and hasattr(gradient, "values"):  # TensorFlow's IndexedSlices
        out = np.zeros(like.shape, like.dtype)
        np.add.at(out, np.asarray(gradient.indices), np.asarray(gradient.values))
        return out
    return array(gradient)
