"""Optimizer steps on those rows of a table whose gradient is not zero, as after a look-up.

Arrays: the table and its slots, the learning rate (0-d), places along the table's first axis, and
for each place a row of the gradient; a place may come several times. The new table and slots are
bitwise those of the step with the whole gradient. They may lie where the old ones lie: then a step
touches its rows alone.
"""

from minikeras.arrays import NUMPY
from minikeras.kernels.indexing import sum_rows
from minikeras.kernels.registry import kernel, same_spec


def _copied(k, new, old):
    """Begin with the old values, unless they are there already."""
    for new_one, old_one in zip(new, old):
        if new_one is not old_one:
            k(k.xp.copyto, new_one, old_one)


@kernel("opaque", same_spec)
def sgd_rows(k, out, w, rate, indices, g):
    """w_ = w - rate g."""
    _copied(k, [out], [w])
    k(_descend, out, rate, indices, g)


def _descend(w, rate, indices, g):
    at, g = sum_rows(indices, g, len(w))
    w[at] -= g * rate.astype(w.dtype)


@kernel("opaque", lambda w, a, *_, epsilon: (same_spec(w), same_spec(a)))
def adagrad_rows(k, out, w, a, rate, indices, g, epsilon):
    """a_ = a + g**2; w_ = w - rate g / sqrt(a_ + epsilon)."""
    _copied(k, out, [w, a])
    k(_descend_by_squares, *out, rate, indices, g, w.dtype.type(epsilon))


def _descend_by_squares(w, a, rate, indices, g, epsilon):
    at, g = sum_rows(indices, g, len(w))
    squares = a[at] + g * g
    a[at] = squares
    w[at] -= rate.astype(w.dtype) * g / NUMPY.sqrt(squares + epsilon)


for _kernel in (sgd_rows, adagrad_rows):
    _kernel.inplace = True
