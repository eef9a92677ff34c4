"""``freshness.age``: the newest row is not too old, and none is from the future."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import judged
from headwater.core.errors import UsageError
from headwater.core.findings import Finding
from headwater.profile.base import Measure, NeedExact
from headwater.profile.columns import Extent
from headwater.profile.kinds import as_python

__all__ = ["Age", "duration"]

_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_PLURALS = {"second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w"}


@CHECKS.register("freshness.age")
@dataclass(frozen=True, kw_only=True)
class Age(Check):
    """The newest time in a column is at most so old, and not in the future.

    Parameters
    ----------
    maximum : str
        The greatest age, such as ``"36h"``, ``"7d"`` or ``"2 weeks"``.
    column : str, optional
        The column; by default the one that the contract calls the time. Times without a zone are UTC; a
        date counts until its end.
    level : {"warn", "fail"}
        The outcome if it is older.
    """

    id = "freshness.age"
    title = "Data too old"

    maximum: str = "7d"
    column: str | None = None
    level: Level = "fail"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Find the newest time."""
        return [self._extent(target)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Compare its age with the maximum."""
        extent = self._extent(target)
        state = states[extent]
        if state.stale_rows:
            raise NeedExact([extent])
        allowed = duration(self.maximum)
        newest = _moment(state.high, target.schema.field(extent.column).type)
        if newest is None:
            empty = states.rows > 0
            return [
                judged(
                    self,
                    empty,
                    f"Column {extent.column!r} has no time, so the age of the data is not known."
                    if empty
                    else "There are no rows that could be too old.",
                    severity=0.7,
                    column=extent.column,
                    threshold=allowed.total_seconds() / 3600,
                )
            ]
        age = target.now - newest
        future = age < -timedelta(days=1)
        broken = age > allowed or future
        message = (
            f"The newest row is {_text(age)} old ({newest:%Y-%m-%d %H:%M} UTC, column {extent.column!r})"
        )
        if future:
            message = (
                f"The newest row is from the future: {newest:%Y-%m-%d %H:%M} UTC in column {extent.column!r}."
            )
        elif broken:
            message += f"; at most {_text(allowed)} is expected."
        else:
            message += "."
        return [
            judged(
                self,
                broken,
                message,
                severity=0.7,
                column=extent.column,
                value=age.total_seconds() / 3600,
                threshold=allowed.total_seconds() / 3600,
                evidence={"newest": newest.isoformat(), "unit": "hours"},
            )
        ]

    def _extent(self, target: Target) -> Extent:
        column = self.column or target.time
        if column is None:
            raise UsageError(
                "It is not known which column says when a row's event happened. Name it: `column` of this "
                "check, or the time of the contract."
            )
        return Extent(column=column)


def duration(text: str) -> timedelta:
    """Return the time span that a text such as ``"36h"``, ``"7 d"`` or ``"2 weeks"`` names.

    Raises
    ------
    UsageError
        If it names none.

    Examples
    --------
    >>> duration("36h") == duration("1.5 days")
    True
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    unit = match[2].lower() if match else ""
    unit = _PLURALS.get(unit.removesuffix("s") if len(unit) > 3 else unit, unit)
    if match is None or unit not in _UNITS:
        raise UsageError(
            f"{text!r} is no time span. Write a number with s, min, h, d or w, for example '36h'."
        )
    return timedelta(seconds=float(match[1]) * _UNITS[unit])


def _moment(number: float | None, type_: pa.DataType) -> datetime | None:
    value = as_python(number, type_)
    if value is None or number is None:
        return None
    if isinstance(value, str) and not pa.types.is_duration(type_):  # beyond what Python can hold
        return datetime.max.replace(tzinfo=UTC) if number > 0 else datetime.min.replace(tzinfo=UTC)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time.max, UTC)
    raise UsageError(f"{value!r} is no point in time: choose a column of dates or timestamps.")


def _text(span: timedelta) -> str:
    seconds = max(span.total_seconds(), 0.0)
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}s"
    return f"{seconds:.0f} seconds"
