"""Initializers: values, statistics, fans, seeds, configurations."""

import math

import numpy as np
import pytest
from scipy import signal, stats

import minikeras as keras
from minikeras import initializers

RANDOM = {
    "RandomNormal": {}, "RandomUniform": {}, "TruncatedNormal": {}, "VarianceScaling": {},
    "GlorotUniform": {}, "GlorotNormal": {}, "HeNormal": {}, "HeUniform": {}, "LecunNormal": {},
    "LecunUniform": {}, "Orthogonal": {},
}
CONFIGS = {  # as Keras has them
    "Zeros": {}, "Ones": {}, "Constant": {"value": 0.0}, "Identity": {"gain": 1.0},
    "RandomNormal": {"mean": 0.0, "stddev": 0.05, "seed": None},
    "RandomUniform": {"minval": -0.05, "maxval": 0.05, "seed": None},
    "TruncatedNormal": {"mean": 0.0, "stddev": 0.05, "seed": None},
    "VarianceScaling": {"scale": 1.0, "mode": "fan_in", "distribution": "truncated_normal",
                        "seed": None, "input_axes": None, "output_axes": None},
    "Orthogonal": {"gain": 1.0, "seed": None},
    "STFT": {"side": "real", "window": "hann", "scaling": "density", "periodic": False},
    **{name: {"seed": None, "input_axes": None, "output_axes": None}
       for name in ("GlorotUniform", "GlorotNormal", "HeNormal", "HeUniform", "LecunNormal",
                    "LecunUniform")},
}


def values(initializer, shape, dtype=None):
    return initializer(shape, dtype=dtype).numpy()


# ---------------------------------------------------------------- constants
def test_constants():
    assert values(initializers.Zeros(), (2, 3)).tolist() == [[0.0] * 3] * 2
    assert values(initializers.Ones(), (2,), "int32").dtype == "int32"
    assert values(initializers.Constant(3), (2,)).tolist() == [3.0, 3.0]
    assert values(initializers.Constant(3), (2,)).dtype == "float32"
    assert values(initializers.Constant(np.arange(3.0)), (2, 3)).tolist() == [[0.0, 1.0, 2.0]] * 2
    np.testing.assert_array_equal(
        values(initializers.Identity(2.0), (3, 2)), 2 * np.eye(3, 2, dtype="float32"))
    with pytest.raises(ValueError, match="2D"):
        initializers.Identity()((3,))


# ---------------------------------------------------------------- distributions
@pytest.mark.parametrize("made, law", [
    (initializers.RandomNormal(1.0, 0.5, seed=1), stats.norm(1.0, 0.5)),
    (initializers.RandomUniform(-1.0, 3.0, seed=1), stats.uniform(-1.0, 4.0)),
    (initializers.TruncatedNormal(1.0, 0.5, seed=1), stats.truncnorm(-2, 2, 1.0, 0.5)),
], ids=["normal", "uniform", "truncated"])
def test_distribution(made, law):
    x = values(made, (100, 100)).ravel()
    assert stats.kstest(x, law.cdf).pvalue > 0.001


FANS = {  # shape: (fan_in, fan_out)
    (): (1, 1), (5,): (5, 5), (30, 50): (30, 50), (7, 30, 50): (210, 350),
    (3, 3, 20, 40): (180, 360),
}


@pytest.mark.parametrize("shape", FANS)
def test_fans(shape):
    assert initializers.compute_fans(shape) == FANS[shape]


def test_fans_by_axes():
    assert initializers.compute_fans((20, 30, 40), (0,), (1, 2)) == (20, 1200)
    assert initializers.compute_fans((20, 30, 40), (-2,), (-1,)) == (30, 40)
    assert initializers.compute_fans((20, 30, 40), None, (0,)) == (600, 800)


@pytest.mark.parametrize("name, n, uniform", [
    ("GlorotUniform", 100, True), ("GlorotNormal", 100, False), ("HeNormal", 25, False),
    ("HeUniform", 25, True), ("LecunNormal", 50, False), ("LecunUniform", 50, True),
])
def test_variance_is_one_over_n(name, n, uniform):
    """For a weight (50, 150): fan_avg 100, fan_in 50, half of it for He's."""
    x = values(getattr(initializers, name)(seed=2), (50, 150)).astype("float64").ravel()
    assert abs(x.var() * n - 1) < 0.05 and abs(x.mean()) < 4 / math.sqrt(n * x.size)
    limit = math.sqrt(3 / n) if uniform else 2 / initializers.TRUNCATED_STDDEV / math.sqrt(n)
    assert 0.97 * limit < np.abs(x).max() <= limit * 1.00001


@pytest.mark.parametrize("distribution", ["truncated_normal", "untruncated_normal", "uniform"])
def test_variance_scaling(distribution):
    made = initializers.VarianceScaling(3.0, "fan_out", distribution, seed=1)
    x = values(made, (50, 150)).astype("float64")
    assert abs(x.var() * 150 / 3 - 1) < 0.05


def test_truncated_stddev():
    assert initializers.TRUNCATED_STDDEV == pytest.approx(stats.truncnorm(-2, 2).std(), rel=1e-12)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 3, 4), (2, 2, 9)])
def test_orthogonal(shape):
    q = values(initializers.Orthogonal(2.0, seed=1), shape).reshape(-1, shape[-1])
    gram = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-5)
    assert q.dtype == "float32"


def test_orthogonal_needs_two_axes():
    with pytest.raises(ValueError, match="two-dimensional"):
        initializers.Orthogonal()((3,))


# ---------------------------------------------------------------- seeds
@pytest.mark.parametrize("name", RANDOM)
def test_seeds(name):
    cls, shape = getattr(initializers, name), (4, 5)
    fixed, same, other = cls(seed=1), cls(seed=1), cls(seed=2)
    np.testing.assert_array_equal(values(fixed, shape), values(fixed, shape))
    np.testing.assert_array_equal(values(fixed, shape), values(same, shape))
    assert (values(fixed, shape) != values(other, shape)).any()
    unseeded = cls()
    np.testing.assert_array_equal(values(unseeded, shape), values(unseeded, shape))
    assert (values(unseeded, shape) != values(cls(), shape)).any()
    moving = cls(seed=keras.random.SeedGenerator(3))
    assert (values(moving, shape) != values(moving, shape)).any()
    assert values(fixed, shape, "float16").dtype == "float16"


def test_seed_must_be_a_seed():
    with pytest.raises(ValueError, match="SeedGenerator"):
        initializers.RandomNormal(seed="one")


# ---------------------------------------------------------------- short-time Fourier transform
@pytest.mark.parametrize("window", [None, "hann", "hamming", "blackman", "nuttall", "flattop",
                                    "blackmanharris", "boxcar", "bartlett", "triang", "cosine"])
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("length", [7, 8])
def test_stft(window, periodic, length):
    t, f = np.arange(length)[:, None], np.arange(5)[None]
    w = np.ones(length) if window is None else signal.get_window(window, length, periodic)
    for scaling in (None, "density", "spectrum"):
        scaled = w
        if window is not None and scaling is not None:
            scaled = w / (np.sqrt((w**2).sum()) if scaling == "density" else w.sum())
        expected = scaled[:, None] * np.exp(-2j * np.pi * t * f / 8)
        for side, part in (("real", expected.real), ("imag", expected.imag)):
            made = initializers.STFT(side, window, scaling, periodic)
            got = values(made, (length, 1, 5))
            np.testing.assert_allclose(got[:, 0], part, atol=2e-7)


def test_stft_arguments():
    for arguments, word in (({"side": "x"}, "side"), ({"window": "x"}, "window"),
                            ({"scaling": "x"}, "scaling")):
        with pytest.raises(ValueError, match=word):
            initializers.STFT(**arguments)
    with pytest.raises(ValueError, match="shape"):
        initializers.STFT(window=np.ones(3))((4, 1, 3))
    with pytest.raises(ValueError, match="frame length"):
        initializers.STFT()((4, 3))


# ---------------------------------------------------------------- configurations and names
@pytest.mark.parametrize("name", CONFIGS)
def test_config(name):
    made = getattr(initializers, name)()
    assert made.get_config() == CONFIGS[name]
    config = initializers.serialize(made)
    assert config == {"module": "keras.initializers", "class_name": name,
                      "config": CONFIGS[name], "registered_name": None}
    again = initializers.deserialize(config)
    assert type(again) is type(made) and again.get_config() == made.get_config()
    assert type(made.clone()) is type(made)


def test_config_of_values():
    made = initializers.Constant(np.arange(3.0))
    again = initializers.deserialize(initializers.serialize(made))
    np.testing.assert_array_equal(values(again, (3,)), [0.0, 1.0, 2.0])
    made = initializers.RandomNormal(seed=keras.random.SeedGenerator(3))
    again = initializers.deserialize(initializers.serialize(made))
    np.testing.assert_array_equal(values(again, (3,)), values(made, (3,)))
    kept = initializers.Orthogonal(gain=2.0, seed=3).clone()
    assert (kept.gain, kept.seed) == (2.0, 3)


@pytest.mark.parametrize("name, kind", {
    "zeros": "Zeros", "zero": "Zeros", "one": "Ones", "constant": "Constant",
    "glorot_uniform": "GlorotUniform", "he_normal": "HeNormal", "LecunNormal": "LecunNormal",
    "uniform": "RandomUniform", "normal": "RandomNormal", "identity": "Identity",
    "IdentityInitializer": "Identity", "orthogonal": "Orthogonal", "stft": "STFT",
    "OrthogonalInitializer": "Orthogonal", "truncated_normal": "TruncatedNormal",
}.items())
def test_get(name, kind):
    assert type(initializers.get(name)) is getattr(initializers, kind)


def test_get_of_other_things():
    assert initializers.get(None) is None
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    assert initializers.get({"class_name": "Constant", "config": {"value": 2}}).value == 2
    assert initializers.get(values) is values
    given = initializers.get(np.ones(3))
    assert given((3,), dtype="float16").dtype == "float16"
    with pytest.raises(ValueError, match=r"\(4,\)"):
        given((4,))
    with pytest.raises(ValueError, match="Could not interpret initializer identifier"):
        initializers.get("nope")
    with pytest.raises(ValueError, match="Could not interpret initializer identifier"):
        initializers.get(3)


@pytest.mark.parametrize("arguments", [{"scale": 0}, {"mode": "x"}, {"distribution": "x"}])
def test_wrong_variance_scaling(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        initializers.VarianceScaling(**arguments)


def test_base():
    with pytest.raises(NotImplementedError, match="__call__"):
        initializers.Initializer()((2,))
