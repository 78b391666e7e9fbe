"""Update rules in float64 against the papers' algorithms in NumPy."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import optimizers

RATE = 0.1
B1, B2, EPS = 0.8, 0.95, 1e-3


def sgd(w, g, t, s, momentum=0.0, nesterov=False):
    s["v"] = momentum * s.get("v", 0.0) - RATE * g
    return w + (momentum * s["v"] - RATE * g if nesterov else s["v"])


def adam(w, g, t, s, amsgrad=False):
    s["m"] = B1 * s.get("m", 0.0) + (1 - B1) * g
    s["v"] = B2 * s.get("v", 0.0) + (1 - B2) * g**2
    m_hat, v_hat = s["m"] / (1 - B1**t), s["v"] / (1 - B2**t)
    if amsgrad:
        s["top"] = np.maximum(s.get("top", 0.0), s["v"])
        v_hat = s["top"] / (1 - B2**t)
    epsilon = EPS / np.sqrt(1 - B2**t)  # "epsilon hat" of the paper
    return w - RATE * m_hat / (np.sqrt(v_hat) + epsilon)


def adamax(w, g, t, s):
    s["m"] = B1 * s.get("m", 0.0) + (1 - B1) * g
    s["u"] = np.maximum(B2 * s.get("u", 0.0), np.abs(g))
    return w - RATE / (1 - B1**t) * s["m"] / (s["u"] + EPS)


def rmsprop(w, g, t, s, momentum=0.0, centered=False):
    s["v"] = B1 * s.get("v", 0.0) + (1 - B1) * g**2
    s["a"] = B1 * s.get("a", 0.0) + (1 - B1) * g
    variance = s["v"] - s["a"]**2 if centered else s["v"]
    s["m"] = momentum * s.get("m", 0.0) + RATE * g / np.sqrt(variance + EPS)
    return w - s["m"]


def adagrad(w, g, t, s):
    s["a"] = s.get("a", 0.1) + g**2
    return w - RATE * g / np.sqrt(s["a"] + EPS)


def adadelta(w, g, t, s):
    s["a"] = B1 * s.get("a", 0.0) + (1 - B1) * g**2
    step = np.sqrt(s.get("d", 0.0) + EPS) / np.sqrt(s["a"] + EPS) * g
    s["d"] = B1 * s.get("d", 0.0) + (1 - B1) * step**2
    return w - RATE * step


def lion(w, g, t, s):
    m = s.get("m", 0.0)
    s["m"] = B2 * m + (1 - B2) * g
    return w - RATE * np.sign(B1 * m + (1 - B1) * g)


def lamb(w, g, t, s):
    s["m"] = B1 * s.get("m", 0.0) + (1 - B1) * g
    s["v"] = B2 * s.get("v", 0.0) + (1 - B2) * g**2
    r = s["m"] / (1 - B1**t) / (np.sqrt(s["v"] / (1 - B2**t)) + EPS)
    return w - RATE * np.linalg.norm(w) / np.linalg.norm(r) * r


def ftrl(w, g, t, s):
    l1, l2 = 0.2, 0.3
    before = s.get("n", 0.1)
    s["n"] = before + g**2
    sigma = (np.sqrt(s["n"]) - np.sqrt(before)) / RATE
    s["z"] = s.get("z", 0.0) + g - sigma * w
    moved = (np.sign(s["z"]) * l1 - s["z"]) / (np.sqrt(s["n"]) / RATE + 2 * l2)
    return np.where(np.abs(s["z"]) <= l1, 0.0, moved)


def schedule_free(w, g, t, s):
    z = s.setdefault("z", w)
    x = s.setdefault("x", w)
    s["v"] = B2 * s.get("v", 0.0) + (1 - B2) * g**2
    s["z"] = z - RATE * g / (np.sqrt(s["v"] / (1 - B2**t)) + EPS)
    s["x"] = (1 - 1 / t) * x + s["z"] / t
    return (1 - B1) * s["z"] + B1 * s["x"]


def adafactor(w, g, t, s):
    beta_2 = 1 - t**-0.8
    squares = g**2 + 1e-30
    s["r"] = beta_2 * s.get("r", 0.0) + (1 - beta_2) * squares.mean(-1)
    s["c"] = beta_2 * s.get("c", 0.0) + (1 - beta_2) * squares.mean(-2)
    u = g / np.sqrt(np.outer(s["r"], s["c"]) / s["r"].mean())
    u /= max(1.0, np.sqrt((u**2).mean()))
    return w - max(1e-3, np.sqrt((w**2).mean())) * min(RATE, t**-0.5) * u


def muon(w, g, t, s):
    s["m"] = 0.95 * s.get("m", 0.0) + g
    x = g + 0.95 * s["m"]
    x = x / (np.linalg.norm(x) + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.775 * gram + 2.0315 * gram @ gram) @ x
    return w - RATE * 0.2 * np.sqrt(max(w.shape)) * x


BETAS = {"beta_1": B1, "beta_2": B2, "epsilon": EPS}
CASES = {
    "sgd": (sgd, {}, optimizers.SGD, {}),
    "momentum": (sgd, {"momentum": 0.9}, optimizers.SGD, {"momentum": 0.9}),
    "nesterov": (sgd, {"momentum": 0.9, "nesterov": True}, optimizers.SGD,
                 {"momentum": 0.9, "nesterov": True}),
    "adam": (adam, {}, optimizers.Adam, BETAS),
    "amsgrad": (adam, {"amsgrad": True}, optimizers.Adam, {**BETAS, "amsgrad": True}),
    "adamax": (adamax, {}, optimizers.Adamax, BETAS),
    "rmsprop": (rmsprop, {}, optimizers.RMSprop, {"rho": B1, "epsilon": EPS}),
    "rmsprop_all": (rmsprop, {"momentum": 0.5, "centered": True}, optimizers.RMSprop,
                    {"rho": B1, "epsilon": EPS, "momentum": 0.5, "centered": True}),
    "adagrad": (adagrad, {}, optimizers.Adagrad, {"epsilon": EPS}),
    "adadelta": (adadelta, {}, optimizers.Adadelta, {"rho": B1, "epsilon": EPS}),
    "lion": (lion, {}, optimizers.Lion, {"beta_1": B1, "beta_2": B2}),
    "lamb": (lamb, {}, optimizers.Lamb, BETAS),
    "ftrl": (ftrl, {}, optimizers.Ftrl, {"l1_regularization_strength": 0.2,
                                         "l2_regularization_strength": 0.3}),
    "schedule_free": (schedule_free, {}, optimizers.ScheduleFreeAdamW, BETAS),
    "adafactor": (adafactor, {}, optimizers.Adafactor, {}),
    "muon": (muon, {}, optimizers.Muon, {"weight_decay": None}),
}


@pytest.mark.parametrize("name", CASES)
def test_rule(name, rng):
    rule, options, cls, arguments = CASES[name]
    keras.config.set_floatx("float64")
    w = rng.normal(size=(3, 4))
    variable = keras.Variable(w, dtype="float64", name="kernel")
    optimizer = cls(RATE, **arguments)
    state = {}
    for t in range(1, 6):
        g = rng.normal(size=(3, 4))
        optimizer.apply([keras.ops.convert_to_tensor(g)], [variable])
        w = rule(w, g, t, state, **options)
        np.testing.assert_allclose(variable.numpy(), w, rtol=1e-12, atol=1e-13)


def test_nadam(rng):
    """With mu as Keras has it."""
    keras.config.set_floatx("float64")
    w = rng.normal(size=(3, 4))
    variable = keras.Variable(w, dtype="float64")
    optimizer = optimizers.Nadam(RATE, B1, B2, EPS)
    m = v = 0.0
    product = 1.0
    for t in range(1, 6):
        g = rng.normal(size=(3, 4))
        optimizer.apply([keras.ops.convert_to_tensor(g)], [variable])
        mu, after = (B1 * (1 - 0.5 * 0.96**k) for k in (t, t + 1))
        product *= mu
        m, v = B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * g**2
        m_hat = after * m / (1 - product * after) + (1 - mu) * g / (1 - product)
        w = w - RATE * m_hat / (np.sqrt(v / (1 - B2**t)) + EPS)
        np.testing.assert_allclose(variable.numpy(), w, rtol=1e-12)


def test_newton_schulz_makes_singular_values_near_one(rng):
    x = rng.normal(size=(6, 4)).astype("float32")
    y = optimizers.Muon().zeropower_via_newtonschulz5(x, 10).numpy()
    s = np.linalg.svd(y, compute_uv=False)
    assert y.shape == (6, 4)
    assert 0.6 < s.min() and s.max() < 1.3
