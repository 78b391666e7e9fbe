"""The base Layer: state, calls, training and masks, dtypes, building, losses, configuration."""

import copy
import pickle

import numpy as np
import pytest

import minikeras as keras
from minikeras import layers, ops

ONES = np.ones((2, 3), "float32")


class Holding(layers.Layer):
    """Sublayers in a list with a dict and a tuple in it; own weights beside them."""

    def __init__(self, **options):
        super().__init__(**options)
        self.parts = [layers.Dense(2), {"a": layers.Dense(3)}, (layers.Dense(4),)]
        self.loose = keras.Variable(1.0, name="loose")
        self.fixed = self.add_weight(shape=(2,), name="fixed", trainable=False)

    def call(self, x):
        self.add_loss(ops.sum(x))
        for part in (self.parts[0], self.parts[1]["a"], self.parts[2][0]):
            x = part(x)
        return x


class Plain(layers.Layer):
    def call(self, x):
        return x


class Inside(layers.Layer):
    """A sublayer and no `build` of its own."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x)


# ------------------------------------------------------------ state
def test_state_in_nested_containers():
    layer = Holding(name="h")
    layer(ONES)
    assert [v.path.split("/")[-1] for v in layer.weights] == [
        "loose", "fixed", *["kernel", "bias"] * 3]
    assert [v.name for v in layer.non_trainable_variables] == ["fixed"]
    assert layer.count_params() == 1 + 2 + (6 + 2) + (6 + 3) + (12 + 4)
    assert all(v.path.startswith("h/") for v in layer.weights[1:])


def test_state_in_a_list_that_grows_before_the_layer_is_built():
    layer = Holding()
    layer.parts.append(layers.Dense(5))
    assert len(layer._layers) == 4


def test_reset_attribute_gives_up_what_it_held():
    layer = Holding()
    layer.parts = []
    layer.loose = None
    assert [v.name for v in layer.weights] == ["loose", "fixed"]
    del layer.fixed
    assert [v.name for v in layer.weights] == ["loose"]


def test_shared_sublayer_counts_once():
    layer = Holding()
    layer.again = layer.parts[0]
    layer(ONES)
    assert len(layer.weights) == 8


@pytest.mark.parametrize("late", [
    lambda layer: setattr(layer, "late", keras.Variable(1.0)),
    lambda layer: setattr(layer, "late", [layers.Dense(1)]),
    lambda layer: layer.add_weight(shape=(1,)),
])
@pytest.mark.parametrize("make", [Holding, Plain, Inside])
def test_built_layers_take_no_more_state(make, late):
    layer = make()
    layer(ONES)
    with pytest.raises(ValueError, match="cannot add new elements of state"):
        late(layer)


def test_built_layers_take_what_is_theirs_already():
    layer = Holding()
    layer(ONES)
    layer.first, layer.numbers, layer.mean = layer.parts[0], [1, 2], keras.metrics.Mean()
    assert len(layer.weights) == 8
    assert [m.name for m in layer.metrics] == ["mean"]


def test_built_graphs_may_hold_more():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.extra = layers.Dense(4)
    assert len(model.layers) == 1
    x = keras.Input((3,))
    model = keras.Model(x, layers.Dense(2)(x))
    model.extra = layers.Dense(4)
    model.extra.build((None, 3))
    assert len(model.layers) == 2
    assert len(model.weights) == 4


def test_a_subclass_may_make_weights_after_its_parents_build():
    class Parent(layers.Layer):
        def build(self, input_shape):
            self.a = self.add_weight(shape=(1,))

    class Child(Parent):
        def build(self, input_shape):
            super().build(input_shape)
            self.b = self.add_weight(shape=(2,))

        def call(self, x):
            return x

    layer = Child()
    layer(ONES)
    assert [v.shape for v in layer.weights] == [(1,), (2,)]


@pytest.mark.parametrize(("layer", "name"), [
    (layers.Dense(1), "kernel"), (layers.Conv2D(1, 1), "kernel"),
    (layers.Embedding(2, 2), "embeddings")])
def test_weights_before_build(layer, name):
    assert not layer.weights
    with pytest.raises(AttributeError, match=f"build the layer before accessing `{name}`"):
        getattr(layer, name)


@pytest.mark.parametrize(("act", "error", "message"), [
    (lambda d: d.set_weights([1]), ValueError, "expecting 2 weights"),
    (lambda d: d.set_weights([np.ones((2, 2)), np.ones(3)]), ValueError, r"\(3, 2\) is not comp"),
    (lambda d: d.load_own_variables({"0": 1}), ValueError, "expected 2 variables, but received 1"),
    (lambda d: layers.Dense(1).load_own_variables({"0": 1}), ValueError, "never built"),
    (lambda d: layers.Dense(1).count_params(), ValueError, "isn't built"),
    (lambda d: d.add_metric(), NotImplementedError, "keras.metrics.Mean"),
    (lambda d: d.quantize("int8"), NotImplementedError, "not supported"),
    (lambda d: layers.Dense(1, foo=1), ValueError, "Unrecognized keyword arguments"),
    (lambda d: layers.Dense(1, name=3), ValueError, "must be a string"),
    (lambda d: layers.Dense(1, name="a/b"), ValueError, "cannot contain character"),
    (lambda d: layers.Dense(1, dtype="foo"), ValueError, "foo"),
    (lambda d: layers.Dense.from_config({"bad": 1}), TypeError, "bad"),
    (lambda d: layers.Layer()(ONES), NotImplementedError, "does not have a `call"),
    (lambda d: d.input, AttributeError, "has never been called"),
    (lambda d: d.output, AttributeError, "has never been called"),
])
def test_errors(act, error, message):
    dense = layers.Dense(2)
    dense.build((None, 3))
    with pytest.raises(error, match=message):
        act(dense)


def test_forgotten_super_init():
    class Sets(layers.Layer):
        def __init__(self):
            self.dense = layers.Dense(1)

    class Calls(layers.Layer):
        def __init__(self):
            pass

        def call(self, x):
            return x

    with pytest.raises(RuntimeError, match="super"):
        Sets()
    with pytest.raises(RuntimeError, match="super"):
        Calls()(ONES)


def test_own_variables_go_to_and_from_a_store():
    a, b, store = Holding(), Holding(), {}
    a(ONES), b(ONES)
    a.fixed.assign([3.0, 4.0])
    a.save_own_variables(store)
    assert sorted(store) == ["0", "1"]
    b.load_own_variables(store)
    assert b.fixed.numpy().tolist() == [3.0, 4.0]


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(again):
    layer = layers.Dense(2, kernel_regularizer="l2")
    y = layer(ONES).numpy()
    other = again(layer)
    np.testing.assert_array_equal(other(ONES).numpy(), y)
    other.kernel.assign(other.kernel * 2)
    np.testing.assert_array_equal(layer(ONES).numpy(), y)
    with pytest.raises(ValueError, match="already built"):
        other.add_weight(shape=())


# ------------------------------------------------------------ trainable
def test_trainable_goes_down_and_comes_back():
    layer = Holding()
    layer(ONES)
    layer.trainable = False
    assert not layer.trainable_weights and len(layer.non_trainable_weights) == 8
    assert not layer.parts[2][0].trainable
    layer.trainable = True
    assert [v.name for v in layer.non_trainable_weights] == ["fixed"]


def test_one_frozen_weight():
    layer = layers.Dense(2)
    layer.build((None, 3))
    layer.kernel.trainable = False
    assert [v.name for v in layer.trainable_weights] == ["bias"]
    layer.trainable = False
    layer.trainable = True
    assert [v.name for v in layer.trainable_weights] == ["kernel", "bias"]


def test_weights_of_a_frozen_layer_are_born_frozen():
    layer = layers.Layer(trainable=False)
    w = layer.add_weight(shape=(2,))
    assert not w.trainable
    layer.trainable = True
    assert w.trainable and layer.trainable_weights == [w]


def test_frozen_batch_normalization_neither_trains_nor_adapts():
    layer = layers.BatchNormalization()
    layer.build((None, 3))
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (2, 2)
    layer.trainable = False
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (0, 4)
    y = layer(ONES * 3, training=True)
    np.testing.assert_allclose(y.numpy(), 3 / np.sqrt(1.001), rtol=1e-6)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), 0)


def test_frozen_dropout_still_drops():
    layer = layers.Dropout(0.5)
    layer.trainable = False
    assert (layer(np.ones(100), training=True).numpy() == 0).any()


# ------------------------------------------------------------ calls
@pytest.mark.parametrize("x", ["a", True, len])
def test_only_tensors_by_position(x):
    with pytest.raises(ValueError, match="Only input tensors may be passed as positional"):
        Plain()(x)


def test_wrong_arguments_name_the_layer():
    with pytest.raises(TypeError, match='"p".*foo'):
        Plain(name="p")(ONES, foo=1)


def test_input_and_output_are_of_the_first_call():
    layer, x = layers.Dense(2), keras.Input((3,))
    y = layer(x)
    layer(keras.Input((3,)))
    assert layer.input is x and layer.output is y


def test_symbolic_call_leaves_no_node():
    layer = layers.Dense(2)
    layer.build((None, 3))
    assert layer.symbolic_call(keras.KerasTensor((None, 3))).shape == (None, 2)
    with pytest.raises(AttributeError, match="never been called"):
        layer.output  # noqa: B018


def test_stateless_call_leaves_the_layer_alone():
    layer = layers.BatchNormalization(momentum=0.5)
    layer.build((None, 3))
    values = [v.value * 2 for v in layer.trainable_variables]
    outputs, new = layer.stateless_call(
        values, layer.non_trainable_variables, ONES, training=True)
    np.testing.assert_allclose(outputs.numpy(), 0, atol=1e-6)
    np.testing.assert_allclose(new[0].numpy(), 0.5)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), 0)


def test_stateless_call_with_variables_and_losses():
    layer = Holding()
    layer(ONES)
    given = layer.trainable_variables, layer.non_trainable_variables
    outputs, new, losses = layer.stateless_call(*given, ONES, return_losses=True)
    np.testing.assert_array_equal(outputs.numpy(), layer(ONES).numpy())
    assert [float(x) for x in losses] == [6.0] and len(new) == 1


def test_stateless_call_errors():
    with pytest.raises(ValueError, match="must be built"):
        layers.Dense(1).stateless_call([], [], ONES)
    layer = layers.Dense(1)
    layer.build((None, 3))
    with pytest.raises(ValueError, match="needs 2 trainable"):
        layer.stateless_call([], [], ONES)
    with pytest.raises(ValueError, match="must have the shape"):
        layer.stateless_call([np.ones((3, 2)), np.ones(1)], [], ONES)


def test_required_training_argument():
    class Doubling(layers.Layer):
        def call(self, x, training):
            return x * 2 if training else x

    assert float(Doubling()(np.ones(()), training=True)) == 2
    with pytest.raises(TypeError, match="training"):
        Doubling()(np.ones(()))


def test_mask_goes_through_or_is_lost_with_a_warning():
    class Through(layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, x):
            return x * 1.0

    class Lost(layers.Layer):
        def call(self, x):
            return x * 1.0

    x = layers.Embedding(2, 1, mask_zero=True)(np.array([[1, 0]]))
    assert Through()(x)._keras_mask.numpy().tolist() == [[True, False]]
    with pytest.warns(UserWarning, match="does not support masking"):
        y = Lost()(x)
    assert getattr(y, "_keras_mask", None) is None


def test_mask_reaches_call():
    seen = []

    class Sees(layers.Layer):
        supports_masking = True

        def compute_mask(self, x, mask=None):
            return None

        def call(self, x, mask=None):
            seen.append(mask)
            return ops.sum(x, axis=1)

    Sees()(layers.Embedding(2, 1, mask_zero=True)(np.array([[1, 0]])))
    assert seen[-1].numpy().tolist() == [[True, False]]
    Sees()(np.ones((1, 2, 1)), mask=np.array([[False, True]]))
    assert seen[-1].numpy().tolist() == [[False, True]]
    assert layers.Layer().compute_mask(None, 3) == 3


# ------------------------------------------------------------ dtypes
@pytest.mark.parametrize(("options", "given", "found"), [
    ({}, "float16", "float32"), ({}, "float64", "float32"), ({}, "int32", "int32"),
    ({}, "bool", "bool"), ({"dtype": "mixed_bfloat16"}, "float32", "bfloat16"),
    ({"dtype": "mixed_bfloat16", "autocast": False}, "float32", "float32"),
    ({"dtype": "float64"}, "float32", "float64"),
])
def test_autocast_of_inputs(options, given, found):
    y = Plain(**options)({"a": [np.ones(2, given)]})["a"][0]
    assert y.dtype.name == found


def test_mixed_precision_keeps_weights_and_computes_in_half():
    layer = layers.Dense(2, dtype="mixed_float16")
    y = layer(ONES)
    assert (layer.dtype, layer.variable_dtype, layer.compute_dtype) == (
        "float32", "float32", "float16")
    assert (layer.kernel.dtype, y.dtype.name) == ("float32", "float16")
    assert layer.input_dtype == "float16"
    layer.dtype_policy = "float16"
    assert layer.dtype_policy.name == "float16"


def test_weights_without_autocast():
    class Scale(layers.Layer):
        def build(self, input_shape):
            self.a = self.add_weight(shape=(), initializer="ones")
            self.b = self.add_weight(shape=(), initializer="ones", autocast=False)
            self.n = self.add_weight(shape=(), dtype="int32", trainable=False)

        def call(self, x):
            self.seen = [v.value.dtype.name for v in (self.a, self.b, self.n)]
            return x * self.a

    layer = Scale(dtype="mixed_float16")
    assert layer(ONES).dtype.name == "float16"
    assert layer.seen == ["float16", "float32", "int32"]


# ------------------------------------------------------------ building
def test_build_is_found_from_call():
    layer = Inside(name="i")
    assert layer(ONES).shape == (2, 2)
    assert layer.built and layer.dense.built
    assert layer.get_build_config() == {"input_shape": (2, 3)}
    assert [v.path.split("/")[0] for v in layer.weights] == ["i", "i"]


def test_build_without_a_build_warns_of_what_it_leaves_unbuilt():
    layer = Inside()
    with pytest.warns(UserWarning, match="unbuilt state"):
        layer.build((None, 3))
    assert layer.built and not layer.dense.built


class TwoShapes(layers.Layer):
    def build(self, a_shape, b_shape):
        self.shapes = a_shape, b_shape

    def call(self, a, b):
        return a


def test_build_with_several_shapes():
    layer = TwoShapes()
    layer([ONES], b={"q": ONES})
    assert layer.shapes == ([(2, 3)], {"q": (2, 3)})
    config = layer.get_build_config()
    assert config == {"shapes_dict": {"a_shape": [(2, 3)], "b_shape": {"q": (2, 3)}}}
    other = TwoShapes()
    other.build_from_config({"shapes_dict": {"a_shape": [[2, 3]], "b_shape": {"q": [2, 3]}}})
    assert other.built and other.shapes == layer.shapes


def test_build_with_names_that_call_lacks():
    class Wrong(layers.Layer):
        def build(self, foo, bar):
            pass

        def call(self, a, b):
            return a

    with pytest.raises(ValueError, match="should have a `_shape` suffix"):
        Wrong()(ONES, ONES)


def test_build_with_one_shape_of_any_name():
    class One(layers.Layer):
        def build(self, what):
            self.shape = what

        def call(self, a, b):
            return a

    layer = One()
    layer(ONES, ONES[:1])
    assert layer.shape == (2, 3)


def test_build_from_config_makes_the_weights():
    layer = layers.Dense(2)
    assert layer.get_build_config() is None
    layer.build_from_config({"input_shape": [None, 3]})
    assert layer.kernel.shape == (3, 2)
    layers.Dense(2).build_from_config({})


# ------------------------------------------------------------ losses
def test_losses_are_those_of_the_last_call():
    layer = layers.Dense(2, activity_regularizer="l2", kernel_regularizer="l1")
    for _ in range(2):
        y = layer(ONES).numpy()
    activity, kernel = layer.losses
    np.testing.assert_allclose(float(activity), 0.01 * (y * y).sum() / 2, rtol=1e-6)
    np.testing.assert_allclose(
        float(kernel), 0.01 * np.abs(layer.kernel.numpy()).sum(), rtol=1e-6)
    layer.trainable = False
    assert len(layer.losses) == 1


def test_losses_of_sublayers():
    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Holding()

        def call(self, x):
            return self.inner(x)

    layer = Outer()
    layer(ONES)
    assert [float(x) for x in layer.losses] == [6.0]


@pytest.mark.parametrize("loss", [lambda: 1, 1.0, np.float32(1)])
def test_add_loss_takes_tensors(loss):
    with pytest.raises(ValueError, match="takes a tensor"):
        Plain().add_loss(loss)


# ------------------------------------------------------------ configuration
def test_config_of_a_custom_layer_is_its_arguments():
    class Power(layers.Layer):
        def __init__(self, f, **options):
            super().__init__(**options)

    config = Power(3, name="p", dtype="float16", trainable=False).get_config()
    assert (config["f"], config["name"], config["trainable"]) == (3, "p", False)
    again = Power.from_config(config)
    assert again.get_config() == config and again.dtype_policy.name == "float16"
    with pytest.raises(NotImplementedError, match="must override"):
        Power(lambda x: x).get_config()


def test_config_of_a_plain_layer():
    config = Plain(activity_regularizer="l2", name="n").get_config()
    assert sorted(config) == ["activity_regularizer", "dtype", "name", "trainable"]
    assert config["activity_regularizer"]["class_name"] == "L2"
    assert "activity_regularizer" not in Plain().get_config()


def test_training_flag_goes_to_the_layers_inside():
    class Block(layers.Layer):
        def __init__(self):
            super().__init__()
            self.drop = layers.Dropout(0.5)

        def call(self, x, **options):
            assert not options
            return self.drop(x)

    assert (Block()(np.ones(100), training=True).numpy() == 0).any()
    assert not (Block()(np.ones(100), training=False).numpy() == 0).any()


def test_config_of_a_subclass_of_a_known_layer():
    class Odd(layers.Dense):
        pass

    class Odder(layers.Dense):
        def __init__(self, extra, **options):
            super().__init__(3, **options)
            self.extra = extra

        def get_config(self):
            return {**super().get_config(), "extra": self.extra}

    assert Odd.from_config(Odd(2, activation="relu", name="o").get_config()).units == 2
    config = Odder(5, use_bias=False).get_config()
    assert (config["units"], config["use_bias"], config["extra"]) == (3, False, 5)


@pytest.mark.parametrize("base", [layers.Layer, keras.Model])
def test_get_config_of_ones_own_builds_on_the_base_alone(base):
    """It may take what cannot be saved, and names what it saves itself."""
    class Own(base):
        def __init__(self, inner, factor=1.0, **kwargs):
            super().__init__(**kwargs)
            self.inner, self.factor = inner, factor

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    class Derived(Own):
        pass

    for cls in (Own, Derived):
        for inner in (layers.Dense(1), 3):
            config = cls(inner, factor=2.0, name="o").get_config()
            assert sorted(config) == ["dtype", "factor", "name", "trainable"]
            assert config["factor"] == 2.0 and config["name"] == "o"



class Unbuilt(layers.Layer):
    """Sublayers, one in another, no `build`, and two arguments."""

    def __init__(self, **options):
        super().__init__(**options)
        self.first = layers.Dense(3, name="first")
        self.second = keras.Sequential([layers.Dense(2, name="inner")], name="second")

    def call(self, x, scale=None):
        y = self.second(self.first(x))
        return y if scale is None else y * scale


@pytest.mark.parametrize("several", [False, True])
def test_sublayers_of_a_layer_without_build_are_built_from_a_configuration(several):
    layer = Unbuilt(name="outer")
    layer(ONES, scale=np.ones((2, 1), "float32")) if several else layer(ONES)
    with keras.saving.CustomObjectScope({"Unbuilt": Unbuilt}):
        again = layers.deserialize(layers.serialize(layer))
    assert again.built and [w.shape for w in again.weights] == [(3, 3), (3,), (3, 2), (2,)]
    assert [w.path for w in again.weights] == [w.path for w in layer.weights]
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(ONES).numpy(), layer(ONES).numpy())
