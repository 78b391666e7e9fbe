"""SwapEMAWeights: evaluation with the moving averages of the weights."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.callbacks.callback import Callback


@public("callbacks.SwapEMAWeights")
class SwapEMAWeights(Callback):
    """Puts the optimizer's moving averages in the weights' place while the model is evaluated.

    Before evaluation and prediction the averages take the weights' place, after them the weights
    come back. At the end of `fit` the optimizer leaves the averages in the model for good.

    Args:
        swap_on_epoch: whether the averages are also in place from the end of an epoch to the
            beginning of the next, for the callbacks that follow (ModelCheckpoint).

    >>> import minikeras as keras
    >>> optimizer = keras.optimizers.SGD(0.1, use_ema=True)
    >>> callback = SwapEMAWeights()
    """

    def __init__(self, swap_on_epoch=False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._kept, self._depth = [], 0

    def _put_averages(self):
        """The averages in the weights' place; the weights are kept aside."""
        self._depth += 1
        if self._depth > 1:  # an evaluation inside another
            return
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer. "
                f"Received: optimizer={type(optimizer).__name__} without it"
            )
        if not optimizer.built:
            return
        for variable, average in zip(optimizer._trainable_variables, optimizer._averages):
            if average is not None:
                self._kept.append((variable, ops.copy(variable.value)))
                variable.assign(average.value)

    def _put_back(self):
        self._depth -= 1
        if self._depth == 0:
            for variable, value in self._kept:
                variable.assign(value)
            self._kept.clear()

    def on_train_begin(self, logs=None):
        self._kept, self._depth = [], 0

    def on_epoch_begin(self, epoch, logs=None):
        if self.swap_on_epoch and self._depth:
            self._put_back()

    def on_epoch_end(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._put_averages()

    def on_train_end(self, logs=None):
        self._kept, self._depth = [], 0  # the averages are the weights now

    def on_test_begin(self, logs=None):
        self._put_averages()

    def on_test_end(self, logs=None):
        self._put_back()

    def on_predict_begin(self, logs=None):
        self._put_averages()

    def on_predict_end(self, logs=None):
        self._put_back()
