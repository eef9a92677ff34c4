"""``completeness.null_fraction``: values that are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import percent, rows_text, share_finding, share_of
from headwater.core.findings import Finding, Fix
from headwater.profile.base import Measure
from headwater.profile.columns import Counts
from headwater.profile.kinds import Kind, kind_of
from headwater.profile.quoting import identifier

__all__ = ["NullFraction"]


@CHECKS.register("completeness.null_fraction")
@dataclass(frozen=True, kw_only=True)
class NullFraction(Check):
    """A column may lack at most a given share of its values.

    Null and NaN are missing; so is text that is empty or all white space, unless ``blank`` is false.

    Parameters
    ----------
    column : str
        The column.
    maximum : float
        The share of rows that may lack a value, from 0 to 1.
    blank : bool
        Whether empty text counts as missing.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "completeness.null_fraction"
    title = "Missing values"

    column: str
    maximum: float = 0.0
    blank: bool = False
    level: Level = "fail"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count nulls."""
        return [self._counts]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold the share of missing values against the maximum."""
        names = [name for name in ("nulls", "nan") if name in states[self._counts].counts]
        if self.blank and "blank" in states[self._counts].counts:
            names += ["empty", "blank"]
        share = share_of(states, self._counts, *names, maximum=self.maximum)
        limit = f"; at most {percent(self.maximum)} may be missing" if self.maximum else ""
        whole = share.bad == share.all > 0
        bad = (
            f"Column {self.column!r} is empty: it has no value in {rows_text(share.all)}."
            if whole
            else f"Column {self.column!r} lacks {rows_text(share.bad, 'value')} of {share.all:,} "
            f"({percent(share.value)}){limit}."
        )
        good = (
            f"Column {self.column!r} lacks {percent(share.value)} of its values{limit}."
            if share.bad
            else f"Column {self.column!r} has all its values."
        )
        return [
            share_finding(
                self,
                share,
                maximum=self.maximum,
                column=self.column,
                weight=0.9 if self.column in (*target.key, target.label) else 0.3,
                good=good,
                bad=bad,
                fix=None if whole or self.column in target.key else self._fix(target),
            )
        ]

    def offending(self, finding: Finding, target: Target) -> str:
        """Return the condition for rows that lack a value."""
        name = identifier(self.column)
        type_ = target.schema.field(self.column).type
        condition = f"{name} IS NULL"
        if pa.types.is_floating(type_):
            condition += f" OR isnan({name})"
        if self.blank and kind_of(type_) is Kind.TEXT:
            condition += rf" OR regexp_full_match({name}, '\s*')"
        return condition

    @property
    def _counts(self) -> Counts:
        return Counts(column=self.column)

    def _fix(self, target: Target) -> Fix:
        strategy = "drop_rows" if self.column == target.label else "auto"
        return Fix(transform="clean.missing", parameters={"columns": [self.column], "strategy": strategy})
