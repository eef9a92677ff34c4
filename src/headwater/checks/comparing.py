"""What drift checks compare: the distribution of a column then and now, over the same bins, with a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.base import States, Target
from headwater.checks.judging import number_text, percent
from headwater.core.arrays import to_python
from headwater.core.errors import SchemaError
from headwater.methods.divergence import align_counts
from headwater.methods.two_samples import (
    Steps,
    homogeneity_p_value,
    ks_p_value,
    proportion_p_value,
    wasserstein,
)
from headwater.profile.base import Measure
from headwater.profile.columns import Counts
from headwater.profile.kinds import Kind, as_python, kind_of
from headwater.profile.quantiles import Quantiles, QuantilesState, Staircase
from headwater.profile.tally import Tally
from headwater.profile.top import TopState, TopValues

__all__ = [
    "Summary",
    "categories",
    "greatest_change",
    "is_ordered",
    "ks_distance",
    "may_drift",
    "missing_of",
    "moved",
    "ordered",
    "p_value",
    "summaries",
    "summarized",
]

F64 = NDArray[np.float64]

_BINS = 10
_CATEGORIES = 50
_TESTED = 100
_ATOM = 0.05
"""The share of rows from which a single value is a bin of its own."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A distribution over the bins of the baseline.

    Parameters
    ----------
    names : list of str
        The bins, in words; the last is that of missing values.
    counts : numpy.ndarray of float64
        Rows in each.
    total : float
        Rows.
    stale, error : int
        By how many rows that are no longer there, and by how many because they are estimated, counts can be off.
    quantiles, top : optional
        What they were counted from.
    """

    names: list[str]
    counts: F64
    total: float
    stale: int
    error: int
    quantiles: QuantilesState | None = None
    top: TopState | None = None

    @property
    def missing(self) -> float:
        """Rows without a value."""
        return float(self.counts[-1])

    def shares(self) -> list[float]:
        """Return the share of each bin."""
        return [round(share, 6) for share in (self.counts / self.counts.sum()).tolist()]


def may_drift(target: Target) -> list[str]:
    """Return the columns that can be compared with those of the baseline, and that mean anything.

    Keys differ by design, and a changed kind is for ``schema.drift`` to report.
    """
    assert target.baseline is not None
    before = {field.name: kind_of(field.type) for field in target.baseline.schema}
    kinds = {field.name: kind_of(field.type) for field in target.schema if field.name not in target.key}
    return [name for name, kind in kinds.items() if kind.is_countable and before.get(name) is kind]


def is_ordered(column: str, target: Target) -> bool:
    """Say whether a column is numbers or times, on both sides.

    Raises
    ------
    SchemaError
        If it is of kinds that cannot be compared.
    """
    assert target.baseline is not None
    kinds = [kind_of(dataset.schema.field(column).type) for dataset in (target.dataset, target.baseline)]
    if kinds[0].is_ordered != kinds[1].is_ordered or (Kind.TIME in kinds and kinds[0] != kinds[1]):
        raise SchemaError(
            f"Column {column!r} is {kinds[0]} now and was {kinds[1]} in the baseline: "
            "their distributions cannot be compared.",
            column=column,
        )
    return kinds[0].is_ordered


def summaries(column: str, target: Target) -> list[Measure[Any]]:
    """Return the measures that a column is compared by."""
    values: Measure[Any] = (
        Quantiles(column=column) if is_ordered(column, target) else TopValues(column=column)
    )
    return [Counts(column=column), values]


def summarized(column: str, states: States, target: Target) -> tuple[Summary, Summary]:
    """Return a column in the baseline and now, over the bins of the baseline."""
    before = states.baseline
    assert before is not None
    counts, values = summaries(column, target)
    type_ = target.schema.field(column).type
    if isinstance(values, Quantiles):
        return (
            ordered(before[values], before[values], missing_of(before[counts]), type_),
            ordered(states[values], before[values], missing_of(states[counts]), type_),
        )
    return (
        categories(before[values], before[values], missing_of(before[counts])),
        categories(states[values], before[values], missing_of(states[counts])),
    )


def ordered(state: QuantilesState, base: QuantilesState, missing: int, type_: pa.DataType) -> Summary:
    """Count between the deciles of the baseline; a value that many of its rows have is a bin of its own."""
    cuts, names = _cuts(base, type_)
    at = np.array([value for value, _ in cuts])
    below, up_to = state.whole.ranks(at) if state.count else (np.zeros(len(at)), np.zeros(len(at)))
    running = np.where(np.array([closed for _, closed in cuts], np.bool_), up_to, below)
    counts = np.append(np.diff(np.concatenate([[0.0], running, [float(state.count)]])), float(missing))
    error = state.rank_error if state.count else 0
    return Summary([*names, "missing"], counts, float(counts.sum()), state.stale_rows, error, quantiles=state)


def categories(state: TopState, base: TopState, missing: int) -> Summary:
    """Count the most frequent values of the baseline, the others together."""
    chosen = [value for value, _, _ in base.top(_CATEGORIES)]
    values, found = state.values()
    known = dict(zip(to_python(values), found.tolist(), strict=True))
    counts = [float(known.get(value, 0)) for value in chosen]
    others = max(float(state.count) - sum(counts), 0.0)
    all_counts = np.array([*counts, others, float(missing)])
    names = [str(value) for value in chosen]
    total = float(all_counts.sum())
    return Summary([*names, "others", "missing"], all_counts, total, state.stale_rows, 0, top=state)


def p_value(old: Summary, new: Summary) -> float:
    """Return the probability of a difference as large when nothing has changed.

    Kolmogorov-Smirnov for numbers and times, chi-square for everything else; missing values by a test of their
    own beside the former, and then twice the smaller p-value. Where counts are estimates, the least difference that
    they allow is tested.
    """
    if new.top is not None and old.top is not None:
        return homogeneity_p_value(*_tested(old, new))
    assert old.quantiles is not None
    assert new.quantiles is not None
    n, m = old.quantiles.count, new.quantiles.count
    values = 1.0
    if n and m:
        slack = old.quantiles.rank_error / n + new.quantiles.rank_error / m
        values = ks_p_value(max(ks_distance(old, new) - slack, 0.0), n, m)
    if not old.missing and not new.missing:
        return values
    missing = proportion_p_value(old.missing, old.total, new.missing, new.total)
    return min(2 * min(values, missing), 1.0)


def ks_distance(old: Summary, new: Summary) -> float:
    """Return the largest gap between the distribution functions; 0 where one has no values."""
    if old.quantiles is None or new.quantiles is None or not old.quantiles.count or not new.quantiles.count:
        return 0.0
    a, b = old.quantiles.whole, new.quantiles.whole
    at = np.union1d(a.points, b.points)
    gaps = [x / a.count - y / b.count for x, y in zip(a.ranks(at), b.ranks(at), strict=True)]
    return float(np.abs(np.concatenate(gaps)).max())


def moved(old: Summary, new: Summary) -> float:
    """Return how far values moved on average, in standard deviations of the baseline.

    Infinite where the baseline is constant and the new values are not the same constant.
    """
    if old.quantiles is None or new.quantiles is None or not old.quantiles.count or not new.quantiles.count:
        return 0.0
    sides = [_finite(state.quantiles.whole) for state in (old, new) if state.quantiles is not None]
    if not all(side.count for side in sides):
        return 0.0
    at = np.union1d(sides[0].points, sides[1].points)
    steps = [Steps(at, *(rank / side.count for rank in side.ranks(at))) for side in sides]
    distance, spread = wasserstein(*steps), _deviation(sides[0])
    if spread > 0:
        return distance / spread
    return 0.0 if distance == 0 else float("inf")


def missing_of(tally: Tally) -> int:
    """Return how many values are null or NaN."""
    return tally["nulls"] + tally.counts.get("nan", 0)


def greatest_change(old: Summary, new: Summary) -> str:
    """Return in words which bin changed most."""
    before, after = old.counts / old.counts.sum(), new.counts / new.counts.sum()
    place = int(np.abs(after - before).argmax())
    return f"{old.names[place]!r} had {percent(before[place])} of the rows and has {percent(after[place])}"


def _cuts(base: QuantilesState, type_: pa.DataType) -> tuple[list[tuple[float, bool]], list[str]]:
    """Return where bins end (a value, and whether it belongs to the bin that it ends), and the bins in words."""
    edges = np.unique(base.quantile(np.linspace(0, 1, _BINS + 1)[1:-1])) if base.count else np.zeros(0)
    if not len(edges):
        return [], ["all values"]
    below, up_to = base.whole.ranks(edges)
    atoms = up_to - below >= _ATOM * base.count
    cuts: list[tuple[float, bool]] = []
    for edge, atom in zip(edges.tolist(), atoms.tolist(), strict=True):
        cuts += [(edge, False), (edge, True)] if atom else [(edge, True)]
    is_time = kind_of(type_) is Kind.TIME
    texts = [str(as_python(value, type_)) if is_time else number_text(value) for value, _ in cuts]
    names = [f"up to {texts[0]}" if cuts[0][1] else f"below {texts[0]}"]
    for place in range(1, len(cuts)):
        if cuts[place][0] == cuts[place - 1][0]:
            names.append(texts[place])
        else:
            names.append(f"{texts[place - 1]} to {'' if cuts[place][1] else 'below '}{texts[place]}")
    return cuts, [*names, f"above {texts[-1]}"]


def _tested(old: Summary, new: Summary) -> tuple[F64, F64]:
    """Return counts of values for a test: of those frequent on both sides together, and well known on each.

    The bins of the baseline will not do: what is most frequent there is so by chance as well, and less so now.
    """
    assert old.top is not None
    assert new.top is not None
    tables = []
    for top in (old.top, new.top):
        values, counts = top.values()
        tables.append(pa.table({"value": values, "count": counts}))
    _, first, second = align_counts(*tables)
    slack = old.top.summary.error + new.top.summary.error
    both = (first + second).astype(np.float64)
    least = both * min(old.top.count, new.top.count) / max(old.top.count + new.top.count, 1)
    order = np.argsort(-both, kind="stable")[:_TESTED]
    chosen = order[slack <= 0.3 * np.sqrt(least[order])]
    sides = []
    for summary, counts in ((old, first), (new, second)):
        picked = counts[chosen].astype(np.float64)
        rest = max(summary.total - summary.missing - picked.sum(), 0.0)
        sides.append(np.array([*picked, rest, summary.missing]))
    return sides[0], sides[1]


def _finite(whole: Staircase) -> Staircase:
    """Return the part of a staircase with finite points; values between a finite and an infinite one go."""
    inside = np.isfinite(whole.points)
    if inside.all():
        return whole
    points, below, up_to = whole.points[inside], whole.below[inside], whole.up_to[inside]
    start = below[:1] if len(below) else np.zeros(1, np.int64)
    return Staircase(points, below - start, up_to - start, whole.error)


def _deviation(whole: Staircase) -> float:
    """Return the standard deviation, values between points taken as spread evenly."""
    at = (whole.up_to - whole.below) / whole.count
    between = np.maximum(whole.below[1:] - whole.up_to[:-1], 0) / whole.count
    low, high = whole.points[:-1], whole.points[1:]
    with np.errstate(over="ignore", invalid="ignore"):
        mean = (at * whole.points).sum() + (between * (low + high) / 2).sum()
        spread = (at * (whole.points - mean) ** 2).sum()
        spread += (between * (((low + high) / 2 - mean) ** 2 + (high - low) ** 2 / 12)).sum()
        return float(np.sqrt(max(spread, 0.0)))
