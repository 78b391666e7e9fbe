"""Crossentropies: of two classes by element, of many along an axis, with labels or rows of them.

Probabilities are divided by their sum along the axis and held to [epsilon, 1 - epsilon], where
the logarithm is finite; outside, their gradient is 0. Logits need neither and lose no precision.
"""

from minikeras import config, dtypes
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.shape_rules import canonical_axis
from minikeras.kernels import crossentropy as _kernels  # noqa: F401 (registers them)


# ---------------------------------------------------------------- operands
def _working(xp, x):
    """x in the dtype that the sums run in: float32 or float64."""
    if x.dtype in (dtypes.FLOAT32, dtypes.FLOAT64):
        return x
    wide = dtypes.FLOAT32 if x.dtype in dtypes.HALVES else dtypes.to_float(x.dtype)
    return _as(xp, x, dtypes.FLOAT32 if wide in dtypes.HALVES else wide)


def _as(xp, x, dtype):
    return x if x.dtype == dtype else xp.cast(x, dtype=dtype)


def _loss(xp, loss, output):
    """The loss in the dtype of the predictions."""
    return _as(xp, loss, dtypes.to_float(output.dtype))


def _move_last(xp, x, axis):
    """x with `axis` (not negative) moved to the end."""
    ndim = len(x.shape)
    if axis == ndim - 1:
        return x
    return xp.transpose(x, axes=tuple(i for i in range(ndim) if i != axis) + (axis,))


def _move_back(xp, x, axis):
    """The reverse of `_move_last`."""
    ndim = len(x.shape)
    if axis == ndim - 1:
        return x
    order = list(range(ndim - 1))
    order.insert(axis, ndim - 1)
    return xp.transpose(x, axes=tuple(order))


def _agree(a, b):
    return len(a) == len(b) and all(None in (m, n) or m == n for m, n in zip(a, b))


def _same_shapes(target, output):
    if not _agree(target.shape, output.shape):
        raise ValueError(
            "`target` and `output` must have the same shape, a number for each class: "
            f"target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}. For integer "
            "labels use the sparse crossentropy."
        )


def _labels(xp, target, output, axis):
    """Labels as int32 in the shape of `output` without its class axis."""
    shape = tuple(target.shape)
    if len(shape) == len(output.shape) and shape and shape[-1] == 1:
        shape = shape[:-1]
    rows = tuple(d for i, d in enumerate(output.shape) if i != axis)
    if not _agree(shape, rows):
        raise ValueError(
            "`target` must hold one integer label for each row of classes of `output`: the shape "
            f"{rows}, not {tuple(target.shape)}, for output.shape={tuple(output.shape)}. For "
            "one-hot targets use the categorical crossentropy."
        )
    if len(shape) != len(target.shape):
        target = xp.reshape(target, shape=shape)
    return _as(xp, target, dtypes.INT32)


# ---------------------------------------------------------------- labels
def _sparse_gradient(xp, g, y, _target, _output, from_logits, axis):
    if from_logits:
        _, p, labels = y
        d = xp.softmax_nll_gradient(_as(xp, g, p.dtype), p, labels)
    else:
        _, q, s, labels = y
        axis_ = canonical_axis(axis, len(_output.shape))
        d = xp.probability_nll_gradient(
            _as(xp, g, q.dtype), q, s, labels, classes=_output.shape[axis_],
            epsilon=config.epsilon())
    return _move_back(xp, d, canonical_axis(axis, len(_output.shape)))


@public("ops.sparse_categorical_crossentropy", "ops.nn.sparse_categorical_crossentropy")
@op(vjp=(None, _sparse_gradient), keeps=True)
def sparse_categorical_crossentropy(xp, target, output, from_logits=False, axis=-1):
    """-log p[target]: crossentropy of integer labels and predicted classes.

    p is softmax(output) along `axis` if `from_logits`, else output / sum(output), limited to
    [epsilon, 1 - epsilon]. A label outside [0, classes) gives 0.

    Args:
        target: integer labels, of the shape of `output` without its class axis, or with a last
            axis of length 1 in its place.
        output: predictions, (batch, ..., classes) with the classes on `axis`.
        from_logits: whether `output` holds logits, any numbers, or probabilities.
        axis: axis of the classes.

    Returns:
        The shape of `output` without its class axis.

    Raises:
        ValueError: if the shapes do not fit.

    >>> import minikeras as keras
    >>> p = keras.ops.convert_to_tensor([[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]])
    >>> loss = keras.ops.sparse_categorical_crossentropy([0, 2], p)
    >>> [round(v, 4) for v in loss.tolist()]
    [0.6931, 0.6931]
    """
    axis = canonical_axis(axis, len(output.shape))
    labels = _labels(xp, target, output, axis)
    rows = _move_last(xp, _working(xp, output), axis)
    if from_logits:
        loss, *kept = xp.softmax_nll(rows, labels)
    else:
        loss, *kept = xp.probability_nll(rows, labels, epsilon=config.epsilon())
    return _loss(xp, loss, output), *kept, labels


# ---------------------------------------------------------------- distributions
def _categorical_gradient(xp, g, y, target, _output, from_logits, axis):
    axis = canonical_axis(axis, len(_output.shape))
    kept = y[1:]
    target = _move_last(xp, _as(xp, target, kept[0].dtype), axis)
    g = _as(xp, g, kept[0].dtype)
    if from_logits:
        d = xp.softmax_crossentropy_gradient(g, *kept, target)
    else:
        d = xp.probability_crossentropy_gradient(g, *kept, target, epsilon=config.epsilon())
    return _move_back(xp, d, axis)


def _log_probabilities(xp, output, from_logits, axis):
    if from_logits:
        shifted = xp.subtract(output, xp.max(output, axis=(axis,), keepdims=True))
        return xp.subtract(shifted, xp.log(xp.sum(xp.exp(shifted), axis=(axis,), keepdims=True)))
    s = _unless_zero(xp, xp.sum(output, axis=(axis,), keepdims=True))
    return xp.log(_clipped(xp, xp.divide(output, s)))


def _categorical_target_gradient(xp, g, _y, _target, output, from_logits, axis):
    axis = canonical_axis(axis, len(output.shape))
    logs = _log_probabilities(xp, _working(xp, output), from_logits, axis)
    column = tuple(1 if i == axis else d for i, d in enumerate(output.shape))
    return xp.negative(xp.multiply(xp.reshape(g, shape=column), logs))


@public("ops.categorical_crossentropy", "ops.nn.categorical_crossentropy")
@op(vjp=(_categorical_target_gradient, _categorical_gradient), keeps=True)
def categorical_crossentropy(xp, target, output, from_logits=False, axis=-1):
    """-sum target log p along `axis`: crossentropy of target and predicted distributions.

    p is softmax(output) along `axis` if `from_logits`, else output / sum(output), limited to
    [epsilon, 1 - epsilon]. A row of zeros is not divided, so its loss is finite.

    Args:
        target: target probabilities (one-hot rows, often), in the shape of `output`.
        output: predictions, (batch, ..., classes) with the classes on `axis`.
        from_logits: whether `output` holds logits, any numbers, or probabilities.
        axis: axis of the classes.

    Returns:
        The shape of `output` without its class axis.

    Raises:
        ValueError: if the shapes differ.

    >>> import minikeras as keras
    >>> loss = keras.ops.categorical_crossentropy([[0.0, 1.0]], [[0.0, 0.0]], from_logits=True)
    >>> round(loss.tolist()[0], 4)
    0.6931
    """
    if not len(output.shape):
        raise ValueError("`output` must have an axis of classes, but its shape is ().")
    axis = canonical_axis(axis, len(output.shape))
    _same_shapes(target, output)
    rows = _move_last(xp, _working(xp, output), axis)
    target = _move_last(xp, _as(xp, target, rows.dtype), axis)
    if from_logits:
        loss, *kept = xp.softmax_crossentropy(rows, target)
    else:
        loss, *kept = xp.probability_crossentropy(rows, target, epsilon=config.epsilon())
    return _loss(xp, loss, output), *kept


# ---------------------------------------------------------------- two classes
def _binary_gradient(xp, g, _y, target, output, from_logits):
    z = _working(xp, output)
    target, g = _as(xp, target, z.dtype), _as(xp, g, z.dtype)
    if from_logits:
        return xp.multiply(g, xp.subtract(xp.sigmoid(z), target))
    return xp.probability_binary_crossentropy_gradient(g, z, target, epsilon=config.epsilon())


def _binary_target_gradient(xp, g, _y, _target, output, from_logits):
    z = _working(xp, output)
    if not from_logits:
        q = _clipped(xp, z)
        z = xp.subtract(xp.log(q), xp.log(xp.subtract(1, q)))
    return xp.negative(xp.multiply(g, z))


@public("ops.binary_crossentropy", "ops.nn.binary_crossentropy")
@op(vjp=(_binary_target_gradient, _binary_gradient))
def binary_crossentropy(xp, target, output, from_logits=False):
    """-(target log p + (1 - target) log(1 - p)) by element.

    p is sigmoid(output) if `from_logits`, computed as max(z, 0) - z t + log(1 + exp(-|z|)), else
    output limited to [epsilon, 1 - epsilon].

    Args:
        target: target probabilities, 0 to 1, in the shape of `output`.
        output: predictions of any shape.
        from_logits: whether `output` holds logits, any numbers, or probabilities.

    Returns:
        The shape of `output`.

    Raises:
        ValueError: if the shapes differ.

    >>> import minikeras as keras
    >>> loss = keras.ops.binary_crossentropy([1.0, 0.0], [1000.0, 0.0], from_logits=True)
    >>> [round(v, 4) for v in loss.tolist()]
    [0.0, 0.6931]
    """
    _same_shapes(target, output)
    z = _working(xp, output)
    target = _as(xp, target, z.dtype)
    if from_logits:
        loss = xp.sigmoid_crossentropy(z, target)
    else:
        loss = xp.probability_binary_crossentropy(z, target, epsilon=config.epsilon())
    return _loss(xp, loss, output)


# ---------------------------------------------------------------- the kernels as composites
# What each kernel computes, in kernels that have gradients: gradients of gradients run on these.
def _last(x):
    return (len(x.shape) - 1,)


def _column(xp, x):
    return xp.reshape(x, shape=(*x.shape, 1))


def _unless_zero(xp, s):
    return xp.blend(xp.equal(s, 0), 1, s)


def _clipped(xp, q):
    epsilon = q.dtype.type(config.epsilon())
    return xp.clip_static(q, low=float(epsilon), high=float(q.dtype.type(1) - epsilon))


def _inside(xp, q, epsilon):
    return xp.cast(xp.equal(_clipped(xp, q), q), dtype=q.dtype)


@op(vjp=False)
def one_hot_rows(xp, labels, depth, dtype):
    """(..., depth): 1 at the label, else 0."""
    return xp.one_hot_rows(labels, depth=depth, dtype=dtype)


def _one_hot(xp, labels, like):
    return xp.one_hot_rows(labels, depth=like.shape[-1], dtype=like.dtype)


@op(tensors=2, outs=2)
def softmax_nll(xp, logits, labels):
    """(-log p[label], p)."""
    return xp.softmax_crossentropy(logits, _one_hot(xp, labels, logits))


@op(tensors=3)
def softmax_nll_gradient(xp, g, p, labels):
    """g (p - onehot(label))."""
    return xp.softmax_crossentropy_gradient(g, p, _one_hot(xp, labels, p))


@op(tensors=2, outs=3)
def probability_nll(xp, p, labels, epsilon):
    """(-log q, q, s) of the label's class."""
    one_hot = _one_hot(xp, labels, p)
    loss, q, s = xp.probability_crossentropy(p, one_hot, epsilon=epsilon)
    return loss, xp.sum(xp.multiply(q, one_hot), axis=_last(q)), s


@op(tensors=4)
def probability_nll_gradient(xp, g, q, s, labels, classes, epsilon):
    """g (1 - onehot(label) / q) / s."""
    one_hot = xp.one_hot_rows(labels, depth=classes, dtype=q.dtype)
    known = xp.sum(one_hot, axis=_last(one_hot))
    row = xp.multiply(xp.divide(g, s), xp.multiply(_inside(xp, q, epsilon), known))
    at_label = _column(xp, xp.divide(row, _clipped(xp, q)))
    return xp.subtract(_column(xp, row), xp.multiply(one_hot, at_label))


@op(tensors=2, outs=2)
def softmax_crossentropy(xp, logits, target):
    """(-sum t log p, p)."""
    logs = _log_probabilities(xp, logits, True, len(logits.shape) - 1)
    return xp.negative(xp.sum(xp.multiply(target, logs), axis=_last(logits))), xp.exp(logs)


@op(tensors=3)
def softmax_crossentropy_gradient(xp, g, p, target):
    """g (p sum(t) - t)."""
    total = xp.sum(target, axis=_last(target), keepdims=True)
    return xp.multiply(xp.subtract(xp.multiply(p, total), target), _column(xp, g))


@op(tensors=2, outs=3)
def probability_crossentropy(xp, p, target, epsilon):
    """(-sum t log q, q, s)."""
    s = _unless_zero(xp, xp.sum(p, axis=_last(p)))
    q = xp.divide(p, _column(xp, s))
    terms = xp.multiply(target, xp.log(_clipped(xp, q)))
    return xp.negative(xp.sum(terms, axis=_last(p))), q, s


@op(tensors=4)
def probability_crossentropy_gradient(xp, g, q, s, target, epsilon):
    """g (sum(r q) - r) / s with r = t / q."""
    ratio = xp.multiply(xp.divide(target, _clipped(xp, q)), _inside(xp, q, epsilon))
    total = xp.sum(xp.multiply(ratio, q), axis=_last(q), keepdims=True)
    return xp.multiply(xp.subtract(total, ratio), _column(xp, xp.divide(g, s)))


@op(tensors=2)
def sigmoid_crossentropy(xp, logits, target):
    """max(z, 0) - z t + log(1 + exp(-|z|))."""
    tail = xp.log1p(xp.exp(xp.negative(xp.absolute(logits))))
    return xp.add(xp.subtract(xp.maximum(logits, 0), xp.multiply(logits, target)), tail)


@op(tensors=2)
def probability_binary_crossentropy(xp, p, target, epsilon):
    """-(t log q + (1 - t) log(1 - q))."""
    q = _clipped(xp, p)
    other = xp.multiply(xp.subtract(1, target), xp.log(xp.subtract(1, q)))
    return xp.negative(xp.add(xp.multiply(target, xp.log(q)), other))


@op(tensors=3)
def probability_binary_crossentropy_gradient(xp, g, p, target, epsilon):
    """g (q - t) / (q (1 - q))."""
    q = _clipped(xp, p)
    slope = xp.divide(xp.subtract(q, target), xp.multiply(q, xp.subtract(1, q)))
    return xp.multiply(xp.multiply(g, slope), _inside(xp, p, epsilon))
