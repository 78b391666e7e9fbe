"""The arithmetic and the tables of the benchmarks, and how a worker process is driven."""

import contextlib
import math
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ops, report
from benchmarks.cases import CASES
from benchmarks.compare import Results, chosen, rotated
from benchmarks.installed import canonical, file_bytes, sizes
from benchmarks.processes import UNSET, Library, Load, Worker, busy_seconds, last_line

needs_proc = pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="reads /proc")


def slices(*values, others=0.0):
    return [{"round": r, "value": v, "others": others} for r, v in enumerate(values)]


def result(**libraries):
    return {"measured": {name: {"train": s} for name, s in libraries.items()}, "missing": {}}


def test_ratios_pair_the_rounds_that_both_have():
    assert report.ratios({0: 1.0, 1: 3.0, 2: 8.0}, {0: 2.0, 2: 4.0}) == [0.5, 2.0]
    assert report.ratios({0: 1.0}, {1: 2.0}) == []


def test_ratio_of_rounds_cancels_a_slow_round():
    slow = [1.0, 3.0, 1.0]  # the machine runs at a third of its speed in round 1
    ours, theirs = ({r: t * s for r, s in enumerate(slow)} for t in (2.0, 5.0))
    assert report.spread(report.ratios(ours, theirs)) == report.Spread(0.4, 0.4, 0.4)


def test_spread_is_median_least_most():
    assert report.spread([0.9, 0.2, 0.4, 0.6]) == report.Spread(0.5, 0.2, 0.9)


@pytest.mark.parametrize("values, text", [
    ([0.5, 0.25, 0.75], "0.50 (0.25..0.75)"),
    ([1.2, 0.9, 1.3], "1.20 (0.90..1.30) ~"),  # the rounds do not agree
    ([2.0], "2.00"),
])
def test_spread_as_text(values, text):
    assert str(report.spread(values)) == text


def test_fastest_is_one_peer_by_its_median():
    peers = {"a": {0: 1.0, 1: 9.0, 2: 9.0}, "b": {0: 5.0, 1: 5.0, 2: 5.0}, "c": {}}
    assert report.fastest(peers) == "b"
    assert report.fastest({"c": {}}) is None


@pytest.mark.parametrize("value, text", [
    (0.01234, "0.012"), (1.234, "1.23"), (12.34, "12.3"), (1234.4, "1234")])
def test_digits(value, text):
    assert report.digits(value) == text


def test_predict_is_shown_as_a_rate():
    measured = {"us": {"predict": slices(50.0, 40.0, 100.0)}}
    row = report.value_table({"mlp": {"measured": measured, "missing": {}}}, ["us"])[2]
    assert row.split() == ["mlp", "predict,", "samples/s", "20000"]


def test_ratio_table_over_each_peer_and_the_fastest():
    results = {"mlp": result(us=slices(1.0, 2.0, 3.0, others=0.25), a=slices(2.0, 2.0, 2.0),
                             b=slices(4.0, 4.0, 4.0))}
    header, _, row = report.ratio_table(results, ["us", "a", "b"])
    cells = [header.index(name) for name in ("/ a", "/ b", "/ fastest", "others")]
    assert [row[i:j].strip() for i, j in zip(cells, [*cells[1:], None], strict=True)] == [
        "1.00 (0.50..1.50) ~", "0.50 (0.25..0.75)", "1.00 (0.50..1.50) ~ a", "0.0, 0.2"]


def test_missing_keeps_a_row_before_the_case_it_belongs_to():
    lstm = result(a=slices(2.0))
    lstm["missing"] = {"us": ("missing", "AttributeError: no LSTM"), "b": ("failed", "killed")}
    table = report.ratio_table({"mlp": result(us=slices(1.0), a=slices(2.0)), "lstm": lstm,
                                "tiny": result(us=slices(3.0), a=slices(2.0))}, ["us", "a", "b"])
    starts = [line.split()[0] for line in table[2:]]
    assert starts == ["mlp", "missing:", "failed:", "lstm", "tiny"]
    assert table[3] == "missing: lstm (us: AttributeError: no LSTM)"
    assert table[4] == "failed: lstm (b: killed)"


def test_a_case_that_nobody_ran_keeps_its_row():
    empty = {"measured": {}, "missing": {"us": ("missing", "ImportError: x")}}
    assert report.ratio_table({"lstm": empty}, ["us"])[2:] == ["missing: lstm (us: ImportError: x)"]
    assert len(report.value_table({"lstm": empty}, ["us"])) == 2


def test_results_tell_missing_from_failed():
    results = Results()
    assert not results.dropped("a", {"value": 1.0})
    assert results.dropped("b", {"missing": "no"}) and results.dropped("c", {"failed": "bad"})
    assert results.asdict()["missing"] == {"b": ("missing", "no"), "c": ("failed", "bad")}


def test_every_library_goes_first_once():
    assert [rotated(["a", "b", "c"], r)[0] for r in range(4)] == ["a", "b", "c", "a"]
    assert rotated([], 2) == []


def test_an_unknown_name_ends_the_program():
    def error(text):
        raise SystemExit(text)

    with pytest.raises(SystemExit, match="'nope'"):
        chosen(types.SimpleNamespace(error=error), "mlp,nope", CASES)
    assert chosen(None, "mlp,tiny", CASES) == ["mlp", "tiny"]


@pytest.mark.parametrize("name", CASES)
def test_case_data_fits_its_batches(name):
    case = CASES[name]
    x, y, inputs = case.arrays()
    assert len(x) == len(y) == case.steps * case.batch and len(inputs) == case.predict
    assert case.predict % case.batch == 0 and np.isfinite(x).all()


def test_environment_drops_what_skews_timings(monkeypatch):
    for name in UNSET:
        monkeypatch.setenv(name, "Haswell")
    env = Library("a", sys.executable, "keras", "jax").environment()
    assert not set(UNSET) & set(env)
    assert (env["PYTHONHASHSEED"], env["KERAS_BACKEND"]) == ("0", "jax")


def test_last_line():
    assert last_line("a\nError: b\n \n") == "Error: b" and last_line("") == ""


@needs_proc
def test_load_leaves_out_our_own_work(monkeypatch):
    machine, ours, clock = iter([10.0, 16.0]), iter([1.0, 4.0]), iter([0.0, 2.0])
    monkeypatch.setattr("benchmarks.processes.busy_seconds", lambda: next(machine))
    monkeypatch.setattr("benchmarks.processes.time.perf_counter", lambda: next(clock))
    assert Load(lambda: next(ours)).others() == 1.5  # (6 s busy - 3 s ours) in 2 s


@needs_proc
def test_machine_time_grows():
    before = busy_seconds()
    sum(i for i in range(3_000_000))
    assert busy_seconds() > before


@needs_proc
def test_worker_answers_and_stands_still_between_commands():
    worker = Worker(Library("a", sys.executable, "json"), "tiny")
    try:
        answer = worker.ask("build")  # json is no Keras: it has no `layers`
        assert answer["missing"].startswith("AttributeError") and answer["others"] >= 0
        state = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        assert state == "T"
        assert "AttributeError" in worker.ask("train")["failed"]  # nothing was built
        worker.process.kill()
        assert worker.ask("train")["failed"].startswith("the process ended")
    finally:
        worker.close()


@needs_proc
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_stopped_worker_dies_with_its_parent():
    program = ("import sys; from benchmarks.processes import Library, Worker; import os;"
               "w = Worker(Library('a', sys.executable, 'json'), 'tiny'); w.ask('build');"
               "print(w.process.pid, flush=True); os._exit(1)")
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    folder = Path("/proc", done.stdout.strip())
    deadline = time.monotonic() + 10
    while running(folder) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert done.stdout.strip().isdigit() and not running(folder)


def running(folder):
    """Whether a process folder of /proc is there and is not of a dead, uncollected process."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_run_reports_a_process_that_fails():
    answer = Library("a", sys.executable, "keras").run("benchmarks.no_such_module")
    assert "no_such_module" in answer["failed"]


def test_installed_sizes_follow_requirements():
    found = sizes(["numpy", "no-such-distribution"])
    assert set(found) == {"numpy"} and found["numpy"] > 10e6
    assert canonical("Ml_Dtypes.x") == "ml-dtypes-x"


def test_file_bytes_leaves_out_compiled_files(tmp_path):
    for name, size in (("a.py", 10), ("b.so", 5), ("a.pyc", 100)):
        (tmp_path / name).write_bytes(b"x" * size)
    assert file_bytes([*tmp_path.iterdir(), tmp_path / "gone.py"]) == 15


class Tape(contextlib.AbstractContextManager):
    """Counts what watches and how many tapes are open."""

    entered = watched = 0

    def __enter__(self):
        Tape.entered += 1
        return self

    def watch(self, tensor):
        Tape.watched += 1

    def __exit__(self, *error):
        return None


def test_ops_rows_have_a_reason_where_an_op_is_missing(monkeypatch):
    monkeypatch.setattr(ops, "BATCH", 5)
    fake = types.SimpleNamespace(GradientTape=Tape, ops=types.SimpleNamespace(
        convert_to_tensor=np.asarray, add=np.add, multiply=np.multiply, sum=np.sum, exp=np.exp))
    rows = {name: costs for name, *costs in ops.op_rows(fake, 8)}
    assert list(rows) == list(ops.OPS)
    assert all(math.isfinite(cost) for name in ("add", "sum", "exp") for cost in rows[name])
    assert rows["matmul"][1].startswith("missing: AttributeError")
    assert Tape.entered == Tape.watched == 4 * (ops.REPEATS + 1)  # a new tape each repeat


def test_ops_lines_show_the_cost_over_numpy():
    _, row, missing = ops.lines([("add", 0.5, 1.75, 3.0), ("exp", 0.5, "missing: x", "missing: x")])
    assert row.split() == ["add", "0.50", "1.75", "1.25", "3.00", "2.50"]
    assert missing.split() == ["exp", "0.50", "-", "-", "-", "-", "missing:", "x"]
