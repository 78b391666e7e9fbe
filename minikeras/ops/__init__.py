"""keras.ops: every operation, a family a module.

elementwise  arithmetic, exponentials, trigonometry, rounding, comparison, logic, bits
reduction    sum, mean, max, argmax, any, all
shaping      reshape, transpose, concatenate, stack, split, pad, tile, flip
indexing     take, where, one_hot, slices
contraction  matmul, dot, einsum, tensordot
creation     zeros, ones, arange, eye
casting      convert_to_tensor, convert_to_numpy, cast, shape
activation   relu ... softmax
convolution  conv, depthwise_conv, conv_transpose; pooling  max_pool, average_pool
normalization  batch, layer; crossentropy  binary, categorical, sparse
"""

from minikeras.api import namespaces
from minikeras.core import graph_ops

PARTS = graph_ops.IN_PARTS  # loaded first: it makes every public op one node of a graph

__getattr__, __dir__, __all__ = namespaces.lazy("ops")
