"""CSVLogger and LambdaCallback."""

import numpy as np
import pytest

from minikeras.callbacks import CSVLogger, LambdaCallback
from tests.callbacks.driving import INF, NAN, X, Y, compiled


def written(path, rows, **options):
    callback = CSVLogger(path, **options)
    callback.set_model(compiled())
    callback.on_train_begin()
    for epoch, row in enumerate(rows):
        callback.on_epoch_end(epoch, row)
    callback.on_train_end()
    return path.read_bytes().decode()


@pytest.mark.parametrize(("rows", "text"), [
    ([{"loss": 1.5, "acc": 0.5}, {"loss": 1.25, "acc": 0.5}],
     "epoch,acc,loss,val_acc,val_loss\r\n0,0.5,1.5,NA,NA\r\n1,0.5,1.25,NA,NA\r\n"),
    ([{"loss": 1.5, "val_loss": 0.5}, {"loss": 1.25}],
     "epoch,loss,val_loss\r\n0,1.5,0.5\r\n1,1.25,NA\r\n"),
    ([{"loss": 1.0}, {"loss": 1.0, "val_loss": 2.0}],
     "epoch,loss,val_loss\r\n0,1.0,NA\r\n1,1.0,2.0\r\n"),
    ([{"loss": NAN, "b": np.float32(2)}, {"loss": INF, "b": np.array([1, 2])}],
     'epoch,b,loss,val_b,val_loss\r\n0,2.0,nan,NA,NA\r\n1,"""[1, 2]""",inf,NA,NA\r\n'),
    ([{"loss": "a,b"}], 'epoch,loss,val_loss\r\n0,"a,b",NA\r\n'),
])
def test_rows(tmp_path, rows, text):
    assert written(tmp_path / "log.csv", rows) == text


def test_separator(tmp_path):
    text = written(tmp_path / "log.csv", [{"loss": 1.5}], separator=";")
    assert text == "epoch;loss;val_loss\r\n0;1.5;NA\r\n"


@pytest.mark.parametrize(("before", "append", "text"), [
    ("epoch,loss,val_loss\n0,1,2\n", True, "epoch,loss,val_loss\n0,1,2\n0,1.5,NA\r\n"),
    ("", True, "epoch,loss,val_loss\r\n0,1.5,NA\r\n"),
    (None, True, "epoch,loss,val_loss\r\n0,1.5,NA\r\n"),
    ("old\n", False, "epoch,loss,val_loss\r\n0,1.5,NA\r\n"),
])
def test_append(tmp_path, before, append, text):
    path = tmp_path / "log.csv"
    if before is not None:
        path.write_text(before)
    assert written(path, [{"loss": 1.5}], append=append) == text


def test_rows_can_be_read_while_training_goes_on(tmp_path):
    path, seen = tmp_path / "log.csv", []
    reader = LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(len(path.read_text().splitlines())))
    compiled().fit(X, Y, epochs=2, verbose=0, callbacks=[CSVLogger(path), reader])
    assert seen == [2, 3]


def test_a_logger_can_be_used_again(tmp_path):
    path = tmp_path / "log.csv"
    callback = CSVLogger(path)
    for epochs in (2, 1):
        compiled().fit(X, Y, epochs=epochs, verbose=0, callbacks=[callback])
        assert len(path.read_text().splitlines()) == epochs + 1
    callback = CSVLogger(path, append=True)
    compiled().fit(X, Y, epochs=3, initial_epoch=1, verbose=0, callbacks=[callback])
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == [
        "epoch", "0", "1", "2"]


def test_lambda_callback_in_fit():
    calls = []

    def note(name):
        return lambda *args: calls.append((name, *(a for a in args if isinstance(a, int))))

    hooks = ("train_begin", "epoch_begin", "train_batch_begin", "train_batch_end", "epoch_end",
             "train_end", "test_begin")
    callback = LambdaCallback(**{f"on_{h}": note(h) for h in hooks})
    compiled().fit(X, Y, batch_size=2, verbose=0, callbacks=[callback])
    assert calls == [
        ("train_begin",), ("epoch_begin", 0), ("train_batch_begin", 0), ("train_batch_end", 0),
        ("train_batch_begin", 1), ("train_batch_end", 1), ("epoch_end", 0), ("train_end",)]


def test_lambda_callback_gets_logs_by_position():
    seen = []
    callback = LambdaCallback(on_epoch_end=lambda epoch, found: seen.append((epoch, found)))
    callback.on_epoch_end(3, logs={"a": 1})
    callback.on_epoch_end(4, {"a": 2})
    assert seen == [(3, {"a": 1}), (4, {"a": 2})]
