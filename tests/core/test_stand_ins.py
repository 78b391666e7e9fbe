"""Layers whose `call` computes with dimensions that are not known, as programs for Keras do."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops


def noise(x):
    return x + keras.random.normal((ops.shape(x)[0], ops.shape(x)[1]))


def halves(x):
    n, t, width = ops.shape(x)
    return ops.reshape(x, (n, t // 2, width * 2))


def causal(x):
    n, t, _ = ops.shape(x)
    allowed = ops.arange(t)[:, None] >= ops.arange(t)
    return ops.tile(ops.reshape(ops.cast(allowed, "int32"), (1, t, t)), (n, 1, 1))


def zeros_like_batch(x):
    return ops.concatenate([ops.zeros((x.shape[0], 1)), x], axis=1)


def flat(x):
    return ops.reshape(x, (x.shape[0] * x.shape[1], x.shape[2]))


def steps(x):
    return ops.stack([x[:, t] * t for t in range(x.shape[1])], axis=1)


def several(x):
    return {"n": ops.ones((x.shape[0],)), "x": (x, [ops.repeat(x, x.shape[1], axis=1)])}


ROWS = {
    "a draw": (noise, (None, 3), (None, 3)),
    "halves": (halves, (None, None, 4), (None, None, 8)),
    "a causal mask": (causal, (None, 5, 2), (None, 5, 5)),
    "a causal mask of any length": (causal, (None, None, 2), (None, None, None)),
    "zeros": (zeros_like_batch, (None, 3), (None, 4)),
    "a product": (flat, (None, 3, 2), (None, 2)),
    "a loop": (steps, (None, None, 2), (None, None, 2)),
}


class Applies(layers.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        return self.function(x)


class InModel(keras.Model):
    def __init__(self, function):
        super().__init__()
        self.inner = Applies(function)

    def call(self, x):
        return self.inner(x)


@pytest.mark.parametrize("kind", [Applies, InModel])
@pytest.mark.parametrize("row", ROWS)
def test_shapes_and_values(row, kind):
    function, given, wanted = ROWS[row]
    x = keras.Input(given[1:])
    y = kind(function)(x)
    assert y.shape == wanted
    model = keras.Model(x, y)
    value = np.arange(np.prod([2, *(d or 6 for d in given[1:])]), dtype="float32")
    value = value.reshape(2, *(d or 6 for d in given[1:]))
    keras.utils.set_random_seed(0)
    found = model(value).numpy()
    keras.utils.set_random_seed(0)
    want = function(ops.convert_to_tensor(value)).numpy()
    assert found.shape == want.shape
    if function is not noise:
        np.testing.assert_array_equal(found, want)


def test_structures():
    made = Applies(several)(keras.Input((2, 3)))
    assert made["n"].shape == (None,)
    assert made["x"][0].shape == (None, 2, 3) and made["x"][1][0].shape == (None, 4, 3)


def test_lambda():
    y = layers.Lambda(zeros_like_batch)(keras.Input((3,)))
    assert y.shape == (None, 4)


def test_masks():
    class Masks(layers.Layer):
        supports_masking = True

        def compute_mask(self, x, mask=None):
            return ops.concatenate([mask, mask], axis=1)

        def call(self, x, mask=None):
            assert mask.shape[0] * 2 > 0
            return ops.concatenate([x, x], axis=1)

    x = layers.Embedding(3, 2, mask_zero=True)(keras.Input((4,), dtype="int32"))
    y = Masks()(x)
    assert y.shape == (None, 8, 2) and y._keras_mask.shape == (None, 8)


def test_an_error_is_the_one_of_the_call_itself():
    def wrong(x):
        return ops.matmul(x, ops.ones((4, 4)))

    with pytest.raises(ValueError, match=r"3.*4") as error:
        Applies(wrong)(keras.Input((3,)))
    assert "48" not in str(error.value) and "None" in str(error.value)
    with pytest.raises(ZeroDivisionError):
        Applies(lambda x: x / (1 // 0))(keras.Input((3,)))


def test_the_number_of_axes_must_not_depend_on_lengths():
    def squeezed(x):
        return ops.reshape(x, (x.shape[0] // 48,) * (x.shape[0] // 48))

    with pytest.raises(TypeError):
        Applies(squeezed)(keras.Input((3,)))


# ---------------------------------------------------------------- building by `call`
class Inside(layers.Layer):
    """No `build`, and shapes that are known without `call`."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def compute_output_shape(self, shape):
        return (*shape[:-1], 3)

    def call(self, x):
        return self.dense(x)


def test_sublayers_are_built_where_the_shape_is_known_without_them():
    x = keras.Input((2,))
    layer = Inside()
    model = keras.Model(x, layer(x))
    assert layer.dense.built and model.count_params() == 9
    assert [tuple(v.shape) for v in model.trainable_weights] == [(2, 3), (3,)]
