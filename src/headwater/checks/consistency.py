"""``consistency.rule`` and ``consistency.dependency``: what columns say about one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Level, RowFilter, States, Target
from headwater.checks.judging import Share, offenders, percent, share_finding, share_of
from headwater.core.findings import Finding
from headwater.profile.base import Measure, NeedExact
from headwater.profile.batch import Batch
from headwater.profile.conformance import Holds, sql_columns
from headwater.profile.hashes import Determines, pair_identities
from headwater.profile.measure import measure

__all__ = ["Dependency", "RowRule"]


@CHECKS.register("consistency.rule")
@dataclass(frozen=True, kw_only=True)
class RowRule(Check):
    """A SQL condition holds for every row. Where it is null, the row passes, as in a SQL ``CHECK``.

    Parameters
    ----------
    condition : str
        The condition over the columns of a row, in DuckDB's dialect, for example ``paid <= amount``.
    max_fraction : float
        The share of rows for which it may be false.
    description : str
        What it means, for messages.
    level : {"warn", "fail"}
        The outcome above ``max_fraction``.
    """

    id = "consistency.rule"
    title = "Broken rules"

    condition: str
    max_fraction: float = 0.0
    description: str = ""
    level: Level = "fail"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count by truth."""
        return [self._holds(target)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold the share of rows for which it is false against what is allowed."""
        share = share_of(states, self._holds(target), "false", maximum=self.max_fraction)
        rule = self.description or self.condition
        columns = sql_columns(self.condition, target.schema)
        return [
            share_finding(
                self,
                share,
                maximum=self.max_fraction,
                column=", ".join(columns) or None,
                weight=0.5,
                good=f"The rule holds for every row: {rule}."
                if not share.bad
                else f"The rule holds for {percent(1 - share.value)} of the rows: {rule}.",
                bad=f"{offenders(share, 'breaks', 'break')} the rule: {rule}.",
                evidence={"condition": self.condition},
            )
        ]

    def asks(self) -> str:
        """Say the rule."""
        return f"breaks the rule: {self.description or self.condition}"

    def offending(self, finding: Finding, target: Target) -> str:
        """Return the condition for rows that break the rule."""
        return f"({self.condition}) IS FALSE"

    def _holds(self, target: Target) -> Holds:
        return Holds(condition=self.condition, reads=sql_columns(self.condition, target.schema))


@CHECKS.register("consistency.dependency")
@dataclass(frozen=True, kw_only=True)
class Dependency(Check):
    """Some columns determine another one: rows that agree on those agree on this (a functional dependency).

    Judged by g3, the share of rows that would have to go for it to hold. Rows that lack a determining value
    are left out; a missing determined value is a value of its own.

    Parameters
    ----------
    determinants : tuple of str
        The determining columns.
    dependent : str
        The determined column.
    maximum : float
        The g3 error allowed.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "consistency.dependency"
    title = "Contradicting rows"

    determinants: tuple[str, ...]
    dependent: str
    maximum: float = 0.0
    level: Level = "fail"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count pairs of determining and determined values."""
        return [self._determines]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold the g3 error against what is allowed."""
        state = states[self._determines]
        there = state.rows - state.missing
        bad = there - state.kept_rows
        if state.stale_rows and bad:
            raise NeedExact([self._determines])
        left = ", ".join(self.determinants)
        share = Share(bad, there)
        return [
            share_finding(
                self,
                share,
                maximum=self.maximum,
                column=f"{left}, {self.dependent}",
                weight=0.45,
                good=f"Rows with the same {left} have the same {self.dependent}."
                if not bad
                else f"Rows with the same {left} have the same {self.dependent}, but for {percent(share.value)}.",
                bad=f"{offenders(share, 'contradicts', 'contradict')} the others: "
                f"rows with the same {left} should have the same {self.dependent}.",
            )
        ]

    def offending(self, finding: Finding, target: Target) -> RowFilter:
        """Return the rows whose determined value is not the commonest one for their determining values."""
        one = self._determines
        state = measure(target.dataset, [one], executor=target.executor, progress=target.progress)[one]
        left, kept = state.commonest_pairs()

        def mask(table: pa.Table) -> NDArray[np.bool_]:
            here, pair, there = pair_identities(Batch(table), self.determinants, self.dependent)
            known = np.searchsorted(left, here).clip(0, max(len(left) - 1, 0))
            wrong = kept[known] != pair if len(left) else np.zeros(len(here), np.bool_)
            return wrong if there is None else wrong & there

        return RowFilter((*self.determinants, self.dependent), mask)

    @property
    def _determines(self) -> Determines:
        return Determines(by=self.determinants, determined=self.dependent)
