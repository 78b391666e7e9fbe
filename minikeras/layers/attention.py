"""Attention and AdditiveAttention: a weighted mean of values, by scores of queries with keys."""

from minikeras import errors, ops, tree
from minikeras.api.registry import public
from minikeras.core.keras_tensor import KerasTensor
from minikeras.layers.layer import Layer
from minikeras.random.samplers import dropout as drop
from minikeras.random.seed import SeedGenerator


def causal_mask(rows, columns):
    """Booleans (1, rows, columns): whether row t may see column s <= t."""
    below = ops.expand_dims(ops.arange(rows), 1) >= ops.expand_dims(ops.arange(columns), 0)
    return ops.expand_dims(below, 0)


def both(a, b):
    """Where both masks allow; None allows everything."""
    if a is None or b is None:
        return b if a is None else a
    return ops.logical_and(a, b)


@public("layers.Attention")
class Attention(Layer):
    """softmax(scores) value, with scores = query key^T: Luong's attention.

    Args:
        use_scale: whether scores are multiplied by a weight.
        score_mode: "dot", or "concat": w sum(tanh(scale (query + key))).
        dropout: rate, of the weights.
        seed: of the dropout.

    Call: `layer([query, value], mask=None, training=False, return_attention_scores=False,
    use_causal_mask=False)` or `[query, value, key]`, with query (batch, T, size), value
    (batch, S, value size), key (batch, S, size), the value by default, and masks
    [(batch, T), (batch, S)]: values where the mask is False are not seen; queries where it is
    False give 0. Returns (batch, T, value size), and the weights (batch, T, S) if asked for.

    Reference: M.-T. Luong et al. 2015, arXiv:1508.04025.

    >>> import minikeras as keras
    >>> Attention()([keras.ops.ones((2, 3, 4)), keras.ops.ones((2, 5, 4))]).shape
    (2, 3, 4)
    """

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. "
                f"Received: score_mode={score_mode}"
            )
        self.use_scale, self.score_mode = use_scale, score_mode
        self.dropout, self.seed = dropout, seed
        if dropout > 0:
            self.seed_generator = seed if isinstance(seed, SeedGenerator) else SeedGenerator(seed)
        self.supports_masking = True
        self.scale = self.concat_score_weight = None

    def build(self, input_shape):
        self._check_inputs(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(
                name="concat_score_weight", shape=(), initializer="ones")

    def _check_inputs(self, inputs, mask=None):
        name = type(self).__name__
        if not isinstance(inputs, (list, tuple)) or tree.is_shape(inputs):
            raise ValueError(
                f"{name} layer must be called on a list of inputs, namely [query, value] or "
                f"[query, value, key]. Received: inputs={errors.plain(inputs)}."
            )
        if len(inputs) not in (2, 3):
            raise ValueError(
                f"{name} layer accepts inputs list of length 2 or 3, namely [query, value] or "
                f"[query, value, key]. Received length: {len(inputs)}."
            )
        if mask is None:
            return
        if not isinstance(mask, (list, tuple)):
            raise ValueError(
                f"{name} layer mask must be a list, namely [query_mask, value_mask]. "
                f"Received: mask={errors.plain(mask)}."
            )
        if len(mask) < 2 or len(mask) > 3:
            raise ValueError(
                f"{name} layer accepts mask list of length 2 or 3. Received: inputs of length "
                f"{len(inputs)}, mask of length {len(mask)}."
            )

    def _scores(self, query, key):
        """Scores (batch, T, S)."""
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else scores * self.scale
        pairs = ops.expand_dims(query, -2) + ops.expand_dims(key, -3)
        if self.scale is not None:
            pairs = pairs * self.scale
        return ops.sum(ops.tanh(pairs), axis=-1) * self.concat_score_weight

    def _allowed(self, query, key, mask, causal):
        """Booleans that broadcast to the scores, or None."""
        allowed = None
        if mask is not None and mask[1] is not None:
            allowed = ops.expand_dims(ops.cast(ops.convert_to_tensor(mask[1]), "bool"), -2)
        if causal:
            allowed = both(allowed, causal_mask(query.shape[-2], key.shape[-2]))
        return allowed

    def call(
        self, inputs, mask=None, training=False, return_attention_scores=False,
        use_causal_mask=False,
    ):
        self._check_inputs(inputs, mask)
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        dropped = training and self.dropout > 0
        allowed = self._allowed(query, key, mask, use_causal_mask)
        weights = None
        if self._is_plain(query, key, value) and not (dropped or return_attention_scores):
            y = self._by_op(query, key, value, allowed)
        else:
            scores = self._scores(query, key)
            if allowed is not None:
                large = 65504.0 if scores.dtype == "float16" else 1e9
                scores = scores - large * ops.cast(ops.logical_not(allowed), scores.dtype)
            weights = ops.softmax(scores, axis=-1)
            if dropped:
                weights = drop(weights, self.dropout, seed=self.seed_generator)
            y = ops.matmul(weights, value)
        if mask is not None and mask[0] is not None:
            y = y * ops.cast(ops.expand_dims(ops.convert_to_tensor(mask[0]), -1), y.dtype)
        return (y, weights) if return_attention_scores else y

    def _is_plain(self, query, key, value):
        return self.score_mode == "dot" and len(query.shape) == len(key.shape) == len(
            value.shape) == 3

    def _by_op(self, query, key, value, allowed):
        if self.scale is not None:
            query = query * self.scale
        q, k, v = (ops.expand_dims(t, 2) for t in (query, key, value))
        mask = None if allowed is None else ops.expand_dims(allowed, 1)
        return ops.squeeze(ops.dot_product_attention(q, k, v, mask=mask, scale=1.0), 2)

    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        self._check_inputs(inputs, mask)
        return None if mask[0] is None else ops.convert_to_tensor(mask[0])

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(
        self, inputs, mask=None, return_attention_scores=False, training=None,
        use_causal_mask=False,
    ):
        self._check_inputs(inputs, mask)
        query, value = (tuple(t.shape) for t in inputs[:2])
        y = KerasTensor(self.compute_output_shape([query, value]), dtype=self.compute_dtype)
        if not return_attention_scores:
            return y
        return y, KerasTensor((*query[:-1], value[-2]), dtype=self.compute_dtype)

    def get_config(self):
        config = {"seed": self.seed, **super().get_config()}
        return {k: v for k, v in config.items() if k in (
            "name", "trainable", "dtype", "activity_regularizer", *self.arguments)}

    arguments = ("use_scale", "score_mode", "dropout", "seed")


@public("layers.AdditiveAttention")
class AdditiveAttention(Attention):
    """softmax(scores) value, with scores = sum(scale tanh(query + key)): Bahdanau's attention.

    Args:
        use_scale: whether each feature has a weight, `scale`, or 1.
        dropout: rate, of the weights.

    Call: as of Attention; query and key have one size.

    Reference: D. Bahdanau et al. 2015, arXiv:1409.0473.

    >>> import minikeras as keras
    >>> AdditiveAttention()([keras.ops.ones((2, 3, 4)), keras.ops.ones((2, 5, 4))]).shape
    (2, 3, 4)
    """

    arguments = ("use_scale", "dropout", "seed")

    def __init__(self, use_scale=True, dropout=0.0, **kwargs):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape):
        self._check_inputs(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(
                name="scale", shape=(input_shape[0][-1],), initializer="glorot_uniform")

    def _is_plain(self, query, key, value):
        return False

    def _scores(self, query, key):
        scores = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
        return ops.sum(scores if self.scale is None else scores * self.scale, axis=-1)
