"""Every layer case of `golden.layer_cases` against Keras: values, gradients, configuration."""

import json

import numpy as np
import pytest

from tests.golden import (
    layer_cases,
    layer_cases_more,
    layer_cases_options,
    layers,
    store,
)
from tests.golden.package import array, keras

CASES = layer_cases.CASES | layer_cases_more.CASES | layer_cases_options.CASES
# Values of Keras that are not the definition's: rows of its sparsemax can add up to 0, not to 1.
DIFFERENT = {"Activation activation=sparsemax"}
# Keras's Dense and Embedding set lora_alpha to the rank in build, and its unrolled loops repeat the
# last output where zero_output_for_mask asks for 0: minikeras heeds both.
LOW_RANK = {name for name, case in layer_cases_options.CASES.items()
            if "lora_rank" in case.arguments and case.layer in ("Dense", "Embedding")}
OTHER_VALUES = LOW_RANK | {name for name, case in layer_cases_options.CASES.items()
                           if "unroll" in case.arguments}
# Keras's SimpleRNN ignores its activity_regularizer.
OTHER_FACTS = LOW_RANK | {
    name for name, case in layer_cases_options.CASES.items()
    if case.layer == "SimpleRNN" and "activity_regularizer" in case.arguments}
TABLES = ("layers", "layers_more", "layers_options")
ARRAYS = {k: v for name in TABLES for k, v in store.load_arrays(name).items()}
FACTS = {k: v for name in TABLES for k, v in store.load_json(name).items()}
TOLERANCE = {"float16": 2e-2, "mixed_float16": 2e-2, "mixed_bfloat16": 2e-2}


@pytest.mark.parametrize("name", [name for name in CASES if name not in DIFFERENT | OTHER_VALUES])
def test_values_and_gradients(name):
    prefix = f"{name}: "
    want = {k.removeprefix(prefix): v for k, v in ARRAYS.items() if k.startswith(prefix)}
    got = layers.values(CASES[name])
    assert set(got) == set(want)
    tolerance = TOLERANCE.get(CASES[name].arguments.get("dtype"), 1e-5)
    for key, value in want.items():
        scale = max(1.0, float(np.abs(value).max(initial=0)))
        assert got[key].dtype == value.dtype
        np.testing.assert_allclose(
            got[key], value, rtol=tolerance, atol=tolerance * scale, err_msg=key)


@pytest.mark.parametrize("name", [name for name in CASES if name not in OTHER_FACTS])
def test_configuration_and_shapes(name):
    got = layers.facts(CASES[name])
    for key, value in FACTS[name].items():
        if key == "handling" or key == "unknown" and isinstance(value, str):
            continue  # Keras has no answer for unknown sizes here; any is welcome
        assert store.rounded(got[key]) == store.rounded(value), key


@pytest.mark.parametrize("name", [name for name in CASES if name not in OTHER_FACTS])
def test_configuration_remakes_the_layer(name):
    layer, theirs = layers.made(CASES[name]), FACTS[name]["config"]
    for config in (layer.get_config(), json.loads(json.dumps(theirs))):
        again = type(layer).from_config(config)
        assert store.rounded(store.config(again.get_config())) == store.rounded(theirs)


@pytest.mark.parametrize("name", sorted(set(layer_cases_options.CASES) - OTHER_FACTS))
def test_weights_and_losses(name):
    store.check_handling(layers.handling(CASES[name]), FACTS[name]["handling"])


@pytest.mark.parametrize("noise_shape", [None, (None, 1, 8)])
def test_dropout_keeps_scaled_entries(noise_shape):
    x = np.ones((50, 40, 8), "float32")
    y = array(keras.layers.Dropout(0.2, noise_shape=noise_shape, seed=1)(x, training=True))
    kept = y != 0
    np.testing.assert_allclose(y[kept], 1 / 0.8, rtol=1e-6)
    draws = kept[:, 0] if noise_shape else kept
    assert abs(draws.mean() - 0.8) < 5 * np.sqrt(0.16 / draws.size)  # five standard errors
    if noise_shape:
        assert (kept == kept[:, :1]).all()


def test_dropout_draws_anew_and_repeats_with_its_seed():
    x = np.ones((20, 20), "float32")

    def two(seed):
        layer = keras.layers.Dropout(0.5, seed=seed)
        return array(layer(x, training=True)), array(layer(x, training=True))

    first, second = two(7)
    assert (first != second).any()
    np.testing.assert_array_equal(first, two(7)[0])
    np.testing.assert_array_equal(second, two(7)[1])
