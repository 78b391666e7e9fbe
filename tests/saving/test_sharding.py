"""Weights in several files, the editor of files, and saves that fail."""

import errno
import json
import os

import h5py
import numpy as np
import pytest

import minikeras as keras
from minikeras.errors import FileError

L = keras.layers
LIMIT = 300 / (1 << 30)  # GB: the first layer in one file, the others in another


def model(units=(5, 5, 5)):
    return keras.Sequential([keras.Input((10,)), *(L.Dense(u) for u in units)])


def test_shards_as_keras_has_them(tmp_path):
    one, two = model(), model()
    one.save_weights(tmp_path / "m.weights.h5", max_shard_size=LIMIT)
    index = json.loads((tmp_path / "m.weights.json").read_text())
    assert index["metadata"]["total_size"] == 4 * (55 + 30 + 30)
    assert index["weight_map"] == {
        "/layers/dense/vars": ["m_00000.weights.h5"],
        "/layers/dense_1/vars": ["m_00001.weights.h5"],
        "/layers/dense_2/vars": ["m_00001.weights.h5"]}
    names = {n for found in index["weight_map"].values() for n in found}
    assert names == {p.name for p in tmp_path.iterdir()} - {"m.weights.json"}
    assert len(names) > 1
    two.load_weights(tmp_path / "m.weights.json")
    for a, b in zip(one.get_weights(), two.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_an_array_larger_than_a_shard(tmp_path):
    with pytest.raises(ValueError, match="max_shard_size"):
        model().save_weights(tmp_path / "m.weights.json", max_shard_size=100 / (1 << 30))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [
    lambda index: index.update(weight_map={"/layers/dense/vars": ["../m_00000.weights.h5"]}),
    lambda index: index.update(weight_map={"/layers/dense/vars": ["/etc/passwd"]}),
    lambda index: index.update(weight_map={"/layers/dense/vars": ["none.weights.h5"]}),
    lambda index: index.update(weight_map={"/layers/dense/vars": 3}),
    lambda index: index.update(weight_map=[]), lambda index: index.clear(),
    lambda index: index["weight_map"].pop("/layers/dense_2/vars")])
def test_indices_that_are_refused(tmp_path, change):
    m = model()
    m.save_weights(tmp_path / "m.weights.json", max_shard_size=LIMIT)
    index = json.loads((tmp_path / "m.weights.json").read_text())
    change(index)
    (tmp_path / "m.weights.json").write_text(json.dumps(index))
    m.set_weights([w + 1 for w in m.get_weights()])
    before = m.get_weights()
    with pytest.raises(FileError):
        m.load_weights(tmp_path / "m.weights.json")
    for a, b in zip(before, m.get_weights()):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- the editor
def test_editor(tmp_path, capsys):
    m = model()
    m.save(tmp_path / "m.keras")
    editor = keras.saving.KerasFileEditor(tmp_path / "m.keras")
    assert editor.config["class_name"] == "Sequential"
    assert editor.compare(m) == {"status": "success", "error_count": 0, "match_count": 6}
    other = editor.compare(model((5, 5, 4)))
    assert other == {"status": "error", "error_count": 2, "match_count": 4}
    editor.rename_object("dense_2", "last")
    editor.delete_object("layers/dense_1")
    editor.add_object("layers/new", {"0": np.ones((2, 3))})
    editor.add_weights("new", {"1": np.zeros(3), "2": np.zeros(1)})
    editor.delete_weight("new", "2")
    editor.summary()
    printed = capsys.readouterr().out
    assert "last" in printed and "1: shape=(3,), dtype=float64" in printed
    editor.save(tmp_path / "n.weights.h5")
    with h5py.File(tmp_path / "n.weights.h5") as file:
        assert sorted(file["layers"]) == ["dense", "last", "new"]
        np.testing.assert_array_equal(file["layers/last/vars/0"], m.layers[2].kernel.numpy())
        np.testing.assert_array_equal(file["layers/new/vars/0"], np.ones((2, 3)))
        assert file["layers/dense/vars"].attrs["name"] == m.layers[0].name


def test_what_the_editor_refuses(tmp_path):
    model().save_weights(tmp_path / "m.weights.h5")
    editor = keras.saving.KerasFileEditor(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match="does not appear"):
        editor.rename_object("none", "x")
    with pytest.raises(ValueError, match="not found in model"):
        editor.add_object("x/y", {"0": np.ones(1)})
    with pytest.raises(ValueError, match="already"):
        editor.rename_object("dense", "dense_1")
    with pytest.raises(ValueError, match="Weight 7 not found"):
        editor.delete_weight("dense", "7")
    with pytest.raises(ValueError, match=r"\.weights\.h5"):
        editor.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="Invalid filename"):
        (tmp_path / "m.txt").write_text("")
        keras.saving.KerasFileEditor(tmp_path / "m.txt")


# ---------------------------------------------------------------- saves that fail
SAVES = {
    "m.keras": lambda m, path: m.save(path), "m.h5": lambda m, path: m.save(path),
    "m.weights.h5": lambda m, path: m.save_weights(path),
    "m.weights.json": lambda m, path: m.save_weights(path, max_shard_size=LIMIT)}


@pytest.mark.parametrize("name", SAVES)
@pytest.mark.parametrize(("number", "words"), [
    (errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "the disk is full"),
    (errno.EROFS, "may not be written"), (errno.EIO, "error")])
def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch, name, number, words):
    m, path = model(), tmp_path / name
    SAVES[name](m, path)
    old = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    m.set_weights([w + 1 for w in m.get_weights()])

    def fail(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=words) as caught:
        SAVES[name](m, path)
    assert caught.value.errno == number and name in str(caught.value)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == old


@pytest.mark.parametrize("name", SAVES)
def test_where_nothing_can_be_written(name):
    """Where nothing can be written at all."""
    with pytest.raises(OSError, match="Cannot save to"):
        SAVES[name](model(), f"/proc/{name}")


def test_folders_that_are_not_there(tmp_path):
    with pytest.raises(OSError, match="does not exist; make it first"):
        model().save(tmp_path / "none" / "m.keras")
    with pytest.raises(OSError, match="too long"):
        model().save(tmp_path / ("n" * 300 + ".keras"))


def test_long_unicode_paths_links_and_modes(tmp_path):
    folder = tmp_path / ("модель " * 15).strip() / ("模型" * 30)
    folder.mkdir(parents=True)
    m = model()
    for name in ("é" * 100 + ".keras", "ü.weights.h5", "ж.h5"):
        SAVES["m.weights.h5" if "weights" in name else "m.keras"](m, folder / name)
        assert oct((folder / name).stat().st_mode & 0o777) == oct(0o666 & ~_umask())
    os.chmod(folder / "ж.h5", 0o640)
    m.save(folder / "ж.h5")
    assert (folder / "ж.h5").stat().st_mode & 0o777 == 0o640
    (tmp_path / "link.keras").symlink_to(folder / ("é" * 100 + ".keras"))
    m.set_weights([w + 1 for w in m.get_weights()])
    m.save(tmp_path / "link.keras")
    assert (tmp_path / "link.keras").is_symlink()
    again = keras.models.load_model(folder / ("é" * 100 + ".keras"))
    np.testing.assert_array_equal(again.get_weights()[0], m.get_weights()[0])
    m.load_weights(folder / "ü.weights.h5")


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_overwrite_false(tmp_path):
    m = model()
    for name, save in (("m.keras", m.save), ("m.h5", m.save), ("m.weights.h5", m.save_weights)):
        save(tmp_path / name)
        with pytest.raises(FileExistsError, match="overwrite"):
            save(tmp_path / name, overwrite=False)
