"""The edits of a plan, put together and turned into what a transaction knows: columns, upserts, deletions, rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.arrays import cast
from headwater.core.errors import SchemaError, UsageError
from headwater.core.schema import SchemaChange, widen
from headwater.reading.chunks import DatasetChunk
from headwater.reading.dataset import Dataset
from headwater.store.chunk import CHUNK_ROWS
from headwater.transforms.base import Edit, Source, Transform, plain
from headwater.transforms.training_rows import take_rows
from headwater.versions.transaction import Transaction

__all__ = ["Changes"]

I64 = NDArray[np.int64]

_UPSERT_ROWS = 4 * CHUNK_ROWS
_GONE = -2


@dataclass
class Changes:
    """All edits that a transform plans for a dataset, drawn when made.

    Parameters
    ----------
    transform : Transform
        Whose plan.
    source : Source
        The dataset.

    Raises
    ------
    SchemaError
        If an edit touches a column that the transform does not name among its targets, or part of the key.
    """

    transform: Transform
    source: Source
    rows: list[I64] = field(default_factory=list)
    values: list[pa.Table] = field(default_factory=list)
    why: list[Mapping[str, pa.Array]] = field(default_factory=list)
    updated: list[int] = field(default_factory=list)
    delete: list[I64] = field(default_factory=list)
    divert: list[pa.Array] = field(default_factory=list)
    append: list[pa.Table] = field(default_factory=list)
    drop: list[str] = field(default_factory=list)
    cells: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        allowed = set(self.transform.targets(self.source))
        for edit in self.transform.plan(self.source):
            self._take(edit, allowed)
        if self.delete and self.rows:
            self._leave_out_deleted()

    def _take(self, edit: Edit, allowed: set[str]) -> None:
        strange = [
            name
            for name in (*edit.values.schema.names, *edit.drop)
            if name not in allowed or name in self.source.key
        ]
        if strange:
            raise SchemaError(
                f"{self.transform.id} planned to change column {strange[0]!r}, which is not among those it may "
                f"change ({', '.join(sorted(allowed))}). This is a mistake in the transform.",
                column=strange[0],
            )
        self.drop.extend(edit.drop)
        self.facts.update(edit.facts)
        self.tags.update(edit.tags)
        for name, count in edit.cells.items():
            self.cells[name] = self.cells.get(name, 0) + count
        if len(edit.rows):
            if self.values and edit.values.schema != self.values[0].schema:
                raise SchemaError(
                    f"{self.transform.id} planned edits with different columns or types: "
                    f"{edit.values.schema.names} after {self.values[0].schema.names}."
                )
            self.rows.append(edit.rows)
            self.values.append(edit.values)
            self.why.append(edit.why)
            self.updated.append(len(edit.rows) if edit.updated is None else edit.updated)
        if len(edit.delete):
            self.delete.append(edit.delete)
            self.divert.append(
                pa.nulls(len(edit.delete), pa.string()) if edit.divert is None else edit.divert
            )
        if edit.append is not None and edit.append.num_rows:
            self.append.append(edit.append)

    def _leave_out_deleted(self) -> None:
        """Drop the new cells of rows that go."""
        gone = np.concatenate(self.delete)
        for place, rows in enumerate(self.rows):
            stays = ~np.isin(rows, gone)
            if not stays.all():
                keep = pa.array(stays)
                self.updated[place] = min(self.updated[place], int(stays.sum()))
                self.rows[place], self.values[place] = rows[stays], self.values[place].filter(keep)
                self.why[place] = {name: texts.filter(keep) for name, texts in self.why[place].items()}

    @property
    def record(self) -> dict[str, Any]:
        """What was done, for provenance."""
        return {
            "rows": self.source.dataset.num_rows,
            "updated": sum(self.updated) if self.old_columns() else 0,
            "added": sum(table.num_rows for table in self.append),
            "deleted": sum(len(rows) for rows in self.delete),
            "cells": {name: count for name, count in sorted(self.cells.items()) if count},
            "columns_added": self.new_columns(),
            **({"columns_dropped": self.drop} if self.drop else {}),
            **({"quarantined": diverted} if (diverted := self._diverted()) else {}),
            **plain(self.facts),
        }

    def apply(self, tx: Transaction) -> None:
        """Make the changes in a transaction."""
        fresh = self.new_columns()
        if fresh and self.rows:
            self._add_columns(tx, fresh)
        if self._diverted():
            tx.quarantine(self.source.dataset.name, self._waiting())
        if self.retyped():
            self._retype(tx)
        if self.source.key:
            self._apply_by_key(tx)
        elif self.delete or (self.values and self._edited_columns()):
            name = self.source.dataset.name
            kept = tx[name]
            change = self._schema_change(kept.schema)
            tx.overwrite(name, self._rewritten(kept), schema_change=change)
        if self.drop:
            tx.drop_columns(self.source.dataset.name, self.drop)
        for table in self.append:
            tx.append(self.source.dataset.name, table)
        for column, tags in self.tags.items():
            if self.cells.get(column):
                known = self.source.dataset.manifest.tags.get(column, {})
                tx.set_tags(self.source.dataset.name, column, {**known, **tags})

    def _apply_by_key(self, tx: Transaction) -> None:
        name = self.source.dataset.name
        if self.delete:
            keys = _keys_at(self.source, np.sort(np.concatenate(self.delete)))
            tx.delete(name, keys=keys)
        old = self._edited_columns()
        if old:
            change = self._schema_change(self.source.schema)
            for rows, values in _grouped(self.rows, self.values):
                keys = _keys_at(self.source, rows)
                columns = [*keys.columns, *(values.column(column) for column in old)]
                tx.upsert(name, pa.table(columns, names=[*keys.schema.names, *old]), schema_change=change)

    def _add_columns(self, tx: Transaction, fresh: Sequence[str]) -> None:
        rows, values = np.concatenate(self.rows), pa.concat_tables(self.values).select(list(fresh))
        if self.source.key:
            keys = _keys_at(self.source, rows)
            for column in fresh:
                keys = keys.append_column(column, values.column(column))
            tx.add_columns(self.source.dataset.name, keys)
            return
        at = np.full(self.source.dataset.num_rows, -1, np.int64)
        at[rows] = np.arange(len(rows))
        tx.add_columns(self.source.dataset.name, values.take(pa.array(at, mask=at < 0)))

    def _rewritten(self, kept: Dataset) -> pa.RecordBatchReader:
        """Return all rows with their new cells, without those that go; a content key has no other way."""
        old = self._edited_columns()
        schema = kept.schema
        for column in old:
            at = schema.get_field_index(column)
            schema = schema.set(at, self.values[0].schema.field(column).remove_metadata())
        gone = np.zeros(kept.num_rows, np.bool_)
        for rows in self.delete:
            gone[rows] = True
        at = np.full(kept.num_rows, -1, np.int64)
        if old:
            rows = np.concatenate(self.rows)
            at[rows] = np.arange(len(rows))
            values = pa.concat_tables(self.values).select(old)

        def batches() -> Iterator[pa.RecordBatch]:
            start = 0
            for batch in kept.scan():
                table, stop = pa.Table.from_batches([batch]), start + batch.num_rows
                source = at[start:stop]
                if (source >= 0).any():
                    table = _replaced(table, values, source)
                yield from table.cast(schema).filter(pa.array(~gone[start:stop])).to_batches()
                start = stop

        return pa.RecordBatchReader.from_batches(schema, batches())

    def _retype(self, tx: Transaction) -> None:
        """Write columns whose type changes anew; rows that no edit names keep their value, in the new type."""
        names = self.retyped()
        said = self.source.dataset.splits
        moved = [name for name in names if said is not None and name in said.by]
        if moved:
            raise SchemaError(
                f"Column {moved[0]!r} decides which part of the split of dataset {self.source.dataset.name!r} a row is "
                "in. With another type it would deal the rows anew. Name other columns, or declare the split again "
                "afterwards: `hw split`.",
                column=moved[0],
            )
        fields = [pa.field(name, self.values[0].schema.field(name).type) for name in names]
        rows, values = np.concatenate(self.rows), pa.concat_tables(self.values).select(names)
        at = np.full(self.source.dataset.num_rows, -1, np.int64)
        at[rows] = np.arange(len(rows))
        for gone in self.delete:
            at[gone] = _GONE
        start = 0

        def columns(chunk: DatasetChunk) -> pa.Table:
            nonlocal start
            live = chunk.live_positions()
            source = np.full(chunk.rows, _GONE, np.int64)
            source[live] = at[start : start + len(live)]
            start += len(live)
            return pa.table([_with_new(chunk, live, source, values, field) for field in fields], names=names)

        tx.compute_columns(self.source.dataset.name, fields, columns, retype=True)

    def pairs(self, most: int) -> tuple[pa.Table, pa.Table]:
        """Return the first rows that get new cells, as they are and as they would be, with their old columns."""
        old = self.old_columns()
        rows = np.concatenate([np.zeros(0, np.int64), *self.rows]) if old else np.zeros(0, np.int64)
        at = np.argsort(rows, kind="stable")[:most]
        before = take_rows(self.source, rows[at])
        if not len(at):
            return before, before
        values = pa.concat_tables(self.values).take(pa.array(at))
        after = before
        for name in old:
            kind = values.schema.field(name).type
            place = before.schema.get_field_index(name)
            after = after.set_column(place, name, values.column(name))
            before = before.set_column(place, name, cast(before.column(name), kind))
        return before, after

    def gone(self, most: int) -> pa.Table:
        """Return the first rows that are deleted."""
        rows = np.sort(np.concatenate([np.zeros(0, np.int64), *self.delete]))
        return take_rows(self.source, rows[:most])

    def come(self, most: int) -> pa.Table:
        """Return the first rows that are added."""
        if not self.append:
            return self.source.schema.empty_table()
        return pa.concat_tables(self.append).slice(0, most)

    def _diverted(self) -> int:
        return sum(len(reasons) - reasons.null_count for reasons in self.divert)

    def _waiting(self) -> pa.Table:
        """Return the rows that go to quarantine, with their reasons."""
        rows, reasons = np.concatenate(self.delete), pa.chunked_array(self.divert, pa.string())
        there = np.flatnonzero(np.asarray(reasons.is_valid()))
        order = there[np.argsort(rows[there], kind="stable")]
        return take_rows(self.source, rows[order]).append_column("_reason", reasons.take(pa.array(order)))

    def retyped(self) -> list[str]:
        """Return the columns whose type changes to one that the old values do not fit."""
        return [
            name
            for name in self.old_columns()
            if not pa.types.is_string(kind := self.values[0].schema.field(name).type)
            and widen(self.source.schema.field(name).type, kind) is None
        ]

    def _edited_columns(self) -> list[str]:
        retyped = self.retyped()
        return [name for name in self.old_columns() if name not in retyped]

    def new_columns(self) -> list[str]:
        """Return the columns that are added."""
        names = self.values[0].schema.names if self.values else []
        known = self.source.schema.names
        added = [name for table in self.append for name in table.schema.names]
        return [name for name in dict.fromkeys([*names, *added]) if name not in known]

    def old_columns(self) -> list[str]:
        """Return the columns that are there and get new cells."""
        names = self.values[0].schema.names if self.values else []
        return [name for name in names if name in self.source.schema.names]

    def _schema_change(self, schema: pa.Schema) -> SchemaChange:
        """Say how far the schema may change: a column may turn to text if that is what was planned."""
        for column in self._edited_columns():
            kind = self.values[0].schema.field(column).type
            if pa.types.is_string(kind) and not pa.types.is_string(schema.field(column).type):
                return "any"
        return "safe"


def _with_new(
    chunk: DatasetChunk, live: I64, source: I64, values: pa.Table, field: pa.Field
) -> pa.ChunkedArray:
    """Return a column for all stored rows of a chunk: row ``source[i]`` of the values, its own where -1, or null."""
    new = values.column(field.name).take(pa.array(source, mask=source < 0))
    kept = live[source[live] == -1]
    if not len(kept):
        return new
    own = chunk.read_rows(kept, [field.name]).column(0)
    if own.null_count == len(own):
        return new
    mask = np.zeros(chunk.rows, np.bool_)
    mask[kept] = True
    return pc.replace_with_mask(new.combine_chunks(), pa.array(mask), cast(own, field.type).combine_chunks())


def _replaced(table: pa.Table, values: pa.Table, source: I64) -> pa.Table:
    """Return ``table`` with the cells of ``values``: row ``source[i]`` for row i, its own where -1."""
    for name in values.schema.names:
        at = table.schema.get_field_index(name)
        kind = values.schema.field(name).type
        own = table.column(name).cast(kind)
        both = pa.chunked_array([*own.chunks, *values.column(name).chunks], kind)
        index = np.where(source < 0, np.arange(len(source)), source + len(source))
        table = table.set_column(at, pa.field(name, kind), both.take(pa.array(index)))
    return table


def _grouped(rows: Sequence[I64], values: Sequence[pa.Table]) -> Iterator[tuple[I64, pa.Table]]:
    """Yield the edits joined to pieces that a transaction takes at once."""
    some: list[int] = []
    for number in range(len(rows)):
        some.append(number)
        full = sum(len(rows[n]) for n in some) >= _UPSERT_ROWS
        if full or number == len(rows) - 1:
            yield np.concatenate([rows[n] for n in some]), pa.concat_tables([values[n] for n in some])
            some = []


def _keys_at(source: Source, rows: I64) -> pa.Table:
    """Return the keys of rows by their numbers, in that order."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    key = list(source.key)
    parts = [pa.schema([source.schema.field(name) for name in key]).empty_table()]
    for start, chunk in source.chunks():
        low, high = np.searchsorted(ordered, [start, start + chunk.live_rows])
        if low < high:
            positions = chunk.live_positions()[ordered[low:high] - start]
            parts.append(chunk.read_rows(positions, key))
    found = pa.concat_tables(parts)
    if found.num_rows != len(rows):
        raise UsageError(
            f"A plan names row {int(rows.max())} of a dataset of {source.dataset.num_rows} rows. "
            "This is a mistake in the transform."
        )
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return found.take(pa.array(back))
