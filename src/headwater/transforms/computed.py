"""Transforms that compute whole columns from their rows, chunk by chunk: what they make never stands in memory at once.

An `Edit` names single cells, and all edits of a plan are put together before anything is written. That suits changes
of some rows. A column of embeddings may be larger than memory; so here each chunk's part is written as it is made,
as a column group of that chunk alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from headwater.core.hashing import hash_array
from headwater.reading.chunks import DatasetChunk
from headwater.transforms.base import Edit, Source, Transform, plain
from headwater.versions.transaction import Transaction

__all__ = ["ColumnTransform", "Computation", "Computed"]


class Computation(Protocol):
    """The work of one `ColumnTransform` on one dataset."""

    @property
    def fields(self) -> list[pa.Field]:
        """The columns that are made; none if there is nothing to make them from."""
        ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was learnt or decided, JSON-able, for the commit's record; asked for at the end."""
        ...

    @property
    def tags(self) -> Mapping[str, Mapping[str, Any]]:
        """Facts about columns that stay with the dataset."""
        ...

    def columns(self, chunk: DatasetChunk) -> pa.Table | None:
        """Return the columns for the live rows of a chunk, in their order; None if they are right already."""
        ...

    def close(self) -> None:
        """Called when all chunks have been asked for, or the work has failed."""
        ...

    def published(self) -> None:
        """Called when the commit is made."""
        ...


class ColumnTransform(Transform):
    """A transform that computes columns chunk by chunk. A dry run and a commit do the same work."""

    def compute(self, source: Source) -> Computation:
        """Return the work on a dataset."""
        raise NotImplementedError

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield the new cells of each chunk, for those who want them as edits."""
        work = self.compute(source)
        for start, chunk in source.chunks():
            table = work.columns(chunk) if work.fields else None
            if table is not None:
                there = [name for name in table.schema.names if name in source.schema.names]
                yield Edit.between(chunk.read(there), table).shifted(start)


@dataclass
class Computed:
    """What a `ColumnTransform` makes of a dataset; see `headwater.transforms.changes.Changes`."""

    transform: ColumnTransform
    source: Source
    cells: dict[str, int] = field(default_factory=dict)
    updated: int = 0

    def __post_init__(self) -> None:
        self._work = self.transform.compute(self.source)
        self._added = [f.name for f in self._work.fields if f.name not in self.source.schema.names]

    @property
    def record(self) -> dict[str, Any]:
        """What was done, for provenance."""
        return {
            "rows": self.source.dataset.num_rows,
            "updated": self.updated,
            "added": 0,
            "deleted": 0,
            "cells": {name: count for name, count in sorted(self.cells.items()) if count},
            "columns_added": self._added,
            **plain(self._work.facts),
        }

    def apply(self, tx: Transaction) -> None:
        """Make the change in a transaction."""
        fields = self._work.fields
        if not fields:
            return
        name = self.source.dataset.name
        schema = self.source.schema
        other = [f.name for f in fields if f.name in schema.names and schema.field(f.name).type != f.type]
        if other:
            tx.drop_columns(name, other)
        try:
            tx.compute_columns(name, fields, self._compute)
        finally:
            self._work.close()
        for column, tags in self._work.tags.items():
            known = self.source.dataset.manifest.tags.get(column, {})
            tx.set_tags(name, column, {**known, **tags})

    def published(self) -> None:
        """Say that the commit is made."""
        self._work.published()

    def _compute(self, chunk: DatasetChunk) -> pa.Table | None:
        table = self._work.columns(chunk)
        if table is None:
            return None
        stored = chunk.read_rows(np.arange(chunk.rows, dtype=np.int64), self._there(table.schema))
        live = chunk.live_positions()
        touched = np.zeros(len(live), np.bool_)
        for column in table.schema.names:
            fresh = hash_array(table.column(column))
            if column in stored.schema.names:
                fresh = fresh - hash_array(stored.column(column))[live]
                touched |= fresh != 0
            self.cells[column] = self.cells.get(column, 0) + int((fresh != 0).sum())
        self.updated += int(touched.sum())
        if stored.num_columns == table.num_columns and not touched.any():
            return None
        # Rows that are deleted have no cells any more.
        place = np.full(chunk.rows, -1, np.int64)
        place[live] = np.arange(len(live))
        return table.take(pa.array(place, mask=place < 0)) if len(live) < chunk.rows else table

    def _there(self, made: pa.Schema) -> list[str]:
        schema = self.source.schema
        return [f.name for f in made if f.name in schema.names and schema.field(f.name).type == f.type]
