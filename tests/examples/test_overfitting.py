"""`examples/overfitting.py` at toy size."""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
RUNS = ["baseline", "fewer parameters", "L1", "L2", "dropout", "more data", "early stopping"]


def test_table(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("MINIKERAS_CHECK", None)
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "overfitting.py"), "--device", "cpu",
         "--samples", "200", "--epochs", "20", "--tests", "300", "--units", "64"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    header, *rows, drawn = done.stdout.splitlines()
    assert header.split() == ["parameters", "epochs", "train", "test", "gap"]
    table = {}
    for row in rows:
        name, *numbers = re.fullmatch(
            r"(.{18}) *([\d,]+) +(\d+) +(\d\.\d{3}) +(\d\.\d{3}) +(-?\d\.\d{3})", row).groups()
        table[name.strip()] = [float(n.replace(",", "")) for n in numbers]
    assert list(table) == RUNS
    for parameters, epochs, train, test, gap in table.values():
        assert abs(train - test - gap) < 2e-3 and 1 <= epochs <= 20
    parameters, _, train, test, gap = table["baseline"]
    assert parameters == 784 * 64 + 64 + 64 * 64 + 64 + 64 * 10 + 10
    assert train > 0.97 and gap > 0.1  # learnt by heart
    assert table["fewer parameters"][0] < parameters / 10
    assert table["more data"][3] > test + 0.05 and table["more data"][4] < gap / 2
    assert table["dropout"][4] < gap
    picture = tmp_path / "overfitting.png"
    if importlib.util.find_spec("matplotlib"):
        assert picture.read_bytes().startswith(b"\x89PNG") and str(picture.name) in drawn
    else:
        assert "matplotlib is not installed" in drawn and not picture.exists()
