"""Kernels in C: their arguments are checked, their twins run."""


import numpy as np
import pytest

from tests.helpers import fakecupy
from tests.helpers.fakecupy.tests.data import DATA, same

SOURCE = """
// scale(x, x) in a comment
extern "C" __global__ void scale(const float* __restrict__ x, float *y, float factor, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i] * factor;
}
extern "C" __global__ void other(double* y) {}
"""


@pytest.fixture
def scale(cupy):
    def twin(x, y, factor, n):
        y.reshape(-1)[:n] = x.reshape(-1)[:n] * factor

    fakecupy.twin("scale", twin)
    return cupy.RawKernel(SOURCE, "scale")


def test_raw_kernel_runs_its_twin(cupy, x, scale):
    y = cupy.zeros_like(x)
    with fakecupy.counting() as seen:
        assert scale((1,), (32,), (x, y, np.float32(2), np.int32(4))) is None
    assert y.get().ravel().tolist() == [0, 2, 4, 6, 0, 0] and seen.launches == 1
    module = cupy.RawModule(code=SOURCE)
    module.get_function("scale")((1,), (32,), (x, y, np.float32(3), np.int32(6)))
    same(y, DATA * 3)
    with pytest.raises(RuntimeError, match="not found"):
        module.get_function("absent")
    with pytest.raises(NotImplementedError, match="no NumPy twin"):
        module.get_function("other")((1,), (1,), (cupy.zeros(1),))


@pytest.mark.parametrize("args, error", [
    (lambda c, x: (x, x, 2.0, np.int32(6)), TypeError),
    (lambda c, x: (x, x, np.float32(2), 6), TypeError),
    (lambda c, x: (x, x, np.float32(2)), TypeError),
    (lambda c, x: (x, DATA, np.float32(2), np.int32(6)), TypeError),
    (lambda c, x: (x.astype(float), x, np.float32(2), np.int32(6)), TypeError),
    (lambda c, x: (x.T, x, np.float32(2), np.int32(6)), ValueError),
    (lambda c, x: (x, x, c.asarray(np.float32(2)), np.int32(6)), TypeError),
])
def test_raw_kernel_checks_its_arguments(cupy, x, scale, args, error):
    with pytest.raises(error, match="scale"):
        scale((1,), (32,), args(cupy, x))


def test_raw_kernel_checks_its_launch(cupy, x, scale):
    args = (x, x, np.float32(2), np.int32(6))
    for grid, block in (((0,), (32,)), ((1,), (2048,)), ((1.5,), (32,)), ((1,), (1, 1, 128))):
        with pytest.raises(ValueError, match="scale"):
            scale(grid, block, args)
    with pytest.raises(ValueError, match="shared memory"):
        scale((1,), (32,), args, shared_mem=1 << 17)


def test_raw_kernel_in_a_capture(cupy, x, stream, scale):
    y, args = cupy.zeros_like(x), (np.float32(2), np.int32(6))
    stream.begin_capture()
    with pytest.raises(RuntimeError, match="first use"):
        scale((1,), (32,), (x, y, *args))
    stream.end_capture()
    scale.compile()
    stream.begin_capture()
    scale((1,), (32,), (x, y, *args))
    graph = stream.end_capture()
    assert not y.get().any()
    graph.launch()
    same(y, DATA * 2)


def test_elementwise_kernel(cupy, x):
    fakecupy.twin("bias_relu", lambda x, b: np.maximum(x + b, 0))
    kernel = cupy.ElementwiseKernel("T x, T b", "T y", "y = max(x + b, T(0))", "bias_relu")
    bias = cupy.asarray(np.array([-2, 0, 1], np.float32))
    same(kernel(x, bias), np.maximum(DATA + bias.get(), 0))
    out = cupy.empty_like(x)
    with fakecupy.no_alloc():
        assert kernel(x, bias, out) is out
    same(out, np.maximum(DATA + bias.get(), 0))
    assert kernel(x, 1.0).dtype == np.float32
    for bad, error in ((lambda: kernel(x), TypeError), (lambda: kernel(x, DATA), TypeError),
                       (lambda: kernel(x, bias.astype(float)), TypeError),
                       (lambda: kernel(1.0, 2.0), ValueError),
                       (lambda: kernel(x, bias, foo=1), TypeError)):
        with pytest.raises(error):
            bad()
    with pytest.raises(NotImplementedError, match="twin"):
        cupy.ElementwiseKernel("T x", "T y", "y = x", "unknown")(x)


def test_elementwise_kernel_with_raw_and_fixed_types(cupy, x):
    def gather(table, index):
        return table[index]

    def scatter(index, out):
        out[index] = 1

    fakecupy.twin("gather", gather)
    fakecupy.twin("scatter", scatter)
    kernel = cupy.ElementwiseKernel("raw T table, int64 index", "T y", "y = table[index]", "gather")
    same(kernel(x.ravel(), cupy.asarray([5, 0])), np.array([5, 0], np.float32))
    target = cupy.zeros(4, np.int32)
    kernel = cupy.ElementwiseKernel("int64 i", "raw int32 y", "y[i] = 1", "scatter")
    kernel(cupy.asarray([1, 3]), target)
    assert target.get().tolist() == [0, 1, 0, 1]
    with pytest.raises(ValueError, match="Undecided"):
        kernel(cupy.asarray([1]))


def test_reduction_kernel(cupy, x):
    fakecupy.twin("l1", lambda x, axis, keepdims: np.abs(x).sum(axis, keepdims=keepdims))
    kernel = cupy.ReductionKernel("T x", "T y", "abs(x)", "a + b", "y = a", "0", "l1")
    same(kernel(x, axis=1), DATA.sum(1))
    same(kernel(x, axis=0, keepdims=True), DATA.sum(0, keepdims=True))
    assert kernel(x).shape == ()


def test_twins_of_names_without_a_body(cupy, x):
    fakecupy.twin("cupy.cublas.gemm", lambda ta, tb, a, b: a @ b)
    same(cupy.cublas.gemm("N", "N", x, x.T.copy()), DATA @ DATA.T)
    with pytest.raises(NotImplementedError):
        cupy.cublas.gemv("N", 1.0, x, x[0], 0.0, x[0])
