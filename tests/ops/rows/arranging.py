"""Rows of rolls, joins, cuts, diagonals, grids, windows and blocks."""

import itertools

import numpy as np

from tests.ops.samples import FLOATS, c, i, p, r, row, whole

# ---------------------------------------------------------------- turn, join, cut
row("roll", np.roll, r(3, 4), 1)
row("roll", np.roll, r(3, 4), -2, axis=1)
row("roll", np.roll, r(3, 4), (1, 5), axis=(0, -1), unknown_=(0, 1))
row("roll", np.roll, r(0, 4), 1, axis=0, dtypes_=())
for k in range(-1, 4):
    row("rot90", np.rot90, r(2, 3, 2), k, dtypes_=("float32",))
row("rot90", np.rot90, r(2, 3, 4), 1, axes=(2, 0), dtypes_=())
row("fliplr", np.fliplr, r(2, 3))
row("flipud", np.flipud, r(2, 3))
row("fliplr", np.fliplr, r(2, 3, 4))
row("flipud", np.flipud, r(3))
row("flipud", np.flipud, r(0, 3))
whole("fliplr", np.fliplr, i(2, 3), tol_=0)
row("append", np.append, r(2, 3), r(2, seed=1), unknown_=False)
row("append", np.append, r(2, 3), r(2, 1), axis=1)
whole("append", np.append, i(2), r(2), tol_=1e-6)
for name in ("hstack", "vstack", "dstack"):
    f = getattr(np, name)
    row(name, f, [r(3), r(3, seed=1)], unknown_=False)
    row(name, f, [r(2, 3), r(2, 3, seed=1)])
    row(name, f, [r(2, 3, 2), r(2, 3, 2, seed=1)], dtypes_=())
    row(name, f, [r(), r()], unknown_=False, dtypes_=())
row("array_split", np.array_split, r(7, 2), 3, unknown_=(1,))
row("array_split", np.array_split, r(2, 7), 4, axis=-1)
row("array_split", np.array_split, r(5), [1, 3])
row("hsplit", np.hsplit, r(2, 6), 3)
row("hsplit", np.hsplit, r(6), 2, unknown_=False)
row("vsplit", np.vsplit, r(6, 2), [2, 3])
row("vsplit", np.vsplit, r(4, 2), 2, unknown_=(1,))
row("dsplit", np.dsplit, r(2, 3, 5), [1, 4])
row("dsplit", np.dsplit, r(2, 3, 4), 2)

# ---------------------------------------------------------------- diagonals
for k in (0, 2, -1):
    row("diag", np.diag, r(3), k)
    row("diag", np.diag, r(3, 4), k, unknown_=False)
    row("diagflat", np.diagflat, r(2, 2), k, unknown_=False)
row("diag", np.diag, np.zeros((0,)), dtypes_=())
row("diagflat", np.diagflat, r(), unknown_=False)
row("trace", np.trace, r(3, 4), unknown_=False, dtypes_=FLOATS + ("int32", "uint8", "bool"))
row("trace", np.trace, r(2, 3, 4), offset=1, axis1=1, axis2=-1)
row("trace", np.trace, c(3, 3), unknown_=False)

# ---------------------------------------------------------------- rearrange: pattern -> einsum way
row("rearrange", lambda x, _: x.T, r(2, 3), "a b -> b a")
row("rearrange", lambda x, _: x.reshape(6), r(2, 3), "a b -> (a b)", unknown_=False)
row("rearrange", lambda x, _, b: x.reshape(2, b, 3).transpose(1, 0, 2), r(2, 6), "a (b c) -> b a c",
    b=2, unknown_=(0,))
row("rearrange", lambda x, _, h, w: x.reshape(2, 2, 3, 2, 2, 5).transpose(0, 1, 3, 5, 2, 4).reshape(
    2, 2, 2, 5, 6), r(2, 6, 4, 5), "n (a h) (b w) c -> n a b c (h w)", h=3, w=2)
row("rearrange", lambda x, _: np.moveaxis(x, -1, 0), r(2, 3, 4), "... c -> c ...")
row("rearrange", lambda x, _: x[0].T.reshape(3, 1, 2), r(1, 2, 3), "1 a b -> b 1 a",
    unknown_=False)


def multi_hot(x, n, axis=-1, dtype=None):
    hot = (x[..., None] == np.arange(n)).astype(float)
    return np.moveaxis(hot, -1, axis).max(1 if x.ndim > 1 else 0)


whole("multi_hot", multi_hot, np.array([0, 2]), 3, unknown_=False)
whole("multi_hot", multi_hot, np.array([[0, 2], [1, -1], [7, 1]]), 3)
whole("multi_hot", multi_hot, np.array([[0, 2], [1, 1]]), 3, axis=0, dtype="int32",
      unknown_=False)

# ---------------------------------------------------------------- grids and products
for indexing in ("xy", "ij"):
    row("meshgrid", lambda *x, indexing: list(np.meshgrid(*x, indexing=indexing)), r(2), r(3), r(4),
        indexing=indexing, unknown_=False)
row("meshgrid", lambda *x: list(np.meshgrid(*x)), r(2), unknown_=False)
whole("logspace", np.logspace, 0.0, 2.0, 5, tol_=1e-5)
whole("logspace", np.logspace, 0, 3, 4, base=2.0, endpoint=False, tol_=1e-5)
whole("logspace", np.logspace, 0, 2, 3, dtype="int32")
row("logspace", np.logspace, r(2), r(2, seed=1), 4, axis=-1, dtypes_=("float32",), loose_=10)
whole("geomspace", np.geomspace, 1.0, 8.0, 4, tol_=1e-6)
whole("geomspace", np.geomspace, -1, -8, 3, endpoint=False, tol_=1e-6)
row("geomspace", np.geomspace, p(2), p(2, seed=1), 4, dtypes_=("float32",), loose_=10)
row("geomspace", np.geomspace, p(2), p(2, seed=1), 4, axis=-1, dtypes_=())
row("vander", np.vander, r(4), dtypes_=FLOATS, unknown_=False)
row("vander", np.vander, np.array([0.0, 2.0]), 3, increasing=True, dtypes_=(), unknown_=False)
whole("vander", np.vander, i(3), tol_=0, unknown_=False)
whole("unravel_index", np.unravel_index, i(5, high=24), (2, 3, 4))
whole("unravel_index", [np.array([1]), np.array([2])], np.array([-1]), (2, 3))
row("kron", np.kron, r(2, 3), r(3, 2, seed=1), unknown_=False)
row("kron", np.kron, r(3), r(2, 2), unknown_=False)
row("cross", np.cross, r(4, 3), r(4, 3, seed=1), dtypes_=FLOATS, loose_=4)
row("cross", np.cross, r(3, 4), r(4, 3, seed=1), axisa=0, axisc=0, dtypes_=(), unknown_=False)
row("cross", np.cross, r(3, 4), r(3, 4, seed=1), axis=0, dtypes_=(), unknown_=(1,))
row("cross", lambda a, b: a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0], r(4, 2), r(2), dtypes_=(),
    unknown_=False)
row("cross", lambda a, b: np.cross(np.append(a, np.zeros((4, 1)), -1), b), r(4, 2), r(3),
    dtypes_=(), unknown_=False)
for n, m in ((5, 3), (3, 5), (4, 4), (6, 2), (2, 6)):
    for mode in ("valid", "same", "full"):
        row("correlate", np.correlate, r(n), r(m, seed=1), mode=mode, dtypes_=("float32",),
            unknown_=False, loose_=4)

# ---------------------------------------------------------------- window functions
for name in ("bartlett", "blackman", "hamming", "hanning"):
    for n in (0, 1, 7, 8):
        whole(name, getattr(np, name), n, tol_=3e-6)
for n in (0, 1, 6):
    whole("kaiser", np.kaiser, n, 8.6, tol_=3e-6)


# ---------------------------------------------------------------- blocks
def pair(v):
    return (v, v) if isinstance(v, int) else v


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    k, d, p, s = map(pair, (kernel_size, dilation, padding, stride))
    x = np.pad(x, ((0, 0), (0, 0), (p[0], p[0]), (p[1], p[1])))
    steps = [range(0, n - d[a] * (k[a] - 1), s[a]) for a, n in enumerate(x.shape[2:])]
    blocks = [x[:, :, h : h + d[0] * (k[0] - 1) + 1 : d[0], w : w + d[1] * (k[1] - 1) + 1 : d[1]]
              for h, w in itertools.product(*steps)]
    return np.stack([b.reshape(len(x), -1) for b in blocks], -1)


def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """By the definition of the adjoint: <fold(x), e> = <x, unfold(e)> for every unit image e."""
    channels = x.shape[1] // np.prod(pair(kernel_size))
    y = np.zeros((len(x), channels, *pair(output_size)))
    for at in np.ndindex(*y.shape):
        e = np.zeros(y.shape)
        e[at] = 1
        y[at] = np.sum(x * unfold(e, kernel_size, dilation, padding, stride))
    return y


row("unfold", unfold, r(2, 2, 3, 4), 2)
row("unfold", unfold, r(1, 2, 5, 6), (2, 3), dilation=(2, 1), padding=(1, 2), stride=(2, 3),
    dtypes_=FLOATS)
row("fold", fold, r(1, 8, 6), (3, 4), 2, dtypes_=("float32",))
row("fold", fold, r(1, 6, 3 * 3), (5, 6), (2, 3), dilation=(2, 1), padding=(1, 2), stride=(2, 3),
    dtypes_=FLOATS)


def depth_to_space(x, block, data_format="channels_last"):
    if data_format == "channels_first":
        return np.moveaxis(depth_to_space(np.moveaxis(x, 1, -1), block), -1, 1)
    n, h, w, channels = x.shape
    y = np.zeros((n, h * block, w * block, channels // block**2))
    for a, b in itertools.product(range(block), repeat=2):
        start = (a * block + b) * y.shape[-1]
        y[:, a::block, b::block] = x[..., start : start + y.shape[-1]]
    return y


def space_to_depth(x, block, data_format="channels_last"):
    if data_format == "channels_first":
        return np.moveaxis(space_to_depth(np.moveaxis(x, 1, -1), block), -1, 1)
    return np.concatenate([x[:, a::block, b::block]
                           for a, b in itertools.product(range(block), repeat=2)], -1)


row("depth_to_space", depth_to_space, r(2, 2, 3, 8), 2)
row("depth_to_space", depth_to_space, r(1, 9, 2, 2), 3, data_format="channels_first")
row("space_to_depth", space_to_depth, r(2, 4, 6, 3), 2)
row("space_to_depth", space_to_depth, r(1, 2, 3, 6), 3, data_format="channels_first")
row("extract_sequences",
    lambda x, n, s: np.lib.stride_tricks.sliding_window_view(x, n, -1)[..., ::s, :], r(2, 9), 4, 2)
row("extract_sequences",
    lambda x, n, s: np.lib.stride_tricks.sliding_window_view(x, n, -1)[..., ::s, :], r(7), 3, 3,
    unknown_=False)
