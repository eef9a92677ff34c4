"""``labels.balance``: no class so rare that a model will overlook it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import judged, percent, rows_text
from headwater.core.errors import UsageError
from headwater.core.findings import Finding, Fix
from headwater.profile.base import Measure, NeedExact
from headwater.profile.groups import Groups, GroupsState
from headwater.profile.kinds import kind_of

__all__ = ["Balance"]

_CLASSES = 1000
_CONTINUOUS = 50
"""Distinct numbers from which a label is a quantity, not a class."""
_LISTED = 20


@CHECKS.register("labels.balance")
@dataclass(frozen=True, kw_only=True)
class Balance(Check):
    """Every class of the label has its part of the rows.

    Parameters
    ----------
    column : str, optional
        The label; by default the one the contract names.
    minimum : float
        The least share of rows of a class, as a fraction of the equal share: with three classes and 0.2,
        a class must have a fifteenth of the rows.
    minimum_rows : int
        The least number of rows of a class.
    level : {"warn", "fail"}
        The outcome if a class has less. A label with a single class fails in any case.
    """

    id = "labels.balance"
    title = "Rare classes"

    column: str | None = None
    minimum: float = 0.2
    minimum_rows: int = 10
    level: Level = "warn"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count classes."""
        return [self._groups(target)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Name the rarest class and its share."""
        groups = self._groups(target)
        (name,) = groups.by
        state = states[groups]
        classes = _classes(state)
        if not state.complete or (
            len(classes) > _CONTINUOUS and kind_of(target.schema.field(name).type).is_ordered
        ):
            return [judged(self, False, f"The label {name!r} is a quantity, not a class.", column=name)]
        total = sum(count for _, count in classes)
        if not total:
            return [judged(self, False, f"The label {name!r} has no values to balance.", column=name)]
        if state.stale_rows and not self._surely_balanced(classes, total, state.stale_rows):
            raise NeedExact([groups])
        rarest, count = classes[-1]
        share = count / total
        floor = self.minimum / len(classes)
        few = count < self.minimum_rows <= total / len(classes)
        evidence = {"classes": {str(value): n for value, n in classes[:_LISTED]}}
        if len(classes) == 1:
            message = f"The label {name!r} has the single value {rarest!r}: there is nothing to learn."
            facts: dict[str, Any] = {"column": name, "evidence": evidence}
            return [judged(self, total > 1, message, severity=0.9, level="fail", **facts)]
        broken = share < floor or few
        reason = (
            f"a balanced one of {len(classes)} would have {percent(1 / len(classes))}"
            if share < floor
            else f"at least {self.minimum_rows:,} are needed to learn it"
        )
        message = (
            f"Class {rarest!r} of label {name!r} has {rows_text(count)} ({percent(share)}); {reason}."
            if broken
            else f"The rarest class of label {name!r}, {rarest!r}, has {percent(share)} of the rows."
        )
        severity = round(0.5 + 0.4 * (1 - share / floor), 3) if share < floor else 0.5
        fix = Fix(transform="rebalance.reweigh", parameters={}) if broken else None
        return [
            judged(
                self,
                broken,
                message,
                severity=severity,
                column=name,
                value=share,
                threshold=floor,
                evidence=evidence,
                fix=fix,
            )
        ]

    def _surely_balanced(self, classes: list[tuple[Any, int]], total: int, stale: int) -> bool:
        least = classes[-1][1] - stale
        return (
            len(classes) > 1 and least >= self.minimum_rows and least / total >= self.minimum / len(classes)
        )

    def _groups(self, target: Target) -> Groups:
        column = self.column or target.label
        if column is None:
            raise UsageError(
                "It is not known which column is the label. Name it: `column` of this check, or the label "
                "of the contract (--label)."
            )
        return Groups(by=(column,), capacity=_CLASSES)


def _classes(state: GroupsState) -> list[tuple[Any, int]]:
    """Return the classes with their counts, the most frequent first, null left out."""
    return [(values[0], count) for values, count in state.items() if values[0] is not None]
