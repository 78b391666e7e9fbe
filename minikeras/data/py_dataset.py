"""PyDataset: batches by index, read ahead by threads or processes."""

import collections
import concurrent.futures
import itertools
import multiprocessing
import warnings

from minikeras.api.registry import public


@public("utils.PyDataset", "utils.Sequence")
class PyDataset:
    """Base of datasets that give batches by index, for data that do not fit in memory.

    Subclasses define `__getitem__(index)`, which returns a batch `(inputs,)`, `(inputs, targets)`
    or `(inputs, targets, sample_weights)`, and `__len__`, the number of batches (or the property
    `num_batches`, which may be None for a dataset without end). They call
    `super().__init__(**kwargs)`.

    Args:
        workers: threads or processes that read ahead; with 1 thread batches are read when needed.
        use_multiprocessing: processes in place of threads. Each has its own copy of the dataset.
        max_queue_size: batches that are read ahead at most.

    Example:

    >>> import numpy as np
    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         x = np.full((2, 1), float(index))
    ...         return x, x**2
    >>> Squares(workers=2).num_batches
    3
    """

    def __init__(self, workers=1, use_multiprocessing=False, max_queue_size=10):
        self._workers = workers
        self._use_multiprocessing = use_multiprocessing
        self._max_queue_size = max_queue_size

    def __getitem__(self, index):
        """The batch at `index`."""
        raise NotImplementedError(f"{type(self).__name__} must define `__getitem__(self, index)`.")

    @property
    def num_batches(self):
        """The number of batches, None without end."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(
            f"{type(self).__name__} must define `__len__`, or the property `num_batches`:\n\n"
            "@property\ndef num_batches(self):\n  return ..."
        )

    def on_epoch_begin(self):
        """Called before each epoch."""

    def on_epoch_end(self):
        """Called after each epoch's last batch."""

    @property
    def workers(self):
        """Threads or processes that read ahead."""
        return getattr(self, "_workers", 1)

    @workers.setter
    def workers(self, value):
        self._workers = value

    @property
    def use_multiprocessing(self):
        """Whether processes read ahead, not threads."""
        return getattr(self, "_use_multiprocessing", False)

    @use_multiprocessing.setter
    def use_multiprocessing(self, value):
        self._use_multiprocessing = value

    @property
    def max_queue_size(self):
        """Batches that are read ahead at most."""
        return getattr(self, "_max_queue_size", 10)

    @max_queue_size.setter
    def max_queue_size(self, value):
        self._max_queue_size = value


def dataset_batches(dataset, indices=None, start=0):
    """The batches at `indices`, in their order; without, at start, start + 1, ... for ever."""
    indices = iter(itertools.count(start) if indices is None else indices)
    if dataset.use_multiprocessing or (dataset.workers or 0) > 1:
        return _read_ahead(dataset, indices)
    return (dataset[i] for i in indices)


def _read_ahead(dataset, indices):
    pool = _processes(dataset) if dataset.use_multiprocessing else _threads(dataset)
    get = _batch_of_worker if dataset.use_multiprocessing else dataset.__getitem__
    pending = collections.deque()
    try:
        for _ in range(max(1, dataset.max_queue_size)):
            _submit(pool, get, indices, pending)
        while pending:
            batch = pending.popleft().result()
            _submit(pool, get, indices, pending)
            yield batch
    finally:  # also when the consumer stops early
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool, get, indices, pending):
    index = next(indices, None)
    if index is None:
        return
    with warnings.catch_warnings():
        # Forking beside threads: the children only read data.
        warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
        pending.append(pool.submit(get, index))


def _threads(dataset):
    return concurrent.futures.ThreadPoolExecutor(dataset.workers, "minikeras-data")


def _processes(dataset):
    # Forked children have the dataset at once, and scripts need no `if __name__ == "__main__"`.
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    return concurrent.futures.ProcessPoolExecutor(
        max(1, dataset.workers or 1), multiprocessing.get_context(method),
        initializer=_start_worker, initargs=(dataset,),
    )


_dataset = None  # in a worker process: the dataset that it reads


def _start_worker(dataset):
    global _dataset
    _dataset = dataset


def _batch_of_worker(index):
    return _dataset[index]
