"""Connectionist temporal classification: places of a path, and beam search over labellings."""

from minikeras import dtypes
from minikeras.dtypes import Spec
from minikeras.kernels.registry import function

INT32, UINT64 = dtypes.INT32, dtypes.canonical("uint64")
NOTHING = -1  # fills a path after its end
NEVER = -1e30  # logarithm of 0 that may be added to and subtracted from
PRIME = 0x9E3779B97F4A7C15  # odd, its bits spread


def _places_spec(target, target_length, output_length, time, blank, dtype):
    batch, n = target.shape
    places = None if n is None else 2 * n + 1
    return (Spec((batch, places), INT32), Spec((batch, places), dtypes.BOOL),
            Spec((batch, places), dtype), Spec((batch, time, 1), dtypes.BOOL))


@function(_places_spec)
def ctc_places(xp, target, target_length, output_length, time, blank, dtype):
    """The places of a path, a blank before, between and after the labels, and where it may go.

    Returns the places' classes; whether each may be reached from the one but last; 0 where a path
    may end, else NEVER; and which frames count.
    """
    batch, n = target.shape
    real = xp.arange(n) < target_length[:, None]
    labels = xp.full((batch, 2 * n + 1), blank, INT32)
    labels[:, 1::2] = xp.where(real, target, blank)
    skip = labels != blank
    skip[:, 2:] &= labels[:, 2:] != labels[:, :-2]
    left = 2 * target_length[:, None] - xp.arange(2 * n + 1)
    final = xp.where((left == 0) | (left == 1), 0, NEVER).astype(dtype)
    going = xp.arange(time) < output_length[:, None]
    return labels, skip, final, going[:, :, None]


class _Beams:
    """The best prefixes of each row, best first, and log probabilities of theirs.

    `blank` and `label` are of the alignments that end with a blank and with the prefix's last
    label. A prefix is known by the hash of its labels, modulo 2**64.
    """

    def __init__(self, xp, batch, time, width, dtype):
        self.xp, self.rows = xp, xp.arange(batch).reshape(-1, 1)
        self.path = xp.full((batch, width, time), NOTHING, INT32)
        self.length = xp.zeros((batch, width), INT32)
        self.last = xp.zeros((batch, width), INT32)
        self.hash = xp.zeros((batch, width), UINT64)
        self.parent = xp.zeros((batch, width), UINT64)
        self.blank = xp.full((batch, width), -xp.inf, dtype)
        self.label = xp.full((batch, width), -xp.inf, dtype)
        self.blank[:, 0] = 0

    def total(self):
        return self.xp.logaddexp(self.blank, self.label)

    def extended(self, p, blank):
        """(B, W + 1, C): the prefixes with one more label; the last row is for what to ignore."""
        xp, classes = self.xp, p.shape[-1]
        ext = self.total()[:, :, None] + p[:, None, :]
        c = xp.arange(classes, dtype=INT32)
        again = (self.last[:, :, None] == c) & (self.length > 0)[:, :, None]
        ext = xp.where(again, self.blank[:, :, None] + p[:, None, :], ext)
        ext = xp.where(c == blank, -xp.inf, ext)
        return xp.concatenate([ext, xp.full_like(ext[:, :1], -xp.inf)], axis=1)

    def step(self, p, blank, going):
        """One frame with log probabilities `p` (B, C), for the rows that are `going`."""
        xp, width, classes = self.xp, self.last.shape[1], p.shape[-1]
        ext = self.extended(p, blank)
        stay_blank = self.total() + p[:, blank : blank + 1]
        stay_label = self.label + p[self.rows, self.last]
        # A prefix in the beam is also reached by extending its parent, if that is in the beam.
        alive = self.total() > -xp.inf
        child = (self.parent[:, :, None] == self.hash[:, None, :]) & alive[:, None, :]
        child &= (self.length[:, :, None] == self.length[:, None, :] + 1) & alive[:, :, None]
        source = xp.where(child.any(-1), child.argmax(-1), width)
        at = (self.rows, source, self.last)
        stay_label = xp.logaddexp(stay_label, ext[at])
        ext[at] = -xp.inf
        ext = ext[:, :width].reshape(ext.shape[0], width * classes)
        scores = xp.concatenate([xp.logaddexp(stay_blank, stay_label), ext], axis=1)
        best = xp.argsort(-scores, -1, kind="stable")[:, :width]
        self._move(best, (stay_blank, stay_label, ext), classes, going)

    def _move(self, best, scores, classes, going):
        xp, rows, width = self.xp, self.rows, self.last.shape[1]
        stay_blank, stay_label, ext = scores
        new = best >= width
        grown = xp.maximum(best - width, 0)
        origin = xp.where(new, grown // classes, best)
        c = (grown % classes).astype(INT32)
        stays = xp.minimum(best, width - 1)
        path, length = self.path[rows, origin], self.length[rows, origin]
        end = xp.arange(path.shape[-1], dtype=INT32) == length[:, :, None]
        code = self.hash[rows, origin]
        longer = code * xp.asarray(PRIME, UINT64) + (c + 1).astype(UINT64)
        after = {
            "path": xp.where(end & new[:, :, None], c[:, :, None], path),
            "length": length + new,
            "last": xp.where(new, c, self.last[rows, origin]),
            "hash": xp.where(new, longer, code),
            "parent": xp.where(new, code, self.parent[rows, origin]),
            "blank": xp.where(new, -xp.inf, stay_blank[rows, stays]),
            "label": xp.where(new, ext[rows, grown], stay_label[rows, stays]),
        }
        for name, value in after.items():
            old = getattr(self, name)
            keep = going.reshape((-1,) + (1,) * (old.ndim - 1))
            setattr(self, name, xp.where(keep, value.astype(old.dtype), old))


def _search_spec(p, lengths, blank, width, paths):
    batch, time, _ = p.shape
    return Spec((paths, batch, time), INT32), Spec((batch, paths), p.dtype)


@function(_search_spec)
def ctc_beam_search(xp, p, lengths, blank, width, paths):
    """(labels, log probabilities) of the best labellings for log probabilities `p` (B, T, C)."""
    batch, time, _ = p.shape
    beams = _Beams(xp, batch, time, width, p.dtype)
    for t in range(time):
        beams.step(p[:, t], blank, lengths > t)
    score = beams.total()[:, :paths]
    found = score > -xp.inf
    path = xp.where(found[:, :, None], beams.path[:, :paths], NOTHING)
    return xp.moveaxis(path, 1, 0).astype(INT32), score.astype(p.dtype)
