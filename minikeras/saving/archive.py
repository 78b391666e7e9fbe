"""`.keras` archives: a zip file, or a folder, with config.json, metadata.json and the weights.

An archive is not trusted: names that lead outside, entries that swell and damaged ones are
refused before anything is made of them.
"""

import contextlib
import json
import os
import shutil
import tempfile
import zipfile
import zlib

from minikeras import errors
from minikeras.errors import FileError

CONFIG, METADATA, WEIGHTS, ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets"
DEEPEST = 600  # levels of lists and dictionaries in a configuration
LARGEST_JSON = 1 << 28
ENTRIES = 100_000
FOLDERS = 200  # in the name of an entry
EXPANSION = 200  # a compressed entry may be this many times as large
SMALL = 1 << 20
IN_MEMORY = 1 << 28  # weights up to this size are read without a temporary file


def reading(name):
    """Errors of a damaged archive as FileError."""
    return errors.reading(name, "`.keras`", (
        zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError,
        OSError, KeyError, OverflowError, MemoryError))


class ZippedArchive:
    """The parts of a `.keras` zip file, read when they are asked for."""

    def __init__(self, filepath):
        self.name = os.fspath(filepath)
        with reading(self.name):
            self.zip = zipfile.ZipFile(filepath)
            try:
                self.entries = self._checked()
            except BaseException:
                self.zip.close()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.zip.close()

    def _checked(self):
        entries = {}
        infos = self.zip.infolist()
        if len(infos) > ENTRIES:
            raise FileError(f"{self.name} has {len(infos)} entries, too many for a model.")
        for info in infos:
            if info.filename in entries:
                raise FileError(f"{self.name} has two entries called {info.filename!r}.")
            check_name(info.orig_filename, self.name)
            if info.file_size > max(SMALL, info.compress_size * EXPANSION):
                raise FileError(
                    f"{self.name}: {info.filename!r} would swell from {info.compress_size} to "
                    f"{info.file_size} bytes. It is damaged, or made to fill the memory."
                )
            entries[info.filename] = info
        return entries

    def __contains__(self, name):
        return name in self.entries

    def size(self, name):
        """Bytes of an entry."""
        return self.entries[name].file_size

    def read(self, name):
        """An entry as bytes."""
        with reading(self.name):
            return self.zip.read(name)

    @contextlib.contextmanager
    def file(self, name):
        """An entry as bytes, or if it is large as the path of a temporary file."""
        if self.size(name) <= IN_MEMORY:
            yield self.read(name)
            return
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "part")
            with reading(self.name), self.zip.open(name) as source, open(path, "wb") as target:
                shutil.copyfileobj(source, target)
            yield path

    @contextlib.contextmanager
    def assets(self):
        """The path of a folder with the assets; None if there are none."""
        names = [n for n in self.entries if n.startswith(f"{ASSETS}/") and not n.endswith("/")]
        if not names:
            yield None
            return
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                path = os.path.join(folder, *name.split("/"))
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with reading(self.name), self.zip.open(name) as source, open(path, "wb") as target:
                    shutil.copyfileobj(source, target)
            yield os.path.join(folder, ASSETS)


class FolderArchive:
    """The same for a folder, as `save(..., zipped=False)` writes."""

    def __init__(self, filepath):
        self.name = os.fspath(filepath)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def _path(self, name):
        return os.path.join(self.name, name)

    def __contains__(self, name):
        return os.path.isfile(self._path(name))

    def size(self, name):
        """Bytes of a file."""
        return os.path.getsize(self._path(name))

    def read(self, name):
        """A file as bytes."""
        with open(self._path(name), "rb") as file:
            return file.read()

    @contextlib.contextmanager
    def file(self, name):
        """The path of a file."""
        yield self._path(name)

    @contextlib.contextmanager
    def assets(self):
        """The path of the folder with the assets; None if there is none."""
        yield self._path(ASSETS) if os.path.isdir(self._path(ASSETS)) else None


def check_name(name, archive):
    """FileError for the name of an entry that could lead out of the folder it is unpacked to."""
    parts = name.rstrip("/").split("/")
    if len(parts) > FOLDERS:
        raise FileError(f"{archive} has an entry in {len(parts)} folders, too many for a model.")
    if "\\" in name or ":" in name or "\0" in name or any(p in ("", ".", "..") for p in parts):
        raise FileError(
            f"{archive} has an entry {name!r}, which leads outside of the archive; it is not read.")


def read_json(archive, name):
    """The contents of a JSON entry."""
    if name not in archive:
        raise FileError(f"{archive.name} has no {name}: it is no `.keras` file, or incomplete.")
    if archive.size(name) > LARGEST_JSON:
        raise FileError(f"{archive.name}: {name} has {archive.size(name)} bytes, too many.")
    return parse_json(archive.read(name), f"{archive.name}: {name}")


def parse_json(text, name):
    """JSON of a file as Python values."""
    try:
        value = json.loads(text)
        deepest = depth(value)
    except (ValueError, RecursionError) as e:
        why = "nested too deep" if isinstance(e, RecursionError) else e
        raise FileError(f"{name} is no valid JSON: {why}.") from e
    if deepest > DEEPEST:
        raise FileError(f"{name} is nested {deepest} levels deep, too many for a model.")
    return value


def depth(value):
    """Levels of lists and dictionaries."""
    level, layer = 0, [value]
    while layer:
        inner = [x.values() if isinstance(x, dict) else x
                 for x in layer if isinstance(x, (dict, list))]
        if not inner:
            return level
        level, layer = level + 1, [x for values in inner for x in values]
    return level
