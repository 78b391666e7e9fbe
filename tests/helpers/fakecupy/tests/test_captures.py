"""What a capture refuses, and what a captured graph does."""


import numpy as np
import pytest

from tests.helpers.fakecupy.tests.data import DATA, LIBRARY_CALLS


def test_where_a_capture_may_begin(cupy, stream):
    with pytest.raises(RuntimeError, match="default"):
        cupy.cuda.Stream.null.begin_capture()
    with pytest.raises(RuntimeError, match="not capturing"):
        stream.end_capture()
    stream.begin_capture()
    assert stream.is_capturing()
    with pytest.raises(RuntimeError, match="already capturing"):
        stream.begin_capture()
    stream.end_capture()
    assert not stream.is_capturing()


BREAKS = {
    "asarray": lambda c, x: c.asarray(DATA), "set": lambda c, x: x.set(DATA), "get": lambda c,
    x: x.get(),
    "get without blocking": lambda c, x: x.get(blocking=False), "item": lambda c, x: x.sum().item(),
    "mask": lambda c, x: x[x > 1], "nonzero": lambda c, x: c.nonzero(x), "if": lambda c,
    x: bool(x.any()),
    "unique": lambda c, x: c.unique(x), "list index": lambda c, x: x[[0, 1]], "repr": lambda c,
    x: repr(x),
    "device": lambda c, x: c.cuda.Device().synchronize(),
    "stream": lambda c, x: c.cuda.get_current_stream().synchronize(),
    "event": lambda c, x: c.cuda.Event().synchronize(),
    "memcpy": lambda c, x: x.data.copy_from_device(x.data, 4),
    "memcpyAsync": lambda c, x: c.cuda.runtime.memcpyAsync(x.data.ptr, DATA.ctypes.data, 4, 1, 0),
    "memset": lambda c, x: x.data.memset(0, 4), "first use": lambda c, x: c.arctan(x),
    "first dtype": lambda c, x: c.exp(x.astype(np.float64)), "graph": lambda c,
    x: c.cuda.Graph().launch(),
    "host assignment": lambda c, x: x.__setitem__(c.zeros(1, int), np.ones((1, 3))),
}


@pytest.mark.parametrize("name", [*LIBRARY_CALLS, *BREAKS])
def test_what_breaks_a_capture(cupy, x, stream, name):
    for warm in (cupy.exp, lambda x: x.sum(), lambda x: x.any(), lambda x: x > 1,
                 lambda x: cupy.zeros(1, int), lambda x: x.astype(np.float64)):
        warm(x)
    if name in LIBRARY_CALLS:
        LIBRARY_CALLS[name](cupy, x)
    stream.begin_capture()
    with pytest.raises(NotImplementedError if name in LIBRARY_CALLS else RuntimeError,
                       match="captur"):
        {**LIBRARY_CALLS, **BREAKS}[name](cupy, x)


def test_freeing_memory_breaks_a_capture(cupy, stream):
    pool = cupy.cuda.MemoryPool()
    with cupy.cuda.using_allocator(pool.malloc):
        cupy.zeros(3)
    stream.begin_capture()
    with pytest.raises(RuntimeError, match="freeing"):
        pool.free_all_blocks()


def test_integer_products_and_copies_may_be_captured(cupy, x, stream):
    def step():
        n = x.astype(np.int32)
        return n @ n.T, x.copy(), cupy.fft.fft(x), x.sum(0), cupy.where(x > 1, x, 0.0)

    step()
    stream.begin_capture()
    results = step()
    stream.end_capture().launch()
    assert results[0].get().tolist() == (DATA.astype(int) @ DATA.T.astype(int)).tolist()


def test_a_captured_graph_runs_at_launch_and_not_before(cupy, stream):
    weights, batch = cupy.ones(3, np.float32), cupy.zeros((2, 3), np.float32)
    counter = cupy.zeros((), np.int32)

    def step():
        nonlocal weights
        loss = cupy.sum(cupy.exp(batch) * weights)
        weights -= 0.5 * loss
        counter[...] += 1
        return loss

    step()
    weights.fill(1)
    counter.fill(0)
    stream.begin_capture()
    loss = step()
    graph = stream.end_capture()
    assert np.isnan(loss.item()), "nothing was computed by the capture"
    assert weights.get().tolist() == [1, 1, 1] and counter.item() == 0
    batch.set(np.zeros((2, 3), np.float32))
    graph.upload()
    graph.launch()
    assert loss.item() == 6 and weights.get().tolist() == [-2, -2, -2]
    batch.set(np.full((2, 3), np.log(2), np.float32))
    graph.launch(stream)
    np.testing.assert_allclose(loss.item(), -24, rtol=1e-6)
    assert counter.item() == 2
