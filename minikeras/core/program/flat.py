"""Flat updates: the variables of an optimizer's step side by side, so that one call updates all.

A node of an update kernel takes (scalars, w1 .. wn, m1 .. mn, ..., g1 .. gn). Where each w and m is
a variable that the node gives its new value, the pass puts `Row`s in their place, buffers in which
the variables are parts, and the gradients packed into one array.
"""

from minikeras.core.program import homes
from minikeras.core.program.values import Node, Value
from minikeras.kernels.registry import KERNELS


class Row:
    """Variables that lie one after the other; stands where a variable stands."""

    def __init__(self, variables):
        self.variables = variables

    def settle(self):
        """The buffer of all, in which each variable has its home."""
        self._array = homes.side_by_side(self.variables)
        return self._array


def flatten(order, assigned):
    """The nodes and the list [(variable, new value)], with flat updates where they can be."""
    final = {id(value): variable for variable, value in assigned}
    result = []
    for node in order:
        columns = _columns(node, final) if node.kernel.updates is not None else None
        if columns is None:
            result.append(node)
            continue
        rows, gone = _flat(node, columns, result)
        assigned = [(v, x) for v, x in assigned if id(v) not in gone] + rows
    return result, assigned


def _columns(node, final):
    """Lists of positions of the node's variables, column by column, or None."""
    scalars, count = node.kernel.updates, len(node.inputs) - node.kernel.updates - len(node.outs)
    if count < 2:
        return None
    rest, dtype, seen = node.inputs[scalars:], node.outs[0].dtype, set()
    for value, out in zip(rest, node.outs):
        plain = type(value) is Value and value.variable is not None and value.dtype == dtype
        if not plain or final.get(id(out)) is not value.variable or id(value.variable) in seen:
            return None
        seen.add(id(value.variable))
    return [list(range(at, at + count)) for at in range(0, len(node.outs), count)]


def _flat(node, columns, result):
    """Append the nodes of the flat update; ([(row, new value)], ids of the variables in rows)."""
    scalars, dtype, library = node.kernel.updates, node.outs[0].dtype, node.outs[0].library
    rest, gone = node.inputs[scalars:], set()
    shapes = tuple(rest[i].shape for i in columns[0])
    total = sum(rest[i].size for i in columns[0])
    packed = _node(KERNELS["pack"], rest[len(node.outs):], {"dtype": dtype}, [(total,)], dtype,
                   library, result)
    rows = [Row([rest[i].variable for i in column]) for column in columns]
    old = [Value((total,), dtype, library, variable=row) for row in rows]
    flat = _node(node.kernel, [*node.inputs[:scalars], *old, *packed.outs], node.static,
                 [(total,)] * len(columns), dtype, library, result)
    for column, out in zip(columns, flat.outs):
        parts = _node(KERNELS["unpack"], [out], {"shapes": shapes}, shapes, dtype, library, result)
        for i, part in zip(column, parts.outs):
            node.outs[i].alias = part
    for row in rows:
        gone |= {id(v) for v in row.variables}
    return list(zip(rows, flat.outs)), gone


def _node(kernel, inputs, static, shapes, dtype, library, result):
    node = Node(kernel, inputs, static)
    node.outs = tuple(Value(s, dtype, library, node, i) for i, s in enumerate(shapes))
    result.append(node)
    return node
