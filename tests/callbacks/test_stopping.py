"""EarlyStopping and TerminateOnNaN. Traces as Keras's."""

import numpy as np
import pytest

import minikeras as keras
from minikeras.callbacks import EarlyStopping, TerminateOnNaN
from tests.callbacks.driving import INF, NAN, X, Y, compiled, drive

FALLING = [3, 2, 1, 2, 1.5, 1.2, 0.5]


@pytest.mark.parametrize(("options", "values", "waits", "bias"), [
    ({}, [3, 2, 1, 2, 1], [0, 0, 0, 1], 3),
    ({"patience": 2}, FALLING, [0, 0, 0, 1, 2], 4),
    ({"patience": 2, "restore_best_weights": True}, FALLING, [0, 0, 0, 1, 2], 2),
    ({"patience": 9, "restore_best_weights": True}, FALLING[:-1], [0, 0, 0, 1, 2, 3], 2),
    ({"patience": 2, "baseline": 1.0}, [3, 2.5, 2, 1.5], [1, 2, 3, 4], 3),
    ({"patience": 2, "baseline": 1.0}, [3, 0.9, 0.95, 0.8, 1.5, 2, 1.1], [1, 0, 1, 0, 1, 2], 5),
    ({"patience": 2, "baseline": 1.0, "restore_best_weights": True}, [3, 2.5, 2.8, 1.5],
     [1, 2, 3], 1),
    ({"patience": 1, "min_delta": 0.5}, [3, 2.8, 2.4, 2.2, 1], [0, 1], 1),
    ({"patience": 1, "min_delta": -0.5}, [3, 2.8, 2.4, 2.2, 1], [0, 1], 1),
    ({"patience": 1, "start_from_epoch": 3, "restore_best_weights": True},
     [0.1, 2, 3, 4, 3.5, 3.6, 3.7], [0, 0, 0, 0, 0, 1], 4),
    ({"patience": 2, "start_from_epoch": 2}, [1, 2, 3, 4, 5, 6, 7], [0, 0, 0, 1, 2], 4),
    ({"mode": "max"}, [1, 2, 3, 2.5, 4], [0, 0, 0, 1], 3),
    ({"patience": 2, "restore_best_weights": True}, [NAN] * 5, [0, 1, 2], 0),
    ({"patience": 2, "restore_best_weights": True}, [3, 2, NAN, NAN, 1], [0, 0, 1, 2], 1),
    ({"patience": 2, "restore_best_weights": True}, [INF, INF, INF, 1], [0, 1, 2], 0),
    ({"patience": 0}, [3, 3], [0, 1], 1),
    ({"patience": 0}, [3], [0], 0),
])
def test_when_it_stops(options, values, waits, bias):
    trace, last = drive(EarlyStopping(**options), values)
    assert [wait for wait, _ in trace] == waits
    assert last == bias


def test_it_begins_anew():
    callback = EarlyStopping(patience=1)
    assert drive(callback, [3, 4, 5])[0] == [(0, 3), (1, 3)]
    assert drive(callback, [13, 14, 15])[0] == [(0, 13), (1, 13)]
    assert callback.stopped_epoch == 1


@pytest.mark.parametrize(("options", "printed"), [
    ({}, "Epoch 5: early stopping\n"),
    ({"restore_best_weights": True}, "Epoch 5: early stopping\n"
     "Restoring model weights from the end of the best epoch: 3.\n"),
])
def test_what_it_says(options, printed, capsys):
    drive(EarlyStopping(patience=2, verbose=1, **options), FALLING)
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("name", ["val_accuracy", "accuracy", "val_auc", "precision", "mean_iou"])
def test_names_of_what_should_rise(name):
    assert len(drive(EarlyStopping(name), [1, 2, 3, 2.5, 4], name)[0]) == 4


@pytest.mark.parametrize("name", [
    "loss", "val_loss", "mae", "val_mean_squared_error", "categorical_crossentropy"])
def test_names_of_what_should_fall(name):
    assert len(drive(EarlyStopping(name), [4, 3, 2, 2.5, 1], name)[0]) == 4


def test_direction_of_a_metric_with_a_name_of_its_own():
    metric = keras.metrics.BinaryAccuracy(name="hits")
    model = compiled(metrics=[metric, keras.metrics.MeanSquaredError(name="off")])
    model.evaluate(X, Y, verbose=0)
    assert len(drive(EarlyStopping("val_hits"), [1, 2, 1.5, 2], "val_hits", model)[0]) == 3
    assert len(drive(EarlyStopping("val_off"), [2, 1, 1.5, 2], "val_off", model)[0]) == 3


def test_unknown_direction():
    with pytest.raises(ValueError, match="Pass `mode='max'` or `mode='min'`"):
        drive(EarlyStopping("val_score"), [1, 2], "val_score")
    assert len(drive(EarlyStopping("val_score", mode="max"), [1, 2, 1], "val_score")[0]) == 3


def test_unknown_mode_warns():
    with pytest.warns(UserWarning, match="mode 'foo' is unknown, fallback to auto mode"):
        assert EarlyStopping(mode="foo").mode == "auto"


def test_missing_value_warns_and_does_not_stop():
    with pytest.warns(UserWarning, match="Early stopping conditioned on metric `val_loss` which "
                                         "is not available. Available metrics are: loss"):
        assert drive(EarlyStopping(), [None, None])[0] == [(0, None)] * 2
    with pytest.warns(UserWarning, match="not available"):
        assert EarlyStopping().get_monitor_value({"loss": 1}) is None
    assert EarlyStopping("loss").get_monitor_value({"loss": 1}) == 1


def test_in_fit_the_best_weights_come_back():
    class Worse(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["loss"] = [3.0, 1.0, 2.0, 2.0, 2.0][epoch]
            kept.append(self.model.get_weights())

    kept, model = [], compiled(0.05)
    stop = EarlyStopping("loss", patience=2, restore_best_weights=True)
    history = model.fit(X, 2 * Y, epochs=5, verbose=0, callbacks=[Worse(), stop])
    assert history.epoch == [0, 1, 2, 3] and stop.best_epoch == 1
    for a, b in zip(model.get_weights(), kept[1], strict=True):
        np.testing.assert_array_equal(a, b)
    assert (kept[1][1] != kept[3][1]).any()


# ------------------------------------------------------------ TerminateOnNaN
@pytest.mark.parametrize(("loss", "stops"), [(1.0, False), (INF, True), (-INF, True), (NAN, True),
                                             (np.float32(NAN), True), (None, False)])
def test_terminate_on_nan(loss, stops, capsys):
    callback, model = TerminateOnNaN(), compiled()
    callback.set_model(model)
    callback.on_train_batch_end(3, {} if loss is None else {"loss": loss})
    assert model.stop_training == stops
    said = "Batch 3: Invalid loss, terminating training\n" if stops else ""
    assert capsys.readouterr().out == said


def test_terminate_on_nan_by_an_error():
    callback = TerminateOnNaN(raise_error=True)
    callback.set_model(compiled())
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 3. Loss value: "
                                           "inf. Terminating training immediately."):
        callback.on_train_batch_end(3, {"loss": INF})


def test_terminate_on_nan_in_fit():
    x = X.copy()
    x[2] = NAN
    model = compiled()
    history = model.fit(x, Y, batch_size=1, epochs=3, shuffle=False, verbose=0,
                        callbacks=[TerminateOnNaN()])
    assert history.epoch == [0]
    assert int(model.optimizer.iterations) == 3
