"""MultiHeadAttention and GroupQueryAttention: attention of projections, several at once."""

import math

from minikeras import ops, regularizers
from minikeras.api.registry import public
from minikeras.core.keras_tensor import KerasTensor
from minikeras.layers.attention import both, causal_mask
from minikeras.layers.call_spec import mask_of
from minikeras.layers.dense import positive_int, set_weight_options
from minikeras.layers.einsum_dense import EinsumDense
from minikeras.layers.layer import Layer
from minikeras.layers.regularization import Dropout

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _equation(free, bound, out):
    """Einsum of (free..., bound...) with (bound..., out...); and the letters of the new axes."""
    a, b = LETTERS[:free], LETTERS[free : free + bound]
    c = LETTERS[free + bound : free + bound + out]
    return f"{a}{b},{b}{c}->{a}{c}", c


class HeadsAttention(Layer):
    """Base of attention with heads: projections, masks, softmax, dropout, gate.

    A subclass gives the numbers of heads and sizes.
    """

    def _set_options(
        self, dropout, use_bias, sliding_window, flash_attention, use_gate, seed, options,
    ):
        if sliding_window is not None and (
            not isinstance(sliding_window, int) or sliding_window < 1
        ):
            raise ValueError(
                "`sliding_window` must be `None` or a positive integer. "
                f"Received: sliding_window={sliding_window}"
            )
        if flash_attention and dropout > 0:
            raise ValueError(
                "Dropout is not supported when flash attention is enabled. Please set dropout to "
                "0.0 to use flash attention."
            )
        self.dropout, self.use_bias, self.use_gate = dropout, use_bias, use_gate
        self.sliding_window, self.seed = sliding_window, seed
        self.flash_attention = flash_attention
        self._activity_regularizer = regularizers.get(options.pop("activity_regularizer"))
        set_weight_options(self, **options)
        self.supports_masking = True
        self._gate_dense = self._dropout_layer = None

    # ------------------------------------------------------------ sublayers
    def _dense(self, name, free, bound, shape):
        """A projection to axes of the lengths `shape`; its own copies of initializers."""
        equation, letters = _equation(free, bound, len(shape))
        options = {
            f"{what}_{kind}": getattr(self, f"{what}_{kind}")
            for what in ("kernel", "bias") for kind in ("initializer", "regularizer", "constraint")
        }
        for what in ("kernel", "bias"):
            given = options[f"{what}_initializer"]
            if hasattr(given, "get_config"):
                options[f"{what}_initializer"] = type(given).from_config(given.get_config())
        dense = EinsumDense(
            equation, output_shape=(None,) * (free - 1) + tuple(shape),
            bias_axes=letters if self.use_bias else None, name=name, dtype=self.dtype_policy,
            activity_regularizer=self._activity_regularizer, **options)
        dense.supports_masking = True  # masks are this layer's concern
        return dense

    def _add_dropout(self):
        if self.dropout > 0:
            self._dropout_layer = Dropout(self.dropout, dtype=self.dtype_policy, seed=self.seed)

    def _check_shapes(self, query, value, key):
        who = f'Layer "{self.name}" ({type(self).__name__})'
        for what, shape in (("query", query), ("value", value), ("key", key)):
            if len(shape) < 3:
                raise ValueError(
                    f"{who}: the {what} must have 3 or more axes (batch, length, features). "
                    f"Received: shape {tuple(shape)}"
                )
        if value[1:-1] != key[1:-1]:
            raise ValueError(
                "All dimensions of `value` and `key`, except the last one, must be equal. "
                f"Received: value_shape={tuple(value)} and key_shape={tuple(key)}"
            )

    # ------------------------------------------------------------ masks
    def _compute_attention_mask(
        self, query, value, query_mask=None, value_mask=None, key_mask=None, attention_mask=None,
        use_causal_mask=False,
    ):
        """Booleans that broadcast to (batch, T, S), or None."""
        allowed = None
        if query_mask is not None:
            allowed = ops.expand_dims(_bool(query_mask), -1)
        for mask in (value_mask, key_mask):
            if mask is not None:
                allowed = both(allowed, ops.expand_dims(_bool(mask), -2))
        rows, columns = query.shape[1], value.shape[1]
        if use_causal_mask:
            allowed = both(allowed, causal_mask(rows, columns))
        if self.sliding_window is not None:
            distance = ops.expand_dims(ops.arange(rows), 1) - ops.expand_dims(
                ops.arange(columns), 0)
            near = ops.less(ops.absolute(distance), self.sliding_window)
            allowed = both(allowed, ops.expand_dims(near, 0))
        return both(None if attention_mask is None else _bool(attention_mask), allowed)

    # ------------------------------------------------------------ attention proper
    def _attend(self, query, key, value, mask, training, scores):
        """(y, weights or None) of (batch, T, heads, size), with a mask (batch, heads, T, S)."""
        dropped = training and self.dropout > 0
        if not dropped and not scores:
            scale = 1.0 / math.sqrt(query.shape[-1])
            return ops.dot_product_attention(query, key, value, mask=mask, scale=scale), None
        q = ops.transpose(query * (1.0 / math.sqrt(query.shape[-1])), (0, 2, 1, 3))
        logits = ops.matmul(q, ops.transpose(key, (0, 2, 3, 1)))  # (batch, heads, T, S)
        weights = _masked_softmax(logits, mask)
        used = self._dropout_layer(weights, training=training) if dropped else weights
        y = ops.matmul(used, ops.transpose(value, (0, 2, 1, 3)))
        return ops.transpose(y, (0, 2, 1, 3)), weights

    def _check_flash(self, scores):
        if scores and self.flash_attention:
            raise ValueError(
                "Returning attention scores is not supported when flash attention is enabled. "
                "Please disable flash attention to access attention scores."
            )

    def call(
        self, query, value, key=None, query_mask=None, value_mask=None, key_mask=None,
        attention_mask=None, return_attention_scores=False, training=None, use_causal_mask=False,
    ):
        self._check_flash(return_attention_scores)
        key = value if key is None else key
        mask = self._compute_attention_mask(
            query, value, self._mask_of_query(query, query_mask), value_mask, key_mask,
            attention_mask, use_causal_mask)
        q = self._query_dense(query)
        k = self._for_all_heads(self._key_dense(key))
        v = self._for_all_heads(self._value_dense(value))
        y, weights = self._compute_attention(
            q, k, v, mask, training=training, return_attention_scores=return_attention_scores)
        y = self._output_dense(self._gated(y, query))
        return (y, weights) if return_attention_scores else y

    def _mask_of_query(self, query, given):
        """The mask of the queries that see nothing."""
        return given

    def _for_all_heads(self, x):
        """Projected keys or values, with as many heads as the queries have."""
        return x

    def _gated(self, y, query):
        if self._gate_dense is None:
            return y
        return y * ops.sigmoid(self._gate_dense(query))

    def _arguments_config(self, cls):
        config = super()._arguments_config(cls)
        del config["flash_attention"]
        return config

    def get_config(self):
        config = super().get_config()
        config["activity_regularizer"] = regularizers.serialize(self._activity_regularizer)
        return config


def _bool(mask):
    return ops.cast(ops.convert_to_tensor(mask), "bool")


def _masked_softmax(logits, mask):
    """Softmax over what the mask allows; zeros in rows that may see nothing."""
    if mask is None:
        return ops.softmax(logits, axis=-1)
    large = 3e4 if logits.dtype == "float16" else 1e9
    weights = ops.softmax(ops.where(mask, logits, -large), axis=-1)
    return ops.where(mask, weights, ops.zeros_like(weights))


@public("layers.MultiHeadAttention")
class MultiHeadAttention(HeadsAttention):
    """Attention of several projections of query, key and value, put together by another.

    For each head, softmax(q k^T / sqrt(key_dim)) v with q, k, v projections of the inputs; the
    heads' results are projected to the output.

    Args:
        num_heads: number of heads.
        key_dim: size of a head's query and key.
        value_dim: size of a head's value; key_dim by default.
        dropout: rate, of the attention weights.
        use_bias: whether projections have biases.
        output_shape: size, or shape, of the output's features; the query's by default.
        attention_axes: the axes over which is attended; all but batch and features by default.
        sliding_window: a query sees keys less than so many steps away; None: all.
        flash_attention: accepted for Keras's sake; the result does not depend on it.
        kernel_*, bias_*: initializer, regularizer and constraint of the projections.
        activity_regularizer: of the projections' outputs.
        use_gate: whether heads are multiplied by the logistic function of a projection of the
            query.
        seed: of the dropout.

    Call: `layer(query, value, key=None, query_mask=None, value_mask=None, key_mask=None,
    attention_mask=None, return_attention_scores=False, training=None, use_causal_mask=False)`
    with query (batch, T, features), value and key (batch, S, features), masks (batch, T),
    (batch, S) and (batch, T, S). Returns (batch, T, output features), and the weights
    (batch, heads, T, S) if asked for.

    Reference: A. Vaswani et al. 2017, arXiv:1706.03762.

    >>> import minikeras as keras
    >>> x = keras.ops.ones((2, 5, 8))
    >>> MultiHeadAttention(num_heads=2, key_dim=4)(x, x).shape
    (2, 5, 8)
    """

    def __init__(
        self, num_heads, key_dim, value_dim=None, dropout=0.0, use_bias=True, output_shape=None,
        attention_axes=None, sliding_window=None, flash_attention=None,
        kernel_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer=None,
        bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        bias_constraint=None, use_gate=False, seed=None, **kwargs,
    ):
        super().__init__(**kwargs)
        for name, value in (("num_heads", num_heads), ("key_dim", key_dim)):
            if not isinstance(value, int) or value <= 0:
                raise ValueError(
                    f"Received an invalid value for argument `{name}`, expected a positive "
                    f"integer. Received: {name}={value}"
                )
        self.num_heads, self.key_dim = num_heads, key_dim
        self.value_dim = value_dim or key_dim
        self._set_options(
            dropout, use_bias, sliding_window, flash_attention, use_gate, seed, dict(
                kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
                kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
                kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
                activity_regularizer=activity_regularizer))
        if output_shape is not None:
            shape = output_shape if isinstance(output_shape, (list, tuple)) else (output_shape,)
            output_shape = tuple(positive_int(self, "output_shape", n) for n in shape)
        self._output_shape, self.attention_axes = output_shape, _axes(self, attention_axes)
        self.query_dense = self.key_dense = self.value_dense = self.output_dense = None

    num_heads = key_dim = value_dim = dropout = use_bias = attention_axes = None
    query_dense = key_dense = value_dense = output_dense = None  # the projections, once built

    def _mask_of_query(self, query, given):
        return mask_of(query)  # as in Keras, which does not heed one given by name

    # What subclasses in the wild call them.
    _num_heads = property(lambda self: self.num_heads)
    _key_dim = property(lambda self: self.key_dim)
    _value_dim = property(lambda self: self.value_dim)
    _query_dense = property(lambda self: self.query_dense)
    _key_dense = property(lambda self: self.key_dense)
    _value_dense = property(lambda self: self.value_dense)
    _output_dense = property(lambda self: self.output_dense)

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(query_shape, value_shape, key_shape)
        rank = len(query_shape)
        heads = (self.num_heads, self.key_dim)
        values = (self.num_heads, self.value_dim)
        self.query_dense = self._dense("query", rank - 1, 1, heads)
        self.query_dense.build(query_shape)
        self.key_dense = self._dense("key", len(key_shape) - 1, 1, heads)
        self.key_dense.build(key_shape)
        if self.use_gate:
            self._gate_dense = self._dense("gate", rank - 1, 1, values)
            self._gate_dense.build(query_shape)
        self.value_dense = self._dense("value", len(value_shape) - 1, 1, values)
        self.value_dense.build(value_shape)
        if self.attention_axes is None:
            self.attention_axes = tuple(range(1, rank - 1))
        self._add_dropout()
        shape = self._output_shape or (query_shape[-1],)
        self.output_dense = self._dense("attention_output", rank - 1, 2, shape)
        self.output_dense.build((*query_shape[:-1], *values))

    def _compute_attention(
        self, query, key, value, attention_mask=None, training=None,
        return_attention_scores=False,
    ):
        """(y, weights or None) of projections: other axes count as samples, several as one."""
        q, k, v, mask, scores = query, key, value, attention_mask, return_attention_scores
        n = len(self.attention_axes)
        axes = self.attention_axes
        if len(q.shape) == 4 and axes == (1,):
            return self._attend(q, k, v, _with_heads(mask, 4, 1), training, scores)
        lead = [i for i in range(len(q.shape) - 2) if i not in axes]
        order = (*lead, *axes, len(q.shape) - 2, len(q.shape) - 1)
        q, k, v = (ops.transpose(t, order) for t in (q, k, v))
        outer = tuple(q.shape[: len(lead)])  # batch and the axes that are not attended over
        rows, columns = tuple(q.shape[len(lead) : -2]), tuple(k.shape[len(lead) : -2])
        flat = [
            ops.reshape(t, (-1, math.prod(s), *t.shape[-2:]))
            for t, s in ((q, rows), (k, columns), (v, columns))
        ]
        if mask is not None:
            mask = _with_heads(mask, len(lead) + 1 + 2 * n, n)
            mask = ops.broadcast_to(mask, (*outer, mask.shape[len(lead)], *rows, *columns))
            mask = ops.reshape(
                mask, (-1, mask.shape[len(lead)], math.prod(rows), math.prod(columns)))
        y, weights = self._attend(*flat, mask, training, scores)
        y = ops.reshape(y, (*outer, *rows, *y.shape[-2:]))
        back = sorted(range(len(order)), key=order.__getitem__)
        if weights is not None:
            weights = ops.reshape(weights, (*outer, self.num_heads, *rows, *columns))
        return ops.transpose(y, tuple(back)), weights

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(query_shape, value_shape, key_shape)
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))

    def compute_output_spec(
        self, query, value, key=None, query_mask=None, value_mask=None, key_mask=None,
        attention_mask=None, return_attention_scores=False, training=None, use_causal_mask=False,
    ):
        self._check_flash(return_attention_scores)
        keys = tuple((value if key is None else key).shape)
        shape = self.compute_output_shape(tuple(query.shape), tuple(value.shape), keys)
        y = KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return y
        axes = self.attention_axes or tuple(range(1, len(query.shape) - 1))
        lead = [query.shape[i] for i in range(len(query.shape) - 1) if i not in axes]
        rows, columns = [query.shape[a] for a in axes], [keys[a] for a in axes]
        scores = (*lead, self.num_heads, *rows, *columns)
        return y, KerasTensor(scores, dtype=self.compute_dtype)

    # The shape that the constructor was given, by its name there.
    output_shape = property(lambda self: self._output_shape)


def _axes(layer, axes):
    """attention_axes as a tuple, or None."""
    if axes is None:
        return None
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    if not axes or not all(isinstance(a, int) and a > 0 for a in axes):
        raise ValueError(
            f"`attention_axes` of {type(layer).__name__} must be axes of the inputs, counted from "
            f"1, the first after the batch. Received: attention_axes={axes}"
        )
    return axes


def _with_heads(mask, rank, n):
    """A mask (batch, T..., S...) with axes for the heads, before 2 n axes, up to a rank."""
    while mask is not None and len(mask.shape) < rank:
        mask = ops.expand_dims(mask, -2 * n - 1)
    return mask


@public("layers.GroupQueryAttention")
class GroupedQueryAttention(HeadsAttention):
    """Multi-head attention in which several query heads share a head of key and value.

    Args:
        head_dim: size of a head.
        num_query_heads: number of heads of the query.
        num_key_value_heads: number of heads of key and value, by which that of the query can be
            divided.
        others: as in MultiHeadAttention.

    Call: as of MultiHeadAttention.

    Reference: J. Ainslie et al. 2023, arXiv:2305.13245.

    >>> import minikeras as keras
    >>> x = keras.ops.ones((2, 5, 8))
    >>> layer = keras.layers.GroupQueryAttention(4, num_query_heads=4, num_key_value_heads=2)
    >>> layer(x, x).shape
    (2, 5, 8)
    """

    def __init__(
        self, head_dim, num_query_heads, num_key_value_heads, dropout=0.0, use_bias=True,
        sliding_window=None, flash_attention=None, kernel_initializer="glorot_uniform",
        bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None,
        activity_regularizer=None, kernel_constraint=None, bias_constraint=None, use_gate=False,
        seed=None, **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.head_dim = positive_int(self, "head_dim", head_dim)
        self.num_query_heads = positive_int(self, "num_query_heads", num_query_heads)
        self.num_key_value_heads = positive_int(self, "num_key_value_heads", num_key_value_heads)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "`num_query_heads` must be divisible by `num_key_value_heads`. Received: "
                f"num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )
        self._set_options(
            dropout, use_bias, sliding_window, flash_attention, use_gate, seed, dict(
                kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
                kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
                kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
                activity_regularizer=activity_regularizer))
        self._query_dense = self._key_dense = self._value_dense = self._output_dense = None

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(query_shape, value_shape, key_shape)
        queries = (self.num_query_heads, self.head_dim)
        keys = (self.num_key_value_heads, self.head_dim)
        self._query_dense = self._dense("query", 2, 1, queries)
        self._query_dense.build(query_shape)
        self._key_dense = self._dense("key", 2, 1, keys)
        self._key_dense.build(key_shape)
        if self.use_gate:
            self._gate_dense = self._dense("gate", 2, 1, queries)
            self._gate_dense.build(query_shape)
        self._value_dense = self._dense("value", 2, 1, keys)
        self._value_dense.build(value_shape)
        self._add_dropout()
        self._output_dense = self._dense("attention_output", 2, 2, query_shape[-1:])
        self._output_dense.build((*query_shape[:-1], *queries))

    def _for_all_heads(self, x):
        group = self.num_query_heads // self.num_key_value_heads
        return ops.repeat(x, group, axis=2) if group > 1 else x

    def _compute_attention(
        self, query, key, value, attention_mask=None, training=None,
        return_attention_scores=False,
    ):
        """(y, weights or None) of projections, all with the query's number of heads."""
        mask = _with_heads(attention_mask, 4, 1)
        return self._attend(query, key, value, mask, training, return_attention_scores)

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        return tuple(query_shape)

    def compute_output_spec(
        self, query, value, key=None, query_mask=None, value_mask=None, key_mask=None,
        attention_mask=None, return_attention_scores=False, training=None, use_causal_mask=False,
    ):
        self._check_flash(return_attention_scores)
        y = KerasTensor(tuple(query.shape), dtype=self.compute_dtype)
        if not return_attention_scores:
            return y
        scores = (query.shape[0], self.num_query_heads, query.shape[1], value.shape[1])
        return y, KerasTensor(scores, dtype=self.compute_dtype)
