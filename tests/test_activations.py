"""keras.activations: values against NumPy and SciPy, names. Gradients: the ops' own tests."""

import numpy as np
import pytest
from scipy import special

import minikeras as keras
from minikeras import activations

X = np.array([-3.0, -1.0, -0.1, 0.0, 0.1, 1.0, 3.0, 7.0])
FORMULAS = {
    "linear": lambda x: x,
    "exponential": np.exp,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "celu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: 1.0507009873554805 * np.where(
        x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: x * special.ndtr(x),
    "sigmoid": special.expit,
    "silu": lambda x: x * special.expit(x),
    "swish": lambda x: x * special.expit(x),
    "tanh": np.tanh,
    "softplus": lambda x: np.logaddexp(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "softmax": special.softmax,
    "log_softmax": special.log_softmax,
    "log_sigmoid": special.log_expit,
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "squareplus": lambda x: (x + np.sqrt(x**2 + 4)) / 2,
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "sparse_plus": lambda x: np.where(x < -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)),
    "glu": lambda x: x[:4] * special.expit(x[4:]),
    "sparsemax": lambda x: (x == x.max()) * 1.0,  # 7 leads by more than 1
}


@pytest.mark.parametrize("name", FORMULAS)
def test_values(name):
    got = getattr(activations, name)(keras.ops.convert_to_tensor(X)).numpy()
    np.testing.assert_allclose(got, FORMULAS[name](X), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", FORMULAS)
def test_name_and_function(name):
    function = activations.get(name)
    assert function is getattr(activations, name)
    own = {"swish": "silu", "hard_swish": "hard_silu"}.get(name, name)
    assert activations.serialize(function) == own
    assert activations.deserialize(own) is function


def test_threshold():
    got = activations.threshold(X, 0.5, -9.0).numpy()
    np.testing.assert_array_equal(got, np.where(X > 0.5, X, -9.0))


@pytest.mark.parametrize("slope, top, threshold", [
    (0.1, 2.0, 0.5), (0.0, 2.0, 0.0), (0.0, None, 0.5), (0.1, 6, 0), (0.0, None, -0.5),
    (0.1, None, -0.5),
])
def test_relu(slope, top, threshold):
    expected = np.where(X > threshold, X, slope * (X - threshold))
    if top is not None:
        expected = np.minimum(expected, top)
    got = activations.relu(X, negative_slope=slope, max_value=top, threshold=threshold).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_approximate_gelu():
    inner = np.sqrt(2 / np.pi) * (X + 0.044715 * X**3)
    np.testing.assert_allclose(
        activations.gelu(X, approximate=True).numpy(), X / 2 * (1 + np.tanh(inner)), rtol=1e-6)


def test_get():
    assert activations.get(None) is activations.linear
    assert activations.get(np.tanh) is np.tanh
    config = {"class_name": "function", "config": "relu", "module": "builtins",
              "registered_name": "function"}
    assert activations.get(config) is activations.relu
    assert activations.serialize(keras.ops.relu) == "relu"
    for wrong in ("nope", 3):
        with pytest.raises(ValueError, match="Could not interpret activation function identifier"):
            activations.get(wrong)


def test_registered_function():
    @keras.saving.register_keras_serializable("tests")
    def cube(x):
        return x * x * x

    config = activations.serialize(cube)  # not its name, which Keras cannot read
    assert config == {"module": "builtins", "class_name": "function", "config": "tests>cube",
                      "registered_name": "function"}
    assert activations.deserialize(config) is cube
    assert activations.get("tests>cube") is cube
