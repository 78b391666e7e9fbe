"""Passes over the nodes of a trace: order, common subexpressions, batch states, segments.

Each looks only at what kernels say of themselves: kind and roles.
"""

from minikeras.core.program.values import Node, Value, real
from minikeras.kernels.registry import Kernel, same_spec

BY_ROWS = 1 << 16  # elements of a product over the batch


def linearize(nodes, roots, dead_code):
    """Nodes in an order in which each comes after those it needs; near the order of the trace.

    With `dead_code`, only those that the roots need.
    """
    wanted = None
    if dead_code:
        wanted = {id(n) for n in _visited([v.node for v in roots if v.node], set())}
    seen = set()
    return _visited([n for n in nodes if wanted is None or id(n) in wanted], seen)


def _visited(starts, seen):
    order = []
    for start in starts:
        stack = [(start, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                node.inputs = [real(v) for v in node.inputs]
                stack.append((node, True))
                stack += [(v.node, False) for v in reversed(node.values()) if v.node]
    return order


def common(order):
    """One node for those of one kernel, inputs and static arguments."""
    known, kept = {}, []
    for node in order:
        node.inputs = [real(v) for v in node.inputs]
        key = (node.kernel.name, tuple(map(_identity, node.inputs)),
               repr(sorted(node.static.items(), key=lambda item: item[0])))
        twin = known.setdefault(key, node)
        if twin is node:
            kept.append(node)
        else:
            for mine, its in zip(node.outs, twin.outs):
                mine.alias = its
    return kept


def _identity(x):
    return (type(x), x) if isinstance(x, (bool, int, float, complex)) else id(x)


# ---------------------------------------------------------------- along the batch
def batch_states(order, size):
    """Set what each value is along the batch. What no rule knows is shared: always right."""
    for node in order:
        state = infer(node, size) if len(node.outs) == 1 else infer_several(node, size)
        for out, own in zip(node.outs, state if isinstance(state, list) else [state]):
            out.state = own
        node.tiled = node.outs[0].state != "S"


def infer_several(node, size):
    """States of a node of several results: as its kernel says, or shared."""
    if node.kernel.axes is not None:
        if node.kernel.sliced is not None and not node.kernel.sliced(*node.inputs):
            return ["S"] * len(node.outs)
        given, made = node.kernel.axes
        if not size or not all(_sliceable(v, a, size) for v, a in zip(node.inputs, given)):
            return ["S"] * len(node.outs)
        return ["P" if a == "P" else ("B", a, 1) for a in made]
    if node.kernel.kind == "sample" and node.kernel.roles.endswith(">b"):
        if _sample(node, size) == "S" or any(v.shape[:1] != (size,) for v in node.outs):
            return ["S"] * len(node.outs)
        return [("B", 0, 1)] * len(node.outs)
    return ["S"] * len(node.outs)


def _sliceable(v, axis, size):
    """Whether an argument is shared where it has no batch axis, else sliced or to be cut there."""
    if not hasattr(v, "shape"):
        return True
    state = v.state if type(v) is Value else "S"
    if axis is None or state != "S":
        return state == ("S" if axis is None else ("B", axis, 1))
    return v.shape[axis] == size


def infer(node, size):
    """State of the one result of a node, from those of its inputs."""
    kernel = node.kernel
    states = [v.state if type(v) is Value else "S" for v in node.inputs]
    if (kernel.kind in ("view", "concat") or kernel.name == "pack") and all(
            s == "P" for s in states) and states:
        return "P"
    if kernel.by_place and size and node.outs[0].shape[:1] == (size,):
        return "B", 0, 1
    if "P" in states or not any(s[0] == "B" for s in states):
        return "S"
    rule = _RULES.get(kernel.name) or _RULES.get(kernel.kind)
    return rule(node, size) if rule else "S"


def _elementwise(node, size):
    out, found = node.outs[0], set()
    for v in node.inputs:
        if type(v) is Value and v.state[0] == "B":
            _, axis, rows = v.state
            found.add((axis + out.ndim - v.ndim, rows, v.shape[axis]))
    if len(found) == 1:
        axis, rows, n = found.pop()
        if out.shape[axis] == n:
            return "B", axis, rows
    return "S"


def _reshape(node, size):
    v, out = node.inputs[0], node.outs[0]
    _, axis, _ = v.state
    if out.shape[:axis] == v.shape[:axis] and out.ndim > axis and size:
        if out.shape[axis] % size == 0 and out.shape[axis]:
            return "B", axis, out.shape[axis] // size
    return "S"


def _transpose(node, size):
    _, axis, rows = node.inputs[0].state
    return "B", tuple(node.static["axes"]).index(axis), rows


def _broadcast(node, size):
    v, out = node.inputs[0], node.outs[0]
    _, axis, rows = v.state
    place = axis + out.ndim - v.ndim
    return ("B", place, rows) if out.shape[place] == v.shape[axis] else "S"


def _slice(node, size):
    """Basic indexing that leaves the batch axis whole."""
    _, axis, rows = node.inputs[0].state
    old = new = 0
    for k in node.static["key"]:
        if k is None:
            new += 1
            continue
        if old == axis:
            whole = isinstance(k, slice) and k in (slice(None), slice(None, None, 1),
                                                   slice(0, None), slice(0, None, 1))
            return ("B", new, rows) if whole else "S"
        new += isinstance(k, slice)
        old += 1
    return "B", new + axis - old, rows


def _reduce(node, size):
    _, axis, rows = node.inputs[0].state
    axes = node.static["axis"]
    if axis not in axes:
        below = 0 if node.static.get("keepdims") else sum(a < axis for a in axes)
        return "B", axis - below, rows
    return "P" if node.kernel.name == "sum" and node.outs[0].dtype.kind in "fc" else "S"


def _matmul(node, size):
    a, b = node.inputs
    sa, sb = (v.state if type(v) is Value else "S" for v in (a, b))
    if sb == "S" and sa[0] == "B":
        if sa[1] == a.ndim - 2 and b.ndim == 2:
            return sa
        return "S"
    if sa[0] == sb[0] == "B" and a.ndim == b.ndim:
        if sa[1] == a.ndim - 1 and sb[1] == b.ndim - 2 and sa[2] == sb[2]:
            if a.ndim == 2 and node.outs[0].size >= BY_ROWS:
                node.by_rows = True  # no partial sums of this size
                return "S"
            return "P"
        if sa[1] == sb[1] < a.ndim - 2 and sa[2] == sb[2] and a.shape[sa[1]] == b.shape[sb[1]]:
            return sa
    return "S"


def _sample(node, size):
    roles, result = node.kernel.roles.split(">")
    if len(roles) < len(node.inputs):
        return "S"
    for role, v in zip(roles, node.inputs):
        state = v.state if type(v) is Value else "S"
        sliced = state == ("B", 0, 1)
        if role == "b":
            whole = state == "S" and getattr(v, "shape", ())[:1] == (size,)
            if not (sliced or whole):
                return "S"
        elif state != "S":
            return "S"
    return "P" if result == "p" else ("B", node.kernel.batch_out, 1)


def _concat(node, size):
    """Joined along another axis than the batch, all sliced alike."""
    states = {v.state if type(v) is Value else "S" for v in node.inputs}
    if len(states) == 1 and (state := states.pop())[1] != node.static["axis"]:
        return state
    return "S"


_RULES = {
    "concat": _concat,
    "ew": _elementwise, "reshape": _reshape, "transpose": _transpose, "broadcast_to": _broadcast,
    "slice_view": _slice, "reduce": _reduce, "matmul": _matmul, "sample": _sample,
}


# ---------------------------------------------------------------- partial sums
def _add_parts(k, out, *parts):
    if len(parts) == 1:
        k(k.xp.copyto, out, parts[0])
        return
    k(k.xp.add, parts[0], parts[1], out=out)
    for part in parts[2:]:
        k(k.xp.add, out, part, out=out)


COMBINE = Kernel("add_tiles", "ew", same_spec, run=_add_parts)


def combine(order, roots):
    """Add partial sums, in the order of the tiles, where something first needs the whole.

    Returns the nodes, and the roots as whole values.
    """
    whole, kept = {}, []

    def of(v):
        if type(v) is not Value or v.state != "P":
            return v
        if id(v) not in whole:
            node = Node(COMBINE, [v], {})
            node.outs = (Value(v.shape, v.dtype, v.library, node),)
            whole[id(v)] = node.outs[0]
            kept.append(node)
        return whole[id(v)]

    for node in order:
        if node.outs[0].state != "P":
            node.inputs = [of(v) for v in node.inputs]
        kept.append(node)
    return kept, [of(v) for v in roots]


# ---------------------------------------------------------------- segments
def segments(order, tiled):
    """[(is a segment, nodes)]: runs of nodes that tiles work through side by side, and what lies
    between them. Shared work that no segment waits for comes last."""
    if not tiled:
        return [(False, order)]
    for node in order:
        node.level = max(
            (v.node.level + (v.node.tiled and not node.tiled) for v in node.values() if v.node),
            default=0)
    last = max((n.level for n in order), default=0)
    needed = set()
    for node in reversed(order):
        if node.tiled or id(node) in needed:
            needed.update(id(v.node) for v in node.values() if v.node)
        else:
            node.level = last + 1
    parts = []
    for level in range(last + 2):
        for segment in (False, True):
            part = [n for n in order if n.level == level and n.tiled == segment]
            if part:
                parts.append((segment, part))
    return parts
