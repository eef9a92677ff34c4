"""``duplicates.exact``: rows that say the same as another row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Level, RowFilter, States, Target
from headwater.checks.judging import graded, judged, percent, rows_text
from headwater.core.errors import UsageError
from headwater.core.findings import Finding, Fix
from headwater.core.hashing import U64
from headwater.core.references import hash_rows
from headwater.core.schema import require_columns
from headwater.profile.base import Measure, NeedExact
from headwater.profile.batch import Batch
from headwater.profile.hashes import RepeatsState
from headwater.profile.runs import Run
from headwater.reading.chunks import DatasetChunk

__all__ = ["Duplicates", "WholeRows"]


@dataclass(frozen=True, kw_only=True)
class WholeRows(Measure[RepeatsState]):
    """How often each row comes over some columns, null being a value; rows without any other are left out."""

    id: ClassVar[str] = "rows.whole"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True
    bulky: ClassVar[bool] = True

    of: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns."""
        return self.of

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> RepeatsState:
        """Hash, sort and count."""
        hashes = batch.row_hashes(self.of)
        there = hashes[hashes != 0]
        distinct, counts = np.unique(there, return_counts=True)
        return RepeatsState((Run(distinct, counts.astype(np.int64)),), len(hashes), len(hashes) - len(there))

    def load(self, data: bytes) -> RepeatsState:
        """Read a state."""
        return RepeatsState.from_bytes(data)


@CHECKS.register("duplicates.exact")
@dataclass(frozen=True, kw_only=True)
class Duplicates(Check):
    """No row says exactly what another row says, the key aside.

    Parameters
    ----------
    columns : tuple of str
        The columns that must agree; by default all but the key.
    maximum : float
        The share of surplus rows that passes, from 0 to 1. Of equal rows all but one are surplus.
    level : {"warn", "fail"}
        The outcome above it.

    Notes
    -----
    Rows are compared by a 64-bit hash; null equals null, and rows without any value are left out. In a
    table of few columns with few values equal rows are no mistake: give the columns that tell rows apart.
    """

    id = "duplicates.exact"
    title = "Duplicate rows"

    columns: tuple[str, ...] = ()
    maximum: float = 0.0
    level: Level = "warn"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for columns beside the key."""
        return (cls(),) if set(target.schema.names) - set(target.key) else ()

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count equal rows."""
        return [self._measure(target)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold the share of surplus rows against the maximum."""
        measure = self._measure(target)
        state = states[measure]
        if state.stale_rows:
            raise NeedExact([measure])
        distinct, involved = state.outcome
        whole = state.rows - state.missing
        surplus = whole - distinct
        share = surplus / whole if whole else 0.0
        broken = share > self.maximum
        where = (
            f" in {', '.join(self.columns)}"
            if self.columns
            else " in everything but the key" * bool(target.key)
        )
        bad = (
            f"{rows_text(surplus)} of {whole:,} ({percent(share)}) repeat another row{where}. "
            "They count twice in training, and one may be learnt from while the other is held out."
        )
        good = (
            f"{rows_text(surplus)} repeat another row{where}."
            if surplus
            else f"No two rows are the same{where}."
        )
        return [
            judged(
                self,
                broken,
                bad if broken else good,
                severity=graded(0.4, share),
                column=", ".join(self.columns) or None,
                value=share,
                threshold=self.maximum,
                row_count=involved if broken else 0,
                evidence={"surplus_rows": surplus, "rows_that_have_a_twin": involved},
                fix=self._fix() if broken else None,
            )
        ]

    def offending(self, finding: Finding, target: Target) -> RowFilter:
        """Return the rows that another row equals."""
        columns = self._measure(target).of
        parts = target.executor.map(partial(_hashes, columns=columns), target.dataset.chunks)
        hashes, counts = np.unique(np.concatenate([*parts, np.zeros(0, np.uint64)]), return_counts=True)
        repeated = hashes[(counts > 1) & (hashes != 0)]

        def mask(rows: pa.Table) -> NDArray[np.bool_]:
            return np.isin(hash_rows(rows, columns), repeated)

        return RowFilter(columns, mask)

    def _fix(self) -> Fix:
        return Fix(
            transform="clean.deduplicate", parameters={"columns": list(self.columns)} if self.columns else {}
        )

    def _measure(self, target: Target) -> WholeRows:
        require_columns(target.schema, self.columns, where=f"dataset {target.dataset.name!r}")
        found = self.columns or tuple(name for name in target.schema.names if name not in target.key)
        if not found:
            raise UsageError(
                "The dataset has no column but its key, and keys differ: nothing can be a duplicate."
            )
        return WholeRows(of=found)


def _hashes(chunk: DatasetChunk, columns: tuple[str, ...]) -> U64:
    return hash_rows(chunk.read(columns, apart=True), columns)
