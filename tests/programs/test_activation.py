"""Programs that import keras or tensorflow, run on minikeras as they are."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import minikeras

PROGRAM = """
import sys
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
from tensorflow.keras.models import Sequential
import tensorflow.keras.backend as K
import keras as other
from keras.utils import to_categorical

assert keras is other is tf.keras and K.floatx() == "float32"
assert int(tf.__version__.split(".")[0]) >= 2
tf.random.set_seed(1)
x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = (x[:, :1] > 0).astype("float32")
model = Sequential([layers.Input((4,)), layers.Dense(8, activation=tf.nn.relu),
                    layers.Dense(1, activation="sigmoid")])
model.compile(optimizer=tf.keras.optimizers.Adam(0.05), loss="binary_crossentropy")
first = model.evaluate(x, y, verbose=0)
model.fit(x, y, epochs=5, verbose=0)
assert model.evaluate(x, y, verbose=0) < first

@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
    gradients = tape.gradient(loss, model.trainable_variables)
    model.optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss

before = float(step(tf.constant(x), tf.convert_to_tensor(y)))
for _ in range(5):
    after = step(tf.constant(x), tf.convert_to_tensor(y))
assert float(after) < before
v = tf.Variable(tf.zeros((2,)), name="v", trainable=True)
v.assign_add([1.0, 2.0])
assert isinstance(v, tf.Variable) and isinstance(model.weights[0], tf.Variable)
assert tf.config.list_physical_devices("CPU")
print("done", sys.argv[1:], minikeras_is_real(keras))
"""


def run(tmp_path, text, *arguments):
    script = tmp_path / "program.py"
    (tmp_path / "beside.py").write_text("VALUE = 7\n")
    script.write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "minikeras", "run", str(script), *arguments],
        capture_output=True, text=True, check=False)


def test_a_program(tmp_path):
    text = PROGRAM.replace("minikeras_is_real(keras)", "keras.__name__")
    done = run(tmp_path, text, "--epochs", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "done ['--epochs', '3'] minikeras"


@pytest.mark.parametrize(("line", "words"), [
    ("import tensorflow as tf; tf.data.Dataset.range(3)", "keras.utils.PyDataset"),
    ("import tensorflow as tf; tf.strings.lower('A')", "TextVectorization"),
    ("import tensorflow as tf; tf.saved_model.load('x')", "load_model"),
    ("import tensorflow as tf; tf.raw_ops", "runs on minikeras, not TensorFlow"),
    ("import tensorflow as tf; tf.nn.ctc_greedy_decoder", "keras.ops"),
    ("from tensorflow import hadamard", "hadamard"),
    ("import tensorflow.raw", "does not exist here"),
])
def test_what_is_not_there_names_the_keras_way(tmp_path, line, words):
    done = run(tmp_path, line)
    assert done.returncode == 1
    assert words in done.stderr


def test_modules_beside_the_script_and_main(tmp_path):
    done = run(tmp_path, "import beside\nassert __name__ == '__main__'\nprint(beside.VALUE)")
    assert done.stdout == "7\n", done.stderr


def test_too_late(tmp_path):
    text = textwrap.dedent("""
        import sys, types
        sys.modules["keras"] = types.ModuleType("keras")
        import minikeras
        try:
            minikeras.activate()
        except RuntimeError as e:
            print(e)
    """)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert "imported already" in done.stdout


def close(got, want):
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-6, atol=1e-6)


def test_short_names():
    tf = minikeras
    x = np.arange(6, dtype="float32").reshape(2, 3)
    close(tf.reduce_mean(x, axis=1, keepdims=True), x.mean(1, keepdims=True))
    close(tf.reduce_sum(input_tensor=x), 15)
    close(tf.concat([x, x], axis=0), np.concatenate([x, x]))
    close(tf.concat(values=[x, x], axis=1), np.concatenate([x, x], 1))
    close(tf.transpose(x, perm=[1, 0]), x.T)
    close(tf.tile(x, multiples=[2, 1]), np.tile(x, (2, 1)))
    close(tf.gather(x, [1, 0], axis=1), x[:, [1, 0]])
    close(tf.gather(params=x, indices=[1]), x[[1]])
    close(tf.range(3), [0, 1, 2])
    close(tf.range(1, 7, delta=2), [1, 3, 5])
    close(tf.linspace(0.0, 1.0, 3), [0, 0.5, 1])
    close(tf.argmax(x), [1, 1, 1])
    close(tf.argmax(x, axis=1), [2, 2])
    close(tf.one_hot([0, 2], depth=3), np.eye(3)[[0, 2]])
    close(tf.one_hot([1], 2, on_value=5.0, off_value=-1.0), [[-1, 5]])
    close(tf.matmul(x, x, transpose_b=True), x @ x.T)
    close(tf.pow(x=x, y=2.0), x**2)
    close(tf.maximum(x, y=2.0), np.maximum(x, 2))
    close(tf.clip_by_value(x, clip_value_min=1, clip_value_max=3), x.clip(1, 3))
    close(tf.where(x > 2, x, tf.zeros_like(x)), np.where(x > 2, x, 0))
    close(tf.reverse(x, axis=[1]), x[:, ::-1])
    close(tf.constant(3.0, shape=(2, 2)), np.full((2, 2), 3))
    close(tf.constant([1, 2, 3, 4], shape=(2, 2)), [[1, 2], [3, 4]])
    close(tf.reshape(tensor=x, shape=(3, 2)), x.reshape(3, 2))
    close(tf.norm(x), np.linalg.norm(x))
    close(tf.clip_by_norm(x, 1.0), x / np.linalg.norm(x))
    close(tf.pad(x, [[0, 1], [0, 0]], constant_values=2), np.pad(x, [[0, 1], [0, 0]],
                                                                constant_values=2))
    close(tf.identity(x), x)
    close(tf.add_n([x, x, x]), 3 * x)
    close(tf.cast(x, tf.int32), x.astype("int32"))
    close(x[:, tf.newaxis], x[:, None])
    assert tf.shape(x) == (2, 3) and tf.rank(x) == 2
    a, b = tf.split(x, [1, 2], axis=1)
    close(a, x[:, :1])
    close(b, x[:, 1:])
    assert len(tf.split(x, 2)) == 2


def test_short_names_of_parts():
    tf = minikeras
    x = np.array([[1.0, 2.0, 3.0]], "float32")
    e = np.exp(x)
    close(tf.nn.softmax(x, axis=1), e / e.sum())
    close(tf.nn.softmax(logits=x), e / e.sum())
    close(tf.nn.leaky_relu(-x, alpha=0.1), -0.1 * x)
    close(tf.math.log(x), np.log(x))
    close(tf.math.l2_normalize(x, axis=1), x / np.linalg.norm(x))
    close(tf.math.squared_difference(x, 1.0), (x - 1) ** 2)
    close(tf.math.is_nan(x), np.isnan(x))
    close(tf.math.reduce_max(x), 3)
    close(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[2], logits=x),
          np.log(e.sum()) - 3)
    image = np.ones((1, 4, 4, 2), "float32")
    kernel = np.ones((3, 3, 2, 1), "float32")
    close(tf.nn.conv2d(image, kernel, strides=[1, 1, 1, 1], padding="VALID"),
          np.full((1, 2, 2, 1), 18))
    close(tf.nn.max_pool2d(image, 2, 2, "SAME"), np.ones((1, 2, 2, 2)))
    close(tf.image.resize(image, (2, 2)), np.ones((1, 2, 2, 2)))
    tf.random.set_seed(3)
    one = tf.random.normal((2,))
    tf.random.set_seed(3)
    close(tf.random.normal(shape=(2,)), np.asarray(one))


def test_modules_track_variables():
    class Part(minikeras.Module):
        def __init__(self):
            super().__init__(name="part")
            self.w = minikeras.Variable([1.0])
            self.fixed = minikeras.Variable([1.0], trainable=False)
            self.dense = minikeras.layers.Dense(2)
            self.inner = [minikeras.layers.Dense(1)]

    part = Part()
    assert len(part.trainable_variables) == 1 and len(part.variables) == 2
    part.inner[0](part.dense(np.ones((1, 3), "float32")))
    assert len(part.trainable_variables) == 5 and len(part.variables) == 6


def test_star_imports_leave_the_builtins():
    assert not {"abs", "range", "round", "pow"} & set(minikeras.__all__)
    assert {"Model", "layers", "ops"} <= set(minikeras.__all__)
