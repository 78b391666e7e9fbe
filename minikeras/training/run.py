"""What a run of `fit` and its callbacks share."""


class Training:
    """A run of `fit`, for callbacks that take it up again.

    Attributes:
        source: the data.
        at: (epoch, batch) to begin at; None for `initial_epoch`.
    """

    def __init__(self, source):
        self.source, self.at = source, None
