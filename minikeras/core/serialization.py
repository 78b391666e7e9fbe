"""Objects to and from JSON configurations, in Keras's format.

An object is `{"module": "keras.losses", "class_name": "Huber", "config": {...},
"registered_name": None}`. A file names classes; it never makes this module import anything but
minikeras's own public names, and of these only classes with a config and pure functions. Other
classes must be registered or passed as `custom_objects`.
"""

import base64
import binascii
import functools
import importlib
import inspect
import marshal
import threading
import types
import warnings

import numpy as np

from minikeras import dtypes
from minikeras.api import namespaces
from minikeras.api.registry import paths_of, public
from minikeras.core.keras_tensor import KerasTensor
from minikeras.core.operation import to_snake_case
from minikeras.core.scopes import state
from minikeras.core.tensor import Tensor, to_tensor
from minikeras.errors import FileError, short

PLAIN = (bool, int, float, str)
PREFIX = "keras"  # the package's name in files, which Keras reads too
FUNCTIONS = ("activations", "losses", "metrics")  # where a function of a bare name is looked up

_REGISTERED = {}  # "package>name" -> class or function
_NAMES = {}  # class or function -> "package>name"
_KNOWN_AS = {}  # (module, class_name) -> class, for classes without a public path
_NAMES_OF_CLASSES = {}  # the reverse
_FINDERS = []  # functions (module, class_name) -> class or None


# ---------------------------------------------------------------- custom objects
@public("saving.register_keras_serializable", "utils.register_keras_serializable")
def register_keras_serializable(package="Custom", name=None):
    """Decorator: let a class (with `get_config`) or function be found when a file is read.

    Args:
        package: the first part of the registered name, "package>name".
        name: the second part; default the object's own name.

    >>> @register_keras_serializable("examples")
    ... def double(x):
    ...     return 2 * x
    >>> get_registered_name(double)
    'examples>double'
    """

    def register(obj):
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError(
                "Cannot register a class that does not have a get_config() method. "
                f"Received: {obj}"
            )
        full = f"{package}>{name or obj.__name__}"
        _REGISTERED[full] = obj
        _NAMES[obj] = full
        return obj

    return register


@public(
    "saving.custom_object_scope", "saving.CustomObjectScope",
    "utils.custom_object_scope", "utils.CustomObjectScope",
)
class CustomObjectScope:
    """Context manager: names that reading a file or configuration may refer to.

    Args:
        custom_objects: dictionary of names to classes or functions.

    >>> def cubed(x):
    ...     return x * x * x
    >>> with CustomObjectScope({"cubed": cubed}):
    ...     get_registered_object("cubed") is cubed
    True
    """

    def __init__(self, custom_objects):
        self.custom_objects = custom_objects or {}

    def __enter__(self):
        self.outer, state.registries = state.registries, (self.custom_objects, *state.registries)
        return self

    def __exit__(self, *error):
        state.registries = self.outer


@public("saving.get_custom_objects", "utils.get_custom_objects")
def get_custom_objects():
    """The dictionary of registered objects; what is put into it is registered.

    >>> isinstance(get_custom_objects(), dict)
    True
    """
    return _REGISTERED


@public("saving.get_registered_name", "utils.get_registered_name")
def get_registered_name(obj):
    """"package>name" of a registered class or function, else its own name.

    >>> get_registered_name(CustomObjectScope)
    'CustomObjectScope'
    """
    try:
        return _NAMES.get(obj) or obj.__name__
    except TypeError:  # not hashable
        return obj.__name__


@public("saving.get_registered_object", "utils.get_registered_object")
def get_registered_object(name, custom_objects=None, module_objects=None):
    """The class or function of a name: from open scopes, the register, the dictionaries.

    Args:
        name: "package>name", or a key of a scope or dictionary.
        custom_objects: dictionary searched after scopes and register.
        module_objects: dictionary searched last.

    Returns:
        The object; None if there is none.

    >>> get_registered_object("unheard of") is None
    True
    """
    places = (*state.registries, _REGISTERED, custom_objects or {}, module_objects or {})
    for place in places:
        if name in place:
            return place[name]
    return None


def known_as(module, class_name):
    """Decorator: the name of a class in files, for classes without a public path."""

    def declare(cls):
        _KNOWN_AS[module, class_name] = cls
        _NAMES_OF_CLASSES[cls] = (module, class_name)
        return cls

    return declare


def finder(find):
    """Register `find(module, class_name) -> class or None`, asked where the index knows none."""
    _FINDERS.append(find)
    return find


# ---------------------------------------------------------------- safe mode, sharing
class _Reading(threading.local):
    safe = None  # None: safe, and no file is being read
    shared = None  # {id: object} of the open ObjectSharingScope
    shared_ids = None  # {id(object): (number, object)}


_reading = _Reading()
_unsafe_everywhere = False


@public("config.enable_unsafe_deserialization")
def enable_unsafe_deserialization():
    """Allow lambdas to be read from files in this process: they can run any code. Not undone."""
    global _unsafe_everywhere
    _unsafe_everywhere = True


class SafeModeScope:
    """Context manager: whether code (lambdas) may be read from configurations."""

    def __init__(self, safe_mode=True):
        self.safe_mode = safe_mode

    def __enter__(self):
        self.outer, _reading.safe = _reading.safe, self.safe_mode
        return self

    def __exit__(self, *error):
        _reading.safe = self.outer


def in_safe_mode():
    """Whether code in configurations must be refused."""
    return not _unsafe_everywhere and _reading.safe is not False


class ObjectSharingScope:
    """Context manager: an object that occurs twice is written and read as one."""

    def __enter__(self):
        self.outer = _reading.shared, _reading.shared_ids
        if _reading.shared is None:
            _reading.shared, _reading.shared_ids = {}, {}
        return self

    def __exit__(self, *error):
        _reading.shared, _reading.shared_ids = self.outer


def _shared_number(obj):
    """The object's number in the open scope, which keeps it alive so that its id stays its own."""
    numbers = _reading.shared_ids
    return numbers.setdefault(id(obj), (len(numbers), obj))[0]


# ---------------------------------------------------------------- serialize
@public("saving.serialize_keras_object", "utils.serialize_keras_object")
def serialize_keras_object(obj):
    """An object as numbers, strings, lists and dictionaries that JSON can hold.

    Args:
        obj: object with `get_config`, function, tensor, array, slice, bytes, or a structure.

    Raises:
        TypeError: if it is none of these.

    >>> serialize_keras_object({"axis": slice(1, 3)})
    {'axis': {'class_name': '__slice__', 'config': {'start': 1, 'stop': 3, 'step': None}}}
    """
    if obj is None or isinstance(obj, PLAIN):
        return obj
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(x) for x in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    special = _serialize_value(obj)
    if special is not None:
        return special
    if isinstance(obj, types.FunctionType) or _is_builtin_function(obj):
        return _serialize_function(obj)
    if hasattr(obj, "get_config") and not inspect.isclass(obj):
        return _serialize_instance(obj)
    raise TypeError(
        f"Cannot serialize object {obj} of type {type(obj)}. To be serializable, a class must "
        "implement the `get_config()` method."
    )


def _serialize_value(obj):
    """Configuration of arrays, slices, bytes, dtypes; None if it is none of these."""
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.dtype):
        return dtypes.name_of(obj)
    if isinstance(obj, Tensor):
        return _tagged("__tensor__", value=obj.tolist(), dtype=dtypes.name_of(obj.dtype))
    if isinstance(obj, np.ndarray):
        return _tagged("__numpy__", value=obj.tolist(), dtype=obj.dtype.name)
    if isinstance(obj, bytes):
        return _tagged("__bytes__", value=obj.decode("utf-8"))
    if isinstance(obj, slice):
        parts = {name: getattr(obj, name) for name in ("start", "stop", "step")}
        return _tagged("__slice__", **{k: serialize_keras_object(v) for k, v in parts.items()})
    if obj is Ellipsis:
        return _tagged("__ellipsis__")
    if isinstance(obj, KerasTensor):
        history = getattr(obj, "_keras_history", None)
        place = history and [history.operation.name, *history[1:]]
        return _tagged("__keras_tensor__", shape=obj.shape, dtype=obj.dtype, keras_history=place)
    if isinstance(obj, type) and not hasattr(obj, "get_config"):
        return {"module": "builtins", "class_name": "type", "config": obj.__name__,
                "registered_name": "type"}
    return None


def _tagged(class_name, **config):
    return {"class_name": class_name, "config": config}


def _is_builtin_function(obj):
    return isinstance(obj, types.BuiltinFunctionType) or isinstance(obj, np.ufunc)


def _serialize_function(function):
    if function.__name__ == "<lambda>":
        warnings.warn(
            "The object being serialized includes a `lambda`. It is saved as Python bytecode, "
            "which only this Python version reads, and only with `safe_mode=False`. Use a named "
            "function with `@keras.saving.register_keras_serializable()` instead.",
            stacklevel=3,
        )
        return _tagged("__lambda__", value=dump_lambda(function))
    name, module = get_registered_name(function), "builtins"
    paths = paths_of(function)
    if paths and not any(p.rpartition(".")[0] in FUNCTIONS for p in paths):
        if f"activations.{name}" not in namespaces.INDEX:
            parent, _, name = paths[0].rpartition(".")
            module = f"{PREFIX}.{parent}"
    return {"module": module, "class_name": "function", "config": name,
            "registered_name": "function"}


def _serialize_instance(obj):
    cls = type(obj)
    module, class_name, registered = name_in_files(cls)
    config = {key: serialize_keras_object(v) for key, v in obj.get_config().items()}
    result = {"module": module, "class_name": class_name, "config": config,
              "registered_name": registered}
    for key, method in (("build_config", "get_build_config"),
                        ("compile_config", "get_compile_config")):
        value = getattr(obj, method)() if hasattr(obj, method) else None
        if value is not None:
            result[key] = serialize_keras_object(value)
    if _reading.shared_ids is not None:
        result["shared_object_id"] = _shared_number(obj)
    return result


def name_in_files(cls):
    """(module, class_name, registered_name) of a class, as configurations have them."""
    paths = paths_of(cls)
    if paths:
        parent, _, name = paths[0].rpartition(".")
        return f"{PREFIX}.{parent}" if parent else PREFIX, name, None
    if cls in _NAMES_OF_CLASSES:
        return *_NAMES_OF_CLASSES[cls], cls.__name__
    module = None if cls.__module__ in ("__main__", "builtins") else cls.__module__
    return module, cls.__name__, get_registered_name(cls)


# ---------------------------------------------------------------- deserialize
@public("saving.deserialize_keras_object", "utils.deserialize_keras_object")
def deserialize_keras_object(config, custom_objects=None, safe_mode=True, **kwargs):
    """The object that a configuration of `serialize_keras_object` describes.

    Args:
        config: the configuration; structures of plain values come back as they are.
        custom_objects: dictionary of names to classes and functions that are not minikeras's.
        safe_mode: refuse lambdas, whose bytecode could do anything.

    Raises:
        TypeError: for a class or function that is unknown.
        ValueError: for lambdas in safe mode and for names that are no model parts.

    >>> config = serialize_keras_object(slice(2, None))
    >>> deserialize_keras_object(config)
    slice(2, None, None)
    """
    family = kwargs.pop("module_objects", None)
    if kwargs:
        raise TypeError(f"Unexpected arguments of deserialize_keras_object: {sorted(kwargs)}.")
    outer = _reading.safe  # whoever reads the file decides, also for what is nested in it
    # A configuration made on the way, for a copy, must not have numbers: the file has its own.
    ids, _reading.shared_ids = _reading.shared_ids, None
    try:
        with CustomObjectScope(custom_objects), SafeModeScope(
            safe_mode if outer is None else outer
        ):
            return _deserialize(config, family)
    finally:
        _reading.shared_ids = ids


def _deserialize(config, family=None):
    if isinstance(config, (list, tuple)):
        items = [_deserialize(x) for x in config]
        return tuple(items) if isinstance(config, tuple) else items
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {key: _deserialize(value) for key, value in config.items()}
    name, inner = config["class_name"], config["config"]
    if isinstance(name, str) and name in _VALUES:
        return _VALUES[name](inner or {})
    if name == "function":
        return _function(config)
    if name == "type" and config.get("module") == "builtins":
        return _type(inner)
    return _instance(config, family)


def _function(config):
    name = config["config"]
    module = config.get("module") or "builtins"
    found = get_registered_object(name)
    if found is None and isinstance(name, str):
        parents = FUNCTIONS if module == "builtins" else (module.removeprefix(f"{PREFIX}."),)
        paths = [f"{p}.{name}" for p in parents]
        allowed = [p for p in paths if p in namespaces.INDEX and p.startswith((*FUNCTIONS, "ops."))]
        found = namespaces.lookup(allowed[0]) if allowed else None
    if found is None:
        raise _unknown("function", name, config)
    return found


class UnknownObjectError(TypeError):
    """A configuration names a class or function that is not known, or that it does not fit."""


def _unknown(kind, name, config):
    return UnknownObjectError(
        f"Could not locate {kind} '{name}'. Make sure custom classes and functions are decorated "
        "with `@keras.saving.register_keras_serializable()`. If they are already decorated, make "
        "sure they are all imported so that the decorator is run before trying to load them, or "
        f"pass them as `custom_objects`. Its configuration: {short(config)}"
    )


def _type(name):
    plain = {"int": int, "float": float, "bool": bool, "str": str, "complex": complex}
    if name in plain:
        return plain[name]
    return dtypes.canonical(name).type


def _instance(config, family=None):
    number = config.get("shared_object_id")
    if _reading.shared is not None and number is not None and number in _reading.shared:
        return _reading.shared[number]
    cls = find_class(config, family)
    inner = config["config"]
    if not isinstance(inner, dict):
        raise UnknownObjectError(
            f"'config' of {cls.__name__} must be a dict. Received: {type(inner).__name__} "
            f"{short(inner)}"
        )
    try:
        instance = cls.from_config(dict(inner))
    except UnknownObjectError:  # of a part of it, and says which
        raise
    except TypeError as e:
        raise UnknownObjectError(
            f"{cls} could not be deserialized properly. Please ensure that components that are "
            "Python object instances (layers, models, etc.) returned by `get_config()` are "
            "explicitly deserialized in the model's `from_config()` method.\n\n"
            f"config={short(config)}.\n\nException encountered: {e}"
        ) from e
    for key, method in (("build_config", "build_from_config"),
                        ("compile_config", "compile_from_config")):
        value = config.get(key)
        if value and hasattr(instance, method):
            getattr(instance, method)(_deserialize(value) if key == "build_config" else value)
    if _reading.shared is not None and number is not None:
        _reading.shared[number] = instance
    return instance


def find_class(config, family=None):
    """The class that a configuration names; TypeError or ValueError if there is none to be had."""
    name, module = config["class_name"], config.get("module")
    registered = config.get("registered_name")
    if not isinstance(name, str) or not isinstance(module or "", str):
        raise _unknown("class", name, config)
    found = registered and get_registered_object(registered)
    found = found or get_registered_object(name) or _KNOWN_AS.get((module, name))
    if found is None and module and module.split(".")[0] == PREFIX:
        found = _public_class(module, name)
    if found is None and family is not None and not module:
        found = family(name)
    if found is None:
        namespaces.lookup("Model")  # declares what it knows of classes without a public path
    for find in _FINDERS:
        found = found or find(module, name)
    if found is None:
        raise _unknown("class", name, config)
    if not inspect.isclass(found) or not hasattr(found, "from_config"):
        raise ValueError(
            f"Cannot deserialize `{module}.{name}`: it is no class with a configuration. Files "
            "may only contain layers, models, metrics, losses and the like, and registered "
            "custom objects."
        )
    return found


def _public_class(module, name):
    """A public class by Keras's name for it: keras.losses.Huber, keras.src.losses.losses.Huber."""
    parts = module.split(".")[1:]
    if parts[:1] == ["src"]:
        parts = parts[1:]
        tries = [".".join((*parts[:i], name)) for i in range(len(parts), -1, -1)]
    else:
        tries = [".".join((*parts, name))]
    for path in tries:
        if path in namespaces.INDEX:
            return namespaces.lookup(path)
    return None


# ---------------------------------------------------------------- values with a tag
def dump_lambda(function):
    """(bytecode in base64, defaults, values of the closure) of a function."""
    code = base64.b64encode(marshal.dumps(function.__code__)).decode("ascii")
    closure = function.__closure__
    return code, function.__defaults__, closure and tuple(c.cell_contents for c in closure)


def _load_lambda(config):
    if in_safe_mode():
        raise FileError(
            "Requested the deserialization of a Python lambda. This carries a potential risk of "
            "arbitrary code execution and thus it is disallowed by default. If you trust the "
            "source of the artifact, you can override this error by passing `safe_mode=False` to "
            "the loading function, or calling `keras.config.enable_unsafe_deserialization()`."
        )
    return load_lambda(*config["value"])


def load_lambda(code, defaults=None, closure=None):
    """The function of what `dump_lambda` gave. It can do anything: ask `in_safe_mode` first."""
    try:
        code = marshal.loads(base64.b64decode(code))
    except (binascii.Error, ValueError, EOFError, TypeError) as e:
        raise ValueError(f"A lambda was written by another Python version: {e}.") from e
    cells = None if closure is None else tuple(types.CellType(v) for v in closure)
    names = {"np": np, PREFIX: importlib.import_module(namespaces.ROOT)}
    names |= {"ops": names[PREFIX].ops, namespaces.ROOT: names[PREFIX]}
    return types.FunctionType(code, names, "<lambda>", defaults and tuple(defaults), cells)


def _load_slice(config):
    return slice(*(_deserialize(config.get(k)) for k in ("start", "stop", "step")))


def _load_keras_tensor(config):
    return KerasTensor(tuple(config["shape"]), config["dtype"])


_VALUES = {
    "__tensor__": lambda c: to_tensor(np.asarray(c["value"]), dtypes.canonical(c["dtype"])),
    "__numpy__": lambda c: np.array(c["value"], dtypes.canonical(c["dtype"])),
    "__bytes__": lambda c: c["value"].encode("utf-8"),
    "__slice__": _load_slice,
    "__ellipsis__": lambda c: Ellipsis,
    "__lambda__": _load_lambda,
    "__keras_tensor__": _load_keras_tensor,
}


# ---------------------------------------------------------------- families
class Family:
    """`serialize`, `deserialize` and `get` of losses, metrics, optimizers, initializers ...

    Args:
        kind: what one is called in messages: "loss".
        namespace: the public namespace that holds them: "losses".
        aliases: further names, to names in the namespace: {"mse": "mean_squared_error"}.
        functions: whether functions of the namespace count (losses), or classes only (metrics).
        names_only: whether a public function serializes to its bare name (activations).

    A string is, in this order: a custom object, a name of the namespace, an alias, a class's name
    in snake or lower case. Classes are instantiated.

    >>> losses = Family("loss", "losses", {"mse": "mean_squared_error"}, functions=True)
    >>> losses.get("mse").__name__
    'mean_squared_error'
    """

    HELPERS = ("get", "serialize", "deserialize")

    def __init__(self, kind, namespace, aliases=None, functions=False, names_only=False):
        self.kind, self.namespace, self.aliases = kind, namespace, aliases or {}
        self.functions, self.names_only = functions, names_only

    @functools.cached_property
    def names(self):
        """Every name that `get` takes, to the name in the namespace."""
        own = [n for n in sorted(namespaces.TREE.get(self.namespace, ()))
               if f"{self.namespace}.{n}" in namespaces.INDEX and n not in self.HELPERS]
        classes = [n for n in own if n[0].isupper()]
        table = {n.lower(): n for n in classes}
        table.update({to_snake_case(n): n for n in classes})
        if self.functions or not classes:
            table.update({n: n for n in own})
        else:
            table.update({n: n for n in classes})
        # In namespaces of classes a name in lower case may be an alias of a class (glorot_uniform).
        for n in set(own) - set(table):
            if inspect.isclass(namespaces.lookup(f"{self.namespace}.{n}")):
                table[n] = n
        table.update(self.aliases)
        return table

    def find(self, name):
        """The class or function of a name; None if there is none."""
        found = get_registered_object(name)
        if found is None and name in self.names:
            found = namespaces.lookup(f"{self.namespace}.{self.names[name]}")
        return found

    def serialize(self, obj):
        """The object's configuration; a function's bare name where `names_only`."""
        if self.names_only and inspect.isfunction(obj):
            name = obj.__name__
            if get_registered_name(obj) == name and self.find(name) is obj:
                return name
        return serialize_keras_object(obj)

    def deserialize(self, config, custom_objects=None):
        """The object of a configuration, or of a name: a function or an instance of a class."""
        with CustomObjectScope(custom_objects):
            if not isinstance(config, str):
                return deserialize_keras_object(config, module_objects=self.find)
            found = self.find(config)
            if found is None:
                raise self.unknown(config)
            return found() if inspect.isclass(found) else found

    def get(self, identifier, **kwargs):
        """None, an object, its name, class or configuration as the object itself."""
        if identifier is None:
            return None
        if inspect.isclass(identifier):
            return identifier(**kwargs)
        if isinstance(identifier, dict):
            if "class_name" not in identifier:
                raise ValueError(
                    f"A {self.kind} as a dict needs the keys 'class_name' and 'config'. "
                    f"Received: {identifier}"
                )
            try:
                return deserialize_keras_object(
                    {"config": {}, **identifier}, module_objects=self.find)
            except TypeError as e:
                if "Could not locate" in str(e):
                    raise ValueError(
                        f"Could not interpret {self.kind} identifier: {identifier}. {e}") from e
                raise
        if isinstance(identifier, str):
            found = self.find(identifier)
            if inspect.isclass(found):
                return found(**kwargs)
            if found is not None:
                return found
        elif callable(identifier) or hasattr(identifier, "get_config"):
            return identifier
        raise self.unknown(identifier)

    def unknown(self, identifier):
        """The error for what no object is known for."""
        near = ""
        if isinstance(identifier, str):
            known = sorted(set(self.names))
            near = f" Known names: {', '.join(known)}. Others can be registered, or passed as the"
            near += " object itself."
        return ValueError(
            f"Could not interpret {self.kind} identifier: {identifier!r}. It must be None, a name, "
            f"a configuration dict, a class, or an object.{near}"
        )
