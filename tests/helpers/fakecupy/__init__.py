"""A strict stand-in for CuPy, for machines without a GPU.

    from tests.helpers import fakecupy

    cupy = fakecupy.install()          # from here on `import cupy` finds it
    with fakecupy.counting() as seen, fakecupy.no_sync():
        train_step(...)
    assert seen.h2d == 0
    fakecupy.uninstall()

It computes with NumPy on hidden buffers and refuses what CuPy refuses: names and parameters CuPy
does not have, NumPy arrays in kernels, implicit conversions, work that breaks a CUDA graph's
capture. Where CuPy leaves a result undefined it raises, or shows NaN. A captured graph can be
launched: its kernels then run on the buffers they were captured with.

What it cannot show: speed, races, real rounding of cuBLAS and of atomics, and whether CuPy takes
each mix of dtypes and strides. The tests marked `gpu` are for that.
"""

from tests.helpers.fakecupy.counters import (
    COUNT,
    Forbidden,
    counting,
    forbid,
    no_alloc,
    no_forward,
    no_sync,
    no_transfer,
)
from tests.helpers.fakecupy.install import install, reset, uninstall
from tests.helpers.fakecupy.memory import memory_at
from tests.helpers.fakecupy.state import twin

__all__ = [
    "COUNT", "Forbidden", "counting", "forbid", "install", "memory_at", "no_alloc", "no_forward",
    "no_sync", "no_transfer", "reset", "twin", "uninstall",
]
