"""Copies ahead: order, errors, and that no memory is used while a copy of it is under way."""

import collections
import types

import numpy as np
import pytest

from minikeras.arrays import ahead, copied_ahead, device_scope


class Queue:
    """A stream whose work waits until something waits for it."""

    def __init__(self, non_blocking=False):
        self.work = collections.deque()

    def record(self, event=None):
        event = event or Event()
        event.mark = Mark(self)
        self.work.append(event.mark)
        return event

    def wait_event(self, event):
        self.work.append(event.mark.reach)  # as it is now: the event may be recorded again

    def run(self, until=None):
        while self.work and not (until and until.reached):
            self.work.popleft()()


class Mark:
    """A place in a stream's work."""

    def __init__(self, queue):
        self.queue, self.reached = queue, False

    def __call__(self):
        self.reached = True

    def reach(self):
        self.queue.run(until=self)


class Event:
    """An event."""

    waits = 0

    def __init__(self, disable_timing=False):
        self.mark = None

    @property
    def done(self):
        return self.mark.reached

    def synchronize(self):
        Event.waits += 1
        self.mark.reach()


class Card:
    """An array library whose memory is given out again at once and whose streams are lazy."""

    def __init__(self):
        self.compute, self.free = Queue(), []
        self.cuda = types.SimpleNamespace(
            Stream=Queue, Event=Event, get_current_stream=lambda: self.compute)

    def empty(self, shape, dtype):
        fits = [b for b in self.free if b.dtype == dtype and b.shape == shape]
        if fits:
            self.free = [b for b in self.free if b is not fits[0]]
        return Block(fits[0] if fits else np.zeros(shape, dtype))


class Block:
    """An array on it."""

    def __init__(self, memory):
        self.memory = memory

    def set(self, staged, stream):
        stream.work.append(lambda: np.copyto(self.memory, staged))


@pytest.fixture(autouse=True)
def lazy(fakecupy):
    """Runs beside the stand-in, for its pinned memory."""
    Event.waits = 0


def numbered(n, rows=3):
    for i in range(n):
        yield {"x": [np.full((rows, 2), i, "float32"), np.full((rows, 2), 10 * i, "float32")],
               "y": np.full(rows - (i == n - 1), i, "int64"), "name": "text", "none": None}


def trained(card, batches, steps):
    """What each step, run later by the card, finds in its batch."""
    found = []
    for batch in batches:
        def step(batch=batch):
            blocks = [*batch["x"], batch["y"]]
            found.append([b.memory.copy() for b in blocks])

        card.compute.work.append(step)
        card.free += [b.memory for b in (*batch["x"], batch["y"])]  # Python lets go of it now
        steps(card)
    card.compute.run()
    return found


@pytest.mark.parametrize("steps", [
    lambda card: None, lambda card: card.compute.run(),
    lambda card: card.compute.run() if len(card.free) % 2 else None,
], ids=["slow card", "fast card", "now and then"])
def test_every_step_finds_its_batch(steps):
    card = Card()
    found = trained(card, ahead._ahead(numbered(12), card, None), steps)
    for got, want in zip(found, numbered(12), strict=True):
        for a, b in zip(got, [*want["x"], want["y"]]):
            np.testing.assert_array_equal(a, b)


def test_a_slow_card_is_waited_for_rather_than_more_memory_taken():
    card = Card()
    trained(card, ahead._ahead(numbered(12), card, None), lambda card: None)
    assert Event.waits == 12 - (ahead.DEPTH + 1)


def test_other_leaves_stay_and_the_batch_is_seen_on_the_host():
    card, seen = Card(), []
    first = next(ahead._ahead(numbered(3), card, seen.append))
    assert first["name"] == "text" and first["none"] is None
    assert [type(b["y"]) for b in seen] == [np.ndarray]


def test_an_error_comes_in_its_place():
    def batches():
        yield from numbered(2)
        raise OSError("disk")

    card, got = Card(), []
    with pytest.raises(OSError, match="disk"):
        for batch in ahead._ahead(batches(), card, None):
            got.append(batch)
    assert len(got) == 2


def test_stopping_early_leaves_no_copy_under_way_in_memory_that_is_free_again():
    card = Card()
    batches = ahead._ahead(numbered(9), card, None)
    next(batches)
    batches.close()
    unfinished = [w for w in card.compute.work if not isinstance(w, Mark)]
    assert len(unfinished) == 1 + ahead.DEPTH  # computing waits for the three copies


def test_arrays_of_any_dtype_and_layout(rng):
    import ml_dtypes

    values = [rng.normal(size=(4, 3)).astype(ml_dtypes.bfloat16), np.array(3.5), np.zeros((0, 2)),
              rng.normal(size=(4, 3)).T, np.array([True, False]), np.arange(3, dtype="uint8"),
              np.array(["a", "b"]), np.array([{}], object)]
    with device_scope("gpu"):
        sent = next(copied_ahead(iter([values])))
    for a, b in zip(sent[:6], values):
        assert type(a).__module__.startswith("cupy")
        np.testing.assert_array_equal(a.get(), b)
    assert sent[6] is values[6] and sent[7] is values[7]


def test_on_the_cpu_the_batches_themselves_come_back():
    batches = numbered(2)
    assert copied_ahead(batches) is batches
