"""Rows of Fourier transforms and attention."""

import numpy as np
import scipy.signal
import scipy.special

from tests.ops.samples import FLOATS, b, i, r, row, whole

LOW = {"dtypes_": ("float32", "float16"), "loose_": 8}


def parts(z):
    return z.real, z.imag


for name, f in {"fft": np.fft.fft, "fft2": np.fft.fft2, "ifft2": np.fft.ifft2}.items():
    for shape in ((3, 4), (2, 3, 5)):
        row(name, lambda x, f=f: parts(f(x[0] + 1j * x[1])), (r(*shape), r(*shape, seed=1)), **LOW)
row("fft", lambda x: parts(np.fft.fft(x[0] + 1j * x[1])), (r(7), r(7, seed=1)), unknown_=())
for n in (None, 5, 6, 9):
    row("rfft", lambda x, fft_length: parts(np.fft.rfft(x, fft_length)), r(2, 6), fft_length=n,
        **LOW)
    row("irfft", lambda x, fft_length: np.fft.irfft(x[0] + 1j * x[1], fft_length),
        (r(2, 4), r(2, 4, seed=1)), fft_length=n, **LOW)
whole("rfft", lambda x: parts(np.fft.rfft(x)), i(5), unknown_=(), tol_=1e-6)


def window_of(window, length, fft_length):
    if window is None:
        return np.ones(fft_length)
    w = scipy.signal.get_window(window, length) if isinstance(window, str) else window
    before = (fft_length - length) // 2
    return np.pad(w, (before, fft_length - length - before))


def stft(x, length, stride, fft_length, window="hann", center=True):
    w = window_of(window, length, fft_length)
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2,) * 2], mode="reflect")
    frames = [x[..., k : k + fft_length] * w
              for k in range(0, x.shape[-1] - fft_length + 1, stride)]
    return parts(np.fft.rfft(np.stack(frames, -2)))


CASES = [((2, 16), 4, 2, 4, {}), ((20,), 5, 3, 8, {"window": "hamming"}),
         ((2, 20), 6, 2, 7, {"center": False}), ((16,), 4, 2, 4, {"window": None})]
for shape, length, stride, n, options in CASES:
    unknown = () if len(shape) == 1 else (0,)
    row("stft", stft, r(*shape), length, stride, n, **{**LOW, "unknown_": unknown}, **options)
row("stft", stft, r(16), 4, 2, 6, window=r(4), dtypes_=(), unknown_=())


def istft(x, width, stride, fft_length, length=None, window="hann", center=True):
    w = window_of(window, width, fft_length)
    frames = np.fft.irfft(x[0] + 1j * x[1], fft_length) * w
    count = frames.shape[-2]
    total = (count - 1) * stride + fft_length
    y, weight = np.zeros((*frames.shape[:-2], total)), np.zeros(total)
    for f in range(count):
        y[..., f * stride : f * stride + fft_length] += frames[..., f, :]
        weight[f * stride : f * stride + fft_length] += w**2
    y = np.where(weight > 1e-10, y / np.where(weight > 1e-10, weight, 1), 0)
    start = fft_length // 2 if center else 0
    stop = total - start if length is None else start + length
    return np.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, max(stop - total, 0))])[..., start:stop]


row("istft", istft, (r(2, 5, 3), r(2, 5, 3, seed=1)), 4, 2, 4, dtypes_=("float32",), loose_=8)
row("istft", istft, (r(5, 5), r(5, 5, seed=1)), 6, 2, 8, length=11, unknown_=(), dtypes_=())
row("istft", istft, (r(5, 5), r(5, 5, seed=1)), 6, 2, 8, length=19, unknown_=(), dtypes_=())
row("istft", istft, (r(4, 3), r(4, 3, seed=1)), 4, 1, 5, window="hamming", center=False,
    unknown_=(), dtypes_=())
row("istft", istft, (r(4, 3), r(4, 3, seed=1)), 4, 2, 4, window=None, unknown_=(), dtypes_=())
SIGNAL = r(24)
whole("istft", SIGNAL, stft(SIGNAL, 6, 2, 6), 6, 2, 6, unknown_=())


# ---------------------------------------------------------------- attention
def attention(q, k, v, bias=None, mask=None, scale=None, is_causal=False,
              attn_logits_soft_cap=None):
    group = q.shape[2] // k.shape[2]
    k, v = np.repeat(k, group, 2), np.repeat(v, group, 2)
    logits = np.einsum("btnh,bsnh->bnts", q, k) * (scale or q.shape[-1] ** -0.5)
    if attn_logits_soft_cap:
        logits = attn_logits_soft_cap * np.tanh(logits / attn_logits_soft_cap)
    logits = logits if bias is None else logits + bias
    logits = logits if mask is None else np.where(mask, logits, -1e30)
    if is_causal:
        logits = np.where(np.tri(*logits.shape[-2:]) > 0, logits, -1e30)
    return np.einsum("bnts,bsnh->btnh", scipy.special.softmax(logits, -1), v)


QKV = (r(2, 3, 4, 5), r(2, 6, 4, 5), r(2, 6, 4, 2))
GROUPED = (r(2, 3, 4, 5), r(2, 3, 2, 5), r(2, 3, 2, 5, seed=1))
row("dot_product_attention", attention, *QKV, dtypes_=FLOATS, loose_=2)
row("dot_product_attention", attention, *GROUPED, is_causal=True, dtypes_=FLOATS, loose_=2)
row("dot_product_attention", attention, *QKV, mask=b(2, 1, 3, 6), scale=0.3, dtypes_=("float32",))
row("dot_product_attention", attention, *QKV, bias=r(4, 3, 6), attn_logits_soft_cap=2.0,
    dtypes_=("float32",), unknown_=())
