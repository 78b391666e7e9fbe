"""Program: a step traced once into a flat list of calls over planned memory, and replayed."""

import os
import threading
import time
import weakref

from minikeras import tree
from minikeras.arrays import NUMPY
from minikeras.arrays.quiet import quiet, restore
from minikeras.core.program import attributes, homes, passes, rewrites, workers
from minikeras.core.program.emission import Emission
from minikeras.core.program.flat import Row, flatten
from minikeras.core.program.storage import Storage, root
from minikeras.core.program.tiling import number_of_tiles
from minikeras.core.program.tracer import Tracer
from minikeras.core.program.values import Again, Value, real
from minikeras.core.scopes import homes as counter
from minikeras.core.scopes import settings, state
from minikeras.core.tensor import Convertible, Tensor
from minikeras.kernels.registry import KERNELS

PASSES = ("rewrite", "simplify", "dce", "cse", "crop", "tiles", "flat", "slots", "sink",
          "inplace", "arena")


def chosen_passes():
    """Names of the passes that MINIKERAS_PASSES (comma-separated; all by default) switches on."""
    given = os.environ.get("MINIKERAS_PASSES")
    if given is None:
        return PASSES
    names = [n for n in given.split(",") if n]
    unknown = [n for n in names if n not in PASSES]
    if unknown:
        raise ValueError(
            f"MINIKERAS_PASSES names unknown passes: {unknown}. The passes are {PASSES}.")
    return tuple(names)


class Program:
    """A step for inputs of fixed shapes and dtypes.

    Args:
        step: function of tensors; what it gives back is a structure of tensors and other things.
        arrays: inputs, for their shapes and dtypes.
        passes: names of the passes to use; None: as MINIKERAS_PASSES says.
        tiles: number of tiles; None: chosen by the work.
        threads: number of threads.
        library: the array library that the program runs on.
        executor: gives for the program's sections a function that carries them out; None: the
            calls are made one by one, on several threads where there are tiles. On a GPU it is
            the place for a recorded graph of launches.

    `program(*arrays)` replays the step, which changes variables as the step would have, and
    gives back the structure with new tensors.
    """

    def __init__(self, step, arrays, passes=None, tiles=None, threads=2, library=NUMPY,
                 executor=None):
        begin = time.perf_counter()
        self.passes = chosen_passes() if passes is None else tuple(passes)
        self.threads, self.library, self.lock = threads, library, threading.Lock()
        self.executor = executor or workers.executor
        if library.kind != "cpu":  # a GPU runs its calls in order, each on all samples
            self.passes = tuple(p for p in self.passes if p != "tiles")
        self.version, self.flags = settings.version, settings.flags
        self.touched = settings.touched
        self.inputs = [
            Value(a.shape, a.dtype, library, array=library.zeros(a.shape, a.dtype))
            for a in arrays]
        self.buffers = [v.array for v in self.inputs]
        tracer = self._trace(step)
        self.size = _batch(self.inputs)
        order, outputs, assigned = self._simplified(tracer)
        self._plan(order, outputs, assigned, tracer, tiles)
        self.replays = self.emissions = 0
        self._emit()
        self.seconds = time.perf_counter() - begin
        _programs.add(self)

    # ------------------------------------------------------------ making
    def _trace(self, step):
        tracer = state.tracer = Tracer(self.library, self.passes)
        try:
            with attributes.noting():
                result = step(*map(Tensor, self.inputs))
            leaves = []
            for x in tree.flatten(result):
                x = x.tensor() if isinstance(x, Convertible) else x
                leaves.append(x._value if type(x) is Tensor else _Given(x))
        finally:
            state.tracer = None
        if tracer.made_variables:
            raise Again
        self.attributes = attributes.read_by(tracer)
        self.plain = all(type(v) is Value for v in leaves)
        self.leaves, self.pack = leaves, _packer(tree.map_structure(lambda x: 0, result))
        return tracer

    def _simplified(self, tracer):
        """(nodes, outputs, assigned) after the passes that look at the calls alone."""
        outputs = [self._apart(v, tracer) for v in self.leaves if type(v) is Value]
        assigned = [(variable, self._apart(v, tracer)) for variable, v in tracer.assigned()]
        roots = [*outputs, *(v for _, v in assigned)]
        order = passes.linearize(tracer.nodes, roots, "dce" in self.passes)
        if "cse" in self.passes:
            order = passes.common(order)
        if "crop" in self.passes:
            rewrites.crop(order, [real(v) for v in roots])
        assigned = [(variable, real(v)) for variable, v in assigned]
        if "flat" in self.passes:
            order, assigned = flatten(order, assigned)
            for node in order:
                node.inputs = [real(v) for v in node.inputs]
        return order, [real(v) for v in outputs], assigned

    def _apart(self, value, tracer):
        """A copy of a value that lies in a variable, an input or a constant: these are written."""
        value = real(value)
        if type(value) is Value:
            base = root(value)
            if type(base) is Value and base.node is not None:
                return value
        return tracer.call(KERNELS["copy"], (value,), {})

    def _plan(self, order, outputs, assigned, tracer, tiles):
        allowed = "tiles" in self.passes and self.size is not None
        if not allowed:
            self.tiles = 1
        else:
            for v in self.inputs:
                if v.shape[:1] == (self.size,):
                    v.state = "B", 0, 1
            passes.batch_states(order, self.size)
            self.tiles = tiles or number_of_tiles(order, self.size)
            if self.tiles == 1:
                _forget_states(order, self.inputs)
        if self.tiles > 1:
            roots = [*outputs, *(v for _, v in assigned)]
            order, roots = passes.combine(order, roots)
            outputs = roots[: len(outputs)]
            assigned = [(variable, v) for (variable, _), v in zip(assigned, roots[len(outputs):])]
        self.parts = passes.segments(order, self.tiles > 1)
        self.planned, self.assigned = outputs, assigned
        self.written = [variable for variable, _ in assigned]
        self.read = [variable for variable, _ in tracer.reads.values()]

    def _emit(self):
        """Give the variables that are written homes, plan the memory, write the calls down."""
        self.emissions += 1
        for variable in self.written:
            variable.settle() if isinstance(variable, Row) else homes.settle(variable)
        held = {id(v): v for v in self.read}
        for variable in self.written:
            held |= {id(v): v for v in getattr(variable, "variables", (variable,))}
        self.held = [(v, v._array) for v in held.values()]
        self.trainable = [(v, v._trainable) for v in held.values()]
        self.storage = Storage(
            self.parts, self.planned, self.assigned, self.size or 1, self.tiles, self.passes,
            self.library)
        emission = self._emission()
        self.sections = emission.sections
        self.run = self.executor(self.sections)
        self.scratch = sum(w.nbytes for w in emission.writers)
        self.results = [self.storage.array(v) for v in self.planned]

    def _emission(self):
        pieces = max(self.tiles, 2) if "tiles" in self.passes else 1
        return Emission(self.parts, self.storage, self.threads, pieces)

    # ------------------------------------------------------------ running
    def outdated(self):
        """Whether an attribute has changed that the trace may have read."""
        return self.version != settings.version

    def current(self):
        """Whether nothing has changed that the trace depended on."""
        if self.version != settings.version:
            return False
        if self.flags != settings.flags:
            if any(v._trainable != flag for v, flag in self.trainable):
                return False
            self.flags = settings.flags
        if self.touched != settings.touched:
            if not attributes.as_read(self.attributes):
                return False
            self.touched = settings.touched
        return True

    def __call__(self, *arrays):
        with self.lock:
            for variable, array in self.held:
                if variable._array is not array:
                    self._emit()
                    break
            fill = self.library.fill
            for buffer, array in zip(self.buffers, arrays):
                fill(buffer, array)
            token = quiet()
            try:
                self.run()
            except BaseException as e:
                self._failed(e)
                raise
            finally:
                restore(token)
                if self.written:
                    counter.writes += 1
            self.replays += 1
            made = iter([Tensor(a.copy()) for a in self.results])
        if not self.plain:
            made = iter([
                next(made) if type(v) is Value else v.given if type(v) is _Given else Tensor(v)
                for v in self.leaves])
        return self.pack(made)

    def _failed(self, error):
        if self.written:
            error.add_note(
                "The step broke off while it was being replayed: its variables may be half "
                "updated. Load the weights again, from a checkpoint for instance.")

    # ------------------------------------------------------------ reporting
    def report(self, replays=3):
        """A text: memory, tiles, threads, and for each kernel its calls, time and share.

        The times are taken by replaying the program's calls one by one on its last inputs, with
        the variables put back afterwards.
        """
        arenas = self.storage.bytes
        count = sum(len(c) + sum(map(len, more)) for c, more in self.sections)
        lines = [
            f"for {', '.join(f'{v.dtype}{v.shape}' for v in self.inputs)}: "
            f"{len(self.storage.nodes)} kernels, {count} calls, {self.tiles} tile(s), "
            f"{sum(bool(more) for _, more in self.sections)} parallel section(s), planned in "
            f"{self.seconds * 1e3:.0f} ms, replayed {self.replays} times",
            f"memory: {_megabytes(arenas[True])} shared, {self.tiles} x "
            f"{_megabytes(arenas[False])} for tiles, {_megabytes(self.scratch)} scratch; without "
            f"planning {_megabytes(self._unplanned())}",
            f"{'kernel':34} {'nodes':>6} {'calls':>6} {'ms':>9} {'share':>6}  tiled",
        ]
        rows = self._timed(replays)
        total = sum(seconds for _, _, seconds, _ in rows.values()) or 1.0
        for name, (nodes, calls, seconds, tiled) in sorted(
                rows.items(), key=lambda row: -row[1][2]):
            lines.append(
                f"{name:34} {nodes:6} {calls:6} {seconds * 1e3:9.3f} {seconds / total:6.1%}  "
                f"{'yes' if tiled else 'no'}")
        return "\n".join(lines)

    def _unplanned(self):
        return sum(v.nbytes for n in self.storage.nodes if n.kernel.kind != "view"
                   for v in n.outs)

    def _timed(self, replays):
        """{kernel: [nodes, calls, seconds of a replay, whether tiled]}."""
        rows = {}
        with self.lock:
            before = [(array, array.copy()) for _, array in self.held]
            emission = self._emission()
            for _ in range(replays):
                for node, calls in emission.calls_by_node():
                    start = time.perf_counter()
                    for call in calls:
                        call()
                    seconds = time.perf_counter() - start
                    row = rows.setdefault(node.kernel.name, [set(), 0, 0.0, node.tiled])
                    row[0].add(id(node))
                    row[1] += len(calls)
                    row[2] += seconds
            for array, values in before:
                array[...] = values
        return {name: [len(nodes), calls // replays, seconds / replays, tiled]
                for name, (nodes, calls, seconds, tiled) in rows.items()}


def _packer(structure):
    """A function that makes the structure anew from an iterator of its leaves."""
    kind = type(structure)
    if kind in (tuple, list):
        parts = [_packer(x) for x in structure]
        return lambda leaves: kind([part(leaves) for part in parts])
    if kind is dict:
        keys = sorted(structure)  # as tree.flatten walks them
        parts = [(k, _packer(structure[k])) for k in keys]
        if keys == list(structure):
            return lambda leaves: {k: part(leaves) for k, part in parts}
        places = dict.fromkeys(structure)
        return lambda leaves: {**places, **{k: part(leaves) for k, part in parts}}
    if tree.is_nested(structure):
        return lambda leaves: tree.pack_sequence_as(
            structure, [next(leaves) for _ in tree.flatten(structure)])
    return next


def _megabytes(n):
    return f"{n / 2**20:.2f} MB"


class _Given:
    """Something among the results that is no tensor."""

    def __init__(self, given):
        self.given = given


def _batch(inputs):
    """The number of samples, where all inputs that have axes agree on one of at least 2."""
    sizes = {v.shape[0] for v in inputs if v.shape}
    size = sizes.pop() if len(sizes) == 1 else None
    return size if size and size > 1 else None


def _forget_states(order, inputs):
    for v in inputs:
        v.state = "S"
    for node in order:
        node.tiled = node.by_rows = False
        for v in node.outs:
            v.state = "S"


_programs = weakref.WeakSet()


def _renew():
    """In a forked process: a lock that another thread held would never be free."""
    for program in _programs:
        program.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
