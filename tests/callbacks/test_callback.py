"""Callback, History, CallbackList: which method is called when, with what. Order as Keras's."""

import numpy as np
import pytest

from minikeras.callbacks import Callback, CallbackList, History, ProgbarLogger
from tests.callbacks.driving import X, Y, compiled

HOOKS = [name for name in vars(Callback) if name.startswith("on_")]


def recorder(hooks=HOOKS):
    """A callback that notes (name, number or None, names of the logs) of each call."""

    class Noting(Callback):
        def __init__(self):
            super().__init__()
            self.calls = []

    def method(hook):
        def note(self, *args, logs=None):
            args = list(args)
            if logs is None and args and not isinstance(args[-1], int):
                logs = args.pop()
            number = args[0] if args else None
            self.calls.append((hook.removeprefix("on_"), number, sorted(logs)))

        return note

    for hook in hooks:
        setattr(Noting, hook, method(hook))
    return Noting()


def names(callback):
    return [name if number is None else f"{name} {number}" for name, number, _ in callback.calls]


BATCHES = ["train_batch_begin 0", "train_batch_end 0", "train_batch_begin 1", "train_batch_end 1"]
TEST = ["test_begin", "test_batch_begin 0", "test_batch_end 0", "test_batch_begin 1",
        "test_batch_end 1", "test_end"]


def test_order_in_fit():
    callback, model = recorder(), compiled()
    model.fit(X, Y, batch_size=2, epochs=2, verbose=0, callbacks=[callback],
              validation_data=(X, Y))
    assert names(callback) == [
        "train_begin", "epoch_begin 0", *BATCHES, *TEST, "epoch_end 0",
        "epoch_begin 1", *BATCHES, *TEST, "epoch_end 1", "train_end"]


def test_logs_in_fit():
    callback = recorder()
    compiled(metrics=["mae"]).fit(X, Y, verbose=0, callbacks=[callback], validation_data=(X, Y))
    logs = {name: found for name, _, found in callback.calls}
    assert logs["train_begin"] == logs["epoch_begin"] == logs["train_batch_begin"] == []
    assert logs["train_batch_end"] == logs["test_batch_end"] == logs["test_end"] == ["loss", "mae"]
    assert logs["epoch_end"] == ["loss", "mae", "val_loss", "val_mae"] == logs["train_end"]


def test_order_in_evaluate_and_predict():
    callback, model = recorder(), compiled()
    model.evaluate(X, Y, batch_size=2, verbose=0, callbacks=[callback])
    assert names(callback) == TEST
    callback.calls.clear()
    model.predict(X, batch_size=2, verbose=0, callbacks=[callback])
    assert names(callback) == [t.replace("test", "predict") for t in TEST]
    assert callback.calls[2] == ("predict_batch_end", 0, ["outputs"])


def test_steps_per_execution_tells_of_the_last_batch():
    callback = recorder(["on_train_batch_begin", "on_train_batch_end"])
    compiled(steps_per_execution=3).fit(X, Y, batch_size=1, verbose=0, callbacks=[callback])
    assert names(callback) == [
        "train_batch_begin 0", "train_batch_end 2", "train_batch_begin 3", "train_batch_end 3"]


def test_older_names_of_batch_hooks():
    callback = recorder(["on_batch_begin", "on_batch_end"])
    compiled().fit(X, Y, batch_size=4, verbose=0, callbacks=[callback])
    assert names(callback) == ["batch_begin 0", "batch_end 0"]


def test_callbacks_run_in_their_order_and_share_logs():
    class Adds(Callback):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def on_epoch_end(self, epoch, logs=None):
            logs[self.name] = len(logs)

    history = compiled().fit(X, Y, verbose=0, callbacks=[Adds("a"), [Adds("b")]]).history
    assert list(history) == ["loss", "a", "b"] and history["a"] == [1] and history["b"] == [2]


def test_model_and_params_are_set():
    callback = recorder([])
    model = compiled()
    model.fit(X, Y, batch_size=2, epochs=3, verbose=0, callbacks=[callback])
    assert callback.model is model
    assert callback.params == {"verbose": 0, "epochs": 3, "steps": 2}


def test_stop_training_in_a_batch():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    model = compiled()
    history = model.fit(np.repeat(X, 2, 0), np.repeat(Y, 2, 0), batch_size=2, epochs=3, verbose=0,
                        callbacks=[Stop()])
    assert history.epoch == [0] and int(model.optimizer.iterations) == 2


def test_a_hook_set_on_the_object():
    callback, seen = Callback(), []
    callback.on_epoch_end = lambda epoch, logs=None: seen.append(epoch)
    compiled().fit(X, Y, epochs=2, verbose=0, callbacks=[callback])
    assert seen == [0, 1]


def test_an_error_in_a_callback_is_the_users():
    class Broken(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        compiled().fit(X, Y, verbose=0, callbacks=[Broken()])


# ------------------------------------------------------------ History
def test_history():
    model = compiled()
    first = model.fit(X, 2 * Y, epochs=2, verbose=0)
    second = model.fit(X, 2 * Y, epochs=5, initial_epoch=3, verbose=0)
    assert (first.epoch, second.epoch) == ([0, 1], [3, 4])
    assert len(first.history["loss"]) == 2 and type(first.history["loss"][0]) is float
    assert model.history is second
    assert first.params == {"verbose": 0, "epochs": 2, "steps": 1}


def test_a_history_of_ones_own_goes_on():
    history, model = History(), compiled()
    for _ in range(2):
        assert model.fit(X, Y, epochs=2, verbose=0, callbacks=[history]) is history
    assert history.epoch == [0, 1] and len(history.history["loss"]) == 4


# ------------------------------------------------------------ CallbackList
def test_list_adds_what_is_missing():
    made = CallbackList([Callback()], add_history=True, add_progbar=True, model=compiled())
    assert [type(c).__name__ for c in made.callbacks] == ["Callback", "History", "ProgbarLogger"]
    own = [History(), ProgbarLogger()]
    made = CallbackList(own, add_history=True, add_progbar=True)
    assert made.callbacks == own
    assert CallbackList().callbacks == []


def test_list_passes_model_and_params_on():
    callback, model = Callback(), compiled()
    made = CallbackList([callback], model=model, epochs=3, steps=2)
    assert callback.model is model and callback.params == {"epochs": 3, "steps": 2}
    made.set_params({"epochs": 1})
    assert callback.params == {"epochs": 1}


def test_list_calls_each():
    a, b = recorder(), recorder()
    made = CallbackList([a])
    made.append(b)
    made.on_train_begin()
    made.on_batch_begin(1)
    made.on_batch_end(1, {"loss": 2})
    made.on_epoch_end(3, {"loss": 2})
    assert names(a) == names(b) == [
        "train_begin", "train_batch_begin 1", "train_batch_end 1", "epoch_end 3"]


def test_a_list_may_be_given_to_fit():
    callback, model = recorder(["on_epoch_end"]), compiled()
    model.fit(X, Y, callbacks=CallbackList([callback, History()], model=model, verbose=0))
    assert names(callback) == ["epoch_end 0"]


@pytest.mark.parametrize(("bad", "message"), [(1, "must be objects"), (Callback, "not its class")])
def test_what_is_no_callback(bad, message):
    with pytest.raises(TypeError, match=message):
        CallbackList([bad])
    with pytest.raises(TypeError, match=message):
        compiled().fit(X, Y, callbacks=[bad], verbose=0)
