"""Child processes of a comparison: their environment, the load by others, stop and go."""

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TICK = os.sysconf("SC_CLK_TCK")

# OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE choose another processor's kernels and blocking: NumPy's
# matrix products then run at half their speed, while the peers have their own and do not slow.
# MINIKERAS_CHECK verifies every op against its rules. PYTHONDONTWRITEBYTECODE makes each import of
# a source tree compile it again, which an installed package never does.
SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MINIKERAS_CHECK")
UNSET = (*SLOWING, "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Library:
    """One side of the comparison.

    Args:
        name: column of the tables.
        python: interpreter that runs it.
        package: module imported as `keras`.
        backend: value of KERAS_BACKEND, or None to leave it.
    """

    name: str
    python: str
    package: str
    backend: str | None = None

    def environment(self):
        """Returns the environment of its processes: the caller's, less what skews timings."""
        env = {key: value for key, value in os.environ.items() if key not in UNSET}
        env["PYTHONHASHSEED"] = "0"  # the order of sets, and so of traced graphs, stays the same
        env["TF_CPP_MIN_LOG_LEVEL"] = "3"
        if self.backend:
            env["KERAS_BACKEND"] = self.backend
        return env

    def run(self, module, *arguments, timeout=300):
        """Runs `python -m module` to its end; returns the JSON object it prints.

        Returns `{"failed": reason}` where it prints none; else `others` too, as in `Worker.ask`.
        """
        command = [self.python, "-m", module, *arguments]
        load = Load(children_seconds)
        try:
            done = subprocess.run(command, cwd=ROOT, env=self.environment(), timeout=timeout,
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL)
            return {**json.loads(done.stdout), "others": load.others()}
        except subprocess.TimeoutExpired:
            return {"failed": f"no answer within {timeout} s"}
        except json.JSONDecodeError:
            return {"failed": last_line(done.stderr) or f"exit status {done.returncode}"}


def last_line(text):
    """Returns the last line that is not blank, or ""."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def busy_seconds():
    """CPU seconds used on the whole machine since it started; None where /proc is missing."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / TICK


def process_seconds(pid):
    """CPU seconds used by a process and all its threads; 0 where /proc does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def children_seconds():
    """CPU seconds used by child processes that have ended."""
    used = os.times()
    return used.children_user + used.children_system


class Load:
    """Measures how many cores other processes kept busy between its making and `.others()`.

    Args:
        ours: function that returns the CPU seconds used by the process that is measured.
    """

    def __init__(self, ours):
        self.ours = ours
        self.before = self.now()

    def now(self):
        """Returns wall seconds, the machine's CPU seconds and our own."""
        return time.perf_counter(), busy_seconds(), self.ours()

    def others(self):
        """Cores; without /proc the load average of the last minute, which counts ours too."""
        (wall0, busy0, ours0), (wall1, busy1, ours1) = self.before, self.now()
        if busy0 is None:
            return os.getloadavg()[0]
        return max(0.0, (busy1 - busy0 - (ours1 - ours0)) / max(wall1 - wall0, 1e-9))


class Worker:
    """A living `benchmarks.worker` process, stopped except while it answers.

    It is stopped with SIGSTOP because thread pools (OpenMP, Eigen, OpenBLAS) spin for a while
    after their work is done, or for ever, and would take cores from the next library's slice.
    """

    def __init__(self, library, case, eager=False):
        command = [library.python, "-m", "benchmarks.worker",
                   "--package", library.package, "--case", case, *(["--eager"] * eager)]
        self.errors = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=library.environment(), text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            start_new_session=True)  # its own group, so that helpers it starts stop with it

    def signal(self, number):
        """Sends a signal to its process group, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def stop(self):
        """Stops it, and returns when it stands still (or has ended): signals take a moment."""
        self.signal(signal.SIGSTOP)
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def send(self, command):
        """Lets it run and sends a command; `receive` must follow."""
        self.load = Load(lambda: process_seconds(self.process.pid))
        self.signal(signal.SIGCONT)
        with contextlib.suppress(BrokenPipeError):  # a dead worker has no answer to receive
            self.process.stdin.write(command + "\n")

    def receive(self, timeout=300):
        """Waits for the answer and stops it; the answer has `others`, the cores others used."""
        ready = select.select([self.process.stdout], [], [], timeout)[0]
        line = self.process.stdout.readline() if ready else None
        others = self.load.others()
        self.stop()
        if line is None:
            return {"failed": f"no answer within {timeout} s"}
        if not line:
            return {"failed": f"the process ended: {self.last_words()}"}
        return {**json.loads(line), "others": others}

    def ask(self, command):
        """Sends a command and returns the answer."""
        self.send(command)
        return self.receive()

    def last_words(self):
        """Returns the last line it wrote to stderr."""
        self.errors.seek(0)
        return last_line(self.errors.read()) or "no message"

    def close(self):
        """Kills it; a stopped process dies of SIGKILL too."""
        self.signal(signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
