"""``drift.distribution``: a column's values are distributed as they were in the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import graded, judged, number_text, percent
from headwater.core.arrays import to_python
from headwater.core.errors import SchemaError, UsageError
from headwater.core.findings import Finding
from headwater.methods.divergence import jensen_shannon, psi, psi_noise
from headwater.profile.base import Measure, NeedExact
from headwater.profile.columns import Counts
from headwater.profile.kinds import Kind, as_python, kind_of
from headwater.profile.quantiles import Quantiles, QuantilesState
from headwater.profile.tally import Tally
from headwater.profile.top import TopState, TopValues

__all__ = ["Distribution", "Statistic"]

Statistic = Literal["psi", "js", "ks"]

F64 = NDArray[np.float64]

_LIMITS = {"psi": 0.2, "js": 0.2, "ks": 0.1}
_NAMES = {
    "psi": "population stability index",
    "js": "Jensen-Shannon distance",
    "ks": "Kolmogorov-Smirnov distance",
}
_BINS = 10
_CATEGORIES = 50
_CONFIDENCE = 0.999


@CHECKS.register("drift.distribution")
@dataclass(frozen=True, kw_only=True)
class Distribution(Check):
    """The distribution of a column is near that of the baseline. Without a baseline there is nothing to judge.

    Numbers and times are compared over the baseline's deciles, everything else over its 50 most frequent
    values; missing values are a bin of their own (but for ``ks``, which is about values alone).

    Parameters
    ----------
    column : str
        The column.
    statistic : {"psi", "js", "ks"}
        Population stability index, Jensen-Shannon distance, or (numbers and times) Kolmogorov-Smirnov.
    maximum : float, optional
        What is let pass: 0.2, 0.2 and 0.1 by default. A population stability index that chance alone would
        give so few rows passes too.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "drift.distribution"
    title = "Changed distributions"

    column: str
    statistic: Statistic = "psi"
    maximum: float | None = None
    level: Level = "warn"

    def __post_init__(self) -> None:
        if self.statistic not in _LIMITS:
            raise UsageError(
                f"There is no drift statistic {self.statistic!r}. Statistics: {', '.join(_LIMITS)}."
            )

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Summarise the distribution, where there is something to compare it with."""
        if target.baseline is None or self.column not in target.baseline.schema.names:
            return []
        return self._summaries(target)

    def baseline_measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Summarise the same of the baseline."""
        return self.measures(target)

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Compare."""
        if states.baseline is None or target.baseline is None:
            return [self._passed("There is no baseline to compare with.")]
        if self.column not in target.baseline.schema.names:
            return [self._passed(f"Column {self.column!r} is new: the baseline does not have it.")]
        measures = self._summaries(target)
        old = self._summary(states.baseline, target)
        new = self._summary(states, target)
        if not old.total or not new.total:
            return [self._passed(f"Column {self.column!r} has no values to compare.")]
        if old.stale:
            raise NeedExact(measures)
        value = self._distance(old, new)
        limit = _LIMITS[self.statistic] if self.maximum is None else self.maximum
        if self.statistic == "psi":
            noise = psi_noise(states.baseline.rows, states.rows, len(old.counts), _CONFIDENCE)
            limit = max(limit, noise)
        if new.stale and self._greatest(old, new) > limit:
            raise NeedExact(measures)
        broken = value > limit
        reading = f"{_NAMES[self.statistic]} {number_text(round(value, 4))}"
        return [
            judged(
                self,
                broken,
                f"The values of {self.column!r} are distributed differently than in the baseline "
                f"({reading}): {_greatest_change(old, new)}."
                if broken
                else f"The values of {self.column!r} are distributed as in the baseline ({reading}).",
                severity=graded(0.45, min(value / max(4 * limit, 1e-9), 1.0)),
                column=self.column,
                value=value,
                threshold=limit,
                evidence={"bins": old.names, "baseline": _shares(old), "now": _shares(new)} if broken else {},
            )
        ]

    def _passed(self, message: str) -> Finding:
        return judged(self, False, message, column=self.column)

    def _summaries(self, target: Target) -> list[Measure[Any]]:
        values: Measure[Any] = (
            Quantiles(column=self.column) if self._is_ordered(target) else TopValues(column=self.column)
        )
        return [Counts(column=self.column), values]

    def _is_ordered(self, target: Target) -> bool:
        assert target.baseline is not None
        kinds = [
            kind_of(dataset.schema.field(self.column).type) for dataset in (target.dataset, target.baseline)
        ]
        if self.statistic == "ks" and not all(kind.is_ordered for kind in kinds):
            raise SchemaError(
                f"Column {self.column!r} has no order: Kolmogorov-Smirnov needs numbers or times. Use psi or js.",
                column=self.column,
            )
        if kinds[0].is_ordered != kinds[1].is_ordered or (Kind.TIME in kinds and kinds[0] != kinds[1]):
            raise SchemaError(
                f"Column {self.column!r} is {kinds[0]} now and was {kinds[1]} in the baseline: "
                "their distributions cannot be compared.",
                column=self.column,
            )
        return kinds[0].is_ordered

    def _summary(self, states: States, target: Target) -> _Summary:
        tally = states[Counts(column=self.column)]
        missing = _missing(tally)
        if self._is_ordered(target):
            quantiles = states[Quantiles(column=self.column)]
            base = (states.baseline or states)[Quantiles(column=self.column)]
            return _ordered(quantiles, base, missing, target.schema.field(self.column).type)
        top = states[TopValues(column=self.column)]
        base_top = (states.baseline or states)[TopValues(column=self.column)]
        return _categories(top, base_top, missing)

    def _distance(self, old: _Summary, new: _Summary) -> float:
        if self.statistic == "psi":
            return psi(old.counts, new.counts)
        if self.statistic == "js":
            return jensen_shannon(old.counts, new.counts)
        return _ks(old, new)

    def _greatest(self, old: _Summary, new: _Summary) -> float:
        """Return a bound on the distance, whatever stale rows there are among the new."""
        if self.statistic == "ks":
            return _ks(old, new) + (2 * new.stale + 4 * new.error) / max(new.total - new.stale, 1.0)
        slack = new.stale + 4 * new.error
        q = np.where(old.counts == 0, 0.5, old.counts) / old.counts.sum()
        total = max(new.total - new.stale, 1.0)
        low = np.maximum(new.counts - slack, 0.5) / new.total
        high = np.minimum((np.maximum(new.counts, 0.5) + 4 * new.error) / total, 1.0)
        # Each term is convex in the share, so it is greatest at an end.
        if self.statistic == "psi":
            return float(
                sum(
                    max((p - b) * np.log(p / b) for p in (x, y)) for x, y, b in zip(low, high, q, strict=True)
                )
            )
        terms = [max(_js_term(p, b) for p in (x, y)) for x, y, b in zip(low, high, q, strict=True)]
        return float(np.sqrt(min(max(sum(terms), 0.0), 1.0)))


@dataclass(frozen=True, slots=True)
class _Summary:
    """A distribution over the bins of the baseline."""

    names: list[str]
    counts: F64
    total: float
    stale: int
    error: int
    quantiles: QuantilesState | None = None


def _ordered(state: QuantilesState, base: QuantilesState, missing: int, type_: pa.DataType) -> _Summary:
    """Count between the deciles of the baseline, values equal to one going to the bin that it ends."""
    edges = np.unique(base.quantile(np.linspace(0, 1, _BINS + 1)[1:-1])) if base.count else np.zeros(0)
    running = state.whole.ranks(edges)[1] if state.count else np.zeros(len(edges))
    counts = np.diff(np.concatenate([[0.0], running, [float(state.count)]]))
    texts = [
        str(as_python(edge, type_)) if kind_of(type_) is Kind.TIME else number_text(edge)
        for edge in edges.tolist()
    ]
    names = (
        [
            f"up to {texts[0]}",
            *(f"{a} to {b}" for a, b in pairwise(texts)),
            f"above {texts[-1]}",
        ]
        if texts
        else ["all values"]
    )
    counts = np.append(counts, float(missing))
    error = state.rank_error if state.count else 0
    return _Summary([*names, "missing"], counts, float(counts.sum()), state.stale_rows, error, state)


def _categories(state: TopState, base: TopState, missing: int) -> _Summary:
    """Count the most frequent values of the baseline, the others together."""
    chosen = [value for value, _, _ in base.top(_CATEGORIES)]
    values, found = state.values()
    known = dict(zip(to_python(values), found.tolist(), strict=True))
    counts = [float(known.get(value, 0)) for value in chosen]
    others = max(float(state.count) - sum(counts), 0.0)
    all_counts = np.array([*counts, others, float(missing)])
    names = [str(value) for value in chosen]
    return _Summary([*names, "others", "missing"], all_counts, float(all_counts.sum()), state.stale_rows, 0)


def _ks(old: _Summary, new: _Summary) -> float:
    if old.quantiles is None or new.quantiles is None or not old.quantiles.count or not new.quantiles.count:
        return 0.0
    a, b = old.quantiles.whole, new.quantiles.whole
    at = np.union1d(a.points, b.points)
    gaps = [x / a.count - y / b.count for x, y in zip(a.ranks(at), b.ranks(at), strict=True)]
    return float(np.abs(np.concatenate(gaps)).max())


def _js_term(p: float, q: float) -> float:
    middle = (p + q) / 2
    return float(0.5 * (p * np.log2(p / middle) + q * np.log2(q / middle)))


def _missing(tally: Tally) -> int:
    return tally["nulls"] + tally.counts.get("nan", 0)


def _shares(summary: _Summary) -> list[float]:
    return [round(share, 6) for share in (summary.counts / summary.counts.sum()).tolist()]


def _greatest_change(old: _Summary, new: _Summary) -> str:
    before, after = old.counts / old.counts.sum(), new.counts / new.counts.sum()
    place = int(np.abs(after - before).argmax())
    return f"{old.names[place]!r} had {percent(before[place])} of the rows and has {percent(after[place])}"
