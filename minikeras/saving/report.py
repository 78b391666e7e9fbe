"""What is in a file of a model, as text; read as data, so that nothing of it is run."""

import math
import os

from minikeras.api import namespaces
from minikeras.core import graph_ops
from minikeras.core.serialization import FUNCTIONS, PREFIX
from minikeras.errors import FileError
from minikeras.saving.archive import (
    ASSETS,
    CONFIG,
    METADATA,
    WEIGHTS,
    FolderArchive,
    ZippedArchive,
    parse_json,
    read_json,
)
from minikeras.saving.h5 import H5Reader
from minikeras.saving.legacy_config import modern
from minikeras.saving.legacy_h5 import LegacyFile
from minikeras.saving.models import is_folder_archive
from minikeras.saving.weights import require_file

LISTED = 200  # layers


def report(filepath):
    """A summary of a `.keras`, `.h5` or `.weights.h5` file.

    Raises:
        FileError: for damaged files and what is none.
    """
    filepath = os.fspath(filepath)
    if is_folder_archive(filepath):
        return _archive(FolderArchive(filepath))
    require_file(filepath)
    if filepath.endswith(".keras"):
        return _archive(ZippedArchive(filepath))
    if filepath.endswith((".h5", ".hdf5")):
        return _h5(filepath)
    raise FileError(f"{filepath}: expected a `.keras`, `.h5` or `.weights.h5` file.")


def _archive(archive):
    with archive:
        config = read_json(archive, CONFIG)
        metadata = read_json(archive, METADATA) if METADATA in archive else {}
        if WEIGHTS not in archive:
            raise FileError(f"{archive.name} has no {WEIGHTS}: it is incomplete.")
        with archive.file(WEIGHTS) as source, H5Reader(source, archive.name) as reader:
            arrays, sizes = _arrays(reader), _sizes(reader)
        with archive.assets() as folder:
            assets = bool(folder) and any(files for _, _, files in os.walk(folder))
    metadata = metadata if isinstance(metadata, dict) else {}
    lines = [f"{archive.name}: saved by Keras {metadata.get('keras_version', '?')}, "
             f"{metadata.get('date_saved', 'at an unknown time')}"]
    lines += _config_lines(config, sizes)
    lines += _weights_lines(arrays)
    return "\n".join([*lines, f"Assets: {ASSETS}/"] if assets else lines)


def _h5(filepath):
    with LegacyFile(filepath, filepath) as file:
        text = file.text("model_config")
        version = file.text("keras_version")
        arrays, sizes = _arrays(file), _sizes(file)
    lines = [f"{filepath}: HDF5, saved by Keras {version or '?'}"]
    if text is not None:
        config = modern(parse_json(text, f"{filepath}: model_config"))
        lines += _config_lines(config, sizes)
    return "\n".join([*lines, *_weights_lines(arrays)])


def _arrays(reader):
    """{path: (shape, dtype)} of all arrays."""
    reader.stored_bytes()
    return {path: (tuple(a.shape), str(a.dtype)) for path, a in reader._arrays.items()}


# ---------------------------------------------------------------- the configuration
def _config_lines(config, sizes):
    if not isinstance(config, dict):
        raise FileError("The configuration is not that of a model.")
    inner = config.get("config") if isinstance(config.get("config"), dict) else {}
    lines = [f"{config.get('class_name')} '{inner.get('name', '')}'"]
    layers = inner.get("layers") if isinstance(inner.get("layers"), list) else []
    counts, rows = {}, []
    for layer in layers[:LISTED]:
        rows.append(_row(layer, counts, sizes))
    width = max((len(r[0]) for r in rows), default=0)
    lines += [f"  {name:<{width}}  {shape:<24} {parameters}".rstrip()
              for name, shape, parameters in rows]
    if len(layers) > LISTED:
        lines.append(f"  ... and {len(layers) - LISTED} more")
    compiled = config.get("compile_config") or {}
    if isinstance(compiled, dict) and compiled.get("optimizer"):
        lines.append(f"Compiled: optimizer {_name(compiled['optimizer'])}, "
                     f"loss {_name(compiled.get('loss'))}")
    custom, code = needed(config)
    if custom:
        lines.append("Custom objects, to be registered or passed as `custom_objects`: "
                     + ", ".join(sorted(custom)))
    if code:
        lines.append("Python code (lambdas), which is run only with safe_mode=False")
    return lines


def _row(layer, counts, sizes):
    """(name and class, input shape, number of parameters) of a layer."""
    if not isinstance(layer, dict):
        return "?", "", ""
    kind, inner = str(layer.get("class_name")), layer.get("config")
    inner = inner if isinstance(inner, dict) else {}
    name = str(inner.get("name") or layer.get("name") or "")
    build = layer.get("build_config")
    shape = build.get("input_shape") if isinstance(build, dict) else inner.get("batch_shape")
    found = sizes.get(name)
    size = f"{found:,}" if found else ""
    return f"{name} ({kind})", "" if shape is None else str(shape), size


def _sizes(reader):
    """{name of a layer: number of its elements}."""
    found = {}
    for path, (shape, _) in _arrays(reader).items():
        parts = path.split("/")
        if parts[0] in ("layers", "model_weights") and len(parts) > 1:
            found[parts[1]] = found.get(parts[1], 0) + math.prod(shape)
    names = {}
    for part, size in found.items():
        own = f"layers/{part}/vars"  # says what the layer is called, besides its class
        name = reader.attributes(own).get("name") if own in reader else None
        names[name if isinstance(name, str) else part] = size
    return names


def _name(value):
    if isinstance(value, dict):
        return str(value.get("class_name") or {k: _name(v) for k, v in value.items()})
    if isinstance(value, list):
        return "[" + ", ".join(map(_name, value)) + "]"
    return str(value)


def needed(config):
    """(names of custom classes and functions in a configuration, whether it holds code)."""
    custom, code, stack = set(), False, [config]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack += value
        elif isinstance(value, dict):
            stack += value.values()
            name = value.get("class_name")
            if "config" not in value or not isinstance(name, str):
                continue
            code = code or name == "__lambda__"
            if not name.startswith("__") and not _is_built_in(value, name):
                registered = value.get("registered_name")
                custom.add(str(value["config"] if name == "function" else registered or name))
    return custom, code


def _is_built_in(config, name):
    module = config.get("module")
    if name == "function":
        places = FUNCTIONS if module == "builtins" else (_below(module),)
        return any(f"{p}.{config['config']}" in namespaces.INDEX for p in places)
    if name == "type" and module == "builtins":
        return True
    if not isinstance(module, str) or module.split(".")[0] != PREFIX:
        return False
    return name == "Functional" or f"{_below(module)}.{name}".lstrip(".") in namespaces.INDEX or (
        graph_ops.find_op(module, name) is not None)


def _below(module):
    return str(module).removeprefix(PREFIX).lstrip(".")


# ---------------------------------------------------------------- the weights
def _weights_lines(arrays):
    weights = {p: a for p, a in arrays.items() if not p.startswith("optimizer")}
    state = {p: a for p, a in arrays.items() if p.startswith("optimizer")}
    return [_total("Weights", weights)] + ([_total("Optimizer state", state)] if state else [])


def _total(what, arrays):
    count = sum(math.prod(shape) for shape, _ in arrays.values())
    size = sum(math.prod(shape) * _width(dtype) for shape, dtype in arrays.values())
    kinds = ", ".join(sorted({"bfloat16" if d == "|V2" else d for _, d in arrays.values()}))
    return f"{what}: {len(arrays)} arrays, {count:,} numbers ({kinds}), {size / 1e6:.2f} MB"


def _width(dtype):
    digits = "".join(c for c in dtype if c.isdigit())
    return {"|V2": 2, "bool": 1}.get(dtype) or max(1, int(digits or 8) // 8)
