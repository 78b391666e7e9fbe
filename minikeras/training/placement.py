"""Where a model trains: on the device that holds its weights."""

import contextlib
import functools

from minikeras.arrays import one_blas_thread, scope_of


def at_weights(method):
    """The method, run with the model's own device as the one where new arrays are made."""

    @functools.wraps(method)
    def placed(model, *args, **kwargs):
        threads = contextlib.nullcontext() if model.run_eagerly else one_blas_thread()
        with _scope(model), threads:
            return method(model, *args, **kwargs)

    return placed


def _scope(model):
    for layer in model._flatten_layers():
        for variable in layer._variables_here():
            return scope_of(variable._array)
    return contextlib.nullcontext()
