"""Subclassed models: building from calls, training flag, masks, functional subclasses, errors."""

import copy
import pickle

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

X = np.ones((2, 4), "float32")


class Net(keras.Model):
    def __init__(self, n=3, **options):
        super().__init__(**options)
        self.n = n
        self.dense, self.drop = layers.Dense(n, name="dense"), layers.Dropout(0.5)

    def call(self, x, training=False):
        return self.drop(self.dense(x), training=training)


class Pair(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, a, b=None):
        return self.dense(a) + (0 if b is None else self.dense(b))


class ThroughNumPy(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(ops.convert_to_tensor(np.asarray(x) * 2))


def test_built_by_a_call():
    model = Net(name="net")
    assert not model.built and not model.weights
    assert model(X).shape == (2, 3)
    assert model.built and [v.path for v in model.weights] == [
        "net/dense/kernel", "net/dense/bias"]
    assert [type(x).__name__ for x in model.layers] == ["Dense", "Dropout"]


def test_built_by_a_shape():
    model = Net()
    model.build((None, 4))
    assert len(model.weights) == 2 and model.count_params() == 15


def test_training_flag():
    model = Net(100)
    assert not (model(X).numpy() == 0).any()
    assert (model(X, training=True).numpy() == 0).any()


@pytest.mark.parametrize("call", [
    lambda m: m(X), lambda m: m(X, X), lambda m: m(X, b=X), lambda m: m(a=X, b=X)])
def test_several_arguments(call):
    model = Pair()
    assert call(model).shape == (2, 2) and model.built and len(model.weights) == 2


def test_several_required_arguments():
    class Both(keras.Model):
        def __init__(self):
            super().__init__()
            self.one, self.two = layers.Dense(2), layers.Dense(2)

        def call(self, a, b, training=None):
            return self.one(a) + self.two(b)

    model = Both()
    assert model(X, np.ones((2, 7))).shape == (2, 2)
    assert [w.shape for w in model.weights] == [(4, 2), (2,), (7, 2), (2,)]


def test_a_list_of_inputs():
    class Both(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, inputs):
            a, b = inputs
            return self.dense(a) + self.dense(b)

    model = Both()
    model.compile("sgd", "mse")
    model.fit([X, X], np.ones((2, 2)), verbose=0)
    assert model.predict([X, X], verbose=0).shape == (2, 2)


def test_calls_that_need_values():
    model = ThroughNumPy()
    assert model(X).shape == (2, 3) and len(model.weights) == 2
    model = ThroughNumPy()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(X, np.ones((2, 3)), verbose=0)
    assert model.built


def test_errors_of_a_call_are_its_own():
    class Broken(keras.Model):
        def call(self, x):
            return {}["missing"]

    with pytest.raises(KeyError, match="missing"):
        Broken()(X)
    with pytest.raises(NotImplementedError, match="does not have a `call"):
        keras.Model()(X)


def test_layers_in_lists_and_dicts():
    class Deep(keras.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [layers.Dense(3) for _ in range(2)]
            self.heads = {"a": layers.Dense(1), "b": layers.Dense(2)}

        def call(self, x):
            for block in self.blocks:
                x = block(x)
            return {k: head(x) for k, head in self.heads.items()}

    model = Deep()
    out = model(X)
    assert {k: v.shape for k, v in out.items()} == {"a": (2, 1), "b": (2, 2)}
    assert len(model.layers) == 4 and len(model.trainable_weights) == 8
    model.compile("sgd", {"a": "mse", "b": "mse"})
    model.fit(X, {"a": np.ones((2, 1)), "b": np.ones((2, 2))}, verbose=0)


def test_masks():
    class Tagger(keras.Model):
        def __init__(self):
            super().__init__()
            self.embedding = layers.Embedding(5, 2, mask_zero=True)
            self.seen = None

        def call(self, x):
            x = self.embedding(x)
            self.seen = x._keras_mask
            return ops.mean(x, axis=1)

    model = Tagger()
    model(np.array([[1, 0]]))
    assert model.seen.numpy().tolist() == [[True, False]]


def test_in_a_functional_model():
    x = keras.Input((4,))
    net = Net(2)
    model = keras.Model(x, net(x))
    assert model.output_shape == (None, 2) and model.layers[1] is net
    assert (model(np.ones((50, 4)), training=True).numpy() == 0).any()


def test_sublayers_models():
    class Outer(keras.Model):
        def __init__(self):
            super().__init__()
            self.net = Net()
            self.tail = keras.Sequential([layers.Dense(1)])

        def call(self, x):
            return self.tail(self.net(x))

    model = Outer()
    assert model(X).shape == (2, 1) and len(model.weights) == 4
    model.net.trainable = False
    assert len(model.trainable_weights) == 2


class Tower(keras.Model):
    """A subclass that is a graph."""

    def __init__(self, n=2, **options):
        x = keras.Input((4,), name="x")
        super().__init__(inputs=x, outputs=layers.Dense(n, name="d")(x), **options)
        self.n = n

    def get_config(self):
        return {"n": self.n, "name": self.name}


def test_subclass_of_a_functional_model():
    model = Tower(3, name="tower")
    assert (model.name, model.output_shape, model.n) == ("tower", (None, 3), 3)
    again = Tower.from_config(model.get_config())
    assert again.output_shape == (None, 3) and isinstance(again, Tower)
    assert model(X).shape == (2, 3)


def test_config():
    model = Net(5, name="g")
    config = model.get_config()
    assert (config["n"], config["name"]) == (5, "g")
    assert Net.from_config(config).n == 5


def test_custom_objects_of_from_config():
    class Odd(layers.Dense):
        pass

    model = keras.Sequential([keras.Input((4,)), Odd(2)])
    with pytest.raises(TypeError, match="Could not locate class 'Odd'"):
        keras.Sequential.from_config(model.get_config())
    again = keras.Sequential.from_config(model.get_config(), custom_objects={"Odd": Odd})
    assert type(again.layers[0]) is Odd


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(again):
    model = Net()
    model.compile("adam", "mse")
    model.fit(X, np.ones((2, 3)), verbose=0)
    other = again(model)
    np.testing.assert_array_equal(other(X).numpy(), model(X).numpy())
    assert int(other.optimizer.iterations) == 1
    other.dense.kernel.assign(other.dense.kernel * 2)
    assert (other(X).numpy() != model(X).numpy()).any()


@pytest.mark.parametrize(("act", "error", "message"), [
    (lambda: Net().output_shape, AttributeError, "output_shape"),
    (lambda: Net().inputs, AttributeError, "inputs"),
    (lambda: Net().count_params(), ValueError, "isn't built"),
    (lambda: Net().save_weights("x.weights.h5"), ValueError, "build it first"),
    (lambda: Net().fit(X, X, verbose=0), ValueError, "must call `compile"),
    (lambda: Net().evaluate(X, X, verbose=0), ValueError, "must call `compile"),
    (lambda: setattr(Net(), "layers", []), AttributeError, "reserved"),
    (lambda: Net().get_layer("q"), ValueError, "No such layer: q"),
])
def test_errors(act, error, message):
    with pytest.raises(error, match=message):
        act()


def test_predict_needs_no_compile():
    assert Net().predict(X, verbose=0).shape == (2, 3)


# ------------------------------------------------------------ summary
def summary(model, **options):
    lines = []
    model.summary(print_fn=lines.append, **options)
    return lines[0].splitlines()


def test_summary_before_and_after_the_first_call():
    model = Net(name="net")
    before = summary(model)
    assert before[0] == 'Model: "net"'
    assert before[4] == (
        "│ dense (Dense)                   │ ?                      │   0 (unbuilt) │")
    model(X)
    after = summary(model)
    assert after[4] == (
        "│ dense (Dense)                   │ (2, 3)                 │            15 │")
    assert after[-3:] == [
        " Total params: 15 (60.00 B)", " Trainable params: 15 (60.00 B)",
        " Non-trainable params: 0 (0.00 B)"]


def test_summary_is_printed_with_one_empty_line_at_the_end(capsys):
    Net(name="net").summary()
    assert capsys.readouterr().out.endswith("Non-trainable params: 0 (0.00 B)\n")


def test_a_training_flag_that_call_does_not_take():
    class Block(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.drop = layers.Dense(100), layers.Dropout(0.5)

        def call(self, x):
            return self.drop(self.dense(x))

    model = Block()
    assert (model(X, training=True).numpy() == 0).any()
    assert not (model(X).numpy() == 0).any()
    model.compile("sgd", "mse")
    model.fit(X, np.ones((2, 100)), verbose=0)
