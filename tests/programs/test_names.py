"""The names of TensorFlow that Keras programs touch exist, and are ours."""

import operator

import pytest

import minikeras as tf

NAMES = """
Variable constant convert_to_tensor cast shape reshape expand_dims squeeze concat stack split
transpose tile gather range linspace zeros ones zeros_like ones_like reduce_mean reduce_sum
reduce_max reduce_min square sqrt exp abs pow matmul tensordot einsum maximum minimum
clip_by_value where one_hot argmax reverse stop_gradient function GradientTape
random.normal random.uniform random.set_seed nn.relu nn.softmax nn.sigmoid nn.tanh nn.dropout
nn.sparse_softmax_cross_entropy_with_logits math.log math.exp math.reduce_sum math.square
image.resize device config.list_physical_devices Module keras.layers.Dense
""".split()


DTYPES = "bool uint8 int32 int64 float16 bfloat16 float32 float64".split()


@pytest.mark.parametrize("name", NAMES)
def test_name_is_something_to_call(name):
    assert callable(operator.attrgetter(name)(tf))


@pytest.mark.parametrize("name", DTYPES)
def test_dtype(name):
    assert tf.cast([0, 1], getattr(tf, name)).dtype == name
    assert tf.zeros((2,), dtype=getattr(tf, name)).dtype == name


def test_newaxis():
    assert tf.ones((2,))[:, tf.newaxis].shape == (2, 1)


@pytest.mark.parametrize("name", ["raw_ops", "distribute", "no_such_thing", "math.no_such_thing"])
def test_other_names_are_errors_that_name_them(name):
    with pytest.raises(AttributeError, match=name.split(".")[-1]):
        operator.attrgetter(name)(tf)
