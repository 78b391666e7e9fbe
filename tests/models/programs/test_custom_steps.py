"""Programs with training steps of their own: adversarial, variational, distilled, routed, painted.

Each is at toy size: it learns under the compiled step, which changes the weights as the eager one
does, is saved, loaded, and gives what it gave.
"""

import warnings

import numpy as np
import pytest

import minikeras as keras
import minikeras as tf
from minikeras import layers, ops

RNG = np.random.default_rng(3)


def blobs(n=64, size=8):
    """Images with a bright square on one of four places."""
    x = RNG.uniform(0, 0.1, (n, size, size, 1)).astype("float32")
    place = RNG.integers(0, 4, n)
    for i, p in enumerate(place):
        r, c = (p // 2) * size // 2, (p % 2) * size // 2
        x[i, r : r + size // 2, c : c + size // 2] = 1
    return x, place


# ---------------------------------------------------------------- variational autoencoder
@keras.saving.register_keras_serializable(package="toy")
class Sampling(layers.Layer):
    """A draw from a normal distribution with this mean and logarithm of the variance."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        mean, log_var = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * noise


@keras.saving.register_keras_serializable(package="toy")
class VAE(keras.Model):
    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.total = keras.metrics.Mean(name="total")
        self.reconstruction = keras.metrics.Mean(name="reconstruction")
        self.divergence = keras.metrics.Mean(name="divergence")

    @property
    def metrics(self):
        return [self.total, self.reconstruction, self.divergence]

    def call(self, inputs):
        return self.decoder(self.encoder(inputs)[0])

    def train_step(self, data):
        with tf.GradientTape() as tape:
            mean, log_var, z = self.encoder(data, training=True)
            made = self.decoder(z, training=True)
            reconstruction = ops.mean(
                ops.sum(keras.losses.binary_crossentropy(data, made), axis=(1, 2)))
            divergence = -0.5 * (1 + log_var - ops.square(mean) - ops.exp(log_var))
            divergence = ops.mean(ops.sum(divergence, axis=1))
            total = reconstruction + divergence
        grads = tape.gradient(total, self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights))
        self.total.update_state(total)
        self.reconstruction.update_state(reconstruction)
        self.divergence.update_state(divergence)
        return {m.name: m.result() for m in self.metrics}

    def get_config(self):
        parts = {"encoder": self.encoder, "decoder": self.decoder}
        return {**super().get_config(),
                **{k: keras.saving.serialize_keras_object(v) for k, v in parts.items()}}

    @classmethod
    def from_config(cls, config):
        for part in ("encoder", "decoder"):
            config[part] = keras.saving.deserialize_keras_object(config[part])
        return cls(**config)


def variational():
    x, _ = blobs()
    inputs = keras.Input((8, 8, 1))
    y = layers.Conv2D(8, 3, activation="relu", strides=2, padding="same")(inputs)
    y = layers.Dense(16, activation="relu")(layers.Flatten()(y))
    mean, log_var = layers.Dense(2, name="mean")(y), layers.Dense(2, name="log_var")(y)
    encoder = keras.Model(inputs, [mean, log_var, Sampling()([mean, log_var])], name="encoder")
    latent = keras.Input((2,))
    y = layers.Reshape((4, 4, 8))(layers.Dense(4 * 4 * 8, activation="relu")(latent))
    y = layers.Conv2DTranspose(8, 3, activation="relu", strides=2, padding="same")(y)
    decoder = keras.Model(
        latent, layers.Conv2D(1, 3, activation="sigmoid", padding="same")(y), name="decoder")
    model = VAE(encoder, decoder)
    return model, dict(optimizer=keras.optimizers.Adam(0.01)), (x,), "total", x


# ---------------------------------------------------------------- adversarial networks
@keras.saving.register_keras_serializable(package="toy")
class GAN(keras.Model):
    """One network makes, another tells what was made; labels are noisy."""

    def __init__(self, discriminator, generator, latent_dim, **kwargs):
        super().__init__(**kwargs)
        self.discriminator, self.generator = discriminator, generator
        self.latent_dim = latent_dim
        self.seed_generator = keras.random.SeedGenerator(7)
        self.d_metric = keras.metrics.Mean(name="d_loss")
        self.g_metric = keras.metrics.Mean(name="g_loss")

    def compile(self, d_optimizer, g_optimizer, loss_fn, **kwargs):
        super().compile(**kwargs)
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

    @property
    def metrics(self):
        return [self.d_metric, self.g_metric]

    def call(self, noise):
        return self.generator(noise)

    def draw(self, n):
        return keras.random.normal((n, self.latent_dim), seed=self.seed_generator)

    def train_step(self, real):
        n = ops.shape(real)[0]
        made = self.generator(self.draw(n))
        images = ops.concatenate([made, real], axis=0)
        labels = ops.concatenate([ops.ones((n, 1)), ops.zeros((n, 1))], axis=0)
        labels += 0.05 * keras.random.uniform(ops.shape(labels), seed=self.seed_generator)
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(images))
        grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply_gradients(zip(grads, self.discriminator.trainable_weights))
        misleading = ops.zeros((n, 1))
        with tf.GradientTape() as tape:
            g_loss = self.loss_fn(misleading, self.discriminator(self.generator(self.draw(n))))
        grads = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_weights))
        self.d_metric.update_state(d_loss)
        self.g_metric.update_state(g_loss)
        return {"d_loss": self.d_metric.result(), "g_loss": self.g_metric.result()}

    def get_config(self):
        return {
            **super().get_config(), "latent_dim": self.latent_dim,
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "generator": keras.saving.serialize_keras_object(self.generator),
        }

    @classmethod
    def from_config(cls, config):
        for part in ("discriminator", "generator"):
            config[part] = keras.saving.deserialize_keras_object(config[part])
        return cls(**config)

    def get_compile_config(self):
        return {}

    def compile_from_config(self, config):
        self.compile(**sgd_pair())


@keras.saving.register_keras_serializable(package="toy")
class WGAN(GAN):
    """Wasserstein: several steps of the critic for one of the generator, gradients near 1."""

    def penalty(self, real, made):
        n = ops.shape(real)[0]
        alpha = keras.random.uniform((n, 1, 1, 1), seed=self.seed_generator)
        between = real + alpha * (made - real)
        with tf.GradientTape() as tape:
            tape.watch(between)
            told = self.discriminator(between, training=True)
        grads = tape.gradient(told, [between])[0]
        norm = ops.sqrt(ops.sum(ops.square(grads), axis=[1, 2, 3]) + 1e-12)
        return ops.mean((norm - 1.0) ** 2)

    def train_step(self, real):
        if isinstance(real, tuple):
            real = real[0]
        n = ops.shape(real)[0]
        for _ in range(2):
            with tf.GradientTape() as tape:
                made = self.generator(self.draw(n), training=True)
                worth = ops.mean(self.discriminator(made, training=True))
                worth = worth - ops.mean(self.discriminator(real, training=True))
                d_loss = worth + 10.0 * self.penalty(real, made)
            grads = tape.gradient(d_loss, self.discriminator.trainable_variables)
            self.d_optimizer.apply_gradients(zip(grads, self.discriminator.trainable_variables))
        with tf.GradientTape() as tape:
            told = self.discriminator(self.generator(self.draw(n), training=True), training=True)
            g_loss = -ops.mean(told)
        grads = tape.gradient(g_loss, self.generator.trainable_variables)
        self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_variables))
        self.d_metric.update_state(d_loss)
        self.g_metric.update_state(g_loss)
        return {"d_loss": self.d_metric.result(), "g_loss": self.g_metric.result()}


def sgd_pair():
    return dict(
        d_optimizer=keras.optimizers.Adam(0.005), g_optimizer=keras.optimizers.Adam(0.002),
        loss_fn=keras.losses.BinaryCrossentropy(from_logits=True))


def networks(normalize):
    discriminator = keras.Sequential([
        keras.Input((8, 8, 1)), layers.Conv2D(8, 3, strides=2, padding="same"),
        layers.LeakyReLU(negative_slope=0.2), layers.GlobalMaxPooling2D(), layers.Dense(1),
    ], name="discriminator")
    generator = keras.Sequential([
        keras.Input((6,)), layers.Dense(4 * 4 * 4, use_bias=not normalize),
        layers.BatchNormalization() if normalize else layers.Identity(),
        layers.LeakyReLU(negative_slope=0.2), layers.Reshape((4, 4, 4)),
        layers.Conv2DTranspose(4, 4, strides=2, padding="same"),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
    ], name="generator")
    return discriminator, generator


def adversarial():
    noise = RNG.standard_normal((5, 6)).astype("float32")
    model = GAN(*networks(normalize=False), latent_dim=6)
    return model, sgd_pair(), (blobs()[0],), "d_loss", noise


def wasserstein():
    noise = RNG.standard_normal((5, 6)).astype("float32")
    model = WGAN(*networks(normalize=True), latent_dim=6)
    return model, sgd_pair(), (blobs()[0],), "d_loss", noise


# ---------------------------------------------------------------- knowledge distillation
@keras.saving.register_keras_serializable(package="toy")
class Distiller(keras.Model):
    """A small network learns labels, and a big one's softened answers."""

    def __init__(self, student, teacher, alpha=0.1, temperature=3.0, **kwargs):
        super().__init__(**kwargs)
        self.student, self.teacher = student, teacher
        self.teacher.trainable = False
        self.alpha, self.temperature = alpha, temperature

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, allow_empty=False):
        told = self.teacher(x, training=False)
        student_loss = super().compute_loss(x, y, y_pred, sample_weight)
        soft = [ops.softmax(p / self.temperature, axis=1) for p in (told, y_pred)]
        distillation = ops.mean(keras.losses.kl_divergence(*soft)) * self.temperature**2
        return self.alpha * student_loss + (1 - self.alpha) * distillation

    def call(self, x):
        return self.student(x)

    def get_config(self):
        return {
            **super().get_config(), "alpha": self.alpha, "temperature": self.temperature,
            "student": keras.saving.serialize_keras_object(self.student),
            "teacher": keras.saving.serialize_keras_object(self.teacher),
        }

    @classmethod
    def from_config(cls, config):
        for part in ("student", "teacher"):
            config[part] = keras.saving.deserialize_keras_object(config[part])
        return cls(**config)


def distillation():
    x, place = blobs()

    def network(width, name):
        return keras.Sequential([
            keras.Input((8, 8, 1)), layers.Conv2D(width, 3, strides=2, activation="relu"),
            layers.Flatten(), layers.Dense(4)], name=name)

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    teacher = network(8, "teacher")
    teacher.compile(keras.optimizers.Adam(0.02), loss)
    teacher.fit(x, place, epochs=5, verbose=0)
    options = dict(
        optimizer=keras.optimizers.Adam(0.01), loss=loss,
        metrics=[keras.metrics.SparseCategoricalAccuracy()])
    return Distiller(network(3, "student"), teacher), options, (x, place), "loss", x


# ---------------------------------------------------------------- mixture of experts
@keras.saving.register_keras_serializable(package="toy")
class Router(layers.Layer):
    """Each token to the expert that wants it most, up to the capacity; a loss for balance."""

    def __init__(self, experts, capacity, **kwargs):
        super().__init__(**kwargs)
        self.experts, self.capacity = experts, capacity
        self.route = layers.Dense(experts)

    def build(self, input_shape):
        self.route.build(input_shape)

    def call(self, inputs, training=False):
        logits = self.route(inputs)
        if training:
            logits += keras.random.uniform(ops.shape(logits), 0.95, 1.05, seed=11)
        chances = ops.softmax(logits, axis=-1)
        gate, index = ops.top_k(chances, k=1)
        chosen = ops.one_hot(ops.squeeze(index, axis=-1), self.experts)
        balance = ops.mean(chosen, axis=0) * ops.mean(chances, axis=0)
        self.add_loss(0.01 * self.experts**2 * ops.mean(balance))
        place = (ops.cumsum(chosen, axis=0) - 1.0) * chosen
        chosen = chosen * ops.cast(ops.less(place, self.capacity), "float32")
        place = ops.cast(ops.sum(place * chosen, axis=-1), "int32")
        spread = ops.expand_dims(chosen, -1) * ops.expand_dims(
            ops.one_hot(place, self.capacity), 1)
        return ops.stop_gradient(spread), spread * ops.expand_dims(gate, -1)

    def get_config(self):
        return {**super().get_config(), "experts": self.experts, "capacity": self.capacity}


@keras.saving.register_keras_serializable(package="toy")
class Switch(layers.Layer):
    """A dense layer for each expert, in one einsum, between dispatch and combination."""

    def __init__(self, experts, width, capacity, **kwargs):
        super().__init__(**kwargs)
        self.experts, self.width, self.capacity = experts, width, capacity
        self.router = Router(experts, capacity)
        self.networks = [
            keras.Sequential([layers.Dense(2 * width, activation="relu"), layers.Dense(width)])
            for _ in range(experts)]

    def call(self, inputs):
        tokens = ops.reshape(inputs, (-1, self.width))
        dispatch, combine = self.router(tokens)
        sent = ops.einsum("ab,acd->cdb", tokens, dispatch)
        sent = ops.unstack(ops.reshape(sent, (self.experts, self.capacity, self.width)))
        made = ops.stack([f(x) for f, x in zip(self.networks, sent)], axis=1)
        back = ops.einsum("abc,xba->xc", made, combine)
        return ops.reshape(back, ops.shape(inputs))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "experts": self.experts, "width": self.width,
                "capacity": self.capacity}


def experts():
    tokens = RNG.integers(0, 20, (64, 6))
    labels = (np.sum(tokens < 6, 1) > 1).astype("int32")
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(20, 8)(inputs)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    x = layers.LayerNormalization()(x + Switch(3, 8, capacity=48)(x))
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling1D()(x))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    options = dict(
        optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy",
        metrics=["accuracy"])
    return model, options, (tokens, labels), "loss", tokens


# ---------------------------------------------------------------- the tests
PROGRAMS = {
    f.__name__: f for f in (variational, adversarial, wasserstein, distillation, experts)}


@pytest.fixture(params=PROGRAMS)
def program(request):
    keras.utils.set_random_seed(4)
    return PROGRAMS[request.param]()


def test_it_learns_and_is_loaded(program, tmp_path):
    model, options, data, watched, x = program
    model.compile(**options)
    history = model.fit(*data, batch_size=16, epochs=8, verbose=0).history[watched]
    assert all(np.isfinite(history))
    assert history[-1] < history[0] - 0.03 * abs(history[0]), history
    want = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        if isinstance(model, Distiller):  # the teacher is frozen, with an optimizer that was not
            warnings.filterwarnings("ignore", "The optimizer begins anew")
        loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), want, rtol=1e-5, atol=1e-6)
    again = type(model).from_config(model.get_config())
    again(x[:2])
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict(x, verbose=0), want, rtol=1e-5, atol=1e-6)
    if watched == "loss":
        loaded.fit(*data, batch_size=16, epochs=1, verbose=0)


def test_the_compiled_steps_are_the_eager_ones(program):
    model, options, data, watched, x = program
    first = [a[:16] for a in data]
    model(x[:2])
    start, weights = [np.array(v) for v in model.variables], model.get_weights()
    found = []
    for eager in (True, False):
        for v, value in zip(model.variables, start):
            v.assign(value)
        model.compile(**fresh(options), run_eagerly=eager)
        model.fit(*first, epochs=3, shuffle=False, verbose=0)
        found.append(model.get_weights())
    assert any((np.abs(a - b) > 1e-6).any() for a, b in zip(found[1], weights))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-4)


def fresh(options):
    """The options with optimizers that have no steps behind them."""
    return {k: type(v).from_config(v.get_config()) if isinstance(v, keras.optimizers.Optimizer)
            else v for k, v in options.items()}


# ---------------------------------------------------------------- style transfer
def gram(x):
    """Products of features: what goes with what, wherever it is."""
    x = ops.transpose(x, (2, 0, 1))
    features = ops.reshape(x, (ops.shape(x)[0], -1))
    return ops.matmul(features, ops.transpose(features))


def test_an_image_takes_the_style_of_another():
    keras.utils.set_random_seed(5)
    inputs = keras.Input((16, 16, 3))
    x, outputs = inputs, {}
    for i in range(3):
        x = layers.Conv2D(6, 3, padding="same", activation="relu", name=f"block{i}")(x)
        outputs[f"block{i}"] = x
        x = layers.AveragePooling2D(2)(x)
    extractor = keras.Model(inputs, outputs)
    content, style = (RNG.uniform(0, 1, (1, 16, 16, 3)).astype("float32") for _ in range(2))
    image = tf.Variable(content)

    def compute_loss(image):
        features = extractor(ops.concatenate([content, style, image], axis=0))
        loss = ops.zeros(())
        deep = features["block2"]
        loss += 0.1 * ops.sum(ops.square(deep[2] - deep[0]))
        for name in ("block0", "block1"):
            given, made = gram(features[name][1]), gram(features[name][2])
            loss += ops.sum(ops.square(given - made)) / (4.0 * 36 * 256)
        a = ops.square(image[:, :-1, :-1, :] - image[:, 1:, :-1, :])
        b = ops.square(image[:, :-1, :-1, :] - image[:, :-1, 1:, :])
        return loss + 1e-4 * ops.sum(ops.power(a + b, 1.25))

    @tf.function
    def loss_and_grads(image):
        with tf.GradientTape() as tape:
            loss = compute_loss(image)
        return loss, tape.gradient(loss, image)

    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 20, 0.96)
    optimizer = keras.optimizers.Adam(schedule)
    losses = []
    for _ in range(30):
        loss, grads = loss_and_grads(image)
        optimizer.apply_gradients([(grads, image)])
        losses.append(float(loss))
    assert losses[-1] < 0.5 * losses[0], losses
    with tf.GradientTape() as tape:
        loss = compute_loss(image)
    again, grads = loss_and_grads(image)
    np.testing.assert_allclose(float(again), float(loss), rtol=1e-5)
    np.testing.assert_allclose(grads, tape.gradient(loss, image), rtol=1e-3, atol=1e-5)
