"""split_dataset: sizes as Keras's."""

import numpy as np
import pytest

import minikeras as keras
from minikeras.utils import split_dataset

X = np.arange(6)


def split(dataset, **options):
    left, right = split_dataset(dataset, **options)
    assert (len(left), len(right)) == (len(list(left)), len(list(right)))
    return [[keras.tree.map_structure(lambda v: np.asarray(v).tolist(), s) for s in part]
            for part in (left, right)]


@pytest.mark.parametrize(("dataset", "options", "left", "right"), [
    (X, {"left_size": 0.5}, [0, 1, 2], [3, 4, 5]),
    (X, {"left_size": 2}, [0, 1], [2, 3, 4, 5]),
    (X, {"right_size": 2}, [0, 1, 2, 3], [4, 5]),
    (X, {"left_size": 0.5, "right_size": 0.25}, [0, 1, 2], [4, 5]),
    (X, {"left_size": 2, "right_size": 0.5}, [0, 1], [3, 4, 5]),
    (np.arange(5), {"left_size": 0.5}, [0, 1], [2, 3, 4]),
    ((X, X * 2), {"left_size": 2}, [(0, 0), (1, 2)], [(2, 4), (3, 6), (4, 8), (5, 10)]),
    ([X, X * 2], {"right_size": 5}, [(0, 0)], [(1, 2), (2, 4), (3, 6), (4, 8), (5, 10)]),
])
def test_parts(dataset, options, left, right):
    assert split(dataset, **options) == [left, right]


def test_shuffled_by_a_seed():
    first, again = split(X, left_size=2, shuffle=True, seed=1), split(
        X, left_size=2, shuffle=True, seed=1)
    assert first == again != split(X, left_size=2)
    assert sorted(sum(first, [])) == X.tolist()
    assert any(split(X, left_size=2, shuffle=True) != first for _ in range(5))


def test_anything_with_a_length():
    class Squares:
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return {"a": np.full(2, i), "b": i * i}

    assert split(Squares(), left_size=3)[1] == [{"a": [3, 3], "b": 9}]
    assert split({1: 2, 2: 3}.keys(), left_size=1) == [[1], [2]]


def test_indexing_and_batches():
    left, right = split_dataset((X, X * 2), left_size=5)
    assert [int(v) for v in left[-1]] == [4, 8]
    assert [int(a) for a, _ in left[1:3]] == [1, 2]
    batches = left.batch(2)
    assert len(batches) == 3 and len(left.batch(2, drop_remainder=True)) == 2
    assert [v.tolist() for v in batches[1]] == [[2, 3], [4, 6]]
    assert [v.tolist() for v in batches[2]] == [[4], [8]]


def test_training_on_a_part():
    x, y = np.ones((10, 3), "float32"), np.ones((10, 2), "float32")
    left, right = split_dataset((x, y), left_size=0.8)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    history = model.fit(left.batch(4), validation_data=right.batch(4), verbose=0)
    assert list(history.history) == ["loss", "val_loss"] and int(model.optimizer.iterations) == 2


@pytest.mark.parametrize(("dataset", "options", "error", "message"), [
    (X, {}, ValueError, "At least one of"),
    (X, {"left_size": 9}, ValueError, "positive integer smaller than 6"),
    (X, {"left_size": 1.5}, ValueError, "within the range"),
    (X, {"left_size": 1.0}, ValueError, "within the range"),
    (X, {"left_size": 0}, ValueError, "positive integer"),
    (X, {"right_size": -1}, ValueError, "`right_size` should be"),
    (X, {"left_size": 0.8, "right_size": 0.5}, ValueError, "greater than 1"),
    (X, {"left_size": 4, "right_size": 4}, ValueError, "smaller than the 6"),
    (X, {"left_size": "a"}, TypeError, "Invalid `left_size` type"),
    (X, {"left_size": True}, TypeError, "Invalid `left_size` type"),
    (np.ones(1), {"left_size": 0.5}, ValueError, "will be empty"),
    (3, {"left_size": 1}, TypeError, "Received: int"),
    ({"a": X}, {"left_size": 1}, TypeError, "Received: dict"),
    ([1, 2], {"left_size": 1}, ValueError, "must be one of arrays"),
    ([], {"left_size": 1}, ValueError, "must be one of arrays"),
    ((X, X[:3]), {"left_size": 2}, ValueError, "different lengths"),
])
def test_faults(dataset, options, error, message):
    with pytest.raises(error, match=message):
        split_dataset(dataset, **options)
