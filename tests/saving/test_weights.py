"""Weights files: round trips, Keras's layout, and failures that change nothing."""

import h5py
import numpy as np
import pytest

import minikeras as keras

L = keras.layers


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = L.Dense(3)
        self.rest = [L.Dense(3), L.Dense(3)]

    def call(self, x):
        x = self.first(x)
        for layer in self.rest:
            x = layer(x)
        return x


def sequential():
    return keras.Sequential([
        keras.Input((4,)), L.Dense(3), L.BatchNormalization(), L.Dropout(0.5), L.Dense(2)])


def functional():
    x = keras.Input((4,))
    inner = keras.Sequential([keras.Input((4,)), L.Dense(3), L.Dense(3)])
    return keras.Model(x, L.Add()([inner(x), L.Dense(3)(x)]))


@pytest.mark.parametrize("make", [sequential, functional, Subclassed])
def test_round_trip(make, tmp_path):
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    one, two = make(), make()
    want, before = one.predict(x, verbose=0), two.predict(x, verbose=0)
    assert not np.allclose(want, before)
    one.save_weights(tmp_path / "ü.weights.h5")
    two.load_weights(tmp_path / "ü.weights.h5")
    np.testing.assert_array_equal(two.predict(x, verbose=0), want)


def test_layout_is_that_of_keras(tmp_path):
    # The names that Keras 3.15 writes for the same model.
    functional().save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5") as file:
        names = []
        file.visititems(lambda name, item: names.append(name))
        assert {n for n in names if isinstance(file[n], h5py.Dataset)} == {
            f"layers/{path}/vars/{i}" for i in (0, 1)
            for path in ("dense", "sequential/layers/dense", "sequential/layers/dense_1")}


def test_what_does_not_fit_changes_nothing(tmp_path):
    sequential().save_weights(tmp_path / "w.weights.h5")
    other = keras.Sequential([
        keras.Input((4,)), L.Dense(3), L.BatchNormalization(), L.Dropout(0.5), L.Dense(7)])
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"dense_1.*\(3, 7\).*\(3, 2\)"):
        other.load_weights(tmp_path / "w.weights.h5")
    for a, b in zip(before, other.get_weights()):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning, match="dense_1"):
        other.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)
    assert not np.array_equal(before[0], other.get_weights()[0])


def test_names_and_missing_files(tmp_path):
    with pytest.raises(ValueError, match=r"\.weights\.h5"):
        sequential().save_weights(tmp_path / "w.h5")
    with pytest.raises(FileNotFoundError, match="not found"):
        sequential().load_weights(tmp_path / "none.weights.h5")


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    model, path = sequential(), tmp_path / "w.weights.h5"
    model.save_weights(path)
    old = path.read_bytes()

    def fail(store):
        raise OSError("disk full")

    monkeypatch.setattr(model.layers[-1], "save_own_variables", fail, raising=False)
    with pytest.raises(OSError, match="disk full"):
        model.save_weights(path)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["w.weights.h5"]
