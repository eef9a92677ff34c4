"""``validity.range|set|pattern|length``: values keep to what is promised of their column."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import number_text, offenders, share_finding, share_of, shown
from headwater.core.arrays import to_python
from headwater.core.findings import Finding, Fix
from headwater.core.odcs_parts import as_written
from headwater.profile.base import Measure, NeedExact
from headwater.profile.conformance import Bound, InRange, InSet, Matches, set_array
from headwater.profile.extremes import Extremes
from headwater.profile.kinds import Kind, as_python, from_python, kind_of
from headwater.profile.quoting import identifier, literal, literals
from headwater.profile.top import TopValues

__all__ = ["Length", "Pattern", "Range", "Set"]

_SHOWN = 20


@CHECKS.register("validity.range")
@dataclass(frozen=True, kw_only=True)
class Range(Check):
    """Values lie between two limits.

    Parameters
    ----------
    column : str
        A column of numbers or times.
    minimum, maximum : int, float, str or None
        The least and greatest value allowed; times as ISO 8601 text. None: no limit.
    max_fraction : float
        The share of values that may lie outside.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "validity.range"
    title = "Values outside their range"

    column: str
    minimum: Bound = None
    maximum: Bound = None
    max_fraction: float = 0.0
    level: Level = "fail"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count what is outside, and see how far."""
        return [self._range, Extremes(column=self.column)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold the share of values outside against what is allowed."""
        share = share_of(states, self._range, "below", "above", apart=["missing"], maximum=self.max_fraction)
        between = _between(self.minimum, self.maximum)
        found = []
        if share.bad:
            type_ = target.schema.field(self.column).type
            extremes = Extremes(column=self.column)
            if states[extremes].stale_rows:
                raise NeedExact([extremes])
            ends = states[extremes].values
            low = None if self.minimum is None else from_python(self.minimum, type_)
            high = None if self.maximum is None else from_python(self.maximum, type_)
            outside = [
                v for v in ends.tolist() if (low is not None and v < low) or (high is not None and v > high)
            ]
            found = [
                as_python(value, type_)
                for value in (outside[:2] + outside[-2:] if len(outside) > 4 else outside)
            ]
        condition = self._condition(target)
        return [
            share_finding(
                self,
                share,
                maximum=self.max_fraction,
                column=self.column,
                weight=0.4,
                good=f"Values of {self.column!r} lie {between}.",
                bad=f"{offenders(share, 'is', 'are', noun='value', column=self.column)} not {between}, "
                f"for example {shown(found, 4)}.",
                evidence={"examples": [_plain(value) for value in found]},
                fix=Fix(
                    transform="clean.values",
                    parameters={"columns": [self.column], "where": condition, "set_null": True},
                ),
            )
        ]

    def asks(self) -> str:
        """Say between which limits."""
        return f"not {_between(self.minimum, self.maximum)}"

    def offending(self, finding: Finding, target: Target) -> str:
        """Return the condition for values outside."""
        return self._condition(target)

    def _condition(self, target: Target) -> str:
        name = identifier(self.column)
        type_ = target.schema.field(self.column).type
        parts = []
        for limit, sign in ((self.minimum, "<"), (self.maximum, ">")):
            if limit is not None:
                value = (
                    limit if kind_of(type_) is not Kind.TIME else as_python(from_python(limit, type_), type_)
                )
                # NaN counts as greater than everything in SQL; here it is missing.
                there = f" AND NOT isnan({name})" if sign == ">" and pa.types.is_floating(type_) else ""
                parts.append(f"({name} {sign} {literal(value)}{there})")
        return " OR ".join(parts) or "FALSE"

    @property
    def _range(self) -> InRange:
        return InRange(column=self.column, minimum=self.minimum, maximum=self.maximum)


@CHECKS.register("validity.set")
@dataclass(frozen=True, kw_only=True)
class Set(Check):
    """Values come from a given set.

    Parameters
    ----------
    column : str
        The column.
    values : tuple
        The values allowed.
    max_fraction : float
        The share of values that may be others.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "validity.set"
    title = "Values outside their set"

    column: str
    values: tuple[Any, ...]
    max_fraction: float = 0.0
    level: Level = "fail"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count what is outside, and see which values there are."""
        return [self._set, TopValues(column=self.column)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold the share of other values against what is allowed; suggest the nearest allowed spelling."""
        share = share_of(states, self._set, "outside", apart=["missing"], maximum=self.max_fraction)
        others = self._others(states) if share.bad else []
        known = [value for value in self.values if isinstance(value, str)]
        folded = {value.casefold().strip(): value for value in known}
        meant = {}
        for value, _ in others:
            if isinstance(value, str):
                near = difflib.get_close_matches(value.casefold().strip(), list(folded), n=1, cutoff=0.75)
                if near:
                    meant[value] = folded[near[0]]
        examples = [value for value, _ in others]
        return [
            share_finding(
                self,
                share,
                maximum=self.max_fraction,
                column=self.column,
                weight=0.4,
                good=f"All values of {self.column!r} are among the {len(self.values):,} allowed.",
                bad=f"{offenders(share, 'is', 'are', noun='value', column=self.column)} not among the "
                f"{len(self.values):,} allowed" + (f": {shown(examples)}." if examples else "."),
                evidence={"values": {str(value): count for value, count in others}, "meant": meant},
                fix=Fix(transform="clean.values", parameters={"columns": [self.column], "mapping": meant})
                if meant
                else None,
            )
        ]

    def asks(self) -> str:
        """Say of how many values."""
        return f"not among the {len(self.values):,} allowed"

    def offending(self, finding: Finding, target: Target) -> str:
        """Return the condition for other values."""
        name = identifier(self.column)
        type_ = target.schema.field(self.column).type
        allowed = set_array(self.values, type_, self.column).to_pylist()
        condition = f"{name} NOT IN ({literals(allowed)})" if allowed else f"{name} IS NOT NULL"
        return f"{condition} AND NOT isnan({name})" if pa.types.is_floating(type_) else condition

    def _others(self, states: States) -> list[tuple[Any, int]]:
        top = TopValues(column=self.column)
        if states[top].stale_rows:
            raise NeedExact([top])
        values, counts = states[top].values()
        if len(values) == 0:
            return []
        outside = pc.invert(pc.is_in(values, set_array(self.values, values.type, self.column)))
        kept = to_python(values.filter(outside))
        return list(zip(kept, counts[outside.to_numpy(zero_copy_only=False)].tolist(), strict=True))[:_SHOWN]

    @property
    def _set(self) -> InSet:
        return InSet(column=self.column, values=self.values)


@CHECKS.register("validity.pattern")
@dataclass(frozen=True, kw_only=True)
class Pattern(Check):
    """Texts match a regular expression as a whole.

    Parameters
    ----------
    column : str
        A text column.
    pattern : str
        The expression, in the syntax of RE2.
    max_fraction : float
        The share of texts that may not match.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "validity.pattern"
    title = "Texts that do not match their pattern"

    column: str
    pattern: str
    max_fraction: float = 0.0
    level: Level = "fail"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count what does not match."""
        return [self._matches]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold the share of texts that do not match against what is allowed."""
        share = share_of(states, self._matches, "unmatched", apart=["missing"], maximum=self.max_fraction)
        written = as_written(self.pattern)
        return [
            share_finding(
                self,
                share,
                maximum=self.max_fraction,
                column=self.column,
                weight=0.4,
                good=f"All texts of {self.column!r} match {written}.",
                bad=f"{offenders(share, 'does', 'do', noun='text', column=self.column)} not match {written}.",
            )
        ]

    def asks(self) -> str:
        """Say the pattern."""
        return f"does not match {as_written(self.pattern)}"

    def offending(self, finding: Finding, target: Target) -> str:
        """Return the condition for texts that do not match."""
        return f"NOT regexp_full_match({identifier(self.column)}, {literal(self.pattern)})"

    @property
    def _matches(self) -> Matches:
        return Matches(column=self.column, pattern=self.pattern)


@CHECKS.register("validity.length")
@dataclass(frozen=True, kw_only=True)
class Length(Check):
    """Texts, bytes or lists are neither too short nor too long.

    Parameters
    ----------
    column : str
        A column of text, bytes or lists.
    minimum, maximum : int, optional
        The least and greatest number of characters, bytes or items.
    max_fraction : float
        The share of values that may be shorter or longer.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "validity.length"
    title = "Values too short or too long"

    column: str
    minimum: int | None = None
    maximum: int | None = None
    max_fraction: float = 0.0
    level: Level = "fail"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count what is shorter or longer."""
        return [self._lengths]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold the share of values too short or too long against what is allowed."""
        share = share_of(
            states, self._lengths, "below", "above", apart=["missing"], maximum=self.max_fraction
        )
        tally = states[self._lengths]
        parts = [
            f"{tally[name]:,} {word}"
            for name, word in (("below", "too short"), ("above", "too long"))
            if tally[name]
        ]
        between = _between(self.minimum, self.maximum)
        return [
            share_finding(
                self,
                share,
                maximum=self.max_fraction,
                column=self.column,
                weight=0.3,
                good=f"Lengths of {self.column!r} lie {between}.",
                bad=f"{offenders(share, 'has', 'have', noun='value', column=self.column)} a length that is not "
                f"{between}: {', '.join(parts)}.",
            )
        ]

    def asks(self) -> str:
        """Say between which lengths."""
        return f"length not {_between(self.minimum, self.maximum)}"

    def offending(self, finding: Finding, target: Target) -> str:
        """Return the condition for values too short or too long."""
        kind = kind_of(target.schema.field(self.column).type)
        function = {Kind.BINARY: "octet_length", Kind.TEXT: "length"}.get(kind, "len")
        if pa.types.is_map(target.schema.field(self.column).type):
            function = "cardinality"
        length = f"{function}({identifier(self.column)})"
        limits = ((self.minimum, "<"), (self.maximum, ">"))
        return (
            " OR ".join(f"{length} {sign} {limit}" for limit, sign in limits if limit is not None) or "FALSE"
        )

    @property
    def _lengths(self) -> InRange:
        return InRange(column=self.column, minimum=self.minimum, maximum=self.maximum, of="length")


def _between(low: Bound, high: Bound) -> str:
    if low is None and high is None:
        return "anywhere"
    if low is None:
        return f"at most {number_text(high)}"
    if high is None:
        return f"at least {number_text(low)}"
    return f"between {number_text(low)} and {number_text(high)}"


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str | bool) else str(value)
