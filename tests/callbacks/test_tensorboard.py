"""TensorBoard: the files as TensorBoard reads them; tags, steps and values as Keras's."""

import json
import struct
import zlib

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers
from minikeras.callbacks.event_files import png

pytest.importorskip("tensorboard")

X, Y = np.ones((8, 3), "float32"), np.full((8, 1), 2.0, "float32")


def model():
    made = keras.Sequential([
        keras.Input((3,)), layers.Dense(1, kernel_initializer="zeros", name="d")], name="m")
    made.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return made


def train(folder, made=None, **options):
    made = made or model()
    made.fit(X, Y, epochs=2, batch_size=4, verbose=0, validation_data=(X, Y),
             callbacks=[keras.callbacks.TensorBoard(folder, **options)])
    return made


def events(folder):
    """(step, tag, array) of each summary, in the order they were written."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util import tensor_util

    (path,) = folder.glob("events.out.tfevents.*.v2")
    return [(e.step, v.tag, tensor_util.make_ndarray(v.tensor))
            for e in EventFileLoader(str(path)).Load() for v in e.summary.value]


def scalars(folder):
    return [(step, tag, round(float(a), 5)) for step, tag, a in events(folder) if a.ndim == 0]


def test_epochs(tmp_path):
    train(tmp_path)
    assert scalars(tmp_path / "train") == [
        (0, "epoch_loss", 2.08), (0, "epoch_mae", 1.2), (0, "epoch_learning_rate", 0.1),
        (1, "epoch_loss", 0.00333), (1, "epoch_mae", 0.048), (1, "epoch_learning_rate", 0.1)]
    assert scalars(tmp_path / "validation") == [
        (2, "evaluation_loss_vs_iterations", 0.0064), (2, "evaluation_mae_vs_iterations", 0.08),
        (0, "epoch_loss", 0.0064), (0, "epoch_mae", 0.08),
        (4, "evaluation_loss_vs_iterations", 1e-05), (4, "evaluation_mae_vs_iterations", 0.0032),
        (1, "epoch_loss", 1e-05), (1, "epoch_mae", 0.0032)]


@pytest.mark.parametrize(("every", "steps"), [("batch", [1, 2, 3, 4]), (1, [1, 2, 3, 4]),
                                              (2, [2, 4]), (3, [3])])
def test_batches(tmp_path, every, steps):
    train(tmp_path, update_freq=every)
    found = {step: value for step, tag, value in scalars(tmp_path / "train") if
             tag == "batch_loss"}
    running = {1: 4.0, 2: 2.08, 3: 0.0064, 4: 0.00333}
    assert found == {s: running[s] for s in steps}


def test_speed(tmp_path):
    train(tmp_path, write_steps_per_second=True, update_freq=2)
    speeds = [(step, tag) for step, tag, value in scalars(tmp_path / "train")
              if "per_second" in tag and value > 0]
    assert speeds == [(2, "batch_steps_per_second"), (0, "epoch_steps_per_second"),
                      (4, "batch_steps_per_second"), (1, "epoch_steps_per_second")]


def test_histograms(tmp_path):
    made = train(tmp_path, histogram_freq=1)
    found = [(s, t, a) for s, t, a in events(tmp_path / "train") if t.endswith("/histogram")]
    assert [(s, t) for s, t, _ in found] == [
        (e, f"m/d/{w}/histogram") for e in (0, 1) for w in ("kernel", "bias")]
    last = found[2][2]
    assert last.shape == (30, 3) and last[:, 2].sum() == 3
    kernel = made.get_weights()[0]
    np.testing.assert_allclose([last[0, 0], last[-1, 1]], [kernel.min(), kernel.max()], rtol=1e-6)


def test_histograms_of_some_epochs_and_of_weights_that_are_no_numbers(tmp_path):
    made = model()
    made.layers[0].kernel.assign(np.array([[np.nan], [np.inf], [1.0]]))
    callback = keras.callbacks.TensorBoard(tmp_path, histogram_freq=2)
    callback.set_model(made)
    callback.on_train_begin()
    for epoch in range(4):
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {})
    callback.on_train_end()
    found = [(s, a[:, 2].sum()) for s, t, a in events(tmp_path / "train")
             if t == "m/d/kernel/histogram"]
    assert found == [(0, 1), (2, 1)]


def test_images(tmp_path):
    train(tmp_path, histogram_freq=1, write_images=True)
    found = [a for s, t, a in events(tmp_path / "train") if t == "m/d/kernel/image"]
    width, height, picture = found[0]
    assert (width, height) == (b"1", b"3") and picture.startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png(channels):
    image = np.random.default_rng(0).random((5, 7, channels))
    data, at, chunks = png(image), 8, {}
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        (check,) = struct.unpack(">I", data[at + 8 + size : at + 12 + size])
        assert check == zlib.crc32(name + body)
        chunks[name] = body
        at += 12 + size
    assert struct.unpack(">IIBB", chunks[b"IHDR"][:10]) == (7, 5, 8, {1: 0, 3: 2, 4: 6}[channels])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), "uint8").reshape(5, -1)
    np.testing.assert_array_equal(rows[:, 0], 0)
    np.testing.assert_array_equal(rows[:, 1:].reshape(image.shape), np.rint(image * 255))


def test_graph(tmp_path):
    train(tmp_path)
    step, tag, content = events(tmp_path / "train")[0]
    assert (step, tag) == (0, "keras")
    assert json.loads(content[0])["class_name"] == "Sequential"
    train(tmp_path / "without", write_graph=False)
    assert events(tmp_path / "without" / "train")[0][1] == "epoch_loss"


def test_a_model_without_a_configuration(tmp_path):
    class Net(keras.Model):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def call(self, x):
            return self.function(x)

    made = Net(layers.Dense(1))
    made.compile("sgd", "mse", metrics=["mae"])
    with pytest.warns(UserWarning, match="graph is not written"):
        train(tmp_path, made)
    assert scalars(tmp_path / "train")


def test_evaluate_by_itself(tmp_path):
    made = model()
    made.fit(X, Y, batch_size=4, verbose=0)
    made.evaluate(X, Y, verbose=0, callbacks=[keras.callbacks.TensorBoard(tmp_path)])
    assert scalars(tmp_path / "validation") == [
        (2, "evaluation_loss_vs_iterations", 0.0064), (2, "evaluation_mae_vs_iterations", 0.08)]


def test_embeddings(tmp_path):
    (tmp_path / "names.tsv").write_text("a\nb\nc\n")
    made = keras.Sequential([
        keras.Input((2,)), layers.Embedding(3, 2, name="table"), layers.Flatten(),
        layers.Dense(1)])
    made.compile("sgd", "mse")
    callback = keras.callbacks.TensorBoard(
        tmp_path / "logs", embeddings_freq=1,
        embeddings_metadata={"table": tmp_path / "names.tsv"})
    made.fit(np.array([[0, 1], [2, 0]]), np.ones((2, 1)), verbose=0, callbacks=[callback])
    np.testing.assert_allclose(np.loadtxt(tmp_path / "logs" / "table.tsv"),
                               made.layers[0].embeddings.numpy(), rtol=1e-5)
    text = (tmp_path / "logs" / "projector_config.pbtxt").read_text()
    assert 'tensor_name: "table"' in text and 'tensor_path: "table.tsv"' in text
    assert str(tmp_path / "names.tsv") in text


def test_unknown_embedding(tmp_path):
    callback = keras.callbacks.TensorBoard(
        tmp_path, embeddings_freq=1, embeddings_metadata={"nope": "x"})
    with pytest.raises(ValueError, match=r"Unrecognized `Embedding` layer names.*\['nope'\]"):
        model().fit(X, Y, verbose=0, callbacks=[callback])


def test_summaries_of_ones_own(tmp_path):
    assert hasattr(keras.callbacks.TensorBoard(tmp_path).summary, "Writer")


def test_faults(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="`update_freq` must be"):
        keras.callbacks.TensorBoard(tmp_path, update_freq="often")
    with pytest.warns(UserWarning, match="profiling is not supported"):
        keras.callbacks.TensorBoard(tmp_path, profile_batch=2)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        keras.callbacks.TensorBoard(tmp_path)
