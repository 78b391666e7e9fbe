"""InputSpec and InputLayer: what they demand, and what they refuse."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers
from minikeras.layers import InputSpec

X = np.ones((2, 3), "float32")


class Demanding(layers.Layer):
    """Its inputs, if they meet the spec."""

    def __init__(self, spec):
        super().__init__(name="mine")
        self.input_spec = spec

    def call(self, inputs):
        return inputs


@pytest.mark.parametrize("spec, x", [
    (InputSpec(ndim=2), X), (InputSpec(min_ndim=1, max_ndim=2), X), (InputSpec(axes={-1: 3}), X),
    (InputSpec(shape=(None, np.int64(3))), X), (InputSpec(dtype="float32"), X),
    (InputSpec(shape=(None, 3, 1), allow_last_axis_squeeze=True), X),
    (InputSpec(shape=(None, 3), allow_last_axis_squeeze=True), X[..., None]),
    ([InputSpec(ndim=2), InputSpec(ndim=1)], [X, X[0]]),
    ([InputSpec(ndim=2), InputSpec(ndim=2, optional=True)], [X, None]),
    ([InputSpec(ndim=2, name="a"), InputSpec(ndim=1, name="b")], {"b": X[0], "a": X}),
    ([InputSpec(ndim=2, name="a"), InputSpec(ndim=2, name="b", optional=True)], {"a": X}),
])
def test_inputs_that_meet_the_spec(spec, x):
    Demanding(spec)(x)


@pytest.mark.parametrize("spec, x, words", [
    (InputSpec(ndim=3), X, r"expected ndim=3, found ndim=2. Full shape received: \(2, 3\)"),
    (InputSpec(max_ndim=1), X, "expected max_ndim=1, found ndim=2"),
    (InputSpec(min_ndim=3), X, "expected min_ndim=3, found ndim=2"),
    (InputSpec(axes={-1: 4}), X, r"expected axis -1 .* value 4, .*shape \(2, 3\)"),
    (InputSpec(shape=(None, 4)), X, r"expected shape=\(None, 4\), found shape=\(2, 3\)"),
    (InputSpec(shape=(2, 3, 4)), X, "expected ndim=3, found ndim=2"),
    (InputSpec(dtype="int32"), X, "expected dtype=int32, found dtype=float32"),
    ([InputSpec(ndim=2)] * 2, [X], r"expects 2 input\(s\), but it received 1"),
    ([InputSpec(ndim=2)] * 2, [X, None], "expects a tensor as input 1. Received: None"),
    ([InputSpec(name="a"), InputSpec(name="b")], {"a": X}, "missing data for input \"b\".*'a'"),
])
def test_inputs_that_do_not(spec, x, words):
    with pytest.raises(ValueError, match=f'"mine".*{words}'):
        Demanding(spec)(x)


def test_symbolic_inputs_are_held_against_it_too():
    layer = Demanding(InputSpec(shape=(4, 3)))
    assert layer(keras.Input((3,))).shape == (None, 3)
    with pytest.raises(ValueError, match="expected shape"):
        layer(keras.Input((5,)))


def test_configuration_of_a_spec():
    spec = InputSpec(dtype="int32", shape=(None, 3), axes={"-1": 3}, optional=True)
    assert spec.axes == {-1: 3} and spec.ndim == 2
    assert InputSpec.from_config(spec.get_config()).get_config() == spec.get_config()
    assert repr(InputSpec(ndim=2, axes={1: 3}, dtype="float32")) == (
        "InputSpec(dtype=float32, ndim=2, axes={1: 3})")


@pytest.mark.parametrize("arguments, error, words", [
    ({"axes": {"a": 2}}, TypeError, "`axes` must be a dict with integer keys"),
    ({"axes": 3}, TypeError, "axes=3"), ({"ndim": 2, "axes": {5: 1}}, ValueError, "Axis 5.*1"),
    ({"max_ndim": 2, "axes": {2: 1}}, ValueError, "Axis 2"), ({"shape": 3}, ValueError, "shape=3"),
    ({"shape": (2.5,)}, ValueError, "shape=.2.5"),
])
def test_arguments_of_a_spec(arguments, error, words):
    with pytest.raises(error, match=words):
        InputSpec(**arguments)


# ---------------------------------------------------------------- InputLayer
@pytest.mark.parametrize("arguments, shape", [
    ({"shape": (3,)}, (None, 3)), ({"shape": (3,), "batch_size": 2}, (2, 3)),
    ({"batch_shape": (2, None)}, (2, None)), ({"shape": ()}, (None,)),
])
def test_shapes_of_an_input(arguments, shape):
    layer = layers.InputLayer(**arguments, name="mine")
    assert layer.batch_shape == layer.output.shape == keras.Input(**arguments).shape == shape
    again = layers.InputLayer.from_config(layer.get_config())
    assert again.get_config() == layer.get_config() == {
        "batch_shape": shape, "dtype": "float32", "sparse": False, "ragged": False,
        "name": "mine", "optional": False,
    }


def test_dtype_and_tensor_of_an_input():
    assert keras.Input((3,), dtype="int8").dtype == "int8"
    keras.config.set_floatx("float64")
    assert keras.Input((3,)).dtype == "float64"
    tensor = keras.KerasTensor((2, 3), "int32")
    layer = layers.InputLayer(input_tensor=tensor)
    assert layer.output is tensor and layer.dtype == "int32" and layer.batch_shape == (2, 3)
    assert keras.Input(tensor=keras.KerasTensor((2, 3))).shape == (2, 3)


@pytest.mark.parametrize("arguments, words", [
    ({}, "must pass a `shape`"), ({"shape": (3,), "batch_shape": (2, 3)}, "both `shape` and"),
    ({"batch_shape": (2, 3), "batch_size": 2}, "both `batch_size` and"),
    ({"shape": (-1,)}, r"whole numbers.*\(None, -1\)"), ({"shape": (2.5,)}, "2.5"),
    ({"shape": (3,), "dtype": "unheard"}, "Invalid dtype: 'unheard'"),
    ({"shape": (3,), "sparse": True}, "not supported"), ({"input_tensor": X}, "KerasTensor"),
    ({"shape": (3,), "surprise": 1}, "surprise"),
])
def test_arguments_of_an_input(arguments, words):
    with pytest.raises(ValueError, match=words):
        layers.InputLayer(**arguments)


def test_an_input_is_not_called():
    with pytest.raises(TypeError, match="too many positional arguments"):
        layers.InputLayer((3,))(X)
