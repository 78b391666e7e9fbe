"""Dtype policies: which dtype a layer computes in, and which its weights are kept in."""

import re

from minikeras import config as settings
from minikeras import dtypes, ops
from minikeras.api import namespaces
from minikeras.api.registry import public
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.serialization import (
    deserialize_keras_object,
    serialize_keras_object,
)
from minikeras.core.tensor import Convertible, Tensor
from minikeras.dtypes import is_float

QUANTIZATION_MODES = ("int8", "float8", "int4", "gptq", "awq")


@public("DTypePolicy", "dtype_policies.DTypePolicy", "mixed_precision.DTypePolicy",
        "mixed_precision.Policy")
class DTypePolicy:
    """A dtype by name, or "mixed_float16" / "mixed_bfloat16": half precision, float32 weights.

    Args:
        name: name of a dtype or mixed policy; None: the global policy's.

    >>> policy = DTypePolicy("mixed_float16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('float16', 'float32')
    """

    def __init__(self, name=None):
        name = dtype_policy().name if name is None else name
        if not isinstance(name, str):
            raise TypeError(
                "'name' must be a string, such as 'mixed_float16'. "
                f"Received: name={name} (of type {type(name)})"
            )
        self._name = name
        self._compute_dtype, self._variable_dtype = _parse(name)
        self._quantization_mode = None

    @property
    def name(self):
        """What the policy was made from."""
        return self._name

    @property
    def compute_dtype(self):
        """Dtype that inputs are cast to and that layers compute in."""
        return self._compute_dtype

    @property
    def variable_dtype(self):
        """Dtype of weights."""
        return self._variable_dtype

    @property
    def quantization_mode(self):
        """How weights are quantized; None: not at all."""
        return self._quantization_mode

    def convert_input(self, x, autocast, dtype):
        """x as a tensor; a floating one is cast to `dtype` if `autocast`.

        >>> DTypePolicy("float16").convert_input(ops.ones((2,)), True, "float16").dtype.name
        'float16'
        """
        if not (isinstance(x, (Tensor, KerasTensor, Convertible)) or hasattr(x, "__array__")):
            return x
        if isinstance(x, Convertible):
            x = x.tensor()
        elif not isinstance(x, (Tensor, KerasTensor)):
            x = ops.convert_to_tensor(x)
        if autocast and is_float(x.dtype) and dtypes.name_of(x.dtype) != dtype:
            x = ops.cast(x, dtype)
        return x

    def get_config(self):
        """Constructor arguments that make the same policy again."""
        return {"name": self._name}

    @classmethod
    def from_config(cls, config):
        """A policy from what `get_config` gave."""
        return cls(**config)

    def __repr__(self):
        return f'<{type(self).__name__} "{self.name}">'

    def __eq__(self, other):
        return type(self) is type(other) and self.get_config() == other.get_config()

    __hash__ = None  # equal policies are equal by value


def _parse(name):
    """(compute dtype, variable dtype) of a policy's name."""
    if name in ("mixed_float16", "mixed_bfloat16"):
        return name.removeprefix("mixed_"), "float32"
    try:
        dtype = dtypes.name_of(name)
    except ValueError:
        dtype = None
    if dtype != name:
        raise ValueError(
            f"Cannot convert '{name}' to a mixed precision DTypePolicy. Valid policies include "
            "'mixed_float16', 'mixed_bfloat16', and the name of any dtype such as 'float32'."
        )
    return dtype, dtype


@public("FloatDTypePolicy", "dtype_policies.FloatDTypePolicy")
class FloatDTypePolicy(DTypePolicy):
    """DTypePolicy by its older name."""


# ---------------------------------------------------------------- quantized
@public("dtype_policies.QuantizedDTypePolicy")
class QuantizedDTypePolicy(DTypePolicy):
    """Weights quantized by `mode`; all else by the policy `source_name`.

    Args:
        mode: "int8", "int4", "float8", "gptq" or "awq".
        source_name: name of a dtype policy; None: the global one's.

    >>> QuantizedDTypePolicy("int8", "float32").name
    'int8_from_float32'
    """

    MODE = None  # what modes of a subclass look like

    def __init__(self, mode, source_name=None):
        self._check_mode(mode)
        source_name = dtype_policy().name if source_name is None else source_name
        self._mode, self._source_name = mode, source_name
        self._name = f"{mode}_from_{source_name}"
        self._compute_dtype, self._variable_dtype = _parse(source_name)
        self._quantization_mode = mode.split("/")[0]
        if self._compute_dtype == "float16" and self._quantization_mode in ("int8", "int4"):
            raise ValueError(
                f"Quantization mode='{mode}' doesn't work well with compute_dtype='float16'."
            )

    def _check_mode(self, mode):
        if mode not in QUANTIZATION_MODES:
            raise ValueError(
                "Invalid quantization mode. "
                f"Expected one of {QUANTIZATION_MODES}. Received: mode={mode}"
            )

    def _numbers(self, mode, head, form):
        """The whole numbers that follow `head` in a mode such as 'gptq/4/128'."""
        pattern = re.escape(head) + "".join("/" + r"(-?\d+)" for _ in form)
        found = re.fullmatch(pattern, str(mode))
        if found is None:
            expected = "/".join((head, *(f"<{part}>" for part in form)))
            raise ValueError(
                f"Invalid mode for {type(self).__name__}. Expected format '{expected}'. "
                f"Received: mode={mode}"
            )
        return [int(n) for n in found.groups()]

    def get_config(self):
        return {"mode": self._mode, "source_name": self._source_name}


@public("dtype_policies.QuantizedFloat8DTypePolicy")
class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """float8 matrix products whose scales follow the largest values of the last steps."""

    default_amax_history_length = 1024

    def __init__(self, mode, source_name=None, amax_history_length=1024):
        if not isinstance(amax_history_length, int):
            raise TypeError(
                "`amax_history_length` must be an integer. "
                f"Received: amax_history_length={amax_history_length}"
            )
        super().__init__(mode, source_name)
        self._amax_history_length = amax_history_length

    @property
    def amax_history_length(self):
        """Number of steps whose largest values are kept."""
        return self._amax_history_length

    def get_config(self):
        return {**super().get_config(), "amax_history_length": self._amax_history_length}


@public("dtype_policies.Int4DTypePolicy")
class Int4DTypePolicy(QuantizedDTypePolicy):
    """4-bit weights with a scale a block: mode "int4/<block_size>", -1 for one a channel."""

    def _check_mode(self, mode):
        (self.block_size,) = self._numbers(mode, "int4", ("block_size",))
        if self.block_size != -1 and self.block_size < 1:
            raise ValueError(
                "The block size of an int4 policy must be -1 or a positive integer. "
                f"Received: mode={mode}"
            )


class _Grouped(QuantizedDTypePolicy):
    """A mode head/bits/group size."""

    HEAD, BITS = "", ()

    def _check_mode(self, mode):
        form = ("weight_bits", "group_size")
        self.weight_bits, self.group_size = self._numbers(mode, self.HEAD, form)
        self.mode = self.HEAD
        if self.weight_bits not in self.BITS:
            raise ValueError(
                f"Invalid weight_bits in mode of {type(self).__name__}. Supported values are "
                f"{self.BITS}. Received: mode={mode}"
            )
        if self.group_size != -1 and self.group_size < 1:
            raise ValueError(
                f"Invalid group_size in mode of {type(self).__name__}: it must be -1 or a "
                f"positive integer. Received: mode={mode}"
            )


@public("dtype_policies.GPTQDTypePolicy")
class GPTQDTypePolicy(_Grouped):
    """Weights quantized by GPTQ: mode "gptq/<weight_bits>/<group_size>"."""

    HEAD, BITS = "gptq", (2, 3, 4, 8)


@public("dtype_policies.AWQDTypePolicy")
class AWQDTypePolicy(_Grouped):
    """Weights quantized by AWQ: mode "awq/4/<group_size>"."""

    HEAD, BITS = "awq", (4,)


# ---------------------------------------------------------------- a policy for each layer
@public("dtype_policies.DTypePolicyMap")
class DTypePolicyMap(DTypePolicy):
    """Policies by the path of a layer; a dictionary with a default.

    A path is looked up as it is, then as a full match of the keys as regular expressions.

    Args:
        default_policy: policy or name for paths without one; None: the global one.
        policy_map: dictionary of paths or patterns to policies.

    >>> policies = DTypePolicyMap()
    >>> policies["encoder/.*"] = "float16"
    >>> policies["encoder/dense"], policies["head"]
    (<DTypePolicy "float16">, <DTypePolicy "float32">)
    """

    def __init__(self, default_policy=None, policy_map=None):
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                "If specified, `policy_map` must be a dict. "
                f"Received: policy_map={policy_map} of type {type(policy_map)}"
            )
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError("`default_policy` cannot be a `DTypePolicyMap`.")
        self._default_policy_arg = default_policy
        self._default_policy = get(default_policy)
        self._policy_map = dict(policy_map or {})

    name = property(lambda self: f"map_{self._default_policy.name}")
    compute_dtype = property(lambda self: self._default_policy.compute_dtype)
    variable_dtype = property(lambda self: self._default_policy.variable_dtype)
    quantization_mode = property(lambda self: self._default_policy.quantization_mode)

    @property
    def default_policy(self):
        """The policy of paths that no key is for."""
        return self._default_policy

    def __getitem__(self, key):
        if key in self._policy_map:
            return self._policy_map[key]
        found = [k for k in self._policy_map if isinstance(k, str) and re.fullmatch(k, key)]
        if len(found) > 1:
            raise ValueError(
                f"Path '{key}' matches multiple dtype policy specification keys: {found}. Please "
                "make sure each path only matches at most one key in the DTypePolicyMap."
            )
        return self._policy_map[found[0]] if found else self._default_policy

    def __setitem__(self, key, policy):
        if key in self._policy_map:
            raise ValueError(
                f"{key} already exists in the DTypePolicyMap with value {self._policy_map[key]}. "
                "Delete it first."
            )
        self._policy_map[key] = get(policy)

    def __delitem__(self, key):
        del self._policy_map[key]

    def __contains__(self, key):
        return key in self._policy_map

    def __len__(self):
        return len(self._policy_map)

    def __iter__(self):
        return iter(self._policy_map)

    def keys(self):
        return self._policy_map.keys()

    def values(self):
        return self._policy_map.values()

    def items(self):
        return self._policy_map.items()

    def __repr__(self):
        mapping = [(key, policy.name) for key, policy in self._policy_map.items()]
        return f"<DTypePolicyMap default_policy={self._default_policy.name}, mapping={mapping}>"

    def get_config(self):
        return {
            "default_policy": serialize_keras_object(self._default_policy_arg),
            "policy_map": serialize_keras_object(self._policy_map),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["default_policy"] = deserialize_keras_object(config.get("default_policy"))
        config["policy_map"] = deserialize_keras_object(config.get("policy_map"))
        return cls(**config)


# ---------------------------------------------------------------- the global policy
_global = None


@public("config.dtype_policy", "mixed_precision.dtype_policy", "mixed_precision.global_policy")
def dtype_policy():
    """The policy of layers that are given none: floatx unless set otherwise.

    >>> dtype_policy()
    <DTypePolicy "float32">
    """
    return DTypePolicy(settings.floatx()) if _global is None else _global


@public("config.set_dtype_policy", "mixed_precision.set_dtype_policy",
        "mixed_precision.set_global_policy")
def set_dtype_policy(policy):
    """Set the policy of layers made from now on.

    >>> set_dtype_policy("mixed_float16")
    >>> dtype_policy().compute_dtype
    'float16'
    >>> set_dtype_policy("float32")
    """
    global _global
    if not isinstance(policy, (str, DTypePolicy)):
        raise ValueError(
            "Invalid `policy` argument. Expected the string name of a policy (such as "
            "'mixed_float16') or a `DTypePolicy` instance. "
            f"Received: policy={policy} (of type {type(policy)})"
        )
    _global = get(policy)


# ---------------------------------------------------------------- by name
@public("dtype_policies.serialize")
def serialize(dtype_policy):
    """The configuration of a policy.

    >>> serialize(DTypePolicy("float16"))["config"]
    {'name': 'float16'}
    """
    return serialize_keras_object(dtype_policy)


@public("dtype_policies.deserialize")
def deserialize(config, custom_objects=None):
    """The policy of a configuration.

    >>> deserialize(serialize(DTypePolicy("float16")))
    <DTypePolicy "float16">
    """
    if isinstance(config, dict) and not config.get("module"):
        config = {**config, "module": "keras.dtype_policies"}
    return deserialize_keras_object(config, custom_objects)


@public("dtype_policies.get")
def get(identifier):
    """A policy from its name ("mixed_float16", "int8_from_float32"), dtype, config or itself.

    >>> get("bfloat16")
    <DTypePolicy "bfloat16">
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        mode, source, rest = identifier.partition("_from_")
        return _quantized(mode, rest) if source else DTypePolicy(identifier)
    try:
        return DTypePolicy(dtypes.name_of(identifier))
    except (ValueError, TypeError):
        raise ValueError(
            "Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy. "
            f"Received: dtype={identifier}"
        ) from None


def _quantized(mode, source_name):
    kinds = {
        "float8": QuantizedFloat8DTypePolicy,
        "gptq": GPTQDTypePolicy,
        "awq": AWQDTypePolicy,
        "int4": Int4DTypePolicy if "/" in mode else QuantizedDTypePolicy,
    }
    return kinds.get(mode.split("/")[0], QuantizedDTypePolicy)(mode, source_name)


__getattr__, __dir__, __all__ = namespaces.lazy("dtype_policies")
