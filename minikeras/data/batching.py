"""What users give as data, as arrays of samples; and the batch tuples (x, y, sample_weight)."""

import numbers

import numpy as np

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.arrays import is_array, library_of, to_host
from minikeras.core.tensor import Convertible, Tensor
from minikeras.errors import plain

ADVICE = (
    "Pass NumPy arrays of numbers, all samples of one shape: encode strings (StringLookup, "
    "TextVectorization) and bring ragged lists to one length (keras.utils.pad_sequences)."
)


class Deferred:
    """Samples that are read when asked for: an HDF5 dataset, or rows `start` to `stop` of it."""

    def __init__(self, source, start=0, stop=None):
        self.source, self.start = source, start
        self.stop = source.shape[0] if stop is None else stop

    @property
    def shape(self):
        return (self.stop - self.start, *self.source.shape[1:])

    @property
    def dtype(self):
        return self.source.dtype

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(self.shape[0])
            return type(self)(self.source, self.start + start, self.start + stop)
        raise TypeError(f"Only slices of samples can be taken. Received: {rows!r}")

    def take(self, rows):
        """The rows of these indices; HDF5 reads them in ascending order and each once."""
        ascending, back = np.unique(rows, return_inverse=True)
        return np.asarray(self.source[ascending + self.start])[back]

    def read(self):
        """All of the rows."""
        return np.asarray(self.source[self.start : self.stop])


class SparseRows(Deferred):
    """Rows of a SciPy sparse matrix, made dense batch by batch."""

    def take(self, rows):
        return self.source[rows + self.start].toarray()

    def read(self):
        return self.source[self.start : self.stop].toarray()


# ------------------------------------------------------------ arrays from anything
def to_samples(data, name="x", batched=True):
    """The structure with every leaf an array (NumPy or of the GPU) or Deferred; None stays.

    A list of numbers, nested or not, is one array; other lists, tuples and dicts are structure.
    With `batched=False` leaves may be numbers too (a generator's batches are as they come).
    """
    if data is None:
        return None
    if isinstance(data, dict):
        return {k: to_samples(v, f"{name}[{k!r}]", batched) for k, v in data.items()}
    if isinstance(data, (list, tuple)) and not _numeric(data, name):
        parts = [to_samples(v, f"{name}[{i}]", batched) for i, v in enumerate(data)]
        if hasattr(data, "_fields"):
            return type(data)(*parts)
        return parts if isinstance(data, list) else tuple(parts)
    array = _leaf(data, name)
    if batched and not array.shape:
        raise ValueError(
            f"The data must have an axis of samples first, but `{name}` is a single number. "
            f"Received: {name}={data!r}"
        )
    if getattr(array.dtype, "kind", "?") in "OSUTMm":
        raise ValueError(
            f"`{name}` holds {_what(array)}, not numbers, and cannot be fed to a model. {ADVICE} "
            f"Received: {name} of dtype {array.dtype} and shape {tuple(array.shape)}"
        )
    return array


def _numeric(data, name):
    """Whether a list is one array of numbers; an error if it is neither that nor a structure."""
    if not data:
        return False
    first = data[0]
    if isinstance(first, (numbers.Number, np.generic)):
        return True
    if isinstance(first, (str, bytes)):
        raise ValueError(
            f"`{name}` is a list of strings, not numbers, and cannot be fed to a model. {ADVICE} "
            f"Received: {name}={data!r:.100}"
        )
    return isinstance(first, (list, tuple)) and _numeric(first, name)


def _leaf(data, name):
    if isinstance(data, Convertible):
        data = data.tensor()
    if isinstance(data, Tensor):
        return data._value
    if isinstance(data, np.ndarray):
        return np.asarray(data)  # a memory map without its class: nothing is read
    if isinstance(data, Deferred) or is_array(data):
        return data
    if isinstance(data, (list, tuple)):
        try:
            return np.asarray(data)
        except ValueError as e:
            raise ValueError(
                f"`{name}` is a ragged list: its parts differ in length. {ADVICE} "
                f"Received: {name}={data!r:.100}"
            ) from e
    if isinstance(data, (numbers.Number, np.generic)):
        return np.asarray(data)
    if hasattr(data, "to_numpy"):  # pandas and its like
        return _from_frame(data, name)
    if hasattr(data, "tocsr"):
        return SparseRows(data.tocsr())
    if type(data).__module__.split(".")[0] == "h5py":
        return Deferred(data)
    if hasattr(data, "detach") and hasattr(data, "cpu"):  # a torch tensor
        return data.detach().cpu().numpy()
    if hasattr(data, "__array__"):
        return np.asarray(data)
    raise ValueError(
        f"Unrecognized data type: {name}={data!r:.100} (of type {type(data)}). {ADVICE}"
    )


def _from_frame(data, name):
    """A DataFrame as a matrix, a Series as a column."""
    array = np.asarray(data.to_numpy())
    columns = getattr(data, "dtypes", array.dtype)
    columns = list(columns) if hasattr(columns, "__iter__") else [columns]
    if array.dtype == object and all(getattr(c, "kind", "O") in "biuf" for c in columns):
        array = data.to_numpy(dtype="float64")  # bools beside numbers, columns that may miss values
    wrong = [c for c, kind in zip(getattr(data, "columns", ()), columns)
             if getattr(kind, "kind", "O") not in "biufc"]
    if array.dtype == object and wrong:
        raise ValueError(
            f"The columns {wrong} of `{name}` hold no numbers and cannot be fed to a model. "
            "Encode them (StringLookup, IntegerLookup, TextVectorization, pandas.get_dummies) or "
            f"leave them out. Received: {name} of dtypes {[str(c) for c in columns]}"
        )
    return array[:, None] if array.ndim == 1 else array


def _what(array):
    if array.dtype.kind == "O":
        values = array.ravel() if isinstance(array, np.ndarray) else ()
        first = next(iter(values), None)
        if isinstance(first, (list, tuple, np.ndarray)):
            return "sequences of different lengths"
        return "strings" if isinstance(first, str) else f"objects ({type(first).__name__})"
    return "strings" if array.dtype.kind in "SUT" else "dates or times"


def to_floatx(array):
    """A floating array in floatx, another as it is."""
    dtype = array.dtype
    if dtype.kind in "fV" and dtype != dtypes.canonical(None) and dtypes.is_float(dtype):
        return array.astype(dtypes.canonical(None))
    return array


def leaves(structure):
    """The leaves that are there, in the order of writing (tree.flatten sorts dict keys)."""
    if structure is None:
        return []
    if isinstance(structure, dict):
        structure = list(structure.values())
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in leaves(part)]
    return [structure]


def is_structure(data):
    return isinstance(data, (list, tuple, dict))


def map_leaves(fn, structure):
    """The structure with `fn(leaf)` in every leaf's place; None stays."""
    if structure is None:
        return None
    if isinstance(structure, dict):
        return {k: map_leaves(fn, v) for k, v in structure.items()}
    if hasattr(structure, "_fields"):
        return type(structure)(*(map_leaves(fn, v) for v in structure))
    if isinstance(structure, (list, tuple)):
        return type(structure)(map_leaves(fn, v) for v in structure)
    return fn(structure)


def count_samples(x, y=None, sample_weight=None):
    """The number of samples that all arrays have; ValueError if they differ or there are none."""
    sizes = {
        name: [a.shape[0] for a in leaves(data)]
        for name, data in (("x", x), ("y", y), ("sample_weight", sample_weight))
    }
    sizes = {name: s for name, s in sizes.items() if s}
    found = {n for s in sizes.values() for n in s}
    if len(found) > 1:
        listed = "\n".join(f"'{k}' sizes: {', '.join(map(str, s))}" for k, s in sizes.items())
        raise ValueError(
            "Data cardinality is ambiguous. Make sure all arrays contain the same number of "
            f"samples.\n{listed}"
        )
    if not found or found == {0}:
        raise ValueError(
            "The data holds no samples. "
            f"Received: x={_shapes(x)}, y={_shapes(y)}"
        )
    return found.pop()


def _shapes(data):
    return plain(map_leaves(lambda a: a if is_array(a) else tuple(a.shape), data))


# ------------------------------------------------------------ batch tuples
@public("utils.unpack_x_y_sample_weight")
def unpack_x_y_sample_weight(data):
    """`(x, y, sample_weight)` of a batch, None for what it lacks.

    >>> unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`, "
            f"found: {plain(data)}"
        )
    return (*data, None, None)[:3]


@public("utils.pack_x_y_sample_weight")
def pack_x_y_sample_weight(x, y=None, sample_weight=None):
    """A batch as `train_step` gets it: x alone, `(x, y)` or `(x, y, sample_weight)`.

    >>> pack_x_y_sample_weight(1, 2)
    (1, 2)
    """
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def train_validation_split(arrays, validation_split):
    """Split a tuple (x, y, sample_weight) of structures: the last samples are for validation.

    Returns:
        (arrays for training, arrays for validation), views where that can be.
    """
    kinds = [type(leaf) for part in arrays for leaf in leaves(part)]
    if not kinds or any(not _splittable(kind) for kind in kinds):
        raise ValueError(
            "Argument `validation_split` is only supported for tensors, NumPy arrays and lists of "
            "numbers; give `validation_data` instead. Found incompatible type in the input: "
            f"{kinds}"
        )
    if not 0 < validation_split < 1:
        raise ValueError(
            "`validation_split` must lie between 0 and 1, both excluded. "
            f"Received: validation_split={validation_split}"
        )
    arrays = tuple(to_samples(a, n) for a, n in zip(arrays, ("x", "y", "sample_weight")))
    count = count_samples(*arrays)
    at = int(np.floor(count * (1.0 - validation_split)))
    if not 0 < at < count:
        raise ValueError(
            f"Training data contains {count} samples, which is not sufficient to split it into a "
            f"validation and training set as specified by `validation_split={validation_split}`. "
            "Either provide more data, or a different value for the `validation_split` argument."
        )
    first = tuple(map_leaves(lambda a: a[:at], part) for part in arrays)
    return first, tuple(map_leaves(lambda a: a[at:], part) for part in arrays)


def _splittable(kind):
    array_like = ("__array__", "to_numpy", "tocsr", "detach", "_value")
    return issubclass(kind, (numbers.Number, np.generic, Deferred)) or any(
        hasattr(kind, name) for name in array_like
    )


# ------------------------------------------------------------ weights
def check_class_weight(class_weight):
    """The class weights, {class number: weight}; ValueError or TypeError for anything else."""
    if class_weight is None:
        return None
    if not isinstance(class_weight, dict) or not all(
        isinstance(k, (int, np.integer)) and isinstance(w, (int, float, np.number))
        for k, w in class_weight.items()
    ):
        raise TypeError(
            "`class_weight` must be a dict from class numbers to weights, such as "
            f"{{0: 1.0, 1: 2.5}}. Received: class_weight={class_weight!r:.200}"
        )
    return class_weight


def class_weight_to_sample_weights(y, class_weight):
    """A weight for each sample, by its class: y of class numbers (N,), (N, 1) or one-hot (N, C).

    A class that `class_weight` does not name weighs 1.
    """
    if isinstance(y, Deferred):
        y = y.read()
    if y is None or is_structure(y):
        raise ValueError("`class_weight` is only supported for Models with a single output.")
    labels = np.asarray(to_host(y))
    if labels.ndim > 2:
        raise ValueError(
            "`class_weight` needs targets that are class numbers of shape (batch,) or (batch, 1), "
            f"or one-hot of shape (batch, classes). Received: y of shape {labels.shape}"
        )
    if labels.ndim == 2:
        labels = labels.argmax(-1) if labels.shape[1] > 1 else labels[:, 0]
    labels = np.rint(labels).astype("int64")
    weights = np.ones(labels.shape, dtypes.canonical(None))
    for number, weight in class_weight.items():
        weights[labels == int(number)] = weight
    library = library_of(y)
    return library.asarray(weights) if library is not None else weights


def match_weights(y, sample_weight):
    """Sample weights in the structure of `y`: one array serves every output."""
    if sample_weight is None or not is_structure(y):
        return sample_weight
    if not is_structure(sample_weight):
        return map_leaves(lambda _: sample_weight, y)
    if _keys(y) != _keys(sample_weight):
        raise ValueError(
            "You should provide one `sample_weight` array per output in `y`. The two structures "
            f"did not match:\n- y: {_shapes(y)}\n- sample_weight: {_shapes(sample_weight)}"
        )
    return sample_weight


def _keys(structure):
    if isinstance(structure, dict):
        return {k: _keys(v) for k, v in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [_keys(v) for v in structure]
    return None
