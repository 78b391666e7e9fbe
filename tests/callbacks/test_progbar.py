"""Progbar and ProgbarLogger: what stands in the lines."""

import re
import sys
import time
import types

import numpy as np
import pytest

import minikeras as keras
from minikeras.utils import Progbar
from tests.callbacks.driving import X, Y, compiled

BAR = "━" * 20
TIME = r"\d+s \d+(s|ms|us)/step"


def lines(capsys):
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\r" not in out and "\b" not in out
    return out.splitlines()


@pytest.mark.parametrize("verbose", [1, "auto"])
def test_fit_off_a_terminal_is_a_line_an_epoch(verbose, capsys):
    compiled(metrics=["mae"]).fit(X, Y, batch_size=2, epochs=2, verbose=verbose)
    found = lines(capsys)
    assert found[0::2] == ["Epoch 1/2", "Epoch 2/2"]
    for line in found[1::2]:
        assert re.fullmatch(rf"2/2 {BAR} {TIME} - loss: \d\.\d{{4}} - mae: \d\.\d{{4}}", line)


def test_fit_verbose_2(capsys):
    compiled().fit(X, Y, batch_size=2, verbose=2, validation_data=(X, Y))
    (line,) = lines(capsys)
    assert re.fullmatch(
        r"2/2 - \d+s - \d+(s|ms|us)/step - loss: \d\.\d{4} - val_loss: [\d.e-]+", line)


def test_fit_silent(capsys):
    compiled().fit(X, Y, verbose=0)
    assert lines(capsys) == []


def test_evaluate_and_predict(capsys):
    model = compiled()
    model.evaluate(X, Y, batch_size=2)
    model.predict(X, batch_size=2)
    first, second = lines(capsys)
    assert re.fullmatch(rf"2/2 {BAR} {TIME} - loss: 4.0000", first)
    assert re.fullmatch(rf"2/2 {BAR} {TIME}", second)


def test_unknown_number_of_steps(capsys):
    def batches():
        for _ in range(3):
            yield X, Y

    compiled().fit(batches(), verbose=1)
    (line,) = lines(capsys)
    assert line.startswith(f"3/3 {BAR} ")


def test_logged_instead_of_printed(capsys, caplog):
    keras.config.disable_interactive_logging()
    try:
        with caplog.at_level("INFO", logger="minikeras"):
            compiled().fit(X, Y, epochs=2, verbose=2)
    finally:
        keras.config.enable_interactive_logging()
    assert lines(capsys) == []
    assert [r.message for r in caplog.records][0] == "Epoch 1/2"


def final(bar, capsys):
    bar.update(bar.target, finalize=True)
    return lines(capsys)[-1]


@pytest.mark.parametrize(("value", "text"), [
    (1.0, "1.0000"), (0, "0.0000"), (0.0005, "5.0000e-04"), (-1234.56789, "-1234.5679"),
    (float("nan"), "nan"), (np.array([1.0, 2.0]), "1.5000"), (np.float32(0.25), "0.2500"),
])
def test_values(value, text, capsys):
    bar = Progbar(2)
    bar.update(1, [("v", value)])
    assert final(bar, capsys).endswith(f" - v: {text}")


def test_averaged_and_not(capsys):
    bar = Progbar(4, stateful_metrics=["now"])
    for step, value in ((1, 1.0), (2, 2.0), (4, 6.0)):
        bar.update(step, [("mean", value), ("now", value)], finalize=False)
    assert final(bar, capsys).endswith(" - mean: 3.7500 - now: 6.0000")
    bar = Progbar(2, stateless_metrics=["mean"])
    for step, value in ((1, 1.0), (2, 2.0)):
        bar.update(step, [("mean", value), ("now", value)], finalize=False)
    assert final(bar, capsys).endswith(" - mean: 1.5000 - now: 2.0000")
    with pytest.raises(ValueError, match="not both"):
        Progbar(1, stateful_metrics=[], stateless_metrics=[])


def test_add_and_unit(capsys):
    bar = Progbar(3, unit_name="file", verbose=2)
    for _ in range(3):
        bar.add(1)
    (line,) = lines(capsys)
    assert re.fullmatch(r"3/3 - \d+s - \d+(s|ms|us)/file", line)


def test_it_finishes_once(capsys):
    bar = Progbar(1)
    bar.update(1)
    bar.update(1, finalize=True)
    assert len(lines(capsys)) == 1


@pytest.mark.parametrize(("seconds", "text"), [
    (0.2, "0s 200ms/step"), (0.0003, "0s 300us/step"), (5, "5s 5s/step"), (65, "1:05 65s/step"),
    (3723, "1:02:03 3723s/step"),
])
def test_durations(seconds, text, capsys, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    bar = Progbar(1)
    now[0] += seconds
    bar.update(1)
    assert lines(capsys) == [f"1/1 {BAR} {text}"]


def test_the_first_step_is_left_out_of_the_mean(capsys, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    bar = Progbar(3)
    for step, took in ((1, 10.0), (2, 1.0), (3, 3.0)):
        now[0] += took
        bar.update(step)
    assert lines(capsys) == [f"3/3 {BAR} 14s 2s/step"]


def test_on_a_terminal_the_line_is_drawn_again(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    bar = Progbar(2, interval=0)
    bar.update(1, [("loss", 2.0)])
    bar.update(2, [("loss", 1.0)])
    out = capsys.readouterr().out
    first, last = out.index("1/2"), out.index("2/2")
    assert first < last and "loss: 2.0000" in out[first:last] and "\r" in out
    assert "loss: 1.0000" in out[last:] and "\x1b[32m" in out


@pytest.mark.parametrize(("shell", "redrawn"), [
    ("ZMQInteractiveShell", True), ("TerminalInteractiveShell", False), (None, False)])
def test_in_a_notebook_the_line_is_drawn_again(shell, redrawn, monkeypatch, capsys):
    """A notebook's output is no terminal; what tells it is the kernel's shell."""
    running = type(shell, (), {})() if shell else None
    monkeypatch.setitem(
        sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: running))
    compiled().fit(X, Y, batch_size=2, epochs=1)
    out = capsys.readouterr().out
    assert ("\r" in out) is redrawn and "loss: " in out
