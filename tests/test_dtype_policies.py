"""Dtype policies: names, dtypes, the global policy, maps, configurations."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import dtype_policies as policies


@pytest.fixture(autouse=True)
def global_policy(monkeypatch):
    """No policy is set before a test, and none stays set after it."""
    monkeypatch.setattr(policies, "_global", None)


@pytest.mark.parametrize("name, compute, variable", [
    ("float32", "float32", "float32"), ("float16", "float16", "float16"),
    ("bfloat16", "bfloat16", "bfloat16"), ("float64", "float64", "float64"),
    ("mixed_float16", "float16", "float32"), ("mixed_bfloat16", "bfloat16", "float32"),
    ("int32", "int32", "int32"), ("string", "string", "string"), ("bool", "bool", "bool"),
])
def test_names(name, compute, variable):
    policy = keras.DTypePolicy(name)
    assert (policy.name, policy.compute_dtype, policy.variable_dtype) == (name, compute, variable)
    assert policy.quantization_mode is None and repr(policy) == f'<DTypePolicy "{name}">'
    assert policies.get(name) == policy and policy != keras.DTypePolicy("float8_e5m2")
    config = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": name},
              "registered_name": None}
    assert policies.serialize(policy) == config and policies.deserialize(config) == policy


@pytest.mark.parametrize("name", ["infer", "mixed_float32", "float", "keras.float16"])
def test_unknown_names(name):
    with pytest.raises(ValueError, match="Cannot convert"):
        keras.DTypePolicy(name)


def test_get():
    policy = keras.DTypePolicy("float16")
    assert policies.get(policy) is policy and policies.get(np.float16) == policy
    assert policies.get(np.dtype("float16")) == policy
    assert policies.get({"class_name": "DTypePolicy", "config": {"name": "float16"}}) == policy
    assert policies.get(None).name == "float32"
    with pytest.raises(ValueError, match="Cannot interpret `dtype`"):
        policies.get(1.5)
    with pytest.raises(TypeError, match="must be a string"):
        keras.DTypePolicy(3)
    assert keras.mixed_precision.Policy is keras.DTypePolicy
    assert policies.serialize(keras.FloatDTypePolicy("float16"))["class_name"] == "FloatDTypePolicy"


def test_convert_input():
    policy = keras.DTypePolicy("mixed_float16")

    def dtype(x, autocast=True):
        return keras.backend.standardize_dtype(policy.convert_input(x, autocast, "float16").dtype)

    assert dtype(np.ones(2, "float32")) == "float16"
    assert dtype(np.ones(2, "float32"), autocast=False) == "float32"
    assert dtype(np.ones(2, "int32")) == "int32"
    assert dtype(keras.ops.ones(2)) == "float16"
    assert dtype(keras.KerasTensor((2,))) == "float16"
    assert dtype(keras.Variable(1.0)) == "float16"
    assert policy.convert_input(3.0, True, "float16") == 3.0
    assert policy.convert_input([1.0], True, "float16") == [1.0]


def test_global_policy():
    assert keras.config.dtype_policy().name == "float32"
    keras.config.set_floatx("float16")
    assert keras.DTypePolicy().name == "float16"
    keras.config.set_floatx("float32")
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    assert keras.mixed_precision.dtype_policy().compute_dtype == "bfloat16"
    assert keras.DTypePolicy().name == "mixed_bfloat16"
    for wrong in (None, 3):
        with pytest.raises(ValueError, match="Invalid `policy`"):
            keras.config.set_dtype_policy(wrong)


# ---------------------------------------------------------------- quantized
@pytest.mark.parametrize("name, kind, compute, variable", [
    ("int8_from_float32", "QuantizedDTypePolicy", "float32", "float32"),
    ("int4_from_mixed_bfloat16", "QuantizedDTypePolicy", "bfloat16", "float32"),
    ("float8_from_float32", "QuantizedFloat8DTypePolicy", "float32", "float32"),
    ("gptq/4/128_from_float32", "GPTQDTypePolicy", "float32", "float32"),
    ("awq/4/-1_from_float32", "AWQDTypePolicy", "float32", "float32"),
    ("int4/64_from_float32", "Int4DTypePolicy", "float32", "float32"),
])
def test_quantized(name, kind, compute, variable):
    policy = policies.get(name)
    assert type(policy).__name__ == kind and policy.name == name
    assert (policy.compute_dtype, policy.variable_dtype) == (compute, variable)
    mode, source = name.split("_from_")
    assert policy.quantization_mode == mode.split("/")[0]
    config = {"mode": mode, "source_name": source}
    if kind == "QuantizedFloat8DTypePolicy":
        config["amax_history_length"] = 1024
    assert policy.get_config() == config
    assert policies.deserialize(policies.serialize(policy)) == policy


@pytest.mark.parametrize("make", [
    lambda: policies.QuantizedDTypePolicy("x", "float32"),
    lambda: policies.QuantizedDTypePolicy("int8", "float16"),
    lambda: policies.get("gptq/4_from_float32"), lambda: policies.get("gptq/5/1_from_float32"),
    lambda: policies.get("awq/8/1_from_float32"), lambda: policies.get("int4/0_from_float32"),
    lambda: policies.get("int4/x_from_float32"),
])
def test_wrong_modes(make):
    with pytest.raises(ValueError, match="mode"):
        make()


# ---------------------------------------------------------------- map
def test_map():
    table = policies.DTypePolicyMap("mixed_float16", {"dense": keras.DTypePolicy("float16")})
    table["block/.*"] = "bfloat16"
    assert table["dense"].name == "float16" and table["block/x"].name == "bfloat16"
    assert table["other"].name == "mixed_float16" and table["dense/kernel"].name == "mixed_float16"
    assert (table.name, table.compute_dtype) == ("map_mixed_float16", "float16")
    assert list(table) == ["dense", "block/.*"] and len(table) == 2 and "dense" in table
    again = policies.deserialize(policies.serialize(table))
    assert again.get_config() == table.get_config() and again["block/x"].name == "bfloat16"
    del table["dense"]
    assert table["dense"].name == "mixed_float16"
    with pytest.raises(ValueError, match="already exists"):
        table["block/.*"] = "float32"
    table["block/x.*"] = "float32"
    with pytest.raises(ValueError, match="matches multiple"):
        table["block/x"]
    with pytest.raises(TypeError, match="must be a dict"):
        policies.DTypePolicyMap(policy_map=3)
