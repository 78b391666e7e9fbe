"""Every so many batches, whatever epoch they are in."""


class EveryBatches:
    """`due(batch)` is True at each `count`-th batch, or at the first batch told of after it."""

    def __init__(self, count):
        self.count, self._seen, self._last = count, 0, 0

    def due(self, batch):
        """Whether it is time, with this batch; batches count from 0 in each epoch."""
        # With several steps an execution not every batch is told of.
        self._seen += batch + 1 if batch <= self._last else batch - self._last
        self._last = batch
        if self._seen < self.count:
            return False
        self._seen = 0
        return True


def checked_frequency(save_freq):
    """None for "epoch", else EveryBatches; ValueError for anything else."""
    if save_freq == "epoch":
        return None
    if isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1:
        raise ValueError(
            f"Unrecognized save_freq: {save_freq}. Expected save_freq are 'epoch' or integer "
            "values"
        )
    return EveryBatches(save_freq)
