"""ModelCheckpoint of weights: names, which epochs and batches, the best, whole files only."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers
from minikeras.callbacks import ModelCheckpoint
from tests.callbacks.driving import NAN, X, Y, compiled


def saved(folder, values, pattern="w{epoch}.weights.h5", name="val_loss", batches=0, **options):
    """The files after each epoch, or each batch, that were not there before."""
    callback = ModelCheckpoint(folder / pattern, save_weights_only=True, **options)
    callback.set_model(compiled())
    callback.set_params({})
    callback.on_train_begin()
    seen, steps = set(), []

    def look():
        found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
        steps.append(sorted(found - seen))
        seen.update(found)

    for epoch, value in enumerate(values):
        callback.on_epoch_begin(epoch)
        for batch in range(batches):
            callback.on_train_batch_end(batch, {"loss": 0.5})
            look()
        callback.on_epoch_end(epoch, {"loss": 0.25, **({} if value is None else {name: value})})
        if not batches:
            look()
    return steps


def numbers(steps):
    """Which epochs wrote a file."""
    return [i + 1 for i, names in enumerate(steps) if names]


def test_fields_of_the_name(tmp_path):
    assert saved(tmp_path, [3, 2], "a/{epoch:02d}-{val_loss:.2f}-{loss}.weights.h5") == [
        ["a/01-3.00-0.25.weights.h5"], ["a/02-2.00-0.25.weights.h5"]]


@pytest.mark.parametrize(("values", "options", "epochs"), [
    ([3, 2, 2.5, 1], {}, [1, 2, 4]),
    ([3, 2, 2.5, 4], {"mode": "max"}, [1, 4]),
    ([3, 2, 1], {"initial_value_threshold": 2.5}, [2, 3]),
    ([NAN, NAN, 1], {}, [1]),
    ([0.3, 0.2, 0.5], {"monitor": "val_accuracy", "name": "val_accuracy"}, [1, 3]),
])
def test_best_only(tmp_path, values, options, epochs):
    assert numbers(saved(tmp_path, values, save_best_only=True, **options)) == epochs


@pytest.mark.parametrize(("every", "batches", "files"), [
    (2, 3, {1: "1-2", 3: "2-1", 5: "2-3"}),
    (1, 2, {0: "1-1", 1: "1-2", 2: "2-1", 3: "2-2"}),
    (3, 1, {}),
    (4, 3, {3: "2-1"}),
])
def test_every_so_many_batches(tmp_path, every, batches, files):
    steps = saved(tmp_path, [1, 1], "{epoch}-{batch}.weights.h5", batches=batches, save_freq=every)
    assert {i: s[0].removesuffix(".weights.h5") for i, s in enumerate(steps) if s} == files


def test_every_so_many_batches_of_those_told_of(tmp_path):
    """With several steps an execution batches are counted though not told of one by one."""
    callback = ModelCheckpoint(
        tmp_path / "{batch}.weights.h5", save_weights_only=True, save_freq=4)
    compiled(steps_per_execution=3).fit(
        np.repeat(X, 3, 0), np.repeat(Y, 3, 0), batch_size=1, verbose=0, callbacks=[callback])
    assert sorted(os.listdir(tmp_path)) == ["12.weights.h5", "6.weights.h5"]


def test_best_only_without_the_value_warns_and_saves(tmp_path):
    with pytest.warns(UserWarning, match="Can save best model only with val_loss available"):
        assert numbers(saved(tmp_path, [None], save_best_only=True)) == [1]


@pytest.mark.parametrize(("options", "said"), [
    ({}, [(1, "saving model to W"), (1, "finished saving model to W"), (2, "saving model to W"),
          (2, "finished saving model to W")]),
    ({"save_best_only": True}, [
        (1, "val_loss improved from None to 2.00000, saving model to W"),
        (1, "finished saving model to W"), (2, "val_loss did not improve from 2.00000")]),
])
def test_what_it_says(tmp_path, options, said, capsys):
    saved(tmp_path, [2, 3], "w.weights.h5", verbose=1, **options)
    expected = "".join(f"\nEpoch {e}: {text}\n" for e, text in said)
    assert capsys.readouterr().out == expected.replace("W", str(tmp_path / "w.weights.h5"))


def test_the_weights_are_those_of_the_moment(tmp_path):
    model, kept = compiled(0.05), []
    model.fit(X, 2 * Y, epochs=3, verbose=0, callbacks=[
        ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True)])
    for epoch in (1, 2, 3):
        again = compiled()
        again.load_weights(tmp_path / f"{epoch}.weights.h5")
        kept.append(again.get_weights()[1])
    np.testing.assert_array_equal(kept[2], model.get_weights()[1])
    assert (kept[0] != kept[2]).any()


def test_a_save_that_fails_leaves_the_last_file(tmp_path, monkeypatch):
    path = tmp_path / "w.weights.h5"
    callback = ModelCheckpoint(path, save_weights_only=True)
    model = compiled()
    callback.set_model(model)
    callback.on_epoch_end(0, {})
    before = path.read_bytes()

    def broken(store):
        raise OSError("the disk is full")

    monkeypatch.setattr(model.layers[0], "save_own_variables", broken, raising=False)
    with pytest.raises(OSError, match="full"):
        callback.on_epoch_end(1, {})
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["w.weights.h5"]


KILLED = """
import os, signal, sys
import h5py
import numpy as np
import minikeras as keras
from minikeras import layers

path, kept = sys.argv[1:]

saved, create = [], h5py.Group.create_dataset

def doomed(self, *args, **kwargs):
    saved.append(args)
    if os.path.exists(kept) and len(saved) > 2:  # the new file has two of its arrays
        os.kill(os.getpid(), signal.SIGKILL)
    return create(self, *args, **kwargs)

h5py.Group.create_dataset = doomed
model = keras.Sequential([keras.Input((2,)), layers.Dense(64), layers.Dense(1)])
model.compile("sgd", "mse")

class Keep(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        np.savez(kept, *self.model.get_weights())
        saved.clear()

checkpoint = keras.callbacks.ModelCheckpoint(
    path, save_weights_only=path.endswith(".weights.h5"))
model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=2, verbose=0, callbacks=[checkpoint, Keep()])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5", "m.h5"])
def test_killed_during_a_save_the_last_file_is_whole(tmp_path, name):
    path, kept = str(tmp_path / name), str(tmp_path / "kept.npz")
    done = subprocess.run([sys.executable, "-c", KILLED, path, kept], env=os.environ, timeout=120)
    assert done.returncode == -signal.SIGKILL
    model = keras.Sequential([keras.Input((2,)), layers.Dense(64), layers.Dense(1)])
    if name.endswith(".weights.h5"):
        model.load_weights(path)
    else:
        model = keras.models.load_model(path)
    with np.load(kept) as weights:
        for a, b in zip(model.get_weights(), weights.values(), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("path", "options", "error", "message"), [
    ("foo.h6", {}, ValueError, ".keras"),
    ("foo.h5", {"save_weights_only": True}, ValueError, ".weights.h5"),
    ("a.keras", {"save_freq": "x"}, ValueError, "Unrecognized save_freq: x"),
    ("a.keras", {"period": 2}, TypeError, "period"),
    (3, {}, TypeError, "must be a path"),
])
def test_faults(path, options, error, message):
    with pytest.raises(error, match=message):
        ModelCheckpoint(path, **options)


def test_unknown_field(tmp_path):
    with pytest.raises(KeyError, match="Failed to format this callback filepath.*foo"):
        saved(tmp_path, [1], "w{foo}.weights.h5")


def test_unknown_mode():
    with pytest.warns(UserWarning, match="mode 'x' is unknown"):
        assert ModelCheckpoint("a.keras", mode="x").mode == "auto"


# ------------------------------------------------------------ whole models
@pytest.mark.parametrize("name", ["m{epoch}.keras", "m{epoch}.h5"])
def test_whole_models(tmp_path, name):
    model = compiled(0.05)
    model.fit(X, 2 * Y, epochs=2, verbose=0, callbacks=[ModelCheckpoint(tmp_path / name)])
    again = keras.models.load_model(tmp_path / name.format(epoch=2))
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    for m in (again, model):
        m.fit(X, 2 * Y, epochs=2, verbose=0)
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_best_whole_model(tmp_path):
    path, model = tmp_path / "best.keras", compiled(0.6)  # the rate is too high: the loss rises
    history = model.fit(X, 2 * Y, epochs=4, verbose=0, validation_data=(X, 2 * Y), callbacks=[
        ModelCheckpoint(path, save_best_only=True)]).history["val_loss"]
    best = keras.models.load_model(path).evaluate(X, 2 * Y, verbose=0)
    np.testing.assert_allclose(best, min(history), rtol=1e-6)
    assert min(history) < history[-1]
