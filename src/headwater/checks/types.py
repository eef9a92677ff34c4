"""``validity.type`` and ``validity.mixed``: columns hold what they should, and not numbers among words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import graded, judged, percent, rows_text, share_of, shown
from headwater.core.errors import NotFound
from headwater.core.findings import Finding, Fix
from headwater.core.schema import plain_type, widen
from headwater.core.types import parse_type, type_name
from headwater.profile.base import Measure, NeedExact
from headwater.profile.columns import require_kind
from headwater.profile.conformance import Matches, Parses
from headwater.profile.kinds import Kind, kind_of
from headwater.profile.quoting import identifier, literal
from headwater.profile.shapes import FORMATS
from headwater.profile.top import TopValues

__all__ = ["Mixed", "Type"]

_SQL_TYPES: tuple[tuple[Any, str], ...] = (
    (pa.types.is_integer, "BIGINT"),
    (pa.types.is_floating, "DOUBLE"),
    (pa.types.is_decimal, "DOUBLE"),
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_timestamp, "TIMESTAMP"),
)
_NUMBER = rf"\s*(?:{FORMATS['number']})\s*"


@CHECKS.register("validity.type")
@dataclass(frozen=True, kw_only=True)
class Type(Check):
    """A column has the type it should have, or a narrower one.

    Where it is text instead, the finding says how many values could be read as the type.

    Parameters
    ----------
    column : str
        The column.
    type : str
        The type, as `headwater.core.types.parse_type` reads it: ``int64``, ``double``, ``timestamp``, …
    level : {"warn", "fail"}
        The outcome if it has another one.
    """

    id = "validity.type"
    title = "Wrong types"

    column: str
    type: str
    level: Level = "fail"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Try to read text as the type, where it is text."""
        parses = self._parses(target)
        return [] if parses is None else [parses]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Compare types."""
        if self.column not in target.schema.names:
            raise NotFound.among(
                "column", self.column, target.schema.names, where=f"dataset {target.dataset.name!r}"
            )
        found = target.schema.field(self.column).type
        wanted = plain_type(parse_type(self.type))
        fits = found == wanted or widen(wanted, found) == wanted
        message = f"Column {self.column!r} is {type_name(found)}"
        evidence: dict[str, Any] = {"found": type_name(found), "expected": type_name(wanted)}
        unparsed = 0
        parses = self._parses(target)
        if fits:
            message += ", as it should be."
        else:
            message += f", not {type_name(wanted)}."
        if parses is not None and not fits:
            share = share_of(states, parses, "unparsed", apart=["missing"])
            unparsed = share.bad
            evidence["unparsed"] = unparsed
            message += (
                f" {rows_text(unparsed, 'value')} ({percent(share.value)}) cannot be read as one."
                if unparsed
                else " All its values could be read as one."
            )
        return [
            judged(
                self,
                not fits,
                message,
                severity=0.8,
                column=self.column,
                row_count=unparsed,
                evidence=evidence,
                fix=None if fits or parses is None else self._fix(unparsed),
            )
        ]

    def _fix(self, unparsed: int) -> Fix:
        parameters: dict[str, Any] = {"columns": [self.column], "type": self.type}
        return Fix(
            transform="clean.types", parameters=parameters | ({"unparsed": "null"} if unparsed else {})
        )

    def offending(self, finding: Finding, target: Target) -> str | None:
        """Return the condition for texts that cannot be read."""
        parses = self._parses(target)
        if parses is None:
            return None
        name = identifier(self.column)
        return f"{name} IS NOT NULL AND TRY_CAST({name} AS {parses.sql_type}) IS NULL"

    def _parses(self, target: Target) -> Parses | None:
        if self.column not in target.schema.names:
            return None
        if kind_of(target.schema.field(self.column).type) is not Kind.TEXT:
            return None
        wanted = parse_type(self.type)
        sql: Any = next((name for is_type, name in _SQL_TYPES if is_type(wanted)), None)
        return None if sql is None else Parses(column=self.column, sql_type=sql)


@CHECKS.register("validity.mixed")
@dataclass(frozen=True, kw_only=True)
class Mixed(Check):
    """A text column that is nearly all numbers holds a few other words.

    Those few (``"N/A"``, ``"12 kg"``, ``"1,5"``) made the whole column text.

    Parameters
    ----------
    column : str
        A text column.
    minimum : float
        The share of numbers from which the column counts as numeric.
    level : {"warn", "fail"}
        The outcome if it is and holds others.
    """

    id = "validity.mixed"
    title = "Words among numbers"

    column: str
    minimum: float = 0.8
    level: Level = "warn"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count numbers, and see what else there is."""
        require_kind(target.schema, self.column, "numbers as text", text=True)
        return [TopValues(column=self.column), self._numbers]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Say which values are no numbers, if most are."""
        tally = states[self._numbers]
        there = tally["rows"] - tally["missing"]
        others = tally["unmatched"]
        if tally.stale_rows and others and others - tally.stale_rows <= (1 - self.minimum) * there:
            raise NeedExact([self._numbers, TopValues(column=self.column)])
        broken = 0 < others <= (1 - self.minimum) * there and there > others
        share = others / there if there else 0.0
        found = self._words(states) if broken else []
        return [
            judged(
                self,
                broken,
                f"Column {self.column!r} is text because of {rows_text(others, 'value')} of {there:,}: "
                f"the others are numbers. Not numbers: {shown(found) if found else 'various'}."
                if broken
                else f"Column {self.column!r} does not mix numbers and words.",
                severity=graded(0.55, share),
                column=self.column,
                value=share,
                row_count=others if broken else 0,
                evidence={"values": found} if broken else {},
                fix=self._fix(states) if broken else None,
            )
        ]

    def offending(self, finding: Finding, target: Target) -> str:
        """Return the condition for texts that are no numbers."""
        return self._condition

    def _fix(self, states: States) -> Fix:
        """Suggest reading the numbers; where some begin with a zero, they are codes and stay text."""
        top = states[TopValues(column=self.column)].top()
        if any(re.match(r"\s*0\d", value) for value, _, _ in top):
            parameters = {"columns": [self.column], "where": self._condition, "set_null": True}
            return Fix(transform="clean.values", parameters=parameters)
        parameters = {"columns": [self.column], "minimum": self.minimum, "unparsed": "null"}
        return Fix(transform="clean.types", parameters=parameters)

    @property
    def _condition(self) -> str:
        return f"NOT regexp_full_match({identifier(self.column)}, {literal(_NUMBER)})"

    @property
    def _numbers(self) -> Matches:
        return Matches(column=self.column, pattern=_NUMBER)

    def _words(self, states: States) -> list[str]:
        top = states[TopValues(column=self.column)].top()
        return [value for value, _, _ in top if not re.fullmatch(_NUMBER, value)][:10]
