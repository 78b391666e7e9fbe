"""clone_model: as Keras's."""

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers
from minikeras.models import clone_model

X = np.ones((2, 4), "float32")


def stack():
    return keras.Sequential([
        keras.Input((4,), name="in"), layers.Dense(3, name="a", activation="relu"),
        layers.Dense(2, name="b")], name="stack")


def graph():
    x, dense = keras.Input((4,), name="x"), layers.Dense(4, name="d")
    y = dense(dense(x)) * 2.0 + x
    y = layers.Add(name="sum")([y, x])
    return keras.Model(x, {"o": layers.Dense(2, name="o")(y)}, name="graph")


def nested():
    x = keras.Input((4,), name="x")
    return keras.Model(x, layers.Dense(2, name="od")(stack()(x)), name="outer")


def two():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    return keras.Model({"a": a, "b": b}, layers.Add(name="s")([a, b]), name="two")


class Net(keras.Model):
    def __init__(self, n=3, **options):
        super().__init__(**options)
        self.n, self.dense = n, layers.Dense(n)

    def call(self, x):
        return self.dense(x)

    def get_config(self):
        return {"n": self.n, "name": self.name}


def noting(seen):
    def clone(layer):
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    return clone


@pytest.mark.parametrize("make", [stack, graph, nested])
def test_same_structure_other_weights(make):
    model = make()
    clone = clone_model(model)
    assert (type(clone), clone.name) == (type(model), model.name)
    assert [x.name for x in clone.layers] == [x.name for x in model.layers]
    assert not any(a is b for a in clone._flatten_layers() for b in model._flatten_layers())
    assert (clone.get_weights()[0] != model.get_weights()[0]).any()
    clone.set_weights(model.get_weights())
    for a, b in zip(keras.tree.flatten(clone(X)), keras.tree.flatten(model(X)), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_unbuilt():
    clone = clone_model(keras.Sequential([layers.Dense(3, name="a")]))
    assert not clone.built and [x.name for x in clone.layers] == ["a"]


def test_compiled_as_the_model():
    model = graph()
    model.compile(keras.optimizers.Adam(0.25), "mse")
    clone = clone_model(model)
    assert clone.compiled and float(clone.optimizer.learning_rate) == 0.25
    assert clone.optimizer is not model.optimizer
    assert not clone_model(graph()).compiled


@pytest.mark.parametrize(("make", "recursive", "names"), [
    (stack, False, ["a", "b"]), (graph, False, ["d", "sum", "o"]),
    (nested, False, ["stack", "od"]), (nested, True, ["a", "b", "od"]),
])
def test_clone_function(make, recursive, names):
    seen = []
    clone = clone_model(make(), clone_function=noting(seen), recursive=recursive)
    assert seen == names and clone.name == make().name


def test_clone_function_may_change_or_keep_layers():
    model = graph()
    assert clone_model(model, clone_function=lambda layer: layer).layers[1] is model.layers[1]

    def frozen(layer):
        return type(layer).from_config({**layer.get_config(), "trainable": False})

    assert not clone_model(model, clone_function=frozen).trainable_weights
    wide = clone_model(stack(), clone_function=lambda x: layers.Dense(7, name=f"{x.name}7"))
    assert [x.name for x in wide.layers] == ["a7", "b7"] and wide.output_shape == (None, 7)


@pytest.mark.parametrize("make", [stack, graph])
def test_input_tensors(make):
    x = keras.Input((4,), name="new")
    clone = clone_model(make(), input_tensors=x)
    assert clone.inputs[0] is x
    middle = layers.Dense(4)(keras.Input((6,)))
    assert clone_model(make(), input_tensors=middle).input_shape == (None, 4)


def test_input_tensors_in_a_structure():
    new = {"a": keras.Input((4,), name="q"), "b": keras.Input((4,), name="r")}
    clone = clone_model(two(), input_tensors=new)
    assert clone.input == new and clone({"a": X, "b": X}).shape == (2, 4)


def test_call_function():
    calls = []

    def call(layer, *args, **kwargs):
        calls.append(layer.name)
        return layer(*args, **kwargs)

    clone_model(graph(), call_function=call)
    assert calls == ["d", "d", "sum", "o"]


def test_subclassed():
    clone = clone_model(Net(5, name="q"))
    assert (clone.n, clone.name, clone.built) == (5, "q", False)


def test_subclass_of_a_graph_is_a_graph():
    class Tower(keras.Model):
        def __init__(self, n=2, **options):
            x = keras.Input((4,))
            super().__init__(inputs=x, outputs=layers.Dense(n, name="d")(x), **options)

    clone = clone_model(Tower(3))
    assert clone.output_shape == (None, 3) and not isinstance(clone, Tower)

    class Plain(keras.Model):
        pass

    x = keras.Input((4,))
    assert isinstance(clone_model(Plain(x, layers.Dense(2)(x))), Plain)


@pytest.mark.parametrize(("act", "error", "message"), [
    (lambda: clone_model(3), ValueError, "must be a model"),
    (lambda: clone_model(stack(), clone_function=3), ValueError, "must be a function"),
    (lambda: clone_model(graph(), call_function=3), ValueError, "must be a function"),
    (lambda: clone_model(stack(), call_function=len), ValueError, "not supported with Sequential"),
    (lambda: clone_model(stack(), input_tensors=[keras.Input((4,))] * 2), ValueError, "single"),
    (lambda: clone_model(stack(), input_tensors=X), ValueError, "must be KerasTensors"),
    (lambda: clone_model(graph(), input_tensors=X), ValueError, "must be KerasTensors"),
    (lambda: clone_model(graph(), input_tensors=[keras.Input((4,))]), ValueError, "structure"),
    (lambda: clone_model(two(), input_tensors={"a": keras.Input((4,)), "c": keras.Input((4,))}),
     ValueError, "structure"),
    (lambda: clone_model(Net(), clone_function=len), ValueError, "only supported for"),
    (lambda: clone_model(Net(), input_tensors=keras.Input((4,))), ValueError, "only supported for"),
    (lambda: clone_model(stack(), cache={}), TypeError, "unknown arguments"),
])
def test_errors(act, error, message):
    with pytest.raises(error, match=message):
        act()
