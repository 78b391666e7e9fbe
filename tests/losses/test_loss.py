"""Loss: reductions, weights, masks, ranks, dtypes, configurations, get."""

import inspect
import itertools

import numpy as np
import pytest

import minikeras as keras
from minikeras import losses, ops

MEANS = ("sum_over_batch_size", "mean")
VALUES = np.array([[1.0, 2.0, 6.0], [4.0, 0.0, 8.0]], "float32")


class Given(keras.Loss):
    """The predictions are the values."""

    def call(self, y_true, y_pred):
        return y_pred


def masked(x, mask):
    x = ops.convert_to_tensor(x)
    x._keras_mask = ops.convert_to_tensor(mask)
    return x


def reduced(values, weights, reduction, mask=None):
    """By definition: values that the mask leaves out count nowhere."""
    keep = np.ones(values.shape, bool) if mask is None else mask
    w = np.broadcast_to(np.ones(()) if weights is None else weights, values.shape)
    total = (values * w)[keep].sum()
    if reduction == "sum":
        return total
    if reduction in MEANS:
        return total / keep.sum() if keep.any() else 0.0
    divisor = w[keep].sum()
    return total / divisor if divisor else 0.0


WEIGHTS = [None, np.array([[0.5], [2.0]]), np.array([[1.0, 0, 2], [0, 0, 3]]), np.zeros((2, 3))]
MASKS = [None, np.array([[True, False, True], [True, True, False]]), np.zeros((2, 3), bool)]


@pytest.mark.parametrize("reduction", [*MEANS, "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("weights, mask", list(itertools.product(WEIGHTS, MASKS)))
def test_reduction(reduction, weights, mask):
    if reduction == "mean_with_sample_weight" and weights is not None and weights.size == 2:
        weights = np.broadcast_to(weights, VALUES.shape)  # the sum of the weights as given
    given = VALUES if mask is None else masked(VALUES, mask)
    got = Given(reduction=reduction)(VALUES, given, sample_weight=weights)
    assert got.shape == ()
    np.testing.assert_allclose(float(got), reduced(VALUES, weights, reduction, mask), 1e-6)


@pytest.mark.parametrize("reduction", ["none", None])
def test_no_reduction(reduction):
    w = np.array([[0.5], [2.0]], "float32")
    got = Given(reduction=reduction)(VALUES, VALUES, sample_weight=w)
    np.testing.assert_array_equal(got.numpy(), VALUES * w)


def test_mask_of_y_pred_and_of_the_values_both_count():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=2, reduction="sum")
    p = np.full((4, 3), 1 / 3, "float32")
    y = np.array([0, 1, 2, 2])
    np.testing.assert_allclose(
        float(loss(y, masked(p, [True, False, True, False]))), np.log(3), 1e-6)
    mean = losses.SparseCategoricalCrossentropy(ignore_class=2)
    np.testing.assert_allclose(float(mean(y, p)), np.log(3), 1e-6)
    np.testing.assert_allclose(float(mean(np.full(4, 2), p)), 0)


def test_weights_of_0_make_a_loss_of_0():
    for reduction in (*MEANS, "sum", "mean_with_sample_weight"):
        loss = losses.MeanSquaredError(reduction=reduction)
        assert float(loss(VALUES, VALUES + 1, sample_weight=np.zeros(2, "float32"))) == 0


def test_no_samples_make_a_loss_of_0():
    for reduction in (*MEANS, "sum", "mean_with_sample_weight"):
        loss = losses.MeanSquaredError(reduction=reduction)
        assert float(loss(np.zeros((0, 3), "float32"), np.zeros((0, 3), "float32"))) == 0


@pytest.mark.parametrize("weights", [(4,), (4, 1)])
@pytest.mark.parametrize("targets", [(4,), (4, 1)])
@pytest.mark.parametrize("predictions", [(4,), (4, 1)])
def test_columns_and_vectors_do_not_broadcast(weights, targets, predictions):
    t, p, w = np.arange(4.0), np.array([1.0, 3.0, 0.0, 7.0]), np.array([1.0, 2.0, 0.0, 1.0])
    got = losses.MeanAbsoluteError()(t.reshape(targets), p.reshape(predictions))
    np.testing.assert_allclose(float(got), np.abs(t - p).mean())
    if targets == (4, 1) or predictions == (4, 1):  # two vectors are one sample: no weights a row
        got = losses.MeanAbsoluteError()(t.reshape(targets), p.reshape(predictions),
                                         sample_weight=w.reshape(weights))
        np.testing.assert_allclose(float(got), (np.abs(t - p) * w).mean())


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="shape"):
        losses.CategoricalCrossentropy()(np.zeros(3), np.full((3, 2), 0.5))
    with pytest.raises(ValueError, match="shape"):
        losses.SparseCategoricalCrossentropy()(np.eye(3), np.eye(3))
    with pytest.raises(ValueError, match="broadcast"):
        losses.MeanSquaredError()(np.zeros((3, 2)), np.zeros((3, 4)))


def test_structures_of_predictions():
    class Both(keras.Loss):
        def call(self, y_true, y_pred):
            return ops.abs(y_true["a"] - y_pred["a"]) + ops.abs(y_true["b"] - y_pred["b"])

    got = Both()({"a": [1.0], "b": [2.0]}, {"a": [0.0], "b": [5.0]})
    assert float(got) == 4.0


def test_gradients_flow_through_masks_and_weights():
    p = ops.convert_to_tensor(VALUES)
    with keras.GradientTape() as tape:
        tape.watch(p)
        p._keras_mask = ops.convert_to_tensor(np.array([True, False]))
        loss = losses.MeanSquaredError()(np.zeros((2, 3), "float32"), p,
                                         sample_weight=np.array([3.0, 1.0]))
    want = np.array([3 * 2 * VALUES[0] / 3, np.zeros(3)])
    np.testing.assert_allclose(tape.gradient(loss, p).numpy(), want, 1e-6)


def test_symbolic():
    p = keras.KerasTensor((None, 4))
    assert losses.MeanSquaredError()(p, p).shape == ()
    assert losses.MeanSquaredError(reduction=None)(p, p).shape == (None,)
    labels = keras.KerasTensor((None,), "int32")
    assert losses.SparseCategoricalCrossentropy()(labels, p).shape == ()


# ---------------------------------------------------------------- construction
def test_reduction_names():
    with pytest.raises(ValueError, match=r"argument `reduction`.*Received: reduction=average"):
        losses.MeanSquaredError(reduction="average")


def test_call_must_be_defined():
    with pytest.raises(NotImplementedError, match="must define `call"):
        keras.Loss()([1.0], [1.0])


def test_dtypes():
    loss = losses.MeanSquaredError(dtype="mixed_float16")
    assert loss.dtype == "float16"
    assert loss(VALUES, VALUES).dtype == "float16"
    assert losses.MeanSquaredError().dtype == "float32"
    keras.config.set_floatx("float64")
    assert losses.MeanSquaredError()(VALUES, VALUES).dtype == "float64"
    assert losses.mean_squared_error([[1, 2]], [[2, 4]]).dtype == "float64"


def test_names():
    assert Given(name="mine").name == "mine"
    first, second = keras.Loss().name, keras.Loss().name
    assert first != second and second.startswith("loss")
    assert losses.Huber().name == "huber_loss"


# ---------------------------------------------------------------- configurations
def classes():
    found = [(n, getattr(losses, n)) for n in dir(losses) if n[0].isupper() and n != "Loss"]
    return [pytest.param(cls, id=name) for name, cls in found]


CHANGED = {  # arguments other than the defaults
    "from_logits": True, "label_smoothing": 0.25, "axis": 1, "delta": 0.5, "alpha": 0.75,
    "beta": 0.2, "gamma": 3.0, "margin": 0.1, "q": 0.2, "ignore_class": 3, "reduction": "sum",
    "remove_diagonal": False, "apply_class_balancing": True, "name": "other", "dtype": "float64",
}


@pytest.mark.parametrize("cls", classes())
def test_every_argument_survives_the_configuration(cls):
    arguments = {name: CHANGED[name] for name in inspect.signature(cls).parameters}
    loss = cls(**arguments)
    config = loss.get_config()
    assert config == arguments
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is cls and again.get_config() == config


def test_function_wrapper():
    loss = losses.get("mse")
    from minikeras.losses.loss import LossFunctionWrapper

    wrapped = LossFunctionWrapper(loss, name="squares")
    again = LossFunctionWrapper.from_config(wrapped.get_config())
    assert again.fn is loss and float(again([[1.0]], [[3.0]])) == 4.0


# ---------------------------------------------------------------- get
def test_get():
    assert losses.get(None) is None
    assert losses.get("mse") is losses.get("MSE") is losses.mean_squared_error
    assert losses.get("binary_crossentropy") is losses.get("bce") is losses.binary_crossentropy
    assert isinstance(losses.get("KLDivergence"), losses.KLDivergence)
    assert losses.get("kld") is losses.kl_divergence
    assert isinstance(losses.get(losses.Huber), losses.Huber)
    assert isinstance(losses.get({"class_name": "Huber", "config": {"delta": 2.0}}), losses.Huber)
    loss = losses.Huber()
    assert losses.get(loss) is loss
    assert losses.get(len) is len


@pytest.mark.parametrize("identifier", ["accuracy", "nothing", 3, {"class_name": "Nothing"},
                                        {"units": 3}])
def test_get_of_what_is_none(identifier):
    with pytest.raises(ValueError, match="loss"):
        losses.get(identifier)


def test_custom_objects():
    def mine(y_true, y_pred):
        return y_true

    with keras.utils.custom_object_scope({"mine": mine}):
        assert losses.get("mine") is mine
    with pytest.raises(ValueError, match="Could not interpret loss identifier: 'mine'.*huber"):
        losses.get("mine")
    config = losses.serialize(mine)
    assert losses.deserialize(config, custom_objects={"mine": mine}) is mine
