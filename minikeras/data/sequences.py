"""Sequences: padding to one length, and windows of a time series."""

import numpy as np

from minikeras.api.registry import public
from minikeras.arrays import to_host
from minikeras.core.tensor import Tensor
from minikeras.data.py_dataset import PyDataset


@public("utils.pad_sequences", "preprocessing.sequence.pad_sequences")
def pad_sequences(
    sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0
):
    """Bring sequences to one length: shorter ones are padded, longer ones cut.

    Args:
        sequences: list of sequences; the elements may be arrays, all of one shape.
        maxlen: the length; by default that of the longest sequence.
        dtype: of the result; `object` for strings.
        padding: "pre" pads before a sequence, "post" after it.
        truncating: "pre" drops the first elements of a longer one, "post" the last.
        value: what is padded with.

    Returns:
        NumPy array of shape (sequences, maxlen, *shape of an element).

    Raises:
        ValueError: A sequence is none, or elements differ in shape.

    >>> pad_sequences([[1], [2, 3]]).tolist()
    [[0, 1], [2, 3]]
    """
    _check_sequences(sequences, padding, truncating)
    dtype = np.dtype(dtype) if dtype is not object else np.dtype(object)
    is_text = np.issubdtype(dtype, np.str_)
    if isinstance(value, str) and str(dtype) != "object" and not is_text:
        raise ValueError(
            f"`dtype` {dtype} is not compatible with `value`'s type: {type(value)}. "
            "You should set `dtype=object` for variable length strings."
        )
    if maxlen is None:
        maxlen = max((len(s) for s in sequences), default=0)
    shape = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    texts = [str(e) for s in sequences for e in s] if is_text else ()
    if is_text and not dtype.itemsize:  # NumPy would cut them to one letter
        dtype = np.dtype(f"U{max(map(len, (*texts, str(value))))}")
    result = np.full((len(sequences), maxlen, *shape), value, dtype=dtype)
    for i, sequence in enumerate(sequences):
        if not len(sequence) or not maxlen:
            continue
        kept = np.asarray(sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen])
        if kept.shape[1:] != shape:
            raise ValueError(
                f"The elements of all sequences must have one shape, {shape} as in the first. "
                f"Received: elements of shape {kept.shape[1:]} in sequence {i}"
            )
        if padding == "post":
            result[i, : len(kept)] = kept
        else:
            result[i, -len(kept) :] = kept
    return result


def _check_sequences(sequences, padding, truncating):
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"`sequences` must be a list of sequences. Received: {sequences!r:.100}")
    for sequence in sequences:
        if not hasattr(sequence, "__len__") or isinstance(sequence, str):
            raise ValueError(
                f"`sequences` must be a list of sequences. Found in it: {sequence!r:.100}"
            )
    for name, given in (("padding", padding), ("truncating", truncating)):
        if given not in ("pre", "post"):
            raise ValueError(f"`{name}` must be 'pre' or 'post'. Received: {name}={given!r}")


class Windows(PyDataset):
    """Batches of windows of a series, with their targets; it can be iterated over and indexed."""

    def __init__(self, data, targets, starts, steps, batch_size):
        super().__init__()
        self.data, self.targets, self.starts, self.batch_size = data, targets, starts, batch_size
        self.steps = steps  # offsets of a window's elements

    def __len__(self):
        return -(-len(self.starts) // (self.batch_size or 1))

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches. Received: index={index}")
        size = self.batch_size or 1
        starts = self.starts[index * size : (index + 1) * size]
        if self.batch_size is None:
            starts = starts[0]
        windows = self.data[np.add.outer(starts, self.steps)]  # (batch, length, ...)
        return windows if self.targets is None else (windows, self.targets[starts])

    def __iter__(self):
        return (self[i] for i in range(len(self)))


@public(
    "utils.timeseries_dataset_from_array", "preprocessing.timeseries_dataset_from_array"
)
def timeseries_dataset_from_array(
    data, targets, sequence_length, sequence_stride=1, sampling_rate=1, batch_size=128,
    shuffle=False, seed=None, start_index=None, end_index=None, format="tf",
):
    """Windows of a time series, in batches.

    Window k holds elements s, s + r, ..., s + (length - 1) r with s = k stride and r the
    sampling rate; its target is `targets[s]`.

    Args:
        data: array (time, ...).
        targets: array (time, ...) of a target for each window's start, or None.
        sequence_length: elements in a window.
        sequence_stride: time steps from a window's start to the next one's.
        sampling_rate: time steps from an element of a window to the next.
        batch_size: windows in a batch; None: one window at a time, without a batch axis.
        shuffle: whether the windows come in a random order, the same in each epoch.
        seed: of the shuffling.
        start_index: elements before it are not used.
        end_index: elements from it on are not used.
        format: kept for Keras's sake ("tf" or "grain"): the result is a PyDataset always.

    Returns:
        A PyDataset of batches of shape (batch, sequence_length, ...), or (windows, targets).

    >>> batches = timeseries_dataset_from_array([0, 1, 2, 3], None, sequence_length=3)
    >>> batches[0].tolist()
    [[0, 1, 2], [1, 2, 3]]
    """
    data, targets = _host(data), None if targets is None else _host(targets)
    if format not in ("tf", "grain"):
        raise ValueError(f"`format` should be either 'tf' or 'grain'. Received: format={format!r}")
    steps = {"sampling_rate": sampling_rate, "sequence_stride": sequence_stride}
    for name, value in {**steps, "sequence_length": sequence_length}.items():
        if value <= 0:
            raise ValueError(f"`{name}` must be higher than 0. Received: {name}={value}")
    if batch_size is not None and batch_size <= 0:
        raise ValueError(f"`batch_size` must be higher than 0. Received: batch_size={batch_size}")
    for name, value in steps.items():
        if value >= len(data):
            raise ValueError(
                f"`{name}` must be lower than the length of the data. "
                f"Received: {name}={value}, for data of length {len(data)}"
            )
    start, end = _bounds(start_index, end_index, len(data))
    last = end - (sequence_length - 1) * sampling_rate  # first start without a whole window
    if targets is not None:
        last = min(last, len(targets))
    starts = np.arange(start, max(last, start), sequence_stride)
    if shuffle:
        starts = np.random.RandomState(seed).permutation(starts)
    offsets = np.arange(sequence_length) * sampling_rate
    return Windows(data, targets, starts, offsets, batch_size)


def _host(data):
    return np.asarray(to_host(data._value) if isinstance(data, Tensor) else data)


def _bounds(start, end, length):
    if start is not None and not 0 <= start < length:
        need = "0 or greater" if start < 0 else "lower than the length of the data"
        raise ValueError(
            f"`start_index` must be {need}. "
            f"Received: start_index={start}, for data of length {length}"
        )
    if end is not None and not (start or 0) < end <= length:
        need = (
            "at most the length of the data" if end > length else "higher than `start_index` and 0"
        )
        raise ValueError(
            f"`end_index` must be {need}. Received: start_index={start}, end_index={end}, for "
            f"data of length {length}"
        )
    return start or 0, length if end is None else end
