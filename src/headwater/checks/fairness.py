"""``fairness.*``: how many rows each group has, and how often each has the label that matters.

These are facts about data, not verdicts about fairness: a difference between groups may have many causes,
and a model trained on the rows learns it whatever the cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.groups import Group, exact_groups, group_counts
from headwater.checks.judging import judged, percent, rows_text
from headwater.core.errors import UsageError
from headwater.core.findings import Finding, Fix
from headwater.core.schema import require_columns
from headwater.methods.intervals import newcombe_difference, wilson
from headwater.profile.base import Measure
from headwater.profile.groups import Groups

__all__ = ["BaseRate", "Representation"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_MOST_CLASSES = 50


@CHECKS.register("fairness.representation")
@dataclass(frozen=True, kw_only=True)
class Representation(Check):
    """Each group of a sensitive feature has enough rows to learn from and to measure by.

    Parameters
    ----------
    columns : tuple of str
        The sensitive features, each judged for itself; the contract's by default.
    minimum : float
        The least share of rows that a group should have, from 0 to 1.
    minimum_rows : int
        The least number of rows.
    reference : mapping of str to float
        The share that each group has where the model will be used, by value. A group whose whole interval
        lies below four fifths of it is under-represented.
    level : {"warn", "fail"}
        The outcome if a group has too few.

    References
    ----------
    Wilson (1927). doi:10.1080/01621459.1927.10502953 (the interval of a share).
    """

    id = "fairness.representation"
    title = "Group sizes"

    columns: tuple[str, ...] = ()
    minimum: float = 0.05
    minimum_rows: int = 100
    reference: Mapping[str, float] = field(default_factory=dict)
    level: Level = "warn"

    def __hash__(self) -> int:
        return hash((self.columns, self.minimum, self.minimum_rows, self.level))

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for sensitive features."""
        return (cls(),) if target.sensitive else ()

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count the rows of each group."""
        return [Groups(by=(column,)) for column in _features(self.columns, target)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Judge each sensitive feature."""
        return [self._judge(column, states, target) for column in _features(self.columns, target)]

    def _judge(self, column: str, states: States, target: Target) -> Finding:
        state = exact_groups(states, Groups(by=(column,)))
        counted = group_counts(state, [column], target.schema)
        groups, rows = counted.groups[0], counted.table(0)
        total = int(rows.sum())
        if total == 0:
            return _nothing(self, column, "no rows, so no groups to compare")
        low, high = wilson(rows, total)
        wanted = np.array([0.8 * self.reference.get(group.value, 0.0) for group in groups])
        small = (rows / total < self.minimum) | (rows < self.minimum_rows) | (high < wanted)
        small &= np.array([group.value != "" for group in groups])
        # The missing group is shown, not judged: completeness.null_fraction is about it.
        named = np.flatnonzero([group.value != "" for group in groups])
        if not len(named):
            return _nothing(self, column, "no values, so no groups to compare")
        at = int(named[np.argmin(rows[named])])
        share = float(rows[at] / total)
        few = [
            f"{groups[i]} ({rows_text(int(rows[i]))}, {percent(rows[i] / total)})"
            for i in np.flatnonzero(small)
        ]
        bad = (
            f"{'One group has' if len(few) == 1 else f'{len(few)} groups have'} few rows: {', '.join(few[:5])}. "
            "What a model does for them is learnt from little and hard to measure."
        )
        good = (
            f"Every group of {column!r} has at least {rows[at]:,} rows; "
            f"the smallest is {groups[at]} ({percent(share)})."
        )
        return judged(
            self,
            bool(small.any()),
            bad if small.any() else good,
            severity=round(0.35 + 0.3 * (1.0 - share / max(self.minimum, share)), 3),
            column=column,
            slice=groups[at].where,
            value=share,
            threshold=self.minimum,
            interval=(float(low[at]), float(high[at])),
            evidence={"groups": _rows_of(groups, rows, np.full(len(rows), total), low, high)},
        )


@CHECKS.register("fairness.base_rate")
@dataclass(frozen=True, kw_only=True)
class BaseRate(Check):
    """All groups of a sensitive feature have the label that matters about equally often.

    Each group is compared with the largest one.

    Parameters
    ----------
    columns : tuple of str
        The sensitive features, each judged for itself; the contract's by default.
    label : str
        The label column; the contract's by default.
    positive : Any
        The value that matters; by default the greater of two, and of more classes the one that differs most.
    maximum : float
        The greatest difference of rates that passes, from 0 (equal rates) to 1.
    level : {"warn", "fail"}
        The outcome above it; a difference that chance may explain passes.

    References
    ----------
    Newcombe (1998). Interval estimation for the difference between independent proportions, method 10.
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I
    """

    id = "fairness.base_rate"
    title = "Labels by group"

    columns: tuple[str, ...] = ()
    label: str = ""
    positive: Any = None
    maximum: float = 0.1
    level: Level = "warn"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for sensitive features, and for a label of classes."""
        if not target.label or set(target.sensitive) <= {target.label}:
            return ()
        return () if pa.types.is_floating(target.schema.field(target.label).type) else (cls(),)

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count the rows of each group by label."""
        label = self._label(target)
        return [Groups(by=(column, label)) for column in _features(self.columns, target) if column != label]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Judge each sensitive feature."""
        label = self._label(target)
        return [
            self._judge(column, label, states, target)
            for column in _features(self.columns, target)
            if column != label
        ]

    def _judge(self, column: str, label: str, states: States, target: Target) -> Finding:
        state = exact_groups(states, Groups(by=(column, label)))
        counted = group_counts(state, [column, label], target.schema, whole=[label])
        labels = counted.groups[1]
        if len(labels) > _MOST_CLASSES:
            return _nothing(self, column, f"label {label!r} has {len(labels):,} values, too many for rates")
        table = counted.table(0, 1)
        kept = np.flatnonzero([group.value != "" for group in counted.groups[0]])
        known = np.flatnonzero([group.value != "" for group in labels])
        groups, table = [counted.groups[0][i] for i in kept], table[np.ix_(kept, known)]
        labels = [labels[i] for i in known]
        rows = table.sum(axis=1)
        if (rows > 0).sum() < 2:
            return _nothing(self, column, f"fewer than two groups with a value of {label!r}")
        widest = max(
            (_widest(table[:, at], rows, at) for at in self._classes(labels)),
            key=lambda one: (one.is_certain, abs(one.difference)),
        )
        return self._finding(column, groups, labels, table, widest)

    def _finding(
        self, column: str, groups: list[Group], labels: list[Group], table: I64, widest: _Difference
    ) -> Finding:
        rows, hits = table.sum(axis=1), table[:, widest.label]
        broken = widest.is_certain and abs(widest.difference) > self.maximum
        one, other = groups[widest.group], groups[widest.largest]
        what = f"{labels[widest.label]}"
        rate, base = hits[widest.group] / rows[widest.group], hits[widest.largest] / rows[widest.largest]
        low, high = (100 * abs(end) for end in sorted(widest.interval, key=abs))
        # An interval that reaches across zero starts at no difference.
        low = 0.0 if not widest.is_certain else low
        facts = (
            f"{percent(rate)} of rows with {one} have {what}, and {percent(base)} of rows with {other}: a "
            f"difference of {100 * abs(widest.difference):.1f} points (95 % interval {low:.1f} to {high:.1f})"
        )
        bad = f"{facts}. A model trained on these rows learns the difference, whatever its cause."
        good = f"{facts}, {'which chance may explain' if not widest.is_certain else 'within the limit'}."
        low_rate, high_rate = wilson(hits, rows)
        return judged(
            self,
            broken,
            bad if broken else good,
            severity=round(min(0.5 + abs(widest.difference), 0.95), 3),
            column=column,
            slice=one.where,
            value=abs(widest.difference),
            threshold=self.maximum,
            interval=(low / 100, high / 100),
            evidence={
                "label": what,
                "largest_group": str(other),
                "ratio": float(rate / base) if base else None,
                "groups": _rows_of(groups, hits, rows, low_rate, high_rate),
            },
            fix=Fix(transform="rebalance.reweigh", parameters={"columns": [column]}) if broken else None,
        )

    def _classes(self, labels: list[Group]) -> list[int]:
        if self.positive is not None:
            texts = [label.value for label in labels]
            wanted = str(self.positive)
            if wanted not in texts:
                raise UsageError(
                    f"No row has the label {wanted!r}; there are {', '.join(texts)}.", value=self.positive
                )
            return [texts.index(wanted)]
        return [1] if len(labels) == 2 else list(range(len(labels)))

    def _label(self, target: Target) -> str:
        label = self.label or target.label
        if not label:
            raise UsageError("Rates need a label column. Name one in the contract: hw contract, or --label.")
        require_columns(target.schema, [label], where=f"dataset {target.dataset.name!r}")
        return label


@dataclass(frozen=True, slots=True)
class _Difference:
    """The difference of one group's rate of one label to that of the largest group."""

    label: int
    group: int
    largest: int
    difference: float
    interval: tuple[float, float]

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.interval[0] > 0 or self.interval[1] < 0


def _widest(hits: I64, rows: I64, label: int) -> _Difference:
    """Return the widest difference to the largest group that chance does not explain, else the widest.

    Intervals are widened for the number of comparisons (Bonferroni).
    """
    largest = int(np.argmax(rows))
    others = np.array([at for at in np.flatnonzero(rows) if at != largest])
    confidence = 1.0 - 0.05 / len(others)
    low, high = newcombe_difference(hits[others], rows[others], hits[largest], rows[largest], confidence)
    difference = hits[others] / rows[others] - hits[largest] / rows[largest]
    certain = (low > 0) | (high < 0)
    best = int(np.lexsort((np.abs(difference), certain))[-1])
    return _Difference(
        label, int(others[best]), largest, float(difference[best]), (float(low[best]), float(high[best]))
    )


def _rows_of(groups: Sequence[Group], hits: I64, rows: I64, low: F64, high: F64) -> list[dict[str, Any]]:
    """Return a row of evidence for each group: its share or rate, with Wilson's interval."""
    return [
        {
            "group": group.value or None,
            "rows": int(rows[at]),
            "count": int(hits[at]),
            "rate": float(hits[at] / rows[at]) if rows[at] else None,
            "low": float(low[at]),
            "high": float(high[at]),
        }
        for at, group in enumerate(groups)
    ]


def _features(columns: Sequence[str], target: Target) -> tuple[str, ...]:
    found = tuple(columns) or target.sensitive
    if not found:
        raise UsageError(
            "There are no groups to compare: name sensitive features in the contract, or with --sensitive."
        )
    require_columns(target.schema, found, where=f"dataset {target.dataset.name!r}")
    return found


def _nothing(check: Representation | BaseRate, column: str, why: str) -> Finding:
    return judged(check, False, f"Column {column!r}: {why}.", column=column)
