"""Names of TensorFlow that Keras programs use, where they are one line over our ops.

They take TensorFlow's parameter names, and a `name`, which is ignored.
"""

import collections
import contextlib
import inspect

from minikeras import ops, random
from minikeras.api.registry import public
from minikeras.arrays import device as devices
from minikeras.core.variable import Variable
from minikeras.layers.tracking import STATE_KINDS, Tracker
from minikeras.random.seed import set_global_seed

FIRST = {"input_tensor", "input", "inputs", "value", "values", "tensor", "a", "t", "features",
         "logits", "params", "elems", "matrix", "x"}
SECOND = {"y", "b"}
# TensorFlow's name = ours below `ops`, where they differ.
ROOT = """exp log sqrt square sin cos tan sinh cosh tanh floor ceil round sign abs rsqrt erf log1p
    expm1 sigmoid add subtract multiply divide maximum minimum greater greater_equal less less_equal
    equal not_equal logical_and logical_or logical_not zeros_like ones_like tensordot einsum
    stop_gradient cumsum cumprod eye meshgrid size unstack negative floor_divide convert_to_tensor
    top_k reshape expand_dims squeeze stack tile is_tensor broadcast_to repeat sort
    argsort roll saturate_cast reduce_sum=sum reduce_mean=mean reduce_max=max reduce_min=min
    reduce_prod=prod reduce_any=any reduce_all=all reduce_std=std reduce_variance=var
    reduce_logsumexp=logsumexp concat=concatenate reverse=flip pow=power clip_by_value=clip
    fill=full map_fn=map custom_gradient cond while_loop"""
MATH = ROOT + """ reciprocal softplus is_nan=isnan is_inf=isinf is_finite=isfinite
    floordiv=floor_divide floormod=mod mod divide_no_nan log_sigmoid asin=arcsin acos=arccos
    atan=arctan atan2=arctan2 count_nonzero in_top_k"""
NN = """relu relu6 elu selu sigmoid tanh softplus softsign silu swish softmax log_softmax
    leaky_relu moments top_k embedding_lookup=take"""
LINALG = "inv det norm matmul cholesky svd qr eigh solve einsum tensordot trace diag"
ARGUMENTS = {  # of TensorFlow: ours
    "shape": "newshape", "perm": "axes", "multiples": "repeats", "clip_value_min": "x_min",
    "clip_value_max": "x_max", "dims": "shape", "fn": "f", "alpha": "negative_slope",
    "ids": "indices", "equation": "subscripts", "rhs": "b",
}


def _renaming(path, op_name):
    """Our op under TensorFlow's argument names."""

    def function(*args, name=None, **kwargs):
        del name
        op = getattr(ops, op_name)
        known = list(inspect.signature(op).parameters)
        return op(*args, **{_argument(k, known): v for k, v in kwargs.items()})

    function.__name__ = function.__qualname__ = path.rpartition(".")[2]
    function.__doc__ = f"`ops.{op_name}` under TensorFlow's names."
    return public(path)(function)


def _argument(name, known):
    if name in known:
        return name
    if ARGUMENTS.get(name) in known:
        return ARGUMENTS[name]
    if name in FIRST:
        return known[0]
    return known[1] if name in SECOND else name


def _declare(prefix, words):
    for word in words.split():
        theirs, _, ours = word.partition("=")
        _renaming(prefix + theirs, ours or theirs)


_declare("", ROOT)
_declare("math.", MATH + " argmax argmin")
_declare("nn.", NN)
_declare("linalg.", LINALG)


# ---------------------------------------------------------------- tensors
@public("constant")
def constant(value, dtype=None, shape=None, name=None):
    """A tensor of a value, repeated or reshaped to `shape` if one is given."""
    x = ops.convert_to_tensor(value, dtype=dtype)
    if shape is None:
        return x
    return ops.reshape(x, shape) if ops.size(x) > 1 else ops.broadcast_to(x, shape)


@public("cast")
def cast(x, dtype, name=None):
    """The tensor in another dtype."""
    return ops.cast(ops.convert_to_tensor(x), dtype)


@public("identity")
def identity(input, name=None):
    """The tensor itself."""
    return ops.convert_to_tensor(input)


@public("argmax")
def argmax(input, axis=0, output_type="int64", name=None):
    """Where the largest element is along an axis."""
    return ops.cast(ops.argmax(input, axis=axis), output_type)


@public("argmin")
def argmin(input, axis=0, output_type="int64", name=None):
    """Where the smallest element is along an axis."""
    return ops.cast(ops.argmin(input, axis=axis), output_type)


@public("where")
def where(condition, x=None, y=None, name=None):
    """x where the condition holds, else y; without them the places where it holds (n, axes)."""
    if x is None and y is None:
        return ops.cast(ops.stack(ops.nonzero(condition), axis=-1), "int64")
    return ops.where(condition, x, y)


@public("transpose")
def transpose(a, perm=None, conjugate=False, name="transpose"):
    """The axes in another order, by default reversed."""
    x = ops.transpose(a, perm)
    return ops.conj(x) if conjugate else x


@public("rank")
def rank(input, name=None):
    """The number of axes."""
    return len(ops.shape(ops.convert_to_tensor(input)))


@public("shape")
def shape(input, out_type=None, name=None):
    """The shape as a tuple, in which unknown dimensions of a KerasTensor are None."""
    return ops.shape(ops.convert_to_tensor(input))


@public("zeros")
def zeros(shape, dtype="float32", name=None):
    """All 0."""
    return ops.zeros(shape, dtype=dtype)


@public("ones")
def ones(shape, dtype="float32", name=None):
    """All 1."""
    return ops.ones(shape, dtype=dtype)


@public("range")
def range(start, limit=None, delta=1, dtype=None, name=None):
    """Numbers from `start` (or 0) to below `limit`."""
    return ops.arange(start, limit, delta, dtype=dtype)


@public("linspace")
def linspace(start, stop, num, name=None, axis=0):
    """`num` numbers from `start` to `stop`, which is one of them."""
    return ops.linspace(start, stop, num, axis=axis)


@public("split")
def split(value, num_or_size_splits, axis=0, num=None, name=None):
    """Parts along an axis: so many equal ones, or of the given sizes."""
    if isinstance(num_or_size_splits, int):
        return ops.split(value, num_or_size_splits, axis=axis)
    ends, total = [], 0
    for size in num_or_size_splits[:-1]:
        total += size
        ends.append(total)
    return ops.split(value, ends, axis=axis)


@public("gather")
def gather(params, indices, validate_indices=None, axis=0, batch_dims=0, name=None):
    """Slices of `params` by number along an axis."""
    if batch_dims:
        return ops.take_along_axis(params, indices, axis=axis or batch_dims)
    return ops.take(params, indices, axis=axis)


@public("matmul")
def matmul(a, b, transpose_a=False, transpose_b=False, name=None):
    """Matrix product over the last two axes."""
    a = ops.swapaxes(a, -1, -2) if transpose_a else a
    b = ops.swapaxes(b, -1, -2) if transpose_b else b
    return ops.matmul(a, b)


@public("one_hot")
def one_hot(indices, depth, on_value=None, off_value=None, axis=-1, dtype="float32", name=None):
    """1 at the place of each index, else 0."""
    x = ops.one_hot(indices, depth, axis=axis, dtype=dtype)
    if on_value is None and off_value is None:
        return x
    on, off = 1 if on_value is None else on_value, 0 if off_value is None else off_value
    return x * (on - off) + off


@public("pad")
def pad(tensor, paddings, mode="CONSTANT", constant_values=0, name=None):
    """The tensor with a border: constant, or a reflection."""
    mode = mode.lower()
    return ops.pad(tensor, paddings, mode, **(
        {"constant_values": constant_values} if mode == "constant" else {}))


@public("add_n")
def add_n(inputs, name=None):
    """The sum of several tensors."""
    total = inputs[0]
    for x in inputs[1:]:
        total = total + x
    return total


@public("norm")
def norm(tensor, ord=None, axis=None, keepdims=False, name=None):
    """Euclidean norm, of all elements or along axes; other norms by `ord`."""
    if ord in (None, "euclidean"):
        return ops.sqrt(ops.sum(ops.square(tensor), axis=axis, keepdims=keepdims))
    return ops.norm(tensor, ord, axis, keepdims)


@public("clip_by_norm")
def clip_by_norm(t, clip_norm, axes=None, name=None):
    """The tensor, shortened to `clip_norm` if it is longer."""
    length = ops.sqrt(ops.sum(ops.square(t), axis=axes, keepdims=True))
    return t * (clip_norm / ops.maximum(length, clip_norm))


# ---------------------------------------------------------------- nn, math, image
@public("math.l2_normalize", "nn.l2_normalize", "linalg.l2_normalize")
def l2_normalize(x, axis=None, epsilon=1e-12, name=None):
    """x over its Euclidean norm."""
    total = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(total, epsilon))


@public("math.squared_difference")
def squared_difference(x, y, name=None):
    """(x - y)**2."""
    return ops.square(ops.subtract(x, y))


@public("nn.conv2d")
def conv2d(input, filters, strides, padding, data_format="NHWC", dilations=None, name=None):
    """2-D convolution; strides and dilations may be given for all four axes."""
    return ops.conv(input, filters, _window(strides, data_format), padding.lower(),
                    _layout(data_format), _window(dilations or 1, data_format))


def _layout(data_format):
    return "channels_first" if data_format.startswith("NC") else "channels_last"


def _window(sizes, data_format):
    sizes = list(sizes) if isinstance(sizes, (list, tuple)) else sizes
    if isinstance(sizes, list) and len(sizes) == 4:
        return tuple(sizes[2:] if data_format == "NCHW" else sizes[1:3])
    return sizes


@public("nn.max_pool2d", "nn.max_pool")
def max_pool2d(input, ksize, strides, padding, data_format="NHWC", name=None):
    """Largest values of windows."""
    return ops.max_pool(input, _window(ksize, data_format), _window(strides, data_format),
                        padding.lower(), _layout(data_format))


@public("nn.avg_pool2d", "nn.avg_pool")
def avg_pool2d(input, ksize, strides, padding, data_format="NHWC", name=None):
    """Means of windows."""
    return ops.average_pool(input, _window(ksize, data_format), _window(strides, data_format),
                            padding.lower(), _layout(data_format))


@public("nn.bias_add")
def bias_add(value, bias, data_format=None, name=None):
    """value + bias, along the channels."""
    if data_format and data_format.startswith("NC"):
        bias = ops.reshape(bias, (-1,) + (1,) * (len(value.shape) - 2))
    return value + bias


@public("nn.dropout")
def dropout(x, rate, noise_shape=None, seed=None, name=None):
    """Elements set to 0 with probability `rate`, the others scaled up."""
    return random.dropout(x, rate, noise_shape, seed)


@public("nn.gelu")
def gelu(features, approximate=False, name=None):
    """Gaussian error linear unit."""
    return ops.gelu(features, approximate)


@public("nn.softmax_cross_entropy_with_logits")
def softmax_cross_entropy_with_logits(labels, logits, axis=-1, name=None):
    """Cross-entropy of distributions and logits."""
    return ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)


@public("nn.sparse_softmax_cross_entropy_with_logits")
def sparse_softmax_cross_entropy_with_logits(labels, logits, name=None):
    """Cross-entropy of class numbers and logits."""
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


@public("nn.sigmoid_cross_entropy_with_logits")
def sigmoid_cross_entropy_with_logits(labels, logits, name=None):
    """Cross-entropy of probabilities and logits, by element."""
    return ops.binary_crossentropy(labels, logits, from_logits=True)


@public("image.resize")
def resize(images, size, method="bilinear", preserve_aspect_ratio=False, antialias=False,
           name=None):
    """Images (batch, height, width, channels) in another size."""
    if preserve_aspect_ratio:
        raise NotImplementedError(
            "image.resize: use keras.ops.image.resize(..., crop_to_aspect_ratio=True).")
    return ops.cast(ops.image.resize(images, size, method, antialias), "float32")


@public("image.convert_image_dtype")
def convert_image_dtype(image, dtype, saturate=False, name=None):
    """Whole numbers as fractions of their largest value."""
    largest = {"uint8": 255, "uint16": 65535}.get(str(getattr(image.dtype, "name", image.dtype)), 1)
    return ops.cast(image, dtype) / largest


# ---------------------------------------------------------------- random numbers
def uniform(shape, minval=0, maxval=None, dtype="float32", seed=None, name=None):
    """Numbers from `minval` to below `maxval` (1 if it is None), also whole ones.

    >>> uniform((2,), maxval=1, dtype="int32").numpy().tolist()
    [0, 0]
    """
    if "int" in str(getattr(dtype, "name", dtype)):
        return random.randint(shape, minval, maxval, dtype, seed)
    return random.uniform(shape, minval, 1.0 if maxval is None else maxval, dtype, seed)


# ---------------------------------------------------------------- state, devices
@public("random.set_seed")
def set_seed(seed):
    """Seed what is drawn without a seed of its own."""
    set_global_seed(int(seed))


PhysicalDevice = collections.namedtuple("PhysicalDevice", ("name", "device_type"))


@public("config.list_physical_devices", "config.list_logical_devices",
        "config.get_visible_devices")
def list_physical_devices(device_type=None):
    """The devices, of a type "CPU" or "GPU" if one is given.

    >>> list_physical_devices("CPU")
    [PhysicalDevice(name='/physical_device:CPU:0', device_type='CPU')]
    """
    found = [PhysicalDevice("/physical_device:CPU:0", "CPU")]
    with contextlib.suppress(RuntimeError, ValueError):
        while True:  # until there is none of that number
            number = len(found) - 1
            devices.Device("gpu", number)
            found.append(PhysicalDevice(f"/physical_device:GPU:{number}", "GPU"))
    return [d for d in found if device_type in (None, d.device_type)]


@public("Module")
class Module(Tracker):
    """What keeps variables, and other modules and layers, in its attributes."""

    def __init__(self, name=None):
        self._tracked = {}
        self.name = name or type(self).__name__.lower()

    def _kinds(self):
        return (Module, *STATE_KINDS, Tracker)

    def __setattr__(self, name, value):
        self._note(name, value)
        object.__setattr__(self, name, value)

    @property
    def variables(self):
        """All variables, those of modules and layers inside included."""
        found = self._found((Variable,))
        for part in self._found((Tracker,)):
            found += [v for v in part.variables if not any(v is f for f in found)]
        return tuple(found)

    @property
    def trainable_variables(self):
        """Those to be trained."""
        return tuple(v for v in self.variables if v.trainable)
