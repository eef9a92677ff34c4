"""``validity.sentinel``: values that stand for "missing" or "unknown" and pretend to be data.

Numbers such as 999, -1 or 1000000, dates such as 1900-01-01, texts such as ``N/A``: to a model they are
values like any other, and extreme ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import Share, number_text, percent, rows_text, share_finding
from headwater.core.errors import UsageError
from headwater.core.findings import Finding, Fix
from headwater.methods.placeholders import PLACEHOLDERS
from headwater.profile.base import Measure, NeedExact
from headwater.profile.extremes import Extremes, ExtremesState
from headwater.profile.kinds import Kind, as_python, from_python, kind_of
from headwater.profile.quantiles import Quantiles, QuantilesState
from headwater.profile.quoting import identifier, literals
from headwater.profile.top import TopState, TopValues

__all__ = ["PLACEHOLDERS", "Sentinel", "looks_like_a_code"]

_DATES = ("0001-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "2099-12-31", "9999-12-31")
_ROUND = frozenset(10.0**k for k in range(4, 16))
_BULK = (0.01, 0.99)
_MOST = 6
"""How many values of one column can be sentinels."""
_SPIKE = 20.0
_MANY = 10


@CHECKS.register("validity.sentinel")
@dataclass(frozen=True, kw_only=True)
class Sentinel(Check):
    """A column holds no values that seem to be codes for something else.

    A number is suspect if it lies further from all others than their bulk (the middle 98 %) is wide, and
    either looks like a code (all digits equal, as in 999, or a one with zeros, from 10,000) or comes
    several times; if it looks like a code, lies outside the bulk and comes far more often than its
    neighbours; or if it is a negative code (-1, -9, -99, …) where all other values are not negative. A date
    is suspect if it is an extreme of its column and one that programs use for "none"; a text if it is one
    of `PLACEHOLDERS`.

    Parameters
    ----------
    column : str
        A column of numbers, times or text.
    max_fraction : float
        The share of values that may be suspect.
    ignore : tuple
        Values that are known to be meant.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "validity.sentinel"
    title = "Codes among the values"

    column: str
    max_fraction: float = 0.0
    ignore: tuple[Any, ...] = ()
    level: Level = "warn"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Look at the ends, the bulk and the most frequent values."""
        at = target.schema.get_field_index(self.column)
        kind = kind_of(target.schema.field(at).type) if at >= 0 else None
        if kind is Kind.TEXT:
            return [TopValues(column=self.column)]
        return [Extremes(column=self.column), Quantiles(column=self.column), TopValues(column=self.column)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Name the suspects."""
        measures = self.measures(target)
        type_ = target.schema.field(self.column).type
        stale = max(states[one].stale_rows for one in measures)
        if kind_of(type_) is Kind.TEXT:
            top = states[TopValues(column=self.column)]
            suspects = self._placeholders(top)
            there = top.count
        else:
            ends, quantiles = states[Extremes(column=self.column)], states[Quantiles(column=self.column)]
            top = states[TopValues(column=self.column)]
            suspects = self._numbers(ends, quantiles, top, type_, slack=stale)
            there = quantiles.count
        if stale and suspects:
            raise NeedExact(measures)
        share = Share(sum(count for _, count in suspects), there)
        return [
            share_finding(
                self,
                share,
                maximum=self.max_fraction,
                column=self.column,
                weight=0.6,
                good=f"No value of {self.column!r} looks like a code for something else.",
                bad=self._message(suspects, share.value),
                evidence={"values": {str(value): count for value, count in suspects}},
                fix=self._fix(suspects, target),
            )
        ]

    def offending(self, finding: Finding, target: Target) -> str | None:
        """Return the condition for suspect values."""
        values = list(finding.evidence.get("values", {}))
        if not values:
            return None
        return self._condition([self._read(text, target) for text in values])

    def _condition(self, values: Sequence[Any]) -> str:
        return f"{identifier(self.column)} IN ({literals(values)})"

    def _read(self, text: str, target: Target) -> Any:
        type_ = target.schema.field(self.column).type
        if kind_of(type_) is Kind.TEXT:
            return text
        return as_python(from_python(text, type_), type_)

    def _fix(self, suspects: list[tuple[Any, int]], target: Target) -> Fix:
        where = self._condition([self._read(str(value), target) for value, _ in suspects])
        return Fix(
            transform="clean.values", parameters={"columns": [self.column], "where": where, "set_null": True}
        )

    def _message(self, suspects: list[tuple[Any, int]], share: float) -> str:
        parts = [
            f"{value!r}"
            if isinstance(value, str)
            else number_text(value)
            if not _is_time(value)
            else str(value)
            for value, _ in suspects
        ]
        counts = [f"{part} ({rows_text(count)})" for part, (_, count) in zip(parts, suspects, strict=True)]
        one = len(suspects) == 1
        return (
            f"{'The value' if one else 'The values'} {', '.join(counts)} of {self.column!r} "
            f"{'looks like a code' if one else 'look like codes'} for a missing value, not like data "
            f"({percent(share)} of the column)."
        )

    def _placeholders(self, top: TopState) -> list[tuple[Any, int]]:
        found = [
            (value, low)
            for value, low, _ in top.top()
            if value.strip().casefold() in PLACEHOLDERS and value not in self.ignore
        ]
        # A column of nothing but dashes and dots is a column of symbols.
        rest = top.count - sum(count for _, count in found)
        return found[:_MOST] if rest > 0 else []

    def _numbers(
        self, ends: ExtremesState, quantiles: QuantilesState, top: TopState, type_: pa.DataType, *, slack: int
    ) -> list[tuple[Any, int]]:
        if kind_of(type_) is Kind.BOOLEAN or not quantiles.count:
            return []
        ignored = {_physical(value, type_) for value in self.ignore}
        counts = {float(v): int(c) for v, c in zip(ends.values.tolist(), ends.counts.tolist(), strict=True)}
        frequent = {_physical(v, type_): low for v, low, _ in top.top()} if not top.stale_rows else {}
        if top.stale_rows:
            frequent = {_physical(v, type_): high for v, _, high in top.top()}
        column = _Column(quantiles, {k: v for k, v in frequent.items() if k is not None}, counts)
        codes = _date_codes(type_) if kind_of(type_) is Kind.TIME else None
        found = column.suspects(codes, slack=slack, ignored=ignored)
        return [(as_python(value, type_), count) for value, count in found]


class _Column:
    """The values of a column of numbers, and which of them are suspect."""

    def __init__(self, quantiles: QuantilesState, frequent: dict[float, int], ends: dict[float, int]) -> None:
        whole = quantiles.whole
        self.counts = frequent | ends
        self.ends = ends
        self.points = whole.points
        # What lies between two points counts at the upper one.
        self.weights: NDArray[np.float64] = np.diff(whole.up_to, prepend=0).astype(np.float64)

    def suspects(
        self, dates: frozenset[float] | None, *, slack: int, ignored: set[Any]
    ) -> list[tuple[float, int]]:
        """Return suspect values with their counts, the outermost first.

        With ``slack``, so many of the rows may be gone: whatever could then be suspect is returned.
        """
        found: dict[float, int] = {}
        middle = self._middle()
        candidates = [
            value
            for value, count in self.counts.items()
            if np.isfinite(value) and value not in ignored and self._is_worth_a_look(value, count, dates)
        ]
        for value in sorted(candidates, key=lambda v: (-abs(v - middle), v)):
            if len(found) == _MOST:
                break
            if self._is_suspect(value, found, dates, slack):
                found[value] = self.counts[value]
        return list(found.items())

    def _is_worth_a_look(self, value: float, count: int, dates: frozenset[float] | None) -> bool:
        if dates is not None:
            return value in dates
        many = count >= 3 and value in self.ends and len(self.points) > _MANY
        return many or looks_like_a_code(value) or (value < 0 and _is_negative_code(value))

    def _is_suspect(
        self, value: float, found: dict[float, int], dates: frozenset[float] | None, slack: int
    ) -> bool:
        rest = self._rest([*found, value])
        total = rest[1].sum()
        if total <= slack:
            return bool(slack)
        low, high = _quantiles(rest, _BULK)
        least, greatest = _reach(rest, slack)
        width = high - low
        isolated = value > greatest + width or value < least - width
        outermost = value > greatest or value < least
        count = self.counts[value]
        if dates is not None:
            return value in dates and outermost and (isolated or count >= 2)
        if width == 0 and least == greatest:
            return False
        if value < 0 and _is_negative_code(value) and least >= 0 and len(rest[0]) >= _MANY and count >= 2:
            return True
        code = looks_like_a_code(value)
        if isolated and (code or (count >= 3 and len(rest[0]) >= _MANY)):
            return True
        if not (code and abs(value) not in _ROUND and abs(value) >= 99 and (value > high or value < low)):
            return False
        return count >= max(5.0, _SPIKE * self._usual_count(rest, low, high))

    def _usual_count(self, rest: tuple[NDArray[Any], NDArray[Any]], low: float, high: float) -> float:
        """Return the mean count of the other known values outside the bulk; 1 where there are none."""
        outside = [
            count
            for value, count in self.counts.items()
            if (value > high or value < low) and value in set(rest[0])
        ]
        return float(np.median(outside)) if outside else 1.0

    def _rest(self, without: list[float]) -> tuple[NDArray[Any], NDArray[Any]]:
        weights = self.weights.copy()
        for value in without:
            place = int(np.searchsorted(self.points, value))
            if place < len(weights):
                weights[place] = max(weights[place] - self.counts.get(value, 0), 0.0)
        there = weights > 0
        return self.points[there], weights[there]

    def _middle(self) -> float:
        return float(self.points[int(np.searchsorted(np.cumsum(self.weights), self.weights.sum() / 2))])


def looks_like_a_code(value: float) -> bool:
    """Say whether a number looks typed rather than measured: 99, 666, -999, 9999.99, 1000000.

    All digits of its whole part are equal, two of them at least, or it is a one with four or more zeros.

    Examples
    --------
    >>> [looks_like_a_code(v) for v in (999.0, -99.0, 999999.375, 1e6, 1000.0, 42.0, 7.0)]
    [True, True, True, True, False, False, False]
    """
    size = abs(value)
    if not np.isfinite(size) or size >= 1e15:
        return False
    digits = str(int(size))
    return size in _ROUND or (len(digits) >= 2 and len(set(digits)) == 1)


def _is_negative_code(value: float) -> bool:
    return float(value).is_integer() and set(str(int(-value))) in ({"1"}, {"8"}, {"9"})


def _quantiles(rest: tuple[NDArray[Any], NDArray[Any]], shares: tuple[float, float]) -> tuple[float, float]:
    points, weights = rest
    running = np.cumsum(weights)
    low, high = (int(np.searchsorted(running, share * running[-1])) for share in shares)
    return float(points[low]), float(points[min(high, len(points) - 1)])


def _reach(rest: tuple[NDArray[Any], NDArray[Any]], slack: int) -> tuple[float, float]:
    """Return how far the values surely reach, if ``slack`` of them were gone."""
    points, weights = rest
    running = np.cumsum(weights)
    low = int(np.searchsorted(running, slack, side="right"))
    high = int(np.searchsorted(running, running[-1] - slack))
    return float(points[min(low, len(points) - 1)]), float(points[min(max(high, 0), len(points) - 1)])


def _date_codes(type_: pa.DataType) -> frozenset[float]:
    codes = set()
    for text in _DATES:
        try:
            codes.add(float(from_python(text, type_)))
        except UsageError:
            continue  # the column's unit cannot hold that year
    return frozenset(codes)


def _physical(value: Any, type_: pa.DataType) -> float | None:
    try:
        return float(from_python(value, type_))
    except UsageError:
        return None


def _is_time(value: Any) -> bool:
    return isinstance(value, date | datetime)
