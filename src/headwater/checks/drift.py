"""``drift.distribution``: the values of columns are distributed as they were in the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.comparing import (
    Summary,
    greatest_change,
    is_ordered,
    ks_distance,
    may_drift,
    moved,
    p_value,
    summaries,
    summarized,
)
from headwater.checks.judging import graded, judged, number_text, rows_text
from headwater.core.errors import SchemaError, UsageError
from headwater.core.findings import Finding
from headwater.methods.divergence import jensen_shannon, psi
from headwater.methods.multiple_testing import benjamini_hochberg, holm
from headwater.profile.base import Measure, NeedExact

__all__ = ["Correction", "Distribution", "Statistic", "adjusted", "p_text", "require_level"]

Statistic = Literal["psi", "js", "ks", "wasserstein"]
Correction = Literal["holm", "bh", "none"]

_LIMITS = {"psi": 0.2, "js": 0.2, "ks": 0.1, "wasserstein": 0.1}
_NAMES = {
    "psi": "population stability index",
    "js": "Jensen-Shannon distance",
    "ks": "Kolmogorov-Smirnov distance",
    "wasserstein": "Wasserstein distance in standard deviations",
}


@CHECKS.register("drift.distribution")
@dataclass(frozen=True, kw_only=True)
class Distribution(Check):
    """The distribution of each column is near that of the baseline. Without a baseline there is nothing to judge.

    An alarm needs both: a difference that is large, and one that chance does not explain. Numbers and times are
    compared over the baseline's deciles, everything else over its 50 most frequent values; missing values are a
    bin of their own (but for ``ks`` and ``wasserstein``, which are about values alone). The test is that of
    Kolmogorov and Smirnov, or chi-square where there is no order.

    Parameters
    ----------
    column : str, optional
        The column; by default all that can be compared, but for the key and the time.
    exclude : tuple of str
        Columns to leave out.
    statistic : {"psi", "js", "ks", "wasserstein"}
        How large a difference is: population stability index, Jensen-Shannon distance, or (numbers and times)
        Kolmogorov-Smirnov, or how far values moved in standard deviations of the baseline.
    maximum : float, optional
        What is let pass: 0.2, 0.2, 0.1 and 0.1 by default.
    alpha : float
        How often chance alone may give an alarm, in all columns together.
    correction : {"holm", "bh", "none"}
        How p-values allow for the number of columns: ``holm`` keeps the probability of any false alarm below
        alpha, ``bh`` (Benjamini and Hochberg) the share of false ones among the alarms.
    level : {"warn", "fail"}
        The outcome of an alarm.
    """

    id = "drift.distribution"
    version = 2
    title = "Changed distributions"

    column: str | None = None
    exclude: tuple[str, ...] = ()
    statistic: Statistic = "psi"
    maximum: float | None = None
    alpha: float = 0.01
    correction: Correction = "holm"
    level: Level = "warn"

    def __post_init__(self) -> None:
        if self.statistic not in _LIMITS:
            raise UsageError(
                f"There is no drift statistic {self.statistic!r}. Statistics: {', '.join(_LIMITS)}."
            )
        require_level(self.alpha)
        adjusted([1.0], self.correction)

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Summarise distributions, where there is something to compare them with."""
        return [measure for column in self._columns(target) for measure in summaries(column, target)]

    def baseline_measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Summarise the same of the baseline."""
        return self.measures(target)

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Compare each column, then allow for their number."""
        if target.baseline is None:
            return [self._passed("There is no baseline to compare with.")]
        columns = self._columns(target)
        if not columns:
            return [
                self._passed(f"Column {self.column!r} is new: the baseline does not have it.")
                if self.column
                else self._passed("No column can be compared with the baseline.")
            ]
        found = [self._compared(column, states, target) for column in columns]
        tested = [one for one in found if one.is_tested]
        self._require_fresh(tested, target)
        certain = adjusted([one.p_value for one in tested], self.correction)
        p_values = dict(zip([one.column for one in tested], certain, strict=True))
        return [self._finding(one, p_values.get(one.column, 1.0), len(tested)) for one in found]

    def _columns(self, target: Target) -> list[str]:
        """Return the columns to compare."""
        if target.baseline is None:
            return []
        if self.column is None:
            apart = {*self.exclude, target.time}  # events of another time have other times
            return [
                name
                for name in may_drift(target)
                if name not in apart
                and (self.statistic not in ("ks", "wasserstein") or is_ordered(name, target))
            ]
        if self.column not in target.baseline.schema.names:
            return []
        if (
            self.statistic in ("ks", "wasserstein")
            and self.column in target.schema.names
            and not is_ordered(self.column, target)
        ):
            raise SchemaError(
                f"Column {self.column!r} has no order: {_NAMES[self.statistic]} needs numbers or times. "
                "Use psi or js.",
                column=self.column,
            )
        return [self.column]

    def _compared(self, column: str, states: States, target: Target) -> _Compared:
        old, new = summarized(column, states, target)
        if not old.total or not new.total:
            return _Compared(column, old, new)
        if old.stale:
            raise NeedExact(summaries(column, target))
        value = self._distance(old, new)
        greatest = self._greatest(old, new) if new.stale else value
        return _Compared(column, old, new, value, greatest, p_value(old, new), True)

    def _require_fresh(self, tested: Sequence[_Compared], target: Target) -> None:
        """Ask for fresh measurements where rows that are no longer there could decide.

        A stale column that is no alarm however the rest turns out still has a p-value, which others are adjusted
        for; it is let be anything.
        """
        doubtful = [one for one in tested if one.new.stale and one.greatest > self._limit]
        open_ = [one for one in tested if one.new.stale and one not in doubtful]
        if not doubtful and open_:
            verdicts = []
            for guess in (0.0, 1.0):
                guessed = [guess if one.new.stale else one.p_value for one in tested]
                verdicts.append(
                    [
                        one.value > self._limit and p <= self.alpha
                        for one, p in zip(tested, adjusted(guessed, self.correction), strict=True)
                        if not one.new.stale
                    ]
                )
            doubtful = open_ if verdicts[0] != verdicts[1] else []
        if doubtful:
            raise NeedExact([measure for one in doubtful for measure in summaries(one.column, target)])

    @property
    def _limit(self) -> float:
        return _LIMITS[self.statistic] if self.maximum is None else self.maximum

    def _finding(self, one: _Compared, p: float, tests: int) -> Finding:
        if not one.is_tested:
            return self._passed(f"Column {one.column!r} has no values to compare.", one.column)
        large, certain = one.value > self._limit, p <= self.alpha
        broken = large and certain
        chance = f"p = {p_text(p)}" + (f" allowing for {tests:,} columns" if tests > 1 else "")
        reading = f"{_NAMES[self.statistic]} {number_text(round(one.value, 4))}, {chance}"
        if broken:
            message = (
                f"The values of {one.column!r} are distributed differently than in the baseline ({reading}): "
                f"{greatest_change(one.old, one.new)}."
            )
        elif large:
            rows = rows_text(round(min(one.old.total, one.new.total)))
            message = f"The values of {one.column!r} differ no more than chance would have {rows} differ ({reading})."
        else:
            message = f"The values of {one.column!r} are distributed as in the baseline ({reading})."
        evidence: dict[str, Any] = {"p_value": one.p_value, "adjusted_p_value": p, "tests": tests}
        if broken:
            evidence |= {"bins": one.old.names, "baseline": one.old.shares(), "now": one.new.shares()}
        size = one.value / max(4 * self._limit, 1e-9)
        return judged(
            self,
            broken,
            message,
            severity=graded(0.45, min(size, 1.0)),
            column=one.column,
            value=one.value if np.isfinite(one.value) else None,
            threshold=self._limit,
            evidence=evidence,
        )

    def _passed(self, message: str, column: str | None = None) -> Finding:
        return judged(self, False, message, column=column or self.column)

    def _distance(self, old: Summary, new: Summary) -> float:
        if self.statistic == "psi":
            return psi(old.counts, new.counts)
        if self.statistic == "js":
            return jensen_shannon(old.counts, new.counts)
        return ks_distance(old, new) if self.statistic == "ks" else moved(old, new)

    def _greatest(self, old: Summary, new: Summary) -> float:
        """Return a bound on the distance, whatever stale rows there are among the new."""
        if self.statistic == "wasserstein":
            return float("inf")
        if self.statistic == "ks":
            return ks_distance(old, new) + (2 * new.stale + 4 * new.error) / max(new.total - new.stale, 1.0)
        slack = new.stale + 4 * new.error
        q = np.where(old.counts == 0, 0.5, old.counts) / old.counts.sum()
        total = max(new.total - new.stale, 1.0)
        low = np.maximum(new.counts - slack, 0.5) / new.total
        high = np.minimum((np.maximum(new.counts, 0.5) + 4 * new.error) / total, 1.0)
        # Each term is convex in the share, so it is greatest at an end.
        if self.statistic == "psi":
            return float(np.maximum((low - q) * np.log(low / q), (high - q) * np.log(high / q)).sum())
        terms = np.maximum(_js_terms(low, q), _js_terms(high, q)).sum()
        return float(np.sqrt(min(max(float(terms), 0.0), 1.0)))


@dataclass(frozen=True, slots=True)
class _Compared:
    """One column, compared."""

    column: str
    old: Summary
    new: Summary
    value: float = 0.0
    greatest: float = 0.0
    p_value: float = 1.0
    is_tested: bool = False


def adjusted(p_values: Sequence[float], correction: Correction) -> list[float]:
    """Return p-values that allow for their number.

    Raises
    ------
    UsageError
        If there is no such correction.
    """
    if correction == "none":
        return list(p_values)
    if correction not in ("holm", "bh"):
        raise UsageError(f"There is no correction {correction!r} for many tests. Use holm, bh or none.")
    found = holm(p_values) if correction == "holm" else benjamini_hochberg(p_values)
    return [float(p) for p in found]


def require_level(alpha: float) -> None:
    """Raise unless ``alpha`` can be the level of a test.

    Raises
    ------
    UsageError
        If it is not between 0 and 1, both exclusive.
    """
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha}; give a number between 0 and 1, such as 0.01.")


def p_text(p: float) -> str:
    """Return a p-value for a reader."""
    return "less than 0.0001" if p < 1e-4 else f"{p:.2g}"


def _js_terms(p: Any, q: Any) -> Any:
    middle = (p + q) / 2
    return 0.5 * (p * np.log2(p / middle) + q * np.log2(q / middle))
