"""How many distinct values a column has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from headwater.methods.hyperloglog import HyperLogLog
from headwater.profile.base import Measure
from headwater.profile.batch import Batch
from headwater.profile.codec import decode, encode
from headwater.profile.kinds import kind_of

__all__ = ["Distinct", "DistinctState"]


@dataclass(frozen=True, slots=True)
class DistinctState:
    """The distinct values: all their hashes while they are few, then a HyperLogLog sketch."""

    sketch: HyperLogLog
    stale_rows: int = 0

    @property
    def is_exact(self) -> bool:
        """Whether the estimate is the true number."""
        return self.sketch.is_exact and self.stale_rows == 0

    @property
    def estimate(self) -> float:
        """Number of distinct values, null left out; with stale rows, theirs included."""
        return self.sketch.estimate()

    def interval(self, confidence: float = 0.999) -> tuple[float, float]:
        """Return an interval for the number of distinct values of the rows that are there."""
        low, high = self.sketch.interval(confidence)
        return max(0.0, low - self.stale_rows), high

    def merge(self, other: Self) -> Self:
        """Return the distinct values of both sets of rows."""
        sketch = self.sketch.copy()
        sketch.merge(other.sketch)
        return replace(self, sketch=sketch, stale_rows=self.stale_rows + other.stale_rows)

    def subtract(self, part: Self) -> Self:
        """Not possible: a value that goes away here may be there elsewhere."""
        raise NotImplementedError("a set of distinct values cannot be subtracted: use aged()")

    def aged(self, rows: int) -> Self:
        """Return the same values with ``rows`` more rows gone."""
        return replace(self, stale_rows=self.stale_rows + rows)

    def to_bytes(self) -> bytes:
        """Return a binary form."""
        return encode("distinct", 1, {"stale": self.stale_rows, "length": 0}) + self.sketch.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        fields = decode("distinct", 1, data)
        start = 4 + int.from_bytes(data[:4], "little")
        return cls(HyperLogLog.from_bytes(data[start:]), fields["stale"])


@dataclass(frozen=True, kw_only=True)
class Distinct(Measure[DistinctState]):
    """The distinct values of a column of any type."""

    id: ClassVar[str] = "column.distinct"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = False

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> DistinctState:
        """Add the hash of every value."""
        countable = kind_of(batch.table.schema.field(self.column).type).is_countable
        hashes = batch.value_hashes(self.column) if countable else batch.hashes(self.column)
        sketch = HyperLogLog()
        # A few first: many distinct values then show at once, and their exact list is never built.
        sketch.update(hashes[:2048])
        sketch.update(hashes[2048:])
        return DistinctState(sketch)

    def load(self, data: bytes) -> DistinctState:
        """Read a state."""
        return DistinctState.from_bytes(data)
