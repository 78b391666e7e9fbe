"""Small conversions of arrays: one-hot codes, vectors of norm 1."""

import numpy as np

from minikeras import config, ops
from minikeras.api.registry import public
from minikeras.core.tensor import Convertible, Tensor


@public("utils.to_categorical")
def to_categorical(x, num_classes=None):
    """One-hot codes of class numbers.

    Args:
        x: integers from 0 on, of any shape; a last axis of size 1 is dropped.
        num_classes: length of a code; by default one more than the largest number.

    Returns:
        Array of shape (*shape of x, num_classes): a NumPy array, or a tensor if x is one.

    Raises:
        ValueError: x is no number, or one is not below `num_classes`.

    >>> to_categorical([0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    is_tensor = isinstance(x, (Tensor, Convertible))
    numbers = np.asarray(ops.convert_to_numpy(x) if is_tensor else x)
    try:
        numbers = numbers.astype("int64")
    except (TypeError, ValueError) as e:
        raise ValueError(
            f"`to_categorical` needs class numbers. Received: x={x!r:.100}"
        ) from e
    if numbers.ndim > 1 and numbers.shape[-1] == 1:
        numbers = numbers[..., 0]
    if num_classes is None:
        if not numbers.size:
            raise ValueError("`num_classes` must be given where x is empty.")
        num_classes = int(numbers.max()) + 1
    if numbers.size and not -num_classes <= numbers.min() <= numbers.max() < num_classes:
        raise ValueError(
            f"The class numbers must lie between 0 and num_classes - 1 = {num_classes - 1}. "
            f"Received: numbers from {numbers.min()} to {numbers.max()}"
        )
    codes = np.zeros((*numbers.shape, num_classes))
    np.put_along_axis(codes, (numbers % num_classes)[..., None], 1.0, axis=-1)
    return ops.convert_to_tensor(codes.astype(config.floatx())) if is_tensor else codes


@public("utils.normalize")
def normalize(x, axis=-1, order=2):
    """x divided by its norms along an axis; vectors of norm 0 stay.

    Args:
        x: array or tensor of any shape.
        axis: axis of the vectors.
        order: of the norm: 2 is the Euclidean, 1 the sum of absolute values, inf the largest.

    Returns:
        Array or tensor of the shape of x.

    >>> normalize([[3.0, 4.0]]).tolist()
    [[0.6, 0.8]]
    """
    if isinstance(x, (Tensor, Convertible)):
        return ops.normalize(x, axis=axis, order=order)
    x = np.atleast_1d(x)
    if x.dtype.kind not in "fc":
        x = x.astype("float64")
    if axis is None:
        norms = np.asarray(np.linalg.norm(x.ravel(), order))
    else:
        norms = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norms == 0, 1, norms).astype(x.dtype)
