"""``outliers.values``: single numbers far from the others of their column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import Share, number_text, offenders, percent, share_finding
from headwater.core.findings import Finding, Fix
from headwater.profile.base import Measure, NeedExact
from headwater.profile.columns import require_kind
from headwater.profile.conformance import InRange
from headwater.profile.measure import measure_chunks
from headwater.profile.quantiles import Quantiles
from headwater.profile.quoting import identifier

__all__ = ["OutlierValues"]


@CHECKS.register("outliers.values")
@dataclass(frozen=True, kw_only=True)
class OutlierValues(Check):
    """No number of a column lies far from the others.

    The limits are the quartiles, less and plus ``factor`` times twice their own distance from the median: so a
    column whose values trail off to one side has a wider limit there. Where the middle half of the values is one
    value, nothing can be said.

    Parameters
    ----------
    column : str
        A column of numbers.
    factor : float
        How wide: of normally distributed values 1.5 leaves out 0.7 %, and 3 two in a million.
    max_fraction : float
        The share of values beyond the limits that passes.
    level : {"warn", "fail"}
        The outcome above it.

    References
    ----------
    Tukey (1977). Exploratory data analysis (fences).
    Kimber (1990). Exploratory data analysis for possibly censored data from skewed distributions.
    doi:10.2307/2347808 (fences by the half quartile ranges).
    """

    id = "outliers.values"
    title = "Numbers far from the others"

    column: str
    factor: float = 3.0
    max_fraction: float = 0.0
    level: Level = "warn"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Summarise the distribution."""
        return [Quantiles(column=self.column)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Count what lies beyond the limits."""
        require_kind(target.schema, self.column, "an order", numbers=True)
        low, high = self._limits(states)
        within = InRange(column=self.column, minimum=_bound(low), maximum=_bound(high))
        tally = measure_chunks(
            target.dataset.chunks, target.schema, [within], executor=target.executor, cache=target.cache
        )[within]
        beyond = tally["below"] + tally["above"]
        share = Share(beyond, tally["rows"] - tally["missing"])
        return [
            share_finding(
                self,
                share,
                maximum=self.max_fraction,
                column=self.column,
                weight=0.3,
                good=f"No value of {self.column!r} is far from the others."
                if not beyond
                else f"Few values of {self.column!r} are far from the others ({percent(share.value)}).",
                bad=f"{offenders(share, 'lies', 'lie', noun='value', column=self.column)} far from the others, "
                f"which are from {number_text(low)} to {number_text(high)}.",
                evidence={"low": low, "high": high},
                fix=Fix(
                    transform="clean.outliers",
                    parameters={
                        "columns": [self.column],
                        "low": _bound(low),
                        "high": _bound(high),
                        "action": "clip",
                    },
                ),
            )
        ]

    def offending(self, finding: Finding, target: Target) -> str:
        """Return the condition for values beyond the limits."""
        name = identifier(self.column)
        low, high = finding.evidence["low"], finding.evidence["high"]
        return f"NOT isnan({name}::DOUBLE) AND NOT {name} BETWEEN {low!r} AND {high!r}"

    def _limits(self, states: States) -> tuple[float, float]:
        """Return the limits, to three digits of how far they are apart: so a few rows more seldom move them."""
        quantiles = Quantiles(column=self.column)
        state = states[quantiles]
        if state.stale_rows:
            raise NeedExact([quantiles])
        lower, middle, upper = (float(value) for value in state.quantile([0.25, 0.5, 0.75]))
        if math.isnan(middle) or lower == upper:
            return -math.inf, math.inf
        # A half without any width takes that of the other.
        below, above = middle - lower or upper - middle, upper - middle or middle - lower
        low, high = lower - 2 * self.factor * below, upper + 2 * self.factor * above
        step = 10.0 ** (math.floor(math.log10(high - low)) - 2)
        return math.floor(low / step) * step, math.ceil(high / step) * step


def _bound(limit: float) -> float | None:
    return None if math.isinf(limit) else limit
