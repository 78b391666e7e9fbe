"""split_dataset: two parts of the samples of a dataset."""

import numbers

import numpy as np

from minikeras import tree
from minikeras.api.registry import public
from minikeras.data.py_dataset import PyDataset
from minikeras.random.seed import make_default_seed


class Samples:
    """Samples one by one: `samples[i]`, `len(samples)`, iteration; `batch` for training."""

    def __init__(self, dataset, places):
        self.dataset, self.places = dataset, places

    def __len__(self):
        return len(self.places)

    def __getitem__(self, index):
        place = self.places[index]
        if isinstance(index, slice):
            return Samples(self.dataset, place)
        if isinstance(self.dataset, (list, tuple)) and _is_arrays(self.dataset):
            return tuple(a[place] for a in self.dataset)
        return self.dataset[place]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def batch(self, batch_size, drop_remainder=False):
        """The samples in batches, as `fit` takes them."""
        return _Batches(self, batch_size, drop_remainder)


class _Batches(PyDataset):
    def __init__(self, samples, batch_size, drop_remainder):
        super().__init__()
        self.samples, self.batch_size, self.drop_remainder = samples, batch_size, drop_remainder

    def __len__(self):
        whole, rest = divmod(len(self.samples), self.batch_size)
        return whole + bool(rest and not self.drop_remainder)

    def __getitem__(self, index):
        start = index * self.batch_size
        stop = min(start + self.batch_size, len(self.samples))
        samples = [self.samples[i] for i in range(start, stop)]
        return tree.map_structure(lambda *values: np.stack(values), *samples)


@public("utils.split_dataset")
def split_dataset(
    dataset, left_size=None, right_size=None, shuffle=False, seed=None, preferred_backend=None
):
    """Two parts, left and right, of the samples of a dataset.

    Args:
        dataset: array, tuple or list of arrays of one length (a sample is then a tuple), or
            anything with a length that gives its samples by index or one after the other.
        left_size: number of samples, or share in (0, 1), of the left part.
        right_size: likewise of the right part; one of the two may be left out.
        shuffle: whether the samples are put into a random order first.
        seed: of that order.
        preferred_backend: accepted for Keras's sake.

    Returns:
        A pair of datasets that have a length, give samples by index or one by one, and batches
        by `.batch(batch_size)`.

    >>> left, right = split_dataset(np.arange(10), left_size=0.8)
    >>> len(left), len(right), int(right[0])
    (8, 2, 8)
    """
    del preferred_backend
    dataset = _checked(dataset)
    total = len(dataset[0]) if isinstance(dataset, tuple) else len(dataset)
    left, right = _sizes(left_size, right_size, total)
    order = np.arange(total)
    if shuffle:
        seed = make_default_seed() if seed is None else seed
        order = np.random.default_rng(seed).permutation(total)
    order = order.tolist()
    return Samples(dataset, order[:left]), Samples(dataset, order[total - right :])


def _is_arrays(dataset):
    return bool(dataset) and all(hasattr(a, "shape") for a in dataset)


def _checked(dataset):
    """The dataset as something with a length and an index, or a tuple of arrays."""
    if isinstance(dataset, (list, tuple)):
        if not _is_arrays(dataset):
            raise ValueError(
                "`dataset` as a list or tuple must be one of arrays, and not be empty. "
                f"Received: {[type(x).__name__ for x in dataset]}"
            )
        if len({len(a) for a in dataset}) > 1:
            raise ValueError(
                "Received a tuple of arrays of different lengths. Received: shapes "
                f"{[tuple(a.shape) for a in dataset]}"
            )
        return tuple(dataset)
    if isinstance(dataset, dict) or not hasattr(dataset, "__len__"):
        raise TypeError(
            "`dataset` must be an array, a tuple of arrays or a dataset with a length. "
            f"Received: {type(dataset).__name__}"
        )
    return dataset if hasattr(dataset, "__getitem__") else list(dataset)


def _sizes(left, right, total):
    """Numbers of samples on the left and on the right."""
    if left is None and right is None:
        raise ValueError(
            "At least one of the `left_size` or `right_size` must be specified. Received: "
            "left_size=None and right_size=None"
        )
    counts = [_count(name, size, total) for name, size in
              (("left_size", left), ("right_size", right))]
    if isinstance(left, float) and isinstance(right, float) and left + right > 1:
        raise ValueError(
            "The sum of `left_size` and `right_size` is greater than 1. It must be less than or "
            f"equal to 1. Received: left_size={left}, right_size={right}"
        )
    left = total - counts[1] if counts[0] is None else counts[0]
    right = total - counts[0] if counts[1] is None else counts[1]
    if left + right > total:
        raise ValueError(
            f"The sum of `left_size` and `right_size` should be smaller than the {total}. "
            f"Received: {left} + {right}"
        )
    for side, size in (("left", left), ("right", right)):
        if not size:
            raise ValueError(
                f"With `dataset` of length={total}, `left_size`={left} and `right_size`={right}, "
                f"the {side} side dataset split will be empty. Change the sizes."
            )
    return left, right


def _count(name, size, total):
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, numbers.Real):
        raise TypeError(
            f"Invalid `{name}` type. Expected: int or float or None. Received: {name}={size!r}")
    whole = isinstance(size, numbers.Integral)
    if size <= 0 or size >= (total if whole else 1):
        raise ValueError(
            f"`{name}` should be either a positive integer smaller than {total}, or a float "
            f"within the range `[0, 1]`. Received: {name}={size}"
        )
    return int(size) if whole else round(size * total)
