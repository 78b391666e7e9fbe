"""`utils.get_file`, over file URLs and a server on this machine."""

import functools
import hashlib
import http.server
import io
import pathlib
import tarfile
import threading
import zipfile

import pytest

from minikeras.data import files
from minikeras.data.files import get_file

MD5, SHA256 = hashlib.md5(b"hello").hexdigest(), hashlib.sha256(b"hello").hexdigest()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of files to download; the cache is `tmp_path/home`."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "a.txt").write_text("hello")
    with tarfile.open(folder / "d.tar.gz", "w:gz") as archive:
        archive.add(folder / "a.txt", "d/b.txt")
    with zipfile.ZipFile(folder / "d.zip", "w") as archive:
        archive.write(folder / "a.txt", "d/b.txt")
    return folder


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def contents(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, "datasets/a.txt"),
        ({"fname": "b.txt"}, "datasets/b.txt"),
        ({"fname": pathlib.Path("b.txt")}, "datasets/b.txt"),
        ({"cache_subdir": "models/x"}, "models/x/a.txt"),
        ({"file_hash": SHA256}, "datasets/a.txt"),
        ({"file_hash": SHA256.upper()}, "datasets/a.txt"),
        ({"file_hash": MD5}, "datasets/a.txt"),
        ({"md5_hash": MD5}, "datasets/a.txt"),
        ({"file_hash": SHA256, "hash_algorithm": "sha256"}, "datasets/a.txt"),
    ],
)
def test_download(site, home, options, kept):
    path = get_file(origin=(site / "a.txt").as_uri(), **options)
    assert path == str(home / kept)
    assert pathlib.Path(path).read_text() == "hello"
    assert contents(home) == [kept]


def test_cache_dir_that_is_not_there_yet(site, tmp_path):
    path = get_file(origin=(site / "a.txt").as_uri(), cache_dir=tmp_path / "new" / "cache")
    assert path == str(tmp_path / "new" / "cache" / "datasets" / "a.txt")


def test_default_home(site, tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "user"))
    path = get_file(origin=(site / "a.txt").as_uri())
    assert path == str(tmp_path / "user" / ".keras" / "datasets" / "a.txt")


def test_home_that_cannot_be_written(site, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(site / "a.txt" / "home"))
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    path = get_file(origin=(site / "a.txt").as_uri())
    assert path == str(tmp_path / "temporary" / ".keras" / "datasets" / "a.txt")
    with pytest.raises(OSError):  # but a folder that was asked for is not replaced
        get_file(origin=(site / "a.txt").as_uri(), cache_dir=site / "a.txt")


def test_cached_and_forced(site):
    url = (site / "a.txt").as_uri()
    path = pathlib.Path(get_file(origin=url, file_hash=SHA256))
    (site / "a.txt").write_text("other")
    assert get_file(origin=url) == str(path) and path.read_text() == "hello"
    assert get_file(origin=url, file_hash=SHA256) == str(path)
    get_file(origin=url, force_download=True)
    assert path.read_text() == "other"


def test_a_changed_file_is_fetched_again(site, home):
    url = (site / "a.txt").as_uri()
    path = pathlib.Path(get_file(origin=url, file_hash=SHA256))
    path.write_text("damaged")
    get_file(origin=url, file_hash=SHA256)
    assert path.read_text() == "hello"


@pytest.mark.parametrize("expected", ["0" * 64, "0" * 32])
def test_wrong_hash(site, home, expected):
    found = SHA256 if len(expected) == 64 else MD5
    with pytest.raises(ValueError, match=f"Expected .*{expected}.*Received: {found}"):
        get_file(origin=(site / "a.txt").as_uri(), file_hash=expected)
    assert contents(home) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Received: origin=None"),
        ({"origin": "http://localhost/"}, "give `fname`.*http://localhost/"),
        ({"origin": "http://localhost/x", "fname": "a/b"}, "not a path.*'a/b'"),
        ({"origin": "http://localhost/x", "fname": ".."}, "not a path"),
        ({"origin": "http://localhost/x", "archive_format": "rar"}, "archive_format='rar'"),
        ({"origin": "http://localhost/x", "archive_format": ["rar"]}, "archive_format=.'rar'"),
        (
            {"origin": "http://localhost/x", "file_hash": MD5, "hash_algorithm": "crc"},
            "hash_algorithm='crc'",
        ),
    ],
)
def test_wrong_arguments(home, monkeypatch, options, message):
    monkeypatch.setenv("KERAS_HOME", str(home))
    with pytest.raises(ValueError, match=message):
        get_file(**options)


# Names in the cache as Keras 3.15 has them: by a name without a suffix, with one, and without name.
@pytest.mark.parametrize("archive", ["d.tar.gz", "d.zip"])
@pytest.mark.parametrize(
    ("fname", "kept", "folder"),
    [
        ("data", "data_archive", "data"),
        ("x.y.tar.bz2", "x.y.tar.bz2", "x_extracted"),
        ("v1.2-data", "v1.2-data", "v1_extracted"),
        (None, None, None),
    ],
)
def test_extract(site, home, archive, fname, kept, folder):
    kept, folder = kept or f"{archive}_archive", folder or archive
    path = get_file(fname, (site / archive).as_uri(), extract=True)
    assert path == str(home / "datasets" / folder)
    assert contents(home / "datasets") == sorted([kept, f"{folder}/d/b.txt"])
    assert (home / "datasets" / folder / "d" / "b.txt").read_text() == "hello"


@pytest.mark.parametrize("archive_format", ["tar", ["tar"], ("zip", "tar"), "auto"])
def test_archive_format(site, archive_format):
    url = (site / "d.tar.gz").as_uri()
    path = get_file("d", url, extract=True, archive_format=archive_format)
    assert pathlib.Path(path, "d", "b.txt").read_text() == "hello"


def test_untar(site):
    path = get_file("d", (site / "d.tar.gz").as_uri(), untar=True)
    assert pathlib.Path(path, "d", "b.txt").read_text() == "hello"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.txt", {"extract": True}),
        ("d.zip", {"untar": True}),
        ("d.zip", {"extract": True, "archive_format": "tar"}),
        ("d.zip", {"extract": True, "archive_format": None}),
    ],
)
def test_not_an_archive_of_the_format(site, home, name, options):
    with pytest.warns(UserWarning, match="was not unpacked"):
        get_file("x", (site / name).as_uri(), **options)
    assert contents(home) == ["datasets/x_archive"]


def test_extracted_once_and_again_when_forced(site):
    url = (site / "d.zip").as_uri()
    extracted = pathlib.Path(get_file("d", url, extract=True))
    (extracted / "d" / "b.txt").write_text("edited")
    get_file("d", url, extract=True)
    assert (extracted / "d" / "b.txt").read_text() == "edited"
    get_file("d", url, extract=True, force_download=True)
    assert (extracted / "d" / "b.txt").read_text() == "hello"


@pytest.mark.parametrize("member", ["../outside.txt", "/outside.txt", "link"])
def test_archive_that_reaches_outside(site, home, member):
    info = tarfile.TarInfo(member)
    if member == "link":
        info.type, info.linkname = tarfile.SYMTYPE, "../../../site"
    else:
        info.size = 4
    with tarfile.open(site / "bad.tar", "w") as archive:
        archive.addfile(info, io.BytesIO(b"evil"))
    if member.startswith("/"):  # its leading slash is dropped
        path = get_file("bad", (site / "bad.tar").as_uri(), extract=True)
        assert contents(pathlib.Path(path)) == ["outside.txt"]
        return
    with pytest.raises(tarfile.FilterError):
        get_file("bad", (site / "bad.tar").as_uri(), extract=True)
    assert contents(home) == ["datasets/bad_archive"]


def test_zip_that_reaches_outside(site, home):
    with zipfile.ZipFile(site / "bad.zip", "w") as archive:
        archive.writestr("../../outside.txt", "evil")
    get_file("bad", (site / "bad.zip").as_uri(), extract=True)
    assert contents(home) == ["datasets/bad/outside.txt", "datasets/bad_archive"]


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path != "/short":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"hello")


@pytest.fixture
def server(site):
    handler = functools.partial(Handler, directory=str(site))
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_over_http_with_a_progress_bar(server, home, capsys):
    path = get_file(origin=f"{server}/a.txt?raw=1", file_hash=SHA256)
    assert pathlib.Path(path).read_text() == "hello"
    shown = capsys.readouterr().err
    assert "a.txt: 100%" in shown and "5.00/5.00" in shown


@pytest.mark.parametrize(
    ("name", "reason"), [("absent", "HTTP Error 404"), ("short", "5 of 1000 bytes")]
)
def test_failed_download(server, home, name, reason):
    with pytest.raises(OSError, match=reason) as error:
        get_file(origin=f"{server}/{name}")
    assert f"{server}/{name}" in str(error.value)
    assert f"put it at {home / 'datasets' / name}" in str(error.value)
    assert contents(home) == []


def test_without_a_network(home, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(home))
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as closed:
        url = f"http://127.0.0.1:{closed.server_port}/x.npz"
    with pytest.raises(OSError, match="Could not download x.npz from") as error:
        get_file(origin=url)
    assert f"put it at {home / 'datasets' / 'x.npz'}" in str(error.value)
