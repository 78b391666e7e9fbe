"""Sources: whatever `fit`, `evaluate` and `predict` are given, as batches, epoch by epoch."""

import math
import operator
import warnings

import numpy as np

from minikeras import config
from minikeras.arrays import NUMPY, library_of
from minikeras.data import batching
from minikeras.data.batching import Deferred, map_leaves, to_floatx, to_samples
from minikeras.data.py_dataset import PyDataset, dataset_batches
from minikeras.random.seed import make_default_seed

_END = object()
RAN_OUT = (
    "Your input ran out of data; interrupting training. Make sure that your dataset or generator "
    "can generate at least `steps_per_epoch * epochs` batches. You may need to use the "
    "`.repeat()` function when building your dataset."
)


class Source:
    """Batches of an epoch, as tuples (x,), (x, y) or (x, y, sample_weight) of nested arrays.

    Attributes:
        num_batches: batches in a pass over the data, None if that is not known.
        batch_size: samples in a batch, None if that is not known.
        has_partial_batch: whether the last batch of a pass is smaller.
        steps_per_epoch: batches in an epoch, if it is not a pass.
    """

    num_batches = batch_size = None
    has_partial_batch = False
    steps_per_epoch = None
    bare = False  # whether a step is given x alone as it is, not as (x,)
    repeats = True  # whether the data can be passed over again
    seed = None  # of the order of the passes

    _running = None  # the pass that epochs of `steps_per_epoch` batches share
    _passes = 0
    _peeked = None

    @property
    def steps(self):
        """Batches in an epoch, None if that is not known."""
        return self.steps_per_epoch or self.num_batches

    def passes(self, number, start=0):
        """An iterator of the raw batches of the pass with this number, from batch `start` on."""
        raise NotImplementedError

    def standard(self, batch):
        """A raw batch as a tuple of arrays."""
        return batch

    def peek(self):
        """The first batch; the epochs still give it."""
        if self._peeked is None:
            first = next(self.passes(0), None)
            if first is None:
                raise ValueError(f"The data holds no batch. Received: {type(self).__name__}")
            self._peeked = self.standard(first)
        return self._peeked

    def on_epoch_begin(self):
        """To be called before each epoch."""

    def on_epoch_end(self):
        """To be called after each epoch's last batch."""

    def epoch(self, index=0, start=0):
        """An iterator of the batches of epoch `index`, from batch `start` on.

        With `steps_per_epoch` an epoch takes up where the last one ended, and a warning says
        when the data end before the epoch does.
        """
        if self.steps_per_epoch is None:
            given = start
            for batch in self.passes(index, start):
                given += 1
                yield self.standard(batch)
            if not given:
                self._none_left()
            return
        if not self._passes and self.repeats:
            self._catch_up(index)
        for step in range(self.steps_per_epoch):
            if self._running is None:
                self._begin_pass()
            try:
                batch = next(self._running)
            except StopIteration:
                if not step and self._passes == 1:
                    self._none_left()
                else:
                    warnings.warn(RAN_OUT, stacklevel=3)
                self._running = None if self.repeats else iter(())
                return
            self._taken += 1
            if step >= start:
                yield self.standard(batch)
        if self._taken == self.num_batches:
            self._running = None

    def for_steps(self, index=0, start=0):
        """`epoch`, each batch as `train_step` and its like are given it."""
        batches = self.epoch(index, start)
        return map(operator.itemgetter(0), batches) if self.bare else batches

    def _begin_pass(self, start=0):
        self._running, self._taken = self.passes(self._passes, start), start
        self._passes += 1

    def _catch_up(self, epochs):
        """Begin where `epochs` epochs would have ended: a run that is taken up later goes on so."""
        taken = 0
        for _ in range(epochs):
            taken += self.steps_per_epoch
            if self.num_batches is not None and taken >= self.num_batches:
                taken, self._passes = 0, self._passes + 1
        self._begin_pass(taken)

    def _none_left(self):
        raise ValueError(f"The data holds no batch. Received: {type(self).__name__}")


# ------------------------------------------------------------ arrays
class ArraySource(Source):
    """Slices of arrays, or with `shuffle` rows gathered in a new order for each pass.

    The order of pass n follows from one seed, drawn from Python's generator at the beginning,
    and from n: it is the same under `set_random_seed`, and in a run taken up at a later epoch.
    """

    def __init__(self, x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight):
        x, y = to_samples(x, "x"), to_samples(y, "y")
        sample_weight = to_samples(sample_weight, "sample_weight")
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError(
                    "`class_weight` and `sample_weight` can't be given at the same time: multiply "
                    "the weights of the classes into `sample_weight`."
                )
            sample_weight = batching.class_weight_to_sample_weights(y, class_weight)
        sample_weight = batching.match_weights(y, sample_weight)
        self.count = batching.count_samples(x, y, sample_weight)
        self.batch_size = _batch_size(batch_size, steps_per_epoch, self.count)
        self.num_batches = math.ceil(self.count / self.batch_size)
        self.has_partial_batch = self.count % self.batch_size != 0
        self.steps_per_epoch = steps_per_epoch
        self.shuffle = _shuffle(shuffle)
        self.seed = make_default_seed() if self.shuffle else None
        data = batching.pack_x_y_sample_weight(x, y, sample_weight)
        self.bare = not isinstance(data, tuple)
        self.data = (data,) if self.bare else data
        self.flat = not any(d is None or batching.is_structure(d) for d in self.data)

    def peek(self):
        return self._gather(lambda a: _rows(a, 0, min(self.batch_size, self.count)))

    def passes(self, number, start=0):
        bounds = range(start * self.batch_size, self.count, self.batch_size)
        if not self.shuffle:
            for i in bounds:
                yield self._gather(lambda a: _rows(a, i, min(i + self.batch_size, self.count)))
            return
        order = self._order(number)
        if self.shuffle == "batch":  # pieces of the data, each in one piece
            for at in order[start:]:
                i = at * self.batch_size
                yield self._gather(lambda a: _rows(a, i, min(i + self.batch_size, self.count)))
            return
        orders = {NUMPY: order}  # the order on each device that holds some of the data
        size, several = self.batch_size, self._batches_at_once()
        for i in bounds[::several]:
            rows = self._gather(lambda a: _take(a, orders, i, i + several * size))
            if several == 1:
                yield rows
                continue
            for j in range(0, min(several * size, self.count - i), size):
                part = slice(j, j + size)
                yield (tuple([a[part] for a in rows]) if self.flat else
                       map_leaves(lambda a: a[part], rows))

    def _batches_at_once(self):
        """How many batches to gather in one go: gathering a few rows costs mostly the call."""
        size = 0
        for a in batching.leaves(self.data):
            if isinstance(a, Deferred):
                return 1
            size += self.batch_size * a.nbytes // max(len(a), 1)
        return max(1, min(64, GATHERED // max(size, 1)))

    def _order(self, number):
        generator = np.random.default_rng([self.seed, number])
        if self.shuffle != "batch":
            return generator.permutation(self.count)
        whole = self.num_batches - self.has_partial_batch
        order = generator.permutation(whole)
        return [*order.tolist(), whole] if self.has_partial_batch else order.tolist()

    def _gather(self, rows):
        if self.flat:
            return tuple([rows(a) for a in self.data])
        return map_leaves(rows, self.data)


def _rows(array, start, stop):
    part = array[start:stop]
    return to_floatx(part.read() if isinstance(part, Deferred) else part)


GATHERED = 1 << 18  # bytes


def _take(array, orders, start, stop):
    if isinstance(array, Deferred):
        return to_floatx(array.take(orders[NUMPY][start:stop]))
    library = library_of(array)
    if library not in orders:
        orders[library] = library.asarray(orders[NUMPY])
    return to_floatx(library.take(array, orders[library][start:stop], axis=0))


def _batch_size(batch_size, steps_per_epoch, count):
    if batch_size is None:
        return 32 if steps_per_epoch is None else max(1, math.ceil(count / steps_per_epoch))
    _positive(batch_size, "batch_size")
    return int(batch_size)


def _positive(value, name):
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")


def _shuffle(shuffle):
    if isinstance(shuffle, str) and shuffle != "batch":
        raise ValueError(f"`shuffle` must be a bool or 'batch'. Received: shuffle={shuffle!r}")
    return shuffle if shuffle == "batch" else bool(shuffle)


# ------------------------------------------------------------ generators, datasets, loaders
class BatchSource(Source):
    """Data that come as batches."""

    kind = "data"

    def __init__(self, data, y, sample_weight, steps_per_epoch, class_weight):
        for name, value, inside in (
            ("y", y, "targets"), ("sample_weights", sample_weight, "sample weights"),
        ):
            if value is not None:
                raise ValueError(
                    f"When providing `x` as a {self.kind}, `{name}` should not be passed. "
                    f"Instead, the {inside} should be included as part of the {self.kind}."
                )
        self.data, self.steps_per_epoch, self.class_weight = data, steps_per_epoch, class_weight

    def standard(self, batch):
        if not 1 <= len(batch) <= 3:
            raise ValueError(
                f"A batch of a {self.kind} must be (inputs,), (inputs, targets) or (inputs, "
                f"targets, sample_weights). Received: {len(batch)} parts"
            )
        names = ("x", "y", "sample_weight")
        batch = tuple(to_samples(part, name, False) for part, name in zip(batch, names))
        batch = tuple(map_leaves(_in_memory, part) for part in batch)
        if self.class_weight is not None:
            if len(batch) != 2:
                raise ValueError(
                    "`class_weight` needs batches of (inputs, targets), without sample weights. "
                    f"Received: {len(batch)} parts"
                )
            weights = batching.class_weight_to_sample_weights(batch[1], self.class_weight)
            batch = (*batch, weights)
        return batch


def _in_memory(array):
    return to_floatx(array.read() if isinstance(array, Deferred) else array)


class GeneratorSource(BatchSource):
    """A generator; each batch is given once, and an epoch without a length takes all."""

    kind, repeats = "generator", False

    def __init__(self, data, y, sample_weight, steps_per_epoch, class_weight):
        super().__init__(data, y, sample_weight, steps_per_epoch, class_weight)
        if class_weight is not None:
            raise ValueError(
                "Argument `class_weight` is not supported for Python generator inputs; yield "
                f"(inputs, targets, sample_weights). Received: class_weight={class_weight}"
            )
        self._ahead, self._given = [], 0

    def peek(self):
        if not self._ahead and not self._given:
            first = next(self.data, _END)
            if first is _END:
                self._none_left()
            self._ahead.append(first)
            self._first = self.standard(first)
        return self._first

    def passes(self, number, start=0):
        for _ in range(start):
            self._next()
        while (batch := self._next()) is not _END:
            yield batch

    def _next(self):
        batch = self._ahead.pop() if self._ahead else next(self.data, _END)
        self._given += batch is not _END
        return batch

    def standard(self, batch):
        if not isinstance(batch, tuple):
            raise ValueError(
                "When passing a Python generator to a Keras model, the generator must return a "
                "tuple, either (input,) or (inputs, targets) or (inputs, targets, "
                f"sample_weights). Received: {batch!r:.200}"
            )
        return super().standard(batch)

    def _none_left(self):
        if self._given:
            warnings.warn(RAN_OUT, stacklevel=4)
            return
        raise ValueError(
            "When passing a Python generator to a Keras model, the generator must yield at least "
            "one batch. Received an empty generator."
        )


class PyDatasetSource(BatchSource):
    """A PyDataset; its batches are read ahead by its workers."""

    kind = "PyDataset"

    def __init__(self, data, y, sample_weight, steps_per_epoch, shuffle, class_weight):
        super().__init__(data, y, sample_weight, steps_per_epoch, class_weight)
        if not hasattr(data, "_workers"):
            warnings.warn(
                "Your `PyDataset` class should call `super().__init__(**kwargs)` in its "
                "constructor. `**kwargs` can include `workers`, `use_multiprocessing`, "
                "`max_queue_size`. Do not pass these arguments to `fit()`, as they will be "
                "ignored.",
                stacklevel=4,
            )
        self.num_batches = data.num_batches
        if self.num_batches == 0:
            raise ValueError("The PyDataset holds no batch: its length is 0.")
        if self.num_batches is None and steps_per_epoch is None:
            raise ValueError(
                "A PyDataset without end (its `num_batches` is None) needs `steps_per_epoch`."
            )
        self.shuffle = bool(shuffle) and self.num_batches is not None
        self.seed = make_default_seed() if self.shuffle else None

    def passes(self, number, start=0):
        indices = None
        if self.num_batches is not None:
            self.num_batches = self.data.num_batches  # it may change between epochs
            indices = range(self.num_batches)
            if self.shuffle:
                generator = np.random.default_rng([self.seed, number])
                indices = generator.permutation(self.num_batches).tolist()
            indices = indices[start:]
        return dataset_batches(self.data, indices, start)

    def peek(self):
        if self._peeked is None:
            self._peeked = self.standard(self.data[0])
        return self._peeked

    def standard(self, batch):
        if isinstance(batch, list):
            batch = tuple(batch)
        elif isinstance(batch, dict) or hasattr(batch, "shape"):
            batch = (batch,)
        if not isinstance(batch, tuple):
            raise ValueError(
                "PyDataset.__getitem__() must return a tuple or a dict. If a tuple, it must be "
                "ordered either (input,) or (inputs, targets) or (inputs, targets, "
                f"sample_weights). Received: {batch!r:.100} of type {type(batch)}"
            )
        return super().standard(batch)

    def on_epoch_begin(self):
        self.data.on_epoch_begin()

    def on_epoch_end(self):
        self.data.on_epoch_end()


class LoaderSource(BatchSource):
    """Anything that can be iterated over again: a PyTorch DataLoader, a tf.data.Dataset."""

    kind = "dataset"

    def __init__(self, data, y, sample_weight, steps_per_epoch, class_weight):
        super().__init__(data, y, sample_weight, steps_per_epoch, class_weight)
        try:
            self.num_batches = len(data)
        except TypeError:  # of unknown length, or without end
            self.num_batches = None
        size = getattr(data, "batch_size", None)
        self.batch_size = size if isinstance(size, int) else None
        if steps_per_epoch is None and _endless(data):
            raise ValueError(
                "When passing an infinitely repeating dataset, please specify a "
                "`steps_per_epoch` value so that the epoch ends."
            )

    def passes(self, number, start=0):
        numpy_iterator = getattr(self.data, "as_numpy_iterator", None)  # tf.data's
        batches = numpy_iterator() if numpy_iterator else iter(self.data)
        for _ in range(start):
            next(batches, None)
        return batches

    def standard(self, batch):
        if isinstance(batch, list):  # what a DataLoader makes of tuples
            batch = tuple(batch)
        return super().standard(batch if isinstance(batch, tuple) else (batch,))


def _endless(data):
    cardinality = getattr(data, "cardinality", None)
    return callable(cardinality) and int(cardinality()) == -1


# ------------------------------------------------------------ the choice
def make_source(
    x, y=None, sample_weight=None, batch_size=None, steps_per_epoch=None, shuffle=False,
    class_weight=None,
):
    """The Source for what a user gives.

    Args:
        x: arrays (NumPy, CuPy, tensors, lists of numbers, pandas; nested in tuples, lists,
            dicts), a generator, a PyDataset, or an iterable of batches (DataLoader, tf.data).
        y: targets, like x; None where x gives batches.
        sample_weight: one weight a sample, for each output or for all.
        batch_size: 32 by default; where x gives batches it has no meaning.
        steps_per_epoch: batches an epoch; a pass over the data by default.
        shuffle: whether each epoch has an order of its own; "batch": of whole batches.
        class_weight: dict from class numbers to weights.

    Returns:
        A Source.

    >>> source = make_source([1.0, 2.0, 3.0], batch_size=2)
    >>> [batch[0].tolist() for batch in source.epoch()]
    [[1.0, 2.0], [3.0]]
    """
    if steps_per_epoch is not None:
        _positive(steps_per_epoch, "steps_per_epoch")
        steps_per_epoch = int(steps_per_epoch)
    class_weight = batching.check_class_weight(class_weight)
    source = _source(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight)
    steps = config.limited("steps_per_epoch", source.steps, config.max_steps_per_epoch())
    if steps != source.steps:
        source.steps_per_epoch = steps
    return source


def _source(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight):
    if isinstance(x, PyDataset):
        return PyDatasetSource(x, y, sample_weight, steps_per_epoch, shuffle, class_weight)
    if hasattr(x, "__next__"):
        return GeneratorSource(x, y, sample_weight, steps_per_epoch, class_weight)
    if _is_loader(x):
        return LoaderSource(x, y, sample_weight, steps_per_epoch, class_weight)
    if x is None and y is None:
        raise ValueError("There is no data: `x` is None.")
    return ArraySource(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight)


def _is_loader(x):
    if isinstance(x, (str, bytes, list, tuple, dict, set, range)) or not hasattr(x, "__iter__"):
        return False
    return not any(hasattr(x, name) for name in ("__array__", "to_numpy", "tocsr", "shape"))
