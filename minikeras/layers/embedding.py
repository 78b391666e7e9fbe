"""Embedding: a vector for each of a number of indices."""

from minikeras import ops
from minikeras.api.registry import public
from minikeras.dtypes import is_int, name_of
from minikeras.layers.dense import positive_int, set_weight_options, weight
from minikeras.layers.layer import NO_QUANTIZATION, Layer
from minikeras.layers.low_rank import Adapted, LowRank


@public("layers.Embedding")
class Embedding(LowRank, Layer):
    """Rows of a table, by index.

    Args:
        input_dim: number of rows: indices are 0 ... input_dim - 1.
        output_dim: length of a row.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: of the table.
        mask_zero: whether index 0 is padding: the output carries a mask that leaves it out.
        weights: initial table.
        lora_rank, lora_alpha: train an addition of low rank to the table, as `enable_lora` does.
        quantization_config: not supported.

    Shapes: (batch, ...) integers -> (batch, ..., output_dim). The row of an index
    below 0 or from input_dim on is NaN, on every device.

    >>> Embedding(10, 4)([[1, 2, 3]]).shape
    (1, 3, 4)
    """

    adapted = "embeddings"
    embeddings = Adapted()
    variable_serialization_spec = {None: ["embeddings"]}

    def __init__(
        self, input_dim, output_dim, embeddings_initializer="uniform",
        embeddings_regularizer=None, embeddings_constraint=None, mask_zero=False, weights=None,
        lora_rank=None, lora_alpha=None, quantization_config=None, **kwargs,
    ):
        if quantization_config:
            raise NotImplementedError(NO_QUANTIZATION)
        length = kwargs.pop("input_length", None)
        if length is not None and "input_shape" not in kwargs:
            kwargs["input_shape"] = (length,) if isinstance(length, int) else tuple(length)
        super().__init__(lora_rank=lora_rank, lora_alpha=lora_alpha, **kwargs)
        self.input_dim = positive_int(self, "input_dim", input_dim)
        self.output_dim = positive_int(self, "output_dim", output_dim)
        set_weight_options(
            self, embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
        )
        self.mask_zero, self.supports_masking, self.autocast = mask_zero, mask_zero, False
        self.quantization_config = None
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) else [weights])

    def build(self, input_shape=None):
        if not self.built:
            self.embeddings = weight(self, "embeddings", (self.input_dim, self.output_dim))
            self._adapt()

    def call(self, inputs):
        if name_of(inputs.dtype) not in ("int32", "int64", "uint32", "uint64"):
            inputs = ops.cast(inputs, "int32")
        if name_of(inputs.dtype).startswith("int"):  # `take` would count from the end
            inputs = ops.where(inputs < 0, self.input_dim, inputs)
        rows = ops.take(self.embeddings, inputs, axis=0)
        return ops.cast(rows, self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)

    def get_config(self):
        config = super().get_config()
        config.pop("weights", None)
        config.setdefault("activity_regularizer", None)
        config.setdefault("quantization_config", None)
        return config


@public("layers.ReversibleEmbedding")
class ReversibleEmbedding(Embedding):
    """Rows of a table, by index; and back, from vectors to a score for each index.

    Args:
        input_dim, output_dim, embeddings_initializer, embeddings_regularizer,
            embeddings_constraint, mask_zero: as in Embedding.
        tie_weights: whether the way back uses the same table; else one of its own.
        reverse_dtype: dtype that the scores are computed in; None: that of vectors and table.
        logit_soft_cap: number c: scores s become c tanh(s / c); None: they stay.

    Shapes: (batch, ...) integers -> (batch, ..., output_dim); with `reverse=True`
    (batch, ..., output_dim) -> (batch, ..., input_dim).

    Reference: O. Press, L. Wolf 2016, Using the output embedding to improve language models,
    arXiv:1608.05859; soft cap: Gemma 2, 2024, arXiv:2408.00118.

    >>> layer = ReversibleEmbedding(10, 4)
    >>> layer(layer([[1, 2, 3]]), reverse=True).shape
    (1, 3, 10)
    """

    def __init__(
        self, input_dim, output_dim, tie_weights=True, embeddings_initializer="uniform",
        embeddings_regularizer=None, embeddings_constraint=None, mask_zero=False,
        reverse_dtype=None, logit_soft_cap=None, **kwargs,
    ):
        super().__init__(
            input_dim, output_dim, embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint, mask_zero=mask_zero, **kwargs,
        )
        self.tie_weights, self.reverse_dtype = tie_weights, reverse_dtype
        self.logit_soft_cap = logit_soft_cap
        self.reverse_embeddings = None

    def build(self, input_shape=None):
        super().build(input_shape)
        if not self.tie_weights and self.reverse_embeddings is None:
            self.reverse_embeddings = self.add_weight(
                name="reverse_embeddings", shape=(self.output_dim, self.input_dim),
                initializer=self.embeddings_initializer,
            )

    def call(self, inputs, reverse=False):
        if not reverse:
            return super().call(inputs)
        table = self.reverse_embeddings
        if self.tie_weights:
            table = ops.transpose(self.embeddings)
        if self.reverse_dtype is not None:
            inputs = ops.cast(inputs, self.reverse_dtype)
            table = ops.cast(table, self.reverse_dtype)
        scores = ops.matmul(inputs, table)
        if self.logit_soft_cap is None:
            return scores
        return ops.tanh(scores / self.logit_soft_cap) * self.logit_soft_cap

    def compute_mask(self, inputs, mask=None):
        # Vectors, on the way back, have none.
        return super().compute_mask(inputs, mask) if is_int(inputs.dtype) else None

    def compute_output_shape(self, input_shape, reverse=False):
        if reverse:
            return (*input_shape[:-1], self.input_dim)
        return super().compute_output_shape(input_shape)
