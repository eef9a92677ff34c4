"""Rules about metrics, as people write them: ``accuracy >= 0.9``, ``lower(recall[age < 30]) >= 0.8``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from headwater.core.errors import NotFound, UsageError

__all__ = ["Judged", "Measured", "MetricRule"]

End = Literal["value", "lower", "upper"]

_FORM = re.compile(
    r"\s*(?P<inner>.+?)\s*(?P<sign><=|>=|<|>)\s*(?P<bound>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*"
)
_WORD = re.compile(r"(?P<word>lower|upper|change)\s*\(\s*(?P<inner>.*)\)")
_NAMED = re.compile(r"(?P<metric>\w+)\s*(?:\[(?P<part>.+)\])?")
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A figure that rules are about: a metric of a part of the rows, or the gap between the groups of a feature.

    Parameters
    ----------
    metric, part, kind : str
        Its name, which rows, and what they are: ``all``, ``slice``, ``group`` or ``gap``.
    value : float
        The figure.
    interval : tuple of float
        Its 95 % interval.
    """

    metric: str
    part: str
    kind: str
    value: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of a rule: the figure that it met, and whether it holds."""

    rule: str
    value: float
    passed: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        known = not math.isnan(self.value)
        return {"rule": self.rule, "value": self.value if known else None, "passed": self.passed}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRule:
    """A bound of a metric; read one with `MetricRule.parse`.

    Parameters
    ----------
    metric : str
        The metric, or the gap.
    part : str
        A slice, a group (``region = north``) or, for gaps, a feature; empty for all rows.
    is_change : bool
        Whether it is about the difference from another model.
    end : {"value", "lower", "upper"}
        The figure, or an end of its 95 % interval.
    sign, bound : str, float
        ``>=``, ``<=``, ``>`` or ``<``, and the number.
    """

    metric: str
    part: str = ""
    is_change: bool = False
    end: End = "value"
    sign: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> MetricRule:
        """Read a rule.

        Parameters
        ----------
        text : str
            ``METRIC >= NUMBER`` with any of four signs. ``METRIC[PART]`` is about a slice, a group or a feature,
            ``lower(…)`` and ``upper(…)`` about the ends of the interval, ``change(…)`` about the difference from
            another model.

        Raises
        ------
        UsageError
            If it is not of that form.
        """
        match = _FORM.fullmatch(text)
        inner = match["inner"].strip() if match else ""
        words = []
        while word := _WORD.fullmatch(inner):
            words.append(word["word"])
            inner = word["inner"].strip()
        named = _NAMED.fullmatch(inner)
        ends = [word for word in words if word != "change"]
        if match is None or named is None or len(ends) > 1 or words.count("change") > 1:
            raise UsageError(
                f'A rule is METRIC >= NUMBER, as "accuracy >= 0.9", "recall[age < 30] >= 0.8" or '
                f'"lower(change(roc_auc)) >= -0.01"; not {text!r}.'
            )
        end: End = "value" if not ends else "lower" if ends[0] == "lower" else "upper"
        return cls(
            metric=named["metric"],
            part=(named["part"] or "").strip(),
            is_change="change" in words,
            end=end,
            sign=match["sign"],
            bound=float(match["bound"]),
        )

    def __str__(self) -> str:
        inner = f"{self.metric}[{self.part}]" if self.part else self.metric
        inner = f"change({inner})" if self.is_change else inner
        inner = inner if self.end == "value" else f"{self.end}({inner})"
        return f"{inner} {self.sign} {self.bound:g}"

    def judge(self, figures: Iterable[Measured]) -> Judged:
        """Hold the rule against figures; what is not defined does not hold.

        Raises
        ------
        NotFound
            If there is no such metric, or no such part.
        """
        there = list(figures)
        found = self._of(there)
        value = found.value if self.end == "value" else found.interval[0 if self.end == "lower" else 1]
        return Judged(rule=str(self), value=value, passed=_SIGNS[self.sign](value, self.bound))

    def _of(self, there: Sequence[Measured]) -> Measured:
        fits = [one for one in there if (one.part == self.part if self.part else one.kind == "all")]
        if self.part and not fits:
            parts = {one.part for one in there if one.kind != "all"}
            raise NotFound.among(
                "part", self.part, parts, where=f"the evaluation that {str(self)!r} is about"
            )
        for one in fits:
            if one.metric == self.metric:
                return one
        raise NotFound.among("metric", self.metric, {one.metric for one in fits})
