"""The data sets' readers on small files in the form of the real ones.

Expected orders and texts are what Keras 3.15 makes of the same files.
"""

import gzip
import io
import pickle

import numpy as np
import pytest

import minikeras
from minikeras.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    loading,
    mnist,
    reuters,
)

TEXTS = [[1, 2, 3], [4, 5], [6, 7, 8, 9], [10], [11, 12], [1, 5, 9, 2, 7]]
LABELS = np.arange(6)


def lists(values):
    out = np.empty(len(values), object)
    out[:] = values
    return out


@pytest.fixture
def downloads(monkeypatch, tmp_path):
    """Files made by a test stand for the downloads; returns the calls of get_file."""
    calls = []

    def get_file(fname=None, origin=None, **options):
        calls.append((fname, origin, options))
        return str(tmp_path / fname)

    for module in (loading, cifar10, cifar100):
        monkeypatch.setattr(module, "get_file", get_file)
    return calls


def plain(part):
    x, y = part
    return [list(text) for text in x], y.tolist()


def test_mnist(downloads, tmp_path, rng):
    x, y = rng.integers(0, 256, (5, 28, 28), "uint8"), np.arange(5, dtype="uint8")
    np.savez(tmp_path / "my.npz", x_train=x[:3], y_train=y[:3], x_test=x[3:], y_test=y[3:])
    (x_train, y_train), (x_test, y_test) = minikeras.datasets.mnist.load_data("my.npz")
    np.testing.assert_array_equal(np.concatenate([x_train, x_test]), x)
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), y)
    assert x_train.dtype == y_test.dtype == "uint8"
    ((name, origin, options),) = downloads
    assert name == "my.npz" and options == {"file_hash": mnist.SHA256}
    assert origin == "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"


def test_mnist_without_a_network(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(loading, "BASE", (tmp_path / "nowhere").as_uri() + "/")
    with pytest.raises(OSError, match="put it at") as error:
        mnist.load_data()
    assert str(tmp_path / "datasets" / "mnist.npz") in str(error.value)


def test_a_pickle_in_mnist_is_refused(downloads, tmp_path):
    np.savez(tmp_path / "mnist.npz", x_train=lists(TEXTS))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        mnist.load_data()


def idx(array):
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


def test_fashion_mnist(downloads, tmp_path, rng):
    want = {}
    for part, n in (("train", 3), ("t10k", 2)):
        want[part] = rng.integers(0, 256, (n, 28, 28), "uint8"), rng.integers(0, 10, n, "uint8")
        for kind, array in zip(("images-idx3", "labels-idx1"), want[part], strict=True):
            (tmp_path / f"{part}-{kind}-ubyte.gz").write_bytes(idx(array))
    for got, part in zip(fashion_mnist.load_data(), ("train", "t10k"), strict=True):
        np.testing.assert_array_equal(got[0], want[part][0])
        np.testing.assert_array_equal(got[1], want[part][1])
    name, origin, options = downloads[0]
    assert origin == loading.BASE + name
    assert options == {"file_hash": None, "cache_subdir": "datasets/fashion-mnist"}


def test_fashion_mnist_refuses_another_form(downloads, tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"not IDX"))
    with pytest.raises(ValueError, match="train-images-idx3-ubyte.gz.*no IDX file"):
        fashion_mnist.load_data()


def python2_pickle(images, **labels):
    """A file such as CIFAR's: protocol 2, byte strings as keys."""
    batch = {b"data": images.reshape(len(images), -1)}
    batch |= {name.encode(): values for name, values in labels.items()}
    return pickle.dumps(batch, protocol=2)


def cifar10_files(folder, rng):
    folder.mkdir(parents=True)
    images = rng.integers(0, 256, (12, 3, 32, 32), "uint8")
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    for i, name in enumerate(names):
        part = slice(2 * i, 2 * i + 2)
        data = python2_pickle(images[part], labels=[i, i + 1])
        (folder / name).write_bytes(data)
    return images


def test_cifar10(downloads, tmp_path, rng):
    images = cifar10_files(tmp_path / "cifar-10-batches-py-target" / "cifar-10-batches-py", rng)
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    np.testing.assert_array_equal(x_train, images[:10].transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(x_test, images[10:].transpose(0, 2, 3, 1))
    assert y_train.tolist() == [[0], [1], [1], [2], [2], [3], [3], [4], [4], [5]]
    assert y_test.tolist() == [[5], [6]]
    assert x_train.dtype == y_train.dtype == y_test.dtype == "uint8"
    assert downloads[0][2] == {"extract": True, "file_hash": cifar10.SHA256}
    minikeras.config.set_image_data_format("channels_first")
    np.testing.assert_array_equal(cifar10.load_data()[0][0], images[:10])


@pytest.mark.parametrize(("mode", "label"), [("fine", 3), ("coarse", 1)])
def test_cifar100(downloads, tmp_path, rng, mode, label):
    folder = tmp_path / "cifar-100-python-target" / "cifar-100-python"
    folder.mkdir(parents=True)
    images = rng.integers(0, 256, (2, 3, 32, 32), "uint8")
    data = python2_pickle(images, fine_labels=[3, 4], coarse_labels=[1, 1])
    for name in ("train", "test"):
        (folder / name).write_bytes(data)
    for x, y in cifar100.load_data(mode):
        np.testing.assert_array_equal(x, images.transpose(0, 2, 3, 1))
        assert y.shape == (2, 1) and y.dtype == "int64" and y[0, 0] == label


def test_cifar100_label_mode():
    with pytest.raises(ValueError, match="'fine' or 'coarse'.*'x'"):
        cifar100.load_data("x")


def test_dtypes_of_old_pickles_do_not_warn():
    # As NumPy wrote them under Python 2: align and copy are 0 and 1.
    class Old:
        def __reduce__(self):
            return np.dtype, ("u1", 0, 1)

    assert loading.read_pickle(io.BytesIO(pickle.dumps(Old()))) == np.dtype("uint8")


@pytest.mark.parametrize("harmful", [print, eval, np.save])
def test_a_pickle_runs_nothing(harmful):
    with pytest.raises(pickle.UnpicklingError, match="may not refer to"):
        loading.read_pickle(io.BytesIO(pickle.dumps([harmful])))


ORDER = [1, 0, 3, 2, 4, 5]
SHIFTED = [[1, 7, 8], [1, 4, 5, 6], [1, 13], [1, 9, 10, 11, 12], [1, 14, 15], [1, 4, 8, 12, 5, 10]]


# The highest number of all, 20 + 3, counts as unknown even without a limit, as in Keras.
@pytest.mark.parametrize(
    ("options", "train", "y_train", "test", "y_test"),
    [
        ({}, SHIFTED, ORDER, [[1, 4], [1, 6, 2], [1, 5, 5, 5, 5]], [1, 0, 2]),
        (
            {"maxlen": 4},
            [[1, 7, 8], [1, 13], [1, 14, 15]],
            [1, 3, 4],
            [[1, 4], [1, 6, 2]],
            [1, 0],
        ),
        ({"maxlen": 3}, [[1, 2]], [3], [[1, 4]], [1]),
        (
            {"num_words": 8},
            [[1, 7, 2], [1, 4, 5, 6], [1, 2], [1, 2, 2, 2, 2], [1, 2, 2], [1, 4, 2, 2, 5, 2]],
            ORDER,
            [[1, 4], [1, 6, 2], [1, 5, 5, 5, 5]],
            [1, 0, 2],
        ),
        (
            {"skip_top": 6, "oov_char": None},
            [[7, 8], [6], [13], [9, 10, 11, 12], [14, 15], [8, 12, 10]],
            ORDER,
            [[], [6], []],
            [1, 0, 2],
        ),
        (
            {"start_char": None, "index_from": 0},
            [[4, 5], [1, 2, 3], [10], [6, 7, 8, 9], [11, 12], [1, 5, 9, 2, 7]],
            ORDER,
            [[1], [3, 2], [2, 2, 2, 2]],
            [1, 0, 2],
        ),
    ],
)
def test_imdb(downloads, tmp_path, options, train, y_train, test, y_test):
    write_imdb(tmp_path)
    before = np.random.get_state()[1].tolist()
    got_train, got_test = imdb.load_data(**options)
    assert plain(got_train) == (train, y_train)
    assert plain(got_test) == (test, y_test)
    assert got_train[0].dtype == object and got_train[1].dtype == "int64"
    assert np.random.get_state()[1].tolist() == before
    assert downloads == [("imdb.npz", loading.BASE + "imdb.npz", {"file_hash": imdb.SHA256})]


def write_imdb(folder):
    test = lists([[3, 20], [1], [2, 2, 2, 2]])
    np.savez(
        folder / "imdb.npz", x_train=lists(TEXTS), y_train=LABELS, x_test=test, y_test=LABELS[:3]
    )


def test_imdb_seed(downloads, tmp_path):
    write_imdb(tmp_path)
    train, _ = imdb.load_data(seed=1)
    assert train[1].tolist() == [2, 1, 4, 0, 3, 5]


def test_imdb_wrong_arguments(downloads, tmp_path):
    write_imdb(tmp_path)
    with pytest.raises(ValueError, match="increase it. Received: maxlen=2"):
        imdb.load_data(maxlen=2)
    with pytest.raises(TypeError, match="Use `num_words`.*{'nb_words': 8}"):
        imdb.load_data(nb_words=8)


@pytest.mark.parametrize(
    ("options", "train", "y_train", "test", "y_test"),
    [
        ({}, [*SHIFTED[:4]], ORDER[:4], [[1, 14, 2], [1, 4, 8, 12, 5, 10]], [4, 5]),
        ({"test_split": 0.5, "maxlen": 4}, [[1, 7, 8]], [1], [[1, 13], [1, 14, 2]], [3, 4]),
        (
            {"start_char": None, "oov_char": None, "skip_top": 6},
            [[7, 8], [6], [13], [9, 10, 11, 12]],
            ORDER[:4],
            [[14], [8, 12, 10]],
            [4, 5],
        ),
    ],
)
def test_reuters(downloads, tmp_path, options, train, y_train, test, y_test):
    np.savez(tmp_path / "reuters.npz", x=lists(TEXTS), y=LABELS)
    got_train, got_test = reuters.load_data(**options)
    assert plain(got_train) == (train, y_train)
    assert plain(got_test) == (test, y_test)


@pytest.mark.parametrize("module", [imdb, reuters])
def test_word_index(downloads, tmp_path, module):
    (tmp_path / "words.json").write_text('{"caf\u00e9": 1}', encoding="utf-8")
    assert module.get_word_index("words.json") == {"caf\u00e9": 1}
    ((_, origin, options),) = downloads
    assert origin.endswith(f"/{module.__name__.split('.')[-1]}_word_index.json")
    assert options == {"file_hash": module.WORDS_MD5}


def test_reuters_label_names():
    names = reuters.get_label_names()
    assert len(names) == len(set(names)) == 46
    assert names[0] == "cocoa" and names[45] == "lead"


@pytest.mark.parametrize("module", [boston_housing, california_housing])
@pytest.mark.parametrize(
    ("options", "train", "test"),
    [
        ({}, [9, 3, 6, 1, 0, 7, 4, 8], [2, 5]),
        ({"test_split": 0.5, "seed": 3}, [5, 4, 1, 2, 9], [6, 7, 0, 3, 8]),
        ({"test_split": 0}, [9, 3, 6, 1, 0, 7, 4, 8, 2, 5], []),
    ],
)
def test_housing(downloads, tmp_path, module, options, train, test):
    x = np.stack([np.arange(10.0), -np.arange(10.0)], axis=1)
    np.savez(tmp_path / "houses.npz", x=x, y=10 * np.arange(10.0))
    for (got_x, got_y), order in zip(
        module.load_data(path="houses.npz", **options), (train, test), strict=True
    ):
        np.testing.assert_array_equal(got_x, x[order])
        np.testing.assert_array_equal(got_y, 10.0 * np.array(order))
    assert downloads[0][2] == {"file_hash": module.SHA256}


def test_small_california_housing(downloads, tmp_path):
    np.savez(
        tmp_path / "california_housing.npz", x=np.arange(1400.0).reshape(700, 2), y=np.arange(700.0)
    )
    (x_train, y_train), (x_test, y_test) = california_housing.load_data("small")
    assert y_train[:5].tolist() == [568, 505, 59, 71, 298]
    assert sorted([*y_train, *y_test]) == list(range(600))
    assert x_train.shape == (480, 2) and x_test.shape == (120, 2)


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        (boston_housing, {"test_split": 1}, "test_split=1"),
        (california_housing, {"test_split": -1}, "test_split=-1"),
        (california_housing, {"version": "x"}, "'small' or 'large'.*'x'"),
    ],
)
def test_housing_wrong_arguments(downloads, tmp_path, module, options, message):
    for name in ("boston", "california"):
        np.savez(tmp_path / f"{name}_housing.npz", x=np.zeros((2, 1)), y=np.zeros(2))
    with pytest.raises(ValueError, match=message):
        module.load_data(**options)
