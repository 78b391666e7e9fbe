"""Which mask a layer's `call` is given and which its outputs carry, for every form of call.

The rows are what Keras 3.15.1 does.
"""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

M = np.array([[1, 1, 0], [1, 0, 0]], bool)
N = np.array([[0, 1, 1], [0, 0, 1]], bool)
G = np.array([[1, 0, 0], [1, 1, 0]], bool)


class Base(layers.Layer):
    def __init__(self, supports_masking=True):
        super().__init__()
        self.supports_masking = supports_masking
        self.seen = self.asked = "nothing"


class One(Base):
    def call(self, x):
        return x * 1


class Two(Base):
    def call(self, x):
        return x * 1, x * 2


class Named(Base):
    def call(self, x):
        return {"z": [x * 1, x * 2], "a": x * 3}


class WithNone(Base):
    def call(self, x):
        return None, x * 1, "text"


class Takes(Base):
    def call(self, x, mask=None):
        self.seen = mask
        return x * 1


class KeywordOnly(Base):
    def call(self, x, *, scale=1.0, mask=None):
        self.seen = mask
        return x * scale


class Default(Base):
    def call(self, x, mask="own"):
        self.seen = mask
        return x * 1


class Many(Base):
    def call(self, *xs, mask=None):
        self.seen = mask
        return xs[0] * 1


class Pair(Base):
    def call(self, x, y):
        return x + y


class PairMasks(Base):
    def call(self, x, y, x_mask=None, y_mask=None):
        self.seen = x_mask, y_mask
        return x + y


class PairMask(Base):
    def call(self, x, y=None, mask=None):
        self.seen = mask
        return x * 1


class OwnName(Base):
    def call(self, x, x_mask=None):
        self.seen = x_mask
        return x * 1


class List(Base):
    def call(self, xs, mask=None):
        self.seen = mask
        return [x * 1 for x in xs]


class Dict(Base):
    def call(self, xs, mask=None):
        self.seen = mask
        return {name: x * 1 for name, x in xs.items()}


class Computes(Base):
    def compute_mask(self, x, mask=None):
        self.asked = mask
        return mask

    def call(self, x):
        return x * 1


class ComputesSecond(Base):
    def compute_mask(self, x, mask=None):
        return None, mask

    def call(self, x):
        return x * 1, x * 2


class ComputesFew(Base):
    def compute_mask(self, x, mask=None):
        return [mask]

    def call(self, x):
        return [x * 1, x * 2]


class ComputesAnew(Base):
    def compute_mask(self, x, mask=None):
        return ops.convert_to_tensor(G)

    def call(self, x):
        return x * 1


class SetsItself(Base):
    def call(self, x):
        y = x * 1
        y._keras_mask = ops.convert_to_tensor(G)
        return y


def masked(mask):
    x = ops.convert_to_tensor(np.ones((2, 3, 2), "float32"))
    if mask is not None:
        x._keras_mask = ops.convert_to_tensor(mask)
    return x


def plain(masks):
    """Masks as lists, in their structure."""
    return keras.tree.map_structure(
        lambda m: m if m is None or isinstance(m, str) else np.asarray(m).tolist(), masks)


def carried(outputs):
    return plain(keras.tree.map_structure(lambda x: getattr(x, "_keras_mask", None), outputs))


# layer, call, the mask that `call` is given, the masks of the outputs
ROWS = {
    "positional": (One, lambda f: f(masked(M)), "nothing", M),
    "keyword": (One, lambda f: f(x=masked(M)), "nothing", M),
    "no mask": (One, lambda f: f(masked(None)), "nothing", None),
    "two outputs": (Two, lambda f: f(masked(M)), "nothing", (M, None)),
    "nested outputs": (
        Named, lambda f: f(masked(M)), "nothing", {"a": M, "z": [None, None]}),
    "outputs that are no tensors": (
        WithNone, lambda f: f(masked(M)), "nothing", (None, None, None)),
    "mask argument": (Takes, lambda f: f(masked(M)), M, M),
    "mask argument, keyword": (Takes, lambda f: f(x=masked(M)), M, M),
    "given mask": (Takes, lambda f: f(masked(M), mask=G), G, G),
    "given mask, all by name": (Takes, lambda f: f(x=masked(M), mask=G), G, G),
    "given mask alone": (Takes, lambda f: f(masked(None), mask=G), G, G),
    "given as None": (Takes, lambda f: f(masked(M), mask=None), M, M),
    "given by place": (Takes, lambda f: f(masked(M), G), G, M),
    "given by place alone": (Takes, lambda f: f(masked(None), G), G, None),
    "keyword only": (KeywordOnly, lambda f: f(masked(M), scale=3.0), M, M),
    "another default": (Default, lambda f: f(masked(M)), "own", M),
    "any number": (Many, lambda f: f(masked(M)), (M,), M),
    "any number, two": (Many, lambda f: f(masked(M), masked(N)), (M, N), M),
    "pair": (Pair, lambda f: f(masked(M), masked(N)), "nothing", M),
    "pair, second masked": (Pair, lambda f: f(masked(None), masked(N)), "nothing", None),
    "pair, keywords": (Pair, lambda f: f(y=masked(M), x=masked(N)), "nothing", N),
    "pair of masks": (PairMasks, lambda f: f(masked(M), masked(N)), (M, N), M),
    "pair of masks, turned": (PairMasks, lambda f: f(y=masked(M), x=masked(N)), (N, M), N),
    "pair of masks, one given": (
        PairMasks, lambda f: f(masked(M), masked(N), x_mask=G), (G, N), M),
    "pair, one argument": (PairMask, lambda f: f(masked(M)), M, M),
    "pair, one mask": (PairMask, lambda f: f(masked(M), masked(N)), None, M),
    "pair, one given": (PairMask, lambda f: f(masked(M), masked(N), mask=G), G, G),
    "one of its own name": (OwnName, lambda f: f(masked(M)), None, M),
    "list": (List, lambda f: f([masked(M), masked(N)]), [M, N], [M, N]),
    "list, half": (List, lambda f: f([masked(None), masked(N)]), [None, N], [None, N]),
    "list, none": (List, lambda f: f([masked(None)] * 2), [None, None], [None, None]),
    "list, given": (
        List, lambda f: f([masked(None), masked(None)], mask=[G, None]), [G, None], [G, None]),
    "list, given by place": (
        List, lambda f: f([masked(None), masked(None)], [G, None]), [G, None], [None, None]),
    "dict": (
        Dict, lambda f: f({"b": masked(M), "a": masked(N)}), {"a": N, "b": M}, {"a": N, "b": M}),
    "dict, keyword": (
        Dict, lambda f: f(xs={"b": masked(M), "a": masked(None)}), {"a": None, "b": M},
        {"a": None, "b": M}),
    "second output's": (ComputesSecond, lambda f: f(masked(M)), "nothing", (None, M)),
    "fewer than outputs": (ComputesFew, lambda f: f(masked(M)), "nothing", [M, None]),
    "made anew": (ComputesAnew, lambda f: f(masked(None)), "nothing", G),
    "set in call": (SetsItself, lambda f: f(masked(M)), "nothing", G),
}
FIRST_HAS_NONE = (
    "no mask", "given by place alone", "pair, second masked", "list, none",
    "list, given by place", "made anew",
)


@pytest.mark.parametrize("row", ROWS)
def test_masks(row):
    kind, call, seen, outputs = ROWS[row]
    layer = kind()
    assert carried(call(layer)) == plain(outputs)
    assert plain(layer.seen) == plain(seen)


@pytest.mark.parametrize("row", ROWS)
def test_a_layer_that_does_not_support_masks_says_so(row):
    kind, call, seen, outputs = ROWS[row]
    layer = kind(supports_masking=False)
    if row in FIRST_HAS_NONE:
        made = call(layer)
    else:
        with pytest.warns(UserWarning, match="does not support masking"):
            made = call(layer)
    want = [None if kind is not SetsItself else plain(G) for _ in keras.tree.flatten(made)]
    found = [getattr(x, "_keras_mask", None) for x in keras.tree.flatten(made)]
    assert plain(found) == want
    assert plain(layer.seen) == plain(seen)


def test_compute_mask_is_asked_with_the_mask():
    for call in (lambda f: f(masked(M)), lambda f: f(x=masked(M))):
        layer = Computes()
        call(layer)
        assert plain(layer.asked) == M.tolist()


def test_masks_pass_symbolic_calls_alike():
    inputs = keras.Input((3,), dtype="int32")
    x = layers.Embedding(5, 2, mask_zero=True)(inputs)
    for kind, kwargs in ((One, {"x": x}), (Takes, {"x": x}), (PairMasks, {"x": x, "y": x})):
        y = kind()(**kwargs)
        assert y._keras_mask.shape == (None, 3)
        model = keras.Model(inputs, y)
        made = model(np.array([[1, 2, 0], [3, 0, 0]]))
        assert carried(made) == M.tolist()
    first, second = Two()(x)
    assert first._keras_mask.shape == (None, 3) and not hasattr(second, "_keras_mask")


# ---------------------------------------------------------------- merging masked inputs
X, Y, Z = [[3.0, -1, 2, -5]], [[1.0, 4, -2, 7]], [[2.0, 2, 9, -9]]
MASKS = {"-": None, "a": [[1, 1, 0, 0]], "b": [[1, 0, 1, 0]], "f": [[0] * 4], "t": [[1] * 4]}
MERGED = {
    "Maximum": {
        "ab": [3, -1, -2, -5], "a-": [3, 4, -2, 7], "-a": [3, 4, 2, -5], "ff": [3, -1, 2, -5],
        "ft": [1, 4, -2, 7], "aa": [3, 4, 2, -5], "aba": [3, 2, -2, -5], "ab-": [3, 2, 9, -9],
        "--a": [3, 4, 2, 7], "--": [3, 4, 2, 7],
    },
    "Minimum": {
        "ab": [1, -1, -2, -5], "a-": [1, -1, -2, 7], "-a": [1, -1, 2, -5], "ff": [3, -1, 2, -5],
        "ft": [1, 4, -2, 7], "aa": [1, -1, 2, -5], "aba": [1, -1, -2, -5], "ab-": [1, -1, -2, -9],
        "--a": [1, -1, -2, -5], "--": [1, -1, -2, -5],
    },
    "Multiply": {
        "ab": [3, -1, -2, 0], "a-": [3, -4, -2, 7], "-a": [3, -4, 2, -5], "ff": [0, 0, 0, 0],
        "ft": [1, 4, -2, 7], "aa": [3, -4, 0, 0], "aba": [6, -2, -2, 0], "ab-": [6, -2, -18, -9],
        "--a": [6, -8, -4, -35], "--": [3, -4, -4, -35],
    },
    "Add": {"ab": [4, 3, 0, 2], "a-": [4, 3, 0, 2]},
    "Average": {"ab": [2, 1.5, 0, 1], "-a": [2, 1.5, 0, 1]},
    "Subtract": {"ab": [2, -5, 4, -12]},
}


@pytest.mark.parametrize("name, masks", [(n, m) for n in MERGED for m in MERGED[n]])
def test_what_merging_layers_make_of_masked_steps(name, masks):
    inputs = []
    for x, kind in zip((X, Y, Z), masks):
        x = ops.convert_to_tensor(np.repeat(np.array(x, "float32")[..., None], 2, -1))
        if MASKS[kind] is not None:
            x._keras_mask = ops.convert_to_tensor(np.array(MASKS[kind], bool))
        inputs.append(x)
    y = getattr(layers, name)()(inputs)
    assert y.numpy()[0].tolist() == [[v, v] for v in MERGED[name][masks]]
    seen = [np.array(MASKS[k], bool) for k in masks if k != "-"]
    expected = np.logical_or.reduce(seen).tolist() if len(seen) == len(masks) else None
    assert carried(y) == expected
