"""Real files, mutated a few thousand times: each loads, or is refused with an error of ours."""

import io
import json
import random
import warnings
import zipfile

import pytest

import minikeras as keras
from minikeras.core.serialization import UnknownObjectError
from minikeras.errors import FileError

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
    return model, {n: (folder / n).read_bytes() for n in ("m.keras", "m.h5", "m.weights.h5")}


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
    if isinstance(value, (dict, list)):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield value, key
            yield from places(value[key])


def mutated_config(content, rng):
    """The archive with one to three values of its configuration replaced, removed or swapped."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        entries = {n: source.read(n) for n in source.namelist()}
    config = json.loads(entries["config.json"])
    for _ in range(rng.randrange(1, 4)):
        container, key = rng.choice(list(places(config)))
        kind = rng.randrange(4)
        if kind == 0 and isinstance(container, dict):
            del container[key]
        elif kind == 1:
            other, place = rng.choice(list(places(config)))
            container[key] = json.loads(json.dumps(other[place]))
        elif kind == 2 and isinstance(container[key], str):
            container[key] += "_x"
        else:
            container[key] = rng.choice(VALUES)
    entries["config.json"] = json.dumps(config).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, value in entries.items():
            archive.writestr(name, value)
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
    ("m.keras", mutated, 1000), ("m.keras", mutated_config, 500),
    ("m.weights.h5", mutated, 800), ("m.h5", mutated, 700)])
def test_mutations(name, mutate, count, tmp_path):
    rng = random.Random(5)
    model, contents = base(tmp_path)
    path, seen = tmp_path / f"mutated{name[1:]}", {"loaded": 0, "refused": 0}
    for _ in range(count):
        path.write_bytes(mutate(contents[name], rng))
        load = (lambda: model.load_weights(path)) if "weights" in name else (
            lambda: keras.models.load_model(path))
        seen[outcome(load)] += 1
    assert seen["refused"] > count / 10
