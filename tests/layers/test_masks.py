"""Masks from an embedding through other layers, for sequences of any length, in training too."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

KEEP = {
    "Activation": {"activation": "relu"}, "ActivityRegularization": {},
    "AlphaDropout": {"rate": 0.3}, "BatchNormalization": {}, "Dense": {"units": 4},
    "Dropout": {"rate": 0.3}, "ELU": {}, "GaussianDropout": {"rate": 0.3},
    "GaussianNoise": {"stddev": 0.3}, "GroupNormalization": {"groups": 2}, "Identity": {},
    "LayerNormalization": {}, "LeakyReLU": {}, "PReLU": {"shared_axes": [1]}, "ReLU": {},
    "SpatialDropout1D": {"rate": 0.3}, "UnitNormalization": {},
}
DROP = {
    "Conv1D": {"filters": 4, "kernel_size": 1}, "Cropping1D": {"cropping": 0},
    "EinsumDense": {"equation": "abc,cd->abd", "output_shape": (None, 4)}, "MaxPooling1D": {},
    "Permute": {"dims": (2, 1)}, "RMSNormalization": {}, "Reshape": {"target_shape": (-1, 4)},
    "UpSampling1D": {"size": 1}, "ZeroPadding1D": {"padding": 0},
}


def embedded():
    inputs = keras.Input((None,), dtype="int32")
    return inputs, layers.Embedding(7, 4, mask_zero=True)(inputs)


@pytest.mark.parametrize("name", KEEP)
def test_masks_are_kept(name):
    indices = np.array([[1, 2, 0], [3, 0, 0]])
    x = layers.Embedding(7, 4, mask_zero=True)(indices)
    y = getattr(layers, name)(**KEEP[name])(x, **({"training": True} if "Drop" in name else {}))
    np.testing.assert_array_equal(ops.convert_to_numpy(y._keras_mask), indices != 0)


@pytest.mark.parametrize("name", KEEP)
def test_masks_reach_the_end_whatever_the_length(name):
    inputs, x = embedded()
    x = getattr(layers, name)(**KEEP[name])(x)
    both = layers.Concatenate(axis=1)([x, layers.Add()([x, x])])
    wide = layers.Concatenate()([x, layers.Average()([x, x])])
    ends = [layers.Dense(1)(layers.GlobalAveragePooling1D()(h)) for h in (both, wide)]
    model = keras.Model(inputs, layers.Multiply()(ends))
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    for length in (5, 8):
        model.fit(rng.integers(1, 7, (6, length)), np.zeros((6, 1)), batch_size=4, verbose=0)
    short = rng.integers(1, 7, (3, 4))
    padded = np.pad(short, [(0, 0), (0, 3)])
    got = [model.predict(x, verbose=0) for x in (short, padded)]
    if name != "GroupNormalization":  # its statistics are over all steps
        np.testing.assert_allclose(got[1], got[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", DROP)
def test_a_layer_that_cannot_pass_a_mask_on_says_so(name):
    _, x = embedded()
    with pytest.warns(UserWarning, match=f"of type {name}.*does not support masking"):
        y = getattr(layers, name)(**DROP[name])(x)
    assert getattr(y, "_keras_mask", None) is None
