"""What a run of `fit` and its callbacks share."""


class Training:
    """A run of `fit`, for callbacks that take it up again.

    Attributes:
        source: the data.
        at: (epoch, batch) to begin at; None for `initial_epoch`.
    """

    def __init__(self, source):
        self.source, self.at = source, None


def groups(batches, size, step=0):
    """(number of the first batch, list of up to `size` batches), numbers from `step` on."""
    group = []
    for batch in batches:
        group.append(batch)
        if len(group) == size:
            yield step, group
            step, group = step + size, []
    if group:
        yield step, group
