"""Threads that work through lists of calls side by side.

A pair of locks is the cheapest hand-over that Python has. The threads are made at first use, wait
asleep, and are made anew in a forked process.
"""

import functools
import os
import threading

from minikeras.arrays.quiet import quiet


class Worker:
    """One more thread: `start(calls)`, then `wait()`, which raises what the calls raised."""

    def __init__(self):
        self._go, self._done = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._done.acquire()
        self._calls, self._error = (), None
        threading.Thread(target=self._loop, name="minikeras worker", daemon=True).start()

    def _loop(self):
        quiet()  # the switch belongs to the thread
        while True:
            self._go.acquire()
            try:
                for call in self._calls:
                    call()
            except BaseException as e:
                self._error = e
            self._calls = ()
            self._done.release()

    def start(self, calls):
        """Have the calls run."""
        self._calls = calls
        self._go.release()

    def wait(self):
        """Wait for the calls to have run; returns what one of them raised, if any."""
        interrupted = None
        while True:
            try:
                self._done.acquire()
                break
            except KeyboardInterrupt as e:  # the thread goes on: its end must be awaited
                interrupted = e
        error, self._error = self._error, None
        return error or interrupted


class Pool:
    """Workers that one program at a time may use."""

    def __init__(self):
        self.free, self.workers = threading.Lock(), []

    def grow(self, count):
        """The first `count` workers."""
        while len(self.workers) < count:
            self.workers.append(Worker())
        return self.workers[:count]


POOL = Pool()


def _renew():
    """A forked process has the locks but not the threads."""
    POOL.__init__()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def run(sections):
    """Carry out sections one after the other; the lists of a section side by side.

    Args:
        sections: list of (calls of this thread, lists of calls of others). While another program
            uses the workers, all is done in this thread: the results are the same bits.
    """
    most = max((len(others) for _, others in sections), default=0)
    if not most or not POOL.free.acquire(blocking=False):
        for calls, others in sections:
            for call in calls:
                call()
            for more in others:
                for call in more:
                    call()
        return
    try:
        workers = POOL.grow(most)
        for calls, others in sections:
            if others:
                _side_by_side(calls, others, workers)
            else:
                for call in calls:
                    call()
    finally:
        POOL.free.release()


def _side_by_side(calls, others, workers):
    for worker, more in zip(workers, others):
        worker.start(more)
    try:
        for call in calls:
            call()
    finally:
        errors = [worker.wait() for worker, _ in zip(workers, others)]
    for error in errors:
        if error is not None:
            raise error


def executor(sections):
    """A function that carries the sections out."""
    if len(sections) == 1 and not sections[0][1]:
        return functools.partial(_all, sections[0][0])
    return functools.partial(run, sections)


def _all(calls):
    for call in calls:
        call()
