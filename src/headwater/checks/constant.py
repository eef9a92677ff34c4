"""``validity.constant``: columns that say nothing, for all rows have the same value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import judged
from headwater.core.findings import Finding
from headwater.profile.base import Measure, NeedExact
from headwater.profile.distinct import Distinct
from headwater.profile.kinds import kind_of
from headwater.profile.top import TopValues

__all__ = ["Constant"]

_FEW = 2


@CHECKS.register("validity.constant")
@dataclass(frozen=True, kw_only=True)
class Constant(Check):
    """A column has at least two different values, from two rows up.

    Parameters
    ----------
    column : str
        The column.
    level : {"warn", "fail"}
        The outcome if not.
    """

    id = "validity.constant"
    title = "Columns that never vary"

    column: str
    level: Level = "warn"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count distinct values, and how many rows have the most frequent one."""
        return [self._distinct, self._top] if self._is_countable(target) else [self._distinct]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Say whether there is but one."""
        state = states[self._distinct]
        estimate = state.estimate
        if state.stale_rows:
            # It surely varies if more rows than are gone have another value than the most frequent one.
            others = 0
            if self._is_countable(target):
                top = states[self._top]
                others = top.count - max((high for _, _, high in top.top(1)), default=0)
            if others <= state.stale_rows and estimate - state.stale_rows < _FEW:
                raise NeedExact(self.measures(target))
        broken = estimate == 1 and states.rows >= _FEW
        return [
            judged(
                self,
                broken,
                f"Column {self.column!r} has the same value in every row that has one: it tells nothing."
                if broken
                else f"Column {self.column!r} varies.",
                severity=0.35,
                column=self.column,
                value=float(round(estimate)),
                threshold=float(_FEW),
            )
        ]

    def _is_countable(self, target: Target) -> bool:
        return kind_of(target.schema.field(self.column).type).is_countable

    @property
    def _top(self) -> TopValues:
        return TopValues(column=self.column)

    @property
    def _distinct(self) -> Distinct:
        return Distinct(column=self.column)
