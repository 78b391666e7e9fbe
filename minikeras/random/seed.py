"""Seeds: the state behind every random draw."""

import random as python_random

from minikeras.api.registry import public
from minikeras.arrays import NUMPY
from minikeras.core import scopes
from minikeras.core.op import op
from minikeras.core.scopes import state
from minikeras.core.tensor import Tensor, to_tensor
from minikeras.core.variable import Variable
from minikeras.dtypes import canonical
from minikeras.kernels import random as _kernels  # noqa: F401 (their table)

UINT32 = canonical("uint32")
_global = {}


@public("random.SeedGenerator")
class SeedGenerator:
    """A seed that changes with each draw: state (seed, number of draws so far), a Variable.

    Args:
        seed: whole number; random if None.
        name: name of the state variable's scope; "seed_generator", numbered, by default.

    >>> import minikeras as keras
    >>> a, b = keras.random.SeedGenerator(1), keras.random.SeedGenerator(1)
    >>> bool(keras.random.normal((), seed=a) == keras.random.normal((), seed=b))
    True
    """

    def __init__(self, seed=None, name=None, **kwargs):
        if kwargs.pop("backend", None) is not None or kwargs:
            raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
        if seed is None:
            seed = make_default_seed()
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise ValueError(
                f"Argument `seed` must be an integer. Received: seed={seed!r} "
                f"of type {type(seed).__name__}"
            )
        self.name = scopes.auto_name("seed_generator") if name is None else name
        self._initial_seed = seed

        def initial(shape, dtype=None):
            return NUMPY.array([seed & 0xFFFFFFFF, 0], UINT32)

        with scopes.name_scope(self.name, caller=self):
            self.state = Variable(
                initial, shape=(2,), dtype="uint32", trainable=False,
                aggregation="only_first_replica", name="seed_generator_state",
            )

    def next(self, ordered=True):
        """The seed for one draw, a tensor (seed, count); the state moves on."""
        value = self.state.tensor()
        self.state.assign(_next_seed(value))
        return value

    def get_config(self):
        """The initial seed and the name."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config):
        """A generator from what `get_config` gave."""
        return cls(**config)


@op(vjp=False)
def _next_seed(xp, seed):
    """The seed (seed, count) of the draw after `seed`'s."""
    return xp.next_seed(seed)


def make_default_seed():
    """A seed from Python's generator, which set_random_seed seeds."""
    return python_random.randint(1, int(1e9))


def global_seed_generator():
    """The generator behind draws without a seed."""
    if state.symbolic:
        return None
    if "generator" not in _global:
        seed = _global.get("seed")
        _global["generator"] = SeedGenerator(make_default_seed() if seed is None else seed,
                                             name="global_seed_generator")
    return _global["generator"]


@scopes.on_clear
def forget():
    """Start the global generator anew at the next draw."""
    _global.pop("generator", None)


def set_global_seed(seed):
    """Seed the global generator."""
    forget()
    _global["seed"] = seed


def global_state():
    """The global generator's state as an array, None while it has not drawn."""
    generator = _global.get("generator")
    return None if generator is None else generator.state.numpy()


def set_global_state(value):
    """Take up the global generator where `global_state` was taken."""
    if value is None:
        forget()
    else:
        global_seed_generator().state.assign(value)


def draw_seed(seed):
    """A (2,) uint32 tensor from None (the global generator), an int or a SeedGenerator."""
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, Tensor) and seed.shape == (2,):
        return seed
    if seed is None:
        generator = global_seed_generator()
        return generator.next() if generator else to_tensor(NUMPY.zeros(2, UINT32))
    if isinstance(seed, int):
        return to_tensor(NUMPY.array([seed & 0xFFFFFFFF, 0], UINT32))
    raise ValueError(
        "Argument `seed` must be either an integer or an instance of `SeedGenerator`. "
        f"Received: seed={seed!r} (of type {type(seed)})"
    )
