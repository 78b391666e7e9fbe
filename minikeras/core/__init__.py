"""Tensors, ops, gradients, variables, symbolic graphs, serialization."""
