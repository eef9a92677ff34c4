"""``distribution.mean`` and ``distribution.quantile``: a column's mean or quantile lies where it should."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import judged, number_text
from headwater.core.findings import Finding
from headwater.profile.base import Measure, NeedExact
from headwater.profile.columns import Moments
from headwater.profile.conformance import Bound
from headwater.profile.kinds import as_python, from_python
from headwater.profile.quantiles import Quantiles

__all__ = ["Mean", "Quantile"]


@CHECKS.register("distribution.mean")
@dataclass(frozen=True, kw_only=True)
class Mean(Check):
    """The mean of a column of numbers or times lies between two limits.

    Parameters
    ----------
    column : str
        The column.
    minimum, maximum : float, str or None
        The limits.
    level : {"warn", "fail"}
        The outcome if it does not.
    """

    id = "distribution.mean"
    title = "Means out of place"

    column: str
    minimum: Bound = None
    maximum: Bound = None
    level: Level = "fail"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Compute the mean."""
        return [Moments(column=self.column)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Compare."""
        moments = Moments(column=self.column)
        state = states[moments]
        if state.stale_rows:
            raise NeedExact([moments])
        value = state.mean if state.count else math.nan
        return [_finding(self, target, value, f"The mean of {self.column!r}")]


@CHECKS.register("distribution.quantile")
@dataclass(frozen=True, kw_only=True)
class Quantile(Check):
    """A quantile of a column of numbers or times lies between two limits.

    Parameters
    ----------
    column : str
        The column.
    q : float
        Which one, from 0 to 1; 0.5 is the median.
    minimum, maximum : float, str or None
        The limits.
    level : {"warn", "fail"}
        The outcome if it does not.
    """

    id = "distribution.quantile"
    title = "Quantiles out of place"

    column: str
    q: float = 0.5
    minimum: Bound = None
    maximum: Bound = None
    level: Level = "fail"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Summarise the distribution."""
        return [Quantiles(column=self.column)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Compare; with stale rows, the whole interval."""
        quantiles = Quantiles(column=self.column)
        state = states[quantiles]
        value = float(state.quantile([self.q])[0])
        interval = None
        if state.stale_rows:
            low, high = state.quantile_bounds(self.q)
            type_ = target.schema.field(self.column).type
            least = -math.inf if self.minimum is None else from_python(self.minimum, type_)
            most = math.inf if self.maximum is None else from_python(self.maximum, type_)
            if not (least <= low and high <= most):
                raise NeedExact([quantiles])
            interval = (low, high)
        return [_finding(self, target, value, f"The {self.q:g} quantile of {self.column!r}", interval)]


def _finding(
    check: Mean | Quantile,
    target: Target,
    value: float,
    what: str,
    interval: tuple[float, float] | None = None,
) -> Finding:
    type_ = target.schema.field(check.column).type
    low = None if check.minimum is None else from_python(check.minimum, type_)
    high = None if check.maximum is None else from_python(check.maximum, type_)
    below, above = low is not None and value < low, high is not None and value > high
    limit = high if above else low if below else None
    if math.isnan(value):
        message = f"{what} is not known: the column has no values."
    else:
        message = f"{what} is {_text(value, type_)}"
        if limit is not None:
            message += f", {'above' if above else 'below'} the {'most' if above else 'least'} allowed, "
            message += _text(limit, type_)
        message += "."
    return judged(
        check,
        below or above,
        message,
        severity=0.5,
        column=check.column,
        value=None if math.isnan(value) else value,
        threshold=None if limit is None else float(limit),
        interval=interval,
    )


def _text(value: float, type_: pa.DataType) -> str:
    return str(as_python(value, type_)) if pa.types.is_temporal(type_) else number_text(float(value))
