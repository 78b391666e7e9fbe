"""plot_model, model_to_dot, get_source_inputs. The text of the graphs is Keras's."""

import importlib.util
import re
import stat
import sys
import types

import pytest

import minikeras as keras
from minikeras import layers
from minikeras.models.plot import dot_source
from minikeras.utils import get_source_inputs, model_to_dot, plot_model

TITLE = ('<table border="0" cellborder="1" bgcolor="black" cellpadding="10"><tr><td '
         'colspan="{}" bgcolor="black"><font point-size="16" color="white">{}</font></td></tr>')
CELL = '<td bgcolor="white"><font point-size="14">{}: <b>{}</b></font></td>'


def graph():
    x = keras.Input((4,), name="x")
    y = layers.Dense(3, activation="relu", name="d")(x)
    z = layers.Dense(3, name="e", trainable=False)(x)
    return keras.Model(x, layers.Add(name="add")([z, y]), name="m")


def stack():
    return keras.Sequential([keras.Input((4,)), layers.Dense(2, name="q")], name="s")


def nested():
    x = keras.Input((4,), name="x2")
    return keras.Model(x, layers.Dense(1, name="dd")(stack()(x)), name="n")


def lines(model, **options):
    """The text with the boxes' numbers replaced by names."""
    text = dot_source(model, **options)
    names = dict(re.findall(r"(\d{6,}) \[label=.*?<b>(\w+)</b>", text))
    for number, name in names.items():
        text = text.replace(number, name)
    return text.splitlines()


def test_boxes_and_edges():
    found = lines(graph())
    assert found[:6] == ["digraph G {", "rankdir=TB;", "concentrate=true;", "dpi=200;",
                         "splines=ortho;", "node [shape=record];"]
    assert found[6] == (
        f"x [label=<{TITLE.format(1, '<b>x</b> (InputLayer)')}</table>>, fontname=Helvetica, "
        "border=0, margin=0];")
    assert found[10:] == [
        "x -> e [penwidth=2];", "x -> d [penwidth=2];", "e -> add [penwidth=2];",
        "d -> add [penwidth=2];", "}"]


def test_all_that_can_be_shown():
    found = lines(graph(), show_shapes=True, show_dtype=True, show_layer_activations=True,
                  show_trainable=True, rankdir="LR", dpi=50, splines="curved")
    assert found[1:5] == ["rankdir=LR;", "concentrate=true;", "dpi=50;", "splines=curved;"]
    shown = [CELL.format("Input shape", "(None, 4)"), CELL.format("Output shape", "(None, 3)"),
             CELL.format("Output dtype", "float32")]
    activation = ('<tr><td bgcolor="white" colspan="4"><font point-size="14">Activation: '
                  "<b>relu</b></font></td></tr>")
    flag = ('<td bgcolor="forestgreen"><font point-size="14" color="white"><b>Trainable</b></font>'
            "</td>")
    assert found[8] == (
        f"d [label=<{TITLE.format(4, '<b>d</b> (Dense)')}{activation}<tr>{''.join(shown)}{flag}"
        "</tr></table>>, fontname=Helvetica, border=0, margin=0];")
    assert "firebrick" in found[7] and "<b>Non-trainable</b>" in found[7]
    assert CELL.format("Input shape", "[(None, 3), (None, 3)]") in found[9]


def test_without_names():
    assert TITLE.format(1, "<b>Add</b>") in lines(graph(), show_layer_names=False)[-6]


def test_sequential_has_no_input_box():
    found = lines(stack())
    assert len(found) == 8 and found[6].startswith("q [")


def test_nested():
    assert "s -> dd [penwidth=2];" in lines(nested())
    found = lines(nested(), expand_nested=True)
    at = found.index("subgraph cluster_s {")
    assert found[at + 1 : at + 4] == ["style=dashed;", "label=s;", "labeljust=l;"]
    assert found[-3:] == ["x2 -> q [penwidth=2];", "q -> dd [penwidth=2];", "}"]


def test_nested_graph_of_graphs():
    x = keras.Input((4,), name="o")
    model = keras.Model(x, layers.Dense(1, name="last")(graph()(x)))
    assert [line for line in lines(model, expand_nested=True) if "->" in line][-2:] == [
        "o -> x [penwidth=2];", "add -> last [penwidth=2];"]


@pytest.mark.parametrize(("model", "options", "message"), [
    (lambda: keras.Sequential([layers.Dense(1)]), {}, "has not yet been built"),
    (graph, {"foo": 1}, "Unrecognized keyword arguments: {'foo': 1}"),
])
def test_errors(model, options, message):
    with pytest.raises(ValueError, match=message):
        plot_model(model(), "m.dot", **options)


def test_subclassed_model_has_no_graph():
    class Net(keras.Model):
        def call(self, x):
            return x

    model = Net()
    model.built = True
    with pytest.raises(ValueError, match="Only Sequential and functional models"):
        dot_source(model)


def test_file_in_graphviz_language(tmp_path):
    path = tmp_path / "m.dot"
    assert plot_model(stack(), path, show_layer_names=True) is None
    assert path.read_text().startswith("digraph G {") and "<b>q</b> (Dense)" in path.read_text()


def test_without_graphviz(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImportError, match="install graphviz"):
        plot_model(stack(), tmp_path / "m.png")


def test_graphviz_is_run(tmp_path, monkeypatch):
    program = tmp_path / "dot"
    program.write_text(f'#!{sys.executable}\nimport sys\nopen(sys.argv[3], "w").write('
                       'sys.argv[1] + sys.stdin.read())\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", str(tmp_path))
    plot_model(stack(), tmp_path / "m.pdf")
    assert (tmp_path / "m.pdf").read_text().startswith("-Tpdfdigraph G {")


def test_pydot(monkeypatch):
    class Graph:
        def __init__(self, text):
            self.text = text

        def get_subgraphs(self):
            return [self]

    pydot = types.ModuleType("pydot")
    pydot.graph_from_dot_data = lambda text: [Graph(text)]
    pydot.__spec__ = importlib.util.spec_from_loader("pydot", None)
    monkeypatch.setitem(sys.modules, "pydot", pydot)
    assert "dpi=200" in model_to_dot(stack()).text
    assert "subgraph cluster_s {" in model_to_dot(stack(), subgraph=True).text


def test_without_pydot(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydot", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="install pydot"):
        model_to_dot(stack())


def test_source_inputs():
    x, w = keras.Input((3,), name="x"), keras.Input((3,), name="w")
    z = layers.Add()([layers.Dense(3)(x) + x, w])
    assert [t.name for t in get_source_inputs(z)] == ["x", "w"]
    assert get_source_inputs(x) == [x]
    assert get_source_inputs(3) == 3
    bare = keras.KerasTensor((2,))
    assert get_source_inputs(bare) is bare
