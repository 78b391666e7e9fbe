"""Connectionist temporal classification: its loss, and decoding.

A labelling of fewer labels than frames is the sum over its alignments: paths of one class a frame
that give the labelling when repeats are merged and blanks dropped.

Reference: Graves et al. 2006, Connectionist temporal classification.
"""

from minikeras import dtypes
from minikeras.api.registry import public
from minikeras.core.op import op
from minikeras.core.operators import OPS
from minikeras.dtypes import Spec, canonical, to_float
from minikeras.kernels import ctc as _kernels  # noqa: F401 (their table)
from minikeras.ops.activation import log_softmax
from minikeras.ops.cumulative import argsort
from minikeras.ops.elementwise import logical_and, logical_not, zeros_of
from minikeras.ops.indexing import positions, take_along_axis, where
from minikeras.ops.reduction import argmax
from minikeras.ops.reduction import max as max_
from minikeras.ops.reduction import sum as sum_
from minikeras.ops.shaping import _tensor, concatenate, expand_dims

NEVER = _kernels.NEVER


# ---------------------------------------------------------------- the lattice
def _frame(xp, x, t):
    return xp.slice_view(x, key=(slice(None), t))


def _shifted(xp, a, by, after=False):
    """Column s of the result is column s - by of `a` (s + by with `after`), NEVER beyond."""
    n = a.shape[1]
    width = (0, by) if after else (by, 0)
    wide = xp.pad_constant(a, pad_width=((0, 0), width), value=NEVER)
    return xp.slice_view(wide, key=(slice(None), slice(by, by + n) if after else slice(0, n)))


def _start(xp, emission):
    """State before the first frame: at the first blank."""
    nothing = zeros_of(xp, _frame(xp, emission, 0))
    columns = xp.slice_view(nothing, key=(slice(None), slice(1, None)))
    first = xp.slice_view(nothing, key=(slice(None), slice(0, 1)))
    return xp.concatenate(first, xp.add(columns, NEVER), axis=1)


def _forward(xp, emission, skip, going):
    """Log probability of being at each place after each frame: a list over frames."""
    alpha, alphas = _start(xp, emission), []
    for t in range(emission.shape[1]):
        reached = xp.logaddexp(alpha, _shifted(xp, alpha, 1))
        jumped = xp.blend(skip, _shifted(xp, alpha, 2), NEVER)
        reached = xp.add(xp.logaddexp(reached, jumped), _frame(xp, emission, t))
        alpha = xp.blend(_frame(xp, going, t), reached, alpha)
        alphas.append(alpha)
    return alphas


def _stack(xp, frames):
    return xp.concatenate(*(
        xp.reshape(f, shape=(f.shape[0], 1, f.shape[1])) for f in frames), axis=1)


def _lattice_vjp(xp, g, y, emission, skip, final, going):
    """-g times the probability of being at each place in each frame, given the labelling."""
    loss, alpha = y
    possible = xp.isfinite(loss)
    evidence = xp.reshape(xp.blend(possible, loss, 0), shape=(loss.shape[0], 1))
    beta, betas = final, []
    for t in reversed(range(emission.shape[1])):
        betas.append(beta)
        ahead = xp.add(beta, _frame(xp, emission, t))
        left = xp.logaddexp(ahead, _shifted(xp, ahead, 1, after=True))
        jumped = _shifted(xp, xp.blend(skip, ahead, NEVER), 2, after=True)
        beta = xp.blend(_frame(xp, going, t), xp.logaddexp(left, jumped), beta)
    parts = []
    for t, beta in enumerate(reversed(betas)):
        share = xp.exp(xp.add(xp.add(_frame(xp, alpha, t), beta), evidence))
        parts.append(xp.blend(_frame(xp, going, t), share, 0))
    weight = xp.negative(xp.multiply(g, possible))
    return xp.multiply(_stack(xp, parts), xp.reshape(weight, shape=(weight.shape[0], 1, 1)))


@op(vjp=(_lattice_vjp, None, None, None), keeps=True,
    spec=lambda e, *_: Spec((e.shape[0],), e.dtype))
def ctc_lattice(xp, emission, skip, final, going):
    """-log of the sum over paths through the places of the labelling.

    Args:
        emission: `(batch, time, places)` log probability of each place's class.
        skip: `(batch, places)` bool: whether the place is reached from the one but last too.
        final: `(batch, places)`: 0 where a path may end, else NEVER.
        going: `(batch, time, 1)` bool: whether the frame counts.
    """
    alphas = _forward(xp, emission, skip, going)
    last = xp.add(alphas[-1], final)
    total = xp.logsumexp(last, axis=1)
    loss = xp.blend(xp.less(total, 0.1 * NEVER), float("inf"), xp.negative(total))
    return loss, _stack(xp, alphas)


# ---------------------------------------------------------------- loss
def _floating(x):
    """x in float32 or float64, as its dtype says."""
    dtype = to_float(canonical(x.dtype))
    return OPS["cast"](x, dtype if dtype == dtypes.FLOAT64 else dtypes.FLOAT32)


def _check(name, tensors, ranks):
    for (label, x), (rank, axes) in zip(tensors.items(), ranks):
        if len(x.shape) != rank:
            raise ValueError(
                f"ops.{name}: `{label}` must have the shape {axes}. Received: {tuple(x.shape)}"
            )
    sizes = {x.shape[0] for x in tensors.values()} - {None}
    if len(sizes) > 1:
        shapes = ", ".join(f"{label}: {tuple(x.shape)}" for label, x in tensors.items())
        raise ValueError(f"ops.{name}: all must have the same batch size. Received: {shapes}")


def _blank(name, mask_index, classes):
    if mask_index is None:
        mask_index = -1
    if not -classes <= mask_index < classes:
        raise ValueError(
            f"ops.{name}: `mask_index` must be one of the {classes} classes. "
            f"Received: mask_index={mask_index}"
        )
    return int(mask_index) % classes


@public("ops.ctc_loss", "ops.nn.ctc_loss")
def ctc_loss(target, output, target_length, output_length, mask_index=0):
    """-log of the probability of a sequence of labels, summed over its alignments with the frames.

    Args:
        target: `(batch, labels)` integer labels.
        output: `(batch, time, classes)` logits.
        target_length: `(batch,)` how many of the labels count.
        output_length: `(batch,)` how many of the frames count.
        mask_index: the blank class.

    Returns:
        `(batch,)` losses; inf, with gradient 0, where the frames are too few for the labels.

    Raises:
        ValueError: if shapes do not fit.

    Reference: Graves et al. 2006, Connectionist temporal classification, equations 6 to 16.

    >>> import minikeras as keras
    >>> two_paths = keras.ops.ctc_loss([[1]], keras.ops.zeros((1, 2, 2)), [1], [2])
    >>> round(two_paths.item(), 4)  # -log(3 / 4): "1 1", "1 -" and "- 1" of four
    0.2877
    """
    target, output = _tensor(target), _tensor(output)
    lengths = [OPS["cast"](_tensor(n), "int32") for n in (target_length, output_length)]
    _check("ctc_loss", {"target": target, "output": output, "target_length": lengths[0],
                        "output_length": lengths[1]},
           [(2, "(batch, labels)"), (3, "(batch, time, classes)"), (1, "(batch,)"),
            (1, "(batch,)")])
    if output.shape[1] == 0:
        raise ValueError(
            f"ops.ctc_loss: `output` must have at least one frame. Received: {tuple(output.shape)}")
    blank = _blank("ctc_loss", mask_index, output.shape[-1])
    p = log_softmax(_floating(output))
    return _loss_of(OPS["cast"](target, "int32"), p, *lengths, blank=blank)


@op(False, tensors=3, outs=4)
def ctc_places(xp, target, target_length, output_length, time, blank, dtype):
    """The places of a path: see the kernel."""
    return xp.ctc_places(
        target, target_length, output_length, time=time, blank=blank, dtype=dtype)


@op(tensors=4, spec=lambda _target, p, *_, blank: Spec((p.shape[0],), p.dtype))
def _loss_of(xp, target, p, target_length, output_length, blank):
    labels, skip, final, going = xp.ctc_places(
        target, target_length, output_length, time=p.shape[1], blank=blank, dtype=p.dtype)
    at = xp.reshape(labels, shape=(labels.shape[0], 1, labels.shape[1]))
    emission = xp.take_along_axis(p, at, axis=2)
    return xp.ctc_lattice(emission, skip, final, going)


# ---------------------------------------------------------------- decoding
@op(False, tensors=2, outs=2)
def ctc_beam_search(xp, p, lengths, blank, width, paths):
    """(labels, log probabilities) of the best labellings."""
    return xp.ctc_beam_search(p, lengths, blank=blank, width=width, paths=paths)


def _greedy(inputs, going, blank, merge_repeated):
    """The best class of each frame, without blanks (and repeats), and minus the sum of logits."""
    labels = argmax(inputs, axis=-1)
    score = sum_(where(going, max_(inputs, axis=-1), 0.0), axis=-1, keepdims=True)
    keep = logical_and(going, OPS["not_equal"](labels, blank))
    if merge_repeated:
        first = OPS["greater_equal"](labels[:, :1], 0)
        new = OPS["not_equal"](labels[:, 1:], labels[:, :-1])
        keep = logical_and(keep, concatenate([first, new], axis=1))
    kept = where(keep, labels, _kernels.NOTHING)
    order = argsort(logical_not(keep), axis=1)  # stable: what is kept comes first, in order
    return expand_dims(take_along_axis(kept, order, axis=1), 0), OPS["negative"](score)


@public("ops.ctc_decode", "ops.nn.ctc_decode")
def ctc_decode(
    inputs, sequence_lengths, strategy="greedy", beam_width=100, top_paths=1, merge_repeated=True,
    mask_index=0,
):
    """The labels that the logits of frames say.

    Args:
        inputs: `(batch, time, classes)` logits.
        sequence_lengths: `(batch,)` how many of the frames count.
        strategy: "greedy": the best class of each frame; "beam_search": the most probable
            labellings, each the sum over its alignments, among the `beam_width` best prefixes.
        beam_width: prefixes kept.
        top_paths: number of labellings to give; greedy gives one.
        merge_repeated: whether greedy merges equal neighbours; a beam always does.
        mask_index: the blank class; None: the last one.

    Returns:
        `(paths, batch, time)` int32 labels, filled up with -1, and `(batch, paths)` scores: minus
        the sum of the best logits for greedy, log probabilities for a beam.

    Reference: Graves 2012, Sequence transduction with recurrent neural networks, section 2.5.

    >>> import minikeras as keras
    >>> logits = 5.0 * keras.ops.one_hot([[1, 1, 0, 2]], 3)
    >>> keras.ops.ctc_decode(logits, [4])[0].numpy().tolist()
    [[[1, 2, -1, -1]]]
    """
    inputs = _floating(_tensor(inputs))
    lengths = OPS["cast"](_tensor(sequence_lengths), "int32")
    _check("ctc_decode", {"inputs": inputs, "sequence_lengths": lengths},
           [(3, "(batch, time, classes)"), (1, "(batch,)")])
    blank = _blank("ctc_decode", mask_index, inputs.shape[-1])
    if strategy == "greedy":
        going = OPS["less"](positions(inputs, axis=1), expand_dims(lengths, 1))
        return _greedy(inputs, going, blank, merge_repeated)
    if strategy != "beam_search":
        raise ValueError(
            f"ops.ctc_decode: `strategy` must be 'greedy' or 'beam_search'. Received: {strategy!r}"
        )
    if not 1 <= top_paths <= beam_width:
        raise ValueError(
            "ops.ctc_decode: `top_paths` must be from 1 to `beam_width`. "
            f"Received: top_paths={top_paths}, beam_width={beam_width}"
        )
    return ctc_beam_search(
        log_softmax(inputs), lengths, blank=blank, width=int(beam_width), paths=int(top_paths))
