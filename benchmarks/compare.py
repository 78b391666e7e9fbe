"""Compares minikeras with Keras on its backends, in alternation within one run.

    python -m benchmarks.compare --keras-python /path/to/venv/bin/python

See README.md beside this file for how to read the tables.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
import timeit
from pathlib import Path

from benchmarks.cases import CASES
from benchmarks.processes import ROOT, Library, Worker, busy_seconds
from benchmarks.report import MEASURES, ratio_table, value_table

BACKENDS = ("jax", "tensorflow", "torch")
DISTRIBUTIONS = {"jax": ["jax"], "tensorflow": ["tensorflow", "tensorflow-cpu"], "torch": ["torch"]}
PROCESS_CASES = ("fresh", "installed")


def arguments():
    """Returns the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keras-python", default=sys.executable, metavar="PATH",
                        help="interpreter with keras and some of its backends")
    parser.add_argument("--python", default=sys.executable, metavar="PATH",
                        help="interpreter for minikeras (default: this one)")
    parser.add_argument("--cases", default=",".join((*CASES, *PROCESS_CASES)),
                        help="comma-separated, of %(default)s")
    parser.add_argument("--backends", default=",".join(BACKENDS),
                        help="comma-separated, of %(default)s; only those that import run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", help="write everything measured here")
    # Lets real Keras stand in for minikeras, to test this program: its ratios must be near 1.
    parser.add_argument("--self", default="minikeras", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.cases = chosen(parser, options.cases, (*CASES, *PROCESS_CASES))
    options.backends = chosen(parser, options.backends, BACKENDS)
    return options


def chosen(parser, text, allowed):
    """Returns the names in a comma-separated text; ends the program over an unknown one."""
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in allowed:
            parser.error(f"unknown name. Received: {name!r}. Expected some of {', '.join(allowed)}")
    return names


def working(library):
    """Whether the library's Keras and its backend import; says so if not."""
    done = subprocess.run(
        [library.python, "-c", f"import keras, {library.backend} as b; print(b.__version__)"],
        cwd=ROOT, env=library.environment(), capture_output=True, text=True)
    say(f"{library.name}: {done.stdout.strip() or 'does not import, left out'}")
    return done.returncode == 0


def say(text):
    """Prints progress on stderr, so that stdout holds the tables alone."""
    print(text, file=sys.stderr, flush=True)


def rotated(items, by):
    """The items in another order each round, so that no library always runs first or last."""
    by %= max(len(items), 1)
    return items[by:] + items[:by]


class Results:
    """What one case gave: slices by library and measure, and who dropped out, and why."""

    def __init__(self):
        self.measured, self.missing = {}, {}

    def add(self, name, measure, number, answer):
        """Files one slice of a round."""
        slices = self.measured.setdefault(name, {}).setdefault(measure, [])
        slices.append({"round": number, **answer})

    def dropped(self, name, answer):
        """Whether the answer says that there is no result; files the reason."""
        kind = next((k for k in ("missing", "failed") if k in answer), None)
        if kind:
            self.missing[name] = (kind, answer[kind])
        return kind is not None

    def asdict(self):
        """Returns the form that the report and the JSON file take."""
        return {"measured": self.measured, "missing": self.missing}


def run_case(name, libraries, rounds):
    """Runs one case: all libraries build and warm up, then take turns, slice by slice.

    Building is not timed, so all build at once; everything after that runs alone.
    """
    results, workers = Results(), {}

    def answered(who, answer):
        """Whether a worker's answer is a result; closes one that has none."""
        if not results.dropped(who, answer):
            return True
        workers.pop(who).close()
        return False

    try:
        for index, library in enumerate(libraries):
            eager = CASES[name].eager and index == 0
            workers[library.name] = Worker(library, name, eager)
            workers[library.name].send("build")
        for who in list(workers):
            answered(who, workers[who].receive())
        for who in list(workers):
            answered(who, workers[who].ask("warm"))
        for number in range(rounds):
            for measure in CASES[name].measures:
                for who in rotated(list(workers), number):
                    answer = workers[who].ask(measure)
                    if answered(who, answer):
                        results.add(who, measure, number, answer)
    finally:
        for worker in workers.values():
            worker.close()
    return results.asdict()


def run_fresh(libraries, rounds):
    """Imports, first step and peak memory, one new process a library and round."""
    results, alive = Results(), list(libraries)
    # Once untimed: compiled bytecode and the file cache. The peers' were warmed by `working`.
    libraries[0].run("benchmarks.fresh", libraries[0].package, repr(time.time()))
    for number in range(rounds):
        for library in rotated(alive, number):
            answer = library.run("benchmarks.fresh", library.package, repr(time.time()))
            if results.dropped(library.name, answer):
                alive.remove(library)
                continue
            for measure in ("numpy", "import", "first", "peak"):
                slice_ = {"value": answer[measure], "others": answer["others"]}
                results.add(library.name, measure, number, slice_)
    return results.asdict()


def run_installed(libraries):
    """Size on disk of each library with its requirements."""
    results = Results()
    for library in libraries:
        names = [library.package, *DISTRIBUTIONS.get(library.backend, [])]
        answer = library.run("benchmarks.installed", *names)
        if not results.dropped(library.name, answer):
            answer.pop("others")
            if library.package in answer:
                parts = {"value": sum(answer.values()), "parts": answer}
                results.add(library.name, "installed", 0, parts)
            else:
                results.missing[library.name] = ("missing", "not an installed distribution")
    return results.asdict()


def measure(options, libraries):
    """Runs the chosen cases; returns their results by name. Interrupted, those that are done."""
    results = {}
    for name in options.cases:
        begin = time.perf_counter()
        try:
            if name == "fresh":
                results[name] = run_fresh(libraries, options.rounds)
            elif name == "installed":
                results[name] = run_installed(libraries)
            else:
                results[name] = run_case(name, libraries, options.rounds)
        except KeyboardInterrupt:
            say(f"interrupted in {name}")
            break
        for who, (kind, reason) in results[name]["missing"].items():
            say(f"{kind}: {name} ({who}: {reason})")
        say(f"{name}: {time.perf_counter() - begin:.0f} s")
    return results


def load_now(seconds=1.0):
    """Cores in use while this program sleeps; None where /proc does not say."""
    before = busy_seconds()
    if before is None:
        return None
    time.sleep(seconds)
    return (busy_seconds() - before) / seconds


def yardstick():
    """Milliseconds of a fixed loop of Python, the best of five.

    Tells a machine that is slow today, or shared by other virtual machines, which no count of
    processes shows, from a library that is slow.
    """
    return 1e3 * min(timeit.repeat("for i in range(1_000_000): i + i", number=1, repeat=5))


def machine():
    """Returns what the numbers depend on."""
    info = Path("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in info.read_text().splitlines()
              if line.startswith("model name")] if info.is_file() else []
    return {"processor": models[0] if models else platform.processor(), "cores": os.cpu_count(),
            "system": platform.platform(), "load before": load_now(),
            "yardstick before": yardstick()}


def main():
    """Measures, prints both tables, writes the JSON file."""
    options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends workers, prints what there is
    ours = Library(options.self, options.python, options.self)
    peers = [Library(f"keras-{b}", options.keras_python, "keras", b) for b in options.backends]
    libraries = [ours, *filter(working, peers)]
    facts = machine()
    say(f"{facts}")
    results = measure(options, libraries)
    facts["yardstick after"] = yardstick()
    names = [library.name for library in libraries]
    print(", ".join(f"{key}: {f'{v:.2f}' if isinstance(v, float) else v}"
                    for key, v in facts.items()), "\n")
    print("\n".join(value_table(results, names)))
    print(f"\n{options.self}'s time, memory or size over the peer's: median of the rounds' ratios "
          "(least..most).\nBelow 1 it is the better one; ~: the rounds do not agree which is. "
          "others: cores used by\nother processes, median and most.\n")
    print("\n".join(ratio_table(results, names)))
    if options.json:
        report = {"machine": facts, "libraries": names, "rounds": options.rounds,
                  "measures": {key: m.label for key, m in MEASURES.items()}, "results": results}
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
