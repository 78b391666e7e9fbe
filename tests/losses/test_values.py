"""Each loss against its definition in float64, with gradients against central differences."""

import numpy as np
import pytest
from scipy import special

import minikeras as keras
from minikeras import losses, ops

EPSILON = 1e-7


def huber(t, p, delta):
    e = np.abs(t - p)
    return np.where(e <= delta, e**2 / 2, delta * e - delta**2 / 2).mean(-1)


def cosine(t, p, axis=-1):
    t, p = (x / np.sqrt(np.sum(x**2, axis, keepdims=True)) for x in (t, p))
    return -(t * p).sum(axis)


def tversky(t, p, alpha, beta, axis=None):
    hits = (t * p).sum(axis)
    wrong = alpha * ((1 - t) * p).sum(axis) + beta * (t * (1 - p)).sum(axis)
    return 1 - hits / (hits + wrong + EPSILON)


def binary(t, p):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def smooth(t, s, classes):
    return t * (1 - s) + s / classes


def focal(t, p, alpha, gamma, axis=-1):
    p = p / p.sum(axis, keepdims=True)
    return -(alpha * (1 - p) ** gamma * t * np.log(p)).sum(axis)


def circle(labels, x, gamma, margin, remove_diagonal=True):
    """Equation (6) of the paper, pair by pair."""
    found = []
    for i in range(len(x)):
        positive, negative = [], []
        for j in range(len(x)):
            s = x[i] @ x[j]
            if labels[i] != labels[j]:
                negative.append(gamma * max(s + margin, 0) * (s - margin))
            elif i != j or not remove_diagonal:
                positive.append(-gamma * max(1 + margin - s, 0) * (s - 1 + margin))
        none = not positive or not negative
        found.append(0.0 if none else np.logaddexp(
            0, special.logsumexp(positive) + special.logsumexp(negative)))
    return np.array(found)


def data():
    """float64 targets and predictions of the kinds that losses take."""
    rng = np.random.default_rng(3)
    real, guess = rng.normal(size=(2, 4, 5)), rng.normal(size=(2, 4, 5)) * 2
    p = rng.uniform(0.05, 0.95, (2, 4, 5))
    labels = rng.integers(0, 5, (2, 4))
    signs = np.sign(rng.normal(size=(2, 4, 5)))
    return {
        "real": (real, guess), "positive": (np.abs(real) + 0.1, np.abs(guess) + 0.1),
        "probability": ((p > 0.5).astype(float)[::-1].copy(), p), "onehot": (np.eye(5)[labels], p),
        "logits": (np.eye(5)[labels], guess), "distribution": (p[::-1] / 3, p),
        "signs": (signs, guess), "bits": ((signs + 1) / 2, guess), "labels": (labels, p),
        "label_logits": (labels, guess),
    }


DATA = data()
TABLE = [  # function, data, arguments, definition
    ("mean_squared_error", "real", {}, lambda t, p: ((t - p) ** 2).mean(-1)),
    ("mean_absolute_error", "real", {}, lambda t, p: np.abs(t - p).mean(-1)),
    ("mean_absolute_percentage_error", "real", {},
     lambda t, p: 100 * np.abs((t - p) / t).mean(-1)),
    ("mean_squared_logarithmic_error", "positive", {},
     lambda t, p: ((np.log1p(t) - np.log1p(p)) ** 2).mean(-1)),
    ("huber", "real", {}, lambda t, p: huber(t, p, 1.0)),
    ("huber", "real", {"delta": 0.3}, lambda t, p: huber(t, p, 0.3)),
    ("log_cosh", "real", {}, lambda t, p: np.log(np.cosh(t - p)).mean(-1)),
    ("cosine_similarity", "real", {}, cosine),
    ("cosine_similarity", "real", {"axis": 1}, lambda t, p: cosine(t, p, 1)),
    ("hinge", "signs", {}, lambda t, p: np.maximum(1 - t * p, 0).mean(-1)),
    ("hinge", "bits", {}, lambda t, p: np.maximum(1 - (2 * t - 1) * p, 0).mean(-1)),
    ("squared_hinge", "bits", {}, lambda t, p: (np.maximum(1 - (2 * t - 1) * p, 0) ** 2).mean(-1)),
    ("categorical_hinge", "onehot", {}, lambda t, p: np.maximum(
        ((1 - t) * p).max(-1) - (t * p).sum(-1) + 1, 0)),
    ("kl_divergence", "distribution", {}, lambda t, p: (t * np.log(t / p)).sum(-1)),
    ("poisson", "positive", {}, lambda t, p: (p - t * np.log(p + EPSILON)).mean(-1)),
    ("binary_crossentropy", "probability", {}, lambda t, p: binary(t, p).mean(-1)),
    ("binary_crossentropy", "probability", {"label_smoothing": 0.2, "axis": 1},
     lambda t, p: binary(smooth(t, 0.2, 2), p).mean(1)),
    ("binary_crossentropy", "logits", {"from_logits": True},
     lambda t, p: binary(t, special.expit(p)).mean(-1)),
    ("binary_focal_crossentropy", "probability", {"gamma": 1.5}, lambda t, p: (
        (1 - np.where(t > 0, p, 1 - p)) ** 1.5 * binary(t, p)).mean(-1)),
    ("binary_focal_crossentropy", "logits",
     {"from_logits": True, "apply_class_balancing": True, "alpha": 0.3},
     lambda t, z: (np.where(t > 0, 0.3, 0.7) * special.expit(np.where(t > 0, -z, z)) ** 2
                   * binary(t, special.expit(z))).mean(-1)),
    ("categorical_crossentropy", "onehot", {},
     lambda t, p: -(t * np.log(p / p.sum(-1, keepdims=True))).sum(-1)),
    ("categorical_crossentropy", "logits", {"from_logits": True, "label_smoothing": 0.1},
     lambda t, z: -(smooth(t, 0.1, 5) * special.log_softmax(z, -1)).sum(-1)),
    ("categorical_crossentropy", "onehot", {"axis": 1, "label_smoothing": 0.1},
     lambda t, p: -(smooth(t, 0.1, 4) * np.log(p / p.sum(1, keepdims=True))).sum(1)),
    ("sparse_categorical_crossentropy", "labels", {}, lambda t, p: -np.log(
        np.take_along_axis(p / p.sum(-1, keepdims=True), t[..., None], -1))[..., 0]),
    ("sparse_categorical_crossentropy", "label_logits",
     {"from_logits": True, "ignore_class": 2}, lambda t, z: np.where(
        t == 2, 0, -np.take_along_axis(special.log_softmax(z, -1), t[..., None], -1)[..., 0])),
    ("categorical_focal_crossentropy", "onehot", {}, lambda t, p: focal(t, p, 0.25, 2.0)),
    ("categorical_focal_crossentropy", "logits",
     {"from_logits": True, "alpha": [0.1, 0.2, 0.3, 0.4, 0.5], "gamma": 1.5},
     lambda t, z: focal(t, special.softmax(z, -1), np.arange(1, 6) / 10, 1.5)),
    ("categorical_generalized_cross_entropy", "labels", {"q": 0.3}, lambda t, p: (
        1 - np.take_along_axis(p, t[..., None], -1)[..., 0] ** 0.3) / 0.3),
    ("dice", "probability", {}, lambda t, p: 1 - 2 * (t * p).sum() / (t.sum() + p.sum() + EPSILON)),
    ("dice", "probability", {"axis": (1, 2)}, lambda t, p: 1 - 2 * (t * p).sum((1, 2)) / (
        t.sum((1, 2)) + p.sum((1, 2)) + EPSILON)),
    ("tversky", "probability", {}, lambda t, p: tversky(t, p, 0.5, 0.5)),
    ("tversky", "probability", {"alpha": 0.2, "beta": 0.7, "axis": 1},
     lambda t, p: tversky(t, p, 0.2, 0.7, 1)),
]
IDS = [f"{row[0]} {' '.join(map(str, row[2]))}".strip() for row in TABLE]


def in_dtype(x, dtype):
    return x if x.dtype.kind == "i" else x.astype(dtype)


@pytest.mark.parametrize("name, kind, arguments, definition", TABLE, ids=IDS)
def test_definition(name, kind, arguments, definition, device):
    t, p = DATA[kind]
    function = getattr(losses, name)
    want = definition(t, p)
    got = function(ops.convert_to_tensor(t), ops.convert_to_tensor(p), **arguments)
    assert tuple(got.shape) == np.shape(want)
    np.testing.assert_allclose(got.numpy(), want, 1e-6 if "log_cosh" not in name else 1e-9)
    short = function(in_dtype(t, "float32"), in_dtype(p, "float32"), **arguments)
    assert keras.backend.standardize_dtype(short.dtype) == "float32"
    np.testing.assert_allclose(short.numpy(), want, 1e-5, 1e-6)


@pytest.mark.parametrize("name, kind, arguments, definition", TABLE, ids=IDS)
def test_gradient(name, kind, arguments, definition):
    t, p = DATA[kind]
    t, p = t[:1, :2], p[:1, :2]
    function = getattr(losses, name)
    weights = np.random.default_rng(0).normal(size=np.shape(definition(*DATA[kind])))
    if weights.ndim:
        weights = np.random.default_rng(0).normal(
            size=tuple(function(ops.convert_to_tensor(t), ops.convert_to_tensor(p),
                                **arguments).shape))

    def scalar(p):
        return ops.sum(function(ops.convert_to_tensor(t), p, **arguments)
                       * ops.convert_to_tensor(weights))

    x = ops.convert_to_tensor(p)
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = scalar(x)
    got = tape.gradient(y, x).numpy()
    want = np.zeros_like(p)
    for i in np.ndindex(*p.shape):
        step = np.zeros_like(p)
        step[i] = 1e-6
        high, low = (float(scalar(ops.convert_to_tensor(p + d))) for d in (step, -step))
        want[i] = (high - low) / 2e-6
    np.testing.assert_allclose(got, want, 1e-5, 1e-7)


@pytest.mark.parametrize("name, kind, arguments, definition", TABLE, ids=IDS)
def test_class_is_the_mean_of_the_function(name, kind, arguments, definition):
    special_names = {"kl_divergence": "KLDivergence", "log_cosh": "LogCosh"}
    camel = "".join(w.capitalize() for w in name.split("_"))
    cls = getattr(losses, special_names.get(name, camel))
    loss = cls(**arguments)
    t, p = DATA[kind]
    got = loss(in_dtype(t, "float32"), in_dtype(p, "float32"))
    counted = t != arguments["ignore_class"] if "ignore_class" in arguments else ...
    np.testing.assert_allclose(float(got), np.mean(definition(t, p)[counted]), 1e-5, 1e-6)
    again = cls.from_config(loss.get_config())
    assert again.get_config() == loss.get_config()
    np.testing.assert_array_equal(float(again(in_dtype(t, "float32"), in_dtype(p, "float32"))),
                                  float(got))


def test_every_loss_is_in_the_table():
    functions = {n for n in dir(losses) if n[0].islower()}
    elsewhere = {"circle", "ctc", "get", "serialize", "deserialize"}
    assert functions - elsewhere == {row[0] for row in TABLE}


# ---------------------------------------------------------------- edges
def test_log_cosh_does_not_overflow():
    got = losses.log_cosh(np.array([[1e4, 0.0]]), np.array([[0.0, 1e-5]]))
    np.testing.assert_allclose(got.numpy(), [(1e4 - np.log(2) + 0.5e-10) / 2])


def test_cosine_of_a_zero_vector_is_zero_and_differentiable():
    x = ops.zeros((2, 3))
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = losses.cosine_similarity(np.ones((2, 3), "float32"), x)
    np.testing.assert_array_equal(y.numpy(), [0, 0])
    assert np.all(np.isfinite(tape.gradient(y, x).numpy()))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_zero_vectors_in_short_dtypes(dtype):
    got = losses.cosine_similarity(ops.zeros((1, 3), dtype), ops.zeros((1, 3), dtype))
    assert float(got[0]) == 0


def test_percentage_error_of_targets_near_zero():
    got = losses.mean_absolute_percentage_error(np.array([[0.0]]), np.array([[1e-7]]))
    np.testing.assert_allclose(got.numpy(), [100.0])


def test_hinge_targets_other_than_0_and_1_are_taken_as_they_are():
    t, p = np.array([[2.0, 1.0, 0.0]]), np.array([[0.2, 0.3, 0.4]])
    np.testing.assert_allclose(
        losses.hinge(t, p).numpy(), np.maximum(1 - t * p, 0).mean(-1))


def test_generalized_crossentropy_has_a_gradient_at_probability_0():
    p = ops.convert_to_tensor([[0.0, 1.0]])
    with keras.GradientTape() as tape:
        tape.watch(p)
        loss = losses.categorical_generalized_cross_entropy([0], p, 0.5)
    np.testing.assert_array_equal(loss.numpy(), [2.0])
    np.testing.assert_array_equal(tape.gradient(loss, p).numpy(), [[0.0, 0.0]])


def test_generalized_crossentropy_of_small_probabilities():
    p = np.array([[1e-8, 1.0], [1e-30, 1.0], [0.0, 1.0], [1e-3, 1.0]], "float32")
    loss = losses.categorical_generalized_cross_entropy([0] * 4, p, 0.25)
    np.testing.assert_allclose(loss.numpy(), (1 - p[:, 0].astype("float64")**0.25) / 0.25, 1e-6)


@pytest.mark.parametrize("q", [0.0, 1.0, 1.5, -0.1])
def test_generalized_crossentropy_refuses_other_q(q):
    with pytest.raises(ValueError, match=r"interval \(0, 1\)"):
        losses.CategoricalGeneralizedCrossEntropy(q=q)


@pytest.mark.parametrize("remove", [True, False])
def test_circle(rng, device, remove):
    x = rng.normal(size=(6, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    labels = np.array([0, 1, 0, 1, 2, 0])
    want = circle(labels, x, 3.0, 0.25, remove)
    got = losses.circle(labels, ops.convert_to_tensor(x), remove_diagonal=remove, gamma=3.0,
                        margin=0.25)
    np.testing.assert_allclose(got.numpy(), want, 1e-7, 1e-12)
    loss = losses.Circle(gamma=3.0, margin=0.25, remove_diagonal=remove)
    np.testing.assert_allclose(
        float(loss(labels[:, None], x)), want[want > 0].mean(), 1e-5)


def test_circle_with_references(rng):
    x, references = rng.normal(size=(4, 3)), rng.normal(size=(2, 3))
    x, references = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (x, references))
    labels, others = np.array([0, 1, 0, 1]), np.array([0, 1])
    got = losses.circle(labels, ops.convert_to_tensor(x), others, references, False, 2.0, 0.4)
    s = x @ references.T
    same = labels[:, None] == others
    p = (2.0 * np.maximum(1.4 - s, 0) * (0.6 - s))[same]
    n = (2.0 * np.maximum(s + 0.4, 0) * (s - 0.4))[~same]
    np.testing.assert_allclose(got.numpy(), np.logaddexp(0, p + n), 1e-7)


def test_classes_axis_must_be_one_integer():
    with pytest.raises(ValueError, match=r"one integer.*axis=\(0, 1\)"):
        losses.categorical_crossentropy(np.eye(2), np.eye(2), axis=(0, 1))


def test_large_labels_are_not_rounded():
    """Labels stay integers: float16 has no 2049."""
    p = np.full((1, 2100), 1e-4, "float32")
    p[0, 2049] = 1.0
    loss = losses.SparseCategoricalCrossentropy(dtype="float16", reduction="sum")
    want = -np.log(1.0 / (1.0 + 2099e-4))
    np.testing.assert_allclose(float(loss(np.array([2049]), p)), want, 1e-2)
