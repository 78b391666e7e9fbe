"""SwapEMAWeights: which weights are in place when. Values as Keras's."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers
from minikeras.callbacks import Callback, EarlyStopping, SwapEMAWeights

X, Y = np.ones((8, 3), "float32"), np.full((8, 1), 2.0, "float32")
EMA = {"use_ema": True, "ema_momentum": 0.5}


def model(optimizer=None, **options):
    made = keras.Sequential([keras.Input((3,)), layers.Dense(1, kernel_initializer="zeros")])
    made.compile(optimizer or keras.optimizers.SGD(0.1, **options), "mse")
    return made


class Watch(Callback):
    """Notes the first weight at each moment."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def _note(self, what):
        self.seen.append((what, round(float(self.model.weights[0].numpy()[0, 0]), 5)))

    def on_epoch_begin(self, epoch, logs=None):
        self._note("epoch begins")

    def on_epoch_end(self, epoch, logs=None):
        self._note("epoch ends")

    def on_test_begin(self, logs=None):
        self._note("test begins")

    def on_test_end(self, logs=None):
        self._note("test ends")

    def on_predict_begin(self, logs=None):
        self._note("predict begins")

    def on_train_end(self, logs=None):
        self._note("training ends")


@pytest.mark.parametrize(("every_epoch", "last"), [(False, 0.48), (True, 0.44)])
def test_fit(every_epoch, last):
    seen, made = [], model(**EMA)
    made.fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y),
             callbacks=[SwapEMAWeights(every_epoch), Watch(seen)])
    assert seen == [
        ("epoch begins", 0.0), ("test begins", 0.4), ("test ends", 0.4), ("epoch ends", 0.4),
        ("epoch begins", 0.4), ("test begins", 0.44), ("test ends", 0.48), ("epoch ends", last),
        ("training ends", 0.44)]


def test_evaluate_and_predict_between_runs():
    made, seen = model(**EMA), []
    made.fit(X, Y, epochs=2, verbose=0)
    made.weights[0].assign(np.full((3, 1), 9.0))
    for run in (lambda c: made.evaluate(X, Y, verbose=0, callbacks=c),
                lambda c: made.predict(X, verbose=0, callbacks=c)):
        run([SwapEMAWeights(), Watch(seen)])
        assert made.weights[0].numpy()[0, 0] == 9.0
    assert seen == [("test begins", 0.44), ("test ends", 9.0), ("predict begins", 0.44)]


def test_stopped_early_the_averages_stay():
    made = model(**EMA)
    made.fit(X, Y, epochs=9, verbose=0, callbacks=[
        SwapEMAWeights(swap_on_epoch=True), EarlyStopping("loss", patience=0, mode="max")])
    np.testing.assert_allclose(made.weights[0].numpy(), 0.44, rtol=1e-6)


def test_an_evaluation_inside_an_epochs_end():
    class Evaluates(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.evaluate(X, Y, verbose=0, callbacks=[swap])
            found.append(round(float(self.model.weights[0].numpy()[0, 0]), 5))

    found, swap = [], SwapEMAWeights(swap_on_epoch=True)
    model(**EMA).fit(X, Y, epochs=2, verbose=0, callbacks=[swap, Evaluates()])
    assert found == [0.4, 0.44]


def test_training_is_not_disturbed():
    weights = []
    for callbacks in ([], [SwapEMAWeights()], [SwapEMAWeights(True)]):
        made = model(keras.optimizers.Adam(0.1, **EMA))
        made.fit(X, Y, epochs=3, batch_size=4, verbose=0, shuffle=False, callbacks=callbacks,
                 validation_data=(X, Y))
        weights.append(made.get_weights())
    for other in weights[1:]:
        for a, b in zip(weights[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_under_loss_scaling():
    made = model(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1, **EMA)))
    seen = []
    made.fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y),
             callbacks=[SwapEMAWeights(), Watch(seen)])
    assert ("test begins", 0.44) in seen


def test_without_averages():
    with pytest.raises(ValueError, match="must be used when `use_ema=True`"):
        model().fit(X, Y, verbose=0, callbacks=[SwapEMAWeights()], validation_data=(X, Y))
