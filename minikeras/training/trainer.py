"""Trainer: compile, fit, evaluate, predict, and the steps they repeat."""

import sys
import warnings

import numpy as np

from minikeras import callbacks as callbacks_module
from minikeras import config, dtype_policies, metrics, ops, optimizers, tree
from minikeras.arrays import copied_ahead
from minikeras.core import serialization
from minikeras.core.gradient import GradientTape
from minikeras.core.tensor import Tensor
from minikeras.data.adapters import make_source
from minikeras.data.batching import (
    train_validation_split,
    unpack_x_y_sample_weight,
)
from minikeras.layers.call_spec import signature_of
from minikeras.layers.tracking import NEVER
from minikeras.training.compile import CompileLoss, CompileMetrics
from minikeras.training.interrupts import whole_steps
from minikeras.training.logs import Logs, number
from minikeras.training.placement import at_weights
from minikeras.training.run import Training, groups
from minikeras.training.steps import FUNCTIONS, report, step_function

NEVER |= {"optimizer", "_loss_tracker", "_compile_loss", "_compile_metrics", "_compile_config",
          "_optimizer", "train_function", "test_function", "predict_function"}


class Trainer:
    """What a Model knows about training."""

    def __init__(self):
        self.optimizer = self.loss = None
        self.compiled, self.stop_training = False, False
        self._compile_loss = self._compile_metrics = self._loss_tracker = None
        self._compile_config = None
        self._run_eagerly, self._jit_compile, self.steps_per_execution = False, "auto", 1
        self.train_function = self.test_function = self.predict_function = None

    def __getstate__(self):
        steps = dict.fromkeys(FUNCTIONS.values())  # made anew, for the copy
        return {**self.__dict__, **steps, "_training": None, "_serving": None}

    # ------------------------------------------------------------ compile
    def compile(
        self, optimizer="rmsprop", loss=None, loss_weights=None, metrics=None,
        weighted_metrics=None, run_eagerly=False, steps_per_execution=1, jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Set what training uses.

        Args:
            optimizer: name or object.
            loss: name, function or object; for several outputs a list or a dict of them.
            loss_weights: factors of the outputs' losses, likewise.
            metrics: list of names, functions or objects; for several outputs a list or dict of
                lists.
            weighted_metrics: as `metrics`, but weighted by sample and class weights.
            run_eagerly: whether every step runs op by op, to be stepped through.
            steps_per_execution: batches between callbacks.
            jit_compile: "auto": steps are traced once for each shape of a batch, planned and
                replayed on several threads; what cannot be traced runs op by op, with a warning.
                True: an error instead of the warning. False: op by op.
            auto_scale_loss: whether mixed_float16 gets a LossScaleOptimizer.
        """
        optimizer = optimizers.get(optimizer)
        if auto_scale_loss and optimizer is not None and self._policy_name() == "mixed_float16":
            if not isinstance(optimizer, optimizers.LossScaleOptimizer):
                optimizer = optimizers.LossScaleOptimizer(optimizer, name="loss_scale_optimizer")
        self.optimizer = optimizer
        names = getattr(self, "output_names", None) if self._has_outputs() else None
        if isinstance(loss, str) or loss is not None:
            self._compile_loss = CompileLoss(loss, loss_weights, output_names=names)
        else:
            self._compile_loss = None
        self.loss = loss
        if metrics is not None or weighted_metrics is not None:
            self._compile_metrics = CompileMetrics(metrics, weighted_metrics, output_names=names)
        else:
            self._compile_metrics = None
        if jit_compile not in (True, False, "auto", None):
            raise ValueError(
                "`jit_compile` must be True, False or 'auto'. "
                f"Received: jit_compile={jit_compile}"
            )
        if not isinstance(steps_per_execution, int) or steps_per_execution < 1:
            raise ValueError(
                "`steps_per_execution` must be a whole number, at least 1. "
                f"Received: steps_per_execution={steps_per_execution}"
            )
        self.run_eagerly, self.jit_compile = run_eagerly, jit_compile
        self.steps_per_execution = steps_per_execution
        self._loss_tracker = _mean("loss")
        self.stop_training, self.compiled = False, True
        self.train_function = self.test_function = self.predict_function = None
        self._compile_config = {
            "optimizer": optimizer, "loss": loss, "loss_weights": loss_weights,
            "metrics": metrics, "weighted_metrics": weighted_metrics, "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution, "jit_compile": jit_compile,
        }

    def _policy_name(self):
        policy = self.dtype_policy
        if isinstance(policy, dtype_policies.DTypePolicyMap):
            policy = policy.default_policy
        return policy.name

    def _has_outputs(self):
        try:
            return bool(self.outputs)
        except AttributeError:
            return False

    @property
    def run_eagerly(self):
        return self._run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value):
        self._run_eagerly = bool(value)
        self._forget_functions()

    @property
    def jit_compile(self):
        """As given to `compile`."""
        return self._jit_compile

    @jit_compile.setter
    def jit_compile(self, value):
        self._jit_compile = value
        self._forget_functions()

    def _forget_functions(self):
        self.train_function = self.test_function = self.predict_function = None

    def get_compile_config(self):
        """What `compile` was given, as plain values."""
        if self.compiled and self._compile_config is not None:
            return {
                k: serialization.serialize_keras_object(v)
                for k, v in self._compile_config.items()
            }
        return {}

    def compile_from_config(self, config):
        """Compile with what `get_compile_config` gave."""
        if type(self).compile is not Trainer.compile:
            warnings.warn(
                "`compile()` was not called as part of model loading because the model's "
                "`compile()` method is custom. All subclassed Models that have `compile()` "
                "overridden should also override `get_compile_config()` and "
                "`compile_from_config(config)`.", stacklevel=2,
            )
            return
        self.compile(**serialization.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def _require_compiled(self, what):
        if not self.compiled:
            raise ValueError(
                f"You must call `compile()` before `{what}`. For example: "
                "model.compile(optimizer='adam', loss='mse')"
            )

    def to(self, device):
        """Move the model, its metrics and its optimizer to a device, in place; returns it."""
        super().to(device)
        for v in getattr(self.optimizer, "variables", ()):
            v.to(device)
        return self

    # ------------------------------------------------------------ metrics
    @property
    def metrics(self):
        """The loss's running mean, metrics of layers, metrics given to `compile`."""
        found = [self._loss_tracker] if self._loss_tracker is not None else []
        for layer in self._flatten_layers():
            found += [m for m in layer._metrics if not any(m is f for f in found)]
        if self._compile_metrics is not None:
            found.append(self._compile_metrics)
        if self._compile_loss is not None:
            found += self._compile_loss.metrics
        return found

    @property
    def metrics_names(self):
        """Names of `metrics`."""
        return [m.name for m in self.metrics]

    @property
    def metrics_variables(self):
        """State of `metrics`."""
        return [v for m in self.metrics for v in m.variables]

    def reset_metrics(self):
        """Begin all running means anew."""
        for m in self.metrics:
            m.reset_state()

    def get_metrics_result(self):
        """{name: value} of all metrics."""
        results = {}
        for metric in self.metrics:
            if isinstance(metric, CompileMetrics) and not metric.built:
                continue
            value = metric.result()
            if isinstance(value, dict):
                results.update(value)
            else:
                results[metric.name] = value
        return results

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The loss to minimize: the compiled one, plus what layers and regularizers add."""
        del x, training
        parts = []
        if self._compile_loss is not None:
            loss = self._compile_loss(y, y_pred, sample_weight)
            if loss is not None:
                parts.append(loss)
        parts += [ops.sum(ops.cast(v, "float32")) if _rank(v) else v for v in self.losses]
        if not parts:
            if self._compile_loss is not None or not self.compiled:
                raise ValueError(
                    "No loss to compute. Provide a `loss` argument in `compile()`, targets `y` "
                    "in the data, or call `add_loss` in a layer."
                )
            raise ValueError(
                "No loss to compute: `compile` was given no `loss`, and no layer adds one. "
                "Provide a `loss` argument in `compile()`."
            )
        total = parts[0]
        for part in parts[1:]:
            total = ops.add(total, ops.cast(part, total.dtype))
        return total

    def compute_loss_and_updates(
        self, trainable_variables, non_trainable_variables, metrics_variables, x, y,
        sample_weight, training=False, optimizer_variables=None,
    ):
        """(loss, (loss, outputs, new non-trainable values, metrics' values)), stateless."""
        del optimizer_variables
        y_pred, new, losses = self.stateless_call(
            trainable_variables, non_trainable_variables, x, return_losses=True,
            **({"training": training} if self._takes_training else {}),
        )
        loss = self._compile_loss(y, y_pred, sample_weight)
        for part in losses:
            loss = loss + part
        return loss, (loss, y_pred, new, metrics_variables)

    def stateless_compute_loss(
        self, trainable_variables, non_trainable_variables, metrics_variables, x=None, y=None,
        y_pred=None, sample_weight=None, training=True,
    ):
        """(loss, (trainable, non-trainable, metrics values)) with given values of variables."""
        loss = self.compute_loss(x, y, y_pred, sample_weight, training=training)
        return loss, (trainable_variables, non_trainable_variables, metrics_variables)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Take a batch into the metrics, and give all their values."""
        del x
        if self._compile_metrics is not None and y is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    # ------------------------------------------------------------ steps
    @property
    def _takes_training(self):
        return signature_of(type(self).call).has_training

    def _forward(self, x, training):
        return self(x, training=training) if self._takes_training else self(x)

    def train_step(self, data):
        """One step: forward, backward, update, metrics. May be overridden."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self._forward(x, True)
            loss = self._loss_of(x, y, y_pred, sample_weight, training=True)
            self._track_loss(loss, x)
            if self.optimizer is not None:
                loss = self.optimizer.scale_loss(loss)
        weights = self.trainable_weights
        if weights:
            gradients = tape.gradient(loss, weights)
            self.optimizer.apply_gradients(zip(gradients, weights))
        else:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _loss_of(self, x, y, y_pred, sample_weight, training):
        """What `compute_loss` gives; one of a user's own may not take `training`."""
        signature = signature_of(type(self).compute_loss)
        told = {"training": training} if signature.has_training or signature.any_keyword else {}
        return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **told)

    def _track_loss(self, loss, x):
        first = tree.flatten(x)[0]
        self._loss_tracker.update_state(
            ops.stop_gradient(loss), sample_weight=first.shape[0] if first.shape else 1)

    def test_step(self, data):
        """One step of evaluation. May be overridden."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self._forward(x, False)
        loss = self._loss_of(x, y, y_pred, sample_weight, training=False)
        self._track_loss(loss, x)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data):
        """One step of prediction. May be overridden."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self._forward(x, False)

    def _check_targets(self, data):
        """ValueError for labels that the compiled loss cannot take; a custom step may take them."""
        loss = self._compile_loss
        if loss is not None and loss.labels and isinstance(data, tuple) and self._standard_steps:
            loss.check_labels(unpack_x_y_sample_weight(data)[1])

    @property
    def _standard_steps(self):
        steps = ("train_step", "test_step", "compute_loss")
        return all(getattr(type(self), s) is getattr(Trainer, s) for s in steps)

    def make_train_function(self, force=False):
        """Set `train_function`, which runs `train_step` on a batch."""
        if self.train_function is None or force:
            self.train_function = step_function(self, "train_step", checks=True)
        return self.train_function

    def make_test_function(self, force=False):
        """Set `test_function`, which runs `test_step` on a batch."""
        if self.test_function is None or force:
            self.test_function = step_function(self, "test_step", checks=True)
        return self.test_function

    def make_predict_function(self, force=False):
        """Set `predict_function`, which runs `predict_step` on a batch."""
        if self.predict_function is None or force:
            self.predict_function = step_function(self, "predict_step")
        return self.predict_function

    def program_report(self):
        """The compiled steps so far, a text: kernels, seconds, memory, what was split and fused.

        Training, evaluation and prediction, one table for each signature of a batch.
        """
        return report(self)

    # ------------------------------------------------------------ fit
    @at_weights
    def fit(
        self, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None,
        validation_split=0.0, validation_data=None, shuffle=True, class_weight=None,
        sample_weight=None, initial_epoch=0, steps_per_epoch=None, validation_steps=None,
        validation_batch_size=None, validation_freq=1,
    ):
        """Train for a number of epochs.

        Args:
            x, y: data; arrays, or nested structures of them, or something that gives batches.
            batch_size: 32 by default.
            epochs: epoch number to train up to.
            verbose: 0 silent, 1 a progress bar, 2 a line an epoch, "auto".
            callbacks: list of callbacks.
            validation_split: share of the samples, the last ones, to validate on.
            validation_data: (x, y) or (x, y, sample_weight), or something that gives batches.
            shuffle: whether each epoch has an order of its own.
            class_weight: dict from class numbers to weights.
            sample_weight: one weight a sample.
            initial_epoch: epoch number to begin with.
            steps_per_epoch, validation_steps: batches, by default all.
            validation_batch_size: `batch_size` by default.
            validation_freq: epochs between validations, or a list of epoch numbers.

        Returns: a History: `.history` is a dict from names to lists of values, one an epoch.
        """
        self._require_compiled("fit")
        epochs = config.limited("epochs", epochs, config.max_epochs())
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = train_validation_split(
                (x, y, sample_weight), validation_split)
        source = make_source(
            x, y, sample_weight, batch_size=batch_size, steps_per_epoch=steps_per_epoch,
            shuffle=shuffle, class_weight=class_weight,
        )
        validation = self._validation_source(
            validation_data, validation_batch_size or batch_size, validation_steps)
        callbacks = _callback_list(
            callbacks, self, verbose, epochs=epochs, steps=source.steps, add_history=True)
        self.make_train_function()
        self.stop_training = False
        logs, self._training = {}, Training(source)
        callbacks.on_train_begin()
        initial_epoch, step = self._training.at or (initial_epoch, 0)
        for epoch in range(initial_epoch, epochs):
            if not step:
                self.reset_metrics()
            source.on_epoch_begin()
            callbacks.on_epoch_begin(epoch)
            found, step = self._train_epoch(source, epoch, callbacks, step), 0
            if found is None:  # the data have run out, of which a warning told
                break
            logs = found
            epoch_logs = dict(logs)
            if validation is not None and _due(epoch, validation_freq):
                found = self._evaluate_source(validation, callbacks)
                epoch_logs.update({f"val_{k}": v for k, v in found.items()})
            source.on_epoch_end()
            logs = Logs(_sorted(epoch_logs))
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        if self.optimizer is not None and epochs > initial_epoch:
            self.optimizer.finalize_variable_values(self.trainable_weights)
        callbacks.on_train_end(logs=logs)
        return self.history

    def _train_epoch(self, source, epoch, callbacks, first=0):
        logs = self.get_metrics_result() if first else None
        batches_of_epoch = copied_ahead(source.for_steps(epoch, first), self._check_targets)
        with whole_steps(self.train_function) as train:
            for step, batches in groups(batches_of_epoch, self.steps_per_execution, first):
                callbacks.on_train_batch_begin(step)
                for batch in batches:
                    logs = train(batch)
                logs = Logs(_sorted(logs))
                callbacks.on_train_batch_end(step + len(batches) - 1, logs)
                if self.stop_training:
                    break
        return None if logs is None else _numbers(logs)

    def _validation_source(self, data, batch_size, steps):
        if data is None:
            return None
        if isinstance(data, (tuple, list)) and not hasattr(data, "__next__"):
            if len(data) not in (1, 2, 3):
                raise ValueError(
                    "`validation_data` must be (x, y) or (x, y, sample_weight). "
                    f"Received: a {type(data).__name__} of {len(data)}"
                )
            x, y, sample_weight = unpack_x_y_sample_weight(tuple(data))
            return make_source(
                x, y, sample_weight, batch_size=batch_size, steps_per_epoch=steps)
        return make_source(data, batch_size=batch_size, steps_per_epoch=steps)

    # ------------------------------------------------------------ evaluate
    @at_weights
    def evaluate(
        self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, steps=None,
        callbacks=None, return_dict=False, **kwargs,
    ):
        """Loss and metrics over data: a number, a list in the order of the metrics, or a dict."""
        self._require_compiled("evaluate")
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        source = make_source(
            x, y, sample_weight, batch_size=batch_size, steps_per_epoch=steps)
        callbacks = _callback_list(
            callbacks, self, verbose, epochs=1, steps=source.steps, add_history=False)
        logs = self._evaluate_source(source, callbacks)
        return logs if return_dict else self._in_order(logs)

    def _evaluate_source(self, source, callbacks):
        self.make_test_function()
        self.reset_metrics()
        self.stop_evaluating = False
        logs = {}
        callbacks.on_test_begin()
        batches_of_data = copied_ahead(source.for_steps(), self._check_targets)
        for step, batches in groups(batches_of_data, self.steps_per_execution):
            callbacks.on_test_batch_begin(step)
            for batch in batches:
                logs = self.test_function(batch)
            logs = Logs(_sorted(logs))
            callbacks.on_test_batch_end(step + len(batches) - 1, logs)
            if self.stop_evaluating:
                break
        logs = Logs(_numbers(logs))
        callbacks.on_test_end(logs)
        return dict(logs)

    def _in_order(self, logs):
        """Values in the order of `metrics`: one number where there is but the loss."""
        names = []
        for metric in self.metrics:
            if isinstance(metric, CompileMetrics):
                names += [m.name for m in metric.metrics]
            else:
                names.append(metric.name)
        values = [logs[n] for n in names if n in logs]
        values += [logs[k] for k in sorted(logs) if k not in names]
        return values[0] if len(values) == 1 else values

    # ------------------------------------------------------------ predict
    @at_weights
    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Outputs for data, as NumPy arrays."""
        source = make_source(x, batch_size=batch_size, steps_per_epoch=steps)
        callbacks = _callback_list(
            callbacks, self, verbose, epochs=1, steps=source.steps, add_history=False)
        self.make_predict_function()
        self.stop_predicting = False
        collected = None
        callbacks.on_predict_begin()
        for step, batches in groups(copied_ahead(source.for_steps()), self.steps_per_execution):
            callbacks.on_predict_batch_begin(step)
            for batch in batches:
                outputs = self.predict_function(batch)
                flat = [_host(v) for v in tree.flatten(outputs)]
                collected = [[] for _ in flat] if collected is None else collected
                for parts, value in zip(collected, flat):
                    parts.append(value)
            callbacks.on_predict_batch_end(step + len(batches) - 1, {"outputs": outputs})
            if self.stop_predicting:
                break
        callbacks.on_predict_end()
        joined = [p[0] if len(p) == 1 else np.concatenate(p) for p in collected]
        return tree.pack_sequence_as(outputs, joined)

    # ------------------------------------------------------------ one batch
    @at_weights
    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None,
                       return_dict=False):
        """One step of training on a batch; its loss and metrics."""
        self._require_compiled("train_on_batch")
        data = self._one_batch(x, y, sample_weight, class_weight)
        self.make_train_function()
        self.reset_metrics()
        logs = _numbers(_sorted(self.train_function(data)))
        return logs if return_dict else self._in_order(logs)

    @at_weights
    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Loss and metrics on a batch."""
        self._require_compiled("test_on_batch")
        data = self._one_batch(x, y, sample_weight, None)
        self.make_test_function()
        self.reset_metrics()
        logs = _numbers(_sorted(self.test_function(data)))
        return logs if return_dict else self._in_order(logs)

    @at_weights
    def predict_on_batch(self, x):
        """Outputs for a batch, as NumPy arrays."""
        self.make_predict_function()
        data = self._one_batch(x, None, None, None)
        return tree.map_structure(_host, self.predict_function(data))

    def _one_batch(self, x, y, sample_weight, class_weight):
        if class_weight is not None and sample_weight is not None:
            raise ValueError(
                "Arguments `sample_weight` and `class_weight` cannot be specified at the same "
                f"time. Received: sample_weight={sample_weight}, class_weight={class_weight}"
            )
        source = make_source(
            x, y, sample_weight, batch_size=sys.maxsize, class_weight=class_weight)
        return source.peek()


# ---------------------------------------------------------------- helpers
def _mean(name):
    return metrics.Mean(name=name)


def _rank(v):
    return len(getattr(v, "shape", ()))


def _host(v):
    return v.numpy() if isinstance(v, Tensor) else v


def _sorted(logs):
    return {k: logs[k] for k in sorted(logs)}


def _numbers(logs):
    return {k: number(v) for k, v in logs.items()}


def _due(epoch, frequency):
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency


def _callback_list(callbacks, model, verbose, epochs, steps, add_history):
    if isinstance(callbacks, callbacks_module.CallbackList):
        return callbacks
    return callbacks_module.CallbackList(
        callbacks, add_history=add_history, add_progbar=verbose != 0, verbose=verbose,
        epochs=epochs, steps=steps, model=model,
    )


