"""Batches copied to a GPU ahead of the steps that take them.

A batch is put into pinned memory, from which the card copies it by itself on a stream of its own
while it still computes earlier steps. What orders the two streams:

- A copy waits for what the computing stream had to do when the memory for it was taken: the pool
  gives that stream's blocks out again as soon as Python has let go of them.
- The computing stream waits for the copy before the step that takes it.
- The host waits for a copy before it fills that pinned memory again, DEPTH + 1 batches later. So it
  never runs further ahead of the card than that.
"""

import collections

from minikeras import tree
from minikeras.arrays.device import current_device
from minikeras.arrays.library import NUMPY, ndarray

DEPTH = 2  # batches that are under way while a step runs
_END = object()


def copied_ahead(batches, see=None):
    """The batches (nested arrays) with the host's arrays on the current device.

    Up to DEPTH batches are read ahead. An error while one is read is raised in its place, after the
    batches before it. On the CPU the batches themselves are returned, and `see` is not called.

    Args:
        batches: iterable.
        see: function that is given each batch, with its arrays still on the host, right before
            it is handed out.
    """
    device = current_device()
    return batches if device.kind == "cpu" else _ahead(iter(batches), device.library, see)


def _ahead(batches, library, see):
    sender, pending, error, more = Sender(library), collections.deque(), None, True
    try:
        while True:
            while more and len(pending) <= DEPTH:
                try:
                    batch = next(batches, _END)
                except Exception as e:
                    more, error = False, e
                else:
                    more = batch is not _END
                    if more:
                        pending.append((batch, *sender.send(batch)))
            if not pending:
                break
            batch, sent, copied = pending.popleft()
            if see is not None:
                see(batch)
            library.cuda.get_current_stream().wait_event(copied)
            yield sent
        if error is not None:
            raise error
    finally:  # also when the consumer stops early
        for _, _, copied in pending:  # memory that goes back to the pool is still written to
            library.cuda.get_current_stream().wait_event(copied)


class Sender:
    """Copies batches to the current GPU by way of pinned memory, which it uses again."""

    def __init__(self, library):
        import cupyx

        self.library, self.pinned = library, cupyx.empty_pinned
        self.stream, self.sent = library.cuda.Stream(non_blocking=True), 0
        self.slots = [({}, library.cuda.Event(disable_timing=True)) for _ in range(DEPTH + 1)]

    def send(self, batch):
        """(the batch on the device, event after its copies)."""
        memory, copied = self.slots[self.sent % len(self.slots)]
        if self.sent >= len(self.slots) and not copied.done:
            copied.synchronize()
        self.sent, pairs = self.sent + 1, []

        def place(leaf):
            if not isinstance(leaf, ndarray) or leaf.dtype.kind in "OSUTmM":
                return leaf
            staged = self._staged(memory, len(pairs), leaf)
            pairs.append((self.library.empty(leaf.shape, leaf.dtype), staged))
            return pairs[-1][0]

        moved = tree.map_structure(place, batch)
        self.stream.wait_event(self.library.cuda.get_current_stream().record())
        for array, staged in pairs:
            array.set(staged, stream=self.stream)
        self.stream.record(copied)
        return moved, copied

    def _staged(self, memory, place, array):
        """A copy of the array in pinned memory: the bytes kept for this place, or more."""
        size = array.nbytes
        if place not in memory or memory[place].size < size:
            memory[place] = self.pinned((size,), NUMPY.uint8)
        staged = memory[place][:size].view(array.dtype).reshape(array.shape)
        NUMPY.copyto(staged, array)
        return staged
