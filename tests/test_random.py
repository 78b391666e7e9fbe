"""keras.random: laws by their moments, seeds, dtypes, devices, errors."""

import numpy as np
import pytest
from scipy import stats

import minikeras as keras
from minikeras import ops, random
from minikeras.arrays import device_scope

N = 20000
LAWS = {
    "normal": (lambda **o: random.normal((N,), 1.0, 2.0, **o), stats.norm(1, 2)),
    "truncated_normal": (lambda **o: random.truncated_normal((N,), 1.0, 2.0, **o),
                         stats.truncnorm(-2, 2, 1, 2)),
    "uniform": (lambda **o: random.uniform((N,), -1.0, 3.0, **o), stats.uniform(-1, 4)),
    "gamma": (lambda **o: random.gamma((N,), 2.5, **o), stats.gamma(2.5)),
    "beta": (lambda **o: random.beta((N,), 2.0, 3.0, **o), stats.beta(2, 3)),
}
COUNTS = {
    "binomial": (lambda **o: random.binomial((N,), 6.0, 0.3, **o), stats.binom(6, 0.3)),
    "randint": (lambda **o: random.randint((N,), -2, 5, **o), stats.randint(-2, 5)),
}
ALL = LAWS | COUNTS


@pytest.mark.parametrize("name", LAWS)
def test_draws_follow_their_law(name):
    draw, law = LAWS[name]
    assert stats.kstest(draw(seed=1, dtype="float64").numpy(), law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", COUNTS)
def test_whole_numbers_follow_their_law(name):
    draw, law = COUNTS[name]
    values, seen = np.unique(draw(seed=1).numpy(), return_counts=True)
    want = law.pmf(values) * N
    assert law.pmf(values).sum() > 0.999
    assert stats.chisquare(seen, want * seen.sum() / want.sum()).pvalue > 1e-3


def test_categories_follow_their_logits():
    logits = np.log([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-9]]).astype("float32")
    y = random.categorical(logits, N, seed=1)
    assert (y.shape, y.dtype) == ((2, N), "int32")
    share = [np.bincount(row, minlength=3) / N for row in y.numpy()]
    np.testing.assert_allclose(share, [[0.1, 0.2, 0.7], [0.5, 0.5, 0]], atol=0.015)


@pytest.mark.parametrize("name", ALL)
def test_seeds(name):
    draw, _ = ALL[name]
    a, b, c = (draw(seed=s).numpy() for s in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
    assert (draw().numpy() != draw().numpy()).any()
    generator = keras.random.SeedGenerator(1)
    np.testing.assert_array_equal(draw(seed=generator).numpy(), a)  # its first draw
    assert (draw(seed=generator).numpy() != a).any()


@pytest.mark.parametrize("name", ALL)
def test_the_global_seed(name):
    draw, _ = ALL[name]
    keras.utils.set_random_seed(7)
    a, b = draw().numpy(), draw().numpy()
    keras.utils.set_random_seed(7)
    np.testing.assert_array_equal(draw().numpy(), a)
    np.testing.assert_array_equal(draw().numpy(), b)
    assert (a != b).any()


@pytest.mark.parametrize("name", ["normal", "uniform", "randint", "truncated_normal"])
def test_every_device_draws_the_same(name, fakecupy):
    want = ALL[name][0](seed=3).numpy()
    with device_scope("gpu"):
        got = ops.convert_to_numpy(ALL[name][0](seed=3))
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", LAWS)
def test_dtypes(name, dtype):
    y = LAWS[name][0](seed=1, dtype=dtype)
    assert (y.dtype, y.shape) == (dtype, (N,))
    wide = LAWS[name][0](seed=1, dtype="float64").numpy()
    assert abs(ops.convert_to_numpy(y).astype("float64").mean() - wide.mean()) < 0.05


def test_shapes():
    for draw in (random.normal, random.uniform, random.truncated_normal):
        assert draw(()).shape == ()
        assert draw((0, 3)).shape == (0, 3)
        assert draw([2, 3]).shape == (2, 3)
    assert random.gamma((4, 2), [1.0, 2.0], seed=1).shape == (4, 2)


def test_shuffle():
    x = np.arange(40).reshape(8, 5)
    y = random.shuffle(x, seed=1).numpy()
    assert (y != x).any()
    np.testing.assert_array_equal(np.sort(y[:, 0]), x[:, 0])
    np.testing.assert_array_equal(y - y[:, :1], x - x[:, :1])  # rows stay whole
    across = random.shuffle(x, axis=1, seed=1).numpy()
    np.testing.assert_array_equal(np.sort(across, axis=1), x)


def test_dropout(device):
    x = ops.convert_to_tensor(np.ones((100, 200), "float32"))
    y = ops.convert_to_numpy(random.dropout(x, 0.25, seed=1))
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 0.01
    y = ops.convert_to_numpy(random.dropout(x, 0.25, noise_shape=(100, 1), seed=1))
    assert (y == y[:, :1]).all()
    np.testing.assert_array_equal(ops.convert_to_numpy(random.dropout(x, 0.0)), 1)
    np.testing.assert_array_equal(ops.convert_to_numpy(random.dropout(x, 1.0)), 0)
    with keras.GradientTape() as tape:
        tape.watch(x)
        z = random.dropout(x, 0.25, seed=1)
    np.testing.assert_allclose(
        ops.convert_to_numpy(tape.gradient(z, x)), ops.convert_to_numpy(z))


def test_seed_generator():
    keras.utils.clear_session()
    first, second, named = (keras.random.SeedGenerator(3, name=n) for n in (None, None, "own"))
    assert [g.name for g in (first, second, named)] == ["seed_generator", "seed_generator_1", "own"]
    assert named.get_config() == {"seed": 3, "name": "own"}
    assert named.state.path == "own/seed_generator_state"
    again = keras.random.SeedGenerator.from_config(named.get_config())
    assert (again.name, again.get_config()) == ("own", named.get_config())
    np.testing.assert_array_equal(again.next().numpy(), [3, 0])
    np.testing.assert_array_equal(again.next().numpy(), [3, 1])
    stored = keras.saving.serialize_keras_object(named)
    assert stored["module"] == "keras.random"
    assert keras.saving.deserialize_keras_object(stored).get_config() == named.get_config()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: random.normal((2,), dtype="int32"), "keras.random.normal. requires a floating"),
    (lambda: random.gamma((2,), 1.0, dtype="int32"), "keras.random.gamma. requires a floating"),
    (lambda: random.beta((2,), 1.0, 1.0, dtype="int8"), "keras.random.beta. requires a floating"),
    (lambda: random.randint((2,), 0, 3, dtype="float32"), "requires an integer `dtype`"),
    (lambda: random.categorical(np.zeros(3), 2), r"`logits` must have shape .*\(3,\)"),
    (lambda: random.dropout(np.ones(3), 1.5), r"`rate` must be in \[0, 1\].*1.5"),
    (lambda: random.normal((2,), seed="a"), "must be either an integer or an instance of"),
    (lambda: keras.random.SeedGenerator(1.5), "Argument `seed` must be an integer"),
    (lambda: keras.random.SeedGenerator(1, name="a/b"), "cannot contain character `/`"),
])
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
