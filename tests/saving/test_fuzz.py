"""Real files, mutated a few thousand times: each loads, or is refused with an error of ours."""

import functools
import io
import json
import random
import warnings
import zipfile

import h5py
import pytest

import minikeras as keras
from minikeras.core.serialization import UnknownObjectError
from minikeras.errors import FileError
from tests.golden import store

L = keras.layers


def base(folder):
    """The files that are mutated: {name: bytes}."""
    x = keras.Input((4,))
    y = L.Add()([L.Dense(3, activation="relu")(x), x[:, :3]])
    model = keras.Model(x, L.BatchNormalization()(y * 2.0))
    model.compile("sgd", "mse", metrics=["mae"])
    model.save(folder / "m.keras")
    model.save(folder / "m.h5")
    model.save_weights(folder / "m.weights.h5")
    contents = {n: (folder / n).read_bytes() for n in ("m.keras", "m.h5", "m.weights.h5")}
    with zipfile.ZipFile(store.FOLDER / "legacy.zip") as bundle:  # of Keras 2
        contents["old.h5"] = bundle.read("model: operators.h5")
        contents["old.keras"] = bundle.read("model: encoder_decoder.keras")
    return model, contents


def mutated(content, rng):
    """The bytes with some flipped, cut out, doubled, or the end missing."""
    raw = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(raw))
        kind = rng.randrange(5)
        if kind == 0:
            raw[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            raw[at] = rng.choice((0, 1, 127, 128, 255))
        elif kind == 2:
            del raw[at:at + rng.randrange(1, 64)]
        elif kind == 3:
            raw[at:at] = raw[at:at + rng.randrange(1, 64)]
        else:
            raw[at:at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"))
        raw = raw or bytearray(1)
    if rng.random() < 0.1:
        del raw[rng.randrange(len(raw)):]
    return bytes(raw)


VALUES = (None, True, -1, 0, 1, 3, 10**12, 1.5, float("inf"), "", "x", "relu", [], {}, [1, 2],
          [None], {"class_name": "Dense", "config": {}}, {"class_name": "__lambda__", "config": {}},
          {"class_name": "__tensor__", "config": {"value": [1], "dtype": "float32"}})


def places(value):
    """(container, key) of every place in a configuration."""
    found, waiting = [], [value]
    while waiting:
        inside = waiting.pop()
        keys = inside if isinstance(inside, dict) else range(len(inside))
        found += [(inside, key) for key in keys]
        waiting += [inside[key] for key in keys if isinstance(inside[key], (dict, list))]
    return found


def mutate(config, rng):
    """One to three values of a configuration replaced, removed or swapped."""
    for _ in range(rng.randrange(1, 4)):
        everywhere = places(config)
        container, key = rng.choice(everywhere)
        kind = rng.randrange(4)
        if kind == 0 and isinstance(container, dict):
            del container[key]
        elif kind == 1:
            other, place = rng.choice(everywhere)
            container[key] = json.loads(json.dumps(other[place]))
        elif kind == 2 and isinstance(container[key], str):
            container[key] += "_x"
        else:
            container[key] = json.loads(json.dumps(rng.choice(VALUES)))


@functools.cache
def entries(content):
    """{name: bytes} of an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        return {n: source.read(n) for n in source.namelist()}


def mutated_config(content, rng):
    """The archive with another configuration."""
    found = entries(content)
    config = json.loads(found["config.json"])
    mutate(config, rng)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, value in {**found, "config.json": json.dumps(config).encode()}.items():
            archive.writestr(name, value)
    return out.getvalue()


def mutated_attribute(content, rng):
    """The `.h5` file with another configuration, or another list of names."""
    out = io.BytesIO(content)
    with h5py.File(out, "a") as file:
        key = rng.choice(("model_config", "model_config", "training_config", "layer_names"))
        if key == "layer_names":
            group = file["model_weights"]
            names = list(group.attrs[key])
            rng.shuffle(names)
            group.attrs[key] = names[rng.randrange(2):]
        else:
            config = json.loads(file.attrs[key])
            mutate(config, rng)
            file.attrs[key] = json.dumps(config)
    return out.getvalue()


def outcome(load):
    """"loaded" or "refused"; what is neither is raised."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load()
    except (FileError, UnknownObjectError):
        return "refused"
    return "loaded"


@pytest.mark.parametrize(("name", "mutate", "count"), [
    ("m.keras", mutated, 700), ("m.keras", mutated_config, 400), ("m.weights.h5", mutated, 600),
    ("m.h5", mutated, 350), ("old.h5", mutated_attribute, 120), ("old.h5", mutated, 100),
    ("old.keras", mutated_config, 100)])
def test_mutations(name, mutate, count, tmp_path):
    rng = random.Random(5)
    model, contents = base(tmp_path)
    path, seen = tmp_path / f"mutated{name[name.index('.'):]}", {"loaded": 0, "refused": 0}
    for _ in range(count):
        path.write_bytes(mutate(contents[name], rng))
        load = (lambda: model.load_weights(path)) if "weights" in name else (
            lambda: keras.models.load_model(path))
        seen[outcome(load)] += 1
    assert seen["refused"] > count / 10
