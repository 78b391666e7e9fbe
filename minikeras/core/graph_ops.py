"""Ops in functional graphs: one node for each call of a public op, and its name in files.

Most public ops are one Op. Others are functions over several; called on KerasTensors, such a
function is one node too, so that a graph reads, and is saved, as the user wrote it.
"""

import functools
import inspect
import re

from minikeras import tree
from minikeras.api import namespaces, registry
from minikeras.config import image_data_format
from minikeras.core import serialization
from minikeras.core.keras_tensor import GraphNode, KerasTensor, any_symbolic
from minikeras.core.op import OpCall
from minikeras.core.operation import Operation, to_snake_case
from minikeras.core.operators import OPS
from minikeras.core.scopes import auto_name, state

# The classes by which Keras writes ops, by module below keras.src.ops; with the number of arguments
# that stand in the graph, if it is not 1. The others stand in the configuration.
CLASSES = {
    "core": """AssociativeScan:2 Cast Cond:3 ConvertToTensor ForiLoop Map:2 SaturateCast Scan:3
        Scatter:2 ScatterUpdate:3 Slice:2 SliceUpdate:3 StopGradient Switch:3 Unstack VectorizedMap
        WhileLoop""",
    "einops": "Rearrange:3",
    "image": """AffineTransform:2 CropImages ElasticTransform ExtractPatches GaussianBlur HSVToRGB
        MapCoordinates:2 PadImages PerspectiveTransform:3 RGBToGrayscale RGBToHSV Resize SSIM:2
        ScaleAndTranslate:4 SobelEdges""",
    "linalg": """Cholesky CholeskyInverse Det Eig Eigh Inv JVP:3 Lstsq:2 LuFactor MatrixRank Norm
        Pinv Qr SVD Solve:2 SolveTriangular:2""",
    "math": """CDist:2 Erf Erfc Erfinv ExtractSequences FFT FFT2 IFFT2 IRFFT ISTFT InTopK:2 Logdet
        Logsumexp RFFT Rsqrt STFT SegmentMax:2 SegmentMin:2 SegmentProd:2 SegmentSum:2 TopK
        ViewAsComplex ViewAsReal""",
    "nn": """AdaptiveAveragePool AdaptiveMaxPool AveragePool BatchNorm:5 BinaryCrossentropy:2
        CTCDecode:2 CTCLoss:4 CategoricalCrossentropy:2 Celu Conv:2 ConvTranspose:2 DepthToSpace
        DepthwiseConv:2 DotProductAttention:6 Elu Fold Gelu Glu HardShrink HardSigmoid HardSilu
        HardTanh LayerNorm:3 LeakyRelu LogSigmoid LogSoftmax MaxPool Moments MultiHot Normalize
        OneHot PSNR:2 Polar:2 RMSNorm:2 Relu Relu6 Selu SeparableConv:3 Sigmoid Silu SoftShrink
        Softmax Softplus Softsign SpaceToDepth SparseCategoricalCrossentropy:2 SparsePlus
        SparseSigmoid Sparsemax Squareplus TanhShrink Threshold Unfold""",
    "numpy": """Abs Absolute Add:2 All AllClose:2 Amax Amin Angle Any Append:2 Arange:3 Arccos
        Arccosh Arcsin Arcsinh Arctan Arctan2:2 Arctanh Argmax Argmin Argpartition Argsort Array
        ArraySplit Average:2 Bincount BitwiseAnd:2 BitwiseInvert BitwiseLeftShift:2 BitwiseNot
        BitwiseOr:2 BitwiseRightShift:2 BitwiseXor:2 BroadcastTo Cbrt Ceil Clip Concatenate Conj
        Conjugate Copy Corrcoef Correlate:2 Cos Cosh CountNonzero Cross:2 Cumprod Cumsum Deg2rad
        Diag Diagflat Diagonal Diff Digitize:2 Divide:2 DivideNoNan:2 Dot:2 Dsplit Dstack Einsum
        EmptyLike Equal:2 Exp Exp2 ExpandDims Expm1 Fabs Flip Fliplr Flipud Floor FloorDivide:2
        Fmax:2 Fmin:2 Fmod:2 Full FullLike:2 Gcd:2 Geomspace:2 GetItem:2 Greater:2 GreaterEqual:2
        Heaviside:2 Histogram Hsplit Hstack Hypot:2 I0 Imag Inner:2 IsIn:2 Isclose:4 Isfinite Isinf
        Isnan Isneginf Isposinf Isreal Kron:2 Lcm:2 Ldexp:2 LeftShift:2 Less:2 LessEqual:2
        Linspace:2 Log Log10 Log1p Log2 Logaddexp:2 Logaddexp2:2 LogicalAnd:2 LogicalNot LogicalOr:2
        LogicalXor:2 Logspace:2 Matmul:2 Max Maximum:2 Mean Median Meshgrid Min Minimum:2 Mod:2
        Moveaxis Multiply:2 NanToNum Nanargmax Nanargmin Nancumprod Nancumsum Nanmax Nanmean
        Nanmedian Nanmin Nanpercentile:2 Nanprod Nanquantile:2 Nanstd Nansum Nanvar Ndim Negative
        Nextafter:2 Nonzero NotEqual:2 OnesLike Outer:2 Pad:2 Percentile:2 Power:2 Prod Ptp
        Quantile:2 Rad2deg Ravel Real Reciprocal Repeat Reshape RightShift:2 Roll Rot90 Round
        SearchSorted:2 Select:3 Sign Signbit Sin Sinc Sinh Size Slogdet Sort Split Sqrt Square
        Squeeze Stack Std Subtract:2 Sum Swapaxes Take:2 TakeAlongAxis:2 Tan Tanh Tensordot:2 Tile
        Trace Transpose Trapezoid Tril Triu TrueDivide:2 Trunc Unique UnravelIndex Vander Var Vdot:2
        View Vsplit Vstack Where:3 ZerosLike""",
}
SPELLED = {
    "BatchNorm": "batch_normalization", "LayerNorm": "layer_normalization",
    "RMSNorm": "rms_normalization", "AllClose": "allclose", "IsIn": "isin",
    "SearchSorted": "searchsorted", "CDist": "cdist", "SSIM": "ssim",
}
# Arguments in the graph that are not the first ones.
PLACES = {
    "average": ("x", "weights"), "einsum": ("operands",), "full": ("fill_value",),
    "fori_loop": ("init_val",), "pad": ("x", "constant_values"), "vectorized_map": ("elements",),
    "while_loop": ("loop_vars",), "batch_normalization": ("x", "mean", "variance", "offset",
                                                          "scale"),
}
# Not recorded as a whole: these take functions, or give facts rather than tensors.
IN_PARTS = {
    "associative_scan", "cond", "fori_loop", "jvp", "map", "ndim", "scan", "size", "switch",
    "vectorized_map", "while_loop",
}


INTERNAL = re.compile(r"^ops\._\w+: ")  # the name of an op behind a public one


def _table():
    """{public name: (module, class name, number of arguments in the graph)}."""
    table = {}
    for module, names in CLASSES.items():
        for word in names.split():
            name, _, count = word.partition(":")
            own = SPELLED.get(name) or to_snake_case(name)
            path = f"image.{own}" if module == "image" else own
            table[path] = (f"keras.src.ops.{module}", name, int(count or 1))
    return table


TABLE = _table()
BY_CLASS = {(module, name): path for path, (module, name, _) in TABLE.items()}


def module_of(class_name):
    """The module in which Keras has an op of a class; None if there is none."""
    found = [module for module, name in BY_CLASS if name == class_name]
    return found[0] if found else None


# ---------------------------------------------------------------- one node a call
class FunctionCall(Operation):
    """A public op that is a function over several Ops, in a functional graph."""

    def __init__(self, function, path, name=None):
        super().__init__(name=name or auto_name(path.rpartition(".")[2]))
        self.function, self.path_of_op = function, path

    def call(self, *args, **kwargs):
        return self.function(*args, **kwargs)

    def symbolic_call(self, *args, **kwargs):
        """KerasTensors of their own, though the function may hand its argument on."""
        given = {id(x) for x in tree.flatten((args, kwargs))}
        outputs = tree.map_structure(
            lambda x: _again(x) if id(x) in given else x, self.compute_output_spec(*args, **kwargs))
        if not any_symbolic(outputs):
            return outputs
        GraphNode(self, args, kwargs, outputs)
        return outputs


def _again(x):
    return KerasTensor(x.shape, x.dtype) if isinstance(x, KerasTensor) else x


def named(error, path):
    """Have an error's message say in which public op it came up."""
    if not error.args or not isinstance(error.args[0], str):
        return
    message = INTERNAL.sub("", error.args[0])
    if f"ops.{path}" not in message:
        message = f"ops.{path}: {message}"
    error.args = (message, *error.args[1:])


def as_one_node(function, path):
    """The function; called on KerasTensors, it leaves one node in the graph."""
    name = path.removeprefix("ops.")
    if name not in TABLE or name in IN_PARTS or hasattr(function, "op"):
        return function

    @functools.wraps(function)
    def public_function(*args, **kwargs):
        try:
            if not state.symbolic and _symbolic(args, kwargs):
                return FunctionCall(function, name).symbolic_call(*args, **kwargs)
            return function(*args, **kwargs)
        except (ValueError, TypeError, IndexError) as error:
            named(error, name)
            raise

    return public_function


def _symbolic(args, kwargs):
    for a in args:
        kind = type(a)
        if kind is KerasTensor or (kind in (list, tuple) and a and any_symbolic(a)):
            return True
    return bool(kwargs) and any_symbolic(kwargs)


registry.DECORATORS["ops."] = as_one_node


# ---------------------------------------------------------------- in files
def is_op(operation):
    """Whether an operation of a graph is an op, rather than a layer."""
    return isinstance(operation, (OpCall, FunctionCall))


def public_path(operation):
    """The name of an op below `ops`; None for an internal one."""
    if isinstance(operation, FunctionCall):
        return operation.path_of_op
    name = operation.op.name
    return name if name in TABLE and f"ops.{name}" in namespaces.INDEX else None


def _function(path):
    return namespaces.lookup(f"ops.{path}")


def _places(path, names):
    """Names of the arguments that stand in the graph."""
    return PLACES.get(path) or tuple(names[:TABLE[path][2]])


def config_of(operation, node, name):
    """An op's configuration and the arguments of its node, as Keras writes them.

    Returns:
        (configuration, args, kwargs): the arguments still hold KerasTensors.
    """
    path = public_path(operation)
    if path is None:
        config = {"module": "minikeras.core.op", "class_name": "OpCall", "registered_name": None,
                  "config": {"name": name, "op": operation.op.name}}
        return config, node.args, node.kwargs
    module, class_name, _ = TABLE[path]
    signature = inspect.signature(_function(path))
    bound = signature.bind(*node.args, **node.kwargs)
    bound.apply_defaults()
    values, args, options = dict(bound.arguments), [], {}
    kinds = {p.name: p.kind for p in signature.parameters.values()}
    places = _places(path, list(kinds))
    for key in places:
        value = values.pop(key)
        args += value if kinds[key] is inspect.Parameter.VAR_POSITIONAL else [value]
    for key, value in values.items():
        options.update(value if kinds[key] is inspect.Parameter.VAR_KEYWORD else {key: value})
    config = {key: serialization.serialize_keras_object(v) for key, v in options.items()}
    if config.get("data_format", "") is None:  # to Keras, which has asked before, None is the other
        config["data_format"] = image_data_format()
    return {"module": module, "class_name": class_name, "config": {"name": name, **config},
            "registered_name": class_name}, tuple(args), {}


class LoadedOp:
    """An op of a file: its arguments from the configuration, to be called with the node's."""

    def __init__(self, path, config):
        self.path, self.name = path, config.pop("name", None)
        self.config = {k: serialization.deserialize_keras_object(v) for k, v in config.items()}
        self._inbound_nodes = []

    def __call__(self, *args, **kwargs):
        function = _function(self.path)
        signature = inspect.signature(function)
        kinds = {p.name: p.kind for p in signature.parameters.values()}
        places = _places(self.path, list(kinds))
        if self.path == "get_item":  # JSON has no tuples, but x[[0, 1]] is not x[0, 1]
            args = [tuple(a) if isinstance(a, list) else a for a in args]
        if kinds[places[0]] is inspect.Parameter.VAR_POSITIONAL:
            given = [self.config[k] for k in kinds if k in self.config]
            outputs = function(*given, *args, **kwargs)
        else:
            known = {k: v for k, v in self.config.items() if k in kinds}
            outputs = function(**known, **dict(zip(places, args)), **kwargs)
        return self._keep(outputs)

    def _keep(self, outputs):
        """Take the node that the call has made, under the name of the file."""
        for x in tree.flatten(outputs):
            if isinstance(x, KerasTensor):
                history = x._keras_history
                history.operation.name = self.name or history.operation.name
                self._inbound_nodes.append(
                    history.operation._inbound_nodes[history.node_index])
                break
        return outputs


class LoadedInternalOp(LoadedOp):
    """The same for an op without a public name, which this package has written."""

    def __init__(self, path, config):
        super().__init__(path, {"name": config.get("name")})
        if not isinstance(OPS.get(path), object) or path not in OPS:
            raise ValueError(f"This version of the package has no op {path!r}.")

    def __call__(self, *args, **kwargs):
        return self._keep(OPS[self.path](*args, **kwargs))


@serialization.finder
def find_op(module, class_name):
    """What stands for a class of ops in files."""
    path = BY_CLASS.get((module, class_name))
    if path is not None and f"ops.{path}" in namespaces.INDEX:
        return _class_for(path)
    return _Internal if (module, class_name) == ("minikeras.core.op", "OpCall") else None


@functools.cache
def _class_for(path):
    def from_config(cls, config):
        return LoadedOp(path, config)

    return type(TABLE[path][1], (), {"from_config": classmethod(from_config)})


class _Internal:
    @classmethod
    def from_config(cls, config):
        return LoadedInternalOp(config["op"], config)
