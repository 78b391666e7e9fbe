"""Golden values taken from Keras 3.15.1, and the probes that take them.

A probe is one function over `keras` (see `package.py`): run on Keras it makes the stored
values, run on minikeras it makes the values compared with them. The scripts in `take/` store,
the tests in `tests/parity` compare.
"""
