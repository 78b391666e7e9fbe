"""Updates of all variables in one call of a kernel."""

import functools

from minikeras import ops
from minikeras.core.op import op
from minikeras.core.scopes import state
from minikeras.kernels import update  # noqa: F401  (declares the kernels)

SMALL = 1 << 16  # elements; the update of a smaller array is mostly the cost of calls


@op(vjp=False, variadic=True)
def pack(xp, tensors, dtype):
    """The elements of all tensors, one tensor after the other: (total,)."""
    return xp.pack(*tensors, dtype=dtype)


@op(vjp=False, outs="many")
def unpack(xp, x, shapes):
    """The tensors that were packed."""
    return xp.unpack(x, shapes=shapes)


def at_once(update_all):
    """Decorator: `update_step` from a function of lists (gradients, variables, learning rate)."""

    @functools.wraps(update_all)
    def update_step(self, gradient, variable, learning_rate):
        update_all(self, [gradient], [variable], learning_rate)

    update_step.at_once = update_all
    return update_step


class SideBySide:
    """Calls update ops (see kernels/update.py) for many variables.

    In eager code small variables of a dtype lie side by side in one buffer for each slot, so that
    a step is one call for all. Tensors never change: each step makes new buffers, and the
    variables become views of these. A variable that was assigned to in between is no longer the
    view that it was given, and its buffer is packed anew.
    """

    def __init__(self):
        self.packed = {}  # ids of variables -> (buffer, views of it)

    def update(self, update_op, scalars, variables, slots, gradients, **static):
        """Call the op and assign the results.

        Args:
            update_op: op of the list [*scalars, variables, slots, gradients].
            scalars: 0-d tensors of the step.
            variables: list of variables.
            slots: lists of variables, parallel to `variables`.
            gradients: list of tensors.
        """
        groups = {}
        for row in zip(variables, *slots, gradients):
            groups.setdefault(row[0].value.dtype, []).append(row)
        for dtype, rows in groups.items():
            plain = state.stateless is not None or state.tracer is not None
            small = [] if plain else [row for row in rows if row[0].size <= SMALL]
            small = small if len(small) > 1 else []
            if small:
                self._packed(update_op, scalars, small, dtype, static)
                rows = [row for row in rows if row[0].size > SMALL]
            if rows:
                _listed(update_op, scalars, rows, dtype, static)

    def _packed(self, update_op, scalars, rows, dtype, static):
        *columns, gradients = zip(*rows)
        buffers = [self._buffer(column, dtype) for column in columns]
        buffers.append(pack(gradients, dtype=dtype))
        results = update_op([*scalars, *buffers], **static)
        shapes = [v.shape for v in columns[0]]
        for column, buffer in zip(columns, results):
            views = unpack(buffer, shapes=shapes)
            for v, view in zip(column, views):
                v._set(view._value)  # as assign does, for a value known to fit
            self.packed[tuple(map(id, column))] = buffer, views

    def _buffer(self, column, dtype):
        buffer, views = self.packed.get(tuple(map(id, column)), (None, ()))
        if buffer is not None and all(v._array is a._value for v, a in zip(column, views)):
            return buffer
        return pack([v.value for v in column], dtype=dtype)


def _listed(update_op, scalars, rows, dtype, static):
    *columns, gradients = zip(*rows)
    targets = [v for column in columns for v in column]
    gradients = [g if g.dtype == dtype else ops.cast(g, dtype) for g in gradients]
    results = update_op([*scalars, *(v.value for v in targets), *gradients], **static)
    for v, value in zip(targets, results):
        v.assign(value)
