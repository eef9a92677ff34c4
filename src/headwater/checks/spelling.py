"""``consistency.spelling``: one value written in several ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import Share, offenders, share_finding
from headwater.core.findings import Finding, Fix
from headwater.profile.base import Measure, NeedExact
from headwater.profile.columns import require_kind
from headwater.profile.quoting import identifier, literals
from headwater.profile.top import TopState, TopValues

__all__ = ["Spelling"]


@CHECKS.register("consistency.spelling")
@dataclass(frozen=True, kw_only=True)
class Spelling(Check):
    """No two values of a text column differ by case or white space alone.

    Parameters
    ----------
    column : str
        A text column. With more than ``capacity`` distinct values, the most frequent are looked at.
    max_fraction : float
        The share of values that may be rarer spellings.
    capacity : int
        How many distinct values are counted.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "consistency.spelling"
    title = "One value in several spellings"

    column: str
    max_fraction: float = 0.0
    capacity: int = 1024
    level: Level = "warn"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count values."""
        require_kind(target.schema, self.column, "a spelling", text=True)
        return [self._top]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Name the spellings that are rarer than another one of the same value."""
        top = states[self._top]
        meant, rows = _variants(top)
        if top.stale_rows and meant:
            raise NeedExact([self._top])
        share = Share(rows, top.count)
        pairs = [f"{variant!r} for {usual!r}" for variant, usual in list(meant.items())[:3]]
        more = f" and {len(meant) - 3:,} more" if len(meant) > 3 else ""
        return [
            share_finding(
                self,
                share,
                maximum=self.max_fraction,
                column=self.column,
                weight=0.4,
                good=f"No two values of {self.column!r} differ by case or white space alone.",
                bad=f"{offenders(share, 'is a variant', 'are variants', noun='value', column=self.column)} of "
                f"another value in case or white space: {', '.join(pairs)}{more}.",
                evidence={"meant": meant},
                fix=Fix(
                    transform="clean.categories", parameters={"columns": [self.column], "methods": ["case"]}
                ),
            )
        ]

    def offending(self, finding: Finding, target: Target) -> str | None:
        """Return the condition for the rarer spellings."""
        variants = list(finding.evidence.get("meant", {}))
        return f"{identifier(self.column)} IN ({literals(variants)})" if variants else None

    @property
    def _top(self) -> TopValues:
        return TopValues(column=self.column, capacity=self.capacity)


def _variants(top: TopState) -> tuple[dict[str, str], int]:
    """Return the usual spelling of each rarer one, and how many rows have a rarer one."""
    if not top.summary.is_exact:
        # Counts are bounds: a rarer spelling could be the usual one, and its rows could not be named.
        return {}, 0
    spellings: dict[str, list[tuple[str, int]]] = defaultdict(list)
    values, counts = top.values()
    for value, count in zip(values.to_pylist(), counts.tolist(), strict=True):
        folded = " ".join(value.casefold().split())
        if folded:
            spellings[folded].append((value, count))
    meant: dict[str, str] = {}
    rows = 0
    for group in spellings.values():
        usual = max(group, key=lambda item: (item[1], item[0] == item[0].strip(), item[0]))
        for value, count in sorted(group):
            if value != usual[0]:
                meant[value] = usual[0]
                rows += count
    return meant, rows
