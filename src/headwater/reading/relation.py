"""A dataset as a table of other engines: they ask for columns and rows, and no more is read.

DuckDB reads any `pyarrow.dataset.Dataset`: it calls `scanner` with the columns that a query needs and the part of
its condition that Arrow evaluates just as DuckDB does. `Relation` is one whose rows come from a repository.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from operator import and_
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pds
from numpy.typing import NDArray
from pyarrow.fs import LocalFileSystem

from headwater.core.arrays import cast
from headwater.store.bounds import bounds, has_bounds
from headwater.store.chunk import Chunk
from headwater.store.chunklist import ChunkList, Entry
from headwater.store.duck import known_schema

__all__ = ["Relation", "chunks_for"]

Read = Callable[[Sequence[str], Sequence[Chunk]], Iterable[pa.RecordBatch]]


class Relation(pds.Dataset):  # type: ignore[misc]  # pyarrow ships no types
    """Rows for an engine, in types that DuckDB knows, read anew at each scan.

    Parameters
    ----------
    schema : pyarrow.Schema
        Columns and types of the rows.
    chunks : ChunkList
        Where they are.
    read : callable
        Gives the rows of some of the chunks, with the columns named.

    Attributes
    ----------
    error : Exception or None
        What stopped the last scan. Engines only pass its text on.
    """

    def __init__(self, schema: pa.Schema, chunks: ChunkList, read: Read) -> None:
        # There is no dataset of Arrow's below this one: what is not redefined here goes through `scanner`.
        self._stored, self._known = schema, known_schema(schema)
        self._chunks, self._read = chunks, read
        self.error: Exception | None = None

    @property
    def schema(self) -> pa.Schema:
        """Columns and types, as an engine sees them."""
        return self._known

    def scanner(
        self, columns: Sequence[str] | None = None, filter: pc.Expression | None = None, **options: Any
    ) -> pds.Scanner:
        """Return what reads the rows once.

        Parameters
        ----------
        columns : sequence of str, optional
            The columns; all by default.
        filter : pyarrow.compute.Expression, optional
            Which rows. Chunks that its statistics rule out are not read.
        **options : Any
            As `pyarrow.dataset.Scanner.from_batches` takes them.

        Returns
        -------
        pyarrow.dataset.Scanner
        """
        names = self._known.names
        wanted = names if columns is None else list(columns)
        chunks: Sequence[Chunk] = self._chunks
        if filter is not None:
            there = {*wanted, *_mentioned(filter, names)}
            wanted = [name for name in names if name in there]
            chunks = chunks_for(filter, self._stored, self._chunks)
        # Something must say how many rows there are.
        read = wanted or names[:1]
        schema = pa.schema([self._known.field(name) for name in read])
        return pds.Scanner.from_batches(
            self._batches(schema, chunks),
            schema=schema,
            columns=None if columns is None else list(columns),
            filter=filter,
            **{"batch_readahead": 1, "use_threads": False, **options},
        )

    def _batches(self, schema: pa.Schema, chunks: Sequence[Chunk]) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._read(schema.names, chunks):
                columns = [
                    cast(column, field.type) for column, field in zip(batch.columns, schema, strict=True)
                ]
                yield pa.record_batch(columns, schema)
        except Exception as error:
            self.error = error
            raise


def chunks_for(where: pc.Expression, schema: pa.Schema, chunks: ChunkList) -> list[Chunk]:
    """Return the chunks in which a condition may hold, by Arrow's reckoning from what is certain of each.

    Parameters
    ----------
    where : pyarrow.compute.Expression
        The condition. A NaN satisfies none of its comparisons.
    schema : pyarrow.Schema
        The columns of the dataset.
    chunks : ChunkList
        The chunks.

    Returns
    -------
    list of Chunk
        In their order.
    """
    asked = [schema.field(name) for name in _mentioned(where, schema.names)]
    asked = [field for field in asked if has_bounds(field.type)]
    if not asked:
        return list(chunks)
    names = [field.name for field in asked]
    form, nowhere, known = pds.ParquetFileFormat(), LocalFileSystem(), known_schema(schema)

    def possible(entries: Sequence[Entry]) -> NDArray[np.bool_]:
        rows = _rows(bounds(entries, asked), len(names))
        # Fragments are never opened: their path is the number of a chunk, or of a page of chunks.
        fragments = [
            form.make_fragment(str(number), filesystem=nowhere, partition_expression=_certain(row, names))
            for number, row in enumerate(rows)
        ]
        left = pds.FileSystemDataset(fragments, known, form, nowhere).get_fragments(filter=where)
        found = np.zeros(len(entries), np.bool_)
        found[[int(fragment.path) for fragment in left]] = True
        return found

    return [chunk for _, chunk in chunks.narrowed(possible)]


def _rows(table: pa.Table, count: int) -> Iterator[list[tuple[Any, Any, bool, bool]]]:
    """Yield for each chunk what is known of each column."""
    columns = [[table.column(f"{letter}{number}") for letter in "lhvu"] for number in range(count)]
    for row in range(table.num_rows):
        yield [
            (low[row], high[row], values[row].as_py(), nulls[row].as_py())
            for low, high, values, nulls in columns
        ]


def _certain(row: Sequence[tuple[Any, Any, bool, bool]], names: Sequence[str]) -> pc.Expression:
    """Return a condition that holds for every row of a chunk."""
    parts = []
    for name, (low, high, has_values, has_nulls) in zip(names, row, strict=True):
        field = pc.field(name)
        if not has_values:
            parts.append(field.is_null())
            continue
        sides = [field >= low] if low.is_valid else []
        sides += [field <= high] if high.is_valid else []
        # Arrow sees through a null that stands beside each bound, and not beside both together.
        parts += [side | field.is_null() for side in sides] if has_nulls else sides
        if not has_nulls and not sides:
            parts.append(field.is_valid())
    return reduce(and_, parts) if parts else pc.scalar(True)


def _mentioned(where: pc.Expression, names: Sequence[str]) -> list[str]:
    """Return the columns that a condition names, and perhaps more: an expression only shows them in its text."""
    text = str(where)
    return [name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
