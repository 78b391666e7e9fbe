"""Recurrent layers: states, cells of one's own, masks, dropout, errors."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

X = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
NAMED = ("SimpleRNN", "GRU", "LSTM")


def each(names=NAMED):
    return pytest.mark.parametrize("kind", [getattr(layers, n) for n in names], ids=names)


class Window(keras.layers.Layer):
    """A cell without `output_size`: the last two inputs, and their sum as output."""

    state_size = [3, 3]

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(3,), initializer="ones", name="scale")

    def call(self, inputs, states):
        return (inputs + states[0] + states[1]) * self.scale, [inputs, states[0]]


class Wide(keras.layers.Layer):
    """A cell whose output is larger than its state, with a first state of its own."""

    state_size, output_size = 2, 4

    def get_initial_state(self, batch_size=None):
        return ops.ones((batch_size, 2))

    def call(self, inputs, states, training=False):
        h = states[0] + inputs[:, :2] * (0.0 if training else 1.0)
        return ops.concatenate([h, -h], axis=-1), [h]


# ---------------------------------------------------------------- the op and the cell
@each()
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_layer_and_cell_in_an_rnn_agree(kind, masked, training, rng):
    """The layer runs on one op, an RNN over its cell step by step."""
    layer = kind(4, return_sequences=True, return_state=True, bias_initializer="normal")
    layer.build((None, 5, 3))
    loop = layers.RNN(layer.cell, return_sequences=True, return_state=True)
    mask = rng.random((2, 5)) > 0.4 if masked else None
    w = [rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 4)), rng.normal(size=(2, 4))]
    found = []
    for call in (layer, loop):
        x = ops.convert_to_tensor(X)
        with keras.GradientTape() as tape:
            tape.watch(x)
            results = call(x, mask=mask, training=training)
            value = sum(ops.sum(y * a.astype("float32")) for y, a in zip(results, w))
        grads = tape.gradient(value, [x, *layer.trainable_variables])
        found.append([*results, *grads])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)


@each()
def test_half_precision_is_rounded_once(kind):
    layer = kind(4, dtype="mixed_float16", return_sequences=True, return_state=True)
    results = layer(X)
    exact = kind(4, return_sequences=True, return_state=True)
    exact.build((None, 5, 3))
    exact.set_weights(layer.get_weights())
    for a, b in zip(results, exact(X.astype("float16").astype("float32"))):
        assert a.dtype == "float16"
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-3)


# ---------------------------------------------------------------- cells of one's own
@pytest.mark.parametrize("masked", [False, True])
def test_a_cell_of_ones_own(masked):
    layer = layers.RNN(Window(), return_sequences=True, return_state=True)
    mask = np.array([[1, 1, 0, 1, 1], [0, 1, 1, 1, 0]], bool) if masked else None
    y, a, b = layer(X, mask=mask)
    for sample in range(2):
        kept, before = [], np.zeros(3)
        states = [np.zeros(3), np.zeros(3)]
        for t in range(5):
            if mask is None or mask[sample, t]:
                before = X[sample, t] + states[0] + states[1]
                states = [X[sample, t], states[0]]
            kept.append(before)
        np.testing.assert_allclose(y.numpy()[sample], kept, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(a.numpy()[sample], states[0], rtol=1e-6)
        np.testing.assert_allclose(b.numpy()[sample], states[1], rtol=1e-6)


def test_a_cell_with_output_size_and_first_state():
    layer = layers.RNN(Wide(), return_sequences=True, return_state=True)
    y, h = layer(X)
    want = 1 + np.cumsum(X[..., :2], axis=1)
    np.testing.assert_allclose(y.numpy(), np.concatenate([want, -want], -1), rtol=1e-5)
    np.testing.assert_allclose(h.numpy(), want[:, -1], rtol=1e-5)
    assert (layer(X, training=True)[0].numpy()[..., :2] == 1).all()
    assert layer.compute_output_shape((None, 5, 3)) == ((None, 5, 4), (None, 2))
    symbolic = layer(keras.Input((None, 3)))
    assert [s.shape for s in symbolic] == [(None, None, 4), (None, 2)]
    masked = layer(X, mask=np.zeros((2, 5), bool))[0].numpy()
    assert not masked.any()  # no output came before; the state has another size


def test_a_stack_with_a_cell_of_ones_own():
    layer = layers.RNN([Window(), layers.GRUCell(2)], return_state=True)
    y, *states = layer(X)
    assert y.shape == (2, 2) and [len(s) for s in states] == [2, 1]
    assert layer.state_size == [[3, 3], 2]


def test_nested_sequences():
    class Sums(keras.layers.Layer):
        state_size, output_size = 3, 3

        def call(self, inputs, states):
            a, b = inputs
            total = states[0] + a * b
            return total, [total]

    y = layers.RNN(Sums(), return_sequences=True)([X, 2 * X])
    np.testing.assert_allclose(y.numpy(), np.cumsum(2 * X * X, axis=1), rtol=1e-5)


# ---------------------------------------------------------------- states
@each()
def test_stateful_batches_continue_each_other(kind):
    layer = kind(4, stateful=True, return_sequences=True)
    whole = kind(4, return_sequences=True)
    layer.build((2, 2, 3))
    whole.build((2, 5, 3))
    whole.set_weights(layer.get_weights())
    want = whole(X).numpy()
    for _ in range(2):
        parts = [layer(X[:, :2]).numpy(), layer(X[:, 2:]).numpy()]
        np.testing.assert_allclose(np.concatenate(parts, 1), want, rtol=1e-5, atol=1e-6)
        layer.reset_state()
    assert all((s.numpy() == 0).all() for s in layer.states)
    assert len(layer.weights) == 3 and len(layer.trainable_variables) == 3


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_stateful_loops_over_any_cell_continue(rank):
    x = np.random.default_rng(0).normal(size=(2, 5, *[4] * rank, 3)).astype("float32")

    def make(**arguments):
        layer = layers.RNN(layers.GRUCell(2), **arguments) if rank == 0 else getattr(
            layers, f"ConvLSTM{rank}D")(2, 2, padding="same", **arguments)
        layer.build(x.shape)
        return layer

    layer, whole = make(stateful=True), make()
    whole.set_weights(layer.get_weights())
    want = whole(x).numpy()
    for _ in range(2):
        layer(x[:, :3])
        np.testing.assert_allclose(layer(x[:, 3:]).numpy(), want, rtol=1e-5, atol=1e-6)
        layer.reset_state()


def test_stateful_layers_in_a_model():
    inputs = keras.Input(batch_shape=(2, 5, 3))
    layer = layers.LSTM(4, stateful=True)
    model = keras.Model(inputs, layers.Dense(1)(layer(inputs)))
    assert all((s.numpy() == 0).all() for s in layer.states)
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(np.tile(X, (2, 1, 1)), np.ones((4, 1)), batch_size=2, verbose=0, shuffle=False)
    assert all((s.numpy() != 0).any() for s in layer.states)
    with pytest.raises(ValueError, match="stateful for batches of 2 samples. Received: 1"):
        layer(X[:1])


@each()
def test_states_as_inputs_of_a_functional_model(kind):
    n = 2 if kind is layers.LSTM else 1
    sequences, states = keras.Input((5, 3)), [keras.Input((4,)) for _ in range(n)]
    layer = kind(4, return_state=True)
    model = keras.Model([sequences, *states], layer(sequences, initial_state=states))
    given = [np.full((2, 4), 0.3, "float32")] * n
    for a, b in zip(model([X, *given]), layer(X, initial_state=given), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert not np.allclose(layer(X)[0].numpy(), layer(X, initial_state=given)[0].numpy())


def test_gradients_reach_the_first_state():
    layer, h = layers.GRU(4), ops.ones((2, 4))
    with keras.GradientTape() as tape:
        tape.watch(h)
        value = ops.sum(layer(X, initial_state=h))
    assert tape.gradient(value, h).numpy().any()


# ---------------------------------------------------------------- masks
@each()
def test_masks_reach_recurrent_layers(kind):
    tokens = np.array([[1, 2, 0, 0], [3, 1, 2, 0]])
    embedding, layer = layers.Embedding(5, 3, mask_zero=True), kind(4, return_sequences=True)
    y = layer(embedding(tokens))
    np.testing.assert_array_equal(y._keras_mask.numpy(), tokens != 0)
    y = y.numpy()
    np.testing.assert_array_equal(y[0, 1], y[0, 3])
    np.testing.assert_array_equal(y[1, 2], y[1, 3])
    short = kind(4, return_sequences=True)
    short.build((None, 2, 3))
    short.set_weights(layer.get_weights())
    bare = ops.convert_to_tensor(embedding(tokens[:1, :2]).numpy())
    np.testing.assert_allclose(short(bare).numpy(), y[:1, :2], rtol=1e-6)


def test_masks_through_a_stack_of_layers():
    model = keras.Sequential([
        keras.Input((None, 3)), layers.Masking(), layers.LSTM(4, return_sequences=True),
        layers.Bidirectional(layers.GRU(3, return_sequences=True)),
        layers.TimeDistributed(layers.Dense(2)), layers.SimpleRNN(3),
    ])
    x = X.copy()
    x[0, 3:] = 0
    cut = model(x[:1, :3])
    np.testing.assert_allclose(model(x).numpy()[:1], cut.numpy(), rtol=1e-5, atol=1e-6)


def test_masked_steps_may_hold_anything():
    """NaN in a masked step stays out of outputs and states."""
    x, mask = X.copy(), np.ones((2, 5), bool)
    x[0, 2], mask[0, 2] = np.nan, False
    for kind in (layers.LSTM, layers.GRU, layers.SimpleRNN):
        assert np.isfinite(kind(4)(x, mask=mask).numpy()).all()


# ---------------------------------------------------------------- dropout
@each()
@pytest.mark.parametrize("rates", [(0.5, 0.0), (0.0, 0.5), (0.4, 0.3)])
def test_dropout_acts_in_training_only_and_repeats_with_its_seed(kind, rates):
    layer = kind(8, dropout=rates[0], recurrent_dropout=rates[1], seed=3)
    plain = kind(8)
    layer.build((None, 5, 3))
    plain.build((None, 5, 3))
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(X).numpy(), plain(X).numpy(), rtol=1e-6)
    first, second = (layer(X, training=True).numpy() for _ in range(2))
    assert (first != plain(X).numpy()).any() and (first != second).any()
    again = kind(8, dropout=rates[0], recurrent_dropout=rates[1], seed=3)
    again.build((None, 5, 3))
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(X, training=True).numpy(), first)


@each()
def test_one_dropout_mask_serves_all_steps(kind):
    """With the state's weights 0 and equal inputs, equal masks give equal steps."""
    layer = layers.RNN(
        getattr(layers, f"{kind.__name__}Cell")(6, dropout=0.5, recurrent_initializer="zeros"),
        return_sequences=True)
    fused = kind(6, dropout=0.5, recurrent_initializer="zeros", return_sequences=True)
    x = np.ones((4, 3, 5), "float32")
    for call in (layer, fused):
        cell = call.cell
        call(x)
        cell.kernel.assign(np.abs(cell.kernel.numpy()) + 1)
        drawn = call(x, training=True)
        assert cell._dropout_mask is None
        masks = cell.get_dropout_mask(ops.convert_to_tensor(x[:, 0]))
        masks = masks if isinstance(masks, list) else [masks]
        assert len(masks) == {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}[kind.__name__]
        assert {0.0, 2.0} == set(np.concatenate([m.numpy().ravel() for m in masks]))
        if kind is layers.SimpleRNN:
            np.testing.assert_allclose(drawn.numpy()[:, 0], drawn.numpy()[:, 2])


@each(("LSTM", "GRU"))
def test_dropout_of_the_fused_op_is_the_cells(kind):
    """The same masks in the op and step by step give the same result and gradients."""
    layer = kind(4, dropout=0.5, seed=1, return_sequences=True)
    layer.build((None, 5, 3))
    loop = layers.RNN(layer.cell, return_sequences=True)
    layer.cell.reset_dropout_mask = lambda: None  # both calls see one draw
    found = []
    for call in (layer, loop):
        x = ops.convert_to_tensor(X)
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = call(x, training=True)
            value = ops.sum(y * y)
        found.append([y, *tape.gradient(value, [x, *layer.trainable_variables])])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)


# ---------------------------------------------------------------- errors
@pytest.mark.parametrize("make, call, message", [
    (lambda: layers.LSTM(4), {"initial_state": [np.zeros((2, 4))]},
     r"must be 2 tensor\(s\).*Received: 1 tensor"),
    (lambda: layers.GRU(4), {"initial_state": np.zeros((2, 5))},
     r"a state must have shape \(2, 4\). Received: shape \(2, 5\)"),
    (lambda: layers.GRU(4), {"initial_state": np.zeros((3, 4))}, r"shape \(2, 4\)"),
    (lambda: layers.LSTM(4), {"mask": np.ones((2, 4), bool)},
     r"the mask must have shape \(batch, steps\), here \(2, 5\). Received: shape \(2, 4\)"),
    (lambda: layers.LSTM(4), {"mask": np.ones(2, bool)}, "the mask must have shape"),
    (lambda: layers.Bidirectional(layers.GRU(4)), {"initial_state": [np.zeros((2, 4))]},
     "an even number of tensors. Received: 1"),
])
def test_calls_that_do_not_fit(make, call, message):
    call = {k: [a.astype("float32") for a in v] if isinstance(v, list) else v
            for k, v in call.items()}
    with pytest.raises(ValueError, match=message):
        make()(X, **call)


@each()
def test_wrong_rank(kind):
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        kind(4)(X[0])


def test_sequences_without_steps():
    with pytest.raises(ValueError, match="a sequence of no steps"):
        layers.RNN(layers.GRUCell(4))(X[:, :0])


@pytest.mark.parametrize("make, error, message", [
    (lambda: layers.LSTM(0), ValueError, "expected a positive integer, got 0"),
    (lambda: layers.GRU(2.5), ValueError, "units=2.5"),
    (lambda: layers.RNN(3), ValueError, "should have a `call` method. Received: cell=3"),
    (lambda: layers.RNN(layers.Dense(3)), ValueError, "`state_size` attribute"),
    (lambda: layers.StackedRNNCells([layers.Dense(3)]), ValueError, "without a `state_size`"),
    (lambda: layers.LSTM(4, stateful=True)(keras.Input((5, 3))), ValueError,
     "the batch size must be known"),
    (lambda: layers.LSTM(4, time_major=True), ValueError, "Unrecognized keyword"),
    (lambda: layers.Bidirectional(3), ValueError, "Received: 3"),
    (lambda: layers.Bidirectional(layers.Dense(3)), ValueError, "recurrent layer"),
    (lambda: layers.Bidirectional(layers.GRU(3), merge_mode="max"), ValueError, "Received: max"),
    (lambda: layers.Bidirectional(layers.GRU(3), backward_layer=layers.GRU(3)), ValueError,
     "different `go_backwards`"),
    (lambda: layers.Bidirectional(
        layers.GRU(3), backward_layer=layers.GRU(3, go_backwards=True, return_state=True)),
     ValueError, '"return_state", got "False"'),
    (lambda: layers.TimeDistributed(layers.Dense(3))(X[0]), ValueError, "at least 3 dimensions"),
    (lambda: layers.TimeDistributed(3), ValueError, "Received: 3"),
    (lambda: layers.TimeDistributed(layers.Dense(3))(X, mask=np.ones((2, 4), bool)), ValueError,
     r"Expected mask shape prefix: \(2, 5\)"),
    (lambda: layers.ConvLSTM2D(2, 3, strides=2, dilation_rate=2), ValueError, "strides > 1"),
])
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


# ---------------------------------------------------------------- wrappers
@keras.saving.register_keras_serializable("tests")
class Registered(Window):
    pass


def test_bidirectional_over_cells_of_ones_own():
    class Local(Window):
        pass

    for cell in (Local(), Registered()):
        layer = layers.Bidirectional(layers.RNN([cell, layers.GRUCell(2)]))
        assert layer(X).shape == (2, 4)
    again = layers.Bidirectional.from_config(layer.get_config())
    again.build((None, 5, 3))
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(X).numpy(), layer(X).numpy())


def test_bidirectional_states_go_to_their_layers():
    layer = layers.Bidirectional(layers.LSTM(4, return_state=True), merge_mode=None)
    given = [np.full((2, 4), v, "float32") for v in (0.1, 0.2, 0.3, 0.4)]
    a, b, *states = layer(X, initial_state=given)
    forward = layer.forward_layer(X, initial_state=given[:2])
    backward = layer.backward_layer(X, initial_state=given[2:])
    for got, want in zip([a, *states[:2], b, *states[2:]], [*forward, *backward], strict=True):
        np.testing.assert_array_equal(got.numpy(), want.numpy())


def test_bidirectional_initial_weights():
    first = layers.Bidirectional(layers.GRU(4))
    first(X)
    second = layers.Bidirectional(layers.GRU(4), weights=first.get_weights())
    np.testing.assert_array_equal(first(X).numpy(), second(X).numpy())


def test_stateful_bidirectional():
    layer = layers.Bidirectional(layers.GRU(4, stateful=True))
    a, b = layer(X).numpy(), layer(X).numpy()
    layer.reset_states()
    np.testing.assert_array_equal(layer(X).numpy(), a)
    assert (a != b).any() and len(layer.states) == 2


class Centred(keras.layers.Layer):
    """Depends on the other samples of the batch."""

    def call(self, inputs):
        return inputs - ops.mean(inputs, axis=0, keepdims=True)


@pytest.mark.parametrize("make", [
    Centred, lambda: layers.BatchNormalization(), lambda: layers.Dense(2, activation="tanh"),
    lambda: layers.Lambda(lambda x: x - ops.mean(x, axis=0, keepdims=True)),
    lambda: layers.GRU(2), lambda: keras.Sequential([layers.Dense(2), Centred()]),
])
def test_time_distributed_treats_each_step_by_itself(make, rng):
    x = rng.normal(size=(4, 3, 5, 2) if make().__class__ is layers.GRU else (4, 3, 5))
    x = x.astype("float32")
    layer = layers.TimeDistributed(make())
    y = layer(x, training=True).numpy()
    inner = layer.layer
    training = {"training": True} if isinstance(inner, layers.BatchNormalization) else {}
    for t in range(3):
        np.testing.assert_allclose(
            y[:, t], inner(x[:, t], **training).numpy(), rtol=1e-4, atol=1e-5)


def test_time_distributed_hands_masks_on(rng):
    x = rng.normal(size=(2, 3, 4, 2)).astype("float32")
    mask = rng.random((2, 3, 4)) > 0.4
    layer = layers.TimeDistributed(layers.LSTM(2))
    y = layer(x, mask=mask).numpy()
    for t in range(3):
        np.testing.assert_allclose(
            y[:, t], layer.layer(x[:, t], mask=mask[:, t]).numpy(), rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- training and files
@pytest.mark.parametrize("make", [
    lambda: layers.LSTM(8), lambda: layers.GRU(8, dropout=0.2, recurrent_dropout=0.1),
    lambda: layers.RNN([layers.LSTMCell(4), layers.SimpleRNNCell(8)]),
    lambda: layers.Bidirectional(layers.SimpleRNN(4)),
])
def test_training_and_files(make, tmp_path, rng):
    x = rng.normal(size=(64, 6, 2)).astype("float32")
    y = (x[:, :, 0].sum(1) > 0).astype("float32")[:, None]
    model = keras.Sequential([keras.Input((6, 2)), make(), layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy")
    history = model.fit(x, y, epochs=12, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]
    path = tmp_path / "model.keras"
    model.save(path)
    again = keras.models.load_model(path)
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)


def test_seq2seq_states_pass_between_layers(rng):
    source, target = keras.Input((None, 3)), keras.Input((None, 2))
    _, h, c = layers.LSTM(4, return_state=True)(source)
    y = layers.LSTM(4, return_sequences=True)(target, initial_state=[h, c])
    model = keras.Model([source, target], layers.Dense(1)(y))
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    given = [X, rng.normal(size=(2, 4, 2)).astype("float32")]
    np.testing.assert_array_equal(model(given).numpy(), again(given).numpy())
    with keras.GradientTape() as tape:
        value = ops.sum(model(given))
    grads = tape.gradient(value, model.trainable_variables)
    assert all(g is not None and g.numpy().any() for g in grads)
