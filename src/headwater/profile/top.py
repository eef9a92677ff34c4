"""The most frequent values of a column; all of them, exactly, while they are few."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from headwater.core.arrays import to_python
from headwater.core.errors import SchemaError
from headwater.methods.heavy_hitters import HeavyHitters
from headwater.profile.base import Measure
from headwater.profile.batch import Batch, ValueCounts
from headwater.profile.codec import decode, encode
from headwater.profile.kinds import kind_of

__all__ = ["TopState", "TopValues", "heaviest"]


@dataclass(frozen=True, slots=True)
class TopState:
    """Counts of the most frequent values, null and NaN left out, with their bounds."""

    summary: HeavyHitters
    stale_rows: int = 0

    @property
    def is_exact(self) -> bool:
        """Whether every value is there with its true count."""
        return self.summary.is_exact and self.stale_rows == 0

    @property
    def count(self) -> int:
        """Number of values counted, stale ones included."""
        return self.summary.total

    def top(self, number: int | None = None) -> list[tuple[Any, int, int]]:
        """Return the most frequent values with the least and greatest count each can have."""
        table = self.summary.top(number)
        lower = np.maximum(np.asarray(table["lower"]) - self.stale_rows, 0).tolist()
        return list(zip(to_python(table["value"]), lower, table["upper"].to_pylist(), strict=True))

    def values(self) -> tuple[pa.Array, np.ndarray[Any, np.dtype[np.int64]]]:
        """Return the values that are kept and their counts (the lower bounds, stale ones included)."""
        table = self.summary.top()
        return table["value"].combine_chunks(), np.asarray(table["lower"])

    def merge(self, other: Self) -> Self:
        """Return the counts of both sets of rows."""
        summary = self.summary.copy()
        summary.merge(other.summary)
        return replace(self, summary=summary, stale_rows=self.stale_rows + other.stale_rows)

    def subtract(self, part: Self) -> Self:
        """Return the counts without ``part``; where not all values are kept, the same ones, aged."""
        if not (self.summary.is_exact and part.summary.is_exact):
            return self.aged(part.count)
        gone = part.summary.top()
        summary = self.summary.copy()
        summary.subtract(gone["value"], np.asarray(gone["lower"]))
        return replace(self, summary=summary)

    def aged(self, rows: int) -> Self:
        """Return the same counts with ``rows`` more rows gone."""
        return replace(self, stale_rows=self.stale_rows + rows)

    def to_bytes(self) -> bytes:
        """Return a binary form."""
        return encode("top", 1, {"stale": self.stale_rows}) + self.summary.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        fields = decode("top", 1, data)
        start = 4 + int.from_bytes(data[:4], "little")
        return cls(HeavyHitters.from_bytes(data[start:]), fields["stale"])


@dataclass(frozen=True, kw_only=True)
class TopValues(Measure[TopState]):
    """The most frequent values of a column.

    Parameters
    ----------
    column : str
        A column whose values can be counted: no lists, vectors or structs.
    capacity : int
        How many values are kept: up to so many distinct ones, all counts are exact.
    """

    id: ClassVar[str] = "column.top"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True

    column: str
    capacity: int = 1024

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def validate(self, schema: pa.Schema) -> None:
        """Require a countable column."""
        Measure.validate(self, schema)
        type_ = schema.field(self.column).type
        if not kind_of(type_).is_countable:
            raise SchemaError(
                f"Column {self.column!r} is {type_}: its values cannot be counted one by one. Choose another column.",
                column=self.column,
            )

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> TopState:
        """Count."""
        return TopState(heaviest(batch.value_counts(self.column), self.capacity))

    def load(self, data: bytes) -> TopState:
        """Read a state."""
        return TopState.from_bytes(data)


def heaviest(counted: ValueCounts, capacity: int) -> HeavyHitters:
    """Return the summary of counted values, looking only at the most frequent of them."""
    values, counts = counted.values, counted.counts
    total = int(counts.sum())
    if len(counts) > capacity + 1:
        # The summary drops whatever is not above the (capacity + 1)-th: no need to show it the rest.
        chosen = np.sort(np.argpartition(counts, -capacity - 1)[-capacity - 1 :])
        values, counts = values.take(pa.array(chosen)), counts[chosen]
    summary = HeavyHitters(capacity)
    summary.update(values, counts)
    summary.total = total
    return summary
