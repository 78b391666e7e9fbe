"""The table that `Model.summary` prints."""

import shutil
import textwrap

from minikeras import console, tree
from minikeras.core.function import node_of
from minikeras.layers.input_layer import InputLayer

WIDEST = 88
LAYOUTS = {  # right edges of the columns, by what is shown
    "plain": (0.45, 0.80, 1.0),
    "connected": (0.30, 0.57, 0.75, 1.0),
    "trainable": (0.40, 0.73, 0.91, 1.0),
    "connected trainable": (0.28, 0.52, 0.68, 0.92, 1.0),
}


def _size(variables):
    """'93,322 (364.54 KB)': number of elements and bytes."""
    count = sum(v.size for v in variables)
    size = sum(v.size * v._array.dtype.itemsize for v in variables)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024 or unit == "TB":
            return f"{count:,} ({size:.2f} {unit})"
        size /= 1024


def _shape(layer):
    """Output shape of a layer as text; '?' if it is not known."""
    if isinstance(layer, InputLayer):
        return _text(layer.batch_shape)
    try:
        if layer._inbound_nodes:
            found = [tuple(x.shape) for x in layer._inbound_nodes[-1].outputs]
            return ", ".join(map(_text, found)) if len(found) == 1 else str(
                [_text(s) for s in found]).replace("'", "")
        if layer.built and hasattr(layer, "output_shape"):
            return _text(layer.output_shape)
        if layer._build_shapes:
            return _text(layer.compute_output_shape(*layer._build_shapes.values()))
    except Exception:  # a user's layer may not be able to tell
        pass
    return "?"


def _text(shape):
    return str(tuple(shape)) if tree.is_shape(shape) else str(shape)


def _count(layer):
    if not layer.built:
        makes = type(layer).build is not type(layer).__mro__[-2] and not layer.weights
        return "0 (unbuilt)" if makes else "0"
    return f"{layer.count_params():,}"


def _connections(layer, model):
    inside = {id(n) for n in model._order}
    found = []
    for node in layer._inbound_nodes:
        if id(node) not in inside:
            continue
        for x in node.inputs:
            producer = x._keras_history.operation
            number = producer._inbound_nodes.index(node_of(x))
            found.append(f"{producer.name}[{number}][{x._keras_history.tensor_index}]")
    return ", ".join(found) if found else "-"


def _is_chain(model):
    """Whether each layer feeds just the next: then connections need not be shown."""
    if not hasattr(model, "_order") or not hasattr(model, "_inputs"):
        return True
    layers = model.layers
    if len(model._inputs) > 1 or len(model._outputs) > 1:
        return False
    for layer in layers:
        nodes = [n for n in layer._inbound_nodes if any(n is m for m in model._order)]
        if len(nodes) > 1 or any(len(n.inputs) > 1 for n in nodes):
            return False
        outward = [n for n in layer._outbound_nodes if any(n is m for m in model._order)]
        if len(outward) > 1:
            return False
    return True


def _rows(model, layers, options, depth=0):
    for layer in layers:
        indent = " " * (3 * depth) + "└ " * bool(depth)
        cells = [f"{indent}{layer.name} ({type(layer).__name__})", _shape(layer), _count(layer)]
        if options["connected"]:
            cells.append(_connections(layer, model) if depth == 0 else "-")
        if options["trainable"]:
            cells.append("Y" if layer.trainable and layer.weights else "N" if layer.weights
                         else "-")
        yield cells
        if options["expand"] and hasattr(layer, "layers"):
            yield from _rows(layer, layer.layers, options, depth + 1)


def _wrap(text, width):
    lines = []
    for part in text.split("\n"):
        lines += textwrap.wrap(part, width, break_long_words=True, drop_whitespace=True,
                               break_on_hyphens=False) or [""]
    if text.startswith(" "):  # an indented name
        lead = len(text) - len(text.lstrip())
        lines[0] = " " * lead + lines[0].lstrip()
    return lines


def _line(left, fill, middle, right, widths):
    return left + middle.join(fill * w for w in widths) + right


def _cells(cells, widths, aligned, bar):
    columns = [_wrap(c, w - 2) for c, w in zip(cells, widths)]
    height = max(map(len, columns))
    text = []
    for i in range(height):
        parts = []
        for lines, width, align in zip(columns, widths, aligned):
            cell = lines[i] if i < len(lines) else ""
            parts.append(f" {cell:{align}{width - 2}} ")
        text.append(bar + bar.join(parts) + bar)
    return text


def _widths(positions, line_length):
    edges = [int(line_length * p) for p in positions]
    edges[-1] = line_length
    widths = [edges[0] - 1]
    widths += [b - a - 2 for a, b in zip(edges, edges[1:])]
    widths[-1] += line_length - (len(widths) + 1) - sum(widths)
    return widths


def table(header, rows, widths, aligned):
    """Lines of a table with a heavy header."""
    lines = [_line("┏", "━", "┳", "┓", widths)]
    lines += _cells(header, widths, aligned, "┃")
    lines.append(_line("┡", "━", "╇", "┩", widths))
    for i, cells in enumerate(rows):
        if i:
            lines.append(_line("├", "─", "┼", "┤", widths))
        lines += _cells(cells, widths, aligned, "│")
    lines.append(_line("└", "─", "┴", "┘", widths))
    return lines


def _selected(layers, layer_range):
    if layer_range is None:
        return layers
    if len(layer_range) != 2 or not all(isinstance(n, str) for n in layer_range):
        raise ValueError(
            "`layer_range` must be two names (or regular expressions) of layers. "
            f"Received: layer_range={layer_range}"
        )
    names = [x.name for x in layers]
    first = [i for i, n in enumerate(names) if n == layer_range[0]]
    last = [i for i, n in enumerate(names) if n == layer_range[1]]
    if not first or not last:
        raise ValueError(
            f"`layer_range` names layers that the model lacks. Received: {layer_range}; the "
            f"layers are {names}"
        )
    low, high = sorted((first[0], last[-1]))
    return layers[low : high + 1]


def print_summary(model, line_length=None, positions=None, print_fn=None, expand_nested=False,
                  show_trainable=False, layer_range=None):
    """Print (or give `print_fn`) the table and the numbers of parameters."""
    connected = not _is_chain(model)
    options = {"connected": connected, "trainable": show_trainable, "expand": expand_nested}
    layout = " ".join(k for k in ("connected", "trainable") if options[k]) or "plain"
    if line_length is None:
        line_length = min(shutil.get_terminal_size((80, 24)).columns - 4, WIDEST)
    positions = positions or LAYOUTS[layout]
    widths = _widths([p / max(positions) for p in positions] if max(positions) <= 1 else
                     [p / line_length for p in positions], line_length)
    header = ["Layer (type)", "Output Shape", "Param #"]
    header += ["Connected to"] * connected
    aligned = ["<", "<", ">"] + ["<"] * connected
    if show_trainable:
        header.append("Trai…" if widths[-1] - 2 < len("Trainable") else "Trainable")
        aligned.append("^")
    layers = _selected(model.layers, layer_range)
    lines = [f'Model: "{model.name}"']
    lines += table(header, list(_rows(model, layers, options)), widths, aligned)
    lines += _totals(model)
    text = "\n".join(lines) + "\n"
    if print_fn is None:
        console.print_msg(text, line_break=False)
    else:
        print_fn(text)


def _totals(model):
    trainable, frozen = model.trainable_weights, model.non_trainable_weights
    everything = [*trainable, *frozen]
    optimizer = []
    if model.compiled and model.optimizer is not None and model.optimizer.built:
        optimizer = model.optimizer.variables
    lines = [
        f" Total params: {_size([*everything, *optimizer])}",
        f" Trainable params: {_size(trainable)}",
        f" Non-trainable params: {_size(frozen)}",
    ]
    if optimizer:
        lines.append(f" Optimizer params: {_size(optimizer)}")
    return lines
