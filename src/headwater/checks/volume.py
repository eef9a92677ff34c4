"""``volume.rows``: as many rows as expected."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import judged, percent, rows_text
from headwater.core.findings import Finding

__all__ = ["Rows"]


@CHECKS.register("volume.rows")
@dataclass(frozen=True, kw_only=True)
class Rows(Check):
    """The number of rows lies between limits, and is not far from that of the baseline.

    Parameters
    ----------
    minimum, maximum : int, optional
        The limits.
    max_drop, max_growth : float, optional
        By what share of the baseline's rows the number may fall or rise; judged where there is a baseline.
    level : {"warn", "fail"}
        The outcome if not.
    """

    id = "volume.rows"
    title = "Too few or too many rows"

    minimum: int | None = 1
    maximum: int | None = None
    max_drop: float | None = None
    max_growth: float | None = None
    level: Level = "fail"

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Compare."""
        rows = states.rows
        message, threshold = f"The dataset has {rows_text(rows)}.", None
        broken = False
        if self.minimum is not None and rows < self.minimum:
            broken, threshold = True, self.minimum
            message = f"The dataset has {rows_text(rows)}; it should have at least {self.minimum:,}."
        elif self.maximum is not None and rows > self.maximum:
            broken, threshold = True, self.maximum
            message = f"The dataset has {rows_text(rows)}; it should have at most {self.maximum:,}."
        before = None if states.baseline is None else states.baseline.rows
        if not broken and before:
            change = (rows - before) / before
            verb = "fell" if change < 0 else "rose"
            limit = self.max_drop if change < 0 else self.max_growth
            message = f"The number of rows {verb} from {before:,} to {rows:,}." if change else message
            if limit is not None and abs(change) > limit:
                broken, threshold = True, round(before * (1 + (limit if change > 0 else -limit)))
                message = (
                    f"The number of rows {verb} by {percent(abs(change))}, from {before:,} to {rows:,}; "
                    f"at most {percent(limit)} is expected."
                )
        return [
            judged(
                self,
                broken,
                message,
                severity=0.85,
                value=float(rows),
                threshold=None if threshold is None else float(threshold),
                evidence={} if before is None else {"baseline": before},
            )
        ]
