"""BackupAndRestore: interrupted runs end as whole ones do, bit for bit."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers
from minikeras.callbacks import BackupAndRestore, Callback

X = np.random.default_rng(0).random((20, 4), "float32")
Y = np.random.default_rng(1).integers(0, 3, 20)


@contextlib.contextmanager
def policy_scope(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def network(policy="float32"):
    """Everything with a state: dropout, batch statistics, Adam, metrics, noise without a seed."""

    class Noise(layers.Layer):
        def call(self, x):
            return x + 0.1 * keras.ops.cast(keras.random.normal((4,)), x.dtype)

    with policy_scope(policy):
        model = keras.Sequential([
            keras.Input((4,)), Noise(), layers.Dense(8, activation="relu"),
            layers.BatchNormalization(), layers.Dropout(0.5),
            layers.Dense(3, activation="softmax", dtype="float32")])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy",
                  metrics=["accuracy"])
    return model


class Interrupt(Callback):
    """Raises KeyboardInterrupt before a batch of an epoch."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.at, self.epoch = (epoch, batch), None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise KeyboardInterrupt


def fit(callbacks, make=network, seed=3, x=X, y=Y, **options):
    keras.utils.set_random_seed(seed)
    model = make()
    history = model.fit(x, y, batch_size=4, epochs=3, verbose=0, callbacks=callbacks, **options)
    return model, history


def state(model):
    return [v.numpy() for v in (*model.variables, *model.optimizer.variables)]


def assert_same(a, b):
    for x, y in zip(state(a), state(b), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(("save_freq", "at"), [
    ("epoch", (0, 3)), ("epoch", (1, 1)), ("epoch", (2, 0)), (1, (0, 3)), (1, (2, 4)),
    (2, (1, 0)), (2, (1, 1)), (5, (1, 0)), (5, (2, 4))])
def test_interrupted_and_taken_up(tmp_path, save_freq, at):
    whole, history = fit([])
    folder = tmp_path / "backup"
    with pytest.raises(KeyboardInterrupt):
        fit([BackupAndRestore(folder, save_freq), Interrupt(*at)])
    seed = 99 if folder.exists() else 3
    again, rest = fit([BackupAndRestore(folder, save_freq)], seed=seed)
    assert_same(whole, again)
    n = len(rest.epoch)
    assert rest.epoch == history.epoch[-n:]
    assert {k: v[-n:] for k, v in history.history.items()} == rest.history
    assert not folder.exists()


def test_interrupted_twice(tmp_path):
    whole, _ = fit([])
    for at in ((0, 4), (2, 2)):
        with pytest.raises(KeyboardInterrupt):
            fit([BackupAndRestore(tmp_path / "b", 2), Interrupt(*at)])
    assert_same(whole, fit([BackupAndRestore(tmp_path / "b", 2)])[0])


@pytest.mark.parametrize("options", [
    {"validation_data": (X, Y)}, {"shuffle": False}, {"shuffle": "batch"},
    {"steps_per_epoch": 3, "x": np.tile(X, (2, 1)), "y": np.tile(Y, 2)}])
def test_other_ways_to_train(tmp_path, options):
    whole, _ = fit([], **options)
    with pytest.raises(KeyboardInterrupt):
        fit([BackupAndRestore(tmp_path / "b", 1), Interrupt(1, 2)], **options)
    assert_same(whole, fit([BackupAndRestore(tmp_path / "b", 1)], seed=5, **options)[0])


def test_a_py_dataset(tmp_path):
    class Data(keras.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, i):
            return X[4 * i : 4 * i + 4], Y[4 * i : 4 * i + 4]

    def run(callbacks, seed=3):
        keras.utils.set_random_seed(seed)
        model = network()
        model.fit(Data(), epochs=3, verbose=0, shuffle=True, callbacks=callbacks)
        return model

    whole = run([])
    with pytest.raises(KeyboardInterrupt):
        run([BackupAndRestore(tmp_path / "b", 1), Interrupt(1, 2)])
    assert_same(whole, run([BackupAndRestore(tmp_path / "b", 1)], 9))


def test_data_that_draw_from_the_generators_of_python_and_numpy(tmp_path):
    class Data(keras.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, i):
            noise = np.random.random((4, 4)) + random.random()
            return X[4 * i : 4 * i + 4] + noise, Y[4 * i : 4 * i + 4]

    def run(callbacks, seed=3):
        keras.utils.set_random_seed(seed)
        model = network()
        model.fit(Data(), epochs=2, verbose=0, shuffle=False, callbacks=callbacks)
        return model

    whole = run([])
    with pytest.raises(KeyboardInterrupt):
        run([BackupAndRestore(tmp_path / "b", 1), Interrupt(1, 2)])
    assert_same(whole, run([BackupAndRestore(tmp_path / "b", 1)], 9))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_in_half_precision(tmp_path, policy):
    def make():
        return network(policy)

    whole, _ = fit([], make)
    with pytest.raises(KeyboardInterrupt):
        fit([BackupAndRestore(tmp_path / "b", 1), Interrupt(1, 2)], make)
    again, _ = fit([BackupAndRestore(tmp_path / "b", 1)], make, seed=8)
    assert_same(whole, again)


def test_a_model_that_is_not_built_yet(tmp_path):
    def deferred():
        model = keras.Sequential([layers.Dense(3)])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    whole, _ = fit([], deferred)
    with pytest.raises(KeyboardInterrupt):
        fit([BackupAndRestore(tmp_path / "b", 1), Interrupt(1, 2)], deferred)
    assert_same(whole, fit([BackupAndRestore(tmp_path / "b", 1)], deferred, seed=7)[0])


PROGRAM = """
import os, signal, sys
import numpy as np
import minikeras as keras
from minikeras import layers

keras.utils.set_random_seed(7)
rng = np.random.default_rng(0)
x, y = rng.random((40, 4), "float32"), rng.integers(0, 3, 40)
model = keras.Sequential([keras.Input((4,)), layers.Dense(6, activation="relu"),
                          layers.Dropout(0.5), layers.Dense(3, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
folder, kill, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]

class Kill(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == kill:
            os.kill(os.getpid(), signal.SIGKILL)

model.fit(x, y, batch_size=4, epochs=3, verbose=0,
          callbacks=[keras.callbacks.BackupAndRestore(folder, save_freq=3), Kill()])
np.savez(out, *model.get_weights(), *[v.numpy() for v in model.optimizer.variables])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_in_the_middle_of_an_epoch(tmp_path):
    def run(name, kill, folder):
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), str(tmp_path / folder), str(kill),
             str(tmp_path / name)], env=os.environ, timeout=120).returncode

    assert run("whole.npz", 0, "none") == 0
    assert run("killed.npz", 17, "backup") == -signal.SIGKILL
    assert (tmp_path / "backup" / "latest.state.npz").exists()
    assert run("again.npz", 0, "backup") == 0
    with np.load(tmp_path / "whole.npz") as a, np.load(tmp_path / "again.npz") as b:
        assert len(a.files) == len(b.files) > 8
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name])


# ------------------------------------------------------------ files
def files(folder):
    return sorted(os.listdir(folder)) if folder.exists() else None


@pytest.mark.parametrize(("options", "during", "after"), [
    ({}, ["latest.state.npz"], None),
    ({"double_checkpoint": True}, ["latest.state.npz", "previous.state.npz"], None),
    ({"delete_checkpoint": False}, ["latest.state.npz"], ["latest.state.npz"]),
])
def test_files(tmp_path, options, during, after):
    class Looks(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(files(tmp_path / "b"))

    seen = []
    fit([BackupAndRestore(tmp_path / "b", **options), Looks()])
    assert seen[-1] == during and files(tmp_path / "b") == after


def test_the_folder_keeps_what_is_not_ours(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    fit([BackupAndRestore(tmp_path)])
    assert files(tmp_path) == ["notes.txt"]


def test_the_previous_file_is_used_where_the_last_is_gone(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit([BackupAndRestore(tmp_path, double_checkpoint=True), Interrupt(2, 0)])
    (tmp_path / "latest.state.npz").unlink()
    assert fit([BackupAndRestore(tmp_path)])[1].epoch == [1, 2]


def test_a_finished_run_that_is_kept_is_not_repeated(tmp_path):
    callback = BackupAndRestore(tmp_path, delete_checkpoint=False)
    first, _ = fit([callback])
    again, history = fit([BackupAndRestore(tmp_path, delete_checkpoint=False)], seed=9)
    assert history.epoch == []
    np.testing.assert_array_equal(first.get_weights()[0], again.get_weights()[0])


def test_a_backup_of_another_model(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit([BackupAndRestore(tmp_path), Interrupt(1, 0)])

    def other():
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    with pytest.raises(ValueError, match="of another model or optimizer"):
        fit([BackupAndRestore(tmp_path)], other)


@pytest.mark.parametrize(("arguments", "message"), [
    (("",), "Empty `backup_dir`"), (("b", "often"), "Unrecognized save_freq: often"),
    (("b", 0), "Unrecognized save_freq: 0")])
def test_faults(arguments, message):
    with pytest.raises(ValueError, match=message):
        BackupAndRestore(*arguments)
