"""Files that Keras 2 (tf-keras) has written load here, predict the same and train on alike."""

import json
import zipfile

import h5py
import numpy as np
import pytest

import minikeras as keras
from tests.golden import store

with zipfile.ZipFile(store.FOLDER / "legacy.zip") as bundle:
    CONTENTS = {n: bundle.read(n) for n in bundle.namelist()}
ARRAYS = store.load_arrays("legacy")
L = keras.layers


class Scaled(L.Layer):
    """The custom layer of the script that took the files."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.part = L.Dense(self.units)
        self.part.build(input_shape)
        self.factor = self.add_weight(shape=(self.units,), initializer="ones", name="factor")

    def call(self, inputs):
        return self.part(inputs) * self.factor

    def get_config(self):
        return {**super().get_config(), "units": self.units}


ULP = 400  # 1 / 256 is the distance of numbers of bfloat16 around 1
KNOWN = {  # what is different here, and why; times 1e-5
    "model: half": ULP,  # intermediate values in bfloat16 are rounded elsewhere
    "optimizer: old Nadam": 20,  # had a schedule of momenta of its own
}


def entry(name):
    """(entry, ending) of a file."""
    for ending in (".weights.h5", ".h5", ".keras"):
        if name.endswith(ending):
            return name.removesuffix(ending), ending
    raise ValueError(name)


def stored(name, prefix):
    """{rest of the key: array} of what is stored for an entry."""
    prefix = f"{name}: {prefix}"
    return {k.removeprefix(prefix): v for k, v in ARRAYS.items() if k.startswith(prefix)}


def close(name, value, expected):
    scale = KNOWN.get(name, 1) * max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(value, expected, rtol=0, atol=1e-5 * scale)


def loaded(name, folder):
    path = folder / f"model{entry(name)[1]}"
    path.write_bytes(CONTENTS[name])
    return keras.models.load_model(path, custom_objects={"golden>Scaled": Scaled})


def outputs(model, x):
    y = model.predict(x, verbose=0)
    parts = y if isinstance(y, (list, tuple)) else [y]
    return np.concatenate([np.asarray(p, "float32").ravel() for p in parts])


def inputs(name):
    found = [stored(name, "x")[str(i)] for i in range(len(stored(name, "x")))]
    return found if len(found) > 1 else found[0]


def ready(name):
    """Whether the layer of an entry exists here."""
    layer = name.removeprefix("layer: ").removesuffix(".h5").split(" ")[0]
    return not name.startswith("layer") or hasattr(L, layer)


@pytest.mark.parametrize("name", [n for n in CONTENTS if " weights." not in n and ready(n)])
def test_whole_model(name, tmp_path):
    what, _ = entry(name)
    model, x = loaded(name, tmp_path), inputs(what)
    close(what, outputs(model, x), ARRAYS[f"{what}: out"])
    if f"{what}: losses" not in ARRAYS:
        return
    y = stored(what, "y ")
    y = y[""] if "" in y else y
    losses = []
    for _ in range(3):
        model.reset_metrics()
        losses.append(model.train_on_batch(x, y, return_dict=True)["loss"])
    close(what, np.array(losses), ARRAYS[f"{what}: losses"])


@pytest.mark.parametrize("name", [n for n in CONTENTS if " weights." in n])
def test_weights(name, tmp_path):
    what, ending = entry(name)
    whole = what.removesuffix(" weights")
    model = loaded(whole + (".keras" if f"{whole}.keras" in CONTENTS else ".h5"), tmp_path)
    model.set_weights([w * 0 for w in model.get_weights()])
    path = tmp_path / f"w{ending}"
    path.write_bytes(CONTENTS[name])
    model.load_weights(path)
    expected = f"{what}: out" if f"{what}: out" in ARRAYS else f"{whole}: out"
    close(whole, outputs(model, inputs(whole)), ARRAYS[expected])


@pytest.mark.parametrize("name", [n for n in CONTENTS if n.startswith("model") and n.endswith(
    ".h5") and " weights." not in n] + ["layer: LSTM hard.h5"])
def test_saved_again(name, tmp_path):
    """In today's format, with the functions that have changed since."""
    model, x = loaded(name, tmp_path), inputs(entry(name)[0])
    with keras.saving.custom_object_scope({"golden>Scaled": Scaled, "Scaled": Scaled}):
        for ending in (".keras", ".h5"):
            path = tmp_path / f"again{ending}"
            model.save(path)
            again = keras.models.load_model(path)
            np.testing.assert_array_equal(outputs(again, x), outputs(model, x))


def with_function(folder, name):
    """A model whose graph calls a function of TensorFlow."""
    path = folder / "model.h5"
    path.write_bytes(CONTENTS["model: sizes.h5"])
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "TFOpLambda":
                layer["config"]["function"] = name
        file.attrs["model_config"] = json.dumps(config)
    return path


@pytest.mark.parametrize("name", ["os.system", "builtins.exec", "random.set_seed", "Module",
                                  "io.write_file", "utils.get_file", "activate", "keras", "", None,
                                  7, ["a"], "__operators__.radd", "models.load_model"])
def test_functions_that_are_none(name, tmp_path):
    with pytest.raises(TypeError, match="calls TensorFlow's function"):
        keras.models.load_model(with_function(tmp_path, name))
