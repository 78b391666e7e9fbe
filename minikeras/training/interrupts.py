"""Ctrl-C during training: heeded between two steps, so that no update is left half done."""

import contextlib
import signal
import threading


class _Steps:
    """Runs a function; an interrupt meanwhile is kept until it is done, a second one is not."""

    def __init__(self, function):
        self.function = function
        self.busy = self.pending = False

    def __call__(self, batch):
        self.busy = True
        result = self.function(batch)
        self.busy = False
        if self.pending:
            raise KeyboardInterrupt
        return result

    def interrupt(self, number, frame):
        """The handler of the signal."""
        if not self.busy or self.pending:
            raise KeyboardInterrupt
        self.pending = True


@contextlib.contextmanager
def whole_steps(function):
    """A function of a batch that Ctrl-C does not break off in the middle.

    Only the main thread gets signals, and a handler of the user's own stays: there it is the
    function itself.

    >>> with whole_steps(lambda batch: batch + 1) as step:
    ...     step(1)
    2
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield function
        return
    steps = _Steps(function)
    signal.signal(signal.SIGINT, steps.interrupt)
    try:
        yield steps
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
