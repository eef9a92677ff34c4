"""A finding: one judged fact about data, with its evidence and row keys; and the table findings are kept in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import pyarrow as pa

__all__ = [
    "FINDINGS_SCHEMA",
    "Finding",
    "Fix",
    "Outcome",
    "findings_from_table",
    "findings_to_table",
    "worst",
]


class Outcome(StrEnum):
    """What a check says; ``error`` means that the check itself broke."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"


_RANK = {Outcome.PASS: 0, Outcome.WARN: 1, Outcome.FAIL: 2, Outcome.ERROR: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A suggested transform with its parameters, as ``hw clean`` takes it."""

    transform: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One judged fact.

    Parameters
    ----------
    check : str
        Id of the check, ``family.measure``.
    outcome : Outcome
        ``pass``, ``warn``, ``fail`` or ``error``.
    severity : float
        How much it matters, from 0 (not at all) to 1 (nothing else matters first); orders a report.
    dataset : str
        Name of the dataset.
    column : str, optional
        The column it is about; several are joined by ``", "``.
    slice : str, optional
        The subpopulation it is about, as a SQL condition, for example ``"race = 'black'"``.
    value : float, optional
        What was measured.
    threshold : float, optional
        What it was held against.
    interval : tuple of float, optional
        Lower and upper bound of ``value``.
    message : str
        One or two plain sentences for a reader who does not know the check.
    rows : tuple of str
        Keys of offending rows (JSON of the key's value, or of the list of values of a composite key).
    row_count : int
        How many rows offend; ``rows`` may list fewer.
    evidence : mapping
        Further numbers or examples, JSON-able.
    fix : Fix, optional
        A transform that would mend it.
    allowed : str, optional
        Until when, by whom and why it is put up with: then it stops nothing. See `headwater.core.contract.Allowance`.
    """

    check: str
    outcome: Outcome
    message: str
    dataset: str = ""
    severity: float = 0.5
    column: str | None = None
    slice: str | None = None
    value: float | None = None
    threshold: float | None = None
    interval: tuple[float, float] | None = None
    rows: tuple[str, ...] = ()
    row_count: int = 0
    evidence: Mapping[str, Any] = field(default_factory=dict)
    fix: Fix | None = None
    allowed: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON-able values, with the field names used everywhere."""
        out = asdict(self)
        out["outcome"] = str(self.outcome)
        out["rows"] = [json.loads(row) for row in self.rows]
        out["interval"] = list(self.interval) if self.interval else None
        if self.allowed is None:
            del out["allowed"]
        return out


FINDINGS_SCHEMA = pa.schema(
    [
        ("check", pa.string()),
        ("outcome", pa.string()),
        ("severity", pa.float64()),
        ("dataset", pa.string()),
        ("column", pa.string()),
        ("slice", pa.string()),
        ("value", pa.float64()),
        ("threshold", pa.float64()),
        ("interval", pa.list_(pa.float64())),
        ("message", pa.string()),
        ("rows", pa.list_(pa.string())),
        ("row_count", pa.int64()),
        ("evidence", pa.string()),
        ("fix", pa.string()),
        ("allowed", pa.string()),
    ]
)


def findings_to_table(findings: Iterable[Finding]) -> pa.Table:
    """Return findings as an Arrow table with `FINDINGS_SCHEMA`; nested facts become JSON text."""
    rows = []
    for finding in findings:
        row = asdict(finding)
        row["outcome"] = str(finding.outcome)
        row["evidence"] = json.dumps(dict(finding.evidence), default=str)
        row["fix"] = json.dumps(asdict(finding.fix), default=str) if finding.fix else None
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=FINDINGS_SCHEMA)


def findings_from_table(table: pa.Table) -> list[Finding]:
    """Read findings back from the table that `findings_to_table` made."""
    out = []
    # Tables of earlier versions lack the newest columns.
    for row in table.select(
        [name for name in FINDINGS_SCHEMA.names if name in table.schema.names]
    ).to_pylist():
        row["outcome"] = Outcome(row["outcome"])
        row["interval"] = tuple(row["interval"]) if row["interval"] else None
        row["rows"] = tuple(row["rows"] or ())
        row["evidence"] = json.loads(row["evidence"])
        row["fix"] = Fix(**json.loads(row["fix"])) if row["fix"] else None
        out.append(Finding(**row))
    return out


def worst(findings: Iterable[Finding]) -> Outcome:
    """Return the worst outcome of ``findings`` that are not allowed; ``pass`` when there are none."""
    return max(
        (one.outcome for one in findings if one.allowed is None), key=_RANK.__getitem__, default=Outcome.PASS
    )
