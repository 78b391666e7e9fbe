"""The same samples in every form that fit, evaluate and predict take give the same numbers."""

import collections

import numpy as np
import pandas
import pytest

import minikeras as keras
from minikeras import layers
from tests.training.models import (
    SAMPLES,
    assert_same_weights,
    classifier,
    data,
    two_outputs,
    weights_differ,
)

X, Y, W = data()
BATCH = 8  # the last batch is smaller


class Batches(keras.utils.PyDataset):
    def __init__(self, *arrays, **options):
        super().__init__(**options)
        self.arrays = arrays

    def __len__(self):
        return -(-len(self.arrays[0]) // BATCH)

    def __getitem__(self, index):
        return tuple(a[index * BATCH:(index + 1) * BATCH] for a in self.arrays)


class Loader:
    """What matters of a torch.utils.data.DataLoader: it can be iterated over again and again."""

    batch_size = BATCH

    def __init__(self, *arrays):
        self.batches = Batches(*arrays)

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return (list(self.batches[i]) for i in range(len(self)))


class Dataset:
    """What matters of a tf.data.Dataset: cardinality and an iterator of NumPy arrays."""

    def __init__(self, *arrays):
        self.batches = Batches(*arrays)

    def cardinality(self):
        return len(self.batches)

    def as_numpy_iterator(self):
        return (self.batches[i] for i in range(len(self.batches)))

    def __iter__(self):
        raise AssertionError("would give tensors of TensorFlow")


class Frame:
    """What matters of a pandas.DataFrame."""

    def __init__(self, array):
        self.array = np.asarray(array)
        self.shape = self.array.shape
        self.dtypes = [self.array.dtype] * (self.shape[1] if self.array.ndim > 1 else 1)

    def to_numpy(self, dtype=None):
        return self.array if dtype is None else self.array.astype(dtype)


def generator(*arrays):
    batches = Batches(*arrays)
    return (batches[i] for i in range(len(batches)))


def torch_tensor(array):
    """What matters of a torch.Tensor."""
    class TorchTensor:
        shape, dtype = array.shape, "torch.float32"

        def detach(self):
            return self

        def cpu(self):
            return self

        def numpy(self):
            return array

    return TorchTensor()


FORMS = {  # arguments of fit for the samples, the class numbers and, if given, the weights
    "arrays": lambda *a: a,
    "float64": lambda x, *a: (x.astype("float64"), *a),
    "lists": lambda *a: tuple(v.tolist() for v in a),
    "tensors": lambda *a: tuple(map(keras.ops.convert_to_tensor, a)),
    "variables": lambda x, *a: (keras.Variable(x), *a),
    "list of one": lambda x, *a: ([x], *a),
    "dict": lambda x, *a: ({"x": x}, *a),
    "column of labels": lambda x, y, *a: (x, y[:, None], *a),
    "small integers": lambda x, y, *a: (x, y.astype("uint8"), *a),
    "Fortran order": lambda x, *a: (np.asfortranarray(x), *a),
    "not contiguous": lambda x, *a: (np.repeat(x, 2, axis=1)[:, ::2], *a),
    "read only": lambda x, *a: (np.lib.stride_tricks.as_strided(x, writeable=False), *a),
    "frames": lambda *a: tuple(map(Frame, a)),
    "torch tensors": lambda x, *a: (torch_tensor(x), *a),
    "generator": lambda *a: (generator(*a),),
    "PyDataset": lambda *a: (Batches(*a),),
    "PyDataset with threads": lambda *a: (Batches(*a, workers=3),),
    "PyDataset with processes": lambda *a: (
        Batches(*a, workers=2, use_multiprocessing=True),),
    "loader": lambda *a: (Loader(*a),),
    "dataset": lambda *a: (Dataset(*a),),
}


def arguments(form, *arrays):
    given = FORMS[form](*arrays)
    return dict(zip(("x", "y", "sample_weight"), given))


@pytest.fixture(scope="module")
def expected():
    model = classifier(metrics=["accuracy"], weighted_metrics=["acc"])
    history = model.fit(
        X, Y, sample_weight=W, batch_size=BATCH, shuffle=False, verbose=0).history
    return model, history


@pytest.mark.parametrize("form", FORMS)
def test_fit(form, expected):
    model = classifier(metrics=["accuracy"], weighted_metrics=["acc"])
    options = {} if len(arguments(form, X, Y, W)) == 1 else {"batch_size": BATCH}
    history = model.fit(
        **arguments(form, X, Y, W), shuffle=False, verbose=0, **options).history
    assert_same_weights(model, expected[0])
    assert history == expected[1]


@pytest.mark.parametrize("form", FORMS)
def test_evaluate(form, expected):
    options = {} if len(arguments(form, X, Y)) == 1 else {"batch_size": BATCH}
    want = expected[0].evaluate(X, Y, batch_size=BATCH, verbose=0)
    got = expected[0].evaluate(**arguments(form, X, Y), verbose=0, **options)
    assert got == want
    probabilities = expected[0].predict(X, verbose=0)
    loss = -np.log(probabilities[np.arange(SAMPLES), Y]).mean()
    np.testing.assert_allclose(got[0], loss, rtol=1e-6)
    np.testing.assert_allclose(got[1], (probabilities.argmax(1) == Y).mean(), rtol=1e-6)


@pytest.mark.parametrize("form", [f for f in FORMS if f not in (
    "column of labels", "small integers")])
def test_predict(form, expected):
    given = arguments(form, X)
    options = {} if not hasattr(given["x"], "__len__") else {"batch_size": BATCH}
    got = expected[0].predict(given["x"], verbose=0, **options)
    assert type(got) is np.ndarray and got.dtype == "float32"
    np.testing.assert_allclose(got, expected[0](X).numpy(), rtol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_validation_data(form):
    model = classifier(metrics=["accuracy"])
    given = FORMS[form](X, Y, W)
    validation = given[0] if len(given) == 1 else given
    options = {} if len(given) == 1 else {"validation_batch_size": BATCH}
    history = model.fit(X, Y, validation_data=validation, verbose=0, **options).history
    want = model.evaluate(X, Y, sample_weight=W, batch_size=BATCH, verbose=0)
    assert [history["val_loss"][0], history["val_accuracy"][0]] == want


@pytest.mark.parametrize("form", [
    f for f in FORMS if len(arguments(f, X, Y)) == 2 and f not in ("torch tensors",)])
def test_validation_split_takes_the_last_samples(form):
    model, want = classifier(), classifier()
    history = model.fit(
        **arguments(form, X, Y), validation_split=0.25, shuffle=False, verbose=0).history
    other = want.fit(
        X[:15], Y[:15], validation_data=(X[15:], Y[15:]), shuffle=False, verbose=0).history
    assert history == other
    assert_same_weights(model, want)


@pytest.mark.parametrize("form", [f for f in FORMS if len(arguments(f, X, Y)) == 2])
def test_one_batch(form):
    model, want = classifier(metrics=["accuracy"]), classifier(metrics=["accuracy"])
    x, y, weight = FORMS[form](X, Y, W)
    got = model.train_on_batch(x, y, sample_weight=weight)
    fit = want.fit(X, Y, sample_weight=W, batch_size=SAMPLES, shuffle=False, verbose=0).history
    assert got == [fit["loss"][0], fit["accuracy"][0]]
    assert_same_weights(model, want)
    assert model.test_on_batch(x, y) == want.evaluate(X, Y, batch_size=SAMPLES, verbose=0)
    np.testing.assert_array_equal(model.predict_on_batch(x), want(X).numpy())


def test_pandas():
    model, want = classifier(), classifier()
    frame = pandas.DataFrame(X, columns=list("abcd"))
    model.fit(frame, pandas.Series(Y), sample_weight=pandas.Series(W), shuffle=False, verbose=0)
    want.fit(X, Y, sample_weight=W, shuffle=False, verbose=0)
    assert_same_weights(model, want)
    np.testing.assert_array_equal(model.predict(frame, verbose=0), want.predict(X, verbose=0))


@pytest.mark.parametrize("columns", [
    lambda f: f.astype("Float32"), lambda f: f.astype("float64"),
    lambda f: f.assign(a=f["a"].astype("Float64"), b=f["b"].astype("float32")),
], ids=["nullable", "wide", "mixed"])
@pytest.mark.parametrize("labels", ["int8", "Int64", "category", "float32"])
def test_columns_of_every_kind_of_number(columns, labels):
    frame = columns(pandas.DataFrame(X, columns=list("abcd")))
    model, want = classifier(), classifier()
    model.fit(frame, pandas.Series(Y).astype(labels), shuffle=False, verbose=0)
    want.fit(X, Y, shuffle=False, verbose=0)
    assert_same_weights(model, want)


def test_missing_values_of_a_frame_are_nan_and_whole_numbers_beside_bools_are_numbers():
    frame = pandas.DataFrame({"a": pandas.array([1, None, 3], "Int64"), "b": [True, False, True]})
    model = keras.Sequential([keras.Input((2,)), layers.Identity()])
    np.testing.assert_array_equal(
        model.predict(frame, verbose=0), [[1, 1], [np.nan, 0], [3, 1]])


def test_pandas_columns_as_inputs_by_name():
    inputs = {name: keras.Input((1,), name=name) for name in "ab"}
    model = keras.Model(inputs, layers.Dense(1)(layers.Concatenate()(list(inputs.values()))))
    frame = pandas.DataFrame(X[:, :2], columns=list("ab"))
    got = model.predict(dict(frame), verbose=0)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(got, X[:, :2] @ kernel + bias, rtol=1e-5)


# ---------------------------------------------------------------- structures
Sizes = np.random.default_rng(3).random((SAMPLES, 2), "float32")
LOSSES = {"size": "mse", "kind": "sparse_categorical_crossentropy"}


def test_targets_by_position_and_by_name():
    by_list = two_outputs(loss=list(LOSSES.values()))
    by_name, of_dict = two_outputs(loss=LOSSES), two_outputs(dict, loss=LOSSES)
    histories = [
        by_list.fit(X, [Sizes, Y], shuffle=False, verbose=0).history,
        by_name.fit(X, {"kind": Y, "size": Sizes}, shuffle=False, verbose=0).history,
        of_dict.fit({"x": X}, {"kind": Y, "size": Sizes}, shuffle=False, verbose=0).history,
    ]
    assert histories[0] == histories[1] == histories[2]
    assert set(histories[0]) == {"loss", "size_loss", "kind_loss"}
    for name in LOSSES:
        assert_same_weights(by_list.get_layer(name), by_name.get_layer(name))
        assert_same_weights(by_list.get_layer(name), of_dict.get_layer(name))


@pytest.mark.parametrize("form", [tuple, list, dict])
def test_predictions_have_the_structure_of_the_outputs(form):
    model = two_outputs(form)
    for got in (model.predict(X, batch_size=BATCH, verbose=0), model.predict_on_batch(X)):
        assert type(got) in ((dict,) if form is dict else (list, tuple))
        parts = [got["size"], got["kind"]] if form is dict else got
        assert [p.shape for p in parts] == [(SAMPLES, 2), (SAMPLES, 3)]
        want = model(X)
        want = [want["size"], want["kind"]] if form is dict else want
        for p, w in zip(parts, want):
            np.testing.assert_allclose(p, w.numpy(), rtol=1e-6)


def test_nested_inputs():
    Pair = collections.namedtuple("Pair", "left right")

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, inputs):
            pair = inputs["pair"]
            return self.dense(keras.ops.concatenate([pair.left, pair.right, inputs["more"]], -1))

    model = Net()
    model.compile("sgd", "mse")
    inputs = {"pair": Pair(X[:, :1], X[:, 1:2]), "more": X[:, 2:]}
    model.fit(inputs, Sizes[:, :1], batch_size=BATCH, verbose=0)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(
        model.predict(inputs, batch_size=BATCH, verbose=0), X @ kernel + bias, rtol=1e-5)


def test_integer_inputs_stay_integers():
    model = keras.Sequential([keras.Input((2,), dtype="int64"), layers.Embedding(300, 3)])
    tokens = np.array([[1, 299], [257, 0]])
    table = model.get_weights()[0]
    np.testing.assert_array_equal(model.predict(tokens, verbose=0), table[tokens])


# ---------------------------------------------------------------- big arrays
def resident():
    """Bytes of the process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_a_memory_map_is_not_read_whole(tmp_path):
    samples, features = 1 << 18, 1 << 16
    path = tmp_path / "big.bin"
    with open(path, "wb") as file:
        file.truncate(samples * features * 4)  # 64 GiB of zeros that take no place on the disk
    x = np.memmap(path, "float32", "r", shape=(samples, features))
    y = np.zeros((samples, 1), "float32")
    model = keras.Sequential([keras.Input((features,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.predict(x[:8], verbose=0)
    weights, before = model.get_weights(), resident()
    model.get_layer(index=0).bias.assign([1.0])
    model.fit(x, y, batch_size=4, steps_per_epoch=3, validation_split=0.5, validation_steps=2,
              verbose=0)
    model.fit(x, y, batch_size=4, steps_per_epoch=3, shuffle="batch", class_weight={0: 2.0},
              verbose=0)
    model.evaluate(x, y, batch_size=4, steps=3, verbose=0)
    model.predict(x, batch_size=4, steps=3, verbose=0)
    assert resident() - before < 64 << 20
    assert weights_differ(model, weights)


# ---------------------------------------------------------------- what steps of one's own are given
class Keeps(keras.Model):
    def __init__(self):
        super().__init__()
        self.given = []

    def train_step(self, data):
        self.given.append(keras.tree.map_structure(lambda a: tuple(a.shape), data))
        return {"loss": 0.0}

    test_step = train_step


def test_a_step_of_ones_own_is_given_x_alone_as_it_is():
    """Tuples only where there is more than x, or where batches come as tuples."""
    model = Keeps()
    model.compile(loss="mse", run_eagerly=True)
    x, y, w = X[:BATCH], Y[:BATCH], W[:BATCH]
    for run in (model.fit, model.evaluate):
        model.given = []
        run(x, verbose=0)
        run({"a": x}, verbose=0)
        run([x, x], verbose=0)
        run(x, y, verbose=0)
        run(x, y, sample_weight=w, verbose=0)
        run(Batches(x), verbose=0)
        run(Batches(x, y), verbose=0)
        (n, m), k = x.shape, (len(x),)
        assert model.given == [
            (n, m), {"a": (n, m)}, ([(n, m), (n, m)],), ((n, m), k), ((n, m), k, k), ((n, m),),
            ((n, m), k)]


@pytest.mark.parametrize("eager", [True, False])
def test_compute_loss_need_not_take_training(eager):
    class Own(keras.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return super().compute_loss(x, y, y_pred, sample_weight) * 0 + 3.0

    model = classifier(Own, run_eagerly=eager)
    assert model.fit(X, Y, verbose=0).history["loss"] == [3.0]
    assert model.evaluate(X, Y, verbose=0) == 3.0
