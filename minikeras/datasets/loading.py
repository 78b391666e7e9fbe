"""What the data sets share: where they are, how their files are read, how they are split."""

import json
import pickle
import zipfile

import numpy as np

from minikeras import config
from minikeras.data.files import get_file

_RECONSTRUCT = np.empty(0).__reduce__()[0]  # what pickled arrays are made by
BASE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def fetch(name, file_hash=None, path=None, **options):
    """Path of one of the files at `BASE`, in the cache under `path`, its name by default."""
    return get_file(path or name, origin=BASE + name, file_hash=file_hash, **options)


def read_arrays(path, *names):
    """Arrays of an .npz file; none of them may hold Python objects."""
    with np.load(path, allow_pickle=False) as file:
        return tuple(file[name] for name in names)


def read_lists(path, *names):
    """Arrays of an .npz file, of numbers or of lists of numbers."""
    with zipfile.ZipFile(path) as archive:
        return tuple(_read_member(archive, f"{name}.npy") for name in names)


def _read_member(archive, name):
    with archive.open(name) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is not in version 1.0 of NumPy's file format.")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.hasobject:
            return read_pickle(file)
        array = np.frombuffer(file.read(), dtype)
        return array.reshape(shape, order="F" if fortran else "C")


def read_json(path):
    """Contents of a JSON file."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def _dtype(spec, align=False, copy=False):
    return np.dtype(spec, align=bool(align), copy=bool(copy))  # old files say 0 and 1


class _ArraysOnly(pickle.Unpickler):
    """Reads arrays, lists, dictionaries, numbers and strings; a pickle can run nothing."""

    def find_class(self, module, name):
        if (module.replace("_core", "core"), name) == ("numpy.core.multiarray", "_reconstruct"):
            return _RECONSTRUCT
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            return _dtype
        if (module, name) == ("_codecs", "encode"):  # bytes, as Python 3 pickles them for 2
            return _encode
        raise pickle.UnpicklingError(f"A data set may not refer to {module}.{name}.")


def _encode(text, encoding):
    return text.encode(encoding)


def read_pickle(file):
    """An object from an open pickle file, also of Python 2, made of arrays and plain values."""
    return _ArraysOnly(file, encoding="bytes").load()


def read_cifar(path, labels):
    """Images, uint8 (n, 32, 32, 3), and labels (n, 1) of one file of CIFAR-10 or CIFAR-100."""
    with open(path, "rb") as file:
        batch = read_pickle(file)
    x = batch[b"data"].reshape(-1, 3, 32, 32)
    if config.image_data_format() == "channels_last":
        x = x.transpose(0, 2, 3, 1)
    return x, np.reshape(batch[labels], (-1, 1))


def shuffled(seed, *groups):
    """Each group of arrays in a random order of its own, the same for all arrays in it."""
    rng = np.random.RandomState(seed)  # the generator that Keras's order comes from
    for arrays in groups:
        order = np.arange(len(arrays[0]))
        rng.shuffle(order)
        yield tuple(array[order] for array in arrays)


def split(x, y, test_split):
    """`(x_train, y_train), (x_test, y_test)`, the last `test_split` of the samples for testing."""
    n = int(len(x) * (1 - test_split))
    return (x[:n], y[:n]), (x[n:], y[n:])


def shuffled_split(x, y, test_split, seed):
    """`split` after a shuffle; checks `test_split`."""
    if not 0 <= test_split < 1:
        raise ValueError(
            f"`test_split` must be at least 0 and less than 1. Received: test_split={test_split}"
        )
    ((x, y),) = shuffled(seed, (x, y))
    return split(x, y, test_split)


def word_lists(parts, num_words, skip_top, maxlen, start_char, oov_char, index_from):
    """Texts as lists of word numbers, prepared as `imdb.load_data` and `reuters.load_data` say.

    Args:
        parts: Pairs of texts, lists of word ranks (1 for the most frequent word), and labels,
            int (n,).

    Returns:
        The pairs without the texts that are too long; texts are lists, object (n,).
    """
    head, shift = ([] if start_char is None else [start_char]), index_from or 0
    parts = [([head + [w + shift for w in text] for text in x], y) for x, y in parts]
    if maxlen:
        parts = [_shorter(x, y, maxlen) for x, y in parts]
    # As in Keras the highest number of all counts as unknown where there is no limit.
    limit = num_words or max((w for x, _ in parts for text in x for w in text), default=0)

    def prepared(text):
        if oov_char is None:
            return [w for w in text if skip_top <= w < limit]
        return [w if skip_top <= w < limit else oov_char for w in text]

    return [(_lists(map(prepared, x), len(x)), y) for x, y in parts]


def _shorter(x, y, maxlen):
    kept = [i for i, text in enumerate(x) if len(text) < maxlen]
    if not kept:
        raise ValueError(f"No text is shorter than `maxlen`; increase it. Received: {maxlen=}")
    return [x[i] for i in kept], y[kept]


def _lists(values, n):
    out = np.empty(n, dtype=object)  # not np.array: it would make lists of one length a matrix
    for i, value in enumerate(values):
        out[i] = value
    return out
