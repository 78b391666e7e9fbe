"""The number of threads that NumPy's BLAS uses, where it is an OpenBLAS that can be asked."""

import ctypes
import functools
import glob
import os
import threading

import numpy as np

NAMES = ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_",
         "openblas_{}_num_threads")


@functools.lru_cache(None)
def _functions():
    """(get, set) of the OpenBLAS that NumPy has loaded, or None."""
    root = os.path.dirname(os.path.dirname(np.__file__))
    for path in sorted(glob.glob(os.path.join(root, "numpy.libs", "*openblas*"))):
        try:
            handle = ctypes.CDLL(path)
        except OSError:
            continue
        for name in NAMES:
            get = getattr(handle, name.format("get"), None)
            put = getattr(handle, name.format("set"), None)
            if get and put:
                get.restype, put.argtypes, put.restype = ctypes.c_int, [ctypes.c_int], None
                return get, put
    return None


def blas_threads():
    """The number of threads of a matrix product; None if it cannot be known."""
    found = _functions()
    return found[0]() if found else None


class _OneThread:
    """Counts the blocks that want one thread: the first sets it, the last puts it back."""

    def __init__(self):
        self.lock, self.depth, self.before = threading.Lock(), 0, 1

    def __enter__(self):
        found = _functions()
        if found is None:
            return
        with self.lock:
            self.depth += 1
            if self.depth == 1:
                self.before = found[0]()
                if self.before > 1:
                    found[1](1)

    def __exit__(self, *error):
        found = _functions()
        if found is None:
            return
        with self.lock:
            self.depth -= 1
            if self.depth == 0 and self.before > 1:
                found[1](self.before)


_one_thread = _OneThread()


def one_blas_thread():
    """Context manager: a matrix product uses one thread; afterwards as many as before.

    A product on two threads leaves workers behind that wait by spinning, and these take the
    cores from a program's own threads: the two do not mix.
    """
    return _one_thread


def _renew():
    """In a forked process the blocks of other threads will never end."""
    found = _functions()
    if _one_thread.depth and found is not None and _one_thread.before > 1:
        found[1](_one_thread.before)
    _one_thread.__init__()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
