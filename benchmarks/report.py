"""Ratios, their spread, and the tables that show them. Nothing here measures."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A measured quantity; lower is better for all of them.

    Args:
        label: row of the tables.
        show: the value as text.
    """

    label: str
    show: callable


def digits(value):
    """Three significant digits, no exponent.

    >>> digits(0.1234), digits(12.34), digits(1234.5)
    ('0.123', '12.3', '1234')
    """
    decimals = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{decimals}f}"


MEASURES = {
    "train": Measure("train, ms/step", digits),
    "predict": Measure("predict, samples/s", lambda us: f"{1e6 / us:.0f}"),
    "call": Measure("model(one sample), calls/s", lambda us: f"{1e6 / us:.0f}"),
    "one": Measure("predict(one sample), calls/s", lambda us: f"{1e6 / us:.0f}"),
    "numpy": Measure("import numpy alone, ms", digits),
    "import": Measure("import over NumPy, ms", digits),
    "first": Measure("first step done, s", digits),
    "peak": Measure("peak memory, MB", digits),
    "installed": Measure("installed, MB", digits),
}


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of some values."""

    median: float
    low: float
    high: float

    def __str__(self):
        if self.low == self.high:
            return f"{self.median:.2f}"
        unclear = " ~" if self.low < 1 < self.high else ""
        return f"{self.median:.2f} ({self.low:.2f}..{self.high:.2f}){unclear}"


def spread(values):
    """Returns the Spread of a sequence that is not empty.

    >>> str(spread([0.5, 0.4, 0.9]))
    '0.50 (0.40..0.90)'
    """
    return Spread(statistics.median(values), min(values), max(values))


def ratios(ours, theirs):
    """Ours over theirs, round by round.

    A round's slices lie seconds apart, so a machine that is slow for a while slows both, and the
    ratio of a round says more than the ratio of two medians.

    Args:
        ours, theirs: values by round, dicts.

    Returns:
        A list over the rounds that both have.
    """
    return [ours[r] / theirs[r] for r in sorted(ours) if r in theirs]


def fastest(peers):
    """Name of the peer with the least median, or None.

    One peer for all rounds: the least of several noisy values in each round would be too small.

    Args:
        peers: values by round, by name.
    """
    medians = {name: statistics.median(v.values()) for name, v in peers.items() if v}
    return min(medians, key=medians.get) if medians else None


def values_by_round(slices):
    """Returns `{round: value}` of a list of slices."""
    return {s["round"]: s["value"] for s in slices}


def align(rows):
    """Rows of text cells as lines of columns, the first row underlined."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]
    return [lines[0], "  ".join("-" * w for w in widths), *lines[1:]]


def present(measured):
    """Measures that any library has, in the order of MEASURES."""
    return [m for m in MEASURES if any(slices.get(m) for slices in measured.values())]


def value_table(results, names):
    """Lines: the median of each measure, a column for each library.

    Args:
        results: `{case: {"measured": {name: {measure: [slice]}}, "missing": {name: (kind, why)}}}`.
        names: libraries, ours first.
    """
    rows = [["case", "measure", *names]]
    for case, result in results.items():
        for m in present(result["measured"]):
            cells = [result["measured"].get(name, {}).get(m) for name in names]
            medians = [c and statistics.median(values_by_round(c).values()) for c in cells]
            rows.append([case, MEASURES[m].label,
                         *(MEASURES[m].show(v) if v else "-" for v in medians)])
    return align(rows)


def ratio_row(case, m, measured, ours, peers):
    """Cells of one case and measure: each peer, the fastest, the load by others."""
    rounds = {n: values_by_round(s.get(m, [])) for n, s in measured.items()}
    mine = rounds.get(ours, {})
    found = {n: ratios(mine, rounds[n]) for n in peers if rounds.get(n)}
    cells = [str(spread(found[n])) if found.get(n) else "-" for n in peers]
    best = fastest({n: rounds[n] for n in found})
    over = f"{spread(found[best])} {best}" if best and found[best] else "-"
    others = [s["others"] for slices in measured.values() for s in slices.get(m, [])
              if "others" in s]
    load = f"{statistics.median(others):.1f}, {max(others):.1f}" if others else ""
    return [case, MEASURES[m].label.partition(",")[0], *cells, over, load]


def ratio_table(results, names):
    """Lines: ours over each peer, and over the fastest one; what is missing keeps its row.

    Args:
        results, names: as in `value_table`.
    """
    ours, *peers = names
    header = ["case", "measure", *(f"/ {n}" for n in peers), "/ fastest", "others"]
    rows, notes = [header], []
    for case, result in results.items():
        for name, (kind, reason) in result["missing"].items():
            notes.append((len(rows), f"{kind}: {case} ({name}: {reason})"))
        for m in present(result["measured"]):
            rows.append(ratio_row(case, m, result["measured"], ours, peers))
    lines = align(rows)
    for position, note in reversed(notes):  # from the end, so that earlier positions stay right
        lines.insert(position + 1, note)
    return lines
