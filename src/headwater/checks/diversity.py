"""``diversity.coverage``: combinations of attributes that no row, or hardly any row, has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.groups import Group, GroupCounts, exact_groups, group_counts
from headwater.checks.judging import judged, rows_text
from headwater.core.errors import UsageError
from headwater.core.findings import Finding
from headwater.core.schema import require_columns
from headwater.methods.coverage import uncovered_patterns
from headwater.profile.base import Measure
from headwater.profile.groups import Groups

__all__ = ["Coverage"]

_LISTED = 20
_CAPACITY = 100_000


@CHECKS.register("diversity.coverage")
@dataclass(frozen=True, kw_only=True)
class Coverage(Check):
    """Every combination of attributes that could matter has rows to learn from.

    Only the most general gaps are told: where no row has ``race = black``, that none has ``race = black`` and
    ``sex = female`` goes without saying.

    Parameters
    ----------
    columns : tuple of str
        The attributes; by default the sensitive features and the label of the contract.
    minimum_rows : int
        The least number of rows that covers a combination.
    max_level : int
        The most attributes that are combined.
    level : {"warn", "fail"}
        The outcome if combinations lack rows.

    Notes
    -----
    Numbers and times of many values are cut into ranges of about equally many rows. Rows in which an
    attribute is missing are left out of the combinations with it.

    References
    ----------
    Asudeh, Jin, Jagadish (2019). Assessing and Remedying Coverage for a Given Dataset.
    doi:10.1109/ICDE.2019.00056
    """

    id = "diversity.coverage"
    title = "Missing combinations"

    columns: tuple[str, ...] = ()
    minimum_rows: int = 30
    max_level: int = 3
    level: Level = "warn"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for sensitive features and a label to combine."""
        attributes = {*target.sensitive, *((target.label,) if target.label else ())}
        return (cls(),) if len(attributes) > 1 and target.sensitive else ()

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count combinations."""
        return [self._measure(target)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Look for combinations with too few rows."""
        measure = self._measure(target)
        counted = group_counts(exact_groups(states, measure), measure.by, target.schema)
        names, rows = ", ".join(measure.by), int(counted.counts.sum())
        if rows < self.minimum_rows:
            return [self._finding(names, f"{rows_text(rows)}: too few to look for combinations.")]
        gaps = self._gaps(counted)
        if not gaps:
            good = f"Every combination of {names} has at least {rows_text(self.minimum_rows)}."
            return [self._finding(names, good)]
        empty = sum(gap.rows == 0 for gap in gaps)
        few = len(gaps) - empty
        kinds = [f"{empty} that no row has"] if empty else []
        kinds += [f"{few} that fewer than {self.minimum_rows} rows have"] if few else []
        worst = gaps[0]
        usual = f", where {worst.expected:,.0f} would be usual" if worst.expected > 2 * worst.rows + 1 else ""
        message = (
            f"{rows_text(len(gaps), 'combination')} of {names} {'is' if len(gaps) == 1 else 'are'} not covered: "
            f"{' and '.join(kinds)}. First: {worst} ({rows_text(worst.rows)}{usual}). "
            "Collect such rows: a model has nothing to learn them from."
        )
        return [self._finding(names, message, gaps)]

    def _finding(self, names: str, message: str, gaps: Sequence[_Gap] = ()) -> Finding:
        general = min((len(gap.groups) for gap in gaps), default=0)
        return judged(
            self,
            bool(gaps),
            message,
            severity={1: 0.5, 2: 0.4}.get(general, 0.25),
            column=names,
            slice=gaps[0].where if gaps else None,
            value=float(len(gaps)),
            threshold=0.0,
            evidence={
                "patterns": [
                    {"slice": gap.where, "rows": gap.rows, "expected": round(gap.expected, 1)}
                    for gap in gaps[:_LISTED]
                ]
            },
        )

    def _gaps(self, counted: GroupCounts) -> list[_Gap]:
        """Return the uncovered patterns as groups; the groups of missing values take no part."""
        places = [str(place) for place in range(counted.codes.shape[1])]
        columns = {}
        for place, groups in zip(places, counted.groups, strict=True):
            codes = counted.codes[:, int(place)]
            gone = bool(groups) and groups[-1].value == ""
            columns[place] = pa.array(codes, mask=(codes == len(groups) - 1) if gone else None)
        table = pa.table({**columns, "count": pa.array(counted.counts)})
        found = uncovered_patterns(table, places, threshold=self.minimum_rows, max_level=self.max_level)
        return [
            _Gap(
                tuple(counted.groups[int(place)][code] for place, code in row.items() if code is not None),
                int(found.count[number]),
                float(found.expected[number]),
            )
            for number, row in enumerate(found.patterns.to_pylist())
        ]

    def _measure(self, target: Target) -> Groups:
        label = (target.label,) if target.label else ()
        found = tuple(dict.fromkeys(self.columns or (*target.sensitive, *label)))
        require_columns(target.schema, found, where=f"dataset {target.dataset.name!r}")
        if len(found) < 2:
            raise UsageError(
                "Coverage is about combinations of at least two attributes: name columns, or a label and sensitive "
                "features in the contract."
            )
        return Groups(by=found, capacity=_CAPACITY)


@dataclass(frozen=True, slots=True)
class _Gap:
    """A combination of groups with too few rows, and how many there would be if attributes were independent."""

    groups: tuple[Group, ...]
    rows: int
    expected: float

    def __str__(self) -> str:
        return " and ".join(str(group) for group in self.groups)

    @property
    def where(self) -> str:
        return " AND ".join(group.where for group in self.groups)
