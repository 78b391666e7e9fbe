"""What layers over one to three spatial axes share."""

import inspect

import pytest

from minikeras.layers.layer import Layer
from minikeras.layers.spatial import Spatial, numbers, of_rank, pairs, whole


class Base(Spatial):
    """{name} works {over}: shape (2, {dims 8}), {word}.

    {>>>} 1 + 1
    2
    """

    def __init__(self, size, step=1, first=None, **kwargs):
        super().__init__(**kwargs)
        self.size, self.step, self.first = size, step, first


@of_rank(2, step=(1, 1))
class Images(Base):
    words = {"word": "indeed"}


@of_rank(3, ("size", "first", "step"), size=7)
class Volumes(Base):
    """Its own."""


def test_defaults_and_order():
    layer = Images(3)
    assert (layer.rank, layer.size, layer.step, layer.first) == (2, 3, (1, 1), None)
    layer = Volumes(3, 4, 5, name="mine")
    assert (layer.size, layer.first, layer.step, layer.name) == (3, 4, 5, "mine")
    assert Volumes().size == 7
    assert list(inspect.signature(Volumes).parameters) == ["size", "first", "step", "kwargs"]
    assert inspect.signature(Images).parameters["step"].default == (1, 1)
    assert inspect.signature(Base).parameters["step"].default == 1
    with pytest.raises(TypeError, match="Images: missing a required argument: 'size'"):
        Images()
    with pytest.raises(ValueError, match="surprise"):
        Images(3, surprise=1)


def test_docstrings():
    assert Images.__doc__.startswith("Images works over images: shape (2, 8, 8), indeed.")
    assert ">>> 1 + 1" in Images.__doc__ and "{" not in Images.__doc__
    assert Volumes.__doc__ == "Its own."


def test_subclasses_of_a_rank():
    class More(Images):
        def __init__(self, extra):
            super().__init__(extra + 1)

    assert More(1).size == 2 and More(1).step == (1, 1) and isinstance(More(1), Layer)


@pytest.mark.parametrize("value, least, answer", [
    (1, 1, True), (0, 1, False), (0, 0, True), (True, 1, False), (1.0, 1, False), ("a", 1, False),
])
def test_whole(value, least, answer):
    assert whole(value, least) is answer


def test_numbers():
    layer = Images(1)
    assert numbers(layer, "size", 2, 3) == (2, 2, 2)
    assert numbers(layer, "size", [1, 2], 2) == (1, 2)
    for wrong in (0, (1, 2, 3), (1, "a"), None, 1.5, (1, 0)):
        with pytest.raises(ValueError, match="`size` argument of Images.*tuple of 2.*Received"):
            numbers(layer, "size", wrong, 2)


def test_pairs():
    assert pairs(Images(1), "padding", 2) == ((2, 2), (2, 2))
    assert pairs(Images(1), "padding", (1, 2)) == ((1, 1), (2, 2))
    assert pairs(Images(1), "padding", [(1, 2), [3, 0]]) == ((1, 2), (3, 0))
    one = of_rank(1)(type("One", (Base,), {}))(1)
    assert pairs(one, "padding", 2) == ((2, 2),) and pairs(one, "padding", (1, 2)) == ((1, 2),)
    assert pairs(one, "padding", ((1, 2),)) == ((1, 2),)
    for wrong in (-1, (1, 2, 3), ((1, 2, 3), 1), "a", None, 1.5):
        with pytest.raises(ValueError, match="`padding` argument of Images.*Received: padding="):
            pairs(Images(1), "padding", wrong)


def test_parts_of_shapes():
    layer = Images(1)
    for data_format, shape in (("channels_last", (2, 5, 6, 3)), ("channels_first", (2, 3, 5, 6))):
        layer._set_format(data_format)
        assert layer._sizes(shape) == (5, 6)
        assert layer._shape(2, (5, 6), 3) == shape
        assert shape[layer._channel_axis] == 3
        assert layer._sizes(layer._resized(shape, (1, 2))) == (1, 2)
