"""What is counted, and what forbids it."""

import copy
import importlib
import math
import pickle

import numpy as np
import pytest

from tests.helpers import fakecupy
from tests.helpers.fakecupy import surface
from tests.helpers.fakecupy.tests.data import DATA


@pytest.mark.parametrize("use, copies", [
    (lambda c, x: x.get(), 1), (lambda c, x: c.asnumpy(x), 1), (lambda c, x: x.tolist(), 1),
    (lambda c, x: x.sum().item(), 1), (lambda c, x: float(x.sum()), 1),
    (lambda c, x: int(x[0, 1]), 1),
    (lambda c, x: complex(x[0, 0]), 1), (lambda c, x: bool(x.any()), 1), (lambda c, x: repr(x), 1),
    (lambda c, x: str(x), 1), (lambda c, x: f"{x.sum():.2f}", 1),
    (lambda c, x: math.sqrt(x.sum()), 1),
    (lambda c, x: [1 for _ in (0,) if x.sum() > 1], 1), (lambda c, x: x.tobytes(), 1),
    (lambda c, x: c.array_repr(x), 1), (lambda c, x: max(x[0]), 2), (lambda c, x: 1.0 in x[0], 2),
    (lambda c, x: copy.copy(x), 0), (lambda c, x: pickle.dumps(x), 1),
    (lambda c, x: x[x > 1], None), (lambda c, x: c.nonzero(x), None),
    (lambda c, x: x.nonzero(), None),
    (lambda c, x: c.where(x > 1), None), (lambda c, x: c.unique(x), None),
    (lambda c, x: c.argwhere(x), None), (lambda c, x: c.flatnonzero(x), None),
    (lambda c, x: c.bincount(x.ravel().astype(int)), None), (lambda c, x: c.nanmax(x), None),
    (lambda c, x: c.compress(x[0] > 0, x, 1), None), (lambda c, x: c.extract(x > 1, x), None),
    (lambda c, x: c.place(x, x > 1, x), None), (lambda c, x: c.linalg.cond(x), None),
    (lambda c, x: c.repeat(x[0], c.asarray([1, 2, 3])), None), (lambda c, x: c.repeat(x, 2), 0),
    (lambda c, x: c.average(x, weights=x + 1), None), (lambda c, x: c.average(x), 0),
    (lambda c, x: c.percentile(x, c.asarray(50.0)), None), (lambda c, x: c.percentile(x, 50), 0),
    (lambda c, x: c.array_equal(x, x, True), None), (lambda c, x: c.array_equal(x, x), 0),
    (lambda c, x: c.histogram(x, c.asarray([0.0, 3.0, 6.0])), None),
    (lambda c, x: c.histogram(x), 0),
    (lambda c, x: c.put(x, c.asarray([0]), 1.0, mode="raise"), None),
    (lambda c, x: c.array([1.0], blocking=True), None), (lambda c, x: c.random.randint(3), None),
    (lambda c, x: c.random.randint(4), 0), (lambda c, x: c.random.exponential(x), None),
    (lambda c, x: c.random.choice(3, p=c.full(3, 1 / 3)), None), (lambda c, x: c.allclose(x, x), 0),
    (lambda c, x: c.cuda.Device().synchronize(), None),
    (lambda c, x: c.cuda.Event().synchronize(), None),
    (lambda c, x: c.cuda.get_current_stream().synchronize(), None),
    (lambda c, x: c.cuda.runtime.deviceSynchronize(), None), (lambda c, x: x.T @ x, 0),
    (lambda c, x: c.linalg.inv(c.eye(2)), 0), (lambda c, x: c.max(x, axis=1, keepdims=True), 0),
])
def test_what_synchronizes(cupy, x, use, copies):
    """`copies`: values read back, each of which waits; None: waits once, copies nothing."""
    with fakecupy.counting() as seen:
        use(cupy, x)
    assert (seen.sync, seen.d2h) == ((1, 0) if copies is None else (copies, copies))
    assert len(seen.where) == seen.sync
    if seen.sync:
        assert all(__file__ in line for line in seen.where)
        with pytest.raises(fakecupy.Forbidden, match="test_counters.py:"), fakecupy.no_sync():
            use(cupy, x)
    else:
        with fakecupy.no_sync():
            use(cupy, x)


def test_every_synchronizing_function_is_counted_or_without_a_body(cupy):
    covered = """asnumpy ndarray.get ndarray.item ndarray.tolist ndarray.tobytes nonzero
        ndarray.nonzero flatnonzero argwhere compress extract place unique bincount nanmin nanmax
        linalg.cond array2string real_if_close trim_zeros unravel_index""".split()
    for name in surface.SYNCHRONIZES - set(covered):
        owner, _, leaf = f"cupy.{name}".rpartition(".")
        function = getattr(importlib.import_module("cupy") if owner != "cupy.ndarray"
                           else cupy.ndarray, leaf)
        with pytest.raises(NotImplementedError):
            function()
    a = cupy.asarray([1.0, 0.0])
    for call in (lambda: cupy.nanmin(a), lambda: cupy.real_if_close(a), lambda: cupy.trim_zeros(a),
                 lambda: cupy.unravel_index(cupy.asarray(1), (2, 2)), lambda: cupy.array2string(a)):
        with pytest.raises(fakecupy.Forbidden), fakecupy.no_sync():
            call()


@pytest.mark.parametrize("use, copies", [
    (lambda c, x: c.asarray(DATA), 1), (lambda c, x: c.array([1, 2]), 1),
    (lambda c, x: c.array(3), 0),
    (lambda c, x: c.asarray(np.float32(3)), 0), (lambda c, x: x.set(DATA), 1),
    (lambda c, x: x[[0]], 1),
    (lambda c, x: x[np.array([0])], 1), (lambda c, x: c.take(x, [0]), 1), (lambda c, x: x + 1.0, 0),
    (lambda c, x: c.full((2, 2), 7), 0), (lambda c, x: c.asarray(x), 0),
    (lambda c, x: c.arange(3), 0),
    (lambda c, x: c.array([x, x]), 0), (lambda c, x: x.fill(2), 0),
    (lambda c, x: c.linspace(0, 1), 0),
])
def test_what_copies_to_the_device(cupy, x, use, copies):
    with fakecupy.counting() as seen:
        use(cupy, x)
    assert seen.h2d == copies and seen.sync == 0
    if copies:
        with pytest.raises(fakecupy.Forbidden, match="h2d"), fakecupy.no_transfer():
            use(cupy, x)
    else:
        with fakecupy.no_transfer():
            use(cupy, x)


def test_forwarded_calls_work_and_are_counted(cupy, x):
    with fakecupy.counting() as seen:
        for result in (np.exp(x), np.sum(x, axis=0), np.stack([x, x]), np.float32(2) * x,
                       np.linalg.norm(x), np.add.reduce(x), np.fft.fft(x), np.add(x, x, out=x)):
            assert isinstance(result, cupy.ndarray)
    assert seen.forwarded == 8
    with pytest.raises(fakecupy.Forbidden), fakecupy.no_forward():
        np.exp(x)
    with fakecupy.no_forward():
        cupy.exp(x) + 2 * x
    with pytest.raises(TypeError):
        np.geomspace(x, x)
    with pytest.raises(ValueError, match="exactly one array"):
        np.frexp(x, out=(x, x))


def test_launches_allocations_and_bytes(cupy, x):
    with fakecupy.counting() as seen:
        y = x + 1
    assert (seen.launches, seen.allocations, seen.bytes) == (1, 1, 24)
    with fakecupy.counting() as seen, fakecupy.no_alloc():
        cupy.add(x, 1, out=y)
        y += x
        y[0] = 0.0
        y[:, 1:] = x[:, 1:]
        cupy.sum(x, axis=0, out=y[0])
        cupy.copyto(y, x)
        y.fill(3)
    assert (seen.launches, seen.allocations) == (7, 0)
    with fakecupy.counting() as seen, fakecupy.no_alloc():
        for view in (x.T, x[0], x[:, ::2], x.reshape(3, 2), x.ravel(), x[None], x.view(np.int32),
                     cupy.broadcast_to(x, (4, 2, 3)), cupy.expand_dims(x, 0),
                     cupy.moveaxis(x, 0, 1),
                     cupy.lib.stride_tricks.as_strided(x, (2, 2), (12, 4)), x.real, cupy.squeeze(x),
                     cupy.lib.stride_tricks.sliding_window_view(x, 2, 1), x.diagonal(), x.mT,
                     cupy.asarray(x), *cupy.split(x, 3, axis=1), x.astype(np.float32, copy=False)):
            assert view.base is not None or view is x
            assert view._block is x._block
    assert (seen.launches, seen.allocations) == (0, 0)
    with pytest.raises(fakecupy.Forbidden, match="allocations"), fakecupy.no_alloc():
        x * 2


def test_forbidding_ends_with_its_block(cupy, x):
    with pytest.raises(fakecupy.Forbidden), fakecupy.no_sync():
        x.get()
    x.get()
    with fakecupy.forbid("h2d", "sync"):
        with pytest.raises(fakecupy.Forbidden):
            cupy.asarray([1])


def test_allow_synchronize(cupy, x):
    import cupyx

    with cupyx.allow_synchronize(False):
        with pytest.raises(cupyx.DeviceSynchronized):
            x.get()
        x + 1
    x.get()


def test_results_are_arrays_never_numbers(cupy, x):
    for result in (x.sum(), x.max(), x.argmax(), x.any(), x[0, 0], x.mean(), cupy.dot(x[0], x[0]),
                   cupy.allclose(x, x), cupy.linalg.norm(x), cupy.linalg.det(cupy.eye(2)),
                   x.trace(),
                   cupy.count_nonzero(x), cupy.array_equal(x, x), cupy.random.uniform(),
                   abs(x[0, 0])):
        assert isinstance(result, cupy.ndarray) and result.shape == ()
