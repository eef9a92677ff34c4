"""``volume.season``: as many rows a day, or an hour, as the week has been having."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import graded, judged, number_text, percent
from headwater.checks.timing import far_text, is_timed, moment_text, time_column
from headwater.core.errors import UsageError
from headwater.core.findings import Finding
from headwater.methods.season import seasonal_counts
from headwater.profile.base import Measure, NeedExact
from headwater.profile.times import HOUR, TimeCounts, TimeCountsState

__all__ = ["Season"]

Every = Literal["auto", "hour", "day"]

_DAY = 24 * HOUR
_SHORT_DAYS = 21
_LISTED = 20
_LONGEST_S = 200 * 366 * _DAY


@CHECKS.register("volume.season")
@dataclass(frozen=True, kw_only=True)
class Season(Check):
    """The number of rows of each day, or hour, is what that day of the week, or hour of the day, usually has.

    Parameters
    ----------
    column : str, optional
        Points in time; by default the column that the contract calls the time.
    every : {"auto", "day", "hour"}
        What is counted: days with a weekly season, or hours with a daily one, and a weekly one from three weeks on;
        by default days where there are three weeks of them, else hours.
    maximum : float
        By what share of what is usual a number may be off; 0.5 is half as many, or half as many again.
    alpha : float
        How often chance alone may give an alarm.
    level : {"warn", "fail"}
        The outcome if a number is off.

    Notes
    -----
    An alarm needs both: a number outside the interval that is usual, and one that is off by a large share. How the
    interval follows from all numbers says `headwater.methods.season`. The first and the last day (hour) may not be
    whole and are not judged; times with a zone are read as clocks there show them. A few times far from all others, as
    of a wrong year, do not count; see `headwater.methods.far_times`.
    """

    id = "volume.season"
    title = "Unusual number of rows"

    column: str | None = None
    every: Every = "auto"
    maximum: float = 0.5
    alpha: float = 0.001
    level: Level = "warn"

    def __post_init__(self) -> None:
        if self.every not in ("auto", "hour", "day"):
            raise UsageError(f"There is no counting by {self.every!r}. Use auto, day or hour.")
        if not 0 < self.alpha < 1:
            raise UsageError(f"alpha is {self.alpha}; give a number between 0 and 1, such as 0.001.")

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for the time of the contract."""
        return (cls(),) if is_timed(target) else ()

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count rows by hour."""
        return [TimeCounts(column=time_column(self.column, target))]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold each number against what is usual."""
        counted = TimeCounts(column=time_column(self.column, target))
        state = states[counted]
        if state.stale_rows:
            raise NeedExact([counted])
        name = counted.column
        state, away = state.without_far()
        far = far_text(away)
        width = self._width(state)
        if width is None:
            message = f"The times in {name!r} are spread too wide to be counted by {self.every}.{far}"
            return [judged(self, False, message, column=name)]
        first, counts = state.by(width)
        counts, first = counts[1:-1], first + 1
        unit = "day" if width == _DAY else "hour"
        period = 7 if width == _DAY else 24 * 7 if len(counts) >= 3 * 24 * 7 else 24
        if len(counts) < 3 * period:
            message = (
                f"There are {len(counts):,} whole {unit}s in {name!r}, too few to know what is usual.{far}"
            )
            return [judged(self, False, message, column=name)]
        usual = seasonal_counts(counts, period, alpha=self.alpha)
        off = np.abs(counts - usual.middle) > self.maximum * np.maximum(usual.middle, 1.0)
        off &= (counts < usual.low) | (counts > usual.high)
        places = np.flatnonzero(off)
        if not len(places):
            message = (
                f"The number of rows is what it usually is in each of {len(counts):,} {unit}s of {name!r}."
                f"{far}"
            )
            return [judged(self, False, message, column=name, value=0.0, threshold=self.maximum)]
        size = np.abs(counts - usual.middle) / np.sqrt(np.maximum(usual.middle, 1.0))
        worst = places[np.argmax(size[places])]
        listed = [
            {
                unit: moment_text(float((first + place) * width)),
                "rows": int(counts[place]),
                "usual": [round(float(usual.low[place]), 1), round(float(usual.high[place]), 1)],
            }
            for place in places[:_LISTED].tolist()
        ]
        are = f"1 {unit} has" if len(places) == 1 else f"{len(places):,} {unit}s have"
        low, high = float(usual.low[worst]), float(usual.high[worst])
        message = (
            f"{are} an unusual number of rows (column {name!r}). Worst: {moment_text(float((first + worst) * width))} "
            f"with {number_text(int(counts[worst]))}; {number_text(round(low))} to {number_text(round(high))} is "
            f"usual.{far}"
        )
        share = float(abs(counts[worst] - usual.middle[worst]) / max(usual.middle[worst], 1.0))
        return [
            judged(
                self,
                True,
                message,
                severity=graded(0.4, min(share / 4, 1.0)),
                column=name,
                value=share,
                threshold=self.maximum,
                evidence={
                    "unit": unit,
                    "breaks": len(places),
                    "share": percent(len(places) / len(counts)),
                    "dispersion": round(usual.dispersion, 3),
                    "worst": {"rows": int(counts[worst]), "usual": [round(low, 1), round(high, 1)]},
                    "listed": listed,
                    "far_off": [moment_text(second) for second in away[:_LISTED].tolist()],
                },
            )
        ]

    def _width(self, state: TimeCountsState) -> int | None:
        """Return the width of what is counted; None where the state is wider, or would be of too many."""
        if len(state.buckets) and (state.buckets[-1] - state.buckets[0]) * state.width_s > _LONGEST_S:
            return None
        days = len(state.by(_DAY)[1]) if state.width_s <= _DAY else 0
        every = self.every
        if every == "auto":
            # Whole days alone have the same hour: dates are no hours.
            hours = np.unique(state.buckets % 24) if state.width_s == HOUR else np.zeros(1)
            every = "day" if days - 2 >= _SHORT_DAYS or len(hours) < 2 else "hour"
        width = _DAY if every == "day" else HOUR
        return (
            width if state.width_s <= width and len(state.buckets) else None if len(state.buckets) else width
        )
