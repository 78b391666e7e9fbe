"""How many tiles a program is cut into: by its work alone, so that results never depend on the
machine's threads."""

from minikeras.core.program.values import Value

WORTH = 150e-6  # seconds of work a thread and crossing, below which a hand-over does not pay
LONG = 40e-3  # seconds of work that more than two threads may share
MOST = 4  # tiles of a step that is trained: each one more means more calls
LARGE = 1 << 22  # bytes of a value in a tile that a cache still holds


def number_of_tiles(order, size):
    """1, or as many tiles as the work that can be shared out is worth.

    A program that keeps nothing for a backward pass gets tiles so small that all they work on
    stays in a cache.
    """
    seconds = sum(cost(node) for node in order if node.tiled or node.by_rows)
    if size < 2 or seconds / 2 < WORTH * (1 + _crossings(order)):
        return 1
    tiles = 2
    while seconds / tiles > LONG and tiles < MOST:
        tiles *= 2
    if all(node.outs[0].state != "P" for node in order):
        tiled = [v.nbytes for node in order if node.tiled for v in node.outs]
        while max(tiled) / tiles > LARGE and size / tiles >= 8 and tiles < 32:
            tiles *= 2
    return min(tiles, size)


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
    seconds = 1e-6 + (5e-9 if node.kernel.axes else 0.2e-9) * elements
    if node.kernel.kind == "matmul":
        a, b = node.inputs
        seconds += 2 * a.size * b.shape[-1] / 40e9
    elif node.kernel.name in _CONVOLUTIONS:
        y, w = _CONVOLUTIONS[node.kernel.name](*node.inputs, node.outs[0])
        seconds += 2 * y.size // max(w.shape[-1], 1) * w.size / 30e9
    return seconds


_CONVOLUTIONS = {  # (what has the filters' channels, the kernel)
    "conv_forward": lambda x, w, y: (y, w),
    "conv_input_gradient": lambda g, w, x: (g, w),
    "conv_kernel_gradient": lambda x, g, w: (g, w),
}
