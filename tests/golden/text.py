"""Probes of what users read: summaries, progress of fit, logs, and the calls of callbacks."""

import contextlib
import io
import os
import re
from unittest import mock

import numpy as np

from tests.golden.formulas import glorot_uniform, uniform
from tests.golden.package import keras

layers = keras.layers


def article():
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ])


def two_inputs():
    a, b = keras.Input((8,), name="left"), keras.Input((4,), name="right")
    x = layers.Dense(4, activation="relu")(a)
    y = layers.Add(name="sum")([x, b])
    z = layers.Concatenate(name="both")([x, y])
    return keras.Model([a, b], layers.Dense(1, name="score")(z), name="two_inputs")


def nested():
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(3), layers.Dense(2)], name="inner")
    x = keras.Input((6,))
    return keras.Model(x, layers.Dense(1)(inner(x)), name="outer")


def frozen():
    model = keras.Sequential([
        keras.Input((5,)), layers.Dense(4, name="still", trainable=False),
        layers.BatchNormalization(name="norm"), layers.Dense(2, name="moving")], name="partly")
    return model


def unbuilt():
    return keras.Sequential([layers.Dense(4), layers.Dropout(0.5), layers.Dense(2)], name="unbuilt")


def compiled():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(4), layers.Dense(2)], name="compiled")
    model.compile("adam", "mse")
    model.train_on_batch(np.zeros((2, 5), "float32"), np.zeros((2, 2), "float32"))
    return model


SUMMARIES = {
    "article": (article, {}),
    "article, 60 wide": (article, {"line_length": 60}),
    "article, 120 wide": (article, {"line_length": 120}),
    "article, positions, 90 wide": (article, {"positions": [0.4, 0.7, 1.0], "line_length": 90}),
    "article, wide terminal": (article, {}),
    "two inputs": (two_inputs, {}),
    "two inputs, 110 wide": (two_inputs, {"line_length": 110}),
    "nested": (nested, {}),
    "nested, expanded": (nested, {"expand_nested": True}),
    "partly frozen": (frozen, {}),
    "partly frozen, trainable": (frozen, {"show_trainable": True}),
    "partly frozen, some layers": (frozen, {"layer_range": ["norm", "moving"]}),
    "unbuilt": (unbuilt, {}),
    "compiled": (compiled, {}),
}


def summary(name):
    """What `model.summary` prints, as one text, on a terminal of 80 or 140 columns."""
    make, arguments = SUMMARIES[name]
    keras.utils.clear_session()
    model, parts = make(), []
    with mock.patch.dict(os.environ, COLUMNS="140" if "wide" in name else "80"):
        model.summary(print_fn=lambda text, line_break=False: parts.append(str(text)),
                      **arguments)
    return "\n".join(parts)


def masked(text):
    """The text as a terminal shows it at the end, without colours, times masked by #."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    lines = [final(line).rstrip() for line in text.split("\n")]
    return [re.sub(r"\d+(\.\d+)?(s|ms|us|m)\b", r"#\2", re.sub(r"\d+(ms|us|s)/(step|epoch|sample)",
            r"#ms/\2", line)) for line in lines]


def final(line):
    """A line after its carriage returns and backspaces."""
    shown, at = [], 0
    for character in line:
        if character == "\r":
            at = 0
        elif character == "\b":
            at = max(at - 1, 0)
        else:
            shown[at:at + 1] = [character]
            at += 1
    return "".join(shown)


def data(count, seed=0):
    """Regression inputs (count, 6), and targets (count, 2) in [-1, 1)."""
    return uniform((count, 6), seed), uniform((count, 2), seed + 1)


def small(**arguments):
    """A small compiled network with weights by formula."""
    model = keras.Sequential([
        keras.Input((6,)), layers.Dense(8, activation="tanh"), layers.Dense(2)])
    model.set_weights([glorot_uniform(w.shape, i) if w.ndim > 1 else np.zeros_like(w)
                       for i, w in enumerate(model.get_weights())])
    model.compile("sgd", "mse", **({"metrics": ["mae", "cosine_similarity"]} | arguments))
    return model


def printed(call):
    """The masked lines that a call prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        call()
    return masked(out.getvalue())


PROGRESS = {
    "fit verbose=1": lambda m: m.fit(
        *data(40), shuffle=False, batch_size=10, epochs=2, verbose=1, validation_data=data(20, 5)),
    "fit verbose=2": lambda m: m.fit(
        *data(40), shuffle=False, batch_size=10, epochs=2, verbose=2, validation_data=data(20, 5)),
    "fit verbose=0": lambda m: m.fit(*data(40), shuffle=False, epochs=2, verbose=0),
    "fit one epoch, no validation": lambda m: m.fit(
        *data(40), shuffle=False, batch_size=15, verbose=1),
    "fit verbose=2, initial_epoch": lambda m: m.fit(
        *data(40), shuffle=False, epochs=12, initial_epoch=10, verbose=2),
    "evaluate verbose=1": lambda m: m.evaluate(*data(40), batch_size=10, verbose=1),
    "evaluate verbose=2": lambda m: m.evaluate(*data(40), batch_size=10, verbose=2),
    "predict verbose=1": lambda m: m.predict(data(40)[0], batch_size=10, verbose=1),
    "predict verbose=2": lambda m: m.predict(data(40)[0], batch_size=10, verbose=2),
}


def results():
    """Shapes of what fit, evaluate, predict and the batch methods return."""
    model = small()
    history = model.fit(*data(40), shuffle=False, batch_size=10, epochs=3, verbose=0,
                        validation_split=0.25)
    x, y = data(40)
    return {
        "History.history": {k: [float(v) for v in values]
                            for k, values in history.history.items()},
        "History.epoch": history.epoch,
        "History.params": {k: v for k, v in sorted(history.params.items())},
        "metrics_names": model.metrics_names,
        "metrics": [m.name for m in model.metrics],
        "evaluate": [float(v) for v in model.evaluate(x, y, verbose=0)],
        "evaluate keys": list(model.evaluate(x, y, verbose=0, return_dict=True)),
        "train_on_batch": [float(v) for v in model.train_on_batch(x, y)],
        "train_on_batch keys": list(model.train_on_batch(x, y, return_dict=True)),
        "test_on_batch keys": list(model.test_on_batch(x, y, return_dict=True)),
        "predict": list(model.predict(x, verbose=0).shape),
        "evaluate, loss only": float(small(metrics=None).evaluate(x, y, verbose=0)),
        "train_on_batch, loss only": type(small(metrics=None).train_on_batch(x, y)).__name__,
    }


METHODS = [f"on_{phase}_{what}" for phase in ("train", "test", "predict")
           for what in ("begin", "end", "batch_begin", "batch_end")]
METHODS += ["on_epoch_begin", "on_epoch_end"]


def recorder():
    """A callback that writes down its calls: method, epoch or batch, keys of the logs."""
    calls = []

    def method(name):
        def called(self, *arguments, logs=None):
            number = [int(a) for a in arguments if not isinstance(a, (dict, type(None)))]
            logs = next((a for a in arguments if isinstance(a, dict)), logs)
            calls.append([name, *number, None if logs is None else list(logs)])
        called.__name__ = name
        return called

    made = type("Recorder", (keras.callbacks.Callback,), {n: method(n) for n in METHODS})
    return made(), calls


CALLS = {
    "fit with validation": lambda m, c: m.fit(
        *data(25), batch_size=10, epochs=2, verbose=0, validation_data=data(15, 5), callbacks=[c]),
    "fit, validation every second epoch": lambda m, c: m.fit(
        *data(20), batch_size=10, epochs=3, verbose=0, validation_data=data(10, 5),
        validation_freq=2, callbacks=[c]),
    "fit, steps_per_epoch": lambda m, c: m.fit(
        *data(40), batch_size=10, epochs=2, steps_per_epoch=2, verbose=0, callbacks=[c]),
    "evaluate": lambda m, c: m.evaluate(*data(25), batch_size=10, verbose=0, callbacks=[c]),
    "predict": lambda m, c: m.predict(data(25)[0], batch_size=10, verbose=0, callbacks=[c]),
}


def calls(name):
    """The calls of a callback during one of `CALLS`."""
    callback, seen = recorder()
    CALLS[name](small(), callback)
    return seen


def every():
    """All texts and calls, as stored."""
    out = {f"summary {name}": summary(name) for name in SUMMARIES}
    for name, run in PROGRESS.items():
        model = small()
        out[f"progress {name}"] = printed(lambda model=model, run=run: run(model))
    out |= {"results": results()}
    return out | {f"calls {name}": calls(name) for name in CALLS}
