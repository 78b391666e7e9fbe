"""Training by replayed programs against training op by op: everything a step may contain.

Without passes the two agree bit for bit; with them to rounding (the models have smooth
activations: at a relu's corner rounding sends a gradient another way).
"""

import gc
import os
import signal
import subprocess
import sys
import threading
import tracemalloc
import warnings

import numpy as np
import pytest

import minikeras as keras
from minikeras import callbacks, layers, ops
from minikeras.core.program.function import Compiled
from tests.training.models import assert_same_weights

N = 40  # five batches of 8


def data(shape=(6,), classes=3):
    rng = np.random.default_rng(0)
    return rng.standard_normal((N, *shape)).astype("float32"), rng.integers(0, classes, N)


def dense(*more, **options):
    return keras.Sequential([
        keras.Input((6,)), layers.Dense(8, activation="tanh", **options), *more,
        layers.Dense(3, activation="softmax")])


def convolutional():
    return keras.Sequential([
        keras.Input((8, 8, 2)), layers.Conv2D(4, 3, padding="same", activation="tanh"),
        layers.MaxPooling2D(), layers.BatchNormalization(),
        layers.Conv2D(5, 3, activation="sigmoid", kernel_regularizer="l2"),
        layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")])


def recipe(model=dense, shape=(6,), optimizer="adam", fit=None, epochs=2, **compile_options):
    return dict(model=model, shape=shape, optimizer=optimizer, fit=fit or {}, epochs=epochs,
                compile_options=compile_options)


class Activity(layers.Layer):
    """Adds losses of its own in its call."""

    def call(self, x):
        self.add_loss(0.1 * ops.mean(ops.square(x)))
        return x


class Counting(layers.Layer):
    """Keeps a running mean, as BatchNormalization does."""

    def build(self, shape):
        self.seen = self.add_weight(shape=(shape[-1],), initializer="zeros", trainable=False)

    def call(self, x, training=False):
        if training:
            self.seen.assign(0.9 * self.seen + 0.1 * ops.mean(x, axis=0))
        return x - self.seen


class Custom(keras.Model):
    """A train_step of its own, with metrics of its own and two updates a step."""

    def __init__(self):
        super().__init__()
        self.first, self.last = layers.Dense(8, activation="tanh"), layers.Dense(3)
        self.mean = keras.metrics.Mean(name="own")

    def call(self, x, training=False):
        return self.last(self.first(x))

    def train_step(self, data):
        x, y = data
        for _ in range(2):
            with keras.GradientTape() as tape:
                logits = self(x, training=True)
                loss = ops.mean(keras.losses.sparse_categorical_crossentropy(
                    y, logits, from_logits=True))
            self.optimizer.apply_gradients(
                zip(tape.gradient(loss, self.trainable_variables), self.trainable_variables))
        self.mean.update_state(loss)
        return {"own": self.mean.result(), "raw": loss}

    @property
    def metrics(self):
        return [self.mean]


def own_loss(y, p):
    return ops.mean(ops.square(ops.one_hot(y, 3) - p), axis=-1)


class OwnMetric(keras.metrics.Metric):
    def __init__(self):
        super().__init__(name="spread")
        self.low = self.add_variable((), "ones", name="low")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.low.assign(ops.minimum(self.low, ops.min(y_pred)))

    def result(self):
        return self.low


class Rate(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.optimizer.learning_rate = 0.01 / (batch + 1)


class Freeze(callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[0].trainable = epoch % 2 == 0


class FreezeStatistics(callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[1].trainable = epoch % 2 == 0


class Shrink(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            layer = self.model.layers[0]
            layer.set_weights([0.5 * w for w in layer.get_weights()])


class Hyper(callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.clipnorm = [None, 0.01][epoch % 2]


class Anneal(callbacks.Callback):
    """Sets attributes that layers read: numbers, an activation, a regularizer, a list."""

    def on_epoch_begin(self, epoch, logs=None):
        first, weighted, *_ = self.model.layers
        weighted.weight = 0.1 * epoch
        first.activation = [keras.activations.tanh, keras.activations.sigmoid][epoch % 2]
        if epoch == 2:
            weighted.parts = [1.0, 2.0]

    def on_train_batch_end(self, batch, logs=None):
        self.model.batches_so_far = batch  # which no step reads


class Weighted(layers.Layer):
    weight, parts = 0.0, ()

    def __init__(self):
        super().__init__()
        self.weight, self.parts, self.calls = 1.0, [3.0], 0

    def call(self, x):
        self.calls += 1  # of the trace's own making
        self.add_loss(self.weight * sum(self.parts) * ops.mean(ops.square(x)))
        return x


SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam
RECIPES = {
    "plain": lambda: recipe(metrics=["accuracy"]),
    "sgd": lambda: recipe(optimizer=SGD(0.1, momentum=0.9, nesterov=True)),
    "rmsprop": lambda: recipe(optimizer="rmsprop"),
    "adagrad": lambda: recipe(optimizer="adagrad"),
    "nadam": lambda: recipe(optimizer="nadam"),
    "lamb": lambda: recipe(optimizer="lamb"),
    "convolution": lambda: recipe(convolutional, (8, 8, 2), metrics=["accuracy"]),
    "dropout": lambda: recipe(lambda: dense(layers.Dropout(0.5, seed=1), layers.Dropout(0.1))),
    "penalties": lambda: recipe(lambda: dense(
        Activity(), kernel_regularizer="l1_l2", activity_regularizer="l2")),
    "own state": lambda: recipe(lambda: dense(Counting())),
    "constraint": lambda: recipe(lambda: dense(kernel_constraint="max_norm")),
    "accumulation": lambda: recipe(optimizer=Adam(0.1, gradient_accumulation_steps=3), epochs=3),
    "averages": lambda: recipe(optimizer=Adam(0.1, use_ema=True, ema_overwrite_frequency=3)),
    "clipping": lambda: recipe(optimizer=SGD(0.1, global_clipnorm=0.01)),
    "decay": lambda: recipe(optimizer=keras.optimizers.AdamW(0.1, weight_decay=0.1)),
    "schedule": lambda: recipe(optimizer=SGD(keras.optimizers.schedules.PolynomialDecay(
        0.5, 8, power=2.0))),
    "loss scale": lambda: recipe(optimizer=keras.optimizers.LossScaleOptimizer(
        SGD(0.1), initial_scale=4.0, dynamic_growth_steps=2)),
    "rate by callback": lambda: recipe(fit=dict(callbacks=[Rate()])),
    "plateau": lambda: recipe(epochs=4, fit=dict(callbacks=[callbacks.ReduceLROnPlateau(
        monitor="loss", patience=0, min_delta=10.0, factor=0.5)])),
    "freezing by callback": lambda: recipe(epochs=4, fit=dict(callbacks=[Freeze()])),
    "freezing a layer without weights to train": lambda: recipe(
        lambda: dense(layers.BatchNormalization(center=False, scale=False)), epochs=4,
        fit=dict(callbacks=[FreezeStatistics()])),
    "weights by callback": lambda: recipe(fit=dict(callbacks=[Shrink()])),
    "hyperparameter by callback": lambda: recipe(epochs=4, fit=dict(callbacks=[Hyper()])),
    "attributes by callback": lambda: recipe(
        lambda: dense(Weighted()), epochs=4, fit=dict(callbacks=[Anneal()])),
    "own loss": lambda: recipe(loss=own_loss),
    "own metric": lambda: recipe(metrics=[OwnMetric()]),
    "own step": lambda: recipe(Custom),
    "class weight": lambda: recipe(fit=dict(class_weight={0: 1.0, 1: 3.0, 2: 0.5})),
    "sample weight": lambda: recipe(fit=dict(sample_weight=np.linspace(0, 1, N)),
                                    weighted_metrics=["accuracy"]),
    "several steps": lambda: recipe(steps_per_execution=3, metrics=["accuracy"]),
    "last batch": lambda: recipe(fit=dict(batch_size=12), metrics=["accuracy"]),
    "validation": lambda: recipe(fit=dict(validation_split=0.3), metrics=["accuracy"]),
}


def trained(name, **how):
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    r = RECIPES[name]()
    model = r["model"]()
    options = {"loss": "sparse_categorical_crossentropy", **r["compile_options"]}
    if r["model"] is Custom:
        options = {}
    model.compile(r["optimizer"], **options, **how)
    x, y = data(r["shape"])
    fit = {"batch_size": 8, **r["fit"]}
    history = model.fit(x, y, epochs=r["epochs"], verbose=0, **fit).history
    return model, history


def compare(one, other, rtol):
    (a, ha), (b, hb) = one, other
    assert set(ha) == set(hb)
    for key in ha:
        np.testing.assert_allclose(ha[key], hb[key], rtol=rtol, err_msg=key)
    variables = [*a.variables, *a.optimizer.variables]
    for v, w in zip(variables, [*b.variables, *b.optimizer.variables], strict=True):
        np.testing.assert_allclose(
            v.numpy(), w.numpy(), rtol=rtol, atol=rtol / 10, err_msg=v.path)


@pytest.mark.parametrize("name", RECIPES)
def test_without_passes_training_is_bitwise_that_of_eager_code(name, monkeypatch):
    monkeypatch.setenv("MINIKERAS_PASSES", "")
    compare(trained(name, jit_compile=True), trained(name, jit_compile=False), 0)


@pytest.mark.parametrize("name", RECIPES)
def test_with_passes_training_agrees_with_eager_code(name):
    compare(trained(name, jit_compile=True), trained(name, run_eagerly=True), 1e-3)


@pytest.mark.parametrize("name", ["plain", "convolution", "dropout", "accumulation"])
def test_runs_are_bitwise_equal_on_any_number_of_threads(name):
    found = []
    for threads in (1, 2, 2):
        keras.config.set_threads(threads)
        found.append(trained(name, jit_compile=True))
    keras.config.set_threads(None)
    for other in found[1:]:
        compare(found[0], other, 0)


def test_attributes_that_change_are_traced_anew_others_are_not():
    model, _ = trained("attributes by callback", jit_compile=True)
    compiled = model.train_function.step
    # tanh and sigmoid, three weights, other parts; what is not read or the step's own is no reason
    assert sum(compiled.traces.values()) == 4
    assert model.layers[1].calls == 1 + 1 + 4  # building, the first step op by op, traces
    model.batches_so_far, before = -1, sum(compiled.traces.values())
    model.train_on_batch(*(a[:8] for a in data()))
    assert sum(compiled.traces.values()) == before


def test_the_way_back_to_a_known_attribute_is_no_new_trace():
    model, x = dense(layers.Dropout(0.5)), data()[0]
    model.compile("sgd", "mse")
    y = np.zeros((N, 3), "float32")
    for rate in (0.5, 0.25, 0.5, 0.25, 0.5):
        model.layers[1].rate = rate
        model.train_on_batch(x, y)
        model.train_on_batch(x, y)
    assert sum(model.train_function.step.traces.values()) == 2


def test_evaluate_and_predict_agree_with_eager_code():
    model, _ = trained("convolution")
    x, y = data((8, 8, 2))
    compiled = model.evaluate(x, y, batch_size=16, verbose=0), model.predict(x, verbose=0)
    model.run_eagerly = True
    eager = model.evaluate(x, y, batch_size=16, verbose=0), model.predict(x, verbose=0)
    np.testing.assert_allclose(compiled[0], eager[0], rtol=1e-5)
    np.testing.assert_allclose(compiled[1], eager[1], rtol=1e-4, atol=1e-6)


def test_half_precision_with_loss_scaling():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        one, other = trained("convolution", jit_compile=True), trained("convolution",
                                                                       jit_compile=False)
    finally:
        keras.config.set_dtype_policy(policy)
    assert isinstance(one[0].optimizer, keras.optimizers.LossScaleOptimizer)
    compare(one, other, 2e-2)


# ---------------------------------------------------------------- what cannot be traced
class Branching(keras.Model):
    """Python control flow over a value."""

    def __init__(self):
        super().__init__()
        self.inner = dense()

    def call(self, x):
        x = self.inner(x)
        if ops.sum(x) > 1e9:
            return -x
        return x


class Hosted(Branching):
    """NumPy in a call."""

    def call(self, x):
        return self.inner(x) * float(np.asarray(x).ndim)


@pytest.mark.parametrize("cls", [Branching, Hosted])
def test_untraceable_step_runs_eagerly_with_one_warning_that_names_the_line(cls):
    x, y = data()
    model = cls()
    model.compile("sgd", "sparse_categorical_crossentropy")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    texts = [str(w.message) for w in seen]
    assert len(texts) == 1
    assert "train_step of model" in texts[0] and "numbers of a tensor were asked for" in texts[0]
    assert f"{os.path.basename(__file__)}:" in texts[0] and "in call" in texts[0]
    assert "jit_compile=False" in texts[0]


def test_untraceable_step_is_an_error_if_compilation_was_demanded():
    x, y = data()
    model = Branching()
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=True)
    with pytest.raises(RuntimeError, match="cannot be compiled: the numbers of a tensor"):
        model.fit(x[:16], y[:16], batch_size=8, epochs=2, verbose=0)


def test_an_untraceable_step_trains_as_without_compilation():
    x, y = data()
    found = []
    for jit in ("auto", False):
        keras.utils.set_random_seed(1)
        model = Branching()
        model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=jit)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(x, y, batch_size=8, epochs=2, verbose=0)
        found.append(model)
    assert_same_weights(*found)


def test_wrong_input_is_reported_as_by_eager_code():
    model = dense()
    model.compile("sgd", "mse")
    for _ in range(2):
        with pytest.raises(ValueError, match="expected axis -1|expected shape"):
            model.fit(np.ones((8, 5), "float32"), np.ones((8, 3), "float32"), verbose=0)


# ---------------------------------------------------------------- variables
def test_what_was_read_before_a_replay_stays_as_it_was():
    x, y = data()
    model, _ = trained("plain")
    kernel = model.layers[0].kernel
    before, copy = kernel.value, kernel.numpy()
    part = before[0]
    model.fit(x, y, epochs=1, verbose=0)
    np.testing.assert_array_equal(before, copy)
    np.testing.assert_array_equal(part, copy[0])
    assert (kernel.numpy() != copy).any()


def test_eager_and_compiled_steps_take_turns():
    x, y = data()
    found = []
    for mixed in (True, False):
        keras.utils.set_random_seed(1)
        model = dense()
        model.compile(SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy",
                      jit_compile=mixed and "auto")
        for _ in range(3):
            model.train_on_batch(x, y)
            with keras.GradientTape() as tape:
                loss = ops.mean(keras.losses.sparse_categorical_crossentropy(y, model(x)))
            grads = tape.gradient(loss, model.trainable_variables)
            model.optimizer.apply(grads, model.trainable_variables)
            model.layers[0].bias.assign_add(ops.ones((8,)) * 0.01)
            model.evaluate(x, y, verbose=0)
        found.append(model)
    for a, b in zip(found[0].variables, found[1].variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)


def test_two_models_that_share_layers_train_in_turn():
    x, _ = data()
    target = x[:, :3]
    found = []
    for jit in ("auto", False):
        keras.utils.set_random_seed(1)
        shared = layers.Dense(5, activation="tanh")
        models = [keras.Sequential([keras.Input((6,)), shared, layers.Dense(3)])
                  for _ in range(2)]
        for m in models:
            m.compile(Adam(0.01), "mse", jit_compile=jit)
        for _ in range(4):
            for m in models:
                m.train_on_batch(x, target)
            models[0].predict(x, verbose=0)
        found.append([v for m in models for v in m.variables])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)


def test_weights_set_saved_and_restored_between_replays(tmp_path):
    x, y = data()
    model, _ = trained("plain")
    path = tmp_path / "w.weights.h5"
    model.save_weights(path)
    before = model.predict(x, verbose=0)
    model.fit(x, y, epochs=1, verbose=0)
    assert (model.predict(x, verbose=0) != before).any()
    model.load_weights(path)
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)


# ---------------------------------------------------------------- threads, forks, memory
def test_many_threads_predict_with_one_model():
    model, _ = trained("convolution")
    x, _ = data((8, 8, 2))
    want, wrong = [model.predict(x[i : i + 8], verbose=0) for i in range(0, N, 8)], []

    def work(i):
        for k in range(5):
            j = (i + k) % 5
            got = model.predict(x[8 * j : 8 * j + 8], verbose=0)
            if not np.array_equal(got, want[j]):
                wrong.append(j)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_trains_on():
    model, _ = trained("convolution")
    x, y = data((8, 8, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of forks while threads run
        pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        try:
            model.fit(x, y, batch_size=8, epochs=1, verbose=0)
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)


def test_programs_of_many_batch_sizes_are_bounded():
    model = dense()
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = data()
    for size in range(1, 40):
        model.train_on_batch(x[:size], y[:size])
    assert len(model.train_function.step.programs) <= 32


def test_thousands_of_steps_and_calls_leave_memory_flat():
    model = dense()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = data()

    def steps(n):
        for _ in range(n):
            model.train_on_batch(x, y)
            model.predict_on_batch(x)
        for _ in range(n // 20):
            model.fit(x, y, epochs=1, verbose=0)
            model.predict(x, verbose=0)

    def held():
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    steps(100)
    tracemalloc.start()
    steps(100)
    before = held()
    steps(400)
    grown = held() - before
    tracemalloc.stop()
    assert grown < 30_000, grown  # one float32 and a little for each of 800 calls would be more


def test_blas_has_its_own_number_of_threads_again():
    code = (
        "import numpy as np, minikeras as k\n"
        "from minikeras.arrays import blas\n"
        "before = blas.blas_threads()\n"
        "seen = []\n"
        "class Look(k.callbacks.Callback):\n"
        "    def on_train_batch_end(self, b, logs=None): seen.append(blas.blas_threads())\n"
        "m = k.Sequential([k.Input((2,)), k.layers.Dense(1)])\n"
        "m.compile('sgd', 'mse')\n"
        "m.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0, callbacks=[Look()])\n"
        "print(before, set(seen), blas.blas_threads())\n")
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True,
                          check=True)
    if done.stdout.startswith("None"):
        pytest.skip("NumPy's BLAS is no OpenBLAS here")
    assert done.stdout.split() == ["2", "{1}", "2"]


def test_report_names_kernels_times_and_memory():
    model = dense()
    assert "No step is compiled yet" in model.program_report()
    model, _ = trained("convolution")
    weights = model.get_weights()
    text = model.program_report()
    for part in ("train_step for", "kernels", "memory:", "conv_columns", "adam_update"):
        assert part in text
    for a, b in zip(weights, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_what_runs_a_step():
    model = dense()
    model.compile("sgd", "mse")
    assert isinstance(model.make_train_function().step, Compiled)
    model.run_eagerly = True
    assert not isinstance(model.make_train_function().step, Compiled)
    model.run_eagerly = False
    model.jit_compile = False
    assert not isinstance(model.make_train_function().step, Compiled)
