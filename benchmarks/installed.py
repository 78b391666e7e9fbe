"""Size on disk of a distribution with all that it requires.

    python -m benchmarks.installed NAME [NAME ...]

Prints one JSON object: MB (10**6 bytes) by distribution. Compiled `.pyc` files are left out:
whether they exist depends on the installer. A name that is not installed but is a folder beside
this one is measured as it would be installed: its files, and the requirements in pyproject.toml.
"""

import json
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def canonical(name):
    """Returns a distribution's name as the package index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required(lines):
    """Names in requirement lines, without extras and what the markers rule out."""
    try:
        from packaging.requirements import Requirement  # optional: decides markers exactly
    except ImportError:
        kept = (line for line in lines if "extra ==" not in line)
        return [re.match(r"[\w.-]+", line)[0] for line in kept]
    parsed = map(Requirement, lines)
    return [r.name for r in parsed if r.marker is None or r.marker.evaluate({"extra": ""})]


def file_bytes(paths):
    """Sum of the sizes of the files that exist, `.pyc` left out."""
    return sum(p.stat().st_size for p in paths if p.suffix != ".pyc" and p.is_file())


def one(name):
    """Returns bytes and requirement lines of one distribution, or None."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        found = None
    if found and found.files and not is_editable(found):
        paths = (Path(found.locate_file(f)) for f in found.files)
        return file_bytes(paths), found.requires or []
    project = ROOT / "pyproject.toml"
    if (ROOT / name).is_dir() and project.is_file():
        lines = tomllib.loads(project.read_text())["project"].get("dependencies", [])
        return file_bytes((ROOT / name).rglob("*")), lines
    return None


def is_editable(distribution):
    """Whether only a pointer to the sources is installed."""
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    return origin.get("dir_info", {}).get("editable", False)


def sizes(names):
    """Bytes by distribution, over the names and their requirements, each counted once."""
    found, waiting = {}, [canonical(n) for n in names]
    while waiting:
        name = waiting.pop()
        if name in found or (result := one(name)) is None:
            continue
        found[name], lines = result
        waiting += map(canonical, required(lines))
    return found


if __name__ == "__main__":
    print(json.dumps({name: size / 1e6 for name, size in sizes(sys.argv[1:]).items()}))
