"""The few least and greatest distinct values of a column, with their exact counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.profile.base import Measure
from headwater.profile.batch import Batch
from headwater.profile.codec import decode, encode
from headwater.profile.columns import require_kind

__all__ = ["Extremes", "ExtremesState"]

KEPT = 16
I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ExtremesState:
    """Distinct values at both ends, ascending, with their counts; all values where there are few.

    Exact under merging: a value among the last 16 of all rows is among the last 16 wherever it occurs.
    """

    values: NDArray[Any]
    counts: I64
    total: int
    stale_rows: int = 0

    @classmethod
    def of(cls, values: NDArray[Any], counts: I64) -> ExtremesState:
        """Build one from ascending distinct values and their counts."""
        total = int(counts.sum())
        if len(values) > 2 * KEPT:
            ends = np.r_[0:KEPT, len(values) - KEPT : len(values)]
            values, counts = values[ends], counts[ends]
        return cls(values, counts, total)

    @property
    def is_complete(self) -> bool:
        """Whether these are all values."""
        return int(self.counts.sum()) == self.total

    def merge(self, other: Self) -> Self:
        """Return the ends of both sets of values."""
        values, place = np.unique(np.concatenate([self.values, other.values]), return_inverse=True)
        counts = np.zeros(len(values), np.int64)
        np.add.at(counts, place, np.concatenate([self.counts, other.counts]))
        state = ExtremesState.of(values, counts)
        return replace(
            self,
            values=state.values,
            counts=state.counts,
            total=self.total + other.total,
            stale_rows=self.stale_rows + other.stale_rows,
        )

    def subtract(self, part: Self) -> Self:
        """Not offered: what lies behind a value that goes away is not known."""
        raise NotImplementedError("extremes are measured again, not subtracted: use aged()")

    def aged(self, rows: int) -> Self:
        """Return the same ends with ``rows`` more rows gone."""
        return replace(self, stale_rows=self.stale_rows + rows)

    def to_bytes(self) -> bytes:
        """Return a binary form."""
        fields = {"values": self.values, "counts": self.counts, "total": self.total, "stale": self.stale_rows}
        return encode("extremes", 1, fields)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        fields = decode("extremes", 1, data)
        return cls(fields["values"], fields["counts"], fields["total"], fields["stale"])


@dataclass(frozen=True, kw_only=True)
class Extremes(Measure[ExtremesState]):
    """The 16 least and the 16 greatest distinct values of a column of numbers or times."""

    id: ClassVar[str] = "column.extremes"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = False

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def validate(self, schema: pa.Schema) -> None:
        """Require an ordered column."""
        require_kind(schema, self.column, "ends", numbers=True)

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> ExtremesState:
        """Sort."""
        return ExtremesState.of(*batch.runs(self.column))

    def load(self, data: bytes) -> ExtremesState:
        """Read a state."""
        return ExtremesState.from_bytes(data)
