"""Whatever a user hands in, as a stream of record batches in plain types."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from headwater.core.arrays import cast, to_python
from headwater.core.errors import SchemaError, UsageError
from headwater.core.schema import plain_schema

__all__ = ["Data", "Rows", "first_misfit", "incoming"]

Data = Any
"""A `pyarrow.Table`, batch or reader, a polars or pandas frame, any object with the Arrow C stream
protocol, a mapping of columns, a sequence of mappings (one a row; a name that one lacks is null), or an iterator of
record batches."""


@runtime_checkable
class _Source(Protocol):
    schema: pa.Schema

    def batches(self) -> Iterator[pa.RecordBatch]: ...


class Rows:
    """A stream of record batches with a plain schema; drawn once unless made from a table.

    ``is_stored`` says that they come from the store, so that their large values are references to it;
    ``complete`` is asked for those rows that are to be stored, where rows are first told by their hashes.
    """

    def __init__(
        self,
        schema: pa.Schema,
        batches: Iterable[pa.RecordBatch],
        *,
        is_stored: bool = False,
        complete: Callable[[pa.RecordBatch], pa.RecordBatch] = lambda batch: batch,
    ) -> None:
        self.schema = plain_schema(schema)
        self.is_stored = is_stored
        self.complete = complete
        self._batches = batches

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            yield fit(batch, self.schema)

    def table(self) -> pa.Table:
        """Return all rows."""
        return pa.Table.from_batches(list(self), self.schema)


def incoming(data: Data) -> Rows:
    """Read ``data`` as rows.

    Raises
    ------
    UsageError
        If it is nothing that Arrow can read.
    """
    if isinstance(data, Rows):
        return data
    if isinstance(data, pa.Table):
        return Rows(data.schema, data.to_batches())
    if isinstance(data, pa.RecordBatch):
        return Rows(data.schema, [data])
    if isinstance(data, pa.RecordBatchReader):
        return Rows(data.schema, data)
    if isinstance(data, _Source):
        return Rows(data.schema, _Again(data))
    if hasattr(data, "iloc"):
        return incoming(_built(lambda: pa.Table.from_pandas(data, preserve_index=False)))
    if hasattr(data, "__arrow_c_stream__"):
        return incoming(pa.RecordBatchReader.from_stream(data))
    if isinstance(data, Mapping):
        return incoming(_built(lambda: pa.table(dict(data))))
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _from_sequence(data)
    if isinstance(data, Iterator):
        return _from_iterator(data)
    raise UsageError(
        f"Cannot read rows from a {type(data).__name__}. Give an Arrow table or reader, a polars or pandas frame, "
        "a dict of columns, or a list of dicts."
    )


def fit(batch: pa.RecordBatch | pa.Table, schema: pa.Schema) -> Any:
    """Cast a batch or table to ``schema``: columns by name, missing ones null, values checked.

    Raises
    ------
    SchemaError
        If a value does not fit its column's type.
    """
    if batch.schema.equals(schema, check_metadata=True):
        return batch
    arrays = []
    for field in schema:
        if field.name not in batch.schema.names:
            arrays.append(pa.nulls(batch.num_rows, field.type))
            continue
        column = batch.column(field.name)
        try:
            arrays.append(cast(column, field.type))
        except pa.ArrowException as error:
            held = batch.to_batches() if isinstance(batch, pa.Table) else [batch]
            misfit = first_misfit(held, field.name, field.type)
            shown = "" if misfit is None else f" ({misfit[1]!r})"
            raise SchemaError(
                f"Column {field.name!r} is {field.type}, and a value{shown} does not fit it: {error}. Convert the "
                "rows, or allow the change with schema_change='any' (--schema-change any).",
                column=field.name,
            ) from error
    build = pa.Table.from_arrays if isinstance(batch, pa.Table) else pa.RecordBatch.from_arrays
    return build(arrays, schema=schema)


def first_misfit(rows: Iterable[pa.RecordBatch], column: str, kind: pa.DataType) -> tuple[int, Any] | None:
    """Return the number (from 1) and the value of the first row whose value a type cannot hold; None if all fit."""
    before = 0
    for batch in rows:
        values = batch.column(column)
        if not _fits(values, kind):
            low, high = 0, len(values)
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _fits(values.slice(low, middle - low), kind) else (low, middle)
            return before + low + 1, to_python(values.slice(low, 1))[0]
        before += len(values)
    return None


def _fits(values: pa.Array, kind: pa.DataType) -> bool:
    try:
        cast(values, kind)
    except pa.ArrowException:
        return False
    return True


class _Again:
    """The batches of a source, read anew at each iteration."""

    def __init__(self, source: _Source) -> None:
        self._source = source

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return iter(self._source.batches())


def _from_iterator(data: Iterator[Any]) -> Rows:
    first = next(data, None)
    if first is None:
        raise UsageError(
            "There are no rows: an empty iterator has no columns. Give an Arrow table with a schema."
        )
    if not isinstance(first, pa.RecordBatch):
        raise UsageError(
            f"An iterator of rows must give Arrow record batches, not {type(first).__name__}. "
            "Give a list to write dicts."
        )
    return Rows(first.schema, itertools.chain([first], data))


def _from_sequence(data: Sequence[Any]) -> Rows:
    if all(isinstance(item, pa.RecordBatch) for item in data) and data:
        return Rows(data[0].schema, data)
    if all(isinstance(item, Mapping) for item in data):
        if not data:
            raise UsageError(
                "There are no rows: an empty list has no columns. Give an Arrow table with a schema."
            )
        names = list(dict.fromkeys(name for row in data for name in row))
        return incoming(_built(lambda: pa.table({name: [row.get(name) for row in data] for name in names})))
    raise UsageError("A list of rows must hold dicts, each mapping column names to values.")


def _built(build: Any) -> pa.Table:
    try:
        return build()
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, UsageError):
            raise
        raise SchemaError(f"These rows do not make a table: {error}") from error
