"""utils.Config."""

import copy
import json
import pickle

import pytest

from minikeras.utils import Config


@pytest.fixture
def config():
    return Config(a=1, b="x")


def test_reading(config):
    assert (config.a, config["b"], config.get("a"), config.get("z"), config.get("z", 3)) == (
        1, "x", 1, None, 3)
    assert "a" in config and "z" not in config and len(config) == 2 and list(config) == ["a", "b"]
    assert list(config.items()) == [("a", 1), ("b", "x")]
    assert (list(config.keys()), list(config.values())) == (["a", "b"], [1, "x"])
    assert repr(config) == "<Config {'a': 1, 'b': 'x'}>"


def test_missing(config):
    with pytest.raises(AttributeError, match="Unknown attribute: 'z'"):
        config.z  # noqa: B018
    for act in (lambda: config["z"], lambda: config.pop("z")):
        with pytest.raises(KeyError):
            act()
    with pytest.raises(AttributeError):
        del config.z
    assert not hasattr(config, "z") and config.pop("z", 5) == 5


def test_writing(config):
    config.c, config["d"] = [1], {"q": 2}
    config.update({"e": 3}, f=4)
    config.update(Config(g=5))
    del config.a
    del config["b"]
    assert config.pop("e") == 3
    assert config.as_dict() == {"c": [1], "d": {"q": 2}, "f": 4, "g": 5}
    assert json.loads(config.to_json()) == config.as_dict()
    config.as_dict()["c2"] = 1
    assert "c2" not in config


CHANGES = {
    "attribute": lambda c: setattr(c, "a", 2), "item": lambda c: c.__setitem__("a", 2),
    "new": lambda c: setattr(c, "n", 2), "delete": lambda c: delattr(c, "a"),
    "delete item": lambda c: c.__delitem__("a"), "pop": lambda c: c.pop("a"),
    "update": lambda c: c.update(a=2),
}


@pytest.mark.parametrize("name", CHANGES)
def test_frozen(config, name):
    config.freeze()
    assert config.frozen
    with pytest.raises(ValueError, match="Cannot mutate attribute.* frozen"):
        CHANGES[name](config)
    assert config.as_dict() == {"a": 1, "b": "x"}
    config.unfreeze()
    CHANGES[name](config)
    assert not config.frozen and config.as_dict() != {"a": 1, "b": "x"}


def test_names_of_methods(config):
    assert Config(keys=1)["keys"] == 1
    with pytest.raises(AttributeError):
        config.frozen = True


def test_values_that_are_no_json(config):
    config.f = len
    with pytest.raises(TypeError, match="JSON"):
        config.to_json()


@pytest.mark.parametrize("again", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_copies(config, again):
    config.freeze()
    other = again(config)
    assert other.as_dict() == config.as_dict() and other.frozen
