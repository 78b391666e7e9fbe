"""Constants of TensorFlow's top level: names of dtypes, and None as an index."""

DTYPES = ("float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64", "uint8",
          "uint16", "uint32", "uint64", "bool", "complex64", "complex128", "string")
CONSTANTS = {**{name: name for name in DTYPES}, "newaxis": None}
