"""Between tensors, arrays and dtypes."""

from minikeras import dtypes, tree
from minikeras.api.registry import public
from minikeras.arrays import library_of
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.op import op
from minikeras.core.tensor import Convertible, Tensor, to_tensor
from minikeras.dtypes import canonical


@op(vjp=lambda xp, g, _y, _x, dtype: _uncast(xp, g, _x), holomorphic=False)
def _cast(xp, x, dtype):
    if x.dtype == dtype:
        return x
    return xp.cast(x, dtype=dtype)


def _uncast(xp, g, x):
    if x.dtype.kind != "c" and g.dtype.kind == "c":
        g = xp.real(g)
    return xp.cast(g, dtype=x.dtype)


_cast.op.name = "cast"
from minikeras.core.operators import OPS  # noqa: E402

OPS["cast"] = lambda x, dtype: _cast(x, canonical(dtype))


@public("ops.cast", "ops.core.cast")
def cast(x, dtype):
    """The same values in another dtype (a name such as "float16").

    Floats become integers by dropping the fraction; anything but 0 becomes True.

    >>> cast([1.7, -1.7], "int32").numpy().tolist()
    [1, -1]
    """
    return _cast(x, canonical(dtype))


@public("ops.convert_to_tensor", "ops.core.convert_to_tensor")
def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """A tensor from a NumPy or CuPy array, number, nested list, variable or tensor.

    Python floats become floatx, whole numbers int32. The tensor does not change when the array
    it was made from does.

    Args:
        x: what to convert.
        dtype: dtype of the result; by default the array's own.
        sparse, ragged: accepted for Keras's sake; True is not supported.

    >>> convert_to_tensor([1, 2]).dtype.name
    'int32'
    """
    if sparse or ragged:
        raise ValueError("Sparse and ragged tensors are not supported; use dense arrays.")
    if isinstance(x, KerasTensor):
        return x if dtype is None else cast(x, dtype)
    t = to_tensor(x, None if dtype is None else canonical(dtype))
    if not isinstance(x, (Tensor, Convertible)) and library_of(x) is not None:
        if t._value is x or t._value.base is not None:
            t = Tensor(t._value.copy())
    return t


@public("ops.convert_to_numpy", "ops.core.convert_to_numpy")
def convert_to_numpy(x):
    """The values as a NumPy array; from a GPU, this waits for them.

    >>> convert_to_numpy(convert_to_tensor(2.5)).item()
    2.5
    """
    if isinstance(x, KerasTensor):
        x.__array__()
    return to_tensor(x).numpy()


@public("ops.shape", "ops.core.shape")
def shape(x):
    """The shape as a tuple; None where a KerasTensor's dimension is unknown.

    >>> shape([[1, 2, 3]])
    (1, 3)
    """
    if not hasattr(x, "shape"):
        x = to_tensor(x)
    return tuple(x.shape)


@public("ops.dtype", "ops.core.dtype")
def dtype(x):
    """Name of the dtype of a tensor.

    >>> dtype([1.0])
    'float32'
    """
    return dtypes.name_of(x.dtype if hasattr(x, "dtype") else to_tensor(x).dtype)


@public("ops.is_tensor", "ops.core.is_tensor")
def is_tensor(x):
    """Whether x is a tensor (not an array, variable or KerasTensor).

    >>> is_tensor(convert_to_tensor(1)), is_tensor(1)
    (True, False)
    """
    return isinstance(x, Tensor)


@public("backend.standardize_dtype", "utils.standardize_dtype")
def standardize_dtype(dtype):
    """Canonical name of a dtype: 'float32' for np.float32, torch.float32, float, None ..."""
    return dtypes.name_of(dtype)


public("backend.is_float_dtype")(dtypes.is_float)
public("backend.is_int_dtype")(dtypes.is_int)


def values_of(structure):
    """A structure of tensors as one of NumPy arrays."""
    return tree.map_structure(convert_to_numpy, structure)
