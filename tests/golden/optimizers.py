"""What optimizers do to four variables in fifty steps of given gradients; schedules.

Everything here runs on minikeras and on Keras alike (see package.py).
"""

import numpy as np

from tests.golden import store
from tests.golden.package import array, keras

STEPS = 50
STORED = [0, 1, 2, 3, 4, 6, 9, 14, 24, 39, 49]  # indices of the steps whose values are kept
SHAPES = {"dense/kernel": (3, 4), "dense/bias": (4,), "conv/kernel": (2, 3, 4),
          "words/embeddings": (5, 2)}
schedules = keras.optimizers.schedules

SCALE = {"initial_scale": 64.0, "dynamic_growth_steps": 7}

CASES = {  # name: (class, arguments)
    "sgd": ("SGD", {"learning_rate": 0.1}),
    "sgd_momentum": ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    "sgd_nesterov": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    "adam": ("Adam", {"learning_rate": 0.05}),
    "adam_amsgrad": ("Adam", {"learning_rate": 0.05, "amsgrad": True, "beta_2": 0.5}),
    "adam_epsilon": ("Adam", {"learning_rate": 0.05, "epsilon": 0.1, "beta_1": 0.5}),
    "adamw": ("AdamW", {"learning_rate": 0.05, "weight_decay": 0.5}),
    "adamax": ("Adamax", {"learning_rate": 0.05}),
    "nadam": ("Nadam", {"learning_rate": 0.05}),
    "adamax_betas": ("Adamax", {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9,
                                "epsilon": 1e-3}),
    "nadam_betas": ("Nadam", {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9,
                              "epsilon": 1e-3}),
    "adamw_amsgrad": ("AdamW", {"learning_rate": 0.05, "amsgrad": True, "clipvalue": 0.5}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.05}),
    "rmsprop_momentum": ("RMSprop", {"learning_rate": 0.05, "momentum": 0.8, "rho": 0.5}),
    "rmsprop_centered": ("RMSprop", {"learning_rate": 0.05, "centered": True, "epsilon": 0.01}),
    "rmsprop_both": ("RMSprop", {"learning_rate": 0.05, "centered": True, "momentum": 0.5}),
    "adagrad": ("Adagrad", {"learning_rate": 0.1}),
    "adagrad_start": ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 1.0}),
    "adadelta": ("Adadelta", {"learning_rate": 1.0, "epsilon": 0.01}),
    "adafactor": ("Adafactor", {"learning_rate": 0.1}),
    "adafactor_absolute": ("Adafactor", {"learning_rate": 0.1, "relative_step": False,
                                         "clip_threshold": 0.5, "beta_2_decay": -0.5}),
    "adagrad_clipnorm": ("Adagrad", {"learning_rate": 0.1, "clipnorm": 0.5}),
    "adadelta_rho": ("Adadelta", {"learning_rate": 1.0, "rho": 0.7, "epsilon": 1e-3}),
    "adafactor_decay": ("Adafactor", {"learning_rate": 0.1, "weight_decay": 0.1,
                                      "epsilon_2": 0.01}),
    "ftrl": ("Ftrl", {"learning_rate": 0.1}),
    "ftrl_all": ("Ftrl", {"learning_rate": 0.1, "l1_regularization_strength": 0.2,
                          "l2_regularization_strength": 0.1, "beta": 0.3,
                          "l2_shrinkage_regularization_strength": 0.05}),
    "ftrl_power": ("Ftrl", {"learning_rate": 0.1, "learning_rate_power": -0.7,
                            "initial_accumulator_value": 0.5}),
    "lion": ("Lion", {"learning_rate": 0.05}),
    "lion_decay": ("Lion", {"learning_rate": 0.05, "weight_decay": 0.1, "beta_1": 0.5}),
    "lamb": ("Lamb", {"learning_rate": 0.05}),
    "lamb_decay": ("Lamb", {"learning_rate": 0.05, "weight_decay": 0.1}),
    "muon": ("Muon", {"learning_rate": 0.05}),
    "muon_plain": ("Muon", {"learning_rate": 0.05, "nesterov": False, "weight_decay": None,
                            "rms_rate": None, "ns_steps": 3, "adam_lr_ratio": 0.5}),
    "muon_embeddings": ("Muon", {"learning_rate": 0.05, "exclude_embeddings": False,
                                 "exclude_layers": ["dense"], "adam_weight_decay": 0.2}),
    "schedule_free": ("ScheduleFreeAdamW", {"learning_rate": 0.05}),
    "schedule_free_warmup": ("ScheduleFreeAdamW", {"learning_rate": 0.05, "warmup_steps": 3,
                                                   "weight_decay": 0.1}),
    "clipnorm": ("SGD", {"learning_rate": 0.1, "clipnorm": 1.0}),
    "clipvalue": ("Adam", {"learning_rate": 0.1, "clipvalue": 0.3}),
    "global_clipnorm": ("SGD", {"learning_rate": 0.1, "global_clipnorm": 1.0, "momentum": 0.5}),
    "weight_decay": ("SGD", {"learning_rate": 0.1, "weight_decay": 0.3}),
    "loss_scale_factor": ("Adam", {"learning_rate": 0.1, "loss_scale_factor": 4.0,
                                   "epsilon": 0.1}),
    "ema": ("SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.6}),
    "ema_overwrite": ("Adam", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.6,
                               "ema_overwrite_frequency": 3}),
    "accumulation": ("SGD", {"learning_rate": 0.1, "gradient_accumulation_steps": 3}),
    "accumulation_adam": ("Adam", {"learning_rate": 0.1, "gradient_accumulation_steps": 2,
                                   "weight_decay": 0.1, "clipnorm": 1.0}),
    "accumulation_ema": ("SGD", {"learning_rate": 0.1, "gradient_accumulation_steps": 2,
                                 "use_ema": True, "ema_momentum": 0.6,
                                 "ema_overwrite_frequency": 2}),
    "accumulation_momentum": ("SGD", {"learning_rate": 0.1, "gradient_accumulation_steps": 4,
                                      "momentum": 0.9, "nesterov": True, "clipvalue": 0.4}),
    "schedule": ("SGD", {"learning_rate": ("ExponentialDecay", (0.1, 2, 0.5))}),
    "schedule_adam": ("Adam", {"learning_rate": ("CosineDecay", (0.1, 5)), "weight_decay": 0.1}),
    "schedule_accumulation": ("SGD", {"learning_rate": ("ExponentialDecay", (0.1, 2, 0.5)),
                                      "gradient_accumulation_steps": 2}),
    "schedule_nadam": ("Nadam", {"learning_rate": ("PolynomialDecay", (0.1, 30, 0.01))}),
    "loss_scale": ("LossScaleOptimizer", {"inner_optimizer": ("SGD", {
        "learning_rate": 0.1, "momentum": 0.9}), **SCALE}),
    "loss_scale_adam": ("LossScaleOptimizer", {"inner_optimizer": ("AdamW", {
        "learning_rate": 0.05, "global_clipnorm": 2.0, "use_ema": True}), **SCALE}),
    "loss_scale_accumulation": ("LossScaleOptimizer", {"inner_optimizer": ("Adam", {
        "learning_rate": 0.05, "gradient_accumulation_steps": 2}), **SCALE}),
}
SCALED = [name for name, (kind, _) in CASES.items() if kind == "LossScaleOptimizer"]
AVERAGED = ["ema", "ema_overwrite", "accumulation_ema", "loss_scale_adam"]
OVERFLOWS = (5, 6, 20)  # steps with an infinite gradient, for LossScaleOptimizer

SCHEDULES = {
    "cosine": ("CosineDecay", (0.1, 10)),
    "cosine_alpha": ("CosineDecay", (0.1, 10, 0.2)),
    "cosine_warmup": ("CosineDecay", (0.1, 10, 0.1, "c", 1.0, 4)),
    "restarts": ("CosineDecayRestarts", (0.1, 8)),
    "restarts_equal": ("CosineDecayRestarts", (0.1, 8, 1.0, 0.9)),
    "restarts_all": ("CosineDecayRestarts", (0.1, 8, 1.5, 0.5, 0.1)),
    "exponential": ("ExponentialDecay", (0.1, 7, 0.5)),
    "exponential_stairs": ("ExponentialDecay", (0.1, 7, 0.5, True)),
    "inverse": ("InverseTimeDecay", (0.1, 7, 0.5)),
    "inverse_stairs": ("InverseTimeDecay", (0.1, 7, 0.5, True)),
    "piecewise": ("PiecewiseConstantDecay", ([3, 9, 20], [1.0, 0.5, 0.2, 0.1])),
    "polynomial": ("PolynomialDecay", (0.1, 10)),
    "polynomial_square": ("PolynomialDecay", (0.1, 10, 0.01, 2.0)),
    "polynomial_cycle": ("PolynomialDecay", (0.1, 10, 0.01, 0.5, True)),
}
PROBES = range(0, 41)


def variables():
    """Four variables of layers; values drawn from a fixed seed."""
    rng = np.random.default_rng(1)
    made = []
    for path, shape in SHAPES.items():
        scope, name = path.split("/")
        with keras.name_scope(scope):
            made.append(keras.Variable(rng.normal(size=shape).astype("float32"), name=name))
    return made


def gradients(step, overflow=False):
    """The gradients of a step; those of step 3 are zero."""
    rng = np.random.default_rng(100 + step)
    made = [rng.normal(size=shape).astype("float32") * (step != 3) for shape in SHAPES.values()]
    if overflow and step in OVERFLOWS:
        made[1][2] = np.inf
    return made


def optimizer(name):
    """The optimizer of a case."""
    kind, arguments = CASES[name]
    return make(kind, dict(arguments, name="o"))


def make(kind, arguments):
    """An optimizer; a schedule or an inner optimizer is (class, arguments)."""
    if isinstance(arguments.get("learning_rate"), tuple):
        schedule, values = arguments["learning_rate"]
        arguments = dict(arguments, learning_rate=getattr(schedules, schedule)(*values))
    if "inner_optimizer" in arguments:
        inner, its = arguments["inner_optimizer"]
        arguments = dict(arguments, inner_optimizer=make(inner, dict(its, name="inner")))
    return getattr(keras.optimizers, kind)(**arguments)


def steps(made, values, stateless=False):
    """Take the steps, one after the other, and yield the variables' values."""
    scaled = hasattr(made, "inner_optimizer")
    for step in range(STEPS):
        grads = [keras.ops.convert_to_tensor(g) for g in gradients(step, scaled)]
        if stateless:
            state = [v.value for v in made.variables]
            new = made.stateless_apply(state, grads, [v.value for v in values])
            for v, value in zip([*values, *made.variables], [*new[0], *new[1]]):
                v.assign(value)
        else:
            made.apply(grads)
        yield np.concatenate([array(v).ravel() for v in values])


def trajectory(name, stateless=False):
    """(values of the variables after the steps (STORED, 50), configuration, paths and shapes)."""
    keras.utils.clear_session()  # default names start anew
    made, values = optimizer(name), variables()
    made.build(values)
    state = [[v.path, list(v.shape), keras.backend.standardize_dtype(v.dtype)]
             for v in made.variables]
    rows = np.stack(list(steps(made, values, stateless)))[STORED]
    return rows, store.config(keras.optimizers.serialize(made)), state


def averaged(name, stateless=False):
    """The variables after `finalize_variable_values`."""
    made, values = optimizer(name), variables()
    made.build(values)
    for _ in steps(made, values, stateless):
        pass
    made.finalize_variable_values(values)
    return np.concatenate([array(v).ravel() for v in values])


def schedule(name):
    """A schedule's values at PROBES, and its configuration."""
    kind, arguments = SCHEDULES[name]
    made = getattr(schedules, kind)(*arguments)
    values = np.array([float(array(made(step))) for step in PROBES], "float32")
    return values, store.config(schedules.serialize(made))


def every():
    """(arrays, data) of everything above."""
    arrays, data = {}, {"optimizers": {}, "state": {}, "schedules": {}}
    for name in CASES:  # Keras's LossScaleOptimizer on JAX steps only without side effects
        arrays[f"trajectory {name}"], data["optimizers"][name], data["state"][name] = (
            trajectory(name, stateless=name in SCALED))
    for name in AVERAGED:
        arrays[f"averaged {name}"] = averaged(name, stateless=name in SCALED)
    for name in SCHEDULES:
        arrays[f"schedule {name}"], data["schedules"][name] = schedule(name)
    return arrays, data
