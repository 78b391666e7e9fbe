"""Sources of batches: arrays, datasets by index, loaders; their epochs, orders and refusals."""

import pickle
import threading
import time

import h5py
import numpy as np
import pytest
import scipy.sparse

import minikeras as keras
from minikeras.data.adapters import make_source
from minikeras.data.batching import train_validation_split
from minikeras.utils import PyDataset

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10)


def numbers(source, *epochs):
    """First column of x, batch by batch, epoch by epoch."""
    return [[np.asarray(b[0])[..., 0].tolist() for b in source.epoch(e)] for e in epochs or (0,)]


# ---------------------------------------------------------------- arrays
def test_batches_of_arrays():
    source = make_source(X, Y, batch_size=4)
    assert (source.num_batches, source.steps, source.batch_size) == (3, 3, 4)
    assert source.has_partial_batch
    assert numbers(source) == [[[0, 2, 4, 6], [8, 10, 12, 14], [16, 18]]]
    x, y = source.peek()
    assert x.dtype == "float32" and y.dtype == Y.dtype
    assert make_source(X).batch_size == 32 and make_source(X, steps_per_epoch=3).batch_size == 4


def test_floats_become_floatx_and_integers_stay():
    keras.config.set_floatx("float16")
    x, y, w = next(make_source(X, Y.astype("uint8"), np.ones(10)).epoch())
    assert (x.dtype, y.dtype, w.dtype) == ("float16", "uint8", "float16")


def test_batches_of_arrays_are_views_without_shuffling():
    x = X.astype("float32")
    assert np.shares_memory(next(make_source(x).epoch())[0], x)


def test_structures_keep_their_form():
    x = {"b": X, "a": (X, [Y])}
    got, _ = next(make_source(x, Y, batch_size=3).epoch())
    assert list(got) == ["b", "a"] and type(got["a"]) is tuple and type(got["a"][1]) is list
    assert got["b"].shape == (3, 2) and got["a"][1][0].shape == (3,)


def test_one_weight_array_serves_every_output():
    _, y, w = next(make_source(X, {"p": Y, "q": X}, np.arange(10), batch_size=2).epoch())
    np.testing.assert_array_equal(w["p"], [0, 1])
    np.testing.assert_array_equal(w["q"], [0, 1])


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_orders_follow_from_the_seed_and_the_epoch(shuffle):
    def orders(seed):
        keras.utils.set_random_seed(seed)
        return numbers(make_source(x, batch_size=3, shuffle=shuffle), 0, 1, 2)

    x = np.arange(31.0)[:, None]
    first = orders(5)
    assert first == orders(5) != orders(6)
    assert first[0] != first[1]
    for epoch in first:
        assert sorted(sum(epoch, [])) == list(range(31))
        assert [len(b) for b in epoch] == [3] * 10 + [1]


def test_an_epoch_can_be_taken_up_later():
    """Epoch 2 from its second batch on: what a run that is resumed there needs."""
    for options in ({}, {"shuffle": True}, {"shuffle": True, "steps_per_epoch": 5}):
        keras.utils.set_random_seed(1)
        whole = numbers(make_source(X, batch_size=1, **options), 0, 1, 2, 3)
        keras.utils.set_random_seed(1)
        later = make_source(X, batch_size=1, **options)
        batches = [b[0][:, 0].tolist() for b in later.epoch(2, start=1)]
        assert batches == whole[2][1:]
        assert numbers(later, 3)[0] == whole[3]


def test_gathering_several_batches_at_once_changes_none(monkeypatch):
    x = {"a": np.arange(103.0), "b": np.arange(206.0).reshape(103, 2)}
    sources = [make_source(x, np.arange(103), batch_size=4, shuffle=True) for _ in range(2)]
    sources[1].seed = sources[0].seed
    assert sources[0]._batches_at_once() == 64
    several = [list(sources[0].epoch(e, start)) for e in (0, 3) for start in (0, 5)]
    monkeypatch.setattr("minikeras.data.adapters.GATHERED", 0)
    assert sources[1]._batches_at_once() == 1
    single = [list(sources[1].epoch(e, start)) for e in (0, 3) for start in (0, 5)]
    for ours, theirs in zip(sum(several, []), sum(single, []), strict=True):
        np.testing.assert_array_equal(ours[0]["a"], theirs[0]["a"])
        np.testing.assert_array_equal(ours[0]["b"], theirs[0]["b"])
        np.testing.assert_array_equal(ours[1], theirs[1])


def test_shuffled_rows_belong_together():
    for x, y in make_source(X, Y, batch_size=3, shuffle=True).epoch():
        np.testing.assert_array_equal(x[:, 0], 2 * y)


def test_hdf5_is_read_batch_by_batch(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        data = file.create_dataset("x", data=X)
        assert numbers(make_source(data, batch_size=4)) == numbers(make_source(X, batch_size=4))
        shuffled = make_source((data, X), batch_size=4, shuffle=True)
        for (a, b), in shuffled.epoch():
            np.testing.assert_array_equal(a, b)
        (train,), (validation,) = train_validation_split((data,), 0.3)
        assert (train.shape, validation.shape) == ((7, 2), (3, 2))
        np.testing.assert_array_equal(validation.read(), X[7:])


def test_sparse_matrices_are_made_dense_batch_by_batch():
    sparse = scipy.sparse.csr_matrix(X)
    for shuffle in (False, True):
        for a, b in (x for x, in make_source((sparse, X), batch_size=3, shuffle=shuffle).epoch()):
            np.testing.assert_array_equal(a, b)


def test_arrays_on_a_device(device):
    x = keras.ops.convert_to_tensor(X)
    keras.utils.set_random_seed(0)
    got = [keras.ops.convert_to_tensor(b[0]).numpy()
           for b in make_source(x, batch_size=3, shuffle=True).epoch()]
    keras.utils.set_random_seed(0)
    want = [b[0] for b in make_source(X, batch_size=3, shuffle=True).epoch()]
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- datasets by index
class Squares(PyDataset):
    def __init__(self, count=6, delay=0.0, **options):
        super().__init__(**options)
        self.count, self.delay, self.calls, self.threads = count, delay, [], set()
        self.ends = self.begins = 0

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        time.sleep(self.delay * (index % 3))  # later batches may be ready sooner
        self.calls.append(index)
        self.threads.add(threading.get_ident())
        return np.full((2, 1), float(index)), np.full((2, 1), float(index) ** 2)

    def on_epoch_begin(self):
        self.begins += 1

    def on_epoch_end(self):
        self.ends += 1


WORKERS = [{}, {"workers": 3}, {"workers": 3, "max_queue_size": 2},
           {"workers": 2, "use_multiprocessing": True},
           {"workers": 1, "use_multiprocessing": True}]


@pytest.mark.parametrize("options", WORKERS)
def test_batches_come_in_their_order_whoever_reads_them(options):
    source = make_source(Squares(delay=0.003, **options))
    for _ in range(2):
        got = [(b[0][0, 0], b[1][0, 0]) for b in source.epoch()]
        assert got == [(i, i**2) for i in range(6)]


@pytest.mark.parametrize("options", WORKERS)
def test_order_of_shuffled_batches_follows_from_the_seed(options):
    def orders():
        keras.utils.set_random_seed(2)
        source = make_source(Squares(**options), shuffle=True)
        return [[b[0][0, 0] for b in source.epoch(e)] for e in (0, 1)]

    first = orders()
    assert first == orders() and first[0] != first[1]
    assert sorted(first[0]) == list(range(6))
    keras.utils.set_random_seed(2)
    assert first == [[b[0][0, 0] for b in source.epoch(e)]
                     for source in [make_source(Squares(), shuffle=True)] for e in (0, 1)]


def test_threads_read_ahead_no_further_than_the_queue():
    dataset = Squares(count=50, workers=2, max_queue_size=4)
    batches = make_source(dataset).epoch()
    next(batches)
    time.sleep(0.05)
    assert 1 < len(dataset.calls) <= 6
    assert threading.get_ident() not in dataset.threads
    batches.close()


def test_readers_end_with_their_consumer():
    before = threading.active_count()
    batches = make_source(Squares(count=50, workers=4)).epoch()
    next(batches)
    assert threading.active_count() > before
    batches.close()
    assert threading.active_count() == before


def test_hooks_of_epochs():
    dataset = Squares()
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(dataset, epochs=3, verbose=0)
    assert (dataset.begins, dataset.ends) == (3, 3)


def test_a_dataset_may_change_its_length_between_epochs():
    class Growing(Squares):
        def on_epoch_end(self):
            self.count += 1

    source = make_source(Growing(count=2))
    lengths = []
    for _ in range(3):
        lengths.append(len(list(source.epoch())))
        source.on_epoch_end()
    assert lengths == [2, 3, 4]


def test_a_dataset_without_end():
    class Endless(Squares):
        num_batches = None

    with pytest.raises(ValueError, match="steps_per_epoch"):
        make_source(Endless())
    source = make_source(Endless(), steps_per_epoch=4)
    assert [[b[0][0, 0] for b in source.epoch(e)] for e in (0, 1)] == [
        [0, 1, 2, 3], [4, 5, 6, 7]]


def test_datasets_must_have_batches_of_the_right_form():
    class Wrong(Squares):
        def __getitem__(self, index):
            return "a batch"

    with pytest.raises(ValueError, match=r"__getitem__\(\) must return a tuple or a dict"):
        next(make_source(Wrong()).epoch())
    with pytest.raises(ValueError, match="no batch"):
        make_source(Squares(count=0))
    with pytest.raises(NotImplementedError, match="__getitem__"):
        PyDataset()[0]


def test_a_forgotten_constructor_is_told():
    class Forgetful(PyDataset):
        def __init__(self):
            pass

        def __len__(self):
            return 1

        def __getitem__(self, index):
            return (X,)

    with pytest.warns(UserWarning, match=r"super\(\).__init__\(\*\*kwargs\)"):
        source = make_source(Forgetful())
    assert next(source.epoch())[0].shape == (10, 2)


def test_settings_of_readers_can_be_changed():
    dataset = Squares(workers=2)
    dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size = 3, True, 5
    assert (dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size) == (3, True, 5)
    assert pickle.loads(pickle.dumps(dataset)).workers == 3  # processes get a copy
    assert keras.utils.Sequence is PyDataset


# ---------------------------------------------------------------- loaders and generators
class Loader:
    def __init__(self, batches, length=True):
        self.batches = batches
        if length:
            self.__class__ = LongLoader

    def __iter__(self):
        return iter(self.batches)


class LongLoader(Loader):
    def __len__(self):
        return len(self.batches)


@pytest.mark.parametrize("length", [True, False])
def test_a_loader_can_be_passed_over_again(length):
    source = make_source(Loader([[X[:4], Y[:4]], [X[4:], Y[4:]]], length))
    assert source.num_batches == (2 if length else None)
    for _ in range(2):
        assert [b[1].tolist() for b in source.epoch()] == [Y[:4].tolist(), Y[4:].tolist()]


def test_epochs_of_a_loader_shorter_than_a_pass():
    source = make_source(Loader([(X[i:i + 1],) for i in range(5)]), steps_per_epoch=3)
    assert numbers(source, 0)[0] == [[0], [2], [4]]
    with pytest.warns(UserWarning, match="ran out of data"):
        assert numbers(source, 1)[0] == [[6], [8]]
    assert numbers(source, 2)[0] == [[0], [2], [4]]


def test_an_endless_dataset_needs_steps():
    class Endless(Loader):
        def cardinality(self):
            return -1

    with pytest.raises(ValueError, match="infinitely repeating dataset"):
        make_source(Endless([(X,)], length=False))


def test_peeking_loses_no_batch():
    source = make_source(iter([(X[:1],), (X[1:2],)]))
    assert source.peek()[0].tolist() == X[:1].tolist()
    assert numbers(source)[0] == [[0], [2]]


def test_generators_must_give_tuples():
    with pytest.raises(ValueError, match="the generator must return a tuple"):
        next(make_source(iter([X])).epoch())
    with pytest.raises(ValueError, match="4 parts"):
        next(make_source(iter([(X, Y, Y, Y)])).epoch())
    with pytest.raises(ValueError, match="at least one batch. Received an empty generator"):
        next(make_source(iter([])).epoch())


def test_class_weight_and_generators():
    with pytest.raises(ValueError, match="class_weight"):
        make_source(iter([(X, Y)]), class_weight={0: 1.0})
    _, _, w = next(make_source(Loader([(X, Y)]), class_weight={3: 4.0}).epoch())
    np.testing.assert_array_equal(w, [1, 1, 1, 4, 1, 1, 1, 1, 1, 1])


@pytest.mark.parametrize("split", [0.0, 1.0, 1.5, -0.1])
def test_shares_for_validation(split):
    with pytest.raises(ValueError, match="validation_split"):
        train_validation_split((X, Y), split)


def test_batches_cannot_be_split():
    with pytest.raises(ValueError, match="validation_split.*validation_data"):
        train_validation_split((Squares(),), 0.5)
