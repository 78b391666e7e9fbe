"""The training flag on its way through a graph of layers: the call's wins, as in Keras."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers

ONES = np.ones((8, 16), "float32")


class Block(layers.Layer):
    def __init__(this):  # the first parameter may have any name
        super().__init__()
        this.dropout = layers.Dropout(0.5)

    def call(this, x):
        return this.dropout(x)


class Handing(Block):
    def call(self, x, training=None):
        return self.dropout(x, training=training)


def sequential():
    return keras.Sequential([keras.Input((16,)), layers.Dropout(0.5)])


BLOCKS = {"layer": lambda: layers.Dropout(0.5), "inside": Block, "handed on": Handing,
          "sequential": sequential, "functional": lambda: functional(layers.Dropout(0.5))}


def functional(layer, **options):
    x = keras.Input((16,))
    return keras.Model(x, layer(x, **options))


def drops(outputs):
    return bool((np.asarray(outputs) == 0).any())


@pytest.mark.parametrize("name", BLOCKS)
def test_of_the_call(name):
    for model in (functional(BLOCKS[name]()), keras.Sequential([BLOCKS[name]()])):
        assert drops(model(ONES, training=True))
        assert not drops(model(ONES, training=False))
        assert not drops(model(ONES))
        assert not drops(model.predict(ONES, verbose=0))


@pytest.mark.parametrize("name", [n for n in BLOCKS if n != "inside"])
def test_of_the_graph_where_the_call_has_none(name):
    always = functional(BLOCKS[name](), training=True)
    assert drops(always(ONES)) and not drops(always(ONES, training=False))
    assert not drops(always.predict(ONES, verbose=0))
    never = functional(BLOCKS[name](), training=False)
    assert not drops(never(ONES)) and drops(never(ONES, training=True))


@pytest.mark.parametrize("name", BLOCKS)
def test_in_fit_and_evaluate(name):
    model = functional(BLOCKS[name]())
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="trainable weights"):
        trained = model.fit(ONES, ONES, verbose=0).history["loss"][0]
    assert trained > 0.5  # elements are 0 or 2 where 1 is the target
    assert model.evaluate(ONES, ONES, verbose=0) == 0


def test_batch_statistics_in_training_only():
    model = functional(layers.BatchNormalization(momentum=0.0))
    x = np.arange(128.0).reshape(8, 16)
    np.testing.assert_allclose(model(x, training=True).numpy().mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(model.get_weights()[2], x.mean(0), rtol=1e-6)
    np.testing.assert_allclose(model(x).numpy().mean(0), 0, atol=1e-5)
