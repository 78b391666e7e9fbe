"""Recurrent and attention layers against Keras: values, gradients, configuration."""

import ml_dtypes
import numpy as np
import pytest

from tests.golden import sequences, store
from tests.golden.package import array, keras
from tests.golden.sequence_cases import CASES as PLAIN
from tests.golden.sequence_cases_options import CASES as OPTIONS

# Keras infers twice the forward layer's size, whatever the backward layer's.
WRONG_THERE = {"Bidirectional backward_layer"}
CASES = PLAIN | OPTIONS
ARRAYS = store.load_arrays("sequences") | store.load_arrays("layers_options")
FACTS = store.load_json("sequences") | store.load_json("layers_options")


def stored(name):
    prefix = f"{name}: "
    return {k.removeprefix(prefix): v for k, v in ARRAYS.items() if k.startswith(prefix)}


def test_every_case_has_values():
    assert set(CASES) <= set(FACTS)


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    want, got = stored(name), sequences.values(CASES[name])
    assert set(got) == set(want)
    for key, value in want.items():
        scale = max(1.0, float(np.abs(value).max(initial=0)))
        assert got[key].dtype == value.dtype
        np.testing.assert_allclose(got[key], value, rtol=1e-5, atol=1e-5 * scale, err_msg=key)


@pytest.mark.parametrize("name", CASES)
def test_configuration_and_shapes(name):
    got = sequences.facts(CASES[name])
    for key, value in FACTS[name].items():
        scores = CASES[name].args.get("return_attention_scores")
        if key == "symbolic" and scores:  # Keras infers (T, T) for scores of (T, S)
            got[key], value = got[key][:1], value[:1]
        if key == "handling" or key == "symbolic" and name in WRONG_THERE:
            continue
        assert store.rounded(got[key]) == store.rounded(value), key


@pytest.mark.parametrize("name", OPTIONS)
def test_weights_and_losses(name):
    store.check_handling(sequences.handling(CASES[name]), FACTS[name]["handling"])


@pytest.mark.parametrize("name", CASES)
def test_configuration_remakes_the_layer(name):
    case = CASES[name]
    keras.utils.clear_session()
    layer = case.make(keras.layers)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    remade = type(case)(lambda L: again, case.args)
    want = stored(name)
    layer, xs = sequences.made(remade)
    tensors = [keras.ops.convert_to_tensor(x) for x in xs]
    for i, y in enumerate(sequences.called(case, layer, tensors)):
        np.testing.assert_allclose(array(y), want[f"y{i}"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", [n for n in CASES if "relu" not in n])
def test_half_precision(name, dtype):
    case = CASES[name]
    keras.config.set_floatx(dtype)
    try:
        layer, xs = sequences.made(case)
        kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
        tensors = [keras.ops.convert_to_tensor(x.astype(kind)) for x in xs]
        results = sequences.called(case, layer, tensors)
    finally:
        keras.config.set_floatx("float32")
    tolerance = 2e-2 if dtype == "float16" else 6e-2
    for i, y in enumerate(results):
        want = stored(name)[f"y{i}"]
        assert keras.backend.standardize_dtype(y.dtype) == dtype
        scale = max(1.0, float(np.abs(want).max(initial=0)))
        np.testing.assert_allclose(
            array(y).astype("float32"), want, rtol=0, atol=tolerance * scale)
