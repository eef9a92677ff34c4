"""``drift.label``: labels are as frequent as in the baseline, in all rows and in each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.comparing import Summary, greatest_change, is_ordered, p_value, summaries, summarized
from headwater.checks.drift import adjusted, p_text, require_level
from headwater.checks.judging import graded, judged, number_text, percent
from headwater.core.errors import UsageError
from headwater.core.findings import Finding
from headwater.core.schema import require_columns
from headwater.methods.two_samples import homogeneity_p_value
from headwater.profile.base import Measure, NeedExact
from headwater.profile.groups import Groups, GroupsState
from headwater.profile.kinds import Kind, kind_of
from headwater.profile.quoting import identifier, literal

__all__ = ["LabelDrift", "largest_shift"]

F64 = NDArray[np.float64]

_CLASSES = 50
_GROUPS = 50
_COLUMNS = 8
_LEAST_ROWS = 30
_LISTED = 5


@CHECKS.register("drift.label")
@dataclass(frozen=True, kw_only=True)
class LabelDrift(Check):
    """The label is distributed as in the baseline: in all rows, and in the rows of each group.

    Where it changed in all rows, but in no group, the groups have other shares than before (covariate shift). Where it
    changed within groups, the same kind of row has another label than before (concept drift), and a model trained on
    the baseline is wrong more often.

    Parameters
    ----------
    column : str, optional
        The label; by default the one the contract names.
    by : tuple of str
        Columns of groups; by default the sensitive features and up to eight columns of texts or truth values.
    maximum : float
        What is let pass: the largest change of the share of a class, as Cohen's h, where 0.2 is a small effect (1 % to
        4 %, or 50 % to 60 %).
    alpha : float
        How often chance alone may give an alarm, in all groups together.
    level : {"warn", "fail"}
        The outcome of an alarm.

    Notes
    -----
    h = |2 asin sqrt(p) - 2 asin sqrt(q)| of shares p then and q now; chi-square tests (Kolmogorov-Smirnov for a label
    that is a quantity), adjusted for their number by Holm. Groups with fewer than 30 rows on a side are left out.

    References
    ----------
    Cohen (1988). Statistical power analysis for the behavioral sciences, 6. doi:10.4324/9780203771587
    Moreno-Torres et al. (2012). A unifying view on dataset shift in classification.
    doi:10.1016/j.patcog.2011.06.019 (the kinds of shift).
    """

    id = "drift.label"
    title = "Changed labels"

    column: str | None = None
    by: tuple[str, ...] = ()
    maximum: float = 0.2
    alpha: float = 0.01
    level: Level = "warn"

    def __post_init__(self) -> None:
        require_level(self.alpha)

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for a label that the baseline has as well, of the same kind."""
        label, before = target.label, target.baseline
        if (
            label is None
            or before is None
            or label not in target.schema.names
            or label not in before.schema.names
        ):
            return ()
        kinds = {kind_of(dataset.schema.field(label).type) for dataset in (target.dataset, before)}
        return (cls(),) if len(kinds) == 1 and all(kind.is_countable for kind in kinds) else ()

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count labels, and labels by group."""
        label = self._label(target)
        if target.baseline is None or label not in target.baseline.schema.names:
            return []
        return [*summaries(label, target), *self._groups(label, target)]

    def baseline_measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count the same of the baseline."""
        return self.measures(target)

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Compare all rows, then each group, then allow for the number of tests."""
        label = self._label(target)
        if target.baseline is None or states.baseline is None:
            return [judged(self, False, "There is no baseline to compare with.", column=label)]
        if label not in target.baseline.schema.names:
            message = f"The label {label!r} is new: the baseline does not have it."
            return [judged(self, False, message, column=label)]
        measures = list(self.measures(target))
        stale = [m for m in measures if states[m].stale_rows or states.baseline[m].stale_rows]
        if stale:
            raise NeedExact(stale)
        old, new = summarized(label, states, target)
        if not old.total or not new.total:
            return [judged(self, False, f"The label {label!r} has no values to compare.", column=label)]
        tests = [_Test("", None, old.counts, new.counts, p_value(old, new))]
        for groups in self._groups(label, target):
            tests += _by_group(groups.by[0], states.baseline[groups], states[groups], label, target)
        p_values = adjusted([test.p_value for test in tests], "holm")
        certain = [
            (test, p)
            for test, p in zip(tests, p_values, strict=True)
            if test.shift > self.maximum and p <= self.alpha
        ]
        return [
            self._overall(label, old, new, p_values[0], tests, certain),
            *self._of_groups(label, tests, certain),
        ]

    def _overall(
        self,
        label: str,
        old: Summary,
        new: Summary,
        p: float,
        tests: list[_Test],
        certain: list[tuple[_Test, float]],
    ) -> Finding:
        shift = tests[0].shift
        broken = any(test is tests[0] for test, _ in certain)
        reading = f"Cohen's h {number_text(round(shift, 3))}, p = {p_text(p)}"
        evidence: dict[str, Any] = {"p_value": tests[0].p_value, "adjusted_p_value": p, "tests": len(tests)}
        if broken:
            message = f"The label {label!r} is distributed differently than in the baseline ({reading}): "
            message += f"{greatest_change(old, new)}."
            if len(tests) > 1 and len(certain) == 1:
                message += " Within groups it did not change: they have other shares than before."
            evidence |= {"bins": old.names, "baseline": old.shares(), "now": new.shares()}
        else:
            message = f"The label {label!r} is distributed as in the baseline ({reading})."
        return judged(
            self,
            broken,
            message,
            severity=graded(0.55, min(shift, 1.0)),
            column=label,
            value=shift,
            threshold=self.maximum,
            evidence=evidence,
        )

    def _of_groups(self, label: str, tests: list[_Test], certain: list[tuple[_Test, float]]) -> list[Finding]:
        """Return a finding for each column of groups in which labels changed."""
        findings = []
        for name in dict.fromkeys(test.column for test in tests if test.column):
            changed = [(test, p) for test, p in certain if test.column == name]
            if not changed:
                continue
            changed.sort(key=lambda item: -item[0].shift)
            worst, p = changed[0]
            looked = sum(test.column == name for test in tests)
            message = (
                f"The label {label!r} changed within {len(changed):,} of {looked:,} groups of {name!r}, most where "
                f"{worst.condition} (Cohen's h {number_text(round(worst.shift, 3))}, p = {p_text(p)}): {worst.change}."
            )
            listed = [
                {"slice": test.condition, "h": round(test.shift, 4), "p_value": q, "change": test.change}
                for test, q in changed[:_LISTED]
            ]
            findings.append(
                judged(
                    self,
                    True,
                    message,
                    severity=graded(0.6, min(worst.shift, 1.0)),
                    column=f"{label}, {name}",
                    slice=worst.condition,
                    value=worst.shift,
                    threshold=self.maximum,
                    evidence={"groups": listed},
                )
            )
        return findings

    def _label(self, target: Target) -> str:
        label = self.column or target.label
        if label is None:
            raise UsageError(
                "It is not known which column is the label. Name it: `column` of this check, or the label of the "
                "contract (--label)."
            )
        require_columns(target.schema, [label], where=f"dataset {target.dataset.name!r}")
        if target.baseline is not None and label in target.baseline.schema.names:
            is_ordered(label, target)
        return label

    def _groups(self, label: str, target: Target) -> list[Groups]:
        assert target.baseline is not None
        there = set(target.baseline.schema.names)
        chosen = list(self.by)
        if not chosen:
            usual = [
                field.name
                for field in target.schema
                if kind_of(field.type) in (Kind.TEXT, Kind.BOOLEAN) and field.name not in target.key
            ]
            chosen = [*target.sensitive, *[name for name in usual if name not in target.sensitive][:_COLUMNS]]
        chosen = [name for name in dict.fromkeys(chosen) if name != label and name in there]
        require_columns(target.schema, chosen, where=f"dataset {target.dataset.name!r}")
        return [Groups(by=(name, label)) for name in chosen]


@dataclass(frozen=True, slots=True)
class _Test:
    """Counts of labels then and now, in all rows or in a group."""

    column: str
    condition: str | None
    then: F64
    now: F64
    p_value: float
    change: str = ""

    @property
    def shift(self) -> float:
        return largest_shift(self.then, self.now)[0]


def largest_shift(then: F64, now: F64) -> tuple[float, int]:
    """Return the largest change of a share as Cohen's h, and the place of it; 0 where a side is empty."""
    if not then.sum() or not now.sum():
        return 0.0, 0
    p, q = np.clip(then / then.sum(), 0, 1), np.clip(now / now.sum(), 0, 1)
    h = np.abs(2 * np.arcsin(np.sqrt(p)) - 2 * np.arcsin(np.sqrt(q)))
    place = int(h.argmax())
    return float(h[place]), place


def _by_group(column: str, old: GroupsState, new: GroupsState, label: str, target: Target) -> list[_Test]:
    """Return a test for each group with rows enough, none where groups or classes are too many."""
    if not old.complete or not new.complete:
        return []
    sides = [_counted(state) for state in (old, new)]
    classes = sorted({value for side in sides for counts in side.values() for value in counts}, key=str)
    if len(classes) > _CLASSES or len(classes) < 2:
        return []
    both = [name for name in sides[0] if name in sides[1]]
    large = [name for name in both if min(sum(side[name].values()) for side in sides) >= _LEAST_ROWS]
    large.sort(key=lambda name: (-sum(sides[1][name].values()), str(name)))
    tests = []
    for name in large[:_GROUPS]:
        then, now = (np.array([float(side[name].get(value, 0)) for value in classes]) for side in sides)
        _, place = largest_shift(then, now)
        shares = f"{percent(then[place] / then.sum())} of the rows and has {percent(now[place] / now.sum())}"
        change = f"{classes[place]!r} had {shares}"
        tests.append(
            _Test(column, _condition(column, name, target), then, now, homogeneity_p_value(then, now), change)
        )
    return tests


def _counted(state: GroupsState) -> dict[Any, dict[Any, int]]:
    out: dict[Any, dict[Any, int]] = {}
    for (group, value), count in state.items():
        out.setdefault(group, {})[value] = count
    return out


def _condition(column: str, value: Any, target: Target) -> str:
    name = column if column.isidentifier() else identifier(column)
    return f"{name} IS NULL" if value is None else f"{name} = {literal(value)}"
