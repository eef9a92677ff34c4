"""What judges share: findings, shares of rows held against a limit, and numbers in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from headwater.checks.base import Level, States, outcome_of
from headwater.core.findings import Finding, Fix
from headwater.profile.base import Measure, NeedExact
from headwater.profile.tally import Tally

__all__ = [
    "Share",
    "graded",
    "judged",
    "number_text",
    "offenders",
    "percent",
    "rows_text",
    "share_finding",
    "share_of",
    "shown",
]


class Judge(Protocol):
    """A check that has a level, as most have."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def level(self) -> Level:
        """The outcome where it is broken."""
        ...


@dataclass(frozen=True, slots=True)
class Share:
    """A share of rows, with the bounds it has where the state is stale.

    Parameters
    ----------
    bad, all : int
        How many rows of how many, stale ones included.
    bounds : tuple of float, optional
        The least and the greatest share that the rows that are there can have; None if the share is exact.
    """

    bad: int
    all: int
    bounds: tuple[float, float] | None = None

    @property
    def value(self) -> float:
        """The share; 0 of no rows."""
        return self.bad / self.all if self.all else 0.0


def judged(
    check: Judge,
    broken: bool,
    message: str,
    *,
    severity: float = 0.0,
    level: Level | None = None,
    **facts: Any,
) -> Finding:
    """Return what a check found: its level where it is broken, else a pass, which has no severity.

    Parameters
    ----------
    check : Judge
        The check.
    broken : bool
        Whether what it asks for does not hold.
    message : str
        What was found.
    severity : float
        How much it matters, if it is broken.
    level : {"warn", "fail"}, optional
        The outcome of this finding, if not the check's.
    **facts
        Further fields of the finding, which it has either way.
    """
    return Finding(
        check=check.id,
        outcome=outcome_of(broken, level or check.level),
        severity=severity if broken else 0.0,
        message=message,
        **facts,
    )


def share_of(
    states: States, measure: Measure[Tally], *bad: str, apart: Sequence[str] = (), maximum: float = 0.0
) -> Share:
    """Return the share of rows counted under any of the names ``bad``, which exclude each other.

    Parameters
    ----------
    states : States
        The states.
    measure : Measure
        The measure whose state is a tally.
    *bad : str
        The names.
    apart : sequence of str
        Names of rows that are left out of the whole, such as missing values.
    maximum : float
        The share that is let pass.

    Raises
    ------
    NeedExact
        If the state is stale and the share could be above ``maximum``. So what does not pass has been
        counted exactly.
    """
    tally = states[measure]
    count = sum(tally[name] for name in bad)
    whole = tally["rows"] - sum(tally[name] for name in apart)
    stale = tally.stale_rows
    if not stale or not count:
        return Share(count, whole)
    least = max(whole - stale, 0)
    high = min(count / least, 1.0) if least else 1.0
    low = max(count - stale, 0) / whole if whole else 0.0
    if high > maximum:
        raise NeedExact([measure])
    return Share(count, whole, (low, high))


def share_finding(
    check: Judge,
    share: Share,
    *,
    maximum: float,
    column: str | None,
    weight: float,
    good: str,
    bad: str,
    evidence: Mapping[str, Any] | None = None,
    fix: Fix | None = None,
) -> Finding:
    """Return the finding for a share of rows that may not be above ``maximum``.

    Parameters
    ----------
    check : Judge
        The check.
    share : Share
        What was measured.
    maximum : float
        What is let pass.
    column : str or None
        What it is about.
    weight : float
        How much it matters if a few rows offend, from 0 to 1; more rows matter more.
    good, bad : str
        The message, if it passes and if not.
    evidence, fix : optional
        Of a finding that does not pass.
    """
    broken = share.value > maximum
    return judged(
        check,
        broken,
        bad if broken else good,
        severity=graded(weight, share.value),
        column=column,
        value=share.value,
        threshold=maximum,
        interval=share.bounds,
        row_count=share.bad if broken else 0,
        evidence=dict(evidence or {}) if broken else {},
        fix=fix if broken else None,
    )


def graded(weight: float, share: float) -> float:
    """Return a severity between ``weight`` (a few rows) and 1 (all rows); it grows fast at first."""
    return round(weight + (1.0 - weight) * math.sqrt(min(max(share, 0.0), 1.0)) * 0.8, 3)


def percent(share: float) -> str:
    """Return a share in words: ``"2.4 %"``, ``"less than 0.1 %"``."""
    if share == 0:
        return "0 %"
    if share < 0.001:
        return "less than 0.1 %"
    if 0.999 < share < 1:
        return "more than 99.9 %"
    text = f"{100 * share:.1f}".removesuffix(".0")
    return f"{text} %"


def rows_text(count: int, noun: str = "row") -> str:
    """Return a number of things in words: ``"1 row"``, ``"1,204 rows"``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def offenders(share: Share, one: str, many: str, *, noun: str = "row", column: str | None = None) -> str:
    """Return the subject of a sentence about rows that offend, with its verb.

    Examples
    --------
    >>> offenders(Share(3, 12), "is", "are", noun="value", column="age")
    "3 values of 'age' (25 %) are"
    """
    of = f" of {column!r}" if column else ""
    return f"{rows_text(share.bad, noun)}{of} ({percent(share.value)}) {one if share.bad == 1 else many}"


def number_text(value: Any) -> str:
    """Return a number for a reader: at most six digits, thousands apart."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (math.isfinite(value) and value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:,.6g}"


def shown(values: Sequence[Any], limit: int = 5) -> str:
    """Return the first few values as a reader sees them: ``"'a', 'b' and 3 more"``."""
    texts = [repr(value) if isinstance(value, str) else number_text(value) for value in values[:limit]]
    more = len(values) - limit
    if more > 0:
        return f"{', '.join(texts)} and {more:,} more"
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}" if texts else "none"
