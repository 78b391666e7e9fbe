"""RNN: a cell carried along a sequence; and cells stacked to one."""

from minikeras import ops, tree
from minikeras.api.registry import public
from minikeras.core import serialization
from minikeras.core.keras_tensor import KerasTensor, any_symbolic
from minikeras.core.scopes import name_scope
from minikeras.core.variable import Variable
from minikeras.layers.call_spec import signature_of
from minikeras.layers.layer import Layer
from minikeras.ops.recurrent import time_steps


def as_list(states):
    """Several states as a list, one in a list."""
    return list(states) if isinstance(states, (list, tuple)) else [states]


def zero_states(sizes, batch_size, dtype):
    """Zeros of shape (batch, size) for each size in a structure."""
    return tree.map_structure(lambda n: ops.zeros((batch_size, n), dtype=dtype), as_list(sizes))


def accepts(cell, name):
    """Whether the `call` of a layer or other object takes an argument of that name."""
    function = type(cell).call
    return name in signature_of(function).names or signature_of(function).any_keyword


def shared_with_cell(*names):
    """Class decorator: attributes of the cell are the layer's too."""

    def declare(cls):
        for name in names:
            setattr(cls, name, property(lambda self, name=name: getattr(self.cell, name)))
        return cls

    return declare


def _shaped(shape, t):
    return KerasTensor((*shape, *t.shape[1:]), t.dtype)


# ---------------------------------------------------------------- stacked cells
@public("layers.StackedRNNCells")
class StackedRNNCells(Layer):
    """Cells one upon another, as one cell: each takes the output of the one below.

    Args:
        cells: list of cells, from the bottom.

    >>> import minikeras as keras
    >>> cell = StackedRNNCells([keras.layers.LSTMCell(4), keras.layers.GRUCell(3)])
    >>> RNN(cell)(keras.ops.ones((2, 5, 3))).shape
    (2, 3)
    """

    def __init__(self, cells, **kwargs):
        super().__init__(**kwargs)
        for cell in cells:
            for name in ("call", "state_size"):
                if not hasattr(cell, name):
                    raise ValueError(
                        f"StackedRNNCells: all cells must have a `{name}` "
                        f"{'method' if name == 'call' else 'attribute'}. Received cell without a "
                        f"`{name}`: {cell}"
                    )
        self.cells = list(cells)

    @property
    def state_size(self):
        """The cells' state sizes."""
        return [c.state_size for c in self.cells]

    @property
    def output_size(self):
        """The last cell's output size."""
        return output_size(self.cells[-1])

    def get_initial_state(self, batch_size=None):
        """Zeros for each state of each cell."""
        return [initial_state(c, batch_size, self.compute_dtype) for c in self.cells]

    def build(self, input_shape):
        shape = tuple(input_shape)
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(shape)
            shape = (shape[0], output_size(cell))

    def call(self, inputs, states, training=False, **kwargs):
        after = []
        for cell, own in zip(self.cells, states):
            more = {"training": training} if accepts(cell, "training") else {}
            inputs, new = cell(inputs, as_list(own), **more)
            after.append(new if isinstance(own, (list, tuple)) else as_list(new)[0])
        return inputs, after

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Stacked cells from what `get_config` gave."""
        config = dict(config)
        config["cells"] = [
            serialization.deserialize_keras_object(c, custom_objects=custom_objects)
            for c in config["cells"]
        ]
        return super().from_config(config)


def output_size(cell):
    """A cell's output size: by default its first state's."""
    size = getattr(cell, "output_size", None)
    return size if size is not None else tree.flatten(cell.state_size)[0]


def initial_state(cell, batch_size, dtype):
    """A list of a cell's first states, zeros if it does not say."""
    if hasattr(cell, "get_initial_state"):
        return as_list(cell.get_initial_state(batch_size=batch_size))
    return zero_states(cell.state_size, batch_size, getattr(cell, "compute_dtype", dtype))


# ---------------------------------------------------------------- RNN
@public("layers.RNN")
class RNN(Layer):
    """A cell carried along the time axis: `output, states = cell(inputs[:, t], states)`.

    Args:
        cell: an object with `call(inputs, states)` that returns (output, new states), and
            `state_size`, a number or a list of them; optionally `output_size` and
            `get_initial_state(batch_size)`. A list of cells is stacked.
        return_sequences: whether the output is that of every step, or of the last.
        return_state: whether the last states are returned as well.
        go_backwards: whether the sequence is gone through from its end; outputs come in that
            order.
        stateful: whether a batch's last states are the next batch's first; needs a fixed batch
            size. `reset_state()` sets them to 0.
        unroll: accepted for Keras's sake.
        zero_output_for_mask: whether masked steps give 0 in place of the output before.

    Call: `layer(sequences, initial_state=None, mask=None, training=False)` with sequences
    (batch, steps, ...), states (batch, size) and a mask (batch, steps): where it is False, states
    and output stay as they are.

    >>> import minikeras as keras
    >>> class Sums(keras.layers.Layer):
    ...     state_size = 3
    ...     def call(self, inputs, states):
    ...         total = states[0] + inputs
    ...         return total, [total]
    >>> RNN(Sums())(keras.ops.ones((1, 5, 3))).numpy().tolist()
    [[5.0, 5.0, 5.0]]
    """

    def __init__(
        self, cell, return_sequences=False, return_state=False, go_backwards=False,
        stateful=False, unroll=False, zero_output_for_mask=False, **kwargs,
    ):
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if not hasattr(cell, "call"):
            raise ValueError(
                f"Argument `cell` of {type(self).__name__} should have a `call` method. "
                f"Received: cell={cell}"
            )
        if not hasattr(cell, "state_size"):
            raise ValueError(
                "The RNN cell should have a `state_size` attribute (single integer or list of "
                f"integers, one integer per RNN state). Received: cell={cell}"
            )
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.state_size = cell.state_size
        self.supports_masking = True
        self._set_states(None)

    def _set_states(self, states):
        object.__setattr__(self, "states", states)  # not weights: neither counted nor saved

    # ------------------------------------------------------------ states
    def get_initial_state(self, batch_size):
        """A list of states of zeros, or what the cell's `get_initial_state` gives."""
        return initial_state(self.cell, batch_size, self.compute_dtype)

    def _create_state_variables(self, batch_size):
        with name_scope(self.name, caller=self):
            self._set_states(tree.map_structure(
                lambda v: Variable(
                    v, trainable=False, dtype=self.variable_dtype, name="rnn_state"),
                self.get_initial_state(batch_size),
            ))

    def reset_state(self):
        """Set the kept states of a stateful layer to 0."""
        for v in tree.flatten(self.states) if self.states is not None else ():
            v.assign(ops.zeros_like(v.value))

    reset_states = reset_state

    def build(self, sequences_shape, initial_state_shape=None):
        step = tree.map_shape_structure(lambda s: (s[0], *s[2:]), sequences_shape)
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build(step)
            self.cell.built = True
        if not self.stateful:
            return
        if self.states is not None:
            self.reset_state()
        elif tree.flatten(step)[0] is None:
            raise ValueError(
                f'Layer "{self.name}": with `stateful=True` the batch size must be known, for '
                f"instance by `Input(batch_shape=...)`. Received: shape {tuple(sequences_shape)}"
            )
        else:
            self._create_state_variables(tree.flatten(step)[0])

    def _states_for(self, sequences, given):
        """The first states: given, kept, or zeros; ValueError where they do not fit."""
        batch = tree.flatten(sequences)[0].shape[0]
        if given is not None:
            states = as_list(given)
            self._check_states(states, batch)
            return states
        if self.stateful and self.states is not None:
            kept = tree.flatten(self.states)[0].shape[0]
            if batch not in (None, kept):
                raise ValueError(
                    f'Layer "{self.name}" is stateful for batches of {kept} samples. Received: '
                    f"{batch} samples"
                )
            return tree.map_structure(lambda v: ops.cast(v.value, self.compute_dtype), self.states)
        return self._first_states(sequences, batch)

    def _first_states(self, sequences, batch):
        """`get_initial_state` for a sequence: KerasTensors where its batch is not known."""
        if batch is None:
            return tree.map_structure(lambda t: _shaped((None,), t), self.get_initial_state(1))
        return self.get_initial_state(batch)

    def _check_states(self, states, batch):
        sizes = tree.flatten(self.state_size)
        flat = tree.flatten(states)
        if len(flat) != len(sizes):
            raise ValueError(
                f'Layer "{self.name}": `initial_state` must be {len(sizes)} tensor(s), one for '
                f"each of state_size={self.state_size}. Received: {len(flat)} tensor(s)"
            )
        for t, n in zip(flat, sizes):
            wanted = (batch, n)
            if n != -1 and len(t.shape) == 2 and any(
                None not in (a, b) and a != b for a, b in zip(t.shape, wanted)
            ):
                raise ValueError(
                    f'Layer "{self.name}": a state must have shape {wanted}. '
                    f"Received: shape {tuple(t.shape)}"
                )

    def _mask_of_steps(self, sequences, mask):
        """The mask as booleans (batch, steps), or None."""
        mask = tree.flatten(mask)[0]
        if mask is None:
            return None
        mask = ops.cast(mask, "bool")
        shape = tuple(tree.flatten(sequences)[0].shape[:2])
        if len(mask.shape) < 2 or any(
            None not in (a, b) and a != b for a, b in zip(mask.shape, shape)
        ):
            raise ValueError(
                f'Layer "{self.name}": the mask must have shape (batch, steps), here {shape}. '
                f"Received: shape {tuple(mask.shape)}"
            )
        if len(mask.shape) > 2:
            mask = ops.any(mask, axis=tuple(range(2, len(mask.shape))))
        return mask

    # ------------------------------------------------------------ computing
    def call(self, sequences, initial_state=None, mask=None, training=False):
        mask = self._mask_of_steps(sequences, mask)
        states = self._states_for(sequences, initial_state)
        if any_symbolic(sequences):
            return self._symbolic_result(sequences, states)
        if self.go_backwards:
            sequences = tree.map_structure(lambda x: ops.flip(x, axis=1), sequences)
            mask = None if mask is None else ops.flip(mask, axis=1)
        self._forget_dropout()
        last, outputs, states = self.inner_loop(sequences, states, mask, training)
        self._forget_dropout()
        if self.stateful:
            for v, t in zip(tree.flatten(self.states), tree.flatten(states)):
                v.assign(t)
        y = outputs if self.return_sequences else last
        return (y, *states) if self.return_state else y

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """(last output, outputs or None, last states), step by step."""
        more = {"training": training} if accepts(self.cell, "training") else {}
        return self.loop(
            lambda x, states: self.cell(x, states, **more), sequences, initial_state, mask)

    def loop(self, step, sequences, states, mask):
        """(last output, outputs or None, last states) of `output, states = step(x, states)`."""
        outputs = []
        parts = [time_steps(x) for x in tree.flatten(sequences)]
        if not parts[0]:
            raise ValueError(f'Layer "{self.name}" was given a sequence of no steps.')
        masks = [None] * len(parts[0]) if mask is None else time_steps(mask)
        for t, on in enumerate(masks):
            x = tree.pack_sequence_as(sequences, [p[t] for p in parts])
            output, new = step(x, states)
            new = as_list(new)
            if on is not None:
                output = self._output_before(on, output, outputs, states)
                new = tree.map_structure(lambda a, b: _choose(on, a, b), new, states)
            states = new
            outputs.append(output)
        whole = None
        if self.return_sequences:
            whole = tree.map_structure(lambda *y: ops.stack(y, axis=1), *outputs)
        return outputs[-1], whole, states

    def _output_before(self, on, output, outputs, states):
        """The output where the step counts, elsewhere the one before it: at first a state."""
        if self.zero_output_for_mask:
            return tree.map_structure(lambda y: _choose(on, y, ops.zeros_like(y)), output)
        if outputs:
            return tree.map_structure(lambda y, b: _choose(on, y, b), output, outputs[-1])
        before = tree.flatten(states[-1] if isinstance(states[0], (list, tuple)) else states)[0]

        def first(y):
            return before if before.shape == y.shape else ops.zeros_like(y)

        return tree.map_structure(lambda y: _choose(on, y, first(y)), output)

    def _forget_dropout(self):
        for cell in (self.cell, *getattr(self.cell, "cells", ())):
            if hasattr(cell, "reset_dropout_mask"):
                cell.reset_dropout_mask()
                cell.reset_recurrent_dropout_mask()

    def _symbolic_result(self, sequences, states):
        """What `call` gives for KerasTensors: one step of the cell tells."""
        batch, time = tree.flatten(sequences)[0].shape[:2]
        step = tree.map_structure(lambda x: KerasTensor((batch, *x.shape[2:]), x.dtype), sequences)
        states = tree.map_structure(lambda t: _shaped((batch,), t), states)
        more = {"training": False} if accepts(self.cell, "training") else {}
        output, states = self.cell(step, states, **more)
        if self.return_sequences:
            output = tree.map_structure(lambda y: _shaped((batch, time), y), output)
        return (output, *as_list(states)) if self.return_state else output

    def compute_mask(self, inputs, mask=None):
        own = tree.flatten(mask)[0] if mask is not None and self.return_sequences else None
        return [own, *[None] * len(as_list(self.state_size))] if self.return_state else own

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, time = sequences_shape[:2]
        size = output_size(self.cell)
        y = (batch, time, size) if self.return_sequences else (batch, size)
        if not self.return_state:
            return y
        return (y, *tree.map_structure(lambda n: (batch, n), as_list(self.state_size)))

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A layer from what `get_config` gave."""
        config = dict(config)
        if "cell" in config:
            config["cell"] = serialization.deserialize_keras_object(
                config["cell"], custom_objects=custom_objects)
        return super().from_config(config)


def _choose(on, a, b):
    """a where a step's mask (batch,) holds, else b."""
    return ops.where(ops.reshape(on, (-1, *(1,) * (len(a.shape) - 1))), a, b)
