"""Files from the network, kept in a cache: `get_file`."""

import contextlib
import hashlib
import http.client
import os
import pathlib
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import warnings
import zipfile

import tqdm

from minikeras.api.registry import public

CHUNK = 1 << 16  # bytes
TIMEOUT = 60  # seconds without a byte
HASHES = {32: "md5", 64: "sha256"}  # hexadecimal digits -> algorithm


@public("utils.get_file")
def get_file(
    fname=None,
    origin=None,
    untar=False,
    md5_hash=None,
    file_hash=None,
    cache_subdir="datasets",
    hash_algorithm="auto",
    extract=False,
    archive_format="auto",
    cache_dir=None,
    force_download=False,
):
    """Path of a file from a URL: downloaded once, checked, then taken from the cache.

    The file is written beside its place and moved there only when it is whole and its hash is
    right, so an interrupted download leaves nothing behind.

    Args:
        fname: Name in the cache; the URL's last part by default. With `extract`, the name of the
            folder, or of the archive if it has a suffix (`x.zip` is unpacked to `x_extracted`).
        origin: URL.
        untar: Old spelling of `extract=True, archive_format="tar"`.
        md5_hash: Old spelling of `file_hash`.
        file_hash: Expected hash in hexadecimal digits; not checked if None.
        cache_subdir: Folder below `cache_dir`.
        hash_algorithm: 'md5', 'sha256' or 'auto': by the length of `file_hash`.
        extract: Whether to unpack the file, a tar or zip archive.
        archive_format: 'tar', 'zip', a list of them, 'auto' for both, or None for none.
        cache_dir: The environment variable `KERAS_HOME` or `~/.keras` by default.
        force_download: Whether to download even if the file is in the cache.

    Returns:
        The path as a string: the file, or with `extract` the folder.

    Raises:
        ValueError: A wrong argument, or a hash that differs.
        OSError: The download failed; the message says where to put the file by hand.

    Example:

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("hello")
    >>> path = get_file(origin=(folder / "a.txt").as_uri(), cache_dir=folder / "cache")
    >>> pathlib.Path(path).read_text()
    'hello'
    """
    if origin is None:
        raise ValueError("`get_file` needs `origin`, the URL of the file. Received: origin=None")
    extract, formats = _formats(extract, untar, archive_format)
    check = _hash_check(file_hash or md5_hash, hash_algorithm if file_hash else "md5")
    archive, folder = _names(fname, origin, extract)
    cache = _cache(cache_dir, cache_subdir)
    path = cache / archive
    stale = force_download or not path.exists() or check(path) is not None
    if stale:
        _download(origin, path, check)
    if not extract:
        return str(path)
    target = cache / folder
    if stale or not (target.is_dir() and any(target.iterdir())):
        _extract(path, target, formats)
    return str(target)


def _formats(extract, untar, archive_format):
    if untar:
        return True, ("tar",)
    formats = {"auto": ("tar", "zip"), None: ()}.get(_hashable(archive_format), archive_format)
    formats = (formats,) if isinstance(formats, str) else tuple(formats)
    for name in formats:
        if name not in ("tar", "zip"):
            raise ValueError(
                "`archive_format` must be 'auto', 'tar', 'zip', None, or a list of formats. "
                f"Received: archive_format={archive_format!r}"
            )
    return extract, formats


def _hashable(value):
    return tuple(value) if isinstance(value, list) else value


def _names(fname, origin, extract):
    """Names in the cache of the downloaded file and of the folder it is unpacked to."""
    if fname is None:
        name = os.path.basename(urllib.parse.urlparse(origin).path)
        if not name:
            raise ValueError(
                f"The URL does not end in a file's name; give `fname`. Received: origin={origin!r}"
            )
        return (f"{name}_archive" if extract else name), name
    name = os.fspath(fname)
    if os.path.basename(name) != name or name in ("", ".", ".."):
        raise ValueError(
            "`fname` must be a name, not a path; the folder is given by `cache_dir` and "
            f"`cache_subdir`. Received: fname={fname!r}"
        )
    if extract and "." not in name:
        return f"{name}_archive", name
    return name, f"{name.split('.')[0]}_extracted"


def _cache(cache_dir, cache_subdir):
    if cache_dir is not None:
        home = pathlib.Path(cache_dir)
    else:
        home = pathlib.Path(os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras")
    try:
        (home / cache_subdir).mkdir(parents=True, exist_ok=True)
    except OSError:
        if cache_dir is not None:
            raise
        # A home that cannot be written to, as in some containers.
        home = pathlib.Path(tempfile.gettempdir(), ".keras")
        (home / cache_subdir).mkdir(parents=True, exist_ok=True)
    return home / cache_subdir


def _hash_check(expected, algorithm):
    """A function of a path: None if its hash is as expected, else how it differs."""
    if expected is None:
        return lambda path: None
    if algorithm == "auto":
        algorithm = HASHES.get(len(expected), "sha256")
    if algorithm not in HASHES.values():
        raise ValueError(
            "`hash_algorithm` must be 'auto', 'md5' or 'sha256'. "
            f"Received: hash_algorithm={algorithm!r}"
        )

    def check(path):
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
        if found != expected.lower():
            return f"Expected {algorithm} {expected}. Received: {found}"

    return check


def _download(origin, path, check):
    handle, part = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
    part = pathlib.Path(part)
    try:
        with os.fdopen(handle, "wb") as file:
            _fetch(origin, path, file)
        wrong = check(part)
        if wrong is not None:
            raise ValueError(
                f"The file from {origin} is not the expected one: it changed or the download is "
                f"incomplete. {wrong}"
            )
        part.chmod(0o644)  # mkstemp's are for the owner alone
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _fetch(origin, path, file):
    try:
        with urllib.request.urlopen(origin, timeout=TIMEOUT) as response:
            size = int(response.headers.get("Content-Length") or 0) or None
            with tqdm.tqdm(total=size, unit="B", unit_scale=True, desc=path.name) as bar:
                while chunk := response.read(CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
            if size and bar.n < size:
                raise ConnectionError(f"only {bar.n} of {size} bytes came")
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise OSError(
            f"Could not download {path.name} from {origin}: {error}. Without a network, fetch "
            f"it on another machine and put it at {path}"
        ) from error


def _extract(path, target, formats):
    # Unpacked beside its place and then moved, so that a folder that is there is complete.
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
    try:
        if "tar" in formats and tarfile.is_tarfile(path):
            if not hasattr(tarfile, "data_filter"):
                raise RuntimeError("Unpacking a tar archive safely needs Python 3.11.4 or later.")
            with tarfile.open(path) as archive:
                archive.extractall(folder, filter="data")  # refuses what lands outside `folder`
        elif "zip" in formats and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)  # drops "..", drives and leading slashes
        else:
            message = f"{path} was not unpacked: it is no archive of the formats {formats}."
            warnings.warn(message, stacklevel=3)
            return
        folder.chmod(0o755)
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(folder, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)
