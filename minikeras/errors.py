"""Wording shared by error messages."""

import contextlib
import reprlib


def plain(value):
    """A shape, dtype or nested structure as plain tuples and names, for 'Received: ...'."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{getattr(value.dtype, 'name', value.dtype)}{tuple(value.shape)}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {plain(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(map(str, map(plain, value)))
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return repr(value)


class FileError(ValueError):
    """A file of a model or of weights that is damaged, refused, or does not fit."""


_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist, _SHORT.maxstring = 4, 40, 8, 100


def short(config):
    """A configuration for messages; that of a file may be of any size."""
    return _SHORT.repr(config)

@contextlib.contextmanager
def reading(name, kind, errors):
    """What is raised for damaged files, the types `errors`, as FileError of a file of a kind."""
    try:
        yield
    except FileError:
        raise
    except errors as e:
        raise FileError(
            f"{name} is damaged or is no {kind} file: {type(e).__name__}: {e}") from e
