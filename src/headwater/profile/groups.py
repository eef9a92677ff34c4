"""How many rows have each combination of values of a few columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.arrays import to_python
from headwater.core.errors import SchemaError
from headwater.profile.base import Measure
from headwater.profile.batch import Batch
from headwater.profile.codec import decode, encode
from headwater.profile.kinds import kind_of

__all__ = ["Groups", "GroupsState"]


@dataclass(frozen=True, slots=True)
class GroupsState:
    """Exact counts of the combinations of values, null being one; nothing but a row count if they are too many.

    Parameters
    ----------
    table : pyarrow.Table
        A column for each grouping column (named ``0``, ``1``, …) and ``count``.
    rows : int
        Rows measured.
    capacity : int
        The most combinations kept.
    complete : bool
        False when there were more; the table is then empty.
    """

    table: pa.Table
    rows: int
    capacity: int
    complete: bool = True
    stale_rows: int = 0

    @property
    def counts(self) -> NDArray[np.int64]:
        """The counts, in the order of the table."""
        return np.asarray(self.table["count"].to_numpy(), np.int64)

    def items(self) -> list[tuple[tuple[Any, ...], int]]:
        """Return combinations and their counts, the most frequent first, ties by value."""
        values = [to_python(self.table[name]) for name in self.table.column_names[:-1]]
        rows = list(zip(zip(*values, strict=True), self.counts.tolist(), strict=True))
        return sorted(rows, key=lambda row: (-row[1], tuple((v is not None, str(v)) for v in row[0])))

    def merge(self, other: Self) -> Self:
        """Return the counts of both sets of rows."""
        return self._with(
            pa.concat_tables([self.table, other.table]),
            self.rows + other.rows,
            self.complete and other.complete,
            self.stale_rows + other.stale_rows,
        )

    def subtract(self, part: Self) -> Self:
        """Return the counts without ``part``; where not all combinations are kept, the same ones, aged."""
        if not (self.complete and part.complete):
            return self.aged(part.rows)
        negative = part.table.set_column(part.table.num_columns - 1, "count", pa.array(-part.counts))
        return self._with(
            pa.concat_tables([self.table, negative]), self.rows - part.rows, True, self.stale_rows
        )

    def aged(self, rows: int) -> Self:
        """Return the same counts with ``rows`` more rows gone."""
        return replace(self, stale_rows=self.stale_rows + rows)

    def to_bytes(self) -> bytes:
        """Return a binary form."""
        facts = [self.rows, self.capacity, self.complete, self.stale_rows]
        columns = {f"c{name}": self.table[name].combine_chunks() for name in self.table.column_names}
        return encode("groups", 1, {"facts": facts, "names": self.table.column_names, **columns})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        fields = decode("groups", 1, data)
        rows, capacity, complete, stale = fields["facts"]
        table = pa.table({name: fields[f"c{name}"] for name in fields["names"]})
        return cls(table, rows, capacity, complete, stale)

    def _with(self, table: pa.Table, rows: int, complete: bool, stale: int) -> Self:
        names = table.column_names[:-1]
        grouped = table.group_by(names, use_threads=False).aggregate([("count", "sum")])
        grouped = grouped.rename_columns([*names, "count"])
        there = np.asarray(grouped["count"].to_numpy()) > 0
        grouped = grouped if there.all() else grouped.filter(pa.array(there))
        complete = complete and grouped.num_rows <= self.capacity
        table = grouped.sort_by([(name, "ascending") for name in names]) if complete else grouped.slice(0, 0)
        return replace(self, table=table, rows=rows, complete=complete, stale_rows=stale)


@dataclass(frozen=True, kw_only=True)
class Groups(Measure[GroupsState]):
    """The combinations of values of some columns, and how many rows have each.

    Parameters
    ----------
    by : tuple of str
        The columns; at least one, none of them lists, vectors or structs.
    capacity : int
        The most combinations that are worth counting.
    """

    id: ClassVar[str] = "rows.groups"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True

    by: tuple[str, ...]
    capacity: int = 10_000

    @property
    def columns(self) -> tuple[str, ...]:
        """The grouping columns."""
        return self.by

    def validate(self, schema: pa.Schema) -> None:
        """Require countable columns."""
        Measure.validate(self, schema)
        for name in self.by:
            if not kind_of(schema.field(name).type).is_countable:
                raise SchemaError(
                    f"Column {name!r} is {schema.field(name).type}: rows cannot be grouped by it. "
                    "Choose another column.",
                    column=name,
                )

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> GroupsState:
        """Group and count."""
        names = [str(number) for number in range(len(self.by))]
        arrays = [batch.array(name) for name in self.by]
        ones = pa.array(np.ones(batch.num_rows, np.int64))
        table = pa.table([*arrays, ones], names=[*names, "count"])
        empty = GroupsState(table.slice(0, 0), 0, self.capacity)
        return empty._with(table, batch.num_rows, True, 0)

    def load(self, data: bytes) -> GroupsState:
        """Read a state."""
        return GroupsState.from_bytes(data)
