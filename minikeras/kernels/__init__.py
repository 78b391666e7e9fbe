"""Kernels: computations on raw arrays, under the contract in `kernels/registry.py`."""
