"""What all optimizers share."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import minikeras as keras
from minikeras import ops, optimizers

ALL = ("SGD Adam AdamW Adamax Nadam RMSprop Adagrad Adadelta Adafactor Ftrl Lion Lamb Muon "
       "ScheduleFreeAdamW").split()


def variables():
    with keras.name_scope("dense"):
        kernel = keras.Variable(np.ones((3, 4), "float32"), name="kernel")
        bias = keras.Variable(np.zeros(4, "float32"), name="bias")
    return [kernel, bias]


def ones(values):
    return [ops.ones(v.shape) for v in values]


class Descent(optimizers.Optimizer):
    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, gradient * ops.cast(learning_rate, variable.dtype))


# ---------------------------------------------------------------- arguments and configuration
@pytest.mark.parametrize("name", ALL)
def test_config_makes_the_same_optimizer(name):
    made = getattr(optimizers, name)(0.5, clipnorm=2.0, use_ema=True, name="mine")
    again = type(made).from_config(made.get_config())
    assert again.get_config() == made.get_config()
    assert optimizers.deserialize(optimizers.serialize(made)).get_config() == made.get_config()
    assert made.get_config()["learning_rate"] == 0.5 and made.get_config()["clipnorm"] == 2.0


def test_base_arguments_by_position():
    made = optimizers.SGD(0.1, 0.5, True, 0.2)
    assert (made.momentum, made.nesterov, made.weight_decay) == (0.5, True, 0.2)
    names = list(inspect.signature(optimizers.Muon).parameters)
    assert names[names.index("name") + 1] == "exclude_layers" and names[-1] == "kwargs"


@pytest.mark.parametrize("arguments, words", [
    ({"clipnorm": 1.0, "clipvalue": 1.0}, "Only one of"),
    ({"use_ema": True, "ema_momentum": 2.0}, "ema_momentum"),
    ({"use_ema": True, "ema_overwrite_frequency": 0}, "ema_overwrite_frequency"),
    ({"gradient_accumulation_steps": 1}, "gradient_accumulation_steps"),
    ({"learning_rate": "fast"}, "learning_rate"),
    ({"unheard_of": 1}, "not recognized"),
    ({"momentum": 2.0}, "momentum"),
])
def test_wrong_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        optimizers.SGD(**arguments)


def test_get():
    assert type(optimizers.get("adam")) is optimizers.Adam
    assert type(optimizers.get("RMSprop")) is optimizers.RMSprop
    assert optimizers.get({"class_name": "sgd", "config": {"momentum": 0.5}}).momentum == 0.5
    made = optimizers.SGD()
    assert optimizers.get(made) is made and optimizers.get(None) is None
    with pytest.raises(ValueError, match="Could not interpret optimizer identifier"):
        optimizers.get("fastest")


# ---------------------------------------------------------------- learning rate
def test_learning_rate_is_settable():
    made = optimizers.Adam(0.25)
    assert float(made.learning_rate) == 0.25
    made.learning_rate = 0.125
    assert float(made.learning_rate) == 0.125 and made.get_config()["learning_rate"] == 0.125
    made.learning_rate.assign(0.5)
    assert float(made.learning_rate) == 0.5


def test_schedule_reads_its_current_value():
    made = optimizers.SGD(optimizers.schedules.PiecewiseConstantDecay([0], [0.5, 0.25]))
    w = variables()
    assert float(made.learning_rate) == 0.5
    made.apply(ones(w), w)
    assert float(made.learning_rate) == 0.25
    np.testing.assert_array_equal(w[1].numpy(), np.full(4, -0.5))
    with pytest.raises(TypeError, match="schedule"):
        made.learning_rate = 0.1
    assert [v.name for v in made.variables] == ["iteration"]


def test_function_as_learning_rate():
    rates = iter([0.5, 0.25])
    made = optimizers.SGD(lambda: next(rates))
    w = variables()
    for _ in range(2):
        made.apply(ones(w), w)
    np.testing.assert_array_equal(w[1].numpy(), np.full(4, -0.75))


# ---------------------------------------------------------------- steps
def test_users_rule():
    made, w = Descent(0.5), variables()
    made.apply_gradients(zip(ones(w), w))
    np.testing.assert_array_equal(w[0].numpy(), np.full((3, 4), 0.5))
    assert made.name == "descent" and int(made.iterations) == 1


def test_overridden_rule_of_a_fused_optimizer_is_called():
    class Twice(optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate)
            super().update_step(gradient, variable, learning_rate)

    w = variables()
    Twice(0.25).apply(ones(w), w)
    np.testing.assert_array_equal(w[0].numpy(), np.full((3, 4), 0.5))


def test_unknown_and_missing():
    made, w = optimizers.SGD(), variables()
    with pytest.raises(ValueError, match="must already be built"):
        made.apply(ones(w))
    with pytest.raises(ValueError, match="No gradients provided"):
        made.apply([None, None], w)
    with pytest.raises(ValueError, match="Unknown variable"):
        made.apply([ops.ones((2,))], [keras.Variable(np.ones(2))])
    with pytest.raises(ValueError, match="is tracking 2"):
        made.apply([ops.ones((3, 4))])
    with pytest.warns(UserWarning, match="dense/bias"):
        made.apply([ops.ones((3, 4)), None])
    np.testing.assert_array_equal(w[1].numpy(), np.zeros(4))


def test_clipping(rng):
    w = [keras.Variable(np.zeros(n, "float32")) for n in (3, 2)]
    g = [rng.normal(size=n).astype("float32") * 10 for n in (3, 2)]
    tensors = [ops.convert_to_tensor(x) for x in g]
    total = np.sqrt(sum((x.astype("float64") ** 2).sum() for x in g))
    for arguments, expected in (
        ({"clipnorm": 1.0}, [x / np.linalg.norm(x) for x in g]),
        ({"global_clipnorm": 1.0}, [x / total for x in g]),
        ({"clipvalue": 0.5}, [np.clip(x, -0.5, 0.5) for x in g]),
        ({"global_clipnorm": 1e6}, g),
    ):
        made = optimizers.SGD(1.0, **arguments)
        for v in w:
            v.assign(np.zeros(v.shape))
        made.apply(tensors, w)
        for v, e in zip(w, expected):
            np.testing.assert_allclose(-v.numpy(), e, rtol=1e-6)


def test_weight_decay_can_leave_variables_out():
    w = [keras.Variable(np.ones(2, "float32"), name=n) for n in ("kernel", "bias", "scale")]
    made = optimizers.SGD(0.5, weight_decay=0.5)
    made.exclude_from_weight_decay(var_list=[w[2]], var_names=["bias"])
    made.apply([ops.zeros((2,))] * 3, w)
    assert [float(v.numpy()[0]) for v in w] == [0.75, 1.0, 1.0]


def test_constraint_is_applied_after_the_step():
    w = keras.Variable(np.ones(2, "float32"))
    w.constraint = keras.constraints.NonNeg()
    optimizers.SGD(3.0).apply([ops.convert_to_tensor([1.0, 0.0])], [w])
    assert w.numpy().tolist() == [0.0, 1.0]


def test_variable_that_its_gradient_overwrites():
    w = [keras.Variable(np.ones(2, "float32")), keras.Variable(np.ones(2, "float32"))]
    w[1].overwrite_with_gradient = True
    made = optimizers.Adam(0.5)
    made.apply([ops.ones((2,)), ops.convert_to_tensor([7.0, 8.0])], w)
    assert w[1].numpy().tolist() == [7.0, 8.0]
    assert len(made.variables) == 4


def test_accumulation_is_one_step_with_the_mean(rng):
    g = rng.normal(size=(4, 3)).astype("float32")
    w, made = keras.Variable(np.ones(3, "float32")), optimizers.Adam(
        0.1, gradient_accumulation_steps=4)
    for i, row in enumerate(g):
        assert (w.numpy() == 1).all() and int(made.iterations) == 0, i
        made.apply([ops.convert_to_tensor(row)], [w])
    whole = keras.Variable(np.ones(3, "float32"))
    optimizers.Adam(0.1).apply([ops.convert_to_tensor(g.mean(0))], [whole])
    np.testing.assert_allclose(w.numpy(), whole.numpy(), rtol=1e-6)
    assert int(made.iterations) == 1


def test_moving_average(rng):
    w = keras.Variable(np.ones(3, "float32"))
    made = optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75)
    average = None
    for _ in range(4):
        made.apply([ops.convert_to_tensor(rng.normal(size=3).astype("float32"))], [w])
        now = w.numpy()
        average = now if average is None else 0.75 * average + 0.25 * now
    made.finalize_variable_values([w])
    np.testing.assert_allclose(w.numpy(), average, rtol=1e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Lion", "Lamb"])
def test_half_precision_variables(name):
    w = keras.Variable(np.ones(3), dtype="float16")
    getattr(optimizers, name)(0.125).apply([ops.ones((3,), dtype="float16")], [w])
    assert w.dtype == "float16" and (w.numpy() < 1).all() and np.isfinite(w.numpy()).all()


def test_variables_of_several_dtypes_at_once():
    w = [keras.Variable(np.ones(3), dtype=d) for d in ("float32", "float64", "float32")]
    optimizers.Adam(0.125).apply([ops.ones((3,))] * 3, w)
    assert [v.dtype for v in w] == ["float32", "float64", "float32"]
    for v in w:
        np.testing.assert_allclose(v.numpy(), np.full(3, 0.875), rtol=1e-5)


# ---------------------------------------------------------------- state
@pytest.mark.parametrize("name", ALL)
def test_saving_and_loading_goes_on_alike(name, rng):
    def fresh():
        w = variables()
        made = getattr(optimizers, name)(0.1)
        made.build(w)
        return made, w

    grads = [[ops.convert_to_tensor(rng.normal(size=v.shape).astype("float32"))
              for v in variables()] for _ in range(4)]
    made, w = fresh()
    for g in grads[:2]:
        made.apply(g)
    store = {}
    made.save_own_variables(store)
    again, w2 = fresh()
    again.load_own_variables(store)
    for a, b in zip(w2, w):
        a.assign(b)
    for g in grads[2:]:
        made.apply(g)
        again.apply(g)
    for a, b in zip(w2, w):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_loading_another_optimizers_state_is_refused():
    made, w = optimizers.Adam(), variables()
    made.build(w)
    with pytest.warns(UserWarning, match="has 6 variables whereas the saved optimizer has 1"):
        made.load_own_variables({"0": np.zeros(())})


def test_set_weights():
    made, w = optimizers.SGD(0.1, momentum=0.9), variables()
    with pytest.raises(ValueError, match="not yet been built"):
        made.set_weights([])
    made.build(w)
    given = [np.asarray(5), np.asarray(0.5), np.full((3, 4), 2.0), np.full(4, 3.0)]
    made.set_weights(given)
    for v, x in zip(made.variables, given):
        np.testing.assert_array_equal(v.numpy(), x)
    with pytest.raises(ValueError, match="shape"):
        made.set_weights([*given[:3], np.zeros(5)])


def test_stateless_apply_changes_nothing():
    made, w = optimizers.Adam(0.5), variables()
    with pytest.raises(ValueError, match="must be built"):
        made.stateless_apply([], ones(w), [v.value for v in w])
    made.build(w)
    new, state = made.stateless_apply(
        [v.value for v in made.variables], ones(w), [v.value for v in w])
    assert (w[0].numpy() == 1).all() and int(made.iterations) == 0
    made.apply(ones(w))
    for v, value in zip([*w, *made.variables], [*new, *state]):
        np.testing.assert_allclose(v.numpy(), value.numpy(), rtol=1e-6)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_go_on_alike(again):
    made, w = optimizers.Adam(0.1), variables()
    made.apply(ones(w), w)
    other, w2 = again((made, w))
    made.apply(ones(w))
    other.apply(ones(w2))
    for a, b in zip(w, w2):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_added_variables():
    made, w = Descent(0.1, name="d"), variables()
    made.build(w)
    assert made.add_variable((2,), name="z").path == "d/z"
    assert made.add_variable_from_reference(w[0], "slot").path == "d/dense_kernel_slot"
    a, b = made.add_optimizer_variables(w, ["a", "b"], ["ones", "zeros"])
    assert [v.path for v in (*a, *b)] == [
        "d/dense_kernel_a", "d/dense_bias_a", "d/dense_kernel_b", "d/dense_bias_b"]
    assert (a[0].numpy() == 1).all() and (b[0].numpy() == 0).all()
    assert len(made.variables) == 2 + 2 + 4
