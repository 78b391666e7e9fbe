"""Emission: from planned nodes to the calls that each thread makes."""

import math

from minikeras.core.program.passes import COMBINE
from minikeras.core.program.storage import root
from minikeras.core.program.values import Value
from minikeras.core.program.writer import Writer

SPLIT = 1 << 15  # elements a thread, from which a flat elementwise call is shared out


class Emission:
    """The sections of a program: [(calls of this thread, lists of calls of the others)].

    Args:
        parts: segments and what lies between them, from the pass `segments`.
        storage: where the values lie.
        threads: how many threads there are.
    """

    def __init__(self, parts, storage, threads):
        self.storage, self.sections = storage, []
        self.library = storage.library
        self.writers = [Writer(self.library) for _ in range(threads)]
        for segment, part in parts:
            if segment:
                self._segment(part)
            else:
                self._shared(part)
        for variable, value in storage.copies:
            self._write(self.library.copyto, storage.variable(variable), storage.array(value))
        self._flush()

    def calls_by_node(self):
        """(node, its calls) for each node and tile, in the order of one thread."""
        writer = self.writers[0]
        for node in self.storage.nodes:
            for tile in range(self.storage.tiles) if node.tiled else (None,):
                self._node(node, tile, writer)
                calls = writer.take()
                if calls:
                    yield node, calls

    def _write(self, fn, *args):
        self.writers[0].begin()
        self.writers[0](fn, *args)

    def _flush(self):
        """End a section."""
        calls, *others = [w.take() for w in self.writers]
        others = [c for c in others if c]
        if not others and self.sections and not self.sections[-1][1]:
            self.sections[-1][0].extend(calls)
        elif calls or others:
            self.sections.append((calls, others))

    # ------------------------------------------------------------ parts
    def _segment(self, part):
        tiles, threads = self.storage.tiles, len(self.writers)
        if threads > 1:
            self._flush()
        for tile in range(tiles):
            writer = self.writers[tile * threads // tiles]
            for node in part:
                self._node(node, tile, writer)
        if threads > 1:
            self._flush()

    def _shared(self, part):
        run = []
        for node in part:
            if len(self.writers) > 1 and self._splits(node):
                if run and not self._together(run, node):
                    self._split(run)
                    run = []
                run.append(node)
                continue
            if node.kernel.kind == "view":
                continue
            if run:
                self._split(run)
                run = []
            self._node(node, None, self.writers[0])
        if run:
            self._split(run)

    def _node(self, node, tile, writer):
        if node.kernel.kind == "view":
            return
        storage = self.storage
        out = tuple(storage.array(v, tile) for v in node.outs)
        if node.kernel.name == "pack":
            self._pack(node, out[0], tile, writer)
            return
        operands = storage.operands(node, tile)
        write(writer, node, out if len(out) > 1 or _several(node) else out[0], operands)

    def _pack(self, node, out, tile, writer):
        """Copies of the parts that are not computed in their place."""
        at = 0
        for v in node.inputs:
            a = self.storage.array(v, tile)
            n = math.prod(v.shape)
            r = root(v) if type(v) is Value else None
            placed = self.storage.place.get(id(r)) if type(r) is Value else None
            if placed != (node.outs[0], at * out.itemsize):
                writer.begin()
                writer(self.library.copyto, out[at : at + n].reshape(v.shape), a,
                       casting="unsafe")
            at += n

    # ------------------------------------------------------------ flat work, shared out
    def _splits(self, node):
        """Whether a shared node is by element over contiguous arrays of one large size."""
        flat = node.kernel is COMBINE or node.kernel.updates is not None
        size = node.outs[0].size
        return flat and size >= SPLIT * len(self.writers) and all(
            v.size in (1, size) for v in node.inputs if type(v) is Value)

    def _together(self, run, node):
        """Whether threads may go from the run on to the node without waiting for each other."""
        if node.outs[0].size != run[0].outs[0].size:
            return False
        mine = self._arrays(node)
        return all(_aligned(a, b) for other in run for a in self._arrays(other) for b in mine)

    def _arrays(self, node):
        found = [*self.storage.operands(node, None), *map(self.storage.array, node.outs)]
        return [a for a in found if getattr(a, "size", 1) == node.outs[0].size]

    def _split(self, run):
        size, count = run[0].outs[0].size, len(self.writers)
        cuts = [size * i // count // 64 * 64 for i in range(count)] + [size]
        self._flush()
        for writer, start, stop in zip(self.writers, cuts, cuts[1:]):
            for node in run:
                operands = self.storage.operands(node, None)
                outs = [self.storage.array(v).reshape(-1)[start:stop] for v in node.outs]
                operands = [
                    a.reshape(-1)[start:stop] if getattr(a, "size", 1) == size else a
                    for a in operands
                ]
                write(writer, node, outs if _several(node) else outs[0], operands)
        self._flush()


def _several(node):
    """Whether the kernel's rule gives a tuple, if only of one."""
    return node.kernel.updates is not None or len(node.outs) > 1


def _aligned(a, b):
    """Whether two contiguous arrays are the same memory, or have none in common."""
    start, other = (x.__array_interface__["data"][0] for x in (a, b))
    if start == other and a.nbytes == b.nbytes:
        return True
    return start + a.nbytes <= other or other + b.nbytes <= start


def write(writer, node, out, operands):
    """Have a kernel write its calls down."""
    kernel, writer_library = node.kernel, writer.xp
    writer.begin()
    if kernel.compute is not None:
        writer(_fill, out, kernel.compute, writer_library, operands, node.static)
        return
    run = kernel.choose(writer_library.kind, operands, node.static)
    run(writer, out, *operands, **node.static)


def _fill(out, compute, library, operands, static):
    """A function kernel: its new array is copied to where the program keeps it."""
    y = compute(library, *operands, **static)
    if type(out) is tuple:
        for place, value in zip(out, y):
            library.copyto(place, value)
    else:
        library.copyto(out, y)
