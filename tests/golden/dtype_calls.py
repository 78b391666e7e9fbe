"""The calls whose result dtypes `dtypes.py` takes: for every name of `ops`, one or more.

CALLS has for each key, `name` or `name:variant`, a function of tensors and the shapes of those
whose dtypes are varied; no shapes: a function of the requested dtype. The tensors of the keys in
WITH_SCALARS are also Python's numbers.
"""

from tests.golden.package import keras

ops = keras.ops
SQUARE = (2, 2)
EYE = "eye"  # the 2 x 2 identity: what decompositions and solvers take

# Names whose result has no dtype to compare, and why.
WITHOUT = {
    "dtype": "the name of a dtype", "is_tensor": "a bool", "ndim": "an int", "size": "an int",
    "shape": "a tuple", "convert_to_numpy": "an array of NumPy, where bfloat16 is a float32",
    "custom_gradient": "a function", "vectorize": "a function",
    "jvp": "a pair of what the function gives",
}

_BINARY = """add subtract multiply true_divide divide divide_no_nan floor_divide mod fmod power
    maximum minimum fmax fmin equal not_equal less less_equal greater greater_equal
    logical_and logical_or logical_xor arctan2 matmul dot tensordot inner outer kron cross vdot
    bitwise_and bitwise_or bitwise_xor left_shift right_shift bitwise_left_shift
    bitwise_right_shift logaddexp logaddexp2 hypot gcd lcm append isclose allclose isin
    heaviside ldexp nextafter cdist polar"""
_UNARY = """abs absolute negative square sqrt exp exp2 expm1 log log1p log2 log10 sin cos tan tanh
    sinh cosh arcsin arccos arctan arcsinh arccosh arctanh sign signbit sinc floor ceil round trunc
    reciprocal rsqrt cbrt fabs i0 deg2rad rad2deg angle real imag conj conjugate
    isnan isinf isneginf isposinf isfinite isreal logical_not bitwise_not bitwise_invert
    relu relu6 sigmoid log_sigmoid softmax log_softmax softplus softsign silu swish gelu elu
    selu hard_sigmoid hard_silu hard_swish hard_tanh hard_shrink soft_shrink tanh_shrink
    leaky_relu celu squareplus sparse_plus sparse_sigmoid sparsemax erf erfc erfinv logsumexp
    sum mean max min amax amin prod var std median argmax argmin ptp average any all count_nonzero
    nansum nanmean nanmax nanmin nanprod nanvar nanstd nanmedian nanargmax nanargmin nancumsum
    nancumprod cumsum cumprod sort argsort unique nonzero trace diagonal diag diagflat diff tril
    triu transpose ravel flip fliplr flipud rot90 copy squeeze unstack ones_like zeros_like
    empty_like nan_to_num corrcoef trapezoid norm convert_to_tensor array stop_gradient
    stack vstack hstack dstack concatenate meshgrid"""
_MATRIX = """cholesky cholesky_inverse det eig eigh inv logdet lu_factor matrix_rank pinv qr slogdet
    svd"""

CALLS = {}

# Where minikeras decides otherwise, or the stored value is an accident of how Keras came to it:
# {keys: (which operands, why)}.
COMPLEX, WHOLE = {"complex64", "py_complex"}, ("int", "uint", "bool")
OURS = {
    "arctan2 logaddexp logaddexp2 hypot nextafter signbit cdist polar i0 ctc_loss ctc_decode "
    "segment_max segment_min image.map_coordinates image.affine_transform "
    "image.perspective_transform": (
        lambda *names: COMPLEX & set(names), "of real numbers, as in NumPy"),
    "relu": (lambda x: x == "py_bool", "a bool of Python is one of a tensor"),
    "select": (lambda *names: "uint64" in names, "not NumPy's promotion but that of every op"),
    "conv conv_transpose depthwise_conv separable_conv": (
        lambda x, kernel: kernel.startswith(WHOLE) or {"float16", "bfloat16"} == {x, kernel},
        "the common dtype; JAX takes the kernel's, symbolic calls the inputs'"),
    "bincount:weights": (lambda x, weights: weights == "bool", "counts have the dtype of x"),
    "binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy "
    "binary_crossentropy:logits categorical_crossentropy:logits "
    "sparse_categorical_crossentropy:logits": (
        lambda target, output: output.startswith(WHOLE),
        "the loss has the dtype of the predictions, floatx where they are whole"),
    "dot_product_attention": (
        lambda q, k: q.startswith(WHOLE) and k.startswith(WHOLE), "means are not whole numbers"),
    "ctc_loss": (lambda target, output: output == "float64", "the precision of the predictions"),
    "image.ssim": (lambda x, y: x.startswith(WHOLE), "a ratio from -1 to 1 is not a whole number"),
    "get_item": (lambda x, i: i == "bool", "a symbolic mask has no known length"),
    "bartlett blackman hamming hanning kaiser": (
        lambda x: True, "the length of a window must be known, also in symbolic calls"),
    "image.sobel_edges": (lambda x: x == "bool", "slopes may be negative"),
}


def call(key, function, *shapes):
    """Add a call to the table."""
    CALLS[key] = function, shapes


def one(key, function, shape=SQUARE):
    """A call with one dtype to vary."""
    call(key, function, shape)


def two(key, function, first=SQUARE, second=SQUARE):
    """A call with two."""
    call(key, function, first, second)


def named(name):
    """The function of a flat name of `ops`; those of lists are given the tensor twice."""
    function = getattr(ops, name)
    if name in ("stack", "vstack", "hstack", "dstack", "concatenate"):
        return lambda x: function([x, x])
    return function


def corners(dtype):
    """The corners of a square, as `perspective_transform` takes them."""
    return ops.cast([[[0, 0], [1, 0], [0, 1], [1, 1]]], dtype)


for _name in _BINARY.split():
    two(_name, named(_name))
for _name in _UNARY.split():
    one(_name, named(_name))
two("where", lambda x, y: ops.where(ops.ones(SQUARE, "bool"), x, y))
WITH_SCALARS = set(CALLS)
for _name in _MATRIX.split():
    one(_name, named(_name), EYE)


# ------------------------------------------------------------ two dtypes
two("select", lambda x, y: ops.select([ops.ones(SQUARE, "bool")], [x], y))
two("concatenate:two", lambda x, y: ops.concatenate([x, y]))
two("stack:two", lambda x, y: ops.stack([x, y]))
two("vstack:two", lambda x, y: ops.vstack([x, y]))
two("hstack:two", lambda x, y: ops.hstack([x, y]))
two("dstack:two", lambda x, y: ops.dstack([x, y]))
two("meshgrid:two", lambda x, y: ops.meshgrid(x, y), (2,), (2,))
two("einsum", lambda x, y: ops.einsum("ij,jk->ik", x, y))
two("take", lambda x, y: ops.take(x, y))
two("take_along_axis", lambda x, y: ops.take_along_axis(x, y, 0))
two("full_like", lambda x, y: ops.full_like(x, 1, dtype=y.dtype))
two("cast", lambda x, y: ops.cast(x, y.dtype))
two("saturate_cast", lambda x, y: ops.saturate_cast(x, y.dtype))
two("view", lambda x, y: ops.view(x, y.dtype), (8,), (8,))
two("clip:tensor", lambda x, y: ops.clip(x, y, y))
two("correlate", lambda x, y: ops.correlate(x, y, "valid"), (3,), (2,))
two("average:weights", lambda x, y: ops.average(x, weights=y))
two("bincount:weights", lambda x, y: ops.bincount(x, weights=y), (3,), (3,))
two("digitize", lambda x, y: ops.digitize(x, y), (3,), (2,))
two("searchsorted", lambda x, y: ops.searchsorted(x, y), (3,), (2,))
two("quantile:tensor", lambda x, y: ops.quantile(x, y), SQUARE, ())
two("nanquantile:tensor", lambda x, y: ops.nanquantile(x, y), SQUARE, ())
two("linspace:tensor", lambda x, y: ops.linspace(x, y, 3), (2,), (2,))
two("logspace:tensor", lambda x, y: ops.logspace(x, y, 3), (2,), (2,))
two("geomspace:tensor", lambda x, y: ops.geomspace(x, y, 3), (2,), (2,))
two("trapezoid:x", lambda y, x: ops.trapezoid(y, x))
two("solve", ops.solve, EYE, SQUARE)
two("lstsq", ops.lstsq, EYE, SQUARE)
two("solve_triangular", ops.solve_triangular, EYE, SQUARE)
two("scatter", lambda i, x: ops.scatter(i, x, (3,)), (2, 1), (2,))
two("scatter_update", lambda x, y: ops.scatter_update(x, [[0], [1]], y), (3,), (2,))
two("scatter_update:add", lambda x, y: ops.scatter_update(x, [[0]], y, "add"), (3,), (1,))
two("slice_update", lambda x, y: ops.slice_update(x, (0,), y), (3,), (2,))
two("segment_sum", lambda x, i: ops.segment_sum(x, i, 2), (2,), (2,))
two("segment_max", lambda x, i: ops.segment_max(x, i, 2), (2,), (2,))
two("segment_min", lambda x, i: ops.segment_min(x, i, 2), (2,), (2,))
two("segment_prod", lambda x, i: ops.segment_prod(x, i, 2), (2,), (2,))
two("conv", ops.conv, (1, 3, 1), (2, 1, 1))
two("conv_transpose", lambda x, k: ops.conv_transpose(x, k, 1), (1, 3, 1), (2, 1, 1))
two("depthwise_conv", ops.depthwise_conv, (1, 3, 1), (2, 1, 1))
two("separable_conv", lambda x, k: ops.separable_conv(x, k, ops.ones((1, 1, 1), k.dtype)),
    (1, 3, 1), (2, 1, 1))
two("batch_normalization", lambda x, m: ops.batch_normalization(x, m, m, -1), SQUARE, (2,))
two("layer_normalization:scaled", lambda x, s: ops.layer_normalization(x, s), SQUARE, (2,))
two("rms_normalization:scaled", lambda x, s: ops.rms_normalization(x, s), SQUARE, (2,))
two("binary_crossentropy", ops.binary_crossentropy)
two("binary_crossentropy:logits", lambda t, x: ops.binary_crossentropy(t, x, from_logits=True))
two("categorical_crossentropy", ops.categorical_crossentropy)
two("categorical_crossentropy:logits",
    lambda t, x: ops.categorical_crossentropy(t, x, from_logits=True))
two("sparse_categorical_crossentropy", ops.sparse_categorical_crossentropy, (2,), SQUARE)
two("sparse_categorical_crossentropy:logits",
    lambda t, x: ops.sparse_categorical_crossentropy(t, x, from_logits=True), (2,), SQUARE)
two("in_top_k", lambda t, x: ops.in_top_k(t, x, 1), (2,), SQUARE)
two("psnr", lambda x, y: ops.psnr(x, y, 1))
two("dot_product_attention", lambda q, k: ops.dot_product_attention(q, k, k),
    (1, 2, 1, 2), (1, 2, 1, 2))
two("ctc_loss", lambda t, x: ops.ctc_loss(t, x, ops.ones(1, "int32"), ops.full(1, 2, "int32")),
    (1, 1), (1, 2, 2))
two("ctc_decode", lambda x, n: ops.ctc_decode(x, n), (1, 2, 2), (1,))
two("fft", lambda x, y: ops.fft((x, y)))
two("fft2", lambda x, y: ops.fft2((x, y)))
two("ifft2", lambda x, y: ops.ifft2((x, y)))
two("irfft", lambda x, y: ops.irfft((x, y)))
two("istft", lambda x, y: ops.istft((x, y), 2, 1, 2, window=None), (1, 2, 2), (1, 2, 2))
two("cond", lambda p, x: ops.cond(p, lambda: x, lambda: x), (), SQUARE)
two("map:two", lambda x, y: ops.map(lambda both: (both[0], both[1]), (x, y)))
two("scan", lambda c, x: ops.scan(lambda c, x: (c, x), c, x))
two("get_item", lambda x, i: ops.get_item(x, i), (3, 2), ())
two("image.map_coordinates", lambda x, c: ops.image.map_coordinates(x, c, 1), SQUARE, (2, 2))
two("image.affine_transform", lambda x, m: ops.image.affine_transform(x, m), (1, 2, 2, 1), (1, 8))
two("image.perspective_transform", lambda x, m: ops.image.perspective_transform(
    x, corners(m.dtype), corners(m.dtype)), (1, 2, 2, 1), ())
two("image.ssim", lambda x, y: ops.image.ssim(x, y, 1), (1, 11, 11, 1), (1, 11, 11, 1))

# ------------------------------------------------------------ one dtype
one("clip", lambda x: ops.clip(x, 0, 1))
one("clip:float", lambda x: ops.clip(x, 0.0, 1.0))
one("expand_dims", lambda x: ops.expand_dims(x, 0))
one("broadcast_to", lambda x: ops.broadcast_to(x, (3, 2, 2)))
one("one_hot", lambda x: ops.one_hot(x, 3))
one("multi_hot", lambda x: ops.multi_hot(x, 3))
one("reshape", lambda x: ops.reshape(x, (-1,)))
one("moveaxis", lambda x: ops.moveaxis(x, 0, 1))
one("swapaxes", lambda x: ops.swapaxes(x, 0, 1))
one("rearrange", lambda x: ops.rearrange(x, "a b -> b a"))
one("pad", lambda x: ops.pad(x, 1))
one("repeat", lambda x: ops.repeat(x, 2))
one("tile", lambda x: ops.tile(x, (2, 1)))
one("roll", lambda x: ops.roll(x, 1))
one("split", lambda x: ops.split(x, 2))
one("array_split", lambda x: ops.array_split(x, 2))
one("hsplit", lambda x: ops.hsplit(x, 2))
one("vsplit", lambda x: ops.vsplit(x, 2))
one("dsplit", lambda x: ops.dsplit(x, 2), (1, 1, 2))
one("slice", lambda x: ops.slice(x, (0, 0), (1, 1)))
one("vander", ops.vander, (2,))
one("quantile", lambda x: ops.quantile(x, 0.5))
one("nanquantile", lambda x: ops.nanquantile(x, 0.5))
one("percentile", lambda x: ops.percentile(x, 50))
one("nanpercentile", lambda x: ops.nanpercentile(x, 50))
one("std:axis", lambda x: ops.std(x, axis=0))
one("mean:axis", lambda x: ops.mean(x, axis=0))
one("argpartition", lambda x: ops.argpartition(x, 1))
one("top_k", lambda x: ops.top_k(x, 1))
one("bincount", ops.bincount, (3,))
one("histogram", lambda x: ops.histogram(x, 2), (3,))
one("unravel_index", lambda x: ops.unravel_index(x, (2, 2)), (2,))
one("digitize:list", lambda x: ops.digitize(x, [0.0, 2.0]))
one("moments", lambda x: ops.moments(x, 0))
one("normalize", ops.normalize)
one("norm:1", lambda x: ops.norm(x, 1))
one("norm:0", lambda x: ops.norm(x, 0), (2,))
one("layer_normalization", ops.layer_normalization)
one("rms_normalization", ops.rms_normalization)
one("threshold", lambda x: ops.threshold(x, 0.5, 0))
one("glu", lambda x: ops.glu(x, -1))
one("max_pool", lambda x: ops.max_pool(x, 2), (1, 2, 2))
one("average_pool", lambda x: ops.average_pool(x, 2), (1, 2, 2))
one("adaptive_max_pool", lambda x: ops.adaptive_max_pool(x, 2), (1, 4, 2))
one("adaptive_average_pool", lambda x: ops.adaptive_average_pool(x, 2), (1, 4, 2))
one("depth_to_space", lambda x: ops.depth_to_space(x, 2), (1, 1, 1, 4))
one("space_to_depth", lambda x: ops.space_to_depth(x, 2), (1, 2, 2, 1))
one("fold", lambda x: ops.fold(x, (2, 2), 2), (1, 4, 1))
one("unfold", lambda x: ops.unfold(x, 2), (1, 1, 2, 2))
one("rfft", ops.rfft)
one("stft", lambda x: ops.stft(x, 2, 1, 2), (1, 4))
one("extract_sequences", lambda x: ops.extract_sequences(x, 2, 1), (1, 4))
one("view_as_complex", ops.view_as_complex)
one("view_as_real", ops.view_as_real)
one("kaiser:beta", lambda x: ops.kaiser(3, x), ())
one("bartlett", ops.bartlett, ())
one("blackman", ops.blackman, ())
one("hamming", ops.hamming, ())
one("hanning", ops.hanning, ())
one("kaiser", lambda x: ops.kaiser(x, 2.0), ())
one("full", lambda x: ops.full((2,), x), ())
one("map", lambda x: ops.map(lambda t: t, x))
one("vectorized_map", lambda x: ops.vectorized_map(lambda t: t, x))
one("switch", lambda x: ops.switch(0, [lambda t: t, lambda t: t], x))
one("associative_scan", lambda x: ops.associative_scan(lambda a, b: a, x))
one("fori_loop", lambda x: ops.fori_loop(0, 2, lambda i, t: t, x))
one("while_loop", lambda x: ops.while_loop(lambda i, t: i < 2, lambda i, t: (i + 1, t), (0, x)))
one("image.resize", lambda x: ops.image.resize(x, (3, 3)), (1, 2, 2, 1))
one("image.resize:nearest",
    lambda x: ops.image.resize(x, (3, 3), interpolation="nearest"), (1, 2, 2, 1))
one("image.rgb_to_grayscale", lambda x: ops.image.rgb_to_grayscale(x), (1, 2, 2, 3))
one("image.rgb_to_hsv", lambda x: ops.image.rgb_to_hsv(x), (1, 2, 2, 3))
one("image.hsv_to_rgb", lambda x: ops.image.hsv_to_rgb(x), (1, 2, 2, 3))
one("image.sobel_edges", lambda x: ops.image.sobel_edges(x), (1, 2, 2, 1))
one("image.gaussian_blur", lambda x: ops.image.gaussian_blur(x), (1, 2, 2, 1))
one("image.extract_patches", lambda x: ops.image.extract_patches(x, 2), (1, 2, 2, 1))
one("image.extract_patches_3d", lambda x: ops.image.extract_patches_3d(x, 2), (1, 2, 2, 2, 1))
one("image.pad_images", lambda x: ops.image.pad_images(x, 1, 1, 1, 1), (1, 2, 2, 1))
one("image.crop_images", lambda x: ops.image.crop_images(x, 1, 0, 0, 0), (1, 2, 2, 1))
one("image.elastic_transform", lambda x: ops.image.elastic_transform(x), (1, 2, 2, 1))
one("image.scale_and_translate", lambda x: ops.image.scale_and_translate(
    x, (1, 3, 3, 1), ops.ones(2), ops.zeros(2), (1, 2), "linear"), (1, 2, 2, 1))

# ------------------------------------------------------------ a requested dtype
call("zeros", lambda dtype: ops.zeros((2,), dtype=dtype))
call("ones", lambda dtype: ops.ones((2,), dtype=dtype))
call("empty", lambda dtype: ops.empty((2,), dtype=dtype))
call("eye", lambda dtype: ops.eye(2, dtype=dtype))
call("identity", lambda dtype: ops.identity(2, dtype=dtype))
call("tri", lambda dtype: ops.tri(2, dtype=dtype))
call("full:int", lambda dtype: ops.full((2,), 3, dtype=dtype))
call("full:float", lambda dtype: ops.full((2,), 3.0, dtype=dtype))
call("full:bool", lambda dtype: ops.full((2,), True, dtype=dtype))
call("arange", lambda dtype: ops.arange(3, dtype=dtype))
call("arange:float", lambda dtype: ops.arange(3.0, dtype=dtype))
call("arange:mixed", lambda dtype: ops.arange(0, 3.0, 1, dtype=dtype))
call("linspace", lambda dtype: ops.linspace(0, 4, 5, dtype=dtype))
call("linspace:float", lambda dtype: ops.linspace(0.0, 4.0, 5, dtype=dtype))
call("logspace", lambda dtype: ops.logspace(0, 2, 3, dtype=dtype))
call("geomspace", lambda dtype: ops.geomspace(1, 4, 3, dtype=dtype))
call("convert_to_tensor:int", lambda dtype: ops.convert_to_tensor(1, dtype=dtype))
call("convert_to_tensor:float", lambda dtype: ops.convert_to_tensor(1.0, dtype=dtype))
call("convert_to_tensor:bool", lambda dtype: ops.convert_to_tensor(True, dtype=dtype))
call("convert_to_tensor:list", lambda dtype: ops.convert_to_tensor([1, 2.0], dtype=dtype))
call("array:list", lambda dtype: ops.array([1, 2], dtype=dtype))
call("zeros_like:dtype", lambda dtype: ops.zeros_like(ops.ones(2, "int8"), dtype=dtype))
call("ones_like:dtype", lambda dtype: ops.ones_like(ops.ones(2, "int8"), dtype=dtype))
call("empty_like:dtype", lambda dtype: ops.empty_like(ops.ones(2, "int8"), dtype=dtype))
call("one_hot:dtype", lambda dtype: ops.one_hot(ops.ones(2, "int8"), 2, dtype=dtype))
call("multi_hot:dtype", lambda dtype: ops.multi_hot(ops.ones(2, "int8"), 2, dtype=dtype))
