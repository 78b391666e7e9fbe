"""Emission: from planned nodes to the calls that each thread makes."""

import math

from minikeras.arrays import NUMPY
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
        pieces: into how many pieces shared work is cut where it is worth it.
    """

    def __init__(self, parts, storage, threads, pieces):
        self.storage, self.sections, self.pieces = storage, [], pieces
        self.library = storage.library
        self.writers = [Writer(self.library) for _ in range(min(threads, pieces))]
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
    def _share(self, pieces):
        """Have the threads make the calls of a shared node's pieces."""
        threads, first = len(self.writers), self.writers[0]
        first.share = None
        self._flush()
        for i, piece in enumerate(pieces):
            piece(self.writers[i * threads // len(pieces)])
        self._flush()
        first.share = self._share

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
            if self._splits(node):
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
            self.writers[0].share = self._share if len(self.writers) > 1 else None
            self._node(node, None, self.writers[0])
            self.writers[0].share = None
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
        static = node.static
        if node.kernel.by_place and node.tiled:
            at = storage.bounds[tile][0] * (node.outs[0].size // storage.size)
            static = {**static, "shape": out[0].shape, "first": at}
        write(writer, node, out if _several(node) else out[0], operands, static)

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

    # ------------------------------------------------------------ shared work, in pieces
    def _splits(self, node):
        """Whether a shared node is cut into pieces, as many as `pieces` says: a product by its
        rows, large flat work by element."""
        if node.by_rows:
            return True
        flat = node.kernel is COMBINE or node.kernel.updates is not None
        size = node.outs[0].size
        return flat and self.pieces > 1 and size >= SPLIT * self.pieces and all(
            v.size in (1, size) for v in node.inputs if type(v) is Value)

    def _pieces(self, node):
        """[(results, operands)] of the pieces."""
        operands, count = self.storage.operands(node, None), self.pieces
        outs = [self.storage.array(v) for v in node.outs]
        if node.by_rows:
            (out,), (a, b) = outs, operands
            return [([out[c]], [a[c], b]) for c in _cuts(len(out), count)]
        size = outs[0].size

        def part(a, c):
            return a.reshape(-1)[c] if getattr(a, "size", 1) == size else a

        return [([part(a, c) for a in outs], [part(a, c) for a in operands])
                for c in _cuts(size, count, 64)]

    def _together(self, run, node):
        """Whether threads may go from the run on to the node without waiting for each other: no
        piece touches what another thread's piece of an earlier node writes, or the reverse."""
        mine, threads = self._pieces(node), len(self.writers)
        for other in run:
            for i, (outs, operands) in enumerate(self._pieces(other)):
                for j, (later_outs, later_operands) in enumerate(mine):
                    if i * threads // len(mine) == j * threads // len(mine):
                        continue
                    if _meet(outs, [*later_outs, *later_operands]) or _meet(later_outs, operands):
                        return False
        return True

    def _split(self, run):
        threads = len(self.writers)
        if threads > 1:
            self._flush()
        pieces = [self._pieces(node) for node in run]
        for i in range(self.pieces):
            writer = self.writers[i * threads // self.pieces]
            for node, parts in zip(run, pieces):
                outs, operands = parts[i]
                write(writer, node, outs if _several(node) else outs[0], operands, node.static)
        if threads > 1:
            self._flush()


def _cuts(size, count, align=1):
    """`count` slices of a length, at multiples of `align`."""
    bounds = [size * i // count // align * align for i in range(count)] + [size]
    return [slice(*pair) for pair in zip(bounds, bounds[1:])]


def _meet(written, touched):
    """Whether any of the arrays that are written may share memory with one that is touched."""
    return any(
        NUMPY.may_share_memory(a, b) for a in written for b in touched if hasattr(b, "shape"))


def _several(node):
    """Whether the kernel's rule gives a tuple, if only of one."""
    return node.kernel.updates is not None or len(node.outs) > 1


def write(writer, node, out, operands, static):
    """Have a kernel write its calls down."""
    kernel, library = node.kernel, writer.xp
    writer.begin()
    if kernel.compute is not None:
        writer(_fill, out, kernel.compute, library, operands, static)
        return
    run = kernel.choose(library.kind, operands, static)
    run(writer, out, *operands, **static)


def _fill(out, compute, library, operands, static):
    """A function kernel: its new array is copied to where the program keeps it."""
    y = compute(library, *operands, **static)
    if type(out) is tuple:
        for place, value in zip(out, y):
            library.copyto(place, value)
    else:
        library.copyto(out, y)
