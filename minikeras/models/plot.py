"""plot_model, model_to_dot: a model's graph as a picture, through Graphviz."""

import html
import importlib.util
import os
import shutil
import subprocess

from minikeras import tree
from minikeras.api.registry import public
from minikeras.layers.layer import Layer
from minikeras.models.functional import Functional
from minikeras.models.sequential import Sequential

TABLE = '<table border="0" cellborder="1" bgcolor="black" cellpadding="10">{}</table>'
TITLE = (
    '<tr><td colspan="{}" bgcolor="black"><font point-size="16" color="white">{}</font></td></tr>'
)
WIDE = '<tr><td bgcolor="white" colspan="{}"><font point-size="14">{}</font></td></tr>'
CELL = '<td bgcolor="white"><font point-size="14">{}</font></td>'
FLAG = '<td bgcolor="{}"><font point-size="14" color="white"><b>{}</b></font></td>'


@public("utils.model_to_dot")
def model_to_dot(
    model, show_shapes=False, show_dtype=False, show_layer_names=True, rankdir="TB",
    expand_nested=False, dpi=200, subgraph=False, show_layer_activations=False,
    show_trainable=False, splines="ortho", **kwargs,
):
    """The model's graph as a `pydot.Dot` (a `pydot.Subgraph` with `subgraph`); needs pydot.

    Args:
        model: a built Sequential or functional model.
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable: what
            stands in the boxes.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: whether models inside the model are drawn as boxes around their layers.
        dpi: dots an inch.
        subgraph: whether to give a cluster, to be put into another graph.
        splines: how edges run: "ortho", "curved", "spline", ...
    """
    if importlib.util.find_spec("pydot") is None:
        raise ImportError(
            "You must install pydot (`pip install pydot`) for `model_to_dot` to work. "
            "`plot_model` does without it."
        )
    import pydot

    text = dot_source(
        model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi, subgraph,
        show_layer_activations, show_trainable, splines, **kwargs)
    (graph,) = pydot.graph_from_dot_data(text)
    return graph.get_subgraphs()[0] if subgraph else graph


@public("utils.plot_model")
def plot_model(
    model, to_file="model.png", show_shapes=False, show_dtype=False, show_layer_names=False,
    rankdir="TB", expand_nested=False, dpi=200, show_layer_activations=False,
    show_trainable=False, splines="ortho", **kwargs,
):
    """Draw the model's graph into a file, with Graphviz's program `dot`.

    Args:
        to_file: path; its ending says the format ("png", "svg", "pdf", ...). A file that ends in
            ".dot" holds the graph in Graphviz's language and needs no program.
        model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi,
            show_layer_activations, show_trainable, splines: as in `model_to_dot`.

    Returns: in a notebook the picture, else None.
    """
    text = dot_source(
        model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi, False,
        show_layer_activations, show_trainable, splines, **kwargs)
    to_file = os.fspath(to_file)
    kind = os.path.splitext(to_file)[1].lstrip(".").lower() or "png"
    if kind == "dot":
        with open(to_file, "w", encoding="utf-8") as file:
            file.write(text)
        return None
    program = shutil.which("dot")
    if program is None:
        raise ImportError(
            "You must install graphviz (see instructions at https://graphviz.gitlab.io/download/) "
            "for `plot_model` to work, or give `to_file` a name that ends in `.dot`."
        )
    if os.path.splitext(to_file)[1] == "":
        to_file = f"{to_file}.{kind}"
    subprocess.run([program, f"-T{kind}", "-o", to_file], input=text.encode(), check=True)
    return _shown(to_file, kind)


def _shown(path, kind):
    """The picture for a notebook; None where there is none."""
    if kind == "pdf" or importlib.util.find_spec("IPython") is None:
        return None
    from IPython import display

    return display.SVG(path) if kind == "svg" else display.Image(filename=path)


def dot_source(
    model, show_shapes=False, show_dtype=False, show_layer_names=True, rankdir="TB",
    expand_nested=False, dpi=200, subgraph=False, show_layer_activations=False,
    show_trainable=False, splines="ortho", **kwargs,
):
    """The graph in Graphviz's language; arguments as in `model_to_dot`."""
    kwargs.pop("layer_range", None)
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
    if not model.built:
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by "
            "calling the model on a batch of data."
        )
    if not isinstance(model, (Functional, Sequential)):
        raise ValueError(
            "Only Sequential and functional models have a graph to draw. Received: model "
            f"'{model.name}' of type {type(model).__name__}"
        )
    drawing = _Drawing(
        show_layer_names, show_shapes, show_dtype, show_layer_activations, show_trainable,
        expand_nested)
    if subgraph:
        body = drawing.cluster(model)
        head = []
    else:
        body = drawing.model(model)
        head = [f"rankdir={rankdir};", "concentrate=true;", f"dpi={dpi};", f"splines={splines};",
                "node [shape=record];"]
    return "\n".join(["digraph G {", *head, *body, *drawing.edges, "}", ""])


class _Drawing:
    """Boxes and edges of a model."""

    def __init__(self, names, shapes, dtypes, activations, trainable, expand):
        self.names, self.shapes, self.dtypes = names, shapes, dtypes
        self.activations, self.trainable, self.expand = activations, trainable, expand
        self.edges = []

    def model(self, model):
        """Lines of the boxes of a model's operations; notes the edges between them."""
        if isinstance(model, Sequential):
            operations = model.layers
            pairs = list(zip(operations, operations[1:]))
        else:
            operations = model.operations
            pairs = [
                (x._keras_history.operation, node.operation)
                for node in model._order for x in node.inputs
            ]
        lines = []
        for operation in operations:
            nested = self.expand and isinstance(operation, (Functional, Sequential))
            lines += self.cluster(operation) if nested else [self.box(operation)]
        for a, b in dict.fromkeys(pairs):
            self.edges += [f"{id(tail)} -> {id(head)} [penwidth=2];"
                           for tail in self._ends(a, -1) for head in self._ends(b, 0)]
        return lines

    def cluster(self, model):
        """A box around the boxes of a model."""
        name = model.name
        return [f"subgraph cluster_{name} {{", "style=dashed;", f"label={name};", "labeljust=l;",
                *self.model(model), "}"]

    def _ends(self, operation, side):
        """The first (0) or last (-1) operations of a model that is drawn open, else itself."""
        if not self.expand or not isinstance(operation, (Functional, Sequential)):
            return [operation]
        if isinstance(operation, Sequential):
            return self._ends(operation.layers[side], side)
        tensors = operation.inputs if side == 0 else operation.outputs
        found = dict.fromkeys(x._keras_history.operation for x in tensors)
        return [end for o in found for end in self._ends(o, side)]

    def box(self, operation):
        cells = self._cells(operation)
        span = max(len(cells), 1)
        rows = TITLE.format(span, self._title(operation))
        function = getattr(operation, "activation", None)
        if self.activations and function is not None:
            name = getattr(function, "__name__", type(function).__name__)
            rows += WIDE.format(span, f"Activation: <b>{html.escape(name)}</b>")
        if cells:
            rows += f"<tr>{''.join(cells)}</tr>"
        label = TABLE.format(rows)
        return f"{id(operation)} [label=<{label}>, fontname=Helvetica, border=0, margin=0];"

    def _title(self, operation):
        kind = type(operation).__name__
        if self.names:
            return f"<b>{html.escape(operation.name)}</b> ({kind})"
        return f"<b>{kind}</b>"

    def _cells(self, operation):
        node = operation._inbound_nodes[-1] if operation._inbound_nodes else None
        cells = []
        if self.shapes and node is not None:
            if node.inputs:
                cells.append(CELL.format(f"Input shape: <b>{_shapes(node.inputs)}</b>"))
            cells.append(CELL.format(f"Output shape: <b>{_shapes(node.outputs)}</b>"))
        if self.dtypes and node is not None:
            names = ", ".join(dict.fromkeys(x.dtype for x in node.outputs))
            cells.append(CELL.format(f"Output dtype: <b>{names}</b>"))
        if self.trainable and isinstance(operation, Layer) and operation.weights:
            trains = operation.trainable
            cells.append(FLAG.format("forestgreen" if trains else "firebrick",
                                     "Trainable" if trains else "Non-trainable"))
        return cells


def _shapes(tensors):
    shapes = [tuple(x.shape) for x in tree.flatten(tensors)]
    return str(shapes[0] if len(shapes) == 1 else shapes)
