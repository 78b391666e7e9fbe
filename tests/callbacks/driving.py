"""A model and a loop that drive callbacks through given values, epoch by epoch."""

import numpy as np

import minikeras as keras
from minikeras import layers

NAN, INF = float("nan"), float("inf")
X, Y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")


def compiled(rate=0.5, **options):
    """Two outputs of three numbers, kernel of ones, zero bias."""
    model = keras.Sequential([
        keras.Input((3,)), layers.Dense(2, kernel_initializer="ones", name="dense")])
    model.compile(keras.optimizers.SGD(rate), "mse", **options)
    return model


def drive(callback, values, name="val_loss", model=None):
    """Epoch e has the value and a bias of e. Gives one trace an epoch, and the last bias."""
    model = compiled() if model is None else model
    callback.set_model(model)
    callback.set_params({"epochs": len(values)})
    model.stop_training = False
    callback.on_train_begin()
    trace = []
    for epoch, value in enumerate(values):
        model.layers[0].bias.assign(np.full(2, float(epoch)))
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {"loss": 1.0} if value is None else {name: value})
        trace.append(seen(callback, model))
        if model.stop_training:
            break
    callback.on_train_end()
    return trace, model.layers[0].bias.numpy()[0]


def seen(callback, model):
    """What shows of a callback's state: (waited, best) or the learning rate."""
    if hasattr(callback, "factor") or not hasattr(callback, "wait"):
        return round(float(model.optimizer.learning_rate), 6)
    return callback.wait, callback.best
