"""Hostile and damaged files: each a clear error, nothing run, nothing half loaded."""

import json
import os
import struct
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

import minikeras as keras
from minikeras.errors import FileError

L = keras.layers


def model():
    m = keras.Sequential([keras.Input((4,)), L.Dense(3, activation="relu"), L.Dense(2)])
    m.compile("adam", "mse")
    return m


@pytest.fixture
def path(tmp_path):
    model().save(tmp_path / "m.keras")
    return tmp_path / "m.keras"


def rewritten(path, change=None, **entries):
    """The archive with its configuration changed, and entries replaced or (None) left out."""
    with zipfile.ZipFile(path) as source:
        contents = {n: source.read(n) for n in source.namelist()}
    if change is not None:
        config = json.loads(contents["config.json"])
        change(config)
        contents["config.json"] = json.dumps(config).encode()
    for name, value in entries.items():
        contents[{"config_json": "config.json"}.get(name, name)] = value
    target = path.with_name("bad.keras")
    with zipfile.ZipFile(target, "w") as archive:
        for name, value in contents.items():
            if value is not None:
                archive.writestr(name, value)
    return target


def h5_bytes(tmp_path, change):
    """The weights of the model, changed by `change(file)`."""
    model().save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "a") as file:
        change(file)
    return tmp_path / "w.weights.h5"


# ---------------------------------------------------------------- archives
def test_the_error_is_a_value_error_of_ours():
    assert issubclass(FileError, ValueError)


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil", "assets/../../evil", "C:/evil",
                                  "assets\\..\\evil", "assets//x"])
def test_names_that_lead_outside(path, name):
    with pytest.raises(FileError, match="leads outside"):
        keras.models.load_model(rewritten(path, **{name: b"x"}))


def test_a_name_twice(path):
    with pytest.warns(UserWarning, match="Duplicate"):
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("config.json", "{}")
    with pytest.raises(FileError, match="two entries"):
        keras.models.load_model(path)


def test_a_zip_bomb(path):
    target = rewritten(path, config_json=None)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (1 << 26))
    tracemalloc.start()
    with pytest.raises(FileError, match="swell"):
        keras.models.load_model(target)
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()


def test_a_bomb_that_lies_about_its_size(path):
    target = rewritten(path, config_json=None)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (1 << 26))
    raw = bytearray(target.read_bytes())
    for at in range(len(raw)):  # sizes in the local header and in the directory
        if raw[at:at + 4] == struct.pack("<I", 1 << 26):
            raw[at:at + 4] = struct.pack("<I", 1000)
    target.write_bytes(raw)
    with pytest.raises(FileError):
        keras.models.load_model(target)


def test_folders_without_an_end(path):
    with pytest.raises(FileError, match="folders"):
        keras.models.load_model(rewritten(path, **{"assets/" + "d/" * 3000 + "x": b""}))


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5"])
def test_what_is_no_file(tmp_path, name):
    """A pipe would wait for ever, a device never end."""
    for make in (os.mkfifo, lambda p: os.symlink("/dev/zero", p)):
        make(tmp_path / name)
        with pytest.raises(FileError, match="pipe or a device"):
            if "weights" in name:
                model().load_weights(tmp_path / name)
            else:
                keras.models.load_model(tmp_path / name)
        os.remove(tmp_path / name)


@pytest.mark.parametrize("text", [b"[1]", b"7", b"{", b"null"])
def test_metadata_that_are_none(path, text):
    with pytest.raises(FileError, match=r"metadata\.json"):
        keras.models.load_model(rewritten(path, **{"metadata.json": text}))


@pytest.mark.parametrize("missing", ["config.json", "model.weights.h5"])
def test_missing_entries(path, missing):
    with zipfile.ZipFile(path) as source:
        contents = {n: source.read(n) for n in source.namelist() if n != missing}
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in contents.items():
            archive.writestr(name, value)
    with pytest.raises(FileError, match=missing.replace(".", r"\.")):
        keras.models.load_model(path)


def test_not_an_archive(tmp_path):
    (tmp_path / "m.keras").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(FileError, match=r"damaged or is no `\.keras` file"):
        keras.models.load_model(tmp_path / "m.keras")
    with pytest.raises(FileError, match="not found"):
        keras.models.load_model(tmp_path / "none.keras")
    with pytest.raises(FileError, match="not supported"):
        keras.models.load_model(tmp_path / "m.pb")


# ---------------------------------------------------------------- configurations
@pytest.mark.parametrize("text", ["[" * 10_000 + "]" * 10_000,
                                  '{"a":' * 10_000 + "1" + "}" * 10_000, "{", "[]", "7",
                                  '{"class_name": "Sequential"}', "\xff"])
def test_configurations_that_are_none(path, text):
    with pytest.raises((FileError, TypeError)):
        keras.models.load_model(rewritten(path, config_json=text.encode("latin-1")))


def test_nested_models_ten_thousand_deep(path):
    def change(config):
        layer = config["config"]["layers"][-1]
        for _ in range(300):
            layer = {"module": "keras", "class_name": "Sequential", "registered_name": None,
                     "config": {"name": "s", "layers": [layer]}}
        config["config"]["layers"][-1] = layer

    with pytest.raises(FileError, match="deep"):
        keras.models.load_model(rewritten(path, change))


def test_a_layer_too_large_for_its_file(path):
    def change(config):
        config["config"]["layers"][-1]["config"]["units"] = 10**9

    tracemalloc.start()
    with pytest.raises(FileError, match="asks for more variables"):
        keras.models.load_model(rewritten(path, change))
    assert tracemalloc.get_traced_memory()[1] < 1 << 26
    tracemalloc.stop()


def test_foreign_classes_are_not_imported(path, monkeypatch):
    def change(config):
        config["config"]["layers"][-1] = {"module": "os", "class_name": "system",
                                          "config": {"command": "false"}, "registered_name": None}

    with pytest.raises(TypeError, match="Could not locate class 'system'"):
        keras.models.load_model(rewritten(path, change))


CLASSES = [("os", "system"), ("builtins", "exec"), ("builtins", "function"), ("pickle", "loads"),
           ("subprocess", "Popen"), ("keras.utils", "get_file"), ("minikeras.utils", "get_file"),
           ("minikeras.saving.atomic", "write_atomically"), ("keras.saving", "load_model"),
           ("keras.callbacks", "CSVLogger"), ("keras.callbacks", "BackupAndRestore"),
           ("keras.config", "enable_unsafe_deserialization"), ("keras", "activate"),
           ("keras.datasets.mnist", "load_data"), ("keras.saving", "KerasFileEditor"),
           (None, "os.system"), (None, "os>system"), ("keras", "config"),
           ("keras.layers", "__init__")]


@pytest.mark.parametrize(("module", "name"), CLASSES)
@pytest.mark.parametrize("place", ["layer", "inside", "activation", "kernel_regularizer", "loss",
                                   "optimizer", "dtype"])
def test_classes_that_are_no_parts_of_models(path, tmp_path, module, name, place):
    """Whatever stands in their place in a file, nothing is run or written."""
    hostile = {"module": module, "class_name": name, "registered_name": name, "config": {
        "filename": str(tmp_path / "x"), "filepath": str(tmp_path / "x"), "fname": "x",
        "command": "false", "backup_dir": str(tmp_path / "x")}}

    def change(config):
        layers = config["config"]["layers"]
        if place == "layer":
            layers[-1] = hostile
        elif place == "inside":
            layers[-1] = {"module": "keras.layers", "class_name": "TimeDistributed",
                          "registered_name": None, "config": {"layer": hostile}}
        elif place in ("loss", "optimizer"):
            config["compile_config"][place] = hostile
        else:
            layers[-1]["config"][place] = hostile

    with pytest.raises((FileError, TypeError)):
        keras.models.load_model(rewritten(path, change))
    assert not (tmp_path / "x").exists()


PLACES = ["activation", "kernel_initializer", "bias_regularizer", "kernel_constraint", "dtype"]


@pytest.mark.parametrize("place", [*PLACES, "Lambda", "wrapped", "loss", "metrics", "rate"])
@pytest.mark.parametrize("safe", ["by default", "in the file"])
def test_lambdas_are_refused_wherever_they_stand(path, place, safe):
    with pytest.warns(UserWarning, match="lambda"):
        code = keras.saving.serialize_keras_object(lambda x: x)

    def change(config):
        layers = config["config"]["layers"]
        layer = {"module": "keras.layers", "class_name": "Lambda", "registered_name": None,
                 "config": {"name": "f", "function": code}}
        if place == "wrapped":
            layer = {"module": "keras.layers", "class_name": "TimeDistributed",
                     "registered_name": None, "config": {"name": "t", "layer": layer}}
        if place in ("Lambda", "wrapped"):
            layers[-1] = layer
        elif place == "rate":
            config["compile_config"]["optimizer"]["config"]["learning_rate"] = code
        elif place in ("loss", "metrics"):
            config["compile_config"][place] = code if place == "loss" else [code]
        else:
            layers[-1]["config"][place] = code
        if safe == "in the file":
            config["safe_mode"] = layers[-1]["safe_mode"] = False

    with pytest.raises(FileError, match="lambda"):
        keras.models.load_model(rewritten(path, change))


def test_messages_do_not_grow_with_the_file(path):
    def change(config):
        inner = {"module": "keras.layers", "class_name": "Nothing", "registered_name": None,
                 "config": {"values": ["x" * 1000] * 1000}}
        for _ in range(100):
            inner = {"module": "keras", "class_name": "Sequential", "registered_name": None,
                     "config": {"name": "s", "layers": [inner]}}
        config["config"]["layers"][-1] = inner

    with pytest.raises(TypeError, match="Could not locate class 'Nothing'") as error:
        keras.models.load_model(rewritten(path, change))
    assert len(str(error.value)) < 10_000


@pytest.mark.parametrize("name", ["get_file", "load_img", "pad_sequences"])
def test_public_functions_are_no_activations(path, name):
    def change(config):
        config["config"]["layers"][1]["config"]["activation"] = {
            "module": "keras.utils", "class_name": "function", "config": name,
            "registered_name": "function"}

    with pytest.raises(TypeError, match="Could not locate function"):
        keras.models.load_model(rewritten(path, change))


# ---------------------------------------------------------------- HDF5
def link_outside(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "/")


def link_soft(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.SoftLink("/layers/dense_1/vars/0")


def data_outside(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars"].create_dataset(
        "0", (4, 3), "float32", external=[("/etc/hostname", 0, 48)])


def virtual(file):
    del file["layers/dense/vars/0"]
    layout = h5py.VirtualLayout((4, 3), "float32")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (4, 3))
    file["layers/dense/vars"].create_virtual_dataset("0", layout)


def objects(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars"].create_dataset("0", (4, 3), h5py.string_dtype())


def bomb(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars"].create_dataset("0", (1 << 20, 1 << 20), "float32", chunks=True)


def swelling(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars"].create_dataset(
        "0", (1 << 22,), "float32", chunks=(1 << 20,), compression="gzip", data=np.zeros(1 << 22))


def large_pieces(file):
    """A small array in one piece of 4096 x 4096 numbers."""
    del file["layers/dense/vars/0"]
    file["layers/dense/vars"].create_dataset(
        "0", (4, 3), "float32", chunks=(4096, 4096), maxshape=(None, None), compression="gzip")


def other_shape(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = np.zeros((3, 4), "float32")


def no_array(file):
    del file["layers/dense/vars/0"]


def group_for_array(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars"].create_group("0")


def array_for_group(file):
    del file["layers/dense/vars"]
    file["layers/dense/vars"] = 1.0


@pytest.mark.parametrize("change", [
    link_outside, link_soft, data_outside, virtual, objects, bomb, swelling, large_pieces,
    other_shape, no_array, group_for_array, array_for_group])
def test_weights_that_are_refused(tmp_path, change):
    file = h5_bytes(tmp_path, change)
    m = model()
    before = m.get_weights()
    tracemalloc.start()
    with pytest.raises(FileError):
        m.load_weights(file)
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()
    for a, b in zip(before, m.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_a_custom_layer_that_fails_leaves_the_model(tmp_path):
    class Failing(L.Dense):
        def load_own_variables(self, store):
            self.kernel.assign(store["0"])
            raise RuntimeError("no")

    m = keras.Sequential([keras.Input((4,)), L.Dense(3), Failing(2, name="last")])
    m.save_weights(tmp_path / "w.weights.h5")
    m.set_weights([w + 1 for w in m.get_weights()])
    before = m.get_weights()
    with pytest.raises(RuntimeError, match="no"):
        m.load_weights(tmp_path / "w.weights.h5")
    for a, b in zip(before, m.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_custom_layers_cannot_read_swollen_arrays(tmp_path):
    class Own(L.Layer):
        def load_own_variables(self, store):
            self.read = store["0"]

    def change(file):
        file.create_group("layers/own/vars").create_dataset(
            "0", (1 << 20, 1 << 20), "float32", chunks=True)

    m = keras.Sequential([keras.Input((4,)), L.Dense(3, activation="relu"), L.Dense(2), Own()])
    with pytest.raises(FileError, match="made to fill the memory"):
        m.load_weights(h5_bytes(tmp_path, change))


def test_strings_without_an_end(tmp_path):
    """The HDF5 library loops for ever over a heap of strings with an entry of size 0."""
    model().save(tmp_path / "m.h5")
    raw = bytearray((tmp_path / "m.h5").read_bytes())
    start = raw.find(b"GCOL")
    raw[start + 16:start + 32] = bytes(16)
    (tmp_path / "m.h5").write_bytes(raw)
    with pytest.raises(FileError, match="no end"):
        keras.models.load_model(tmp_path / "m.h5")


def test_strings_that_claim_to_be_long(tmp_path):
    """Four gigabytes, if the HDF5 library were let read it."""
    model().save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file["model_weights"].attrs["layer_names"] = ["d" * 77, "dense_1"]
    raw = (tmp_path / "m.h5").read_bytes()
    (at,) = [i for i in range(len(raw)) if raw[i:i + 4] == struct.pack("<I", 77) and raw[
        (heap := int.from_bytes(raw[i + 4:i + 12], "little")):heap + 4] == b"GCOL"]
    for length in (0xffff0010, 0x1000):
        changed = raw[:at] + struct.pack("<I", length) + raw[at + 4:]
        (tmp_path / "m.h5").write_bytes(changed)
        with pytest.raises(FileError, match="longer than what is stored"):
            keras.models.load_model(tmp_path / "m.h5")


def test_headers_of_the_second_kind(tmp_path):
    """Files of the newest HDF5 format have other headers."""
    model().save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as old, h5py.File(
            tmp_path / "n.h5", "w", libver="latest") as new:
        for key, value in old.attrs.items():
            new.attrs[key] = value
        for name in old:
            old.copy(name, new)
        new["model_weights"].attrs["layer_names"] = ["dense", "dense_1"]
    raw = (tmp_path / "n.h5").read_bytes()
    assert b"OHDR" in raw
    want = keras.models.load_model(tmp_path / "m.h5").get_weights()
    assert len(want) == 4
    with h5py.File(tmp_path / "n.h5", "a", libver="latest") as new:
        new["model_weights"].attrs["layer_names"] = list(new["model_weights"])[:-1]
    for a, b in zip(keras.models.load_model(tmp_path / "n.h5").get_weights(), want):
        np.testing.assert_array_equal(a, b)


def test_what_stands_before_the_data_is_refused(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w", userblock_size=512) as file:
        file.attrs["model_config"] = "{}"
    with pytest.raises(FileError):
        keras.models.load_model(tmp_path / "m.h5")
