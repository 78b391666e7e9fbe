"""Ops without a row in the table, with the test that holds them instead. The list only shrinks."""

OWNED = {
    # tests/ops/test_convolution.py, tests/ops/test_pooling.py
    "conv", "conv_transpose", "depthwise_conv", "separable_conv",
    "adaptive_average_pool", "adaptive_max_pool", "average_pool", "max_pool",
    # between tensors and what is not one
    "convert_to_numpy", "is_tensor", "dtype",
    # not functions of tensors: tests/core/test_tape.py
    "custom_gradient",
    # tests/ops/test_control_flow.py
    "jvp", "vectorize",
    # tests/ops/test_image.py: random
    "image.elastic_transform",
}
