"""How many tiles a program is cut into: by its work alone, so that results never depend on the
machine's threads."""

import math

from minikeras.core.program.values import Value

WORTH = 150e-6  # seconds of work a tile and segment, below which a hand-over does not pay
LARGE = 1 << 22  # bytes of a tile that a cache still holds


def number_of_tiles(order, size):
    """1, or as many tiles as the work of the sliced nodes is worth."""
    tiled = [node for node in order if node.tiled]
    seconds = sum(cost(node) for node in tiled)
    crossings = 1 + _crossings(order)
    if seconds / 2 < WORTH * crossings or size < 2:
        return 1
    return 2


def _crossings(order):
    """How often shared work lies between sliced work."""
    levels, last = {}, 0
    for node in order:
        level = max((levels.get(id(v.node), 0) + (v.node.tiled and not node.tiled)
                     for v in node.inputs if type(v) is Value and v.node), default=0)
        levels[id(node)] = level
        if node.tiled:
            last = max(last, level)
    return last


def cost(node):
    """A guess at a node's seconds on one thread of a common CPU."""
    if node.kernel.kind == "view":
        return 0.0
    elements = sum(v.size for v in node.outs)
    elements += sum(v.size for v in node.inputs if type(v) is Value)
    seconds = 1e-6 + 0.2e-9 * elements
    if node.kernel.kind == "matmul":
        a, b = node.inputs
        seconds += 2 * a.size * b.shape[-1] / 40e9
    elif node.kernel.name.startswith("conv_"):
        shapes = [v for v in (*node.inputs, *node.outs) if type(v) is Value]
        kernel = min(shapes, key=lambda v: v.size)
        largest = max(math.prod(v.shape[:-1]) for v in shapes)
        seconds += 2 * largest * kernel.size / 30e9
    return seconds
