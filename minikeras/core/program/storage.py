"""Where each value of a program lies: in a variable, in a shared arena, or in one for each tile.

A view lies where its *root* lies, the value that a chain of views starts from. A root may be
placed inside another one's memory: in place of an operand that is not needed any more, or in its
part of a concatenation. What is left gets a stretch of an arena for the time that it is needed.

Tiles run out of step: within a segment one thread may already write what another still reads. So
what a segment touches of the shared arena is kept from its start to its end, and what only one
tile touches is in that tile's own arena.
"""

import math

from minikeras.core.program.passes import COMBINE
from minikeras.core.program.tracer import view_of
from minikeras.core.program.values import Value

ALIGN = 64  # bytes: a cache line


def root(value):
    """The value whose memory this one is a view of."""
    while value.node is not None and value.node.kernel.kind == "view":
        value = value.node.inputs[0]
        if type(value) is not Value:
            return value
    return value


class Storage:
    """The plan of a program's memory.

    Args:
        parts: segments and what lies between them.
        outputs: values that are given back.
        assigned: list of (variable, its new value).
        size, tiles: samples of a batch, and how many tiles they are cut into.
        passes: names of the passes that are switched on.
        library: the array library.
    """

    def __init__(self, parts, outputs, assigned, size, tiles, passes, library):
        self.parts, self.size, self.tiles, self.library = parts, size, tiles, library
        self.nodes = [n for _, part in parts for n in part]
        self.bounds = [(size * t // tiles, size * (t + 1) // tiles) for t in range(tiles)]
        self.place, self.slots, self.copies, self._cache = {}, {}, [], {}
        self.results = {id(root(v)) for v in outputs if type(v) is Value}
        self._positions()
        self._whole([*outputs, *(v for _, v in assigned)])
        self._last_uses(outputs, assigned)
        self._assign_slots(assigned, "slots" in passes)
        if "sink" in passes:
            self._sink()
        if "inplace" in passes:
            self._reuse()
        self._allocate("arena" in passes)

    # ------------------------------------------------------------ facts
    def _positions(self):
        position = 0
        self.start, self.end = {}, {}
        for segment, part in self.parts:
            first, last = position, position + len(part) - 1
            for node in part:
                node.position = position
                self.start[id(node)] = first if segment else position
                self.end[id(node)] = last if segment else position
                position += 1

    def _whole(self, outputs):
        """Roots that are sliced, but computed or read as a whole by something."""
        read = [v for n in self.nodes if not n.tiled for v in (*n.values(), *n.outs)]
        read += outputs
        self.whole = {id(root(v)) for v in read if v.state[0] == "B"}

    def shared(self, r):
        """Whether a root lies in the shared arena."""
        return r.state == "S" or id(r) in self.whole

    def _last_uses(self, outputs, assigned):
        self.last, end = {}, len(self.nodes)
        for node in self.nodes:
            for v in node.values():
                r = root(v)
                if type(r) is Value:
                    at = self.end[id(node)] if self.shared(r) else node.position
                    self.last[id(r)] = max(self.last.get(id(r), 0), at)
        for v in [*outputs, *(v for _, v in assigned)]:
            if type(v) is Value and type(root(v)) is Value:
                self.last[id(root(v))] = end

    def home(self, r):
        """The root in whose memory a root lies."""
        while id(r) in self.place:
            r = self.place[id(r)][0]
        return r

    def plain(self, v):
        """Whether v is its root but for the shape."""
        while v.node is not None and v.node.kernel.kind == "view":
            if v.node.kernel.name != "reshape":
                return False
            v = v.node.inputs[0]
            if type(v) is not Value:
                return False
        return True

    # ------------------------------------------------------------ variables
    def _assign_slots(self, assigned, allowed):
        """New values of variables are computed straight into them where nobody needs the old."""
        rows = {id(v): row for row, _ in assigned for v in getattr(row, "variables", ())}
        reads = {}
        for node in self.nodes:
            for v in node.values():
                r = root(v)
                if type(r) is Value and r.variable is not None:
                    of = rows.get(id(r.variable), r.variable)
                    reads[id(of)] = max(reads.get(id(of), -1), self.end[id(node)])
        for variable, v in assigned:
            node, last = v.node, reads.get(id(variable), -1)
            ok = (
                allowed and node is not None and node.kernel.kind != "view" and not node.tiled
                and node.kernel.name != "pack" and id(v) not in self.slots
                and (last < node.position or last == node.position and self._by_element(node, v))
            )
            if ok:
                self.slots[id(v)] = variable
            else:
                self.copies.append((variable, v))

    def _by_element(self, node, v):
        """Whether the node may write v over the operand of v's shape."""
        if node.kernel.updates is not None:
            own = node.inputs[node.kernel.updates + v.index]
            return type(own) is Value and own.variable is not None
        return node.kernel.inplace

    # ------------------------------------------------------------ shared memory
    def _sink(self):
        """What is concatenated is computed straight into its part."""
        for node in self.nodes:
            if node.kernel.name != "pack":
                continue
            at = 0
            for v in node.inputs:
                if type(v) is Value and v.dtype == node.outs[0].dtype:
                    self._sink_one(node, v, at)
                at += math.prod(v.shape) * node.outs[0].dtype.itemsize

    def _sink_one(self, node, v, at):
        r, out = root(v), node.outs[0]
        if type(r) is not Value or r.node is None or not self.plain(v):
            return
        if id(r) in self.place or id(r) in self.slots or r.state != out.state:
            return
        if r.size == v.size and r.node.kernel.kind != "concat" and id(r) not in self.results:
            self.place[id(r)] = out, at

    def _reuse(self):
        """Elementwise results in the place of an operand that is not needed any more."""
        for node in self.nodes:
            if not node.kernel.inplace or len(node.outs) > 1 or node.kernel is COMBINE:
                continue
            out = node.outs[0]
            if id(out) in self.place or id(out) in self.slots:
                continue
            for v in node.values():
                h = self._reusable(node, out, v)
                if h is not None:
                    self.place[id(out)] = h, 0
                    self.last[id(h)] = max(
                        self.last[id(h)], self.last.get(id(out), node.position))
                    break

    def _reusable(self, node, out, v):
        """The home that `out` can have instead of v, or None."""
        r = root(v)
        if type(r) is not Value or not self.plain(v) or v.shape != out.shape:
            return None
        h = self.home(r)
        if h.node is None or id(h) in self.slots or h.node.kernel.kind == "concat":
            return None
        if id(r) in self.place and self.place[id(r)][1] != 0:
            return None
        if any(self.last.get(id(x)) != node.position for x in (r, h)):
            return None
        if not v.nbytes == out.nbytes == r.nbytes == h.nbytes or h.node.kernel.name == "pack":
            return None
        alike = h.state[0] == out.state[0] and self.shared(h) == self.shared(out)
        others = sum(type(u) is Value and root(u) is r for u in node.inputs)
        return h if alike and others == 1 else None

    # ------------------------------------------------------------ arenas
    def _lives(self):
        """{id of a home: [home, first position, last position]}."""
        lives = {}
        for node in self.nodes:
            if node.kernel.kind == "view":
                continue
            for out in node.outs:
                if id(out) in self.slots:
                    continue
                h = self.home(out)
                first = self.start[id(node)] if self.shared(h) else node.position
                last = max(self.last.get(id(out), node.position), self.last.get(id(h), 0),
                           self.end[id(node)] if self.shared(h) else node.position)
                life = lives.setdefault(id(h), [h, first, last])
                life[1], life[2] = min(life[1], first), max(life[2], last)
        return lives

    def _allocate(self, reuse):
        """Best fit among the gaps between what is alive, in the order of first use."""
        self.offset, self.bytes = {}, {True: 0, False: 0}
        live = {True: [], False: []}
        for h, first, last in sorted(self._lives().values(), key=lambda life: life[1]):
            kind = self.shared(h)
            need = -(-self._tile_bytes(h) // ALIGN) * ALIGN
            if reuse:
                live[kind] = [x for x in live[kind] if x[2] >= first]
            at = _gap(live[kind], need)
            live[kind].append((at, at + need, last))
            self.offset[id(h)] = at
            self.bytes[kind] = max(self.bytes[kind], at + need)
        self.arenas = {None: self._arena(True)}
        self.arenas |= {t: self._arena(False) for t in range(self.tiles)}

    def _arena(self, shared):
        memory = self.library.zeros(self.bytes[shared] + ALIGN, "uint8")
        skip = -memory.ctypes.data % ALIGN if self.library.kind == "cpu" else 0
        return memory[skip:]

    def _tile_bytes(self, h):
        if h.state[0] == "B" and id(h) not in self.whole:
            return h.nbytes // self.size * max(stop - start for start, stop in self.bounds)
        return h.nbytes

    # ------------------------------------------------------------ arrays
    def tile_shape(self, v, tile):
        """The shape of v, or of a tile's part of it."""
        if tile is None or v.state[0] != "B":
            return v.shape
        start, stop = self.bounds[tile]
        _, axis, rows = v.state
        return (*v.shape[:axis], (stop - start) * rows, *v.shape[axis + 1 :])

    def cut(self, array, axis, rows, tile):
        """A tile's part of an array of the whole batch."""
        start, stop = self.bounds[tile]
        return array[(slice(None),) * axis + (slice(start * rows, stop * rows),)]

    def array(self, v, tile=None):
        """The array of a value, or of a tile's part of it; numbers and constants as they are."""
        if type(v) is not Value:
            return v
        if v.state == "S":
            tile = None
        key = id(v), tile
        if key not in self._cache:
            self._cache[key] = self._make(v, tile)
        return self._cache[key]

    def _make(self, v, tile):
        node = v.node
        if node is not None and node.kernel.kind == "view":
            return self._view(v, tile)
        if id(v) in self.slots:
            return self.variable(self.slots[id(v)])
        if tile is not None and v.state[0] == "B" and (node is None or id(v) in self.whole):
            return self.cut(self.array(v), v.state[1], v.state[2], tile)
        if node is None:
            return v.array if v.variable is None else self.variable(v.variable)
        h, at = v, 0
        while id(h) in self.place:
            h, more = self.place[id(h)]
            at += more
        shape = self.tile_shape(v, tile)
        at += self.offset[id(h)]
        stop = at + math.prod(shape) * v.dtype.itemsize
        return self.arenas[None if self.shared(h) else tile][at:stop].view(v.dtype).reshape(shape)

    def _view(self, v, tile):
        node = v.node
        base, static = self.array(node.inputs[0], tile), node.static
        if "shape" in static:
            static = {**static, "shape": self.tile_shape(v, tile)}
        made = view_of(node, base, static)
        return made[v.index] if len(node.outs) > 1 else made

    def variable(self, variable):
        """The array that the program reads and writes for a variable: its own."""
        return variable._array

    def operands(self, node, tile):
        """Arrays of a node's inputs for a tile."""
        if node.kernel is COMBINE:
            return [self.array(node.inputs[0], t) for t in range(self.tiles)]
        arrays = [self.array(v, tile) for v in node.inputs]
        if not node.tiled:
            return arrays
        for i, (v, a) in enumerate(zip(node.inputs, arrays)):
            if getattr(a, "ndim", 0) and (type(v) is not Value or v.state == "S"):
                arrays[i] = self._operand(node, i, a, tile)
        return arrays

    def _operand(self, node, i, a, tile):
        """A tile's part of a shared operand that runs along the batch."""
        out = node.outs[0]
        if node.kernel.axes is not None:
            axis = node.kernel.axes[0][i]
            return a if axis is None else self.cut(a, axis, 1, tile)
        if node.kernel.kind == "ew" and out.state[0] == "B":
            axis = out.state[1] - (out.ndim - a.ndim)
            if axis >= 0 and a.shape[axis] == out.shape[out.state[1]] > 1:
                return self.cut(a, axis, out.state[2], tile)
        elif node.kernel.kind == "sample" and node.kernel.roles[i] == "b":
            return self.cut(a, 0, 1, tile)
        return a


def _gap(live, need):
    spot, best = 0, None
    for start, stop, _ in sorted(live):
        if start - spot >= need and (best is None or start - spot < best[0]):
            best = start - spot, spot
        spot = max(spot, stop)
    return best[1] if best else spot
