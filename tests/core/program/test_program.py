"""Programs: passes one by one, memory, tiles, threads, on steps of many kinds."""

import itertools

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops
from minikeras.core.program import emission, homes, passes, storage, tiling, workers
from minikeras.core.program.flat import Row
from minikeras.core.program.program import PASSES, Program, chosen_passes
from minikeras.core.program.values import Untraceable
from minikeras.kernels import recurrent as recurrent_kernels
from minikeras.kernels.registry import KERNELS

B = 12


def weights(*shapes):
    rng = np.random.default_rng(0)
    return [keras.Variable(rng.standard_normal(s).astype("float32") * 0.5) for s in shapes]


def descent(tape, loss, variables, rate=0.1):
    for v, g in zip(variables, tape.gradient(loss, variables)):
        v.assign_sub(rate * g)


def mlp():
    w1, b1, w2 = weights((6, 8), (8,), (8, 3))

    def step(x, y):
        with keras.GradientTape() as tape:
            h = ops.tanh(x @ w1 + b1)
            loss = ops.mean(keras.losses.sparse_categorical_crossentropy(
                y, h @ w2, from_logits=True))
        descent(tape, loss, [w1, b1, w2])
        return {"loss": loss, "h": h}

    return step, [(B, 6), (B,)], [w1, b1, w2]


def convolution():
    k1, k2, w = weights((3, 3, 2, 4), (3, 3, 4, 5), (5, 3))
    mean = keras.Variable(np.zeros(4, "float32"), trainable=False)

    def step(x, y):
        with keras.GradientTape() as tape:
            h = ops.max_pool(ops.tanh(ops.conv(x, k1, padding="same")), 2)
            m, v = ops.moments(h, axes=[0, 1, 2])
            mean.assign(0.9 * mean + 0.1 * m)
            h = (h - m) / ops.sqrt(v + 1e-3)
            h = ops.sigmoid(ops.conv(h, k2, strides=2, padding="same"))
            loss = ops.mean(keras.losses.sparse_categorical_crossentropy(
                y, ops.mean(h, axis=(1, 2)) @ w, from_logits=True))
        descent(tape, loss, [k1, k2, w])
        return loss

    return step, [(B, 8, 8, 2), (B,)], [k1, k2, w, mean]


def odd():
    """Sums over the batch in the middle, transposes, slices, joins, whole-batch ops."""
    w, = weights((6, 6))

    def step(x, y):
        with keras.GradientTape() as tape:
            a = x @ w
            gram = ops.matmul(ops.transpose(a), a) / B
            b = ops.concatenate([a @ gram, ops.flip(a, axis=1)], axis=1)[:, 1:-1]
            order = ops.cumsum(b, axis=0)
            loss = ops.mean(ops.tanh(order - ops.max(b, axis=0)) ** 2) + ops.sum(w**2) * 0.01
            loss = loss + ops.mean(ops.cast(y, "float32") * b[:, 0])
        descent(tape, loss, [w])
        return loss, ops.transpose(b), [gram, 3, None, "text"]

    return step, [(B, 6), (B,)], [w]


def adam():
    variables = weights((6, 40), (40,), (40, 3), (3,))
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(variables)

    def step(x, y):
        w1, b1, w2, b2 = variables
        with keras.GradientTape() as tape:
            loss = ops.mean(keras.losses.sparse_categorical_crossentropy(
                y, ops.tanh(x @ w1 + b1) @ w2 + b2, from_logits=True))
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return step, [(B, 6), (B,)], [*variables, *optimizer.variables]


def swapping():
    a, b, c = weights((4,), (4,), ())

    def step(x, y):
        old = a.value
        a.assign(b)
        b.assign(old)
        c.assign(c * 1.5)
        return old, a.value, c.value, x, y

    return step, [(B, 6), (B,)], [a, b, c]


def seeds():
    generator = keras.random.SeedGenerator(3)

    def step(x, y):
        noise = keras.random.normal(x.shape, seed=generator)
        kept = keras.random.dropout(x + noise, 0.5, seed=generator)
        return kept, keras.random.randint((3,), 0, 9, seed=generator), y

    return step, [(B, 6), (B,)], [generator.state]


def attention():
    """Attention with no mask, a mask a sample, and one for all samples."""
    w, = weights((6, 6))

    def step(x, y):
        with keras.GradientTape() as tape:
            q = ops.reshape(x @ w, (B, 5, 2, 3))
            own = ops.reshape(x[:, :, :1] > 0, (B, 1, 1, 5))
            loss = 0.0
            for more in ({}, {"mask": own}, {"is_causal": True}):
                loss = loss + ops.mean(ops.dot_product_attention(q, q, q, **more) ** 2)
            loss = loss + ops.mean(ops.cast(y, "float32"))
        descent(tape, loss, [w])
        return loss

    return step, [(B, 5, 6), (B,)], [w]


def recurrent():
    """Layers over sequences, one with a state that lasts, one with a mask."""
    keras.utils.set_random_seed(5)
    first = keras.layers.LSTM(4, return_sequences=True, stateful=True)
    second = keras.layers.RNN([keras.layers.GRUCell(3), keras.layers.LSTMCell(2)])
    third, fourth = keras.layers.GRU(3), keras.layers.SimpleRNN(3, return_sequences=True)
    for layer, n in ((first, 6), (second, 4), (third, 4), (fourth, 4)):
        layer.build((B, 5, n))
    variables = [v for layer in (first, second, third, fourth) for v in layer.trainable_variables]

    def step(x, y):
        with keras.GradientTape() as tape:
            h = first(x)
            loss = ops.mean(second(h) ** 2) + ops.mean(third(h, mask=x[:, :, 0] > 0) ** 2)
            loss = loss + ops.mean(fourth(h, mask=x[:, :, 1] > 0) ** 2)
            loss = loss + ops.mean(ops.cast(y, "float32"))
        descent(tape, loss, variables)
        return loss

    return step, [(B, 5, 6), (B,)], [*variables, *first.states]


STEPS = {f.__name__: f for f in (
    mlp, convolution, odd, adam, swapping, seeds, attention, recurrent)}


def batch(shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(s).astype("float32") if len(s) > 1
            else rng.integers(0, 3, s) for s in shapes]


def plain(result):
    return [np.asarray(x) for x in keras.tree.flatten(result)
            if isinstance(x, keras.Tensor)]


def run(name, steps=3, **options):
    """(results of each step, variables at the end, the program) of a replayed step."""
    step, shapes, variables = STEPS[name]()
    program = Program(step, batch(shapes), **options)
    results = [plain(program(*batch(shapes, i))) for i in range(steps)]
    return results, [v.numpy() for v in variables], program


def run_eagerly(name, steps=3):
    step, shapes, variables = STEPS[name]()
    results = [plain(step(*map(ops.convert_to_tensor, batch(shapes, i)))) for i in range(steps)]
    return results, [v.numpy() for v in variables]


def agree(one, other, rtol=0.0, atol=0.0):
    for a, b in zip(itertools.chain(*one[0], one[1]), itertools.chain(*other[0], other[1]),
                    strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", STEPS)
def test_without_passes_bitwise_as_eager(name):
    agree(run(name, passes=()), run_eagerly(name))


@pytest.mark.parametrize("one", PASSES)
@pytest.mark.parametrize("name", STEPS)
def test_each_pass_alone(name, one):
    exact = one not in ("rewrite", "crop", "tiles")
    agree(run(name, passes=(one,), tiles=3), run_eagerly(name), *((0, 0) if exact else
                                                                 (1e-4, 1e-5)))


@pytest.mark.parametrize("tiles", [1, 2, 3, 5])
@pytest.mark.parametrize("name", STEPS)
def test_all_passes(name, tiles):
    agree(run(name, tiles=tiles), run_eagerly(name), 1e-4, 1e-5)


@pytest.mark.parametrize("off", PASSES)
@pytest.mark.parametrize("name", STEPS)
def test_all_passes_but_one(name, off):
    agree(run(name, passes=[p for p in PASSES if p != off], tiles=2), run_eagerly(name),
          1e-4, 1e-5)


@pytest.mark.parametrize("name", STEPS)
def test_number_of_threads_does_not_change_a_bit(name):
    agree(run(name, tiles=4, threads=1), run(name, tiles=4, threads=3))


@pytest.mark.parametrize("name", STEPS)
def test_nothing_depends_on_what_memory_held(name):
    step, shapes, variables = STEPS[name]()
    program = Program(step, batch(shapes), tiles=2)
    for memory in program.storage.arenas.values():
        memory[...] = 0xFF  # NaN of every float
    results = [plain(program(*batch(shapes, i))) for i in range(2)]
    for memory in program.storage.arenas.values():
        memory[...] = 0xFF
    results.append(plain(program(*batch(shapes, 2))))
    agree((results, [v.numpy() for v in variables]), run(name, tiles=2))


def test_structure_of_results_and_what_is_no_tensor():
    _, _, program = run("odd", steps=1)
    step, shapes, _ = odd()
    loss, b, (gram, three, none, text) = program(*batch(shapes))
    assert loss.shape == () and b.shape == (10, B) and gram.shape == (6, 6)
    assert (three, none, text) == (3, None, "text")


def test_results_are_not_overwritten_by_the_next_replay():
    step, shapes, _ = mlp()
    program = Program(step, batch(shapes))
    first = program(*batch(shapes, 0))["h"]
    copy = first.numpy()
    program(*batch(shapes, 1))
    np.testing.assert_array_equal(first, copy)


def test_arenas_are_smaller_than_all_values_and_the_planned_ones_than_unplanned():
    full = run("convolution", passes=PASSES, tiles=1)[2].storage.bytes[True]
    bare = run("convolution", passes=(), tiles=1)[2].storage.bytes[True]
    assert full < 0.7 * bare


def test_dead_code_is_dropped_and_common_calls_are_made_once():
    def step(x):
        ops.exp(x)
        return ops.tanh(x) + ops.tanh(x)

    names = [n.kernel.name for n in Program(step, batch([(B, 6)]), passes=()).storage.nodes]
    assert names.count("exp") == 1 and names.count("tanh") == 2
    program = Program(step, batch([(B, 6)]), passes=("dce", "cse"))
    assert [n.kernel.name for n in program.storage.nodes] == ["tanh", "add"]


def test_calls_that_change_nothing_are_left_out():
    def step(x):
        return ops.sum(x[:, :1] * 1.0, axis=1) / 1 + ops.sum(x, axis=1)

    x = batch([(B, 6)])
    program = Program(step, x, passes=("simplify", "dce"))
    names = [n.kernel.name for n in program.storage.nodes if n.kernel.kind != "view"]
    assert names == ["sum", "add"]
    np.testing.assert_array_equal(program(*x), step(ops.convert_to_tensor(x[0])))


def test_pooling_moves_before_functions_that_never_decrease():
    def step(x):
        return ops.max_pool(ops.relu(x + 1.0), 2)

    x = batch([(B, 4, 4, 2)])
    program = Program(step, x, passes=("rewrite", "dce"))
    nodes = program.storage.nodes
    assert nodes[0].kernel.name == "pool_max" and nodes[-1].outs[0].shape == (B, 2, 2, 2)
    np.testing.assert_array_equal(program(*x), step(ops.convert_to_tensor(x[0])))


def test_pooling_stays_behind_functions_that_are_used_elsewhere_or_decrease():
    x = batch([(B, 4, 4, 2)])

    def kept(x):
        y = ops.relu(x)
        return ops.max_pool(y, 2), y

    for f in (kept, lambda x: ops.max_pool(-x, 2), lambda x: ops.max_pool(ops.abs(x), 2)):
        program = Program(f, x, passes=("rewrite", "dce"))
        for a, b in zip(plain(program(*x)), plain(f(ops.convert_to_tensor(x[0])))):
            np.testing.assert_array_equal(a, b)


def test_variables_of_an_optimizer_lie_in_one_buffer_and_are_updated_by_one_call():
    _, _, program = run("adam")
    updates = [n for n in program.storage.nodes if n.kernel.name == "adam_update"]
    assert len(updates) == 1 and len(updates[0].outs) == 3
    rows = [row for row in program.written if isinstance(row, Row)]
    assert [len(row.variables) for row in rows] == [4, 4, 4]
    for row in rows:
        assert len({id(v._home.base) for v in row.variables}) == 1


def test_homes_move_and_programs_follow():
    w, = weights((4,))
    first = Program(lambda x: x + w, [np.zeros((2, 4), "float32")])

    def step(x):
        w.assign_add([1.0, 1.0, 1.0, 1.0])
        return x

    second = Program(step, [np.zeros((2, 4), "float32")])
    before = w.numpy()
    second(np.zeros((2, 4), "float32"))
    np.testing.assert_array_equal(first(np.zeros((2, 4), "float32")).numpy()[0], before + 1)
    w.assign([5.0, 6.0, 7.0, 8.0])
    np.testing.assert_array_equal(first(np.zeros((2, 4), "float32")).numpy()[1], [5, 6, 7, 8])
    homes.side_by_side([*weights((2,)), w])
    second(np.zeros((2, 4), "float32"))
    np.testing.assert_array_equal(first(np.zeros((2, 4), "float32")).numpy()[1], [6, 7, 8, 9])
    assert w.numpy().tolist() == [6, 7, 8, 9]


# ---------------------------------------------------------------- batch states
def states(step, *shapes):
    program = Program(step, batch(list(shapes)), tiles=2, passes=("tiles",))
    return [n.outs[0].state for n in program.storage.nodes]


@pytest.mark.parametrize(("step", "expected"), [
    (lambda x: ops.exp(x), ("B", 0, 1)),
    (lambda x: ops.reshape(x, (B * 2, 3)), ("B", 0, 2)),
    (lambda x: ops.transpose(x), ("B", 1, 1)),
    (lambda x: ops.sum(x, axis=1), ("B", 0, 1)),
    (lambda x: ops.sum(x, axis=0), "P"),
    (lambda x: ops.max(x, axis=0), "S"),
    (lambda x: ops.matmul(ops.transpose(x), x), "P"),
    (lambda x: ops.matmul(x, np.ones((6, 2), "float32")), ("B", 0, 1)),
    (lambda x: ops.matmul(x, ops.transpose(x)), "S"),
    (lambda x: x[1:], "S"),
    (lambda x: x[:, 1:], ("B", 0, 1)),
    (lambda x: ops.cumsum(x, axis=0), "S"),
])
def test_state_along_the_batch(step, expected):
    made = [s for s in states(step, (B, 6))]
    nodes = [s for s in made if s == expected]
    assert nodes, made


def cropped(pool, used=False, padding="valid"):
    """(windows' outputs of the program's convolutions, whether values agree with eager code's)."""
    k, w = weights((3, 3, 32, 16), (16, 3))
    x = np.random.default_rng(0).standard_normal((2, 13, 13, 32)).astype("float32")

    def step(x):
        with keras.GradientTape() as tape:
            tape.watch(x)
            h = ops.conv(x, k, padding=padding)
            y = ops.mean(pool(h), axis=(1, 2)) @ w
            loss = ops.sum(y ** 2) + (ops.sum(h) if used else 0)
        return y, *tape.gradient(loss, [x, k, w])

    program = Program(step, [x])
    for ours, theirs in zip(program(x), step(ops.convert_to_tensor(x))):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4)
    return {n.static["window"].outputs for n in program.storage.nodes
            if n.kernel.name in ("conv_forward", "conv_input_gradient", "conv_kernel_gradient")}


def test_convolutions_leave_out_what_pooling_passes_over():
    assert cropped(lambda h: ops.max_pool(ops.relu(h), 2)) == {(10, 10)}
    assert cropped(lambda h: ops.average_pool(h, (2, 3), strides=(2, 4))) == {(10, 11)}
    assert cropped(lambda h: ops.max_pool(h, 4, strides=3)) == {(10, 10)}
    assert cropped(lambda h: ops.max_pool(h, 2, padding="same")) == {(11, 11)}
    assert cropped(lambda h: ops.max_pool(h, 3, strides=1)) == {(11, 11)}


def test_convolutions_that_something_else_reads_stay_whole():
    assert cropped(lambda h: ops.max_pool(h, 2), used=True) == {(11, 11)}
    assert cropped(lambda h: ops.max_pool(h, 2)[:, :1, :1] + ops.max_pool(h, 5)) == {(11, 11)}
    assert cropped(lambda h: ops.max_pool(h, 2), padding="same") == {(13, 13)}


@pytest.mark.parametrize("name, states", [("lstm", 2), ("gru", 1), ("simple_rnn", 1)])
def test_samples_are_shared_out_where_a_step_is_much_work(monkeypatch, name, states):
    def found():
        nodes = run("recurrent", tiles=2)[2].storage.nodes
        return {n.kernel.name: [v.state for v in n.outs] for n in nodes}

    steps, gradient = f"{name}_steps", f"{name}_gradient"
    assert set(found()[steps] + found()[gradient]) == {"S"}
    monkeypatch.setattr(recurrent_kernels, "SLICED", 0)
    assert found()[steps] == [("B", 0, 1)] * (1 + states) + [("B", 2, 1)] * (1 + states)
    assert found()[gradient][:4] == [("B", 0, 1), "P", "P", "P"]
    assert set(found()[gradient][4:]) <= {("B", 0, 1)}


@pytest.mark.parametrize("sliced", [0, 1 << 40])
def test_recurrent_steps_shared_out(monkeypatch, sliced):
    """Over samples or over steps: as in eager code, and the same bits with one or two threads."""
    expected = run_eagerly("recurrent")
    monkeypatch.setattr(recurrent_kernels, "SLICED", sliced)
    monkeypatch.setattr(recurrent_kernels, "SHARED", 0)
    monkeypatch.setattr(recurrent_kernels, "CHUNK", 50)
    monkeypatch.setattr(recurrent_kernels, "HELD", 500)
    one, two = (run("recurrent", tiles=2, threads=n) for n in (1, 2))
    assert any(others for _, others in two[2].sections)
    assert not any(others for _, others in one[2].sections)
    agree(one, two)
    agree(two, expected, 1e-5, 1e-6)
    agree(two, run_eagerly("recurrent"), 1e-5, 1e-6)


def test_small_work_is_one_tile_and_large_work_two():
    step, shapes, _ = mlp()
    assert Program(step, batch(shapes)).tiles == 1

    def large(x):
        return ops.tanh(x @ np.ones((600, 600), "float32"))

    assert Program(large, [np.ones((512, 600), "float32")]).tiles == 2
    node = Program(large, [np.ones((512, 600), "float32")]).storage.nodes[0]
    assert tiling.cost(node) > 1e-3


def test_inputs_that_disagree_about_the_batch_are_not_tiled():
    program = Program(lambda x, y: (x @ x, y), batch([(6, 6), (4, 2)]), tiles=2)
    assert program.tiles == 1


# ---------------------------------------------------------------- errors
def test_untraceable_reasons():
    for step in (lambda x: float(ops.sum(x)), lambda x: bool(ops.all(x > 0)),
                 lambda x: np.asarray(x), lambda x: x.numpy(), lambda x: x.tolist(),
                 lambda x: [0] if ops.sum(x) > 0 else [1]):
        with pytest.raises(Untraceable, match="numbers of a tensor were asked for"):
            Program(step, [np.ones(3, "float32")])
    with pytest.raises(Untraceable):
        Program(lambda x: ops.nonzero(x), [np.ones(3, "float32")])


def test_an_error_in_a_worker_reaches_the_caller_and_the_worker_lives_on():
    def fail():
        raise ZeroDivisionError("in the worker")

    for sections in ([([], [[fail]])], [([fail], [[lambda: None]])]):
        with pytest.raises(ZeroDivisionError):
            workers.run(sections)
    seen = []
    workers.run([([lambda: seen.append(0)], [[lambda: seen.append(1)]])])
    assert sorted(seen) == [0, 1]


def test_a_replay_that_breaks_off_says_that_variables_may_be_half_updated():
    step, shapes, _ = mlp()
    program = Program(step, batch(shapes))

    def fail():
        raise MemoryError("no memory")

    program.sections[0][0].append(fail)
    with pytest.raises(MemoryError) as e:
        program(*batch(shapes))
    assert "half updated" in e.value.__notes__[0]


def test_passes_by_environment(monkeypatch):
    monkeypatch.setenv("MINIKERAS_PASSES", "dce,cse")
    assert chosen_passes() == ("dce", "cse")
    monkeypatch.setenv("MINIKERAS_PASSES", "")
    assert chosen_passes() == ()
    monkeypatch.setenv("MINIKERAS_PASSES", "dce,magic")
    with pytest.raises(ValueError, match=r"unknown passes: \['magic'\]"):
        chosen_passes()


# ---------------------------------------------------------------- flat work, shared out
def test_a_large_update_is_shared_out_to_the_threads():
    variables = weights((300, 500), (500, 40))
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer.build(variables)

    def step(x):
        with keras.GradientTape() as tape:
            loss = ops.mean((ops.tanh(x @ variables[0]) @ variables[1]) ** 2)
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    x = np.random.default_rng(0).standard_normal((64, 300)).astype("float32")
    program = Program(step, [x], tiles=2, threads=2)
    assert sum(n.by_rows for n in program.storage.nodes) == 1  # of 300 x 500
    assert sum(bool(more) for _, more in program.sections) == 3  # tiles, that product, the update
    single = [v.numpy() for v in variables]
    program(x)
    after = [v.numpy() for v in variables]
    for v, value in zip(variables, single):
        v.assign(value)
    for v in optimizer.variables[2:]:
        v.assign(np.zeros(v.shape))
    Program(step, [x], tiles=2, threads=1)(x)
    for v, value in zip(variables, after):
        np.testing.assert_array_equal(v, value)


def test_runs_of_flat_work_end_where_memory_overlaps():
    a = np.zeros(100, "float32")
    assert not emission._meet([a[:50]], [a[50:], 3.0])
    assert emission._meet([a[:50]], [a[49:60]])


def test_gaps_of_an_arena_are_filled_best_fit_first():
    live = [(0, 64, 9), (128, 192, 9), (448, 512, 9)]
    assert storage._gap(live, 64) == 64
    assert storage._gap(live, 128) == 192
    assert storage._gap(live, 512) == 512


def test_partial_sums_are_added_in_the_order_of_the_tiles():
    out, k = np.zeros(2, "float32"), KERNELS["add_tiles"]

    class Now:
        xp = np

        def __call__(self, fn, *args, **kwargs):
            fn(*args, **kwargs)

    k.run(Now(), out, *[np.full(2, v, "float32") for v in (1e8, 1.0, -1e8)])
    np.testing.assert_array_equal(out, (np.float32(1e8) + np.float32(1)) - np.float32(1e8))
    assert passes.COMBINE is k


@pytest.mark.parametrize("index", [0, (1, 2), (slice(0, 1), 0), (..., 1)], ids=str)
def test_one_element_is_an_array_of_no_axes(index):
    x = np.arange(6, dtype="float32").reshape(2, 3)
    a = x[0] if index == 0 else x
    y = keras.function(lambda t: t[index])
    for _ in range(3):
        got = y(keras.ops.convert_to_tensor(a))
        np.testing.assert_array_equal(got.numpy(), a[index])
        assert got.shape == np.shape(a[index])
