"""What several of these tests share: an array, comparisons, calls to try."""

import ml_dtypes
import numpy as np

bfloat16 = np.dtype(ml_dtypes.bfloat16)
DATA = np.arange(6, dtype=np.float32).reshape(2, 3)


def same(device, host, rtol=0.0):
    """A device result (or several) equal to NumPy's in type, shape, dtype and values."""
    if isinstance(host, (list, tuple)):
        assert len(device) == len(host)
        for one, other in zip(device, host):
            same(one, other, rtol)
        return
    host = np.asarray(host)
    assert (device.shape, device.dtype) == (host.shape, host.dtype)
    np.testing.assert_allclose(device.get(), host, rtol=rtol, atol=rtol)


# Functions that are right in NumPy, in families.
PARITY = {
    "sum": lambda xp, x: [xp.sum(x), x.sum(1), xp.sum(x, axis=(0, 1), keepdims=True),
                          x.sum(dtype="f8")],
    "reductions": lambda xp, x: [x.mean(0), x.max(1), x.min(), x.prod(), x.var(ddof=1), x.std(0),
                                 x.any(1), x.all(), x.argmax(1), x.argmin(), xp.median(x),
                                 xp.ptp(x, 0), xp.average(x, 1), xp.nanmean(x), xp.nansum(x, 0)],
    "scans": lambda xp, x: [x.cumsum(), x.cumprod(1), xp.diff(x), xp.cumsum(x, 0)],
    "shapes": lambda xp, x: [x.T, x.reshape(3, 2), x.reshape(-1), xp.reshape(x, (3, 2)), x.ravel(),
                             x.flatten(), x.swapaxes(0, 1), xp.moveaxis(x, 0, -1),
                             x.transpose(1, 0),
                             xp.transpose(x, (1, 0)), xp.expand_dims(x, 1), x[None].squeeze(),
                             xp.rollaxis(x, 1), xp.atleast_3d(x), x.transpose(), x.reshape((6, 1))],
    "joins": lambda xp, x: [xp.concatenate([x, x], axis=1), xp.stack([x, x], -1), xp.vstack([x, x]),
                            xp.hstack((x, x)), xp.tile(x, (2, 1)), xp.repeat(x, 2, axis=0),
                            x.repeat(3),
                            xp.pad(x, ((1, 0), (0, 2))), xp.pad(x, 1, mode="edge"), xp.append(x, x),
                            xp.pad(x, 1, constant_values=2)],
    "splits": lambda xp, x: [*xp.split(x, 3, axis=1), *xp.array_split(x, 2, 1), *xp.hsplit(x, [1])],
    "order": lambda xp, x: [xp.flip(x, 1), xp.roll(x, 1, axis=1), xp.rot90(x), xp.fliplr(x),
                            xp.sort(-x), xp.flip(x), xp.roll(x, 2)],
    "triangles": lambda xp, x: [xp.tril(x), xp.triu(x, 1), xp.diag(x), xp.eye(3, k=1), xp.tri(3),
                                x.trace(), x.diagonal(1), xp.diagflat(x[0]), xp.identity(2)],
    "creation": lambda xp,
    x: [xp.zeros((2, 3)), xp.ones(4, "i4"), xp.full((2,), 7.5, "f4"), xp.arange(5),
                               xp.arange(1, 2, 0.25, dtype="f4"), xp.linspace(0, 1, 5),
                               xp.zeros_like(x), xp.ones_like(x, dtype=int), xp.full_like(x, 3),
                               xp.linspace(0, 1, 4, endpoint=False, dtype="f4"),
                               xp.logspace(0, 2, 3)],
    "choices": lambda xp, x: [xp.where(x > 2, x, 0.0), xp.where(x > 2, x, -x), xp.clip(x, 1, 4),
                              xp.maximum(x, 2), xp.isin(x, x[0]), x.clip(1, None),
                              xp.searchsorted(x[0], x), xp.digitize(x, x[0]), xp.nan_to_num(x / x),
                              xp.select([x > 3, x > 1], [x, -x], 9.0), xp.isclose(x, x + 1e-9)],
    "products": lambda xp,
    x: [x @ x.T, xp.dot(x, x.T), xp.tensordot(x, x, ((1,), (1,))), xp.outer(x, x),
                               xp.inner(x, x), xp.vdot(x, x), xp.kron(x, x),
                               xp.einsum("ij,kj->ik", x, x),
                               xp.einsum("ij->j", x), xp.matmul(x[None], x.T[None]), x.dot(x.T),
                               xp.cross(x, x + 1), xp.matmul(x, x[0])],
    "rounding": lambda xp,
    x: [xp.round(x / 3, 2), (x / 3).round(1), xp.rint(x / 2), xp.floor(x / 2),
                               xp.ceil(x / 2), xp.trunc(-x / 2), xp.around(x)],
    "operators": lambda xp,
    x: [x + 1, 1 - x, x * x, x / 4, 2 / (x + 1), x // 2, x % 2, x**2, 2**x, -x,
                                +x, abs(-x), x < 2, x <= 2, x > 2, x >= 2, x == 2, x != 2,
                                *divmod(x, 2), (x > 1) & (x < 4), (x > 1) | (x < 1), ~(x > 2),
                                (x > 1) ^ (x < 4), x.astype(int) << 1, x.astype(int) >> 1],
    "complex": lambda xp,
    x: [(x + 1j * x).real, (x + 1j * x).imag, xp.conj(x + 1j), (x + 1j).conj(),
                              xp.angle(x + 1j), xp.abs(x + 1j), x.conj(), xp.real(x + 1j), x.imag],
    "fourier": lambda xp, x: [xp.fft.fft(x), xp.fft.rfft(x), xp.fft.irfft(x), xp.fft.fft2(x),
                              xp.fft.fftshift(x), xp.fft.fftfreq(4), xp.fft.ifftn(x + 1j)],
    "statistics": lambda xp, x: [xp.percentile(x, 30), xp.quantile(x, 0.5, axis=1), xp.cov(x),
                                 xp.corrcoef(x), *xp.histogram(x, 3),
                                 xp.percentile(x, 50, method="lower")],
    "grids": lambda xp, x: [*xp.meshgrid(x[0], x[1]), *xp.meshgrid(x[0], x[1], indexing="ij"),
                            *xp.broadcast_arrays(x, x[0]), *xp.indices((2, 2)),
                            *xp.unravel_index(xp.arange(3), (2, 3)), *xp.gradient(x)],
    "bits": lambda xp, x: [xp.packbits(x > 1), xp.bitwise_count(x.astype("u1")), x.view("i4")],
    "polynomials": lambda xp, x: [xp.polyval(x[0], x), xp.interp(x, x[0], x[1]), xp.trapezoid(x),
                                  xp.convolve(x[0], x[1]), xp.correlate(x[0], x[1]), xp.ediff1d(x)],
}

# Calls of cuBLAS, cuSOLVER and cuRAND.
LIBRARY_CALLS = {
    "matmul": lambda c, x: x @ x.T, "dot": lambda c, x: c.dot(x, x.T), "outer": lambda c,
    x: c.outer(x, x),
    "tensordot": lambda c, x: c.tensordot(x, x, 2), "einsum": lambda c,
    x: c.einsum("ij,kj->ik", x, x),
    "inner": lambda c, x: c.inner(x, x), "solve": lambda c, x: c.linalg.solve(x[:, :2], x[:, :2]),
    "svd": lambda c, x: c.linalg.svd(x), "cholesky": lambda c, x: c.linalg.cholesky(x[:, :2]),
    "normal": lambda c, x: c.random.normal(size=3), "uniform": lambda c,
    x: c.random.uniform(size=3),
    "generator": lambda c, x: c.random.default_rng(0).random(3),
    "permutation": lambda c, x: c.random.permutation(x), "vdot": lambda c, x: c.vdot(x, x),
}
