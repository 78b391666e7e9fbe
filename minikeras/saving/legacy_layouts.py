"""Weights in layouts of old: cuDNN's (CuDNNLSTM, CuDNNGRU), those of Keras 1, and Theano's.

What stands in a file for a layer is a flat list of arrays. `converted` gives it in the order and
shapes of today's variables, cell by cell.
"""

import numpy as np

from minikeras.api import namespaces
from minikeras.saving.h5 import StoredArray
from minikeras.saving.walk import walk

GATES = {"LSTMCell": 4, "GRUCell": 3}
FIRST_ORDER = {"LSTMCell": (0, 2, 1, 3), "GRUCell": (0, 1, 2)}  # of Keras 1: i c f o, z r h
CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")


def converted(layer, variables, arrays, backend):
    """The arrays of a layer as its variables have them today.

    Args:
        layer: a layer, which may hold others.
        variables: its variables, in the order of the file.
        arrays: [(name, array)] of the file.
        backend: the backend of the Keras that has written them.

    Returns:
        [(name, array)]; what is in today's layout is as it was.
    """
    cells = _owners(layer, GATES)
    kernels = _owners(layer, CONVOLUTIONS)
    found, at, number = [], 0, 0
    while number < len(variables) and at < len(arrays):
        variable = variables[number]
        if id(variable) in cells:
            cell = cells[id(variable)]
            count = sum(cells.get(id(v)) is cell for v in variables[number:])
            taken, new = _of_cell(cell, variables[number:number + count], arrays[at:])
        else:
            taken, count = 1, 1
            new = arrays[at:at + 1]
            if id(variable) in kernels:
                new = [_of_kernel(kernels[id(variable)], variable, new[0], backend)]
        found += new
        at, number = at + taken, number + count
    return found + arrays[at:]


def _owners(layer, names):
    """{id of a variable: the layer inside that holds it} for layers of some classes."""
    classes = tuple(namespaces.lookup(f"layers.{n}") for n in names)
    return {id(v): part for _, part in walk(layer) if isinstance(part, classes)
            for v in part.weights}


# ---------------------------------------------------------------- recurrent cells
def _of_cell(cell, variables, arrays):
    """(number of arrays that are the cell's, these as its variables have them)."""
    name = next(n for n in GATES if isinstance(cell, namespaces.lookup(f"layers.{n}")))
    gates, units = GATES[name], cell.units
    shapes = [tuple(a.shape) for _, a in arrays]
    first = (3 if cell.use_bias else 2) * gates
    if len(shapes) >= first and all(s[-1:] == (units,) for s in shapes[:first]):
        return first, _of_first_version(name, arrays[:first], gates)
    if len(shapes) >= 3 and shapes[2] == (2 * gates * units,):
        return 3, _of_cudnn(name, arrays[:3], gates)
    return len(variables), arrays[:len(variables)]


def _of_first_version(name, arrays, gates):
    """Keras 1 has the kernel, recurrent kernel and bias of each gate as arrays."""
    each = len(arrays) // gates
    values = [value_of(a) for _, a in arrays]
    return [(arrays[part][0], np.concatenate(
        [values[each * gate + part] for gate in FIRST_ORDER[name]], axis=-1))
        for part in range(each)]


def _of_cudnn(name, arrays, gates):
    """cuDNN's matrices are transposed gate by gate, and each gate has two biases."""
    kernel, recurrent, bias = (value_of(a) for _, a in arrays)
    blocks = [b.reshape(b.shape[::-1]).T for b in np.split(kernel, gates, axis=1)]
    squares = [b.T for b in np.split(recurrent, gates, axis=1)]
    bias = bias.reshape(2, -1)
    values = (np.concatenate(blocks, axis=1), np.concatenate(squares, axis=1),
              bias.sum(axis=0) if name == "LSTMCell" else bias)
    return [(n, v) for (n, _), v in zip(arrays, values)]


# ---------------------------------------------------------------- convolutions
def _of_kernel(layer, variable, named, backend):
    """A kernel of Keras 1, whose axes may be ordered otherwise, or of Theano, which flips it."""
    name, array = named
    wanted, rank = tuple(variable.shape), len(variable.shape) - 2
    if rank < 1:
        return named
    if len(array.shape) == rank + 3 and array.shape[1] == 1:  # images of one column
        array = value_of(array)[:, 0]
    if tuple(array.shape) != wanted and _outputs_first(tuple(array.shape)) == wanted:
        array = np.moveaxis(value_of(array), (0, 1), (-1, -2))
    if backend == "theano":
        array = np.flip(value_of(array), axis=tuple(range(rank)))
    return name, array


def _outputs_first(shape):
    return (*shape[2:], shape[1], shape[0])


def value_of(array):
    """The values of an array of a file, or of one that is converted already."""
    return array.read() if isinstance(array, StoredArray) else array
