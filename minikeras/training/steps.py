"""The functions of a batch that fit, evaluate and predict repeat: compiled, or op by op."""

import contextlib

from minikeras.arrays import one_blas_thread
from minikeras.core.program.function import Compiled
from minikeras.training.compile import as_tensors

FUNCTIONS = {"train_step": "train_function", "test_step": "test_function",
             "predict_step": "predict_function"}


def step_function(model, name, checks=False):
    """A function of a batch that runs the model's step of a name.

    Args:
        model: the model.
        name: "train_step", "test_step" or "predict_step".
        checks: whether targets are checked first.
    """
    method = getattr(model, name)

    def eager(data):
        return method(as_tensors(data))

    step = eager
    if not model.run_eagerly and model.jit_compile is not False:
        step = Compiled(step, f"The {name} of model '{model.name}'",
                        strict=model.jit_compile is True, after_trace=model._clear_losses,
                        blas=contextlib.nullcontext())  # fit and the like see to it
    begun = step is eager

    def run(data):
        nonlocal begun
        if checks:
            model._check_targets(data)
        if not begun:  # the first step may build layers, losses, metrics and the optimizer
            begun = True
            if not _built(model):
                return eager(data)
        return step(data)

    run.step = step
    return run


def _built(model):
    parts = model, model.optimizer, model._compile_loss, model._compile_metrics
    return all(part is None or part.built for part in parts)


def report(model):
    """The tables of the model's compiled steps."""
    texts = []
    for name, attribute in FUNCTIONS.items():
        step = getattr(getattr(model, attribute), "step", None)
        if isinstance(step, Compiled):
            with one_blas_thread():
                texts += [f"{name} {text}" for text in step.report()]
    return "\n\n".join(texts) or (
        "No step is compiled yet: call fit, evaluate or predict first, without run_eagerly and "
        "jit_compile=False.")
