"""Rows of views, joins, pads and repeats."""

import numpy as np

from tests.ops.samples import FLOATS, b, c, i, r, row, whole

row("reshape", np.reshape, r(2, 6), (3, 4), unknown_=False)
row("reshape", np.reshape, r(2, 6), (-1, 3))
row("reshape", np.reshape, r(2, 6), -1)
row("reshape", np.reshape, r(2, 3, 4), (2, -1), unknown_=(1,))
row("reshape", np.reshape, r(), (1, 1), unknown_=False)
row("reshape", np.reshape, r(0, 3), (3, 0), unknown_=False)
for axes in (None, (1, 0, 2), (-1, 0, 1)):
    row("transpose", np.transpose, r(2, 3, 4), axes)
row("transpose", np.transpose, c(2, 3))
row("broadcast_to", np.broadcast_to, r(3, 1), (2, 3, 4), unknown_=False)
row("broadcast_to", np.broadcast_to, r(), (2, 2), unknown_=False)
for axis in (0, -1, (0, 2), [1, -1]):
    row("expand_dims", lambda x, axis: np.expand_dims(x, tuple(axis) if isinstance(axis, list) else
                                                      axis), r(2, 3), axis)
row("squeeze", np.squeeze, r(2, 1, 3, 1))
row("squeeze", np.squeeze, r(2, 1, 3, 1), -1)
row("squeeze", np.squeeze, r(2, 1, 3, 1), (1, 3))
row("ravel", np.ravel, r(2, 3))
row("ravel", np.ravel, r())
row("moveaxis", np.moveaxis, r(2, 3, 4), 0, -1)
row("moveaxis", np.moveaxis, r(2, 3, 4), (0, 1), (2, 0))
row("swapaxes", np.swapaxes, r(2, 3, 4), 0, -1)
row("swapaxes", np.swapaxes, r(2, 0, 4), -1, -2)
row("flip", np.flip, r(2, 3))
row("flip", np.flip, r(2, 3, 4), -2)
row("flip", np.flip, r(2, 3, 4), (0, 2))

# ---------------------------------------------------------------- join and split
row("concatenate", np.concatenate, [r(2, 3), r(4, 3), r(0, 3)])
row("concatenate", np.concatenate, [r(2, 3), r(2, 1)], -1)
row("concatenate", np.concatenate, [c(2, 3), r(2, 1)], 1)
whole("concatenate", np.concatenate, [i(3), b(2)])
row("stack", np.stack, [r(2, 3), r(2, 3, seed=1)])
row("stack", np.stack, [r(2, 3), r(2, 3, seed=1)], -1)
row("stack", np.stack, [r(), r()], unknown_=False)
row("split", np.split, r(6, 2), 3, unknown_=(1,))
row("split", np.split, r(2, 6), [1, 4], -1)
row("split", np.split, r(6), [2, 2, 5])
row("unstack", lambda x, num=None, axis=0: [*np.moveaxis(x, axis, 0)], r(3, 2), unknown_=(1,))
row("unstack", lambda x, num=None, axis=0: [*np.moveaxis(x, axis, 0)], r(3, 2), num=2, axis=-1)

# ---------------------------------------------------------------- pad, tile, repeat
row("pad", np.pad, r(2, 3), 1)
row("pad", np.pad, r(2, 3), ((0, 2), (1, 0)))
row("pad", np.pad, r(2, 3), (1, 2))
row("pad", lambda x, w, mode, constant_values: np.pad(x, w, mode, constant_values=constant_values),
    r(2, 3), ((0, 0), (1, 2)), mode="constant", constant_values=7)
for mode in ("reflect", "symmetric", "edge", "wrap"):
    row("pad", np.pad, r(3, 4), ((0, 0), (2, 3)), mode=mode)
    row("pad", np.pad, r(3, 4), 2, mode=mode, unknown_=False)
row("tile", np.tile, r(2, 3), (2, 2))
row("tile", np.tile, r(2, 3), 2)
row("tile", np.tile, r(3), (2, 1, 2))
row("tile", np.tile, r(2, 3), (3,))
row("repeat", np.repeat, r(2, 3), 2)
row("repeat", np.repeat, r(2, 3), 2, axis=1)
row("repeat", np.repeat, r(2, 3), 3, axis=0)
row("repeat", np.repeat, r(2, 3), [1, 2, 0], axis=-1)
whole("size", np.size, r(2, 3))
whole("ndim", np.ndim, r(2, 3))
whole("shape", lambda x: np.shape(x), r(2, 3), dtypes_=FLOATS)
whole("size", np.size, r(0, 3), unknown_=())
whole("size", np.size, np.array(1.0))
whole("ndim", np.ndim, np.array(1.0))
whole("shape", lambda x: np.shape(x), r(0, 1, 3), unknown_=())
